"""Resizing, cropping, padding, flipping: what keeps the axes of an image where they are."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

import wengert as torch
from wengert import Tensor

from ....core.errors import in_words
from ....nn import functional
from ...pillow import is_picture, pillow
from .conversion import get_dimensions
from .modes import PILLOW_NUMBERS, InterpolationMode, check_image, mode_of

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def as_batch(image: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """An image as ``(N, C, H, W)`` of floating point numbers, of ``dtype`` or, if None, of its own or float32."""
    check_image(image)
    if dtype is None:
        dtype = image.dtype if image.dtype in (torch.float32, torch.float64) else torch.float32
    batch = image if image.ndim >= 4 else image[None]
    return batch.to(dtype)


def like(batch: Tensor, image: Tensor) -> Tensor:
    """What was computed of `as_batch` with the dimensions and dtype of the image; integers are rounded to."""
    result = batch if image.ndim >= 4 else batch[0]
    if result.dtype == image.dtype:
        return result
    return (result if image.is_floating_point() else result.round()).to(image.dtype)


def resized(height: int, width: int, size: Sequence[int], max_size: int | None = None) -> tuple[int, int]:
    """Height and width after resizing to ``size``: both, or the shorter edge alone, the longer at most ``max_size``."""
    if len(size) == 2:
        return size[0], size[1]
    short, long = min(height, width), max(height, width)
    if short < 1:
        raise ValueError(f"[resize] an image of one row and column or more was expected; got {height} and {width}")
    new_short, new_long = size[0], int(size[0] * long / short)
    if max_size is not None:
        if max_size <= size[0]:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge "
                f"size = {size}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_long, new_short) if width <= height else (new_short, new_long)


@in_words
def resize(img: Any, size: int | Sequence[int], interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
           max_size: int | None = None, antialias: bool | None = True) -> Any:
    """An image, a picture or a tensor ``(..., C, H, W)``, of another size.

    ``size`` is ``(height, width)``, or the length of the shorter edge: the longer one follows, up to ``max_size``.
    ``antialias`` concerns tensors in the bilinear and bicubic modes; pictures are always smoothed there. Raises
    TypeError and ValueError for arguments that do not fit.
    """
    mode = mode_of(interpolation)
    size = [size] if isinstance(size, int) else list(size)
    if len(size) not in (1, 2):
        raise ValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list")
    if max_size is not None and len(size) != 1:
        raise ValueError("max_size should only be passed if size specifies the length of the smaller edge")
    _, height, width = get_dimensions(img)
    new = resized(height, width, size, max_size)
    if new == (height, width):
        return img
    if is_picture(img):
        if antialias is False:
            warnings.warn("Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.",
                          stacklevel=3)
        return img.resize(new[::-1], PILLOW_NUMBERS[mode])
    smooth = mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    result = functional.interpolate(as_batch(img), new, mode=mode.value, align_corners=False if smooth else None,
                                    antialias=bool(antialias) and smooth)
    if mode is InterpolationMode.BICUBIC and img.dtype == torch.uint8:
        result = result.clamp(0, 255)
    return like(result, img)


@in_words
def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The rectangle of an image at row ``top``, column ``left``; what lies outside is 0.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.crop(torch.arange(9).reshape(1, 3, 3), top=1, left=0, height=2, width=2)
    tensor([[[3, 4],
             [6, 7]]])
    """
    if is_picture(img):
        return img.crop((left, top, left + width, top + height))
    _, rows, columns = get_dimensions(img)
    bottom, right = top + height, left + width
    inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if top >= 0 and left >= 0 and bottom <= rows and right <= columns:
        return inside
    outside = [
        max(min(right, 0) - left, 0),
        max(min(bottom, 0) - top, 0),
        max(right - max(columns, left), 0),
        max(bottom - max(rows, top), 0),
    ]
    return pad(inside, outside)


def two_sizes(size: Any, what: str = "Please provide only two dimensions (h, w) for size.") -> Any:
    """``(height, width)`` of one number or two. Raises ValueError with the text ``what``."""
    if isinstance(size, Number):
        return int(size), int(size)  # type: ignore[call-overload]
    if isinstance(size, Sequence) and len(size) == 1:
        return size[0], size[0]
    if not isinstance(size, Sequence) or len(size) != 2:
        raise ValueError(what)
    return size


