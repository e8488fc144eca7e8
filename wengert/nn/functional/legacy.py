"""Old names and forms that programs still use; each is one call of what took its place."""

from __future__ import annotations

from typing import Any

from ...core.errors import ShapeError
from ...core.frames import warn
from ...tensors.tensor import Tensor
from .convolution import conv1d
from .pooling import (
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from .upsampling import channel_shuffle, interpolate


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """`conv1d` of sequences that have the time first: ``input`` is ``(T, N, C_in)``, ``weight`` ``(K, C_in, C_out)``,
    ``bias`` ``(C_out,)``; the result ``(T', N, C_out)``. Raises ShapeError for other ranks."""
    if (input.dim(), weight.dim(), bias.dim()) != (3, 3, 1):
        raise ShapeError(
            "[conv_tbc] expected an input (T, N, C_in), a weight (K, C_in, C_out) and a bias (C_out,); got "
            f"{list(input.shape)}, {list(weight.shape)} and {list(bias.shape)}"
        )
    return conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad).permute(2, 0, 1)


def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The same as `channel_shuffle`."""
    return channel_shuffle(input, groups)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` to the nearest element. Deprecated."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` along straight lines, corners upon corners. Deprecated."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _deprecated(name: str) -> None:
    warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.")


def max_pool1d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`max_pool1d` with the place of each maximum."""
    return max_pool1d(*args, **{**kwargs, "return_indices": True})


def max_pool2d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`max_pool2d` with the place of each maximum."""
    return max_pool2d(*args, **{**kwargs, "return_indices": True})


def max_pool3d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`max_pool3d` with the place of each maximum."""
    return max_pool3d(*args, **{**kwargs, "return_indices": True})


def adaptive_max_pool1d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`adaptive_max_pool1d` with the place of each maximum."""
    return adaptive_max_pool1d(*args, **{**kwargs, "return_indices": True})


def adaptive_max_pool2d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`adaptive_max_pool2d` with the place of each maximum."""
    return adaptive_max_pool2d(*args, **{**kwargs, "return_indices": True})


def adaptive_max_pool3d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`adaptive_max_pool3d` with the place of each maximum."""
    return adaptive_max_pool3d(*args, **{**kwargs, "return_indices": True})
