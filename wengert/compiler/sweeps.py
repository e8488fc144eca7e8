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
from .jit import engine
from .loops import Code, Vectors
from .math import MathBuilder
from .scalar import Value

Array = np.ndarray[Any, Any]
Terms = Callable[[list[Value]], list[Value]]

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
        self.math = MathBuilder(dtype, engine().machine)
        self.math.lines, self.math.names = self.code.lines, self.code.names  # both write to the same place
        self.vectors = Vectors(self.code, self.math.element, self.math.lanes)
        self.lanes = self.math.lanes
        self.wide = f"<{self.lanes} x double>"
        self.slots: dict[str, str] = {}
        self.part = ""

    def text(self) -> str:
        """The module."""
        code, slots = self.code, self.slots
        table = code.address("%operands", 0)
        for place, name in enumerate((*WORDS, *self.arrays, *self.numbers)):
            slots[name] = (code.word(table, place) if name in WORDS else code.address(table, place)
                           if name in self.arrays else code.load("double", table, place, align=8))
        with code.loop("%stop", start="%start") as part:
            self.part = part.index
            low = code.div(code.mul(part.index, slots["groups"]), slots["parts"])
            high = code.div(code.mul(code.add(part.index, 1), slots["groups"]), slots["parts"])
            with code.loop(high, start=low) as group:
                self.group(group.index)
        return code.kernel(*self.math.declarations.values())

    def group(self, group: str) -> None:
        """Writes what is done with the group of this number."""
        raise NotImplementedError

    # --- over the elements of a group ---------------------------------------------------------------------------------

    def places(self, names: Sequence[str], group: str, run: str) -> list[str]:
        """Where a run of a group begins in these arrays."""
        code, slots = self.code, self.slots
        first = code.mul(code.add(code.mul(run, slots["groups"]), group), slots["length"])
        return [self.vectors.at(slots[name], first) for name in names]

    def fold(self, places: list[str], start: str, stop: str, first: Value, count: int, terms: Terms,
             combine: Callable[[Value, Value], Value]) -> list[Value]:
        """``count`` vectors: what ``terms`` gives for the vectors of elements at ``places`` from ``start`` to ``stop``,
        combined lane by lane, beginning with ``first``, which changes nothing."""
        code, kind = self.code, self.vectors.vector

        def combined(totals: list[Value], index: str, mask: str | None) -> list[Value]:
            found = terms([Value(self.vectors.load(self.vectors.at(place, index), mask), "real") for place in places])
            if mask is not None:
                found = [self.math.select(Value(mask, "mask"), x, first) for x in found]
            return [combine(total, x) for total, x in zip(totals, found, strict=True)]

        length = code.sub(stop, start)
        many = code.add(start, code.mul(code.div(length, WAYS * self.lanes), WAYS * self.lanes))
        whole = code.add(start, code.mul(code.div(length, self.lanes), self.lanes))
        firsts = [(kind, first.text)] * (count * WAYS)
        with code.loop(many, start=start, step=WAYS * self.lanes, carried=firsts) as loop:
            following: list[str] = []
            for way in range(WAYS):
                totals = [Value(x, "real") for x in loop.carried[way * count : (way + 1) * count]]
                index = code.add(loop.index, way * self.lanes)
                following += [x.text for x in combined(totals, index, None)]
            loop.next = following
        sums = [Value(x, "real") for x in loop.carried]
        result = sums[:count]
        for way in range(1, WAYS):
            result = [combine(x, y) for x, y in zip(result, sums[way * count : (way + 1) * count], strict=True)]
        for begin, end, masked in ((many, whole, False), (whole, stop, True)):
            with code.loop(end, start=begin, step=self.lanes, carried=[(kind, x.text) for x in result]) as loop:
                mask = self.vectors.first_lanes(code.sub(end, loop.index)) if masked else None
                totals = [Value(x, "real") for x in loop.carried]
                loop.next = [x.text for x in combined(totals, loop.index, mask)]
            result = [Value(x, "real") for x in loop.carried]
        return result

    def sums(self, names: Sequence[str], group: str, count: int, terms: Terms, along: Sequence[str] = ()) -> list[str]:
        """``count`` sums over a group, float64 numbers, of what ``terms`` gives for the elements of these arrays, and
        of those in ``along``, of which all groups have the same run."""
        code, math = self.code, self.math
        with code.loop(self.slots["runs"], carried=[(self.wide, "zeroinitializer")] * count) as run:
            places = self.places(names, group, run.index) + [self.slots[name] for name in along]
            carried = [(self.wide, x) for x in run.carried]
            with code.loop(self.slots["length"], step=CHUNK, carried=carried) as chunk:
                end = code.least(code.add(chunk.index, CHUNK), self.slots["length"])
                found = self.fold(places, chunk.index, end, math.const(0.0), count, terms, math.add)
                chunk.next = [code.emit(f"fadd {self.wide} {total}, {self._widened(x)}")
                              for total, x in zip(chunk.carried, found, strict=True)]
            run.next = chunk.carried
        return [self.across(x, "double", lambda x, y, kind: code.emit(f"fadd {kind} {x}, {y}")) for x in run.carried]

    def over(self, places: list[str], body: Callable[[list[Value], str, str | None], None]) -> None:
        """Write ``body(vectors, index, mask)`` for all vectors of elements of a run that begins at these places."""
        code, length = self.code, self.slots["length"]
        whole = code.mul(code.div(length, self.lanes), self.lanes)
        for begin, end, masked in (("0", whole, False), (whole, length, True)):
            with code.loop(end, start=begin, step=self.lanes) as loop:
                mask = self.vectors.first_lanes(code.sub(end, loop.index)) if masked else None
                values = [Value(self.vectors.load(self.vectors.at(place, loop.index), mask), "real")
                          for place in places]
                body(values, loop.index, mask)

    def across(self, vector: str, element: str, combine: Callable[[str, str, str], str]) -> str:
        """The lanes of a vector combined, half with half, to a number."""
        code, lanes = self.code, self.lanes
        while lanes > 1:
            kind, lanes = f"<{lanes} x {element}>", lanes // 2
            low, high = (", ".join(f"i32 {k}" for k in range(first, first + lanes)) for first in (0, lanes))
            first_half, second_half = [
                code.emit(f"shufflevector {kind} {vector}, {kind} poison, <{lanes} x i32> <{numbers}>")
                for numbers in (low, high)]
            vector = combine(first_half, second_half, f"<{lanes} x {element}>")
        return code.emit(f"extractelement <1 x {element}> {vector}, i64 0")

    # --- numbers ------------------------------------------------------------------------------------------------------

    def _widened(self, x: Value) -> str:
        return self.code.emit(f"fpext {self.vectors.vector} {x.text} to {self.wide}") if self.math.single else x.text

    def double(self, operation: str, x: str, y: str) -> str:
        """An operation on two float64 numbers: fadd, fsub, fmul, fdiv."""
        return self.code.emit(f"{operation} double {x}, {y}")

    def widen(self, number: str) -> str:
        """An element as float64."""
        return self.code.emit(f"fpext float {number} to double") if self.math.single else number

    def narrow(self, number: str) -> str:
        """A float64 number as an element."""
        return self.code.emit(f"fptrunc double {number} to float") if self.math.single else number

    def splat(self, number: str) -> Value:
        """A float64 number in every lane, as elements."""
        return Value(self.vectors.splat(self.narrow(number)), "real")

    def element(self, name: str, index: str) -> str:
        """An element of an array, as float64."""
        return self.widen(self.vectors.number(self.vectors.at(self.slots[name], index)))

    def keep(self, number: str, name: str, index: str) -> None:
        """Write a float64 number as an element of an array."""
        self.code.store(self.math.element, self.narrow(number), self.vectors.at(self.slots[name], index))


def table(kind: type[Sweeps], shape: tuple[int, int, int], parts: int, arrays: dict[str, int],
          numbers: Sequence[float] = ()) -> Array:
    """The table of words for `threads.Parts.run`. ``shape`` is (runs, groups, length); ``arrays`` has the addresses."""
    words = threads.table(len(WORDS) + len(kind.arrays) + len(kind.numbers))
    words[: len(WORDS) + len(kind.arrays)] = (*shape, parts, *[arrays.get(name, 0) for name in kind.arrays])
    if numbers:
        words[-len(numbers) :].view(np.float64)[:] = numbers
    return words
