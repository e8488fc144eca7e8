"""PyTorch's files as objects of wengert: what the names in their pickles stand for.

`Archive` and `LegacyFile` are the two forms of such files; a `Reader` reads either.

`Reader.restricted` knows exactly the names listed here, and those that the user has declared safe.
`Reader.unrestricted` is Python's own unpickler, with PyTorch's names given wengert's meaning; it runs whatever the file
says.
"""

from __future__ import annotations

import copy
import functools
import importlib
import pickle
import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import numpy as np

from ..core import dtypes
from ..core.device import device, require_cpu
from ..core.dtypes import DType
from ..core.geometry import LARGEST, laid_out
from ..core.layout import sparse_coo
from ..core.spec import Size
from ..nn.parameter import Buffer, Parameter
from ..ops.arguments import nothing_of
from ..ops.storage import TypedStorage, UntypedStorage
from ..tensors.alias import version_cell
from ..tensors.tensor import Tensor, root_of, wrap
from .archive import Archive
from .decoding import check_view, set_attributes
from .errors import CheckpointEndError, CheckpointError, escaped, reporting, shown
from .keys import Budget
from .legacy import LegacyFile
from .machine import Global, PickleMachine
from .placing import default_restore_location
from .sparse import NAMED, of_parts

STORAGES = {
    "FloatStorage": dtypes.float32,
    "DoubleStorage": dtypes.float64,
    "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16,
    "ByteStorage": dtypes.uint8,
    "CharStorage": dtypes.int8,
    "ShortStorage": dtypes.int16,
    "IntStorage": dtypes.int32,
    "LongStorage": dtypes.int64,
    "BoolStorage": dtypes.bool_,
    "ComplexFloatStorage": dtypes.complex64,
    "ComplexDoubleStorage": dtypes.complex128,
}
"""PyTorch's classes of storages, by which its files say the dtype."""

_DTYPES = (
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex32",
    "complex64",
    "complex128",
    *[dtype.name for dtype in dtypes.FLOAT8],
)
_MOST_DIMENSIONS = 64
_TURNS: dict[str, Callable[..., Any]] = {"conj": np.conjugate, "neg": np.negative}

Locate = Callable[[Any, str], str]


def locator(map_location: Any) -> Locate:
    """A function of a storage and the place it was saved from, that says on which kind of device it is to be put."""

    def locate(storage: Any, location: str) -> str:
        if isinstance(map_location, Mapping):
            location = str(map_location.get(location, location))
        elif callable(map_location):
            found = map_location(storage, location)
            if found is not None:
                return found.device.type if isinstance(found, UntypedStorage) else "cpu"
        elif map_location is not None:
            location = str(map_location)
        return default_restore_location(storage, location).device.type

    if isinstance(map_location, (str, device)):
        require_cpu(map_location)
    elif map_location is not None and not isinstance(map_location, Mapping) and not callable(map_location):
        raise TypeError(
            f"[load] map_location: a device, a string, a dict or a function was expected; got "
            f"{type(map_location).__name__}"
        )
    return locate


def tensors_in(made: Any) -> Iterator[Tensor]:
    """The tensors of what was read, in its containers and modules, which may hold each other."""
    waiting, seen = [made], set()
    for value in waiting:  # which grows as containers are found
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
        elif hasattr(value, "_parameters"):  # a module
            waiting += [value._parameters, value._buffers, value._modules]


def put(made: Any, storages: list[tuple[UntypedStorage, str]], locate: Locate) -> Any:
    """What was read, its storages where ``locate`` wants them: of those on the meta device tensors keep no numbers."""
    gone = {id(root_of(storage._root)) for storage, location in storages
            if locate(storage.untyped(), location) == "meta"}
    for tensor in tensors_in(made) if gone else ():
        if id(root_of(tensor._data)) in gone:
            tensor.data = tensor.data.to("meta")
    return made


