"""Generated code for the gradients of convolutions' weights, with the channels innermost.

The one idea to know: of a tile of places of the kernel and input channels, and a tile of output channels, the products
are summed up in registers over the windows, of which one comes after the other; everything else is as in
`compiler/channels.py`. What is summed up by itself, a part, depends on sizes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from .channels import LATENCY, Axis, Form, Writer, Written, joined, reach
from .code import Code, Index, Operand
from .vectors import Machine

LEAST_SUM = 512
"""Windows that are summed up in registers, of which there may be more by as many as a sample has; these sums are added
up once more, so that the error of a long sum stays small."""


@dataclass(frozen=True)
class Places(Form):
    """``out[part, g, place, c, o] = Σ x[window + place, g, c] y[window, g, o]``, summed over a part of the samples.

    The operands: x, y, out. All axes are of x and y: the places may be those of y instead. The channels of y are
    neighbours, those of x are ``channel_step`` apart. ``each``: channel by channel. A part has some samples, or, where
    there are several ``bands``, some rows of some samples: of the first of the windows' axes.
    """

    samples: Axis
    windows: tuple[Axis, ...]
    places: tuple[Axis, ...]
    groups: int
    inner: int
    outer: int
    channel_step: int
    parts: int
    bands: int = 1
    each: bool = False

    @property
    def work(self) -> int:
        """The number of multiplications."""
        every = (self.samples, *self.windows, *self.places)
        return prod([a.size for a in every]) * self.groups * self.inner * self.outer

    def extents(self) -> list[tuple[int, int]]:
        """The first and the last element that it reads or writes of each operand, counted from where that begins."""
        every = (self.samples, *self.windows, *self.places)
        channels = self.groups * self.outer
        reads = channels if self.each else self.groups * self.inner
        x = reach([*[(a.size, a.x) for a in every], (reads, 1 if self.each else self.channel_step)])
        y = reach([*[(a.size, a.y) for a in every], (channels, 1)])
        return [x, y, (0, self.parts * prod([a.size for a in self.places]) * self.inner * channels - 1)]

    def cycles(self, machine: Machine) -> float:
        """Roughly how long it takes: what the choice between two ways to the same goes by."""
        writer = _PlacesWriter(self, "", machine)
        points = len(writer.points)
        each = max(LATENCY, points * writer.width / 2, (points + writer.width) / 2)
        return prod([a.size for a in (self.samples, *self.windows)]) * writer.tiles * writer.blocks * self.groups * each

    def written(self, name: str, machine: Machine, visible: bool = False) -> Written:
        """The code, for the items that it says."""
        return _PlacesWriter(self, name, machine, visible).written()


class _PlacesWriter(Writer):
    def __init__(self, form: Places, name: str, machine: Machine, visible: bool = False) -> None:
        super().__init__(form, name, machine, form.outer, visible)
        self.form = form
        self.reads = (*form.places, Axis(form.inner, form.channel_step))
        # Places that move y have a tile each.
        apart = len(form.places) if any(a.y for a in form.places) else 0
        sides, self.width, _ = form.tile(machine, [a.size for a in self.reads[apart:]], self.count, form.each)
        self.sides = ((1,) * apart + sides)
        self.points = [tuple(point) for point in product(*[range(side) for side in self.sides])]
        self.tiles = prod([-(-a.size // side) for a, side in zip(self.reads, self.sides, strict=True)])
        self.blocks = -(-self.count // self.width)

    @cached_property
    def steps(self) -> list[int]:
        """From one place or channel to the next in what is summed up."""
        found, step = [], self.outer
        for axis in reversed(self.reads):
            found.append(step)
            step *= axis.size
        return found[::-1]

    def written(self) -> Written:
        code, form = self.code, self.form
        operands, start, stop = code.parameters
        x, y, out = code.addresses(operands, 3)
        reads = prod([a.size for a in self.reads])
        sums = code.stack(f"[{len(self.points) * self.width} x {self.vectors.real_type}]", align=64)
        items = form.parts * form.groups * self.tiles * self.blocks
        with code.loop(stop, start=start) as item:
            block, left = code.rest(item.index, self.blocks), code.div(item.index, self.blocks)
            tile, left = code.rest(left, self.tiles), code.div(left, self.tiles)
            group, part = code.rest(left, form.groups), code.div(left, form.groups)
            first = code.mul(block, self.width)
            if self.blocks * self.width != self.count:
                first = code.least(first, self.count - self.width)
            masks = self.masks(first, self.width)
            channel = code.add(code.mul(group, form.outer), code.mul(first, self.lanes))
            seen = self.at(x, channel) if form.each else self.moved(x, group, form.inner * form.channel_step)
            y_here = self.at(y, channel)
            target = self.at(self.moved(out, code.add(code.mul(part, form.groups), group), reads * form.outer),
                             code.mul(first, self.lanes))
            for axis, at, step in zip(self.reads, self.starts(tile, self.reads, self.sides), self.steps, strict=True):
                seen, target = self.moved(seen, at, axis.x), self.moved(target, at, step)
                y_here = self.moved(y_here, at, axis.y)
            among, count = part, form.parts // form.bands
            rows: tuple[Index, Index] = 0, form.windows[0].size
            if form.bands > 1:
                band, among = code.rest(part, form.bands), code.div(part, form.bands)
                rows = _cut(code, band, form.windows[0].size, form.bands)
            self._sums(_cut(code, among, form.samples.size, count), rows, seen, y_here, masks, sums)
            for number, point in enumerate(self.points):
                offset = sum(k * step for k, step in zip(point, self.steps, strict=True))
                for k in range(self.width):
                    total = code.load(self.vectors.real_type, sums, number * self.width + k, align=4)
                    self.vectors.store(total, self.at(target, offset + k * self.lanes), masks[k])
        code.done()
        return code, items, form.work / (self.lanes * 2)

    def _sums(self, samples: tuple[Operand, Operand], rows: tuple[Index, Index], x: Operand, y: Operand,
              masks: list[Operand | None], sums: Operand) -> None:
        """Adds up the windows of samples, some of them in registers, and these sums on the stack."""
        code, form, vectors = self.code, self.form, self.vectors
        count = len(self.points) * self.width
        places = [code.at(vectors.real_type, sums, k) for k in range(count)]
        for place in places:
            code.store(vectors.zero, place, align=4)
        together = max(1, LEAST_SUM * form.bands // prod([a.size for a in form.windows]))
        axes, first_axis = joined(form.windows), form.windows[0]
        if form.bands > 1:
            axes = (Axis(0, first_axis.x, first_axis.y), *joined(form.windows[1:]))
            x, y = self.moved(x, rows[0], first_axis.x), self.moved(y, rows[0], first_axis.y)
        stop = code.sub(rows[1], rows[0]) if form.bands > 1 else None
        low, high = samples
        with code.loop(high, start=low, step=together) as first:
            last = code.least(code.add(first.index, together), high)
            with code.loop(last, start=first.index, carried=[vectors.zero] * count) as sample:
                here = self.moved(x, sample.index, form.samples.x), self.moved(y, sample.index, form.samples.y)
                sample.next = self.nested(axes, sample.carried, here, [[a.x for a in axes], [a.y for a in axes]],
                                          lambda at, before: self._products(at, before, masks), stop)
            for place, value in zip(places, sample.carried, strict=True):
                old = code.load(vectors.real_type, place, align=4)
                code.store(vectors.add(old, value), place, align=4)

    def _products(self, at: Sequence[Operand], before: Sequence[Operand], masks: list[Operand | None]
                  ) -> Sequence[Operand]:
        """What one window adds."""
        form, width, now = self.form, self.width, list(before)
        rows = [self.vectors.load(self.at(at[1], k * self.lanes), masks[k]) for k in range(width)]
        for i, point in enumerate(self.points):
            place = self.at(at[0], sum(k * a.x for k, a in zip(point, self.reads, strict=True)))
            if form.each:
                seen = [self.vectors.load(self.at(place, k * self.lanes), masks[k]) for k in range(width)]
            else:
                seen = [self.splat(place)] * width
            for k in range(width):
                now[i * width + k] = self.vectors.intrinsic("fmuladd", seen[k], rows[k], now[i * width + k])
        return now


def _cut(code: Code, number: Operand, size: int, count: int) -> tuple[Operand, Operand]:
    """Where one of ``count`` parts of a size begins and ends."""
    return code.div(code.mul(number, size), count), code.div(code.mul(code.add(number, 1), size), count)
