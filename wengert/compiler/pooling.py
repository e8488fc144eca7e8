"""Generated code for the maxima of windows over one or two dimensions: the maxima, where they stand, and the way back.

The one idea to know: all places of a window are read in one pass, a vector of neighbouring windows at a time. Where the
windows are two apart, two vectors of neighbours are read and their even or odd elements taken. A row of windows ends
with a vector that overlaps the one before, so that no element is left over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..core.windows import check_reach
from . import threads
from .code import Code, Operand, module
from .jit import engine
from .kernels import generated_code_is_possible
from .vectors import Machine, Vectors

__all__ = ["maxima", "put", "winners"]

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
VectorPair = tuple[Operand, Operand]

MOST_PLACES = 16
"""Places of a window up to which they are written out."""
LEAST_LANES = 4
"""Neighbouring windows that a vector has at least."""


@dataclass(frozen=True)
class Form:
    """What the text of a kernel depends on; the sizes are read from its table."""

    dtype: str
    size: Pair
    stride: Pair
    dilation: Pair
    lanes: int


class _Writer:
    """Writes ``void kernel(ptr operands, i64 start, i64 stop)``, which does the planes from ``start`` to ``stop``.

    The operands: a table (rows and width of a plane of the input, rows and width of its windows) and the arrays.
    """

    def __init__(self, form: Form) -> None:
        self.form, self.code = form, Code()
        bytes_of = form.lanes * (4 if form.dtype == "float32" else 8)
        self.vectors = Vectors(self.code, form.dtype, Machine(bytes_of, fused=True, avx512=False))
        self.bytes_type = f"<{form.lanes} x i8>"
        table = self.code.address(self.code.parameters[0], 0)
        self.in_rows, self.in_width, self.rows, self.width = [self.code.word(table, k) for k in range(4)]

    def text(self, body: Callable[[Operand, Operand, Operand], None]) -> str:
        """The module; ``body(plane, row, column)`` writes what is done with a vector of windows."""
        code = self.code
        _, start, stop = code.parameters
        final = code.sub(self.width, self.form.lanes)
        with code.loop(stop, start=start) as plane, code.loop(self.rows) as row:
            with code.loop(self.width, step=self.form.lanes) as column:
                body(plane.index, row.index, code.least(column.index, final))
        code.done()
        return module(code)

    def array(self, number: int) -> Operand:
        """Where the elements of an operand begin."""
        return self.code.address(self.code.parameters[0], number)

    def window(self, plane: Operand, row: Operand, column: Operand) -> Operand:
        """The number of a window among all."""
        code = self.code
        return code.add(code.mul(code.add(code.mul(plane, self.rows), row), self.width), column)

    def line(self, plane: Operand, row: Operand, within: int) -> Operand:
        """The number of the element with which a row of places begins, of the windows of a row."""
        code = self.code
        at = code.add(code.mul(row, self.form.stride[0]), within * self.form.dilation[0])
        return code.mul(code.add(code.mul(plane, self.in_rows), at), self.in_width)

    def seen(self, x: Operand, plane: Operand, row: Operand, column: Operand) -> list[Operand]:
        """What a vector of windows has at each place."""
        code, form, found = self.code, self.form, []
        steps = [k * form.dilation[1] for k in range(form.size[1])]
        for within in range(form.size[0]):
            begin = code.add(self.line(plane, row, within), code.mul(column, form.stride[1]))
            line = self.vectors.at(x, begin)
            if form.stride[1] == 1:
                found += [self.vectors.load(self.vectors.at(line, step)) for step in steps]
                continue
            pairs: dict[int, VectorPair] = {}
            for step in steps:
                even = step - step % 2
                if even not in pairs:
                    pairs[even] = self._pair(self.vectors.at(line, even), even + 1 in steps)
                found.append(self.shuffled(*pairs[even], [2 * k + step % 2 for k in range(form.lanes)]))
        return found

    def _pair(self, place: Operand, whole: bool) -> VectorPair:
        """Two neighbouring vectors; the last element is read only if it is asked for: it may lie behind the end."""
        lanes = self.form.lanes
        mask = None if whole else Operand(f"<{', '.join(['i1 1'] * (lanes - 1) + ['i1 0'])}>", self.vectors.mask_type)
        return self.vectors.load(place), self.vectors.load(self.vectors.at(place, lanes), mask)

    def shuffled(self, x: Operand, y: Operand, order: list[int]) -> Operand:
        """Elements of two vectors, numbered through."""
        places = ", ".join([f"i32 {place}" for place in order])
        return self.code.emit(f"shufflevector {x.type} {x}, {y.type} {y}, <{len(order)} x i32> <{places}>", x.type)

    def greater(self, x: Operand, best: Operand) -> Operand:
        """Where an element comes in the place of the best so far: it is larger, or no number."""
        code, mask = self.code, self.vectors.mask_type
        larger = code.emit(f"fcmp ogt {x.type} {x}, {best}", mask)
        return code.binary("or", larger, code.emit(f"fcmp uno {x.type} {x}, {x}", mask))

    def bytes(self, number: int) -> Operand:
        """A number in every lane of a vector of bytes."""
        return Operand(f"<{', '.join([f'i8 {number}'] * self.form.lanes)}>", self.bytes_type)


def _maxima_text(form: Form) -> str:
    writer = _Writer(form)
    x, out = writer.array(1), writer.array(2)

    def body(plane: Operand, row: Operand, column: Operand) -> None:
        best, *rest = writer.seen(x, plane, row, column)
        for other in rest:
            best = writer.code.select(writer.greater(other, best), other, best)
        writer.vectors.store(best, writer.vectors.at(out, writer.window(plane, row, column)))

    return writer.text(body)


def _winners_text(form: Form) -> str:
    writer = _Writer(form)
    x, out = writer.array(1), writer.array(2)

    def body(plane: Operand, row: Operand, column: Operand) -> None:
        code = writer.code
        best, *rest = writer.seen(x, plane, row, column)
        winner = writer.bytes(0)
        for number, other in enumerate(rest, 1):
            here = writer.greater(other, best)
            best = code.select(here, other, best)
            winner = code.select(here, writer.bytes(number), winner)
        code.store(winner, code.at("i8", out, writer.window(plane, row, column)))

    return writer.text(body)


def _put_text(form: Form) -> str:
    writer = _Writer(form)
    ct, winner, out = writer.array(1), writer.array(2), writer.array(3)
    lanes = form.lanes
    orders = [[k // 2 + half * lanes // 2 + (k % 2) * lanes for k in range(lanes)] for half in (0, 1)]

    def body(plane: Operand, row: Operand, column: Operand) -> None:
        code = writer.code
        window = writer.window(plane, row, column)
        sent = writer.vectors.load(writer.vectors.at(ct, window))
        chosen = code.load(writer.bytes_type, code.at("i8", winner, window))
        for within in range(form.size[0]):
            left, right = [code.select(code.emit(f"icmp eq {writer.bytes_type} {chosen}, {writer.bytes(number)}",
                                                 writer.vectors.mask_type), sent, writer.vectors.zero)
                           for number in (2 * within, 2 * within + 1)]
            begin = code.add(writer.line(plane, row, within), code.mul(column, 2))
            place = writer.vectors.at(out, begin)
            for half, order in enumerate(orders):
                writer.vectors.store(writer.shuffled(left, right, order), writer.vectors.at(place, half * lanes))

    return writer.text(body)


@lru_cache(maxsize=64)
def _kernel(write: Callable[[Form], str], form: Form, arrays: int) -> threads.Parts:
    return threads.Parts(write(form), arrays)


def _pair(values: tuple[int, ...]) -> Pair:
    return (1, values[0]) if len(values) == 1 else (values[0], values[1])


def _form(dtype: np.dtype[Any], out: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...],
          dilation: tuple[int, ...]) -> Form | None:
    """The form; None where numpy should compute."""
    if dtype.char not in "fd" or len(size) > 2 or stride[-1] > 2 or prod(size) > MOST_PLACES or not (
            generated_code_is_possible()):
        return None
    lanes = min(engine().machine.vector_bytes // dtype.itemsize, 1 << out[-1].bit_length() >> 1)
    return Form(dtype.name, _pair(size), _pair(stride), _pair(dilation), lanes) if lanes >= LEAST_LANES else None


def _run(write: Callable[[Form], str], form: Form, sizes: tuple[int, ...], out: tuple[int, ...],
         *arrays: Array) -> None:
    count = prod(arrays[0].shape[:arrays[0].ndim - len(sizes)])
    table = threads.table(4)
    table[:] = (*_pair(sizes), *_pair(out))
    work = count * prod(out) / form.lanes * prod(form.size) * 4
    _kernel(write, form, len(arrays)).run(count, work, table, *arrays)


def _windows(write: Callable[[Form], str], result: Any, x: Array, out: tuple[int, ...], size: tuple[int, ...],
             stride: tuple[int, ...], dilation: tuple[int, ...]) -> Array | None:
    form = _form(x.dtype, out, size, stride, dilation)
    if form is None or not x.flags.c_contiguous:
        return None
    check_reach("max_pool", x.shape[x.ndim - len(size):], out, size, stride, dilation)
    found = np.empty((*x.shape[:x.ndim - len(size)], *out), result)
    _run(write, form, x.shape[x.ndim - len(size):], out, x, found)
    return found


def maxima(x: Array, out: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...],
           dilation: tuple[int, ...]) -> Array | None:
    """The largest elements of ``out`` windows over the last dimensions of ``x``, inside which all of them lie. NaN
    wins. None where numpy should compute it."""
    return _windows(_maxima_text, x.dtype, x, out, size, stride, dilation)


def winners(x: Array, out: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...],
            dilation: tuple[int, ...]) -> Array | None:
    """Where in each window the maximum stands, counted row by row, as uint8: of equal ones the first, of NaNs the last.
    As for `maxima`."""
    return _windows(_winners_text, np.uint8, x, out, size, stride, dilation)


def put(ct: Array, winner: Array, sizes: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...],
        dilation: tuple[int, ...]) -> Array | None:
    """Each window's element where its winner stands, in zeros of these ``sizes``, inside which all windows lie; for
    windows of two columns two apart that share no rows. None where numpy should compute it."""
    out = winner.shape[winner.ndim - len(size):]
    form = _form(ct.dtype, out, size, stride, dilation)
    if form is None or not winner.flags.c_contiguous or winner.dtype != np.uint8:
        return None
    if (form.size[1], form.stride[1], form.dilation[1]) != (2, 2, 1) or ct.shape != winner.shape or (
            form.stride[0] < form.dilation[0] * (form.size[0] - 1) + 1):
        return None
    check_reach("max_pool", sizes, out, size, stride, dilation)
    whole = sizes[-1] == 2 * out[-1] and (len(size) == 1 or (
        form.dilation[0] == 1 and form.stride[0] == form.size[0] and sizes[0] == form.size[0] * out[0]))
    found = (np.empty if whole else np.zeros)((*winner.shape[:winner.ndim - len(size)], *sizes), ct.dtype)
    _run(_put_text, form, sizes, out, np.ascontiguousarray(ct), winner, found)
    return found
