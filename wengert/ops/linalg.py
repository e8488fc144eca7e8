"""``wengert.linalg``: decompositions, inverses, solutions and norms. Leading dimensions are batches everywhere.

The functions of the same name at the top level, with their older signatures, are in `decompositions`.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.dtypes import finfo, to_real
from ..core.errors import KindError, LinAlgError, ShapeError
from ..core.primitive import P
from ..core.spec import wrap_dim, wrap_dims
from ..core.steps import main_diagonal
from ..tensors.alias import edge_of, own, type_name
from ..tensors.tensor import TENSORS, make
from .arguments import check_one_dtype, integer, tensors_of
from .conversion import cast
from .factorizations import (
    by_columns,
)
from .factorizations import (
    householder_product as householder_product,
)
from .factorizations import (
    ldl_factor as ldl_factor,
)
from .factorizations import (
    ldl_factor_ex as ldl_factor_ex,
)
from .factorizations import (
    ldl_solve as ldl_solve,
)
from .factorizations import (
    lu as lu,
)
from .factorizations import (
    lu_factor as lu_factor,
)
from .factorizations import (
    lu_factor_ex as lu_factor_ex,
)
from .factorizations import (
    lu_solve as lu_solve,
)
from .factorizations import (
    mirrored as mirrored,
)
from .halves import empty_in_half
from .matrix import matmul
from .named import named
from .out import COPIED
from .reductions import for_norm
from .reductions import vector_norm as _vector_norm
from .registry import FUNCTIONS, function

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "ldl_factor", "ldl_factor_ex", "ldl_solve", "lstsq", "lu", "lu_factor",
    "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot",
    "norm", "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv",
    "tensorsolve", "vander", "vecdot", "vector_norm",
]

_here = function(method=False, public=False, checked=True)


def _matrices(op: str, x: Any) -> None:
    if x._data.ndim < 2:
        raise ShapeError(f"[linalg.{op}] The input tensor A must have at least 2 dimensions; got shape "
                         f"{tuple(x._data.shape)}")


def _inexact(op: str, x: Any) -> None:
    if x._data.dtype.kind in "biu":
        raise RuntimeError(f"[linalg.{op}] Expected a floating point or complex tensor as input; got "
                           f"{type_name(x._data.dtype)}; convert it with .float()")


# --- determinants, inverses, solutions --------------------------------------------------------------------------------


@_here
@empty_in_half
def det(A: Any) -> Any:
    """The determinant of square matrices, ``(..., N, N)``. Its gradient is right for singular matrices too.

    >>> A = torch.tensor([[2.0, 0.0], [0.0, 3.0]], requires_grad=True)
    >>> torch.linalg.det(A).backward()
    >>> A.grad
    tensor([[3., 0.],
            [0., 2.]])
    """
    return P.det(A)


_slogdet = named("linalg_slogdet", "sign", "logabsdet")


@_here
def slogdet(A: Any) -> Any:
    """The sign of the determinant and the logarithm of its size, as (sign, logabsdet).

    >>> sign, logabsdet = torch.linalg.slogdet(torch.tensor([[0.0, 2.0], [3.0, 0.0]]))
    >>> sign * logabsdet.exp()
    tensor(-6.)
    """
    return _slogdet(P.slogdet(A))


@_here
def inv(A: Any) -> Any:
    """The inverse of square matrices, ``(..., N, N)``. Raises LinAlgError (a RuntimeError) for a singular one.

    >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return P.inv(A)


_inv_ex = named("linalg_inv_ex", "inverse", "info")


def _info(x: Any) -> Any:
    """0 for each matrix."""
    return FUNCTIONS["zeros"](tuple(x._data.shape[:-2]), dtype=dtypes.int32, device=x.device)


@_here
def inv_ex(A: Any, *, check_errors: bool = False) -> Any:
    """`inv`, and 0 where it succeeded, as (inverse, info); a singular matrix gives infinities, and the number of its
    first pivot of zero, unless ``check_errors``.

    >>> inverse, info = torch.linalg.inv_ex(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))
    >>> info
    tensor(2, dtype=torch.int32)
    """
    try:
        return _inv_ex((P.inv(A), _info(A)))
    except LinAlgError:
        if check_errors:
            raise
        return _inv_ex((P.inv(A, singular=True), _first_zero_pivot(A)))


