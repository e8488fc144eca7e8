"""Functions that run when a module is called, differentiated, saved or loaded.

The one idea: a module without hooks has no `ModuleHooks` at all, so that calling it costs one comparison. The first
hook makes one; from then on the call goes through `call_with_hooks`.

Hooks on gradients are fed by two invisible identities on the tape, one around the module's inputs and one around its
outputs (`BackwardHookFunction`): when backward passes an identity, it hands over the gradients.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

from ..autograd.function import Function
from ..autograd.modes import is_grad_enabled
from ..core.frames import warn
from ..tensors.tape import RemovableHandle
from ..tensors.tensor import Tensor

Gradients = tuple[Tensor | None, ...]


class Hook(NamedTuple):
    """A function and how it wants to be called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False
    replaces: bool = False


class WithoutModule:
    """A hook that is not told the module. It can be pickled with the module, as the hook itself can."""

    def __init__(self, hook: Callable[..., Any]) -> None:
        self.hook = hook

    def __call__(self, module: Any, *arguments: Any) -> Any:
        return self.hook(*arguments)


class ModuleHooks:
    """The hooks of one module: a dictionary for each moment at which hooks run, in the order in which they do."""

    __slots__ = (
        "backward", "backward_pre", "forward", "forward_pre", "legacy_backward", "load_state_dict_post",
        "load_state_dict_pre", "state_dict_post", "state_dict_pre",
    )

    def __init__(self) -> None:
        self.forward_pre: OrderedDict[int, Hook] = OrderedDict()
        self.forward: OrderedDict[int, Hook] = OrderedDict()
        self.backward_pre: OrderedDict[int, Hook] = OrderedDict()
        self.backward: OrderedDict[int, Hook] = OrderedDict()
        self.legacy_backward: OrderedDict[int, Hook] = OrderedDict()
        self.state_dict_pre: OrderedDict[int, Hook] = OrderedDict()
        self.state_dict_post: OrderedDict[int, Hook] = OrderedDict()
        self.load_state_dict_pre: OrderedDict[int, Hook] = OrderedDict()
        self.load_state_dict_post: OrderedDict[int, Hook] = OrderedDict()

    def after(self, earlier: ModuleHooks) -> ModuleHooks:
        """The hooks of ``earlier`` and then these, at each moment."""
        joined = ModuleHooks()
        for moment in ModuleHooks.__slots__:
            setattr(joined, moment, OrderedDict([*getattr(earlier, moment).items(), *getattr(self, moment).items()]))
        return joined


GLOBAL = ModuleHooks()
"""The hooks of all modules. The first one makes them the `_hooks` of every module that has none of its own."""


class HookTable(MutableMapping[int, Any]):
    """The hooks of a module at one moment, by the ids of their handles, as PyTorch's programs see and change them."""

    def __init__(self, owner: Hooked, moment: str) -> None:
        self._owner, self._moment = owner, moment

    def _table(self) -> OrderedDict[int, Hook]:
        hooks = self._owner.__dict__.get("_hooks")
        found: OrderedDict[int, Hook] = OrderedDict() if hooks is None else getattr(hooks, self._moment)
        return found

    def __getitem__(self, id: int) -> Any:
        return self._table()[id].function

    def __setitem__(self, id: int, hook: Callable[..., Any]) -> None:
        getattr(self._owner._own_hooks(), self._moment)[id] = Hook(hook)

    def __delitem__(self, id: int) -> None:
        del self._table()[id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())

    def __repr__(self) -> str:
        return repr(OrderedDict(self))


def _table(moment: str) -> Any:
    """The property of a module that is such a table."""

    def replaced(self: Hooked, hooks: Mapping[int, Any]) -> None:
        table, given = HookTable(self, moment), dict(hooks)
        table.clear()
        table.update(given)

    return property(lambda self: HookTable(self, moment), replaced, lambda self: HookTable(self, moment).clear())


def _marked(moment: str, mark: str) -> Any:
    """The property of a module that says which of its hooks at one moment want to be called so."""

    def found(self: Hooked) -> OrderedDict[int, bool]:
        return OrderedDict([(id, True) for id, hook in HookTable(self, moment)._table().items() if getattr(hook, mark)])

    return property(found)


