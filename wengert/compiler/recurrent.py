"""Generated code for the LSTM: all steps of one direction in one call, forward and backward.

The sequences of a batch do not depend on each other, so they are cut into parts, and a thread takes a part through all
the steps and waits for nobody: a product with the weight, which is laid out once (`wengert.compiler.products`), then
the cell's formula, vector by vector. The formulas are those of `wengert.prims.recurrent`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import memory, threads
from .code import Code, Operand, module
from .jit import engine
from .kernels import generated_code_is_possible
from .math import MathBuilder
from .products import Geometry, Products

__all__ = ["lstm", "lstm_gradient"]

Array = np.ndarray[Any, Any]

LEAST_SEQUENCES = 16
"""Sequences that a part has at least if there are more than two: each reads the whole weight at every step."""

_POINTERS = "given gates hs cs first_c h c panels starts counts before_starts before_counts sums by_hs rows".split()
_SLOTS = [*_POINTERS, "steps", "sequences", "parts"]


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

    def __init__(self, product: Geometry) -> None:
        self.code, self.product = Code(), product
        self.width = min(product.depth, product.columns)
        self.products = Products(engine().machine)
        self.math = MathBuilder(self.code, product.dtype, engine().machine)
        self.element, self.lanes = self.math.element, self.math.lanes
        self.whole = self.width % self.lanes == 0
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
        return module(code, *self.products.functions)

    def _forth(self, step: Operand, place: Operand, low: Operand, rows: Operand) -> None:
        """One step of some sequences: the gates and the new states."""
        code, slots, math, width = self.code, self.slots, self.math, self.width
        h = code.at(self.element, slots["h"], code.mul(low, width))
        sums = code.at(self.element, slots["sums"], code.mul(low, 4 * width))
        self.products.some_rows(code, self.product, h, rows, slots["panels"], sums)
        with code.loop(rows) as row, self._units() as j:
            line, state = code.mul(code.add(place, row.index), width), code.mul(code.add(low, row.index), width)
            parts = [self._gate(line, k, j) for k in range(4)]
            mine = [self._gate(state, k, j) for k in range(4)]
            inputs = [math.add(self._load(slots["given"], at), self._load(slots["sums"], there))
                      for at, there in zip(parts, mine, strict=True)]
            i, f, o = (math.sigmoid(inputs[k]) for k in (0, 1, 3))
            g = math.tanh(inputs[2])
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
        code, slots, math, width = self.code, self.slots, self.math, self.width
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
        left = code.at(self.element, slots["rows"], code.mul(place, 4 * width))
        self.products.some_rows(code, self.product, left, rows, slots["panels"],
                                code.at(self.element, slots["h"], code.mul(low, width)))

    def _bell(self, x: Operand) -> Operand:
        """x (1 - x), the slope of the sigmoid whose value is x."""
        return self.math.mul(x, self.math.sub(1.0, x))

    def _gate(self, line: Operand, number: int, unit: Operand) -> Operand:
        """Where gate ``number`` of a unit stands; a row of gates is four times as wide as ``line`` counts."""
        code = self.code
        return code.add(code.add(code.mul(line, 4), self.width * number), unit)

    @contextmanager
    def _units(self) -> Iterator[Operand]:
        """The loop over the units of a row, a vector at a time; where the last is not full, a mask says which of its
        lanes there are."""
        width = self.width
        with self.code.loop(width, step=self.lanes) as units:
            if not self.whole:
                self.mask = self.math.first_lanes(self.code.sub(width, units.index))
            yield units.index

    def _load(self, array: Operand, at: Operand) -> Operand:
        return self.math.load(self.math.at(array, at), self.mask)

    def _store(self, value: Operand, array: Operand, at: Operand) -> None:
        self.math.store(value, self.math.at(array, at), self.mask)


def _parts(sequences: int) -> int:
    """Into how many parts so many sequences are cut: 2, or a larger power of 2, by size alone as in `blas`."""
    return min(sequences, max(2, 1 << (sequences // LEAST_SEQUENCES).bit_length() >> 1))


@lru_cache(64)
def _product(dtype: str, width: int, backward: bool) -> Geometry:
    """The product of a step: of the states with the turned weight; back, of the gates' cotangents with the weight."""
    machine = engine().machine
    lanes = machine.vector_bytes // np.dtype(dtype).itemsize
    depth, columns = (4 * width, width) if backward else (width, 4 * width)
    right = (width, 1) if backward else (1, width)
    return Geometry(dtype, (), 1, depth, columns, (depth, 1), right, (columns, 1), 1, 2 if columns > lanes else 1,
                    lanes, by_panels=True, lay_left=False)