def _first_zero_pivot(A: Any) -> Any:
    return lu_factor_ex(A.detach())[2]


def _is_vectors(A: Any, B: Any) -> bool:
    """Whether B is the right-hand side as a vector, or as one of each matrix, not as matrices."""
    return bool(B._data.ndim == 1 or (B._data.ndim == A._data.ndim - 1 and B._data.shape == A._data.shape[:-1]))


@_here
@empty_in_half
def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """X of ``A X = B`` (or of ``X A = B``, unless ``left``), for A ``(..., N, N)`` and B ``(..., N)`` or ``(...,
    N, K)``.

    >>> A, b = torch.tensor([[2.0, 1.0], [1.0, 3.0]]), torch.tensor([5.0, 10.0])
    >>> torch.linalg.solve(A, b)
    tensor([1., 3.])
    """
    if A._data.dtype != B._data.dtype:
        raise RuntimeError(f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype} "
                           f"and B of type {B.dtype} instead")
    if _is_vectors(A, B):
        shape = B._data.shape
        column = P.solve(A, P.reshape(B, shape=(*shape, 1)))
        found = own(P.reshape(column, shape=column._data.shape[:-1], label="LinalgSolveEx"))
        return by_columns(found) if found._data.ndim > 1 else found
    if left:
        return P.solve(A, B)
    swapped = (x.mT for x in (A, B))
    return own(P.solve(*swapped).mT)


_solve_ex = named("linalg_solve_ex", "result", "info")


@_here
def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    """`solve`, and 0 where it succeeded, as (result, info); a singular matrix gives no numbers, and the number of its
    first pivot of zero, unless ``check_errors``.

    >>> x, info = torch.linalg.solve_ex(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([2.0, 4.0]))
    >>> x, info
    (tensor([1., 1.]), tensor(0, dtype=torch.int32))
    """
    try:
        return _solve_ex((solve(A, B, left=left), _info(A)))
    except LinAlgError:
        if check_errors:
            raise
        inverse = P.inv(A, singular=True)
        if _is_vectors(A, B):
            return _solve_ex((own(P.matmul(inverse, B[..., None])[..., 0]), _first_zero_pivot(A)))
        return _solve_ex((P.matmul(inverse, B) if left else P.matmul(B, inverse), _first_zero_pivot(A)))


@_here
def solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """X of ``A X = B`` (or ``X A = B``) where only one triangle of A counts, its diagonal as ones if
    ``unitriangular``.

    >>> A, b = torch.tensor([[2.0, 1.0], [0.0, 4.0]]), torch.tensor([[4.0], [8.0]])
    >>> torch.linalg.solve_triangular(A, b, upper=True)
    tensor([[1.],
            [2.]])
    """
    _matrices("solve_triangular", A)
    _matrices("solve_triangular", B)
    if left:
        return P.solve_triangular(A, B, upper=upper, unit=unitriangular)
    return by_columns(P.solve_triangular(A.mT, B.mT, upper=not upper, unit=unitriangular).mT)


def _tolerance(A: Any, atol: Any, rtol: Any) -> tuple[float, float]:
    """PyTorch's defaults: rtol is the larger size times the precision, unless atol is given."""
    number = float(atol.item() if type(atol) in TENSORS else atol or 0.0)
    if rtol is None:
        relative = 0.0 if number > 0 else max(A._data.shape[-2:]) * finfo(to_real(A.dtype)).eps
    else:
        relative = float(rtol.item() if type(rtol) in TENSORS else rtol)
    return number, relative


