"""Files in PyTorch's two layouts, of zip archives and of the pickles before 1.6, for PyTorch and `load` to read."""

from __future__ import annotations

import io
import os
import pickle
import sys
import zipfile
import zlib
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
from ..utils.serialization import config
from .errors import UnnamedError
from .files import is_path, write_out
from .layout import swap
from .legacy import NUMBER, VERSION
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


class _Records:
    """What every pickler here does of tensors and their memory, before the pickler that stands behind it in the order
    of classes. ``strict`` refuses every name that PyTorch's restricted reader would refuse; ``legacy`` says of storages
    what files before 1.6 say."""

    def __init__(self, file: io.BytesIO, protocol: int, strict: bool = False, legacy: bool = False) -> None:
        super().__init__(file, protocol)  # type: ignore[call-arg]
        self._strict, self._legacy = strict, legacy
        self._names: dict[tuple[str, str], Any] = {}
        self._layouts: dict[str, _Layout] = {}
        # By the id of an array that is kept alive here, with the type that its numbers are read as.
        self._memories: dict[int, tuple[_Storage, np.ndarray, np.dtype[Any]]] = {}
        self.records: list[tuple[np.ndarray, np.dtype[Any]]] = []
        """The memories to be written, as bytes, each with the type of its elements."""

    def _name(self, module: str, name: str) -> Any:
        return self._names.setdefault((module, name), _Name(module, name))

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, TypedStorage):
            obj = self._storage(obj._root)[0]
        elif isinstance(obj, UntypedStorage):
            obj = self._storage(obj._flat, untyped=True)[0]
        if type(obj) is not _Storage:
            return None
        return (*obj.pid, None) if self._legacy else obj.pid

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
        otherwise: Any = getattr(super(), "reducer_override", None)  # that of the user's own pickle_module
        return NotImplemented if otherwise is None else otherwise(obj)

    def _tensor(self, tensor: Tensor) -> tuple[Any, ...]:
        array = tensor._concrete("save")
        if tensor.is_meta:
            return self._name("torch._utils", "_rebuild_meta_tensor_no_storage"), (
                self._name("torch", tensor.dtype.name), tuple(array.shape), tensor.stride(), tensor.requires_grad)
        if tensor.requires_grad:
            warn_if_has_hooks(tensor)
        storage, memory = self._storage(array)
        if array.size and not np.may_share_memory(array, memory):
            array = memory  # a copy
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
        if array.dtype.name not in _STORAGE_OF:
            rebuild = self._name("torch._utils", "_rebuild_tensor_v3")
            arguments = (*arguments, self._name("torch", dtypes.from_numpy(array.dtype).name))
        if type(tensor) is Tensor and not tensor.__dict__:
            return rebuild, arguments
        # A Buffer is to PyTorch a tensor that says of itself that it is one.
        marks = {"_is_buffer": True} if type(tensor) is Buffer else {}
        kind: Any = self._name("torch", "Tensor") if marks or type(tensor) is Tensor else type(tensor)
        return self._name("torch._tensor", "_rebuild_from_type_v2"), (
            rebuild,
            kind,
            arguments,
            {**tensor.__dict__, **marks},
        )

    def _storage(self, array: np.ndarray, untyped: bool = False) -> tuple[_Storage, np.ndarray]:
        """The storage that the array lies in, and the memory that it stands for: the array's whole memory as PyTorch
        keeps it, or a copy of the array where that memory is not made of its elements."""
        root = root_of(array)
        untyped = untyped or array.dtype.name not in _STORAGE_OF  # PyTorch has no class of storages for it
        offset = _address(array) - _address(root) if array.size else 0
        steps = (offset, 0 if untyped else root.nbytes, *array.strides) if array.size else ()
        flat = root.flags.c_contiguous or root.flags.f_contiguous
        if not flat or any(step % array.itemsize or step < 0 for step in steps):
            root = np.ascontiguousarray(array).reshape(array.shape)
        kind: np.dtype[Any] = np.dtype(np.uint8) if untyped else array.dtype
        if id(root) not in self._memories:
            memory = root.reshape(-1, order="A").view(np.uint8)
            maker = (self._name("torch.storage", "UntypedStorage") if untyped else
                     self._name("torch", _STORAGE_OF[kind.name]))
            storage = _Storage(maker, str(len(self.records)), memory.size // kind.itemsize)
            self._memories[id(root)] = storage, root, kind
            self.records.append((memory, kind))
        storage, root, known = self._memories[id(root)]
        if known != kind and root.size:
            raise RuntimeError("[save] Cannot save multiple tensors or storages that view the same data as different "
                               "types; clone() one of them")
        return storage, root


class _Pickler(_Records, pickle._Pickler):
    """Python's pickler, in Python, since its own `save_global` insists on importing what it names."""

    if TYPE_CHECKING:  # the standard library has no types for these
        write: Any
        memoize: Any

    def dump(self, obj: Any) -> None:
        try:
            super().dump(obj)
        except pickle.PicklingError as error:
            raise UnnamedError(str(error)) from error

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


def _pickler(module: Any, file: io.BytesIO, protocol: int, **options: bool) -> Any:
    """The pickler of a module that is used as pickle is: with `_Records` before it where it is written in Python. One
    in C imports what it names, so that tensors are pickled there as anywhere else, their numbers with them."""
    behind: Any = pickle._Pickler if module is None or module is pickle else module.Pickler
    if issubclass(_Pickler, behind):
        return _Pickler(file, protocol, **options)
    if issubclass(behind, pickle._Pickler):
        return type("Pickler", (_Pickler, behind), {})(file, protocol, **options)
    return type("Pickler", (behind,), {"records": ()})(file, protocol)


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def write_archive(obj: Any, f: Any, protocol: int = 2, strict: bool = False, byteorder: bool = True,
                  module: Any = None) -> None:
    """Writes ``obj`` as an archive of PyTorch's layout to a path (atomically) or a binary file object. Without
    ``byteorder`` it does not say in which order the bytes of its numbers lie. ``module`` pickles in pickle's place."""
    program = io.BytesIO()
    pickler = _pickler(module, program, protocol, strict=strict)
    pickler.dump(obj)
    texts = {"data.pkl": program.getvalue(), ".format_version": b"1",
             ".storage_alignment": str(config.save.storage_alignment).encode()}
    if byteorder:
        texts["byteorder"] = sys.byteorder.encode()
    folder = _folder_of(f)

    def pack(file: Any) -> None:
        archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        try:
            for name, text in texts.items():
                archive.writestr(zipfile.ZipInfo(f"{folder}/{name}"), text)
            for number, (memory, _) in enumerate(pickler.records):
                entry = zipfile.ZipInfo(f"{folder}/data/{number}")
                wide = memory.size >= 2**31
                entry.extra = _padding(file.tell() + len(entry.filename) + 20 * wide)
                with archive.open(entry, "w", force_zip64=wide) as record:
                    record.write(written(memory).data)
                entry.extra = b""  # the table at the end needs none
            archive.writestr(zipfile.ZipInfo(f"{folder}/version"), "3\n")
            archive.writestr(zipfile.ZipInfo(f"{folder}/.data/serialization_id"), _identity(archive.infolist()))
            archive.close()
        except BaseException:
            archive.fp = None  # half written, it is given up: to close it would raise in the place of Ctrl-C
            raise

    write_out(f, pack)


def _folder_of(f: Any) -> str:
    """The folder in which an archive keeps its records: the file's name without its ending, as in PyTorch."""
    name = os.path.splitext(os.path.basename(os.fsdecode(f)))[0] if is_path(f) else ""
    return name if name.isascii() and not name.startswith(".") and name else "archive"


def _padding(begin: int) -> bytes:
    """What a record's header, of 30 bytes and a name that end at ``begin`` + 30, is lengthened by for its numbers to
    begin at a multiple of the alignment: a field of its own with two letters and a length, as PyTorch has it."""
    behind = begin + 34
    room = -behind % config.save.storage_alignment
    return b"FB" + room.to_bytes(2, "little") + b"Z" * room


def _identity(entries: list[zipfile.ZipInfo]) -> str:
    """Forty digits that follow from what the records hold."""
    names = zlib.crc32("".join(entry.filename for entry in entries).encode())
    sums = zlib.crc32(b"".join(entry.CRC.to_bytes(4, "little") for entry in entries))
    return f"{names:020d}{sums:020d}"


def write_legacy(obj: Any, f: Any, protocol: int = 2, module: Any = None) -> None:
    """Writes ``obj`` as PyTorch did before 1.6 (see `legacy`) to a path (atomically) or a binary file object."""
    program = io.BytesIO()
    machine = {"protocol_version": VERSION, "little_endian": sys.byteorder == "little",
               "type_sizes": {"short": 2, "int": 4, "long": 4}}
    for part in (NUMBER, VERSION, machine):
        pickle.dump(part, program, protocol)
    pickler = _pickler(module, program, protocol, legacy=True)
    pickler.dump(obj)
    pickle.dump([str(number) for number in range(len(pickler.records))], program, protocol)

    def pack(file: Any) -> None:
        file.write(program.getvalue())
        for memory, kind in pickler.records:
            file.write((memory.size // kind.itemsize).to_bytes(8, "little"))
            numbers = written(memory)
            if sys.byteorder == "big":
                numbers = swap(numbers.view(kind).copy()).view(np.uint8)
            file.write(numbers.data)

    write_out(f, pack)
