"""Views, joins and what moves elements about.

Note [places]: what is written through a chain of views goes to the places that the chain shows of an array of the
places' numbers. So a write needs no rule of its own for each view: the rules of the views are run on the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...core.dtypes import bool_, int64
from ...core.geometry import row_major
from ..sizes import Extent
from ..writer import NoFormError, Symbol, Writer
from .table import RULES, rule

LAST = 2**63 - 1


@rule("reshape")
def reshape(w: Writer, outs: Any, x: Symbol, shape: Any, label: str = "") -> Any:
    return w.reshape(x, shape if outs is None else outs[0].shape)


@rule("permute")
def _permute(w: Writer, outs: Any, x: Symbol, dims: Sequence[int], label: str = "") -> Any:
    return w.permute(x, [d % len(dims) for d in dims])


@rule("expand")
def _expand(w: Writer, outs: Any, x: Symbol, shape: Any) -> Any:
    return w.expand(x, shape)


@rule("slice")
def _slice(w: Writer, outs: Any, x: Symbol, index: Any, label: str = "") -> Any:
    assert x.shape is not None, x
    taken = len([each for each in index if each is not None and each is not Ellipsis])
    dim, place = 0, 0
    cuts: list[tuple[int, Any, Any, Any]] = []
    gone, new = [], []
    shape: list[Any] = []
    for each in (*index, *([] if Ellipsis in index else [Ellipsis])):
        if each is None:
            new.append(place)
            shape.append(1)
            place += 1
        elif each is Ellipsis:
            count = len(x.shape) - taken
            shape += x.shape[dim: dim + count]
            dim, place = dim + count, place + count
        elif isinstance(each, slice):
            size = x.shape[dim]
            start, stop, step = (each.start or 0, LAST if each.stop is None or each.stop == size else each.stop,
                                 1 if each.step is None else each.step)
            if (start, stop, step) != (0, LAST, 1):
                cuts.append((dim, start, stop, step))
            shape.append(_count(size, each))
            dim, place = dim + 1, place + 1
        else:
            cuts.append((dim, each, LAST if each == -1 else each + 1, 1))
            gone.append(dim)
            dim += 1
    found = x
    if cuts:
        dims, starts, stops, steps = zip(*cuts, strict=True)
        found = w.op("Slice", found, w.ints(starts), w.ints(stops), w.ints(dims), w.ints(steps))
    if gone:
        found = w.op("Squeeze", found, w.ints(gone))
    if new:
        found = w.op("Unsqueeze", found, w.ints(new))
    if found is x:
        return x
    found.shape = tuple(shape) if outs is None else outs[0].shape
    return found


def _count(size: Any, taken: slice) -> Any:
    """How many elements a slice shows; None where sizes vary in a way that is not looked into."""
    if isinstance(size, Extent) or any(isinstance(each, Extent) for each in (taken.start, taken.stop, taken.step)):
        return size if taken == slice(None) else None
    return len(range(*taken.indices(size)))


@rule("diagonal")
def _diagonal(w: Writer, outs: Any, x: Symbol, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    assert x.shape is not None, x
    rank = len(x.shape)
    dim1, dim2 = dim1 % rank, dim2 % rank
    rest = [d for d in range(rank) if d not in (dim1, dim2)]
    rows, columns = x.shape[dim1], x.shape[dim2]
    shape = [*[x.shape[d] for d in rest]]
    count = outs[0].shape[-1] if outs is not None else min(rows + min(offset, 0), columns - max(offset, 0))
    flat = w.reshape(w.permute(x, [*rest, dim1, dim2]), [*shape, *_flattened(rows, columns)])
    start = offset if offset >= 0 else columns * -offset
    if isinstance(count, Extent) or isinstance(columns, Extent):
        places = w.range(count) * w.number(columns + 1, int64) + w.number(start, int64)
    else:
        places = w.constant(np.arange(max(count, 0)) * (columns + 1) + start, int64)
    found = w.op("Gather", flat, places, axis=len(rest))
    found.shape = (*shape, count)
    return found


def _flattened(rows: Any, columns: Any) -> list[Any]:
    """The product of two sizes, as a list of one; of two that vary it is left to the runtime."""
    if isinstance(rows, Extent) and isinstance(columns, Extent):
        return [-1]
    return [rows * columns]


@rule("unfold")
def _unfold(w: Writer, outs: Any, x: Symbol, dimension: int, size: int, step: int) -> Any:
    assert x.shape is not None, x
    length = x.shape[dimension]
    within = w.constant(np.arange(size), int64)
    if isinstance(length, Extent):
        if outs is None or not isinstance(outs[0].shape[dimension], Extent):
            raise NoFormError("a number of windows that varies")
        count = outs[0].shape[dimension]
        places = w.op("Unsqueeze", w.range(count) * step, w.ints([1])) + within
    else:
        count = (length - size) // step + 1
        places = w.constant(np.arange(count)[:, None] * step + np.arange(size), int64)
    found = w.op("Gather", x, places, axis=dimension)
    rank = len(x.shape) + 1
    order = [*[d for d in range(rank) if d != dimension + 1], dimension + 1]
    found = w.op("Transpose", found, perm=order)
    found.shape = (*x.shape[:dimension], count, *x.shape[dimension + 1:], size)
    return found


@rule("as_strided")
def _as_strided(w: Writer, outs: Any, x: Symbol, size: Any, stride: Any, offset: int = 0, geometry: Any = None) -> Any:
    assert x.shape is not None, x
    if any(isinstance(n, Extent) for n in (*x.shape, *size, *stride, offset)):
        raise NoFormError("strides of sizes that vary")
    if geometry is not None and tuple(geometry) != (row_major(x.shape), 0):
        raise NoFormError("strides of memory that does not lie in rows")
    places = np.full(tuple(size), offset)
    for dim, (n, step) in enumerate(zip(size, stride, strict=True)):
        places += (np.arange(n) * step).reshape((n,) + (1,) * (len(size) - dim - 1))
    found = w.op("Gather", w.reshape(x, [prod(x.shape)]), w.constant(places, int64), axis=0)
    found.shape = tuple(size)
    return found


def _steps_of(w: Writer, x: Symbol, steps: Any) -> Symbol:
    """What a chain of views shows of a symbol."""
    for primitive, params in steps:
        x = RULES[primitive.name](w, None, x, **params)
    return x


def _places(w: Writer, shape: Any, steps: Any) -> Symbol:
    """See Note [places]; in one dimension."""
    if not any(isinstance(n, Extent) for n in shape) and not _varies(steps):
        numbers = np.arange(prod(shape)).reshape(tuple(shape))
        for primitive, params in steps:
            numbers = primitive.run(numbers, **params)
        return w.constant(np.ascontiguousarray(numbers).reshape(-1), int64)
    total = w.constant([prod(n for n in shape if not isinstance(n, Extent))], int64)
    for n in shape:
        total = total * w.size(n) if isinstance(n, Extent) else total
    numbers = w.op("Range", w.number(0, int64), w.scalar(total), w.number(1, int64), dtype=int64)
    shown = _steps_of(w, w.reshape(numbers, shape), steps)
    return w.reshape(shown, [-1])


def _varies(things: Any) -> bool:
    if isinstance(things, (tuple, list)):
        return any(map(_varies, things))
    if isinstance(things, dict):
        return any(map(_varies, things.values()))
    if isinstance(things, slice):
        return _varies((things.start, things.stop, things.step))
    return isinstance(things, Extent)


def _put(w: Writer, base: Symbol, part: Any, steps: Any, reduction: str | None = None) -> Symbol:
    """The base with a part, which the steps show, replaced, or added to."""
    assert base.shape is not None, base
    places = _places(w, base.shape, steps)
    if not isinstance(part, Symbol):
        part = w.number(part, base.dtype)
    count = w.op("Shape", places, dtype=int64)
    if part.shape != () and part.shape is not None:
        like = _steps_of(w, base, steps)  # for its shape, by which a part may be repeated; unused, it goes
        part = w.op("Expand", part, w.op("Shape", like, dtype=int64))
        part = w.reshape(part, [-1])
    else:
        part = w.op("Expand", part, count)
    if base.dtype is bool_ and reduction:
        raise NoFormError("a sum of truth values")
    found = w.op("ScatterElements", w.reshape(base, [-1]), places, w.cast(part, base.dtype), axis=0,
                 reduction=reduction)
    return w.reshape(found, base.shape)


@rule("scatter_view")
def _scatter_view(w: Writer, outs: Any, base: Symbol, part: Any, steps: Any, gaps: bool = False) -> Any:
    return _put(w, base, part, steps)


@rule("view_adjoint")
def _view_adjoint(w: Writer, outs: Any, ct: Symbol, step: Any, shape: Any) -> Any:
    zeros = w.filled(0, shape, ct.dtype)
    zeros.shape = tuple(shape)
    return _put(w, zeros, ct, [step], "add")


@rule("overwrite")
def _overwrite(w: Writer, outs: Any, old: Symbol, new: Any) -> Any:
    new = w.cast(new, old.dtype) if isinstance(new, Symbol) else w.number(new, old.dtype)
    return w.expand(new, outs[0].shape) if new.shape is not None else w.op("Expand", new, w.ints(outs[0].shape))


@rule("fill")
def _fill(w: Writer, outs: Any, old: Symbol, value: Any = 0) -> Any:
    return w.filled(value, outs[0].shape, outs[0].dtype)


@rule("zeros_like", "zeros_of")
def _zeros(w: Writer, outs: Any, x: Symbol, shape: Any = None) -> Any:
    return w.filled(0, outs[0].shape, outs[0].dtype)


@rule("clone")
def _clone(w: Writer, outs: Any, x: Symbol, order: str = "K") -> Any:
    return x


@rule("cat")
def _cat(w: Writer, outs: Any, *parts: Symbol, dim: int, **params: Any) -> Any:
    rank = len(outs[0].shape)
    kept = [w.cast(part, outs[0].dtype) for part in parts if part.shape is not None and len(part.shape) == rank]
    return kept[0] if len(kept) == 1 else w.op("Concat", *kept, axis=dim % rank)


@rule("parts")
def _parts(w: Writer, outs: Any, x: Symbol, dim: int, sizes: Any = None, label: str = "") -> Any:
    """Those that are needed, each on its own: the numbers along a dimension, or slices of these sizes."""
    found: list[Any] = []
    start: Any = 0
    for i, out in enumerate(outs):
        stop = i + 1 if sizes is None else start + sizes[i]
        if out is None:
            found.append(None)
        elif sizes is None:
            found.append(w.op("Gather", x, w.number(i, int64), axis=dim))
        else:
            found.append(w.op("Slice", x, w.ints([start]), w.ints([stop]), w.ints([dim])))
        start = stop
    return found


@rule("flip")
def _flip(w: Writer, outs: Any, x: Symbol, dims: Sequence[int]) -> Any:
    if not dims:
        return x
    count = len(dims)
    return w.op("Slice", x, w.ints([-1] * count), w.ints([-LAST] * count), w.ints(dims), w.ints([-1] * count))


@rule("roll")
def _roll(w: Writer, outs: Any, x: Symbol, shifts: Sequence[int], dims: Sequence[int]) -> Any:
    assert x.shape is not None, x
    found = x
    for shift, dim in zip(shifts, dims, strict=True):
        size = x.shape[dim]
        first = -shift if isinstance(size, Extent) else -shift % size if size else 0
        if first == 0:
            continue
        tail = w.op("Slice", found, w.ints([first]), w.ints([LAST]), w.ints([dim]))
        head = w.op("Slice", found, w.ints([0]), w.ints([first]), w.ints([dim]))
        found = w.op("Concat", tail, head, axis=dim)
    return found


@rule("tril")
def _tril(w: Writer, outs: Any, x: Symbol, diagonal: int = 0) -> Any:
    return _triangle(w, x, diagonal, 0)


@rule("triu")
def _triu(w: Writer, outs: Any, x: Symbol, diagonal: int = 0) -> Any:
    return _triangle(w, x, diagonal, 1)


def _triangle(w: Writer, x: Symbol, diagonal: int, upper: int) -> Any:
    return w.op("Trilu", x, w.number(diagonal, int64), upper=upper)


@rule("pad")
def _pad(w: Writer, outs: Any, x: Symbol, widths: Any, value: Any = 0.0) -> Any:
    before, after = zip(*widths, strict=True) if len(widths) else ((), ())
    return w.op("Pad", x, w.ints([*before, *after]), w.number(value, x.dtype))


@rule("diag_matrix")
def _diag_matrix(w: Writer, outs: Any, x: Symbol) -> Any:
    assert x.shape is not None, x
    size, rank = x.shape[-1], len(x.shape)
    if isinstance(size, Extent):
        places = w.range(size)
        eye = w.op("Unsqueeze", places, w.ints([1])) == places
    else:
        eye = w.constant(np.eye(size, dtype=bool), bool_)
    return w.where(eye, w.op("Unsqueeze", x, w.ints([rank])), 0)


