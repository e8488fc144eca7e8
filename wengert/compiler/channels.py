"""Generated code for convolutions whose operands lie with their channels innermost, for whole programs.

The one idea to know: where the channels of a result are neighbours in memory, a vector holds channels, and an element
of the input meets it as one number in all lanes. So windows may lie anywhere, a few strides say where: stride,
dilation, padding (the input stands in a frame of zeros), one to three dimensions and the phases of an adjoint are
strides alone, and need no table and no copy. A program knows all sizes, so all of these are numbers in the code.

The product here is that of a tile of windows and a tile of output channels, summed over input channels and places of
the kernel; or of a channel with itself (``each``), where every channel is a group. `compiler/places.py` has the
gradient of the weight, `compiler/dots.py` convolutions to few channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

from .code import POINTER, Code, Index, Operand
from .extents import alike, lifted, several, varies
from .vectors import Machine, Vectors

Written = tuple[Code, int, float]
"""The code of a step, the number of its items, and roughly how many cycles they take together."""

ITEMS = 64
"""Items that a step is cut into about."""

LARGE_WEIGHT = 2**18
"""Bytes of a weight from which on it is not read anew for every few windows."""

UNROLLED = 56
"""Multiplications that are written out in a loop, so that its counting does not matter: more only take LLVM longer."""

LATENCY = 4
"""Cycles from one addition to the next that needs its result; two begin in each."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A dimension that is gone through: how many, and the elements from one to the next in the operands."""

    size: int
    x: int
    y: int = 0


