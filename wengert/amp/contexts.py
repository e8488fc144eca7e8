"""`autocast`: a context that is accepted and leaves every operation in the precision of its tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..core.dtypes import DType
from ..core.frames import warn

DEVICES = ("cpu", "cuda", "mps", "xpu")
_said: set[str] = set()


class autocast:
    """A context, or a decorator, for code that would run in a lower precision where that pays.

    Raises RuntimeError for an unknown device.

    >>> import warnings
    >>> import wengert as torch
    >>> with warnings.catch_warnings(), torch.amp.autocast("cpu", enabled=False):
    ...     print((torch.ones(2) * 2).dtype)
    torch.float32
    """

    def __init__(self, device_type: str, dtype: DType | None = None, enabled: bool = True,
                 cache_enabled: bool | None = None) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if device_type not in DEVICES:
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        if enabled and device_type == "cpu" and "cpu" not in _said:
            _said.add("cpu")
            warn(
                "autocast on the CPU changes nothing in wengert: operations keep the precision of their tensors",
                UserWarning,
            )
        elif enabled and device_type != "cpu":
            warn(
                f"User provided device_type of '{device_type}', but {device_type.upper()} is not available. Disabling",
                UserWarning,
            )
        self.device = device_type
        self.fast_dtype = dtype

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return within


def is_autocast_available(device_type: str) -> bool:
    """Whether the device is one that `autocast` takes.

    >>> from wengert.amp import is_autocast_available
    >>> is_autocast_available("cpu")
    True
    """
    return device_type in DEVICES
