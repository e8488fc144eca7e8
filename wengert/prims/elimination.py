"""Factorisations by elimination, and reflections: LU, LDLᴴ, and the QR of LAPACK's ``geqrf``.

numpy has none of the first two, so they are written here: LU by Doolittle's elimination, the whole batch at a time,
and LDLᴴ by Bunch and Kaufman's diagonal pivoting (*Some stable methods for calculating inertia and solving symmetric
linear systems*, 1977), matrix by matrix, both with LAPACK's choice of pivots and its way to pack the factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import all_spread, lifted, native, rank_of
from ..core.layout import in_columns
from ..core.operands import Array, DType, Needs, Params, Saved
from ..core.primitive import P, opaque
from ..core.samples import cases, uniform
from ..core.steps import chained, main_diagonal, transposed

_TRANSPOSED = {"jvp": "it is the transpose of the vjp"}
_NEVER = {"vjp": "PyTorch's has none", "jvp": "PyTorch's has none"}


def _regular(*shape: int) -> Array:
    """A sample whose elimination meets no small pivot."""
    x = uniform(-1, 1, *shape)
    n = min(shape[-2:])
    x[..., range(n), range(n)] += np.arange(2, n + 2)
    return x


def _magnitude(x: Array) -> Array:
    """By which LAPACK compares: of complex numbers the sum of both parts' sizes."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind in "cW" else np.abs(x)


# --- LU ---------------------------------------------------------------------------------------------------------------


def _lu_factor(xp: ModuleType, x: Array) -> Any:
    """L and U in one matrix; the row that each row was exchanged with (counted from 1); and the first place, counted
    from 1, where U has a zero on its diagonal, or 0."""
    rows, columns = x.shape[-2:]
    flat = x.reshape(math.prod(x.shape[:-2]), rows, columns).copy()
    each = xp.arange(len(flat))
    pivots = xp.empty((len(flat), min(rows, columns)), np.int32)
    info = xp.zeros(len(flat), np.int32)
    for k in range(min(rows, columns)):
        best = k + xp.argmax(_magnitude(flat[:, k:, k]), axis=1)
        pivots[:, k] = best + 1
        flat[each, k], flat[each, best] = flat[each, best], flat[each, k].copy()
        pivot = flat[:, k, k, None]
        info = xp.where((info == 0) & (pivot[:, 0] == 0), k + 1, info).astype(np.int32)
        flat[:, k + 1:, k] /= xp.where(pivot == 0, 1, pivot)
        flat[:, k + 1:, k + 1:] -= flat[:, k + 1:, k, None] * flat[:, k, None, k + 1:]
    lead = x.shape[:-2]
    return in_columns(flat.reshape(x.shape)), pivots.reshape((*lead, min(rows, columns))), info.reshape(lead)