class Reader:
    """Reads the object of one file. ``safe`` are the user's classes and functions, by their full names."""

    def __init__(self, archive: Archive | LegacyFile, locate: Locate, safe: Mapping[str, Any]) -> None:
        self._archive, self._locate, self._safe = archive, locate, safe
        self._storages: dict[str, tuple[Any, UntypedStorage]] = {}
        self._places: list[tuple[UntypedStorage, str]] = []
        self._cells: dict[int, list[Any]] = {}
        self._later: list[Callable[[], None]] = []  # what looks at numbers, which may not be there before the end
        self._budget = Budget(archive.length)
        self._table = self._make_table()

    def restricted(self) -> Any:
        """The object, made of tensors and containers only. Raises `CheckpointError`, naming what else it asks."""
        with reporting("a checkpoint of PyTorch"):
            classes = frozenset(value for value in self._safe.values() if isinstance(value, type))
            made = PickleMachine(
                self._archive.pickle(), self._look_up, self._persistent, classes, budget=self._budget
            ).run()
        return self._finish(made)

    def unrestricted(self, module: Any = pickle, **options: Any) -> Any:
        """The object, made by whatever code the file names, by the ``Unpickler`` of a module that is used as pickle
        is."""
        behind = module.Unpickler
        kind: Any = _Unpickler if issubclass(_Unpickler, behind) else type("Unpickler", (_Names, behind), {})
        try:
            made = kind(self, self._archive.program(), options).load()
        except CheckpointError:
            raise
        except (EOFError, pickle.UnpicklingError) as error:
            raise CheckpointEndError(f"[load] a whole checkpoint of PyTorch was expected; its pickle ends early or is "
                                     f"damaged: {error}; take the file from where it was written once more") from error
        return self._finish(made)

    def refused(self) -> list[str]:
        """The names that `restricted` would refuse, sorted, read from the program without running it."""
        found: set[str] = set()
        texts: list[str] = []  # those that the program puts on its stack, for names in two parts
        memo: dict[Any, str] = {}
        with reporting("a checkpoint of PyTorch"):
            for code, argument, _ in pickletools.genops(self._archive.pickle()):
                if code.name == "GLOBAL":
                    found.add(full_name(*str(argument).split(" ", 1)))
                elif code.name == "STACK_GLOBAL":
                    found.add(full_name(*texts[-2:]))
                elif "UNICODE" in code.name or "STRING" in code.name:
                    texts.append(str(argument))
                elif code.name == "MEMOIZE" and texts:
                    memo[len(memo)] = texts[-1]
                elif "PUT" in code.name and texts:
                    memo[argument] = texts[-1]
                elif "GET" in code.name and argument in memo:
                    texts.append(memo[argument])
        return sorted(found - self._table.keys() - self._safe.keys())

    def _finish(self, made: Any) -> Any:
        """Has all numbers read and looked at, and storages put where they are wanted; that last, as the user's own
        function is asked."""
        self._archive.finish()
        with reporting("a checkpoint of PyTorch"):
            for look in self._later:
                look()
        return put(made, self._places, self._locate)

    # -- names -----------------------------------------------------------------------------------------------------

    def _look_up(self, module: str, name: str) -> Any:
        full = full_name(module, name)
        if full in self._table:
            return self._table[full]
        if full in self._safe:
            found = self._safe[full]
            return Global(full, found if callable(found) else None, found)
        reason = _REFUSED.get(full)
        if reason is not None:
            raise CheckpointError(
                f"[load] tensors that wengert has were expected; the file holds {reason} ({full})"
            )
        raise CheckpointError(
            f"[load] Weights only load failed: a file of tensors and containers was expected; this one asks for "
            f"{escaped(full)}, which is neither and was not brought in (Unsupported global: GLOBAL {escaped(full)} was "
            f"not an allowed global by default). If it comes from someone you trust, load(..., weights_only=False) "
            f"runs what it says; torch.serialization.add_safe_globals([{escaped(name)}]) allows this one name"
        )

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for when anything may: PyTorch's names are wengert's, all others are imported."""
        full = full_name(module, name)
        found = self._table.get(full)
        if isinstance(found, Global):
            return found.value or found.call or found
        if found is not None:
            return found
        if module.partition(".")[0] not in ("torch", "torchvision"):
            return None
        try:
            return getattr(importlib.import_module("wengert" + module.removeprefix("torch")), name)
        except (ImportError, AttributeError):
            raise CheckpointError(
                f"[load] a name that wengert has was expected; the file asks for {full}: it holds an object of "
                f"PyTorch's as a whole; in PyTorch, save its state_dict() instead, and load that"
            ) from None

    def _make_table(self) -> dict[str, Any]:
        made: dict[str, tuple[Callable[..., Any] | None, Any]] = {
            "collections.OrderedDict": (self._ordered, OrderedDict),
            "collections.Counter": (self._counter, Counter),
            "builtins.set": (functools.partial(self._set, set), set),
            "builtins.frozenset": (functools.partial(self._set, frozenset), frozenset),
            "builtins.bytes": (_bytes, None),
            "builtins.bytearray": (_bytearray, bytearray),
            "builtins.complex": (_complex, complex),
            "_codecs.encode": (_encode, None),
            "torch.Size": (_size, Size),
            "torch.device": (_device, device),
            "torch.Tensor": (None, Tensor),
            "torch.nn.parameter.Parameter": (None, Parameter),
            "torch.storage.UntypedStorage": (None, UntypedStorage),
            "torch._utils._rebuild_tensor": (self._tensor, None),
            "torch._utils._rebuild_tensor_v2": (self._tensor, None),
            "torch._utils._rebuild_tensor_v3": (self._tensor_of_bytes, None),
            "torch._utils._rebuild_meta_tensor_no_storage": (_without_numbers, None),
            "torch._utils._rebuild_parameter": (_parameter, None),
            "torch._utils._rebuild_parameter_with_state": (_parameter, None),
            "torch._tensor._rebuild_from_type_v2": (self._from_type, None),
            "torch._utils._rebuild_sparse_tensor": (self._sparse, None),
            "torch.serialization._get_layout": (_layout, None),
        }
        table: dict[str, Any] = {name: Global(name, call, value) for name, (call, value) in made.items()}
        table.update(
            {f"torch.{name}": Global(f"torch.{name}", None, None) for name in STORAGES}
        )
        table.update({f"torch.{name}": dtypes.by_name(name) for name in _DTYPES})
        return table

    # -- containers ------------------------------------------------------------------------------------------------

    def _ordered(self, pairs: Any = ()) -> OrderedDict[Any, Any]:
        self._budget.check_keys([key for key, _ in _sequence(pairs)])
        return OrderedDict(pairs)

    def _counter(self, counts: Any = None) -> Counter[Any]:
        if type(counts) not in (dict, type(None)):
            raise TypeError("counts that are no dict")
        return Counter(counts)

    def _set(self, kind: Any, values: Any = ()) -> Any:
        self._budget.check_keys(_sequence(values))
        return kind(values)

    # -- tensors ---------------------------------------------------------------------------------------------------

    def _persistent(self, pid: Any) -> Any:
        word, *parts = _sequence(pid)
        if type(word) is not str or word not in ("storage", "module"):
            raise ValueError("a persistent id of something else than a storage")
        if word == "module":  # a class of the user's, beside its source, in files before 1.6
            return parts[0]
        kind, key, location, count, *view = parts
        if type(key) is not str or type(location) is not str or len(view) > 1:
            raise ValueError("a storage without a name and a place")
        storage = self._storage(kind, key, location, count)
        return storage if not view or view[0] is None else _part(storage, view[0])

    def _storage(self, kind: Any, key: str, location: str, count: Any) -> UntypedStorage:
        dtype = STORAGES.get(kind.name.removeprefix("torch.")) if type(kind) is Global else kind
        dtype = None if dtype is UntypedStorage else dtype
        if dtype is not None and not isinstance(dtype, DType):
            raise TypeError(f"{shown(kind)} is no class of storages")
        known = self._storages.get(key)
        if known is not None:
            if known[0] is not dtype:
                raise ValueError(f"the storage {shown(key)} is of two types")
            return known[1]
        array = self._archive.storage(key, dtype, count)
        storage = UntypedStorage(array) if dtype is None else TypedStorage(wrap(array))
        self._places.append((storage, location))
        self._storages[key] = dtype, storage
        return storage

    def _tensor(
        self,
        storage: Any,
        offset: Any,
        size: Any,
        stride: Any,
        requires_grad: Any = False,
        hooks: Any = None,
        metadata: Any = None,
    ) -> Tensor:
        return self._lay_out(storage, storage.dtype, offset, size, stride, requires_grad, metadata)

    def _tensor_of_bytes(
        self,
        storage: Any,
        offset: Any,
        size: Any,
        stride: Any,
        requires_grad: Any,
        hooks: Any,
        dtype: Any,
        metadata: Any = None,
    ) -> Tensor:
        return self._lay_out(storage, dtype, offset, size, stride, requires_grad, metadata)

    def _lay_out(
        self,
        storage: Any,
        dtype: DType,
        offset: Any,
        size: Any,
        stride: Any,
        requires_grad: Any,
        metadata: Any,
    ) -> Tensor:
        """A tensor in the memory of a storage; offset and strides count elements."""
        if not isinstance(storage, UntypedStorage) or not isinstance(dtype, DType):
            raise TypeError("a tensor without a storage")
        size, stride = _geometry(size, stride, offset)
        memory = storage._root.view(np.uint8)
        width = dtype.itemsize
        array = laid_out("load", memory, dtype.numpy, size, [n * width for n in stride], offset * width)
        if dtype.kind == "b" and storage._root.dtype.kind != "b":
            self._later.append(functools.partial(check_view, array, self._budget))
        if metadata:
            if type(metadata) is not dict:
                raise TypeError("metadata of a tensor that are no dict")
            array = self._turned(array, [name for name in _TURNS if metadata.get(name) is True])
        tensor = wrap(array)
        # Tensors that share memory share the count of what is written to it.
        tensor._cell = self._cells.setdefault(id(root_of(storage._root)), version_cell(tensor))
        return tensor.requires_grad_() if requires_grad is True else tensor

    def _sparse(self, kind: Any, data: Any) -> Any:
        """A sparse tensor around its parts, which are checked when all memory has been read."""
        parts = list(_sequence(data))
        coalesced = None
        if kind is sparse_coo:
            *parts, coalesced = parts if len(parts) == 4 else (*parts, None)
        *parts, size = parts
        tensor, check = of_parts(kind, parts, tuple(_sequence(size)), coalesced)
        self._budget.charge(sum(part._data.nbytes for part in parts))
        self._later.append(check)
        return tensor

    def _turned(self, array: np.ndarray, turns: list[str]) -> np.ndarray:
        """A conjugate or negative, which PyTorch stores as the numbers themselves."""
        if not turns:
            return array
        self._budget.charge(array.nbytes)  # it copies
        turned = np.empty(array.shape, array.dtype)

        def turn() -> None:
            turned[...] = array
            for name in turns:
                _TURNS[name](turned, turned)

        self._later.append(turn)
        return turned

    def _from_type(self, make: Any, kind: Any, arguments: Any, state: Any) -> Tensor:
        """A tensor with attributes of its own."""
        function = make.call if type(make) is Global else make
        rebuilds = self._tensor, self._tensor_of_bytes, _parameter
        if not callable(function) or function not in rebuilds or not (isinstance(kind, type) and
                                                                      issubclass(kind, Tensor)):
            raise CheckpointError(
                "[load] a Tensor, or a class of such, was expected; the file holds a tensor of another class"
            )
        tensor = function(*_sequence(arguments))
        if isinstance(state, dict) and state.get("_is_buffer") is True:
            kind, state = Buffer, {name: value for name, value in state.items() if name != "_is_buffer"}
            tensor = Buffer(tensor)
        if kind is Parameter and not isinstance(tensor, Parameter):
            tensor = Parameter(tensor, tensor.requires_grad)
        elif kind is not type(tensor):  # one that the user declared safe
            wants, tensor = tensor.requires_grad, tensor.detach().as_subclass(kind)
            tensor.requires_grad_(wants)
        set_state(tensor, state)
        return tensor


class _Names:
    """Before an unpickler, in the order of classes: PyTorch's names mean wengert's."""

    def __init__(self, reader: Reader, program: IO[bytes], options: dict[str, Any]) -> None:
        super().__init__(program, **options)  # type: ignore[call-arg]
        self._reader = reader

    def find_class(self, module: str, name: str) -> Any:
        found = self._reader.find_class(module, name)
        return super().find_class(module, name) if found is None else found  # type: ignore[misc]

    def persistent_load(self, pid: Any) -> Any:
        with reporting("a checkpoint of PyTorch"):
            return self._reader._persistent(pid)


class _Unpickler(_Names, pickle.Unpickler):
    """Python's own."""


