"""Products of sparse matrices with dense ones, and with each other.

``mm``, ``matmul`` and ``mv`` give the sparse factor a dense gradient, as PyTorch's do; those of `torch.sparse` give it
one where it keeps values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import DTypeError, LayoutError, ShapeError, in_words
from ...core.layout import sparse_csr
from ...core.sparse import Compressed, Coordinates, compressed, matrix_product, sparse_product
from ...tensors.alias import type_name
from ...tensors.sparse import SparseTensor, check_untraced
from ...tensors.tensor import Tensor
from .arithmetic import _came, _sum, mul
from .making import to_sparse
from .operation import (
    Operation,
    coalesce,
    function,
    is_sparse,
    masked_like,
    method,
    named,
    plain,
    settled,
    to_dense,
    values_of,
    with_values,
)
from .shapes import adjoint, t

Factor = Any
"""A dense or a sparse matrix."""


class Mm(Operation):
    """A sparse matrix times a dense one."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return plain(matrix_product(x._data, y._data))

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        x, y = ctx.saved_tensors
        first, second = ctx.needs_input_grad
        return (dense_mm(ct, y) if first else None), (product(adjoint(x), ct) if second else None)


class SparseAddmm(Mm):
    """`Mm`, but the gradient of the sparse matrix is sparse."""

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        x, y = ctx.saved_tensors
        first, second = ctx.needs_input_grad
        return (sampled(ct, y.mH, x) if first else None), (product(adjoint(x), ct) if second else None)


class DenseMm(Operation, label="MmBackward0"):
    """A dense matrix times a sparse one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: SparseTensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return plain(np.ascontiguousarray(matrix_product(_transposed(y._data), x._data.T).T))

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        x, y = ctx.saved_tensors
        first, second = ctx.needs_input_grad
        return (product(ct, adjoint(y)) if first else None), (x.mH @ ct if second else None)


class SparseSparseMatmul(Operation):
    """The product of two sparse matrices."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor, y: SparseTensor, masked: bool) -> Tensor:
        ctx.save_for_backward(x, y)
        ctx.masked = masked
        out = sparse_product(x._data, y._data)
        return plain(out if x.is_sparse else compressed(out, sparse_csr))

    @staticmethod
    def backward(ctx: Any, ct: Any) -> tuple[Any, ...]:
        x, y = ctx.saved_tensors
        first, second = ctx.needs_input_grad[:2]
        for_x = product(ct, adjoint(y)) if first else None
        for_y = product(adjoint(x), ct) if second else None
        if ctx.masked:
            for_x = for_x if for_x is None else masked_like(for_x, x._data)
            for_y = for_y if for_y is None else masked_like(for_y, y._data)
        return for_x, for_y, None


def _transposed(data: Any) -> Any:
    return data.transposed() if isinstance(data, Compressed) else data.transposed((1, 0))


def dense_mm(ct: Tensor, y: Tensor) -> Tensor:
    """``ct @ y``'s adjoint: the cotangent of a left factor."""
    return ct @ y.mH


def sampled(x: Tensor, y: Tensor, like: SparseTensor) -> Any:
    """The product of two dense matrices where a sparse one keeps values: not more of it is computed."""
    like = settled(like)
    rows, columns = like._data.coordinates().indices
    values = (x[plain(rows)] * y.mT[plain(columns)]).sum(-1)
    return with_values(like._data, values.reshape(like._data.values.shape))


def _check(op: str, x: Factor, y: Factor) -> None:
    """Raises unless two matrices have a product."""
    if x.ndim != 2 or y.ndim != 2:
        raise ShapeError(f"[{op}] matrices were expected; got {_came(x)} and {_came(y)}")
    if any(is_sparse(z) and z.sparse_dim() != 2 for z in (x, y)):
        raise ShapeError(f"[{op}] sparse matrices without dense dimensions were expected; got {_came(x)} and "
                         f"{_came(y)}; convert the one with dense dimensions by to_dense() or to_sparse(2)")
    if x.shape[1] != y.shape[0]:
        raise ShapeError(f"[{op}] mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and "
                         f"{y.shape[0]}x{y.shape[1]}): Expected dim 0 size {x.shape[1]}, got {y.shape[0]}")
    if x._data.dtype != y._data.dtype:
        raise DTypeError(f"[{op}] expected scalar type {type_name(x._data.dtype)} but found "
                         f"{type_name(y._data.dtype)}; convert one of them with .to(...)")
    if x._data.dtype == bool:
        raise DTypeError(f"[{op}] \"addmm_sparse_dense\" not implemented for 'Bool'; convert with .float() first")


