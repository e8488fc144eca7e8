"""Transforms that crop, flip, turn and bend by chance.

Every draw is made with wengert's generator by the same calls in the same order as in torchvision, so that the same
seed gives the same images. ``get_params`` draws, ``forward`` applies.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from numbers import Number
from typing import Any

import wengert as torch
from wengert import Tensor, nn

from ...core.errors import in_words
from . import functional
from .functional import InterpolationMode
from .functional.geometry import two_sizes
from .functional.modes import mode_of


def uniform(low: float, high: float) -> float:
    """One number drawn from low…high."""
    return torch.empty(1).uniform_(low, high).item()


def happens(probability: float) -> bool:
    """Whether something of this probability happens, drawn."""
    return bool(torch.rand(1).item() < probability)


def _integer(low: int, high: int) -> int:
    return int(torch.randint(low, high, size=(1,)).item())


def check_sequence(value: Any, name: str, lengths: tuple[int, ...]) -> None:
    """Raises TypeError or ValueError if ``value`` is no sequence of one of the lengths."""
    wanted = f"{name} should be a sequence of length {' or '.join(map(str, lengths))}."
    if not isinstance(value, Sequence):
        raise TypeError(wanted)
    if len(value) not in lengths:
        raise ValueError(wanted)


def range_of(value: float | Sequence[float], name: str, lengths: tuple[int, ...] = (2,)) -> list[float]:
    """``[-value, value]`` of a number; the numbers of a sequence."""
    if isinstance(value, Number):
        if value < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return [float(-value), float(value)]  # type: ignore[operator, arg-type]
    check_sequence(value, name, lengths)
    return [float(part) for part in value]  # type: ignore[union-attr]


def check_fill(fill: Any) -> Any:
    """The colour for what lies outside, 0 for None. Raises TypeError."""
    if fill is not None and not isinstance(fill, (Sequence, Number)):
        raise TypeError("Fill should be either a sequence or a number.")
    return 0 if fill is None else fill


def fill_for(img: Any, fill: Any) -> Any:
    """The colour as it is for pictures; for tensors one number for each channel."""
    if not isinstance(img, Tensor) or fill is None:
        return fill
    if isinstance(fill, (int, float)):
        return [float(fill)] * functional.get_image_num_channels(img)
    return [float(part) for part in fill]


@in_words
class RandomCrop(nn.Module):
    """A rectangle of ``size`` at a place drawn.

    The image first gets a frame of ``padding`` and, with ``pad_if_needed``, as much as makes it large enough (see
    `functional.pad`). Raises ValueError for an image that is too small.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomCrop(3)(image).shape
    torch.Size([3, 3, 3])
    """

    def __init__(self, size: int | Sequence[int], padding: int | Sequence[int] | None = None,
                 pad_if_needed: bool = False, fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        self.size = tuple(two_sizes(size))
        self.padding, self.pad_if_needed, self.fill, self.padding_mode = padding, pad_if_needed, fill, padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Top, left, height, width."""
        _, rows, columns = functional.get_dimensions(img)
        height, width = output_size
        if rows < height or columns < width:
            raise ValueError(f"Required crop size {(height, width)} is larger than input image size {(rows, columns)}")
        if (rows, columns) == (height, width):
            return 0, 0, rows, columns
        top = _integer(0, rows - height + 1)
        return top, _integer(0, columns - width + 1), height, width

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = functional.pad(img, self.padding, self.fill, self.padding_mode)
        _, rows, columns = functional.get_dimensions(img)
        if self.pad_if_needed and columns < self.size[1]:
            img = functional.pad(img, [self.size[1] - columns, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and rows < self.size[0]:
            img = functional.pad(img, [0, self.size[0] - rows], self.fill, self.padding_mode)
        return functional.crop(img, *self.get_params(img, self.size))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


@in_words
class ByChance(nn.Module):
    """What is done to an image with the probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def _change(self, img: Any) -> Any:
        raise NotImplementedError

    def forward(self, img: Any) -> Any:
        return self._change(img) if happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(ByChance):
    """Left and right exchanged, with the probability ``p``.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomHorizontalFlip(p=1.0)(image)[0, 0]
    tensor([3, 2, 1, 0], dtype=torch.uint8)
    """

    def _change(self, img: Any) -> Any:
        return functional.hflip(img)


class RandomVerticalFlip(ByChance):
    """Top and bottom exchanged, with the probability ``p``.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomVerticalFlip(p=1.0)(image)[0, :, 0]
    tensor([12,  8,  4,  0], dtype=torch.uint8)
    """

    def _change(self, img: Any) -> Any:
        return functional.vflip(img)


def _areas(op: str, whole: int, scale: Sequence[float], ratio: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Ten draws of an area, a share of the ``whole`` within ``scale``, and of a ratio of sides within ``ratio``,
    uniform in its logarithm."""
    if not 0 <= min(scale) <= max(scale) < math.inf:
        raise ValueError(f"[{op}] a scale of finite numbers from 0 on was expected; got {scale}")
    bounds = torch.log(torch.tensor(list(ratio))).tolist()
    for _ in range(10):
        area = whole * uniform(scale[0], scale[1])
        yield area, torch.exp(torch.empty(1).uniform_(*bounds)).item()


def _check_ranges(scale: Any, ratio: Any) -> None:
    for name, value in (("Scale", scale), ("Ratio", ratio)):
        if not isinstance(value, Sequence):
            raise TypeError(f"{name} should be a sequence")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=4)


@in_words
class RandomResizedCrop(nn.Module):
    """A rectangle drawn, resized to ``size``.

    Its area is ``scale`` (from, to) of the image's, its ratio of width to height within ``ratio``. If ten draws give
    none that fits, it is the largest one in the middle.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomResizedCrop(2)(image).shape
    torch.Size([3, 2, 2])
    """

    def __init__(self, size: int | Sequence[int], scale: Sequence[float] = (0.08, 1.0),
                 ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
                 interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
                 antialias: bool | None = True) -> None:
        super().__init__()
        self.size = two_sizes(size)
        _check_ranges(scale, ratio)
        self.scale, self.ratio, self.antialias = scale, ratio, antialias
        self.interpolation = mode_of(interpolation)

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """Top, left, height, width."""
        _, rows, columns = functional.get_dimensions(img)
        for area, shape in _areas("RandomResizedCrop", rows * columns, scale, ratio):
            width, height = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < width <= columns and 0 < height <= rows:
                top = _integer(0, rows - height + 1)
                return top, _integer(0, columns - width + 1), height, width
        height, width = rows, columns
        if columns / rows < min(ratio):
            height = round(width / min(ratio))
        elif columns / rows > max(ratio):
            width = round(height * max(ratio))
        return (rows - height) // 2, (columns - width) // 2, height, width

    def forward(self, img: Any) -> Any:
        place = self.get_params(img, self.scale, self.ratio)
        return functional.resized_crop(img, *place, self.size, self.interpolation, antialias=self.antialias)

    def __repr__(self) -> str:
        scale, ratio = (tuple(round(part, 4) for part in pair) for pair in (self.scale, self.ratio))
        return (
            f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


@in_words
class RandomRotation(nn.Module):
    """A turn by an angle drawn from ``degrees``: (from, to), or one number d for (-d, d). See `functional.rotate`.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomRotation(45)(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, degrees: float | Sequence[float],
                 interpolation: InterpolationMode | int = InterpolationMode.NEAREST, expand: bool = False,
                 center: Sequence[float] | None = None, fill: Any = 0) -> None:
        super().__init__()
        self.degrees = range_of(degrees, "degrees")
        if center is not None:
            check_sequence(center, "center", (2,))
        self.center, self.expand, self.fill = center, expand, check_fill(fill)
        self.interpolation = mode_of(interpolation)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """The angle, in degrees."""
        return uniform(float(degrees[0]), float(degrees[1]))

    def forward(self, img: Any) -> Any:
        fill = fill_for(img, self.fill)
        angle = self.get_params(self.degrees)
        return functional.rotate(img, angle, self.interpolation, self.expand, self.center, fill)

    def __repr__(self) -> str:
        center = "" if self.center is None else f", center={self.center}"
        return (
            f"{type(self).__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}{center}, fill={self.fill})"
        )


@in_words
class RandomAffine(nn.Module):
    """An affine map drawn: see `functional.affine`.

    The angle comes from ``degrees``, the shift from up to ``translate`` (fractions of width and height) either way, the
    scale from ``scale``, the shear in degrees from ``shear``: (from, to) along x, or four numbers for x and y. What is
    None is left out.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomAffine(degrees=30, translate=(0.1, 0.1))(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, degrees: float | Sequence[float], translate: Sequence[float] | None = None,
                 scale: Sequence[float] | None = None, shear: float | Sequence[float] | None = None,
                 interpolation: InterpolationMode | int = InterpolationMode.NEAREST, fill: Any = 0,
                 center: Sequence[float] | None = None) -> None:
        super().__init__()
        self.degrees = range_of(degrees, "degrees")
        if translate is not None:
            check_sequence(translate, "translate", (2,))
            if not all(0.0 <= part <= 1.0 for part in translate):
                raise ValueError("translation values should be between 0 and 1")
        if scale is not None:
            check_sequence(scale, "scale", (2,))
            if not all(part > 0 for part in scale):
                raise ValueError("scale values should be positive")
        if center is not None:
            check_sequence(center, "center", (2,))
        self.translate, self.scale, self.center, self.fill = translate, scale, center, check_fill(fill)
        self.shear = None if shear is None else range_of(shear, "shear", (2, 4))
        self.interpolation = mode_of(interpolation)

    @staticmethod
    def get_params(degrees: Sequence[float], translate: Sequence[float] | None, scale_ranges: Sequence[float] | None,
                   shears: Sequence[float] | None,
                   img_size: Sequence[int]) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Angle, shift, scale, shear; ``img_size`` is ``(width, height)``."""
        angle = uniform(float(degrees[0]), float(degrees[1]))
        across = down = 0
        if translate is not None:
            width, height = float(translate[0] * img_size[0]), float(translate[1] * img_size[1])
            across, down = round(uniform(-width, width)), round(uniform(-height, height))
        scale = 1.0 if scale_ranges is None else uniform(scale_ranges[0], scale_ranges[1])
        shear_x = 0.0 if shears is None else uniform(shears[0], shears[1])
        shear_y = uniform(shears[2], shears[3]) if shears is not None and len(shears) == 4 else 0.0
        return angle, (across, down), scale, (shear_x, shear_y)

    def forward(self, img: Any) -> Any:
        _, height, width = functional.get_dimensions(img)
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, [width, height])
        return functional.affine(img, *drawn, self.interpolation, fill_for(img, self.fill), self.center)

    def __repr__(self) -> str:
        parts = [f"degrees={self.degrees}"]
        for name in ("translate", "scale", "shear"):
            if getattr(self, name) is not None:
                parts.append(f"{name}={getattr(self, name)}")
        if self.interpolation is not InterpolationMode.NEAREST:
            parts.append(f"interpolation={self.interpolation.value}")
        if self.fill != 0:
            parts.append(f"fill={self.fill}")
        if self.center is not None:
            parts.append(f"center={self.center}")
        return f"{type(self).__name__}({', '.join(parts)})"


@in_words
class RandomPerspective(nn.Module):
    """With the probability ``p`` a view at an angle: each corner moved in by up to ``distortion_scale`` / 2.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomPerspective(p=1.0)(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, distortion_scale: float = 0.5, p: float = 0.5,
                 interpolation: InterpolationMode | int = InterpolationMode.BILINEAR, fill: Any = 0) -> None:
        super().__init__()
        self.p, self.distortion_scale, self.fill = p, distortion_scale, check_fill(fill)
        self.interpolation = mode_of(interpolation)

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[list[list[int]], list[list[int]]]:
        """The corners ``(x, y)`` from the top left clockwise, and where they go."""
        if not math.isfinite(distortion_scale * max(width, height)):
            raise ValueError(f"[RandomPerspective] a finite distortion_scale was expected; got {distortion_scale}")
        across, down = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        left, right = (0, across + 1), (width - across - 1, width)
        top, bottom = (0, down + 1), (height - down - 1, height)
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        ends = [[_integer(*x), _integer(*y)] for x, y in corners]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def forward(self, img: Any) -> Any:
        fill = fill_for(img, self.fill)
        _, height, width = functional.get_dimensions(img)
        if not happens(self.p):
            return img
        starts, ends = self.get_params(width, height, self.distortion_scale)
        return functional.perspective(img, starts, ends, self.interpolation, fill)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


@in_words
class RandomErasing(nn.Module):
    """With the probability ``p`` a rectangle of a tensor ``(C, H, W)`` erased (Zhong et al., 2017).

    ``scale`` is the range of its area as a fraction of the image's, ``ratio`` that of its shape, ``value`` what it is
    filled with: a number, one for each channel, or ``"random"`` for normally distributed ones.

    >>> from wengert.vision import transforms
    >>> transforms.RandomErasing(p=1.0)(torch.ones(3, 4, 4)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, p: float = 0.5, scale: Sequence[float] = (0.02, 0.33), ratio: Sequence[float] = (0.3, 3.3),
                 value: float | str | Sequence[float] = 0, inplace: bool = False) -> None:
        super().__init__()
        if not isinstance(value, (int, float, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        _check_ranges(scale, ratio)
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if p < 0 or p > 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Sequence[float] | None = None
    ) -> tuple[int, int, int, int, Tensor]:
        """Top, left, height, width and what goes there; the whole image, if ten draws give nothing that fits."""
        channels, rows, columns = img.shape[-3:]
        for area, shape in _areas("RandomErasing", rows * columns, scale, ratio):
            height, width = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if height >= rows or width >= columns:
                continue
            if value is None:
                content = torch.empty(channels, height, width, dtype=torch.float32).normal_()
            else:
                content = torch.tensor(list(value))[:, None, None]
            top = _integer(0, rows - height + 1)
            return top, _integer(0, columns - width + 1), height, width, content
        return 0, 0, rows, columns, img

    def forward(self, img: Tensor) -> Tensor:
        if not happens(self.p):
            return img
        content = None
        if not isinstance(self.value, str):
            values = self.value if isinstance(self.value, Sequence) else [self.value]
            content = [float(value) for value in values]
        if content is not None and len(content) not in (1, img.shape[-3]):
            raise ValueError("If value is a sequence, it should have either a single value or "
                             f"{img.shape[-3]} (number of input channels)")
        return functional.erase(img, *self.get_params(img, self.scale, self.ratio, content), self.inplace)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, "
            f"inplace={self.inplace})"
        )


@in_words
class ElasticTransform(nn.Module):
    """An image bent by a smooth field of displacements drawn.

    ``alpha`` is their strength and ``sigma`` the width in pixels of the normal distribution that smooths them, each one
    number or one for x and one for y.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.ElasticTransform(alpha=10.0, sigma=0.5)(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, alpha: float | Sequence[float] = 50.0, sigma: float | Sequence[float] = 5.0,
                 interpolation: InterpolationMode | int = InterpolationMode.BILINEAR, fill: Any = 0) -> None:
        super().__init__()
        self.alpha, self.sigma = _two_floats(alpha, "alpha"), _two_floats(sigma, "sigma")
        self.interpolation = mode_of(interpolation)
        if not isinstance(fill, (int, float, list, tuple)):
            raise TypeError(f"fill should be int or float or a list or tuple of them. Got {type(fill)}")
        self.fill = [float(part) for part in (fill if isinstance(fill, (list, tuple)) else [fill])]

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Tensor:
        """The displacements ``(1, H, W, 2)`` for a ``size`` of ``(height, width)``, in half sizes."""
        fields = []
        for strength, width, extent in zip(alpha, sigma, (size[1], size[0]), strict=True):
            field = torch.rand(1, 1, *size) * 2 - 1
            if not math.isfinite(8 * width):
                raise ValueError(f"[ElasticTransform] a finite sigma was expected; got {width}")
            if width > 0.0:
                # Both widths blur each field; the size of the kernel goes by the width of its own direction.
                field = functional.gaussian_blur(field, int(8 * width + 1) // 2 * 2 + 1, sigma)
            fields.append(field * strength / extent)
        return torch.cat(fields, 1).permute(0, 2, 3, 1)

    def forward(self, tensor: Any) -> Any:
        _, height, width = functional.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return functional.elastic_transform(tensor, displacement, self.interpolation, self.fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(alpha={self.alpha}, sigma={self.sigma}, interpolation={self.interpolation}, "
            f"fill={self.fill})"
        )


def _two_floats(value: float | Sequence[float], name: str) -> list[float]:
    if not isinstance(value, (float, Sequence)):
        raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
    if isinstance(value, float):
        return [value, value]
    if len(value) != 2:
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(value)}")
    for part in value:
        if not isinstance(part, float):
            raise TypeError(f"{name} should be a sequence of floats. Got {type(part)}")
    return list(value)
