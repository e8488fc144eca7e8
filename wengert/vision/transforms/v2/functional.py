"""What the transforms do, without the chance: to images, pictures and plain tensors as `transforms.functional` does
it, to masks without mixing their numbers, to boxes by moving their corners.

Results are of the kind of what came in.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Any

import numpy as np

import wengert as torch
from wengert import Tensor

from ... import tv_tensors
from ...io.image import decode_jpeg, encode_jpeg
from ...ops.boxes import box_convert
from ...pillow import pillow
from .. import functional as plain
from ..functional import InterpolationMode
from ..functional.geometry import four_sides, resized, two_sizes
from ..functional.warping import _expanded as expanded
from ..functional.warping import inverse_affine, projective
from . import boxes as moved
from .boxes import Moved
from .kernels import by_kind as _by_kind
from .kernels import kernel_called as _kernel_called
from .kernels import kernel_names as _kernel_names
from .kernels import register_kernel as register_kernel


def is_pure_tensor(inpt: Any) -> bool:
    """Whether this is a tensor of no kind.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.is_pure_tensor(torch.ones(2)), TF.is_pure_tensor(tv_tensors.Image(torch.ones(3, 2, 2)))
    (True, False)
    """
    return isinstance(inpt, Tensor) and not isinstance(inpt, tv_tensors.TVTensor)


def mode(interpolation: Any) -> InterpolationMode:
    """An interpolation that may be given by its name."""
    return InterpolationMode(interpolation) if isinstance(interpolation, str) else interpolation


@_by_kind
def get_dimensions(inpt: Any) -> list[int]:
    """[channels, height, width]."""
    return plain.get_dimensions(inpt)


@_by_kind
def get_size(inpt: Any) -> list[int]:
    """[height, width]; of boxes and points, those of their image.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.get_size(torch.zeros(3, 4, 5))
    [4, 5]
    """
    if isinstance(inpt, (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)):
        return list(inpt.canvas_size)
    if isinstance(inpt, tv_tensors.Mask):
        return list(inpt.shape[-2:])
    return plain.get_dimensions(inpt)[1:]


@_by_kind
def get_num_channels(inpt: Any) -> int:
    """The number of channels.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.get_num_channels(torch.zeros(3, 4, 5))
    3
    """
    return plain.get_image_num_channels(inpt)


get_image_num_channels = get_num_channels


def get_image_size(inpt: Any) -> list[int]:
    """[width, height], the other way round than `get_size`.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.get_image_size(torch.zeros(3, 4, 5))
    [5, 4]
    """
    return list(reversed(get_size(inpt)))


def _on(inpt: Any, image: Callable[[Any], Any], mask: Callable[[Tensor], Tensor] | None = None,
        boxes: Callable[[Any], Any] | None = None,
        points: Callable[[Tensor, tuple[int, int]], Moved] | None = None) -> Any:
    """What is done to an image, a mask, boxes, or points (N, 2) with the size of their image; None leaves them."""
    if isinstance(inpt, tv_tensors.BoundingBoxes):
        return inpt if boxes is None else boxes(inpt)
    if isinstance(inpt, tv_tensors.KeyPoints):
        return inpt if points is None else _points_on(inpt, points)
    if isinstance(inpt, tv_tensors.Mask):
        return inpt if mask is None else tv_tensors.wrap(_as_image(mask, inpt.as_subclass(Tensor)), like=inpt)
    if isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)):
        return tv_tensors.wrap(image(inpt.as_subclass(Tensor)), like=inpt)
    if isinstance(inpt, tv_tensors.TVTensor):
        return inpt  # of a kind of the program's own, see `register_kernel`
    if isinstance(inpt, Tensor) or hasattr(inpt, "getbands"):
        return image(inpt)
    raise TypeError(f"[transforms.v2] an image, a picture, a mask or boxes were expected; got {type(inpt).__name__}")


def _as_image(mask: Callable[[Tensor], Tensor], numbers: Tensor) -> Tensor:
    """A mask may lack the dimension of channels."""
    return mask(numbers.unsqueeze(0)).squeeze(0) if numbers.ndim < 3 else mask(numbers)


def _points_on(inpt: Any, move: Callable[[Tensor, tuple[int, int]], Moved]) -> Any:
    numbers = inpt.as_subclass(Tensor)
    flat = numbers.reshape(-1, 2)
    places, size = move(flat if flat.is_floating_point() else flat.float(), inpt.canvas_size)
    return tv_tensors.wrap(places.reshape(numbers.shape).to(numbers.dtype), like=inpt, canvas_size=size)


def to_image(inpt: Any) -> Any:
    """A tensor, an array (H, W, C) or a picture as a `tv_tensors.Image`.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.to_image(np.zeros((2, 2, 3), dtype=np.uint8)).shape
    torch.Size([3, 2, 2])
    """
    if isinstance(inpt, Tensor):
        return tv_tensors.Image(inpt)
    if hasattr(inpt, "getbands"):
        return tv_tensors.Image(plain.pil_to_tensor(inpt))
    if hasattr(inpt, "__array__"):
        pixels = torch.as_tensor(inpt)
        return tv_tensors.Image(pixels.reshape(*pixels.shape[:2], -1).permute(2, 0, 1).contiguous())
    raise TypeError(f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead.")


def pil_to_tensor(pic: Any) -> Tensor:
    """A picture of Pillow's as a tensor of bytes (C, H, W)."""
    return plain.pil_to_tensor(pic)


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor or an array as a picture of Pillow's."""
    return plain.to_pil_image(pic.as_subclass(Tensor) if isinstance(pic, Tensor) else pic, mode)


