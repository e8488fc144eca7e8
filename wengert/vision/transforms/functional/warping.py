"""Rotations, affine and projective maps, elastic distortions.

All of them say, for each pixel of the result, where in the image it comes from: Pillow takes the coefficients of that
map, for tensors the places are computed here and `grid_sample` fetches what is there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

import wengert as torch
from wengert import Tensor

from ....core.errors import in_words
from ....nn import functional
from ....ops.arguments import real
from ...pillow import is_picture, pillow
from .conversion import get_dimensions, pil_to_tensor, to_pil_image
from .geometry import as_batch, fill_of, like
from .modes import PILLOW_NUMBERS, InterpolationMode, check_image, mode_of

Fill = float | Sequence[float] | None


def inverse_affine(
    center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> list[float]:
    """The first two rows of the matrix that takes a place of the result to the place that it comes from.

    The image is sheared (degrees along x and y), scaled, turned clockwise by ``angle`` degrees about ``center`` and
    then moved by ``translate``; this is the inverse of all that, in closed form.
    """
    if not all(math.isfinite(number) for number in (angle, *shear)):
        raise ValueError(f"[affine] finite angles were expected; got angle={angle} and shear={list(shear)}")
    turn, shear_x, shear_y = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    # The product of rotation and shears, without the scale; its determinant is 1.
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -math.cos(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -math.sin(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) + math.cos(turn)
    rows = []
    for x, y, origin in ((d, -b, center[0]), (-c, a, center[1])):
        x, y = x / scale, y / scale
        # Back by the translation and the centre, and forth to the centre after the map.
        shift = x * (-center[0] - translate[0]) + y * (-center[1] - translate[1]) + origin
        rows += [x, y, shift]
    return rows


@in_words
def rotate(img: Any, angle: float, interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
           expand: bool = False, center: Sequence[float] | None = None, fill: Fill = None) -> Any:
    """An image turned counter-clockwise by ``angle`` degrees about ``center``, ``(x, y)``, by default the middle.

    ``expand`` makes the result large enough for the whole image; what lies outside of the image becomes ``fill``.
    Raises TypeError and ValueError for arguments that do not fit.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.rotate(image, 90)[0]
    tensor([[20, 40],
            [10, 30]], dtype=torch.uint8)
    """
    mode = mode_of(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    if is_picture(img):
        return img.rotate(angle, PILLOW_NUMBERS[mode], expand, center, fillcolor=fill_of(img, fill))
    _, height, width = get_dimensions(img)
    matrix = inverse_affine(_from_middle(center, width, height), -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    size = _expanded(matrix, width, height) if expand else (width, height)
    return _sample(img, _affine_grid(matrix, img, *size), mode, fill)


@in_words
def affine(img: Any, angle: float, translate: Sequence[float], scale: float, shear: float | Sequence[float],
           interpolation: InterpolationMode | int = InterpolationMode.NEAREST, fill: Fill = None,
           center: Sequence[float] | None = None) -> Any:
    """An image turned clockwise, moved (pixels right and down), scaled and sheared (degrees along x, or x and y).

    ``center``, ``(x, y)``, stays where it is, by default the middle; what lies outside of the image becomes ``fill``.
    Raises TypeError and ValueError for arguments that do not fit.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.affine(image, angle=0.0, translate=[1, 0], scale=1.0, shear=[0.0, 0.0])[0]
    tensor([[ 0, 10],
            [ 0, 30]], dtype=torch.uint8)
    """
    mode = mode_of(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0:
        raise ValueError("Argument scale should be positive")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    shears = _two_shears(shear)
    _, height, width = get_dimensions(img)
    if is_picture(img):
        about = (width * 0.5, height * 0.5) if center is None else center
        matrix = inverse_affine(about, angle, translate, scale, shears)
        return _transform(img, "AFFINE", matrix, mode, fill)
    matrix = inverse_affine(_from_middle(center, width, height), angle, translate, scale, shears)
    return _sample(img, _affine_grid(matrix, img, width, height), mode, fill)


def _two_shears(shear: float | Sequence[float]) -> list[float]:
    if isinstance(shear, Number):
        return [float(shear), 0.0]  # type: ignore[arg-type]
    if not isinstance(shear, (list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    if len(shear) not in (1, 2):
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    return [shear[0], shear[-1]]


def _transform(img: Any, method: str, coefficients: Sequence[float], mode: InterpolationMode, fill: Fill) -> Any:
    kind = getattr(pillow().Transform, method)
    return img.transform(img.size, kind, coefficients, PILLOW_NUMBERS[mode], fillcolor=fill_of(img, fill))


def _from_middle(center: Sequence[float] | None, width: int, height: int) -> tuple[float, float]:
    """A place measured from the middle of the image, where the places of tensors have their origin."""
    return (0.0, 0.0) if center is None else (center[0] - width * 0.5, center[1] - height * 0.5)


def _expanded(matrix: Sequence[float], width: int, height: int) -> tuple[int, int]:
    """Width and height of the smallest upright rectangle around the image after the map (a rotation)."""
    corners = np.array([[x * width, y * height, 1] for x in (-0.5, 0.5) for y in (-0.5, 0.5)], np.float32)
    places = corners @ np.array(matrix, np.float32).reshape(2, 3).T + np.array([width, height], np.float32) / 2
    # Rounding errors are cut off before whole pixels are counted.
    low, high = (np.trunc(extreme / np.float32(1e-4)) * np.float32(1e-4) for extreme in (places.min(0), places.max(0)))
    across, down = np.ceil(high) - np.floor(low)
    return int(across), int(down)


def _numbers(img: Tensor) -> torch.dtype:
    return img.dtype if img.is_floating_point() else torch.float32


def _centres(count: int, first: float, dtype: torch.dtype) -> Tensor:
    return torch.linspace(first, first + count - 1, count).to(dtype)


def _affine_grid(matrix: Sequence[float], img: Tensor, across: int, down: int) -> Tensor:
    """Where in the image, in -1…1 each way, the pixels of a result of the size given come from: ``(1, H, W, 2)``."""
    dtype = _numbers(img)
    places = torch.ones(down, across, 3, dtype=dtype)
    places[..., 0] = _centres(across, -across * 0.5 + 0.5, dtype)
    places[..., 1] = _centres(down, -down * 0.5 + 0.5, dtype)[:, None]
    half = torch.tensor([0.5 * img.shape[-1], 0.5 * img.shape[-2]], dtype=dtype)
    columns = torch.tensor(list(matrix), dtype=dtype).reshape(2, 3).t() / half
    return (places.reshape(-1, 3) @ columns).reshape(1, down, across, 2)


def _sample(img: Tensor, grid: Tensor, mode: InterpolationMode, fill: Fill) -> Tensor:
    """What is at the places of a grid in the image; ``fill``, one number or one for each channel, outside of it."""
    check_image(img)
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ValueError(f"Interpolation mode '{mode.value}' is unsupported with Tensor input")
    values = list(fill) if isinstance(fill, (list, tuple)) else [fill]
    if len(values) not in (1, get_dimensions(img)[0]):
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of the image "
            f"({len(values)} != {get_dimensions(img)[0]})"
        )
    batch = as_batch(img if img.ndim > 2 else img[None], grid.dtype)
    grid = grid.expand(batch.shape[0], -1, -1, -1)
    result = functional.grid_sample(batch, grid, mode=mode.value, padding_mode="zeros", align_corners=False)
    if fill is not None:
        # A channel of ones, sampled along, says how much of each pixel lies inside.
        ones = torch.ones_like(batch[:, :1])
        inside = functional.grid_sample(ones, grid, mode=mode.value, padding_mode="zeros", align_corners=False)
        colour = torch.tensor(values, dtype=grid.dtype).reshape(1, -1, 1, 1)
        if mode is InterpolationMode.NEAREST:
            result = torch.where(inside < 0.5, colour, result)
        else:
            result = result * inside + (1.0 - inside) * colour
    return like(result, img) if img.ndim > 2 else like(result[0], img[None])[0]


@in_words
def perspective(img: Any, startpoints: Sequence[Sequence[int]], endpoints: Sequence[Sequence[int]],
                interpolation: InterpolationMode | int = InterpolationMode.BILINEAR, fill: Fill = None,
                coefficients: Sequence[float] | None = None) -> Any:
    """An image seen at an angle: the four ``startpoints``, ``(x, y)``, come to lie at the four ``endpoints``, or the
    eight ``coefficients`` say where the end comes from.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> corners = [[0, 0], [1, 0], [1, 1], [0, 1]]
    >>> TF.perspective(image, corners, corners)[0]
    tensor([[10, 20],
            [30, 40]], dtype=torch.uint8)
    """
    mode = mode_of(interpolation)
    if coefficients is not None:
        if is_picture(img):
            return _transform(img, "PERSPECTIVE", coefficients, mode, fill)
        return _sample(img, _perspective_grid(coefficients, img), mode, fill)
    coefficients = projective(startpoints, endpoints)
    if is_picture(img):
        return _transform(img, "PERSPECTIVE", coefficients, mode, fill)
    return _sample(img, _perspective_grid(coefficients, img), mode, fill)


def projective(start: Sequence[Sequence[int]], end: Sequence[Sequence[int]]) -> list[float]:
    """a…h of ``((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y + 1))``, which maps end to start.
    Raises ValueError for other than four points each."""
    if len(start) != 4 or len(end) != 4:
        raise ValueError(
            f"[perspective] exactly four corners were expected on both sides; got {len(start)} startpoints and "
            f"{len(end)} endpoints"
        )
    rows = []
    for (x, y), (u, v) in zip(end, start, strict=True):
        a, b, c, d = (real(number, "perspective") for number in (x, y, u, v))
        rows += [[a, b, 1, 0, 0, 0, -c * a, -c * b], [0, 0, 0, a, b, 1, -d * a, -d * b]]
    solution = np.linalg.lstsq(np.array(rows, np.float64), np.array(start, np.float64).ravel(), rcond=None)[0]
    return solution.astype(np.float32).tolist()


def _perspective_grid(coefficients: Sequence[float], img: Tensor) -> Tensor:
    down, across, dtype = img.shape[-2], img.shape[-1], _numbers(img)
    places = torch.ones(down, across, 3, dtype=dtype)
    places[..., 0] = _centres(across, 0.5, dtype)
    places[..., 1] = _centres(down, 0.5, dtype)[:, None]
    half = torch.tensor([0.5 * across, 0.5 * down], dtype=dtype)
    above = torch.tensor(list(coefficients[:6]), dtype=dtype).reshape(2, 3).t() / half
    below = torch.tensor([*coefficients[6:], 1.0], dtype=dtype)[:, None]
    flat = places.reshape(-1, 3)
    return (flat @ above / (flat @ below) - 1.0).reshape(1, down, across, 2)


@in_words
def elastic_transform(img: Any, displacement: Tensor,
                      interpolation: InterpolationMode | int = InterpolationMode.BILINEAR, fill: Fill = None) -> Any:
    """An image whose pixels come from places moved by ``displacement``, ``(1, H, W, 2)``: x and y, in half sizes.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.elastic_transform(image, torch.zeros(1, 2, 2, 2))[0]
    tensor([[10, 20],
            [30, 40]], dtype=torch.uint8)
    """
    mode = mode_of(interpolation)
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    image = pil_to_tensor(img) if is_picture(img) else check_image(img)
    height, width = image.shape[-2:]
    if tuple(displacement.shape) != (1, height, width, 2):
        raise ValueError(
            f"Argument displacement shape should be {(1, height, width, 2)}, but given {displacement.shape}"
        )
    x = torch.linspace((1 - width) / width, (width - 1) / width, width)
    y = torch.linspace((1 - height) / height, (height - 1) / height, height)
    places = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], -1)[None]
    result = _sample(image, places + displacement, mode, fill)
    return to_pil_image(result, img.mode) if is_picture(img) else result
