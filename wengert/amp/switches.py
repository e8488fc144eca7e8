"""What PyTorch's older names for `autocast`'s switches answer here, where `autocast` changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.dtypes import DType, bfloat16, float16


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """False: `autocast` changes nothing.

    >>> torch.is_autocast_enabled("cpu")
    False
    """
    return False


def is_autocast_cpu_enabled() -> bool:
    """False.

    >>> torch.is_autocast_cpu_enabled()
    False
    """
    return False


def is_autocast_cache_enabled() -> bool:
    """False: nothing is cast, so nothing is kept.

    >>> torch.is_autocast_cache_enabled()
    False
    """
    return False


def clear_autocast_cache() -> None:
    """Nothing is kept.

    >>> torch.clear_autocast_cache()
    """


def get_autocast_dtype(device_type: str) -> DType:
    """The dtype that PyTorch would compute in: bfloat16 on the CPU, float16 elsewhere.

    >>> torch.get_autocast_dtype("cpu")
    torch.bfloat16
    """
    return bfloat16 if device_type == "cpu" else float16


def get_autocast_cpu_dtype() -> DType:
    """bfloat16.

    >>> torch.get_autocast_cpu_dtype()
    torch.bfloat16
    """
    return bfloat16


def get_autocast_gpu_dtype() -> DType:
    """float16.

    >>> torch.get_autocast_gpu_dtype()
    torch.float16
    """
    return float16


def custom_fwd(fwd: Callable[..., Any] | None = None, **options: Any) -> Any:
    """The forward of a `Function`, as it is; ``@custom_fwd`` or ``@custom_fwd(device_type=...)``.

    >>> from wengert.amp import custom_bwd, custom_fwd
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     @custom_fwd(device_type="cpu")
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @custom_bwd(device_type="cpu")
    ...     def backward(ctx, grad):
    ...         return 2 * grad
    >>> Double.apply(torch.tensor(3.0))
    tensor(6.)
    """
    return fwd if fwd is not None else lambda function: function


def custom_bwd(bwd: Callable[..., Any] | None = None, **options: Any) -> Any:
    """The backward of a `Function`, as it is; ``@custom_bwd`` or ``@custom_bwd(device_type=...)``.

    >>> from wengert.amp import custom_bwd, custom_fwd
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     @custom_fwd(device_type="cpu")
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @custom_bwd(device_type="cpu")
    ...     def backward(ctx, grad):
    ...         return 2 * grad
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> Double.apply(x).backward()
    >>> x.grad
    tensor(2.)
    """
    return bwd if bwd is not None else lambda function: function
