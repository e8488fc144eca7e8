"""Loops along vectors, and the sums that they carry.

The one idea to know: sums of float32 are taken as such in short runs (`RUN`), and these are added up in float64: so a
sum is as exact as it need be, for a quarter of the conversions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..compiler.code import Index, Operand
from ..compiler.extents import divides, varies
from .dims import Dim
from .expressions import Expressions
from .loops import Place
from .phases import Total

RUN = 16
"""How many numbers of float32 are added up as such, before their sum is added to others in float64."""


class Loops(Expressions):
    """Loops whose bodies are expressions."""

    def _moved(self, places: dict[Place, Operand], steps: Sequence[tuple[Dim, Index]]) -> dict[Place, Operand]:
        """The places further on along dimensions."""
        code, found = self.code, dict(places)
        for place, pointer in places.items():
            for dim, index in steps:
                stride = dim.strides[place] * np.dtype(place.buffer.dtype).itemsize
                if stride and index != 0:
                    pointer = code.at("i8", pointer, code.mul(index, stride))
            found[place] = pointer
        return found

    def _run(self, low: Index, high: Index, step: int, rounds: int, totals: Sequence[Total], sums: Sequence[Operand],
             body: Callable[[Operand, Sequence[Operand]], Sequence[Operand]]) -> Sequence[Operand]:
        """A loop that carries sums, of so many rounds at most. Those of float32 are taken as such in runs of `RUN`."""
        code = self.code

        def run(low: Index, high: Index, step: int, sums: Sequence[Operand], totals: Sequence[Total]
                ) -> Sequence[Operand]:
            zero = self.reals["float32"].zero
            start = [zero if total.thin else x for total, x in zip(totals, sums, strict=True)] if totals else sums
            with code.loop(high, start=low, step=step, carried=start) as loop:
                loop.next = body(loop.index, loop.carried)
            return [self._combine(total.sum, x, self._cast(y, "float32", "float64")) if total.thin else y
                    for total, x, y in zip(totals, sums, loop.carried, strict=True)] if totals else loop.carried

        if not any(total.thin for total in totals):
            return run(low, high, step, sums, ())
        if not varies(rounds) and rounds <= RUN:
            return run(low, high, step, sums, totals)
        with code.loop(high, start=low, step=RUN * step, carried=sums) as loop:
            stop = code.least(code.add(loop.index, RUN * step), high)
            loop.next = run(loop.index, stop, step, loop.carried, totals)
        return loop.carried

    def _vectors(self, dim: Dim, bounds: tuple[Index, Index], sums: Sequence[Operand],
                 body: Callable[[Index, Sequence[Operand], Operand | None], Sequence[Operand]],
                 totals: Sequence[Total] = ()) -> Sequence[Operand]:
        """The loop along vectors: full ones, and what is left of them under a mask."""
        code, lanes = self.code, self.lanes
        low, high = bounds
        rounds = dim.size // lanes

        def full(index: Operand, before: Sequence[Operand]) -> Sequence[Operand]:
            return body(index, before, None)

        if isinstance(low, int) and isinstance(high, int):
            last = high - high % lanes
            if last:
                sums = self._run(low, last, lanes, rounds, totals, sums, full)
            if last != high:
                sums = body(last, sums, self._first_lanes(Operand(str(high - last), "i64")))
            return sums
        ragged = dim.cut or not divides(lanes, dim.size)
        end = code.sub(high, code.rest(code.sub(high, low), lanes)) if ragged else high
        sums = self._run(low, end, lanes, rounds, totals, sums, full)
        if not ragged:
            return sums
        with code.when(code.less(end, high), sums) as tail:
            tail.results = body(end, sums, self._first_lanes(code.sub(high, end)))
        return tail.results

    def _swept(self, dim: Dim, bounds: tuple[Index, Index], body: Callable[[Index, Operand | None], None]) -> None:
        """The same where nothing is carried on."""

        def one(index: Index, before: Sequence[Operand], mask: Operand | None) -> Sequence[Operand]:
            body(index, mask)
            return before

        self._vectors(dim, bounds, (), one)