def product(x: Factor, y: Factor, masked: bool = False) -> Any:
    """The product of two matrices of which either may be sparse; ``masked``: with a sparse gradient for that."""
    check_untraced("mm")
    _check("mm", x, y)
    if is_sparse(x) and is_sparse(y):
        if x.layout is not y.layout:
            y = to_sparse(y, layout=x.layout)
        return named(SparseSparseMatmul.apply(x, y, False), "SparseSparseMatmul" if masked else "Mm")
    if is_sparse(x):
        return SparseAddmm.apply(x, y) if masked else Mm.apply(x, y)
    if is_sparse(y):
        if masked:
            return t(SparseAddmm.apply(t(y), x.mT))
        return DenseMm.apply(x, y)
    return x @ y


@function("mm", "spmm", "dsmm")
def mm(input: Factor, mat2: Factor) -> Any:
    """The product of two matrices of which one at least is sparse: dense, unless both are sparse.

    >>> S = torch.eye(2).to_sparse()
    >>> torch.dsmm(S, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[1., 2.],
            [3., 4.]])
    """
    return product(input, mat2)


@function("matmul")
def matmul(input: Factor, other: Factor) -> Any:
    """The product of matrices, or of a matrix and a vector, of which one at least is sparse."""
    if input.ndim == 2 and other.ndim == 1:
        return mv(input, other)
    if input.ndim == 1 and other.ndim == 2:
        return mv(t(other), input)
    if input.ndim == 3 and other.ndim == 3 and is_sparse(input):
        return bmm(input, other)
    return product(input, other)


@function("mv")
def mv(input: Factor, vec: Tensor) -> Any:
    """The product of a sparse matrix and a dense vector."""
    if is_sparse(vec) or vec.ndim != 1 or input.ndim != 2:
        raise LayoutError(f"[mv] a matrix and a strided vector were expected; got {_came(input)} and {_came(vec)}")
    return named(product(input, vec.unsqueeze(1)).squeeze(1), "Mv")


@function("bmm")
def bmm(input: SparseTensor, mat2: Tensor) -> Tensor:
    """The products of a batch of sparse matrices (b, n, m) with dense ones (b, m, k)."""
    if not is_sparse(input) or is_sparse(mat2) or input.ndim != 3 or mat2.ndim != 3 or input.sparse_dim() != 3:
        raise LayoutError(f"[bmm] a sparse tensor of three sparse dimensions and a strided one were expected; got "
                          f"{_came(input)} and {_came(mat2)}")
    if input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise ShapeError(f"[bmm] batches of matrices that fit were expected; got {list(input.shape)} and "
                         f"{list(mat2.shape)}")
    # Block after block along a diagonal: one product of a tall matrix.
    b, n, m = tuple(input.shape)
    data = input._data
    rows = np.stack([data.indices[0] * n + data.indices[1], data.indices[0] * m + data.indices[2]])
    wide = Blocks.apply(input, rows, (b * n, b * m))
    out: Tensor = named(product(wide, mat2.reshape(b * m, mat2.shape[2])).reshape(b, n, mat2.shape[2]), "Bmm")
    return out


