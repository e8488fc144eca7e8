"""Where the elements of an array lie in memory, and the proof that they lie inside it.

The one idea to know: whoever lays an array into memory by strides (`as_strided`, `set_`, windows, a checkpoint, memory
shared with another process) asks here first. The proof is in Python's integers, which do not overflow, and holds for
memory without a single byte as well; numpy's own check does neither. Sizes, strides and offsets are all in one unit,
bytes or elements, as the caller likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .errors import ShapeError, TooLargeError, allocation_failed

LARGEST = 2**63 - 1
"""The most bytes, elements or steps that can be said; PyTorch and numpy have the same."""


ROOM = 2**24
"""Bytes that there always are; for more `check_room` asks the system."""


TENSOR = 500
"""Bytes that a tensor takes beside its numbers: what makes many of them asks for these too."""


MANY = 10_000
"""How many layers, or repetitions of a step, Python makes one by one within seconds."""


def check_room(op: str, shape: Sequence[int], width: int) -> None:
    """Raises unless there is memory for an array of this shape, each element ``width`` bytes wide: what computes
    something for each of many elements asks before it begins."""
    size = prod(shape) * width
    if size > LARGEST:
        if max(shape) >= 2**63:
            raise TooLargeError(f"{op}(): a tuple of ints of 64 bits was expected; got {list(shape)}, which overflows")
        raise ShapeError(f"[{op}] Storage size calculation overflowed: sizes with a product that can be counted were "
                         f"expected; got {list(shape)}")
    if size > ROOM:
        try:
            np.empty(size, np.uint8)
        except (ValueError, MemoryError) as error:
            raise allocation_failed(op, error) from error


def check_count(op: str, name: str, count: int, most: int = MANY) -> None:
    """Raises unless a number of things that Python makes, or steps that it takes, one by one is at most ``most``: no
    number that slipped in takes hours."""
    if count > most:
        raise ValueError(f"[{op}] {name} of at most {most:,} was expected, for they are made one by one; got {count}")


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of an array that lies densely in row-major order, in elements.

    >>> row_major((2, 3, 4))
    (12, 4, 1)
    """
    return tuple([prod(shape[dim + 1:]) for dim in range(len(shape))])


def first_and_last(shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> tuple[int, int] | None:
    """The lowest and the highest place of an element; None where there is no element.

    >>> first_and_last((2, 3), (3, 1), 1)
    (1, 6)
    """
    if 0 in shape:
        return None
    spans = [(n - 1) * step for n, step in zip(shape, strides, strict=True)]
    return offset + sum(s for s in spans if s < 0), offset + sum(s for s in spans if s > 0)


def room_for(shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> int:
    """How many places there must be for all elements to have one: one more than the last."""
    found = first_and_last(shape, strides, offset)
    return 0 if found is None else found[1] + 1


def check_inside(
    op: str, room: int, shape: Sequence[int], strides: Sequence[int], offset: int = 0, width: int = 1
) -> None:
    """Raises `ShapeError` unless an array of this geometry lies inside ``room`` places, each element ``width`` wide."""
    if len(shape) != len(strides):
        raise ShapeError(f"[{op}] a stride for each size was expected; got sizes {list(shape)} and strides "
                         f"{list(strides)}")
    if any(n < 0 for n in shape) or prod(n for n in shape if n) * width > LARGEST:
        raise ShapeError(f"[{op}] sizes from 0 on, whose product can be counted, were expected; Storage size "
                         f"calculation overflowed with sizes={list(shape)}")
    found = first_and_last(shape, strides, offset)
    if found is not None and (found[0] < 0 or found[1] + width > room):
        raise ShapeError(f"[{op}] an array inside its memory was expected; got sizes {list(shape)}, strides "
                         f"{list(strides)} and storage offset {offset}, which reach from {found[0]} to "
                         f"{found[1] + width}: out of bounds for storage of size {room}")


def laid_out(
    op: str, memory: np.ndarray, dtype: np.dtype[Any], shape: Sequence[int], strides: Sequence[int], offset: int = 0
) -> np.ndarray:
    """The array of this geometry (strides and offset in bytes) in ``memory``, a contiguous array of bytes.

    It is writable where the memory is. Raises `ShapeError` where it would reach outside.
    """
    check_inside(op, memory.nbytes, shape, strides, offset, dtype.itemsize)
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.ndarray(tuple(shape), dtype, memory, offset, tuple(strides))


def strided_view(array: np.ndarray, shape: Sequence[int], strides: Sequence[int]) -> np.ndarray:
    """The memory from an array's first element on in another geometry, writable where the array is; strides in bytes.
    Of a dtype that numpy cannot name to itself (complex32) its bits are looked at."""
    if array.dtype.kind in "W":
        bits = np.lib.stride_tricks.as_strided(array.view(np.uint32), shape, strides)
        return bits.view(array.dtype)
    return np.lib.stride_tricks.as_strided(array, shape, strides)


def bytes_of(root: np.ndarray) -> np.ndarray:
    """All memory that an array reaches over, as bytes; written to with it."""
    dense = root if root.flags.c_contiguous else root.T
    if not dense.flags.c_contiguous:  # a look with gaps, or backwards, at memory that belongs to no array
        low, high = np.lib.array_utils.byte_bounds(root)
        forward = root[tuple([slice(None, None, -1 if step < 0 else 1) for step in root.strides])]
        dense = strided_view(forward, ((high - low) // root.itemsize,), (root.itemsize,))
    return dense.reshape(-1).view(np.uint8)
