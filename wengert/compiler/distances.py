"""Generated code for the distances of all pairs of rows, and the way back.

The one idea to know: no difference of two rows is ever written to memory. Forth, a vector holds one row's distances to
neighbouring rows of the other side, which lies in columns for that; back, one row takes its share of all differences.
Each result is a sum of its own, in one order for any number of threads.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np

from . import threads
from .code import Code, Operand, module
from .jit import engine
from .kernels import generated_code_is_possible
from .vectors import Vectors

__all__ = ["distances", "distances_back"]

Array = np.ndarray[Any, Any]
TILE = 4
"""So many rows are gone through at once: their sums wait for nobody's but their own."""
CHUNK = 128
"""So many squares are added up before they meet the sum of the others."""
_NAMES = {"f": "float32", "d": "float64"}


def _writer(char: str) -> tuple[Code, Vectors]:
    code = Code()
    return code, Vectors(code, _NAMES[char], engine().machine)


@cache
def _forth(char: str) -> threads.Parts:
    """The roots of sums of squares. The table: rows, others, width; parts are tiles of the rows of each example."""
    code, vectors = _writer(char)
    operands, start, stop = code.parameters
    table, x, y, out = (code.address(operands, k) for k in range(4))
    rows, others, width = (code.word(table, k) for k in range(3))
    tiles = code.div(code.add(rows, TILE - 1), TILE)
    with code.loop(stop, start=start) as item:
        example, tile = code.div(item.index, tiles), code.rest(item.index, tiles)
        last = code.sub(rows, 1)
        # The last tile goes through its last row again, which writes the same.
        numbers = [code.add(code.mul(example, rows), code.least(code.add(code.mul(tile, TILE), k), last))
                   for k in range(TILE)]
        lines = [code.mul(number, width) for number in numbers]
        columns = vectors.at(y, code.mul(code.mul(example, others), width))

        def part(at: Operand, mask: Operand | None, numbers: list[Operand] = numbers, lines: list[Operand] = lines,
                 columns: Operand = columns) -> None:
            with code.loop(width, step=CHUNK, carried=[vectors.zero] * TILE) as chunk:
                end = code.least(code.add(chunk.index, CHUNK), width)
                with code.loop(end, start=chunk.index, carried=[vectors.zero] * TILE) as place:
                    there = vectors.load(vectors.at(columns, code.add(code.mul(place.index, others), at)), mask)
                    following = []
                    for line, total in zip(lines, place.carried, strict=True):
                        one = code.load(vectors.element, x, code.add(line, place.index), align=vectors.bits // 8)
                        apart = vectors.sub(vectors.splat(one), there)
                        following.append(vectors.fma(apart, apart, total))
                    place.next = following
                chunk.next = [vectors.add(total, more)
                              for total, more in zip(chunk.carried, place.carried, strict=True)]
            for number, total in zip(numbers, chunk.carried, strict=True):
                vectors.store(vectors.sqrt(total), vectors.at(out, code.add(code.mul(number, others), at)), mask)

        vectors.sweep(0, others, part)
    code.done()
    return threads.Parts(module(code), arrays=3)


@cache
def _back(char: str) -> threads.Parts:
    """The sums over the other rows of weight · (row − other row). The table: rows, others, width; parts are rows."""
    code, vectors = _writer(char)
    operands, start, stop = code.parameters
    table, weight, x, y, out = (code.address(operands, k) for k in range(5))
    rows, others, width = (code.word(table, k) for k in range(3))
    with code.loop(stop, start=start) as item:
        example = code.div(item.index, rows)
        line, weights = code.mul(item.index, width), code.mul(item.index, others)
        begin = code.mul(code.mul(example, others), width)

        def part(at: Operand, mask: Operand | None, line: Operand = line, weights: Operand = weights,
                 begin: Operand = begin) -> None:
            place = code.add(line, at)
            here = vectors.load(vectors.at(x, place), mask)
            with code.loop(others, carried=[vectors.zero]) as other:
                there = vectors.load(vectors.at(y, code.add(begin, code.add(code.mul(other.index, width), at))), mask)
                share = code.load(vectors.element, weight, code.add(weights, other.index), align=vectors.bits // 8)
                other.next = [vectors.fma(vectors.splat(share), vectors.sub(here, there), other.carried[0])]
            vectors.store(other.carried[0], vectors.at(out, place), mask)

        vectors.sweep(0, width, part)
    code.done()
    return threads.Parts(module(code), arrays=4)


@lru_cache(maxsize=256)
def _table(rows: int, others: int, width: int) -> Array:
    """The words of some sizes, which all calls with these read."""
    table = threads.table(3)
    table[:] = rows, others, width
    return table


def _fit(x: Array, y: Array) -> bool:
    """Whether there is code for these: examples, rows and columns of one dtype that fit together, and none is empty."""
    return (x.ndim == y.ndim == 3 and x.dtype == y.dtype and x.dtype.char in _NAMES and x.shape[0] == y.shape[0]
            and x.shape[2] == y.shape[2] and x.size > 0 and y.size > 0 and generated_code_is_possible())


def distances(x: Array, y: Array) -> Array | None:
    """(B, N, K) for (B, N, M) and (B, K, M); None where numpy should compute them."""
    if not _fit(x, y):
        return None
    (examples, rows, width), others = x.shape, y.shape[1]
    out = np.empty((examples, rows, others), x.dtype)
    columns = np.ascontiguousarray(y.swapaxes(1, 2))
    _forth(x.dtype.char).run(examples * -(-rows // TILE), out.size * width * 0.3, _table(rows, others, width),
                             np.ascontiguousarray(x), columns, out)
    return out


def distances_back(weight: Array, x: Array, y: Array) -> Array | None:
    """Of (B, N, K) weights and the rows the sums Σ weight · (x − y) over the others, (B, N, M); None as in
    `distances`."""
    if not _fit(x, y) or weight.shape != (*x.shape[:2], y.shape[1]) or weight.dtype != x.dtype:
        return None
    out = np.empty(x.shape, x.dtype)
    _back(x.dtype.char).run(x.shape[0] * x.shape[1], weight.size * x.shape[2] * 0.4,
                            _table(x.shape[1], y.shape[1], x.shape[2]),
                            np.ascontiguousarray(weight), np.ascontiguousarray(x), np.ascontiguousarray(y), out)
    return out
