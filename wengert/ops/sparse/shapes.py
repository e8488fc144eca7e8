"""Other shapes: dimensions in another order, parts of a tensor, tensors beside each other."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.errors import LayoutError, ShapeError
from ...core.layout import sparse_coo
from ...core.sparse import Compressed, Coordinates
from ...core.spec import wrap_dim
from ...core.tiles import Tiled
from ...tensors.apply import result_type
from ...tensors.sparse import SparseTensor, check_untraced
from ...tensors.tensor import Tensor
from .arithmetic import cast, conj
from .making import ToSparse
from .operation import (
    Operation,
    coalesce,
    function,
    is_sparse,
    method,
    named,
    plain,
    settled,
    to_dense,
    values_at,
    values_of,
    with_values,
)


class Permute(Operation):
    """The dimensions in another order."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor, dims: tuple[int, ...]) -> Tensor:
        ctx.dims = dims
        data = x._data
        return plain(data.transposed() if isinstance(data, Compressed) else data.transposed(dims))

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        return ct.permute(tuple(np.argsort(ctx.dims).tolist())), None


def _permuted(op: str, x: SparseTensor, dims: Sequence[int]) -> Any:
    check_untraced(op)
    order = [wrap_dim(operator.index(d), x.ndim, op) for d in dims]
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(f"[{op}] each of the {x.ndim} dimensions once was expected; got {list(dims)}")
    if isinstance(x._data, Tiled):
        first = len(x._data.batch)
        turned = [*range(first), first + 1, first, *range(first + 2, x.ndim)]
        if order not in (turned, list(range(x.ndim))):
            raise LayoutError(f"[{op}] rows and columns exchanged were expected of a tensor of layout {x.layout}; got "
                              f"{list(dims)}; use to_dense()")
    if order == list(range(x.ndim)):
        return Permute.apply(x, tuple(order)) if not isinstance(x._data, Compressed) else x
    if sorted(order[:x.sparse_dim()]) != list(range(x.sparse_dim())) and not isinstance(x._data, Tiled):
        raise LayoutError(f"[{op}] transpositions among sparse dimensions, and among dense ones, were expected; got "
                          f"{list(dims)} for {x.sparse_dim()} sparse and {x.dense_dim()} dense dimensions; use "
                          "to_dense()")
    return Permute.apply(x, tuple(order))


@function("permute")
def permute(input: SparseTensor, *dims: Any) -> Any:
    """The dimensions in another order, sparse ones before dense ones."""
    return _permuted("permute", input, dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims)


