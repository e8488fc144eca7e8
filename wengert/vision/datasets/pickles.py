"""Pickles of dictionaries, lists, strings, numbers and arrays, read without running anything.

CIFAR was published as pickles of Python 2. They are run by the machine for checkpoints, which calls what a list holds
and refuses every other name: here, the makers of NumPy's arrays, and not even these themselves but stand-ins that take
a shape, a kind of numbers and the bytes.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ...io import CheckpointError
from ...io.errors import reporting
from ...io.machine import Global, PickleMachine


class _Kind:
    """A dtype in the making: booleans, integers and floating point numbers."""

    def __init__(self, name: str, *_flags: Any) -> None:
        self.kind = np.dtype(name)
        if self.kind.kind not in "biuf":
            raise CheckpointError(f"[load] an array of numbers was expected; the pickle has the dtype {name!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        # (version, byte order, ...), the rest being about structured dtypes.
        if state[1] in ("<", ">"):
            self.kind = self.kind.newbyteorder(state[1])


class _Array:
    """An array in the making."""

    def __init__(self, *_empty: Any) -> None:
        self.array: np.ndarray[Any, Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, kind, in_columns, data = state
        self.fill(data, kind, shape, "F" if in_columns else "C")

    def fill(self, data: Any, kind: Any, shape: Any, order: Any) -> _Array:
        content = data.encode("latin-1") if isinstance(data, str) else bytes(data)
        if type(kind) is not _Kind or len(content) != math.prod(shape) * kind.kind.itemsize:
            raise ValueError(f"an array of the shape {shape} of {len(content)} bytes")
        self.array = np.frombuffer(bytearray(content), kind.kind).reshape(shape, order="F" if order == "F" else "C")
        return self


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> _Array:
    return _Array().fill(data, kind, shape, order)


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes in the encoding {encoding!r}")
    return text.encode("latin-1")


def _known() -> dict[tuple[str, str], Global]:
    known = {
        ("numpy", "ndarray"): Global("numpy.ndarray", None, np.ndarray),
        ("numpy", "dtype"): Global("numpy.dtype", _Kind, _Kind),
        ("_codecs", "encode"): Global("_codecs.encode", _encode, None),
    }
    for core in ("numpy.core", "numpy._core"):
        known[f"{core}.multiarray", "_reconstruct"] = Global("numpy's _reconstruct", _Array, _Array)
        known[f"{core}.numeric", "_frombuffer"] = Global("numpy's _frombuffer", _from_buffer, None)
    return known


_KNOWN = _known()


def _resolve(module: str, name: str) -> Global:
    if (module, name) not in _KNOWN:
        raise CheckpointError(f"[load] a pickle of arrays and containers was expected; it asks for {module}.{name}")
    return _KNOWN[module, name]


def _no_ids(number: Any) -> Any:
    raise CheckpointError(f"[load] a pickle of arrays and containers was expected; it refers to {number!r} elsewhere")


def read_pickle(path: str | Path) -> Any:
    """The containers, strings, numbers and arrays in a pickle; strings of Python 2 are read as Latin-1.

    Raises CheckpointError (a RuntimeError) for damaged files and for those that ask for anything else.
    """
    data = Path(path).read_bytes()
    with reporting(f"{path}: a pickle of arrays and containers"):
        machine = PickleMachine(data, _resolve, _no_ids, frozenset({_Array, _Kind}), encoding="latin-1")
        return _finished(machine.run(), 0)


def _finished(value: Any, depth: int) -> Any:
    """The value with arrays in place of what they were made in."""
    if depth > 50:
        raise ValueError("containers nested more than 50 deep")
    if type(value) is _Array:
        if value.array is None:
            raise ValueError("an array without numbers")
        return value.array
    if isinstance(value, dict):
        return {key: _finished(part, depth + 1) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_finished(part, depth + 1) for part in value)
    if type(value) in (Global, _Kind):
        raise TypeError("the maker of an array where a value was expected")
    return value
