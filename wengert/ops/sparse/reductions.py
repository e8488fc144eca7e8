"""Sums along dimensions, norms, and softmax over what is kept."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.dtypes import int64
from ...core.errors import LayoutError, in_words
from ...core.sparse import Coordinates, grouping
from ...core.spec import wrap_dim
from ...tensors.sparse import SparseTensor, check_untraced
from ...tensors.tensor import Tensor
from ..arguments import dtype_of
from .arithmetic import cast
from .making import to_sparse
from .operation import Operation, function, named, plain, settled, values_of, with_values


class Sum(Operation):
    """The sum of all elements; the cotangent is dense."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor) -> Tensor:
        ctx.shape = x._data.shape
        return plain(x._data.values).sum()

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> Tensor:
        return ct.expand(ctx.shape).clone()


def _dims(op: str, x: SparseTensor, dim: Any) -> tuple[int, ...]:
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    found = tuple([wrap_dim(operator.index(d), x.ndim, op) for d in dims])
    if len(set(found)) != len(found):
        raise RuntimeError(f"[{op}] each dimension once was expected; got {list(dims)}: a dim appears multiple "
                           "times in the list of dims")
    return found


def _total_dtype(x: SparseTensor, dtype: Any) -> SparseTensor:
    wanted = dtype_of(dtype)
    out: SparseTensor = x if wanted is None else cast(x, wanted)
    return out