@function("transpose", "swapaxes", "swapdims")
def transpose(input: SparseTensor, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged, both sparse or both dense. Rows and columns of `sparse_csr` become `sparse_csc`."""
    order = list(range(input.ndim))
    i, j = (wrap_dim(operator.index(d), input.ndim, "transpose") for d in (dim0, dim1))
    order[i], order[j] = order[j], order[i]
    return named(_permuted("transpose", input, order), "Transpose")


@function("t")
def t(input: Any) -> Any:
    """Rows and columns of a matrix exchanged."""
    if not is_sparse(input):
        return input.t()
    if input.ndim > 2 or input.dense_dim():
        raise LayoutError(f"[t] t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got "
                          f"{input.sparse_dim()} sparse and {input.dense_dim()} dense dimensions")
    return input if input.ndim < 2 else named(_permuted("t", input, (1, 0)), "T")


def adjoint(x: Any) -> Any:
    """Rows and columns exchanged, and each element conjugated."""
    return conj(t(x)) if is_sparse(x) else x.mH


@method("t_", "transpose_")
def t_(self: SparseTensor, dim0: int = 0, dim1: int = 1) -> SparseTensor:
    """Rows and columns exchanged in place."""
    if self.requires_grad or not self.is_sparse:
        raise LayoutError(f"[t_] a torch.sparse_coo tensor that requires no grad was expected; got {self.layout}; use "
                          "t()")
    self._data.become(transpose(self, dim0, dim1)._data)
    return self


class Index(Operation, label="IndexSelectBackward0"):
    """Entries of a coalesced tensor at other coordinates: those that ``kept`` numbers, at ``indices`` of ``shape``."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor, kept: Any, indices: Any, shape: tuple[int, ...], coalesced: bool) -> Tensor:
        ctx.before = x._data
        ctx.kept = kept
        ctx.out = out = Coordinates(indices, x._data.values[kept], shape, coalesced)
        return plain(out)

    @staticmethod
    def backward(ctx: Any, ct: Any) -> tuple[Any, ...]:
        before = ctx.before
        at = values_at(ct, ctx.out)
        total = at.new_zeros(before.values.shape).index_add(0, plain(ctx.kept), at)
        return with_values(before, total), None, None, None, None


def _indexed(x: SparseTensor, kept: Any, indices: Any, shape: Sequence[int], coalesced: bool, name: str) -> Any:
    return named(Index.apply(x, kept, indices, tuple(shape), coalesced), name)


@function("index_select")
def index_select(input: SparseTensor, dim: int, index: Tensor) -> Any:
    """The slices of a dimension that ``index`` numbers."""
    op = "index_select"
    check_untraced(op)
    x = _by_coordinates(op, input)
    dim = wrap_dim(dim, x.ndim, op)
    numbers = np.atleast_1d(index._concrete(op)).astype(np.int64)
    n = x.shape[dim]
    if len(numbers) and (numbers.min() < -n or numbers.max() >= n):
        raise IndexError(f"[{op}] index out of range: numbers from {-n} to {n - 1} were expected; got numbers from "
                         f"{numbers.min()} to {numbers.max()}")
    numbers = numbers % max(n, 1)
    data = x._data
    shape = (*data.shape[:dim], len(numbers), *data.shape[dim + 1:])
    if dim >= data.sparse_dim:
        values = values_of(x).index_select(dim - data.sparse_dim + 1, plain(numbers))
        return named(with_values(Coordinates(data.indices, data.values, shape, True), values), "IndexSelect")
    entry, place = np.nonzero(data.indices[dim][:, None] == numbers[None]) if len(numbers) else (
        np.zeros(0, np.int64), np.zeros(0, np.int64))
    indices = data.indices[:, entry].copy()
    indices[dim] = place
    order = np.argsort(Coordinates(indices, data.values[entry], shape).keys(), kind="stable")
    return _indexed(x, entry[order], indices[:, order], shape, True, "IndexSelect")


def _by_coordinates(op: str, x: SparseTensor) -> SparseTensor:
    """The tensor by coordinates, coalesced."""
    return coalesce(x if x.is_sparse else ToSparse.apply(x, sparse_coo, x.ndim))


@function("select")
def select(input: SparseTensor, dim: int, index: int) -> Any:
    """One slice of a dimension: dense where there are no sparse dimensions left."""
    op = "select"
    check_untraced(op)
    at = wrap_dim(dim, input.ndim, op)
    if isinstance(input._data, Tiled) and at < len(input._data.batch):
        if not -input.shape[at] <= index < input.shape[at]:
            raise IndexError(f"[{op}] index {index} out of range for tensor of size {list(input.shape)} at dimension "
                             f"{at}")
        places = input._data.chosen(at, int(index))
        return named(with_values(places, values_of(input).select(at, int(index))), "Select")
    x = _by_coordinates(op, input)
    dim = wrap_dim(dim, x.ndim, op)
    n, data = x.shape[dim], x._data
    if not -n <= index < n:
        raise IndexError(f"[{op}] index {index} out of range for tensor of size {list(x.shape)} at dimension {dim}")
    index = int(index) % n
    shape = (*data.shape[:dim], *data.shape[dim + 1:])
    if dim >= data.sparse_dim:
        values = values_of(x).select(dim - data.sparse_dim + 1, index)
        return named(with_values(Coordinates(data.indices, data.values, shape, True), values), "Select")
    kept = np.flatnonzero(data.indices[dim] == index)
    indices = np.delete(data.indices[:, kept], dim, 0)
    if not len(indices):
        return named(to_dense(_indexed(x, kept, indices, shape, True, "Select")), "Select")
    return _indexed(x, kept, indices, shape, True, "Select")


@function("narrow_copy")
def narrow_copy(input: SparseTensor, dim: int, start: int, length: int) -> Any:
    """``length`` places of a dimension from ``start`` on, as a copy."""
    n = input.shape[wrap_dim(dim, input.ndim, "narrow_copy")]
    first = start + n if start < 0 else start
    if length < 0 or not 0 <= first <= n - length:
        raise RuntimeError(f"[narrow_copy] start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return index_select(input, dim, plain(np.arange(first, first + length)))


@method("__getitem__")
def getitem(self: SparseTensor, index: Any) -> Any:
    """``x[i]``, ``x[i, j]``, ``x[None]``, ``x[..., i]``: integers, one a dimension. Raises for slices."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, Tensor) and part.ndim == 1 for part in parts) and len(parts) == 1:
        return index_select(self, 0, parts[0])
    plainly = [part for part in parts if part is not None and part is not Ellipsis]
    if Ellipsis in [part for part in parts if part is Ellipsis]:
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts = (*parts[:at], *[slice(None)] * (self.ndim - len(plainly)), *parts[at + 1:])
    out, dim = self, 0
    for part in parts:
        if part is None:
            out = unsqueeze(out, dim)
            dim += 1
        elif isinstance(part, slice) and part == slice(None):
            dim += 1
        elif isinstance(part, (int, np.integer)) and not isinstance(part, bool):
            out = select(out, dim, int(part)) if is_sparse(out) else out.select(dim, int(part))
        else:
            raise LayoutError(f"[getitem] integers as indices of a sparse tensor were expected; got {part!r}; use "
                              "index_select(), narrow_copy() or to_dense()")
    return out


@method("__iter__")
def iterate(self: SparseTensor) -> Any:
    """The slices of the first dimension."""
    if not self.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return iter([select(self, 0, i) for i in range(self.shape[0])])


@function("unbind")
def unbind(input: SparseTensor, dim: int = 0) -> tuple[Any, ...]:
    """The slices of a dimension."""
    return tuple([select(input, dim, i) for i in range(input.shape[dim])])


class Unsqueeze(Operation):
    """A sparse dimension of size 1 more."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor, dim: int) -> Tensor:
        ctx.dim, data = dim, x._data
        indices = np.insert(data.indices, dim, 0, 0)
        return plain(Coordinates(indices, data.values, (*data.shape[:dim], 1, *data.shape[dim:]), data.coalesced))

    @staticmethod
    def backward(ctx: Any, ct: Any) -> tuple[Any, ...]:
        return (select(ct, ctx.dim, 0) if is_sparse(ct) else ct.select(ctx.dim, 0)), None


@function("unsqueeze")
def unsqueeze(input: SparseTensor, dim: int) -> Any:
    """A dimension of size 1 more: a sparse one among sparse ones, a dense one behind."""
    check_untraced("unsqueeze")
    input._coordinates("unsqueeze")
    dim = wrap_dim(dim, input.ndim + 1, "unsqueeze")
    data = input._data
    if dim <= data.sparse_dim:
        return Unsqueeze.apply(input, dim)
    x = settled(input)
    shape = (*data.shape[:dim], 1, *data.shape[dim:])
    return named(with_values(Coordinates(x._data.indices, x._data.values, shape, True),
                             values_of(x).unsqueeze(dim - data.sparse_dim + 1)), "Unsqueeze")


class Cat(Operation):
    """Sparse tensors behind each other along a sparse dimension."""

    @staticmethod
    def forward(ctx: Any, dim: int, *tensors: SparseTensor) -> Tensor:
        datas = [x._data for x in tensors]
        ctx.dim, ctx.sizes = dim, [data.shape[dim] for data in datas]
        indices, start = [], 0
        for data in datas:
            moved = data.indices.copy()
            moved[dim] += start
            indices.append(moved)
            start += data.shape[dim]
        shape = datas[0].shape
        out = Coordinates(np.concatenate(indices, 1), np.concatenate([data.values for data in datas]),
                          (*shape[:dim], start, *shape[dim + 1:]), False)
        return plain(out)

    @staticmethod
    def backward(ctx: Any, ct: Any) -> tuple[Any, ...]:
        parts, start = [], 0
        for n in ctx.sizes:
            parts.append(narrow_copy(ct, ctx.dim, start, n) if is_sparse(ct) else ct.narrow(ctx.dim, start, n))
            start += n
        return (None, *parts)


@function("cat", "concat", "concatenate", method=False)
def cat(tensors: Any, dim: int = 0) -> Any:
    """Sparse tensors behind each other along a dimension: sparse and dense ones must match in number."""
    check_untraced("cat")
    given = list(tensors)
    if not all(is_sparse(x) and x.is_sparse for x in given):
        raise LayoutError("[cat] torch.sparse_coo tensors were expected; got one of another layout among them; convert "
                          "them with to_sparse()")
    dim = wrap_dim(dim, given[0].ndim, "cat")
    dtype = result_type("cat", [plain(x._data.values) for x in given])
    given = [cast(x, dtype) for x in given]
    first = given[0]
    for x in given:
        if x.ndim != first.ndim or x.sparse_dim() != first.sparse_dim() or any(
                a != b for d, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if d != dim):
            raise ShapeError(f"[cat] Sizes of tensors must match except in dimension {dim}; got {list(first.shape)} "
                             f"and {list(x.shape)} of {first.sparse_dim()} and {x.sparse_dim()} sparse dimensions")
    if dim >= first.sparse_dim():
        return _cat_dense(given, dim)
    return Cat.apply(dim, *given)


def _cat_dense(given: list[Any], dim: int) -> Any:
    """Along a dense dimension: each tensor's values beside zeros for the others."""
    from ..joining import cat as dense_cat
    widths = [x.shape[dim] for x in given]
    rows, indices = [], []
    for i, x in enumerate(map(settled, given)):
        values, at = values_of(x), dim - x.sparse_dim() + 1
        around = [values.new_zeros((*values.shape[:at], width, *values.shape[at + 1:])) for width in widths]
        around[i] = values
        rows.append(dense_cat(around, at))
        indices.append(x._data.indices)
    shape = (*given[0].shape[:dim], sum(widths), *given[0].shape[dim + 1:])
    values = dense_cat(rows, 0)
    index = np.concatenate(indices, 1)
    return named(with_values(Coordinates(index, np.zeros(values._data.shape, builtins.bool), shape, False), values),
                 "Cat")


@function("stack", method=False)
def stack(tensors: Any, dim: int = 0) -> Any:
    """Sparse tensors of one shape along a new dimension."""
    given = list(tensors)
    out = cat([unsqueeze(x, dim) for x in given], dim)
    data = out._data
    if isinstance(data, Coordinates) and all(x._data.coalesced for x in given) and dim == 0:
        data.coalesced = True
    return named(out, "Stack")


@method("T", "mT")
def matrix_transpose(self: SparseTensor) -> Any:
    """Rows and columns exchanged."""
    return transpose(self, -2, -1) if self.ndim >= 2 else self


@method("H", "mH")
def matrix_adjoint(self: SparseTensor) -> Any:
    """Rows and columns exchanged, and each element conjugated."""
    return conj(matrix_transpose(self))


function("adjoint")(matrix_adjoint)
