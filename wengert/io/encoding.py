"""Objects as JSON and arrays, on the way out. `decoding` is the way back.

The document is ``{"version": 1, "object": node, "tensors": [entry, ...]}``. A node is a JSON null, boolean, string,
finite number or list for itself, and an object with one kind as its first key for everything else: ``{"dict": {...}}``,
``{"tuple": [...]}``, ``{"tensor": 3}``. The last is a place in ``tensors``, so that a tensor met twice is one tensor
again. An entry says where a tensor's numbers are: ``{"record": name}``, and what differs from the array of that name.
Tensors that share memory refer to one record, with offset and strides in bytes, and a dtype where theirs is another.
"""

from __future__ import annotations

import base64
import json
import math
import re
import sys
from collections import Counter, OrderedDict
from typing import Any

import numpy as np

from ..core.device import device
from ..core.dtypes import DType, from_numpy
from ..core.layout import layout as Layout
from ..core.layout import parts_of as numbers_of
from ..core.layout import strided
from ..core.spec import Size
from ..nn.parameter import Buffer, Parameter
from ..tensors.absent import Absent
from ..tensors.tensor import Tensor, root_of
from ..utils.hooks import warn_if_has_hooks
from .keys import Budget
from .sparse import parts_of

VERSION = 1
# Beyond these an object is not written in this format: a reader would refuse its header, or take it for an attack.
_MOST_NODES, _MOST_TEXT, _MOST_DEPTH, _MOST_BITS = 1_000_000, 64_000_000, 100, 10_000

_SEQUENCES: dict[type, str] = {tuple: "tuple", set: "set", frozenset: "frozenset", Size: "Size"}


class NotPlainError(TypeError):
    """An object that JSON and arrays cannot hold."""


def encode(obj: Any) -> tuple[str, dict[str, np.ndarray]]:
    """The document of ``obj`` as JSON, and its arrays by name. Raises `NotPlainError`."""
    encoder = _Encoder()
    node = encoder.node(obj, ())
    document = {"version": VERSION, "object": node, "tensors": encoder.entries()}
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    if len(text) > _MOST_TEXT or encoder.budget.spent > Budget(len(text)).limit:
        raise NotPlainError(f"{len(text)} bytes of JSON, or keys that cost much")
    return text, encoder.records


