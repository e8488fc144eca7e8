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

from ..core.device import CPU, META, device, is_meta
from ..core.dtypes import DType, by_name, get_default_dtype
from ..core.errors import DTypeError, KindError, OutOfRangeError, ShapeError
from ..core.frames import warn
from ..core.geometry import LARGEST, bytes_of, check_inside, check_room, laid_out, room_for, row_major
from ..core.layout import (
    CHANNELS_LAST,
    channels_last,
    channels_last_3d,
    check_format,
    check_rank,
    has_channels_last,
    preserve_format,
)
from ..tensors.absent import Absent, absent
from ..tensors.alias import check_writable, is_inference, version_cell, wrote
from ..tensors.given import check_tensor
from ..tensors.tape import Leaf
from ..tensors.tensor import Tensor, make, root_of
from .arguments import check_given, check_options, dtype_of, integer, integers, sizes_of
from .conversion import TYPE_NAMES
from .registry import METHODS, function, method
from .shapes import view

UINT8: np.dtype[Any] = np.dtype(np.uint8)


class UntypedStorage:
    """The memory of a tensor as bytes; a new one is made of their number, or of a sequence of them.

    >>> torch.UntypedStorage([1, 2, 3])[1]
    2
    """

    def __init__(self, source: Any = 0, *, device: Any = None) -> None:
        check_options(device)
        if device is not None and is_meta(device):
            source = absent((len(source) if isinstance(source, (list, tuple)) else integer(source, "storage"),), UINT8)
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
        storage = UntypedStorage(np.memmap(path, np.uint8, kind, shape=(count,)).view(np.ndarray))
        storage._filename = path
        return storage

    _filename: Any = None

    @property
    def filename(self) -> Any:
        """The file that `from_file` has mapped; None for other memory."""
        return self._filename

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

    def resize_(self, size: Any) -> Self:
        """Makes this storage one of ``size`` elements. A larger memory is a new one, apart from that of the tensors on
        this storage, and a smaller one is left to them as it was."""
        count = integer(size, "resize_")
        if count < 0:
            raise RuntimeError(f"[resize_] a number of elements from 0 on was expected; got {count}")
        before = self._flat
        check_room("resize_", (count,), before.itemsize)
        if count > before.size:
            grown = np.zeros(count, before.dtype)
            grown[:before.size] = before
            before = grown
        self._root = before[:count]
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        found = self._flat[self._place(index)]
        return found.item() if isinstance(found, np.generic) else self._part(found)

    def _place(self, index: Any) -> Any:
        """An index, checked."""
        if not isinstance(index, (int, np.integer, slice)) or isinstance(index, bool):
            raise RuntimeError(f"[storage] can't index a {type(self)} with {type(index)}: an int or a slice was "
                               "expected")
        if not isinstance(index, slice) and not -len(self) <= index < len(self):
            raise OutOfRangeError(f"[storage] index {index} out of range for storage of size {len(self)}; count from "
                                  "0, or from the end from -1")
        return index

    def _part(self, found: np.ndarray) -> Any:
        """What a slice gives: a storage of those bytes, which shares them."""
        return self._made(found)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._flat[self._place(index)] = value

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

    @property
    def is_cuda(self) -> bool:
        """False: it is on the CPU."""
        return False

    def get_device(self) -> int:
        """-1, which stands for the CPU."""
        return -1

    def cpu(self) -> Self:
        """Itself: it is there already."""
        return self

    def is_pinned(self, device: Any = "cuda") -> bool:
        """False: no device copies from it."""
        return False

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return self._flat.tolist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr()

    def __hash__(self) -> int:
        return self.data_ptr()


