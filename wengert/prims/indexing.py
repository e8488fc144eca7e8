"""Gathering and scattering by integer and boolean arrays, sorting, searching."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import aligned, along, changed, lifted, rank_of, size_of, spread
from ..core.dtypes import float32, int64
from ..core.generated import LARGE, too_late
from ..core.layout import in_rows, iterated, like_first, order_of
from ..core.operands import Array, Dims, DType, Needs, Numbers, Params, Saved
from ..core.primitive import P, Primitive, as_first, fit, of_first, of_given_shape, opaque, register, summing_dtype
from ..core.samples import cases
from ..core.spec import Spec, broadcast_shapes
from ..core.steps import argsorted, picked, picked_jvp, picked_vjp

_ROWS = np.array([2, 0, 2])
_ALONG = np.array([[0, 2, 1], [2, 0, 0]])
_MASK = np.array([True, False, True, True])


def _filled(tangents: Sequence[Any], operands: Sequence[Any]) -> list[Any]:
    """Tangents of the floating operands, zeros where an operand has none; a number does not move."""
    return [0.0 if not hasattr(x, "dtype") else x if x.dtype.kind not in "fcVW" else P.zeros_like(x) if t is None else t
            for t, x in zip(tangents, operands, strict=True)]


def _linear_jvp(name: str) -> Any:
    """The forward derivative of a primitive that is linear in its floating operands together."""
    return lambda tangents, operands, out, params: getattr(P, name)(*_filled(tangents, operands), **params)


def _positions(places: Sequence[bool], indices: Sequence[Any]) -> tuple[Any, ...]:
    """The index tuple: ``places`` says for each leading dimension whether an index array or all of it stands there."""
    found = iter(indices)
    return tuple(next(found) if place else slice(None) for place in places)


def _index(xp: ModuleType, x: Array, *indices: Array, places: Sequence[bool], label: str = "") -> Array:
    if len(indices) == 1 and indices[0].dtype.kind in "iu":
        result = _taken(x, indices[0], places.index(True))
    else:
        result = in_rows(xp.asarray(x[_positions(places, indices)]))
    masked = [mask for mask in indices if mask.dtype == bool and mask.ndim > 1]
    if label == "IndexSelect" or x.flags.c_contiguous or result.ndim < 2 or masked:
        return result
    return _as_indexed(result, x, places)


def _taken(x: Array, index: Array, dim: int) -> Array:
    """Faster than brackets, and row-major."""
    if x.size >= LARGE and dim == x.ndim - 1 and not too_late():
        from ..compiler import along

        found = along.take(x, index)
        if found is not None:
            return found
    return x.take(index, dim)


def _as_indexed(result: Array, x: Array, places: Sequence[bool]) -> Array:
    """The result of indexing in PyTorch's order: the dimensions that are kept lie as in ``x``."""
    kept = [d for d in range(x.ndim) if d >= len(places) or not places[d]]
    picked = result.ndim - len(kept)
    chosen = [d for d in range(len(places)) if places[d]]
    apart = chosen[-1] - chosen[0] >= len(chosen)
    lead = 0 if apart else chosen[0]
    steps = [x.strides[d] for d in kept]
    return iterated(result, (*steps[:lead], *(0,) * picked, *steps[lead:]))


def _index_shape(x: Spec, *indices: Any, places: Sequence[bool], label: str = "") -> Dims:
    """Where the index arrays stand beside each other, what they show stands there; else in front."""
    if any(isinstance(each, Spec) and each.dtype.kind == "b" for each in indices):
        raise IndexError("a mask shows as many elements as it marks, which its shape does not tell")
    if any(each.dtype.kind == "b" for each in indices):
        return np.empty(x.shape, bool)[_positions(places, indices)].shape
    shown = np.broadcast_shapes(*(each.shape for each in indices))
    kept = tuple([n for d, n in enumerate(x.shape) if d >= len(places) or not places[d]])
    first = 0 if _apart(places) else places.index(True)
    return (*kept[:first], *shown, *kept[first:])


