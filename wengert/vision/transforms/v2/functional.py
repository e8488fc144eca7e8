"""What the transforms do, without the chance: to images, pictures and plain tensors as `transforms.functional` does
it, to masks without mixing their numbers, to boxes by moving their corners.

Results are of the kind of what came in.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
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

Moved = tuple[Tensor, tuple[int, int]]


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


def get_dimensions(inpt: Any) -> list[int]:
    """[channels, height, width]."""
    return plain.get_dimensions(inpt)


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


def get_num_channels(inpt: Any) -> int:
    """The number of channels.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.get_num_channels(torch.zeros(3, 4, 5))
    3
    """
    return plain.get_image_num_channels(inpt)


get_image_num_channels = get_num_channels


def _on(inpt: Any, image: Callable[[Any], Any], mask: Callable[[Tensor], Tensor] | None = None,
        boxes: Callable[[Tensor, tuple[int, int]], Moved] | None = None,
        points: Callable[[Tensor, tuple[int, int]], Moved] | None = None) -> Any:
    """What is done to an image, a mask, boxes, given by corners, or points (N, 2), each with the size of their image;
    None leaves them."""
    if isinstance(inpt, tv_tensors.BoundingBoxes):
        return inpt if boxes is None else _boxes_on(inpt, boxes)
    if isinstance(inpt, tv_tensors.KeyPoints):
        return inpt if points is None else _points_on(inpt, points)
    if isinstance(inpt, tv_tensors.Mask):
        return inpt if mask is None else tv_tensors.wrap(_as_image(mask, inpt.as_subclass(Tensor)), like=inpt)
    if isinstance(inpt, tv_tensors.TVTensor):
        return tv_tensors.wrap(image(inpt.as_subclass(Tensor)), like=inpt)
    if isinstance(inpt, Tensor) or hasattr(inpt, "getbands"):
        return image(inpt)
    raise TypeError(f"[transforms.v2] an image, a picture, a mask or boxes were expected; got {type(inpt).__name__}")


def _as_image(mask: Callable[[Tensor], Tensor], numbers: Tensor) -> Tensor:
    """A mask may lack the dimension of channels."""
    return mask(numbers.unsqueeze(0)).squeeze(0) if numbers.ndim < 3 else mask(numbers)


def _boxes_on(inpt: Any, move: Callable[[Tensor, tuple[int, int]], Moved]) -> Any:
    if tv_tensors.is_rotated_bounding_format(inpt.format):
        raise NotImplementedError("[transforms.v2] boxes without an angle were expected: moving those with one is not "
                                  "in wengert yet")
    numbers, written = inpt.as_subclass(Tensor), inpt.format.value.lower()
    corners = box_convert(numbers if numbers.is_floating_point() else numbers.float(), written, "xyxy")
    moved, size = move(corners, inpt.canvas_size)
    back = box_convert(moved, "xyxy", written).to(numbers.dtype)
    return tv_tensors.wrap(back, like=inpt, canvas_size=size)


def _points_on(inpt: Any, move: Callable[[Tensor, tuple[int, int]], Moved]) -> Any:
    numbers = inpt.as_subclass(Tensor)
    flat = numbers.reshape(-1, 2)
    moved, size = move(flat if flat.is_floating_point() else flat.float(), inpt.canvas_size)
    return tv_tensors.wrap(moved.reshape(numbers.shape).to(numbers.dtype), like=inpt, canvas_size=size)


def _clamped(corners: Tensor, size: tuple[int, int]) -> Moved:
    x, y = corners[..., 0::2].clamp(0, size[1]), corners[..., 1::2].clamp(0, size[0])
    return torch.stack((x, y), -1).flatten(-2), size


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


to_dtype_image = convert_image_dtype = to_dtype


def normalize(inpt: Any, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Any:
    """(image - mean) / std for each channel."""
    return _on(inpt, lambda image: plain.normalize(image, mean, std, inplace))


def horizontal_flip(inpt: Any) -> Any:
    """Left and right exchanged."""
    def move(corners: Tensor, size: tuple[int, int]) -> Moved:
        x1, y1, x2, y2 = corners.unbind(-1)
        return torch.stack((size[1] - x2, y1, size[1] - x1, y2), -1), size

    return _on(inpt, plain.hflip, plain.hflip, move,
               lambda points, size: (torch.stack((size[1] - 1 - points[:, 0], points[:, 1]), -1), size))


def vertical_flip(inpt: Any) -> Any:
    """Top and bottom exchanged."""
    def move(corners: Tensor, size: tuple[int, int]) -> Moved:
        x1, y1, x2, y2 = corners.unbind(-1)
        return torch.stack((x1, size[0] - y2, x2, size[0] - y1), -1), size

    return _on(inpt, plain.vflip, plain.vflip, move,
               lambda points, size: (torch.stack((points[:, 0], size[0] - 1 - points[:, 1]), -1), size))


hflip, vflip = horizontal_flip, vertical_flip


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

    def move(corners: Tensor, canvas: tuple[int, int]) -> Moved:
        height, width = resized(*canvas, sizes, max_size)
        ratios = torch.tensor([width / canvas[1], height / canvas[0]], dtype=corners.dtype)
        return corners * ratios.repeat(corners.shape[-1] // 2), (height, width)

    return _on(inpt, lambda image: plain.resize(image, sizes, mode(interpolation), max_size, antialias),
               lambda mask: plain.resize(mask, sizes, InterpolationMode.NEAREST, max_size), move, move)


def crop(inpt: Any, top: int, left: int, height: int, width: int) -> Any:
    """A rectangle; what of it lies outside is zero, and boxes are cut to it."""
    def move(corners: Tensor, size: tuple[int, int]) -> Moved:
        return _clamped(corners - torch.tensor([left, top, left, top], dtype=corners.dtype), (height, width))

    def shift(points: Tensor, size: tuple[int, int]) -> Moved:
        return points - torch.tensor([left, top], dtype=points.dtype), (height, width)

    def cut(image: Any) -> Any:
        return plain.crop(image, top, left, height, width)

    return _on(inpt, cut, cut, move, shift)


def center_crop(inpt: Any, output_size: int | Sequence[int]) -> Any:
    """The rectangle in the middle."""
    height, width = two_sizes(output_size)

    def shift(places: Tensor, size: tuple[int, int]) -> Moved:
        top, left = round((size[0] - height) / 2.0), round((size[1] - width) / 2.0)
        corner = torch.tensor([left, top], dtype=places.dtype)
        return places - corner.repeat(places.shape[-1] // 2), (height, width)

    def cut(image: Any) -> Any:
        return plain.center_crop(image, [height, width])

    return _on(inpt, cut, cut, lambda corners, size: _clamped(*shift(corners, size)), shift)


def resized_crop(inpt: Any, top: int, left: int, height: int, width: int, size: int | Sequence[int],
                 interpolation: Any = InterpolationMode.BILINEAR, antialias: bool | None = True) -> Any:
    """A rectangle in another size."""
    return resize(crop(inpt, top, left, height, width), size, interpolation, antialias=antialias)


def five_crop(inpt: Any, size: int | Sequence[int]) -> tuple[Any, ...]:
    """The corners and the middle."""
    return plain.five_crop(inpt, size)


def ten_crop(inpt: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop` of an image and of the flipped one."""
    return plain.ten_crop(inpt, size, vertical_flip)


