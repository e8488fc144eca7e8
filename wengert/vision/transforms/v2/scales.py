"""Transforms for detection: sizes drawn, crops that keep boxes, a larger canvas; and bent images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert as torch
from wengert import Tensor

from ... import tv_tensors
from ...ops.boxes import box_convert, box_iou
from .. import random_geometry as plain
from . import functional
from .functional import mode
from .geometry import fill_for
from .transform import IMAGES, ByChance, Transform, get_bounding_boxes, has_all, has_any, query_size


class ScaleJitter(Transform):
    """The largest size with the sides' ratio that fits into ``target_size``, times a scale drawn from
    ``scale_range``.

    >>> from wengert.vision.transforms import v2
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> v2.ScaleJitter((8, 8), scale_range=(1.0, 1.0))(image).shape
    torch.Size([3, 8, 8])
    """

    def __init__(self, target_size: tuple[int, int], scale_range: tuple[float, float] = (0.1, 2.0),
                 interpolation: Any = "bilinear", antialias: bool | None = True) -> None:
        super().__init__()
        self.target_size, self.scale_range = target_size, scale_range
        self.interpolation, self.antialias = mode(interpolation), antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The size."""
        height, width = query_size(flat_inputs)
        low, high = self.scale_range
        # In float32, as the draw is: the last pixel depends on it.
        ratio = min(self.target_size[1] / height, self.target_size[0] / width) * (low + torch.rand(1) * (high - low))
        return {"size": (int(height * ratio), int(width * ratio))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in the size."""
        return functional.resize(inpt, params["size"], self.interpolation, antialias=self.antialias)


class RandomShortestSize(Transform):
    """The shorter side drawn from the sizes ``min_size``, the longer at most ``max_size``.

    >>> from wengert.vision.transforms import v2
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> v2.RandomShortestSize(min_size=6)(image).shape
    torch.Size([3, 6, 6])
    """

    def __init__(self, min_size: int | Sequence[int], max_size: int | None = None, interpolation: Any = "bilinear",
                 antialias: bool | None = True) -> None:
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size, self.interpolation, self.antialias = max_size, mode(interpolation), antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The size."""
        height, width = query_size(flat_inputs)
        ratio = self.min_size[int(torch.randint(len(self.min_size), ()))] / min(height, width)
        if self.max_size is not None:
            ratio = min(ratio, self.max_size / max(height, width))
        return {"size": (int(height * ratio), int(width * ratio))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in the size."""
        return functional.resize(inpt, params["size"], self.interpolation, antialias=self.antialias)


class RandomZoomOut(ByChance):
    """The image at a place drawn on a canvas of the colour ``fill``, whose sides are longer by a factor drawn from
    ``side_range``; with the probability ``p``.

    >>> from wengert.vision.transforms import v2
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> v2.RandomZoomOut(side_range=(2.0, 2.0), p=1.0)(image).shape
    torch.Size([3, 8, 8])
    """

    def __init__(self, fill: Any = 0, side_range: Sequence[float] = (1.0, 4.0), p: float = 0.5) -> None:
        super().__init__(p)
        if not isinstance(side_range, Sequence):
            raise TypeError("side_range should be a sequence of length 2.")
        if len(side_range) != 2:
            raise ValueError("side_range should be a sequence of length 2.")
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")
        self.fill, self.side_range = fill, side_range

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The frame."""
        height, width = query_size(flat_inputs)
        factor = self.side_range[0] + torch.rand(1) * (self.side_range[1] - self.side_range[0])
        across, down = int(width * factor) - width, int(height * factor) - height
        place = torch.rand(2)
        left, top = int(across * place[0]), int(down * place[1])
        return {"padding": [left, top, across - left, down - top]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in the frame."""
        return functional.pad(inpt, params["padding"], fill_for(self.fill, inpt))


class RandomIoUCrop(Transform):
    """A rectangle that overlaps one of the boxes by a share drawn from ``sampler_options`` at least (of 1 or more: the
    image stays whole), in ``trials`` attempts for each draw (Liu et al., *SSD*, 2016). Boxes whose middle lies outside
    become zero, for `SanitizeBoundingBoxes`. Raises TypeError for samples without an image and boxes.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 9, 9]]), format="XYXY", canvas_size=(6, 8))
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> small = tv_tensors.BoundingBoxes(torch.tensor([[0, 0, 2, 2]]), format="XYXY", canvas_size=(4, 4))
    >>> kept = v2.RandomIoUCrop()({"image": tv_tensors.Image(image), "boxes": small})
    >>> kept["image"].shape[-2:] == kept["boxes"].canvas_size
    True
    """

    def __init__(self, min_scale: float = 0.3, max_scale: float = 1.0, min_aspect_ratio: float = 0.5,
                 max_aspect_ratio: float = 2.0, sampler_options: Sequence[float] | None = None, trials: int = 40
                 ) -> None:
        super().__init__()
        self.min_scale, self.max_scale, self.trials = min_scale, max_scale, trials
        self.min_aspect_ratio, self.max_aspect_ratio = min_aspect_ratio, max_aspect_ratio
        self.options = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] if sampler_options is None else list(sampler_options)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raises TypeError without an image or without boxes."""
        if not (has_all(flat_inputs, tv_tensors.BoundingBoxes) and has_any(flat_inputs, *IMAGES[:3])):
            raise TypeError(f"{type(self).__name__}() requires input sample to contain tensor or PIL images and "
                            "bounding boxes. Sample can also contain masks.")

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The rectangle, and which boxes it keeps; nothing to leave the image whole."""
        size, boxes = query_size(flat_inputs), get_bounding_boxes(flat_inputs)
        corners = box_convert(boxes.as_subclass(Tensor), boxes.format.value.lower(), "xyxy")
        while True:
            overlap = self.options[int(torch.randint(0, len(self.options), (1,)))]
            if overlap >= 1.0:
                return {}
            for _ in range(self.trials):
                found = self._attempt(size[0], size[1], corners, overlap)
                if found is not None:
                    return found

    def _attempt(self, rows: int, columns: int, corners: Tensor, overlap: float) -> dict[str, Any] | None:
        draw = self.min_scale + (self.max_scale - self.min_scale) * torch.rand(2)
        width, height = int(columns * draw[0]), int(rows * draw[1])
        if not self.min_aspect_ratio <= width / height <= self.max_aspect_ratio:
            return None
        draw = torch.rand(2)
        left, top = int((columns - width) * draw[0]), int((rows - height) * draw[1])
        if width == 0 or height == 0:
            return None
        x, y = 0.5 * (corners[..., 0] + corners[..., 2]), 0.5 * (corners[..., 1] + corners[..., 3])
        inside = (left < x) & (x < left + width) & (top < y) & (y < top + height)
        if not inside.any():
            return None
        crop = torch.tensor([[left, top, left + width, top + height]], dtype=corners.dtype)
        if box_iou(corners[inside], crop).max() < overlap:
            return None
        return {"top": top, "left": left, "height": height, "width": width, "inside": inside}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One cut."""
        if not params:
            return inpt
        out = functional.crop(inpt, params["top"], params["left"], params["height"], params["width"])
        if isinstance(out, tv_tensors.BoundingBoxes):
            out[~params["inside"]] = 0
        return out


class ElasticTransform(Transform):
    """Bent by a smooth field drawn; settings as in `transforms.ElasticTransform`."""

    def __init__(self, alpha: float | Sequence[float] = 50.0, sigma: float | Sequence[float] = 5.0,
                 interpolation: Any = "bilinear", fill: Any = 0) -> None:
        super().__init__()
        checked = plain.ElasticTransform(float(alpha) if isinstance(alpha, int) else alpha,
                                         float(sigma) if isinstance(sigma, int) else sigma)
        self.alpha, self.sigma = checked.alpha, checked.sigma
        self.interpolation, self.fill = mode(interpolation), fill

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The field."""
        return {"displacement": plain.ElasticTransform.get_params(self.alpha, self.sigma, query_size(flat_inputs))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One bent."""
        return functional.elastic(inpt, params["displacement"], self.interpolation, fill_for(self.fill, inpt))
