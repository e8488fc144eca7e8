"""What PyTorch's older names for `autocast`'s switches answer here, where `autocast` changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.dtypes import DType, bfloat16, float16


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """False: `autocast` changes nothing."""
    return False


def is_autocast_cpu_enabled() -> bool:
    """False."""
    return False


def is_autocast_cache_enabled() -> bool:
    """False: nothing is cast, so nothing is kept."""
    return False


def clear_autocast_cache() -> None:
    """Nothing is kept."""


def get_autocast_dtype(device_type: str) -> DType:
    """The dtype that PyTorch would compute in: bfloat16 on the CPU, float16 elsewhere."""
    return bfloat16 if device_type == "cpu" else float16


def get_autocast_cpu_dtype() -> DType:
    """bfloat16."""
    return bfloat16


def get_autocast_gpu_dtype() -> DType:
    """float16."""
    return float16


def custom_fwd(fwd: Callable[..., Any] | None = None, **options: Any) -> Any:
    """The forward of a `Function`, as it is; ``@custom_fwd`` or ``@custom_fwd(device_type=...)``."""
    return fwd if fwd is not None else lambda function: function


def custom_bwd(bwd: Callable[..., Any] | None = None, **options: Any) -> Any:
    """The backward of a `Function`, as it is; ``@custom_bwd`` or ``@custom_bwd(device_type=...)``."""
    return bwd if bwd is not None else lambda function: function
