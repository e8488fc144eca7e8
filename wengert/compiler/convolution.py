"""Generated code for convolutions and their weights' gradients, over one to three dimensions.

Both are one small product, written once for registers: a tile of output channels times a tile of vectors, each a run of
neighbouring windows in a row. What it reads of the input is told by two tables: where the first window of each vector
begins, and how far from there each (channel, place of the kernel) lies. The input is first laid out so that windows
that are neighbours read neighbours, whatever the stride: with its padding, and, where the stride is 2, its even and
odd rows and columns apart (the phases). This goes band by band, each small enough for the cache. An input without
padding is read where it stands.

The adjoint in the input needs no code of its own: it is a convolution of the cotangent for each phase of the input
(`wengert.prims.convolution`).

Source: the direct convolution of Zhang, Franchetti and Low, "High Performance Zero-Memory Overhead Direct
Convolutions" (2018), with offset tables in the place of their layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..core.windows import framed
from . import blocks, memory, threads
from .blocks import Geometry, Triple
from .code import Code, Index, Loop, Operand, module
from .jit import engine
from .kernels import generated_code_is_possible
from .vectors import Machine, Vectors

__all__ = ["convolve", "convolve_weight"]

Array = np.ndarray[Any, Any]
Sizes = Sequence[int]

BAND_BYTES = 192 * 1024
"""What a band of the input may take, laid out: a part of the second-level cache."""

LEAST_VECTORS = 64
"""Vectors of windows that an item of work should have, so that the tiles' ends do not matter."""

MOST_SUMS, LEAST_WINDOWS = 2**21, 512
"""Sums that the parts of a weight's gradient may have together, if they are more than two, and the windows that each
should have then: what it costs to write its sums and read them again is as much as those of 200 windows."""

VECTOR_BYTES, WIDE_BYTES = 32, 64
"""A vector of windows; and one where the machine has such registers, and rows of windows take fewer of them."""

_SLOTS = (
    "x other bias out scratch scratch_step src start place keep parts items samples per_item depths bands band rows "
    "per_row reads groups blocks channels group_step plane width sample_out in_channels kernel_depth in_depth in_rows "
    "in_width depth_stride row_stride column_stride depth_dilation depth_padding row_padding column_padding row_reach "
    "phase_rows pitch first last sample_step cotangent_step vectors"
).split()
_SLOT = {name: number for number, name in enumerate(_SLOTS)}


@dataclass(frozen=True)
class Form:
    """What the text of a kernel depends on; everything else is read from its table."""

    dtype: str
    channels: int
    """Output channels of a tile."""
    width: int
    """Of a convolution, the vectors of a tile; of a weight's gradient, the places of the kernel."""
    packed: bool
    """The input is laid out anew; otherwise it is read where it stands."""
    whole: bool
    """Every row has a full vector of windows at least."""
    gradient: bool
    vector_bytes: int = VECTOR_BYTES

    @property
    def element(self) -> str:
        return "float" if self.dtype == "float32" else "double"

    @property
    def size(self) -> int:
        return 4 if self.dtype == "float32" else 8

    @property
    def lanes(self) -> int:
        return self.vector_bytes // self.size


