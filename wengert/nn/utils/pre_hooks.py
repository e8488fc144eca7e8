"""How the hooks that compute a parameter before every call are found again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module import Module


def remove_pre_hook(module: Module, matches: Callable[[Any], bool]) -> Any:
    """Takes the first forward pre-hook that ``matches`` off ``module`` and returns it; None where there is none."""
    hooks = module._own_hooks().forward_pre
    for key, hook in hooks.items():
        if matches(hook.function):
            del hooks[key]
            return hook.function
    return None
