"""Arrays that each run of a program makes and gives out.

The one idea to know: memory that the system has yet to find costs more than many a step that writes it. So arrays that
go from one half of a program to the other are held when they are given out, and given out once more by a run that
finds that nobody else has them any more. How much is held is bounded, for all programs together.
"""

from __future__ import annotations

import weakref
from sys import getrefcount
from typing import Any

import numpy as np

RESTING = 2**28
"""Bytes of arrays that programs may hold, in all."""


class Fresh:
    """One array: the slot of its object in the frame, its shape, the order in which its dimensions lie. One that
    ``rests`` is held to be given out again."""

    __slots__ = ("_axes", "_lies", "dtype", "held", "rests", "shape", "slot")

    def __init__(self, slot: int, shape: tuple[int, ...], order: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.slot, self.shape, self.dtype = slot, shape, dtype
        self._lies = tuple([shape[d] for d in order])
        in_rows = [*order] == [*range(len(order))]
        self._axes = None if in_rows else tuple([order.index(d) for d in range(len(order))])
        self.rests = False
        self.held: np.ndarray[Any, Any] | None = None

    def array(self) -> np.ndarray[Any, Any]:
        """A new array, or the one that is held and that nobody else has."""
        held = self.held
        if held is not None and getrefcount(held) == _ALONE:
            return held
        array = np.empty(self._lies, self.dtype)
        if self._axes is not None:
            array = array.transpose(self._axes)
        if self.rests:
            self.held = array
        return array

    @property
    def expression(self) -> str:
        """What makes a new array, in Python: by ``empty``, and by a name that stands for the dtype."""
        turned = "" if self._axes is None else f".transpose({self._axes!r})"
        return f"empty({self._lies!r}, {{dtype}}){turned}"

    @property
    def bytes(self) -> int:
        """How much memory it is."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


class FreshArrays(list[Fresh]):
    """The arrays of one program, in their order."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


def _alone() -> int:
    """The references to a held array that nobody else has, as `Fresh.array` counts them."""
    fresh = Fresh(0, (1,), (0,), np.dtype("float32"))
    fresh.held = np.empty(1)
    held = fresh.held
    return getrefcount(held)


_ALONE = _alone()

_holding: weakref.WeakKeyDictionary[FreshArrays, int] = weakref.WeakKeyDictionary()
"""The arrays of programs that hold some, and how many bytes; those of the last run come last."""


def hold(arrays: FreshArrays, size: int) -> None:
    """Notes that a program holds so many bytes of its arrays; where all together hold too much, those let go of theirs
    that ran longest ago."""
    _holding.pop(arrays, None)
    _holding[arrays] = size
    while sum(_holding.values()) > RESTING:
        oldest = next(iter(_holding))
        del _holding[oldest]
        for fresh in oldest:
            fresh.held = None