def pad(inpt: Any, padding: int | Sequence[int], fill: Any = None, padding_mode: str = "constant") -> Any:
    """A frame, which has the colour ``fill`` or goes on with the image; a mask's has class 0 or ``fill``."""
    def move(corners: Tensor, size: tuple[int, int]) -> Moved:
        return _clamped(*shift(corners, size))

    def shift(places: Tensor, size: tuple[int, int]) -> Moved:
        left, top, right, bottom = four_sides(padding)
        corner = torch.tensor([left, top], dtype=places.dtype)
        return (places + corner.repeat(places.shape[-1] // 2),
                (size[0] + top + bottom, size[1] + left + right))

    return _on(inpt, lambda image: plain.pad(image, padding, 0 if fill is None else fill, padding_mode),
               lambda mask: plain.pad(mask, padding, 0 if fill is None else fill, padding_mode), move, shift)


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


def _around(move: Callable[[Tensor, tuple[int, int]], Moved]) -> Callable[[Tensor, tuple[int, int]], Moved]:
    """What moves boxes as ``move`` moves points: each becomes the box around its corners."""

    def moved(corners: Tensor, size: tuple[int, int]) -> Moved:
        points, size = move(corners[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2), size)
        several = points.reshape(-1, 4, 2)
        return _clamped(torch.cat([several.amin(1), several.amax(1)], 1), size)

    return moved


def _forward(inverse: Sequence[float]) -> list[float]:
    a, b, c, d, e, f = inverse
    scale = a * e - b * d
    return [e / scale, -b / scale, (b * f - c * e) / scale, -d / scale, a / scale, (c * d - a * f) / scale]


def rotate(inpt: Any, angle: float, interpolation: Any = InterpolationMode.NEAREST, expand: bool = False,
           center: Sequence[float] | None = None, fill: Any = None) -> Any:
    """Turned by ``angle`` degrees against the clock, about the middle or ``center``."""
    def move(points: Tensor, size: tuple[int, int]) -> Moved:
        middle = [size[1] * 0.5, size[0] * 0.5] if center is None or expand else list(center)
        return _turned(points, size, inverse_affine(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0]), expand)

    return _on(inpt, lambda image: plain.rotate(image, angle, mode(interpolation), expand, center, fill),
               lambda mask: plain.rotate(mask, angle, InterpolationMode.NEAREST, expand, center, fill),
               _around(move), move)


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
               lambda mask: turn(mask, InterpolationMode.NEAREST), _around(move), move)


