"""Generated code for images that are read at places between their elements, and the way back.

The one idea to know: who has a place finds its neighbours once, for all channels. The sizes are words of a table, so
that a dtype, a mode and a padding have one code for all shapes; the steps are those of `prims/grids.py`, each rounded
as it stands. On the way back a sample's places are gone through in their order, so that every sum has one order.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache, lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..core.cubic import cubic_slopes, cubic_weights
from . import threads
from .code import TRUTH, WORD, Code, Operand, module, word
from .kernels import generated_code_is_possible

__all__ = ["sampled", "sampled_back"]

Array = np.ndarray[Any, Any]
BLOCK = 256
"""So many places a thread takes at once."""
_ELEMENTS = {"f": ("float", 4, "f32"), "d": ("double", 8, "f64")}


@dataclass(frozen=True)
class Form:
    """What the text of a kernel depends on."""

    char: str
    rank: int
    mode: str
    padding: str
    align: bool
    back: tuple[bool, bool] | None = None
    """Which cotangents are wanted, on the way back."""


class _Number:
    """A scalar of an expression that is being written, so that formulas of arrays can be written down."""

    def __init__(self, writer: _Writer, value: Operand) -> None:
        self.writer, self.value = writer, value

    def _with(self, operation: str, x: _Number | float, y: _Number | float) -> _Number:
        writer = self.writer
        return _Number(writer, writer.code.binary(operation, writer.operand(x), writer.operand(y)))

    def __add__(self, other: _Number | float) -> _Number:
        return self._with("fadd", self, other)

    def __radd__(self, other: float) -> _Number:
        return self._with("fadd", other, self)

    def __sub__(self, other: _Number | float) -> _Number:
        return self._with("fsub", self, other)

    def __rsub__(self, other: float) -> _Number:
        return self._with("fsub", other, self)

    def __mul__(self, other: _Number | float) -> _Number:
        return self._with("fmul", self, other)

    def __rmul__(self, other: float) -> _Number:
        return self._with("fmul", other, self)

    def __truediv__(self, other: _Number | float) -> _Number:
        return self._with("fdiv", self, other)

    def __neg__(self) -> _Number:
        return self.writer.called("fneg", self)

    def holds(self, condition: str, other: _Number | float) -> Operand:
        """Whether a condition of reals holds."""
        x, y = self.value, self.writer.operand(other)
        return self.writer.code.emit(f"fcmp {condition} {x.type} {x}, {y}", TRUTH)


class _Tap(NamedTuple):
    place: _Number
    weight: _Number
    slope: _Number


_Move = tuple[_Number, _Number | None]
"""How a position moves with the grid, and once inside."""


class _Choice(NamedTuple):
    taps: tuple[_Tap, ...]
    inside: Operand
    at: Operand
    weight: _Number


class _Writer:
    """Writes ``void kernel(ptr operands, i64 start, i64 stop)``. The operands: a table (channels, places, parts of a
    sample's places, sizes), the image and the grid; then the result, or its cotangent and those of both."""

    def __init__(self, form: Form) -> None:
        self.form, self.code = form, Code()
        self.element, self.size, self.suffix = _ELEMENTS[form.char]
        operands = self.code.parameters[0]
        table = self.code.address(operands, 0)
        self.channels, self.places, self.parts = (self.code.word(table, k) for k in range(3))
        self.sizes = [self.code.word(table, 3 + k) for k in range(form.rank)]
        self.widths = [_Number(self, self.code.convert("sitofp", n, self.element)) for n in self.sizes]
        self.plane = self.sizes[0]
        for n in self.sizes[1:]:
            self.plane = self.code.mul(self.plane, n)
        self.arrays = [self.code.address(operands, k) for k in range(1, 4 if form.back is None else 6)]

    def operand(self, x: _Number | float) -> Operand:
        """A number, of those that both dtypes hold exactly, or what is computed."""
        return x.value if isinstance(x, _Number) else Operand(repr(float(x)), self.element)

    def called(self, name: str, x: _Number) -> _Number:
        """A function of one number."""
        if name == "fneg":
            return _Number(self, self.code.emit(f"fneg {self.element} {x.value}", self.element))
        return _Number(self, self.code.call(self.element, f"llvm.{name}.{self.suffix}", x.value))

    def chosen(self, condition: Operand, x: _Number | float, y: _Number | float) -> _Number:
        """x where the condition holds, else y."""
        return _Number(self, self.code.select(condition, self.operand(x), self.operand(y)))

    def load(self, array: Operand, index: Operand) -> _Number:
        """An element."""
        return _Number(self, self.code.load(self.element, array, index, align=self.size))

    def store(self, value: _Number, array: Operand, index: Operand) -> None:
        """Writes an element."""
        self.code.store(value.value, self.code.at(self.element, array, index), align=self.size)

    # --- the neighbours of a place ------------------------------------------------------------------------------------

    def choices(self, grid: Operand, at: Operand) -> tuple[list[_Choice], list[_Move]]:
        """All choices of a neighbour in every dimension, and how positions move with the grid."""
        code, form = self.code, self.form
        found: list[list[_Tap]] = []
        moves: list[_Move] = []
        for dim, n in enumerate(self.widths):
            given = self.load(grid, code.add(at, form.rank - 1 - dim))
            position = (given + 1) / 2 * (n - 1) if form.align else ((given + 1) * n - 1) / 2
            inner = None
            if form.mode == "bicubic":
                taps = self.cubic(position, n)
            else:
                position, inner = self.padded(position, n)
                taps = self.linear(position) if form.mode == "bilinear" else self.nearest(position)
            found.append(taps)
            moves.append(((n - 1) / 2 if form.align else n / 2, inner))
        return [self.choice(taps) for taps in itertools.product(*found)], moves

    def choice(self, taps: tuple[_Tap, ...]) -> _Choice:
        """Where one neighbour in every dimension stands, if inside."""
        code = self.code
        inside, index, weight = Operand("true", TRUTH), word(0), taps[0].weight
        for tap, n, width in zip(taps, self.sizes, self.widths, strict=True):
            here = code.binary("and", tap.place.holds("oge", 0.0), tap.place.holds("ole", width - 1))
            place = code.convert("fptosi", self.chosen(here, tap.place, 0.0).value, WORD)
            inside, index = code.binary("and", inside, here), code.add(code.mul(index, n), place)
        for tap in taps[1:]:
            weight = weight * tap.weight
        # Outside an index may be one of another row, but never of another plane.
        return _Choice(taps, inside, index, weight)

    def padded(self, x: _Number, n: _Number) -> tuple[_Number, _Number | None]:
        """A position brought inside, and how it moves."""
        code, slope = self.code, None
        if self.form.padding == "zeros":
            return x, None
        if self.form.padding == "reflection":
            x, slope = self.reflected(x, n)
        last = n - 1
        inside = code.binary("and", x.holds("ogt", 0.0), x.holds("olt", last))
        edge = self.chosen(x.holds("ogt", 0.0), last, 0.0)
        return self.chosen(inside, x, edge), self.chosen(inside, 1.0 if slope is None else slope, 0.0)

    def reflected(self, x: _Number, n: _Number) -> tuple[_Number, _Number]:
        """A position mirrored at both ends, and how it moves."""
        low = 0.0 if self.form.align else -0.5
        high = n - 1 if self.form.align else n - 0.5
        span, apart = high - low, x - low
        away = self.called("fabs", apart)
        turns = self.called("floor", away / span)
        rest = away - turns * span
        even = (turns - 2 * self.called("floor", turns / 2)).holds("oeq", 0.0)
        sign = self.chosen(apart.holds("ogt", 0.0), 1.0, self.chosen(apart.holds("olt", 0.0), -1.0, 0.0))
        none = span.holds("oeq", 0.0)
        return (self.chosen(none, 0.0, self.chosen(even, rest + low, high - rest)),
                self.chosen(none, 0.0, self.chosen(even, sign, -sign)))

    def nearest(self, x: _Number) -> list[_Tap]:
        one = _Number(self, self.operand(1.0))
        return [_Tap(self.called("rint", x), one, one * 0.0)]

    def linear(self, x: _Number) -> list[_Tap]:
        low, one = self.called("floor", x), _Number(self, self.operand(1.0))
        return [_Tap(low, low + 1 - x, one * -1.0), _Tap(low + 1, x - low, one)]

    def cubic(self, x: _Number, n: _Number) -> list[_Tap]:
        low = self.called("floor", x)
        part = x - low
        return [_Tap(self.padded(low + offset, n)[0], weight, slope)
                for (offset, weight), slope in zip(cubic_weights(part), cubic_slopes(part), strict=True)]

    # --- both ways ----------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """The module."""
        code = self.code
        _, start, stop = code.parameters
        with code.loop(stop, start=start) as item:
            sample, part = code.div(item.index, self.parts), code.rest(item.index, self.parts)
            low, high = (code.div(code.mul(k, self.places), self.parts) for k in (part, code.add(part, 1)))
            with code.loop(high, start=low) as place:
                at = code.mul(code.add(code.mul(sample, self.places), place.index), self.form.rank)
                choices, moves = self.choices(self.arrays[1], at)
                (self.forth if self.form.back is None else self.back)(sample, place.index, at, choices, moves)
        code.done()
        return module(code)

    def _planes(self, sample: Operand, channel: Operand, place: Operand) -> tuple[Operand, Operand]:
        """Where a plane of the image begins, and the element of the result."""
        code = self.code
        number = code.add(code.mul(sample, self.channels), channel)
        return code.mul(number, self.plane), code.add(code.mul(number, self.places), place)

    def forth(self, sample: Operand, place: Operand, at: Operand, choices: list[_Choice], moves: list[_Move]) -> None:
        """All channels of a place."""
        code = self.code
        x, _, out = self.arrays
        with code.loop(self.channels) as channel:
            plane, here = self._planes(sample, channel.index, place)
            parts = [self.chosen(each.inside, self.load(x, code.add(plane, each.at)), 0.0) * each.weight
                     for each in choices]
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            self.store(total, out, here)

    def back(self, sample: Operand, place: Operand, at: Operand, choices: list[_Choice], moves: list[_Move]) -> None:
        """What all channels of a place send to the image, and to the place."""
        code = self.code
        x, _, ct, for_x, for_grid = self.arrays
        assert self.form.back is not None
        zero = Operand("0.0", self.element)
        with code.loop(self.channels, carried=[zero] * len(choices) * self.form.back[1]) as channel:
            plane, here = self._planes(sample, channel.index, place)
            cotangent, following = self.load(ct, here), []
            for number, each in enumerate(choices):
                index = code.add(plane, each.at)
                if self.form.back[0]:
                    part = self.chosen(each.inside, cotangent * each.weight, 0.0)
                    self.store(self.load(for_x, index) + part, for_x, index)
                if self.form.back[1]:
                    seen = self.chosen(each.inside, self.load(x, index), 0.0)
                    following.append((_Number(self, channel.carried[number]) + cotangent * seen).value)
            channel.next = following
        if self.form.back[1]:
            for dim, (outer, inner) in enumerate(moves):
                total: _Number | None = None
                for each, summed in zip(choices, channel.carried, strict=True):
                    part = _Number(self, summed)
                    for other, tap in enumerate(each.taps):
                        part = part * (tap.slope if other == dim else tap.weight)
                    total = part if total is None else total + part
                assert total is not None
                sent = total * outer if inner is None else self.chosen(
                    inner.holds("oeq", 0.0), 0.0, total * (inner * outer))
                self.store(sent, for_grid, code.add(at, self.form.rank - 1 - dim))


@cache
def _kernel(*form: Any) -> threads.Parts:
    """The kernel of the `Form` of these fields."""
    return threads.Parts(_Writer(Form(*form)).text(), arrays=3 if len(form) == 5 else 5)


@lru_cache(maxsize=256)
def _table(numbers: tuple[int, ...]) -> Array:
    """The words of some sizes, which all calls with these read."""
    table = threads.table(len(numbers))
    table[:] = numbers
    return table


def _run(kernel: threads.Parts, x: Array, grid: Array, places: int, parts: int, *others: Array) -> None:
    samples, *sizes = x.shape
    worth = samples * places * (30.0 + sizes[0]) * 4**len(sizes)
    kernel.run(samples * parts, worth, _table((sizes[0], places, parts, *sizes[1:])), x, grid, *others)


def _in_rows(x: Array) -> Array:
    return x if x.flags.c_contiguous else np.ascontiguousarray(x)


def _fit(x: Array, grid: Array) -> bool:
    """Whether there is code for these: one dtype, sizes that fit, and something to read."""
    return (generated_code_is_possible() and x.dtype == grid.dtype and x.ndim == grid.ndim == grid.shape[-1] + 2
            and x.shape[0] == grid.shape[0] and x.size > 0 and grid.size > 0)


def sampled(x: Array, grid: Array, mode: str, padding: str, align: bool) -> Array | None:
    """The image at the places; None where numpy should read it."""
    if not _fit(x, grid):
        return None
    out = np.empty((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    places = prod(grid.shape[1:-1])
    _run(_kernel(x.dtype.char, x.ndim - 2, mode, padding, align), _in_rows(x), _in_rows(grid), places,
         max(1, places // BLOCK), out)
    return out


def sampled_back(ct: Array, x: Array, grid: Array, needs: tuple[bool, ...], mode: str, padding: str, align: bool
                 ) -> tuple[Array | None, Array | None] | None:
    """The cotangents of the image and of the grid, as far as they are needed; None where numpy should find them."""
    if not _fit(x, grid) or ct.dtype != x.dtype or ct.shape != (*x.shape[:2], *grid.shape[1:-1]):
        return None
    for_x, for_grid = bool(needs[0]), bool(needs[1])
    image = np.zeros(x.shape, x.dtype) if for_x else ct
    places = np.empty(grid.shape, x.dtype) if for_grid else ct
    _run(_kernel(x.dtype.char, x.ndim - 2, mode, padding, align, (for_x, for_grid)), _in_rows(x), _in_rows(grid),
         prod(grid.shape[1:-1]), 1, _in_rows(ct), image, places)
    return image if for_x else None, places if for_grid else None
