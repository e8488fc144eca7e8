"""Order statistics and counts: medians, modes, histograms."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..core.operands import Array, Needs, Numbers, Params, Rule, Saved
from ..core.primitive import P, opaque
from ..core.samples import cases
from ..core.steps import argsorted, picked, picked_jvp, picked_vjp

_LATER = {"jvp": "not in wengert yet"}


def _picking(name: str, position: Rule, **rest: Any) -> Any:
    """A primitive whose results are (values, indices); ``position(xp, x, dim)`` finds the indices, that dimension
    kept."""

    def evaluate(xp: ModuleType, x: Array, dim: int, keepdim: bool = False) -> Any:
        if not x.ndim:
            return x.copy(), xp.zeros((), np.int64)
        return picked(xp, x, position(xp, x, dim), dim, keepdim)

    return opaque(name, evaluate, multiple=True, keeps=(1,), vjp=picked_vjp, jvp=picked_jvp, saves=("out", "shapes"),
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


def _shared_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """Of a value that is one of the operand's: all elements that equal it share the cotangent."""
    x, out, _ = saved
    mask = P.cast((x == out) | (P.isnan(x) & P.isnan(out)), dtype=x.dtype)
    return (mask * (ct / P.sum(mask, dim=tuple(range(len(x.shape))))),)


def _of_all(name: str, position: Rule) -> Any:
    """The value that ``position`` finds among all elements."""

    def evaluate(xp: ModuleType, x: Array) -> Array:
        flat = x.reshape(-1)
        return flat[position(xp, flat, 0)[0]]

    return opaque(name, evaluate, vjp=_shared_vjp, saves=("x", "out"), missing=_LATER, samples=cases(((3, 5),), ((),)))


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


bincount = opaque("bincount", _bincount, arity=2, missing=_no("it counts"),
                  samples=cases((np.array([1, 3, 1]),), (np.array([1, 3, 1]), (3,), {"minlength": 6})))


def _histogram(xp: ModuleType, x: Array, weights: Array | None = None, *, edges: Sequence[float]) -> Array:
    """How many elements lie between each two edges, the last edge included; weighted where weights are given."""
    bounds = xp.asarray(edges, dtype=x.dtype)
    flat, wide = x.reshape(-1), len(bounds) - 1
    places = xp.searchsorted(bounds, flat, side="right") - 1
    places = xp.where(flat == bounds[-1], wide - 1, places)
    inside = (flat >= bounds[0]) & (flat <= bounds[-1])
    load = None if weights is None else weights.reshape(-1)[inside]
    return xp.bincount(places[inside], weights=load, minlength=wide).astype(x.dtype)


histogram = opaque("histogram", _histogram, arity=2, missing=_no("it counts"),
                   samples=cases(((7,), {"edges": (-2.0, 0.0, 2.0)})))


# --- among sorted numbers, among given ones ---------------------------------------------------------------------------


def _searchsorted(xp: ModuleType, sequence: Array, keys: Array, *, side: str) -> Any:
    if sequence.ndim == 1:
        return xp.asarray(xp.searchsorted(sequence, keys, side), np.int64)
    pairs = zip(sequence.reshape(-1, sequence.shape[-1]), keys.reshape(-1, keys.shape[-1]), strict=True)
    return xp.stack([xp.searchsorted(row, key, side) for row, key in pairs]).reshape(keys.shape).astype(np.int64)


_PLACES = _no("it gives places")
searchsorted = opaque("searchsorted", _searchsorted, arity=2, missing=_PLACES,
                      samples=cases(((3,), (2, 4), {"side": "left"}), ((2, 3), (2, 4), {"side": "right"})),
                      doc="Where numbers would go into the ascending last dimension of the first operand.")
isin = opaque("isin", lambda xp, x, y, unique=False, invert=False: xp.isin(x, y, assume_unique=unique, invert=invert),
              arity=2, missing=_no("it gives truths"), samples=cases((np.arange(6).reshape(2, 3), np.array([1, 4]))))
frexp_exponent = opaque("frexp_exponent", lambda xp, x: xp.asarray(xp.frexp(x)[1], np.int32), arity=1,
                        missing=_no("it gives exponents"), samples=cases(((3, 4),)))
