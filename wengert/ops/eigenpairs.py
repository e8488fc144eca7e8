"""A few eigenpairs of a large symmetric matrix, by products with it alone.

The algorithm is A. Knyazev's LOBPCG (*Toward the optimal preconditioned eigensolver*, 2001): the best approximations in
the space that the present ones span with their residuals and their last steps. A basis of that space is made as A.
Stathopoulos and K. Wu make it (2002): what depends on the rest is dropped, so that it never becomes singular.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import complex64, complex128, float32, float64
from ..core.errors import DTypeError, ShapeError
from ..core.operands import Array
from ..core.state import state
from ..tensors.evaluation import Unseen
from ..tensors.tensor import TENSORS, Tensor, make
from .registry import FUNCTIONS, function

Product = Callable[[Array], Array]
_MOST_STEPS = 1000


@function(out=False, method=False, takes_tensor=False)
def lobpcg(A: Any, k: int | None = None, B: Any = None, X: Tensor | None = None, n: int | None = None, iK: Any = None,
           niter: int | None = None, tol: float | None = None, largest: bool | None = None, method: str | None = None,
           tracker: None = None, ortho_iparams: Any = None, ortho_fparams: Any = None, ortho_bparams: Any = None
           ) -> tuple[Tensor, Tensor]:
    """The ``k`` largest (or smallest) eigenvalues ``(..., k)`` and eigenvectors ``(..., m, k)`` of a symmetric (or
    Hermitian) A of shape ``(..., m, m)``, dense or sparse: A x = λ x, or A x = λ B x with a positive definite B.

    It begins with X ``(..., m, n)`` or with random numbers, and ends when the residuals are below ``tol`` (the root of
    the dtype's eps) or after ``niter`` steps (1,000; -1 for any number). ``iK`` is a preconditioner, near the inverse
    of A. Both methods are the one that keeps a basis. Gradients flow to a dense A, once, where there is no B.
    Raises ValueError for fewer than three rows a vector.

    >>> import wengert as torch
    >>> E, X = torch.lobpcg(torch.diag(torch.arange(1.0, 10.0)), 2)
    >>> [round(value, 3) for value in E.tolist()]
    [9.0, 8.0]
    """
    if method not in (None, "basic", "ortho"):
        raise ValueError(f"[lobpcg] a method 'basic' or 'ortho' was expected; got {method!r}; leave it out")
    if tracker is not None:
        raise NotImplementedError("[lobpcg] no tracker was expected: nothing is told of the steps; leave it out")
    given = any(x is not None and (x.requires_grad and state.grad or isinstance(x._data, Unseen)) for x in (A, B))
    if given and (B is not None or type(A) not in TENSORS):
        raise ValueError("[lobpcg] for gradients a dense A, and no B, was expected; got "
                         f"{'a B' if B is not None else 'a sparse A'}; detach the tensors, or use linalg.eigh")
    m = A.shape[-1]
    count = (1 if X is None else X.shape[-1]) if k is None else k
    width = X.shape[-1] if X is not None else count if n is None else n
    if A.ndim < 2 or A.shape[-2] != m:
        raise ShapeError(f"[lobpcg] square matrices were expected; got shape {tuple(A.shape)}")
    if m < 3 * width:
        raise ValueError(f"LPBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than 3 x the "
                         f"number of requested eigenpairs (={width})")
    if A.dtype not in (float32, float64, complex64, complex128):
        raise DTypeError(f"[lobpcg] A of float32, float64, complex64 or complex128 was expected; got {A.dtype}: "
                         "expected m1 and m2 to have the same dtype; convert it with .double()")
    dtype = A.dtype
    start = X if X is not None else FUNCTIONS["randn"](*A.shape[:-2], m, width, dtype=dtype)
    upward = largest is None or largest
    steps = _MOST_STEPS if niter is None else niter
    limit = float(np.finfo(dtype.numpy).eps) ** 0.5 if tol is None else tol
    values, vectors = [], []
    for place in np.ndindex(*A.shape[:-2]):
        parts = [None if x is None else _product(x if x.ndim == 2 else x[place]) for x in (A, B, iK)]
        one = start.detach()[place].numpy().astype(dtype.numpy) if place else start.detach().numpy().astype(dtype.numpy)
        e, x = _eigenpairs(parts, one, upward, steps, limit)
        values.append(e[:count])
        vectors.append(x[:, :count])
    shape = tuple(A.shape[:-2])
    E = np.stack(values).reshape(*shape, count)
    V = np.stack(vectors).reshape(*shape, m, count)
    return _moving(A, make(E, None), make(V, None)) if given else (make(E, None), make(V, None))


def _product(matrix: Any) -> Product:
    fixed = matrix.detach()
    return lambda x: (fixed @ make(np.ascontiguousarray(x), None)).numpy()


def _eigenpairs(products: list[Any], x: Array, upward: bool, steps: int, limit: float) -> tuple[Array, Array]:
    """The eigenpairs in order, from the approximations ``x``."""
    by_a, by_b, near = products
    x = _basis(x, by_b)
    if x.shape[1] < 1:
        raise ValueError("[lobpcg] X with columns that do not depend on each other was expected; got none")
    width, last = x.shape[1], x[:, :0]
    scale = np.linalg.norm(by_a(x)) / np.linalg.norm(x)
    values, turn = _ritz(x, by_a, upward)
    x = x @ turn
    step = 0
    while step != steps:
        ax, bx = by_a(x), x if by_b is None else by_b(x)
        residual = ax - bx * values
        size = np.linalg.norm(x, axis=0) * (scale + np.abs(values) * np.linalg.norm(bx) / np.linalg.norm(x))
        if (np.linalg.norm(residual, axis=0) <= limit * size).all():
            break
        space = _basis(np.concatenate((x, residual if near is None else near(residual), last), 1), by_b, width)
        values, turn = _ritz(space, by_a, upward)
        values, new = values[:width], space @ turn[:, :width]
        last, x, step = new - x @ (x.conj().T @ (new if by_b is None else by_b(new))), new, step + 1
    return values, x


def _basis(vectors: Array, by_b: Product | None, kept: int = 0) -> Array:
    """An orthonormal basis (by B) of what the vectors span; the first ``kept``, which are orthonormal, stay in it."""
    first, rest = vectors[:, :kept], vectors[:, kept:]
    eps = float(np.finfo(vectors.dtype).eps)
    for _ in range(3):
        if kept:
            rest = rest - first @ (first.conj().T @ (rest if by_b is None else by_b(rest)))
        sizes = np.linalg.norm(rest, axis=0)
        rest = rest[:, sizes > 0] / sizes[sizes > 0]
        square, turn = np.linalg.eigh(rest.conj().T @ (rest if by_b is None else by_b(rest)))
        enough = square > 10 * eps * max(float(square.max(initial=0.0)), eps)
        rest = (rest @ turn[:, enough]) / np.sqrt(square[enough])
    return np.concatenate((first, rest), 1)


def _ritz(space: Array, by_a: Product, upward: bool) -> tuple[Array, Array]:
    """Eigenvalues of A in the space of an orthonormal basis, those that are asked for first, and their vectors."""
    inside = space.conj().T @ by_a(space)
    values, turn = np.linalg.eigh((inside + inside.conj().T) / 2)
    return (values[::-1], turn[:, ::-1]) if upward else (values, turn)


def _moving(A: Tensor, E: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
    """The pairs with how they move with A: dλ = xᵀ dA x, and dx = −(A − λ)⁺ dA x, where ⁺ leaves x itself out."""
    whole = (A + A.mT) / 2
    moved = whole @ X
    values = (X.conj() * moved).sum(-2).real if X.is_complex() else (X * moved).sum(-2)
    exact, basis = np.linalg.eigh(whole.detach().numpy())
    gaps = exact[..., :, None] - E.numpy()[..., None, :]
    near = np.argmin(np.abs(gaps), -2, keepdims=True)
    inverse = 1 / np.where(gaps == 0, np.inf, gaps)
    np.put_along_axis(inverse, near, 0.0, -2)
    Q = make(basis, None)
    return values, X - Q @ (make(inverse.astype(basis.dtype), None) * (Q.mH @ (moved - X * values.unsqueeze(-2))))
