"""The safetensors layout: arrays by name, and a dict of strings.

A file is eight bytes of header length, a header of JSON (name -> dtype, shape, place) and the numbers, little-endian,
one array behind the other without gaps. Everything is checked before memory is taken for any number.
https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import math
import sys
from typing import IO, Any

import numpy as np

from ..core import dtypes
from .errors import CheckpointError, reporting, shown
from .files import write_out
from .mapping import map_array
from .options import written

Arrays = dict[str, np.ndarray]

# The types of numbers in the layout, by numpy's names for them; wengert's own writer says complex numbers as pairs.
_CODES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2": "F8_E5M2",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
}
DTYPES = (*_CODES, "complex32", "complex128")
"""All types of numbers that an array in a checkpoint has, by numpy's names."""
_NAMES = {code: name for name, code in _CODES.items()}
_LONGEST_HEADER = 100_000_000  # the format's own limit
_MOST_DIMENSIONS = 64


class HeaderError(ValueError):
    """Names and metadata that no header of this layout can hold."""


def numpy_dtype(name: str) -> np.dtype[Any]:
    """numpy's dtype of this name; that of ml_dtypes where numpy itself has none."""
    return dtypes.by_name(name).numpy


def write_arrays(f: Any, arrays: Arrays, metadata: dict[str, str] | None = None) -> None:
    """Writes ``arrays``, contiguous ones, and ``metadata`` to a path (atomically) or to a binary file object.

    Raises `HeaderError` for names that are no Unicode text, and for a header that would be too long.
    """
    # The widest numbers come first, so that each array begins at a multiple of its numbers' width.
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    end = 0
    if "__metadata__" in arrays:
        raise HeaderError("[save] names other than __metadata__, which the format keeps for itself, were expected")
    for name in names:
        start, end = end, end + arrays[name].nbytes
        code = _CODES[dtypes.from_numpy(arrays[name].dtype).name]
        header[name] = {"dtype": code, "shape": arrays[name].shape, "data_offsets": [start, end]}
    try:
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise HeaderError(f"[save] names of Unicode text were expected; got {shown(error.object)}") from error
    text += b" " * (-len(text) % 8)
    if len(text) > _LONGEST_HEADER:
        raise HeaderError(f"[save] names and metadata of at most {_LONGEST_HEADER} bytes were expected; they take "
                          f"{len(text)}; give fewer or shorter ones")

    def write(file: IO[bytes]) -> None:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            array = written(arrays[name])
            array = array if sys.byteorder == "little" else swap(array.copy())
            file.write(array.reshape(-1).view(np.uint8).data)

    write_out(f, write)


def read_arrays(file: IO[bytes], mapped: str | None = None) -> tuple[Arrays, dict[str, str]]:
    """The arrays of a file, in the order in which they lie there, and its metadata. Of a file that is ``mapped``, by
    its name, no numbers are read but truth values, which are checked.

    Raises `CheckpointError` for a file that is not sound in every part.
    """
    arrays = {}
    with reporting("a safetensors file"):
        room = file.seek(0, 2) - 8
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        if length > min(room, _LONGEST_HEADER):
            raise ValueError(f"a header of {length} bytes in a file of {room + 8}")
        header = json.loads(file.read(length).decode(), object_pairs_hook=_without_doubles)
        metadata = header.pop("__metadata__", {})
        if type(metadata) is not dict or any(type(text) is not str for text in metadata.values()):
            raise TypeError("metadata that are no texts")
        "".join((*header, *metadata, *metadata.values())).encode()  # raises for half of a character
        for name, entry in header.items():
            _check_entry(name, entry)
        end = 0
        names = sorted(header, key=lambda name: header[name]["data_offsets"])
        for name in names:
            start, stop = header[name]["data_offsets"]
            if start != end or stop < start:
                raise ValueError(f"{shown(name)} lies from {start} to {stop}, where the one before ends at {end}")
            end = stop
        if end != room - length:
            raise ValueError(f"the arrays take {end} bytes; behind the header are {room - length}")
        for name in names:
            dtype, shape = numpy_dtype(_NAMES[header[name]["dtype"]]), header[name]["shape"]
            if mapped is None or sys.byteorder == "big":
                arrays[name] = _read_array(file, dtype, shape)
            else:
                place = 8 + length + header[name]["data_offsets"][0]
                arrays[name] = check_truths(map_array(mapped, place, tuple(shape), dtype))
    return arrays, metadata


def length_of(data: bytes | bytearray) -> int:
    """How many of some bytes belong to the file of this layout that begins there, as its header says; all, where it
    says nothing that can be read: `read_arrays` says why."""
    length = int.from_bytes(data[:8], "little")
    if length > _LONGEST_HEADER:
        return len(data)
    try:
        # Decoded here: of bytes `loads` would guess the encoding, and import what reads it.
        entries = json.loads(data[8:8 + length].decode())
        ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return len(data)
    if any(type(end) is not int or end < 0 for end in ends):
        return len(data)
    return min(len(data), 8 + length + max(ends, default=0))


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that is there twice")
    return found


def _check_entry(name: str, entry: Any) -> None:
    """Raises unless an entry of the header says, and rightly, how many bytes an array takes."""
    code, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
    numbers = (start, stop, *shape)
    if type(code) is not str or type(shape) is not list or any(type(n) is not int or n < 0 for n in numbers):
        raise TypeError(f"{shown(name)} is not described by a type and numbers from 0 on")
    if code not in _NAMES:
        raise CheckpointError(
            f"[load] a tensor of one of the types {', '.join(_NAMES)} was expected; {shown(name)} is of type "
            f"{shown(code)}, which wengert does not have; convert it where the file was made"
        )
    if len(shape) > _MOST_DIMENSIONS or math.prod(shape) * numpy_dtype(_NAMES[code]).itemsize != stop - start:
        raise ValueError(f"{shown(name)} of {shown(code)} has the shape {shown(shape)} and {stop - start} bytes")


def _read_array(file: IO[bytes], dtype: np.dtype[Any], shape: list[int]) -> np.ndarray:
    array = np.empty(shape, dtype)
    fill(file, array)
    return check_truths(array if sys.byteorder == "little" else swap(array))


def fill(file: IO[bytes], array: np.ndarray) -> None:
    """Reads the bytes of a contiguous array. Raises EOFError where the file ends before."""
    target = array.reshape(-1).view(np.uint8).data
    filled = 0
    while filled < len(target):
        got = file.readinto(target[filled:])  # type: ignore[attr-defined]
        if not got:
            raise EOFError("it ends early")
        filled += got


def swap(array: np.ndarray) -> np.ndarray:
    """Reverses the bytes of every element of a contiguous array, in place; of a complex number those of each part."""
    width = array.itemsize // (2 if array.dtype.kind in "cW" else 1)
    if width > 1:
        array.reshape(-1).view(f"u{width}").byteswap(inplace=True)
    return array


def check_truths(array: np.ndarray) -> np.ndarray:
    """The array. Raises ValueError for truth values other than 0 and 1, on which numpy would count wrongly."""
    if array.dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError("truth values other than 0 and 1")
    return array
