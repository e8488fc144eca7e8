"""`Optimizer`: parameters in groups, a state for each, and the frame around one step.

A subclass says in ``_start`` what state a parameter needs and in ``_update`` how one group of parameters moves; the
base does the rest. State is made when a group is added, before the first step, so that a recorded step finds all that
it will write to; ``state`` shows it from the first step on. An optimiser of your own may just as well override ``step``
as a whole, as one does in PyTorch.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import wraps
from typing import Any

from ..autograd.modes import enable_grad
from ..core.errors import in_words
from ..core.frames import warn
from ..core.state import state
from ..tensors.tape import RemovableHandle
from ..tensors.tensor import Tensor

Group = dict[str, Any]
Parameters = Iterable[Tensor] | Iterable[Group] | Iterable[tuple[str, Tensor]]
ParamsT = Parameters  # its name in PyTorch, by which optimisers of others annotate

_MOMENTS = ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post")


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
"""The default of a setting that every group must give."""


def no_sparse(optimizer: Any) -> RuntimeError:
    """The error to raise where an optimiser is given a sparse gradient that it does not take."""
    return RuntimeError(optimizer._no_sparse or f"{type(optimizer).__name__} does not support sparse gradients")


class Optimizer:
    """The base of all optimisers.

    ``params`` is an iterable of tensors, of (name, tensor) pairs, or of dicts: groups, each with its ``"params"`` and
    settings of its own. ``defaults`` are the settings of groups that do not give them. Raises TypeError or ValueError
    for parameters that cannot be optimised.

    >>> class Signs(torch.optim.Optimizer):
    ...     def __init__(self, params, lr):
    ...         super().__init__(params, {"lr": lr})
    ...     @torch.no_grad()
    ...     def step(self):
    ...         for group in self.param_groups:
    ...             for w in group["params"]:
    ...                 w -= group["lr"] * w.grad.sign()
    >>> w = torch.tensor([1.0, -100.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> Signs([w], lr=0.1).step()
    >>> w.detach()
    tensor([  0.9000, -99.9000])
    """

    defaults: dict[str, Any]
    state: defaultdict[Any, Any]
    param_groups: list[Group]
    _hooks: dict[str, OrderedDict[int, Callable[..., Any]]] | None = None
    _no_sparse = ""
    """What is said of sparse gradients, if it is more than that there is no support."""
    _ready: dict[Any, Any] = {}
    """The states of parameters that have made no step yet, and the shapes for which they were made; each optimiser gets
    a dict of its own."""
    OptimizerPreHook = OptimizerPostHook = Callable[..., Any]

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                            f"{params.type()}; put it in a list: [parameter]")
        if hasattr(params, "named_parameters"):
            raise TypeError(f"[{type(self).__name__}] an iterable of parameters was expected as params; got the module "
                            f"{type(params).__name__} itself; pass model.parameters()")
        if not hasattr(params, "__iter__"):
            name = getattr(params, "__name__", None)
            came = f"the function {name} itself; call it: {name}()" if name and callable(params) else (
                f"{type(params).__name__}; pass model.parameters()")
            raise TypeError(f"[{type(self).__name__}] an iterable of parameters was expected as params; got {came}")
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])  # type: ignore[method-assign]
        in_words(cls, first=cls.__module__.partition(".")[0] == __name__.partition(".")[0])

    # -- groups ----------------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: Group) -> None:
        """Adds a group: a dict with ``"params"`` and the settings in which it differs from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        self._take_params(param_group)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        self._check_against_others(param_group)
        self.param_groups.append(param_group)
        self._prepare(param_group)

    def _prepare(self, group: Group) -> None:
        """Makes the states that the parameters of a group will have."""
        for parameter in group["params"]:
            self._begin(parameter, group)

    def _take_params(self, group: Group) -> None:
        """Makes a list of tensors of ``group["params"]``, names apart. Raises TypeError or ValueError."""
        params = group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        listed = [params] if isinstance(params, Tensor) else list(params)
        names = [entry[0] for entry in listed if isinstance(entry, tuple)]
        if names and len(names) != len(listed):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        if names:
            group["param_names"] = names
            listed = [entry[1] for entry in listed]
        for parameter in listed:
            if not isinstance(parameter, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(parameter).__name__}; pass "
                    "the parameters themselves, as model.parameters()"
                )
            if not (self.defaults.get("differentiable") or parameter.is_leaf or parameter.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        group["params"] = listed

    def _check_against_others(self, group: Group) -> None:
        own = set(group["params"])
        if len(own) != len(group["params"]):
            warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
            )
        named = "param_names" in group
        for other in self.param_groups:
            if named != ("param_names" in other):
                raise ValueError("all optimizer param groups should be with/without names. cannot add param group "
                                 f"{'with' if named else 'without'} names to the optimizer")
            if not own.isdisjoint(other["params"]):
                raise ValueError("some parameters appear in more than one parameter group")

    # -- the step --------------------------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops every parameter's gradient, or fills it with zeros if ``set_to_none`` is False."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none:
                    parameter.grad = None
                elif parameter.grad is not None:
                    if parameter.grad.grad_fn is not None:
                        parameter.grad.detach_()
                    else:
                        parameter.grad.requires_grad_(False)
                    parameter.grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves every parameter that has a gradient.

        ``closure``, if given, is called first, with recording on; it computes the loss and its gradients. Returns what
        the closure returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        before, state.grad = state.grad, bool(self.defaults.get("differentiable"))
        try:
            for group in self.param_groups:
                if state.watcher is None:
                    self._update(group)
                else:
                    state.watcher.update(self._update, group)
        finally:
            state.grad = before
        return loss

    def _update(self, group: Group) -> None:
        """Moves the parameters of one group by their gradients, in place. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines neither _update nor step")

    def _start(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        """The state of a parameter before its first step. Subclasses that keep state define it."""
        return {}

    def _state_of(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        """The state of ``parameter``: what was made for it, or, if it has got another shape before the first step, what
        is made anew."""
        state = self.state.get(parameter)
        if not state:
            shape, state = self._ready.pop(parameter, (None, {}))
            if shape != parameter._data.shape:
                state = self._start(parameter, group)
            if state:
                self.state[parameter] = state
        return state

    def _begin(self, parameter: Tensor, group: Group) -> None:
        """Makes the state that a parameter without one will have, if it is to be moved."""
        if parameter.requires_grad and not self.state.get(parameter):
            state = self._start(parameter, group)
            if state:
                self.__dict__.setdefault("_ready", {})[parameter] = parameter._data.shape, state

    def _settle(self) -> None:
        """Makes, before a step is recorded, what state a step would make anew as the parameters have changed: a
        recording has no place for state that begins in it. Subclasses that make any define it."""

    # -- saving and loading ----------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """``{"state": ..., "param_groups": ...}`` in PyTorch's layout, parameters replaced by their numbers."""
        for hook in self._hooks_at("state_dict_pre"):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            start = len(numbers)
            for offset, parameter in enumerate(group["params"]):
                numbers.setdefault(id(parameter), start + offset)
            packed = {name: value for name, value in group.items() if name != "params"}
            groups.append({**packed, "params": [numbers[id(parameter)] for parameter in group["params"]]})
        state = {numbers[id(key)] if isinstance(key, Tensor) else key: value for key, value in self.state.items()}
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._hooks_at("state_dict_post"):
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over settings and state from what `state_dict` returned, here or in PyTorch.

        Tensors of the state are converted to their parameter's dtype, the step counter excepted, and copied into those
        that are there, so that a recorded step goes on with them. Raises ValueError if the groups do not match.
        """
        state_dict = state_dict.copy()
        for hook in self._hooks_at("load_state_dict_pre"):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(old["params"]) != len(new["params"]) for old, new in zip(self.param_groups, saved, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        parameters = {
            number: parameter
            for old, new in zip(self.param_groups, saved, strict=True)
            for number, parameter in zip(new["params"], old["params"], strict=True)
        }
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in parameters:
                parameter = parameters[key]
                state[parameter] = _loaded(value, parameter, self.state.get(parameter))
            else:
                state[key] = value
        for old, new in zip(self.param_groups, saved, strict=True):
            new["params"] = old["params"]
            if "param_names" in old and "param_names" not in new:
                new["param_names"] = old["param_names"]
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._hooks_at("load_state_dict_post"):
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__.pop("_ready", None)
        for group in self.param_groups:
            for name, default in self.defaults.items():
                group.setdefault(name, _LATER.get(name, default))
            self._prepare(group)

    # -- hooks -----------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` before every step; it may return a pair of others.

        The first of ``args`` is the optimiser itself.
        """
        return self._add_hook("step_pre", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` after every step."""
        return self._add_hook("step_post", hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer)`` before `state_dict`."""
        return self._add_hook("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` after `state_dict`; what it returns, if not None, is the result."""
        return self._add_hook("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` before loading; what it returns, if not None, is loaded instead."""
        return self._add_hook("load_state_dict_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer)`` after loading."""
        return self._add_hook("load_state_dict_post", hook, prepend)

    def _add_hook(self, moment: str, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        if self._hooks is None:
            self._hooks = {each: OrderedDict() for each in _MOMENTS}
        table = self._hooks[moment]
        handle = RemovableHandle(table, hook)
        table.move_to_end(handle.id, last=not prepend)
        return handle

    def _hooks_at(self, moment: str) -> list[Callable[..., Any]]:
        return [] if self._hooks is None else list(self._hooks[moment].values())

    # -- printing --------------------------------------------------------------------------------------------------

    @staticmethod
    def profile_hook_step(func: Callable[..., Any]) -> Callable[..., Any]:
        """``func``, a step, with the hooks of the optimiser around it; those of subclasses have them already."""
        return func if hasattr(func, "__wrapped__") else _with_hooks(func)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for number, group in enumerate(self.param_groups):
            text += f"\nParameter Group {number}\n"
            text += "".join(f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params")
        return text + ")"


_global_hooks: dict[str, OrderedDict[int, Callable[..., Any]]] = {"step_pre": OrderedDict(), "step_post": OrderedDict()}
_ANY_GLOBAL: list[str] = []  # the moments for which hooks of all optimisers have been registered


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(optimizer, args, kwargs)`` before every step of every optimiser, which may return a pair of
    others."""
    return _add_global("step_pre", hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(optimizer, args, kwargs)`` after every step of every optimiser."""
    return _add_global("step_post", hook)


def _add_global(moment: str, hook: Callable[..., Any]) -> RemovableHandle:
    _ANY_GLOBAL.append(moment)
    return RemovableHandle(_global_hooks[moment], hook)


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` with the optimiser's hooks before and after it."""

    @wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        hooks = self._hooks
        if (hooks is None and not _ANY_GLOBAL) or "_stepping" in self.__dict__:
            return step(self, *args, **kwargs)
        # A step that calls super().step() is one step, not two.
        self.__dict__["_stepping"] = True
        args = (self, *args)
        try:
            for hook in [*_global_hooks["step_pre"].values(), *self._hooks_at("step_pre")]:
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            f"{hook} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                        )
                    args, kwargs = changed
            result = step(*args, **kwargs)
            for hook in [*self._hooks_at("step_post"), *_global_hooks["step_post"].values()]:
                hook(self, args, kwargs)
            return result
        finally:
            del self.__dict__["_stepping"]

    return hooked


Optimizer.step = _with_hooks(Optimizer.step)  # type: ignore[method-assign]


def _loaded(value: Any, parameter: Tensor, current: Any, key: Any = None) -> Any:
    """A loaded value of the state: tensors converted, and copied into the current ones where these fit."""
    if isinstance(value, Tensor):
        dtype = parameter.dtype if key != "step" and parameter.is_floating_point() else value.dtype
        if isinstance(current, Tensor) and current.shape == value.shape and current.dtype == dtype:
            return current.copy_(value)
        return value.to(dtype).clone()
    if isinstance(value, dict):
        kept = current if isinstance(current, dict) else {}
        return {name: _loaded(entry, parameter, kept.get(name), name) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_loaded(entry, parameter, None) for entry in value)
    return value


_LATER = {"foreach": None, "maximize": False, "capturable": False, "differentiable": False, "fused": None}
"""Settings that came later to PyTorch, and what they are in states saved before."""
_NOT_NEGATIVE = {
    "momentum": "momentum", "eps": "epsilon", "weight_decay": "weight_decay", "lr_decay": "lr_decay",
    "initial_accumulator_value": "initial_accumulator_value", "momentum_decay": "momentum_decay",
}


def check_settings(settings: Group, nan: bool = False) -> None:
    """Raises ValueError for settings outside their range, NaN among them unless ``nan``, RuntimeError for those that
    exclude each other."""
    lr = settings["lr"]
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not 0.0 <= lr and not (nan and lr != lr):
        raise ValueError(f"Invalid learning rate: {lr}")
    for name, word in _NOT_NEGATIVE.items():
        value = settings.get(name, 0.0)
        if not 0.0 <= value and not (nan and value != value):
            raise ValueError(f"Invalid {word} value: {value}")
    for index, beta in enumerate(settings.get("betas", ())):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")
    if settings.get("fused"):
        if settings["differentiable"]:
            raise RuntimeError("`fused` does not support `differentiable`")
        if settings["foreach"]:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


# --- what optimisers of other packages import -------------------------------------------------------------------------

_params_t = Any


def _use_grad_for_differentiable(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step that is recorded where the optimiser's ``differentiable`` says so."""

    @wraps(step)
    def chosen(self: Any, *args: Any, **kwargs: Any) -> Any:
        before, state.grad = state.grad, bool(self.defaults["differentiable"])
        try:
            return step(self, *args, **kwargs)
        finally:
            state.grad = before

    return chosen


def _default_to_fused_or_foreach(params: Any, differentiable: bool, use_fused: bool = False) -> tuple[bool, bool]:
    """Whether the fused form is to be taken, and that on lists: neither, as for PyTorch's tensors of the CPU."""
    return False, False


def _get_capturable_supported_devices(supports_xla: bool = True) -> list[str]:
    """No kinds of devices."""
    return []
