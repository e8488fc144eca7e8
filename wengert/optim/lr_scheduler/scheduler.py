"""`LRScheduler`, the base of the schedules.

A schedule sets ``lr`` of every group when it is made and at each `step`. Most compute the new rate from the present
one, so that what others do to the rate in between is kept ("chainable"); `step` with a number asks for the closed form
instead. The names of the attributes are those of PyTorch's state dictionaries.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec

from ...core.errors import as_well, in_words
from ...core.frames import warn
from ...core.state import state
from ...tensors.tensor import Tensor
from ..optimizer import Group, Optimizer

Rate = float | Tensor
Rates = list[Any]
Given = ParamSpec("Given")

EPOCH_IS_DEPRECATED = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible: call "
    "`scheduler.step()` without it. With it the closed form of the schedule is used, where there is one."
)


def left_to_calls(method: Callable[Given, None]) -> Callable[Given, None]:
    """The ``step`` of a schedule, which a function that is being recorded may leave to the end of each of its calls."""

    @wraps(method)
    def step(*args: Given.args, **kwargs: Given.kwargs) -> None:  # no ``self``, whose numbers a recording would note
        watcher = state.watcher
        tracer = None if watcher is None else watcher.tracer
        run = partial(method, *args, **kwargs)
        if tracer is None or not tracer.postpones(args[0], run, (*args[1:], *kwargs.values())):
            run()

    return step


class LRScheduler:
    """A schedule for ``optimizer``. Subclasses define `get_lr`; ``last_epoch`` is -1, or the number to resume from.

    Raises TypeError for what is no optimiser, KeyError if there is nothing to resume from.

    >>> class Halving(torch.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [rate * 0.5**self.last_epoch for rate in self.base_lrs]
    >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = Halving(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    _get_lr_called_within_step: bool = False
    _is_initial: bool = False
    base_lrs: Rates
    last_epoch: int
    _last_lr: Rates
    _step_count: int

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        in_words(cls, first=cls.__module__.partition(".")[0] == __name__.partition(".")[0])

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = check_optimizer(optimizer)
        for position, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{position}] when resuming scheduler with "
                    "last_epoch >= 0. Load the optimizer's state first, or start with last_epoch=-1"
                )
        self.base_lrs = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _notice_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> Rates:
        """The next rate of every group. Called by `step` only; see `get_last_lr`."""
        raise NotImplementedError

    def get_last_lr(self) -> Rates:
        """The rate of every group as `step` last set it."""
        return self._last_lr

    @left_to_calls
    def step(self, epoch: int | None = None) -> None:
        """Sets the next rates; with ``epoch`` (deprecated) those of that number."""
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warn(EPOCH_IS_DEPRECATED, UserWarning)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            self._set_rates(self.get_lr)
        else:
            self.last_epoch = epoch
            self._set_rates(getattr(self, "_get_closed_form_lr", self.get_lr))

    def _set_rates(self, asked: Callable[[], Rates]) -> None:
        """Gives every group the rate that ``asked()`` finds for it."""
        self._get_lr_called_within_step = True
        try:
            rates = asked()
        except ArithmeticError as error:
            kind = as_well(error)
            raise kind(f"[{type(self).__name__}] rates that are finite numbers were expected; at step "
                       f"{self.last_epoch} there is none: {error}; choose other factors") from error
        finally:
            self._get_lr_called_within_step = False
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            assign(group, "lr", rate)
        self._last_lr = values_of(self.optimizer, "lr")

    def _check_order(self) -> None:
        step = self.optimizer.step
        if not hasattr(step, "_wrapped_by_lr_sched"):
            warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
                "Whether `optimizer.step()` is called before `lr_scheduler.step()`, as it should be, is not known.",
                UserWarning,
            )
        elif not getattr(self.optimizer, "_opt_called", False):
            warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. The other order is the right one: "
                "in this one the first value of the schedule is never used.",
                UserWarning,
            )

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warn("To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                 UserWarning)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, in a dict."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned, here or in PyTorch."""
        self.__dict__.update(state_dict)

    # -- what most schedules are made of ---------------------------------------------------------------------------

    def _present(self) -> Rates:
        return values_of(self.optimizer, "lr")

    def _present_times(self, factor: float) -> Rates:
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _base_times(self, factor: float) -> Rates:
        return [base * factor for base in self.base_lrs]


class _LRScheduler(LRScheduler):
    """The name that `LRScheduler` had in PyTorch 1."""


def check_optimizer(optimizer: Any) -> Optimizer:
    """``optimizer`` itself. Raises TypeError if it is none."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def copied(value: Any) -> Any:
    """A tensor's clone; other values as they are."""
    return value.clone() if isinstance(value, Tensor) else value


def values_of(optimizer: Optimizer, name: str) -> Rates:
    """The setting ``name`` of every group."""
    return [copied(group[name]) for group in optimizer.param_groups]


def assign(group: Group, name: str, value: Rate) -> None:
    """Sets a setting of a group. A tensor is filled and stays the same object, so that a recorded step reads it."""
    if isinstance(group[name], Tensor):
        group[name].fill_(float(value))
    else:
        group[name] = value


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """``value`` as a list with one entry per group. Raises ValueError for a list of another length."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * groups
    elif len(value) != groups:
        raise ValueError(f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
                         f"param_groups has {groups}.")
    return [copied(entry) for entry in value]


def attributes_of(function: Any) -> dict[str, Any] | None:
    """What is saved of a function that a schedule was given: nothing, or of a callable object its attributes."""
    return None if isinstance(function, types.FunctionType) else function.__dict__.copy()


def _notice_steps(optimizer: Optimizer) -> None:
    """Lets the optimiser note that it has been stepped, for the warning about the order of calls."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    plain = optimizer.step.__func__  # type: ignore[attr-defined]
    # The optimiser holds the wrapper, so the wrapper must not hold the optimiser.
    reference = weakref.ref(optimizer)

    @wraps(plain)
    def step(*args: Any, **kwargs: Any) -> Any:
        owner: Any = reference()
        owner._opt_called = True
        return plain(owner, *args, **kwargs)

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = step  # type: ignore[method-assign]
