"""Factorisations by elimination and by reflections, and what is solved by them: LU, LDLᴴ, Householder's product.

Those of ``linalg`` are listed there; those at the top level are registered here, with their older signatures.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import OutOfRangeError, RankError, ShapeError
from ..core.frames import warn
from ..core.primitive import P
from ..tensors.alias import own, type_name
from ..tensors.evaluation import known
from ..tensors.tape import labelled
from ..tensors.tensor import Tensor, make
from .halves import empty_in_half
from .named import named
from .out import COPIED
from .registry import function

_here = function(method=False, public=False, checked=True)


def mirrored(x: Any) -> Any:
    """The conjugate transpose of matrices."""
    rank = x._data.ndim
    swapped = P.permute(x, dims=(*range(rank - 2), rank - 1, rank - 2), label="Transpose")
    return P.conj(swapped) if x._data.dtype.kind in "cW" else swapped


def by_columns(x: Any, *given: Any) -> Any:
    """The same matrices lying column by column, as LAPACK leaves them, in a tensor of its own."""
    return own(x.mT.contiguous().mT, *given)


# --- what must hold ---------------------------------------------------------------------------------------------------


def _check_matrices(op: str, x: Any, what: str = "The input tensor A") -> None:
    if x._data.ndim < 2:
        raise RankError(f"[{op}] {what} must have at least 2 dimensions; got shape {tuple(x._data.shape)}; add one "
                         "with unsqueeze")


def _check_square(op: str, x: Any) -> None:
    _check_matrices(op, x)
    rows, columns = x._data.shape[-2:]
    if rows != columns:
        raise ShapeError(f"[{op}] A must be batches of square matrices, but they are {rows} by {columns} matrices; got "
                         f"shape {tuple(x._data.shape)}")


def _check_lapack(op: str, x: Any) -> None:
    """Raises for elements that LAPACK does not know."""
    if x._data.dtype.char not in "fdFD":
        raise NotImplementedError(f'[{op}] "{op}_cpu" not implemented for \'{type_name(x._data.dtype)}\'; convert with '
                                  ".float() first")


def _check_alike(op: str, first: Any, second: Any, name: str) -> None:
    if first._data.dtype != second._data.dtype:
        raise RuntimeError(f"[{op}] {name} of the input's dtype, {type_name(first._data.dtype)}, was expected; got "
                           f"{type_name(second._data.dtype)}; convert one of them")


# --- LU ---------------------------------------------------------------------------------------------------------------

_lu_factor, _lu = named("linalg_lu_factor", "LU", "pivots"), named("linalg_lu", "P", "L", "U")
_lu_factor_ex = named("linalg_lu_factor_ex", "LU", "pivots", "info")
_lu_unpack = named("lu_unpack", "P", "L", "U")


def _eliminated(A: Any, pivot: bool) -> tuple[Any, Any, Any]:
    _check_matrices("lu_factor", A)
    _check_lapack("lu", A)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU; pivot=True is")
    return P.lu_factor(A)


def _check_regular(op: str, info: Any) -> None:
    """Raises where a diagonal of U has a zero, if the values are there to be looked at."""
    places = known(info)
    if places is not None and places.any():
        at = int(places[places != 0][0])
        raise RuntimeError(f"[{op}] U[{at},{at}] is zero and using it on lu_solve would result in a division by zero. "
                           "If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
                           "linalg.lu_factor_ex(A, pivot)")


@_here
@empty_in_half
def lu_factor(A: Any, *, pivot: bool = True) -> Any:
    """The factors of ``A = P L U`` in one matrix, and the exchanges of rows, counted from 1, as (LU, pivots). Raises
    RuntimeError where U is singular.

    >>> LU, pivots = torch.linalg.lu_factor(torch.tensor([[1.0, 2.0], [2.0, 8.0]]))
    >>> LU, pivots
    (tensor([[ 2.0000,  8.0000],
            [ 0.5000, -2.0000]]), tensor([2, 2], dtype=torch.int32))
    """
    packed, pivots, info = _eliminated(A, pivot)
    _check_regular("linalg.lu_factor", info)
    return _lu_factor((packed, pivots))


@_here
@empty_in_half
def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """`lu_factor` without an error: ``info`` is 0, or the first place, from 1, where U has a zero on its diagonal.

    >>> LU, pivots, info = torch.linalg.lu_factor_ex(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))
    >>> info
    tensor(2, dtype=torch.int32)
    """
    found = _eliminated(A, pivot)
    if check_errors:
        _check_regular("linalg.lu_factor_ex", found[2])
    return _lu_factor_ex(found)


def _triangles(packed: Any) -> tuple[Any, Any]:
    """L, with ones on its diagonal, and U."""
    rows, columns = packed._data.shape[-2:]
    k = min(rows, columns)
    ones = np.zeros((rows, k), packed._data.dtype)
    ones[range(k), range(k)] = 1
    return P.tril(packed[..., :, :k], diagonal=-1) + make(ones, None), P.triu(packed[..., :k, :])


@_here
@empty_in_half
def lu(A: Any, *, pivot: bool = True) -> Any:
    """``A = P L U``: a permutation, a lower triangle with ones on its diagonal, an upper triangle, as (P, L, U).

    >>> P, L, U = torch.linalg.lu(torch.tensor([[1.0, 2.0], [2.0, 8.0]]))
    >>> P, L, U
    (tensor([[0., 1.],
            [1., 0.]]), tensor([[1.0000, 0.0000],
            [0.5000, 1.0000]]), tensor([[ 2.,  8.],
            [ 0., -2.]]))
    """
    packed, pivots, _ = _eliminated(A, pivot)
    exchange = P.permutation(pivots, rows=A._data.shape[-2], dtype=A._data.dtype)
    return _lu((exchange, *_triangles(packed)))


def _check_pivots(op: str, pivots: Any) -> None:
    if pivots._data.dtype != np.int32:
        raise RuntimeError(f"torch.{op}: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype, as "
                           "lu_factor gives it; got "
                           f"{type_name(pivots._data.dtype)}; convert with .int()")


@_here
def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """X of ``A X = B``, or with ``left=False`` of ``X A = B``, for the A that `lu_factor` took apart; with ``adjoint``
    for Aᴴ in its place.

    >>> LU, pivots = torch.linalg.lu_factor(torch.tensor([[1.0, 2.0], [2.0, 8.0]]))
    >>> torch.linalg.lu_solve(LU, pivots, torch.tensor([[3.0], [10.0]]))
    tensor([[1.],
            [1.]])
    """
    _check_square("linalg.lu_solve", LU)
    _check_matrices("linalg.lu_solve", B, "B")
    _check_pivots("linalg.lu_solve", pivots)
    _check_alike("linalg.lu_solve", LU, B, "B")
    if pivots._data.shape != LU._data.shape[:-1]:
        raise ShapeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix: "
                         f"Expected LU.shape[:-1] and pivots.shape to be the same; got {tuple(LU.shape)} and "
                         f"{tuple(pivots.shape)}")
    n = LU._data.shape[-1]
    if B._data.shape[-2 if left else -1] != n:
        raise ShapeError("[linalg.lu_solve] Incompatible shapes of A and B for the equation "
                         f"{'AX' if left else 'XA'} = B ({n}x{n} and {B._data.shape[-2]}x{B._data.shape[-1]})")
    if not left:
        return own(mirrored(lu_solve(LU, pivots, mirrored(B), adjoint=not adjoint)))
    exchange = P.permutation(pivots, rows=n, dtype=LU._data.dtype)
    if not adjoint:
        turned = P.matmul(exchange.mT, B)
        return by_columns(P.solve_triangular(LU, P.solve_triangular(LU, turned, upper=False, unit=True), upper=True))
    back = mirrored(LU)
    inner = P.solve_triangular(back, P.solve_triangular(back, B, upper=False), upper=True, unit=True)
    return by_columns(P.matmul(exchange, inner))


def _top_lu(input: Any, pivot: bool = True, get_infos: bool = False) -> Any:
    """``linalg.lu_factor``, as (LU, pivots), with ``get_infos`` and ``info``. Deprecated.

    >>> A = torch.tensor([[4.0, 3.0], [6.0, 3.0]])
    >>> LU, pivots = torch.linalg.lu_factor(A)
    >>> LU
    tensor([[6.0000, 3.0000],
            [0.6667, 1.0000]])
    """
    warn("torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex and will be "
         "removed in a future PyTorch release.", UserWarning)
    return tuple(lu_factor_ex(input, pivot=pivot))[:3 if get_infos else 2]


def _lu_into(plain: Any, args: tuple[Any, ...], kwargs: dict[str, Any], target: Any, op: str) -> Any:
    """PyTorch's is a function in Python, which copies into targets of any shape and dtype."""
    for part, result in zip(target, plain(*args, **kwargs), strict=False):
        part.resize_(result.shape).copy_(result)
    return target