def full_name(module: str, name: str) -> str:
    """Where Python has what a pickle asks for: those of protocol 2 say where Python 2 had it."""
    return ".".join(NAME_MAPPING.get((module, name)) or (IMPORT_MAPPING.get(module, module), name))


def _part(storage: Any, view: Any) -> UntypedStorage:
    """A storage that is a part of another's, as those of files before 0.4 may be."""
    key, offset, count = _sequence(view)
    if type(offset) is not int or type(count) is not int or not 0 <= offset <= offset + count <= storage._root.size:
        raise ValueError(f"{shown(count)} elements from {shown(offset)} on, of the {storage._root.size} of a storage")
    part = copy.copy(storage)
    part._root = storage._root[offset : offset + count]
    return part


def _geometry(size: Any, stride: Any, offset: Any = 0) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes and strides that a tensor can have."""
    size, stride = tuple(_sequence(size)), tuple(_sequence(stride))
    numbers = (offset, *size, *stride)
    if (
        len(size) != len(stride)
        or len(size) > _MOST_DIMENSIONS
        or any(type(n) is not int or not 0 <= n <= LARGEST for n in numbers)
    ):
        raise ValueError(f"a tensor of size {shown(size)}, strides {shown(stride)} and offset {shown(offset)}")
    return size, stride


def _without_numbers(dtype: Any, size: Any, stride: Any, requires_grad: Any) -> Tensor:
    """A tensor of the meta device."""
    if not isinstance(dtype, DType):
        raise TypeError("a tensor without a dtype")
    size, stride = _geometry(size, stride)
    return nothing_of(size, dtype.numpy, requires_grad is True, stride)


def _layout(name: Any) -> Any:
    """A layout by its name."""
    if type(name) is not str or name not in NAMED:
        raise CheckpointError(f"[load] a layout among {', '.join(NAMED)} was expected; got {shown(name)}")
    return NAMED[name]


def _parameter(data: Any, requires_grad: Any, hooks: Any, state: Any = None) -> Parameter:
    if not isinstance(data, Tensor):
        raise TypeError("a parameter that is no tensor")
    parameter = Parameter(data, requires_grad is True)
    set_state(parameter, state)
    return parameter


def set_state(tensor: Tensor, state: Any) -> None:
    if isinstance(state, tuple) and len(state) == 2 and state[1] is None:
        state = state[0]
    if state:
        if not isinstance(state, dict):
            raise TypeError("attributes of a tensor that are no dict")
        set_attributes(tensor, state)


def _sequence(values: Any) -> Any:
    """The values, if they are a container that Python's own code walks through."""
    if not isinstance(values, (tuple, list, set, frozenset, dict)):
        raise TypeError(f"a {type(values).__name__} where a sequence was expected")
    return values


