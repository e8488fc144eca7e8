"""The safetensors layout, through the package ``safetensors``: arrays by name, and a dict of strings.

A file is eight bytes of header length, a JSON header (name -> dtype, shape, place) and the numbers. The package checks
all of it before it reads any numbers. https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from ..core import dtypes
from .errors import CheckpointError, reporting
from .files import write_out

Arrays = dict[str, np.ndarray]

_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}


def _package() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "[save, load] this file format needs the package safetensors; install it with: pip install 'wengert[io]'"
        ) from error
    return safetensors


def write_arrays(f: Any, arrays: Arrays, metadata: dict[str, str] | None) -> None:
    """Writes ``arrays``, contiguous ones, and ``metadata`` to a path (atomically) or to a binary file object."""
    package = _package().numpy
    write_out(
        f, lambda path: package.save_file(arrays, path, metadata), lambda: package.save(arrays, metadata)
    )


def read_path(path: str | os.PathLike[str]) -> tuple[Arrays, dict[str, str]]:
    """The arrays of a file, in the order in which they lie there, and its metadata."""
    package = _package()
    arrays = {}
    with (
        reporting("a safetensors file"),
        _as_damage(package),
        package.safe_open(os.fsdecode(path), framework="np") as file,
    ):
        metadata = file.metadata() or {}
        for name in file.offset_keys():
            _known(name, file.get_slice(name).get_dtype())
            arrays[name] = check_truths(file.get_tensor(name))
    return arrays, metadata


def read_bytes(data: bytes) -> tuple[Arrays, dict[str, str]]:
    """The arrays of a file that is in memory, and its metadata."""
    package = _package()
    arrays = {}
    with reporting("a safetensors file"), _as_damage(package):
        found = package.deserialize(data)
        # Checked by now: the length is true and the header is JSON.
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        entries = {name: entry for name, entry in found if _known(name, entry["dtype"])}
        for name in sorted(entries, key=lambda name: header[name]["data_offsets"]):
            entry = entries[name]
            # As bytes first: a dtype of ml_dtypes cannot look at a foreign buffer by itself.
            raw = np.frombuffer(entry["data"], np.uint8)
            dtype = dtypes.bfloat16.numpy if entry["dtype"] == "BF16" else np.dtype(_DTYPES[entry["dtype"]])
            arrays[name] = check_truths(raw.view(dtype).reshape(entry["shape"]))
    return arrays, header.get("__metadata__") or {}


def _known(name: str, dtype: str) -> bool:
    if dtype not in _DTYPES:
        raise CheckpointError(
            f"[load] a tensor of one of the types {', '.join(_DTYPES)} was expected; {name!r} is of type "
            f"{dtype}, which wengert does not have; convert it where the file was made"
        )
    return True


def check_truths(array: np.ndarray) -> np.ndarray:
    """The array. Raises ValueError for truth values other than 0 and 1, on which numpy would count wrongly."""
    if array.dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError("truth values other than 0 and 1")
    return array


class _as_damage:
    """Turns the package's own error into one that `reporting` knows."""

    def __init__(self, package: Any) -> None:
        self._error = package.SafetensorError

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, self._error):
            raise ValueError(str(error)) from error