_top_lu.__name__ = "lu"
function(out=_lu_into)(_top_lu)


def _top_lu_solve(b: Any, LU_data: Any, LU_pivots: Any) -> Tensor:
    """X of ``A X = b`` for the A that ``linalg.lu_factor`` took apart.

    >>> A = torch.tensor([[4.0, 2.0], [2.0, 3.0]])
    >>> LU, pivots = torch.linalg.lu_factor(A)
    >>> torch.lu_solve(torch.tensor([[8.0], [8.0]]), LU, pivots)
    tensor([[1.],
            [2.]])
    """
    return lu_solve(LU_data, LU_pivots, b)


_top_lu_solve.__name__ = "lu_solve"
function(checked=True)(_top_lu_solve)


def _pivots_of(LU: Any, pivots: Any) -> Any:
    """The pivots, as many for each matrix as it has, and as batches of the matrices' shape."""
    *batch, rows, columns = LU._data.shape
    count = min(rows, columns)
    places = known(pivots)
    if not pivots._data.ndim or pivots._data.shape[-1] < count or places is not None and places.size and not (
            1 <= places[..., :count].min(initial=1) and places[..., :count].max(initial=1) <= rows):
        raise ShapeError("pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive. Did you properly "
                         "pass the result of lu_factor?")
    return pivots[..., :count].expand(*batch, count)


