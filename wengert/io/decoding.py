"""Objects from JSON and arrays: the way back from `encoding`.

All that a document can bring into being is listed here: numbers, strings, containers, tensors. Nothing in it is a name
that is looked up anywhere else.
"""

from __future__ import annotations

import base64
import json
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.device import device
from ..core.geometry import LARGEST, laid_out
from ..core.spec import Size
from ..nn.parameter import Parameter
from ..tensors.absent import Absent, absent
from ..tensors.alias import version_cell
from ..tensors.tensor import Tensor, wrap
from .encoding import VERSION, may_be_set
from .errors import CheckpointError, reporting, shown
from .keys import Budget
from .layout import DTYPES, Arrays, check_truths, numpy_dtype
from .sparse import NAMED, of_parts

_COMPLEX = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}


def decode(text: str, arrays: Arrays) -> Any:
    """The object of a document, made around ``arrays``. Raises `CheckpointError` for one that `encode` did not make."""
    with reporting("a checkpoint of wengert"):
        document = json.loads(text)
        version = document["version"]
        if version != VERSION:
            raise CheckpointError(
                f"[load] version {VERSION} of wengert's checkpoints was expected; got version {shown(version)}; "
                f"a newer wengert wrote it: update this one"
            )
        budget = Budget(len(text) + sum(array.nbytes for array in arrays.values()))
        return _Decoder(document["tensors"], arrays, budget).value(document["object"])


def set_attributes(tensor: Tensor, attributes: dict[str, Any]) -> None:
    """Gives a tensor the attributes that had been put on it; none of them may hide one that the class has."""
    for name, value in attributes.items():
        if not may_be_set(type(tensor), name):
            raise CheckpointError(
                f"[load] an attribute of a tensor was expected; {shown(name)} is none that can be set"
            )
        tensor.__dict__[name] = value


def check_view(truths: np.ndarray, budget: Budget) -> None:
    """Raises ValueError for an array of truth values in memory that may hold anything, if it holds others."""
    once = truths[tuple([slice(0, None if step else 1) for step in truths.strides])]
    budget.charge(once.size)
    check_truths(once)


class _Decoder:
    def __init__(self, entries: list[dict[str, Any]], arrays: Arrays, budget: Budget) -> None:
        self._entries, self._arrays, self._budget = entries, arrays, budget
        self._made: dict[tuple[str, int], Any] = {}
        self._cells: dict[str, Any] = {}
        self._ordered: dict[str, tuple[list[int], np.ndarray]] = {}

    def value(self, node: Any) -> Any:
        if not isinstance(node, (dict, list)):
            return node
        if isinstance(node, list):
            return [self.value(part) for part in node]
        kind = next(iter(node), None)
        make = _KINDS.get(kind or "")
        if make is None:
            raise CheckpointError(f"[load] one of the kinds {', '.join(_KINDS)} was expected; got {shown(kind)}")
        return make(self, node)

    def sequence(self, node: Any) -> list[Any]:
        if not isinstance(node, list):
            raise TypeError(f"a list was expected; got {type(node).__name__}")
        return [self.value(part) for part in node]

    def text(self, node: Any) -> str:
        if type(node) is not str:
            raise TypeError(f"a text was expected; got a {type(node).__name__}")
        return node

    def items(self, node: Any) -> dict[Any, Any]:
        if isinstance(node, dict):
            return {key: self.value(part) for key, part in node.items()}
        return dict(
            zip(self.keys([key for key, _ in node]), [self.value(part) for _, part in node], strict=True)
        )

    def keys(self, node: Any) -> list[Any]:
        """The values of a list of nodes, all of which can be hashed at no great cost."""
        keys = self.sequence(node)
        self._budget.check_keys(keys)
        return keys

    def ordered(self, node: dict[str, Any]) -> OrderedDict[Any, Any]:
        made: Any = OrderedDict(self.items(node["OrderedDict"]))
        if "metadata" in node:
            made._metadata = self.value(node["metadata"])
        return made

    def sparse(self, node: Any) -> Any:
        name, parts, size, coalesced, requires_grad = self.sequence(node)
        tensor, check = of_parts(name, parts, size, coalesced)
        check()
        return tensor.requires_grad_() if requires_grad is True else tensor

    # -- tensors ---------------------------------------------------------------------------------------------------

    def tensor(self, kind: str, number: Any) -> Any:
        if type(number) is not int or not 0 <= number < len(self._entries):
            raise IndexError(f"there is no tensor {shown(number)}")
        key = kind, number
        if key not in self._made:
            entry = self._entries[number]
            array = _absent(entry) if "absent" in entry else self._array(entry)
            if kind == "tensor":
                self._made[key] = self._around(array, entry)
            else:
                self._made[key] = array[()] if kind == "scalar" else array
        return self._made[key]

    def _around(self, array: Any, entry: dict[str, Any]) -> Tensor:
        dtypes.from_numpy(array.dtype)  # raises for one that only numpy has
        tensor = wrap(array)
        # Tensors that share memory share the count of what is written to it.
        if "record" in entry:
            tensor._cell = self._cells.setdefault(entry["record"], version_cell(tensor))
        requires_grad = entry.get("requires_grad") is True
        if entry.get("parameter") is True:
            tensor = Parameter(tensor, requires_grad)
        elif requires_grad:
            tensor.requires_grad_()
        if "attributes" in entry:
            set_attributes(tensor, self.items(entry["attributes"]))
        return tensor

    def _array(self, entry: dict[str, Any]) -> np.ndarray:
        name = entry["record"]
        record = self._arrays[name]
        dtype = record.dtype
        if "dtype" in entry:
            if entry["dtype"] not in DTYPES:
                raise ValueError(f"{shown(entry['dtype'])} is no type of numbers")
            dtype = numpy_dtype(entry["dtype"])
        if "strides" in entry:
            array = _strided(record, dtype, entry)
            if dtype.kind == "b" and record.dtype.kind != "b":
                check_view(array, self._budget)
            return array
        if dtype != record.dtype:
            if record.dtype.name != _COMPLEX.get(dtype.name):
                raise ValueError(f"the parts of {dtype} numbers cannot be {record.dtype}")
            record = record.reshape(-1).view(dtype).reshape(record.shape[:-1])
        if "order" not in entry:
            return record
        # One copy for each record, however often it is asked for.
        order = entry["order"]
        if name not in self._ordered:
            self._ordered[name] = (
                order,
                np.ascontiguousarray(record.transpose(order)).transpose(np.argsort(order)),
            )
        if self._ordered[name][0] != order:
            raise ValueError(f"two orders of the record {shown(name)}")
        return self._ordered[name][1]