@_by_kind
def to_dtype(inpt: Any, dtype: torch.dtype = torch.float32, scale: bool = False) -> Any:
    """The numbers in another dtype; ``scale`` makes an image's largest number that of the new dtype.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.to_dtype(torch.tensor([[[0, 255]]], dtype=torch.uint8), torch.float32, scale=True)
    tensor([[[0., 1.]]])
    """
    def convert(image: Tensor) -> Tensor:
        return plain.convert_image_dtype(image, dtype) if scale else image.to(dtype)

    if isinstance(inpt, (tv_tensors.Mask, tv_tensors.BoundingBoxes)):
        return inpt.to(dtype)
    return _on(inpt, convert)


def convert_image_dtype(image: Any, dtype: torch.dtype = torch.float32) -> Any:
    """`to_dtype` with ``scale``.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.convert_image_dtype(torch.tensor([[[0, 255]]], dtype=torch.uint8))
    tensor([[[0., 1.]]])
    """
    return to_dtype(image, dtype, scale=True)


def to_tensor(inpt: Any) -> Tensor:
    """`transforms.functional.to_tensor`: a picture or an array (H, W, C) as a tensor (C, H, W).

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.to_tensor(np.zeros((2, 3, 1), dtype=np.uint8)).shape
    torch.Size([1, 2, 3])
    """
    return plain.to_tensor(inpt)


