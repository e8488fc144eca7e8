"""Generated code for the LSTM: all steps of one direction in one call, forward and backward.

The sequences of a batch do not depend on each other, so they are cut into parts, and a thread takes a part through all
the steps and waits for nobody: a product by OpenBLAS (`wengert.compiler.blas`), then the cell's formula, vector by
vector. The formulas are those of `wengert.prims.recurrent`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from . import blas, memory, threads
from .code import Code, Operand, module
from .jit import engine
from .kernels import generated_code_is_possible
from .math import MathBuilder

__all__ = ["lstm", "lstm_gradient"]

Array = np.ndarray[Any, Any]

LEAST_SEQUENCES = 64
"""Sequences that a part has at least if there are more than two: each lays out the whole weight at every step."""

_POINTERS = "given gates hs cs first_c h c weight starts counts before_starts before_counts product by_hs rows".split()
_SLOTS = [*_POINTERS, "steps", "sequences", "parts", "width"]


class Steps(NamedTuple):
    """The steps in the order in which they are walked, as tables of int64, which `check_steps` of
    `wengert.prims.recurrent` has found to fit their arrays.

    Step s has ``counts[s]`` sequences, in the rows from ``starts[s]`` on; where the walk comes from, these were in the
    rows from ``before_starts[s]`` on, ``before_counts[s]`` of them (the others came from the first state).
    """

    starts: Array
    counts: Array
    before_starts: Array
    before_counts: Array


class _Recurrence:
    """What both kernels share: ``void kernel(ptr operands, i64 start, i64 stop)``, which does the parts from ``start``
    to ``stop``; ``operands`` has one entry, the table with the slots `_SLOTS`."""

    def __init__(self, dtype: str, word: str, whole: bool) -> None:
        self.code, self.word, self.whole = Code(), word, whole
        self.math = MathBuilder(self.code, dtype, engine().machine)
        self.element, self.lanes = self.math.element, self.math.lanes
        self.slots: dict[str, Operand] = {}
        self.mask: Operand | None = None

    def text(self, backward: bool) -> str:
        code = self.code
        operands, first, last = code.parameters
        table = code.address(operands, 0)
        for number, name in enumerate(_SLOTS):
            self.slots[name] = code.address(table, number) if name in _POINTERS else code.word(table, number)
        slots = self.slots
        with code.loop(last, start=first) as part:
            low = code.div(code.mul(part.index, slots["sequences"]), slots["parts"])
            high = code.div(code.mul(code.add(part.index, 1), slots["sequences"]), slots["parts"])
            with code.loop(slots["steps"]) as step:
                start, count = code.word(slots["starts"], step.index), code.word(slots["counts"], step.index)
                rows = code.sub(code.least(high, count), low)
                with code.when(code.less(0, rows)):
                    (self._back if backward else self._forth)(step.index, code.add(start, low), low, rows)
        code.done()
        return module(code)

    def _forth(self, step: Operand, place: Operand, low: Operand, rows: Operand) -> None:
        """One step of some sequences: the gates and the new states."""
        code, slots, math = self.code, self.slots, self.math
        width = slots["width"]
        four = code.mul(width, 4)
        gates = code.at(self.element, slots["gates"], code.mul(place, four))
        size = code.mul(code.mul(rows, four), self.math.bits // 8)
        code.copy(gates, code.at(self.element, slots["given"], code.mul(place, four)), size)
        h = code.at(self.element, slots["h"], code.mul(low, width))
        self._product(rows, four, width, h, slots["weight"], "1.0", gates)
        with code.loop(rows) as row, self._units() as j:
            line, state = code.mul(code.add(place, row.index), width), code.mul(code.add(low, row.index), width)
            parts = [self._gate(line, k, j) for k in range(4)]
            i, f, o = (math.sigmoid(self._load(slots["gates"], parts[k])) for k in (0, 1, 3))
            g = math.tanh(self._load(slots["gates"], parts[2]))
            unit = code.add(state, j)
            c = math.fma(f, self._load(slots["c"], unit), math.mul(i, g))
            h_new = math.mul(o, math.tanh(c))
            for value, at in zip((i, f, g, o), parts, strict=True):
                self._store(value, slots["gates"], at)
            out = code.add(line, j)
            for value, array, at in ((c, "c", unit), (c, "cs", out), (h_new, "h", unit), (h_new, "hs", out)):
                self._store(value, slots[array], at)

    def _back(self, step: Operand, place: Operand, low: Operand, rows: Operand) -> None:
        """One step back: the gates' cotangents, and those of the states before."""
        code, slots, math = self.code, self.slots, self.math
        width = slots["width"]
        before, there = code.word(slots["before_starts"], step), code.word(slots["before_counts"], step)
        with code.loop(rows) as row:
            sequence = code.add(low, row.index)
            came = code.less(sequence, there)
            earlier = code.mul(code.add(before, sequence), width)
            state = code.mul(sequence, width)
            source = code.select(came, slots["cs"], slots["first_c"])
            origin = code.select(came, earlier, state)
            line = code.mul(code.add(place, row.index), width)
            with self._units() as j:
                parts = [self._gate(line, k, j) for k in range(4)]
                i, f, g, o = (self._load(slots["gates"], at) for at in parts)
                unit, out = code.add(state, j), code.add(line, j)
                now = math.add(self._load(slots["h"], unit), self._load(slots["by_hs"], out))
                bent = math.tanh(self._load(slots["cs"], out))
                slope = math.mul(o, math.sub(1.0, math.mul(bent, bent)))
                cell = math.fma(now, slope, self._load(slots["c"], unit))
                previous = self._load(source, code.add(origin, j))
                by_gates = (math.mul(math.mul(cell, g), self._bell(i)),
                            math.mul(math.mul(cell, previous), self._bell(f)),
                            math.mul(math.mul(cell, i), math.sub(1.0, math.mul(g, g))),
                            math.mul(math.mul(now, bent), self._bell(o)))
                for value, at in zip(by_gates, parts, strict=True):
                    self._store(value, slots["rows"], at)
                self._store(math.mul(cell, f), slots["c"], unit)
        four = code.mul(width, 4)
        self._product(rows, width, four, code.at(self.element, slots["rows"], code.mul(place, four)), slots["weight"],
                      "0.0", code.at(self.element, slots["h"], code.mul(low, width)))

    def _bell(self, x: Operand) -> Operand:
        """x (1 - x), the slope of the sigmoid whose value is x."""
        return self.math.mul(x, self.math.sub(1.0, x))

    def _gate(self, line: Operand, number: int, unit: Operand) -> Operand:
        """Where gate ``number`` of a unit stands; a row of gates is four times as wide as ``line`` counts."""
        code = self.code
        return code.add(code.add(code.mul(line, 4), code.mul(self.slots["width"], number)), unit)

    @contextmanager
    def _units(self) -> Iterator[Operand]:
        """The loop over the units of a row, a vector at a time; where the last is not full, a mask says which of its
        lanes there are."""
        width = self.slots["width"]
        with self.code.loop(width, step=self.lanes) as units:
            if not self.whole:
                self.mask = self.math.first_lanes(self.code.sub(width, units.index))
            yield units.index

    def _load(self, array: Operand, at: Operand) -> Operand:
        return self.math.load(self.math.at(array, at), self.mask)

    def _store(self, value: Operand, array: Operand, at: Operand) -> None:
        self.math.store(value, self.math.at(array, at), self.mask)

    def _product(self, rows: Operand, columns: Operand, depth: Operand, left: Operand, right: Operand, keep: str,
                 out: Operand) -> None:
        """``out = keep * out + left @ right``, all of them plain rows."""
        blas.write_product(self.code, self.element, self.word, self.slots["product"], (rows, columns, depth),
                           (left, depth), (right, columns), keep, (out, columns))