def _index_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    indices = saved[1:-2]
    grad = P.index_adjoint(ct, *indices, shape=saved[-1][0], places=params["places"])
    return (grad,) + (None,) * len(indices)


# Note [examples and index arrays]: what index arrays show lies where the first of them stands, or, where slices stand
# between them, in front. A first dimension of examples then comes behind it. Where the arrays differ from example to
# example, the dimensions that they index are moved up behind that of the examples, which a further array indexes.


def _apart(places: Sequence[bool]) -> bool:
    """Whether a dimension without an index array stands between two with one."""
    marked = [place for place, is_indexed in enumerate(places) if is_indexed]
    return marked[-1] - marked[0] >= len(marked)


def _rank_shown(indices: Sequence[Any]) -> int:
    """The number of dimensions of what index arrays show; a mask shows one."""
    return max(1 if x.dtype.kind == "b" else len(x.shape) for x in indices)


def _moved_to(x: Numbers, source: int, target: int) -> Any:
    """One dimension moved to another place."""
    if source == target:
        return x
    order = [d for d in range(len(x.shape)) if d != source]
    order.insert(target, source)
    return P.permute(x, dims=tuple(order))


class _Examples:
    """Indexing each of ``count`` examples of ``rank`` dimensions with arrays that differ from example to example."""

    def __init__(self, count: int, rank: int, indices: Sequence[Any], mapped: Sequence[bool],
                 places: Sequence[bool]) -> None:
        shown = [rank_of(x, is_mapped) for x, is_mapped in zip(indices, mapped, strict=True)]
        self.shown = max(shown)
        indexed = [d for d, is_indexed in enumerate(places) if is_indexed]
        others = [d for d in range(rank) if d not in indexed]
        self.order = (0, *[d + 1 for d in (*indexed, *others)])
        self.lead = 0 if _apart(places) else indexed[0]
        every = np.arange(count).reshape(count, *(1,) * self.shown)
        self.arrays = [every, *[lifted(x, self.shown) if is_mapped else x
                                for x, is_mapped in zip(indices, mapped, strict=True)]]
        self.places = (True,) * len(self.arrays)

    def up(self, x: Numbers) -> Any:
        """The operand with the indexed dimensions behind that of the examples."""
        return P.permute(x, dims=self.order)

    def back(self, x: Numbers) -> Any:
        """The operand as it was."""
        return P.permute(x, dims=tuple(np.argsort(self.order).tolist()))

    def result(self, x: Numbers) -> Any:
        """What is shown, from behind the examples to where a plain result has it."""
        return self._turned(x, 1, 1 + self.lead)

    def values(self, x: Numbers) -> Any:
        """The other way round."""
        return self._turned(x, 1 + self.lead, 1)

    def _turned(self, x: Numbers, source: int, target: int) -> Any:
        if source == target:
            return x
        block = range(source, source + self.shown)
        order = [d for d in range(len(x.shape)) if d not in block]
        order[target:target] = block
        return P.permute(x, dims=tuple(order))


