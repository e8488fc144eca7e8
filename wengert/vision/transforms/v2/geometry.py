"""Transforms that move what is in an image, and in its masks and boxes with it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import wengert as torch

from ... import tv_tensors
from .. import random_geometry as plain
from ..functional.geometry import four_sides, two_sizes
from . import functional
from .functional import mode
from .transform import ByChance, Transform, query_chw, query_size


def fill_for(fill: Any, inpt: Any) -> Any:
    """The colour for a kind: the one given, or that of a dictionary by kind, or its ``"others"``."""
    return fill.get(type(inpt), fill.get("others")) if isinstance(fill, dict) else fill


class RandomHorizontalFlip(ByChance):
    """Left and right exchanged with the probability ``p``."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One exchanged."""
        return functional.horizontal_flip(inpt)


class RandomVerticalFlip(ByChance):
    """Top and bottom exchanged with the probability ``p``."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One exchanged."""
        return functional.vertical_flip(inpt)


class Resize(Transform):
    """Another size: (height, width), or one number for the shorter side, the longer at most ``max_size``; None makes
    the longer one ``max_size``. Raises ValueError for other sizes."""

    def __init__(self, size: int | Sequence[int] | None, interpolation: Any = "bilinear",
                 max_size: int | None = None, antialias: bool | None = True) -> None:
        super().__init__()
        if size is None and max_size is None:
            raise ValueError(f"max_size must be an integer when size is None, but got {max_size} instead.")
        self.size = size if size is None else [size] if isinstance(size, int) else list(size)
        if self.size is not None and len(self.size) not in (1, 2):
            raise ValueError(f"size can be an integer, a sequence of one or two integers, or None; got {size}")
        self.interpolation, self.max_size, self.antialias = mode(interpolation), max_size, antialias

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in the size."""
        return functional.resize(inpt, self.size, self.interpolation, self.max_size, self.antialias)


class RandomResize(Transform):
    """The shorter side drawn from ``min_size`` to before ``max_size``.

    >>> from wengert.vision.transforms import v2
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> v2.RandomResize(2, 3)(image).shape
    torch.Size([3, 2, 2])
    """

    def __init__(self, min_size: int, max_size: int, interpolation: Any = "bilinear", antialias: bool | None = True
                 ) -> None:
        super().__init__()
        self.min_size, self.max_size = min_size, max_size
        self.interpolation, self.antialias = mode(interpolation), antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The size."""
        return {"size": [int(torch.randint(self.min_size, self.max_size, ()))]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in the size."""
        return functional.resize(inpt, params["size"], self.interpolation, antialias=self.antialias)


class CenterCrop(Transform):
    """The rectangle in the middle."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = two_sizes(size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One cut."""
        return functional.center_crop(inpt, self.size)


class RandomResizedCrop(Transform):
    """A rectangle of an area and a ratio drawn, in the size ``size``."""

    def __init__(self, size: int | Sequence[int], scale: Sequence[float] = (0.08, 1.0),
                 ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0), interpolation: Any = "bilinear",
                 antialias: bool | None = True) -> None:
        super().__init__()
        checked = plain.RandomResizedCrop(size, scale, ratio, mode(interpolation), antialias)
        self.size, self.scale, self.ratio = checked.size, checked.scale, checked.ratio
        self.interpolation, self.antialias = checked.interpolation, checked.antialias

    get_params = staticmethod(plain.RandomResizedCrop.get_params)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The rectangle."""
        like = torch.empty(1, *query_size(flat_inputs), device="meta")
        return dict(zip(("top", "left", "height", "width"), self.get_params(like, self.scale, self.ratio), strict=True))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One cut and resized."""
        return functional.resized_crop(inpt, **params, size=self.size, interpolation=self.interpolation,
                                       antialias=self.antialias)


