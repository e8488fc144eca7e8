"""Old names and forms that programs still use; each is one call of what took its place."""

from __future__ import annotations

from typing import Any

from ...core.errors import ShapeError
from ...core.frames import warn
from ...tensors.alias import own
from ...tensors.overrides import asking
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


@asking
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """`conv1d` of sequences that have the time first: ``input`` is ``(T, N, C_in)``, ``weight`` ``(K, C_in, C_out)``,
    ``bias`` ``(C_out,)``; the result ``(T', N, C_out)``. Raises ShapeError for other ranks.

    >>> x, w = torch.ones(5, 2, 3), torch.ones(2, 3, 4)
    >>> F.conv_tbc(x, w, torch.zeros(4)).shape
    torch.Size([4, 2, 4])
    """
    if (input.dim(), weight.dim(), bias.dim()) != (3, 3, 1):
        raise ShapeError(
            "[conv_tbc] expected an input (T, N, C_in), a weight (K, C_in, C_out) and a bias (C_out,); got "
            f"{list(input.shape)}, {list(weight.shape)} and {list(bias.shape)}"
        )
    rows = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return own(rows.permute(2, 0, 1).contiguous())


@asking
def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The same as `channel_shuffle`.

    >>> F.native_channel_shuffle(torch.arange(6.0).reshape(1, 6, 1), 2).flatten()
    tensor([0., 3., 1., 4., 2., 5.])
    """
    return channel_shuffle(input, groups)


@asking
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` to the nearest element. Deprecated.

    >>> F.upsample_nearest(torch.tensor([[[[1.0, 2.0]]]]), scale_factor=2)[0, 0]
    tensor([[1., 1., 2., 2.],
            [1., 1., 2., 2.]])
    """
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


@asking
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` along straight lines, corners upon corners. Deprecated.

    >>> F.upsample_bilinear(torch.tensor([[[[1.0, 2.0]]]]), size=(1, 3))[0, 0]
    tensor([[1.0000, 1.5000, 2.0000]])
    """
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _deprecated(name: str) -> None:
    warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.")


def max_pool1d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`max_pool1d` with the place of each maximum.

    >>> F.max_pool1d_with_indices(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2)
    (tensor([[4., 3.]]), tensor([[1, 2]]))
    """
    return max_pool1d(*args, **{**kwargs, "return_indices": True})


def max_pool2d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`max_pool2d` with the place of each maximum.

    >>> F.max_pool2d_with_indices(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]), 2)
    (tensor([[[4.]]]), tensor([[[1]]]))
    """
    return max_pool2d(*args, **{**kwargs, "return_indices": True})


def max_pool3d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`max_pool3d` with the place of each maximum.

    >>> values, places = F.max_pool3d_with_indices(torch.arange(8.0).reshape(1, 2, 2, 2), 2)
    >>> values.item(), places.item()
    (7.0, 7)
    """
    return max_pool3d(*args, **{**kwargs, "return_indices": True})


def adaptive_max_pool1d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`adaptive_max_pool1d` with the place of each maximum.

    >>> F.adaptive_max_pool1d_with_indices(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2)
    (tensor([[4., 3.]]), tensor([[1, 2]]))
    """
    return adaptive_max_pool1d(*args, **{**kwargs, "return_indices": True})


def adaptive_max_pool2d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`adaptive_max_pool2d` with the place of each maximum.

    >>> F.adaptive_max_pool2d_with_indices(torch.arange(16.0).reshape(1, 4, 4), 1)
    (tensor([[[15.]]]), tensor([[[15]]]))
    """
    return adaptive_max_pool2d(*args, **{**kwargs, "return_indices": True})


def adaptive_max_pool3d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`adaptive_max_pool3d` with the place of each maximum.

    >>> values, places = F.adaptive_max_pool3d_with_indices(torch.arange(8.0).reshape(1, 2, 2, 2), 1)
    >>> values.item(), places.item()
    (7.0, 7)
    """
    return adaptive_max_pool3d(*args, **{**kwargs, "return_indices": True})