@function("sum")
def sum(input: SparseTensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum of all elements, a dense tensor; or along dimensions, of which a sparse tensor is left where sparse
    dimensions are."""
    check_untraced("sum")
    x = _total_dtype(input, dtype)
    if dtype is None and input._data.dtype.kind in "iub":
        x = cast(x, int64)
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return named(Sum.apply(x), "Sum")
    if not x.is_sparse:
        if not keepdim:
            raise LayoutError("[sum] keepdim=True was expected for a compressed layout: reduction operations on CSR "
                              "tensors with keepdim=False is unsupported; convert it with to_sparse()")
        found = sum(to_sparse(x), dim, True)
        return named(to_sparse(found, layout=x.layout), "Sum")
    out = sparse_sum(x, dim)
    if not keepdim:
        return out
    for d in sorted(_dims("sum", x, dim)):
        out = out.unsqueeze(d)
    return out


@in_words
def sparse_sum(input: SparseTensor, dim: Any = None, dtype: Any = None) -> Any:
    """The sum of the values that are kept, or along dimensions: sparse where sparse dimensions are left, else dense.

    Gradients come where the tensor keeps values. Raises RuntimeError.

    >>> import wengert as torch
    >>> x = torch.tensor([[0.0, 1.0], [2.0, 3.0]]).to_sparse()
    >>> torch.sparse.sum(x), torch.sparse.sum(x, 0).to_dense()
    (tensor(6.), tensor([2., 4.]))
    """
    op = "sparse.sum"
    check_untraced(op)
    if not isinstance(input, SparseTensor):
        raise LayoutError(f"[{op}] a sparse tensor was expected; got a strided one; use torch.sum")
    x = _total_dtype(input, dtype)
    if dim is None:
        return values_of(settled(x)).sum()
    dims = _dims(op, x, dim)
    if not dims:
        return x
    if x._data.dtype == bool and all([d in dims for d in range(x.sparse_dim())]):
        x = cast(x, int64)  # what stands at one place several times counts each time
    x = settled(x)
    values, data = values_of(x), x._coordinates(op)
    lead = data.sparse_dim
    behind = tuple([d - lead + 1 for d in dims if d >= lead])
    before = [d for d in dims if d < lead]
    if behind:
        values = values.sum(behind)
    shape = tuple([n for d, n in enumerate(data.shape) if d not in dims])
    left = [d for d in range(lead) if d not in before]
    if not left:
        return named(values.sum(0), "SparseSum")
    indices = data.indices[left]
    places = Coordinates(indices, np.zeros(values._data.shape, bool), shape, not before)
    if before:
        order, starts, groups = grouping(places.keys())
        values = values.new_zeros((len(starts), *values.shape[1:])).index_add(0, plain(groups), values)
        places = Coordinates(indices[:, order[starts]], np.zeros(values._data.shape, bool), shape, True)
    return named(with_values(places, values), "SparseSum")


@in_words
def softmax(input: SparseTensor, dim: int, *, dtype: Any = None) -> Any:
    """exp(x) over the sum of exp(x) along a dimension, of the values that are kept: what is not counts as −∞.

    >>> import wengert as torch
    >>> torch.sparse.softmax(torch.sparse_coo_tensor([[0, 0], [0, 2]], [1.0, 1.0], (1, 3)), 1).to_dense()
    tensor([[0.5000, 0.0000, 0.5000]])
    """
    return _softmax("softmax", input, dim, dtype)


@in_words
def log_softmax(input: SparseTensor, dim: int, *, dtype: Any = None) -> Any:
    """The logarithm of `softmax`, where values are kept.

    >>> x = torch.tensor([[0.0, 1.0], [2.0, 2.0]]).to_sparse()
    >>> torch.sparse.log_softmax(x, dim=1).values()
    tensor([ 0.0000, -0.6931, -0.6931])
    """
    return _softmax("log_softmax", input, dim, dtype)


def _softmax(op: str, input: SparseTensor, dim: int, dtype: Any) -> Any:
    check_untraced(op)
    if not isinstance(input, SparseTensor):
        raise LayoutError(f"[sparse.{op}] a sparse tensor was expected; got a strided one; use torch.{op}")
    x = settled(_total_dtype(input, dtype))
    data: Coordinates = x._coordinates(f"sparse.{op}")
    if not x.is_floating_point():
        raise LayoutError(f"[sparse.{op}] floating values were expected; got {x.dtype}; give dtype=torch.float32")
    dim = wrap_dim(dim, x.ndim, op)
    values = values_of(x)
    label = "SparseLogSoftmax" if op == "log_softmax" else "SparseSoftmax"
    if dim >= data.sparse_dim:
        within = dim - data.sparse_dim + 1
        found = values.softmax(within) if op == "softmax" else values.log_softmax(within)
        return named(with_values(data, found), label)
    others = [d for d in range(data.sparse_dim) if d != dim]
    lines = Coordinates(data.indices[others], data.values, tuple([data.shape[d] for d in others]))
    _, starts, groups = grouping(lines.keys())
    at = plain(groups)
    highest = values.detach().new_full((len(starts), *values.shape[1:]), -np.inf)
    highest = highest.index_reduce(0, at, values.detach(), "amax")
    highest = highest.masked_fill(highest.isinf(), 0.0)
    shifted = values - highest[at]
    powers = shifted.exp()
    totals = powers.new_zeros(highest.shape).index_add(0, at, powers)
    found = powers / totals[at] if op == "softmax" else shifted - totals.log()[at]
    return named(with_values(data, found), label)


@function("vector_norm", method=False)
def vector_norm(input: SparseTensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
                ) -> Tensor:
    """The norm of all elements as one vector."""
    return norm(input, ord, dim, keepdim, dtype)


@function("norm")
def norm(input: SparseTensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """The norm of all elements as one vector."""
    check_untraced("norm")
    every = dim is None or (not isinstance(dim, int) and sorted(_dims("norm", input, dim)) == list(range(input.ndim)))
    if not every:
        raise LayoutError("[norm] all dimensions were expected: norm_sparse currently only supports full reductions; "
                          "use to_dense()")
    x = settled(_total_dtype(input, dtype))
    order = 2 if p in ("fro", None) else p
    out = values_of(x).reshape(-1).norm(order)
    if isinstance(order, (int, float)) and order <= 0 and x._data.values.size < x._data.size:
        raise LayoutError(f"[norm] an order above 0 was expected, as what is not kept counts too; got {order}; use "
                          "to_dense()")
    return out.reshape((1,) * input.ndim) if keepdim else out


@function("native_norm", method=False)
def native_norm(input: SparseTensor, p: Any = 2) -> Tensor:
    """The norm of all elements as one vector."""
    return norm(input, p)


@function("any")
def any(input: SparseTensor) -> Tensor:
    """Whether an element is not zero."""
    out: Tensor = plain(settled(input)._data.values).any()
    return out