def _parts(sequences: int) -> int:
    """Into how many parts so many sequences are cut: 2, or a larger power of 2, by size alone as in `blas`."""
    return min(sequences, max(2, 1 << (sequences // LEAST_SEQUENCES).bit_length() >> 1))


def _run(kernel: threads.Parts, arrays: dict[str, Array], product: int, steps: Steps, sequences: int,
         width: int) -> None:
    """Run over all sequences."""
    parts = _parts(sequences)
    values = {name: memory.address(array) for name, array in arrays.items()}
    values |= {name: memory.address(table) for name, table in zip(Steps._fields, steps, strict=True)}
    values |= {"product": product, "steps": len(steps.starts), "sequences": sequences, "parts": parts, "width": width}
    numbers = threads.table(len(_SLOTS))
    numbers[:] = [values.get(name, 0) for name in _SLOTS]
    kernel.run(parts, int(steps.counts.sum()) * width * width / 2, numbers)


@cache
def _kernel(dtype: str, library: blas.OpenBlas, whole: bool, backward: bool) -> threads.Parts:
    return threads.Parts(_Recurrence(dtype, library.word, whole).text(backward), guard=library.guard)


def _found(x: Array, width: int, backward: bool) -> tuple[threads.Parts, int] | None:
    """The kernel, and the address of OpenBLAS's product; None where there is no generated code."""
    library = blas.openblas() if generated_code_is_possible() and x.dtype.char in "fd" else None
    if library is None:
        return None
    lanes = engine().machine.vector_bytes // x.itemsize
    return _kernel(x.dtype.name, library, width % lanes == 0, backward), library.products[x.dtype.char]


def lstm(given: Array, h0: Array, c0: Array, weight: Array, steps: Steps) -> tuple[Array, ...] | None:
    """All steps of an LSTM. ``given`` (rows, 4 width) are the inputs' shares of the gates i, f, g, o; ``weight`` is
    (4 width, width). The answer: every step's h and c (rows, width), the last h and c, the gates; None where numpy
    should compute it."""
    width = h0.shape[1]
    found = _found(given, width, False)
    if found is None:
        return None
    given = np.ascontiguousarray(given)
    h, c = h0.copy(order="C"), c0.copy(order="C")
    hs, cs = (np.empty((len(given), width), given.dtype) for _ in range(2))
    gates = np.empty_like(given)
    arrays = {"given": given, "gates": gates, "hs": hs, "cs": cs, "h": h, "c": c,
              "weight": np.ascontiguousarray(weight.T)}
    _run(found[0], arrays, found[1], steps, len(h0), width)
    return hs, h, c, gates, cs


def lstm_gradient(by_hs: Array | None, dh: Array | None, dc: Array | None, gates: Array, cs: Array, c0: Array,
                  weight: Array, steps: Steps) -> tuple[Array, Array, Array] | None:
    """The cotangents of ``given``, h0 and c0 from those of every step's h, of the last h and of the last c (None:
    zero). ``steps`` in the order of the walk back; None as in `lstm`."""
    width = c0.shape[1]
    found = _found(gates, width, True)
    if found is None:
        return None
    memory.check_alike("lstm", cs.shape, cs.dtype, by_hs)
    memory.check_alike("lstm", c0.shape, cs.dtype, c0, dh, dc)
    h, c = (np.zeros_like(c0, order="C") if ct is None else ct.copy(order="C") for ct in (dh, dc))
    rows = np.empty_like(gates, order="C")
    arrays = {"gates": np.ascontiguousarray(gates), "cs": np.ascontiguousarray(cs), "first_c": np.ascontiguousarray(c0),
              "h": h, "c": c, "weight": np.ascontiguousarray(weight), "rows": rows,
              "by_hs": np.zeros_like(cs, order="C") if by_hs is None else np.ascontiguousarray(by_hs)}
    _run(found[0], arrays, found[1], steps, len(c0), width)
    return rows, h, c
