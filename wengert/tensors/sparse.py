"""`SparseTensor`: a tensor that holds a sparse array.

It is a `Tensor` (`isinstance`, gradients, hooks, leaves), and none of `TENSORS`: no hot path and no primitive takes it
for an array. What it can do is put on the class by the layer ``ops``; every other method of `Tensor` raises
`LayoutError` here, by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, SupportsIndex

import numpy as np

from ..core import dtypes, primitive
from ..core.errors import DTypeError, LayoutError, TraceError, needs_strided
from ..core.layout import layout as Layout
from ..core.layout import sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr
from ..core.operands import Array
from ..core.sparse import Compressed, Coordinates, SparseArray
from ..core.state import state
from ..core.tiles import BY_ROWS, Tiled, compressed_of
from .alias import edge_of, version_cell, wrote
from .overrides import disabled
from .printing import parts_repr
from .tape import Leaf
from .tensor import TENSORS, Tensor, make

LAYOUT_NAMES = {sparse_coo: "Sparse", sparse_csr: "SparseCsr", sparse_csc: "SparseCsc", sparse_bsr: "SparseBsr",
                sparse_bsc: "SparseBsc"}
"""PyTorch's words for layouts in messages."""


class SparseTensor(Tensor):
    """A tensor of a sparse layout: see docs/sparse.md.

    Made by `sparse_coo_tensor` and its kin, by ``to_sparse()``, or by backward, as a sparse gradient.
    """

    __torch_function__ = disabled

    def __new__(cls, *args: Any, **options: Any) -> Any:
        raise TypeError("[SparseTensor] is not made by its class; call sparse_coo_tensor(), or to_sparse()")

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def layout(self) -> Layout:
        """How the elements are stored: `sparse_coo`, `sparse_csr` or another of the sparse layouts."""
        kind: Layout = self._data.layout
        return kind

    @property
    def is_sparse(self) -> bool:
        """Whether its layout is `sparse_coo`."""
        return self.layout is sparse_coo

    @property
    def is_sparse_csr(self) -> bool:
        """Whether its layout is `sparse_csr`."""
        return self.layout is sparse_csr

    def _nnz(self) -> int:
        """How many entries are kept; in each matrix of a batch; of blocks, how many blocks."""
        return int(self._data.count)

    def sparse_dim(self) -> int:
        """The number of dimensions that have coordinates."""
        return int(self._data.sparse_dim)

    def dense_dim(self) -> int:
        """The number of dimensions that each value has itself."""
        return int(self._data.dense_dim)

    _dimI, _dimV = sparse_dim, dense_dim

    def is_coalesced(self) -> bool:
        """Whether each coordinate is there once, in row-major order."""
        return bool(self._coordinates("is_coalesced").coalesced)

    def _coordinates(self, op: str) -> Coordinates:
        """Its data, which must be by coordinates."""
        if self.layout is not sparse_coo:
            raise LayoutError(f"[{op}] {op} expected sparse coordinate tensor layout but got "
                              f"{LAYOUT_NAMES[self.layout]}; convert it with to_sparse() first")
        data: Coordinates = self._data
        return data

    def _coalesced(self, op: str) -> Coordinates:
        """Its data, which must be by coordinates and coalesced."""
        data = self._coordinates(op)
        if not data.coalesced:
            raise RuntimeError(f"[{op}] Cannot get {op} on an uncoalesced tensor, please call .coalesce() first")
        return data

    def indices(self) -> Tensor:
        """The coordinates of the values, (sparse dimensions, count). Raises RuntimeError if it is not coalesced."""
        return make(self._coalesced("indices").indices, None)

    def _indices(self) -> Tensor:
        """The coordinates of the values, (sparse dimensions, count), in whatever order."""
        return make(self._coordinates("_indices").indices, None)

    def _values(self) -> Tensor:
        """The values, in this tensor's memory and without history."""
        return make(self._data.values, None)

    def _part(self, op: str, by_rows: bool, part: str) -> Tensor:
        if self.layout is sparse_coo or (self.layout in BY_ROWS) is not by_rows:
            which, cure = ("row", "to_sparse_csr") if by_rows else ("column", "to_sparse_csc")
            raise LayoutError(f"[{op}] {op} expected sparse {which} compressed tensor layout but got "
                              f"{LAYOUT_NAMES[self.layout]}; convert it with {cure}()")
        return make(getattr(self._data, part), None)

    def crow_indices(self) -> Tensor:
        """Where each row begins among the values, and where the last ends, of a tensor that compresses rows."""
        return self._part("crow_indices", True, "compressed")

    def col_indices(self) -> Tensor:
        """The column of each value of a tensor that compresses rows."""
        return self._part("col_indices", True, "plain")

    def ccol_indices(self) -> Tensor:
        """Where each column begins among the values, and where the last ends, of one that compresses columns."""
        return self._part("ccol_indices", False, "compressed")

    def row_indices(self) -> Tensor:
        """The row of each value of one that compresses columns."""
        return self._part("row_indices", False, "plain")

    def stride(self, dim: int | None = None) -> Any:
        """0 for each dimension: there are no strides; compressed tensors raise RuntimeError."""
        if self.layout is not sparse_coo:
            raise LayoutError("[stride] Sparse CSR tensors do not have strides; convert it with to_dense() first")
        return (0,) * self.ndim if dim is None else 0

    def storage_offset(self) -> int:
        """0: there is no storage."""
        return 0

    def is_contiguous(self, memory_format: object = None) -> bool:
        """False: there are no strides."""
        return False

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return int(self.shape[0])

    def __hash__(self) -> int:
        return id(self)

    # --- history ------------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Tensor:
        """This tensor without history, with the same values."""
        return make(self._data.with_values(self._data.values), None)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, SparseTensor):
            raise RuntimeError("[data] a sparse tensor was expected, as the layout of a tensor does not change; got "
                               f"one of layout {value.layout}; convert it with to_sparse()")
        self._data = value._data

    def detach(self) -> Tensor:
        """A tensor with the same values, without history."""
        out = self.data
        out._cell = version_cell(self)
        return out

    def replace(self, new: SparseTensor, op: str) -> SparseTensor:
        """Ends ``t.op_()``: this tensor becomes ``new``, values and history."""
        edge = edge_of(self)
        if state.grad and type(edge) is Leaf:
            raise RuntimeError(f"[{op}] a leaf Variable that requires grad is being used in an in-place operation. "
                               "Write under torch.no_grad(), or to a clone()")
        if new.shape != self.shape or new.layout is not self.layout:
            raise RuntimeError(f"[{op}] a result of shape {list(self.shape)} and layout {self.layout} was expected; "
                               f"got {list(new.shape)} and {new.layout}; use the operation that is not in place")
        if dtypes.category(new.dtype) > dtypes.category(self.dtype):
            raise DTypeError(f"[{op}] result type {new.dtype} can't be cast to the desired output type {self.dtype}; "
                             "use the operation that is not in place")
        data, value = self._data, new._data
        values = value.values.astype(data.dtype, copy=False)
        same_places = data.values.shape == values.shape and (
            data.indices is value.indices if isinstance(data, Coordinates) else data.plain is value.plain)
        if same_places and not np.may_share_memory(data.values, values):
            data.values[...] = values  # whoever shares the values sees the write
        else:
            data.become(value.with_values(values))
        wrote(self)
        if state.grad:
            self._edge = edge_of(new)
        return self

    # --- Python values ------------------------------------------------------------------------------------------------

    def item(self) -> Any:
        """The value of a tensor of one element, as a Python number."""
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return self._data.dense().item()

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous" if self.numel() == 0 else
                               "Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def numpy(self, *, force: bool = False) -> NoReturn:
        """Raises TypeError."""
        raise LayoutError(f"[numpy] can't convert {LAYOUT_NAMES[self.layout]} layout tensor to numpy. Use "
                          "Tensor.to_dense() first.")

    def __array__(self, *_: object, **__: object) -> NoReturn:
        self.numpy()

    def tolist(self) -> NoReturn:
        """Raises RuntimeError."""
        raise needs_strided("tolist", self.layout)

    def _concrete(self, what: str) -> Any:
        raise needs_strided(what, self.layout)

    def __repr__(self) -> str:
        return self._text("tensor")

    def _text(self, kind: str) -> str:
        data = self._data
        if isinstance(data, Coordinates):
            parts = {"indices": data.indices, "values": data.values}
        else:
            names = ("crow", "col") if self.layout in BY_ROWS else ("ccol", "row")
            parts = {f"{names[0]}_indices": data.compressed, f"{names[1]}_indices": data.plain, "values": data.values}
        edge = edge_of(self)
        leaf = edge is None or type(edge) is Leaf
        return parts_repr(parts, shape=tuple(self.shape), count=data.count, dtype_name=self.dtype.name,
                          default_dtype_name=dtypes.get_default_dtype().name, layout=str(self.layout),
                          requires_grad=edge is not None and leaf,
                          grad_fn_name=None if leaf else self.grad_fn.name(), kind=kind)

    def __format__(self, spec: str) -> str:
        if spec:
            raise TypeError(f"unsupported format string passed to Tensor.__format__: {spec!r}")
        return repr(self)

    # --- copies -------------------------------------------------------------------------------------------------------

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError("Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                               "protocol at the moment.")
        out = memo[id(self)] = make(self._data.copy(), None)
        out.__dict__.update(self.__dict__)
        if self.requires_grad:
            out.requires_grad_()
        if type(self._edge) is Leaf and self.grad is not None:
            out.grad = self.grad.__deepcopy__(memo)
        return out

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        data = self._data
        values = make(data.values, None)
        if isinstance(data, Coordinates):
            parts: tuple[Any, ...] = (make(data.indices, None), values)
        else:
            parts = (make(data.compressed, None), make(data.plain, None), values)
        coalesced = isinstance(data, Coordinates) and data.coalesced
        return _rebuild, (str(self.layout).removeprefix("torch."), parts, tuple(self.shape), coalesced,
                          self.requires_grad)


def _rebuild(name: str, parts: tuple[Tensor, ...], shape: tuple[int, ...], coalesced: bool, requires_grad: bool) -> Any:
    """Unpickles a sparse tensor."""
    *places, values = [part._data for part in parts]
    kind = next(layout for layout in LAYOUT_NAMES if str(layout) == f"torch.{name}")
    data: SparseArray = (Coordinates(places[0], values, shape, coalesced) if kind is sparse_coo else
                         compressed_of(kind, places[0], places[1], values, shape))
    out = make(data, None)
    return out.requires_grad_() if requires_grad else out


def check_untraced(op: str) -> None:
    """Raises `TraceError` inside a transformation, or while a function is recorded, which take no sparse tensors."""
    watcher = state.watcher
    if watcher is not None and watcher.tracer is not None:
        where = getattr(watcher.tracer, "name", "") or "a function that is being recorded"
        raise TraceError(f"[{op}] strided tensors were expected inside {where}; got a sparse one, which it does not "
                         "take; call it outside, or on to_dense()")


def entries(data: Any, array: Array) -> Any:
    """The elements of a dense array where a sparse one keeps values."""
    here = data.coordinates()
    return here.entries_of(np.ascontiguousarray(array))[here.keys()]


def refusal(name: str) -> Callable[..., Any]:
    """The method of that name, which sparse tensors do not have."""

    def refuse(self: Any, *args: Any, **options: Any) -> Any:
        sparse = next((x for x in (self, *args) if isinstance(x, SparseTensor)), self)
        raise needs_strided(name, sparse.layout)

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Raises `LayoutError`: it takes strided tensors."
    return refuse


TENSORS.discard(SparseTensor)
SparseTensor.__name__ = SparseTensor.__qualname__ = "Tensor"
SparseArray.tensor_class = SparseTensor
# Rules compute at once with sparse cotangents, as they do with arrays.
primitive._PLAIN |= {Coordinates, Compressed, Tiled}

__all__ = ["SparseTensor"]
