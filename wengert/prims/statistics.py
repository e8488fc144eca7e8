"""Order statistics and counts: medians, modes, histograms."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import all_spread, along, each, in_a_loop, native, rank_of, size_of
from ..core.operands import Array, Dims, Needs, Numbers, Params, Rule, Saved
from ..core.primitive import P, opaque
from ..core.samples import cases
from ..core.spec import Spec
from ..core.steps import argsorted, picked, picked_jvp, picked_vjp

_TRANSPOSED = {"jvp": "it is the transpose of the vjp"}


def _picking(name: str, position: Rule, **rest: Any) -> Any:
    """A primitive whose results are (values, indices); ``position(xp, x, dim)`` finds the indices, that dimension
    kept."""

    def evaluate(xp: ModuleType, x: Array, dim: int, keepdim: bool = False) -> Any:
        if not x.ndim:
            return x.copy(), xp.zeros((), np.int64)
        return picked(xp, x, position(xp, x, dim), dim, keepdim)

    return opaque(name, evaluate, batch=along,
                  multiple=True, keeps=(1,), vjp=picked_vjp, jvp=picked_jvp, saves=("out", "shapes"),
                  samples=cases(((3, 5), {"dim": 1}), ((3, 4), {"dim": 0, "keepdim": True})), **rest)


def _median(xp: ModuleType, x: Array, dim: int) -> Array:
    """The lower of the two in the middle; the first NaN, where there is one."""
    order = argsorted(xp, x, dim)
    middle = xp.take(order, [(x.shape[dim] - 1) // 2], axis=dim)
    if x.dtype.kind not in "fV":
        return middle
    nan = xp.isnan(x)
    return xp.where(nan.any(axis=dim, keepdims=True), nan.argmax(axis=dim, keepdims=True), middle)


def _nanmedian(xp: ModuleType, x: Array, dim: int) -> Array:
    """The lower of the two in the middle of those that are not NaN, which sort before it."""
    order = argsorted(xp, x, dim)
    numbers = (x == x).sum(axis=dim, keepdims=True)
    return xp.take_along_axis(order, xp.maximum(numbers - 1, 0) // 2, dim)


def _mode(xp: ModuleType, x: Array, dim: int) -> Array:
    """The smallest of the most frequent values, at its last occurrence."""
    moved = xp.moveaxis(x, dim, -1)
    flat = moved.reshape(-1, x.shape[dim])
    place = xp.empty(len(flat), np.int64)
    for i, row in enumerate(flat):
        values, counts = xp.unique(row, return_counts=True)
        most = values[counts.argmax()]
        place[i] = xp.flatnonzero(row == most if most == most else row != row)[-1]
    return xp.expand_dims(place.reshape(moved.shape[:-1]), dim)


_SORTED = "fdbBhHiIlLqQ"
"""The dtypes that numpy finds the middle of without sorting all."""


def _shared_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """Of a value that is one of the operand's: all elements that equal it share the cotangent."""
    x, out, _ = saved
    mask = P.cast((x == out) | (P.isnan(x) & P.isnan(out)), dtype=x.dtype)
    return (mask * (ct / P.sum(mask, dim=tuple(range(len(x.shape))))),)


def _of_all(name: str, position: Rule) -> Any:
    """The value that ``position`` finds among all elements."""

    def evaluate(xp: ModuleType, x: Array) -> Array:
        flat = x.reshape(-1)
        if position is _median and flat.dtype.char in _SORTED and not xp.isnan(flat).any():
            middle = (flat.size - 1) // 2
            return xp.asarray(xp.partition(flat, middle)[middle])
        return flat[position(xp, flat, 0)[0]]

    def batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
        x = operands[0]
        flat = P.reshape(x, shape=(x.shape[0], prod(x.shape[1:])))
        return getattr(P, f"{name}_dim")(flat, dim=1)[0]

    return opaque(name, evaluate, batch=batch,
                  vjp=_shared_vjp, saves=("x", "out"), missing=_TRANSPOSED, samples=cases(((3, 5),), ((),)))


