"""The ways to compute a pixel between pixels, and the numbers that Pillow gives them."""

from __future__ import annotations

from enum import Enum

from wengert import Tensor


class InterpolationMode(Enum):
    """How a value between pixels is made of theirs. Tensors know the first four, Pillow all.

    >>> from wengert.vision import transforms
    >>> transforms.InterpolationMode.BILINEAR.value
    'bilinear'
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


PILLOW_NUMBERS = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
    InterpolationMode.NEAREST_EXACT: 0,
}


def mode_of(interpolation: InterpolationMode | int) -> InterpolationMode:
    """The mode itself, also for Pillow's number of it. Raises TypeError."""
    if isinstance(interpolation, InterpolationMode):
        return interpolation
    for mode, number in PILLOW_NUMBERS.items():
        if isinstance(interpolation, int) and number == interpolation:
            return mode
    raise TypeError("Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant; "
                    f"got {interpolation!r}")


def check_image(image: Tensor) -> Tensor:
    """The tensor, if it has a height and a width. Raises TypeError."""
    if not isinstance(image, Tensor):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(image)}")
    if image.ndim < 2:
        raise TypeError("Tensor is not a torch image.")
    return image