class TypedStorage(UntypedStorage):
    """The memory of a tensor as elements of its dtype, in the order of the memory; a new one is made of their number,
    of a sequence of them, or around an untyped one.

    >>> torch.tensor([[1.0, 2.0], [3.0, 4.0]]).T.storage().tolist()
    [1.0, 2.0, 3.0, 4.0]
    >>> torch.TypedStorage([1, 2], dtype=torch.float64).tolist()
    [1.0, 2.0]
    """

    def __init__(self, source: Any = 0, *, dtype: Any = None, device: Any = None,
                 wrap_storage: UntypedStorage | None = None) -> None:
        check_options(device)
        typed = isinstance(source, (Tensor, TypedStorage))
        self.dtype: DType = source.dtype if typed else dtype_of(dtype) or get_default_dtype()
        if wrap_storage is not None:
            self._root = wrap_storage._root
        elif isinstance(source, UntypedStorage):
            self._root = source._root
        else:
            self._root = _root(source._data) if isinstance(source, Tensor) else _memory(source, self.dtype.numpy)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """Without an argument the name of this storage's type (``'torch.FloatStorage'``); else a storage of another
        dtype: itself, or a copy with the elements converted."""
        if dtype is None:
            return f"torch.{storage_name(self.dtype)}"
        wanted = dtype_of(getattr(dtype, "dtype", dtype))
        return self if wanted is self.dtype else TypedStorage(self.tolist(), dtype=wanted)

    def pickle_storage_type(self) -> str:
        """The name by which files say what is kept."""
        return storage_name(self.dtype)

    @property
    def _flat(self) -> np.ndarray:
        return _elements(self._root, self.dtype.numpy)

    def size(self) -> int:
        """The number of elements.

        >>> torch.zeros(2, 3).nelement()
        6
        """
        return self.nbytes() // self.dtype.itemsize if type(self._root) is Absent else int(self._flat.size)

    __len__ = _size = size
    _data_ptr, _untyped_storage = UntypedStorage.data_ptr, property(lambda self: self.untyped())

    def untyped(self) -> UntypedStorage:
        """The memory as bytes."""
        return UntypedStorage(self._root)

    def _part(self, found: np.ndarray) -> Any:
        return found.tolist()

    def __repr__(self) -> str:
        return "\n".join([*(f" {value}" for value in self.tolist()),
                          f"[torch.storage.TypedStorage(dtype={self.dtype}, device=cpu) of size {self.size()}]"])


def storage_name(dtype: DType) -> str:
    """PyTorch's name for the storages of a dtype: ``"FloatStorage"``."""
    return TYPE_NAMES[dtype.name].replace("Tensor", "Storage")


class StorageType(type):
    """The metaclass of PyTorch's old storages: calling one makes a `TypedStorage`, and one is its instance by dtype."""

    dtype: DType

    def __call__(cls, source: Any = 0, *, wrap_storage: Any = None, device: Any = None) -> TypedStorage:  # noqa: N805
        if isinstance(source, TypedStorage) and source.dtype is not cls.dtype:
            source = source.tolist()
        return TypedStorage(source, dtype=cls.dtype, device=device, wrap_storage=wrap_storage)

    def __instancecheck__(cls, instance: Any) -> bool:  # noqa: N805
        return isinstance(instance, TypedStorage) and instance.dtype is cls.dtype

    def from_file(cls, filename: Any, shared: bool = False, size: int = 0) -> TypedStorage:  # noqa: N805
        """The first ``size`` elements of a file, mapped: `UntypedStorage.from_file`."""
        memory = UntypedStorage.from_file(filename, shared, size * cls.dtype.itemsize)
        return TypedStorage(memory, dtype=cls.dtype)


STORAGES: dict[str, StorageType] = {
    name: StorageType(name, (), {"dtype": dtype, "__module__": "torch", "__doc__": (
        f"Storages of dtype {dtype.name}.\n\n>>> storage = torch.{name}([0, 1])\n>>> storage.dtype, len(storage)\n"
        f"(torch.{dtype.name}, 2)")})
    for dtype in map(by_name, TYPE_NAMES)
    if (name := storage_name(dtype)) and not name.startswith(("UInt", "Float8", "ComplexHalf"))
}


def _converter(dtype: DType) -> Any:
    def convert(self: TypedStorage) -> Any:
        return self.type(dtype)

    convert.__doc__ = f"Its elements as {dtype.name}."
    return convert


