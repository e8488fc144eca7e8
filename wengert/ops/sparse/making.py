"""Making sparse tensors, from parts and from dense ones, and going from one layout to another."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes
from ...core.device import require_cpu
from ...core.dtypes import DType, from_numpy
from ...core.errors import LayoutError, ShapeError, in_words
from ...core.layout import layout as Layout
from ...core.layout import sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr, strided
from ...core.sparse import Coordinates, SparseArray, from_dense, product
from ...core.tiles import BLOCKED, BY_ROWS, compressed_of, tiled
from ...tensors.sparse import SparseTensor, check_untraced
from ...tensors.tensor import Tensor
from ..arguments import dtype_of
from ..creation import full
from ..creation import tensor as tensor_from
from .operation import (
    Operation,
    SparseTensorOf,
    function,
    in_layout,
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

COMPRESSED = (sparse_csr, sparse_csc, sparse_bsr, sparse_bsc)
"""The layouts of compressed rows and columns."""


def _tensor(data: Any, dtype: DType | None) -> Tensor:
    """Values as a tensor: the one that is given, where it has the dtype."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    return tensor_from(data, dtype=dtype)


def _index(op: str, word: str, data: Any, keep: bool = False) -> np.ndarray:
    """Index parts as an array of integers: int64, or int32 too where that is kept."""
    array = np.asarray(data._concrete(op) if isinstance(data, Tensor) else tensor_from(data)._data)
    if array.dtype.kind == "c" or (array.dtype.kind == "b" and array.size):
        raise LayoutError(f"[{op}] integers were expected as {word}; got {from_numpy(array.dtype)}")
    return array if keep and array.dtype == np.int32 else array.astype(np.int64, copy=False)


