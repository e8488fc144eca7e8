"""Operators on images and boxes: resizing, sampling on a grid, regions of interest.

`_resize` works along one axis after the other: each new place is a sum of elements round where it lies in the old ones
(``coordinate_transformation_mode``), with weights by ``mode``, so that resizing is a product with a matrix an axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import wengert as torch

from .table import operator, wrapped


@operator("Upsample")
def _upsample(call: Any, x: Any, scales: Any = None) -> Any:
    factors = call.get("scales") if call.version < 9 else scales.tolist()
    for axis, factor in enumerate(factors):
        size = math.floor(x.shape[axis] * factor)
        if factor != 1:
            matrix = _matrix(x.shape[axis], size, factor, call.get("mode", "nearest"), "asymmetric", "floor")
            x = _applied(x, axis, matrix)
    return x


@operator("Resize")
def _resize(call: Any, x: Any, *given: Any) -> Any:
    if call.version < 11:
        return _upsample_by_input(call, x, given[0])
    roi, scales, _ = (*given, None, None, None)[:3]
    rank = x.dim()
    axes = [wrapped(axis, rank) for axis in call.get("axes", range(rank))]
    mode, how = call.get("mode", "nearest"), call.get("coordinate_transformation_mode", "half_pixel")
    sizes = call.ints(3)
    if sizes is not None:
        factors, sizes = _by_sizes(call.get("keep_aspect_ratio_policy", "stretch"), [x.shape[axis] for axis in axes],
                                   sizes)
    else:
        factors = scales.tolist()
    region = roi.tolist() if roi is not None and roi.numel() else None
    for i, axis in enumerate(axes):
        has, factor = x.shape[axis], factors[i]
        if how == "tf_crop_and_resize" and region is not None:
            span = region[i], region[i + len(axes)]
            size = sizes[i] if sizes is not None else math.floor(has * (span[1] - span[0]) * factor)
        else:
            span = (0.0, 1.0)
            size = sizes[i] if sizes is not None else math.floor(has * factor)
        if factor == 1 and size == has and span == (0.0, 1.0):
            continue
        matrix = _matrix(has, size, factor, mode, how, call.get("nearest_mode", "round_prefer_floor"),
                         call.get("cubic_coeff_a", -0.75), bool(call.get("exclude_outside", 0)),
                         bool(call.get("antialias", 0)), span)
        x = _applied(x, axis, matrix, call.get("extrapolation_value", 0.0))
    return x


def _upsample_by_input(call: Any, x: Any, scales: Any) -> Any:
    for axis, factor in enumerate(scales.tolist()):
        if factor != 1:
            matrix = _matrix(x.shape[axis], math.floor(x.shape[axis] * factor), factor, call.get("mode", "nearest"),
                             "asymmetric", "floor")
            x = _applied(x, axis, matrix)
    return x


def _by_sizes(policy: str, has: Sequence[int], wanted: Sequence[int]) -> tuple[list[float], list[int]]:
    factors = [n / m for n, m in zip(wanted, has, strict=True)]
    if policy == "stretch":
        return factors, list(wanted)
    factor = (min if policy == "not_larger" else max)(factors)
    return [factor] * len(has), [math.floor(n * factor + 0.5) for n in has]


def _matrix(has: int, size: int, factor: float, mode: str, how: str, nearest: str = "round_prefer_floor",
            a: float = -0.75, excludes: bool = False, antialias: bool = False, span: tuple[float, float] = (0.0, 1.0)
            ) -> list[list[tuple[int, float]] | None]:
    """For each new place the old ones that it is a sum of, with weights; None where it lies outside the image."""
    rows: list[list[tuple[int, float]] | None] = []
    for i in range(size):
        place = _place(i, has, size, factor, how, span)
        if how == "tf_crop_and_resize" and not 0 <= place <= has - 1:
            rows.append(None)
        elif mode == "nearest":
            rows.append([(min(max(_nearest(place, nearest), 0), has - 1), 1.0)])
        else:
            rows.append(_weights(place, has, factor, mode, a, excludes, antialias))
    return rows


def _place(i: int, has: int, size: int, factor: float, how: str, span: tuple[float, float]) -> float:
    if how == "asymmetric":
        return i / factor
    if how == "align_corners":
        return i * (has - 1) / (has * factor - 1) if size > 1 else 0.0
    if how == "tf_crop_and_resize":
        start, stop = span
        if size > 1:
            return start * (has - 1) + i * (stop - start) * (has - 1) / (size - 1)
        return 0.5 * (start + stop) * (has - 1)
    if how == "pytorch_half_pixel" and size == 1:
        return 0.0
    if how == "tf_half_pixel_for_nn":
        return (i + 0.5) / factor
    if how == "half_pixel_symmetric":
        adjustment = size / (factor * has)
        return has / 2 * (1 - adjustment) + (i + 0.5) / factor - 0.5
    return (i + 0.5) / factor - 0.5


def _nearest(place: float, how: str) -> int:
    if how == "round_prefer_floor":
        return math.ceil(place - 0.5)
    if how == "round_prefer_ceil":
        return math.floor(place + 0.5)
    return math.floor(place) if how == "floor" else math.ceil(place)


def _weights(place: float, has: int, factor: float, mode: str, a: float, excludes: bool, antialias: bool
             ) -> list[tuple[int, float]]:
    shrink = min(factor, 1.0) if antialias else 1.0
    reach = (1 if mode == "linear" else 2) / shrink
    first, last = math.floor(place - reach) + 1, math.ceil(place + reach) - 1
    if not antialias:
        base = math.floor(place)
        first, last = (base, base + 1) if mode == "linear" else (base - 1, base + 2)
    shape = _triangle if mode == "linear" else lambda d: _cubic(d, a)
    pairs = [(p, shape((p - place) * shrink)) for p in range(first, last + 1)]
    if excludes or antialias:
        pairs = [(p, w if 0 <= p < has or not excludes else 0.0) for p, w in pairs]
        total = sum(w for _, w in pairs)
        pairs = [(p, w / total) for p, w in pairs]
    return [(min(max(p, 0), has - 1), w) for p, w in pairs]


def _triangle(d: float) -> float:
    return max(1 - abs(d), 0.0)


def _cubic(d: float, a: float) -> float:
    """Keys, *Cubic convolution interpolation*, 1981, equation 4 with a free constant."""
    d = abs(d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def _applied(x: Any, axis: int, rows: Sequence[list[tuple[int, float]] | None], outside: float = 0.0) -> Any:
    """The sums along an axis; an element outside the image has a value of its own."""
    if all(row is not None and len(row) == 1 and row[0][1] == 1.0 for row in rows):
        return x.index_select(axis, torch.tensor([row[0][0] for row in rows if row], dtype=torch.int64))
    table = [[0.0] * x.shape[axis] for _ in rows]
    for new, row in enumerate(rows):
        for old, weight in row or ():
            table[new][old] += weight
    matrix = torch.tensor(table, dtype=torch.float64).to(x.dtype if x.is_floating_point() else torch.float64)
    found = torch.matmul(x.to(matrix.dtype).movedim(axis, -1), matrix.transpose(0, 1)).movedim(-1, axis)
    missing = [i for i, row in enumerate(rows) if row is None]
    if missing and outside:
        found = found.index_fill(axis, torch.tensor(missing), outside)
    return found.to(x.dtype)


# --- sampling on a grid -----------------------------------------------------------------------------------------------


@operator("GridSample")
def _grid_sample(call: Any, x: Any, grid: Any) -> Any:
    """Of images of any number of dimensions: the grid's last dimension counts from the image's last."""
    modes = {"bilinear": "linear", "bicubic": "cubic"}
    mode = call.get("mode", "linear")
    mode, edge = modes.get(mode, mode), call.get("padding_mode", "zeros")
    align, rank = bool(call.get("align_corners", 0)), x.dim() - 2
    sizes = list(x.shape[2:])
    spots = []
    for d, n in enumerate(sizes):
        at = grid[..., rank - 1 - d]
        at = (at + 1) / 2 * (n - 1) if align else ((at + 1) * n - 1) / 2
        spots.append(at if mode == "cubic" else _kept(at, n, edge, align))
    if mode == "nearest":
        return _picked(x, [torch.round(at) for at in spots], sizes, edge, align)
    found: Any = 0.0
    reach = range(2) if mode == "linear" else range(-1, 3)
    for corner in _corners(reach, rank):
        places: list[Any] = []
        weight: Any = 1.0
        for at, step in zip(spots, corner, strict=True):
            base = torch.floor(at)
            gap = at - base - step
            weight = weight * (1 - torch.abs(gap) if mode == "linear" else _cubic_of(torch.abs(gap)))
            places.append(base + step)
        found = found + _picked(x, places, sizes, edge, align) * weight.unsqueeze(1)
    return found


def _corners(reach: range, rank: int) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for _ in range(rank):
        found = [(*corner, step) for corner in found for step in reach]
    return found


def _cubic_of(d: Any) -> Any:
    a = -0.75
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return torch.where(d <= 1, near, torch.where(d < 2, far, 0.0))


def _kept(at: Any, n: int, edge: str, align: bool) -> Any:
    """Places beyond the edge put inside, or left."""
    if edge == "border":
        return torch.clamp(at, 0, n - 1)
    if edge != "reflection":
        return at
    low, high = (0.0, n - 1.0) if align else (-0.5, n - 0.5)
    span = high - low
    if span == 0:
        return torch.zeros_like(at)
    turns = torch.remainder(at - low, 2 * span)
    return torch.clamp(torch.where(turns > span, 2 * span - turns, turns) + low, 0, n - 1)


def _picked(x: Any, places: Sequence[Any], sizes: Sequence[int], edge: str, align: bool) -> Any:
    """The elements at whole places: (N, C, *grid); zeros outside."""
    inside: Any = None
    flat: Any = 0
    for at, n in zip(places, sizes, strict=True):
        at = _kept(at, n, edge, align) if edge != "zeros" else at
        here = (at >= 0) & (at <= n - 1)
        inside = here if inside is None else inside & here
        flat = flat * n + torch.clamp(at, 0, n - 1).to(torch.int64)
    n, channels = x.shape[:2]
    rows = torch.gather(x.reshape(n, channels, -1), 2, flat.reshape(n, 1, -1).expand(n, channels, -1))
    return torch.where(inside.unsqueeze(1), rows.reshape(n, channels, *flat.shape[1:]), 0.0)


# --- regions ----------------------------------------------------------------------------------------------------------


@operator("RoiAlign")
def _roi_align(call: Any, x: Any, rois: Any, batch: Any) -> Any:
    """He et al., *Mask R-CNN*, 2017, section 3: means, or maxima, of samples between the elements."""
    height, width = call.get("output_height", 1), call.get("output_width", 1)
    scale, ratio = call.get("spatial_scale", 1.0), call.get("sampling_ratio", 0)
    half = call.version >= 16 and call.get("coordinate_transformation_mode", "half_pixel") == "half_pixel"
    shift, is_max = 0.5 if half else 0.0, call.get("mode", "avg") == "max"
    found = []
    for box, place in zip(rois.tolist(), call.ints(2), strict=True):
        left, top, right, bottom = (each * scale - shift for each in box)
        high, wide = bottom - top, right - left
        if not half:
            high, wide = max(high, 1.0), max(wide, 1.0)
        step_y, step_x = high / height, wide / width
        count_y = ratio if ratio > 0 else math.ceil(high / height)
        count_x = ratio if ratio > 0 else math.ceil(wide / width)
        ys = torch.tensor([top + (i + (k + 0.5) / count_y) * step_y for i in range(height) for k in range(count_y)])
        xs = torch.tensor([left + (i + (k + 0.5) / count_x) * step_x for i in range(width) for k in range(count_x)])
        terms = _bilinear(x[place], ys, xs)
        shape = (x.shape[1], height, count_y, width, count_x)
        if is_max:
            found.append(torch.stack([term.reshape(shape) for term in terms]).amax(0).amax((2, 4)))
        else:
            found.append(sum(terms).reshape(shape).mean((2, 4)))
    return torch.stack(found) if found else torch.zeros(0, x.shape[1], height, width)


def _bilinear(image: Any, ys: Any, xs: Any) -> list[Any]:
    """The four weighted neighbours of all (y, x), each (C, Y, X); nothing beyond a pixel's distance from the image."""
    height, width = image.shape[1:]

    def split(at: Any, n: int) -> tuple[Any, Any, Any, Any]:
        inside = (at >= -1) & (at <= n)
        at = torch.clamp(at, 0, n - 1)
        low = torch.clamp(torch.floor(at), max=n - 1)
        return inside, low.to(torch.int64), torch.clamp(low + 1, max=n - 1).to(torch.int64), at - low

    in_y, y0, y1, fy = split(ys, height)
    in_x, x0, x1, fx = split(xs, width)
    inside = in_y.reshape(-1, 1) & in_x
    fy = fy.reshape(-1, 1)
    corners = ((y0, x0, (1 - fy) * (1 - fx)), (y0, x1, (1 - fy) * fx), (y1, x0, fy * (1 - fx)), (y1, x1, fy * fx))
    return [torch.where(inside, image[:, y.reshape(-1, 1), x] * weight, 0.0) for y, x, weight in corners]