@_by_kind
def normalize(inpt: Any, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Any:
    """(image - mean) / std for each channel."""
    return _on(inpt, lambda image: plain.normalize(image, mean, std, inplace))


@_by_kind
def horizontal_flip(inpt: Any) -> Any:
    """Left and right exchanged."""
    return _on(inpt, plain.hflip, plain.hflip, partial(moved.flipped, upside_down=False),
               lambda points, size: (torch.stack((size[1] - 1 - points[:, 0], points[:, 1]), -1), size))


@_by_kind
def vertical_flip(inpt: Any) -> Any:
    """Top and bottom exchanged."""
    return _on(inpt, plain.vflip, plain.vflip, partial(moved.flipped, upside_down=True),
               lambda points, size: (torch.stack((points[:, 0], size[0] - 1 - points[:, 1]), -1), size))


hflip, vflip = horizontal_flip, vertical_flip


@_by_kind
def resize(inpt: Any, size: int | Sequence[int] | None, interpolation: Any = InterpolationMode.BILINEAR,
           max_size: int | None = None, antialias: bool | None = True) -> Any:
    """Another size: (height, width), or one number for the shorter side; masks by the nearest pixel."""
    if size is None:
        height, width = get_size(inpt)
        assert max_size is not None
        share = max_size / max(height, width)
        size = [int(height * share), int(width * share)]
        max_size = None
    sizes: Any = [size] if isinstance(size, int) else list(size)

    def size_of(canvas: tuple[int, int]) -> tuple[int, int]:
        return resized(*canvas, sizes, max_size)

    def move(points: Tensor, canvas: tuple[int, int]) -> Moved:
        height, width = size_of(canvas)
        return points * torch.tensor([width / canvas[1], height / canvas[0]], dtype=points.dtype), (height, width)

    return _on(inpt, lambda image: plain.resize(image, sizes, mode(interpolation), max_size, antialias),
               lambda mask: plain.resize(mask, sizes, InterpolationMode.NEAREST, max_size),
               lambda boxes: moved.scaled(boxes, size_of(boxes.canvas_size)), move)


@_by_kind
def crop(inpt: Any, top: int, left: int, height: int, width: int) -> Any:
    """A rectangle; what of it lies outside is zero, and boxes are cut to it."""
    def shift(points: Tensor, size: tuple[int, int]) -> Moved:
        return points - torch.tensor([left, top], dtype=points.dtype), (height, width)

    def cut(image: Any) -> Any:
        return plain.crop(image, top, left, height, width)

    return _on(inpt, cut, cut, lambda boxes: moved.shifted(boxes, -left, -top, (height, width), True), shift)


@_by_kind
def center_crop(inpt: Any, output_size: int | Sequence[int]) -> Any:
    """The rectangle in the middle."""
    height, width = two_sizes(output_size)

    def cut(image: Any) -> Any:
        return plain.center_crop(image, [height, width])

    def places(inpt: Any) -> Any:
        top, left = (round((whole - part) / 2.0) for whole, part in zip(inpt.canvas_size, (height, width), strict=True))
        return crop(inpt, top, left, height, width)

    return places(inpt) if isinstance(inpt, tv_tensors.KeyPoints) else _on(inpt, cut, cut, places)


@_by_kind
def resized_crop(inpt: Any, top: int, left: int, height: int, width: int, size: int | Sequence[int],
                 interpolation: Any = InterpolationMode.BILINEAR, antialias: bool | None = True) -> Any:
    """A rectangle in another size."""
    return resize(crop(inpt, top, left, height, width), size, interpolation, antialias=antialias)


@_by_kind
def five_crop(inpt: Any, size: int | Sequence[int]) -> tuple[Any, ...]:
    """The corners and the middle."""
    return plain.five_crop(inpt, size)


@_by_kind
def ten_crop(inpt: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop` of an image and of the flipped one."""
    return plain.ten_crop(inpt, size, vertical_flip)


@_by_kind
def pad(inpt: Any, padding: int | Sequence[int], fill: Any = None, padding_mode: str = "constant") -> Any:
    """A frame, which has the colour ``fill`` or goes on with the image; a mask's has class 0 or ``fill``."""
    left, top, right, bottom = four_sides(padding)
    if padding_mode != "constant" and isinstance(inpt, (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)):
        what = "bounding boxes" if isinstance(inpt, tv_tensors.BoundingBoxes) else "keypoints"
        raise ValueError(f"Padding mode '{padding_mode}' is not supported with {what}")

    def framed(size: tuple[int, int]) -> tuple[int, int]:
        return size[0] + top + bottom, size[1] + left + right

    def frame(image: Any) -> Any:
        return plain.pad(image, padding, 0 if fill is None else fill, padding_mode)

    return _on(inpt, frame, frame, lambda boxes: moved.shifted(boxes, left, top, framed(boxes.canvas_size)),
               lambda points, size: (points + torch.tensor([left, top], dtype=points.dtype), framed(size)))


def _turned(points: Tensor, size: tuple[int, int], inverse: Sequence[float], expand: bool = False) -> Moved:
    """Points moved by the inverse of a matrix (2, 3)."""
    turn = torch.tensor(_forward(inverse), dtype=points.dtype).reshape(2, 3)
    out = points @ turn[:, :2].T + turn[:, 2]
    if expand:
        height, width = size
        frame = torch.tensor([[0, 0], [0, height], [width, height], [width, 0]], dtype=points.dtype)
        out = out - (frame @ turn[:, :2].T + turn[:, 2]).amin(0)
        across, down = expanded(inverse, width, height)
        size = down, across
    return out, size


def _forward(inverse: Sequence[float]) -> list[float]:
    a, b, c, d, e, f = inverse
    scale = a * e - b * d
    return [e / scale, -b / scale, (b * f - c * e) / scale, -d / scale, a / scale, (c * d - a * f) / scale]


@_by_kind
def rotate(inpt: Any, angle: float, interpolation: Any = InterpolationMode.NEAREST, expand: bool = False,
           center: Sequence[float] | None = None, fill: Any = None) -> Any:
    """Turned by ``angle`` degrees against the clock, about the middle or ``center``."""
    def move(points: Tensor, size: tuple[int, int]) -> Moved:
        middle = [size[1] * 0.5, size[0] * 0.5] if center is None or expand else list(center)
        return _turned(points, size, inverse_affine(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0]), expand)

    return _on(inpt, lambda image: plain.rotate(image, angle, mode(interpolation), expand, center, fill),
               lambda mask: plain.rotate(mask, angle, InterpolationMode.NEAREST, expand, center, fill),
               moved.around(move), move)


@_by_kind
def affine(inpt: Any, angle: float, translate: Sequence[float], scale: float, shear: Any,
           interpolation: Any = InterpolationMode.NEAREST, fill: Any = None, center: Sequence[float] | None = None
           ) -> Any:
    """Turned, moved, scaled and sheared."""
    shears = [float(shear), 0.0] if isinstance(shear, (int, float)) else [float(part) for part in shear]
    shears = shears if len(shears) == 2 else [shears[0], shears[0]]

    def move(points: Tensor, size: tuple[int, int]) -> Moved:
        middle = [size[1] * 0.5, size[0] * 0.5] if center is None else list(center)
        return _turned(points, size, inverse_affine(middle, angle, list(translate), scale, shears))

    def turn(image: Any, how: InterpolationMode) -> Any:
        return plain.affine(image, angle, list(translate), scale, shears, how, fill, center)

    return _on(inpt, lambda image: turn(image, mode(interpolation)),
               lambda mask: turn(mask, InterpolationMode.NEAREST), moved.around(move), move)


@_by_kind
def perspective(inpt: Any, startpoints: Any, endpoints: Any, interpolation: Any = InterpolationMode.BILINEAR,
                fill: Any = None, coefficients: Sequence[float] | None = None) -> Any:
    """Seen from elsewhere: four points go to four others, or as the eight ``coefficients`` say that map them back."""
    def move(points: Tensor, size: tuple[int, int]) -> Moved:
        back = list(coefficients or projective(startpoints, endpoints))
        matrix = np.array([*back, 1.0]).reshape(3, 3)
        if back[0] * back[4] == back[1] * back[3]:
            raise RuntimeError(f"Provided perspective_coeffs {back} can not be inverted to transform keypoints.")
        forth = torch.tensor(np.linalg.inv(matrix), dtype=points.dtype)
        seen = points @ forth[:, :2].T + forth[:, 2]
        return seen[:, :2] / seen[:, 2:], size

    def turn(image: Any, how: InterpolationMode) -> Any:
        return plain.perspective(image, startpoints, endpoints, how, fill, coefficients)

    return _on(inpt, lambda image: turn(image, mode(interpolation)),
               lambda mask: turn(mask, InterpolationMode.NEAREST), moved.around(move), move)


@_by_kind
def elastic(inpt: Any, displacement: Tensor, interpolation: Any = InterpolationMode.BILINEAR, fill: Any = None) -> Any:
    """Bent: each pixel comes from a place moved by ``displacement`` (1, H, W, 2), x and y in half sizes. Boxes and
    points go the other way by what is at their own place, which is near the inverse where the field is smooth.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.elastic(torch.ones(1, 2, 2), torch.zeros(1, 2, 2, 2))
    tensor([[[1., 1.],
             [1., 1.]]])
    """
    def move(points: Tensor, size: tuple[int, int]) -> Moved:
        extent = torch.tensor([size[1], size[0]], dtype=points.dtype)
        if tuple(displacement.shape) != (1, *size, 2):
            raise ValueError(f"Argument displacement shape should be {(1, *size, 2)}, but given {displacement.shape}")
        places = torch.stack([points[:, 0].long().clamp(0, size[1] - 1), points[:, 1].long().clamp(0, size[0] - 1)], 1)
        return places - displacement[0, places[:, 1], places[:, 0]].to(points.dtype) * (0.5 * extent), size

    def bend(image: Any, how: InterpolationMode) -> Any:
        return plain.elastic_transform(image, displacement, how, fill)

    def up(points: Tensor, size: tuple[int, int]) -> Moved:
        places, size = move(points.ceil(), size)
        return places if inpt.is_floating_point() else places.trunc(), size

    return _on(inpt, lambda image: bend(image, mode(interpolation)), lambda mask: bend(mask, InterpolationMode.NEAREST),
               lambda boxes: moved.by_centre(boxes, up) if moved.is_rotated(boxes) else moved.around(up)(boxes), move)


elastic_transform = elastic


@_by_kind
def erase(inpt: Any, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Any:
    """A rectangle replaced by ``v``."""
    return _on(inpt, lambda image: plain.erase(image, i, j, h, w, v, inplace))


def _colour(name: str) -> Callable[..., Any]:
    compute = getattr(plain, name)

    def function(inpt: Any, *args: Any, **options: Any) -> Any:
        return _on(inpt, lambda image: compute(image, *args, **options))

    of_image = signature(compute)
    first, *rest = of_image.parameters.values()
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`transforms.functional.{name}` of an image; masks and boxes stay as they are."
    function.__signature__ = of_image.replace(  # type: ignore[attr-defined]
        parameters=[first.replace(name="inpt"), *rest], return_annotation=Any)
    return _by_kind(function)


adjust_brightness = _colour("adjust_brightness")
adjust_contrast = _colour("adjust_contrast")
adjust_gamma = _colour("adjust_gamma")
adjust_hue = _colour("adjust_hue")
adjust_saturation = _colour("adjust_saturation")
adjust_sharpness = _colour("adjust_sharpness")
autocontrast = _colour("autocontrast")
gaussian_blur = _colour("gaussian_blur")
invert = _colour("invert")
rgb_to_grayscale = _colour("rgb_to_grayscale")
solarize = _colour("solarize")


@_by_kind
def equalize(inpt: Any) -> Any:
    """`transforms.functional.equalize` of an image, by 256 levels; masks and boxes stay as they are.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.equalize(torch.tensor([[[0.25, 0.5, 0.5, 1.0]]]))
    tensor([[[0.2471, 0.4980, 0.4980, 1.0000]]])
    """
    def even(image: Any) -> Any:
        if not isinstance(image, Tensor) or image.dtype is torch.uint8:
            return plain.equalize(image)
        levels = plain.equalize(to_dtype(image, torch.uint8, scale=True))
        return to_dtype(levels, image.dtype, scale=True)

    return _on(inpt, even)


@_by_kind
def posterize(inpt: Any, bits: int) -> Any:
    """An image in 2^bits levels for each channel; masks and boxes stay as they are.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.posterize(torch.tensor([[[0.1, 0.3, 0.6, 0.9]]]), bits=1)
    tensor([[[0.0000, 0.0000, 0.5000, 0.5000]]])
    """
    def coarse(image: Any) -> Any:
        if not isinstance(image, Tensor) or not image.is_floating_point():
            return plain.posterize(image, bits)
        return (image * 2**bits).floor().clamp(0, 2**bits - 1) / 2**bits

    return _on(inpt, coarse)


def to_grayscale(inpt: Any, num_output_channels: int = 1) -> Any:
    """`rgb_to_grayscale` by its old name."""
    return rgb_to_grayscale(inpt, num_output_channels)


@_by_kind
def grayscale_to_rgb(inpt: Any) -> Any:
    """One channel as three alike; an image that has three stays as it is.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.grayscale_to_rgb(torch.ones(1, 2, 2)).shape
    torch.Size([3, 2, 2])
    """
    def convert(image: Any) -> Any:
        if hasattr(image, "getbands"):
            return image.convert("RGB")
        return image if image.shape[-3] >= 3 else image.expand(*image.shape[:-3], 3, *image.shape[-2:]).clone()

    return _on(inpt, convert)


@_by_kind
def gaussian_noise(inpt: Any, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> Any:
    """Normal noise added, cut to what the dtype of the image holds if ``clip``. Raises ValueError for a negative
    ``sigma``, and for dtypes other than floating ones and bytes.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.gaussian_noise(torch.zeros(3, 4, 4)).shape
    torch.Size([3, 4, 4])
    """
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")

    def add(image: Tensor) -> Tensor:
        if image.dtype is torch.uint8:
            noisy = image + ((mean * 255) + torch.randn_like(image, dtype=torch.float32) * (sigma * 255))
            return (noisy.clamp(0, 255) if clip else noisy).to(torch.uint8)
        if not image.is_floating_point():
            raise ValueError(f"Input tensor is expected to be in uint8 or float dtype, got dtype={image.dtype}")
        noisy = image + mean + torch.randn_like(image) * sigma
        return noisy.clamp(0, 1) if clip else noisy

    return _on(inpt, add)


@_by_kind
def permute_channels(inpt: Any, permutation: Sequence[int]) -> Any:
    """The channels in another order.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.permute_channels(torch.tensor([[[1]], [[2]], [[3]]]), [2, 0, 1]).flatten()
    tensor([3, 1, 2])
    """
    def permute(image: Any) -> Any:
        if hasattr(image, "getbands"):
            return to_pil_image(plain.pil_to_tensor(image)[list(permutation)], image.mode)
        return image[..., list(permutation), :, :]

    return _on(inpt, permute)


def convert_bounding_box_format(inpt: Any, old_format: Any = None, new_format: Any = None, inplace: bool = False
                                ) -> Any:
    """Boxes in another format; ``old_format`` is for plain tensors alone. Raises ValueError or TypeError where these
    are not as expected.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> boxes = torch.tensor([[1, 1, 9, 9]])
    >>> TF.convert_bounding_box_format(boxes, tv_tensors.BoundingBoxFormat.XYXY, tv_tensors.BoundingBoxFormat.XYWH)
    tensor([[1, 1, 8, 8]])
    """
    if new_format is None:
        raise TypeError("convert_bounding_box_format() missing 1 required argument: 'new_format'")
    words = [None if each is None else (each.value if isinstance(each, tv_tensors.BoundingBoxFormat) else each).lower()
             for each in (old_format, new_format)]
    if is_pure_tensor(inpt):
        if words[0] is None:
            raise ValueError("For pure tensor inputs, `old_format` has to be passed.")
        return box_convert(inpt, words[0], str(words[1]))
    if old_format is not None:
        raise ValueError("For bounding box tv_tensor inputs, `old_format` must not be passed.")
    out = box_convert(inpt.as_subclass(Tensor), inpt.format.value.lower(), str(words[1]))
    return tv_tensors.wrap(out, like=inpt, format=str(words[1]).upper())


def clamp_bounding_boxes(inpt: Any, format: Any = None, canvas_size: tuple[int, int] | None = None,
                         clamping_mode: str | None = "auto") -> Any:
    """Boxes cut to their image; ``format`` and ``canvas_size`` are for plain tensors alone.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 9, 9]]), format="XYXY", canvas_size=(6, 8))
    >>> TF.clamp_bounding_boxes(boxes).tolist()
    [[1, 1, 8, 6]]
    """
    if clamping_mode not in (None, "soft", "hard", "auto"):
        raise ValueError(f"clamping_mode must be soft, hard, auto or None, got {clamping_mode}")
    if is_pure_tensor(inpt):
        if format is None or canvas_size is None or clamping_mode == "auto":
            raise ValueError("For pure tensor inputs, `format`, `canvas_size` and `clamping_mode` have to be passed.")
        return moved.clamped(tv_tensors.BoundingBoxes(inpt, format=format, canvas_size=canvas_size),
                             clamping_mode).as_subclass(Tensor)
    if format is not None or canvas_size is not None:
        raise ValueError("For bounding box tv_tensor inputs, `format` and `canvas_size` must not be passed.")
    return moved.clamped(inpt, inpt.clamping_mode if clamping_mode == "auto" else clamping_mode)


def clamp_keypoints(inpt: Any, canvas_size: tuple[int, int] | None = None) -> Any:
    """Points outside of their image put onto its edge; ``canvas_size`` is for plain tensors alone.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> points = tv_tensors.KeyPoints(torch.tensor([[1, 1], [9, 9]]), canvas_size=(6, 8))
    >>> TF.clamp_keypoints(points).tolist()
    [[1, 1], [7, 5]]
    """
    if is_pure_tensor(inpt) == (canvas_size is None):
        raise ValueError("[clamp_keypoints] canvas_size was expected with a plain tensor, and not with KeyPoints; for "
                         "pure tensor inputs, `canvas_size` has to be passed")
    points = inpt if canvas_size is None else tv_tensors.KeyPoints(inpt, canvas_size=canvas_size)
    out = _on(points, lambda image: image, points=lambda flat, size: (
        torch.stack((flat[:, 0].clamp(0, size[1] - 1), flat[:, 1].clamp(0, size[0] - 1)), -1), size))
    return out if canvas_size is None else out.as_subclass(Tensor)


def sanitize_bounding_boxes(bounding_boxes: Any, format: Any = None, canvas_size: tuple[int, int] | None = None,
                            min_size: float = 1.0, min_area: float = 1.0) -> tuple[Any, Tensor]:
    """The boxes that are at least ``min_size`` along both sides and ``min_area`` large and lie in their image, and
    which of all they are (N). ``format`` and ``canvas_size`` are for plain tensors alone.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 5, 5], [2, 2, 2, 2]]), format="XYXY", canvas_size=(6, 8))
    >>> kept, valid = TF.sanitize_bounding_boxes(boxes)
    >>> kept.tolist(), valid
    ([[1, 1, 5, 5]], tensor([ True, False]))
    """
    pure = is_pure_tensor(bounding_boxes)
    if pure and (format is None or canvas_size is None):
        raise ValueError("format and canvas_size cannot be None if bounding_boxes is a pure tensor. Got "
                         f"format={format} and canvas_size={canvas_size}.")
    if not pure and (format is not None or canvas_size is not None):
        raise ValueError("format and canvas_size must be None when bounding_boxes is a tv_tensors.BoundingBoxes "
                         f"instance. Got format={format} and canvas_size={canvas_size}.")
    numbers = bounding_boxes.as_subclass(Tensor)
    written = bounding_boxes.format if format is None else format
    height, width = bounding_boxes.canvas_size if canvas_size is None else canvas_size
    fmt = (written if isinstance(written, str) else written.value).lower()
    rotated = tv_tensors.is_rotated_bounding_format(fmt.upper())
    corners = box_convert(numbers, fmt, "xyxyxyxy" if rotated else "xyxy")
    sides = box_convert(corners, "xyxyxyxy", "xywhr")[:, 2:4] if rotated else corners[:, 2:] - corners[:, :2]
    inside = (corners >= 0).all(1) & (corners[:, 0::2] <= width).all(1) & (corners[:, 1::2] <= height).all(1)
    kept = (sides >= min_size).all(1) & (sides[:, 0] * sides[:, 1] >= min_area) & inside
    return (numbers[kept] if pure else tv_tensors.wrap(numbers[kept], like=bounding_boxes)), kept


def sanitize_keypoints(key_points: Any, canvas_size: tuple[int, int] | None = None) -> tuple[Any, Tensor]:
    """The points, or groups of them, that lie in their image as a whole, and which of all they are (N).

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> points = tv_tensors.KeyPoints(torch.tensor([[1, 1], [9, 9]]), canvas_size=(6, 8))
    >>> kept, valid = TF.sanitize_keypoints(points)
    >>> kept.tolist(), valid
    ([[1, 1]], tensor([ True, False]))
    """
    pure = is_pure_tensor(key_points)
    if pure and canvas_size is None:
        raise ValueError("canvas_size cannot be None if key_points is a pure tensor. Set it to an appropriate value or "
                         "pass key_points as a tv_tensors.KeyPoints object.")
    if not pure and canvas_size is not None:
        raise ValueError("canvas_size must be None when key_points is a tv_tensors.KeyPoints instance. Got "
                         f"canvas_size={canvas_size}.")
    numbers = key_points.as_subclass(Tensor)
    height, width = key_points.canvas_size if canvas_size is None else canvas_size
    x, y = numbers[..., 0], numbers[..., 1]
    kept = ((x >= 0) & (x < width) & (y >= 0) & (y < height)).flatten(1).all(1) if numbers.ndim > 2 else (
        (x >= 0) & (x < width) & (y >= 0) & (y < height))
    return (numbers[kept] if pure else tv_tensors.wrap(numbers[kept], like=key_points)), kept


@_by_kind
def jpeg(image: Any, quality: int) -> Any:
    """An image of bytes, written as a JPEG of a quality from 1 to 100 and read again.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.jpeg(torch.zeros(3, 4, 4, dtype=torch.uint8), quality=50).shape
    torch.Size([3, 4, 4])
    """
    def again(given: Any) -> Any:
        if hasattr(given, "getbands"):
            written = io.BytesIO()
            given.save(written, format="JPEG", quality=quality)
            return pillow().open(written).copy()
        if given.dtype is not torch.uint8:
            raise RuntimeError(f"[jpeg] an image of uint8 was expected; got {given.dtype}; convert it by to_dtype")
        several = given.reshape(-1, *given.shape[-3:])
        return torch.stack([decode_jpeg(encode_jpeg(each, quality)) for each in several]).reshape(given.shape)

    return _on(image, again)


@_by_kind
def get_num_frames(inpt: Any) -> int:
    """How many images a film has.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.get_num_frames(torch.zeros(5, 3, 4, 4))
    5
    """
    return int(inpt.shape[-4])


@_by_kind
def uniform_temporal_subsample(inpt: Any, num_samples: int) -> Any:
    """``num_samples`` images of a film, at equal distances.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.uniform_temporal_subsample(torch.zeros(5, 3, 4, 4), 2).shape
    torch.Size([2, 3, 4, 4])
    """
    def some(film: Tensor) -> Tensor:
        places = torch.linspace(0, film.shape[-4] - 1, num_samples).long()
        return film.index_select(film.ndim - 4, places)

    return _on(inpt, some)


def get_size_bounding_boxes(bounding_box: Any) -> list[int]:
    """[height, width] of the image of `tv_tensors.BoundingBoxes`.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 5, 5]]), format="XYXY", canvas_size=(6, 8))
    >>> TF.get_size_bounding_boxes(boxes)
    [6, 8]
    """
    return list(bounding_box.canvas_size)


def get_size_keypoints(keypoints: Any) -> list[int]:
    """[height, width] of the image of `tv_tensors.KeyPoints`.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.get_size_keypoints(tv_tensors.KeyPoints(torch.tensor([[1, 1]]), canvas_size=(6, 8)))
    [6, 8]
    """
    return list(keypoints.canvas_size)


def get_size_mask(mask: Tensor) -> list[int]:
    """[height, width] of a mask (..., H, W).

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.get_size_mask(torch.zeros(2, 4, 5))
    [4, 5]
    """
    return list(mask.shape[-2:])


def __getattr__(name: str) -> Any:
    """The functions for one kind each, as they are asked for."""
    function = _kernel_called(name, globals())
    if function is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return function


def __dir__() -> list[str]:
    return sorted({*globals(), *_kernel_names()})
