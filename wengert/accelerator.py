"""PyTorch's questions about whichever accelerator there is: there is none yet."""

from __future__ import annotations

from typing import Any

from .core.errors import DeviceError


def _absent(name: str) -> DeviceError:
    return DeviceError(f"[accelerator.{name}] an accelerator was expected; wengert has none yet (Cannot access "
                       f"accelerator device when none is available); ask accelerator.is_available() first")


def is_available() -> bool:
    """False: there is no accelerator back end yet."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """None."""
    return None


def current_device_index() -> int:
    """Raises `DeviceError`."""
    raise _absent("current_device_index")


def set_device_index(device: Any, /) -> None:
    """Raises `DeviceError`."""
    raise _absent("set_device_index")


def synchronize(device: Any = None, /) -> None:
    """Raises `DeviceError`, as PyTorch does without an accelerator."""
    raise _absent("synchronize")


current_device_idx = current_device_index
set_device_idx = set_device_index