def _absent(entry: dict[str, Any]) -> Absent:
    """What a tensor of the meta device holds."""
    shape, strides = entry["absent"], entry["strides"]
    if entry["dtype"] not in DTYPES or any(type(n) is not int or not 0 <= n <= LARGEST for n in (*shape, *strides)):
        raise ValueError(f"a tensor of size {shown(shape)} and strides {shown(strides)} without numbers")
    return absent(shape, numpy_dtype(entry["dtype"]), strides)


def _strided(record: np.ndarray, dtype: np.dtype[Any], entry: dict[str, Any]) -> np.ndarray:
    """An array that lies somewhere in the memory of ``record``."""
    shape, strides, offset = tuple(entry["shape"]), tuple(entry["strides"]), entry["offset"]
    if any(step % dtype.itemsize for step in (*strides, offset)):
        raise ValueError(
            f"the strides {shown(strides)} and the offset {shown(offset)} do not fit elements of {dtype.itemsize} bytes"
        )
    return laid_out("load", record.reshape(-1).view(np.uint8), dtype, shape, strides, offset)


_KINDS: dict[str, Callable[[_Decoder, dict[str, Any]], Any]] = {
    "dict": lambda decoder, node: decoder.items(node["dict"]),
    "OrderedDict": lambda decoder, node: decoder.ordered(node),
    "Counter": lambda decoder, node: Counter(decoder.items(node["Counter"])),
    "tuple": lambda decoder, node: tuple(decoder.sequence(node["tuple"])),
    "set": lambda decoder, node: set(decoder.keys(node["set"])),
    "frozenset": lambda decoder, node: frozenset(decoder.keys(node["frozenset"])),
    "Size": lambda decoder, node: Size(decoder.sequence(node["Size"])),
    "float": lambda decoder, node: float({"nan": "nan", "inf": "inf", "-inf": "-inf"}[node["float"]]),
    "complex": lambda decoder, node: complex(*decoder.sequence(node["complex"])),
    "bytes": lambda decoder, node: base64.b64decode(node["bytes"], validate=True),
    "bytearray": lambda decoder, node: bytearray(base64.b64decode(node["bytearray"], validate=True)),
    "dtype": lambda decoder, node: dtypes.by_name(decoder.text(node["dtype"])),
    "device": lambda decoder, node: device(decoder.text(node["device"])),
    "layout": lambda decoder, node: NAMED[decoder.text(node["layout"])],
    "tensor": lambda decoder, node: decoder.tensor("tensor", node["tensor"]),
    "sparse": lambda decoder, node: decoder.sparse(node["sparse"]),
    "ndarray": lambda decoder, node: decoder.tensor("ndarray", node["ndarray"]),
    "scalar": lambda decoder, node: decoder.tensor("scalar", node["scalar"]),
}
