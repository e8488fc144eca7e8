"""Operators that move elements about, and those that make tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import wengert as torch

from ...nn import functional as F
from ..writer import dtype_of
from .table import as_int64, axes_of, counted, operator, taken, wrapped


@operator("Reshape")
def _reshape(call: Any, x: Any, shape: Any = None) -> Any:
    wanted = call.ints(1) if call.version >= 5 else call.get("shape")
    if not call.get("allowzero", 0):
        wanted = [x.shape[d] if n == 0 else n for d, n in enumerate(wanted)]
    return x.reshape(wanted)


@operator("Transpose")
def _transpose(call: Any, x: Any) -> Any:
    return x.permute(call.get("perm", list(range(x.dim()))[::-1]))


@operator("Flatten")
def _flatten(call: Any, x: Any) -> Any:
    axis = wrapped(call.get("axis", 1), x.dim())
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@operator("Squeeze")
def _squeeze(call: Any, x: Any, axes: Any = None) -> Any:
    gone = axes_of(call, 1, 13, x.dim())
    gone = [d for d, n in enumerate(x.shape) if n == 1] if gone is None else gone
    return x.reshape([n for d, n in enumerate(x.shape) if d not in gone])


@operator("Unsqueeze")
def _unsqueeze(call: Any, x: Any, axes: Any = None) -> Any:
    given = call.ints(1) if call.version >= 13 else call.get("axes")
    new = {wrapped(axis, x.dim() + len(given)) for axis in given}
    sizes = iter(x.shape)
    return x.reshape([1 if d in new else next(sizes) for d in range(x.dim() + len(given))])


@operator("Expand")
def _expand(call: Any, x: Any, shape: Any) -> Any:
    return x.expand(np.broadcast_shapes(tuple(x.shape), tuple(call.ints(1))))


@operator("Tile")
def _tile(call: Any, x: Any, repeats: Any, axis: Any = None) -> Any:
    if call.version < 6:
        times = [1] * x.dim()
        times[call.ints(2)[0]] = call.ints(1)[0]
        return x.repeat(times)
    return x.repeat(call.ints(1)) if x.dim() else x


@operator("Concat")
def _concat(call: Any, *xs: Any) -> Any:
    return torch.cat(xs, call.get("axis", 1))


@operator("Split")
def _split(call: Any, x: Any, sizes: Any = None) -> Any:
    axis = wrapped(call.get("axis", 0), x.dim())
    parts = call.ints(1) if call.version >= 13 else call.get("split")
    if parts is None:
        count = call.get("num_outputs", call.wanted)
        size = -(-x.shape[axis] // count)
        parts = [min(size, max(x.shape[axis] - i * size, 0)) for i in range(count)]
    return torch.split(x, parts, axis)


def sliced(x: Any, axis: int, start: int, stop: int, step: int) -> Any:
    """A slice along one axis, which may go backwards."""
    if step > 0:
        return x[(slice(None),) * axis + (slice(start, stop, step),)]
    return taken(x, axis, range(x.shape[axis])[start:stop:step])


@operator("Slice")
def _slice(call: Any, x: Any, *given: Any) -> Any:
    if call.version < 10:
        starts, stops, axes, steps = call.get("starts"), call.get("ends"), call.get("axes"), None
    else:
        starts, stops, axes, steps = (call.ints(place) for place in range(1, 5))
    axes = list(range(len(starts))) if axes is None else axes
    for i, (axis, start, stop) in enumerate(zip(axes, starts, stops, strict=True)):
        axis, step = wrapped(axis, x.dim()), 1 if steps is None else steps[i]
        if step < 0:  # so far below zero it means: to the front
            stop = None if stop < -x.shape[axis] else stop
        x = sliced(x, axis, start, stop, step)
    return x


@operator("Pad")
def _pad(call: Any, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    mode = call.get("mode", "constant")
    if call.version < 11:
        widths, number = call.get("pads", call.get("paddings")), call.get("value", 0.0)
    else:
        widths, number = call.ints(1), 0 if value is None else value.item()
    which = axes_of(call, 3, 18, x.dim()) or list(range(x.dim()))
    count = len(which)
    for i, axis in enumerate(which):
        before, after = widths[i], widths[i + count]
        if before < 0 or after < 0:
            size = x.shape[axis]
            x = sliced(x, axis, max(-before, 0), size - max(-after, 0), 1)
            before, after = max(before, 0), max(after, 0)
        if not before and not after:
            continue
        if mode == "constant":
            pairs = [0, 0] * (x.dim() - axis - 1) + [before, after]
            x = F.pad(x, pairs, value=number) if x.dtype is not torch.bool else F.pad(
                x.to(torch.uint8), pairs, value=int(number)).to(torch.bool)
        else:
            x = taken(x, axis, _mirrored(mode, x.shape[axis], before, after))
    return x


def _mirrored(mode: str, size: int, before: int, after: int) -> list[int]:
    """The places that stand along an axis which is padded from itself."""
    places = range(-before, size + after)
    if mode == "edge":
        return [min(max(p, 0), size - 1) for p in places]
    if mode == "wrap":
        return [p % size for p in places]
    period = max(2 * size - 2, 1)
    return [min(p % period, period - p % period) if size > 1 else 0 for p in places]


@operator("Shape")
def _shape(call: Any, x: Any) -> Any:
    shape = list(x.shape)[call.get("start", 0): call.get("end", x.dim())]
    call.knows(0, np.array(shape, np.int64))
    return torch.tensor(shape, dtype=torch.int64)


@operator("Size")
def _size(call: Any, x: Any) -> Any:
    call.knows(0, np.array(x.numel(), np.int64))
    return torch.tensor(x.numel())


@operator("Gather")
def _gather(call: Any, x: Any, index: Any) -> Any:
    axis = wrapped(call.get("axis", 0), x.dim())
    index = counted(index, x.shape[axis])
    found = x.index_select(axis, index.reshape(-1))
    return found.reshape((*x.shape[:axis], *index.shape, *x.shape[axis + 1:]))


@operator("GatherElements")
def _gather_elements(call: Any, x: Any, index: Any) -> Any:
    axis = wrapped(call.get("axis", 0), x.dim())
    return torch.gather(x, axis, counted(index, x.shape[axis]))


@operator("GatherND")
def _gather_nd(call: Any, x: Any, index: Any) -> Any:
    batch = call.get("batch_dims", 0)
    index = as_int64(index)
    depth = index.shape[-1]
    parts = [index[..., i] for i in range(depth)]
    for d in range(batch):
        grid = torch.arange(x.shape[d]).reshape([-1 if i == d else 1 for i in range(index.dim() - 1)])
        parts.insert(d, grid)
    return x[tuple(parts)]


def _reduced_name(call: Any) -> str:
    return str(call.get("reduction", "none"))


@operator("ScatterElements", "Scatter")
def _scatter_elements(call: Any, x: Any, index: Any, updates: Any) -> Any:
    axis, reduction = wrapped(call.get("axis", 0), x.dim()), _reduced_name(call)
    index = counted(index, x.shape[axis])
    if reduction == "none":
        return x.scatter(axis, index, updates)
    name = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}[reduction]
    return x.scatter_reduce(axis, index, updates, name, include_self=True)


@operator("ScatterND")
def _scatter_nd(call: Any, x: Any, index: Any, updates: Any) -> Any:
    index, reduction = as_int64(index), _reduced_name(call)
    depth = index.shape[-1]
    lead, rest = list(x.shape[:depth]), math.prod(x.shape[depth:])
    flat = torch.zeros(index.shape[:-1], dtype=torch.int64)
    for d, size in enumerate(lead):
        flat = flat * size + counted(index[..., d], size)
    rows = flat.reshape(-1, 1).expand(-1, rest)
    base, values = x.reshape(math.prod(lead), rest), updates.reshape(-1, rest)
    if reduction == "none":
        found = base.scatter(0, rows, values)
    else:
        name = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}[reduction]
        found = base.scatter_reduce(0, rows, values, name, include_self=True)
    return found.reshape(x.shape)


@operator("TensorScatter")
def _tensor_scatter(call: Any, past: Any, update: Any, places: Any = None) -> Any:
    """Writes an update into a cache of keys or values, from a place for each example on."""
    axis = wrapped(call.get("axis", -2), past.dim())
    starts = [0] * past.shape[0] if places is None else call.ints(2)
    rows = []
    for i, start in enumerate(starts):
        spots = [start + j for j in range(update.shape[axis])]
        if call.get("mode", "linear") == "circular":
            spots = [spot % past.shape[axis] for spot in spots]
        row = past[i].clone()
        row[(slice(None),) * (axis - 1) + (torch.tensor(spots),)] = update[i]
        rows.append(row)
    return torch.stack(rows)


@operator("Compress")
def _compress(call: Any, x: Any, condition: Any) -> Any:
    axis = call.get("axis")
    if axis is None:
        x, axis = x.reshape(-1), 0
    return x.index_select(wrapped(axis, x.dim()), torch.nonzero(condition).reshape(-1))


@operator("NonZero")
def _non_zero(call: Any, x: Any) -> Any:
    if x.dim() == 0:
        return torch.zeros((0, int(bool(x))), dtype=torch.int64)
    return torch.nonzero(x).transpose(0, 1)


@operator("OneHot")
def _one_hot(call: Any, index: Any, depth: Any, values: Any) -> Any:
    size, axis = int(call.ints(1)[0]), call.get("axis", -1)
    index = as_int64(index)
    inside = (index >= -size) & (index < size)
    hot = F.one_hot(counted(torch.where(inside, index, 0), size), size).to(torch.bool) & inside.unsqueeze(-1)
    found = torch.where(hot, values[1], values[0])
    return found.movedim(-1, wrapped(axis, index.dim() + 1))


@operator("DepthToSpace")
def _depth_to_space(call: Any, x: Any) -> Any:
    n, c, h, w = x.shape
    b = call.get("blocksize")
    if call.get("mode", "DCR") == "DCR":
        return x.reshape(n, b, b, c // b**2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // b**2, h * b, w * b)
    return x.reshape(n, c // b**2, b, b, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // b**2, h * b, w * b)


@operator("SpaceToDepth")
def _space_to_depth(call: Any, x: Any) -> Any:
    n, c, h, w = x.shape
    b = call.get("blocksize")
    order = (0, 3, 5, 1, 2, 4) if call.get("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    return x.reshape(n, c, h // b, b, w // b, b).permute(order).reshape(n, c * b * b, h // b, w // b)


@operator("Trilu")
def _trilu(call: Any, x: Any, k: Any = None) -> Any:
    offset = 0 if k is None else call.ints(1)[0]
    return torch.triu(x, offset) if call.get("upper", 1) else torch.tril(x, offset)


@operator("EyeLike")
def _eye_like(call: Any, x: Any) -> Any:
    dtype = dtype_of(call.get("dtype")) if call.get("dtype") else x.dtype
    rows, columns = x.shape
    places = torch.arange(columns) - torch.arange(rows).reshape(-1, 1)
    return (places == call.get("k", 0)).to(dtype)


@operator("Range")
def _range(call: Any, start: Any, limit: Any, step: Any) -> Any:
    first, last, by = start.item(), limit.item(), step.item()
    count = max(math.ceil((last - first) / by), 0)
    return (torch.arange(count, dtype=start.dtype) * step + start).to(start.dtype)


@operator("ConstantOfShape")
def _constant_of_shape(call: Any, shape: Any) -> Any:
    value = call.get("value")
    if value is None:
        return torch.zeros(call.ints(0))
    return torch.full(call.ints(0), value.item(), dtype=value.dtype)


@operator("Constant")
def _constant(call: Any) -> Any:
    for name, dtype in (("value_float", torch.float32), ("value_floats", torch.float32), ("value_int", torch.int64),
                        ("value_ints", torch.int64)):
        if call.get(name) is not None:
            return torch.tensor(call.get(name), dtype=dtype)
    return call.get("value")


@operator("ReverseSequence")
def _reverse_sequence(call: Any, x: Any, lengths: Any) -> Any:
    batch, time = call.get("batch_axis", 1), call.get("time_axis", 0)
    rows = x.movedim((batch, time), (0, 1))
    places = torch.tensor([[*range(n)][::-1] + [*range(n, rows.shape[1])] for n in call.ints(1)], dtype=torch.int64)
    return rows[torch.arange(rows.shape[0]).reshape(-1, 1), places].movedim((0, 1), (batch, time))


@operator("Unique")
def _unique(call: Any, x: Any) -> Any:
    """Found by numpy: what is unique, where it first stands, where each is from, and how many there are."""
    axis, array = call.get("axis"), x.detach().numpy()
    rows = array.reshape(-1) if axis is None else array
    values, first, inverse, counts = np.unique(rows, True, True, True, axis=axis)
    inverse = inverse.reshape(-1)
    if not call.get("sorted", 1):
        order = np.argsort(first)
        values = values[order] if axis is None else values.take(order, axis)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        first, inverse, counts = first[order], place[inverse], counts[order]
    found = x.reshape(-1)[torch.from_numpy(first)] if axis is None else x.index_select(axis, torch.from_numpy(first))
    assert tuple(found.shape) == values.shape, found
    return (found, *map(torch.from_numpy, (first.astype(np.int64), inverse.astype(np.int64), counts.astype(np.int64)))
            )[: call.wanted]


@operator("CenterCropPad")
def _center_crop_pad(call: Any, x: Any, shape: Any) -> Any:
    axes = call.get("axes", list(range(x.dim())))
    for axis, size in zip(axes, call.ints(1), strict=True):
        axis, has = wrapped(axis, x.dim()), x.shape[wrapped(axis, x.dim())]
        if size < has:
            x = sliced(x, axis, (has - size) // 2, (has - size) // 2 + size, 1)
        elif size > has:
            before = (size - has) // 2
            x = F.pad(x, [0, 0] * (x.dim() - axis - 1) + [before, size - has - before])
    return x


