"""`torch.serialization`: saving, loading, and the names that loading may bring in."""

from collections.abc import Callable
from typing import Any, TypeAlias

from .core.device import device
from .io.checkpoint import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    get_unsafe_globals_in_checkpoint,
    load,
    safe_globals,
    save,
)

MAP_LOCATION: TypeAlias = Callable[[Any, str], Any] | device | str | dict[str, str] | None
"""Where `load` may be told to put tensors."""
DEFAULT_PROTOCOL = 2

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "get_unsafe_globals_in_checkpoint", "load",
           "safe_globals", "save"]
