"""Generated code that makes one number of each group of elements: sums, products, extremes.

A group is a row, or a channel of a batch (`sweeps.py`). All elements together are cut into rows whose number depends on
the size alone, and what comes of these is combined in float64: the bits are the same for any number of threads.
"""

from __future__ import annotations

from functools import cache
from math import prod

import numpy as np

from ..core.generated import LARGE
from . import memory, threads
from .code import Operand
from .kernels import generated_code_is_possible
from .sweeps import MOST_PARTS, PART, Array, Sweeps, parts_of, table

__all__ = ["reduced"]

SHORTEST = 32
"""Neighbouring elements of a run from which on it fills vectors."""

COMBINE = {"sum": np.add, "size": np.add, "square": np.add, "product": np.multiply,
           "max": np.maximum, "min": np.minimum, "largest": np.maximum}


class _Reduction(Sweeps):
    """``x`` to ``out``, one float64 a group: the sum of the elements, of their sizes or of their squares; their
    product; the largest, the smallest, the largest size."""

    arrays = ("x", "out")

    def __init__(self, dtype: str, how: str) -> None:
        super().__init__(dtype)
        self.how = how

    def group(self, group: Operand) -> None:
        code, math, slots, how = self.code, self.math, self.slots, self.how
        if COMBINE[how] is np.add:
            (total,) = self.sums(["x"], group, 1, lambda values: [self._term(values[0])])
        else:
            first = {"max": float("-inf"), "min": float("inf"), "largest": 0.0, "product": 1.0}[how]
            combine = math.mul if how == "product" else math.min if how == "min" else math.max
            with code.loop(slots["runs"], carried=[math.const(first)]) as run:
                (x,) = self.places(["x"], group, run.index)
                (found,) = self.fold([x], 0, slots["length"], math.const(first), 1,
                                     lambda values: [self._term(values[0])], combine)
                run.next = [combine(run.carried[0], found)]
            total = self.widen(self.across(run.carried[0], self._both))
        code.store(total, code.at("double", slots["out"], group), align=8)

    def _term(self, x: Operand) -> Operand:
        math = self.math
        if self.how in ("size", "largest"):
            return math.abs(x)
        if self.how == "square":
            return math.mul(x, x)
        return x

    def _both(self, x: Operand, y: Operand) -> Operand:
        """Two halves of a vector as one, or NaN where either is."""
        code = self.code
        if self.how == "product":
            return code.binary("fmul", x, y)
        mask = f"<{x.type.split()[0][1:]} x i1>"
        condition = "olt" if self.how == "min" else "ogt"
        best = code.select(code.emit(f"fcmp {condition} {x.type} {x}, {y}", mask), x, y)
        return code.select(code.emit(f"fcmp uno {x.type} {x}, {x}", mask), x, best)


@cache
def _kernel(dtype: str, how: str) -> threads.Parts:
    return threads.Parts(_Reduction(dtype, how).text())


def reduced(x: Array, dim: tuple[int, ...], how: str) -> Array | None:
    """What is left of ``x`` without the dimensions ``dim``, in float64; None where numpy should compute it: other
    dtypes than float32 and float64, few elements, or such that do not lie together."""
    shape, gone = x.shape, {d % x.ndim for d in dim} if x.ndim else set()
    if (x.size < LARGE or x.dtype.char not in "fd" or not gone or not x.flags.c_contiguous
            or not generated_code_is_possible()):
        return None
    kept = [d for d in range(x.ndim) if d not in gone and shape[d] != 1]
    first, last = (kept[0], kept[-1]) if kept else (0, -1)
    if any(shape[d] != 1 for d in gone if first < d < last):
        return None
    runs, groups, length = prod(shape[:first]), prod(shape[first : last + 1]), prod(shape[last + 1 :])
    left = tuple([n for d, n in enumerate(shape) if d not in gone])
    if groups == 1:
        return _of_all(x.reshape(-1), how).reshape(left)
    return _of_groups(x, (runs, groups, length), how).reshape(left) if length >= SHORTEST else None


def _of_groups(x: Array, shape: tuple[int, int, int], how: str) -> Array:
    parts, out = parts_of(x.size, shape[1]), np.empty(shape[1], np.float64)
    numbers = table(_Reduction, shape, parts, {"x": memory.address(x), "out": memory.address(out)})
    _kernel(x.dtype.name, how).run(parts, x.size * x.itemsize / 4, numbers)
    return out


def _of_all(x: Array, how: str) -> Array:
    """Of all elements of a vector: a few rows of one length, and what is left over is one more."""
    rows = max(1, min(x.size // PART, MOST_PARTS))
    length = x.size // rows
    found = [_of_groups(x[: rows * length], (1, rows, length), how)]
    if x.size > rows * length:
        found.append(_of_groups(x[rows * length :], (1, 1, x.size - rows * length), how))
    total: Array = np.asarray(COMBINE[how].reduce(np.concatenate(found)))
    return total
