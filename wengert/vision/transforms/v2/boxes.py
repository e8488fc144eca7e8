"""How boxes follow their image: each of these changes a `tv_tensors.BoundingBoxes`.

Boxes without an angle become the box around their moved corners. Those with one, which may have become parallelograms,
become rectangles about the same centres with the angles of the longer sides. At the end they are cut to the image as
their ``clamping_mode`` says. The definitions are torchvision's, whose numbers they give.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import wengert as torch
from wengert import Tensor

from ... import tv_tensors
from ...ops.boxes import box_convert

Moved = tuple[Tensor, tuple[int, int]]
Size = tuple[int, int]
_STEPS = (0, 1, 2, 3)


def is_rotated(boxes: Any) -> bool:
    """Whether boxes have an angle."""
    return tv_tensors.is_rotated_bounding_format(boxes.format)


def corners_of(boxes: Any) -> Tensor:
    """The corners: (N, 4), top left and bottom right, or all four of boxes with an angle, (N, 8)."""
    numbers = boxes.as_subclass(Tensor)
    return box_convert(numbers if numbers.is_floating_point() else numbers.float(), boxes.format.value.lower(),
                       "xyxyxyxy" if is_rotated(boxes) else "xyxy")


def _from_corners(corners: Tensor, like: Any, size: Size) -> Any:
    """Corners in the format and the dtype of ``like``."""
    back = box_convert(corners, "xyxyxyxy" if is_rotated(like) else "xyxy", like.format.value.lower())
    return tv_tensors.wrap(back.to(like.dtype), like=like, canvas_size=size)


def on_corners(boxes: Any, move: Callable[[Tensor, Size], Moved]) -> Any:
    """What becomes of the corners."""
    found, size = move(corners_of(boxes), boxes.canvas_size)
    return _from_corners(found, boxes, size)


def clamped(boxes: Any, clamping_mode: str | None) -> Any:
    """Boxes cut to their image. Those with an angle keep it: ``"soft"`` encloses what is left of them, ``"hard"`` is
    enclosed in it; the others are cut alike by both. None leaves them."""
    if clamping_mode is None:
        return boxes.clone()

    def cut(corners: Tensor, size: Size) -> Moved:
        if is_rotated(boxes):
            return _cut_with_angle(corners, size, clamping_mode == "hard"), size
        x, y = corners[..., 0::2].clamp(0, size[1]), corners[..., 1::2].clamp(0, size[0])
        return torch.stack((x, y), -1).flatten(-2), size

    return on_corners(boxes, cut)


def around(move: Callable[[Tensor, Size], Moved]) -> Callable[[Any], Any]:
    """What moves boxes as ``move`` moves points (M, 2)."""

    def moved(boxes: Any) -> Any:
        def change(corners: Tensor, size: Size) -> Moved:
            if is_rotated(boxes):
                points, size = move(corners.reshape(-1, 2), size)
                return rectangles(points.reshape(-1, 8)), size
            points, size = move(corners[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2), size)
            several = points.reshape(-1, 4, 2)
            return torch.cat([several.amin(1), several.amax(1)], 1), size

        if not boxes.numel():
            return boxes
        found, size = change(corners_of(boxes), boxes.canvas_size)
        return _cut(found, boxes, size)

    return moved


def _cut(corners: Tensor, like: Any, size: Size) -> Any:
    """Corners cut to an image, in the format of ``like``."""
    kind = "XYXYXYXY" if is_rotated(like) else "XYXY"
    whole = tv_tensors.BoundingBoxes(corners, format=kind, canvas_size=size)
    return _from_corners(clamped(whole, like.clamping_mode).as_subclass(Tensor), like, size)


def shifted(boxes: Any, across: int, down: int, size: Size, rebuilt: bool = False) -> Any:
    """Boxes moved into an image of another size; with ``rebuilt`` four corners become a rectangle first."""
    numbers = boxes.as_subclass(Tensor)
    length, places = numbers.shape[-1], 2 if boxes.format.value in ("XYXY", "XYXYXYXY") else 1
    way = [across, down] * (length // 2) if places == 2 else [across, down] + [0] * (length - 2)
    moved = numbers + torch.tensor(way, dtype=numbers.dtype)
    if rebuilt and boxes.format.value == "XYXYXYXY":
        moved = rectangles(moved)
    return clamped(tv_tensors.wrap(moved, like=boxes, canvas_size=size), boxes.clamping_mode)


def scaled(boxes: Any, size: Size) -> Any:
    """Boxes of an image that is resized."""
    height, width = boxes.canvas_size
    if (height, width) == size:
        return boxes
    ratios = torch.tensor([size[1] / width, size[0] / height])
    if is_rotated(boxes):
        return _cut(rectangles(corners_of(boxes) * ratios.repeat(4)), boxes, size)
    numbers = boxes.as_subclass(Tensor)
    return tv_tensors.wrap((numbers * ratios.repeat(2)).to(numbers.dtype), like=boxes, canvas_size=size)


def flipped(boxes: Any, upside_down: bool) -> Any:
    """Boxes in a mirror, beside their image or below it."""
    height, width = boxes.canvas_size
    extent, axis = (height, 1) if upside_down else (width, 0)

    def mirror(corners: Tensor, size: Size) -> Moved:
        sides = list(corners.unbind(-1))
        sides[axis], sides[axis + 2] = extent - sides[axis + 2], extent - sides[axis]
        return torch.stack(sides, -1), size

    if not is_rotated(boxes):
        return on_corners(boxes, mirror)
    numbers = boxes.as_subclass(Tensor)
    parts = list(numbers.unbind(-1))
    if boxes.format.value == "XYXYXYXY":  # the first corner is where the second was, so that they go round as before
        parts[axis::2] = [extent - part for part in parts[axis::2]]
        parts = [parts[place] for place in (2, 3, 0, 1, 6, 7, 4, 5)]
    else:
        if boxes.format.value == "XYWHR":
            radians = parts[4] * math.pi / 180
            parts[0], parts[1] = parts[0] + parts[2] * radians.cos(), parts[1] - parts[2] * radians.sin()
        parts[axis] = extent - parts[axis]
        parts[4] = 180 - parts[4] if upside_down else -parts[4]
    return tv_tensors.wrap(torch.stack(parts, -1), like=boxes)


def by_centre(boxes: Any, move: Callable[[Tensor, Size], Moved]) -> Any:
    """Boxes with an angle of which the centres move as ``move`` moves points; sides and angles stay."""
    whole = box_convert(boxes.as_subclass(Tensor), boxes.format.value.lower(), "cxcywhr")
    centres, size = move(whole[:, :2], boxes.canvas_size)
    moved = tv_tensors.BoundingBoxes(torch.cat([centres.to(whole.dtype), whole[:, 2:]], 1), format="CXCYWHR",
                                     canvas_size=size)
    found = clamped(moved, boxes.clamping_mode).as_subclass(Tensor)
    return tv_tensors.wrap(box_convert(found, "cxcywhr", boxes.format.value.lower()), like=boxes)


def rectangles(corners: Tensor) -> Tensor:
    """The rectangles (N, 8) for parallelograms (N, 8): about the same centres, the longer side with its angle."""
    first, second, third, last = (corners if corners.dtype in (torch.float32, torch.float64) else corners.float()
                                  ).unflatten(-1, (4, 2)).unbind(-2)
    along, down = second - first, last - first
    width, height = along.square().sum(-1).sqrt(), down.square().sum(-1).sqrt()
    angle, other = torch.atan2(-along[..., 1], along[..., 0]), torch.atan2(-down[..., 1], down[..., 0])
    between = angle - other
    sign = torch.where(between > math.pi / 2, -1, 1)
    cos, sin = between.cos(), between.sin()
    across = torch.where(width < height, width * sin, width + height * cos * sign)
    deep = torch.where(width > height, height * sin, height + width * cos * sign)
    angle = torch.where(height > width, other + math.pi / 2, angle)
    cos, sin = angle.cos(), angle.sin()
    right = torch.stack((cos, -sin), -1) * (across / 2).unsqueeze(-1)
    below = torch.stack((sin, cos), -1) * (deep / 2).unsqueeze(-1)
    centre = (first + third) / 2
    found = torch.stack((centre - right - below, centre + right - below, centre + right + below,
                         centre - right + below), -2)
    return found.flatten(-2).to(corners.dtype)


def _cut_with_angle(corners: Tensor, size: Size, hard: bool) -> Tensor:
    """Rectangles (N, 8) cut at the left edge of their image, which is then turned by a right angle, four times."""
    points = corners.reshape(-1, 4, 2)
    whole = points
    height, width = size
    for _ in range(4):
        extent = points.abs().amax(1, keepdim=True)
        start = (points[..., 1] / extent[..., 1] + points[..., 0] / extent[..., 0] * 100).argmin(1)
        order = ((start.unsqueeze(1) + torch.tensor(_STEPS)) % 4).unsqueeze(-1).expand(-1, 4, 2)
        turned, turned_whole = points.gather(1, order), whole.gather(1, order)
        cut = _cut_at_the_left(turned, turned_whole, (height, width), hard)
        # In the same order once more, as torchvision has it: of an odd start that puts the opposite corner first.
        points, whole = cut.gather(1, order), turned_whole.gather(1, order)
        points, whole = (torch.stack((each[..., 1], width - each[..., 0]), -1) for each in (points, whole))
        height, width = width, height
    return points.reshape(corners.shape)


def _lines(points: Tensor) -> tuple[Tensor, Tensor]:
    """Of the line from each corner (N, 4, 2) to the next: what it rises by, and where it meets x = 0."""
    x, y = points.unbind(-1)
    slopes = (y.roll(-1, 1) - y) / (x.roll(-1, 1) - x)
    return slopes, y - slopes * x


def _cut_at_the_left(points: Tensor, whole: Tensor, size: Size, hard: bool) -> Tensor:
    """Rectangles (N, 4, 2), the leftmost corner first, whose sides are moved until nothing of them, or of those that
    they touch, is left of x = 0. ``whole`` are they before anything was cut: no side goes beyond theirs."""
    slopes, heights = _lines(points)
    moved = _heights(slopes, heights, _lines(whole)[1], size, hard)
    x, y = points.unbind(-1)
    crossing = -(moved - moved.roll(1, 1)) / (slopes - slopes.roll(1, 1))
    turned = torch.stack((crossing, slopes * crossing + moved), -1)
    at_edge = torch.stack((torch.stack((x[:, 0].clamp(min=0), x[:, 1], x[:, 2], x[:, 3].clamp(min=0)), 1), y), -1)

    def close(values: Tensor, one: int, other: int) -> Tensor:
        return values[:, one].isclose(values[:, other])

    upright = close(y, 0, 1) | close(y, 2, 3)
    gone = (x <= 0).all(1) | close(y, 0, 3) | close(y, 1, 2) | (upright & close(x, 0, 1))
    slanted = (x[:, 0] < 0) & ~turned.isnan().flatten(1).any(1)
    for which, found in ((slanted, turned), (upright, at_edge), (gone, torch.zeros_like(points))):
        points = torch.where(which[:, None, None], found, points)
    return points


def _heights(slopes: Tensor, heights: Tensor, whole: Tensor, size: Size, hard: bool) -> Tensor:
    """Where the four sides are to meet x = 0, which begins between the image's top and bottom."""
    height, width = size
    one, two, three, four = heights.unbind(1)
    first = two.clamp(one, three).clamp(0, height)
    last = three.clamp(two, four).clamp(0, height)
    if hard:  # the leftmost corner on the edge, and the sides across as far as they stay in the image
        first = last = (first + last) / 2
        a, b, c, d = slopes.unbind(1)
        bounds = (first * b / a, three * b / c, (a - b) * width + first, (c - b) * width + three)
        two = torch.stack(bounds).amax(0).minimum(two)
        bounds = (height * (1 - c / d) + last * c / d, height * (1 - c / b) + two * c / b, (b - c) * width + two,
                  (d - c) * width + last)
        three = torch.stack(bounds).amin(0).maximum(three)
    return torch.stack([side.clamp(whole[:, place % 2], whole[:, place % 2 + 2])
                        for place, side in enumerate((first, two, three, last))], 1)