@operator("MaxRoiPool")
def _max_roi_pool(call: Any, x: Any, rois: Any) -> Any:
    height, width = call.get("pooled_shape")
    scale = call.get("spatial_scale", 1.0)
    found = []
    for place, *box in rois.tolist():
        left, top, right, bottom = (math.floor(each * scale + 0.5) for each in box)
        high, wide = max(bottom - top + 1, 1), max(right - left + 1, 1)
        rows = []
        for i in range(height):
            for j in range(width):
                ys = [min(max(f(k * high / height) + top, 0), x.shape[2]) for k, f in ((i, math.floor),
                                                                                      (i + 1, math.ceil))]
                xs = [min(max(f(k * wide / width) + left, 0), x.shape[3]) for k, f in ((j, math.floor),
                                                                                      (j + 1, math.ceil))]
                part = x[int(place), :, ys[0]:ys[1], xs[0]:xs[1]]
                rows.append(part.amax((1, 2)) if part.numel() else torch.zeros(x.shape[1], dtype=x.dtype))
        found.append(torch.stack(rows, 1).reshape(x.shape[1], height, width))
    return torch.stack(found)


@operator("NonMaxSuppression")
def _non_max_suppression(call: Any, boxes: Any, scores: Any, most: Any = None, overlap: Any = None, least: Any = None
                         ) -> Any:
    """The boxes of each class, the best first, without those that overlap a better one; they have no gradient."""
    count = call.ints(2)
    limit = 0 if count is None else count[0]
    share = 0.0 if overlap is None else overlap.item()
    floor = None if least is None else least.item()
    chosen: list[list[int]] = []
    for image, (rows, by_class) in enumerate(zip(boxes.tolist(), scores.tolist(), strict=True)):
        corners = [_corners_of(row, bool(call.get("center_point_box", 0))) for row in rows]
        for kind, row in enumerate(by_class):
            order = sorted((i for i, s in enumerate(row) if floor is None or s > floor), key=lambda i: -row[i])
            kept: list[int] = []
            for i in order:
                if len(kept) >= limit:
                    break
                if all(_overlap(corners[i], corners[j]) <= share for j in kept):
                    kept.append(i)
            chosen += [[image, kind, i] for i in kept]
    return torch.tensor(chosen, dtype=torch.int64).reshape(-1, 3)


