"""From a nest to LLVM's text: one function per nest.

``void nest(ptr operands, i64 start, i64 stop)`` does the *items* from ``start`` to ``stop``; the first operand is a
table of addresses, one per place: so nests that differ in their places alone share a function. An item is a combination
of indices of the kept dimensions (of the vectors' dimension a block), and one piece of what is reduced. So the items
can be dealt out to threads, and what one computes depends on sizes alone.

The one idea to know: an expression's node is written at the outermost place at which all that it depends on is known:
a scalar before the loops, a row's mean before the loop along the row. Within the loop along the *vector dimension* a
value is one vector of neighbours; outside, a vector of equal lanes. How it is written is the business of `expressions`,
how often a row is gone through that of `phases`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ..compiler.code import Code, Index, Operand
from ..compiler.extents import hint, several, varies
from ..compiler.vectors import Machine
from .dims import Dim, collapsed, unravelled, vector_dim
from .expressions import Expressions, Sum
from .fetching import LINE, ahead_of
from .loops import FOLDS, READING, Buffer, Nest, Node, Place, Reduce, Shape, Store, places_of
from .phases import Phase, Total, levels_of, phases_of
from .running import RUN, Loops

BLOCK = 2048
"""Elements along the vector dimension that are one item, where there are more."""

NO_ROOM = 2**40
"""More elements than any memory of a function's own has."""

LONG_ROW, FEW_CYCLES, MOST_SUMS = 96, 8, 4
"""Elements from which on a row is long, cycles a vector that may be spent again for every row, and how many rows of
sums the first-level cache is to hold."""


MANY, NEAR = 2**17, 2**15
"""Elements from which on rows are gone through in pairs, and the bytes of their shelves up to which they are."""


@dataclass(slots=True)
class Function:
    """A nest's code, how many items it has, and roughly how many cycles they take together."""

    code: Code
    items: int
    cycles: float


class _Values(dict[Node, Operand]):
    """What has been written, as vectors; of what is one number, ``ones``."""

    def __init__(self, others: _Values | None = None) -> None:
        super().__init__(others or ())
        self.ones: dict[Node, Operand] = {} if others is None else dict(others.ones)

    def share(self, other: _Values, wanted: Callable[[Node], bool]) -> None:
        """Has what another has of the nodes that are wanted."""
        for mine, its in ((self, other), (self.ones, other.ones)):
            mine.update({node: value for node, value in its.items() if node not in mine and wanted(node)})


_Row = tuple[_Values, dict[Place, Operand]]
"""What is known within a row, or at a point of it, and where its places are."""


def function_of(nest: Nest, name: str, machine: Machine) -> Function:
    """The code of a verified nest, which has no empty dimension."""
    return _Emission(nest, name, machine).function()


