"""The standard's linear algebra. Matrices are the last two dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert as torch
from wengert import Tensor

from .manipulation import matrix_transpose as matrix_transpose
from .promotion import Axis, by_numpy, place, together, unsigned
from .statistics import sum


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The products of matrices, or with a vector where an operand has one dimension."""
    first, second = together(x1, x2)
    return by_numpy(np.matmul, first, second) if unsigned(first) else torch.matmul(first, second)


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Any, Any] = 2) -> Tensor:
    """The sums of products over ``axes``: so many last and first ones, or two sequences of them."""
    first, second = together(x1, x2)
    if unsigned(first):
        return by_numpy(np.tensordot, first, second, axes=axes)
    return torch.tensordot(first, second, axes if isinstance(axes, int) else tuple(list(each) for each in axes))


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The products of vectors along ``axis``, the first conjugated.

    >>> from wengert import array_api as xp
    >>> xp.vecdot(xp.asarray([1.0, 2.0]), xp.asarray([3.0, 4.0]))
    tensor(11.)
    """
    first, second = together(x1, x2)
    place(axis, min(first.ndim, second.ndim))
    if first.shape[axis] != second.shape[axis]:
        raise ValueError(f"[vecdot] vectors of one length were expected; got {first.shape[axis]} and "
                         f"{second.shape[axis]}")
    if unsigned(first):
        return by_numpy(np.vecdot, first, second, axis=axis)
    both = torch.broadcast_tensors(first.conj().movedim(axis, -1), second.movedim(axis, -1))
    return torch.sum(both[0] * both[1], -1, dtype=first.dtype)


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The triangular L with L Lᴴ = ``x``, or Lᴴ if ``upper``."""
    return torch.linalg.cholesky(x, upper=upper)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The cross products of vectors of three elements along ``axis``."""
    first, second = together(x1, x2)
    place(axis, min(first.ndim, second.ndim))
    if first.shape[axis] != 3 or second.shape[axis] != 3:
        raise ValueError(f"[cross] three elements along axis {axis} were expected; got shapes {tuple(first.shape)} and "
                         f"{tuple(second.shape)}")
    left = [each.squeeze(axis) for each in first.split(1, axis)]
    right = [each.squeeze(axis) for each in second.split(1, axis)]
    turns = [left[i] * right[j] - left[j] * right[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return torch.stack(turns, axis)


def det(x: Tensor, /) -> Tensor:
    """The determinants."""
    return torch.linalg.det(x)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals ``offset`` above the main ones."""
    rows, columns = x.shape[-2:]
    if not -rows <= offset <= columns:
        return x.new_empty((*x.shape[:-2], 0))
    return torch.diagonal(x, offset, -2, -1)


def eig(x: Tensor, /) -> Any:
    """(eigenvalues, eigenvectors) of square matrices, complex ones, in no order."""
    return torch.linalg.eig(x)


def eigvals(x: Tensor, /) -> Tensor:
    """The eigenvalues of square matrices, complex ones, in no order."""
    return torch.linalg.eigvals(x)


def eigh(x: Tensor, /) -> Any:
    """(eigenvalues, eigenvectors) of symmetric or Hermitian matrices, the values ascending."""
    return torch.linalg.eigh(x)


def eigvalsh(x: Tensor, /) -> Tensor:
    """The eigenvalues of symmetric or Hermitian matrices, ascending."""
    return torch.linalg.eigvalsh(x)


def inv(x: Tensor, /) -> Tensor:
    """The inverses."""
    return torch.linalg.inv(x)


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norms of matrices: ``"fro"``, ``"nuc"``, 1, 2, inf or their negatives."""
    return torch.linalg.matrix_norm(x, ord, (-2, -1), keepdims)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """The ``n``-th powers of square matrices."""
    return torch.linalg.matrix_power(x, n)


def matrix_rank(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """How many singular values are above ``rtol`` times the largest."""
    if x.ndim < 2:
        raise ValueError(f"[matrix_rank] two dimensions or more were expected; got shape {tuple(x.shape)}")
    return torch.linalg.matrix_rank(x, rtol=rtol)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The products of all pairs of elements of two vectors."""
    first, second = together(x1, x2)
    return by_numpy(np.linalg.outer, first, second) if unsigned(first) else torch.outer(first, second)


def pinv(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """The pseudoinverses; singular values below ``rtol`` times the largest count as zero."""
    return torch.linalg.pinv(x, rtol=rtol)


def qr(x: Tensor, /, *, mode: str = "reduced") -> Any:
    """(Q, R) with Q R = ``x``; ``mode`` is ``"reduced"`` or ``"complete"``."""
    return torch.linalg.qr(x, mode)


def slogdet(x: Tensor, /) -> Any:
    """(sign, logabsdet): the signs of the determinants and the logarithms of their sizes."""
    return torch.linalg.slogdet(x)


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """X with ``x1`` X = ``x2``, which is a vector if it has one dimension, and matrices else."""
    first, second = together(x1, x2)
    columns = second.unsqueeze(-1) if second.ndim == 1 else second
    batch = torch.broadcast_shapes(first.shape[:-2], columns.shape[:-2])  # PyTorch may take matrices for vectors
    out = torch.linalg.solve(first.expand(*batch, *first.shape[-2:]), columns.expand(*batch, *columns.shape[-2:]))
    return out.squeeze(-1) if second.ndim == 1 else out


def svd(x: Tensor, /, *, full_matrices: bool = True) -> Any:
    """(U, S, Vh) with U diag(S) Vh = ``x``."""
    return torch.linalg.svd(x, full_matrices=full_matrices)


def svdvals(x: Tensor, /) -> Tensor:
    """The singular values, descending."""
    return torch.linalg.svdvals(x)


def trace(x: Tensor, /, *, offset: int = 0, dtype: torch.dtype | None = None) -> Tensor:
    """The sums of diagonals, in the dtype that `sum` has."""
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def vector_norm(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """The norms of order ``ord`` along ``axis``, by default of all elements."""
    return torch.linalg.vector_norm(x, ord, axis, keepdims)


__all__ = [
    "cholesky", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv", "matmul", "matrix_norm",
    "matrix_power", "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals",
    "tensordot", "trace", "vecdot", "vector_norm",
]
