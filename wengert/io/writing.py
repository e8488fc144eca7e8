"""Zip archives in PyTorch's layout: what `save_torch` writes for PyTorch to read, and what `save` writes for objects
that only a pickle can hold."""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import dtypes
from ..core.device import device
from ..core.dtypes import DType
from ..core.layout import layout as Layout
from ..core.layout import strided
from ..core.spec import Size
from ..nn.parameter import Buffer, Parameter
from ..ops.storage import TypedStorage, UntypedStorage
from ..tensors.tensor import Tensor, root_of
from ..utils.hooks import warn_if_has_hooks
from .files import write_out
from .options import written
from .reading import STORAGES
from .sparse import parts_of

_STORAGE_OF = {dtype.name: name for name, dtype in STORAGES.items()}
# The names beside its own that PyTorch's restricted reader knows.
_KNOWN = {
    ("collections", "OrderedDict"),
    ("collections", "Counter"),
    ("builtins", "set"),
    ("builtins", "complex"),
    ("builtins", "bytearray"),
    ("_codecs", "encode"),
}


class _Name:
    """A name of PyTorch's, which need not be installed for it to be written."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self) -> None:
        """Never called; pickle accepts only a callable as the maker of an object."""
        raise TypeError(f"{self.module}.{self.name} is a name only")


class _Layout:
    """A layout, by its name: what PyTorch's function of that name makes."""

    def __init__(self, maker: _Name, name: str) -> None:
        self.maker, self.name = maker, name


class _Storage:
    """A storage's place in the archive."""

    def __init__(self, kind: _Name, key: str, count: int) -> None:
        self.pid = ("storage", kind, key, "cpu", count)


