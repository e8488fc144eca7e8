"""``torch.cuda.amp``, the older names: `wengert.amp` for CUDA."""

from __future__ import annotations

from typing import Any

from ..core.dtypes import DType, float16
from . import contexts, scaler
from .switches import custom_bwd as custom_bwd
from .switches import custom_fwd as custom_fwd


class autocast(contexts.autocast):
    """`wengert.amp.autocast` for CUDA."""

    def __init__(self, enabled: bool = True, dtype: DType = float16, cache_enabled: bool = True) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(scaler.GradScaler):
    """`wengert.amp.GradScaler` for CUDA."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__("cuda", *args, **settings)
