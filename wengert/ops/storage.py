"""`Tensor.storage()` and its kin: a tensor's memory as a thing of its own, for the programs that ask after it.

A storage here is a look at the memory from which a tensor was cut; two tensors share memory if their storages have one
``data_ptr()``. wengert's own account of who shares what stands in ``tensors/alias.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from ..core.device import CPU, device
from ..core.dtypes import DType
from ..tensors.alias import check_writable, version_cell, wrote
from ..tensors.tensor import Tensor, root_of
from .arguments import integers, sizes_of
from .registry import method


class UntypedStorage:
    """The memory of a tensor as bytes."""

    def __init__(self, array: np.ndarray) -> None:
        self._root = root_of(array)

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return int(self._root.__array_interface__["data"][0])

    def nbytes(self) -> int:
        """The number of bytes."""
        return int(self._root.nbytes)

    size = __len__ = nbytes

    @property
    def device(self) -> device:
        return CPU

    def cpu(self) -> Self:
        """Itself: it is there already."""
        return self

    def tolist(self) -> list[int]:
        """The bytes as ints."""
        return np.frombuffer(np.ascontiguousarray(self._root).tobytes(), np.uint8).tolist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr()

    def __hash__(self) -> int:
        return self.data_ptr()


class TypedStorage(UntypedStorage):
    """The memory of a tensor as elements of its dtype, in the order of the memory."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor._data)
        self.dtype: DType = tensor.dtype
        self._flat = np.lib.stride_tricks.as_strided(self._root, (self._root.size,), (self._root.itemsize,
                                                                                      )).view(tensor._data.dtype)

    def size(self) -> int:
        """The number of elements."""
        return int(self._flat.size)

    __len__ = size

    def untyped(self) -> UntypedStorage:
        """The memory as bytes."""
        return UntypedStorage(self._root)

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return self._flat.tolist()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        found = self._flat[index]
        return found.item() if isinstance(found, np.generic) else found.tolist()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._flat[index] = value

    def __repr__(self) -> str:
        return "\n".join([*(f" {value}" for value in self.tolist()),
                          f"[torch.storage.TypedStorage(dtype={self.dtype}, device=cpu) of size {self.size()}]"])


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
    root, count = root_of(self._data), int(np.prod(shape))
    start = self.storage_offset()
    whole = np.lib.stride_tricks.as_strided(root, (root.size,), (root.itemsize,)).view(self._data.dtype)
    if start + count > whole.size:
        grown = np.empty(start + count, self._data.dtype)
        grown[:whole.size] = whole
        whole, self._cell = grown, None
    self._data, self._alias = whole[start:start + count].reshape(shape), None
    wrote(self)
    return self


@method("resize_as_")
def resize_as_(self: Tensor, the_template: Tensor, memory_format: Any = None) -> Tensor:
    """Gives this tensor the size of another."""
    return resize_(self, tuple(the_template.shape))


@method("set_")
def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Makes this tensor the same elements of the same memory as ``source``, a tensor or a storage; empty without one.
    """
    check_writable(self, "set_")
    if source is None:
        self._data, self._cell = np.empty(0, self._data.dtype), None
    elif isinstance(source, Tensor):
        self._data, self._cell = source._data, version_cell(source)
    else:
        flat = np.lib.stride_tricks.as_strided(source._root, (source._root.size,), (source._root.itemsize,
                                                                                    )).view(self._data.dtype)
        shape = (flat.size - storage_offset,) if size is None else sizes_of((size,), "set_")
        array = flat[storage_offset:]
        self._data = array[:int(np.prod(shape))].reshape(shape) if stride is None else np.lib.stride_tricks.as_strided(
            array, shape, tuple(step * array.itemsize for step in integers(stride, "set_")))
        self._cell = None
    self._alias = None
    return self
