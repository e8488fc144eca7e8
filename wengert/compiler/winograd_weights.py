"""Generated code for the weights' gradients of 3×3 convolutions of stride 1 with fewer multiplications.

The one idea to know: the gradient of a product of transforms (`winograd.py`) is one too. What a tile of 2×2 windows
sees and its four cotangents are transformed to 4×4 points each; for every point the products of channels are summed up
over all tiles, 16 in the place of 36; and what makes nine places of 16 points is done once, when the sums are complete.

The sums of a thread's blocks are added up point by point in memory of its own (`blocks.py`); `Ending` makes the
gradient of them.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), turned round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import NamedTuple

from .channels import LATENCY, Axis, Form, Writer, Written
from .code import Operand, word
from .places import Places
from .vectors import Machine, Vectors
from .winograd import PATCH, POINTS, SAVED, SIDE

IN, CT, FAR = 35, 25, 2
"""Cycles that a vector of channels of a tile takes to be transformed, of the input and of the cotangent, and how often
as long it takes where what is written does not stay in the nearest cache."""

SUMS = 24
"""Sums that are in registers at once, at most."""

NEAREST, LEAST_BATCH = 32 * 1024, 8
"""Bytes of the nearest cache: where all sums and as many tiles as this have room there, a batch is what has."""

BATCH_BYTES = 12 * 1024
"""What the tiles of another batch take of one point: that much is in the nearest cache, and sums are seldom read."""

MOST_KEPT = 2**21
"""Bytes of the sums, which are gone through once a batch, beyond which they are too far away."""


class Layout(NamedTuple):
    """How channels lie after the transform on a machine: the line of an input's, in vectors of ``seen`` lanes, and that
    of a result's, both filled up to whole vectors."""

    seen: int
    line: int
    lanes: int
    out_line: int

    @property
    def kept(self) -> int:
        """The elements of all sums."""
        return POINTS * self.line * self.out_line


