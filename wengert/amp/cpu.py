"""``torch.cpu.amp``, the older names: `wengert.amp` for the CPU."""

from __future__ import annotations

from typing import Any

from ..core.dtypes import DType, bfloat16
from . import contexts, scaler


class autocast(contexts.autocast):
    """`wengert.amp.autocast` for the CPU."""

    def __init__(self, enabled: bool = True, dtype: DType = bfloat16, cache_enabled: bool = True) -> None:
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(scaler.GradScaler):
    """`wengert.amp.GradScaler` for the CPU."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__("cpu", *args, **settings)