class Hooked:
    """What hooks run around: it computes something in ``forward``."""

    forward: Callable[..., Any]
    _hooks: ModuleHooks | None = None

    _forward_pre_hooks, _forward_hooks = _table("forward_pre"), _table("forward")
    _forward_pre_hooks_with_kwargs = _marked("forward_pre", "with_kwargs")
    _forward_hooks_with_kwargs = _marked("forward", "with_kwargs")
    _forward_hooks_always_called = _marked("forward", "always_call")
    _backward_pre_hooks, _backward_hooks = _table("backward_pre"), _table("backward")
    _state_dict_pre_hooks, _state_dict_hooks = _table("state_dict_pre"), _table("state_dict_post")
    _load_state_dict_pre_hooks = _table("load_state_dict_pre")
    _load_state_dict_post_hooks = _table("load_state_dict_post")

    def _own_hooks(self) -> ModuleHooks:
        """The hooks of this one alone, made at the first call."""
        hooks = self.__dict__.get("_hooks")
        if hooks is None:
            hooks = self.__dict__["_hooks"] = ModuleHooks()
        return hooks


def add_hook(table: OrderedDict[int, Hook], hook: Hook, prepend: bool = False) -> RemovableHandle:
    """Adds ``hook`` at the end of ``table``, or in front of all others; the handle removes it."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    table.move_to_end(handle.id, last=not prepend)
    return handle


def call_with_hooks(module: Hooked, hooks: ModuleHooks, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls ``module.forward`` and, around it, the hooks of all modules and then the module's own."""
    if hooks is not GLOBAL and type(module)._hooks is GLOBAL:
        hooks = hooks.after(GLOBAL)
    result: Any = None
    called: set[int] = set()
    try:
        args, kwargs = _run_forward_pre_hooks(module, hooks, args, kwargs)
        watch = _BackwardWatch(module, hooks) if hooks.backward or hooks.backward_pre else None
        if watch is not None:
            args = watch.around_inputs(args)
        result = module.forward(*args, **kwargs)
        for key, hook in list(hooks.forward.items()):
            called.add(key)
            changed = _call_forward_hook(module, hook, args, kwargs, result)
            result = result if changed is None else changed
        if watch is not None:
            result = watch.around_outputs(result)
        if hooks.legacy_backward:
            _attach_legacy_hooks(module, hooks, args, result)
        return result
    except Exception:
        for key, hook in list(hooks.forward.items()):
            if hook.always_call and key not in called:
                try:
                    _call_forward_hook(module, hook, args, kwargs, result)
                except Exception as error:
                    warn(
                        "module forward hook with ``always_call=True`` raised an exception that was silenced as "
                        f"another error was raised in forward: {error}",
                    )
        raise