for _method, _name in {"double": "float64", "float": "float32", "half": "float16", "bfloat16": "bfloat16",
                       "long": "int64", "int": "int32", "short": "int16", "char": "int8", "byte": "uint8",
                       "bool": "bool", "complex_float": "complex64", "complex_double": "complex128"}.items():
    setattr(TypedStorage, _method, _converter(by_name(_name)))


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
    """Whether ``obj`` is the storage of a tensor.

    >>> torch.is_storage(torch.ones(2).untyped_storage()), torch.is_storage(torch.ones(2))
    (True, False)
    """
    return isinstance(obj, UntypedStorage)


@method("storage")
def storage(self: Tensor) -> TypedStorage:
    """This tensor's memory as elements.

    >>> torch.arange(4).reshape(2, 2)[1].storage().tolist()
    [0, 1, 2, 3]
    """
    return TypedStorage(self)


@method("untyped_storage")
def untyped_storage(self: Tensor) -> UntypedStorage:
    """This tensor's memory as bytes.

    >>> torch.tensor([1, 2], dtype=torch.int32).untyped_storage().nbytes()
    8
    """
    return UntypedStorage(self._data)


def _make_wrapper_subclass(cls: type[Tensor], size: Any, *arguments: Any, **options: Any) -> Any:
    """Raises NotImplementedError: a tensor without numbers, whose operations ``__torch_dispatch__`` does, wants a
    dispatcher of PyTorch's operators, which is not in wengert. `as_subclass` makes an object of a class derived from
    `Tensor`, and ``__torch_function__`` stands in the place of functions of it."""
    raise NotImplementedError(f"[_make_wrapper_subclass] not in wengert: {cls.__name__} wants PyTorch's dispatcher of "
                              "operators (__torch_dispatch__); use as_subclass and __torch_function__, or enter a "
                              "TorchDispatchMode")


METHODS["_make_wrapper_subclass"] = staticmethod(_make_wrapper_subclass)


@method("as_subclass")
def as_subclass(self: Tensor, cls: type[Tensor]) -> Any:
    """This tensor as an object of a class derived from `Tensor`: the same memory and history. What is computed of it is
    a plain `Tensor`.

    >>> class Metres(torch.Tensor):
    ...     pass
    >>> type(torch.ones(2).as_subclass(Metres)).__name__
    'Metres'
    """
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"[as_subclass] cls must be a type that inherits from Tensor; got {cls!r}")
    shown = self.view_as(self)
    shown.__class__ = cls
    return shown