@in_words
def sparse_coo_tensor(indices: Any = None, values: Any = None, size: Any = None, *, dtype: Any = None,
                      device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
                      check_invariants: bool | None = None, is_coalesced: bool | None = None) -> Any:
    """A sparse tensor by coordinates: ``values[k]`` at ``indices[:, k]``; what stands at one place adds up.

    ``indices`` is (sparse dimensions, count); ``values`` (count, \\*dense dimensions). ``size``, where it is not given,
    is as large as the indices ask for. Gradients flow to ``values``, whose memory is shared. ``is_coalesced`` says that
    the indices are in order and each once. Raises RuntimeError for parts that do not fit, indices beyond ``size``
    included, whatever ``check_invariants`` says: an entry outside has no meaning.

    >>> import wengert as torch
    >>> torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    op = "sparse_coo_tensor"
    check_untraced(op)
    if device is not None:
        require_cpu(device)
    wanted = dtype_of(dtype)
    if size is None and values is None and indices is not None:  # sparse_coo_tensor(size)
        indices, size = None, indices
    if indices is None:
        sizes = _sizes(op, size)
        if values is not None:
            raise TypeError(f"[{op}] indices were expected beside values; got None")
        numbers = wanted or dtypes.get_default_dtype()
        data = Coordinates(np.zeros((len(sizes), 0), np.int64), np.zeros(0, numbers.numpy), sizes, True)
        return _leaf(plain(data), requires_grad)
    index, given = _index(op, "indices", indices), _tensor(values, wanted)
    if index.ndim != 2 and not index.size and index.ndim == 1:
        index = index.reshape(1, 0)
    if index.ndim != 2:
        raise ShapeError(f"[{op}] indices must be sparse_dim x nnz, but got: {list(index.shape)}"
                         if index.ndim > 2 or size is None else
                         f"[{op}] 'len(size) == sparse_dim + dense_dim' is not satisfied: indices must be sparse_dim x "
                         f"nnz, but got: {list(index.shape)}; give them as a matrix")
    if given.ndim == 0 and index.shape[1] == 1:
        given = given.reshape(1)
    shape = given._data.shape
    if not shape or shape[0] != index.shape[1]:
        raise ShapeError(f"[{op}] indices and values must have same nnz, but got nnz from indices: {index.shape[1]}, "
                         f"nnz from values: {shape[0] if shape else 0}")
    if size is None:
        if not index.shape[1] and len(index):
            reach = [0] * len(index)
        else:
            reach = [int(n) + 1 for n in index.max(1)] if len(index) else []
        sizes = (*reach, *shape[1:])
    else:
        sizes = _sizes(op, size)
    places = Coordinates(index, np.zeros(shape, bool), sizes, bool(is_coalesced))
    check_coordinates(op, places)
    if requires_grad or not given.requires_grad:
        return _leaf(plain(places.with_values(given._data)), requires_grad)
    return SparseTensorOf.apply(given, places)


def _leaf(out: Any, requires_grad: bool) -> Any:
    return out.requires_grad_() if requires_grad else out


def _sizes(op: str, size: Any) -> tuple[int, ...]:
    if size is None:
        raise TypeError(f"[{op}] indices and values, or a size, were expected; got none of them")
    sizes = tuple([int(n) for n in ([size] if isinstance(size, int) else size)])
    if any(n < 0 for n in sizes):
        raise RuntimeError(f"[{op}] sizes of 0 or more were expected; found negative dimension in size {list(sizes)}")
    return sizes


def check_coordinates(op: str, data: Coordinates) -> None:
    """Raises RuntimeError for indices and values that do not make a tensor of their shape, or are not coalesced and say
    so."""
    index, values, sizes = data.indices, data.values.shape, data.shape
    sparse, dense = len(index), len(values) - 1
    if product(sizes[:sparse]) >= 2**63:
        raise ShapeError(f"[{op}] sparse sizes whose product can be counted were expected; got {list(sizes)}")
    if len(sizes) != sparse + dense:
        raise ShapeError(f"[{op}] 'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(sizes)}, "
                         f"sparse_dim = {sparse}, dense_dim = {dense}")
    if values[1:] != sizes[sparse:]:
        raise ShapeError(f"[{op}] values has incorrect size, expected {[values[0], *sizes[sparse:]]}, got "
                         f"{list(values)}")
    if index.shape[1]:
        for dim, (low, high) in enumerate(zip(index.min(1), index.max(1), strict=True)):
            if low < 0:
                raise RuntimeError(f"[{op}] found negative index {low} for dim {dim}; count from 0")
            if high >= sizes[dim]:
                raise RuntimeError(f"[{op}] size is inconsistent with indices: for dim {dim}, size is {sizes[dim]} but "
                                   f"found index {high}; give a larger size")
    if data.coalesced:
        keys = data.keys()
        if not bool((keys[1:] > keys[:-1]).all()):
            raise RuntimeError(f"[{op}] cannot set is_coalesced to true if indices correspond to uncoalesced COO "
                               "tensor; leave is_coalesced away")


@in_words
def sparse_csr_tensor(crow_indices: Any, col_indices: Any, values: Any, size: Any = None, *, dtype: Any = None,
                      device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
                      check_invariants: bool | None = None) -> Any:
    """A sparse matrix by rows: ``values`` (count,), in row ``i`` those from ``crow_indices[i]`` on, up to
    ``crow_indices[i + 1]``, each in its column of ``col_indices``. The rest as for `sparse_coo_tensor`.

    >>> import wengert as torch
    >>> torch.sparse_csr_tensor([0, 1, 3], [2, 0, 2], [3.0, 4.0, 5.0]).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 5.]])
    """
    return _compressed("sparse_csr_tensor", sparse_csr, crow_indices, col_indices, values, size, dtype, device,
                       requires_grad)


@in_words
def sparse_csc_tensor(ccol_indices: Any, row_indices: Any, values: Any, size: Any = None, *, dtype: Any = None,
                      device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
                      check_invariants: bool | None = None) -> Any:
    """A sparse matrix by columns: as `sparse_csr_tensor`, with columns and rows exchanged.

    >>> columns, rows, values = torch.tensor([0, 1, 2]), torch.tensor([1, 0]), torch.tensor([5.0, 7.0])
    >>> torch.sparse_csc_tensor(columns, rows, values, (2, 2)).to_dense()
    tensor([[0., 7.],
            [5., 0.]])
    """
    return _compressed("sparse_csc_tensor", sparse_csc, ccol_indices, row_indices, values, size, dtype, device,
                       requires_grad)


@in_words
def sparse_compressed_tensor(compressed_indices: Any, plain_indices: Any, values: Any, size: Any = None, *,
                             dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
                             requires_grad: bool = False, check_invariants: bool | None = None) -> Any:
    """A sparse matrix by rows or columns, as ``layout`` says: `sparse_csr_tensor`, `sparse_csc_tensor`,
    `sparse_bsr_tensor` or `sparse_bsc_tensor`. Indices and values of a batch have its dimensions in front.

    >>> rows, columns, values = torch.tensor([0, 1, 2]), torch.tensor([1, 0]), torch.tensor([5.0, 7.0])
    >>> torch.sparse_compressed_tensor(rows, columns, values, (2, 2), layout=torch.sparse_csr).to_dense()
    tensor([[0., 5.],
            [7., 0.]])
    """
    op = "sparse_compressed_tensor"
    if layout not in COMPRESSED:
        raise RuntimeError(f"[{op}] expected sparse compressed layout (torch.sparse_csr, torch.sparse_csc, "
                           f"torch.sparse_bsr or torch.sparse_bsc); got {layout}")
    return _compressed(op, layout, compressed_indices, plain_indices, values, size, dtype, device, requires_grad)


@in_words
def sparse_bsr_tensor(crow_indices: Any, col_indices: Any, values: Any, size: Any = None, *, dtype: Any = None,
                      device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
                      check_invariants: bool | None = None) -> Any:
    """A sparse matrix by rows of blocks: as `sparse_csr_tensor`, with ``values`` (count, height, width).

    >>> torch.sparse_bsr_tensor([0, 1], [1], torch.ones(1, 2, 2), (2, 4)).to_dense()
    tensor([[0., 0., 1., 1.],
            [0., 0., 1., 1.]])
    """
    return _compressed("sparse_bsr_tensor", sparse_bsr, crow_indices, col_indices, values, size, dtype, device,
                       requires_grad)


@in_words
def sparse_bsc_tensor(ccol_indices: Any, row_indices: Any, values: Any, size: Any = None, *, dtype: Any = None,
                      device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
                      check_invariants: bool | None = None) -> Any:
    """A sparse matrix by columns of blocks: as `sparse_csc_tensor`, with ``values`` (count, height, width).

    >>> torch.sparse_bsc_tensor([0, 0, 1], [0], torch.ones(1, 1, 2), (1, 4)).to_dense()
    tensor([[0., 0., 1., 1.]])
    """
    return _compressed("sparse_bsc_tensor", sparse_bsc, ccol_indices, row_indices, values, size, dtype, device,
                       requires_grad)


def _compressed(op: str, kind: Layout, begins: Any, others: Any, values: Any, size: Any, dtype: Any, device: Any,
                requires_grad: bool) -> Any:
    check_untraced(op)
    if device is not None:
        require_cpu(device)
    starts, others = _index(op, "compressed indices", begins, True), _index(op, "plain indices", others, True)
    given = _tensor(values, dtype_of(dtype))
    shape = given._data.shape
    rank = others.ndim
    if not starts.ndim or starts.ndim != rank or starts.shape[:-1] != others.shape[:-1]:
        raise ShapeError(f"[{op}] compressed_indices and plain_indices of the same dimensions, the last one and those "
                         f"of a batch, were expected; got shapes {list(starts.shape)} and {list(others.shape)}")
    if len(shape) < rank + 2 * (kind in BLOCKED) or shape[:rank] != others.shape:
        raise ShapeError(f"[{op}] {'a block' if kind in BLOCKED else 'one value'} an index was expected, "
                         f"{list(others.shape)}; got values of shape {list(shape)}")
    if not starts.shape[-1]:
        raise ShapeError(f"[{op}] compressed_indices must have 1 element more than there are lines; got 0")
    sizes = _implied(kind, starts, others, shape) if size is None else _sizes(op, size)
    check_parts(op, kind, starts, others, shape, sizes)
    places = compressed_of(kind, starts, others, np.zeros(shape, bool), sizes)
    if requires_grad or not given.requires_grad:
        return _leaf(plain(places.with_values(given._data)), requires_grad)
    return named(SparseTensorOf.apply(given, places), "SparseCompressedTensor")


def _implied(kind: Layout, starts: np.ndarray, others: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The size that the indices and values of compressed rows or columns ask for."""
    rank = others.ndim
    high, wide = shape[rank:rank + 2] if kind in BLOCKED else (1, 1)
    dense = shape[rank + 2 * (kind in BLOCKED):]
    lines, other = starts.shape[-1] - 1, int(others.max()) + 1 if others.size else 0
    rows, columns = (lines, other) if kind in BY_ROWS else (other, lines)
    return (*others.shape[:-1], rows * high, columns * wide, *dense)