def perspective(inpt: Any, startpoints: Any, endpoints: Any, interpolation: Any = InterpolationMode.BILINEAR,
                fill: Any = None, coefficients: Sequence[float] | None = None) -> Any:
    """Seen from elsewhere: four points go to four others, or as the eight ``coefficients`` say that map them back."""
    def move(points: Tensor, size: tuple[int, int]) -> Moved:
        back = list(coefficients or projective(startpoints, endpoints))
        matrix = np.array([*back, 1.0]).reshape(3, 3)
        if back[0] * back[4] == back[1] * back[3]:
            raise RuntimeError(f"Provided perspective_coeffs {back} can not be inverted to transform keypoints.")
        forth = torch.tensor(np.linalg.inv(matrix), dtype=points.dtype)
        moved = points @ forth[:, :2].T + forth[:, 2]
        return moved[:, :2] / moved[:, 2:], size

    def turn(image: Any, how: InterpolationMode) -> Any:
        return plain.perspective(image, startpoints, endpoints, how, fill, coefficients)

    return _on(inpt, lambda image: turn(image, mode(interpolation)),
               lambda mask: turn(mask, InterpolationMode.NEAREST), _around(move), move)


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

    return _on(inpt, lambda image: bend(image, mode(interpolation)), lambda mask: bend(mask, InterpolationMode.NEAREST),
               _around(lambda points, size: move(points.ceil(), size)), move)


elastic_transform = elastic


def erase(inpt: Any, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Any:
    """A rectangle replaced by ``v``."""
    return _on(inpt, lambda image: plain.erase(image, i, j, h, w, v, inplace))


def _colour(name: str) -> Callable[..., Any]:
    compute = getattr(plain, name)

    def function(inpt: Any, *args: Any, **options: Any) -> Any:
        return _on(inpt, lambda image: compute(image, *args, **options))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`transforms.functional.{name}` of an image; masks and boxes stay as they are."
    return function


adjust_brightness = _colour("adjust_brightness")
adjust_contrast = _colour("adjust_contrast")
adjust_gamma = _colour("adjust_gamma")
adjust_hue = _colour("adjust_hue")
adjust_saturation = _colour("adjust_saturation")
adjust_sharpness = _colour("adjust_sharpness")
autocontrast = _colour("autocontrast")
equalize = _colour("equalize")
gaussian_blur = _colour("gaussian_blur")
invert = _colour("invert")
posterize = _colour("posterize")
rgb_to_grayscale = _colour("rgb_to_grayscale")
solarize = _colour("solarize")


def to_grayscale(inpt: Any, num_output_channels: int = 1) -> Any:
    """`rgb_to_grayscale` by its old name."""
    return rgb_to_grayscale(inpt, num_output_channels)


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
    if is_pure_tensor(inpt):
        if format is None or canvas_size is None:
            raise ValueError("For pure tensor inputs, `format` and `canvas_size` have to be passed.")
        inpt = tv_tensors.BoundingBoxes(inpt, format=format, canvas_size=canvas_size)
        return clamp_bounding_boxes(inpt).as_subclass(Tensor)
    kept = inpt.clamping_mode if clamping_mode == "auto" else clamping_mode
    return inpt.clone() if kept is None else _boxes_on(inpt, _clamped)


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
    corners = box_convert(numbers, (written if isinstance(written, str) else written.value).lower(), "xyxy")
    sides = corners[:, 2:] - corners[:, :2]
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


def jpeg(inpt: Any, quality: int) -> Any:
    """An image of bytes, written as a JPEG of a quality from 1 to 100 and read again.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.jpeg(torch.zeros(3, 4, 4, dtype=torch.uint8), quality=50).shape
    torch.Size([3, 4, 4])
    """
    def again(image: Any) -> Any:
        if hasattr(image, "getbands"):
            written = io.BytesIO()
            image.save(written, format="JPEG", quality=quality)
            return pillow().open(written).copy()
        if image.dtype is not torch.uint8:
            raise RuntimeError(f"[jpeg] an image of uint8 was expected; got {image.dtype}; convert it by to_dtype")
        several = image.reshape(-1, *image.shape[-3:])
        return torch.stack([decode_jpeg(encode_jpeg(each, quality)) for each in several]).reshape(image.shape)

    return _on(inpt, again)


def get_num_frames(inpt: Any) -> int:
    """How many images a film has.

    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> TF.get_num_frames(torch.zeros(5, 3, 4, 4))
    5
    """
    return int(inpt.shape[-4])


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
