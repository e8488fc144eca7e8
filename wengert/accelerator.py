"""PyTorch's questions about whichever accelerator there is: there is none yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._missing import absent, answers
from .core.errors import DeviceError


def _absent(name: str) -> Callable[..., Any]:
    return absent(DeviceError, f"[accelerator.{name}] an accelerator was expected; wengert has none yet (Cannot access "
                               f"accelerator device when none is available); ask accelerator.is_available() first")


is_available = answers(False, "False: there is no accelerator back end yet.")
device_count = answers(0, "0.")
current_accelerator = answers(None, "None.")

current_device_index = current_device_idx = _absent("current_device_index")
set_device_index = set_device_idx = _absent("set_device_index")
synchronize = _absent("synchronize")