@in_words
def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of an image, of ``output_size``, ``(height, width)``; a smaller image is framed with 0.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.center_crop(torch.arange(16).reshape(1, 4, 4), [2, 2])
    tensor([[[ 5,  6],
             [ 9, 10]]])
    """
    height, width = two_sizes(output_size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        down, across = max(height - rows, 0), max(width - columns, 0)
        img = pad(img, [across // 2, down // 2, (across + 1) // 2, (down + 1) // 2])
        _, rows, columns = get_dimensions(img)
        if (height, width) == (rows, columns):
            return img
    # Halves are rounded to even, as Python does.
    return crop(img, round((rows - height) / 2), round((columns - width) / 2), height, width)


@in_words
def resized_crop(img: Any, top: int, left: int, height: int, width: int, size: int | Sequence[int],
                 interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
                 antialias: bool | None = True) -> Any:
    """`crop`, then `resize`.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.resized_crop(torch.ones(1, 6, 6), top=1, left=1, height=4, width=4, size=[2, 2]).shape
    torch.Size([1, 2, 2])
    """
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


@in_words
def hflip(img: Any) -> Any:
    """An image with left and right exchanged.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.hflip(image)[0]
    tensor([[20, 10],
            [40, 30]], dtype=torch.uint8)
    """
    if is_picture(img):
        return img.transpose(pillow().Transpose.FLIP_LEFT_RIGHT)
    return check_image(img).flip(-1)


@in_words
def vflip(img: Any) -> Any:
    """An image with top and bottom exchanged.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.vflip(image)[0]
    tensor([[30, 40],
            [10, 20]], dtype=torch.uint8)
    """
    if is_picture(img):
        return img.transpose(pillow().Transpose.FLIP_TOP_BOTTOM)
    return check_image(img).flip(-2)


@in_words
def five_crop(img: Any, size: int | Sequence[int]) -> tuple[Any, Any, Any, Any, Any]:
    """The corners (top left, top right, bottom left, bottom right) and the middle. ValueError if ``size`` is larger.

    >>> from wengert.vision.transforms import functional as TF
    >>> [part.flatten().tolist() for part in TF.five_crop(torch.arange(9).reshape(1, 3, 3), [1, 1])]
    [[0], [2], [6], [8], [4]]
    """
    height, width = two_sizes(size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        raise ValueError(f"Requested crop size {size} is bigger than input size {(rows, columns)}")
    down, across = rows - height, columns - width
    top_left, top_right = crop(img, 0, 0, height, width), crop(img, 0, across, height, width)
    bottom_left, bottom_right = crop(img, down, 0, height, width), crop(img, down, across, height, width)
    return top_left, top_right, bottom_left, bottom_right, center_crop(img, (height, width))


@in_words
def ten_crop(img: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop` of the image, and of the image flipped.

    >>> from wengert.vision.transforms import functional as TF
    >>> len(TF.ten_crop(torch.ones(1, 3, 3), [2, 2]))
    10
    """
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def four_sides(padding: Any) -> list[int]:
    """Left, top, right, bottom, of one number, of two (sides; top and bottom) or of four. TypeError, ValueError."""
    if isinstance(padding, Number):
        return [int(padding)] * 4  # type: ignore[call-overload]
    if not isinstance(padding, (tuple, list)):
        raise TypeError(f"Got inappropriate padding arg {padding!r}")
    if len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    return list(padding) * (4 // len(padding))


@in_words
def pad(img: Any, padding: int | Sequence[int], fill: float | Sequence[float] | None = 0,
        padding_mode: str = "constant") -> Any:
    """An image with a frame.

    ``padding`` is one width, or that of the sides and of top and bottom, or left, top, right, bottom; negative ones cut
    off. ``padding_mode`` is ``"constant"`` (the value ``fill``; for pictures also one for each channel), ``"edge"``,
    ``"reflect"`` or ``"symmetric"`` (which repeats the edge, too). Raises TypeError and ValueError.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.pad(torch.ones(1, 1, 1), [1, 0, 1, 0])
    tensor([[[0., 1., 0.]]])
    """
    sides = four_sides(padding)
    if padding_mode not in PADDING_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    if fill is not None and not isinstance(fill, (Number, tuple, list)):
        raise TypeError(f"Got inappropriate fill arg {fill!r}")
    if is_picture(img):
        return _pad_picture(img, sides, fill, padding_mode)
    check_image(img)
    if isinstance(fill, (tuple, list)):
        raise TypeError("Got inappropriate fill arg: one number was expected for a tensor")
    left, top, right, bottom = sides
    if padding_mode == "symmetric":
        return _pad_symmetric(img, sides)
    if padding_mode == "constant":
        return functional.pad(img, [left, right, top, bottom], value=float(fill or 0))
    batch = img if img.is_floating_point() else img.to(torch.float32)
    batch = batch if img.ndim >= 4 else batch[None]
    mode = "replicate" if padding_mode == "edge" else padding_mode
    return like(functional.pad(batch, [left, right, top, bottom], mode=mode), img)


def _pad_symmetric(image: Tensor, sides: Sequence[int]) -> Tensor:
    """The edge is repeated, too: by the places that each row and column comes from."""
    if image.ndim not in (3, 4):
        raise RuntimeError("Symmetric padding of N-D tensors are not supported yet")
    places = []
    for size, before, after in ((image.shape[-2], sides[1], sides[3]), (image.shape[-1], sides[0], sides[2])):
        kept = np.arange(size)[max(-before, 0) : size - max(-after, 0)]
        places.append(np.pad(kept, (max(before, 0), max(after, 0)), mode="symmetric"))
    return image[..., torch.from_numpy(places[0])[:, None], torch.from_numpy(places[1])]


def _pad_picture(img: Any, sides: Sequence[int], fill: Any, padding_mode: str) -> Any:
    left, top, right, bottom = sides
    if padding_mode == "constant":
        framed = pillow("ImageOps").expand(img, border=(left, top, right, bottom), fill=fill_of(img, fill))
        if img.mode == "P":
            framed.putpalette(img.getpalette())
        return framed
    if min(sides) < 0:
        cut = [max(-side, 0) for side in sides]
        img = img.crop((cut[0], cut[1], img.width - cut[2], img.height - cut[3]))
    pixels = np.asarray(img)
    widths = [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0)), (0, 0)][: pixels.ndim]
    mode: Any = padding_mode
    framed = pillow().fromarray(np.pad(pixels, widths, mode=mode))
    if img.mode == "P":
        framed.putpalette(img.getpalette())
    return framed


def fill_of(img: Any, fill: Any) -> Any:
    """The colour ``fill``, one number or one for each channel, as Pillow wants it for the mode of ``img``."""
    channels = len(img.getbands())
    values = list(fill) if isinstance(fill, (list, tuple)) else [fill or 0]
    if len(values) == 1:
        values *= channels
    if len(values) != channels:
        raise ValueError("The number of elements in 'fill' does not match the number of channels of the image "
                         f"({len(values)} != {channels})")
    if img.mode != "F":
        values = [int(value) for value in values]
    return values[0] if channels == 1 and not isinstance(fill, (list, tuple)) else tuple(values)