def _device(kind: Any = "cpu", index: Any = None) -> device:
    if type(kind) is not str or type(index) not in (int, type(None)):
        raise TypeError("a device of something else than a name and a number")
    return device(kind, index)


def _size(values: Any = ()) -> Size:
    if any(type(value) is not int for value in _sequence(values)):
        raise TypeError("a size of something else than ints")
    return Size(values)


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """How pickles of protocol 2 spell bytes."""
    if type(text) is not str or type(encoding) is not str or encoding not in ("latin1", "latin-1"):
        raise TypeError("bytes that are not spelt in latin1")
    return text.encode("latin1")


def _bytes() -> bytes:
    """How pickles of protocol 2 spell no bytes."""
    return b""


def _bytearray(values: Any = b"", encoding: Any = None) -> bytearray:
    if type(values) is str:
        return bytearray(_encode(values, encoding))
    if type(values) is not bytes:
        raise TypeError("a bytearray of something else than bytes")
    return bytearray(values)


def _complex(real: Any, imaginary: Any = 0.0) -> complex:
    if type(real) is not float or type(imaginary) is not float:
        raise TypeError("a complex number of something else than floats")
    return complex(real, imaginary)


_REFUSED = {
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch._utils._rebuild_qtensor": "a quantised tensor",
    "torch._utils._rebuild_device_tensor_from_numpy": "a tensor of a device of another maker",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "a tensor of a device of another maker",
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a class without numbers of its own",
    **{
        f"torch.{name}": f"tensors of dtype {name}"
        for name in (
            "quint8",
            "qint8",
            "qint32",
            "quint4x2",
            "quint2x4",
        )
    },
    **{
        f"torch.{name}Storage": f"a storage of {name}"
        for name in ("QInt8", "QUInt8", "QInt32", "QUInt4x2", "QUInt2x4")
    },
}