def _run_forward_pre_hooks(
    module: Hooked, hooks: ModuleHooks, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    for hook in list(hooks.forward_pre.values()):
        if hook.with_kwargs:
            changed = hook.function(module, args, kwargs)
            if changed is None:
                continue
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                )
            args, kwargs = changed
        else:
            changed = hook.function(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    return args, kwargs


def _call_forward_hook(module: Hooked, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
    if hook.with_kwargs:
        return hook.function(module, args, kwargs, result)
    return hook.function(module, args, result)


def _attach_legacy_hooks(module: Hooked, hooks: ModuleHooks, args: tuple[Any, ...], result: Any) -> None:
    """Hooks of `Module.register_backward_hook` watch the one node that made the (first) output."""
    first = result
    while not isinstance(first, Tensor):
        first = next(iter(first.values())) if isinstance(first, dict) else first[0]
    if first.grad_fn is None:
        return
    for hook in hooks.legacy_backward.values():
        first.grad_fn.register_hook(
            lambda grad_input, grad_output, hook=hook: hook.function(module, grad_input, grad_output)
        )
    problem = _unseen_by_legacy_hooks(args, result, first.grad_fn)
    if problem is not None:
        warn(f"Using a non-full backward hook {problem} is deprecated: it will be missing some of the gradients. "
             "Please use register_full_backward_hook to get the documented behavior.", FutureWarning)


def _unseen_by_legacy_hooks(args: tuple[Any, ...], result: Any, node: Any) -> str | None:
    """Why hooks on ``node`` alone do not see all gradients of a module's arguments and results, or None."""
    outputs = (result,) if isinstance(result, Tensor) else result
    if not (isinstance(outputs, tuple) and all(isinstance(x, Tensor) for x in outputs)):
        return "on a Module that does not return a single Tensor or a tuple of Tensors"
    if not all(isinstance(x, Tensor) for x in args):
        return "on a Module that does not take as input a single Tensor or a tuple of Tensors"
    if len({x.grad_fn for x in outputs} - {None}) > 1:
        return "when outputs are generated by different autograd Nodes"
    if {x.grad_fn for x in args} - {None} != {below for below, _ in node.next_functions}:
        return "when the forward contains multiple autograd Nodes"
    return None


class BackwardHookFunction(Function):
    """The identity on some tensors; backward passes their gradients through a function given at the start."""

    @staticmethod
    def forward(ctx: Any, function: Callable[[Gradients], Gradients], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.function = function
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*(tensor for tensor in tensors if not tensor.requires_grad))
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:
        return (None, *ctx.function(gradients))


class _BackwardWatch:
    """One call of a module whose gradients somebody wants to see."""

    def __init__(self, module: Hooked, hooks: ModuleHooks) -> None:
        self.module = module
        self.hooks = [hook.function for hook in hooks.backward.values()]
        self.pre_hooks = [hook.function for hook in hooks.backward_pre.values()]
        self.input_count = 0
        self.watches_inputs = False
        self.grad_outputs: Gradients | None = None

    def around_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with the identity around those that are tensors."""
        self.input_count = len(args)
        watched, self.watches_inputs = _watch_tensors(args, self._at_inputs)
        return watched

    def around_outputs(self, result: Any) -> Any:
        """The result, with the identity around its tensors."""
        if not isinstance(result, (Tensor, tuple)):
            warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                f"{type(result)}",
            )
            return result
        if isinstance(result, tuple):
            return _watch_tensors(result, self._at_outputs)[0]
        return _watch_tensors((result,), self._at_outputs)[0][0]

    def _at_outputs(self, gradients: Gradients) -> Gradients:
        gradients = self._changed(gradients, "Backward pre hook", "grad_output", self.pre_hooks)
        self.grad_outputs = gradients
        if not self.watches_inputs:
            # Backward will not reach the inputs, so this is the moment.
            self._without_inputs()
        return gradients

    def _without_inputs(self) -> None:
        if self.hooks:
            warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no "
                "inputs require gradients.",
            )
        for hook in self.hooks:
            changed = hook(self.module, (None,) * self.input_count, self.grad_outputs)
            if changed is not None and any(gradient is not None for gradient in changed):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients."
                )
        self.grad_outputs = None

    def _at_inputs(self, gradients: Gradients) -> Gradients:
        if self.grad_outputs is None:
            # The gradient came by a way that does not pass the module's outputs, as in a second backward.
            return gradients
        gradients = self._changed(gradients, "Backward hook", "grad_input", self.hooks, self.grad_outputs)
        self.grad_outputs = None
        return gradients

    def _changed(
        self, gradients: Gradients, kind: str, name: str, hooks: Sequence[Callable[..., Any]], *more: Any
    ) -> Gradients:
        """What the hooks, one after the other, make of ``gradients``. Raises RuntimeError for another number."""
        for hook in hooks:
            changed = hook(self.module, gradients, *more)
            if changed is not None:
                if len(changed) != len(gradients):
                    raise RuntimeError(f"{kind} returned an invalid number of {name}, got {len(changed)}, but expected "
                                       f"{len(gradients)}")
                gradients = tuple(changed)
        return gradients


def _watch_tensors(values: tuple[Any, ...], function: Callable[[Gradients], Gradients]) -> tuple[tuple[Any, ...], bool]:
    """``values`` with the identity around its tensors, and whether there was a gradient to watch.

    ``function`` sees a gradient, or None, for each of ``values``, tensor or not.
    """
    positions = [position for position, value in enumerate(values) if isinstance(value, Tensor)]
    if not (is_grad_enabled() and any(values[position].requires_grad for position in positions)):
        return values, False

    def among_all(gradients: Sequence[Tensor | None]) -> Gradients:
        full: list[Tensor | None] = [None] * len(values)
        for position, gradient in zip(positions, gradients, strict=True):
            full[position] = gradient
        seen = function(tuple(full))
        return tuple(seen[position] for position in positions)

    watched = list(values)
    given = BackwardHookFunction.apply(among_all, *(values[p] for p in positions))
    for position, tensor in zip(positions, given, strict=True):
        watched[position] = tensor
    rebuilt: Any = tuple(watched) if type(values) is tuple else type(values)(*watched)
    return rebuilt, True