class _Encoder:
    def __init__(self) -> None:
        self.records: dict[str, np.ndarray] = {}
        self.budget = Budget(sys.maxsize)  # what reading it again will cost
        self._found: list[
            tuple[Any, Any, dict[str, Any], str]
        ] = []  # object, its array, its entry, a name for it
        self._numbers: dict[int, int] = {}
        self._nodes = 0
        self._open: set[int] = set()

    def node(self, obj: Any, path: tuple[str, ...]) -> Any:
        kind = type(obj)
        self._nodes += 1
        if obj is None or kind is bool or kind is str or (kind is int and obj.bit_length() <= _MOST_BITS):
            return obj
        if kind is float:
            return obj if math.isfinite(obj) else {"float": str(obj)}
        if kind in (Tensor, Parameter, Buffer, np.ndarray) or isinstance(obj, np.generic):
            return self._tensor(obj, path)
        if isinstance(obj, Tensor) and obj.layout is not strided and not obj.__dict__:
            name, parts, shape, coalesced = parts_of(obj)
            return {"sparse": [name, [self._tensor(part, (*path, str(i))) for i, part in enumerate(parts)], list(shape),
                               coalesced, obj.requires_grad]}
        if kind is complex:
            return {"complex": [self.node(obj.real, path), self.node(obj.imag, path)]}
        if kind is bytes or kind is bytearray:
            return {kind.__name__: base64.b64encode(obj).decode("ascii")}
        if kind is DType:
            return {"dtype": obj.name}
        if kind is device:
            return {"device": str(obj)}
        if kind is Layout:
            return {"layout": str(obj)}
        return self._container(obj, kind, path)

    def _container(self, obj: Any, kind: type, path: tuple[str, ...]) -> Any:
        if id(obj) in self._open or len(self._open) >= _MOST_DEPTH or self._nodes > _MOST_NODES:
            raise NotPlainError(f"{_said(path)} contains itself, or is too deep or too large")
        self._open.add(id(obj))
        try:
            if kind is list:
                return self._sequence(obj, path)
            if isinstance(obj, (dict, set, frozenset)):
                try:
                    self.budget.check_keys(obj)
                except (TypeError, ValueError) as error:
                    raise NotPlainError(f"{_said(path)} has keys that a reader refuses: {error}") from error
            if kind in _SEQUENCES:
                return {_SEQUENCES[kind]: self._sequence(obj, path)}
            if kind is dict or kind is Counter:
                return {kind.__name__: self._items(obj, path)}
            if kind is OrderedDict:
                attributes = dict(obj.__dict__)
                node = {"OrderedDict": self._items(obj, path)}
                if "_metadata" in attributes:
                    node["metadata"] = self.node(attributes.pop("_metadata"), (*path, "metadata"))
                if not attributes:
                    return node
        finally:
            self._open.discard(id(obj))
        raise NotPlainError(f"{_said(path)} is of type {kind.__module__}.{kind.__qualname__}")

    def _sequence(self, items: Any, path: tuple[str, ...]) -> list[Any]:
        return [self.node(item, (*path, str(position))) for position, item in enumerate(items)]

    def _items(self, mapping: Any, path: tuple[str, ...]) -> Any:
        if all(type(key) is str for key in mapping):
            return {key: self.node(value, (*path, key)) for key, value in mapping.items()}
        return [[self.node(key, path), self.node(value, (*path, str(key)))] for key, value in mapping.items()]

    # -- tensors ---------------------------------------------------------------------------------------------------

    def _tensor(self, obj: Any, path: tuple[str, ...]) -> Any:
        if id(obj) not in self._numbers:
            self._numbers[id(obj)] = len(self._found)
            entry: dict[str, Any] = {}
            kind = type(obj)
            if isinstance(obj, Tensor):
                array: Any = obj._concrete("save")
                if obj.requires_grad:
                    warn_if_has_hooks(obj)
                    entry["requires_grad"] = True
                if kind is Parameter:
                    entry["parameter"] = True
                if kind is not Buffer and obj.__dict__:
                    if not all(may_be_set(kind, name) for name in obj.__dict__):
                        raise NotPlainError(f"{_said(path)} has attributes that hide a tensor's own")
                    entry["attributes"] = self._items(obj.__dict__, path)
            else:
                array = np.asarray(obj)
                if array.dtype.kind not in "biufc" or array.dtype.itemsize > 16 or array.dtype.name in _LONG:
                    raise NotPlainError(f"{_said(path)} is an array of dtype {array.dtype}")
                array = array.astype(array.dtype.newbyteorder("="), copy=False)
            self._found.append((obj, array, entry, ".".join(path)))
        word = "tensor" if isinstance(obj, Tensor) else "ndarray" if isinstance(obj, np.ndarray) else "scalar"
        return {word: self._numbers[id(obj)]}

    def entries(self) -> list[dict[str, Any]]:
        """The entries of all tensors found, whose numbers are put into ``records``."""
        sharing: dict[int, list[int]] = {}
        for number, (tensor, array, entry, _) in enumerate(self._found):
            if type(array) is Absent:
                entry.update(absent=list(array.shape), dtype=tensor.dtype.name, strides=list(tensor.stride()))
                continue
            sharing.setdefault(id(root_of(array)), []).append(number)
        for numbers in sharing.values():
            arrays = [self._found[number][1] for number in numbers]
            if len({_geometry(array) for array in arrays}) == 1 and not _repeats(arrays[0]):
                placed = self._whole(arrays[0], self._found[numbers[0]][3])
                for number in numbers:
                    self._found[number][2].update(placed)
            elif not self._shared(numbers, arrays):
                for number, array in zip(numbers, arrays, strict=True):
                    self._found[number][2].update(self._whole(array, self._found[number][3]))
        return [entry for _, _, entry, _ in self._found]

    def _whole(self, array: np.ndarray, name: str) -> dict[str, Any]:
        """Stores an array in row-major order, and notes where its memory had another."""
        entry: dict[str, Any] = {
            "record": self._record(np.ascontiguousarray(array).reshape(array.shape), name)
        }
        if array.dtype.kind in "cW":
            entry["dtype"] = from_numpy(array.dtype).name
        order = sorted(range(array.ndim), key=lambda dim: -array.strides[dim])
        if not array.flags.c_contiguous and array.transpose(order).flags.c_contiguous:
            entry["order"] = order
        return entry

    def _shared(self, numbers: list[int], arrays: list[np.ndarray]) -> bool:
        """Stores the part of one memory that several arrays show, and notes how each of them lies in it.

        Returns False, and does nothing, where the memory has gaps of its own, or the arrays lie askew in it.
        """
        root = root_of(arrays[0])
        bounds = [np.lib.array_utils.byte_bounds(array) for array in arrays if array.size]
        start = _address(root)
        low, high = min((low for low, _ in bounds), default=start), max((high for _, high in bounds), default=start)
        low -= (low - start) % max(array.itemsize for array in arrays)
        if not (root.flags.c_contiguous or root.flags.f_contiguous) or any(
            step % array.itemsize for array in arrays for step in (*array.strides, _address(array) - low) if array.size
        ):
            return False
        part = root.reshape(-1, order="A").view(np.uint8)[low - start : high - start]
        # Where one of them is all of it, other readers of the file see it in its shape. Memory that is also read as
        # other numbers is never said to be truth values, which a reader checks.
        kinds = {array.dtype: None for array in arrays}
        dtype = next((d for d in kinds if part.size % d.itemsize == 0 and (d.kind != "b" or len(kinds) == 1)), None)
        whole = next((n for n, array in enumerate(arrays)
                      if array.dtype == dtype and array.nbytes == part.size and array.flags.c_contiguous), None)
        shown = arrays[whole] if whole is not None else part if dtype is None else part.view(dtype)
        name = self._record(shown, self._found[numbers[whole or 0]][3])
        for number, array in zip(numbers, arrays, strict=True):
            offset = _address(array) - low if array.size else 0
            entry = self._found[number][2]
            entry.update(record=name, shape=list(array.shape), strides=list(array.strides), offset=offset)
            if array.dtype != self.records[name].dtype:
                entry["dtype"] = from_numpy(array.dtype).name
        return True

    def _record(self, array: np.ndarray, path: str) -> str:
        """Stores an array under a name of its own, near to where it was found; complex numbers as pairs."""
        if array.dtype.kind in "cW":
            array = numbers_of(array)
        base = name = path.encode("utf-8", "replace").decode("utf-8") or "tensor"
        count = 1
        while name in self.records or name == "__metadata__":
            count += 1
            name = f"{base}.{count}"
        self.records[name] = array
        return name


def may_be_set(kind: type, name: Any) -> bool:
    """Whether an attribute of this name may be put on a tensor of this class: it must hide none of the class's own."""
    return isinstance(name, str) and bool(_PLAIN.fullmatch(name)) and not hasattr(kind, name)


_PLAIN = re.compile(r"(?!__)[^\W\d]\w*")
_LONG = {"longdouble", "clongdouble", "float128", "complex256", "float96", "complex192"}


def _said(path: tuple[str, ...]) -> str:
    return "the object" + "".join(f"[{part}]" for part in path)


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def _geometry(array: np.ndarray) -> tuple[Any, ...]:
    return _address(array), array.shape, array.strides, array.dtype


def _repeats(array: np.ndarray) -> bool:
    """Whether the array (expanded, say) shows less memory than it has elements."""
    return bool(array.size) and any(
        step == 0 and size > 1 for step, size in zip(array.strides, array.shape, strict=True)
    )
