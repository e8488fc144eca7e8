"""`Tensor.storage()` and its kin: a tensor's memory as a thing of its own, for the programs that ask for it.

A storage here is a view of the memory from which a tensor was cut; two tensors share memory if their storages have one
``data_ptr()``. wengert's own account of who shares what stands in ``tensors/alias.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import prod
from typing import Any, Self

import numpy as np

from ..core.device import CPU, META, device
from ..core.dtypes import DType, get_default_dtype
from ..core.errors import DTypeError, OutOfRangeError, ShapeError
from ..core.geometry import LARGEST, bytes_of, check_inside, check_room, laid_out, room_for, row_major
from ..tensors.absent import Absent
from ..tensors.alias import check_writable, version_cell, wrote
from ..tensors.tape import Leaf
from ..tensors.tensor import Tensor, root_of
from .arguments import check_options, dtype_of, integer, integers, sizes_of
from .registry import method
from .shapes import view


class UntypedStorage:
    """The memory of a tensor as bytes; a new one is made of their number, or of a sequence of them.

    >>> UntypedStorage([1, 2, 3])[1]
    2
    """

    def __init__(self, source: Any = 0, *, device: Any = None) -> None:
        check_options(device)
        self._root = (_root(source) if isinstance(source, (np.ndarray, Absent)) else
                      _memory(source, np.dtype(np.uint8)))

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first ``nbytes`` bytes of a file, mapped and not read; with ``shared`` what is written to the storage is
        written to the file, which is made and lengthened where it has to be. Raises RuntimeError for a file that is
        shorter."""
        count, path = integer(nbytes, "storage"), os.fspath(filename)
        if not shared and count > os.path.getsize(path):
            raise RuntimeError(f"[from_file] a file of at least {count} bytes was expected; {path!r} has "
                               f"{os.path.getsize(path)}")
        if count == 0:
            return UntypedStorage(0)
        kind: Any = ("r+" if os.path.exists(path) else "w+") if shared else "c"
        return UntypedStorage(np.memmap(path, np.uint8, kind, shape=(count,)).view(np.ndarray))

    def untyped(self) -> UntypedStorage:
        """This memory as bytes."""
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._flat, dtype, copy=copy)

    @property
    def _flat(self) -> np.ndarray:
        return bytes_of(self._root)

    def _made(self, memory: np.ndarray) -> Self:
        """A storage of this kind around other memory."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made._root = memory
        return made

    def clone(self) -> Self:
        """A copy, in memory of its own."""
        return self._made(self._flat.copy())

    __copy__ = clone

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if id(self._root) not in memo:
            memo[id(self._root)] = self._flat.copy()
        return self._made(memo[id(self._root)])

    def copy_(self, source: UntypedStorage, non_blocking: bool | None = None) -> Self:
        """Writes the elements of another storage of the same length into this one."""
        if len(source) != len(self):
            raise ShapeError(f"[storage] a storage of {len(self)} elements was expected; got {len(source)}")
        self._flat[...] = source._flat
        return self

    def fill_(self, value: Any) -> Self:
        """Writes a number into every element."""
        self._flat[...] = value
        return self

    def element_size(self) -> int:
        """The bytes of an element."""
        return int(self._flat.itemsize)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        try:
            found = self._flat[index]
        except IndexError as error:
            raise OutOfRangeError(f"[storage] an index of one of {len(self)} elements was expected; "
                                  f"{error}") from error
        return found.item() if isinstance(found, np.generic) else self._part(found)

    def _part(self, found: np.ndarray) -> Any:
        """What a slice gives: a storage of those bytes, which shares them."""
        return self._made(found)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._flat[index] = value

    def __repr__(self) -> str:
        return "\n".join([*(f" {value}" for value in self.tolist()),
                          f"[torch.storage.{type(self).__name__}(device=cpu) of size {len(self)}]"])

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return 0 if type(self._root) is Absent else int(self._root.__array_interface__["data"][0])

    def nbytes(self) -> int:
        """The number of bytes."""
        root = self._root
        if type(root) is Absent:
            return room_for(root.shape, root.strides) and room_for(root.shape, root.strides) - 1 + root.itemsize
        return int(root.nbytes)

    size = __len__ = nbytes

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes()

    @property
    def device(self) -> device:
        return META if type(self._root) is Absent else CPU

    def cpu(self) -> Self:
        """Itself: it is there already."""
        return self

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return self._flat.tolist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr()

    def __hash__(self) -> int:
        return self.data_ptr()


class TypedStorage(UntypedStorage):
    """The memory of a tensor as elements of its dtype, in the order of the memory; a new one is made of their number,
    of a sequence of them, or around an untyped one."""

    def __init__(self, source: Any = 0, *, dtype: Any = None, device: Any = None,
                 wrap_storage: UntypedStorage | None = None) -> None:
        check_options(device)
        self.dtype: DType = source.dtype if isinstance(source, Tensor) else dtype_of(dtype) or get_default_dtype()
        if wrap_storage is not None:
            self._root = wrap_storage._root
        else:
            self._root = _root(source._data) if isinstance(source, Tensor) else _memory(source, self.dtype.numpy)

    @property
    def _flat(self) -> np.ndarray:
        return _elements(self._root, self.dtype.numpy)

    def size(self) -> int:
        """The number of elements."""
        return self.nbytes() // self.dtype.itemsize if type(self._root) is Absent else int(self._flat.size)

    __len__ = size

    def untyped(self) -> UntypedStorage:
        """The memory as bytes."""
        return UntypedStorage(self._root)

    def _part(self, found: np.ndarray) -> Any:
        return found.tolist()

    def __repr__(self) -> str:
        return "\n".join([*(f" {value}" for value in self.tolist()),
                          f"[torch.storage.TypedStorage(dtype={self.dtype}, device=cpu) of size {self.size()}]"])


def _root(data: Any) -> Any:
    """The whole memory of a tensor's data."""
    return Absent(data.root, data.root) if type(data) is Absent else root_of(data)


