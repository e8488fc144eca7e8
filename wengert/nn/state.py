"""`state_dict` and `load_state_dict`: a model's parameters and buffers by name, out and in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from ..autograd.modes import no_grad
from ..core.frames import warn
from ..tensors.tape import RemovableHandle
from ..tensors.tensor import Tensor
from .conversion import get_swap_module_params_on_conversion, loaded
from .hooks import Hook, Hooked, WithoutModule, add_hook
from .parameter import Parameter, is_lazy
from .tree import ModuleTree

_EXTRA = "_extra_state"


class _Keys(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class _IncompatibleKeys(_Keys):
    """What `load_state_dict` returns: which names were missing and which were not expected."""

    __slots__ = ()

    def __repr__(self) -> str:
        return super().__repr__() if any(self) else "<All keys matched successfully>"

    __str__ = __repr__


Part = TypeVar("Part", bound="Stateful[Any]")


class Stateful(Hooked, ModuleTree[Part]):
    """A tree whose tensors can be saved and loaded by name."""

    _version: int = 1

    def get_extra_state(self) -> Any:
        """Override to put something beside tensors into `state_dict`."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called: "
                           f"{self._get_name()} sets extra state but has no get_extra_state(); define both")

    def set_extra_state(self, state: Any) -> None:
        """Override to take back what `get_extra_state` gave."""
        raise RuntimeError(f"{self._get_name()} gets extra state but has no set_extra_state(); define both")

    # -- saving ----------------------------------------------------------------------------------------------------

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers of this module and all beneath it, by dotted path: an ``OrderedDict``,
        whose ``_metadata`` holds each module's version.

        The tensors share memory with the model's; they are detached unless ``keep_vars``. ``destination`` is a
        dictionary to fill instead of a new one; ``prefix`` is put before every name.
        """
        if args:
            warn("Positional args are being deprecated, use kwargs instead: destination, prefix, keep_vars",
                 FutureWarning)
            given = dict(zip(("destination", "prefix", "keep_vars"), args, strict=False))
            destination = given["destination"] if destination is None else destination
            prefix = prefix or given.get("prefix", "")
            keep_vars = keep_vars or given.get("keep_vars", False)
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        hooks = self._hooks
        for hook in hooks.state_dict_pre.values() if hooks else ():
            hook.function(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in hooks.state_dict_post.values() if hooks else ():
            changed = hook.function(self, destination, prefix, metadata)
            if changed is not None:
                if not hook.replaces:
                    raise RuntimeError("state_dict post-hook must return None")
                destination = changed
        return destination

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Puts this module's own tensors into ``destination``. Subclasses may override it."""
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + _EXTRA] = self.get_extra_state()

    def _own_state(self) -> dict[str, Tensor]:
        own: dict[str, Tensor] = {name: value for name, value in self._parameters.items() if value is not None}
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                own[name] = buffer
        return own

    # -- loading ---------------------------------------------------------------------------------------------------

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copies the tensors of ``state_dict`` into the parameters and buffers of the same dotted paths.

        With ``strict`` every name on either side must have a partner. With ``assign`` the tensors take the place of
        the model's instead of being copied into them. Returns the names that were missing or not expected. Raises
        RuntimeError that lists all that did not fit.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        keys = _IncompatibleKeys([], [])
        errors: list[str] = []
        metadata: Any = getattr(state_dict, "_metadata", None) or {}
        # A copy, since hooks and overriding modules may change it.
        source: Any = OrderedDict(state_dict)
        source._metadata = metadata
        _load(self, source, "", metadata, assign, keys, errors)
        if strict and keys.unexpected_keys:
            errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(keys.unexpected_keys)}. ")
        if strict and keys.missing_keys:
            errors.insert(0, f"Missing key(s) in state_dict: {_quoted(keys.missing_keys)}. ")
        if errors:
            lines = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {self._get_name()}:\n\t{lines}")
        return keys

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any],
                              strict: bool, missing_keys: list[str], unexpected_keys: list[str],
                              error_msgs: list[str]) -> None:
        """Takes this module's own tensors out of ``state_dict``, and notes what did not fit in the three lists.

        Subclasses may override it.
        """
        for hook in self._hooks.load_state_dict_pre.values() if self._hooks else ():
            arguments = (state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
            hook.function(self, *arguments)
        own = self._own_state()
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                problem = self._load_tensor(name, tensor, key, state_dict[key], local_metadata)
                if problem:
                    error_msgs.append(problem)
            elif strict:
                missing_keys.append(key)
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if prefix + _EXTRA in state_dict:
                self.set_extra_state(state_dict[prefix + _EXTRA])
            elif strict:
                missing_keys.append(prefix + _EXTRA)
        elif strict and prefix + _EXTRA in state_dict:
            unexpected_keys.append(prefix + _EXTRA)
        for key in state_dict if strict else ():
            if key.startswith(prefix) and key != prefix + _EXTRA:
                name, dot, _ = key[len(prefix) :].partition(".")
                if name not in (self._modules if dot else own):
                    unexpected_keys.append(key)

    def _load_tensor(
        self, name: str, current: Tensor, key: str, given: Any, local_metadata: dict[str, Any]
    ) -> str | None:
        """Copies or assigns one tensor; returns what was wrong, if anything."""
        if not isinstance(given, Tensor):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
                f"checkpoint but received {type(given)}"
            )
        waiting = is_lazy(current)  # it has no shape that could be compared
        if waiting and is_lazy(given):
            return None
        if not waiting and current.dim() == 0 and given.shape == (1,):
            given = given[0]
        if not waiting and given.shape != current.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
                f"the shape in current model is {current.shape}."
            )
        try:
            with no_grad():
                assign = bool(local_metadata.get("assign_to_params_buffers", False))
                if get_swap_module_params_on_conversion():
                    loaded(current, given, assign, key)
                elif not assign:
                    current.copy_(given)
                elif not isinstance(current, Parameter):
                    setattr(self, name, given)
                elif isinstance(given, Parameter):
                    setattr(self, name, given.requires_grad_(current.requires_grad))
                else:
                    setattr(self, name, Parameter(given, requires_grad=current.requires_grad))
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{'not known' if waiting else current.shape} and whose dimensions in the checkpoint are {given.shape},"
                f" an exception occurred : {error.args}."
            )
        return None

    # -- hooks -----------------------------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls ``hook(module, prefix, keep_vars)`` before `state_dict` collects the tensors."""
        return add_hook(self._own_hooks().state_dict_pre, Hook(hook))

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata)`` on the result, which it may change in place."""
        return add_hook(self._own_hooks().state_dict_post, Hook(hook))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The older form of `register_state_dict_post_hook`: what the hook returns, if not None, is the result."""
        return add_hook(self._own_hooks().state_dict_post, Hook(hook, replaces=True))

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        """The older form of `register_load_state_dict_pre_hook`: the hook sees the module only ``with_module``."""
        adapted = hook if with_module else WithoutModule(hook)
        return add_hook(self._own_hooks().load_state_dict_pre, Hook(adapted))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)``
        before the module takes its tensors out of the dictionary."""
        return add_hook(self._own_hooks().load_state_dict_pre, Hook(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls ``hook(module, incompatible_keys)``, whose lists it may change, after loading."""
        return add_hook(self._own_hooks().load_state_dict_post, Hook(hook))


def _load(module: Stateful[Any], state: dict[str, Any], prefix: str, metadata: Mapping[str, Any], assign: bool,
          keys: _IncompatibleKeys, errors: list[str]) -> None:
    local_metadata = dict(metadata.get(prefix[:-1], {}))
    if assign:
        local_metadata["assign_to_params_buffers"] = True
    module._load_from_state_dict(state, prefix, local_metadata, True, *keys, errors)
    for name, child in module._modules.items():
        if child is not None:
            below = f"{prefix}{name}."
            part = {key: value for key, value in state.items() if key.startswith(below)}
            _load(child, part, below, metadata, assign, keys, errors)
    for hook in module._hooks.load_state_dict_post.values() if module._hooks else ():
        if hook.function(module, keys) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values, "
                "if incompatible_keys need to be modified, it should be done inplace."
            )


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)