class _Convolution:
    """Writes ``void kernel(ptr operands, i64 start, i64 stop)``, which does the parts from ``start`` to ``stop``.

    ``operands`` has one entry, the table with the slots `_SLOTS`.
    """

    def __init__(self, form: Form) -> None:
        self.form, self.code = form, Code()
        self.vectors = Vectors(self.code, form.dtype, Machine(form.vector_bytes, fused=True, avx512=False))
        self.slots: dict[str, Operand] = {}

    def text(self) -> str:
        code = self.code
        operands, start, stop = code.parameters
        table = code.address(operands, 0)
        pointers = {"x", "other", "bias", "out", "scratch", "src", "start", "place", "keep", "first", "last"}
        for name, number in _SLOT.items():
            self.slots[name] = code.address(table, number) if name in pointers else code.word(table, number)
        with code.loop(stop, start=start) as part:
            self._part(part.index)
        code.done()
        return module(code)

    def _part(self, part: Operand) -> None:
        """One thread's share of the items: it has a scratch of its own."""
        code, slots = self.code, self.slots
        scratch = code.at(self.form.element, slots["scratch"], code.mul(part, slots["scratch_step"]))
        first = code.div(code.mul(part, slots["items"]), slots["parts"])
        last = code.div(code.mul(code.add(part, 1), slots["items"]), slots["parts"])
        with code.loop(last, start=first) as item:
            self._item(item.index, part, scratch)

    def _item(self, item: Operand, part: Operand, scratch: Operand) -> None:
        """A band of rows at one depth of one or several samples."""
        code, slots, element = self.code, self.slots, self.form.element
        column = code.div(item, slots["bands"])
        band = code.sub(item, code.mul(column, slots["bands"]))
        group = code.div(column, slots["depths"])
        depth = code.sub(column, code.mul(group, slots["depths"]))
        sample = code.mul(group, slots["per_item"])
        samples = code.least(slots["per_item"], code.sub(slots["samples"], sample))
        row = code.mul(band, slots["band"])
        rows = code.least(slots["band"], code.sub(slots["rows"], row))
        vectors = code.mul(code.mul(samples, rows), slots["per_row"])
        if self.form.packed:
            _Packing(self, scratch).samples(sample, samples, depth, row, rows)
            source = scratch
        else:
            line = code.add(code.mul(code.mul(depth, slots["depth_stride"]), slots["in_rows"]), row)
            start = code.add(code.mul(sample, slots["sample_step"]), code.mul(line, slots["in_width"]))
            source = code.at(element, slots["x"], start)
        line = code.add(code.mul(depth, slots["rows"]), row)
        place = code.add(code.mul(sample, slots["sample_out"]), code.mul(line, slots["width"]))
        if self.form.gradient:
            self._cotangent(scratch, code.at(element, slots["other"], place), vectors)
        with code.loop(slots["groups"]) as within:
            moved = code.at(element, source, code.mul(within.index, slots["group_step"]))
            with code.loop(slots["blocks"]) as block:
                number = code.add(code.mul(within.index, slots["blocks"]), block.index)
                if self.form.gradient:
                    self._weight_block(number, part, moved, scratch, vectors)
                else:
                    self._block(within.index, block.index, number, moved, place, vectors)

    # --- the convolution ----------------------------------------------------------------------------------------------

    def _block(self, group: Operand, block: Operand, number: Operand, source: Operand, place: Operand, vectors: Operand
               ) -> None:
        """All windows of the item, for one tile of output channels."""
        code, slots, form = self.code, self.slots, self.form
        height = form.channels
        weight = code.at(form.element, slots["other"], code.mul(number, code.mul(slots["reads"], height)))
        bias = code.at(form.element, slots["bias"], code.mul(number, height))
        initial = [self.vectors.splat(self.vectors.number(self.vectors.at(bias, i))) for i in range(height)]
        below = code.mul(block, height)
        left = code.sub(slots["channels"], below)
        channel = code.add(code.mul(group, slots["channels"]), below)
        out = code.at(form.element, slots["out"], code.add(place, code.mul(channel, slots["plane"])))
        final = code.sub(vectors, 1)
        with code.loop(vectors, step=form.width) as tile:
            numbers = [code.least(code.add(tile.index, j), final) for j in range(form.width)]
            starts = [code.at(form.element, source, code.word(slots["start"], v)) for v in numbers]
            carried = [initial[i] for i in range(height) for _ in range(form.width)]
            with code.loop(slots["reads"], carried=carried) as read:
                offset = code.word(slots["src"], read.index)
                row = code.at(form.element, weight, code.mul(read.index, height))
                seen = [self.vectors.load(code.at(form.element, start, offset)) for start in starts]
                factors = [self.vectors.splat(self.vectors.number(self.vectors.at(row, i))) for i in range(height)]
                self._multiply(read, factors, seen)
            places = [code.word(slots["place"], v) for v in numbers]
            for i in range(height):
                with code.when(code.less(i, left)):
                    line = code.at(form.element, out, code.mul(slots["plane"], i))
                    for j in range(form.width):
                        mask = None if form.whole else self._mask(0)
                        self.vectors.store(read.carried[i * form.width + j], self.vectors.at(line, places[j]), mask)

    def _multiply(self, loop: Loop, left: list[Operand], right: list[Operand]) -> None:
        """Add the products of every pair to the carried sums."""
        pairs = product(left, right)
        loop.next = [self.vectors.intrinsic("fmuladd", x, y, total)
                     for (x, y), total in zip(pairs, loop.carried, strict=True)]

    def _mask(self, vector: Index) -> Operand:
        """Which lanes of a vector of windows count."""
        kept = self.code.load(f"<{self.form.lanes} x i32>", self.slots["keep"], vector)
        return self.code.emit(f"icmp ne {kept.type} {kept}, zeroinitializer", self.vectors.mask_type)

    # --- the gradient of the weight -----------------------------------------------------------------------------------

    def _cotangent(self, scratch: Operand, cotangent: Operand, vectors: Operand) -> None:
        """Lay out the cotangent in vectors of windows, channel by channel; a window counts once, in one vector."""
        code, slots, form = self.code, self.slots, self.form
        target = code.at(form.element, scratch, slots["cotangent_step"])
        with code.loop(slots["groups"]) as group, code.loop(code.mul(slots["blocks"], form.channels)) as channel:
            number = code.add(code.mul(group.index, code.mul(slots["blocks"], form.channels)), channel.index)
            line = code.at(self.vectors.real_type, target, code.mul(number, slots["vectors"]))
            real = code.add(code.mul(group.index, slots["channels"]), channel.index)
            plane = code.at(form.element, cotangent, code.mul(real, slots["plane"]))
            present = code.less(channel.index, slots["channels"])
            with code.choice(present) as (this, that):
                with this, code.loop(vectors) as v:
                    start, mask = code.at(form.element, plane, code.word(slots["place"], v.index)), self._mask(v.index)
                    code.store(self.vectors.load(start, mask), code.at(self.vectors.real_type, line, v.index))
                with that, code.loop(vectors) as v:
                    code.store(self.vectors.zero, code.at(self.vectors.real_type, line, v.index))

    def _weight_block(self, number: Operand, part: Operand, source: Operand, scratch: Operand, vectors: Operand
                      ) -> None:
        """What the item adds to the gradient of one tile of output channels, at every channel and place."""
        code, slots, form = self.code, self.slots, self.form
        height, width = form.channels, form.width
        target = code.at(form.element, scratch, slots["cotangent_step"])
        rows = [code.mul(code.add(code.mul(number, height), i), slots["vectors"]) for i in range(height)]
        lines = [code.at(self.vectors.real_type, target, row) for row in rows]
        # The sums of this part: (parts, groups, blocks, height, reads).
        every = code.mul(code.mul(slots["groups"], slots["blocks"]), height)
        channel = code.add(code.mul(part, every), code.mul(number, height))
        sums = [code.at(form.element, slots["out"], code.mul(code.add(channel, i), slots["reads"]))
                for i in range(height)]
        with code.loop(slots["reads"], step=width) as tile:
            starts = [code.at(form.element, source, code.word(slots["src"], code.add(tile.index, j)))
                      for j in range(width)]
            with code.loop(vectors, carried=[self.vectors.zero] * (height * width)) as v:
                offset = code.word(slots["start"], v.index)
                seen = [self.vectors.load(code.at(form.element, start, offset)) for start in starts]
                factors = [code.load(self.vectors.real_type, line, v.index) for line in lines]
                self._multiply(v, factors, seen)
            for i, j in product(range(height), range(width)):
                place = code.at(form.element, sums[i], code.add(tile.index, j))
                old = code.load(form.element, place, 0, align=form.size)
                # The order in which the lanes are added is left to LLVM: pairs are faster than one after the other.
                total = code.call(form.element, f"llvm.vector.reduce.fadd.{self.vectors.suffix}", old,
                                  v.carried[i * width + j], how="reassoc ")
                code.store(total, place, align=form.size)


