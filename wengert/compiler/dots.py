"""Generated code for convolutions to few channels, whose vectors hold channels of the input.

The one idea to know: where the result has fewer channels than a vector has lanes, most lanes would idle
(`compiler/channels.py`). Then a window's sum is a dot product along the input's channels, a vector of them at a time,
and the lanes are added up once, at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from .channels import ITEMS, Axis, Form, Writer, Written, joined, reach, tiled, tiles_along
from .code import Operand
from .extents import lifted
from .vectors import Machine

WIDEST, ALONG = 6, 4
"""Channels of a tile at most, and vectors of input channels that are written out, not looped over."""

ADDED_UP = 8
"""Cycles that adding up the lanes of a vector takes."""


@dataclass(frozen=True)
class Dots(Form):
    """``out[window, g, o] = bias[g, o] + Σ x[window + place, g, c] weight[g, o, place, c]``.

    The operands: x, weight, bias if there is one, out. ``windows`` are axes of x and out, ``places`` axes of x; the
    channels of both x and out are neighbours.
    """

    windows: tuple[Axis, ...]
    places: tuple[Axis, ...]
    groups: int
    inner: int
    outer: int
    bias: bool

    @property
    def reads(self) -> int:
        """What a channel sums up."""
        return prod([a.size for a in self.places]) * self.inner

    def extents(self) -> list[tuple[int, int]]:
        """The first and the last element that it reads or writes of each operand, counted from where that begins."""
        channels = self.groups * self.outer
        x = reach([*[(a.size, a.x) for a in (*self.windows, *self.places)], (self.groups * self.inner, 1)])
        out = reach([*[(a.size, a.y) for a in self.windows], (channels, 1)])
        return [x, (0, self.reads * channels - 1), *[(0, channels - 1)] * self.bias, out]

    def cycles(self, machine: Machine) -> float:
        """Roughly how long it takes."""
        writer = _Writer(self, "", machine)
        every = writer.tiles * writer.blocks * self.groups * prod([a.size for a in self.places]) * writer.along
        return every * writer.cost + ADDED_UP * self.groups * self.outer * prod([a.size for a in self.windows])

    def written(self, name: str, machine: Machine) -> Written:
        """The code, for the items that it says."""
        return _Writer(self, name, machine).written()


class _Writer(Writer):
    def __init__(self, form: Dots, name: str, machine: Machine) -> None:
        super().__init__(form, name, machine, form.inner)
        self.form = form
        self.along = self.count
        self.axes = joined(form.windows)
        self.sides, self.width, self.cost = form.tile(machine, tiled(self.axes), form.outer, False, WIDEST)
        self.points = [tuple(point) for point in product(*[range(side) for side in self.sides])]
        self.tiles = prod(map(tiles_along, self.axes, self.sides))
        self.blocks = -(-form.outer // self.width)

    def written(self) -> Written:
        code, form = self.code, self.form
        operands, start, stop = code.parameters
        names = ["x", "weight", *["bias"] * form.bias, "out"]
        bases = dict(zip(names, code.addresses(operands, len(names)), strict=True))
        per_item = lifted(lambda tiles: max(1, tiles // ITEMS), self.tiles)
        with code.loop(stop, start=start) as item:
            low = code.mul(item.index, per_item)
            high = code.least(code.add(low, per_item), self.tiles)
            with code.loop(form.groups) as group, code.loop(self.blocks) as block:
                first = code.mul(block.index, self.width)
                if self.blocks * self.width != form.outer:
                    first = code.least(first, form.outer - self.width)
                channel = code.add(code.mul(group.index, form.outer), first)
                here = dict(bases)
                here["x"] = self.moved(bases["x"], group.index, form.inner)
                here["weight"] = self.moved(bases["weight"], channel, form.reads)
                for name in names[2:]:
                    here[name] = self.at(bases[name], channel)
                with code.loop(high, start=low) as tile:
                    self._tile(tile.index, here)
        code.done()
        return code, -(-self.tiles // per_item), form.cycles(self.machine)

    def _tile(self, tile: Operand, bases: dict[str, Operand]) -> None:
        code, form, width = self.code, self.form, self.width
        x, out = bases["x"], bases["out"]
        for axis, at in zip(self.axes, self.starts(tile, self.axes, self.sides), strict=True):
            x, out = self.moved(x, at, axis.x), self.moved(out, at, axis.y)
        axes = [a for a in form.places if a.size > 1]
        steps, step = list[int](), form.inner
        for axis in reversed(axes):
            steps.insert(0, step)
            step *= axis.size
        sums = [self.vectors.zero] * (len(self.points) * width)
        sums = list(self.nested(axes, sums, [x, bases["weight"]], [[a.x for a in axes], steps], self._channels))
        number = 0
        for point in self.points:
            offset = sum(k * a.y for k, a in zip(point, self.axes, strict=True))
            for k in range(width):
                first = self.vectors.number(self.at(bases["bias"], k)) if form.bias else Operand("0.0", self.element)
                # The order in which the lanes are added is left to LLVM: pairs are faster than one after the other.
                total = code.call(self.element, f"llvm.vector.reduce.fadd.{self.vectors.suffix}", first, sums[number],
                                  how="reassoc ")
                code.store(total, self.at(out, offset + k), align=form.size)
                number += 1

    def _channels(self, at: Sequence[Operand], before: Sequence[Operand]) -> Sequence[Operand]:
        """What one place of the kernel adds: all channels of the input, vector by vector."""
        whole, sums = self.form.inner // self.lanes, before
        if whole > ALONG:
            sums = self.nested([Axis(whole, self.lanes)], sums, at, [[self.lanes], [self.lanes]],
                               lambda here, now: self._vector(here, now, 0, None))
        else:
            for k in range(whole):
                sums = self._vector(at, sums, k * self.lanes, None)
        if self.ragged:
            left = Operand(str(self.form.inner % self.lanes), "i64")
            sums = self._vector(at, sums, whole * self.lanes, self.vectors.first_lanes(left))
        return sums

    def _vector(self, at: Sequence[Operand], before: Sequence[Operand], along: int, mask: Operand | None
                ) -> list[Operand]:
        now, vectors = list(before), self.vectors
        rows = [vectors.load(self.at(at[1], k * self.form.reads + along), mask) for k in range(self.width)]
        for i, point in enumerate(self.points):
            offset = sum(k * a.x for k, a in zip(point, self.axes, strict=True))
            seen = vectors.load(self.at(at[0], offset + along), mask)
            for k, row in enumerate(rows):
                number = i * self.width + k
                now[number] = vectors.intrinsic("fmuladd", seen, row, now[number])
        return now
