"""Products of matrices, and linear algebra."""

from __future__ import annotations

from typing import Any

from ..writer import Symbol, Writer
from .table import absent, rule


@rule("matmul")
def _matmul(w: Writer, outs: Any, x: Symbol, y: Symbol, label: str = "") -> Any:
    return w.op("MatMul", x, y)


@rule("linear")
def _linear(w: Writer, outs: Any, x: Symbol, weight: Symbol, bias: Symbol | None = None, label: str = "") -> Any:
    assert x.shape is not None, x
    if len(x.shape) == 2 and x.dtype.kind == "f":
        return w.op("Gemm", x, weight, bias, transB=1)
    found = w.op("MatMul", x, w.permute(weight, (1, 0)))
    return found if bias is None else found + bias


@rule("addmm")
def _addmm(w: Writer, outs: Any, base: Symbol, x: Symbol, y: Symbol, beta: Any = 1, alpha: Any = 1, label: str = ""
           ) -> Any:
    assert x.shape is not None and y.shape is not None and base.shape is not None, x
    if len(x.shape) == len(y.shape) == 2 and len(base.shape) <= 2 and x.dtype.kind == "f":
        return w.op("Gemm", x, y, base, alpha=float(alpha), beta=float(beta))
    product = w.op("MatMul", x, y)
    return (base if beta == 1 else base * beta) + (product if alpha == 1 else product * alpha)


@rule("resample")
def _resample(w: Writer, outs: Any, x: Symbol, matrix: Symbol, dim: int) -> Any:
    assert x.shape is not None, x
    rank = len(x.shape)
    order = [*[d for d in range(rank) if d != dim], dim]
    back = [*range(dim), rank - 1, *range(dim, rank - 1)]
    product = w.op("MatMul", w.permute(x, order) if dim != rank - 1 else x, matrix)
    return product if dim == rank - 1 else w.permute(product, back)


@rule("det")
def _det(w: Writer, outs: Any, x: Symbol) -> Any:
    return w.op("Det", x)


absent("ONNX has no factorizations and solves no equations",
       "adjugate cholesky cholesky_solve eig eigh geqrf inv ldl_factor ldl_solve lu_factor matrix_exp matrix_rank "
       "permutation pinv qr slogdet solve solve_triangular svd")
