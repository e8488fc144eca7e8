"""Products of columns with rows, many at once: one multiplication for each element of a large result.

The one idea to know: nothing counts here but how the result is stored. OpenBLAS fills it with zeros first, and numpy
stores vectors that straddle lines of the cache; so each row begins with a vector wherever it begins, goes on with whole
aligned ones, and ends with one that overlaps the last.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from . import threads
from .code import Code, Operand, module
from .jit import engine
from .vectors import Vectors

Array = np.ndarray[Any, Any]

_SLOTS = ("rows", "columns", "left_outer", "left_step", "right_outer")


def _text(dtype: str) -> str:
    """``void kernel(ptr operands, i64 start, i64 stop)``; the operands are a table with the slots `_SLOTS` (steps in
    elements), the columns, the rows and the result."""
    code = Code()
    vectors = Vectors(code, dtype, engine().machine)
    lanes, size = vectors.lanes, vectors.bits // 8
    operands, start, stop = code.parameters
    table = code.address(operands, 0)
    rows, columns, left_outer, left_step, right_outer = [code.word(table, k) for k in range(len(_SLOTS))]
    left, right, out = [code.address(operands, k) for k in (1, 2, 3)]
    final = code.sub(columns, lanes)
    with code.loop(stop, start=start) as item:
        factors = vectors.at(left, code.mul(item.index, left_outer))
        row = vectors.at(right, code.mul(item.index, right_outer))
        matrix = vectors.at(out, code.mul(item.index, code.mul(rows, columns)))
        with code.loop(rows) as down:
            factor = vectors.splat(vectors.number(vectors.at(factors, code.mul(down.index, left_step))))
            line = vectors.at(matrix, code.mul(down.index, columns))

            def put(at: Operand | int, factor: Operand = factor, line: Operand = line) -> None:
                vectors.store(vectors.mul(factor, vectors.load(vectors.at(row, at))), vectors.at(line, at))

            put(0)
            address = code.convert("ptrtoint", line, "i64")
            past = code.rest(code.div(address, size), lanes)
            with code.loop(final, start=code.sub(lanes, past), step=lanes) as across:
                put(across.index)
            put(final)
    code.done()
    return module(code)


@lru_cache(maxsize=2)
def _kernel(dtype: str) -> threads.Parts:
    return threads.Parts(_text(dtype), arrays=3)


class OuterPlan:
    """How to multiply columns ``x`` (N, rows, 1) by rows ``y`` (N, 1, columns) of given shapes and strides, as `_Plan`
    of `blas` says it."""

    def __init__(self, x: Array, y: Array) -> None:
        size = x.itemsize
        self.shape = (len(x), x.shape[1], y.shape[2])
        steps = (x.strides[0], x.strides[1], y.strides[0])
        lanes = engine().machine.vector_bytes // size
        self.possible = self.shape[2] >= lanes and len(x) > 0 and x.shape[1] > 0 and y.strides[2] == size and all(
            step % size == 0 and step >= 0 for step in steps)
        if not self.possible:
            return
        self.kernel = _kernel(x.dtype.name)
        self.parts, self.worth = len(x), x.shape[0] * x.shape[1] * (y.shape[2] / lanes * 4 + 8)
        self.numbers = threads.table(len(_SLOTS))
        self.numbers[:] = (x.shape[1], y.shape[2], *[step // size for step in steps])