median_dim = _picking("median_dim", _median, label="MedianBackward1")
nanmedian_dim = _picking("nanmedian_dim", _nanmedian, label="NanmedianBackward1")
median = _of_all("median", _median)
nanmedian = _of_all("nanmedian", _nanmedian)
mode = _picking("mode", _mode)


def _no(reason: str) -> dict[str, str]:
    return {"vjp": reason, "jvp": reason}


def _bincount(xp: ModuleType, x: Array, weights: Array | None = None, minlength: int = 0) -> Array:
    counts = xp.bincount(x, weights=weights, minlength=minlength)
    return counts if weights is None else counts.astype(weights.dtype if weights.dtype == np.float32 else np.float64)


_COUNTS = {**_no("it counts"), **in_a_loop("numpy counts one row at a time")}
bincount = opaque("bincount", _bincount, batch=each, arity=2, missing=_COUNTS,
                  samples=cases((np.array([1, 3, 1]),), (np.array([1, 3, 1]), (3,), {"minlength": 6})))


def even_bounds(op: str, x: Array, bins: int, low: float, high: float) -> tuple[float, float]:
    """Where so many equal bins begin and end: at two numbers, or at the extremes of the elements where these are equal.

    Raises RuntimeError for no bins, and for bounds in the wrong order or not finite.
    """
    if bins <= 0:
        raise RuntimeError(f"torch.{op}(): bins must be > 0, but got {bins}")
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        before, after = (1.0, 1.0) if op == "histc" else (0.5, 0.5) if x.size else (0.0, 1.0)
        low, high = low - before, high + after
    if not low < high or not np.isfinite([low, high]).all():
        finite = np.isfinite([low, high]).all()
        why = "max must be larger than min" if finite else f"range of [{low:g}, {high:g}] is not finite"
        raise RuntimeError(f"torch.{op}: {why}; numbers in order, both finite, were expected; got min={low}, "
                           f"max={high}")
    return low, high


def even_edges(op: str, x: Array, bins: int, low: float, high: float) -> Array:
    """The edges of so many equal bins between `even_bounds`."""
    return np.linspace(*even_bounds(op, x, bins, low, high), bins + 1)


def _histc(xp: ModuleType, x: Array, bins: int, low: float, high: float) -> Array:
    """In the bin that a division in the dtype of the elements says, as in PyTorch; counted in whole numbers."""
    first, last = (x.dtype.type(bound) for bound in even_bounds("histc", x, bins, low, high))
    x = x.reshape(-1)
    x = x[(x >= first) & (x <= last)]
    places = xp.minimum(((x - first) * x.dtype.type(bins) / (last - first)).astype(np.int64), bins - 1)
    return xp.bincount(places, minlength=bins).astype(x.dtype)


histc = opaque("histc", _histc, batch=each,
               missing=_COUNTS, spec=lambda x, bins, low, high: Spec((bins,), x.dtype),
               samples=cases(((7,), {"bins": 4, "low": 0.0, "high": 0.0}),
                             ((7,), {"bins": 3, "low": -1.0, "high": 2.0})))


def _bins(xp: ModuleType, x: Array, edges: Any) -> tuple[Array, Array]:
    """In which bin each element of a row lies, and whether it lies in any; the last edge is included."""
    bounds = xp.asarray(edges, dtype=x.dtype)
    places = xp.where(x == bounds[-1], len(bounds) - 2, xp.searchsorted(bounds, x, side="right") - 1)
    return places, (x >= bounds[0]) & (x <= bounds[-1])


def _histogram(xp: ModuleType, x: Array, weights: Array | None = None, *, edges: Any) -> Array:
    """How many elements lie between each two edges; weighted where weights are given."""
    places, inside = _bins(xp, x.reshape(-1), edges)
    load = None if weights is None else weights.reshape(-1)[inside]
    return xp.bincount(places[inside], weights=load, minlength=len(edges) - 1).astype(x.dtype)


histogram = opaque("histogram", _histogram, batch=each, arity=2, missing=_COUNTS,
                   samples=cases(((7,), {"edges": (-2.0, 0.0, 2.0)})))