class Blocks(Operation, label="BmmBackward0"):
    """A batch of sparse matrices as one with a block for each."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor, rows: Any, shape: tuple[int, int]) -> Tensor:
        ctx.before = x._data
        return plain(Coordinates(rows, x._data.values, shape, x._data.coalesced))

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        b, n, m = ctx.before.shape
        whole = ct if not is_sparse(ct) else to_dense(ct)  # type: ignore[arg-type]
        blocks = whole.reshape(b, n, b, m).diagonal(dim1=0, dim2=2).permute(2, 0, 1)
        return blocks, None, None


def _scale(x: Any, factor: Any) -> Any:
    return x if factor == 1 and not isinstance(factor, Tensor) else mul(x, factor) if is_sparse(x) else x * factor


@function("addmm", "saddmm")
def addmm(input: Any, mat1: Factor, mat2: Factor, *, beta: Any = 1, alpha: Any = 1, masked: bool = False) -> Any:
    """``beta * input + alpha * (mat1 @ mat2)``, where one of the matrices at least is sparse.

    >>> S = torch.eye(2).to_sparse()
    >>> torch.saddmm(torch.ones(2, 2), S, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[2., 3.],
            [4., 5.]])
    """
    found = _scale(product(mat1, mat2, masked), alpha)
    if is_sparse(input) != is_sparse(found):
        if is_sparse(input):
            raise LayoutError(f"[addmm] a strided tensor was expected as input beside a dense product; got "
                              f"{_came(input)}; convert it with to_dense()")
        out = named(_sum("addmm", _scale(input, beta), found, 1), "Addmm")
    elif is_sparse(input):
        out = _sum("addmm", _scale(input, beta), found, 1)
    else:
        out = matrix_sum(_scale(input, beta), found)
    return named(out, "SparseAddmm" if masked else "Addmm")


def matrix_sum(x: Tensor, y: Tensor) -> Tensor:
    """The sum of two dense tensors, the first broadcast to the second."""
    if x._data.dtype != y._data.dtype:
        raise DTypeError(f"[addmm] expected scalar type {type_name(y._data.dtype)} but found "
                         f"{type_name(x._data.dtype)}; convert one of them with .to(...)")
    if tuple(np.broadcast_shapes(x._data.shape, y._data.shape)) != y._data.shape:
        raise ShapeError(f"[addmm] The expanded size of the tensor {list(y.shape)} must match the existing size "
                         f"{list(x.shape)}")
    return x + y


@method("addmm_")
def addmm_(self: Any, mat1: Factor, mat2: Factor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """In-place version of `addmm`."""
    return self.replace(addmm(self, mat1, mat2, beta=beta, alpha=alpha), "addmm_")


@function("addmv")
def addmv(input: Tensor, mat: Factor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * (mat @ vec)``."""
    return matrix_sum(_scale(input, beta), _scale(mv(mat, vec), alpha))


@function("linear", method=False)
def linear(input: Factor, weight: Factor, bias: Tensor | None = None) -> Any:
    """``input @ weight.t() + bias``, for `nn.functional.linear`."""
    out = product(input, t(weight))
    return out if bias is None else out + bias


@function("smm")
def smm(input: SparseTensor, mat: Tensor) -> Any:
    """The product of a sparse matrix and a dense one, as a sparse one.

    >>> S = torch.eye(2).to_sparse()
    >>> torch.smm(S, torch.tensor([[1.0, 2.0], [3.0, 4.0]])).to_dense()
    tensor([[1., 2.],
            [3., 4.]])
    """
    _check_sparse("smm", input)
    return _rows(product(coalesce(input), mat), input)


def _check_sparse(op: str, x: Any) -> None:
    """Raises unless a matrix is sparse, by coordinates."""
    if not is_sparse(x) or not x.is_sparse:
        raise LayoutError(f"[{op}] a torch.sparse_coo matrix was expected first; got {_came(x)}; convert it with "
                          "to_sparse()")


def _rows(dense: Tensor, input: SparseTensor) -> Any:
    """A product as a sparse matrix with the rows in which the sparse factor has something."""
    rows = np.unique(input._data.indices[0])
    columns = np.arange(dense.shape[1])
    indices = np.stack([np.repeat(rows, len(columns)), np.tile(columns, len(rows))])
    places = Coordinates(indices, np.zeros(indices.shape[1], bool), tuple(dense.shape), True)
    return masked_like(dense, places)


@function("hspmm", "hsmm")
def hspmm(mat1: SparseTensor, mat2: Tensor) -> Any:
    """The product of a sparse matrix and a dense one, as one with sparse rows.

    >>> S = torch.eye(2).to_sparse()
    >>> torch.hspmm(S, torch.tensor([[1.0, 2.0], [3.0, 4.0]])).to_dense()
    tensor([[1., 2.],
            [3., 4.]])
    """
    _check_sparse("hspmm", mat1)
    dense = product(coalesce(mat1), mat2)
    rows = np.unique(mat1._data.indices[0])
    places = Coordinates(rows[None], np.zeros((len(rows), dense.shape[1]), bool), tuple(dense.shape), True)
    return masked_like(dense, places)