class _Emission(Loops):
    def __init__(self, nest: Nest, name: str, machine: Machine) -> None:
        self.nest = nest
        self.nodes = nest.nodes()
        self.places = places_of(nest)
        reduced, self.split = nest.reduced
        rows = nest.rows
        self.dims = collapsed(nest.shape, reduced, rows, self.split, self.places)
        stored = {root.place for root in nest.roots}
        kinds = {node.dtype for node in self.nodes} | {place.buffer.dtype for place in self.places}
        wide = not kinds & {"float32", "int32"}
        lanes = machine.vector_bytes // (8 if wide else 4)
        across = bool(rows and reduced)
        self.vector = vector_dim([dim for dim in self.dims if dim.row or not across], lanes, stored)
        self.depends = self._dependences()
        self.columns = across or self._by_columns()
        """Whether what is reduced is summed up row by row, as the elements lie, in a row of sums."""
        self.levels = levels_of(self.nodes)
        self.phases = self._phases(rows, lanes)
        self.sums = {total: Place(Buffer(-1, "shelf", total.sum.over, self._room(lanes)), 0, ())
                     for phase in self.phases for total in phase.totals if self.columns and type(total.root) is Reduce}
        """Where the sums of columns stand."""
        across_dims = [dim for dim in self.dims if dim.reduced and dim is not self.vector]
        self.runs = {total: Place(Buffer(-1, "shelf", "float32", self._room(lanes)), 0, ())
                     for total in self.sums if total.thin and hint(across_dims[-1].size) >= 4 * self.split}
        """And those of a run of rows."""
        self._lay_shelves(lanes)
        self.pair = self._paired(machine)
        """The dimension along which two rows are gone through at once, if there is one."""
        alike = {node for node in self.nodes if self.vector is None or self.vector not in self.depends[node]}
        strides = None if self.vector is None else {**self.vector.strides, **dict.fromkeys(self._shelves(), 1)}
        super().__init__(Code(name, visible=False, plain=True), lanes if self.vector else 1, strides, alike, machine)
        self.one = Expressions(self.code, 1, None, set(self.nodes), machine)
        """For what is one number: it takes no vector to compute it."""
        self.single, self.widely = self._single()
        self.ahead = ahead_of(self.dims, self.phases, self.vector, self.places, 1 if self.pair is None else 2)

    def _single(self) -> tuple[set[Node], set[Node]]:
        """The nodes that are one number all along the vectors of a row, or of what is reduced; and those of them that
        vectors meet."""
        if self.vector is None or not self.vector.inner or self.columns and not self.vector.row:
            return set(), set()
        within = [dim for dim in self.dims if dim.row] or [dim for dim in self.dims if dim.reduced]
        single = {node for node in self.nodes if self.depends[node].isdisjoint(within)}
        met = {x for node in self.nodes if node not in single for x in node.operands}
        met.update(total.value for phase in self.phases for total in phase.totals)
        met.update(store.value for phase in self.phases for store in phase.stores)
        return single, single & met

    def _paired(self, machine: Machine) -> Dim | None:
        """Two rows at once keep the processor busy where one waits for its own sums, vector by vector and at its end.
        That is worth its machine code where there is much to do, and needs as many registers again."""
        outer = [dim for dim in self.dims if not dim.inner]
        if len(self.phases) == 1 or self.columns or not outer or self.vector is None or not self.vector.row:
            return None
        sizes = [dim.size for dim in self.dims]
        if not machine.avx512 or any(map(varies, sizes)) or outer[-1].size % 2 or prod(sizes) < MANY:
            return None
        nearest = 2 * sum(place.buffer.bytes for place in self._shelves())
        return outer[-1] if nearest <= NEAR else None

    def _dependences(self) -> dict[Node, frozenset[Dim]]:
        found: dict[Node, frozenset[Dim]] = {}
        for node in self.nodes:
            found[node] = frozenset().union(*[found[x] for x in node.operands])
            if node.op in READING:
                found[node] |= {dim for dim in self.dims if dim.strides[node.args[0]]}
            elif node.op in FOLDS:
                found[node] = frozenset([dim for dim in found[node] if not dim.row])
        return found

    def _by_columns(self) -> bool:
        """Whether the columns of a nest without folds are summed up row by row: where the rows are long, and little is
        to be computed once per column."""
        vector, sums = self.vector, sum(type(root) is Reduce for root in self.nest.roots)
        if vector is None or vector.reduced or not any(dim.reduced for dim in self.dims):
            return False
        once = sum(node.cost for node in self.nodes if self.depends[node] == {vector})
        return hint(vector.size) >= LONG_ROW and sums <= MOST_SUMS and once <= FEW_CYCLES

    # --- memory of the function's own ---------------------------------------------------------------------------------

    def _phases(self, rows: Shape, lanes: int) -> list[Phase]:
        vector, inner = self.vector, [dim for dim in self.dims if dim.row]
        along = {node for node in self.nodes if any(dim.row for dim in self.depends[node])}
        again = {root.value: root.place for root in self.nest.roots
                 if type(root) is Store and root.place.buffer.kind != "given" and vector is not None
                 and vector.strides[root.place] == 1 and all(dim.strides[root.place] for dim in inner)}
        return phases_of(self.nodes, self.nest.roots, along, rows, self._room(lanes), again)

    def _room(self, lanes: int) -> int:
        """The elements of a row of vectors, or of a block of what is no row. Rows of a length that is known at run time
        alone have no room: what they need again is computed again."""
        vector = self.vector
        if any(dim.row and varies(dim.size) for dim in self.dims):
            return NO_ROOM
        inner = prod([dim.size for dim in self.dims if dim.row and dim is not vector])
        if vector is None or not (vector.row or self.columns):
            return inner * lanes
        return inner * self._line(vector, lanes)

    @staticmethod
    def _line(vector: Dim, lanes: int) -> int:
        """The elements of whole vectors that hold a row; of what is no row, those of a block."""
        size = vector.size
        if not vector.row:
            size = 2 * BLOCK if varies(size) else min(size, 2 * BLOCK)
        return -(-size // lanes) * lanes

    def _shelves(self) -> list[Place]:
        """The shelves of all phases, and the rows of sums."""
        kept = [place for phase in self.phases for place in phase.shelved.values() if place.buffer.kind == "shelf"]
        return [*dict.fromkeys(kept), *self.sums.values(), *self.runs.values()]

    def _lay_shelves(self, lanes: int) -> None:
        """Rows lie in them as whole vectors, side by side; of what is no row there is one vector at a time."""
        vector, inner = self.vector, [dim for dim in self.dims if dim.row]
        for place in self._shelves():
            for dim in self.dims:
                dim.strides[place] = 0
            step = 1 if vector in inner or self.columns else lanes
            if place.buffer.size == NO_ROOM:
                raise NotImplementedError("sums across rows of a length that is known at run time alone")
            if vector is not None and step == 1:
                vector.strides[place] = 1
                step = self._line(vector, lanes)
            for dim in inner:
                if dim is not vector:
                    dim.strides[place] = step
                    step *= dim.size

    # --- the loops ----------------------------------------------------------------------------------------------------

    def function(self) -> Function:
        code, vector = self.code, self.vector
        operands, start, stop = code.parameters
        outer = [dim for dim in self.dims if not dim.inner and dim is not vector]
        inner = [dim for dim in self.dims if dim.inner and dim is not vector]
        kept = vector is not None and not vector.inner
        blocks = 1
        if vector is not None and kept and (varies(vector.size) or vector.size > 2 * BLOCK):
            blocks = -(-vector.size // BLOCK)
        counts = [dim.size // 2 if dim is self.pair else dim.size for dim in outer] + [blocks, self.split]
        table = code.address(operands, 0)
        bases = {place: code.address(table, number) for number, place in enumerate(self.places)}
        for place in self._shelves():
            bases[place] = code.stack(f"[{place.buffer.bytes * (1 if self.pair is None else 2)} x i8]", align=64)
        fixed = _Values()
        self._write(self.nodes, 0, frozenset(), fixed, bases, None)
        with code.loop(stop, start=start) as item:
            indices = unravelled(code, item.index, counts)
            piece = indices.pop()
            block = indices.pop()
            indices = [code.mul(index, 2) if dim is self.pair else index
                       for dim, index in zip(outer, indices, strict=True)]
            places = self._moved(bases, list(zip(outer, indices, strict=True)))
            if self.split > 1:
                places = self._in_piece(places, piece)
            known = frozenset(outer)
            rows = [(_Values(fixed), each) for each in (places, *self._beside(places))]
            for values, each in rows:
                self._write(self.nodes, 0, known, values, each, None)
            values = rows[0][0]
            ranges = self._ranges(vector, block, blocks, piece)
            if self.columns:
                self._summed(inner, known, values, places, ranges)
            elif vector is not None and kept:
                self._swept(vector, ranges[vector], lambda index, mask: self._column(
                    inner, known, values, places, ranges, index, mask))
            else:
                self._row(inner, known, rows, ranges, vector)
        code.done()
        vectors = prod([-(-dim.size // self.lanes) if dim is vector else dim.size for dim in self.dims])
        cost = sum(node.cost for node in self.nodes) + 2 * len(self.places) + 2
        return Function(code, prod(counts), vectors * cost)

    def _beside(self, places: dict[Place, Operand]) -> Iterator[dict[Place, Operand]]:
        """The places of the row that is gone through together with that at these, if there is one."""
        if self.pair is not None:
            shelves = {place: self.code.at("i8", places[place], place.buffer.bytes) for place in self._shelves()}
            yield {**self._moved(places, [(self.pair, 1)]), **shelves}

    def _in_piece(self, places: dict[Place, Operand], piece: Operand) -> dict[Place, Operand]:
        """The results of a piece of the reduction stand apart."""
        found = dict(places)
        for root in self.nest.roots:
            if type(root) is Reduce:
                step = root.split_stride * np.dtype(root.place.buffer.dtype).itemsize
                found[root.place] = self.code.at("i8", places[root.place], self.code.mul(piece, step))
        return found

    def _ranges(self, vector: Dim | None, block: Operand, blocks: int, piece: Operand
                ) -> dict[Dim, tuple[Index, Index]]:
        """Where the loops within an item begin and end."""
        code, ranges = self.code, {dim: (0, dim.size) for dim in self.dims}
        found: dict[Dim, tuple[Index, Index]] = dict(ranges)
        if several(blocks) and vector is not None:
            low = code.mul(block, BLOCK)
            found[vector] = low, code.least(code.add(low, BLOCK), vector.size)
        for dim in self.dims:
            if dim.cut and self.split > 1:
                size = -(-dim.size // self.split)
                low = code.mul(piece, size)
                if varies(size):  # there may be fewer elements than pieces
                    low = code.least(low, dim.size)
                found[dim] = low, code.least(code.add(low, size), dim.size)
        return found

    def _row(self, loops: list[Dim], known: frozenset[Dim], rows: list[_Row], ranges: dict[Dim, tuple[Index, Index]],
             vector: Dim | None, mask: Operand | None = None) -> None:
        """The phases one after the other, each of which may go on with what those before have combined, of all these
        rows at once; the last of the loops, if any, is along the vectors."""
        for number, phase in enumerate(self.phases):
            totals = [total for total in phase.totals if total not in self.sums]
            start = [self._neutral(total.sum) for total in totals] * len(rows)
            found = iter(self._along(loops, phase, known, rows, start, ranges, vector, mask))
            for values, places in rows:
                for total in totals:
                    self._combined(total, next(found), values, places, vector is not None, mask)
                self._write(self.nodes, number + 1, known, values, places, mask)
                for root in phase.alike:
                    single = root.value in self.single
                    self._leave(root.place, (values.ones if single else values)[root.value], places[root.place], mask)

    def _combined(self, total: Total, value: Operand, values: _Values, places: dict[Place, Operand], across: bool,
                  mask: Operand | None) -> None:
        """What a phase has combined is known, or goes to its place; ``across``: the lanes are to be combined too."""
        if across:
            value = self._across(total.sum, value)
        by = self.one if across else self
        if type(total.root) is Reduce:
            place = total.root.place
            self._leave(place, by._cast(value, total.sum.over, place.buffer.dtype), places[place], mask)
            return
        assert type(total.root) is Node
        value = by._cast(value, total.sum.over, total.root.dtype)
        if across:
            values.ones[total.root] = value
            if total.root in self.widely:
                values[total.root] = self._splat(value, total.root.dtype)
        else:
            values[total.root] = value

    def _along(self, loops: list[Dim], phase: Phase, known: frozenset[Dim], rows: list[_Row], sums: Sequence[Operand],
               ranges: dict[Dim, tuple[Index, Index]], vector: Dim | None, mask: Operand | None) -> Sequence[Operand]:
        """The loops of a phase; what it has combined, row by row."""
        if not (phase.stores or phase.totals):
            return sums
        code, totals = self.code, [total for total in phase.totals if total not in self.sums] * len(rows)

        def inside(dim: Dim, index: Index, mask: Operand | None) -> list[_Row]:
            found: list[_Row] = []
            for values, places in rows:
                further, moved = _Values(values), self._moved(places, [(dim, index)])
                if found:
                    further.share(found[0][0], lambda node: self.pair not in self.depends[node])
                self._write(phase.nodes, phase.number, known | {dim}, further, moved, mask, phase)
                found.append((further, moved))
            return found

        def done(found: list[_Row], before: Sequence[Operand], mask: Operand | None, ragged: bool) -> list[Operand]:
            each = len(before) // len(found)
            return [x for number, (values, places) in enumerate(found) for x in self._done(
                phase, values, places, before[number * each:(number + 1) * each], mask, ragged)]

        if loops:
            dim, rest = loops[0], loops[1:]
            low, high = ranges[dim]

            def round(index: Operand, before: Sequence[Operand]) -> Sequence[Operand]:
                return self._along(rest, phase, known | {dim}, inside(dim, index, mask), before, ranges, vector, mask)

            if not rest and vector is None:
                return self._run(low, high, 1, dim.size, totals, sums, round)
            with code.loop(high, start=low, carried=sums) as loop:
                loop.next = round(loop.index, loop.carried)
            return loop.carried
        if vector is None:
            return done(rows, sums, mask, False)

        def body(index: Index, before: Sequence[Operand], mask: Operand | None) -> Sequence[Operand]:
            found = inside(vector, index, mask)
            if phase is self.ahead[0]:
                for _, places in found:
                    self._fetch(places)
            return done(found, before, mask, mask is not None)

        return self._vectors(vector, ranges[vector], sums, body, totals)

    def _fetch(self, places: dict[Place, Operand]) -> None:
        """Has the processor bring nearer what a vector of the next row is read from, and written to."""
        code, stored = self.code, {root.place for root in self.nest.roots}
        for place, step in self.ahead[1].items():
            size = self.lanes * np.dtype(place.buffer.dtype).itemsize
            for line in range(0, size, LINE):
                code.call("void", "llvm.prefetch.p0", code.at("i8", places[place], step + line),
                          *[Operand(str(number), "i32") for number in (int(place in stored), 3, 1)])

    def _done(self, phase: Phase, values: _Values, places: dict[Place, Operand], before: Sequence[Operand],
              mask: Operand | None, ragged: bool) -> Sequence[Operand]:
        """Stores what a phase stores at a point, and adds to the sums; ``ragged``: of the lanes of a mask."""
        for root in phase.stores:
            self._put(root.place, values[root.value], places[root.place], mask)
        sums = iter(before)
        found = []
        for total in phase.totals:
            carried = None if total in self.sums else next(sums)
            thin = total in self.runs if carried is None else total.thin and carried.type == self._type("float32")
            kind = Sum("sum", "float32") if thin else total.sum
            value = self._cast(values[total.value], total.value.dtype, kind.over)
            if carried is None:
                place = places[(self.runs if thin else self.sums)[total]]
                self.code.store(self._combine(kind, self.code.load(value.type, place), value), place)
                continue
            if ragged and mask is not None:
                value = self.code.select(mask, value, self._neutral(kind))
            found.append(self._combine(kind, carried, value))
        return found

    def _column(self, inner: list[Dim], known: frozenset[Dim], values: _Values,
                places: dict[Place, Operand], ranges: dict[Dim, tuple[Index, Index]], index: Index,
                mask: Operand | None) -> None:
        """One vector of kept neighbours: the whole of its reductions, if there are any."""
        assert self.vector is not None
        inside, further = _Values(values), self._moved(places, [(self.vector, index)])
        self._write(self.nodes, 0, known | {self.vector}, inside, further, mask)
        if mask is None and self.ahead[0] is not None:
            self._fetch(further)
        self._row(inner, known | {self.vector}, [(inside, further)], ranges, None, mask)

    def _summed(self, inner: list[Dim], known: frozenset[Dim], values: _Values,
                places: dict[Place, Operand], ranges: dict[Dim, tuple[Index, Index]]) -> None:
        """The reductions of an item's columns, kept in memory of the function's own, row by row."""
        vector, code = self.vector, self.code
        assert vector is not None
        low, _ = ranges[vector]
        zero, places = self.reals["float32"].zero, dict(places)
        if low != 0:
            for place in (*self.sums.values(), *self.runs.values()):
                size = np.dtype(place.buffer.dtype).itemsize
                places[place] = code.at("i8", places[place], code.mul(low, -size))
        across, row = [dim for dim in inner if not dim.row], [dim for dim in inner if dim.row]

        def each(loops: list[Dim], places: dict[Place, Operand], body: Callable[..., None]) -> None:
            if loops:
                with code.loop(loops[0].size) as loop:
                    each(loops[1:], self._moved(places, [(loops[0], loop.index)]), body)
                return
            self._swept(vector, ranges[vector], lambda index, mask: body(self._moved(places, [(vector, index)]), mask))

        def first(places: dict[Place, Operand], mask: Operand | None) -> None:
            for total, place in self.sums.items():
                code.store(self._neutral(total.sum), places[place])
            for place in self.runs.values():
                code.store(zero, places[place])

        def flush(places: dict[Place, Operand], mask: Operand | None) -> None:
            for total, place in self.runs.items():
                target = places[self.sums[total]]
                value = self._cast(code.load(zero.type, places[place]), "float32", total.sum.over)
                code.store(self._combine(total.sum, code.load(value.type, target), value), target)
                code.store(zero, places[place])

        def last(places: dict[Place, Operand], mask: Operand | None) -> None:
            for total, place in self.sums.items():
                assert type(total.root) is Reduce
                value = code.load(self._type(total.sum.over), places[place])
                place = total.root.place
                self._put(place, self._cast(value, total.sum.over, place.buffer.dtype), places[place], mask)

        def further(dims: list[Dim], known: frozenset[Dim], values: _Values,
                    places: dict[Place, Operand]) -> None:
            if not dims:
                self._row(row, known, [(values, places)], ranges, vector)
                return
            start, stop = ranges[dims[0]]

            def rows(start: Index, stop: Index) -> None:
                with code.loop(stop, start=start) as loop:
                    inside, moved = _Values(values), self._moved(places, [(dims[0], loop.index)])
                    self._write(self.nodes, 0, known | {dims[0]}, inside, moved, None)
                    further(dims[1:], known | {dims[0]}, inside, moved)

            if dims[1:] or not self.runs:
                rows(start, stop)
                return
            with code.loop(stop, start=start, step=RUN) as loop:
                rows(loop.index, code.least(code.add(loop.index, RUN), stop))
                each(row, places, flush)

        each(row, places, first)
        further(across, known, values, places)
        each(row, places, last)

    # --- expressions --------------------------------------------------------------------------------------------------

    def _write(self, nodes: Sequence[Node], level: int, known: frozenset[Dim], values: _Values,
               places: dict[Place, Operand], mask: Operand | None, phase: Phase | None = None) -> None:
        """Writes every node that depends on nothing but ``known`` and what phases up to ``level`` leave behind, and is
        not written yet; what stands on a shelf is read."""
        for node in nodes:
            if node in values or node in values.ones or not self.depends[node] <= known or self.levels[node] > level:
                continue
            place = phase.shelved.get(node) if phase is not None else None
            if place is not None:
                values[node] = self._load(place, places[place], mask)
            elif node in self.single:
                values.ones[node] = self.one._node(node, values.ones, places, None)
                if node in self.widely:
                    values[node] = (self._constant(node.args[0], node.dtype) if node.op == "const" else
                                    self._splat(values.ones[node], node.dtype))
            else:
                values[node] = self._node(node, values, places, mask)

    def _leave(self, place: Place, value: Operand, pointer: Operand, mask: Operand | None) -> None:
        """What was combined, or is alike all along a row, goes to its place: a vector where that has one, else one
        number."""
        if self.vector is not None and self.vector.strides[place]:
            self._put(place, value, pointer, mask)
            return
        value = self.one._stored(value)
        element = value.type.split(" x ")[1][:-1]
        self.code.store(self.code.emit(f"extractelement {value.type} {value}, i64 0", element), pointer)
