"""``torch.amp.autocast_mode``: `autocast`, and the decorators of a Function's forward and backward."""

from __future__ import annotations

from typing import Any

from ....amp import autocast as autocast
from ....amp import custom_bwd as custom_bwd
from ....amp import custom_fwd as custom_fwd
from ....amp import is_autocast_available as is_autocast_available
from ....core.dtypes import DType, float64
from ....tensors import Tensor

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


def _cast(value: Any, device_type: str, dtype: DType) -> Any:
    """A nest with its floating tensors on the device in another dtype; those of float64 stay as they are."""
    if isinstance(value, Tensor):
        fits = value.is_floating_point() and value.device.type == device_type and value.dtype is not float64
        return value.to(dtype) if fits else value
    if isinstance(value, dict):
        return {_cast(key, device_type, dtype): _cast(each, device_type, dtype) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_cast(each, device_type, dtype) for each in value])
    return value