@dataclass(frozen=True)
class Sums(Form):
    """``out[point, c, o] += Σ x'[tile, point, c] y'[tile, point, o]``, all of a block. The operands: x, y, out, and
    memory for a batch of tiles; the axes of the windows are of x and y."""

    samples: Axis
    rows: Axis
    columns: Axis
    inner: int
    outer: int

    @property
    def grid(self) -> tuple[int, int]:
        """The tiles of a sample."""
        return -(-self.rows.size // SIDE), -(-self.columns.size // SIDE)

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return self.samples.size * prod(self.grid)

    def layout(self, machine: Machine) -> Layout:
        """How channels lie."""
        seen, lanes = self.lanes(machine, self.inner), self.lanes(machine, self.outer)
        return Layout(seen, -(-self.inner // seen) * seen, lanes, -(-self.outer // lanes) * lanes)

    def batch(self, machine: Machine) -> int:
        """The tiles of a batch."""
        layout = self.layout(machine)
        each = self.size * (layout.line + layout.out_line)
        near = self._near(layout)
        most = near if near >= LEAST_BATCH else max(LEAST_BATCH, BATCH_BYTES // each)
        return -(-self.tiles // -(-self.tiles // most))

    def _near(self, layout: Layout) -> int:
        """The tiles that have room in the nearest cache beside the sums."""
        return (NEAREST // self.size - layout.kept) // (POINTS * (layout.line + layout.out_line))

    def pitches(self, machine: Machine) -> tuple[int, int]:
        """From one point to the next of a batch of the input's tiles, and of the cotangent's: an odd number of vectors,
        so that the points of a tile do not fall upon each other in the cache."""
        layout, batch = self.layout(machine), self.batch(machine)
        first, second = ((batch * line // lanes | 1) * lanes
                         for line, lanes in ((layout.line, layout.seen), (layout.out_line, layout.lanes)))
        return first, second

    def room(self, machine: Machine) -> int:
        """The elements of a batch, transformed."""
        return POINTS * sum(self.pitches(machine))

    def sides(self, machine: Machine) -> tuple[int, int]:
        """Of the channels of the input and vectors of the result's how many are multiplied at once: such as divide
        them, so that nothing is summed up twice."""
        layout = self.layout(machine)
        count = layout.out_line // layout.lanes
        found = [(self._product(side, width) / (side * width), -side * width, side, width)
                 for side in range(1, layout.line + 1) for width in range(1, count + 1)
                 if side * width <= (SUMS if machine.vector_bytes != 32 else 12)
                 and not layout.line % side and not count % width]
        return min(found)[2:]

    def _product(self, side: int, width: int) -> float:
        """The cycles of what one tile adds to so many sums; a number that is used once is loaded by its product."""
        return max(LATENCY, side * width / 2, (side + width) / 2) + (width + side * (width > 1)) / 8

    def cycles(self, machine: Machine) -> float:
        """Roughly how long it takes."""
        layout, (side, width) = self.layout(machine), self.sides(machine)
        count = layout.out_line // layout.lanes
        products = POINTS * (layout.line // side) * (count // width) * self._product(side, width)
        sums = POINTS * layout.line * count * 2 / self.batch(machine)
        transforms = IN * (layout.line // layout.seen) + CT * count
        return self.tiles * (products + sums + transforms * (1 if self._near(layout) >= LEAST_BATCH else FAR))

    def written(self, name: str, machine: Machine, visible: bool = False) -> Written:
        """The code, of one item."""
        return _SumsWriter(self, name, machine, visible).written()


def fewer(form: Places, machine: Machine, times: int) -> Sums | None:
    """The form that adds up the same, where there is one and it is quicker by enough; it is run so many times."""
    if form.each or form.groups > 1 or form.channel_step != 1 or form.parts > 1 or len(form.windows) != 2:
        return None
    rows, columns = form.windows
    *before, high, wide = form.places
    if any(a.size != 1 for a in before) or (high.size, wide.size) != (3, 3) or min(rows.size, columns.size) < SIDE:
        return None
    if (high.x, wide.x) != (rows.x, columns.x) or high.y or wide.y:
        return None
    made = Sums(form.dtype, form.samples, rows, columns, form.inner, form.outer)
    saved = times * (form.cycles(machine) - made.cycles(machine)) - Ending(made).cycles(machine)
    return made if saved >= SAVED and made.layout(machine).kept * form.size <= MOST_KEPT else None


class _SumsWriter(Writer):
    def __init__(self, form: Sums, name: str, machine: Machine, visible: bool = False) -> None:
        super().__init__(form, name, machine, form.outer, visible)
        self.form, self.layout, self.batch = form, form.layout(machine), form.batch(machine)
        self.pitches = form.pitches(machine)
        self.side, self.width = form.sides(machine)
        self.seen = Vectors(self.code, form.dtype, replace(machine, vector_bytes=self.layout.seen * form.size))

    def written(self) -> Written:
        code, form, tiles = self.code, self.form, self.form.tiles
        operands, start, stop = code.parameters
        x, y, out, elements = code.addresses(operands, 4)
        cotangents = self.at(elements, POINTS * self.pitches[0])
        self.nothing = code.stack(f"[{self.layout.out_line} x {self.element}]", align=64)
        with code.loop(self.layout.out_line, step=self.lanes) as loop:
            self.vectors.store(self.vectors.zero, self.at(self.nothing, loop.index))
        with code.loop(code.mul(stop, tiles), start=code.mul(start, tiles), step=self.batch) as first:
            present = code.least(code.sub(tiles, first.index), self.batch)
            with code.loop(present) as tile:
                self._transform(x, y, code.add(first.index, tile.index),
                                self.moved(elements, tile.index, self.layout.line),
                                self.moved(cotangents, tile.index, self.layout.out_line))
            with code.loop(POINTS) as point:
                self._multiply(self.moved(elements, point.index, self.pitches[0]),
                               self.moved(cotangents, point.index, self.pitches[1]),
                               self.moved(out, point.index, self.layout.line * self.layout.out_line), present)
        code.done()
        return code, 1, form.cycles(self.machine)

    def _transform(self, x: Operand, y: Operand, number: Operand, elements: Operand, cotangents: Operand) -> None:
        """What a tile sees, and its cotangents. A tile at the end of an odd number of windows begins one before: the
        cotangent of what it shares with the tile there counts as zero."""
        code, form = self.code, self.form
        down, across = form.grid
        column, left = code.rest(number, across), code.div(number, across)
        row, sample = code.rest(left, down), code.div(left, down)
        x, y = self.moved(x, sample, form.samples.x), self.moved(y, sample, form.samples.y)
        again = []
        for index, axis in ((row, form.rows), (column, form.columns)):
            wanted = code.mul(index, SIDE)
            at = code.least(wanted, axis.size - SIDE)
            x, y = self.moved(x, at, axis.x), self.moved(y, at, axis.y)
            again.append(code.less(at, wanted) if axis.size % SIDE else None)
        windows = []
        for i in range(SIDE):
            windows.append([self.at(y, i * form.rows.y + j * form.columns.y) for j in range(SIDE)])
        for i, j in product(range(SIDE), repeat=2):
            for shared, window in zip(again, (i, j), strict=True):
                if shared is not None and window == 0:
                    windows[i][j] = code.select(shared, self.nothing, windows[i][j])
        seen = [[self.at(x, i * form.rows.x + j * form.columns.x) for j in range(PATCH)] for i in range(PATCH)]
        for v, places, channels, line, target, pitch, transform in (
                (self.seen, seen, form.inner, self.layout.line, elements, self.pitches[0], _of_input),
                (self.vectors, windows, form.outer, self.layout.out_line, cotangents, self.pitches[1], _of_cotangent)):
            self._points(v, places, (channels, line), target, pitch, transform)

    def _points(self, v: Vectors, places: list[list[Operand]], sizes: tuple[int, int], target: Operand, pitch: int,
                transform: Callable[..., list[Operand]]) -> None:
        """The transform of all channels of a tile, whole vectors with zeros after the last channel, each point a pitch
        after the one before."""
        channels, line = sizes

        def vector(at: Operand, mask: Operand | None) -> None:
            seen = [[v.load(v.at(place, at), mask) for place in row] for row in places]
            half = [transform(v, [row[j] for row in seen]) for j in range(len(seen))]
            for i in range(PATCH):
                for j, value in enumerate(transform(v, [column[i] for column in half])):
                    v.store(value, self.moved(v.at(target, at), PATCH * i + j, pitch))

        if channels == line:
            with self.code.loop(line, step=v.lanes) as loop:
                vector(loop.index, None)
        else:
            v.sweep(0, word(channels), vector)

    def _multiply(self, elements: Operand, cotangents: Operand, out: Operand, present: Operand) -> None:
        """The products of one point, of a batch of tiles, added to what there is."""
        code, v, layout, side, width = self.code, self.vectors, self.layout, self.side, self.width
        step = width * self.lanes
        with code.loop(layout.line, step=side) as c, code.loop(layout.out_line, step=step) as o:
            target = self.at(self.moved(out, c.index, layout.out_line), o.index)
            places = [self.at(target, i * layout.out_line + k * self.lanes) for i in range(side) for k in range(width)]

            def body(at: Sequence[Operand], before: Sequence[Operand]) -> Sequence[Operand]:
                now = list(before)
                rows = [v.load(self.at(at[1], k * self.lanes)) for k in range(width)]
                for i in range(side):
                    seen = self.splat(self.at(at[0], i))
                    for k in range(width):
                        now[i * width + k] = v.intrinsic("fmuladd", seen, rows[k], now[i * width + k])
                return now

            here = [self.at(elements, c.index), self.at(cotangents, o.index)]
            sums = self.nested([Axis(self.batch, layout.line)], [v.load(place) for place in places], here,
                               [[layout.line], [layout.out_line]], body, present)
            for value, place in zip(sums, places, strict=True):
                v.store(value, place)


def _of_input(v: Vectors, d: Sequence[Operand]) -> list[Operand]:
    return [v.sub(d[0], d[2]), v.add(d[1], d[2]), v.sub(d[2], d[1]), v.sub(d[3], d[1])]


def _of_cotangent(v: Vectors, y: Sequence[Operand]) -> list[Operand]:
    return [y[0], v.add(y[0], y[1]), v.sub(y[0], y[1]), y[1]]


@dataclass(frozen=True)
class Ending:
    """``out[place, c, o]`` of the sums of `Sums`. The operands: the sums, out."""

    form: Sums

    def cycles(self, machine: Machine) -> float:
        """Roughly how long it takes, the sums set to zero before."""
        layout = self.form.layout(machine)
        return 3 * layout.kept / layout.lanes

    def written(self, name: str, machine: Machine, visible: bool = False) -> Written:
        """The code, of one item."""
        form, layout = self.form, self.form.layout(machine)
        writer = Writer(form, name, machine, form.outer, visible)
        code, v = writer.code, writer.vectors
        operands, start, stop = code.parameters
        sums, out = code.addresses(operands, 2)
        with code.loop(code.mul(stop, form.inner), start=code.mul(start, form.inner)) as c:
            source, target = writer.moved(sums, c.index, layout.out_line), writer.moved(out, c.index, form.outer)

            def vector(at: Operand, mask: Operand | None) -> None:
                here, there = v.at(source, at), v.at(target, at)
                points = [[v.load(writer.moved(here, (PATCH * i + j) * layout.line, layout.out_line))
                           for j in range(PATCH)] for i in range(PATCH)]
                half = [self._line(v, [points[i][j] for i in range(PATCH)]) for j in range(PATCH)]
                for i in range(3):
                    for j, value in enumerate(self._line(v, [half[n][i] for n in range(PATCH)])):
                        v.store(value, writer.moved(there, (3 * i + j) * form.inner, form.outer), mask)

            v.sweep(0, word(form.outer), vector)
        code.done()
        return code, 1, self.cycles(machine)

    def _line(self, v: Vectors, m: Sequence[Operand]) -> list[Operand]:
        middle = v.mul(v.add(m[1], m[2]), 0.5)
        return [v.add(m[0], middle), v.mul(v.sub(m[1], m[2]), 0.5), v.add(middle, m[3])]
