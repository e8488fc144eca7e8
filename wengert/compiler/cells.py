"""Generated code for the time loop of recurrent layers: LSTM, GRU and the plain recurrence, forward and backward.

The one idea to know: the sequences of a batch do not depend on each other, so they are cut into parts, and an item of
work takes a part through all the steps and waits for nobody. Forward, a tile of the recurrent product has all gates of
the same units side by side (the weight is laid out so), so the cell's formula follows at once, while the sums are in
the first-level cache. Backward, the formula of a step comes first, and then the product of its gates' cotangents.

The formulas are those of `wengert.prims.recurrent`. `compiler/recurrent.py` calls the code in eager mode,
`native/recurrent.py` makes it a step of a program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from .code import WORD, Code, Operand, word
from .math import MathBuilder
from .products import Geometry, Products, highest_tile
from .vectors import Machine, Vectors

GATES = {"lstm": 4, "gru": 3, "tanh": 1, "relu": 1}
"""What a unit has of gates, by the sort of recurrence."""

LEAST_SEQUENCES = 16
"""Sequences that a part has at least if there are more than two: each reads the whole weight at every step."""

STEPS, SEQUENCES, PARTS, WALK = 0, 1, 2, 4
"""Words of a walk's table: how many steps, sequences and parts there are, and where the steps begin, four words each:
the first row, the number of rows, and both of the step from which the walk came, 0 for the first."""


def walk_table(steps: Sequence[tuple[int, int]], sequences: int, back: bool, parts: int = 0) -> np.ndarray[Any, Any]:
    """The table of a walk from pairs of first row and number of rows, in the order of the walk forth; ``back`` turns
    it round. There may be more ``parts`` than sequences; 0 for as many as suit these."""
    before = [(0, 0), *steps[:-1]]
    words = [(*here, *there) for here, there in zip(steps, before, strict=True)]
    flat = np.array(words[::-1] if back else words, np.int64).ravel()
    return np.concatenate([np.array([len(steps), sequences, parts or parts_of(sequences), 0], np.int64), flat])


def parts_of(sequences: int) -> int:
    """Into how many parts so many sequences are cut: 2, or a larger power of 2, by size alone, so that results are the
    same bits for any number of threads."""
    return min(sequences, max(2, 1 << (sequences // LEAST_SEQUENCES).bit_length() >> 1))


Shapes = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Cell:
    """A recurrence as code: its sort (`GATES`), dtype and number of units, the direction of the walk, and the rows of
    its tiles. An LSTM may have a ``projection``: so many numbers, not one a unit, are then its h (Sak et al., 2014)."""

    sort: str
    dtype: str
    width: int
    backward: bool
    height: int
    projection: int = 0
    offset: bool = False
    """Forward: a row is added to all inputs, an operand after them."""

    @property
    def gates(self) -> int:
        return GATES[self.sort]

    @property
    def state(self) -> int:
        """How wide h is."""
        return self.projection or self.width

    def weights(self) -> Shapes:
        """The weights, which have to be laid out (`Panels`), with their shapes."""
        found = {"weight": (self.gates * self.width, self.state)}
        return found | ({"projection": (self.projection, self.width)} if self.projection else {})

    def operands(self, rows: int, sequences: int) -> tuple[Shapes, Shapes]:
        """What is read and what is written, by name, with its shape. Both follow the table of the walk (`walk_table`)
        and the weights laid out; all but the table is of ``dtype``, in rows."""
        wide, width, sort = self.gates * self.width, self.width, self.sort
        every, each, line = (rows, width), (sequences, width), (1, wide)
        gates, hs, h = (rows, wide), (rows, self.state), (sequences, self.state)
        if self.backward:
            reads = {"by_hs": hs, "by_h": h} | {
                "lstm": {"by_c": each, "gates": gates, "cs": every, "c0": each},
                "gru": {"gates": gates, "inner": every, "hs": hs, "h0": h}}.get(sort, {"hs": hs})
            writes = {"by_inputs": gates} | ({"by_product": gates} if sort == "gru" else {}) | {"by_h0": h}
            writes |= {"by_c0": each} if sort == "lstm" else {}
            return reads, writes | ({"totals": hs} if self.projection else {})
        reads = {"inputs": gates} | ({"offset": line} if self.offset else {})
        reads |= ({"bias": line} if sort == "gru" else {}) | {"h0": h} | ({"c0": each} if sort == "lstm" else {})
        return reads, {"hs": hs, "h": h} | {
            "lstm": {"c": each, "gates": gates, "cs": every}, "gru": {"gates": gates, "inner": every}}.get(sort, {})

    def scratch(self, machine: Machine, sequences: int) -> Shapes:
        """Memory that it needs while it runs, after what it writes."""
        sums = {} if self.backward else {"sums": (sequences, self.product(machine).columns)}
        return sums | ({"bent": (sequences, self.width)} if self.projection else {})

    def lanes(self, machine: Machine) -> int:
        return machine.vector_bytes // (4 if self.dtype == "float32" else 8)

    def product(self, machine: Machine) -> Geometry:
        """The product of a step, of whose rows some are there when it runs: of the states with the turned weight,
        where a tile has all gates of some units; back, of the gates' cotangents with the weight."""
        lanes, depth = self.lanes(machine), self.state
        if self.backward:
            return self._plain(machine, self.gates * self.width, self.state, (self.state, 1))
        vectors = tile_vectors(self.sort, self.width, lanes)
        columns = -(-self.width // (vectors // self.gates * lanes)) * vectors * lanes
        return Geometry(self.dtype, (), 1, depth, columns, (depth, 1), (1, depth), (columns, 1),
                        self.height, vectors, lanes, by_panels=True, lay_left=False)

    def projected(self, machine: Machine) -> Geometry:
        """The product with the turned projection; back, with the projection."""
        if self.backward:
            return self._plain(machine, self.projection, self.width, (self.width, 1))
        return self._plain(machine, self.width, self.projection, (1, self.width))

    def _plain(self, machine: Machine, depth: int, columns: int, right: tuple[int, int]) -> Geometry:
        lanes = self.lanes(machine)
        return Geometry(self.dtype, (), 1, depth, columns, (depth, 1), right, (columns, 1), self.height,
                        2 if columns > lanes else 1, lanes, by_panels=True, lay_left=False)

    def written(self, name: str, machine: Machine) -> Code:
        """The code; an item of it is a part."""
        return _Writer(self, name, machine).text()


def tile_vectors(sort: str, width: int, lanes: int) -> int:
    """The vectors of a tile: one for each gate, of a plain recurrence two."""
    return GATES[sort] if GATES[sort] > 1 else 2 if width > lanes else 1


def cell(machine: Machine, sort: str, dtype: str, width: int, backward: bool, sequences: int, projection: int = 0
         ) -> Cell:
    """The cell for so many sequences: its tiles share the rows of a part evenly."""
    most = -(-sequences // parts_of(sequences))
    lanes = machine.vector_bytes // (4 if dtype == "float32" else 8)
    registers = 32 if machine.avx512 or machine.vector_bytes == 16 else 16
    vectors = 2 if backward else tile_vectors(sort, width, lanes)
    highest = min(highest_tile(machine), (registers - 1 - vectors) // vectors)
    return Cell(sort, dtype, width, backward, max(1, -(-most // -(-most // highest))), projection)


def _turned_weight(cell: Cell, product: Geometry, products: Products, name: str) -> Code:
    """Panels of the turned weight; a line of one has the units' gates side by side."""
    lanes, vectors, gates, width, depth = product.lanes, product.tile_vectors, cell.gates, cell.width, cell.state
    code = Code(name)
    operands, start, stop = code.parameters
    element = Vectors(code, cell.dtype, products.machine).element
    weight, panels = code.addresses(operands, 2)
    with code.loop(stop, start=start) as panel:
        for k in range(vectors):
            gate, group = k % gates, k // gates
            unit = code.add(code.mul(panel.index, vectors // gates * lanes), group * lanes)
            line = code.at(element, weight, code.mul(code.add(unit, gate * width), depth))
            there = code.add(code.mul(panel.index, product.lines * product.width), k * lanes)
            products.turned(code, cell.dtype, line, code.at(element, panels, there), word(depth),
                            code.sub(width, unit), depth, product.width, lanes)
    code.done()
    code.helpers = products.functions
    return code


class _Writer:
    """Writes ``void kernel(ptr operands, i64 start, i64 stop)``, which does the parts from ``start`` to ``stop``; the
    first operand is a table of addresses."""

    def __init__(self, cell: Cell, name: str, machine: Machine) -> None:
        self.cell, self.code, self.product = cell, Code(name), cell.product(machine)
        self.code.plain = True
        self.products = Products(machine)
        self.math = MathBuilder(self.code, cell.dtype, machine)
        self.width, self.state, self.lanes = cell.width, cell.state, self.math.lanes
        self.places: dict[str, Operand] = {}
        self.mask: Operand | None = None

    def text(self) -> Code:
        code, cell = self.code, self.cell
        names = ["walk", *cell.weights(), *(name for side in cell.operands(0, 0) for name in side),
                 *cell.scratch(self.products.machine, 0)]
        operands, first, last = code.parameters
        self.places.update(zip(names, code.addresses(operands, len(names)), strict=True))
        walk = self.places["walk"]
        steps, sequences, parts = (code.word(walk, number) for number in (STEPS, SEQUENCES, PARTS))
        with code.loop(last, start=first) as part:
            low = code.div(code.mul(part.index, sequences), parts)
            high = code.div(code.mul(code.add(part.index, 1), sequences), parts)
            for source, to in (("by_h", "by_h0"), ("by_c", "by_c0")) if cell.backward else (("h0", "h"), ("c0", "c")):
                if to in self.places:
                    width = self.state if to in ("h", "by_h0") else self.width
                    self._copy(to, source, code.mul(low, width), code.mul(low, width), code.sub(high, low), width)
            with code.loop(steps) as step:
                at = code.add(code.mul(step.index, 4), WALK)
                start, count, before, there = (code.word(walk, code.add(at, k)) for k in range(4))
                rows = code.sub(code.least(high, count), low)
                with code.when(code.less(0, rows)):
                    (self._back if cell.backward else self._forth)(start, low, rows, before, there)
        code.done()
        code.helpers = self.products.functions
        return code

    # --- forward ------------------------------------------------------------------------------------------------------

    def _forth(self, start: Operand, low: Operand, rows: Operand, before: Operand, there: Operand) -> None:
        """One step of some sequences: first of those that come from a step before, then of those that begin."""
        code, width = self.code, self.width
        came = code.call(WORD, "llvm.smax.i64", code.least(code.sub(there, low), rows), word(0))
        with code.loop(2) as turn:
            begins = code.compare("eq", turn.index, 1)
            first, stop = code.select(begins, came, 0), code.select(begins, rows, came)
            sequence = code.add(low, first)
            row = code.select(begins, sequence, code.add(before, sequence))
            h = code.select(begins, self.places["h0"], self.places["hs"])
            origins = {"h": self.math.at(h, code.mul(row, self.state))}
            if self.cell.sort == "lstm":
                c = code.select(begins, self.places["c0"], self.places["cs"])
                origins["c"] = self.math.at(c, code.mul(row, width))
            self._some(code.sub(stop, first), origins, sequence, code.add(start, sequence))

    def _some(self, rows: Operand, origins: dict[str, Operand], sequence: Operand, place: Operand) -> None:
        """The products of some sequences, and then the formula, row by row as they lie. ``origins`` are their states
        before, ``sequence`` is the number of the first and ``place`` its row."""
        code, product, width = self.code, self.product, self.width
        groups, line = product.tile_vectors // self.cell.gates, product.columns
        sums = self._at("sums", code.mul(sequence, line))
        self.products.some_rows(code, product, origins["h"], rows, self.places["weight"], sums)
        with code.loop(rows) as row, code.loop(product.panels) as panel:
            for k in range(groups):
                unit = code.add(code.mul(panel.index, groups * self.lanes), k * self.lanes)
                partial = bool(width % (groups * self.lanes))
                self.mask = self.math.first_lanes(code.sub(width, unit)) if partial else None
                there = code.add(code.mul(row.index, line), code.mul(panel.index, product.width))
                found = [self.math.load(self.math.at(sums, code.add(there, (k * self.cell.gates + gate) * self.lanes)))
                         for gate in range(self.cell.gates)]
                before = {name: self._load(self.math.at(origin, code.add(code.mul(row.index, width), unit)))
                          for name, origin in origins.items() if name == "c" or self.cell.sort == "gru"}
                self._formula(found, before, unit, code.add(sequence, row.index), code.add(place, row.index))
        if self.cell.projection:
            state, out = code.mul(sequence, self.state), code.mul(place, self.state)
            self._project("bent", code.mul(sequence, width), rows, "hs", out)
            self._copy("h", "hs", state, out, rows, self.state)

    def _formula(self, sums: list[Operand], before: dict[str, Operand], unit: Operand, sequence: Operand,
                 place: Operand) -> None:
        """The cell's formula for some units of one row, from the products' sums."""
        math, width, sort = self.math, self.width, self.cell.sort
        gates = [self._gate(place, k, unit) for k in range(self.cell.gates)]
        given = [self._load(self._at("inputs", at)) for at in gates]
        if self.cell.offset:
            given = [math.add(x, self._load(self._at("offset", self.code.add(unit, k * width))))
                     for k, x in enumerate(given)]
        state = self.code.add(self.code.mul(sequence, width), unit)
        out = self.code.add(self.code.mul(place, width), unit)
        if sort == "lstm":
            total = [math.add(x, y) for x, y in zip(given, sums, strict=True)]
            i, f, o = (math.sigmoid(total[k]) for k in (0, 1, 3))
            g = math.tanh(total[2])
            c = math.fma(f, before["c"], math.mul(i, g))
            h = math.mul(o, math.tanh(c))
            found = [("gates", at, x) for at, x in zip(gates, (i, f, g, o), strict=True)]
            found += [("c", state, c), ("cs", out, c)]
        elif sort == "gru":
            bias = [self._load(self._at("bias", self.code.add(unit, k * width))) for k in range(3)]
            total = [math.add(x, y) for x, y in zip(sums, bias, strict=True)]
            r, z = (math.sigmoid(math.add(given[k], total[k])) for k in range(2))
            n = math.tanh(math.fma(r, total[2], given[2]))
            h = math.fma(z, math.sub(before["h"], n), n)
            found = [("gates", at, x) for at, x in zip(gates, (r, z, n), strict=True)]
            found += [("inner", out, total[2])]
        else:
            total = [math.add(given[0], sums[0])]
            h = math.tanh(total[0]) if sort == "tanh" else math.max(total[0], 0.0)
            found = []
        found += [("bent", state, h)] if self.cell.projection else [("h", state, h), ("hs", out, h)]
        for name, at, value in found:
            self._store(value, self._at(name, at))

    # --- backward -----------------------------------------------------------------------------------------------------

    def _back(self, start: Operand, low: Operand, rows: Operand, before: Operand, there: Operand) -> None:
        """One step back: the gates' cotangents, and those of the states before."""
        code, width, wide = self.code, self.width, self.cell.gates * self.width
        if self.cell.projection:
            self._total(code.add(start, low), low, rows)
        formula = {"lstm": self._lstm_back, "gru": self._gru_back}.get(self.cell.sort, self._plain_back)
        with code.loop(rows) as row:
            sequence = code.add(low, row.index)
            came = code.less(sequence, there)
            origin = code.mul(code.select(came, code.add(before, sequence), sequence), width)
            state, place = code.mul(sequence, width), code.add(start, sequence)
            line = code.mul(place, width)
            with self._units(width) as unit:
                def previous(states: str, first: str, unit: Operand = unit) -> Operand:
                    chosen = code.select(came, self.places[states], self.places[first])
                    return self._load(self.math.at(chosen, code.add(origin, unit)))

                gates = [self._gate(place, k, unit) for k in range(self.cell.gates)]
                formula(gates, code.add(state, unit), code.add(line, unit), previous)
        by_product = "by_product" if self.cell.sort == "gru" else "by_inputs"
        place = code.add(start, low)
        self.products.some_rows(code, self.product, self._at(by_product, code.mul(place, wide)), rows,
                                self.places["weight"], self._at("by_h0", code.mul(low, self.state)),
                                adds=self.cell.sort == "gru")

    def _now(self, state: Operand, out: Operand) -> Operand:
        """The cotangent of what a step's cell gives: what comes from later steps, and from the step's own."""
        if self.cell.projection:
            return self._load(self._at("bent", state))
        return self.math.add(self._load(self._at("by_h0", state)), self._load(self._at("by_hs", out)))

    def _total(self, place: Operand, low: Operand, rows: Operand) -> None:
        """The cotangents of some projected h, and of what was projected."""
        code, math, width = self.code, self.math, self.state
        with code.loop(rows) as row, self._units(width) as unit:
            state = code.add(code.mul(code.add(low, row.index), width), unit)
            out = code.add(code.mul(code.add(place, row.index), width), unit)
            total = math.add(self._load(self._at("by_h0", state)), self._load(self._at("by_hs", out)))
            self._store(total, self._at("totals", out))
        self._project("totals", code.mul(place, width), rows, "bent", code.mul(low, self.width))

    def _lstm_back(self, gates: list[Operand], state: Operand, out: Operand, previous: Callable[..., Operand]) -> None:
        math = self.math
        i, f, g, o = (self._load(self._at("gates", at)) for at in gates)
        now = self._now(state, out)
        bent = math.tanh(self._load(self._at("cs", out)))
        cell = math.fma(now, math.mul(o, self._slope(bent)), self._load(self._at("by_c0", state)))
        by_gates = (math.mul(math.mul(cell, g), self._bell(i)),
                    math.mul(math.mul(cell, previous("cs", "c0")), self._bell(f)),
                    math.mul(math.mul(cell, i), self._slope(g)),
                    math.mul(math.mul(now, bent), self._bell(o)))
        for value, at in zip(by_gates, gates, strict=True):
            self._store(value, self._at("by_inputs", at))
        self._store(math.mul(cell, f), self._at("by_c0", state))

    def _gru_back(self, gates: list[Operand], state: Operand, out: Operand, previous: Callable[..., Operand]) -> None:
        math = self.math
        r, z, n = (self._load(self._at("gates", at)) for at in gates)
        now = self._now(state, out)
        new = math.mul(math.mul(now, math.sub(1.0, z)), self._slope(n))
        update = math.mul(math.mul(now, math.sub(previous("hs", "h0"), n)), self._bell(z))
        reset = math.mul(math.mul(new, self._load(self._at("inner", out))), self._bell(r))
        for name, last in (("by_inputs", new), ("by_product", math.mul(new, r))):
            for value, at in zip((reset, update, last), gates, strict=True):
                self._store(value, self._at(name, at))
        self._store(math.mul(now, z), self._at("by_h0", state))

    def _plain_back(self, gates: list[Operand], state: Operand, out: Operand, previous: Callable[..., Operand]
                    ) -> None:
        math, now, h = self.math, self._now(state, out), self._load(self._at("hs", out))
        if self.cell.sort == "tanh":
            found = math.mul(now, self._slope(h))
        else:
            found = math.mul(now, math.select(math.gt(h, 0.0), math.const(1.0), 0.0))
        self._store(found, self._at("by_inputs", out))

    # --- words of both ------------------------------------------------------------------------------------------------

    def _project(self, source: str, at: Operand, rows: Operand, out: str, to: Operand) -> None:
        """The product with the projection."""
        product = self.cell.projected(self.products.machine)
        self.products.some_rows(self.code, product, self._at(source, at), rows, self.places["projection"],
                                self._at(out, to))

    def _copy(self, to: str, source: str, there: Operand, at: Operand, rows: Operand, width: int) -> None:
        """Copy whole rows."""
        size = self.code.mul(rows, width * self.math.bits // 8)
        self.code.copy(self._at(to, there), self._at(source, at), size)

    def _bell(self, x: Operand) -> Operand:
        """x (1 - x), the slope of the sigmoid whose value is x."""
        return self.math.mul(x, self.math.sub(1.0, x))

    def _slope(self, x: Operand) -> Operand:
        """1 - x², the slope of the tanh whose value is x."""
        return self.math.sub(1.0, self.math.mul(x, x))

    def _gate(self, place: Operand, number: int, unit: Operand) -> Operand:
        """Where gate ``number`` of a unit stands in the rows of gates."""
        code = self.code
        return code.add(code.add(code.mul(place, self.cell.gates * self.width), self.width * number), unit)

    @contextmanager
    def _units(self, width: int) -> Iterator[Operand]:
        """The loop over the units of a row, a vector at a time; where the last is not full, a mask says which of its
        lanes there are."""
        with self.code.loop(width, step=self.lanes) as units:
            if width % self.lanes:
                self.mask = self.math.first_lanes(self.code.sub(width, units.index))
            yield units.index
            self.mask = None

    def _at(self, name: str, index: Operand) -> Operand:
        return self.math.at(self.places[name], index)

    def _load(self, place: Operand) -> Operand:
        return self.math.load(place, self.mask)

    def _store(self, value: Operand, place: Operand) -> None:
        self.math.store(value, place, self.mask)


@dataclass(frozen=True)
class Panels:
    """One of a cell's weights laid out, as a step of a program."""

    cell: Cell
    machine: Machine
    weight: str

    @property
    def product(self) -> Geometry:
        """The product that reads it."""
        return (self.cell.projected if self.weight == "projection" else self.cell.product)(self.machine)

    @property
    def elements(self) -> int:
        return self.product.panel_elements

    def extents(self) -> list[tuple[int, int]]:
        """The first and the last element that it reads or writes of each operand, counted from where that begins."""
        return [(0, prod(self.cell.weights()[self.weight]) - 1), (0, self.elements - 1)]

    def written(self, name: str, machine: Machine) -> tuple[Code, int, float]:
        product, products = self.product, Products(machine)
        if self.weight == "weight" and not self.cell.backward:
            return _turned_weight(self.cell, product, products, name), product.panels, self.elements / 4
        code = Code(name)
        code.call("void", products.panels(product, f"{name}all").name, *code.parameters)
        code.done()
        code.helpers = products.functions
        return code, product.panels, self.elements / 4


@dataclass(frozen=True)
class Walk:
    """All steps of a cell in one direction, as a step of a program: how many rows, sequences and steps there are, and
    how many parts its table says, if those are not as many as suit the sequences."""

    cell: Cell
    machine: Machine
    rows: int
    sequences: int
    steps: int
    parts: int = 0

    def extents(self) -> list[tuple[int, int]]:
        """As of `Panels`. That the walk's table stays inside is for who makes it to see (`check_steps` of
        `wengert.prims.recurrent`)."""
        reads, writes = self.cell.operands(self.rows, self.sequences)
        scratch = self.cell.scratch(self.machine, self.sequences)
        panels = [Panels(self.cell, self.machine, name).elements for name in self.cell.weights()]
        shapes = [*reads.values(), *writes.values(), *scratch.values()]
        return [(0, n - 1) for n in (WALK + 4 * self.steps, *panels, *map(prod, shapes))]

    def written(self, name: str, machine: Machine) -> tuple[Code, int, float]:
        return self.cell.written(name, machine), self.parts or parts_of(self.sequences), self.cycles

    @property
    def cycles(self) -> float:
        """Roughly what it takes."""
        lanes = self.cell.lanes(self.machine)
        return self.rows * self.cell.gates * self.cell.width * (self.cell.state / 2 + 40) / lanes
