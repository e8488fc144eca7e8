"""Regions pooled from the level of a pyramid that suits their size."""

from __future__ import annotations

import math
from typing import Any

import wengert as torch
from wengert import Tensor, nn

from .boxes import box_area
from .regions import Size, roi_align


class LevelMapper:
    """The level for boxes: ``canonical_level`` for a square of ``canonical_scale``, one more for twice that side,
    within ``k_min`` and ``k_max``, and counted from ``k_min`` (Lin et al., 2017, equation 1)."""

    def __init__(self, k_min: int, k_max: int, canonical_scale: int = 224, canonical_level: int = 4, eps: float = 1e-6
                 ) -> None:
        self.k_min, self.k_max, self.s0, self.lvl0, self.eps = k_min, k_max, canonical_scale, canonical_level, eps

    def __call__(self, boxlists: list[Tensor]) -> Tensor:
        sides = torch.sqrt(torch.cat([box_area(boxes) for boxes in boxlists]))
        levels = torch.floor(self.lvl0 + torch.log2(sides / self.s0) + torch.tensor(self.eps, dtype=sides.dtype))
        return levels.clamp(self.k_min, self.k_max).to(torch.int64) - self.k_min


class MultiScaleRoIAlign(nn.Module):
    """`roi_align` of boxes, each from the level of features that suits its size, as (K, C, *output_size).

    ``featmap_names`` are the levels that take part. The first call finds, by the sizes of features and images, how much
    smaller each level is; later ones use that.

    >>> from wengert.vision import ops
    >>> image = torch.arange(64.0).reshape(1, 1, 8, 8)
    >>> pooler = ops.MultiScaleRoIAlign(["0"], output_size=2, sampling_ratio=2)
    >>> pooler({"0": image}, [torch.tensor([[0.0, 0.0, 4.0, 4.0]])], [(8, 8)]).shape
    torch.Size([1, 1, 2, 2])
    """

    scales: list[float] | None
    map_levels: LevelMapper | None

    def __init__(self, featmap_names: list[str], output_size: Size, sampling_ratio: int, *, canonical_scale: int = 224,
                 canonical_level: int = 4) -> None:
        super().__init__()
        self.featmap_names, self.sampling_ratio = featmap_names, sampling_ratio
        self.output_size = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
        self.scales = self.map_levels = None
        self.canonical_scale, self.canonical_level = canonical_scale, canonical_level

    def forward(self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: list[tuple[int, int]]) -> Tensor:
        """The regions ``boxes``, (L, 4) for each image, of the features ``x`` by name; ``image_shapes`` are the sizes
        (height, width) of the images. Raises ValueError without images."""
        features = [level for name, level in x.items() if name in self.featmap_names]
        if self.scales is None or self.map_levels is None:
            self.scales, self.map_levels = self._measure(features, image_shapes)
        if len(features) == 1:
            return self._pool(features[0], _rows(boxes), self.scales[0])
        levels, rows = self.map_levels(boxes), _rows(boxes)
        parts, places = [], []
        for level, (feature, scale) in enumerate(zip(features, self.scales, strict=True)):
            here = torch.where(levels == level)[0]
            places.append(here)
            parts.append(self._pool(feature, rows[here], scale).to(features[0].dtype))
        return torch.cat(parts)[torch.argsort(torch.cat(places))]

    def _pool(self, feature: Tensor, rows: Tensor, scale: float) -> Tensor:
        return roi_align(feature, rows, self.output_size, scale, self.sampling_ratio)

    def _measure(self, features: list[Tensor], image_shapes: list[tuple[int, int]]) -> tuple[list[float], LevelMapper]:
        if not image_shapes:
            raise ValueError("images list should not be empty")
        height = max(shape[0] for shape in image_shapes)
        scales = [2.0 ** round(math.log2(feature.shape[-2] / height)) for feature in features]
        low, high = (int(-math.log2(scale)) for scale in (scales[0], scales[-1]))
        return scales, LevelMapper(low, high, self.canonical_scale, self.canonical_level)

    def __repr__(self) -> str:
        return (f"{type(self).__name__}(featmap_names={self.featmap_names}, output_size={self.output_size}, "
                f"sampling_ratio={self.sampling_ratio})")


def _rows(boxes: list[Tensor]) -> Any:
    """Boxes with the number of their image in front."""
    return torch.cat([torch.cat([torch.full_like(each[:, :1], image), each], 1) for image, each in enumerate(boxes)])
