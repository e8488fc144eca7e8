"""``torch._C._nn``: how ``module.to(...)`` reads its arguments, and the functions of layers by their inner names."""

from __future__ import annotations

from typing import Any

import wengert

from ....nn import functional
from ....nn.module import _parse_to as _read


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """Device, dtype, ``non_blocking`` and memory format from the arguments of ``module.to(...)``."""
    options = {name: value for name, value in kwargs.items() if name in ("device", "dtype")}
    device, dtype = _read(*args, **options)
    return device, dtype, bool(kwargs.get("non_blocking", False)), kwargs.get("memory_format")


def _window(given: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a window, those given by their place by name."""
    return dict(zip(("stride", "padding", "dilation", "ceil_mode"), given, strict=False)) | options


def max_pool2d_with_indices(self: Any, kernel_size: Any, *window: Any, **options: Any) -> Any:
    """`max_pool2d`, and where in its plane each maximum is."""
    return functional.max_pool2d(self, kernel_size, **_window(window, options), return_indices=True)


def max_pool3d_with_indices(self: Any, kernel_size: Any, *window: Any, **options: Any) -> Any:
    """`max_pool3d`, and where in its volume each maximum is."""
    return functional.max_pool3d(self, kernel_size, **_window(window, options), return_indices=True)


def log_sigmoid(self: Any) -> Any:
    """`logsigmoid`."""
    return functional.logsigmoid(self)


def _upsample(name: str, mode: str) -> Any:
    def upsample(input: Any, output_size: Any, align_corners: Any = None, *scales: Any) -> Any:
        align = align_corners if mode not in ("nearest", "nearest-exact") else None
        return functional.interpolate(input, size=output_size, mode=mode, align_corners=align)

    upsample.__name__ = upsample.__qualname__ = name
    upsample.__doc__ = f"`interpolate` of mode {mode!r} to a size."
    return upsample


_UPSAMPLING = {
    **{f"upsample_nearest{rank}d": "nearest" for rank in (1, 2, 3)}, "upsample_linear1d": "linear",
    **{f"_upsample_nearest_exact{rank}d": "nearest-exact" for rank in (1, 2, 3)}, "upsample_bilinear2d": "bilinear",
    "upsample_bicubic2d": "bicubic", "upsample_trilinear3d": "trilinear",
}
"""PyTorch's inner names for what `interpolate` does to a given size, and the mode of each."""


def __getattr__(name: str) -> Any:
    if name in _UPSAMPLING:
        return _upsample(name, _UPSAMPLING[name])
    if not name.startswith("_"):
        for owner in (functional, wengert):
            found = getattr(owner, name, None)
            if callable(found):
                return found
    raise AttributeError(f"module 'torch._C._nn' has no attribute {name!r}")
