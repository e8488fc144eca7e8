"""Sums, extrema, norms, scans, sorts: what is computed along dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ...core.dtypes import bool_, float32, int32, int64
from ..sizes import Extent
from ..writer import NoFormError, Symbol, Writer
from .elementwise import FUNCTIONS
from .table import absent, rule


def reduced(w: Writer, kind: str, x: Symbol, dim: Sequence[int], keepdim: bool) -> Symbol:
    """A reduction over dimensions, which are counted from the front; over none it changes nothing."""
    if not len(dim):
        found: Symbol = w.op(kind, x, w.ints([]), keepdims=int(keepdim), noop_with_empty_axes=1) if kind in (
            "ReduceL1", "ReduceL2") else x
        return w.op("Abs", x) if found is not x else x
    found = w.op(kind, x, w.ints(dim), keepdims=int(keepdim))
    if x.shape is not None:
        found.shape = tuple([1 if d in dim else n for d, n in enumerate(x.shape) if keepdim or d not in dim])
    return found


def count(w: Writer, shape: Sequence[Any], dim: Sequence[int]) -> Any:
    """How many elements lie along dimensions: a number, or a symbol of float32 where that varies."""
    sizes = [shape[d] for d in dim]
    varying = [n for n in sizes if isinstance(n, Extent)]
    fixed = prod([n for n in sizes if not isinstance(n, Extent)])
    if not varying:
        return fixed
    found: Any = float(fixed)
    for n in varying:
        found = w.number(n, float32) * found
    return found


@rule("sum")
def _sum(w: Writer, outs: Any, x: Symbol, dim: Any, keepdim: bool = False, whole: bool = False) -> Any:
    return reduced(w, "ReduceSum", w.cast(x, outs[0].dtype), dim, keepdim)


@rule("mean")
def _mean(w: Writer, outs: Any, x: Symbol, dim: Any, keepdim: bool = False, whole: bool = False) -> Any:
    return reduced(w, "ReduceMean", x, dim, keepdim)


@rule("prod")
def _prod(w: Writer, outs: Any, x: Symbol, dim: Any, keepdim: bool = False, whole: bool = False) -> Any:
    return reduced(w, "ReduceProd", w.cast(x, outs[0].dtype), dim, keepdim)


def _through(kind: str) -> Any:
    """Of truth values by integers."""

    def write(w: Writer, outs: Any, x: Symbol, dim: Any, keepdim: bool = False, whole: bool = False) -> Any:
        wide = w.cast(w.cast(x, bool_), int32) if outs[0].dtype is bool_ else x
        return w.cast(reduced(w, kind, wide, dim, keepdim), outs[0].dtype)

    return write


for _name, _kind in {"amax": "ReduceMax", "amin": "ReduceMin", "any": "ReduceMax", "all": "ReduceMin"}.items():
    rule(_name)(_through(_kind))


def _variance(w: Writer, x: Symbol, dim: Any, keepdim: bool, correction: float) -> Symbol:
    assert x.shape is not None, x
    centred = x - reduced(w, "ReduceMean", x, dim, True)
    centred.shape = x.shape
    found = reduced(w, "ReduceMean", centred * centred, dim, keepdim)
    if not correction:
        return found
    n = count(w, x.shape, dim)
    if isinstance(n, Symbol):
        return found * w.cast(n / (n - float(correction)), x.dtype)
    return found * (n / (n - correction) if n != correction else math.nan)


@rule("var")
def _var(w: Writer, outs: Any, x: Symbol, dim: Any, keepdim: bool = False, correction: float = 1, whole: bool = False
         ) -> Any:
    return _variance(w, x, dim, keepdim, correction)


@rule("std")
def _std(w: Writer, outs: Any, x: Symbol, dim: Any, keepdim: bool = False, correction: float = 1, whole: bool = False
         ) -> Any:
    return w.op("Sqrt", _variance(w, x, dim, keepdim, correction))


def _with_mean(spread: Callable[..., Any]) -> Any:
    def write(w: Writer, outs: Any, x: Symbol, dim: Any, keepdim: bool = False, correction: float = 1) -> Any:
        return (spread(w, outs, x, dim, keepdim, correction) if outs[0] is not None else None,
                _mean(w, outs[1:], x, dim, keepdim) if outs[1] is not None else None)

    return write


rule("var_mean")(_with_mean(_var))
rule("std_mean")(_with_mean(_std))


@rule("vector_norm")
def _vector_norm(w: Writer, outs: Any, x: Symbol, ord: float, dim: Any, keepdim: bool = False) -> Any:
    if ord in (1, 2):
        return reduced(w, f"ReduceL{int(ord)}", x, dim, keepdim)
    if ord == 0:
        return reduced(w, "ReduceSum", w.cast(x != 0.0, x.dtype), dim, keepdim)
    size = w.op("Abs", x)
    size.shape = x.shape
    if math.isinf(ord):
        return reduced(w, "ReduceMax" if ord > 0 else "ReduceMin", size, dim, keepdim)
    powers = w.both("Pow", size, float(ord))
    return w.both("Pow", reduced(w, "ReduceSum", powers, dim, keepdim), 1 / ord)


@rule("sum_to")
def _sum_to(w: Writer, outs: Any, x: Symbol, shape: Any) -> Any:
    assert x.shape is not None, x
    lead = len(x.shape) - len(shape)
    dim = [d for d, n in enumerate(x.shape) if d < lead or (shape[d - lead] == 1 and n != 1)]
    return w.reshape(reduced(w, "ReduceSum", x, dim, True), shape) if dim else x


def _position(kind: str) -> Any:
    def write(w: Writer, outs: Any, x: Symbol, dim: Any = None, keepdim: bool = False) -> Any:
        if x.dtype is bool_:
            x = w.cast(x, int32)
        if x.shape == ():
            return w.number(0, int64)
        if dim is not None:
            return w.op(kind, x, dtype=int64, axis=dim[0] if isinstance(dim, tuple) else dim, keepdims=int(keepdim))
        found = w.op(kind, w.reshape(x, [-1]), dtype=int64, axis=0, keepdims=0)
        return w.reshape(found, outs[0].shape) if keepdim else found

    return write


rule("argmax")(_position("ArgMax"))
rule("argmin")(_position("ArgMin"))


def _with_position(kind: str) -> Any:
    def write(w: Writer, outs: Any, x: Symbol, dim: int, keepdim: bool = False) -> Any:
        assert x.shape is not None, x
        if not x.shape:
            return x, w.number(0, int64)
        wide = w.cast(x, int32) if x.dtype is bool_ else x
        wide.shape = x.shape
        place = w.op(f"Arg{kind}", wide, dtype=int64, axis=dim % len(x.shape), keepdims=int(keepdim))
        return w.cast(reduced(w, f"Reduce{kind}", wide, [dim % len(x.shape)], keepdim), x.dtype), place

    return write


rule("max_dim")(_with_position("Max"))
rule("min_dim")(_with_position("Min"))


@rule("count_nonzero")
def _count_nonzero(w: Writer, outs: Any, x: Symbol, dim: Any) -> Any:
    truth = w.cast(w.cast(x, bool_), int64)
    truth.shape = x.shape
    return reduced(w, "ReduceSum", truth, dim, False)


# --- softmax ----------------------------------------------------------------------------------------------------------


@rule("softmax")
def _softmax(w: Writer, outs: Any, x: Symbol, dim: int) -> Any:
    return w.op("Softmax", x, axis=dim) if x.shape else w.number(1.0, x.dtype)


@rule("log_softmax")
def _log_softmax(w: Writer, outs: Any, x: Symbol, dim: int) -> Any:
    return w.op("LogSoftmax", x, axis=dim) if x.shape else w.number(0.0, x.dtype)


@rule("logsumexp")
def _logsumexp(w: Writer, outs: Any, x: Symbol, dim: Any, keepdim: bool = False) -> Any:
    return reduced(w, "ReduceLogSumExp", x, [dim] if isinstance(dim, int) else dim, keepdim)


# --- scans ------------------------------------------------------------------------------------------------------------


@rule("cumsum")
def _cumsum(w: Writer, outs: Any, x: Symbol, dim: int) -> Any:
    return w.op("CumSum", w.cast(x, outs[0].dtype), w.number(dim, int64)) if x.shape else x


def _doubling(w: Writer, xs: Sequence[Symbol], neutral: Sequence[Any], dim: int, combine: Callable[..., Any]) -> Any:
    """A scan by an associative operation: what stands 1, 2, 4, ... places before is put in (Hillis & Steele, *Data
    Parallel Algorithms*, 1986)."""
    size = xs[0].shape[dim] if xs[0].shape else 1
    if isinstance(size, Extent):
        raise NoFormError("a scan over a size that varies")
    reach, rank = 1, len(xs[0].shape or ())
    while reach < size:
        widths = [reach if d == dim else 0 for d in range(rank)]
        moved = [w.op("Pad", x, w.ints([*widths, *[-n for n in widths]]), w.number(value, x.dtype))
                 for x, value in zip(xs, neutral, strict=True)]
        xs = combine(moved, xs)
        reach *= 2
    return xs


@rule("cumprod")
def _cumprod(w: Writer, outs: Any, x: Symbol, dim: int) -> Any:
    wide = w.cast(x, outs[0].dtype)
    wide.shape = x.shape
    return _doubling(w, [wide], [1], dim, lambda before, xs: [before[0] * xs[0]])[0]


@rule("logcumsumexp")
def _logcumsumexp(w: Writer, outs: Any, x: Symbol, dim: int) -> Any:
    return _doubling(w, [x], [-math.inf], dim,
                     lambda before, xs: [FUNCTIONS["logaddexp"](w, before[0], xs[0])])[0]


def _running(is_better: Callable[[Any, Any], Any], worst: Callable[[Any], Any]) -> Any:
    """The best so far, and the last place where it stands."""

    def write(w: Writer, outs: Any, x: Symbol, dim: int) -> Any:
        assert x.shape is not None, x
        if not x.shape:
            return x, w.number(0, int64)
        size = x.shape[dim]
        if isinstance(size, Extent):
            raise NoFormError("a scan over a size that varies")
        wide = w.cast(x, int64) if x.dtype is bool_ else x
        along = np.arange(size).reshape([-1 if d == dim else 1 for d in range(len(x.shape))])
        places = w.op("Expand", w.constant(along, int64), w.op("Shape", x, dtype=int64))
        wide.shape = places.shape = x.shape

        def combine(before: Any, now: Any) -> Any:
            stays = is_better(now[0], before[0])
            return [w.where(stays, one, other) for one, other in zip(now, before, strict=True)]

        best, place = _doubling(w, [wide, places], [worst(wide.dtype), 0], dim, combine)
        return w.cast(best, x.dtype), place

    return write


def _limit(sign: int) -> Any:
    def worst(dtype: Any) -> Any:
        if dtype.kind == "f":
            return sign * math.inf
        info = np.iinfo(dtype.numpy)
        return int(info.max if sign > 0 else info.min)

    return worst


rule("cummax")(_running(lambda now, before: now >= before, _limit(-1)))
rule("cummin")(_running(lambda now, before: now <= before, _limit(1)))


# --- order ------------------------------------------------------------------------------------------------------------


def _top(w: Writer, x: Symbol, k: Any, dim: int, largest: bool) -> Any:
    values, places = w.op("TopK", x, w.ints([k]), outputs=2, axis=dim, largest=int(largest), sorted=1)
    places.dtype = int64
    return values, places


@rule("sort")
def _sort(w: Writer, outs: Any, x: Symbol, dim: int, descending: bool = False, stable: bool = True) -> Any:
    assert x.shape is not None, x
    if not x.shape:
        return x, w.number(0, int64)
    wide = w.cast(x, int64) if x.dtype is bool_ else x
    values, places = _top(w, wide, x.shape[dim], dim, descending)
    return w.cast(values, x.dtype), places


@rule("topk")
def _topk(w: Writer, outs: Any, x: Symbol, k: Any, dim: int, largest: bool = True) -> Any:
    return _top(w, x, k, dim, largest) if x.shape else (x, w.number(0, int64))


@rule("median")
def _median(w: Writer, outs: Any, x: Symbol) -> Any:
    assert x.shape is not None, x
    flat = w.reshape(x, [-1])
    flat.shape = (prod(_known(x.shape)),)
    return _median_dim(w, outs, flat, 0)[0]


def _known(shape: Any) -> Any:
    if any(isinstance(n, Extent) for n in shape):
        raise NoFormError("the middle of a size that varies")
    return shape


@rule("median_dim")
def _median_dim(w: Writer, outs: Any, x: Symbol, dim: int, keepdim: bool = False) -> Any:
    assert x.shape is not None, x
    if not x.shape:
        return x, w.number(0, int64)
    (size,) = _known([x.shape[dim]])
    middle = (size - 1) // 2
    found = _top(w, x, middle + 1, dim, False)
    picked = [w.op("Gather", each, w.number(middle, int64), axis=dim) for each in found]
    return [w.op("Unsqueeze", each, w.ints([dim])) for each in picked] if keepdim else picked


@rule("searchsorted")
def _searchsorted(w: Writer, outs: Any, sequence: Symbol, keys: Symbol, *, side: str) -> Any:
    assert sequence.shape is not None and keys.shape is not None, sequence
    if len(sequence.shape) == 1:
        keys_ = w.op("Unsqueeze", keys, w.ints([len(keys.shape)]))
        rank = len(keys.shape)
    else:
        keys_ = w.op("Unsqueeze", keys, w.ints([len(keys.shape)]))
        rank = len(keys.shape)
        sequence = w.op("Unsqueeze", sequence, w.ints([rank - 1]))
    before = sequence < keys_ if side == "left" else sequence <= keys_
    return w.op("ReduceSum", w.cast(before, int64), w.ints([rank]), keepdims=0)


@rule("isin")
def _isin(w: Writer, outs: Any, x: Symbol, y: Symbol, unique: bool = False, invert: bool = False) -> Any:
    assert x.shape is not None, x
    same = w.op("Unsqueeze", x, w.ints([len(x.shape)])) == w.reshape(y, [-1])
    found = w.cast(w.op("ReduceMax", w.cast(same, int32), w.ints([len(x.shape)]), keepdims=0), bool_)
    return ~found if invert else found


absent("ONNX has no histogram", "histc histogram histogram_grid")
absent("the size of its result depends on values, which a recording does not have", "bincount")
absent("ONNX has no order of numbers that passes over NaN", "nanmedian nanmedian_dim")
absent("ONNX cannot count equal numbers", "mode")
absent("it is recorded in backward passes alone", "cumprod_adjoint")
