"""Gathering and scattering by integer and boolean arrays, sorting, searching."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import P, Primitive, opaque, register

_LATER = {"jvp": "not in wengert yet"}


def _positions(places: Any, indices: Any) -> tuple[Any, ...]:
    """The index tuple: ``places`` says for each leading dimension whether an index array or all of it stands there."""
    found = iter(indices)
    return tuple(next(found) if place else slice(None) for place in places)


def _index(xp: Any, x: Any, *indices: Any, places: Any) -> Any:
    return x[_positions(places, indices)]


def _index_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    indices = saved[1:-2]
    grad = P.index_adjoint(ct, *indices, shape=saved[-1][0], places=params["places"])
    return (grad,) + (None,) * len(indices)


def _saves_indices(needs: Any) -> list[Any]:
    return ["shapes", *range(1, len(needs))]


index = register(Primitive(
    "index", "linear", _index, arity=-1, vjp=_index_vjp, saves=_saves_indices,
    jvp=lambda tangents, operands, out, params: P.index(tangents[0], *operands[1:], **params),
    doc="Indexing by arrays: operands x, *indices; params['places'] marks the dimensions that have an index.",
))


def _accumulate(target: Any, where: Any, values: Any) -> None:
    """target[where] += values, every repeated place counted. One index of the first dimension, the usual case
    (an embedding), sorts and adds runs, which numpy does faster than its add.at for rows."""
    np.add.at(target, where, values)


def _index_adjoint(xp: Any, ct: Any, *indices: Any, shape: Any, places: Any) -> Any:
    zeros = xp.zeros(shape, ct.dtype)
    where = _positions(places, indices)
    if any(i.dtype == bool for i in indices):
        zeros[where] = ct
    else:
        _accumulate(zeros, where, ct)
    return zeros


def _index_adjoint_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    indices = saved[1:-2]
    return (P.index(ct, *indices, places=params["places"]),) + (None,) * len(indices)


index_adjoint = register(Primitive(
    "index_adjoint", "linear", _index_adjoint, arity=-1, vjp=_index_adjoint_vjp, saves=_saves_indices,
    label="IndexPut",
    jvp=lambda tangents, operands, out, params: P.index_adjoint(tangents[0], *operands[1:], **params),
    doc="The adjoint of index: cotangents added into zeros at their places.",
))


def _index_put(xp: Any, x: Any, values: Any, *indices: Any, places: Any, accumulate: bool = False) -> Any:
    result = xp.array(x)
    where = _positions(places, indices)
    values = xp.asarray(values, dtype=x.dtype)
    if accumulate:
        np.add.at(result, where, values)
    else:
        result[where] = values
    return result


def _index_put_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    indices, shapes, places = saved[2:-2], saved[-1], params["places"]
    for_x = for_values = None
    if needs[0]:
        for_x = ct
        if not params.get("accumulate"):
            nothing = P.zeros_like(P.index(ct, *indices, places=places))
            for_x = P.index_put(ct, nothing, *indices, places=places)
    if needs[1]:
        for_values = P.index(ct, *indices, places=places)
        if for_values.shape != shapes[1]:
            for_values = P.sum_to(for_values, shape=shapes[1])
    return (for_x, for_values) + (None,) * len(indices)


index_put = register(Primitive(
    "index_put", "linear", _index_put, arity=-1, vjp=_index_put_vjp, missing=_LATER,
    saves=lambda needs: ["shapes", *range(2, len(needs))],
))


def _take_along(xp: Any, x: Any, index: Any, dim: int) -> Any:
    if not x.ndim:
        return xp.broadcast_to(x, index.shape).copy()
    return xp.take_along_axis(x[_fitting(x, index, dim)], index, dim)


def _fitting(x: Any, index: Any, dim: int) -> tuple[slice, ...]:
    """PyTorch's gather lets the index be smaller than the source in the other dimensions."""
    return tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(index.shape))


gather = register(Primitive(
    "gather", "linear", lambda xp, x, index, dim: _take_along(xp, x, index, dim), arity=2,
    vjp=lambda ct, saved, params, needs: (
        P.scatter_add(P.zeros_of(ct, shape=saved[-1][0]), saved[1], ct, dim=params["dim"]), None),
    saves=("y", "shapes"),
    jvp=lambda tangents, operands, out, params: P.gather(tangents[0], operands[1], **params),
))
zeros_of = register(Primitive(
    "zeros_of", "linear", lambda xp, x, shape: xp.zeros(shape, x.dtype),
    vjp=lambda ct, saved, params, needs: (P.zeros_of(ct, shape=saved[-1][0]),), saves=("shapes",), label="NewZeros",
    jvp=lambda tangents, operands, out, params: P.zeros_of(tangents[0], **params),
    doc="Zeros of params['shape'] in the dtype of the operand.",
))


def _places_along(xp: Any, index: Any, dim: int) -> tuple[Any, ...]:
    grid = list(xp.ogrid[tuple(slice(n) for n in index.shape)])
    grid[dim] = index
    return tuple(grid)