class _Packing:
    """Writes the loops that lay out a band of the input: (samples, channels, kernel depth, row phases, column phases,
    rows, pitch), with zeros for the padding."""

    def __init__(self, writer: _Convolution, scratch: Operand) -> None:
        self.code, self.slots, self.form, self.scratch = writer.code, writer.slots, writer.form, scratch
        self.vectors = writer.vectors

    def samples(self, sample: Operand, samples: Operand, depth: Operand, row: Operand, rows: Operand) -> None:
        code, slots = self.code, self.slots
        lines = code.add(code.mul(code.sub(rows, 1), slots["row_stride"]), slots["row_reach"])
        above = code.sub(code.mul(row, slots["row_stride"]), slots["row_padding"])
        front = code.sub(code.mul(depth, slots["depth_stride"]), slots["depth_padding"])
        with code.loop(samples) as s, code.loop(slots["in_channels"]) as c, code.loop(slots["kernel_depth"]) as k:
            level = code.add(front, code.mul(k.index, slots["depth_dilation"]))
            channel = code.add(code.mul(s.index, slots["in_channels"]), c.index)
            plane = code.mul(code.add(code.mul(channel, slots["kernel_depth"]), k.index), slots["row_stride"])
            channel = code.add(code.mul(code.add(sample, s.index), slots["in_channels"]), c.index)
            read = code.mul(code.add(code.mul(channel, slots["in_depth"]), level), slots["in_rows"])
            level_inside = code.compare("ult", level, slots["in_depth"])
            with code.loop(lines) as y:
                line = code.add(above, y.index)
                line_inside = code.compare("ult", line, slots["in_rows"])
                inside = code.binary("and", level_inside, line_inside)
                rest = code.div(y.index, slots["row_stride"])
                phase = code.sub(y.index, code.mul(rest, slots["row_stride"]))
                part = code.mul(code.mul(code.add(plane, phase), slots["column_stride"]), slots["phase_rows"])
                target = code.mul(code.add(part, rest), slots["pitch"])
                source = code.sub(code.mul(code.add(read, line), slots["in_width"]), slots["column_padding"])
                self._phases(target, source, inside)

    def _phases(self, target: Operand, source: Operand, inside: Operand) -> None:
        """One row of the input, each phase of its columns to its own place."""
        code, slots, element = self.code, self.slots, self.form.element
        with code.loop(slots["column_stride"]) as phase:
            moved = code.mul(code.mul(phase.index, slots["phase_rows"]), slots["pitch"])
            to = code.at(element, self.scratch, code.add(target, moved))
            first = code.select(inside, code.word(slots["first"], phase.index), 0)
            last = code.select(inside, code.word(slots["last"], phase.index), 0)
            self._clear(to, first)
            self._clear(code.at(element, to, last), code.sub(slots["pitch"], last))
            start = code.add(code.add(source, phase.index), code.mul(first, slots["column_stride"]))
            self._copy(code.at(element, to, first), code.at(element, slots["x"], start), code.sub(last, first))

    def _clear(self, to: Operand, count: Operand) -> None:
        code, form = self.code, self.form
        self._runs(count, lambda at: code.store(self.vectors.zero, code.at(form.element, to, at)),
                   lambda at: code.store(Operand("0.0", form.element), code.at(form.element, to, at)))

    def _copy(self, to: Operand, source: Operand, count: Operand) -> None:
        code, form, step = self.code, self.form, self.slots["column_stride"]
        with code.choice(code.compare("eq", step, 1)) as (near, far):
            with near:
                self._runs(count, lambda at: self._move(self.vectors.real_type, source, to, at),
                           lambda at: self._move(form.element, source, to, at))
            with far, code.loop(count) as i:
                value = code.load(form.element, source, code.mul(i.index, step), align=form.size)
                code.store(value, code.at(form.element, to, i.index))

    def _move(self, kind: str, source: Operand, to: Operand, at: Operand) -> None:
        """One element or vector from one place to the other."""
        code, element = self.code, self.form.element
        code.store(code.load(kind, code.at(element, source, at)), code.at(element, to, at))

    def _runs(self, count: Operand, vector: Callable[[Operand], None], single: Callable[[Operand], None]) -> None:
        """Do ``count`` elements, in vectors of which the last may overlap the one before, or one by one if few."""
        code, lanes = self.code, self.form.lanes
        with code.choice(code.less(count, lanes)) as (few, many):
            with few, code.loop(count) as i:
                single(i.index)
            with many:
                final = code.sub(count, lanes)
                with code.loop(count, step=lanes) as i:
                    vector(code.least(i.index, final))