def _tolerances(A: Any, atol: Any, rtol: Any, op: str) -> tuple[Any, Any]:
    """`_tolerance`, which may be one for each matrix: arrays that broadcast against values in a last dimension."""
    if not any(type(x) in TENSORS and x._data.ndim for x in (atol, rtol)):
        return _tolerance(A, atol, rtol)
    absolute, relative = (np.asarray(x._concrete(op) if type(x) in TENSORS else x or 0.0)[..., None]
                          for x in (atol, rtol))
    if rtol is None:
        relative = np.where(absolute > 0, 0.0, max(A._data.shape[-2:]) * finfo(to_real(A.dtype)).eps)
    return absolute, relative


def _nested(numbers: Any) -> Any:
    """Lists of lists as tuples: parameters are compared and hashed."""
    return tuple(map(_nested, numbers)) if isinstance(numbers, list) else numbers


@_here
def pinv(A: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """The pseudo-inverse (Moore and Penrose's) of matrices; singular values up to max(atol, rtol · the largest)
    count as zero. ``rcond`` is an older name of ``rtol``.

    >>> torch.linalg.pinv(torch.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    _matrices("pinv", A)
    _inexact("pinv", A)
    if rcond is not None:
        if atol is not None or rtol is not None:
            raise TypeError("linalg_pinv() received an invalid combination of arguments: rcond is an older name of "
                            "rtol; give one of them")
        rtol = rcond
    absolute, relative = _tolerances(A, atol, rtol, "pinv")
    if np.any(np.greater(absolute, 0)) and A._data.size:
        values = np.linalg.svd(A.detach()._concrete("pinv"), compute_uv=False)
        largest = values.max(-1, keepdims=True)
        relative = np.maximum(relative, absolute / np.where(largest > 0, largest, np.inf))
    return P.pinv(A, rtol=relative if isinstance(relative, float) else _nested(relative[..., 0].tolist()),
                  hermitian=hermitian)


_lstsq = named("linalg_lstsq", "solution", "residuals", "rank", "singular_values")


@_here
def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """The X that minimises ‖A X − B‖, as (solution, residuals, rank, singular_values). As PyTorch's, ``driver``
    (``"gelsy"`` if not given) says what else is known: the residuals not to gelsy, the rank not to gels, the singular
    values to gelsd and gelss.

    >>> x = torch.tensor([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    >>> line = torch.linalg.lstsq(x, torch.tensor([[1.0], [3.0], [5.0]])).solution
    >>> torch.round(line, decimals=3)
    tensor([[2.],
            [1.]])
    """
    _matrices("lstsq", A)
    check_one_dtype("linalg.lstsq", A, B)
    driver = "gelsy" if driver is None else driver.lower()
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError("torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss); got "
                           f"{driver!r}")
    if A._data.ndim - B._data.ndim not in (0, 1):
        raise ShapeError("torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and (input.dim() - "
                         f"other.dim()) <= 1; got {A._data.ndim} and {B._data.ndim} dimensions")
    vector = _is_vectors(A, B)
    right = B[..., None] if vector else B
    rows, columns = A._data.shape[-2:]
    if right._data.ndim < 2 or right._data.shape[-2] != rows:
        raise ShapeError(f"torch.linalg.lstsq: input.size(-2) should match other.size(-2): {rows} rows were expected; "
                         f"got shape {list(B.shape)}")
    relative = finfo(to_real(A.dtype)).eps * max(rows, columns) if rcond is None else rcond
    solution = P.matmul(P.pinv(A, rtol=relative), right)
    rank = matrix_rank(A.detach(), rtol=relative)
    empty = make(np.empty(0, to_real(A.dtype).numpy), None)
    residuals = own(P.reshape(solution, shape=(-1,))[:0])
    residuals = P.copy_real(residuals) if residuals._data.dtype.kind in "cW" else residuals
    if driver != "gelsy" and rows > columns and bool((rank._concrete("lstsq") == columns).all()):
        difference = P.matmul(A, solution) - right
        squares = difference * difference
        if difference._data.dtype.kind in "cW":
            squares = P.copy_real(difference * P.conj(difference))
        residuals = P.sum(squares, dim=(difference._data.ndim - 2,))
        residuals = residuals[..., 0] if vector and not A._data.ndim > 2 else residuals
    if rows > columns:  # it lies in the memory of B, of which it has the first rows, as LAPACK leaves it
        below = solution._data.ndim - 2
        rest = make(np.zeros((*solution._data.shape[:-2], rows - columns, solution._data.shape[-1]),
                             solution._data.dtype), None)
        solution = P.cat(solution, rest, dim=below).mT.contiguous().mT[..., :columns, :]
    else:
        solution = by_columns(solution)
    return _lstsq((own(solution[..., 0] if vector else solution), residuals,
                   make(np.empty(0, np.int64), None) if driver == "gels" else rank,
                   svdvals(A.detach()) if driver in ("gelsd", "gelss") else empty))


# --- decompositions ---------------------------------------------------------------------------------------------------


@_here
@empty_in_half
def cholesky(A: Any, *, upper: bool = False) -> Any:
    """The triangular L of ``A = L Lᴴ`` (or U of ``A = Uᴴ U``), for positive-definite matrices. Else raises
    LinAlgError.

    >>> A = torch.tensor([[4.0, 2.0], [2.0, 5.0]])
    >>> torch.linalg.cholesky(A)
    tensor([[2., 0.],
            [1., 2.]])
    """
    return P.cholesky(A, upper=True) if upper else P.cholesky(A)


_cholesky_ex = named("linalg_cholesky_ex", "L", "info")


@_here
def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    """`cholesky`, and 0 where it succeeded, as (L, info); of a matrix that is not positive-definite as much as there
    is, and the order of its first leading part that is not, unless ``check_errors``.

    >>> L, info = torch.linalg.cholesky_ex(torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
    >>> info
    tensor(2, dtype=torch.int32)
    """
    if check_errors:
        return _cholesky_ex((cholesky(A, upper=upper), _info(A)))
    factor = P.cholesky(A, upper=upper, partial=True)
    diagonal = main_diagonal(factor.detach())
    diagonal = P.copy_real(diagonal) if diagonal._data.dtype.kind in "cW" else diagonal
    last = (diagonal._data.ndim - 1,)
    sound = P.cumprod(P.cast(P.gt(diagonal, 0), dtype=dtypes.int32), dim=last[0])
    count = P.sum(sound, dim=last)
    return _cholesky_ex((factor, P.cast(P.where(P.eq(count, A._data.shape[-1]), 0, count + 1), dtype=dtypes.int32)))


_qr = named("linalg_qr", "Q", "R")


@_here
def qr(A: Any, mode: str = "reduced") -> Any:
    """``A = Q R`` with orthonormal columns in Q and R upper triangular, as (Q, R). ``mode``: ``"reduced"``,
    ``"complete"`` (Q square) or ``"r"`` (Q empty).

    >>> A = torch.tensor([[3.0, 1.0], [4.0, 2.0]])
    >>> Q, R = torch.linalg.qr(A)
    >>> torch.allclose(Q @ R, A, atol=1e-6), torch.allclose(Q.T @ Q, torch.eye(2), atol=1e-6)
    (True, True)
    """
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
                           "'complete'")
    return _qr(P.qr(A, mode=mode))


_eig = named("linalg_eig", "eigenvalues", "eigenvectors")


@_here
def eig(A: Any) -> Any:
    """The eigenvalues and eigenvectors (columns, of length 1) of square matrices, complex, as (eigenvalues,
    eigenvectors).

    >>> quarter_turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    >>> L, V = torch.linalg.eig(quarter_turn)
    >>> L
    tensor([0.+1.j, 0.-1.j])
    >>> torch.allclose(quarter_turn.to(L.dtype) @ V, V * L)
    True
    """
    return _eig(P.eig(A))


@_here
def eigvals(A: Any) -> Any:
    """The eigenvalues of square matrices, complex.

    >>> torch.linalg.eigvals(torch.tensor([[0.0, -1.0], [1.0, 0.0]]))
    tensor([0.+1.j, 0.-1.j])
    """
    return P.eig(A)[0]


_eigh = named("linalg_eigh", "eigenvalues", "eigenvectors")


@_here
@empty_in_half
def eigh(A: Any, UPLO: str = "L") -> Any:
    """The eigenvalues (ascending, real) and eigenvectors (columns) of symmetric or Hermitian matrices, of which
    only the triangle ``UPLO`` is read, as (eigenvalues, eigenvectors).

    >>> A = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
    >>> L, Q = torch.linalg.eigh(A)
    >>> L
    tensor([1., 3.])
    >>> torch.allclose(Q @ torch.diag(L) @ Q.T, A, atol=1e-6)
    True
    """
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return _eigh(P.eigh(A, uplo=UPLO.upper()))


@_here
@empty_in_half
def eigvalsh(A: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of symmetric or Hermitian matrices, ascending.

    >>> torch.linalg.eigvalsh(torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor([1., 3.])
    """
    return eigh(A, UPLO)[0]


_svd = named("linalg_svd", "U", "S", "Vh")


@_here
@empty_in_half
def svd(A: Any, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """``A = U diag(S) Vh`` with the singular values S descending, as (U, S, Vh); U and Vh square if
    ``full_matrices``.

    >>> A = torch.tensor([[3.0, 0.0], [0.0, -2.0]])
    >>> U, S, Vh = torch.linalg.svd(A)
    >>> S
    tensor([3., 2.])
    >>> torch.allclose(U @ torch.diag(S) @ Vh, A)
    True
    """
    _check_driver("svd", driver)
    return _svd(P.svd(A, full=full_matrices))


@_here
@empty_in_half
def svdvals(A: Any, *, driver: str | None = None) -> Any:
    """The singular values of matrices, descending.

    >>> torch.linalg.svdvals(torch.tensor([[3.0, 0.0], [0.0, -2.0]]))
    tensor([3., 2.])
    """
    _check_driver("svdvals", driver)
    return P.svd(A)[1]


def _check_driver(op: str, driver: str | None) -> None:
    if driver is not None:
        raise RuntimeError(f"torch.linalg.{op}: keyword argument `driver=` is only supported on CUDA inputs with "
                           "cuSOLVER backend.")


# --- norms and numbers ------------------------------------------------------------------------------------------------


@_here
def vector_norm(x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The ``ord``-norm of all elements, or of the vectors along ``dim``; ±inf, 0 and negative orders included.

    >>> x = torch.tensor([3.0, -4.0])
    >>> torch.linalg.vector_norm(x), torch.linalg.vector_norm(x, ord=float("inf")), torch.linalg.vector_norm(x, ord=0)
    (tensor(5.), tensor(4.), tensor(2.))
    """
    return _vector_norm(x, ord, dim, keepdim, dtype, "linalg.vector_norm")


def _kept_apart(values: Any, dims: tuple[int, int], keepdim: bool) -> Any:
    if not keepdim:
        return values
    for d in sorted(dims):
        values = P.slice(values, index=(*(slice(None),) * d, None))
    return values


def _extreme(sizes: Any, ord: float, dim: int, keepdim: bool) -> Any:
    """The largest size along a dimension, or the smallest for a negative order; the largest of none is 0."""
    if sizes._data.shape[dim]:
        return (P.amax if ord > 0 else P.amin)(sizes, dim=(dim,), keepdim=keepdim)
    if ord < 0:
        raise IndexError(f"[linalg.matrix_norm] amin(): Expected reduction dim {dim} to have non-zero size.")
    return P.sum(sizes, dim=(dim,), keepdim=keepdim)


def _order(op: str, ord: Any) -> Any:
    """The order of a norm as it is given: a word, or the number that it is."""
    if type(ord) in TENSORS and ord.ndim == 0 and not ord.requires_grad:
        ord = ord.item()
    if not isinstance(ord, (str, int, float, complex, np.number)):
        raise KindError(f"{op}() received an invalid combination of arguments: an order is a number or a word, not "
                        f"{type(ord).__name__}")
    if isinstance(ord, (complex, np.complexfloating)):
        raise RuntimeError(f"{op}: Expected a non-complex scalar as the order of norm; got {ord}")
    return ord


@_here
def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of matrices: ``"fro"``, ``"nuc"``, ±2 (singular values), ±1 (columns), ±inf (rows).

    >>> A = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    >>> torch.linalg.matrix_norm(A), torch.linalg.matrix_norm(A, ord=2), torch.linalg.matrix_norm(A, ord="nuc")
    (tensor(5.), tensor(4.), tensor(7.))
    """
    _matrices("matrix_norm", A)
    A, ord = for_norm(A, dtype, "linalg.matrix_norm"), _order("linalg.matrix_norm", ord)
    if not isinstance(dim, (tuple, list)):
        raise KindError(f"linalg.matrix_norm(): argument 'dim' must be tuple of ints, not {type(dim).__name__}")
    if len(dim) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    rows, columns = (wrap_dim(operator.index(d), A._data.ndim, "linalg.matrix_norm") for d in dim)
    if rows == columns:
        raise RuntimeError("linalg.matrix_norm: dims must be different.")
    if ord == "fro":
        return _vector_norm(A, 2, (rows, columns), keepdim, None, "linalg.matrix_norm")
    if ord in ("nuc", 2, -2):
        others = [d for d in range(A._data.ndim) if d not in (rows, columns)]
        values = P.svd(P.permute(A, dims=(*others, rows, columns)))[1]
        last = (values._data.ndim - 1,)
        found = P.sum(values, dim=last) if ord == "nuc" else _extreme(values, ord, last[0], False)
        return _kept_apart(found, (rows, columns), keepdim)
    if ord in (1, -1, float("inf"), float("-inf")):
        along, across = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = P.vector_norm(A, ord=1.0, dim=(along,), keepdim=True)
        found = _extreme(sums, ord, across, True)
        if keepdim:
            return found
        return P.reshape(found, shape=tuple(n for d, n in enumerate(A._data.shape) if d not in (rows, columns)))
    raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")


@_here
def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The 2-norm of all elements; with ``ord`` or ``dim`` a `vector_norm` (one dimension) or a `matrix_norm` (two).

    >>> torch.linalg.norm(torch.tensor([3.0, 4.0])), torch.linalg.norm(torch.tensor([3.0, 4.0]), ord=1)
    (tensor(5.), tensor(7.))
    """
    if dim is not None and not isinstance(dim, (tuple, list)):
        dim = (dim,)
    if dim is not None and len(dim) not in (1, 2):
        raise ShapeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if ord is not None:
        ord = _order("linalg.norm", ord)
        count = A._data.ndim if dim is None else len(dim)
        if count == 2:
            return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
        if isinstance(ord, str) or count not in (1, 2):
            raise RuntimeError("linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
                               f"{count}D.")
        return vector_norm(A, ord, dim, keepdim, dtype=dtype)
    return vector_norm(A, 2, dim, keepdim, dtype=dtype)


@_here
@empty_in_half
def cond(A: Any, p: Any = None) -> Any:
    """The condition number: the norm of A times that of its inverse, by default from the singular values.

    >>> torch.linalg.cond(torch.tensor([[100.0, 0.0], [0.0, 1.0]]))
    tensor(100.)
    """
    _matrices("cond", A)
    p = None if p is None else _order("linalg.cond", p)
    rows, columns = A._data.shape[-2:]
    if isinstance(p, str) and rows != columns:
        raise ShapeError(f"linalg.cond(ord={p}): A must be batches of square matrices, but they are {rows} by "
                         f"{columns} matrices")
    if not A._data.size:
        return make(np.zeros(A._data.shape[:-2], to_real(A.dtype).numpy), None)
    if p in (None, 2, -2):
        values = P.svd(A)[1]
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last
    inverse, info = inv_ex(A)
    return (matrix_norm(A, p) * matrix_norm(inverse, p)).masked_fill(info != 0, float("inf"))


@_here
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """The number of singular values (of eigenvalues, if ``hermitian``) above max(atol, rtol · the largest).

    >>> torch.linalg.matrix_rank(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    _matrices("matrix_rank", A)
    _inexact("matrix_rank", A)
    if tol is not None:
        atol, rtol = tol, 0.0
    absolute, relative = _tolerances(A, atol, rtol, "matrix_rank")
    value = A.detach()
    sizes = P.abs(P.eigh(value)[0]) if hermitian and A._data.size else P.svd(value)[1]
    return P.matrix_rank(sizes, absolute=absolute, relative=relative)


# --- products and functions of matrices -------------------------------------------------------------------------------


@_here
def matrix_exp(A: Any) -> Any:
    """The exponential of square matrices: Σ Aᵏ / k!.

    >>> torch.linalg.matrix_exp(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return P.matrix_exp(A)


@_here
def matrix_power(A: Any, n: int) -> Any:
    """Square matrices to an integer power, by repeated squaring; a negative power inverts first.

    >>> torch.linalg.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    n = integer(n, "matrix_power", plain=True)
    _matrices("matrix_power", A)
    if A._data.shape[-1] != A._data.shape[-2]:
        raise ShapeError("linalg.matrix_power: A must be batches of square matrices, but they are "
                         f"{A._data.shape[-2]} by {A._data.shape[-1]} matrices")
    if n == 0:
        one = FUNCTIONS["eye"](A._data.shape[-1], dtype=A.dtype, device=A.device)
        ones = P.clone(P.expand(one, shape=A._data.shape), order="C")
        return P.kinked(ones, A) if edge_of(A) is not None else ones
    base, exponent, result = (P.inv(A), -n, None) if n < 0 else (A, n, None)
    while exponent:
        if exponent & 1:
            result = base if result is None else P.matmul(result, base)
        exponent >>= 1
        base = P.matmul(base, base) if exponent else base
    return result if n != 1 else P.clone(result, order="C")


def _best_order(sizes: list[int]) -> list[list[int]]:
    """Where to split each chain of matrices for the fewest multiplications (Cormen et al., *Introduction to
    algorithms*, 14.2)."""
    count = len(sizes) - 1
    cost, split = np.zeros((count, count)), [[0] * count for _ in range(count)]
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            options = [cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            split[i][j] = i + int(np.argmin(options))
            cost[i, j] = min(options)
    return split


@function(method=False, public=False, takes_tensor=False)
def multi_dot(tensors: Any) -> Any:
    """The product of several matrices in the order of fewest multiplications; the first and the last may be vectors.

    >>> torch.linalg.multi_dot([torch.ones(2, 100), torch.ones(100, 3), torch.ones(3)])
    tensor([300., 300.])
    """
    listed = list(tensors_of(tensors, "multi_dot"))
    if len(listed) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(listed)}")
    check_one_dtype("multi_dot", *listed)
    first_is_row, last_is_column = listed[0]._data.ndim == 1, listed[-1]._data.ndim == 1
    if first_is_row:
        listed[0] = listed[0][None, :]
    if last_is_column:
        listed[-1] = listed[-1][:, None]
    for place, x in enumerate(listed):
        if x._data.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {place} must be 2D but got {x._data.ndim}D")
    split = _best_order([listed[0]._data.shape[0], *(x._data.shape[1] for x in listed)])

    def chain(i: int, j: int) -> Any:
        return listed[i] if i == j else P.matmul(chain(i, split[i][j]), chain(split[i][j] + 1, j))

    result = chain(0, len(listed) - 1)
    shape = result._data.shape[1 if first_is_row else 0: 1 if last_is_column else 2]
    return P.reshape(result, shape=shape) if first_is_row or last_is_column else result


@_here
def cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The cross product of vectors of three elements along ``dim``; the rest broadcasts.

    >>> torch.linalg.cross(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    check_one_dtype("linalg.cross", input, other)
    if input._data.ndim != other._data.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    where = wrap_dim(dim, max(input._data.ndim, other._data.ndim), "linalg.cross") - max(
        input._data.ndim, other._data.ndim
    )
    for x in (input, other):
        if x._data.ndim < -where or x._data.shape[where] != 3:
            raise RuntimeError("linalg.cross: inputs dimension "
                               f"{dim} must have length 3. Got {[list(t._data.shape) for t in (input, other)]}")

    def turned(x: Any, by: int) -> Any:
        return P.roll(x, shifts=(by,), dims=(x._data.ndim + where,))

    return turned(input, -1) * turned(other, -2) - turned(input, -2) * turned(other, -1)


@_here
def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """The sums of products along ``dim``, the first operand conjugated.

    >>> torch.linalg.vecdot(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
    tensor([3., 3.])
    """
    _inexact("vecdot", x)
    check_one_dtype("linalg.vecdot", x, y)
    first = P.conj(x) if x._data.dtype.kind in "cW" else x
    product = first * y
    return P.sum(product, dim=wrap_dims(dim, product._data.ndim, "linalg.vecdot"))


@_here
def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonals of matrices, as a view.

    >>> torch.linalg.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return A.diagonal(offset, dim1, dim2)


@_here
def vander(x: Any, *, N: int | None = None) -> Any:
    """The powers 0 to N − 1 of each element (N: the length of the last dimension), in a new last dimension.

    >>> torch.linalg.vander(torch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    if x._data.dtype.kind == "b":
        raise RuntimeError("[linalg.vander] floating point, complex, and integer tensors are supported; got Bool; "
                           "convert it with .long()")
    count = x._data.shape[-1] if N is None else N
    if N is not None and N <= 1:
        raise RuntimeError(f"[linalg.vander] N must be greater than 1.; got {N}")
    base = cast(x, dtypes.int64) if x._data.dtype.kind in "biu" else x
    one = P.fill(base, value=1)[..., None]
    if not base._data.ndim:
        base, one = base[None], one[None]
    if count <= 1:
        return one
    last = base._data.ndim
    repeated = P.expand(base[..., None], shape=(*base._data.shape, count - 1))
    return P.cat(one, P.cumprod(repeated, dim=last), dim=last)


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


@function(method=False, public=False, out=COPIED, checked=True)
def tensorinv(A: Any, ind: int = 2) -> Any:
    """The inverse of the map that contracting with A along its last dimensions is; ``ind`` of them come first.

    >>> A = torch.eye(6).reshape(2, 3, 6)
    >>> torch.linalg.tensorinv(A).shape
    torch.Size([6, 2, 3])
    """
    head, tail = A._data.shape[:ind], A._data.shape[ind:]
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    if _size(head) != _size(tail):
        raise RuntimeError("Expected self to satisfy the requirement prod(self.shape[ind:]) == "
                           "prod(self.shape[:ind]), but got "
                           f"{_size(tail)} != {_size(head)}")
    return P.reshape(P.inv(P.reshape(A, shape=(_size(head), -1))), shape=(*tail, *head))


@_here
def tensorsolve(A: Any, B: Any, dims: Any = None) -> Any:
    """X of ``tensordot(A, X, X.ndim) = B``; ``dims`` of A are moved to its end first.

    >>> A, B = 2 * torch.eye(4).reshape(2, 2, 2, 2), torch.tensor([[2.0, 4.0], [6.0, 8.0]])
    >>> torch.linalg.tensorsolve(A, B)
    tensor([[1., 2.],
            [3., 4.]])
    """
    check_one_dtype("tensorsolve", A, B)
    if dims is not None:
        moved = [wrap_dim(d, A._data.ndim, "tensorsolve") for d in dims]
        A = P.permute(A, dims=(*(d for d in range(A._data.ndim) if d not in moved), *moved))
    tail = A._data.shape[B._data.ndim:]
    if _size(tail) != B._data.size:
        raise RuntimeError("Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
                           f"prod(self.shape[:other.ndim]), but got {_size(tail)} != {B._data.size}")
    square = P.reshape(A, shape=(B._data.size, -1))
    return P.reshape(P.solve(square, P.reshape(B, shape=(-1, 1))), shape=tail)
