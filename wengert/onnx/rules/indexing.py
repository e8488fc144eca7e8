"""Indexing by arrays, gathering and scattering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.dtypes import bool_, float32, int64
from ..writer import NoFormError, Symbol, Writer
from .table import rule


@rule("index")
def _index(w: Writer, outs: Any, x: Symbol, *indices: Symbol, places: Sequence[bool], label: str = "") -> Any:
    indices, places = _numbers(w, indices, places)
    marked = [d for d, place in enumerate(places) if place]
    if len(indices) == 1:
        return w.op("Gather", x, indices[0], axis=marked[0])
    order, lead, shown = _order(x, marked, places, indices)
    found = w.op("GatherND", w.permute(x, order), _stacked(w, indices))
    if lead == 0:
        return found
    rank = shown + len(order) - len(marked)
    back = [*range(shown, shown + lead), *range(shown), *range(shown + lead, rank)]
    return w.op("Transpose", found, perm=back)


def _numbers(w: Writer, indices: Sequence[Symbol], places: Sequence[bool]) -> tuple[Any, list[bool]]:
    """Masks as the numbers of what they mark; one of several dimensions stands at the first of them."""
    found: list[Symbol] = []
    marks: list[bool] = []
    given = iter(indices)
    for place in places:
        if not place:
            marks.append(False)
            continue
        each = next(given)
        if each.dtype is not bool_:
            found.append(_int64(w, each))
            marks.append(True)
            continue
        rank = len(each.shape or ())
        where = w.op("NonZero", each, dtype=int64)
        for d in range(rank):
            number = w.op("Gather", where, w.number(d, int64), axis=0)
            number.shape = (None,)
            found.append(number)
        marks += [True] * rank
    return found, marks


def _int64(w: Writer, index: Symbol) -> Symbol:
    found = w.cast(index, int64)
    found.shape = index.shape
    return found


def _order(x: Symbol, marked: Sequence[int], places: Sequence[bool], indices: Sequence[Symbol]
           ) -> tuple[list[int], int, int]:
    """The dimensions with those that are indexed in front, where what is shown goes, and how many dimensions it has."""
    assert x.shape is not None, x
    others = [d for d in range(len(x.shape)) if d not in marked]
    apart = marked[-1] - marked[0] >= len(marked)
    return [*marked, *others], 0 if apart else marked[0], max(len(each.shape or ()) for each in indices)


def _stacked(w: Writer, indices: Sequence[Symbol]) -> Symbol:
    """Index arrays side by side in a last dimension, each repeated to the shape in which all meet."""
    if len(indices) > 1:
        zero = indices[0] * 0
        for each in indices[1:]:
            zero = zero + each * 0
        alike = all(each.shape == indices[0].shape and None not in (each.shape or ()) for each in indices)
        indices = indices if alike else [each + zero for each in indices]
    return w.op("Concat", *[w.op("Unsqueeze", each, w.constant([-1], int64)) for each in indices], axis=-1)


@rule("index_put")
def _index_put(w: Writer, outs: Any, x: Symbol, values: Any, *indices: Symbol, places: Sequence[bool],
               accumulate: bool = False, label: str = "") -> Any:
    assert x.shape is not None, x
    indices, places = _numbers(w, indices, places)
    marked = [d for d, place in enumerate(places) if place]
    order, lead, shown = _order(x, marked, places, indices)
    values = w.cast(values, x.dtype) if isinstance(values, Symbol) else w.number(values, x.dtype)
    where = _stacked(w, indices)
    turned = w.permute(x, order)
    kept = w.op("Shape", turned, dtype=int64, start=len(marked))
    shape = w.op("Concat", w.op("Slice", w.op("Shape", where, dtype=int64), w.ints([0]), w.ints([-1])), kept, axis=0)
    rank = shown + len(order) - len(marked)
    if lead:
        front = [*range(lead, lead + shown), *range(lead), *range(lead + shown, rank)]
        wide = w.op("Transpose", w.op("Expand", values, _arranged(w, shape, np.argsort(front))), perm=front)
    else:
        wide = w.op("Expand", values, shape)
    found = w.op("ScatterND", turned, where, wide, reduction="add" if accumulate else None)
    return w.op("Transpose", found, perm=np.argsort(order).tolist()) if order != sorted(order) else found


def _arranged(w: Writer, shape: Symbol, order: Any) -> Symbol:
    found: Symbol = w.op("Gather", shape, w.constant(order, int64), axis=0)
    return found


@rule("index_adjoint")
def _index_adjoint(w: Writer, outs: Any, ct: Symbol, *indices: Symbol, shape: Any, places: Sequence[bool]) -> Any:
    zeros = w.filled(0, shape, ct.dtype)
    zeros.shape = tuple(shape)
    return _index_put(w, outs, zeros, ct, *indices, places=places, accumulate=True)


@rule("masked_select")
def _masked_select(w: Writer, outs: Any, x: Symbol, mask: Symbol) -> Any:
    return w.op("Compress", w.reshape(x, [-1]), w.reshape(mask, [-1]), axis=0)


@rule("gather")
def _gather(w: Writer, outs: Any, x: Symbol, index: Symbol, dim: int) -> Any:
    if x.shape == ():
        return w.op("Expand", x, w.ints(outs[0].shape))
    return w.op("GatherElements", x, _int64(w, index), axis=dim)


def _scattered(w: Writer, x: Symbol, index: Symbol, source: Any, dim: int, reduction: str | None) -> Symbol:
    if not isinstance(source, Symbol):
        source = w.op("Expand", w.number(source, x.dtype), w.op("Shape", index, dtype=int64))
    elif source.shape == () and index.shape != ():
        source = w.op("Expand", source, w.op("Shape", index, dtype=int64))
    elif source.shape != index.shape:
        assert index.shape is not None, index
        rank = len(index.shape)
        source = w.op("Slice", source, w.ints([0] * rank), w.ints(index.shape), w.ints(range(rank)))
    if x.shape == ():
        x, index, source = (w.reshape(each, [-1]) for each in (x, index, source))
        return w.reshape(w.op("ScatterElements", x, index, source, axis=0, reduction=reduction), [])
    found: Symbol = w.op("ScatterElements", x, _int64(w, index), w.cast(source, x.dtype), axis=dim,
                         reduction=reduction)
    return found


@rule("scatter")
def _scatter(w: Writer, outs: Any, x: Symbol, index: Symbol, source: Any, dim: int) -> Any:
    return _scattered(w, x, index, source, dim, None)


@rule("scatter_add")
def _scatter_add(w: Writer, outs: Any, x: Symbol, index: Symbol, source: Any, dim: int) -> Any:
    return _scattered(w, x, index, source, dim, "add")


_REDUCTIONS = {"sum": "add", "mean": "add", "prod": "mul", "amax": "max", "amin": "min"}


@rule("scatter_reduce")
def _scatter_reduce(w: Writer, outs: Any, x: Symbol, index: Symbol, source: Symbol, dim: int, reduce: str,
                    include_self: bool) -> Any:
    if reduce == "mean" and x.dtype.kind != "f":
        raise NoFormError("a mean of integers")
    base = x
    if not include_self:
        neutral = {"sum": 0, "mean": 0, "prod": 1}.get(reduce)
        base = _scattered(w, x, index, _worst(x, reduce) if neutral is None else neutral, dim, None)
        base.shape = x.shape
    found = _scattered(w, base, index, source, dim, _REDUCTIONS[reduce])
    if reduce != "mean":
        return found
    assert x.shape is not None, x
    counts = w.filled(float(include_self), x.shape, float32)
    counts.shape = x.shape
    counts = _scattered(w, counts, index, 1.0, dim, "add")
    return found / w.cast(w.both("Max", counts, 1.0), x.dtype)


def _worst(x: Symbol, reduce: str) -> Any:
    if x.dtype.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    info = np.iinfo(x.dtype.numpy)
    return int(info.min if reduce == "amax" else info.max)


