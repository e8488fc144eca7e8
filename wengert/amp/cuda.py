"""``torch.cuda.amp``, the older names: `wengert.amp` for CUDA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.dtypes import DType, float16
from . import contexts, scaler, switches


def custom_fwd(fwd: Callable[..., Any] | None = None, *, cast_inputs: DType | None = None) -> Any:
    """`wengert.amp.custom_fwd` for CUDA."""
    return switches.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any]) -> Any:
    """`wengert.amp.custom_bwd` for CUDA."""
    return switches.custom_bwd(bwd, device_type="cuda")


class autocast(contexts.autocast):
    """`wengert.amp.autocast` for CUDA."""

    def __init__(self, enabled: bool = True, dtype: DType = float16, cache_enabled: bool = True) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(scaler.GradScaler):
    """`wengert.amp.GradScaler` for CUDA."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__("cuda", *args, **settings)
