"""Arrays in a file's own bytes: nothing is read before it is looked at.

The one idea to know: each array is a mapping of its own, so that arrays of one file share no memory with each other.
"""

from __future__ import annotations

import mmap
from math import prod
from typing import Any

import numpy as np

from .options import get_default_mmap_options


def is_shared() -> bool:
    """Whether what is written to mapped arrays goes to their file."""
    return get_default_mmap_options() == getattr(mmap, "MAP_SHARED", None)


def map_array(path: str, begin: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """The array that lies in a file from byte ``begin`` on. What is written to it stays in memory, or goes to the file
    where `set_default_mmap_options` has so said. An array that does not begin at a multiple of its numbers' width, and
    one without elements, is read."""
    size = prod(shape) * dtype.itemsize
    if not size or begin % max(dtype.alignment, 1):
        return np.fromfile(path, np.uint8, size, offset=begin).view(dtype).reshape(shape)
    kind: Any = "r+" if is_shared() else "c"
    raw = np.memmap(path, np.uint8, kind, begin, (size,)).view(np.ndarray)
    return raw.view(dtype).reshape(shape)