@function(method=False, checked=True)
def lu_unpack(LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """The P, L and U that `lu_factor` packed, as (P, L, U); what is not unpacked is an empty tensor.

    >>> A = torch.tensor([[4.0, 3.0], [6.0, 3.0]])
    >>> P, L, U = torch.lu_unpack(*torch.linalg.lu_factor(A))
    >>> torch.allclose(P @ L @ U, A)
    True
    """
    _check_matrices("lu_unpack", LU_data)
    dtype, rows = LU_data._data.dtype, LU_data._data.shape[-2]
    if unpack_pivots:
        _check_pivots("lu_unpack", LU_pivots)
        LU_pivots = _pivots_of(LU_data, LU_pivots)
    none = [make(np.empty(0, dtype), None) for _ in range(3)]
    exchange = P.permutation(LU_pivots, rows=rows, dtype=dtype) if unpack_pivots else none[0]
    return _lu_unpack((exchange, *(_triangles(LU_data) if unpack_data else none[1:])))


# --- LDLᴴ -------------------------------------------------------------------------------------------------------------

_ldl_factor, _ldl_factor_ex = (named("linalg_ldl_factor", "LD", "pivots"),
                               named("linalg_ldl_factor_ex", "LD", "pivots", "info"))


@_here
@empty_in_half
def ldl_factor_ex(A: Any, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """`ldl_factor` without an error: ``info`` is 0, or the first place, counted from 1, where D is singular.

    >>> LD, pivots, info = torch.linalg.ldl_factor_ex(torch.tensor([[4.0, 2.0], [2.0, 3.0]]))
    >>> info
    tensor(0, dtype=torch.int32)
    """
    _check_square("linalg.ldl_factor_ex", A)
    _check_lapack("linalg.ldl_factor_ex", A)
    found = P.ldl_factor(A, hermitian=bool(hermitian))
    places = known(found[2]) if check_errors else None
    if places is not None and places.any():
        raise RuntimeError("[linalg.ldl_factor] a D that is not singular was expected; got one with a zero at place "
                           f"{int(places[places != 0][0])}, counted from 1; ldl_factor_ex gives the factors all the "
                           "same")
    return _ldl_factor_ex(found)


@_here
@empty_in_half
def ldl_factor(A: Any, *, hermitian: bool = False) -> Any:
    """The factors of ``A = P L D Lᵀ Pᵀ``, or ``hermitian`` with Lᴴ, of which only the lower triangle of A is read: L
    without its diagonal of ones, with D's blocks of one row or two, in one matrix; and pivots, as (LD, pivots). Raises
    RuntimeError where D is singular. It has no derivative, as PyTorch's has none.

    >>> A = torch.tensor([[4.0, 2.0], [2.0, 3.0]])
    >>> LD, pivots = torch.linalg.ldl_factor(A)
    >>> torch.linalg.ldl_solve(LD, pivots, torch.tensor([[6.0], [5.0]]))
    tensor([[1.],
            [1.]])
    """
    packed, pivots, _ = ldl_factor_ex(A, hermitian=hermitian, check_errors=True)
    return _ldl_factor((packed, pivots))


@_here
@empty_in_half
def ldl_solve(LD: Any, pivots: Any, B: Any, *, hermitian: bool = False) -> Any:
    """X of ``A X = B`` for the A that `ldl_factor` took apart.

    >>> LD, pivots = torch.linalg.ldl_factor(torch.tensor([[4.0, 2.0], [2.0, 3.0]]))
    >>> torch.linalg.ldl_solve(LD, pivots, torch.tensor([[8.0], [8.0]]))
    tensor([[1.],
            [2.]])
    """
    op = "linalg.ldl_solve"
    _check_square(op, LD)
    if B._data.ndim < 2:
        raise OutOfRangeError(f"[{op}] B of at least 2 dimensions was expected; got shape {tuple(B._data.shape)}; add "
                              "one with unsqueeze")
    _check_alike(op, LD, B, "B")
    _check_lapack(op, LD)
    n = LD._data.shape[-1]
    if B._data.shape[-2] != n:
        raise ShapeError(f"[{op}] Incompatible matrix sizes for torch.linalg.ldl_solve: each A matrix is {n} by {n} "
                         f"but each b matrix is {B._data.shape[-2]} by {B._data.shape[-1]}")
    if pivots._data.shape != LD._data.shape[:-1]:
        raise ShapeError(f"[{op}] Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
                         f"{list(pivots._data.shape)} instead")
    if pivots._data.dtype.kind not in "iu":
        raise RuntimeError(f"[{op}] pivots that are integers were expected; got {type_name(pivots._data.dtype)}")
    return P.ldl_solve(LD, pivots, B, hermitian=bool(hermitian))


# --- reflections ------------------------------------------------------------------------------------------------------

_geqrf = named("geqrf", "a", "tau")


@function(checked=True)
def geqrf(input: Any) -> Any:
    """QR as LAPACK leaves it: R, with the vectors of the reflections below it, and their factors, as (a, tau). What
    `orgqr` and `ormqr` take. It has no derivative, as PyTorch's has none.

    >>> a, tau = torch.geqrf(torch.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> torch.triu(a)
    tensor([[-5.0000, -2.2000],
            [ 0.0000,  0.4000]])
    """
    _check_matrices("geqrf", input, "input")
    _check_lapack("geqrf", input)
    return _geqrf(P.geqrf(input))


def _reflections(packed: Any, tau: Any) -> list[tuple[Any, Any]]:
    """Each reflection's vector, as a column, and its factor, as a matrix of one element."""
    rows, rank = packed._data.shape[-2], packed._data.ndim
    vectors = P.tril(packed, diagonal=-1)
    found = []
    for i in range(tau._data.shape[-1]):
        one = np.zeros((rows, 1), packed._data.dtype)
        one[i] = 1
        vector = P.slice(vectors, index=(*(slice(None),) * (rank - 1), slice(i, i + 1))) + make(one, None)
        found.append((vector, tau[..., i, None, None]))
    return found


def _reflected(x: Any, vector: Any, factor: Any, left: bool) -> Any:
    """(1 − factor v vᴴ) x, or x (1 − factor v vᴴ)."""
    if left:
        return x - factor * P.matmul(vector, P.matmul(mirrored(vector), x))
    return x - factor * P.matmul(P.matmul(x, vector), mirrored(vector))


def _check_reflections(op: str, input: Any, tau: Any) -> None:
    _check_matrices(op, input, "input")
    rank = input._data.ndim
    if tau._data.ndim != rank - 1:
        raise RankError(f"[{op}] Expected tau to have one dimension less than input, but got tau.ndim equal to "
                         f"{tau._data.ndim} and input.ndim is equal to {rank}")
    if tau._data.shape[:-1] != input._data.shape[:-2]:
        raise ShapeError(f"[{op}] Expected batch dimensions of tau to be equal to input.shape[:-2]; got "
                         f"{list(tau._data.shape[:-1])} and {list(input._data.shape[:-2])}")
    _check_alike(op, input, tau, "tau")
    _check_lapack(op, input)


@function(method=False, public=False, checked=True, out=COPIED)
def householder_product(A: Any, tau: Any) -> Any:
    """The first columns, as many as A has, of the product of the reflections 1 − tauᵢ vᵢ vᵢᴴ, where vᵢ is 1 at i, 0
    above and the column i of A below: the Q of `geqrf`.

    >>> A = torch.tensor([[3.0, 1.0], [4.0, 2.0]])
    >>> Q = torch.linalg.householder_product(*torch.geqrf(A))
    >>> torch.allclose(Q.T @ Q, torch.eye(2), atol=1e-6)
    True
    """
    op = "linalg.householder_product"
    _check_matrices(op, A, "input")
    rows, columns = A._data.shape[-2:]
    if rows < columns:
        raise ShapeError(f"[{op}] input.shape[-2] must be greater than or equal to input.shape[-1]; got {rows} by "
                         f"{columns}")
    if tau._data.ndim and columns < tau._data.shape[-1]:
        raise ShapeError(f"[{op}] input.shape[-1] must be greater than or equal to tau.shape[-1]; got {columns} and "
                         f"{tau._data.shape[-1]}")
    _check_reflections(op, A, tau)
    eye = np.broadcast_to(np.eye(rows, columns, dtype=A._data.dtype), A._data.shape)
    product, steps = make(eye.copy(), None), _reflections(A, tau)
    if not steps:  # what depends on nothing has gradients all the same, of 0
        product = P.kinked(product, A) + P.sum(tau, dim=(tau._data.ndim - 1,))[..., None, None]
    for vector, factor in reversed(steps):
        product = _reflected(product, vector, factor, True)
    return labelled(by_columns(product), "LinalgHouseholderProduct")


def _top_orgqr(input: Any, tau: Any) -> Tensor:
    """The Q of `geqrf`: ``linalg.householder_product``.

    >>> A = torch.tensor([[3.0, 1.0], [4.0, 2.0]])
    >>> Q = torch.orgqr(*torch.geqrf(A))
    >>> torch.allclose(Q.T @ Q, torch.eye(2), atol=1e-6)
    True
    """
    return householder_product(input, tau)


_top_orgqr.__name__ = "orgqr"
function(checked=True)(_top_orgqr)


@function(checked=True)
def ormqr(input: Any, tau: Any, other: Any, left: bool = True, transpose: bool = False) -> Tensor:
    """``Q other``, or ``other Q`` unless ``left``, for the whole square Q of `geqrf`; with ``transpose`` Qᴴ in its
    place.

    >>> A = torch.tensor([[3.0, 1.0], [4.0, 2.0]])
    >>> a, tau = torch.geqrf(A)
    >>> torch.allclose(torch.ormqr(a, tau, torch.triu(a)), A, atol=1e-6)
    True
    """
    op = "ormqr"
    _check_matrices(op, input, "input")
    _check_matrices(op, other, "other")
    side = other._data.shape[-2 if left else -1]
    if side != input._data.shape[-2]:
        raise ShapeError(f"[{op}] other.shape[{-2 if left else -1}] must be equal to input.shape[-2]; got {side} and "
                         f"{input._data.shape[-2]}")
    if tau._data.ndim and tau._data.shape[-1] != min(side, input._data.shape[-1]):
        raise ShapeError(f"[{op}] tau.shape[-1] must be equal to min(other.shape[{-2 if left else -1}], "
                         f"input.shape[-1]); got {tau._data.shape[-1]}")
    _check_reflections(op, input, tau)
    if other._data.shape[:-2] != input._data.shape[:-2]:
        raise ShapeError(f"[{op}] Expected batch dimensions of other to be equal to input.shape[:-2]; got "
                         f"{list(other._data.shape[:-2])} and {list(input._data.shape[:-2])}")
    _check_alike(op, input, other, "other")
    steps, product = _reflections(input, tau), other
    for vector, factor in reversed(steps) if left != transpose else steps:
        turned = P.conj(factor) if transpose and factor._data.dtype.kind in "cW" else factor
        product = _reflected(product, vector, turned, left)
    return labelled(by_columns(product, other), "Ormqr")
