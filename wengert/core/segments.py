"""Memory that several processes see: a `Segment` is an anonymous file of the system's memory, mapped.

The one idea to know: a segment has no name. Who may see it gets its file descriptor, by a fork or through a socket, and
maps it; when the last process has unmapped it and closed its descriptor, the memory is free, whatever became of those
processes. So nothing has to be cleaned up, and a kill leaks nothing.

Python's own ``mmap`` keeps a descriptor open as long as the mapping lives, of which a process may have a thousand; here
a mapping needs none, so that any number of tensors can be kept that came from elsewhere.

This module knows arrays, not tensors.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import weakref
from typing import Any, Protocol

import numpy as np

from .geometry import check_inside, row_major

AVAILABLE = os.name == "posix"
"""Whether the system hands descriptors from process to process; Windows does not."""

_READ_AND_WRITE, _SHARED, _FAILED = 3, 1, ctypes.c_void_p(-1).value
_SHORT_OF_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None

_mapped: weakref.WeakValueDictionary[tuple[int, int], Segment] = weakref.WeakValueDictionary()


class Segment:
    """A mapping of an anonymous file into this process; unmapped when the last array in it is gone.

    ``descriptor`` is the open file by which it is shown to other processes, or None once that was closed: the memory
    stays, but can be shown to no further process. Raises OSError where the system refuses.
    """

    __slots__ = ("__weakref__", "address", "descriptor", "size")

    def __init__(self, descriptor: int, size: int) -> None:
        self.address: int | None = None
        self.descriptor: int | None = descriptor
        self.size = size
        address = _system().mmap(None, size, _READ_AND_WRITE, _SHARED, descriptor, 0)
        if address == _FAILED:
            number = ctypes.get_errno()
            raise OSError(number, f"[share_memory_] {size} bytes could not be mapped: {os.strerror(number)}")
        self.address = address

    def close(self) -> None:
        """Gives up the descriptor, not the memory."""
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()
        if self.address is not None:
            _system().munmap(self.address, self.size)


class Owner(Protocol):
    """A `Segment`, or what keeps one alive and says its address."""

    @property
    def address(self) -> int | None: ...

    @property
    def size(self) -> int: ...


class _Place:
    """What numpy asks for an array in a segment; it is the array's ``base`` and keeps the owner of the memory."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, owner: Any, typestr: str, shape: tuple[int, ...], strides: tuple[int, ...] | None,
                 offset: int) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3, "data": (owner.address + offset, False), "typestr": typestr, "shape": shape,
            "strides": strides,
        }


def place(
    owner: Owner, dtype: np.dtype, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, offset: int = 0
) -> np.ndarray:
    """An array in the memory of ``owner``, which is a `Segment` or keeps one and says its ``address`` and ``size``.

    ``strides`` and ``offset`` are in bytes; without strides the array is C-contiguous. The owner lives as long as it.
    Raises `ShapeError` where the array would reach outside.
    """
    if strides is None:
        strides = tuple([step * dtype.itemsize for step in row_major(shape)])
    check_inside("share_memory_", owner.size, shape, strides, offset, dtype.itemsize)
    # numpy has no name of its own for bfloat16 and its kin: their bits, and then a look at them.
    typestr = f"<u{dtype.itemsize}" if dtype.kind in "VW" else dtype.str
    array = np.asarray(_Place(owner, typestr, shape, strides, offset))
    return array.view(dtype) if dtype.kind in "VW" else array


def allocate(size: int) -> Segment:
    """A new segment of ``size`` bytes, all zero. Raises OSError, NotImplementedError where the system has none."""
    if not AVAILABLE:
        raise NotImplementedError(
            "[share_memory_] memory shared between processes was asked for; this system passes no file descriptors "
            "between processes; send copies instead"
        )
    size = max(size, 1)
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("wengert", os.MFD_CLOEXEC)
    else:
        descriptor, path = tempfile.mkstemp(prefix="wengert", dir=_SHORT_OF_MEMORY)
        os.unlink(path)
    try:
        os.ftruncate(descriptor, size)
        return Segment(descriptor, size)
    except BaseException:
        os.close(descriptor)
        raise


def adopt(descriptor: int, size: int) -> Segment:
    """The segment of a descriptor that came from another process, and that is now the segment's.

    The same memory is mapped once, however often it comes, so that arrays in it are known to share it.
    """
    status = os.fstat(descriptor)
    known = _mapped.get((status.st_dev, status.st_ino))
    if known is not None:
        if known.descriptor is None:
            known.descriptor = descriptor
        else:
            os.close(descriptor)
        return known
    if status.st_size < size:
        os.close(descriptor)
        raise ValueError(f"[share_memory_] a segment of {size} bytes was announced; got one of {status.st_size}")
    try:
        segment = Segment(descriptor, size)
    except OSError:
        os.close(descriptor)
        raise
    _mapped[(status.st_dev, status.st_ino)] = segment
    return segment


def enlist(segment: Segment) -> Segment:
    """Notes a segment of this process's own making, so that `adopt` knows it when it comes back."""
    status = os.fstat(segment.descriptor or 0)
    _mapped[(status.st_dev, status.st_ino)] = segment
    return segment


def owner_of(array: np.ndarray) -> Any:
    """The owner that `place` was given for an array's memory, None for memory of this process alone."""
    base = array.base
    while base is not None and type(base) is not _Place:
        base = getattr(base, "base", None)
    return None if base is None else base.owner


_functions: list[Any] = []


def _system() -> Any:
    """The C library, its ``mmap`` and ``munmap`` ready to be called."""
    if not _functions:
        library = ctypes.CDLL(None, use_errno=True)
        offset = ctypes.c_int64 if sys.maxsize > 2**32 else ctypes.c_long
        library.mmap.restype = ctypes.c_void_p
        library.mmap.argtypes = (
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, offset,
        )
        library.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        _functions.append(library)
    return _functions[0]
