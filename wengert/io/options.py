"""How files are read and written where the call does not say: what `torch.serialization` and
`torch.utils.serialization.config` set.

The one idea to know: each setting stands in the module of switches alone; the functions here read and write it there.
"""

from __future__ import annotations

import mmap
import sys
from enum import Enum
from typing import Any

import numpy as np

from ..utils.serialization import config

_MAPPINGS = (getattr(mmap, "MAP_PRIVATE", 2), getattr(mmap, "MAP_SHARED", 1))


class LoadEndianness(Enum):
    """In which order the bytes of a number lie in a file that does not say so.

    >>> torch.serialization.LoadEndianness.LITTLE.value
    2
    """

    NATIVE = 1
    LITTLE = 2
    BIG = 3


def get_default_load_endianness() -> LoadEndianness | None:
    """What `set_default_load_endianness` has set; None, which is little-endian, before.

    >>> torch.serialization.get_default_load_endianness()
    """
    return config.load.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Sets in which order the bytes of numbers are taken to lie in files of PyTorch's that do not say so. Raises
    TypeError for anything but a `LoadEndianness` or None.

    >>> torch.serialization.set_default_load_endianness(torch.serialization.LoadEndianness.LITTLE)
    >>> torch.serialization.set_default_load_endianness(None)
    """
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError(f"[set_default_load_endianness] a LoadEndianness or None was expected; got "
                        f"{type(endianness).__name__}")
    config.load.endianness = endianness


def assumed_order() -> str:
    """The byte order of a file that does not say its own: "little" or "big"."""
    return {LoadEndianness.NATIVE: sys.byteorder, LoadEndianness.BIG: "big"}.get(config.load.endianness, "little")


def get_default_mmap_options() -> int:
    """How `load` maps files with ``mmap=True``: `mmap.MAP_PRIVATE`, or what `set_default_mmap_options` has set.

    >>> import mmap
    >>> torch.serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    True
    """
    flags = config.load.mmap_flags
    return int(_MAPPINGS[0] if flags is None else flags)


class set_default_mmap_options:
    """Sets how `load` maps files: with `mmap.MAP_PRIVATE` what is written to tensors stays in memory, with
    `mmap.MAP_SHARED` it goes to the file. As a context manager for a while. Raises ValueError for other flags.

    >>> import mmap
    >>> with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED):
    ...     torch.serialization.get_default_mmap_options() == mmap.MAP_SHARED
    True
    """

    def __init__(self, flags: int) -> None:
        if flags not in _MAPPINGS:
            raise ValueError("Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or "
                             f"mmap.MAP_SHARED, but got {flags}")
        self._before = config.load.mmap_flags
        config.load.mmap_flags = flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        config.load.mmap_flags = self._before


def get_crc32_options() -> bool:
    """Whether checksums are asked for, which archives have always.

    >>> torch.serialization.get_crc32_options()
    True
    """
    return config.save.compute_crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Says whether checksums are asked for. Archives have them either way: Python's zip files are not without. Raises
    nothing: whatever is given is kept.

    >>> torch.serialization.set_crc32_options(True)
    """
    config.save.compute_crc32 = compute_crc32


class skip_data:
    """A context in which `save` reserves room for the numbers of tensors and writes zeros there: who knows where they
    belong may write them later. `load` is refused in it, as in PyTorch.

    >>> import io
    >>> file = io.BytesIO()
    >>> with torch.serialization.skip_data():
    ...     torch.save(torch.ones(2), file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    tensor([0., 0.])
    """

    active = False

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        self.materialize_fake_tensors = materialize_fake_tensors
        self._before = False

    def __enter__(self) -> None:
        self._before, skip_data.active = skip_data.active, True

    def __exit__(self, *exception: object) -> None:
        skip_data.active = self._before


def written(array: Any) -> Any:
    """What of an array's memory goes into a file: it, or under `skip_data` as many zeros."""
    if not skip_data.active:
        return array
    return np.zeros_like(array)