def _histogram_grid(xp: ModuleType, x: Array, weights: Array | None = None, *,
                    edges: Sequence[Sequence[float]]) -> Array:
    """How many points, the rows of ``x``, lie in each cell of a grid, of whose dimensions the edges are given."""
    cells, inside = xp.zeros(len(x), np.int64), xp.ones(len(x), bool)
    for column, one in zip(x.T, edges, strict=True):
        places, within = _bins(xp, column, one)
        cells, inside = cells * (len(one) - 1) + places, inside & within
    sizes = tuple([len(one) - 1 for one in edges])
    load = None if weights is None else weights[inside]
    counts = xp.bincount(cells[inside], weights=load, minlength=int(np.prod(sizes)))
    return counts.reshape(sizes).astype(x.dtype)


histogram_grid = opaque("histogram_grid", _histogram_grid, batch=each, arity=2, missing=_COUNTS,
                        samples=cases(((7, 2), {"edges": ((-2.0, 0.0, 2.0), (-1.0, 0.0, 0.5, 1.0))})))


def _hash(xp: ModuleType, x: Array, dim: Dims, keepdim: bool) -> Array:
    wide = xp.array(x, np.float64 if x.dtype.kind in "fV" else np.int64)
    return xp.asarray(xp.bitwise_xor.reduce(wide.view(np.uint64), axis=dim, keepdims=keepdim))


hash_tensor = opaque("hash_tensor", _hash, batch=along, missing=_no("it gives bits"),
                     samples=cases(((2, 3), {"dim": (1,), "keepdim": False}), ((), {"dim": (), "keepdim": True})),
                     doc="The exclusive or of the bits of elements, as float64 or int64.")


# --- among sorted numbers, among given ones ---------------------------------------------------------------------------


def _searchsorted(xp: ModuleType, sequence: Array, keys: Array, *, side: str) -> Any:
    if sequence.ndim == 1:
        return xp.asarray(xp.searchsorted(sequence, keys, side), np.int64)
    if not keys.size:
        return xp.empty(keys.shape, np.int64)
    rows = keys.size // keys.shape[-1]
    pairs = zip(sequence.reshape(rows, -1) if sequence.size else xp.empty((rows, 0)), keys.reshape(rows, -1),
                strict=True)
    found = [xp.searchsorted(row, key, side) for row, key in pairs]
    return xp.asarray(found, np.int64).reshape(keys.shape)


def _searchsorted_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    """One sequence for all examples takes keys of any shape; of a sequence an example, each is a row."""
    sequence, keys = operands
    if not mapped[0] and len(sequence.shape) == 1:
        return primitive(sequence, keys, **params)
    count, rank = size_of(operands, mapped), rank_of(sequence, mapped[0])
    sequence, keys = all_spread(operands, mapped)
    if rank > 1:
        return primitive(sequence, keys, **params)
    rows = P.reshape(keys, shape=(count, prod(keys.shape[1:])))
    return P.reshape(primitive(sequence, rows, **params), shape=tuple(keys.shape))


def _isin_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    """Where all examples have the same elements to be among."""
    if mapped[1]:  # which is what numpy compares with at once
        return each(primitive, operands, mapped, params)
    return primitive(*operands, **{**params, "unique": False})  # those of several examples need not be


_PLACES = _no("it gives places")
searchsorted = opaque("searchsorted", _searchsorted, batch=_searchsorted_batch, arity=2, missing=_PLACES,
                      samples=cases(((3,), (2, 4), {"side": "left"}), ((2, 3), (2, 4), {"side": "right"})),
                      doc="Where numbers would go into the ascending last dimension of the first operand.")
isin = opaque("isin", batch=_isin_batch,
              eval=lambda xp, x, y, unique=False, invert=False: xp.isin(x, y, assume_unique=unique, invert=invert),
              arity=2, missing=_no("it gives truths"), samples=cases((np.arange(6).reshape(2, 3), np.array([1, 4]))))
frexp_exponent = opaque("frexp_exponent", batch=native,
                        eval=lambda xp, x: xp.asarray(xp.frexp(x)[1], np.int32), arity=1,
                        missing=_no("it gives exponents"), samples=cases(((3, 4),)))
