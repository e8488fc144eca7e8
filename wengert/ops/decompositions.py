"""Linear algebra at the top level: the twins of ``linalg``, and the older functions with their own conventions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..core.frames import warn
from ..core.primitive import P
from ..tensors.tensor import Tensor, make
from . import linalg
from .arguments import check_one_dtype
from .halves import empty_in_half, in_float32
from .named import named
from .out import COPIED
from .reductions import vector_norm
from .registry import function


@function(checked=True)
def inverse(input: Any) -> Tensor:
    """The inverse of square matrices. Raises LinAlgError (a RuntimeError) for a singular one.

    >>> torch.inverse(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return P.inv(input)


@function(checked=True)
@empty_in_half
def det(input: Any) -> Tensor:
    """The determinant of square matrices.

    >>> torch.det(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    return P.det(input)


@function(checked=True)
def logdet(input: Any) -> Tensor:
    """The logarithm of the determinant; NaN where it is negative, −∞ where it is zero.

    >>> torch.logdet(torch.tensor([[2.0, 0.0], [0.0, 3.0]])).exp()
    tensor(6.)
    """
    sign, size = P.slogdet(input)
    if input._data.dtype.kind in "cW":
        return size + P.log(sign)
    return P.where(sign < 0, float("nan"), size)


_slogdet = named("slogdet", "sign", "logabsdet")


@function(checked=True)
def slogdet(input: Any) -> Any:
    """The sign of the determinant and the logarithm of its size, as (sign, logabsdet).

    >>> sign, logabsdet = torch.slogdet(torch.tensor([[0.0, 2.0], [3.0, 0.0]]))
    >>> sign * logabsdet.exp()
    tensor(-6.)
    """
    return _slogdet(P.slogdet(input))


@function(out=COPIED, checked=True)
def cholesky(input: Any, upper: bool = False) -> Tensor:
    """The triangular L of ``A = L Lᴴ``, or the U of ``A = Uᴴ U``.

    >>> A = torch.tensor([[4.0, 2.0], [2.0, 5.0]])
    >>> L = torch.cholesky(A)
    >>> L
    tensor([[2., 0.],
            [1., 2.]])
    >>> L @ L.T
    tensor([[4., 2.],
            [2., 5.]])
    """
    return P.cholesky(input, upper=True) if upper else P.cholesky(input)


@function(out=COPIED, checked=True)
def cholesky_solve(input: Any, L: Any, upper: bool = False) -> Tensor:
    """X of ``A X = input``, for the A of which L is the Cholesky factor.

    >>> L = torch.tensor([[2.0, 0.0], [1.0, 2.0]])
    >>> b = torch.tensor([[8.0], [9.0]])
    >>> x = torch.cholesky_solve(b, L)
    >>> torch.allclose(L @ L.T @ x, b)
    True
    """
    check_one_dtype("cholesky_solve", input, L)
    return P.cholesky_solve(input, L, upper=bool(upper))


@function(checked=True, out=COPIED)
def cholesky_inverse(L: Any, upper: bool = False) -> Tensor:
    """The inverse of the matrix of which L is the Cholesky factor.

    >>> L = torch.tensor([[2.0, 0.0], [1.0, 2.0]])
    >>> torch.cholesky_inverse(L) @ (L @ L.T)
    tensor([[1., 0.],
            [0., 1.]])
    """
    eye = make(np.broadcast_to(np.eye(L._data.shape[-1], dtype=L._data.dtype), L._data.shape).copy(), None)
    return cholesky_solve(eye, L, upper)


_qr = named("qr", "Q", "R")


@function(checked=True)
def qr(input: Any, some: bool = True) -> Any:
    """``A = Q R``, as (Q, R); Q square unless ``some``.

    >>> A = torch.tensor([[3.0, 1.0], [4.0, 2.0]])
    >>> Q, R = torch.qr(A)
    >>> torch.allclose(Q @ R, A, atol=1e-6)
    True
    """
    return _qr(P.qr(input, mode="reduced" if some else "complete"))


_svd = named("svd", "U", "S", "V")


@function(checked=True)
def svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """``A = U diag(S) Vᴴ``, as (U, S, V): V itself, where ``linalg.svd`` gives Vᴴ. U and V square unless ``some``; both
    zero unless ``compute_uv``.

    >>> A = torch.tensor([[3.0, 0.0], [0.0, -2.0]])
    >>> U, S, V = torch.svd(A)
    >>> S
    tensor([3., 2.])
    >>> torch.allclose(U @ torch.diag(S) @ V.T, A)
    True
    """
    if not compute_uv:
        rows, columns = input._data.shape[-2:]
        lead, dtype = input._data.shape[:-2], input._data.dtype
        u, v = (np.zeros((*lead, n, n), dtype) for n in (rows, columns))
        return _svd((make(u, None), P.svd(input)[1], make(np.swapaxes(v, -1, -2), None)))
    u, s, vh = P.svd(input, full=not some)
    return _svd((u, s, linalg.mirrored(vh)))


_triangular = named("triangular_solve", "solution", "cloned_coefficient")


@function(checked=True)
def triangular_solve(b: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:
    """X of ``A X = b`` for a triangular A, and A, as (solution, cloned_coefficient).

    >>> A, b = torch.tensor([[2.0, 1.0], [0.0, 4.0]]), torch.tensor([[4.0], [8.0]])
    >>> torch.triangular_solve(b, A).solution
    tensor([[1.],
            [2.]])
    """
    warn("torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangular", UserWarning)
    if b._data.ndim < 2 or A._data.ndim < 2:
        raise ShapeError("[triangular_solve] b and A of two dimensions or more were expected; got shapes "
                         f"{list(b._data.shape)} and {list(A._data.shape)}")
    check_one_dtype("triangular_solve", b, A)
    factor, side = (A.mT, not upper) if transpose else (A, upper)
    return _triangular((P.solve_triangular(factor, b, upper=side, unit=unitriangular), linalg.by_columns(A, A)))


@function(checked=True)
def pinverse(input: Any, rcond: float = 1e-15) -> Tensor:
    """The pseudo-inverse of matrices; singular values up to ``rcond`` times the largest count as zero.

    >>> torch.pinverse(torch.tensor([[1.0], [2.0]]))
    tensor([[0.2000, 0.4000]])
    """
    return P.pinv(input, rtol=rcond)


@function(checked=True)
def matrix_exp(input: Any) -> Tensor:
    """The exponential of square matrices.

    >>> torch.matrix_exp(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return P.matrix_exp(input)


@function(checked=True)
def matrix_power(input: Any, n: int) -> Tensor:
    """Square matrices to an integer power.

    >>> torch.matrix_power(torch.tensor([[1, 1], [1, 0]]), 10)
    tensor([[89, 55],
            [55, 34]])
    """
    return linalg.matrix_power(input, n)


@function(checked=True)
@in_float32
def cross(input: Any, other: Any, dim: int | None = None) -> Tensor:
    """The cross product of vectors of three elements along ``dim`` (the first dimension of size 3, where not given).

    >>> torch.cross(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]), dim=0)
    tensor([0., 0., 1.])
    """
    if dim is None:
        dim = next((d for d, n in enumerate(input._data.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return linalg.cross(input, other, dim=dim)


@function(method=False, takes_tensor=False)
def chain_matmul(*matrices: Any) -> Tensor:
    """The product of several matrices, in the order of fewest multiplications.

    >>> torch.chain_matmul(torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 2))
    tensor([[12., 12.],
            [12., 12.]])
    """
    for x in matrices:
        if x._data.ndim != 2:
            raise RuntimeError(f"[chain_matmul] Tensor dimension is {x._data.ndim}, expected 2 instead.")
    return matrices[0] if len(matrices) == 1 else linalg.multi_dot(list(matrices))


@function(checked=True)
def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The ``p``-norm of all elements, or of the vectors along ``dim``; ``"fro"`` is 2, ``"nuc"`` the sum of the
    singular values of the matrices along two dimensions. Its gradient at 0 is 0.

    >>> torch.norm(torch.tensor([3.0, 4.0])), torch.norm(torch.tensor([3.0, 4.0]), p=1)
    (tensor(5.), tensor(7.))
    """
    if isinstance(p, str):
        if p == "nuc":
            if dim is None and input.ndim != 2:
                raise RuntimeError("[norm] linalg.matrix_norm: dim must be a 2-tuple. Got "
                                   f"{' '.join(map(str, range(input.ndim)))}; name the dimensions of the matrices")
            return linalg.matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
        if p != "fro":
            raise RuntimeError(f"[norm] linalg.matrix_norm: Order {p} not supported.: p must be a number, 'fro' or "
                               f"'nuc'; got {p!r}")
        p = 2
    return vector_norm(input, 2 if p is None else p, dim, keepdim, dtype, "norm")