# --- plans ------------------------------------------------------------------------------------------------------------


class Plan:
    """The form, the tables and the numbers of a geometry; all but the addresses of a call."""

    def __init__(self, geometry: Geometry, gradient: bool, parts: int) -> None:
        g = self.geometry = geometry
        size = np.dtype(g.dtype).itemsize
        vector_bytes = _vector_bytes(g.out[2], size)
        lanes = vector_bytes // size
        channels = g.out_channels // g.groups
        self.packed = any(s != 1 for s in g.stride[1:]) or any(g.padding) or g.out[2] < lanes or any(
            (n - 1) * s + d * (k - 1) + 1 > m for n, s, d, k, m
            in zip(g.out, g.stride, g.dilation, g.kernel, g.sizes, strict=True))
        self.parts, self.per_row = parts, -(-g.out[2] // lanes)
        self._layout(size, lanes)
        reads = self._reads()
        height, width = _tile(channels, len(reads) if gradient else self.vectors, gradient)
        self.form = Form(g.dtype, height, width, self.packed, g.out[2] >= lanes, gradient, vector_bytes)
        self.height, self.blocks = height, -(-channels // height)
        self.reads = -(-len(reads) // width) * width if gradient else len(reads)
        places = self._vectors(lanes)
        self.tables = [np.array(reads + reads[-1:] * (self.reads - len(reads)), np.int64), *places]
        bounds = self._bounds()
        self.tables += [np.array(bounds[0], np.int64), np.array(bounds[1], np.int64)]
        self.cotangent_step = self.scratch
        if gradient:
            self.scratch += g.groups * self.blocks * height * self.vectors * lanes
        self.items = -(-g.samples // self.per_item) * g.out[0] * self.bands
        self.kernel = _kernel(self.form)
        self.numbers = self._numbers(channels)

    def _layout(self, size: int, lanes: int) -> None:
        """Choose the bands and say how a band of the input is laid out."""
        g = self.geometry
        if not self.packed:
            self.pitch, self.phase_rows = g.sizes[2], g.sizes[1]
            self.channel_step, self.sample_step = prod(g.sizes), g.in_channels * prod(g.sizes)
            row_bytes = g.in_channels * g.kernel[0] * g.sizes[2] * size
        else:
            self.pitch = -(-((g.out[2] - 1) * g.stride[2] + g.dilation[2] * (g.kernel[2] - 1) + 1) // g.stride[2])
            row_bytes = g.in_channels * g.kernel[0] * g.stride[1] * g.stride[2] * self.pitch * size
        rows = max(1, BAND_BYTES // row_bytes - (g.dilation[1] * (g.kernel[1] - 1)) // g.stride[1])
        rows = min(rows, -(-g.out[1] * g.out[0] * g.samples // self.parts))
        self.bands = -(-g.out[1] // max(rows, 1))
        self.band = -(-g.out[1] // self.bands)
        self.bands = -(-g.out[1] // self.band)
        if self.packed:
            reach = (self.band - 1) * g.stride[1] + g.dilation[1] * (g.kernel[1] - 1) + 1
            self.phase_rows = -(-reach // g.stride[1])
            self.channel_step = g.kernel[0] * g.stride[1] * g.stride[2] * self.phase_rows * self.pitch
            self.sample_step = g.in_channels * self.channel_step
        self.per_item = 1
        if self.bands == 1 and g.out[0] == 1:
            several = -(-LEAST_VECTORS // (self.band * self.per_row))
            self.per_item = max(1, min(several, BAND_BYTES // (self.sample_step * size), -(-g.samples // self.parts)))
        self.vectors = self.per_item * self.band * self.per_row
        self.scratch = self.per_item * self.sample_step + lanes if self.packed else 0

    def _reads(self) -> list[int]:
        """How far from the beginning of a window each (channel, place of the kernel) of a group lies."""
        g = self.geometry
        along = [[i * d for i in range(k)] for k, d in zip(g.kernel, g.dilation, strict=True)]
        found = []
        for c in range(g.in_channels // g.groups):
            for (level, depth), y, x in product(enumerate(along[0]), along[1], along[2]):
                if self.packed:
                    phase = (level * g.stride[1] + y % g.stride[1]) * g.stride[2] + x % g.stride[2]
                    line = phase * self.phase_rows + y // g.stride[1]
                    found.append(c * self.channel_step + line * self.pitch + x // g.stride[2])
                else:
                    found.append(c * self.channel_step + (depth * g.sizes[1] + y) * g.sizes[2] + x)
        return found

    def _vectors(self, lanes: int) -> tuple[Array, Array, Array]:
        """Where each vector of windows begins, in the input and in the output, and which of its lanes count. The last
        of a row begins early enough to be full; what it shares with the one before counts there."""
        g = self.geometry
        columns = [min(j * lanes, max(g.out[2] - lanes, 0)) for j in range(self.per_row)]
        keep = np.zeros((self.per_row, lanes), np.int32)
        for j, column in enumerate(columns):
            keep[j, j * lanes - column : g.out[2] - column] = 1
        along = [np.arange(n) for n in (self.per_item, self.band)]
        step = self.pitch if self.packed else g.sizes[2]
        start = np.add.outer(np.add.outer(along[0] * self.sample_step, along[1] * step), columns)
        sample_out = g.out_channels * prod(g.out)
        place = np.add.outer(np.add.outer(along[0] * sample_out, along[1] * g.out[2]), columns)
        return (start.ravel().astype(np.int64), place.ravel().astype(np.int64),
                np.ascontiguousarray(np.tile(keep, (self.per_item * self.band, 1))))

    def _bounds(self) -> tuple[list[int], list[int]]:
        """For each phase of the columns, from where to where a laid-out row holds input and not padding."""
        g = self.geometry
        step, padding = g.stride[2], g.padding[2]
        first = [min(max(-((phase - padding) // step), 0), self.pitch) for phase in range(step)]
        last = [min(max(-((phase - padding - g.sizes[2]) // step), 0), self.pitch) for phase in range(step)]
        return first, [max(a, b) for a, b in zip(first, last, strict=True)]

    def _numbers(self, channels: int) -> Array:
        g = self.geometry
        depth, rows, width = g.out
        values = {
            "scratch_step": self.scratch, "parts": self.parts, "items": self.items, "samples": g.samples,
            "per_item": self.per_item, "depths": depth, "bands": self.bands, "band": self.band, "rows": rows,
            "per_row": self.per_row, "reads": self.reads, "groups": g.groups, "blocks": self.blocks,
            "channels": channels, "group_step": g.in_channels // g.groups * self.channel_step, "plane": prod(g.out),
            "width": width, "sample_out": g.out_channels * prod(g.out), "in_channels": g.in_channels,
            "kernel_depth": g.kernel[0], "in_depth": g.sizes[0], "in_rows": g.sizes[1], "in_width": g.sizes[2],
            "depth_stride": g.stride[0], "row_stride": g.stride[1], "column_stride": g.stride[2],
            "depth_dilation": g.dilation[0], "depth_padding": g.padding[0], "row_padding": g.padding[1],
            "column_padding": g.padding[2], "row_reach": g.dilation[1] * (g.kernel[1] - 1) + 1,
            "phase_rows": self.phase_rows, "pitch": self.pitch, "sample_step": self.sample_step,
            "cotangent_step": self.cotangent_step, "vectors": self.vectors,
        }
        names = ("src", "start", "place", "keep", "first", "last")
        values |= {name: table.ctypes.data for name, table in zip(names, self.tables, strict=True)}
        numbers = np.zeros(len(_SLOTS), np.int64)
        for name, value in values.items():
            numbers[_SLOT[name]] = value
        return numbers

    def run(self, x: Array, other: Array, bias: Array | None, out: Array) -> None:
        """Run the kernel on C-contiguous arrays."""
        scratch = np.empty(self.parts * self.scratch, x.dtype)
        if self.form.gradient and not self.form.whole:
            scratch[:] = 0  # lanes that do not count are multiplied by zero, and so must not be NaN
        numbers = threads.table(len(_SLOTS))
        numbers[:] = self.numbers
        numbers[:5] = [0 if array is None else memory.address(array) for array in (x, other, bias, out, scratch)]
        self.kernel.run(self.parts, self.geometry.work / self.form.lanes, numbers)


def _vector_bytes(windows: int, size: int) -> int:
    """How many bytes of neighbouring windows one vector holds, for rows of so many windows."""
    fewer = -(-windows * size // WIDE_BYTES) < -(-windows * size // VECTOR_BYTES)
    return WIDE_BYTES if fewer and engine().machine.avx512 else VECTOR_BYTES


def _tile(channels: int, across: int, gradient: bool) -> tuple[int, int]:
    """Output channels of a tile, and its width: about as many sums as there are registers for, of the form that wastes
    the least. ``across`` is what the width divides: vectors of windows, or channels times places of the kernel."""
    wide = engine().machine.avx512
    forms = ((4, 6), (6, 4), (8, 3), (3, 6), (2, 6), (1, 8)) if wide else ((4, 3), (6, 2), (3, 4), (2, 6), (1, 8))
    fitting = [(height, min(width, 6) if gradient else width) for height, width in forms]

    def waste(form: tuple[int, int]) -> tuple[int, int]:
        height, width = form
        return -(-channels // height) * height * -(-across // width) * width, -height * width

    return min(fitting, key=waste)


@lru_cache(maxsize=64)
def _kernel(form: Form) -> threads.Parts:
    return threads.Parts(_Convolution(form).text())


@lru_cache(maxsize=512)
def _plan(geometry: Geometry, gradient: bool, parts: int) -> Plan:
    return Plan(geometry, gradient, parts)


@lru_cache(maxsize=512)
def _geometry(shape: Sizes, letter: str, out: Sizes, out_channels: int, kernel: Sizes, stride: Sizes, padding: Sizes,
              dilation: Sizes, groups: int) -> Geometry | None:
    """The geometry with three dimensions, of an input of this shape; None where there is no generated code."""
    if letter not in memory.NAMES or len(kernel) > 3 or not generated_code_is_possible():
        return None
    sizes = shape[2:]
    if prod(kernel) == 1 and all(s == 1 for s in stride) and not any(padding) and tuple(sizes) == tuple(out):
        sizes = out = (prod(sizes),)  # every place for itself: one long row
        kernel = stride = dilation = (1,)
        padding = (0,)
    return Geometry(shape[0], shape[1], _triple(sizes), out_channels, _triple(out), _triple(kernel),
                    _triple(stride), _triple(padding, 0), _triple(dilation), groups, memory.NAMES[letter])


@lru_cache(maxsize=512)
def _in_blocks(geometry: Geometry, biased: bool, parts: int, count: int) -> blocks.Plan | None:
    """The plan by the code that programs have, where that is the better one; of a gradient in so many parts."""
    return blocks.planned(geometry, biased, parts, count)


def _mostly_idle(geometry: Geometry) -> bool:
    """Whether rows of windows fill so little of a vector that one product of matrices is faster."""
    return geometry.groups == 1 and 2 * geometry.out[2] * (4 if geometry.dtype == "float32" else 8) <= VECTOR_BYTES


def _triple(values: Sizes, filler: int = 1) -> Triple:
    """One number for each of three dimensions, the first ones filled up."""
    first, second, third = (filler,) * (3 - len(values)) + tuple(values)
    return first, second, third


def _folded(x: Array, out: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
            ) -> tuple[Array, int, int] | None:
    """A long row cut into pieces that stand below each other like samples, so that each fits the cache and all threads
    have some: the pieces, how many a sample has, and the windows of one. None where a row is short."""
    if len(kernel) > 1:
        return None
    reach, item = dilation[0] * (kernel[0] - 1) + 1, x.itemsize
    step = max(LEAST_VECTORS * VECTOR_BYTES // item, BAND_BYTES // (x.shape[1] * item) - reach) // stride[0]
    if out[0] <= 2 * step or prod(kernel) == 1:
        return None
    count = -(-out[0] // step)
    last = (count * step - 1) * stride[0] + reach
    x = framed(x, ((padding[0], last - padding[0] - x.shape[2]),))
    strides = (x.strides[0], step * stride[0] * item, x.strides[1], item)
    shape = (x.shape[0], count, x.shape[1], (step - 1) * stride[0] + reach)
    pieces = np.lib.stride_tricks.as_strided(x, shape, strides)
    return pieces.reshape(-1, *shape[2:]), count, step


def convolve(x: Array, weight: Array, bias: Array | None, out: Sizes, stride: Sizes, padding: Sizes,
             dilation: Sizes, groups: int) -> Array | None:
    """The convolution of ``x`` (N, C, *sizes) with ``weight`` (O, C / groups, *kernel) and ``bias`` (O,).

    ``out`` are the sizes of the result, ``padding`` what comes before the input along each dimension (negative: is cut
    off); what comes after it follows from these. That the windows lie inside what is there then is for the caller to
    prove (`check_reach` of `wengert.core.windows`). None where numpy should compute it: another dtype than float32 or
    float64, more than three dimensions.
    """
    geometry = _geometry(x.shape, x.dtype.char, out, weight.shape[0], weight.shape[2:], stride, padding, dilation,
                         groups)
    if geometry is None:
        return None
    in_blocks = _in_blocks(geometry, bias is not None, 0, threads.get_num_threads())
    if in_blocks is not None:
        result = np.empty((x.shape[0], weight.shape[0], *out), x.dtype)
        in_blocks.convolve(x, weight, bias, result)
        return result
    folded = _folded(x, out, weight.shape[2:], stride, padding, dilation)
    if folded is not None:
        pieces, count, step = folded
        parts = convolve(pieces, weight, bias, (step,), stride, (0,), dilation, groups)
        if parts is None:
            return None
        joined = parts.reshape(len(x), count, len(weight), step).swapaxes(1, 2).reshape(len(x), len(weight), -1)
        return np.ascontiguousarray(joined[:, :, : out[0]])
    if _mostly_idle(geometry):
        return None
    # A window is one sum, always in the order of the reads: how the items are cut changes no bit of it.
    plan = _plan(geometry, False, threads.get_num_threads())
    channels, height = weight.shape[0] // groups, plan.height
    padded = plan.blocks * height
    rows = weight.reshape(groups, channels, plan.reads)
    if padded != channels:
        rows = _extended(rows, padded)
    laid = np.ascontiguousarray(rows.reshape(groups, plan.blocks, height, plan.reads).swapaxes(2, 3))
    offsets = np.zeros((groups, padded), x.dtype)
    if bias is not None:
        offsets[:, :channels] = bias.reshape(groups, channels)
    result = np.empty((x.shape[0], weight.shape[0], *out), x.dtype)
    plan.run(np.ascontiguousarray(x), laid, offsets, result)
    return result


def convolve_weight(x: Array, ct: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes,
                    groups: int) -> Array | None:
    """The gradient of the weight, (O, C / groups, *kernel), from the input and the cotangent (N, O, *out); None as in
    `convolve`."""
    geometry = _geometry(x.shape, x.dtype.char, ct.shape[2:], ct.shape[1], kernel, stride, padding, dilation, groups)
    if geometry is None:
        return None
    memory.check_alike("convolution", (x.shape[0], *ct.shape[1:]), x.dtype, ct)
    in_blocks = _in_blocks(geometry, False, _parts_of_sums(geometry), threads.get_num_threads())
    if in_blocks is not None:
        gradient = np.empty((ct.shape[1], x.shape[1] // groups, *kernel), x.dtype)
        in_blocks.convolve_weight(x, ct, gradient)
        return gradient
    folded = _folded(x, ct.shape[2:], kernel, stride, padding, dilation)
    if folded is not None:
        pieces, count, step = folded
        whole = framed(ct, ((0, count * step - ct.shape[2]),))
        cut = whole.reshape(*ct.shape[:2], count, step).swapaxes(1, 2).reshape(-1, ct.shape[1], step)
        return convolve_weight(pieces, cut, kernel, stride, (0,), dilation, groups)
    if _mostly_idle(geometry):
        return None
    plan = _plan(geometry, True, _parts_of_sums(geometry))
    channels, padded = ct.shape[1] // groups, plan.blocks * plan.height
    sums = np.zeros((plan.parts, groups, padded, plan.reads), x.dtype)
    plan.run(np.ascontiguousarray(x), np.ascontiguousarray(ct), None, sums)
    reads = x.shape[1] // groups * prod(kernel)
    total = sums[:, :, :channels, :reads].sum(axis=0)
    return total.reshape(ct.shape[1], x.shape[1] // groups, *kernel)


def _parts_of_sums(geometry: Geometry) -> int:
    """In how many parts a weight's gradient is summed up: a matter of sizes alone, so that the number of threads
    changes no bit; few where the weight is large or the windows are few, as each part has sums of its own."""
    weights = geometry.out_channels * geometry.in_channels // geometry.groups * prod(geometry.kernel)
    return max(2, min(8, MOST_SUMS // weights, geometry.samples * prod(geometry.out) // LEAST_WINDOWS))


def _extended(rows: Array, count: int) -> Array:
    """``rows`` (groups, channels, reads) with zeros for channels up to ``count``."""
    result = np.zeros((rows.shape[0], count, rows.shape[2]), rows.dtype)
    result[:, : rows.shape[1]] = rows
    return result
