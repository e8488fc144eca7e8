"""The frame of the optimisers that work element by element: `StatefulOptimizer`.

It makes the state and keeps it in the dtype of the parameter, counts the steps, reads the settings of a group, and
hands the formula to whatever computes it; see `formula`. A subclass says what its state is (``_averages``), which
numbers the elements share in a step (``_numbers``) and what becomes of one element (``_move``).

The one idea to know: the numbers too are one text for two sorts of values. They are Python's own where the step is
merely taken, found once for all parameters that have made as many steps. Where it is recorded they are 0-d tensors,
computed from the count of steps and the learning rate as the recording reads them, so that it can be replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ..core.dtypes import float32, float64, get_default_dtype
from ..core.primitive import P
from ..core.state import state as thread
from ..ops import full, full_like
from ..tensors.alias import version_cell
from ..tensors.evaluation import repeating, tracing
from ..tensors.tensor import TENSORS, Tensor
from .formula import Arrays, Formula, Row, Rule, arrays_of, formula, move_arrays, move_tensors
from .optimizer import Group, Optimizer, no_sparse

State = dict[str, Any]
Scalar = Any
"""A number of the walk: of numpy's float64, or a 0-d tensor of it where the step is recorded."""


class StatefulOptimizer(Optimizer):
    """An optimiser whose state for a parameter is a count of steps, further 0-d numbers, and tensors of its shape."""

    _counters: ClassVar[tuple[str, ...]] = ("step",)
    """The 0-d numbers of the state."""

    def _averages(self, group: Group) -> tuple[str, ...]:
        """The names of the tensors of the state, which have the shape of the parameter."""
        raise NotImplementedError

    def _averages_of(self, parameter: Tensor, group: Group) -> tuple[str, ...]:
        """The same for one parameter, where they depend on it."""
        return self._averages(group)

    def _first(self, name: str, group: Group) -> float:
        """What an entry of the state is before the first step."""
        return 0.0

    def _count(self, parameter: Tensor, state: State, group: Group, lr: Scalar) -> tuple[Scalar, ...]:
        """Counts a step in the 0-d numbers of ``state``, and returns those that `_numbers` depends on."""
        return (counted(state["step"]),)

    def _counted(self, parameter: Tensor, state: State, group: Group) -> list[Tensor]:
        """The tensors that `_count` works on."""
        return [state[name] for name in self._counters]

    def _numbers(self, group: Group, lr: Scalar, *counts: Scalar) -> tuple[Any, ...]:
        """The numbers that the elements share in the step that has just been counted."""
        raise NotImplementedError

    @staticmethod
    def _move(p: Any, g: Any, state: dict[str, Any], *numbers: Any) -> Any:
        """The parameter after a step, its state replaced in the dict: of symbols, arrays or real tensors."""
        raise NotImplementedError

    def _rule(self, group: Group) -> Rule:
        """The rule of a group, where settings choose between several."""
        return self._move

    def _update_sparse(self, parameter: Tensor, gradient: Tensor, group: Group, lr: float) -> None:
        """Moves a parameter by a sparse gradient. Subclasses that can define it."""
        raise no_sparse(self)

    def __setstate__(self, state: State) -> None:
        # States of PyTorch before 1.12 count in Python's numbers.
        for entry in state.get("state", {}).values():
            for name in self._counters:
                if isinstance(entry, dict) and isinstance(entry.get(name), (int, float)):
                    entry[name] = number(entry[name])
        super().__setstate__(state)

    # -- the frame -------------------------------------------------------------------------------------------------

    def _start(self, parameter: Tensor, group: Group) -> State:
        state: State = {name: number(self._first(name, group)) for name in self._counters}
        for name in self._averages(group):
            first = self._first(name, group)
            state[name] = full_like(parameter, complex(first, first) if parameter.is_complex() else first).detach()
        return state

    def _fitting_state(self, parameter: Tensor, group: Group, names: tuple[str, ...]) -> State:
        """The state of ``parameter``: converted if its dtype has changed, completed if a setting asks for more."""
        state = self._state_of(parameter, group)
        dtype = parameter._data.dtype
        for name in names:
            value = state.get(name)
            if value is None:
                state[name] = self._start(parameter, group)[name]
            elif value._data.dtype is not dtype:
                state[name] = value.to(parameter.dtype).detach()
        return state

    def _settle(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                names, here = self._averages_of(parameter, group), type(parameter._data) is np.ndarray
                values = self.state.get(parameter)
                if not names:
                    continue
                if not values:
                    shape, ready = self._ready.get(parameter, (None, {}))
                    if here and (shape != parameter._data.shape or any(
                            name not in ready or ready[name].dtype != parameter.dtype for name in names)):
                        self._begin(parameter, group)
                    continue
                for name in names:
                    value = values.get(name)
                    if value is None and here:
                        values[name] = self._start(parameter, group)[name]
                    elif value is not None and type(value._data) is np.ndarray and value.dtype != parameter.dtype:
                        values[name] = value.to(parameter.dtype).detach()

    def _update(self, group: Group) -> None:
        names, lr = self._averages(group), group["lr"]
        lr = lr if type(lr) is float else read(lr)
        weight_decay, decay = group.get("weight_decay", 0), ""
        if weight_decay != 0:
            decay = "parameter" if group.get("decoupled_weight_decay") else "gradient"
        step = formula(self._rule(group), names, bool(group["maximize"]), decay)

        plain = is_plain()
        each = _repeating((lr, *group.values())) if not plain and is_recorded() else None
        batches: dict[Any, tuple[list[float], list[tuple[Row, Arrays]]]] = {}
        for parameter in group["params"]:
            gradient = parameter.grad
            if type(gradient) not in TENSORS:
                if gradient is not None:
                    self._update_sparse(parameter, gradient, group, float(lr))
                continue
            state = self._fitting_state(parameter, group, names) if names else {}
            row = (parameter, *[state[name] for name in names], gradient)
            if each is not None:
                each(partial(self._move_recorded, step, row, state, group, lr, decay, weight_decay), *row,
                     *self._counted(parameter, state, group))
                continue
            counts = self._count(parameter, state, group, lr)
            key = (parameter._data.dtype.char, counts)
            batch = batches.get(key)
            if batch is None:
                numbers = self._all_numbers(group, lr, counts, decay, weight_decay)
                batch = batches[key] = [float(number) for number in numbers], []
            arrays = arrays_of(row) if plain else None
            if arrays is None:
                move_tensors(step, row, batch[0])
            else:
                batch[1].append((row, arrays))
        for shared, rows in batches.values():
            move_arrays(step, rows, shared)

    def _all_numbers(self, group: Group, lr: Scalar, counts: tuple[Scalar, ...], decay: str, weight_decay: Scalar
                     ) -> tuple[Any, ...]:
        """What `_numbers` gives, and behind it the number for the decay."""
        numbers = self._numbers(group, lr, *counts)
        return (*numbers, weight_decay if decay == "gradient" else 1 - lr * weight_decay) if decay else numbers

    def _move_recorded(self, step: Formula, row: Row, state: State, group: Group, lr: Scalar, decay: str,
                       weight_decay: Scalar) -> None:
        """Moves one parameter where the numbers are tensors too."""
        counts = self._count(row[0], state, group, lr)
        move_tensors(step, row, self._all_numbers(group, lr, counts, decay, weight_decay))


def _repeating(settings: Sequence[Any]) -> Callable[..., None]:
    """`repeating` for updates that share the tensors among the settings."""
    parts = [part for value in settings for part in (value if type(value) is tuple else (value,))]
    return repeating([part for part in parts if type(part) in TENSORS])


def moments(g: Any, state: dict[str, Any], share1: Any, beta2: Any, share2: Any) -> tuple[Any, Any]:
    """The running means of g and g² after a step, of which the latest takes the given shares, and the older squares
    keep ``beta2``. A square that overflows is infinite from then on and never NaN: such elements rest."""
    mean = state["exp_avg"] = state["exp_avg"] + (g - state["exp_avg"]) * share1
    square = state["exp_avg_sq"] = state["exp_avg_sq"] * beta2 + g * share2 * g
    return mean, square


def number(value: float) -> Tensor:
    """A 0-d tensor for a number of the walk: single precision, or double if that is the default."""
    return full((), value, dtype=float64 if get_default_dtype() is float64 else float32)


def is_recorded() -> bool:
    """Whether the numbers of the step are themselves values of a recording, or on the tape."""
    return thread.grad or tracing()


def is_plain() -> bool:
    """Whether nobody watches or records the step, so that it may be taken on arrays."""
    here = thread.here
    return here["watcher"] is None and not here["grad"]


def counted(counter: Tensor) -> Scalar:
    """The count of steps, one more than before: `read` of it after ``add_(1)``, by the short way for a plain step."""
    if not is_plain():
        return read(counter.add_(1))
    data = counter._data
    data += 1
    version_cell(counter)[0] += 1
    return np.float64(data.item())


def read(value: Any) -> Scalar:
    """A number of the walk or a learning rate, as it is now, in double precision."""
    if not isinstance(value, Tensor):
        return value
    return value.to(float64, copy=True) if is_recorded() else np.float64(value.item())


def power(base: Any, exponent: Scalar) -> Scalar:
    """``P.pow``, by the short way for plain numbers: the same bits."""
    return np.power(base, exponent) if type(base) is float and type(exponent) is np.float64 else P.pow(base, exponent)


def stored(value: Scalar, like: Tensor) -> Any:
    """``value`` as ``like`` can hold it."""
    return value.to(like.dtype) if isinstance(value, Tensor) else value


def check_range(name: str, value: float, highest: float = float("inf")) -> None:
    """Raises ValueError unless ``value`` lies between 0 and ``highest``."""
    if not 0.0 <= value <= highest:
        raise ValueError(f"Invalid {name} value: {value}")