def joined(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """The axes of more than one, neighbours that both operands run through in one go as one."""
    found: list[Axis] = []
    for axis in axes:
        if axis.size == 1:
            continue
        if found and not varies(found[-1].size) and (found[-1].x, found[-1].y) == (
                axis.x * axis.size, axis.y * axis.size):
            found[-1] = Axis(found[-1].size * axis.size, axis.x, axis.y)
        else:
            found.append(axis)
    return tuple(found)


def tiled(axes: Sequence[Axis]) -> list[int]:
    """The sizes of which a tile may have more than one: not those that are known when the code runs alone."""
    return [1 if varies(axis.size) else axis.size for axis in axes]


def tiles_along(axis: Axis, side: int) -> int:
    """How many tiles of this side there are."""
    return axis.size if side == 1 else -(-axis.size // side)


def reach(axes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """How far the first and the last element of these sizes and steps lie from the one with all indices 0."""
    steps = [(size - 1) * step for size, step in axes]
    return sum(min(step, 0) for step in steps), sum(max(step, 0) for step in steps)


def turned(weight: Any, order: Sequence[int], block: int) -> Any:
    """A weight with its dimensions in this order, the last in blocks of which each stands by itself."""
    found = weight.transpose(order)
    if not block:
        return found
    cut = found.reshape(*found.shape[:-1], found.shape[-1] // block, block)
    return cut.transpose(0, cut.ndim - 2, *range(1, cut.ndim - 2), cut.ndim - 1)


def box(sizes: Sequence[int], room: int) -> tuple[int, ...]:
    """The sides of a tile of at most ``room`` points: all of the last dimensions, and an even part of one."""
    sides = []
    for size in reversed(sizes):
        side = min(size, max(room, 1))
        side = -(-size // -(-size // side))
        sides.append(side)
        room = room // side if side == size else 1
    return tuple(reversed(sides))


@dataclass(frozen=True)
class Form:
    """What both sorts of products share. ``dtype`` is float32 or float64."""

    dtype: str

    @property
    def size(self) -> int:
        return 4 if self.dtype == "float32" else 8

    def lanes(self, machine: Machine, channels: int) -> int:
        """As many lanes as the machine has, or as there are channels."""
        return min(machine.vector_bytes // self.size, 1 << (channels - 1).bit_length())

    def tile(self, machine: Machine, sizes: Sequence[int], vectors: int, loaded: bool, most: int = 4, least: int = 1
             ) -> tuple[tuple[int, ...], int, float]:
        """The sides of a tile, its vectors of channels, from ``least`` to ``most``, and the cycles of a read: those for
        which what there is takes the fewest cycles. ``loaded``: nothing is read once for all vectors."""
        registers = 28 if machine.avx512 or (machine.fused and machine.vector_bytes == 16) else 12
        known = not any(map(varies, (*sizes, vectors)))
        return (_tile_of_numbers if known else _tile)(registers, tuple(sizes), vectors, loaded, most, least)


def _tile(registers: int, sizes: tuple[int, ...], vectors: int, loaded: bool, most: int, least: int
          ) -> tuple[tuple[int, ...], int, float]:
    """`Form.tile` for so many registers."""
    best: tuple[float, tuple[int, ...], int, float] | None = None
    for width in range(least, min(vectors, most) + 1):
        for room in range(1, registers // width + 1):
            sides = box(sizes, room)
            points = prod(sides)
            if points * width + width + (width > 1) > registers + 3:
                continue
            tiles = prod([-(-n // side) for n, side in zip(sizes, sides, strict=True)]) * -(-vectors // width)
            loads = points * (width if loaded else 1) + width
            cycles = max(LATENCY, points * width / 2, loads / 2) + width / 4 + 0.25
            cost = tiles * cycles
            if best is None or cost < best[0]:
                best = cost, sides, width, cycles
    assert best is not None
    return best[1:]


_tile_of_numbers = lru_cache(maxsize=1024)(_tile)


@dataclass(frozen=True)
class Windows(Form):
    """``out[window, g, o] = bias[g, o] + Σ x[window + place, g, c] weight[g, place, c, o]``.

    The operands: x, weight, bias if there is one, out. ``windows`` are axes of x and out, ``places`` axes of x; the
    channels of out are neighbours, those of x are ``channel_step`` apart. ``each``: ``weight[place, c]``, channel by
    channel; then ``inner`` is 1, ``outer`` the number of channels, and those of x are neighbours too. A weight in
    blocks of ``block`` channels is ``weight[g, o / block, place, c, o % block]``, so that what a tile reads is one run
    of memory.
    """

    windows: tuple[Axis, ...]
    places: tuple[Axis, ...]
    groups: int
    inner: int
    outer: int
    channel_step: int
    bias: bool
    each: bool = False
    block: int = 0

    @property
    def work(self) -> int:
        """The number of multiplications."""
        return prod([a.size for a in (*self.windows, *self.places)]) * self.groups * self.inner * self.outer

    def blocked(self, machine: Machine) -> Windows:
        """The form for a weight in blocks, where the channels fill these."""
        writer = _WindowsWriter(self, "", machine)
        size = writer.width * writer.lanes
        return replace(self, block=size) if not self.each and self.outer % size == 0 and self.outer > size else self

    def cycles(self, machine: Machine) -> float:
        """Roughly how long it takes: what the choice between two ways to the same goes by."""
        writer = _WindowsWriter(self, "", machine)
        reads = self.groups * self.inner * prod([a.size for a in self.places])
        return writer.tiles * writer.blocks * reads * writer.cost

    def extents(self) -> list[tuple[int, int]]:
        """The first and the last element that it reads or writes of each operand, counted from where that begins."""
        channels = self.groups * self.outer
        reads = channels if self.each else self.groups * self.inner
        x = reach([*[(a.size, a.x) for a in (*self.windows, *self.places)],
                   (reads, 1 if self.each else self.channel_step)])
        weights = prod([a.size for a in self.places]) * self.inner * channels
        out = reach([*[(a.size, a.y) for a in self.windows], (channels, 1)])
        return [x, (0, weights - 1), *[(0, channels - 1)] * self.bias, out]

    def written(self, name: str, machine: Machine, visible: bool = False) -> Written:
        """The code, for the items that it says."""
        return _WindowsWriter(self, name, machine, visible).written()


class Writer:
    """What both writers share: tiles, channels of which the last vector may be short, and unrolled sums."""

    def __init__(self, form: Form, name: str, machine: Machine, channels: int, visible: bool = False) -> None:
        self.code, self.machine = Code(name, visible=visible), machine
        self.lanes = form.lanes(machine, channels)
        self.vectors = Vectors(self.code, form.dtype, replace(machine, vector_bytes=self.lanes * form.size))
        self.element = self.vectors.element
        self.count = -(-channels // self.lanes)
        self.ragged = channels % self.lanes != 0
        self.outer = channels

    def at(self, pointer: Operand, index: Index) -> Operand:
        """The address of an element; the address itself where that is the first."""
        return pointer if isinstance(index, int) and index == 0 else self.vectors.at(pointer, index)

    def moved(self, pointer: Operand, index: Index, step: int) -> Operand:
        """The address that many steps further on."""
        if step == 0 or (isinstance(index, int) and index == 0):
            return pointer
        return self.at(pointer, self.code.mul(index, step) if isinstance(index, Operand) else index * step)

    def hidden(self, place: Operand) -> Operand:
        """The same address, of which LLVM does not know whence it comes: it would look for better ways of counting in
        loops of which every address is a step from one pointer already, which takes it seven times as long as all the
        rest."""
        return self.code.call(POINTER, "llvm.launder.invariant.group.p0", place)

    def masks(self, first: Operand, width: int) -> list[Operand | None]:
        """Which lanes of some vectors of channels count, from vector ``first`` on; None for all."""
        if not self.ragged:
            return [None] * width
        left = self.code.sub(self.outer, self.code.mul(first, self.lanes))
        return [self.vectors.first_lanes(self.code.sub(left, k * self.lanes)) for k in range(width)]

    def splat(self, place: Operand) -> Operand:
        """One element in all lanes."""
        return self.vectors.splat(self.vectors.number(place))

    def starts(self, index: Operand, axes: Sequence[Axis], sides: Sequence[int]) -> list[Index]:
        """Where the tile of this number begins along each axis; the last may overlap the one before."""
        code, found, left = self.code, [], index
        counts = [*map(tiles_along, axes, sides)]
        for number, (axis, side, count) in reversed(list(enumerate(zip(axes, sides, counts, strict=True)))):
            at: Index = 0
            if several(count):
                first = not any(map(several, counts[:number]))
                at = left if first else code.rest(left, count)
                left = left if first else code.div(left, count)
                at = code.mul(at, side) if side > 1 else at
                if not alike(count * side, axis.size):
                    at = code.least(at, axis.size - side)
            found.append(at)
        return found[::-1]

    def nested(self, axes: Sequence[Axis], sums: Sequence[Operand], places: Sequence[Operand],
               steps: Sequence[Sequence[int]], body: Callable[..., Sequence[Operand]], stop: Operand | None = None
               ) -> Sequence[Operand]:
        """Loops along axes, in each of which the places move by their steps; the sums are carried through. ``stop``
        is the size of the first, where that is known at run time alone."""
        if not axes:
            return body(places, sums)
        count = len(places)
        with self.code.loop(axes[0].size if stop is None else stop, carried=[*places, *sums]) as loop:
            here, before = [self.hidden(place) for place in loop.carried[:count]], loop.carried[count:]
            after = self.nested(axes[1:], before, here, [step[1:] for step in steps], body)
            loop.next = [*[self.at(place, step[0]) for place, step in zip(here, steps, strict=True)], *after]
        return loop.carried[count:]


class _WindowsWriter(Writer):
    def __init__(self, form: Windows, name: str, machine: Machine, visible: bool = False) -> None:
        super().__init__(form, name, machine, form.outer, visible)
        self.form = form
        self.axes = joined(form.windows)
        blocks = [form.block // self.lanes] * 2 if form.block else [4, 1]  # a weight in blocks lies as tiles read it
        self.sides, self.width, self.cost = form.tile(machine, tiled(self.axes), self.count, form.each, *blocks)
        self.points = [tuple(point) for point in product(*[range(side) for side in self.sides])]
        self.tiles = prod(map(tiles_along, self.axes, self.sides))
        self.blocks = -(-self.count // self.width)

    def written(self) -> Written:
        code, form = self.code, self.form
        operands, start, stop = code.parameters
        names = ["x", "weight", *["bias"] * form.bias, "out"]
        bases = dict(zip(names, code.addresses(operands, len(names)), strict=True))
        # An item has some tiles, and all channels of them; of a large weight one block, for as many tiles as may be.
        every = form.groups * self.blocks
        weight = prod([a.size for a in form.places]) * form.groups * form.inner * form.outer
        apart = every if weight * form.size > LARGE_WEIGHT else 1
        per_item = lifted(lambda tiles, most: -(-tiles // max(1, min(tiles, most))), self.tiles, ITEMS // apart)
        chunks = -(-self.tiles // per_item)
        with code.loop(stop, start=start) as item:
            chunk, number = code.rest(item.index, chunks), code.div(item.index, chunks)
            low = code.mul(chunk, per_item)
            high = code.least(code.add(low, per_item), self.tiles)
            last = code.add(number, 1) if apart > 1 else every
            with code.loop(last, start=number) as block:
                group, within = code.div(block.index, self.blocks), code.rest(block.index, self.blocks)
                first = self._first(within)
                masks = self.masks(first, self.width)
                moved = self._of_group(bases, group, first, block.index)
                with code.loop(high, start=low) as tile:
                    self._tile(tile.index, moved, masks)
        code.done()
        return code, chunks * apart, form.cycles(self.machine)

    def _first(self, block: Operand) -> Operand:
        """The first vector of channels of a block, of which the last may overlap the one before."""
        first = self.code.mul(block, self.width)
        return self.code.least(first, self.count - self.width) if self.blocks * self.width != self.count else first

    def _of_group(self, bases: dict[str, Operand], group: Operand, first: Operand, block: Operand
                  ) -> dict[str, Operand]:
        code, form = self.code, self.form
        channel = code.add(code.mul(group, form.outer), code.mul(first, self.lanes))
        reads = prod([a.size for a in form.places]) * form.inner
        if form.block:
            weight = self.moved(bases["weight"], block, reads * form.block)
        else:
            weight = self.moved(self.moved(bases["weight"], group, reads * form.outer), first, self.lanes)
        x = self.at(bases["x"], channel) if form.each else self.moved(bases["x"], group, form.inner * form.channel_step)
        found = {"x": x, "weight": weight, "out": self.at(bases["out"], channel)}
        return found | ({"bias": self.at(bases["bias"], channel)} if form.bias else {})

    def _tile(self, tile: Operand, bases: dict[str, Operand], masks: list[Operand | None]) -> None:
        form, width = self.form, self.width
        x, out = bases["x"], bases["out"]
        for axis, at in zip(self.axes, self.starts(tile, self.axes, self.sides), strict=True):
            x, out = self.moved(x, at, axis.x), self.moved(out, at, axis.y)
        offsets = [sum(k * a.x for k, a in zip(point, self.axes, strict=True)) for point in self.points]
        first = [self.vectors.zero] * width
        if form.bias:
            first = [self.vectors.load(self.at(bases["bias"], k * self.lanes), masks[k]) for k in range(width)]
        sums = [first[k] for _ in self.points for k in range(width)]
        axes = joined([*form.places, Axis(form.inner, form.channel_step)]) or (Axis(1, 0),)
        outer, unrolled = _unrolled(axes, min(4, -(-UNROLLED // len(sums))))
        row = form.block or form.outer
        steps, step = [], row
        for axis in reversed(axes):
            steps.append(step)
            step *= axis.size
        steps = steps[::-1]
        # The last loop goes over what is unrolled ``count`` at a time.
        inner = [(sum(k * a.x for k, a in zip(point, unrolled, strict=True)), k * row)
                 for k, point in enumerate(product(*[range(a.size) for a in unrolled]))]

        def body(places: Sequence[Operand], before: Sequence[Operand]) -> Sequence[Operand]:
            now = list(before)
            for x_step, w_step in inner:
                rows = [self.vectors.load(self.at(places[1], w_step + k * self.lanes), masks[k]) for k in range(width)]
                for i, offset in enumerate(offsets):
                    seen = [self._seen(self.at(places[0], offset + x_step), k, masks) for k in range(width)] \
                        if form.each else [self.splat(self.at(places[0], offset + x_step))] * width
                    for k in range(width):
                        now[i * width + k] = self.vectors.intrinsic("fmuladd", seen[k], rows[k], now[i * width + k])
            return now

        weight_steps = _outer_steps(axes, outer, steps)
        sums = list(self.nested(outer, sums, [x, bases["weight"]], [[a.x for a in outer], weight_steps], body))
        for i, point in enumerate(self.points):
            offset = sum(k * a.y for k, a in zip(point, self.axes, strict=True))
            for k in range(width):
                self.vectors.store(sums[i * width + k], self.at(out, offset + k * self.lanes), masks[k])

    def _seen(self, place: Operand, k: int, masks: list[Operand | None]) -> Operand:
        return self.vectors.load(self.at(place, k * self.lanes), masks[k])


def _unrolled(axes: Sequence[Axis], most: int) -> tuple[list[Axis], list[Axis]]:
    """Axes as loops, and axes at the end that are written out: all of them, or a part of one, ``most`` points or fewer
    together."""
    outer, inner = list(axes), list[Axis]()
    room = most
    while outer and outer[-1].size <= room:
        inner.insert(0, outer.pop())
        room //= inner[0].size
    if outer and not inner:
        last = outer.pop()
        part = next(part for part in range(most, 0, -1) if last.size % part == 0)
        outer.append(Axis(last.size // part, last.x * part, last.y * part))
        inner = [Axis(part, last.x, last.y)]
    return outer, inner


def _outer_steps(axes: Sequence[Axis], outer: Sequence[Axis], steps: Sequence[int]) -> list[int]:
    """The weight's step of each loop: of a part of an axis as many as it takes at a time."""
    return [step * (axis.size // loop.size) for loop, axis, step in zip(outer, axes, steps, strict=False)]