def _memory(source: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """New memory: so many elements of zero, or those of a sequence."""
    if isinstance(source, (list, tuple, range, bytes, bytearray)):
        return np.array(list(source), dtype)
    count = integer(source, "storage")
    if count < 0:
        raise RuntimeError(f"[storage] a number of elements was expected; got {count}; it must not be negative")
    check_room("storage", (count,), dtype.itemsize)
    return np.zeros(count, dtype)


def is_storage(obj: Any, /) -> bool:
    """Whether ``obj`` is the storage of a tensor."""
    return isinstance(obj, UntypedStorage)


@method("storage")
def storage(self: Tensor) -> TypedStorage:
    """This tensor's memory as elements."""
    return TypedStorage(self)


@method("untyped_storage")
def untyped_storage(self: Tensor) -> UntypedStorage:
    """This tensor's memory as bytes."""
    return UntypedStorage(self._data)


@method("as_subclass")
def as_subclass(self: Tensor, cls: type[Tensor]) -> Any:
    """This tensor as an object of a class derived from `Tensor`: the same memory and history. What is computed of it is
    a plain `Tensor`."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"[as_subclass] cls must be a type that inherits from Tensor; got {cls!r}")
    shown = self.view_as(self)
    shown.__class__ = cls
    return shown


@method("_make_subclass")
def _make_subclass(cls: type[Tensor], data: Tensor, require_grad: bool = False) -> Any:
    """``Tensor._make_subclass(cls, data)``: a leaf of a class derived from `Tensor`, on the memory of ``data``."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"[_make_subclass] cls must be a type that inherits from Tensor; got {cls!r}")
    made = data.detach()
    made.__class__ = cls
    return made.requires_grad_(require_grad)


@method("storage_type")
def storage_type(self: Tensor) -> type:
    """The type of `storage`."""
    return TypedStorage


@method("is_set_to")
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether two tensors are the same elements of the same memory, in the same shape."""
    return (self.data_ptr(), self.shape, self.stride()) == (tensor.data_ptr(), tensor.shape, tensor.stride())


@method("resize_")
def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Gives this tensor another size. Elements stay in the order of the memory; what is added is uninitialised, and
    where the memory must grow it is a new one, apart from other tensors'."""
    shape = sizes_of(sizes, "resize_")
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    check_writable(self, "resize_")
    if type(self._data) is not np.ndarray:
        return _resized_unseen(self, shape)
    check_inside("resize_", LARGEST, shape, row_major(shape), 0, self._data.itemsize)
    root, count = root_of(self._data), prod(shape)
    start = self.storage_offset()
    whole = _elements(root, self._data.dtype)
    if start + count > whole.size:
        check_room("resize_", (start + count,), whole.itemsize)
        grown = np.empty(start + count, self._data.dtype)
        grown[:whole.size] = whole
        whole, self._cell = grown, None
    self._data, self._alias = whole[start:start + count].reshape(shape), None
    wrote(self)
    return self


def _resized_unseen(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`resize_` inside a transformation, where no memory can be seen to begin or to grow."""
    if prod(shape) != tensor._data.size or not tensor.is_contiguous():
        raise RuntimeError("[resize_] inside a transformation as many elements as before were expected, of a "
                           f"contiguous tensor; got shape {list(shape)} for one of shape {list(tensor.shape)}; make a "
                           "new tensor")
    part = view(tensor, shape)
    tensor._data, tensor._alias = part._data, None
    wrote(tensor)
    return tensor


@method("resize_as_")
def resize_as_(self: Tensor, the_template: Tensor, memory_format: Any = None) -> Tensor:
    """Gives this tensor the size of another."""
    return resize_(self, tuple(the_template.shape))


@method("set_")
def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Makes this tensor the same elements of the same memory as ``source``, a tensor or a storage; empty without one.

    Sizes, strides and offset count elements. Where they reach beyond a storage it grows: as with `resize_`, the larger
    memory is a new one, apart from that of the tensors that were on the storage before.
    """
    check_writable(self, "set_")
    if source is None:
        self._data, self._cell = np.empty(0, self._data.dtype), None
    elif isinstance(source, Tensor) and size is None:
        _check_kind(self, source.dtype)
        self._data, self._cell = source._data, version_cell(source)
    else:
        where = source.storage() if isinstance(source, Tensor) else source
        if isinstance(where, TypedStorage):
            _check_kind(self, where.dtype)
        self._data = _placed(where, self._data.dtype, storage_offset, size, stride)
        self._cell = version_cell(source) if isinstance(source, Tensor) else None
    self._alias = None
    if type(self._edge) is Leaf:  # what was computed of the old memory is not of this one
        old, self._edge = self._edge, Leaf(self)
        self._edge.grad, self._edge.rare = old.grad, old.rare
    return self


def _elements(root: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """All memory of an array, as elements in its order."""
    memory = bytes_of(root)
    return memory[: memory.size - memory.size % dtype.itemsize].view(dtype)


def _check_kind(tensor: Tensor, dtype: DType) -> None:
    if tensor.dtype is not dtype:
        raise DTypeError(f"[set_] Could not set tensor of type {dtype} to a tensor of type {tensor.dtype}; convert the "
                         "source first")


def _placed(storage: UntypedStorage, dtype: np.dtype[Any], offset: Any, size: Any, stride: Any) -> np.ndarray:
    """The elements of a storage with these sizes and strides; the storage grows where they reach beyond it."""
    memory, start = bytes_of(storage._root), integer(offset, "set_")
    shape = (memory.nbytes // dtype.itemsize - start,) if size is None else sizes_of((size,), "set_")
    steps = row_major(shape) if stride is None else integers(stride, "set_")
    if start < 0 or any(step < 0 for step in steps):
        raise ShapeError(f"[set_] an offset and strides from 0 on were expected; got an invalid storage offset, "
                         f"{start}, or an invalid stride among {list(steps)}")
    check_inside("set_", LARGEST // dtype.itemsize, shape, steps, start)
    if memory.nbytes < (need := room_for(shape, steps, start) * dtype.itemsize):
        check_room("set_", (need,), 1)
        grown = np.empty(need, np.uint8)
        grown[: memory.nbytes] = memory
        storage._root = memory = grown
    return laid_out("set_", memory, dtype, shape, [step * dtype.itemsize for step in steps], start * dtype.itemsize)