def _disabled_torch_dispatch_impl(func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
    """What a class names as its ``__torch_dispatch__`` that wants none."""
    return func(*args, **(kwargs or {}))


@method("_make_subclass")
def _make_subclass(cls: type[Tensor], data: Tensor, require_grad: bool = False) -> Any:
    """``Tensor._make_subclass(cls, data)``: a leaf of a class derived from `Tensor`, on the memory of ``data``."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"[_make_subclass] cls must be a type that inherits from Tensor; got {cls!r}")
    if getattr(cls, "__torch_dispatch__", None) not in (None, _disabled_torch_dispatch_impl):
        raise NotImplementedError("[_make_subclass] a class without __torch_dispatch__ was expected, as wengert has no "
                                  f"dispatcher that would call it; got {cls.__name__}, which defines it; define "
                                  "__torch_function__, or enter a TorchDispatchMode")
    made = data.detach()
    made.__class__ = cls
    return made.requires_grad_(require_grad)


@method("storage_type")
def storage_type(self: Tensor) -> type:
    """The type of `storage`.

    >>> torch.ones(2).storage_type()
    <class 'wengert.ops.storage.TypedStorage'>
    """
    return TypedStorage


@method("is_set_to")
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether two tensors are the same elements of the same memory, in the same shape.

    >>> x = torch.zeros(4)
    >>> x.is_set_to(x.view(4)), x.is_set_to(x.clone())
    (True, False)
    """
    return (self.data_ptr(), self.shape, self.stride()) == (tensor.data_ptr(), tensor.shape, tensor.stride())


@method("resize_")
def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Gives this tensor another size. Elements stay in the order of the memory; what is added is uninitialised, and
    where the memory must grow it is a new one, apart from other tensors'.

    >>> torch.arange(6).resize_(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    check_given("resize_", "size", sizes)
    shape = sizes_of(sizes, "resize_")
    check_format("resize_", memory_format)
    if memory_format is preserve_format:
        raise RuntimeError("Unsupported memory format Preserve; contiguous_format or channels_last was expected")
    if memory_format in CHANNELS_LAST:
        check_rank(len(shape), memory_format)
        last = len(shape) - 1
        resize_(self, prod(shape))
        self._data = self._data.reshape(shape[0], *shape[2:], shape[1]).transpose(0, last, *range(1, last))
        return self
    if self.requires_grad and not is_inference(self):
        raise RuntimeError("cannot resize variables that require grad")
    if shape == self._data.shape:
        return self
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
        whole, self._cell = grown, self._cell if is_inference(self) else [version_cell(self)[0], None]
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
    """Gives this tensor the size of another.

    >>> x = torch.arange(6)
    >>> torch.resize_as_(x, torch.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    check_tensor("resize_as_", the_template, "the_template")
    if memory_format is preserve_format:
        last = has_channels_last(the_template._data)
        memory_format = {4: channels_last, 5: channels_last_3d}[the_template.ndim] if last else None
    return resize_(self, tuple(the_template.shape), memory_format=memory_format)


@method("resize")
def resize(self: Tensor, *sizes: Any) -> Tensor:
    """This tensor in another shape of as many elements: a deprecated name for `view` of what lies in one piece. Raises
    RuntimeError for another number of elements.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     torch.arange(6).resize(2, 3)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    warn("non-inplace resize is deprecated; use view or reshape")
    shape = sizes_of(sizes, "resize")
    if prod(shape) != self._data.size:
        raise RuntimeError(f"[resize] requested resize to {' x '.join(map(str, shape))} ({prod(shape)} elements in "
                           f"total), but the given tensor has a size of {list(self.shape)} ({self._data.size} "
                           "elements); resize can only change the shape, and preserves the number of elements")
    return self.contiguous().view(shape)


@method("resize_as")
def resize_as(self: Tensor, tensor: Tensor) -> Tensor:
    """`resize` to the shape of another tensor, which has as many elements: deprecated too.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     torch.arange(4).resize_as(torch.ones(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return resize(self, *tensor.shape)


@method("set_")
def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Makes this tensor the same elements of the same memory as ``source``, a tensor or a storage; empty without one.

    Sizes, strides and offset count elements. Where they reach beyond a storage it grows: as with `resize_`, the larger
    memory is a new one, apart from that of the tensors that were on the storage before.

    >>> x, y = torch.zeros(2), torch.tensor([1.0, 2.0, 3.0])
    >>> x.set_(y)
    tensor([1., 2., 3.])
    >>> x.data_ptr() == y.data_ptr()
    True
    """
    if source is not None and not isinstance(source, (Tensor, TypedStorage, UntypedStorage)):
        raise KindError(f"set_(): argument 'source' (position 1) must be Tensor or Storage, not "
                        f"{type(source).__name__}")
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


@function(method=False, out=False, takes_tensor=False)
def from_file(filename: str, shared: bool | None = None, size: int | None = 0, *, dtype: Any = None, layout: Any = None,
              device: Any = None, pin_memory: bool | None = False) -> Tensor:
    """The first ``size`` elements of a file as a 1-d tensor, mapped and not read.

    With ``shared`` what is written to the tensor is written to the file, which is made and lengthened where it has to
    be. Raises RuntimeError for a file that is not there or shorter.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "numbers")
    >>> torch.from_file(path, shared=True, size=3, dtype=torch.int32).fill_(7)
    tensor([7, 7, 7], dtype=torch.int32)
    >>> torch.from_file(path, size=2, dtype=torch.int32)
    tensor([7, 7], dtype=torch.int32)
    """
    if check_options(device, layout):
        raise NotImplementedError("[from_file] the CPU was expected as device; got 'meta', on which there is no data")
    kind = dtype_of(dtype) or get_default_dtype()
    try:
        memory = UntypedStorage.from_file(filename, bool(shared), (size or 0) * kind.itemsize)
    except OSError as error:
        raise RuntimeError(f"[from_file] unable to open file <{filename}>: {error}") from error
    return make(memory._flat.view(kind.numpy), None)