def _lu_factor_vjp(ct: Any, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """Of A = P L U, square: P L⁻ᴴ [tril₋(Lᴴ L̄) + triu(Ū Uᴴ)] U⁻ᴴ (Walter & Lehmann, 2012). What a wide or tall A has
    beside a square one solves a triangular system, U₂ = L⁻¹ A₂ or L₂ = A₂ U⁻¹, and its cotangent goes back by it."""
    x, (packed, pivots, _), _ = saved
    rows, columns = x.shape[-2:]
    k, grad, last = min(rows, columns), ct[0], len(x.shape) - 1
    core = packed[..., :k, :k]
    lower = P.tril(core, diagonal=-1) + P.diag_matrix(P.fill(main_diagonal(core), value=1))
    upper = P.triu(core)
    for_lower, for_upper = P.tril(grad[..., :k, :k], diagonal=-1), P.triu(grad[..., :k, :k])
    beside = None
    if columns > k:
        beside = P.solve_triangular(transposed(lower), grad[..., :, k:], upper=True, unit=True)
        for_lower = for_lower - chained(beside, transposed(packed[..., :, k:]))
    elif rows > k:
        beside = transposed(P.solve_triangular(upper, transposed(grad[..., k:, :]), upper=True))
        for_upper = for_upper - P.triu(chained(transposed(packed[..., k:, :]), beside))
    inner = (P.tril(chained(transposed(lower), P.tril(for_lower, diagonal=-1)), diagonal=-1)
             + P.triu(chained(for_upper, transposed(upper))))
    left = P.solve_triangular(transposed(lower), inner, upper=True, unit=True)
    whole = transposed(P.solve_triangular(upper, transposed(left), upper=True))
    if beside is not None:
        whole = P.cat(whole, beside, dim=last if columns > k else last - 1)
    return (P.matmul(P.permutation(pivots, rows=rows, dtype=x.dtype), whole),)


lu_factor = opaque(
    "lu_factor", _lu_factor, batch=native,
    multiple=True, label="LinalgLuFactorEx", vjp=_lu_factor_vjp, saves=("x", "out"),
    keeps=(0, 1), missing=_TRANSPOSED, samples=cases((_regular(3, 3),), (_regular(2, 3, 3),), (_regular(4, 2),),
                                                (_regular(2, 2, 3),)))


def _permutation(xp: ModuleType, pivots: Array, rows: int, dtype: DType) -> Array:
    """The matrix P of A = P L U from LAPACK's pivots."""
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    order = xp.tile(xp.arange(rows), (len(flat), 1))
    each = xp.arange(len(flat))
    for k in range(flat.shape[1]):
        other = flat[:, k] - 1
        order[each, k], order[each, other] = order[each, other], order[each, k].copy()
    target = dtype if isinstance(dtype, np.dtype) else dtype.numpy
    matrix = xp.swapaxes(xp.eye(rows, dtype=target)[order], -1, -2)
    return xp.ascontiguousarray(matrix).reshape((*pivots.shape[:-1], rows, rows))


permutation = opaque(
    "permutation", _permutation, batch=native,
    missing=dict.fromkeys(("vjp", "jvp", "samples"), "its operand is a list of positions"))


# --- LDLᴴ -------------------------------------------------------------------------------------------------------------

_GROWTH = (1 + math.sqrt(17)) / 8
"""Where a pivot of one element and one of two let elements grow alike (Bunch & Kaufman)."""


def _conjugated(x: Array, hermitian: bool) -> Array:
    return x.conj() if hermitian else x


def _pivot(a: Array, k: int) -> tuple[int, int]:
    """The row to exchange, and whether the pivot has one row or two."""
    here, column = _magnitude(a[k, k]), _magnitude(a[k + 1:, k])
    highest = column.max(initial=0.0)
    if here >= _GROWTH * highest:
        return k, 1
    place = k + 1 + int(column.argmax())
    row = max(_magnitude(a[place, k:place]).max(), _magnitude(a[place + 1:, place]).max(initial=0.0))
    if here >= _GROWTH * highest * (highest / row):
        return k, 1
    return place, 1 if _magnitude(a[place, place]) >= _GROWTH * row else 2


def _exchange(a: Array, k: int, here: int, other: int, hermitian: bool) -> None:
    """Rows and columns ``here`` and ``other`` of what is left, of which the lower triangle is kept; the columns that
    are done stay."""
    a[other + 1:, here], a[other + 1:, other] = a[other + 1:, other].copy(), a[other + 1:, here].copy()
    between = a[here + 1:other, here].copy()
    a[here + 1:other, here] = _conjugated(a[other, here + 1:other], hermitian)
    a[other, here + 1:other] = _conjugated(between, hermitian)
    a[other, here] = _conjugated(a[other, here], hermitian)
    a[here, here], a[other, other] = a[other, other], a[here, here]
    if here > k:
        a[here, k], a[other, k] = a[other, k], a[here, k]


def _ldl(a: Array, hermitian: bool) -> tuple[Array, Array, int]:
    """The factors of one matrix, of which the lower triangle is read, its pivots, and where D is singular."""
    a, n = np.tril(a), len(a)
    if hermitian:
        a[range(n), range(n)] = a.diagonal().real
    pivots, info, k = np.empty(n, np.int32), 0, 0
    while k < n:
        if not a[k:, k].any() or np.isnan(a[k, k]):
            info, pivots[k] = info or k + 1, k + 1
            k += 1
            continue
        other, step = _pivot(a, k)
        here = k + step - 1
        if other != here:
            _exchange(a, k, here, other, hermitian)
        pivots[k:k + step] = other + 1 if step == 1 else -(other + 1)
        rest = a[k + step:, k:k + step].copy()
        if step == 1:
            solved = rest / a[k, k]
        else:
            block = a[k:k + 2, k:k + 2].copy()
            block[0, 1] = _conjugated(block[1, 0], hermitian)
            solved = np.linalg.solve(block.T, rest.T).T
        a[k + step:, k + step:] -= np.tril(solved @ _conjugated(rest, hermitian).T)
        a[k + step:, k:k + step] = solved
        if hermitian:
            a[range(n), range(n)] = a.diagonal().real
        k += step
    return a, pivots, info


def _ldl_factor(xp: ModuleType, x: Array, hermitian: bool = False) -> Any:
    lead, n = x.shape[:-2], x.shape[-1]
    found = [_ldl(a, hermitian and x.dtype.kind in "cW") for a in x.reshape(math.prod(lead), n, n)]
    return (in_columns(xp.array([a for a, _, _ in found], x.dtype).reshape(x.shape)),
            xp.array([p for _, p, _ in found], np.int32).reshape((*lead, n)),
            xp.array([i for _, _, i in found], np.int32).reshape(lead))


def _blocks(pivots: Array) -> list[tuple[int, int]]:
    """Where each pivot begins, and how many rows it has."""
    found, k = [], 0
    while k < len(pivots):
        step = 1 if pivots[k] > 0 else 2
        found.append((k, step))
        k += step
    return found


def _ldl_solution(a: Array, pivots: Array, b: Array, hermitian: bool) -> Array:
    x, blocks = b.copy(), _blocks(pivots)
    for k, step in blocks:
        here, other = k + step - 1, abs(int(pivots[k])) - 1
        x[[here, other]] = x[[other, here]]
        below = slice(k + step, None)
        x[below] -= a[below, k:k + step] @ x[k:k + step]
        if step == 1:
            x[k] /= a[k, k]  # which is infinite where D is singular
            continue
        block = a[k:k + 2, k:k + 2].copy()
        block[0, 1] = _conjugated(block[1, 0], hermitian)
        x[k:k + 2] = np.linalg.solve(block, x[k:k + 2])
    for k, step in reversed(blocks):
        here, other = k + step - 1, abs(int(pivots[k])) - 1
        x[k:k + step] -= _conjugated(a[k + step:, k:k + step], hermitian).T @ x[k + step:]
        x[[here, other]] = x[[other, here]]
    return x


def _ldl_solve(xp: ModuleType, a: Array, pivots: Array, b: Array, hermitian: bool = False) -> Array:
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    count, n = math.prod(lead), a.shape[-1]
    given = zip(np.broadcast_to(a, (*lead, n, n)).reshape(count, n, n),
                np.broadcast_to(pivots, (*lead, n)).reshape(count, n),
                np.broadcast_to(b, (*lead, *b.shape[-2:])).reshape(count, *b.shape[-2:]), strict=True)
    found = [_ldl_solution(*each, hermitian and a.dtype.kind in "cW") for each in given]
    return in_columns(xp.array(found, b.dtype).reshape((*lead, *b.shape[-2:])))


def _ldl_solve_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    """The dimensions before the matrices broadcast, and the examples are one more of them."""
    rank = max(rank_of(operands[0], mapped[0]), rank_of(operands[2], mapped[2]))
    a, pivots, b = all_spread(operands, mapped)
    return primitive(lifted(a, rank), lifted(pivots, rank - 1), lifted(b, rank), **params)


def _symmetric() -> Iterator[Any]:
    x = _regular(3, 3)
    yield (x + x.T,), {}
    yield (np.array([[0.0, 2.0], [2.0, 0.0]]),), {}


ldl_factor = opaque("ldl_factor", _ldl_factor, batch=native, multiple=True, label="NotImplemented", missing=_NEVER,
                    samples=_symmetric)
ldl_solve = opaque("ldl_solve", _ldl_solve, batch=_ldl_solve_batch, arity=3, label="NotImplemented",
                   missing={**_NEVER, "samples": "one of its operands is a list of positions"})


# --- reflections ------------------------------------------------------------------------------------------------------


def _geqrf(xp: ModuleType, x: Array) -> Any:
    """R, and below it the vectors of the reflections whose product is Q, their first elements of 1 left out; and the
    factors of the reflections."""
    if not min(x.shape[-2:]):
        return in_columns(x.copy()), xp.empty((*x.shape[:-2], 0), x.dtype)
    packed, factors = xp.linalg.qr(x, mode="raw")
    return xp.swapaxes(xp.ascontiguousarray(packed), -1, -2), factors


geqrf = opaque("geqrf", _geqrf, batch=native, multiple=True, label="Geqrf", missing=_NEVER,
               samples=cases((_regular(3, 2),), (_regular(2, 2, 3),)))
