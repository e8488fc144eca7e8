"""Singular values of large matrices of low rank, by products with random vectors.

The algorithms are those of Halko, Martinsson & Tropp, *Finding structure with randomness*, 2009: a few random
combinations of a matrix's columns span nearly what all its columns span, and there the problem is a small one.
"""

from __future__ import annotations

from ..core.primitive import P
from ..tensors.alias import type_name
from ..tensors.tensor import Tensor
from . import linalg
from .factorizations import mirrored
from .registry import FUNCTIONS, function


def _less(A: Tensor, M: Tensor | None, x: Tensor) -> Tensor:
    """(A − M) x."""
    found = P.matmul(A, x)
    return found if M is None else found - P.matmul(M, x)


def _basis(A: Tensor, M: Tensor | None, q: int, niter: int) -> Tensor:
    """Orthonormal columns that nearly span the columns of A − M (their algorithm 4.4)."""
    dtype = A.dtype if A.is_floating_point() or A.is_complex() else None
    span = linalg.qr(_less(A, M, FUNCTIONS["randn"](A.shape[-1], q, dtype=dtype)))[0]
    for _ in range(niter):
        rows = linalg.qr(_less(mirrored(A), None if M is None else mirrored(M), span))[0]
        span = linalg.qr(_less(A, M, rows))[0]
    return span


@function(out=False, method=False)
def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
                ) -> tuple[Tensor, Tensor, Tensor]:
    """U ``(..., m, q)``, S ``(..., q)`` and V ``(..., n, q)`` of the nearest ``U diag(S) Vᴴ`` to A ``(..., m, n)``, or
    to A − M: an approximation that is good where the rank is not above ``q`` (their algorithm 5.1).

    ``niter`` passes over A and its transpose sharpen it. It draws random numbers. Raises RuntimeError where ``q`` is
    larger than a side of A.

    >>> _ = torch.manual_seed(0)
    >>> A = torch.outer(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 1.0]))
    >>> U, S, V = torch.svd_lowrank(A, q=1)
    >>> torch.allclose(U * S @ V.T, A, atol=1e-5)
    True
    """
    M = None if M is None else P.expand(M, shape=A._data.shape)
    wide = A.shape[-2] < A.shape[-1]
    if wide:
        A, M = mirrored(A), None if M is None else mirrored(M)
    span = _basis(A, M, 6 if q is None else q, 2 if niter is None else niter)
    u, s, vh = linalg.svd(mirrored(_less(mirrored(A), None if M is None else mirrored(M), span)), full_matrices=False)
    left, right = P.matmul(span, u), mirrored(vh)
    return (right, s, left) if wide else (left, s, right)


@function(out=False, method=False)
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """The principal components of the rows of A ``(..., m, n)``: `svd_lowrank` of A less its mean row, if ``center``.

    The columns of V are the directions, S² / (m − 1) the variances along them. ``q`` is 6 or the smaller side of A, if
    not given. Raises ValueError for a ``q`` that is larger, or a negative ``niter``.

    >>> import wengert as torch
    >>> U, S, V = torch.pca_lowrank(torch.tensor([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]]), q=1)
    >>> round(S.item(), 4)
    3.1623
    """
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"[pca_lowrank] q(={q}) must be non-negative integer and not greater than min(m, n)="
                         f"{min(m, n)}")
    if niter < 0:
        raise ValueError(f"[pca_lowrank] niter(={niter}) must be non-negative integer")
    if center:
        if A._data.dtype.kind in "biu":
            raise RuntimeError(f"[pca_lowrank] mean(): could not infer output dtype. Input dtype must be either a "
                               f"floating point or complex dtype. Got: {type_name(A._data.dtype)}")
        A = A - P.mean(A, dim=(A._data.ndim - 2,), keepdim=True)
    return svd_lowrank(A, q, niter)
