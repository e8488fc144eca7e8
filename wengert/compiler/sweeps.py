"""What kernels have in common that reduce groups of elements and then go over the same elements again.

A group is ``runs`` runs of ``length`` neighbouring elements each; run n of group g begins at element
``(n * groups + g) * length``. So a group is a row of a matrix (one run), or a channel of a batch (one run a sample).
The groups are dealt out among the threads in parts, whose number depends on the size alone: results are the same bits
for any number of threads.

Sums are taken in float32 over at most `CHUNK` elements, each lane for itself in several independent sums, and these in
float64, so that their error does not grow with the size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import threads
from .code import Code, Index, Operand, module
from .jit import engine
from .math import MathBuilder

Array = np.ndarray[Any, Any]
Terms = Callable[[list[Operand]], list[Operand]]
Body = Callable[[list[Operand], Operand, Operand | None], None]
ONE = Operand("1.0", "double")

CHUNK = 4096
"""Elements that are summed up in the arrays' own precision."""

WAYS = 4
"""Independent sums, so that an addition need not wait for the one before."""

PART = 8192
"""Elements that a part has about."""

MOST_PARTS = 64

WORDS = ("runs", "groups", "length", "parts")


def parts_of(size: int, groups: int) -> int:
    """Into how many parts that many groups of together ``size`` elements are cut."""
    return max(1, min(size // PART, MOST_PARTS, groups))


class Sweeps:
    """Writes ``void kernel(ptr operands, i64 start, i64 stop)``, which does the parts from ``start`` to ``stop``.

    ``operands`` has one entry, a table: the numbers `WORDS`, then the addresses of the arrays named in ``arrays``, then
    float64 numbers named in ``numbers``. A subclass says in `group` what is done with a group.
    """

    arrays: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    def __init__(self, dtype: str) -> None:
        self.code = Code()
        self.math = MathBuilder(self.code, dtype, engine().machine)
        self.lanes = self.math.lanes
        self.wide = f"<{self.lanes} x double>"
        self.slots: dict[str, Operand] = {}

    def text(self) -> str:
        """The module."""
        code, slots = self.code, self.slots
        operands, start, stop = code.parameters
        table = code.address(operands, 0)
        for place, name in enumerate((*WORDS, *self.arrays, *self.numbers)):
            slots[name] = (code.word(table, place) if name in WORDS else code.address(table, place)
                           if name in self.arrays else code.load("double", table, place, align=8))
        with code.loop(stop, start=start) as part:
            self.part: Operand = part.index
            low = code.div(code.mul(part.index, slots["groups"]), slots["parts"])
            high = code.div(code.mul(code.add(part.index, 1), slots["groups"]), slots["parts"])
            with code.loop(high, start=low) as group:
                self.group(group.index)
        code.done()
        return module(code)

    def group(self, group: Operand) -> None:
        """Writes what is done with the group of this number."""
        raise NotImplementedError

    # --- over the elements of a group ---------------------------------------------------------------------------------

    def places(self, names: Sequence[str], group: Operand, run: Index) -> list[Operand]:
        """Where a run of a group begins in these arrays."""
        code, slots = self.code, self.slots
        first = code.mul(code.add(code.mul(run, slots["groups"]), group), slots["length"])
        return [self.math.at(slots[name], first) for name in names]

    def fold(self, places: list[Operand], start: Index, stop: Operand, first: Operand, count: int, terms: Terms,
             combine: Callable[[Operand, Operand], Operand]) -> list[Operand]:
        """``count`` vectors: what ``terms`` gives for the vectors of elements at ``places`` from ``start`` to ``stop``,
        combined lane by lane, beginning with ``first``, which changes nothing."""
        code, math = self.code, self.math

        def combined(totals: Sequence[Operand], index: Operand, mask: Operand | None) -> list[Operand]:
            found = terms([math.load(math.at(place, index), mask) for place in places])
            if mask is not None:
                found = [math.select(mask, x, first) for x in found]
            return [combine(total, x) for total, x in zip(totals, found, strict=True)]

        length = code.sub(stop, start)
        many = code.add(start, code.mul(code.div(length, WAYS * self.lanes), WAYS * self.lanes))
        whole = code.add(start, code.mul(code.div(length, self.lanes), self.lanes))
        with code.loop(many, start=start, step=WAYS * self.lanes, carried=[first] * (count * WAYS)) as loop:
            loop.next = [x for way in range(WAYS) for x in combined(
                loop.carried[way * count : (way + 1) * count], code.add(loop.index, way * self.lanes), None)]
        sums = loop.carried
        result = sums[:count]
        for way in range(1, WAYS):
            result = [combine(x, y) for x, y in zip(result, sums[way * count : (way + 1) * count], strict=True)]
        for begin, end, masked in ((many, whole, False), (whole, stop, True)):
            with code.loop(end, start=begin, step=self.lanes, carried=result) as loop:
                mask = math.first_lanes(code.sub(end, loop.index)) if masked else None
                loop.next = combined(loop.carried, loop.index, mask)
            result = loop.carried
        return list(result)

    def sums(self, names: Sequence[str], group: Operand, count: int, terms: Terms, along: Sequence[str] = ()
             ) -> list[Operand]:
        """``count`` sums over a group, float64 numbers, of what ``terms`` gives for the elements of these arrays, and
        of those in ``along``, of which all groups have the same run."""
        code, math = self.code, self.math
        with code.loop(self.slots["runs"], carried=[Operand("zeroinitializer", self.wide)] * count) as run:
            places = self.places(names, group, run.index) + [self.slots[name] for name in along]
            with code.loop(self.slots["length"], step=CHUNK, carried=run.carried) as chunk:
                end = code.least(code.add(chunk.index, CHUNK), self.slots["length"])
                found = self.fold(places, chunk.index, end, math.const(0.0), count, terms, math.add)
                chunk.next = [code.binary("fadd", total, self._widened(x))
                              for total, x in zip(chunk.carried, found, strict=True)]
            run.next = chunk.carried
        return [self.across(x, lambda x, y: code.binary("fadd", x, y)) for x in run.carried]

    def over(self, places: list[Operand], body: Body) -> None:
        """Write ``body(vectors, index, mask)`` for all vectors of elements of a run that begins at these places."""
        math = self.math
        math.sweep(0, self.slots["length"], lambda index, mask: body(
            [math.load(math.at(place, index), mask) for place in places], index, mask))

    def across(self, vector: Operand, combine: Callable[[Operand, Operand], Operand]) -> Operand:
        """The lanes of a vector combined, half with half, to a number."""
        code, lanes = self.code, self.lanes
        element = vector.type.split()[-1].rstrip(">")
        while lanes > 1:
            lanes //= 2
            low, high = (", ".join([f"i32 {k}" for k in range(first, first + lanes)]) for first in (0, lanes))
            halves = [code.emit(f"shufflevector {vector.type} {vector}, {vector.type} poison, "
                                f"<{lanes} x i32> <{numbers}>", f"<{lanes} x {element}>") for numbers in (low, high)]
            vector = combine(*halves)
        return code.emit(f"extractelement {vector.type} {vector}, i64 0", element)

    # --- numbers ------------------------------------------------------------------------------------------------------

    def _widened(self, x: Operand) -> Operand:
        return self.code.convert("fpext", x, self.wide) if self.math.single else x

    def widen(self, number: Operand) -> Operand:
        """An element as float64."""
        return self.code.convert("fpext", number, "double") if self.math.single else number

    def narrow(self, number: Operand) -> Operand:
        """A float64 number as an element."""
        return self.code.convert("fptrunc", number, "float") if self.math.single else number

    def splat(self, number: Operand) -> Operand:
        """A float64 number in every lane, as elements."""
        return self.math.splat(self.narrow(number))

    def element(self, name: str, index: Operand) -> Operand:
        """An element of an array, as float64."""
        return self.widen(self.math.number(self.math.at(self.slots[name], index)))

    def keep(self, number: Operand, name: str, index: Operand) -> None:
        """Write a float64 number as an element of an array."""
        self.code.store(self.narrow(number), self.math.at(self.slots[name], index))


def table(kind: type[Sweeps], shape: tuple[int, int, int], parts: int, arrays: dict[str, int],
          numbers: Sequence[float] = ()) -> Array:
    """The table of words for `threads.Parts.run`. ``shape`` is (runs, groups, length); ``arrays`` has the addresses."""
    words = threads.table(len(WORDS) + len(kind.arrays) + len(kind.numbers))
    words[: len(WORDS) + len(kind.arrays)] = (*shape, parts, *[arrays.get(name, 0) for name in kind.arrays])
    if numbers:
        words[-len(numbers) :].view(np.float64)[:] = numbers
    return words