def _corners_of(box: Sequence[float], is_centre: bool) -> tuple[float, float, float, float]:
    if is_centre:
        x, y, width, height = box
        return y - height / 2, x - width / 2, y + height / 2, x + width / 2
    y1, x1, y2, x2 = box
    return min(y1, y2), min(x1, x2), max(y1, y2), max(x1, x2)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    high = min(one[2], other[2]) - max(one[0], other[0])
    wide = min(one[3], other[3]) - max(one[1], other[1])
    if high <= 0 or wide <= 0:
        return 0.0
    shared = high * wide
    areas = [(each[2] - each[0]) * (each[3] - each[1]) for each in (one, other)]
    return shared / (sum(areas) - shared)


@operator("DeformConv")
def _deform_conv(call: Any, x: Any, weight: Any, offset: Any, bias: Any = None, mask: Any = None) -> Any:
    """Dai et al., *Deformable Convolutional Networks*, 2017, in two dimensions: every place of the kernel is moved, and
    sampled between the elements."""
    n, channels, height, width = x.shape
    out, inner, kh, kw = weight.shape
    pads, strides = call.get("pads", [0] * 4), call.get("strides", [1, 1])
    steps, groups, parts = call.get("dilations", [1, 1]), call.get("group", 1), call.get("offset_group", 1)
    rows, columns = offset.shape[2:]
    moved = offset.reshape(n, parts, kh * kw, 2, rows, columns)
    places = [(i, j) for i in range(kh) for j in range(kw)]
    base_y = torch.arange(rows).reshape(-1, 1) * strides[0] - pads[0]
    base_x = torch.arange(columns).reshape(1, -1) * strides[1] - pads[1]
    samples = []
    for k, (i, j) in enumerate(places):
        ys = moved[:, :, k, 0] + (base_y + i * steps[0]).to(x.dtype)
        xs = moved[:, :, k, 1] + (base_x + j * steps[1]).to(x.dtype)
        grouped = x.reshape(n * parts, channels // parts, height, width)
        value = _between(grouped, ys.reshape(n * parts, rows, columns), xs.reshape(n * parts, rows, columns))
        value = value.reshape(n, parts, channels // parts, rows, columns)
        if mask is not None:
            value = value * mask.reshape(n, parts, kh * kw, 1, rows, columns)[:, :, k]
        samples.append(value.reshape(n, groups, inner, rows, columns))
    columns_of = torch.stack(samples, 3)  # (N, groups, C / groups, places, rows, columns)
    filters = weight.reshape(groups, out // groups, inner, kh * kw)
    found = torch.einsum("ngckrs,gock->ngors", columns_of, filters).reshape(n, out, rows, columns)
    return found if bias is None else found + bias.reshape(1, -1, 1, 1)


def _between(x: Any, ys: Any, xs: Any) -> Any:
    """Bilinear samples of (N, C, H, W) at (N, R, S), zeros outside."""
    found: Any = 0.0
    for step_y in (0, 1):
        for step_x in (0, 1):
            y, left = torch.floor(ys) + step_y, torch.floor(xs) + step_x
            weight = (1 - torch.abs(ys - y)) * (1 - torch.abs(xs - left))
            found = found + _picked(x, (y, left), x.shape[2:], "zeros", True) * weight.unsqueeze(1)
    return found
