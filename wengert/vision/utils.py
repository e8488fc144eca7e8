"""Many images in one: `make_grid`, and `save_image`, which writes it to a file."""

from __future__ import annotations

import math
import os
from typing import Any, BinaryIO

import wengert as torch
from wengert import Tensor

from .._public import publish as _publish
from .pillow import pillow

__all__ = ["make_grid", "save_image"]


@torch.no_grad()
def make_grid(tensor: Tensor | list[Tensor], nrow: int = 8, padding: int = 2, normalize: bool = False,
              value_range: tuple[float, float] | None = None, scale_each: bool = False,
              pad_value: float = 0.0) -> Tensor:
    """Images side by side in rows, as one image ``(C, H, W)``; grey ones become three equal channels.

    ``tensor`` is ``(N, C, H, W)``, a list of ``(C, H, W)``, one image, or a matrix ``(H, W)``. ``nrow`` is the number
    of images in a row, ``padding`` the width in pixels of the frame around each, of the value ``pad_value``.
    ``normalize`` maps ``value_range`` (default: from the smallest to the largest value that there is) to ``(0, 1)``,
    with ``scale_each`` for each image by itself. A single image comes back as it is, without a frame. Raises TypeError.

    >>> from wengert.vision.utils import make_grid
    >>> make_grid(torch.ones(3, 1, 4, 4), nrow=2).shape
    torch.Size([3, 14, 14])
    """
    images = _batch(tensor)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        images = images.clone()
        for part in images if scale_each else (images,):
            _stretch(part, value_range)
    count, channels, height, width = images.shape
    if count == 1:
        return images.squeeze(0)
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    down, across = height + padding, width + padding
    grid = images.new_full((channels, down * rows + padding, across * columns + padding), pad_value)
    for place in range(count):
        top, left = padding + place // columns * down, padding + place % columns * across
        grid[:, top : top + height, left : left + width] = images[place]
    return grid


def _batch(tensor: Any) -> Tensor:
    """What `make_grid` is given as ``(N, C, H, W)``."""
    if isinstance(tensor, list):
        for part in tensor:
            if not isinstance(part, Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(part)}")
        tensor = torch.stack(tensor)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    if tensor.dim() == 2:
        tensor = tensor[None]
    if tensor.dim() == 3:
        tensor = tensor[None]
    if tensor.dim() != 4:
        raise ValueError(f"[make_grid] images (N, C, H, W) were expected; got a tensor of shape {tuple(tensor.shape)}")
    return torch.cat([tensor] * 3, 1) if tensor.shape[1] == 1 else tensor


def _stretch(images: Tensor, value_range: tuple[float, float] | None) -> None:
    """Maps the range given, or that of the values, to 0…1, in place."""
    low, high = value_range or (images.min().item(), images.max().item())
    images.clamp_(min=low, max=high)
    images.sub_(low).div_(max(high - low, 1e-5))


@torch.no_grad()
def save_image(
    tensor: Tensor | list[Tensor], fp: str | os.PathLike[str] | BinaryIO, format: str | None = None, **kwargs: Any
) -> None:
    """Writes an image, or a grid of images, whose values lie in 0…1, to a file.

    ``fp`` is a path or a binary file; ``format`` (such as ``"png"``) is needed where the name does not tell. The other
    arguments go to `make_grid`. Values are rounded to 0…255, those outside cut off.

    >>> from wengert.vision import io, utils
    >>> utils.save_image(torch.rand(4, 3, 5, 5), "grid.png", nrow=2)
    >>> io.read_image("grid.png").shape
    torch.Size([3, 16, 16])
    """
    grid = make_grid(tensor, **kwargs)
    pixels = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to(torch.uint8).numpy()
    pillow().fromarray(pixels).save(fp, format=format)


_publish(__name__)