class _Pickler(pickle._Pickler):
    """Python's pickler, in Python, since its own `save_global` insists on importing what it names.

    ``strict`` refuses every name that PyTorch's restricted reader would refuse. ``mixed`` are the ids of memories that
    are read as numbers of several types: their storages have none, and each tensor says its own. Those are known only
    when all has been pickled once (`mixed` gathers them).
    """

    if TYPE_CHECKING:  # the standard library has no types for these
        write: Any
        memoize: Any

    def __init__(self, file: io.BytesIO, protocol: int, strict: bool, mixed: frozenset[int] = frozenset()) -> None:
        super().__init__(file, protocol)
        self._strict, self._untyped = strict, mixed
        self.mixed: set[int] = set()
        self._first: dict[int, np.dtype[Any]] = {}
        self._names: dict[tuple[str, str], _Name] = {}
        self._layouts: dict[str, _Layout] = {}
        # By the id of an array that is kept alive here, in the value.
        self._memories: dict[tuple[int, np.dtype[Any] | None], tuple[_Storage, np.ndarray]] = {}
        self.records: list[np.ndarray] = []

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, UntypedStorage):
            if isinstance(obj, TypedStorage) and id(root_of(obj._root)) in self._untyped:
                raise RuntimeError("[save] Cannot save multiple tensors or storages that view the same data as "
                                   "different types; clone() one of them")
            obj = self._storage(obj._flat)[0]
        return obj.pid if type(obj) is _Storage else None

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is Tensor or (kind is Buffer and self._strict):
            return self._tensor(obj)
        if isinstance(obj, Tensor) and obj.layout is not strided:
            name, tensors, shape, coalesced = parts_of(obj)
            layout = self._layouts.setdefault(name, _Layout(self._name("torch.serialization", "_get_layout"), name))
            extra = (coalesced,) if name == "torch.sparse_coo" else ()
            return self._name("torch._utils", "_rebuild_sparse_tensor"), (layout, (*tensors, shape, *extra))
        if kind is _Layout:
            return obj.maker, (obj.name,)
        if kind is Layout:
            return self._name("torch.serialization", "_get_layout"), (str(obj),)
        plainly: Any = getattr(kind, "__reduce_ex__", None)
        if isinstance(obj, Tensor) and kind is not Parameter and plainly is Tensor.__reduce_ex__:
            return self._tensor(obj)
        if kind is Parameter:
            rest: tuple[Any, ...] = (obj.detach(), obj.requires_grad, OrderedDict())
            if obj.__dict__:
                return self._name("torch._utils", "_rebuild_parameter_with_state"), (
                    *rest,
                    dict(obj.__dict__),
                )
            return self._name("torch._utils", "_rebuild_parameter"), rest
        if kind is DType or kind is _Name:
            return ""  # written by save_global
        if kind is Size:
            return self._name("torch", "Size"), (tuple(obj),)
        if kind is device:
            parts = (obj.type,) if obj.index is None else (obj.type, obj.index)
            return self._name("torch", "device"), parts
        return NotImplemented

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if type(obj) is DType or type(obj) is _Name:
            module = obj.module if type(obj) is _Name else "torch"
            self.write(b"c" + f"{module}\n{obj.name}\n".encode())
            self.memoize(obj)
            return
        where = str(getattr(obj, "__module__", None)), str(getattr(obj, "__qualname__", name))
        if self._strict and where not in _KNOWN:
            raise TypeError(
                f"[save_torch] tensors, numbers, strings and containers of them were expected; got something "
                f"made of {'.'.join(where)}, which PyTorch would refuse to load; leave it out, or use save"
            )
        super().save_global(obj, name)  # type: ignore[misc]

    def _name(self, module: str, name: str) -> _Name:
        return self._names.setdefault((module, name), _Name(module, name))

    def _tensor(self, tensor: Tensor) -> tuple[Any, ...]:
        array = tensor._concrete("save")
        if tensor.is_meta:
            return self._name("torch._utils", "_rebuild_meta_tensor_no_storage"), (
                self._name("torch", tensor.dtype.name), tuple(array.shape), tensor.stride(), tensor.requires_grad)
        if tensor.requires_grad:
            warn_if_has_hooks(tensor)
        storage, memory = self._storage(array)
        offset = _address(array) - _address(memory) if array.size else 0
        strides = tuple(step // array.itemsize for step in array.strides)
        arguments: tuple[Any, ...] = (
            storage,
            offset // array.itemsize,
            tuple(array.shape),
            strides,
            tensor.requires_grad,
            OrderedDict(),
        )
        rebuild = self._name("torch._utils", "_rebuild_tensor_v2")
        if id(memory) in self._untyped or array.dtype.name not in _STORAGE_OF:
            rebuild = self._name("torch._utils", "_rebuild_tensor_v3")
            arguments = (*arguments, self._name("torch", dtypes.from_numpy(array.dtype).name))
        if type(tensor) is Buffer or (type(tensor) is Tensor and not tensor.__dict__):
            return rebuild, arguments
        kind: Any = self._name("torch", "Tensor") if type(tensor) is Tensor else type(tensor)
        return self._name("torch._tensor", "_rebuild_from_type_v2"), (
            rebuild,
            kind,
            arguments,
            dict(tensor.__dict__),
        )

    def _storage(self, array: np.ndarray) -> tuple[_Storage, np.ndarray]:
        """The storage that the array lies in, and the memory that it stands for: the array's whole memory as PyTorch
        keeps it, or a copy of the array where that memory is not made of its elements."""
        root = root_of(array)
        nameless = array.dtype.name not in _STORAGE_OF  # PyTorch has no class of storages for it
        untyped = nameless or id(root) in self._untyped
        offset = _address(array) - _address(root) if array.size else 0
        steps = (offset, 0 if untyped else root.nbytes, *array.strides) if array.size else ()
        flat = root.flags.c_contiguous or root.flags.f_contiguous
        if not flat or any(step % array.itemsize or step < 0 for step in steps):
            root, untyped = np.ascontiguousarray(array), nameless
        elif self._first.setdefault(id(root), array.dtype) != array.dtype:
            self.mixed.add(id(root))
        key = id(root), None if untyped else array.dtype
        if key not in self._memories:
            memory = root.reshape(-1, order="A").view(np.uint8)
            kind = self._name("torch.storage", "UntypedStorage")
            if not untyped:
                kind = self._name("torch", _STORAGE_OF[array.dtype.name])
            storage = _Storage(kind, str(len(self.records)), memory.size // (1 if untyped else array.itemsize))
            self._memories[key] = storage, root
            self.records.append(memory)
        return self._memories[key]


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def write_archive(obj: Any, f: Any, protocol: int = 2, strict: bool = False) -> None:
    """Writes ``obj`` as an archive of PyTorch's layout to a path (atomically) or a binary file object."""
    program = io.BytesIO()
    writer = first = _Pickler(program, protocol, strict)
    first.dump(obj)
    if first.mixed:
        program = io.BytesIO()
        writer = _Pickler(program, protocol, strict, frozenset(first.mixed))
        writer.dump(obj)

    def pack(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo("archive/data.pkl"), program.getvalue())
            archive.writestr(zipfile.ZipInfo("archive/byteorder"), sys.byteorder)
            for number, memory in enumerate(writer.records):
                with archive.open(
                    zipfile.ZipInfo(f"archive/data/{number}"), "w", force_zip64=memory.size >= 2**31
                ) as record:
                    record.write(written(memory).data)
            archive.writestr(zipfile.ZipInfo("archive/version"), "3\n")

    write_out(f, pack)
