"""Pickles of dictionaries, lists, strings, numbers and arrays, read without running anything.

CIFAR was published as pickles of Python 2. They are run by the machine for checkpoints, which calls what a list holds
and refuses every other name: here, the makers of NumPy's arrays, and not even these themselves but stand-ins that take
a shape, a kind of numbers and the bytes.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from ...io import CheckpointError
from ...io.errors import escaped, reporting, shown
from ...io.machine import Global, PickleMachine

_NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")  # booleans, integers and floating point numbers
_MOST_DIMENSIONS = 64


class _Kind:
    """A dtype in the making."""

    def __init__(self, name: Any, *_flags: Any) -> None:
        if type(name) is not str or not _NUMBERS.fullmatch(name):
            raise CheckpointError(f"[load] an array of numbers was expected; the pickle has the dtype {shown(name)}")
        self.kind = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, ...), the rest being about structured dtypes.
        if type(state) is not tuple or type(state[1]) is not str:
            raise TypeError("the state of a dtype that is no tuple with a byte order")
        if state[1] == ">":
            self.kind = self.kind.newbyteorder(">")
        elif state[1] == "<":
            self.kind = self.kind.newbyteorder("<")


class _Array:
    """An array in the making."""

    def __init__(self, *_empty: Any) -> None:
        self.array: np.ndarray[Any, Any] | None = None

    def __setstate__(self, state: Any) -> None:
        if type(state) is not tuple:
            raise TypeError("the state of an array that is no tuple")
        _version, shape, kind, in_columns, data = state
        self.fill(data, kind, shape, "F" if in_columns else "C")

    def fill(self, data: Any, kind: Any, shape: Any, order: Any) -> _Array:
        if type(data) not in (str, bytes, bytearray) or type(kind) is not _Kind:
            raise TypeError("an array of something else than bytes and a dtype")
        if type(shape) is not tuple or len(shape) > _MOST_DIMENSIONS or any(type(n) is not int for n in shape):
            raise TypeError("an array whose shape is no tuple of ints")
        content = data.encode("latin-1") if isinstance(data, str) else bytes(data)
        if min(shape, default=0) < 0 or len(content) != math.prod(shape) * kind.kind.itemsize:
            raise ValueError(f"an array of the shape {shown(shape)} of {len(content)} bytes")
        in_order: Any = "F" if order == "F" else "C"
        self.array = np.frombuffer(bytearray(content), kind.kind).reshape(shape, order=in_order)
        return self


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> _Array:
    if type(order) is not str:
        raise TypeError("an order that is no text")
    return _Array().fill(data, kind, shape, order)


def _encode(text: Any, encoding: Any) -> bytes:
    if type(text) is not str or type(encoding) is not str or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes that are not spelt in latin1")
    return text.encode("latin-1")


def _known() -> dict[tuple[str, str], Global]:
    known = {
        ("numpy", "ndarray"): Global("numpy.ndarray", None, None),
        ("numpy", "dtype"): Global("numpy.dtype", _Kind, None),
        ("_codecs", "encode"): Global("_codecs.encode", _encode, None),
    }
    for core in ("numpy.core", "numpy._core"):
        known[f"{core}.multiarray", "_reconstruct"] = Global("numpy's _reconstruct", _Array, None)
        known[f"{core}.numeric", "_frombuffer"] = Global("numpy's _frombuffer", _from_buffer, None)
    return known


_KNOWN = _known()


def _resolve(module: str, name: str) -> Global:
    if (module, name) not in _KNOWN:
        raise CheckpointError(
            f"[load] a pickle of arrays and containers was expected; it asks for {escaped(f'{module}.{name}')}"
        )
    return _KNOWN[module, name]


def _no_ids(number: Any) -> Any:
    raise CheckpointError(
        f"[load] a pickle of arrays and containers was expected; it refers to {shown(number)} elsewhere"
    )


def read_pickle(path: str | Path) -> Any:
    """The containers, strings, numbers and arrays in a pickle; strings of Python 2 are read as Latin-1.

    Raises CheckpointError (a RuntimeError) for damaged files and for those that ask for anything else.
    """
    data = Path(path).read_bytes()
    with reporting(f"{path}: a pickle of arrays and containers"):
        machine = PickleMachine(data, _resolve, _no_ids, frozenset({_Array, _Kind}), encoding="latin-1")
        return _finished(machine.run(), 0, {})


def _finished(value: Any, depth: int, done: dict[int, Any]) -> Any:
    """The value with arrays in place of what they were made in. ``done`` has what was met before, by its id."""
    if id(value) in done:
        return done[id(value)]
    if depth > 50:
        raise ValueError("containers nested more than 50 deep")
    if type(value) is _Array:
        if value.array is None:
            raise ValueError("an array without numbers")
        return value.array
    if type(value) is _Kind:
        raise TypeError("the maker of an array where a value was expected")
    if isinstance(value, dict):
        done[id(value)] = {key: _finished(part, depth + 1, done) for key, part in value.items()}
    elif type(value) in (list, tuple):
        done[id(value)] = type(value)([_finished(part, depth + 1, done) for part in value])
    return done.get(id(value), value)
