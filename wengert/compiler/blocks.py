"""Convolutions of arrays in eager mode by the code that programs have, a block of windows at a time.

The one idea to know: the code of `compiler/channels.py` wants channels innermost and padding in place, and arrays have
neither. So what a block of windows reads is laid out that way in memory of the thread, small enough for its cache, by
squares of vectors that are turned in registers; the program's code computes the block, and its result is turned back.
Both ways cost a tenth of the products between them. The gradient of the weight is the same with the code of
`compiler/places.py`, whose sums over the blocks of a part are added up.

A block is a part of a row, some rows, or some samples, at one depth. The code depends on the sizes of a block and not
on how many there are: images of any size have code in common, and so have batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from . import memory, threads
from .channels import Axis, Windows, turned
from .code import POINTER, WORD, Code, Index, Operand, module, word
from .jit import Library, engine
from .laying import Prepared, of_gradient, of_weight
from .places import Places
from .turning import turning
from .vectors import Vectors
from .winograd import Transform, Winograd, winograd
from .winograd_weights import Ending, Sums, fewer

Array = np.ndarray[Any, Any]
Triple = tuple[int, int, int]

MOST_COLUMNS = 64
"""Windows of a row that a block has at most: so there are few different codes, whatever the sizes of images."""

BLOCK_BYTES, MOST_BYTES = 160 * 1024, 1024 * 1024
"""What a block takes, laid out, if it may be chosen: a part of the second-level cache; and what one of a single row may
take."""

MOST_OF_SUMS = 8 * 1024 * 1024
"""What a block of a gradient may take where its sums take as much."""

WORTH = 2
"""Elements that may be laid out and turned back for as many multiplications as a vector does."""

BLOCK_WINDOWS, SUMMED_WINDOWS = 128, 512
"""Windows that a block should have: so that what is done once a block does not matter, which is more for a gradient."""

LEAST_BLOCKS = 4
"""Blocks of a convolution, if possible, so that threads have some: not as many as there are threads, since Winograd's
sums depend on where a block begins."""

ALIGNMENT = 64

_POINTERS = "x other bias out scratch taken code ending".split()
_SLOTS = _POINTERS + (
    "gradient kept scratch_step lockers parts items calls begin_result begin_sums begin_work sums block_samples "
    "block_rows block_columns levels lines pitch row_reach column_reach in_channels out_channels samples depths "
    "row_blocks column_blocks out_rows out_width in_depth in_rows in_width depth_stride row_stride column_stride "
    "depth_dilation depth_padding row_padding column_padding".split())
_SLOT = {name: number for number, name in enumerate(_SLOTS)}


class Geometry(NamedTuple):
    """A convolution of three dimensions. ``padding`` is what comes before the input (negative: is cut off)."""

    samples: int
    in_channels: int
    sizes: Triple
    out_channels: int
    out: Triple
    kernel: Triple
    stride: Triple
    padding: Triple
    dilation: Triple
    groups: int
    dtype: str

    @property
    def work(self) -> int:
        """The number of multiplications."""
        return self.samples * self.out_channels * prod(self.out) * self.in_channels // self.groups * prod(self.kernel)


@dataclass(frozen=True)
class Block:
    """What the code depends on. A block has ``rows`` times ``columns`` windows of each of some samples, whose groups
    have ``inner`` channels of the input and ``outer`` of the result; stride and dilation are along rows and columns."""

    dtype: str
    samples: int
    rows: int
    columns: int
    groups: int
    inner: int
    outer: int
    kernel: Triple
    stride: tuple[int, int]
    dilation: tuple[int, int]

    @property
    def size(self) -> int:
        return 4 if self.dtype == "float32" else 8

    @cached_property
    def reach(self) -> tuple[int, int]:
        """How far a window reaches along rows and columns."""
        high, wide = (d * (k - 1) + 1 for k, d in zip(self.kernel[1:], self.dilation, strict=True))
        return high, wide

    @cached_property
    def frame(self) -> tuple[int, int, int, int, int]:
        """(samples, levels, lines, columns, channels) of the input, laid out."""
        high, wide = self.reach
        return (self.samples, self.kernel[0], (self.rows - 1) * self.stride[0] + high,
                (self.columns - 1) * self.stride[1] + wide, self.groups * self.inner)

    @cached_property
    def result(self) -> tuple[int, int, int, int, int]:
        """The same of the result."""
        return self.samples, 1, self.rows, self.columns, self.groups * self.outer

    @property
    def sums(self) -> int:
        """The elements of the weight."""
        return self.groups * self.outer * self.inner * prod(self.kernel)

    @property
    def each(self) -> bool:
        """Whether every channel is a group."""
        return self.groups > 1 and self.inner == self.outer == 1

    def _axes(self) -> tuple[list[Axis], list[Axis]]:
        """The windows, the samples first, and the places of the kernel."""
        x, y = _strides(self.frame), _strides(self.result)
        sizes, steps = (self.samples, self.rows, self.columns), (1, *self.stride)
        windows = [Axis(n, s * a, b) for n, s, a, b in zip(sizes, steps, (x[0], *x[2:4]), (y[0], *y[2:4]), strict=True)]
        return windows, [Axis(k, d * a) for k, d, a in zip(self.kernel, (1, *self.dilation), x[1:4], strict=True)]

    def windows(self, bias: bool) -> Windows:
        """The product of a block."""
        windows, places = self._axes()
        groups, inner, outer = (1, 1, self.groups) if self.each else (self.groups, self.inner, self.outer)
        return Windows(self.dtype, tuple(windows), tuple(places), groups, inner, outer, 1, bias, self.each)

    def places(self) -> Places:
        """The sums of a block for the gradient of the weight."""
        (samples, *windows), places = self._axes()
        groups, inner, outer = (1, 1, self.groups) if self.each else (self.groups, self.inner, self.outer)
        return Places(self.dtype, samples, tuple(windows), tuple(places), groups, inner, outer, 1, 1, 1, self.each)

    def laid(self, weight: Array, form: Windows | Winograd) -> Array:
        """The weight as the code of ``form`` reads it, but for Winograd's transform."""
        block = form.block if isinstance(form, Windows) else 0
        split = weight.reshape(self.groups, self.outer, self.inner, *self.kernel)
        order = (3, 4, 5, 0, 2, 1) if self.each else (0, 3, 4, 5, 2, 1)
        return np.ascontiguousarray(turned(split, order, block))

    def room(self, sums: int, work: int) -> list[int]:
        """Where the input, the result, so many sums and memory for the work begin in the memory of a thread, and where
        all that ends: elements."""
        unit, found = ALIGNMENT // self.size, [0]
        for used in (prod(self.frame), prod(self.result), sums, work):
            found.append(found[-1] + -(-used // unit) * unit)
        return found


def _strides(shape: tuple[int, ...]) -> list[int]:
    found, step = [], 1
    for size in reversed(shape):
        found.append(step)
        step *= size
    return found[::-1]


class _Frame(NamedTuple):
    """What is laid out of an array (N, channels, *sizes): from ``first`` (sample, depth, line, column) on so many
    samples, levels, lines and columns, with zeros for what lies outside or beyond the limits of samples, lines and
    columns."""

    source: Operand
    sizes: tuple[Operand, Operand, Operand]
    channels: Operand
    first: tuple[Operand, Operand, Operand, Operand]
    counts: tuple[Operand, Index, Operand, Operand]
    depth_step: Index
    limits: tuple[Operand, Operand, Operand]


class _Here(NamedTuple):
    """Where a block begins among the windows, and how many samples, rows and columns of it there are."""

    sample: Operand
    depth: Operand
    row: Operand
    column: Operand
    samples: Operand
    rows: Operand
    columns: Operand


class _Driver:
    """Writes ``void kernel(ptr operands, i64 start, i64 stop)``, which does the parts from ``start`` to ``stop``.

    ``operands`` has one entry, the table with the slots `_SLOTS`. It serves all geometries: the code of a block is
    called by its address.
    """

    def __init__(self, dtype: str) -> None:
        self.code, self.dtype, self.machine = Code(), dtype, engine().machine
        self.vectors = Vectors(self.code, dtype, self.machine)
        self.slots: dict[str, Operand] = {}

    def text(self) -> str:
        code = self.code
        operands, start, stop = code.parameters
        table = code.address(operands, 0)
        for name, number in _SLOT.items():
            self.slots[name] = code.address(table, number) if name in _POINTERS else code.word(table, number)
        self.places = code.stack("[5 x ptr]")  # the first is the address of the others, a table of operands
        code.store(code.at(POINTER, self.places, 1), self.places, align=8)
        with code.loop(stop, start=start) as part, self._locker() as scratch:
            first = code.div(code.mul(part.index, self.slots["items"]), self.slots["parts"])
            last = code.div(code.mul(code.add(part.index, 1), self.slots["items"]), self.slots["parts"])
            rest = self.vectors.at(scratch, self.slots["begin_sums"])
            self._clear(rest, self.slots["kept"])
            with code.loop(last, start=first) as item:
                self._item(item.index, code.compare("eq", item.index, first), part.index, scratch)
            with code.when(code.less(0, self.slots["kept"])):
                self._call("ending", rest, self._sums(part.index))
        code.done()
        return module(code, *turning("turn", self.dtype, self.machine))

    @contextmanager
    def _locker(self) -> Iterator[Operand]:
        """Memory that no other thread uses meanwhile, and that this one has used before if it had some."""
        code, slots, before = self.code, self.slots, self.code.block
        code.fall("search")
        number = code.phi(WORD, (0, before))
        place = code.at(WORD, slots["taken"], number)
        free = code.compare("eq", code.atomic_update("xchg", place, 1, "acquire"), 0)
        number.edge(code.rest(code.add(number, 1), slots["lockers"]), code.block)
        code.branch(free, "found", "search")
        code.label("found")
        yield self.vectors.at(slots["scratch"], code.mul(number, slots["scratch_step"]))
        code.atomic_store(0, place, "release")

    def _sums(self, part: Operand) -> Operand:
        """Where the sums of a part begin."""
        return self.vectors.at(self.slots["out"], self.code.mul(part, self.slots["sums"]))

    def _item(self, item: Operand, first_of_part: Operand, part: Operand, scratch: Operand) -> None:
        """A block: what it reads laid out, its product, and the result turned back or added up. The sums of the first
        of a part are those of the part; with sums that are ``kept``, the block's code adds them up itself."""
        code, slots, v = self.code, self.slots, self.vectors
        numbers = []
        for name in ("column_blocks", "row_blocks", "depths"):
            numbers.append(code.rest(item, slots[name]))
            item = code.div(item, slots[name])
        sides = [slots[f"block_{name}"] for name in ("samples", "rows", "columns")]
        counts = [slots[name] for name in ("samples", "out_rows", "out_width")]
        first = [code.mul(number, side) for number, side in zip((item, numbers[1], numbers[0]), sides, strict=True)]
        present = [code.least(code.sub(count, begin), side)
                   for count, begin, side in zip(counts, first, sides, strict=True)]
        here = _Here(first[0], numbers[2], *first[1:], *present)
        y, rest = v.at(scratch, slots["begin_result"]), v.at(scratch, slots["begin_sums"])
        self._lay(scratch, self._input(here))
        with code.choice(code.compare("eq", slots["gradient"], 0)) as (forward, gradient):
            with forward:
                biased = code.compare("ne", code.convert("ptrtoint", slots["bias"], WORD), 0)
                self._call("code", scratch, slots["other"], code.select(biased, slots["bias"], y), y)
                self._turn_back(here, y)
            with gradient:
                self._lay(y, _Frame(slots["other"], (slots["depths"], slots["out_rows"], slots["out_width"]),
                                    slots["out_channels"], here[:4], (sides[0], 1, sides[1], sides[2]), 0, here[4:]))
                sums, keeps = self._sums(part), code.less(0, slots["kept"])
                to = code.select(keeps, rest, code.select(first_of_part, sums, rest))
                self._call("code", scratch, y, to, v.at(scratch, slots["begin_work"]))

                def add(at: Operand, mask: Operand | None) -> None:
                    old, new = (v.load(v.at(place, at), mask) for place in (sums, rest))
                    v.store(v.add(old, new), v.at(sums, at), mask)

                v.sweep(0, code.select(code.binary("or", keeps, first_of_part), 0, slots["sums"]), add)

    def _call(self, name: str, *operands: Operand) -> None:
        """Have the block computed, or what ends a part."""
        code = self.code
        for number, operand in enumerate(operands, 1):
            code.store(operand, code.at(POINTER, self.places, number), align=8)
        calls = self.slots["calls"] if name == "code" else word(1)
        code.call("void", self.slots[name], self.places, word(0), calls)

    def _input(self, here: _Here) -> _Frame:
        """What the block reads of the input."""
        code, slots = self.code, self.slots
        depth, row, column = [code.sub(code.mul(at, slots[f"{name}_stride"]), slots[f"{name}_padding"])
                              for at, name in zip(here[1:4], ("depth", "row", "column"), strict=True)]
        high, wide = [code.add(code.mul(code.sub(count, 1), slots[f"{name}_stride"]), slots[f"{name}_reach"])
                      for count, name in zip(here[5:], ("row", "column"), strict=True)]
        return _Frame(slots["x"], (slots["in_depth"], slots["in_rows"], slots["in_width"]), slots["in_channels"],
                      (here.sample, depth, row, column),
                      (slots["block_samples"], slots["levels"], slots["lines"], slots["pitch"]),
                      slots["depth_dilation"], (here.samples, high, wide))

    def _lay(self, target: Operand, frame: _Frame) -> None:
        """Lay out a part of an array with its channels innermost."""
        code, v, (samples, levels, lines, columns) = self.code, self.vectors, frame.counts
        sample, depth, row, column = frame.first
        before = code.sub(0, column)
        low = code.least(code.select(code.less(before, 0), 0, before), columns)
        high = code.least(code.sub(frame.sizes[2], column), frame.limits[2])
        high = code.select(code.less(high, low), low, high)
        plane = code.mul(frame.sizes[1], frame.sizes[2])
        step, width = code.mul(frame.sizes[0], plane), code.mul(columns, frame.channels)
        with code.loop(samples) as s, code.loop(levels) as level, code.loop(lines) as line:
            number = code.add(code.mul(code.add(code.mul(s.index, levels), level.index), lines), line.index)
            to = v.at(target, code.mul(number, width))
            at_depth, at_row = code.add(depth, code.mul(level.index, frame.depth_step)), code.add(row, line.index)
            inside = code.compare("ult", at_depth, frame.sizes[0])
            for truth in (code.compare("ult", at_row, frame.sizes[1]), code.less(line.index, frame.limits[1]),
                          code.less(s.index, frame.limits[0])):
                inside = code.binary("and", inside, truth)
            begin, end = code.select(inside, low, 0), code.select(inside, high, 0)
            self._clear(to, code.mul(begin, frame.channels))
            self._clear(v.at(to, code.mul(end, frame.channels)), code.mul(code.sub(columns, end), frame.channels))
            at = code.mul(code.mul(code.add(sample, s.index), frame.channels), frame.sizes[0])
            at = code.add(code.mul(code.add(at, at_depth), plane), code.mul(at_row, frame.sizes[2]))
            source = v.at(frame.source, code.add(at, code.add(column, begin)))
            self._turn(source, step, v.at(to, code.mul(begin, frame.channels)), frame.channels, frame.channels,
                       code.sub(end, begin))

    def _clear(self, to: Operand, count: Operand) -> None:
        v = self.vectors
        v.sweep(0, count, lambda at, mask: v.store(v.zero, v.at(to, at), mask))

    def _turn(self, *operands: Operand) -> None:
        self.code.call("void", "turn", *operands)

    def _turn_back(self, here: _Here, source: Operand) -> None:
        """The block's result to where it belongs."""
        code, slots, v = self.code, self.slots, self.vectors
        channels = slots["out_channels"]
        whole = code.compare("eq", slots["column_blocks"], 1)  # then the rows are one run
        runs = code.select(whole, 1, here.rows)
        length = code.select(whole, code.mul(here.rows, here.columns), here.columns)
        plane = code.mul(slots["out_rows"], slots["out_width"])
        step = code.mul(slots["depths"], plane)
        with code.loop(here.samples) as s, code.loop(runs) as run:
            at = code.mul(code.mul(code.add(here.sample, s.index), channels), slots["depths"])
            at = code.mul(code.add(at, here.depth), plane)
            line = code.mul(code.add(here.row, run.index), slots["out_width"])
            target = v.at(slots["out"], code.add(code.add(at, line), here.column))
            number = code.mul(code.add(code.mul(s.index, slots["block_rows"]), run.index), slots["block_columns"])
            self._turn(v.at(source, code.mul(number, channels)), channels, target, step, length, channels)


# --- plans ------------------------------------------------------------------------------------------------------------


def _side(size: int, most: int) -> int:
    """The size of blocks along a dimension: all of it, or what wastes the least of at most ``most``."""
    return size if size <= most else min(range(most, most // 2, -1), key=lambda side: -(-size // side) * side)


def _block(geometry: Geometry, gradient: bool, least: int) -> Block | None:
    """The block of a geometry, of which there are as many as ``least`` if possible; None where a row of windows alone
    is too much for the cache."""
    g = geometry
    columns = _side(g.out[2], MOST_COLUMNS if g.out[1] > 1 else MOST_COLUMNS * 4)

    def made(samples: int, rows: int) -> Block:
        return Block(g.dtype, samples, rows, columns, g.groups, g.in_channels // g.groups, g.out_channels // g.groups,
                     g.kernel, g.stride[1:], g.dilation[1:])

    def used(samples: int, rows: int) -> int:
        block = made(samples, rows)
        return (prod(block.frame) + prod(block.result)) * block.size

    one = used(1, 1)
    if one > MOST_BYTES:
        return None
    room = max(BLOCK_BYTES, min(made(1, 1).sums * made(1, 1).size, MOST_OF_SUMS) if gradient else 0)
    rows = _side(g.out[1], max(1, 1 + (room - one) // max(1, used(1, 2) - one)))
    items = -(-g.out[1] // rows) * -(-g.out[2] // columns) * g.out[0]
    if items == 1:
        wanted = -(-(SUMMED_WINDOWS if gradient else BLOCK_WINDOWS) // (rows * columns))
        samples = max(1, min(-(-g.samples // least), wanted, room // used(1, rows)))
    else:
        samples = 1
    items *= -(-g.samples // samples)
    return made(samples, rows if items >= least else -(-rows // -(-least // items)))


def _pays(block: Block) -> bool:
    """Whether a block is sooner computed this way than by vectors of windows: channels fill vectors, and there is
    enough to compute with what is laid out and turned back."""
    lanes = engine().machine.vector_bytes // block.size
    channels = block.groups if block.each else block.outer
    if channels < lanes and not min(2 * channels, 2 * block.inner) >= lanes:
        return False
    products = prod(block.result) * block.inner * prod(block.kernel)
    return block.each or prod(block.frame) + prod(block.result) <= WORTH * products / lanes


def planned(geometry: Geometry, biased: bool, parts: int, count: int) -> Plan | None:
    """The plan of a geometry, for so many threads, or of its weight's gradient, summed up in some ``parts`` at most;
    None where it is not for this code."""
    block = _block(geometry, parts > 0, 2 if parts else LEAST_BLOCKS)
    return None if block is None or not _pays(block) else Plan(geometry, block, biased, parts, count)


class Plan:
    """The code and the numbers of a geometry, all but the addresses of a call."""

    def __init__(self, geometry: Geometry, block: Block, biased: bool, parts: int, count: int) -> None:
        g, b = geometry, block
        gradient = parts > 0
        self.block = block
        blocks = [-(-g.samples // b.samples), -(-g.out[1] // b.rows), -(-g.out[2] // b.columns)]
        items = prod(blocks) * g.out[0]
        self.form = form = _summed(block.places(), items) if gradient else _form(block.windows(biased), items)
        self.driver, (self.code, calls) = _driver(b.dtype), _code(form)
        self.ending = _code(Ending(form))[0] if isinstance(form, Sums) else None
        self.parts = min(items, parts if gradient else 1 if count == 1 else 8 * count)
        size, machine = b.size, engine().machine
        self.worth = g.work / (machine.vector_bytes // size)
        kept = form.layout(machine).kept if isinstance(form, Sums) else 0
        sums = kept or (b.sums if gradient and self.parts < items else 0)
        work = form.room(machine) if isinstance(form, Sums) else 0
        _, begin_result, begin_sums, begin_work, room = b.room(sums, work)
        self.scratch = count * room + ALIGNMENT // size
        values = {
            "code": self.code.addresses["kernel"], "gradient": int(gradient), "kept": kept, "scratch_step": room,
            "ending": 0 if self.ending is None else self.ending.addresses["kernel"], "begin_work": begin_work,
            "lockers": count, "parts": self.parts, "items": items, "calls": calls,
            "begin_result": begin_result, "begin_sums": begin_sums, "sums": b.sums, "block_samples": b.samples,
            "block_rows": b.rows, "block_columns": b.columns, "levels": b.frame[1], "lines": b.frame[2],
            "pitch": b.frame[3], "row_reach": b.reach[0], "column_reach": b.reach[1], "in_channels": b.frame[4],
            "out_channels": b.result[4], "samples": g.samples, "depths": g.out[0], "row_blocks": blocks[1],
            "column_blocks": blocks[2], "out_rows": g.out[1], "out_width": g.out[2], "in_depth": g.sizes[0],
            "in_rows": g.sizes[1], "in_width": g.sizes[2], "depth_stride": g.stride[0], "row_stride": g.stride[1],
            "column_stride": g.stride[2], "depth_dilation": g.dilation[0], "depth_padding": g.padding[0],
            "row_padding": g.padding[1], "column_padding": g.padding[2]}
        self._tables = threads.Tables([values.get(name, 0) for name in _SLOTS], count)
        self._lockers = len(_SLOTS) * 8
        self._layings: dict[Any, Prepared | None] = {}
        self._transformed = _Transformed(form.transform) if isinstance(form, Winograd) else None
        places = prod(b.kernel)
        self._laying_back = of_gradient(b.groups, b.outer, b.inner, places, b.each, b.dtype) if gradient else None

    def convolve(self, x: Array, weight: Array, bias: Array | None, out: Array) -> None:
        """The convolution, to ``out``."""
        laid = self._laid(weight)
        self._run(np.ascontiguousarray(x), laid, None if bias is None else np.ascontiguousarray(bias), out)

    def _laid(self, weight: Array) -> Array:
        assert isinstance(self.form, (Windows, Winograd))
        key = weight.shape, weight.strides
        if key not in self._layings:
            b, block = self.block, self.form.block if isinstance(self.form, Windows) else 0
            self._layings[key] = of_weight(weight, b.groups, block or b.outer, b.each)
        laying = self._layings[key]
        if laying is None:
            laid = self.block.laid(weight, self.form)
        else:
            laid = np.empty(self.block.sums, weight.dtype)
            laying.run(weight, laid)
        return laid if self._transformed is None else self._transformed(laid)

    def convolve_weight(self, x: Array, ct: Array, out: Array) -> None:
        """The gradient of the weight, to ``out``."""
        b = self.block
        sums = np.empty((self.parts, b.sums), x.dtype)
        self._run(np.ascontiguousarray(x), np.ascontiguousarray(ct), None, sums)
        assert self._laying_back is not None
        self._laying_back.run(np.add.reduce(sums) if len(sums) > 1 else sums, out)

    def _run(self, x: Array, other: Array, bias: Array | None, out: Array) -> None:
        """Run the code on arrays in rows."""
        scratch = np.empty(self.scratch, x.dtype)
        numbers, begin = self._tables.take(), memory.address(scratch)
        numbers[:6] = (memory.address(x), memory.address(other), 0 if bias is None else memory.address(bias),
                       memory.address(out), begin + -begin % ALIGNMENT, memory.address(numbers) + self._lockers)
        self.driver.run(self.parts, self.worth, numbers)
        self._tables.give(numbers)


@cache
def _driver(dtype: str) -> threads.Parts:
    return threads.Parts(_Driver(dtype).text())


def _form(plain: Windows, items: int) -> Windows | Winograd:
    """What computes a block, of which there are so many, best."""
    machine = engine().machine
    fewer = winograd(plain, machine, items)
    return plain.blocked(machine) if fewer is None else fewer


def _summed(plain: Places, items: int) -> Places | Sums:
    """What computes a block of a gradient, of which there are so many, best."""
    found = fewer(plain, engine().machine, items)
    return plain if found is None else found


class _Transformed:
    """A weight that is laid out, as Winograd's products read it."""

    def __init__(self, form: Transform) -> None:
        self._made, self._work, (self._kernel, self._items) = form.made, form.work, _transforming(form)
        self._tables = threads.Tables([0, 0])

    def __call__(self, laid: Array) -> Array:
        out, numbers = np.empty(self._made, laid.dtype), self._tables.take()
        numbers[:] = memory.address(laid), memory.address(out)
        self._kernel.run(self._items, self._work, numbers)
        self._tables.give(numbers)
        return out


@lru_cache(maxsize=256)
def _transforming(form: Transform) -> tuple[threads.Parts, int]:
    code, items, _ = form.written("kernel", engine().machine, visible=True)
    return threads.Parts(module(code)), items


@lru_cache(maxsize=256)
def _code(form: Windows | Winograd | Places | Sums | Ending) -> tuple[Library, int]:
    """The code of a block, and how many items of its own it has."""
    code, items, _ = form.written("kernel", engine().machine, visible=True)
    return engine().load(module(code), "kernel"), items
