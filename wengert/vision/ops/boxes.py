"""Boxes in images: their areas, overlaps and formats, and the suppression of those that say the same twice.

A box is (x1, y1, x2, y2), the corners at its top left and bottom right, unless a format says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as torch
from wengert import Tensor

ALIGNED = ("xyxy", "xywh", "cxcywh")
ROTATED = ("xywhr", "cxcywhr", "xyxyxyxy")
_ONE_BY_ONE = 4000


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The indices of the boxes (N, 4) that stay, best score first: from the best down, each removes those whose overlap
    (intersection over union) with it is above the threshold. Raises ValueError where the shapes do not go together.

    >>> import wengert as torch
    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]])
    >>> ops.nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5)
    tensor([0, 2])
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4 or tuple(scores.shape) != (boxes.shape[0],):
        raise ValueError(f"[nms] boxes (N, 4) and scores (N,) were expected; got {tuple(boxes.shape)} and "
                         f"{tuple(scores.shape)}")
    x1, y1, x2, y2 = boxes.detach().numpy().T
    areas = (x2 - x1) * (y2 - y1)
    left = np.argsort(-scores.detach().numpy(), kind="stable")
    kept = []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        width = np.maximum(np.minimum(x2[best], x2[left]) - np.maximum(x1[best], x1[left]), 0)
        height = np.maximum(np.minimum(y2[best], y2[left]) - np.maximum(y1[best], y1[left]), 0)
        shared = width * height
        with np.errstate(invalid="ignore", divide="ignore"):
            overlap = shared / (areas[best] + areas[left] - shared)
        left = left[~(overlap > iou_threshold)]
    return torch.tensor(kept, dtype=torch.int64)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """`nms` of each category by itself: ``idxs`` (N,) says of which one a box is. The indices are in the order of the
    scores.

    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [6.0, 6.0, 9.0, 9.0]])
    >>> ops.batched_nms(boxes, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0, 0, 1]), iou_threshold=0.4)
    tensor([0, 2])
    """
    if not boxes.numel():
        return torch.empty(0, dtype=torch.int64)
    if boxes.numel() <= _ONE_BY_ONE:  # categories are moved apart, so that one pass does for all
        apart = idxs.to(boxes.dtype) * (boxes.max() + 1)
        return nms(boxes + apart[:, None], scores, iou_threshold)
    kept = []
    for category in torch.unique(idxs):
        members = torch.where(idxs == category)[0]
        kept.append(members[nms(boxes[members], scores[members], iou_threshold)])
    found = torch.sort(torch.cat(kept))[0]
    return found[torch.sort(scores[found], descending=True)[1]]


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """The indices of the boxes (N, 4) with both sides at least ``min_size``.

    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [6.0, 6.0, 9.0, 9.0]])
    >>> ops.remove_small_boxes(boxes, min_size=3.0)
    tensor([0, 2])
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    return torch.where((sides >= min_size).all(-1))[0]


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The boxes (..., 4) cut to an image of ``size`` (height, width).

    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [6.0, 6.0, 9.0, 9.0]])
    >>> ops.clip_boxes_to_image(boxes, size=(5, 5))
    tensor([[0., 0., 4., 4.],
            [0., 0., 4., 2.],
            [5., 5., 5., 5.]])
    """
    height, width = size
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return torch.stack((x, y), boxes.ndim).reshape(boxes.shape)


def _floats(turn: Callable[[Tensor], list[Tensor]]) -> Callable[[Tensor], Tensor]:
    """A conversion between rotated formats, which rounds the numbers of integer boxes."""
    def convert(boxes: Tensor) -> Tensor:
        out = torch.stack(turn(boxes), -1)
        return out if boxes.is_floating_point() else out.round().to(boxes.dtype)

    return convert


def _angle(r: Tensor) -> tuple[Tensor, Tensor]:
    radians = r * math.pi / 180.0
    return torch.cos(radians), torch.sin(radians)


def _centre_to_corner(boxes: Tensor) -> list[Tensor]:
    cx, cy, w, h, r = boxes.unbind(-1)
    cos, sin = _angle(r)
    return [cx - w / 2 * cos - h / 2 * sin, cy - h / 2 * cos + w / 2 * sin, w.to(cos.dtype), h.to(cos.dtype),
            r.to(cos.dtype)]


def _corner_to_centre(boxes: Tensor) -> list[Tensor]:
    x, y, w, h, r = boxes.unbind(-1)
    cos, sin = _angle(r)
    return [x + w / 2 * cos + h / 2 * sin, y - w / 2 * sin + h / 2 * cos, w.to(cos.dtype), h.to(cos.dtype),
            r.to(cos.dtype)]


def _corner_to_corners(boxes: Tensor) -> list[Tensor]:
    x, y, w, h, r = boxes.unbind(-1)
    cos, sin = _angle(r)
    right, up = x + w * cos, y - w * sin
    return [x.to(cos.dtype), y.to(cos.dtype), right, up, right + h * sin, up + h * cos, x + h * sin, y + h * cos]


def _corners_to_corner(boxes: Tensor) -> list[Tensor]:
    x1, y1, x2, y2, x3, y3, _, _ = boxes.unbind(-1)
    r = torch.atan2(y1 - y2, x2 - x1) * 180 / math.pi
    w = ((x2 - x1) ** 2 + (y1 - y2) ** 2).sqrt()
    h = ((x3 - x2) ** 2 + (y3 - y2) ** 2).sqrt()
    return [x1.to(r.dtype), y1.to(r.dtype), w, h, r]


def _to_corners(boxes: Tensor, fmt: str) -> Tensor:
    if fmt == "xyxy":
        return boxes
    a, b, w, h = boxes.unbind(-1)
    if fmt == "cxcywh":
        return torch.stack((a - 0.5 * w, b - 0.5 * h, a + 0.5 * w, b + 0.5 * h), -1)
    return torch.stack((a, b, a + w, b + h), -1)


def _from_corners(boxes: Tensor, fmt: str) -> Tensor:
    if fmt == "xyxy":
        return boxes
    x1, y1, x2, y2 = boxes.unbind(-1)
    first = ((x1 + x2) / 2, (y1 + y2) / 2) if fmt == "cxcywh" else (x1, y1)
    return torch.stack((*first, x2 - x1, y2 - y1), -1)


_INTO_CORNER = {"cxcywhr": _floats(_centre_to_corner), "xyxyxyxy": _floats(_corners_to_corner)}
_FROM_CORNER = {"cxcywhr": _floats(_corner_to_centre), "xyxyxyxy": _floats(_corner_to_corners)}


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """The boxes (..., 4, 5 or 8) in another format: corners ``"xyxy"``, a corner or the centre with the sides
    ``"xywh"`` and ``"cxcywh"``; with an angle in degrees, against the clock, ``"xywhr"`` and ``"cxcywhr"``, or their
    four corners ``"xyxyxyxy"``. Raises ValueError for another word, NotImplementedError between boxes with an angle
    and without.

    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [6.0, 6.0, 9.0, 9.0]])
    >>> ops.box_convert(boxes, in_fmt="xyxy", out_fmt="cxcywh")
    tensor([[2.0000, 2.0000, 4.0000, 4.0000],
            [2.0000, 1.0000, 4.0000, 2.0000],
            [7.5000, 7.5000, 3.0000, 3.0000]])
    """
    if in_fmt not in ALIGNED + ROTATED or out_fmt not in ALIGNED + ROTATED:
        raise ValueError(f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}")
    if in_fmt == out_fmt:
        return boxes.clone()
    if (in_fmt in ALIGNED) != (out_fmt in ALIGNED):
        raise NotImplementedError(f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt "
                                  f"{out_fmt}")
    if in_fmt in ALIGNED:
        return _from_corners(_to_corners(boxes, in_fmt), out_fmt)
    corner = _INTO_CORNER[in_fmt](boxes) if in_fmt != "xywhr" else boxes
    return _FROM_CORNER[out_fmt](corner) if out_fmt != "xywhr" else corner


def wide(numbers: Tensor) -> Tensor:
    """``numbers`` in a dtype whose products do not overflow at once."""
    if numbers.is_floating_point():
        return numbers if numbers.dtype in (torch.float32, torch.float64) else numbers.float()
    return numbers if numbers.dtype in (torch.int32, torch.int64) else numbers.int()


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """The areas of boxes (..., 4) in the format ``"xyxy"``, ``"xywh"`` or ``"cxcywh"``; ValueError for another.

    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [6.0, 6.0, 9.0, 9.0]])
    >>> ops.box_area(boxes)
    tensor([16.,  8.,  9.])
    """
    if fmt not in ALIGNED:
        raise ValueError(f"Unsupported Bounding Box area for given format {fmt}")
    boxes = wide(boxes)
    sides = boxes[..., 2:] - boxes[..., :2] if fmt == "xyxy" else boxes[..., 2:]
    return sides[..., 0] * sides[..., 1]


def _box_inter_union(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> tuple[Tensor, Tensor]:
    """The areas of intersections and unions of all pairs."""
    first, second = _to_corners(boxes1, fmt)[..., None, :], _to_corners(boxes2, fmt)[..., None, :, :]
    low, high = torch.max(first[..., :2], second[..., :2]), torch.min(first[..., 2:], second[..., 2:])
    sides = wide(high - low).clamp(min=0)
    inside = sides[..., 0] * sides[..., 1]
    return inside, box_area(boxes1, fmt)[..., None] + box_area(boxes2, fmt)[..., None, :] - inside


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Intersection over union of all pairs of boxes (..., N, 4) and (..., M, 4), as (..., N, M). ``fmt`` is a word of
    `box_convert`, also one of boxes with an angle, (..., N, 5) or (..., N, 8). Raises ValueError for another.

    >>> import wengert as torch
    >>> from wengert.vision import ops
    >>> ops.box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2]]))
    tensor([[0.3333]])
    """
    if fmt in ROTATED:
        return _rotated_iou(boxes1, boxes2, fmt)
    if fmt not in ALIGNED:
        raise ValueError(f"Unsupported format '{fmt}'. Supported axis-aligned formats: {ALIGNED}. Supported rotated "
                         f"formats: {ROTATED}.")
    inside, union = _box_inter_union(boxes1, boxes2, fmt)
    return inside / union