def check_parts(op: str, kind: Layout, starts: np.ndarray, others: np.ndarray, shape: tuple[int, ...],
                sizes: tuple[int, ...]) -> None:
    """Raises RuntimeError for indices, and values of a ``shape``, that make no compressed matrices of these sizes."""
    rank = others.ndim
    batch = rank - 1
    blocks = shape[rank:rank + 2] if kind in BLOCKED else ()
    dense = shape[rank + len(blocks):]
    if len(sizes) != batch + 2 + len(dense) or sizes[:batch] != others.shape[:-1] or sizes[batch + 2:] != dense:
        raise ShapeError(f"[{op}] a size of {batch} batch, 2 sparse and {len(dense)} dense dimensions was expected for "
                         f"values of shape {list(shape)}; got {list(sizes)}")
    inner = sizes[batch:batch + 2]
    if blocks:
        if 0 in blocks or inner[0] % blocks[0] or inner[1] % blocks[1]:
            raise ShapeError(f"[{op}] tensor sparse size {list(inner)} must be divisible by the size of blocks, "
                             f"{list(blocks)}")
        inner = (inner[0] // blocks[0], inner[1] // blocks[1])
    for at in np.ndindex(*others.shape[:-1]):
        check_compressed(op, kind, starts[at], others[at], inner)


def check_compressed(op: str, kind: Layout, starts: np.ndarray, others: np.ndarray, sizes: tuple[int, ...]) -> None:
    """Raises RuntimeError for indices that do not make a compressed matrix of these sizes."""
    lines = len(starts) - 1
    count, width = sizes if kind in BY_ROWS else sizes[::-1]
    if len(sizes) != 2 or count != lines:
        raise ShapeError(f"[{op}] compressed_indices.shape[-1] must be equal to the number of lines plus 1; got "
                         f"{len(starts)} for size {list(sizes)}")
    lengths = np.diff(starts)
    if starts[0] != 0 or starts[-1] != len(others) or (lengths < 0).any() or (lengths > width).any():
        raise RuntimeError(f"[{op}] compressed_indices from 0 to nnz ({len(others)}) that do not decrease were "
                           f"expected, by not more than {width} at a step; got {starts.tolist()[:8]}")
    if len(others) and (others.min() < 0 or others.max() >= width):
        raise RuntimeError(f"[{op}] plain_indices from 0 to {width - 1} were expected; got numbers from "
                           f"{others.min()} to {others.max()}")
    within = np.ones(len(others), bool)
    within[starts[:-1][lengths > 0]] = False
    if (np.diff(others)[within[1:]] <= 0).any():
        raise RuntimeError(f"[{op}] plain_indices sorted and distinct along each line were expected; sort them")


# --- from one layout to another ---------------------------------------------------------------------------------------


class ToSparse(Operation, label="ToSparseBackward1"):
    """A tensor, dense or sparse, in a sparse layout."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kind: Layout, sparse_dim: int, blocks: tuple[int, ...] = ()) -> Tensor:
        ctx.before = x._data
        data = x._data if isinstance(x._data, SparseArray) else from_dense(x._data, sparse_dim)
        if data.layout is kind and data.blocks == blocks:
            return plain(data)
        return plain(data.coordinates() if kind is sparse_coo else tiled(data.coordinates(), kind, blocks))

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        before = ctx.before
        if not isinstance(before, SparseArray):
            return to_dense(ct) if isinstance(ct, SparseTensor) else ct, None, None, None
        if not isinstance(ct, SparseTensor):
            return in_layout(ct, before), None, None, None
        blocks = before.blocks
        if ct.layout is before.layout and ct._data.blocks == blocks:
            return ct, None, None, None
        return ToSparse.apply(ct, before.layout, before.ndim - before.dense_dim, blocks), None, None, None


@method("to_sparse")
def to_sparse(self: Tensor, sparse_dim: Any = None, *, layout: Any = None, blocksize: Any = None,
              dense_dim: int | None = None) -> Any:
    """This tensor in a sparse layout, `sparse_coo` unless another is given.

    ``sparse_dim`` dimensions, from the first on, get coordinates (all, if not given); the rest stay dense. Raises
    RuntimeError for what the layout cannot hold.
    """
    op = "to_sparse"
    check_untraced(op)
    if isinstance(sparse_dim, Layout):
        sparse_dim, layout = None, sparse_dim
    kind = sparse_coo if layout is None else layout
    if kind is strided:
        return self if not is_sparse(self) else to_dense(self)  # type: ignore[arg-type]
    if kind not in (sparse_coo, *COMPRESSED):
        raise LayoutError(f"[{op}] a sparse layout was expected; got {kind}")
    blocks = _blocks(op, kind, blocksize)
    if dense_dim:
        sparse_dim = self.ndim - dense_dim
    count = self.ndim if sparse_dim is None else sparse_dim
    if kind is not sparse_coo and count < 2:
        raise LayoutError(f"[{op}] matrices were expected for layout {kind}; got shape {list(self.shape)} with "
                          f"{count} dimensions that are not dense")
    if not (0 < count <= self.ndim or (count == 0 and self.ndim == 0)):
        raise RuntimeError(f"[{op}] sparse_dim argument must be in >=0 and <= {self.ndim}, and above 0; got {count}")
    if isinstance(self, SparseTensor):
        data = self._data
        lead = self.ndim - data.dense_dim  # the dimensions that have coordinates, those of a batch among them
        if sparse_dim is not None and count != lead:
            return ToSparse.apply(to_dense(self), kind, count, blocks)
        if self.layout is kind and blocks in ((), data.blocks):
            return self
        return ToSparse.apply(self, kind, lead, blocks)
    return ToSparse.apply(self, kind, count, blocks)


def _blocks(op: str, kind: Layout, blocksize: Any) -> tuple[int, ...]:
    """The height and width of blocks. Raises RuntimeError for layouts that have none, or want them."""
    if (blocksize is None) is (kind in BLOCKED):
        raise RuntimeError(f"[{op}] blocksize was expected for torch.sparse_bsr and torch.sparse_bsc, and for these "
                           f"alone; got layout {kind} and blocksize {blocksize}")
    if blocksize is None:
        return ()
    blocks = (blocksize, blocksize) if isinstance(blocksize, int) else tuple([int(n) for n in blocksize])
    if len(blocks) != 2 or min(blocks) < 1:
        raise RuntimeError(f"[{op}] blocksize of two numbers from 1 on was expected; got {list(blocks)}")
    return blocks


@method("to_sparse_coo")
def to_sparse_coo(self: Tensor) -> Any:
    """This tensor by coordinates: `to_sparse`."""
    return to_sparse(self)


@method("to_sparse_csr")
def to_sparse_csr(self: Tensor, dense_dim: int | None = None) -> Any:
    """This matrix by rows."""
    return to_sparse(self, layout=sparse_csr, dense_dim=dense_dim)


@method("to_sparse_csc")
def to_sparse_csc(self: Tensor, dense_dim: int | None = None) -> Any:
    """This matrix by columns."""
    return to_sparse(self, layout=sparse_csc, dense_dim=dense_dim)


@method("to_sparse_bsr")
def to_sparse_bsr(self: Tensor, blocksize: Any, dense_dim: int | None = None) -> Any:
    """This matrix by rows of blocks of a height and width."""
    return to_sparse(self, layout=sparse_bsr, blocksize=blocksize, dense_dim=dense_dim)


@method("to_sparse_bsc")
def to_sparse_bsc(self: Tensor, blocksize: Any, dense_dim: int | None = None) -> Any:
    """This matrix by columns of blocks of a height and width."""
    return to_sparse(self, layout=sparse_bsc, blocksize=blocksize, dense_dim=dense_dim)


@method("to_dense")
def to_dense_method(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The strided tensor. Its gradient comes where this one keeps values, or everywhere if ``masked_grad`` is False."""
    out = to_dense(self, masked_grad is not False) if isinstance(self, SparseTensor) else self
    wanted = dtype_of(dtype)
    return out if wanted is None else out.to(wanted)


@method("values")
def values(self: SparseTensor) -> Tensor:
    """The values, through which gradients flow. Raises RuntimeError if it is not coalesced."""
    if self.is_sparse:
        self._coalesced("values")
    return values_of(self)


@method("sparse_mask")
def sparse_mask(self: Tensor, mask: Any) -> Any:
    """What this tensor has where ``mask``, a sparse tensor of its shape, keeps values. Raises RuntimeError."""
    if not isinstance(mask, SparseTensor):
        raise RuntimeError("[sparse_mask] a sparse tensor was expected as mask; got a strided one; convert it with "
                           "to_sparse()")
    if self.shape != mask.shape:
        raise ShapeError(f"[sparse_mask] operands have incompatible sizes; self has size {list(self.shape)} but mask "
                         f"has size {list(mask.shape)}")
    if isinstance(self, SparseTensor) and self.is_sparse and mask.is_sparse and self.sparse_dim() == mask.sparse_dim():
        mine = settled(self)
        kept, _ = _meeting(mask._data, mine._data)
        return named(with_values(kept, values_at(mine, kept)), "SparseMask")
    return named(with_values(mask._data, values_at(self, mask._data)), "SparseMask")


def _meeting(mask: Coordinates, data: Coordinates) -> tuple[Coordinates, Any]:
    """The places of a mask at which sparse data has values too."""
    found = np.isin(mask.keys(), data.keys())
    return Coordinates(mask.indices[:, found], mask.values[found], mask.shape, mask.coalesced), found


def check_layout(op: str, kind: Any) -> None:
    """Raises for a layout in which there are no sparse tensors here."""
    if kind not in (sparse_coo, sparse_csr, sparse_csc):
        raise LayoutError(f"[{op}] torch.sparse_coo, torch.sparse_csr or torch.sparse_csc was expected as layout; got "
                          f"{kind}")


@in_words
def spdiags(diagonals: Tensor, offsets: Tensor, shape: Any, layout: Any = None) -> Any:
    """A sparse matrix with the rows of ``diagonals`` (n, length) along its diagonals ``offsets`` (n,); column ``j`` of
    the matrix reads column ``j`` of ``diagonals``. Raises RuntimeError.

    >>> import wengert as torch
    >>> torch.sparse.spdiags(torch.ones(1, 3), torch.tensor([1]), (3, 3)).to_dense()
    tensor([[0., 1., 0.],
            [0., 0., 1.],
            [0., 0., 0.]])
    """
    op = "spdiags"
    rows = diagonals if diagonals.ndim == 2 else diagonals.reshape(1, -1)
    shifts = _index(op, "offsets", offsets).reshape(-1)
    n, m = _sizes(op, shape)
    if rows.shape[0] != len(shifts):
        raise ShapeError(f"[{op}] number of diagonals ({rows.shape[0]}) does not match the number of offsets "
                         f"({len(shifts)})")
    if len(set(shifts.tolist())) != len(shifts):
        raise RuntimeError(f"[{op}] offset tensor contains duplicate values; give each once")
    found = [(i, j - k, j) for i, k in enumerate(shifts.tolist())
             for j in range(max(0, k), min(int(rows.shape[1]), m, n + k))]
    table = np.array(found, np.int64).reshape(-1, 3)
    picked = rows[plain(table[:, 0]), plain(table[:, 2])]
    out = sparse_coo_tensor(plain(np.ascontiguousarray(table[:, 1:].T)), picked, (n, m))
    return out if layout is None or layout is sparse_coo else to_sparse(out, layout=layout)


# --- empty ones -------------------------------------------------------------------------------------------------------


def empty_of(sizes: tuple[int, ...], dtype: DType, kind: Layout = sparse_coo, dense_dim: int = 0) -> Any:
    """A sparse tensor without entries."""
    lead = len(sizes) - dense_dim
    data: SparseArray = Coordinates(np.zeros((lead, 0), np.int64), np.zeros((0, *sizes[lead:]), dtype.numpy), sizes,
                                    True)
    if kind is not sparse_coo:
        data = tiled(data.coordinates(), kind)
    return plain(data)


@function("zeros_like", "empty_like", method=False)
def zeros_like(input: SparseTensor, *, dtype: Any = None, layout: Any = None, device: Any = None,
               requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None) -> Any:
    """A tensor of this shape and layout without entries; a dense one of zeros if ``layout`` says strided."""
    numbers = dtype_of(dtype) or input.dtype
    if layout is strided:
        return full(tuple(input.shape), 0, dtype=numbers, requires_grad=requires_grad)
    return _leaf(empty_of(tuple(input.shape), numbers, layout or input.layout, input.dense_dim()), requires_grad)


@method("new_zeros", "new_empty")
def new_zeros(self: SparseTensor, *size: Any, dtype: Any = None, device: Any = None, layout: Any = None,
              requires_grad: bool = False, pin_memory: bool = False) -> Any:
    """A tensor of this layout and dtype without entries."""
    sizes = _sizes("new_zeros", size[0] if len(size) == 1 and not isinstance(size[0], int) else size)
    return _leaf(empty_of(sizes, dtype_of(dtype) or self.dtype, layout or self.layout), requires_grad)


@method("new")
def new(self: SparseTensor, *parts: Any) -> Any:
    """A sparse tensor of this dtype from the parts of `sparse_coo_tensor`."""
    return sparse_coo_tensor(*parts, dtype=self.dtype) if parts else empty_of((0,), self.dtype)


@method("sparse_resize_")
def sparse_resize_(self: SparseTensor, size: Any, sparse_dim: int, dense_dim: int) -> SparseTensor:
    """Gives this tensor another size in place. While it has entries, sizes do not shrink and the numbers of dimensions
    stay. Raises RuntimeError."""
    op = "sparse_resize_"
    data, sizes = self._coordinates(op), _sizes(op, size)
    if len(sizes) != sparse_dim + dense_dim:
        raise RuntimeError(f"[{op}] 'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(sizes)}, "
                           f"sparse_dim = {sparse_dim}, dense_dim = {dense_dim}")
    if data.count:
        if sparse_dim != data.sparse_dim or dense_dim != self.dense_dim():
            raise RuntimeError(f"[{op}] changing the number of dimensions on a non-empty sparse tensor is not "
                               "supported; call sparse_resize_and_clear_()")
        if any(n < m for n, m in zip(sizes, data.shape, strict=True)):
            raise RuntimeError(f"[{op}] shrinking the size of dimensions on a non-empty sparse tensor is not "
                               f"supported; got {list(sizes)} for {list(data.shape)}; call sparse_resize_and_clear_()")
        values = np.zeros((data.count, *sizes[sparse_dim:]), data.dtype)
        values[tuple([slice(0, n) for n in data.values.shape])] = data.values
        return _written(self, Coordinates(data.indices, values, sizes, data.coalesced), op)
    return sparse_resize_and_clear_(self, size, sparse_dim, dense_dim)


@method("sparse_resize_and_clear_")
def sparse_resize_and_clear_(self: SparseTensor, size: Any, sparse_dim: int, dense_dim: int) -> SparseTensor:
    """Gives this tensor another size in place, without entries."""
    op = "sparse_resize_and_clear_"
    self._coordinates(op)
    sizes = _sizes(op, size)
    if len(sizes) != sparse_dim + dense_dim:
        raise RuntimeError(f"[{op}] 'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(sizes)}, "
                           f"sparse_dim = {sparse_dim}, dense_dim = {dense_dim}")
    return _written(self, empty_of(sizes, self.dtype, dense_dim=dense_dim)._data, op)


@method("resize_as_sparse_")
def resize_as_sparse_(self: SparseTensor, template: SparseTensor) -> SparseTensor:
    """Gives this tensor the size of another one in place."""
    return sparse_resize_(self, tuple(template.shape), template.sparse_dim(), template.dense_dim())


def _written(self: SparseTensor, data: Coordinates, op: str) -> SparseTensor:
    if self.requires_grad:
        raise RuntimeError(f"[{op}] a tensor that requires no grad was expected; call it on detach()")
    self._data.become(data)
    return self


@method("_coalesced_")
def _coalesced_(self: SparseTensor, coalesced: bool) -> SparseTensor:
    """Says, without looking, whether this tensor is coalesced."""
    self._coordinates("_coalesced_").coalesced = bool(coalesced)
    return self