def _index_batch(primitive: Primitive, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    """See Note [examples and index arrays]."""
    x, *indices = operands
    places = params["places"]
    if not any(mapped[1:]):
        out = P.index(x, *indices, places=(False, *places))
        return _moved_to(out, _rank_shown(indices), 0) if _apart(places) else out
    count = size_of(operands, mapped)
    if not mapped[0] and len(indices) == 1 and places.index(True) == 0:
        return P.index(x, *indices, places=places)
    each_ = _Examples(count, rank_of(x, mapped[0]), indices, mapped[1:], places)
    return each_.result(P.index(each_.up(spread(x, mapped[0], count)), *each_.arrays, places=each_.places))


def _index_adjoint_batch(primitive: Primitive, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    ct, *indices = operands
    places, shape = params["places"], tuple(params["shape"])
    count = size_of(operands, mapped)
    ct = spread(ct, mapped[0], count)
    if not any(mapped[1:]):
        if _apart(places):
            ct = _moved_to(ct, 0, _rank_shown(indices))
        return P.index_adjoint(ct, *indices, places=(False, *places), shape=(count, *shape))
    each_ = _Examples(count, len(shape), indices, mapped[1:], places)
    sizes = (count, *shape)
    found = P.index_adjoint(each_.values(ct), *each_.arrays, places=each_.places,
                            shape=tuple([sizes[d] for d in each_.order]))
    return each_.back(found)


def _index_put_batch(primitive: Primitive, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    x, values, *indices = operands
    places, count = params["places"], size_of(operands, mapped)
    rest = {name: value for name, value in params.items() if name != "places"}
    x = spread(x, mapped[0], count)
    rank = len(x.shape) - 1
    if not any(mapped[2:]):
        shown = rank - sum([len(i.shape) if i.dtype.kind == "b" else 1 for i in indices]) + _rank_shown(indices)
        if mapped[1]:
            values = lifted(values, shown)
            if _apart(places):
                values = _moved_to(values, 0, _rank_shown(indices))
        elif _apart(places) and hasattr(values, "shape") and len(values.shape) >= shown - _rank_shown(indices) + 1:
            values = spread(values, False, count)
            values = _moved_to(lifted(values, shown), 0, _rank_shown(indices))
        return P.index_put(x, values, *indices, places=(False, *places), **rest)
    each_ = _Examples(count, rank, indices, mapped[2:], places)
    if hasattr(values, "shape"):
        values = lifted(spread(values, mapped[1], count), rank - len(indices) + each_.shown)
        values = each_.values(values)
    return each_.back(P.index_put(each_.up(x), values, *each_.arrays, places=each_.places, **rest))


def _saves_indices(needs: Needs) -> list[Any]:
    return ["shapes", *range(1, len(needs))]


index = register(Primitive(
    "index", "linear", _index, arity=-1, spec=of_first(_index_shape), label=lambda params: params.get("label", "Index"),
    vjp=_index_vjp, saves=_saves_indices, batch=_index_batch,
    jvp=_linear_jvp("index"),
    samples=cases(((4, 3), _ROWS, {"places": (True,)}), ((4, 3), _ROWS, {"places": (False, True)}),
                  ((2, 3, 4), np.array([1, 0]), _ROWS[:2], {"places": (True, False, True)}),
                  ((4, 3), _MASK, {"places": (True,)})),
    doc="Indexing by arrays: operands x, *indices; params['places'] marks the dimensions that have an index.",
))


def _accumulate(target: Array, where: tuple[Any, ...], values: Array) -> None:
    """target[where] += values, every repeated place counted."""
    rows = where[0]
    if values.size >= LARGE and _add_large(target, where, values):
        return
    if (type(rows) is np.ndarray and rows.dtype.kind in "iu" and rows.size >= _MANY and target.ndim > 1
            and target.flags.c_contiguous and all(type(other) is slice for other in where[1:])):
        _accumulate_rows(target.reshape(len(target), -1), rows.reshape(-1), values.reshape(rows.size, -1))
    else:
        np.add.at(target, where, values)


def _add_large(target: Array, where: tuple[Any, ...], values: Array) -> bool:
    """The same by generated code; False where there is none, or more than one index array."""
    places = [d for d, index in enumerate(where) if type(index) is np.ndarray]
    index = where[places[0]]
    if len(places) > 1 or index.dtype.kind not in "iu" or too_late():
        return False
    from ..compiler import along

    dim = places[0]
    source = values.reshape(*target.shape[:dim], index.size, *target.shape[dim + 1:])
    return along.scatter_rows(target, index.reshape(-1), source, dim)


_MANY = 64
"""Rows from which on adding them sorted, by a sum a target, beats numpy's adding one after the other tenfold."""


def _accumulate_rows(target: Array, rows: Array, values: Array) -> None:
    """target[rows] += values for whole rows; those of one target are added in their order."""
    if not values.size:
        return
    if int(rows.min()) < -len(target) or int(rows.max()) >= len(target):
        raise IndexError(f"index {int(rows.max())} is out of bounds for dimension 0 with size {len(target)}")
    order = np.argsort(rows % len(target), kind="stable")
    ordered = (rows % len(target))[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    target[ordered[starts]] += np.add.reduceat(values[order], starts, axis=0)


def _index_adjoint(xp: ModuleType, ct: Array, *indices: Array, shape: Dims, places: Sequence[bool]) -> Array:
    zeros = xp.zeros(shape, summing_dtype(ct.dtype))
    where = _positions(places, indices)
    if len(indices) == 1 and indices[0].dtype == bool:
        zeros[where] = ct
    else:
        _accumulate(zeros, where, ct)
    return zeros.astype(ct.dtype, copy=False)


def _index_adjoint_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    indices = saved[1:-2]
    return (P.index(ct, *indices, places=params["places"]),) + (None,) * len(indices)


index_adjoint = register(Primitive(
    "index_adjoint", "linear", _index_adjoint, arity=-1, spec=of_first(of_given_shape),
    vjp=_index_adjoint_vjp, saves=_saves_indices,
    batch=_index_adjoint_batch,
    label="IndexPut",
    jvp=_linear_jvp("index_adjoint"),
    samples=cases(((3, 3), _ROWS, {"places": (True,), "shape": (4, 3)}), ((3, 2), _MASK, {"places": (True,),
                                                                                          "shape": (4, 2)})),
    doc="The adjoint of index: cotangents added into zeros at their places.",
))


def _index_put(xp: ModuleType, x: Array, values: Array, *indices: Array, places: Sequence[bool],
               accumulate: bool = False, label: str = "") -> Array:
    result = xp.array(x, order=order_of(x))
    where = _positions(places, indices)
    values = xp.asarray(values, dtype=x.dtype)
    if accumulate:
        shown = _index_shape(Spec(x.shape, float32), *indices, places=places)
        every = xp.broadcast_to(values, shown)
        if every.size < LARGE or not _add_large(result, where, every):
            np.add.at(result, where, values)
    else:
        result[where] = values
    return result


def _index_put_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    indices, shapes, places = saved[2:-2], saved[-1], params["places"]
    for_x = for_values = None
    if needs[0]:
        for_x = ct
        if not params.get("accumulate"):
            for_x = P.index_put(ct, 0.0, *indices, places=places)
    if needs[1]:
        for_values = fit(P.index(ct, *indices, places=places), shapes[1])
    return (for_x, for_values) + (None,) * len(indices)


index_put = register(Primitive(
    "index_put", "linear", _index_put, arity=-1, spec=of_first(as_first),
    label=lambda params: params.get("label", "IndexPut"),
    vjp=_index_put_vjp, batch=_index_put_batch, widens=True, saves=lambda needs: ["shapes", *range(2, len(needs))],
    jvp=_linear_jvp("index_put"),
    samples=cases(((4, 3), (2, 3), np.array([2, 0]), {"places": (True,)}), ((4, 3), (3,), _ROWS, {"places": (True,),
                                                                                                  "accumulate": True}),
                  ((4, 3), (3, 1), _MASK, {"places": (True,)})),
))


def _take_along(xp: ModuleType, x: Array, index: Array, dim: int) -> Array:
    if not x.ndim:
        return xp.broadcast_to(x, index.shape).copy()
    if not index.size:
        return xp.empty_like(x, shape=index.shape, order="C")
    if index.size >= LARGE and not too_late():
        from ..compiler import along

        found = along.gather(x, index, dim)
        if found is not None:
            return found
    if x.ndim == index.ndim and all([n <= m for n, m in zip(index.shape, x.shape, strict=True)]):
        return in_rows(x[_places_along(index, dim)])
    return in_rows(xp.take_along_axis(x[_fitting(x, index, dim)], index, dim))


def _fitting(x: Numbers, index: Numbers, dim: int) -> tuple[slice, ...]:
    """PyTorch's gather lets the index be smaller than the source in the other dimensions."""
    return tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(index.shape))


gather = register(Primitive(
    "gather", "linear", lambda xp, x, index, dim: _take_along(xp, x, index, dim), arity=2, batch=along,
    spec=of_first(lambda x, index, dim: index.shape),
    vjp=lambda ct, saved, params, needs: (
        P.scatter_add(P.zeros_of(ct, shape=saved[-1][0]), saved[1], ct, dim=params["dim"]), None),
    saves=("y", "shapes"),
    jvp=lambda tangents, operands, out, params: P.gather(tangents[0], operands[1], **params),
    samples=cases(((3, 4), _ALONG, {"dim": 0}), ((2, 4), _ALONG, {"dim": 1}), ((), np.array(0), {"dim": 0})),
))
zeros_of = register(Primitive(
    "zeros_of", "linear", lambda xp, x, shape: xp.zeros_like(x, shape=shape, order="C"), spec=of_first(of_given_shape),
    batch=changed(lambda params, count, shape: {"shape": (count, *params["shape"])}),
    vjp=lambda ct, saved, params, needs: (P.zeros_of(ct, shape=saved[-1][0]),), saves=("shapes",), label="NewZeros",
    jvp=lambda tangents, operands, out, params: P.zeros_of(tangents[0], **params), samples=cases(((2,),
                                                                                                  {"shape": (3, 1)})),
    doc="Zeros of params['shape'] in the dtype of the operand.",
))


@lru_cache(maxsize=256)
def _open_grid(shape: Dims) -> tuple[Array, ...]:
    """The places of each dimension, which broadcast to the shape; they are never written to."""
    return tuple(np.ogrid[tuple([slice(n) for n in shape])])


def _places_along(index: Array, dim: int) -> tuple[Any, ...]:
    grid = list(_open_grid(index.shape))
    grid[dim] = index
    return tuple(grid)


def _scatter(xp: ModuleType, x: Array, index: Array, source: Array, dim: int, reduce: str = "") -> Array:
    result = xp.array(x, order="C")
    if not index.ndim and not result.ndim:
        index, target = index.reshape(1), result.reshape(1)
    else:
        target = result
    if hasattr(source, "shape") and source.ndim:
        source = source[tuple(slice(n) for n in index.shape)]
    if _large_scatter(target, index, source, dim, reduce or "put"):
        return result
    where = _places_along(index, dim)
    if not reduce:
        target[where] = source
    else:
        getattr(np, reduce).at(target, where, xp.asarray(source, dtype=x.dtype))
    return result


def _large_scatter(target: Array, index: Array, source: Any, dim: int, how: str) -> bool:
    """Scatters by generated code; False where there is none."""
    if index.size < LARGE or too_late():
        return False
    from ..compiler import along

    if not getattr(source, "ndim", 0):
        source = np.full(index.shape, source, target.dtype)
    return along.scatter(target, index, source.astype(target.dtype, copy=False), dim, how)


def _scatter_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    place, dim = saved[1], params["dim"]
    for_x = P.scatter(ct, place, 0.0, dim=dim) if needs[0] else None
    for_source = _back_to_source(ct, place, dim, saved[-1][2]) if needs[2] else None
    return for_x, None, for_source


def _back_to_source(ct: Numbers, place: Numbers, dim: int, shape: Dims) -> Any:
    gathered = P.gather(ct, place, dim=dim)
    if gathered.shape == shape:
        return gathered
    return P.pad(gathered, widths=tuple((0, n - m) for n, m in zip(shape, gathered.shape, strict=True)))


scatter = register(Primitive(
    "scatter", "linear", lambda xp, x, index, source, dim: _scatter(xp, x, index, source, dim), arity=3,
    spec=of_first(as_first),
    vjp=_scatter_vjp, saves=("y", "shapes"), jvp=_linear_jvp("scatter"), batch=along,
    samples=cases(((3, 4), np.array([[0, 2, 1], [2, 0, 0]]), (2, 4), {"dim": 0}), ((2, 4), np.array([[0, 2], [3, 1]]),
                                                                                   (2, 2), {"dim": 1})),
))
scatter_add = register(Primitive(
    "scatter_add", "linear", lambda xp, x, index, source, dim: _scatter(xp, x, index, source, dim, "add"), arity=3,
    spec=of_first(as_first),
    vjp=lambda ct, saved, params, needs: (
        ct if needs[0] else None, None,
        _back_to_source(ct, saved[1], params["dim"], saved[-1][2]) if needs[2] else None),
    saves=("y", "shapes"), jvp=_linear_jvp("scatter_add"), batch=along, widens=True,
    samples=cases(((3, 4), _ALONG, (2, 4), {"dim": 0}), ((2, 4), _ALONG, (2, 3), {"dim": 1})),
))
_COMBINE = {"sum": "add", "mean": "add", "prod": "multiply", "amax": "maximum", "amin": "minimum"}
"""Functions of numpy by which what comes meets what is there."""


def _neutral(reduce: str, dtype: DType) -> Any:
    """The number that changes nothing when combined."""
    if reduce in ("sum", "mean", "prod"):
        return int(reduce == "prod")
    if dtype.kind == "b":
        return reduce == "amin"
    if dtype.kind in "iu":
        return getattr(np.iinfo(dtype), "min" if reduce == "amax" else "max")
    return -np.inf if reduce == "amax" else np.inf


def _scatter_reduce(xp: ModuleType, x: Array, index: Array, source: Array, dim: int, reduce: str,
                    include_self: bool) -> Array:
    result = xp.array(x, order="C")
    target, index = (result, index) if result.ndim else (result.reshape(1), index.reshape(1))
    source = source.reshape(1) if not source.ndim else source[tuple(slice(n) for n in index.shape)]

    def combine(target: Array, source: Any, how: str) -> None:
        if not _large_scatter(target, index, source, dim, how):
            where = _places_along(index, dim)
            if how == "put":
                target[where] = source
            else:
                getattr(np, how).at(target, where, source)

    if not include_self:
        combine(target, _neutral(reduce, x.dtype), "put")
    combine(target, source, _COMBINE[reduce])
    if reduce == "mean":
        count = xp.full(target.shape, int(include_self), np.int64)
        combine(count, 1, "add")
        np.maximum(count, 1, out=count)
        target[...] = target / count if x.dtype.kind in "fcVW" else target // count
    return result


def _scatter_reduce_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x, index, source, out, shapes = saved
    dim, reduce, include = params["dim"], params["reduce"], params["include_self"]
    whole = source
    if index.shape != source.shape:
        source = source[tuple(slice(n) for n in index.shape)]
    if reduce == "prod":
        for_x, for_source = _scattered_product(ct, x, index, source, out, params)
    else:
        for_x = ct
        if reduce == "mean":
            one, ones = (P.cast(P.logical_or(part == 0, part != 0), dtype=ct.dtype) for part in (x, source))
            count = P.scatter_reduce(one, index, ones, dim=dim, reduce="sum", include_self=include)
            for_x = ct = ct / P.maximum(count, 1.0)
        elif reduce != "sum":
            x_is, source_is = (x == out) * 1.0, (source == P.gather(out, index, dim=dim)) * 1.0
            ct = ct / P.scatter_add(P.cast(x_is, dtype=ct.dtype), index, P.cast(source_is, dtype=ct.dtype), dim=dim)
            for_x = x_is * ct
        for_source = P.gather(ct, index, dim=dim)
        if reduce in ("amax", "amin"):
            for_source = for_source * source_is
    if not include:
        for_x = P.scatter(for_x, index, 0.0, dim=dim)
    if index.shape != whole.shape and needs[2]:
        for_source = P.pad(for_source, widths=tuple((0, n - m) for n, m in zip(whole.shape, index.shape, strict=True)))
    return for_x if needs[0] else None, None, for_source if needs[2] else None


def _scattered_product(ct: Numbers, x: Numbers, index: Numbers, source: Numbers, out: Numbers,
                       params: Params) -> tuple[Any, Any]:
    """The product of the other factors is the result divided by a factor, or, for the one zero factor there may be,
    the result with that factor left out. Of two zeros each gets 0, which varies with the other (PyTorch refuses to
    differentiate that)."""
    dim = params["dim"]
    for_x = ct * P.scatter_reduce(P.where(x == 0, 1.0, x), index, source, **params) / P.where(x == 0, 1.0, x)
    zero = source == 0
    zeros = P.gather(P.scatter_add(P.zeros_like(x), index, P.cast(zero, dtype=x.dtype), dim=dim), index, dim=dim)
    single = (zeros == 1) & zero
    without = P.scatter_reduce(x, index, P.where(single, 1.0, source), **params)
    for_source = P.where(single, P.gather(ct * without, index, dim=dim),
                         P.gather(ct * out, index, dim=dim) / P.where(zero, 1.0, source))
    if not isinstance(ct, np.ndarray):  # it may be differentiated
        beside = P.scatter_reduce(x, index, P.where(zero, 1.0, source), **params)
        both = P.scatter_add(P.zeros_like(x), index, P.where(zero, source, 0.0), dim=dim)
        other = P.gather(both, index, dim=dim) - source
        for_source = P.where((zeros == 2) & zero, P.gather(ct * beside, index, dim=dim) * other, for_source)
    return for_x, for_source


scatter_reduce = register(Primitive(
    "scatter_reduce", "opaque", _scatter_reduce, arity=3, spec=of_first(as_first),
    vjp=_scatter_reduce_vjp, batch=along, widens=True,
    missing={"jvp": "it is the transpose of the vjp"},
    saves=("x", "y", "z", "out", "shapes"),
    samples=cases(*(((3, 4), _ALONG, (2, 3), {"dim": 0, "reduce": reduce, "include_self": include})
                    for reduce in _COMBINE for include in (True, False))),
))
masked_select = opaque(
    "masked_select", lambda xp, x, mask: x[mask], arity=2,
    batch=lambda primitive, operands, mapped, params: P.index(*operands, places=(False, True)),
    vjp=lambda ct, saved, params, needs: (
        P.index_adjoint(ct, saved[1], shape=saved[-1][0], places=(True,)), None),
    saves=("y", "shapes"), jvp=lambda tangents, operands, out, params: P.masked_select(tangents[0], operands[1]),
    samples=cases(((4,), _MASK), ((2, 4), np.array([_MASK, ~_MASK]))),
    doc="The elements under a mask of the operand's shape.",
)


masked_fill = opaque(
    "masked_fill", batch=aligned,
    eval=lambda xp, x, mask, value: in_rows(xp.where(mask, xp.asarray(value, x.dtype), x)), arity=2,
    shape=lambda x, mask, value: broadcast_shapes(x.shape, mask.shape, op="masked_fill"),
    vjp=lambda ct, saved, params, needs: (fit(P.masked_fill(ct, saved[1], value=0), saved[-1][0]), None),
    saves=("y", "shapes"),
    jvp=lambda tangents, operands, out, params: P.masked_fill(tangents[0], operands[1], value=0),
    lower=lambda b, x, mask, value: b.select(b.truth(mask), value, x),
    samples=cases(((3, 4), _MASK, {"value": 2.5}), ((4,), np.array([_MASK, ~_MASK]), {"value": -1.0})),
    doc="The operand with one number wherever the mask is true; the two broadcast.",
)


def _sort(xp: ModuleType, x: Array, dim: int, descending: bool = False, stable: bool = True) -> Any:
    if not x.ndim:
        return x.copy(), xp.zeros((), np.int64)
    order = _argsort(xp, x, dim, descending)
    return like_first(xp.take_along_axis(x, order, dim), x), like_first(order, x)


def _argsort(xp: ModuleType, x: Array, dim: int, descending: bool) -> Array:
    """Stable in both directions: a descending sort reads the input backwards and turns the result round."""
    if not descending:
        return argsorted(xp, x, dim)
    last = x.shape[dim] - 1
    return xp.ascontiguousarray(xp.flip(last - argsorted(xp, xp.flip(x, dim), dim), dim))


def _by_order(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    shape, order = saved[-1][0], saved[1][1]
    if not shape:
        return (ct[0],)
    return (P.scatter_add(P.zeros_of(ct[0], shape=shape), order, ct[0], dim=params["dim"]),)


def _order_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    """The tangents of the values, in the order found; positions have none."""
    return P.gather(tangents[0], out[1], dim=params["dim"]), None


def _ordered_spec(x: Spec, dim: int, **params: Any) -> tuple[Spec, Spec]:
    return x, x._replace(dtype=int64)


def _topk_spec(x: Spec, k: int, dim: int, **params: Any) -> tuple[Spec, Spec]:
    found = x._replace(shape=(*x.shape[:dim], k, *x.shape[dim + 1:]) if x.shape else ())
    return found, found._replace(dtype=int64)


sort = opaque("sort", _sort, batch=along, spec=_ordered_spec,
              multiple=True, keeps=(1,), vjp=_by_order, jvp=_order_jvp, saves=("out", "shapes"),
              samples=cases(((5,), {"dim": 0}), ((3, 4), {"dim": 1, "descending": True}), ((), {"dim": 0})))


def _selected(xp: ModuleType, x: Array, k: int, dim: int, largest: bool) -> Any:
    """The places of the ``k`` largest or smallest elements by selection, which saves the sorting of the others; None
    where it has nothing to save, or where which are chosen is for the sort to say: of equal ones, and beside NaN."""
    count = x.shape[dim] if x.ndim else 0
    if not 0 < 4 * k <= count or x.dtype.kind not in "fiu":
        return None
    lines, place = xp.moveaxis(x, dim, -1), count - k if largest else k - 1
    edge = xp.partition(lines, place, axis=-1)[..., place, None]
    chosen = lines >= edge if largest else lines <= edge
    if (xp.count_nonzero(chosen, axis=-1) != k).any():
        return None
    places = xp.nonzero(chosen)[-1].reshape(*lines.shape[:-1], k)
    order = _argsort(xp, xp.take_along_axis(lines, places, -1), -1, largest)
    return xp.moveaxis(xp.take_along_axis(places, order, -1), -1, dim)


def _topk(xp: ModuleType, x: Array, k: int, dim: int, largest: bool = True) -> Any:
    places = _selected(xp, x, k, dim, largest)
    if places is not None:
        return in_rows(xp.take_along_axis(x, places, dim)), in_rows(places)
    values, order = _sort(xp, x, dim, largest)
    head = (slice(None),) * dim + (slice(k),)
    return (values, order) if not x.ndim else (in_rows(values[head]), in_rows(order[head]))


topk = opaque("topk", _topk, batch=along, spec=_topk_spec,
              multiple=True, keeps=(1,), vjp=_by_order, jvp=_order_jvp, saves=("out", "shapes"),
              samples=cases(((5,), {"dim": 0, "k": 2}), ((3, 4), {"dim": 0, "k": 2, "largest": False})))


def _extreme(name: str) -> Any:
    def evaluate(xp: ModuleType, x: Array, dim: int, keepdim: bool = False) -> Any:
        if not x.ndim:
            return x.copy(), xp.zeros((), np.int64)
        if x.dtype.kind != "V":
            place, value = getattr(x, "arg" + name)(dim), getattr(xp, name + "imum").reduce(x, dim)
            if keepdim:
                value, place = xp.expand_dims(value, dim), xp.expand_dims(place, dim)
            return in_rows(value), in_rows(place)
        return picked(xp, x, getattr(xp, "arg" + name)(x, axis=dim, keepdims=True), dim, keepdim)

    return opaque(f"{name}_dim", evaluate, batch=along, multiple=True, keeps=(1,), vjp=picked_vjp, jvp=picked_jvp,
                  saves=("out", "shapes"), label=name.capitalize(),
                  samples=cases(((5,), {"dim": 0}), ((3, 4), {"dim": 1, "keepdim": True}), ((), {"dim": 0})))


max_dim = _extreme("max")
min_dim = _extreme("min")
