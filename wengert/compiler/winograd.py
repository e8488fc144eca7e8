"""Generated code for 3×3 convolutions of stride 1 with fewer multiplications: Winograd's F(2×2, 3×3).

The one idea to know: of a tile of 2×2 windows the 4×4 elements that they see, and the nine places of the kernel, are
transformed by sums and differences; then 16 products, summed up over channels, take the place of 36, and sums and
differences of these are the windows. A window's sum depends on nothing outside the window, and windows of zeros stay
zeros. On normal numbers the error is no larger than that of sums in a row (`docs/design/kernels.md`).

Channels are innermost as in `compiler/channels.py`, so a vector holds channels in all three steps, and a batch of tiles
stays in the cache from the first to the last.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from .channels import ITEMS, LATENCY, UNROLLED, Axis, Form, Windows, Writer, Written, reach
from .code import WORD, Operand, word
from .extents import lifted, varies
from .vectors import Machine, Vectors

SIDE, PATCH = 2, 4
"""Windows of a tile along a dimension, and the elements that they see."""

POINTS = PATCH * PATCH

SUMS, MOST_TILES = 24, 8
"""Sums that are in registers at once, where there are as many, and the tiles of a batch: with more the batch is in the
nearest cache no longer."""

IN, OUT = 60, 66
"""Cycles that a vector of channels of a tile takes to be transformed, and that one of the result takes."""

LARGEST = 2**22
"""Bytes of a transformed weight, which is gone through once a batch, beyond which it is too far away."""

SAVED = 150_000
"""Cycles that must be saved: LLVM takes twice as long for this code."""


@dataclass(frozen=True)
class Transform(Form):
    """``out[point, n]`` of ``weight[place, n]``, as `Winograd` reads it. The operands: weight, out."""

    count: int

    @property
    def made(self) -> int:
        """The elements that it writes."""
        return POINTS * self.count

    @property
    def work(self) -> int:
        """The number of multiplications."""
        return self.made

    def extents(self) -> list[tuple[int, int]]:
        """The first and the last element that it reads or writes of each operand."""
        return [(0, 9 * self.count - 1), (0, self.made - 1)]

    def written(self, name: str, machine: Machine, visible: bool = False) -> Written:
        """The code, for the items that it says."""
        writer = Writer(self, name, machine, self.count, visible)
        code, v = writer.code, writer.vectors
        operands, start, stop = code.parameters
        weight, out = code.addresses(operands, 2)
        per_item = -(-self.count // (ITEMS * v.lanes)) * v.lanes
        low = code.mul(start, per_item)

        def vector(at: Operand, mask: Operand | None) -> None:
            seen = [[v.load(v.at(weight, code.add(at, (3 * i + j) * self.count)), mask) for j in range(3)]
                    for i in range(3)]
            half = [self._line(v, [seen[i][j] for i in range(3)]) for j in range(3)]
            for i in range(PATCH):
                for j, value in enumerate(self._line(v, [half[k][i] for k in range(3)])):
                    v.store(value, v.at(out, code.add(at, (PATCH * i + j) * self.count)), mask)

        v.sweep(low, code.least(code.mul(stop, per_item), self.count), vector)
        code.done()
        return code, -(-self.count // per_item), POINTS * self.count / v.lanes

    def _line(self, v: Vectors, g: Sequence[Operand]) -> list[Operand]:
        middle, ends = v.mul(g[1], 0.5), v.mul(v.add(g[0], g[2]), 0.5)
        return [g[0], v.add(ends, middle), v.sub(ends, middle), g[2]]


@dataclass(frozen=True)
class Winograd(Form):
    """What `Windows` computes, of places that are 3×3 neighbours in rows and columns. The operands: x, the transformed
    weight[point, c, o], bias if there is one, out."""

    samples: Axis
    rows: Axis
    columns: Axis
    inner: int
    outer: int
    bias: bool

    @property
    def windows(self) -> tuple[Axis, ...]:
        return self.samples, self.rows, self.columns

    @property
    def transform(self) -> Transform:
        """What makes the weight of one that is laid out as [place, c, o]."""
        return Transform(self.dtype, self.inner * self.outer)

    @property
    def work(self) -> int:
        """The number of multiplications of the sums that it stands for."""
        return prod([a.size for a in self.windows]) * 9 * self.inner * self.outer

    def extents(self) -> list[tuple[int, int]]:
        """The first and the last element that it reads or writes of each operand, counted from where that begins."""
        x = reach([*[(a.size, a.x) for a in self.windows], (3, self.rows.x), (3, self.columns.x), (self.inner, 1)])
        out = reach([*[(a.size, a.y) for a in self.windows], (self.outer, 1)])
        return [x, (0, POINTS * self.inner * self.outer - 1), *[(0, self.outer - 1)] * self.bias, out]

    def cycles(self, machine: Machine) -> float:
        """Roughly how long it takes."""
        return _Writer(self, "", machine).cycles

    def written(self, name: str, machine: Machine, visible: bool = False) -> Written:
        """The code, for the items that it says."""
        return _Writer(self, name, machine, visible).written()


def winograd(form: Windows, machine: Machine, times: int = 1) -> Winograd | None:
    """The form that computes the same, where there is one and it is quicker by enough; it is run so many times."""
    if form.each or form.groups > 1 or form.channel_step != 1 or len(form.windows) < 2:
        return None
    *outer, rows, columns = form.windows
    high, wide = form.places[-2:] if len(form.places) > 1 else (Axis(1, 0), Axis(1, 0))
    samples = [axis for axis in outer if varies(axis.size) or axis.size > 1]
    if len(samples) > 1 or any(a.size != 1 for a in form.places[:-2]) or (high.size, wide.size) != (3, 3):
        return None
    if any(varies(a.size) or a.size < SIDE for a in (rows, columns)) or (high.x, wide.x) != (rows.x, columns.x):
        return None
    made = Winograd(form.dtype, samples[0] if samples else Axis(1, 0), rows, columns, form.inner, form.outer, form.bias)
    saved = times * (form.cycles(machine) - made.cycles(machine))
    return made if saved >= SAVED and made.transform.made * form.size <= LARGEST else None


class _Writer(Writer):
    def __init__(self, form: Winograd, name: str, machine: Machine, visible: bool = False) -> None:
        super().__init__(form, name, machine, form.outer, visible)
        self.form = form
        self.grid = [-(-axis.size // SIDE) for axis in (form.rows, form.columns)]
        self.tiles: Any = form.samples.size * prod(self.grid)
        lanes = form.lanes(machine, form.inner)
        self.seen = Vectors(self.code, form.dtype, replace(machine, vector_bytes=lanes * form.size))
        self.line = -(-form.inner // lanes) * lanes
        """What a tile takes of a point, transformed."""
        known = prod(self.grid) * (1 if varies(form.samples.size) else form.samples.size)
        sums = SUMS if machine.avx512 or (machine.fused and machine.vector_bytes == 16) else 10
        best: tuple[float, int, int] | None = None
        for width in range(1, min(self.count, 4) + 1):
            batch = min(MOST_TILES, sums // width, known)
            blocks = -(-self.count // width)
            loads = batch * (1 if width == 1 else 1 + width / 4) + width
            products = blocks * form.inner * POINTS * (max(LATENCY, batch * width / 2, loads / 2) + 0.5)
            cost = products / batch + IN * self.line / lanes + OUT * blocks * width
            if best is None or cost < best[0]:
                best = cost, width, batch
        assert best is not None
        cost, self.width, self.batch = best
        self.blocks = -(-self.count // self.width)
        self.cycles = cost * self.tiles

    def written(self) -> Written:
        code, form = self.code, self.form
        operands, start, stop = code.parameters
        names = ["x", "weight", *["bias"] * form.bias, "out"]
        bases = dict(zip(names, code.addresses(operands, len(names)), strict=True))
        self.elements = code.stack(f"[{POINTS * self.batch * self.line} x {self.element}]", align=64)
        self.products = code.stack(f"[{POINTS * self.batch * self.width * self.lanes} x {self.element}]", align=64)
        self.places = code.stack(f"[{3 * self.batch} x i64]")
        """Of each tile of a batch where it begins in the result, and whether its first row and column are those of the
        tile before too."""
        batches = -(-self.tiles // self.batch)
        per_item = lifted(lambda count: -(-count // ITEMS), batches)
        with code.loop(stop, start=start) as item:
            low = code.mul(item.index, per_item)
            with code.loop(code.least(code.add(low, per_item), batches), start=low) as batch:
                first = code.least(code.mul(batch.index, self.batch), self.tiles - self.batch)
                with code.loop(self.batch) as tile:
                    self._transform(bases["x"], code.add(first, tile.index), tile.index)
                with code.loop(self.blocks) as block:
                    begin = code.mul(block.index, self.width)
                    if self.blocks * self.width != self.count:
                        begin = code.least(begin, self.count - self.width)
                    masks = self.masks(begin, self.width)
                    here = {name: self.moved(base, begin, self.lanes) for name, base in bases.items() if name != "x"}
                    with code.loop(POINTS) as point:
                        self._multiply(point.index, here["weight"], masks)
                    with code.loop(self.batch) as tile:
                        self._back(tile.index, here, masks)
        code.done()
        return code, -(-batches // per_item), self.cycles

    def _transform(self, x: Operand, number: Operand, tile: Operand) -> None:
        """What a tile sees, transformed, channel by channel."""
        code, form, v = self.code, self.form, self.seen
        down, across = self.grid
        column, left = code.rest(number, across), code.div(number, across)
        row, sample = code.rest(left, down), code.div(left, down)
        x, out = self.moved(x, sample, form.samples.x), code.mul(sample, form.samples.y)
        for k, (index, axis) in enumerate(((row, form.rows), (column, form.columns)), 1):
            wanted = code.mul(index, SIDE)
            at = code.least(wanted, axis.size - SIDE)
            x, out = self.moved(x, at, axis.x), code.add(out, code.mul(at, axis.y))
            code.store(code.sub(wanted, at), code.at(WORD, self.places, code.add(code.mul(tile, 3), k)), align=8)
        code.store(out, code.at(WORD, self.places, code.mul(tile, 3)), align=8)
        target = v.at(self.elements, code.mul(tile, self.line))

        def vector(at: Operand, mask: Operand | None) -> None:
            here, there = v.at(x, at), v.at(target, at)
            seen = [[v.load(self.at(here, i * form.rows.x + j * form.columns.x), mask)
                     for j in range(PATCH)] for i in range(PATCH)]
            half = [self._line(v, [seen[i][j] for i in range(PATCH)]) for j in range(PATCH)]
            for i in range(PATCH):
                for j, value in enumerate(self._line(v, [half[k][i] for k in range(PATCH)])):
                    v.store(value, v.at(there, (PATCH * i + j) * self.batch * self.line))

        if self.line == form.inner:
            with code.loop(self.line, step=v.lanes) as loop:
                vector(loop.index, None)
        else:
            v.sweep(0, word(form.inner), vector)

    def _line(self, v: Vectors, d: Sequence[Operand]) -> list[Operand]:
        return [v.sub(d[0], d[2]), v.add(d[1], d[2]), v.sub(d[2], d[1]), v.sub(d[1], d[3])]

    def _multiply(self, point: Operand, weight: Operand, masks: list[Operand | None]) -> None:
        """The products of one point for all tiles of the batch, summed up over the input's channels."""
        form, width = self.form, self.width
        elements = self.moved(self.elements, point, self.batch * self.line)
        weight = self.moved(weight, point, form.inner * form.outer)
        sums = [self.vectors.zero] * (self.batch * width)
        unrolled = min(4, -(-UNROLLED // len(sums)))
        part = next(part for part in range(unrolled, 0, -1) if form.inner % part == 0)

        def body(places: Sequence[Operand], before: Sequence[Operand]) -> Sequence[Operand]:
            now = list(before)
            for c in range(part):
                rows = [self.vectors.load(self.at(places[1], c * form.outer + k * self.lanes), masks[k])
                        for k in range(width)]
                for t in range(self.batch):
                    seen = self.splat(self.at(places[0], t * self.line + c))
                    for k in range(width):
                        now[t * width + k] = self.vectors.intrinsic("fmuladd", seen, rows[k], now[t * width + k])
            return now

        sums = list(self.nested([Axis(form.inner // part, part)], sums, [elements, weight],
                                [[part], [part * form.outer]], body))
        target = self.moved(self.products, point, self.batch * width * self.lanes)
        for number, value in enumerate(sums):
            self.vectors.store(value, self.at(target, number * self.lanes))

    def _back(self, tile: Operand, bases: dict[str, Operand], masks: list[Operand | None]) -> None:
        """The windows of a tile."""
        code, v = self.code, self.vectors
        begin, *again = [code.word(self.places, code.add(code.mul(tile, 3), k)) for k in range(3)]
        out, source = v.at(bases["out"], begin), self.moved(self.products, tile, self.width * self.lanes)
        if self.ragged or self.width == 1:
            for k, mask in enumerate(masks):
                self._channels(word(k * self.lanes), source, out, bases.get("bias"), again, mask)
            return
        with code.loop(self.width * self.lanes, step=self.lanes) as loop:
            self._channels(loop.index, source, out, bases.get("bias"), again, None)

    def _channels(self, first: Operand, source: Operand, out: Operand, bias: Operand | None, again: Sequence[Operand],
                  mask: Operand | None) -> None:
        """The windows of a tile and a vector of channels. ``again`` says of rows and columns whether the first has been
        computed already, by the tile before."""
        code, form, v = self.code, self.form, self.vectors
        source, out = v.at(source, first), v.at(out, first)
        step = self.batch * self.width * self.lanes
        odd = [axis.size % SIDE != 0 for axis in (form.rows, form.columns)]
        seen = [[v.load(self.at(source, (PATCH * i + j) * step)) for j in range(PATCH)] for i in range(PATCH)]
        half = [self._windows([seen[i][j] for i in range(PATCH)]) for j in range(PATCH)]
        added = None if bias is None else v.load(v.at(bias, first), mask)
        for i in range(SIDE):
            for j, value in enumerate(self._windows([half[n][i] for n in range(PATCH)])):
                total = value if added is None else v.add(value, added)
                target = self.at(out, i * form.rows.y + j * form.columns.y)
                shared = [flag for flag, index, rare in zip(again, (i, j), odd, strict=True) if rare and not index]
                if not shared:
                    v.store(total, target, mask)
                    continue
                with code.when(code.compare("eq", code.add(shared[0], shared[-1]), 0)):
                    v.store(total, target, mask)

    def _windows(self, m: Sequence[Operand]) -> list[Operand]:
        v = self.vectors
        return [v.add(v.add(m[0], m[1]), m[2]), v.sub(v.sub(m[1], m[2]), m[3])]