@function("sspaddmm")
def sspaddmm(input: SparseTensor, mat1: SparseTensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * (mat1 @ mat2)``, all but ``mat2`` sparse.

    >>> S = torch.eye(2).to_sparse()
    >>> torch.sspaddmm(S, S, torch.ones(2, 2)).to_dense()
    tensor([[2., 1.],
            [1., 2.]])
    """
    if not is_sparse(mat1) or not is_sparse(input):
        raise LayoutError(f"[sspaddmm] sparse tensors were expected as input and mat1; got {_came(input)} and "
                          f"{_came(mat1)}")
    return _sum("sspaddmm", _scale(input, beta), _scale(smm(mat1, mat2), alpha), 1)


# --- torch.sparse -----------------------------------------------------------------------------------------------------


@in_words
def sparse_mm(mat1: Factor, mat2: Factor, reduce: str | None = None) -> Any:
    """The product of two matrices, either or both of them sparse; a sparse factor's gradient is sparse.

    ``reduce``, for a `sparse_csr` first factor, is ``"sum"``, ``"mean"``, ``"amax"`` or ``"amin"`` of the terms of each
    element. Raises RuntimeError.

    >>> import wengert as torch
    >>> torch.sparse.mm(torch.eye(2).to_sparse() * 3, torch.ones(2, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """
    if not is_sparse(mat1) and not is_sparse(mat2):
        raise LayoutError("[sparse.mm] a sparse matrix at least was expected; got two strided ones; use torch.mm")
    if reduce is None or (reduce == "sum" and is_sparse(mat1)):
        return product(mat1, mat2, masked=True)
    if not is_sparse(mat1) or mat1.layout is not sparse_csr or is_sparse(mat2):
        raise LayoutError(f"[sparse.mm] a torch.sparse_csr matrix and a strided one were expected with reduce; got "
                          f"{_came(mat1)} and {_came(mat2)}; convert with to_sparse_csr()")
    if reduce not in ("mean", "amax", "amin"):
        raise RuntimeError(f"[sparse.mm] reduce argument must be either sum, mean, amax or amin, got {reduce}")
    _check("sparse.mm", mat1, mat2)
    rows, columns = mat1._data.coordinates().indices
    terms = values_of(mat1).unsqueeze(1) * mat2[plain(columns)]
    target = terms.new_zeros((mat1.shape[0], mat2.shape[1]))
    out = target.index_reduce(0, plain(rows), terms, reduce, include_self=False)
    return out


@in_words
def sparse_addmm(mat: Tensor, mat1: SparseTensor, mat2: Factor, *, beta: Any = 1.0, alpha: Any = 1.0) -> Any:
    """``beta * mat + alpha * (mat1 @ mat2)`` for a sparse ``mat1``, whose gradient is sparse.

    >>> import wengert as torch
    >>> torch.sparse.addmm(torch.ones(2, 2), torch.eye(2).to_sparse(), torch.ones(2, 2), beta=10)
    tensor([[11., 11.],
            [11., 11.]])
    """
    return addmm(mat, mat1, mat2, beta=beta, alpha=alpha, masked=True)


@in_words
def sampled_addmm(input: SparseTensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1.0, alpha: Any = 1.0) -> Any:
    """``beta * input + alpha * (mat1 @ mat2)`` where ``input``, in layout `sparse_csr`, keeps values.

    >>> pattern = torch.eye(2).to_sparse_csr()
    >>> torch.sparse.sampled_addmm(pattern, torch.ones(2, 3), torch.ones(3, 2)).values()
    tensor([4., 4.])
    """
    if not is_sparse(input) or input.layout is not sparse_csr:
        raise LayoutError(f"[sampled_addmm] a torch.sparse_csr matrix was expected as input; got {_came(input)}; "
                          "convert it with to_sparse_csr()")
    if mat1.shape[0] != input.shape[0] or mat2.shape[1] != input.shape[1] or mat1.shape[1] != mat2.shape[0]:
        raise ShapeError(f"[sampled_addmm] matrices that fit {list(input.shape)} were expected; got "
                         f"{list(mat1.shape)} and {list(mat2.shape)}")
    rows, columns = input._data.coordinates().indices
    values = (mat1[plain(rows)] * mat2.mT[plain(columns)]).sum(-1)
    total = values_of(input) * beta + values * alpha
    return named(with_values(input._data, total), "SparseSampledAddmm")