def _scatter(xp: Any, x: Any, index: Any, source: Any, dim: int, reduce: str = "") -> Any:
    result = xp.array(x)
    if not index.ndim and not result.ndim:
        index, target = index.reshape(1), result.reshape(1)
    else:
        target = result
    where = _places_along(xp, index, dim)
    if hasattr(source, "shape") and source.ndim:
        source = source[tuple(slice(n) for n in index.shape)]
    if not reduce:
        target[where] = source
    else:
        {"add": np.add, "multiply": np.multiply, "amax": np.maximum, "amin": np.minimum}[reduce].at(
            target, where, xp.asarray(source, dtype=x.dtype))
    return result


def _scatter_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    place, dim = saved[1], params["dim"]
    for_x = P.scatter(ct, place, 0.0, dim=dim) if needs[0] else None
    for_source = _back_to_source(ct, place, dim, saved[-1][2]) if needs[2] else None
    return for_x, None, for_source


def _back_to_source(ct: Any, place: Any, dim: int, shape: Any) -> Any:
    gathered = P.gather(ct, place, dim=dim)
    if gathered.shape == shape:
        return gathered
    return P.pad(gathered, widths=tuple((0, n - m) for n, m in zip(shape, gathered.shape, strict=True)))


scatter = register(Primitive(
    "scatter", "linear", lambda xp, x, index, source, dim: _scatter(xp, x, index, source, dim), arity=3,
    vjp=_scatter_vjp, saves=("y", "shapes"), missing=_LATER,
))
scatter_add = register(Primitive(
    "scatter_add", "linear", lambda xp, x, index, source, dim: _scatter(xp, x, index, source, dim, "add"), arity=3,
    vjp=lambda ct, saved, params, needs: (
        ct if needs[0] else None, None,
        _back_to_source(ct, saved[1], params["dim"], saved[-1][2]) if needs[2] else None),
    saves=("y", "shapes"), missing=_LATER,
))
masked_select = opaque(
    "masked_select", lambda xp, x, mask: x[mask], arity=2,
    vjp=lambda ct, saved, params, needs: (
        P.index_adjoint(ct, saved[1], shape=saved[-1][0], places=(True,)), None),
    saves=("y", "shapes"), missing=_LATER,
    doc="The elements under a mask of the operand's shape.",
)


def _sort(xp: Any, x: Any, dim: int, descending: bool = False, stable: bool = True) -> Any:
    if not x.ndim:
        return x.copy(), xp.zeros((), np.int64)
    order = _argsort(xp, x, dim, descending)
    return xp.take_along_axis(x, order, dim), order


def _argsort(xp: Any, x: Any, dim: int, descending: bool) -> Any:
    """Stable in both directions: a descending sort reads the input backwards and turns the result round."""
    if not descending:
        return xp.argsort(x, axis=dim, kind="stable")
    last = x.shape[dim] - 1
    return xp.ascontiguousarray(xp.flip(last - xp.argsort(xp.flip(x, dim), axis=dim, kind="stable"), dim))


def _by_order(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    shape, order = saved[-1][0], saved[1][1]
    if not shape:
        return (ct[0],)
    return (P.scatter_add(P.zeros_of(ct[0], shape=shape), order, ct[0], dim=params["dim"]),)


sort = opaque("sort", _sort, multiple=True, vjp=_by_order, saves=("out", "shapes"), missing=_LATER)


def _topk(xp: Any, x: Any, k: int, dim: int, largest: bool = True) -> Any:
    values, order = _sort(xp, x, dim, largest)
    head = (slice(None),) * dim + (slice(k),)
    return (values, order) if not x.ndim else (values[head], order[head])


topk = opaque("topk", _topk, multiple=True, vjp=_by_order, saves=("out", "shapes"), missing=_LATER)


def _extreme(name: str) -> Any:
    def evaluate(xp: Any, x: Any, dim: int, keepdim: bool = False) -> Any:
        if not x.ndim:
            return x.copy(), xp.zeros((), np.int64)
        place = getattr(xp, "arg" + name)(x, axis=dim, keepdims=True)
        value = xp.take_along_axis(x, place, dim)
        return (value, place) if keepdim else (xp.squeeze(value, dim), xp.squeeze(place, dim))

    def vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
        shape, place, dim = saved[-1][0], saved[1][1], params["dim"]
        grad = ct[0]
        if not shape:
            return (grad,)
        if not params.get("keepdim", False):
            kept = tuple(1 if d == dim else n for d, n in enumerate(shape))
            grad, place = P.reshape(grad, shape=kept), P.reshape(place, shape=kept)
        return (P.scatter_add(P.zeros_of(grad, shape=shape), place, grad, dim=dim),)

    return opaque(f"{name}_dim", evaluate, multiple=True, vjp=vjp, saves=("out", "shapes"), missing=_LATER,
                  label=name.capitalize())


max_dim = _extreme("max")
min_dim = _extreme("min")