class RandomCrop(Transform):
    """A rectangle of ``size`` at a place drawn; before that a frame of ``padding``, and with ``pad_if_needed`` as
    much as makes the image large enough. Raises ValueError for one that is too small."""

    def __init__(self, size: int | Sequence[int], padding: int | Sequence[int] | None = None,
                 pad_if_needed: bool = False, fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        self.size: tuple[int, ...] = tuple(two_sizes(size))
        self.padding = None if padding is None else four_sides(padding)
        self.pad_if_needed, self.fill, self.padding_mode = pad_if_needed, fill, padding_mode

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The frame and the rectangle."""
        rows, columns = query_size(flat_inputs)
        left, top, right, bottom = self.padding or (0, 0, 0, 0)
        height, width = self.size
        if self.pad_if_needed:
            wanting = max(height - (rows + top + bottom), 0)
            top, bottom = top + wanting, bottom + wanting
            wanting = max(width - (columns + left + right), 0)
            left, right = left + wanting, right + wanting
        rows, columns = rows + top + bottom, columns + left + right
        if rows < height or columns < width:
            raise ValueError(f"Required crop size {(height, width)} is larger than "
                             f"{'padded ' if self.padding else ''}input image size {(rows, columns)}.")
        down = int(torch.randint(0, rows - height + 1, (1,))) if rows > height else 0
        across = int(torch.randint(0, columns - width + 1, (1,))) if columns > width else 0
        return {"frame": [left, top, right, bottom], "crop": (down, across, height, width)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One framed and cut."""
        if any(params["frame"]):
            inpt = functional.pad(inpt, params["frame"], fill_for(self.fill, inpt), self.padding_mode)
        return functional.crop(inpt, *params["crop"])


class FiveCrop(Transform):
    """The corners and the middle, as five images."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = two_sizes(size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The five of one."""
        return functional.five_crop(inpt, self.size)


class TenCrop(Transform):
    """`FiveCrop` of an image and of the flipped one."""

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__()
        self.size, self.vertical_flip = two_sizes(size), vertical_flip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The ten of one."""
        return functional.ten_crop(inpt, self.size, self.vertical_flip)


class Pad(Transform):
    """A frame."""

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        self.padding = four_sides(padding)
        self.fill, self.padding_mode = fill, padding_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One with a frame."""
        return functional.pad(inpt, self.padding, fill_for(self.fill, inpt), self.padding_mode)


class RandomRotation(Transform):
    """Turned by an angle drawn from ``degrees``."""

    def __init__(self, degrees: float | Sequence[float], interpolation: Any = "nearest", expand: bool = False,
                 center: Sequence[float] | None = None, fill: Any = 0) -> None:
        super().__init__()
        self.degrees = plain.RandomRotation(degrees).degrees
        self.interpolation, self.expand, self.center, self.fill = mode(interpolation), expand, center, fill

    get_params = staticmethod(plain.RandomRotation.get_params)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The angle."""
        return {"angle": self.get_params(self.degrees)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One turned."""
        return functional.rotate(inpt, params["angle"], self.interpolation, self.expand, self.center,
                                 fill_for(self.fill, inpt))


class RandomAffine(Transform):
    """Turned, moved, scaled and sheared by what is drawn; settings as in `transforms.RandomAffine`."""

    def __init__(self, degrees: float | Sequence[float], translate: Sequence[float] | None = None,
                 scale: Sequence[float] | None = None, shear: Any = None, interpolation: Any = "nearest", fill: Any = 0,
                 center: Sequence[float] | None = None) -> None:
        super().__init__()
        checked = plain.RandomAffine(degrees, translate, scale, shear)
        self.degrees, self.translate, self.scale, self.shear = (checked.degrees, checked.translate, checked.scale,
                                                                checked.shear)
        self.interpolation, self.fill, self.center = mode(interpolation), fill, center

    get_params = staticmethod(plain.RandomAffine.get_params)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The angle, the way, the scale and the shear."""
        height, width = query_size(flat_inputs)
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, [width, height])
        return dict(zip(("angle", "translate", "scale", "shear"), drawn, strict=True))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One changed."""
        return functional.affine(inpt, **params, interpolation=self.interpolation, fill=fill_for(self.fill, inpt),
                                 center=self.center)


class RandomPerspective(ByChance):
    """Seen from elsewhere, with the probability ``p``."""

    def __init__(self, distortion_scale: float = 0.5, p: float = 0.5, interpolation: Any = "bilinear", fill: Any = 0
                 ) -> None:
        super().__init__(p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError("Argument distortion_scale value should be between 0 and 1")
        self.distortion_scale, self.interpolation, self.fill = distortion_scale, mode(interpolation), fill

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The points."""
        height, width = query_size(flat_inputs)
        start, end = plain.RandomPerspective.get_params(width, height, self.distortion_scale)
        return {"startpoints": start, "endpoints": end}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One seen from there."""
        return functional.perspective(inpt, **params, interpolation=self.interpolation, fill=fill_for(self.fill, inpt))


class RandomErasing(ByChance):
    """A rectangle replaced, with the probability ``p``; settings as in `transforms.RandomErasing`."""

    def __init__(self, p: float = 0.5, scale: Sequence[float] = (0.02, 0.33), ratio: Sequence[float] = (0.3, 3.3),
                 value: Any = 0.0, inplace: bool = False) -> None:
        super().__init__(p)
        checked = plain.RandomErasing(p, scale, ratio, value, inplace)
        self.scale, self.ratio, self.inplace = checked.scale, checked.ratio, inplace
        self.value = None if value == "random" else [float(value)] if isinstance(value, (int, float)) else list(value)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The rectangle and what it is replaced by."""
        shape = query_chw(flat_inputs)
        if self.value is not None and len(self.value) not in (1, shape[0]):
            raise ValueError("If value is a sequence, it should have either a single value or "
                             f"{shape[0]} (number of inpt channels)")
        drawn = plain.RandomErasing.get_params(torch.zeros(shape), self.scale, self.ratio, self.value)
        return dict(zip("ijhwv", drawn, strict=True))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One with the rectangle; masks and boxes stay as they are, with a warning."""
        if isinstance(inpt, (tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints)):
            warnings.warn(f"{type(self).__name__}() is currently passing through inputs of type "
                          f"tv_tensors.{type(inpt).__name__}. This will likely change in the future.", stacklevel=2)
        return functional.erase(inpt, **params, inplace=self.inplace)
