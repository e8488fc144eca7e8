"""Hooks of every module: `register_module_forward_hook` and its kin, which PyTorch keeps in ``nn.modules.module``.

A module without hooks finds in its class attribute ``_hooks`` that it has none. The first hook of all modules puts the
table of those hooks there, so that the plain call still asks one question.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensors.tape import RemovableHandle
from .hooks import GLOBAL, Hook, Hooked, add_hook
from .tree import registration_hooks

__all__ = [
    "register_module_backward_hook", "register_module_buffer_registration_hook", "register_module_forward_hook",
    "register_module_forward_pre_hook", "register_module_full_backward_hook", "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook", "register_module_parameter_registration_hook",
]


def _add(moment: str, hook: Hook) -> RemovableHandle:
    Hooked._hooks = GLOBAL
    return add_hook(getattr(GLOBAL, moment), hook)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, args)`` before every forward of every module; see `Module.register_forward_pre_hook`."""
    return _add("forward_pre", Hook(hook))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Calls ``hook(module, args, output)`` after every forward of every module; see `Module.register_forward_hook`."""
    return _add("forward", Hook(hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, grad_output)`` for every module; see `Module.register_full_backward_pre_hook`."""
    return _add("backward_pre", Hook(hook))


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, grad_input, grad_output)`` for every module; see `Module.register_full_backward_hook`."""
    return _add("backward", Hook(hook))


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """The deprecated form of `register_module_full_backward_hook`."""
    return _add("legacy_backward", Hook(hook))


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, name, parameter)`` when a module adopts one; what it returns, if not None, is adopted."""
    return RemovableHandle(registration_hooks["_parameters"], hook)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, name, buffer)`` when a module adopts one; what it returns, if not None, is adopted."""
    return RemovableHandle(registration_hooks["_buffers"], hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, name, child)`` when a module adopts one; what it returns, if not None, is adopted."""
    return RemovableHandle(registration_hooks["_modules"], hook)
