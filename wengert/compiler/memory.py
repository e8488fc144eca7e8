"""The memory of arrays: where their elements stand, and that what was freed is kept.

Note [object]: in CPython an array object begins with the head that every object has, and then comes the pointer to the
elements: numpy's C interface promises both. So generated code is handed array objects and reads the pointer itself,
which takes nothing, where ``array.ctypes.data`` takes a microsecond.

Note [kept]: the C library hands a freed block of some megabytes straight back to the system, and the next one of that
size comes as fresh pages, each of which costs a fault at its first touch: more than computing what goes into it. A
training step frees and allocates the same sizes over and over. glibc can be told to keep freed memory; numpy allocates
there too, so everything gains. Elsewhere nothing is changed.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

import numpy as np

from ..core.errors import NoDataError, ShapeError

DATA_OFFSET = object.__basicsize__
"""Bytes from the beginning of an array object to the pointer to its elements: Note [object]."""

NAMES = {"f": "float32", "d": "float64"}
"""Names of the dtypes of generated code by their letters: numpy puts ``dtype.name`` together anew each time it is
asked, which takes some microseconds."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3

KEPT_BLOCK = 64 * 2**20
"""Blocks from this size on still go back to the system at once."""

KEPT_TOTAL = 512 * 2**20
"""Bytes at the end of the heap that are kept."""

_CHOSEN_BY_USER = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")


def arrays_are_as_expected() -> bool:
    """Whether Note [object] holds in this interpreter. Where it does not, there are no kernels."""
    if sys.implementation.name != "cpython":
        return False
    probe = np.zeros(3)
    return all(ctypes.c_void_p.from_address(id(x) + DATA_OFFSET).value == x.ctypes.data for x in (probe, probe[1:]))


def address(array: np.ndarray) -> int:
    """Where the elements of an array begin: Note [object]. Raises NoDataError for what is none."""
    if type(array) is not np.ndarray:
        raise not_an_array(array)
    return ctypes.c_int64.from_address(id(array) + DATA_OFFSET).value


def not_an_array(x: object) -> NoDataError:
    """The error for what is handed to generated code and is no array, such as a tensor's data on the meta device."""
    return NoDataError(f"[kernel] an array was expected; got {type(x).__name__}: Cannot copy out of meta tensor; no "
                       "data!")


def check_alike(op: str, shape: tuple[int, ...], dtype: np.dtype[Any], *arrays: np.ndarray | None) -> None:
    """Raises ShapeError unless all arrays are of this shape and dtype; None passes. Generated code walks several arrays
    by the sizes of one: whoever hands it arrays that come from elsewhere, such as cotangents, asks here."""
    for array in arrays:
        if array is not None and (array.shape != shape or array.dtype != dtype):
            raise ShapeError(f"[{op}] an array of shape {list(shape)} and {dtype} was expected; got shape "
                             f"{list(array.shape)} and {array.dtype}; what a hook returns must be as what it was given")


def retain_freed_memory() -> bool:
    """Tells glibc to keep freed memory, unless the environment says how it should behave; returns whether it did.
    See Note [kept]."""
    if not sys.platform.startswith("linux") or any(name in os.environ for name in _CHOSEN_BY_USER):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK) and mallopt(M_TRIM_THRESHOLD, KEPT_TOTAL))