def _rotated_iou(boxes1: Tensor, boxes2: Tensor, fmt: str) -> Tensor:
    """`box_iou` of boxes with an angle; 0 where one has no area."""
    first, second = (boxes if fmt == "cxcywhr" else box_convert(boxes, fmt, "cxcywhr") for boxes in (
        boxes1.double(), boxes2.double()))
    areas = first[..., 2] * first[..., 3], second[..., 2] * second[..., 3]
    inside = _rotated_overlap(first, second)
    union = areas[0][..., :, None] + areas[1][..., None, :] - inside
    has_area = (areas[0][..., :, None] > 1e-14) & (areas[1][..., None, :] > 1e-14)
    found = torch.where(has_area, inside / torch.where(has_area, union, 1.0), 0.0)
    return found.to(boxes1.dtype if boxes1.is_floating_point() else torch.float32)


def _rotated_overlap(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """The areas of the overlaps of all pairs of boxes ``cxcywhr``, by Green's formula along their boundaries: the parts
    of each box's sides that lie within the other box. The second ones are a ten-millionth larger, so that no two sides
    lie upon each other, of which one alone would be a part of the boundary."""
    centre = boxes1[..., :, None, :2]
    first = torch.cat([torch.zeros_like(boxes1[..., :2]), boxes1[..., 2:]], -1)
    moved = boxes2[..., None, :, :2] - centre
    sizes = (boxes2[..., None, :, 2:] * boxes2.new_tensor([1 + 1e-7, 1 + 1e-7, 1.0])).expand(*moved.shape[:-1], 3)
    corners = [box_convert(boxes, "cxcywhr", "xyxyxyxy").unflatten(-1, (4, 2))
               for boxes in (first[..., :, None, :], torch.cat([moved, sizes], -1))]
    return (_along(corners[0], corners[1]) + _along(corners[1], corners[0])).clamp(min=0) / 2


def _along(polygon: Tensor, other: Tensor) -> Tensor:
    """Twice the integral of x dy - y dx along the parts of a polygon's sides (..., 4, 2) within another convex one."""
    side, edge = polygon.roll(-1, -2) - polygon, other.roll(-1, -2) - other
    normal = torch.stack([-edge[..., 1], edge[..., 0]], -1)[..., None, :, :]
    depth = (normal * (polygon[..., :, None, :] - other[..., None, :, :])).sum(-1)
    rate = (normal * side[..., :, None, :]).sum(-1)
    where = -depth / torch.where(rate == 0, 1.0, rate)
    begin = torch.where(rate > 0, where, 0.0).amax(-1).clamp(min=0)
    end = torch.where(rate < 0, where, 1.0).amin(-1).clamp(max=1)
    outside = ((rate == 0) & (depth < 0)).any(-1)
    part = torch.where(outside, 0.0, (end - begin).clamp(min=0))
    return (part * (polygon[..., 0] * side[..., 1] - polygon[..., 1] * side[..., 0])).sum(-1)


def _around(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """The sides of the smallest box around each pair."""
    first, second = boxes1[..., None, :], boxes2[..., None, :, :]
    low, high = torch.min(first[..., :2], second[..., :2]), torch.max(first[..., 2:], second[..., 2:])
    return wide(high - low).clamp(min=0)


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """`box_iou` less the share of the smallest box around both that neither fills (Rezatofighi et al., 2019).

    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [6.0, 6.0, 9.0, 9.0]])
    >>> others = torch.tensor([[0.0, 0.0, 2.0, 4.0], [6.0, 6.0, 9.0, 9.0]])
    >>> ops.generalized_box_iou(boxes, others)
    tensor([[ 0.5000, -0.6914],
            [ 0.0833, -0.7901],
            [-0.7901,  1.0000]])
    """
    inside, union = _box_inter_union(boxes1, boxes2)
    sides = _around(boxes1, boxes2)
    area = sides[..., 0] * sides[..., 1]
    return inside / union - (area - union) / area


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """`box_iou` less the squared distance of the centres, measured by the diagonal of the smallest box around both
    (Zheng et al., 2019, equation 7).

    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [6.0, 6.0, 9.0, 9.0]])
    >>> others = torch.tensor([[0.0, 0.0, 2.0, 4.0], [6.0, 6.0, 9.0, 9.0]])
    >>> ops.distance_box_iou(boxes, others)
    tensor([[ 0.4688, -0.3735],
            [ 0.2708, -0.4475],
            [-0.4475,  1.0000]])
    """
    boxes1, boxes2 = wide(boxes1), wide(boxes2)
    sides = _around(boxes1, boxes2)
    diagonal = (sides**2).sum(-1) + eps
    first, second = ((boxes[..., :2] + boxes[..., 2:]) / 2 for boxes in (boxes1, boxes2))
    apart = wide(first[..., None, :] - second[..., None, :, :]) ** 2
    return box_iou(boxes1, boxes2) - apart.sum(-1) / diagonal


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """`distance_box_iou` less what the ratios of the sides differ by (Zheng et al., 2019, equation 10).

    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [6.0, 6.0, 9.0, 9.0]])
    >>> others = torch.tensor([[0.0, 0.0, 2.0, 4.0], [6.0, 6.0, 9.0, 9.0]])
    >>> ops.complete_box_iou(boxes, others)
    tensor([[ 0.4655, -0.3735],
            [ 0.2371, -0.4492],
            [-0.4492,  1.0000]])
    """
    boxes1, boxes2 = wide(boxes1), wide(boxes2)
    first, second = (torch.atan((boxes[..., 2] - boxes[..., 0]) / (boxes[..., 3] - boxes[..., 1]))
                     for boxes in (boxes1, boxes2))
    ratios = 4 / math.pi**2 * (first[..., None] - second[..., None, :]) ** 2
    return distance_box_iou(boxes1, boxes2, eps) - weighed(ratios, box_iou(boxes1, boxes2), eps)


def weighed(ratios: Tensor, iou: Tensor, eps: float) -> Tensor:
    """The term of ratios, with its weight, which gradients do not flow through."""
    with torch.no_grad():
        weight = ratios / (1 - iou + ratios + eps)
    return weight * ratios


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The smallest boxes (N, 4) around what is not zero in each of the ``masks`` (N, H, W). Raises ValueError for a
    mask that is zero everywhere.

    >>> from wengert.vision import ops
    >>> ops.masks_to_boxes(torch.tensor([[[False, True], [False, True]]]))
    tensor([[1., 0., 1., 1.]])
    """
    boxes = torch.zeros((masks.shape[0], 4), dtype=torch.float32)
    for box, mask in zip(boxes, masks, strict=True):
        y, x = torch.where(mask != 0)
        if not x.numel():
            raise ValueError("[masks_to_boxes] something that is not zero was expected in each mask")
        edges: list[Any] = [x.min(), y.min(), x.max(), y.max()]
        box.copy_(torch.stack(edges))
    return boxes