@lru_cache(64)
def _kernels(product: Geometry, backward: bool) -> tuple[threads.Parts, threads.Parts]:
    """What lays out the weight, and what walks the steps."""
    products, entry = Products(engine().machine), Code()
    entry.call("void", products.panels(product, "panels").name, *entry.parameters)
    entry.done()
    return (threads.Parts(module(entry, *products.functions)),
            threads.Parts(_Recurrence(product).text(backward)))


def _run(arrays: dict[str, Array], weight: Array, steps: Steps, sequences: int, backward: bool) -> None:
    """Run over all sequences."""
    width = weight.shape[1]
    product = _product(weight.dtype.name, width, backward)
    layout, kernel = _kernels(product, backward)
    weight, panels = np.ascontiguousarray(weight), np.empty(product.panel_elements, weight.dtype)
    numbers = threads.table(2)
    numbers[:] = memory.address(weight), memory.address(panels)
    layout.run(product.panels, product.panel_elements / 4, numbers)
    values = {name: memory.address(array) for name, array in arrays.items()}
    values |= {name: memory.address(table) for name, table in zip(Steps._fields, steps, strict=True)}
    parts = _parts(sequences)
    values |= {"panels": memory.address(panels), "steps": len(steps.starts), "sequences": sequences, "parts": parts}
    numbers = threads.table(len(_SLOTS))
    numbers[:] = [values.get(name, 0) for name in _SLOTS]
    kernel.run(parts, int(steps.counts.sum()) * width * width / 4, numbers)


def _generated(x: Array) -> bool:
    """Whether there is generated code for it; else numpy computes."""
    return x.dtype.char in "fd" and x.shape[-1] > 0 and generated_code_is_possible() and engine().machine.fused


def lstm(given: Array, h0: Array, c0: Array, weight: Array, steps: Steps) -> tuple[Array, ...] | None:
    """All steps of an LSTM. ``given`` (rows, 4 width) are the inputs' shares of the gates i, f, g, o; ``weight`` is
    (4 width, width). The answer: every step's h and c (rows, width), the last h and c, the gates; None where numpy
    should compute it."""
    if not _generated(given):
        return None
    width = h0.shape[1]
    given = np.ascontiguousarray(given)
    h, c = h0.copy(order="C"), c0.copy(order="C")
    hs, cs = (np.empty((len(given), width), given.dtype) for _ in range(2))
    gates = np.empty_like(given)
    sums = np.empty((len(h0), 4 * width), given.dtype)
    arrays = {"given": given, "gates": gates, "hs": hs, "cs": cs, "h": h, "c": c, "sums": sums}
    _run(arrays, weight, steps, len(h0), backward=False)
    return hs, h, c, gates, cs


def lstm_gradient(by_hs: Array | None, dh: Array | None, dc: Array | None, gates: Array, cs: Array, c0: Array,
                  weight: Array, steps: Steps) -> tuple[Array, Array, Array] | None:
    """The cotangents of ``given``, h0 and c0 from those of every step's h, of the last h and of the last c (None:
    zero). ``steps`` in the order of the walk back; None as in `lstm`."""
    if not _generated(gates):
        return None
    memory.check_alike("lstm", cs.shape, cs.dtype, by_hs)
    memory.check_alike("lstm", c0.shape, cs.dtype, c0, dh, dc)
    h, c = (np.zeros_like(c0, order="C") if ct is None else ct.copy(order="C") for ct in (dh, dc))
    rows = np.empty_like(gates, order="C")
    arrays = {"gates": np.ascontiguousarray(gates), "cs": np.ascontiguousarray(cs), "first_c": np.ascontiguousarray(c0),
              "h": h, "c": c, "rows": rows,
              "by_hs": np.zeros_like(cs, order="C") if by_hs is None else np.ascontiguousarray(by_hs)}
    _run(arrays, weight, steps, len(c0), backward=True)
    return rows, h, c
