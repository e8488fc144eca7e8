"""From a nest to LLVM's text: one function per nest.

``void nest(ptr operands, i64 start, i64 stop)`` does the *items* from ``start`` to ``stop``; the first operand is a
table of addresses, one per place: so nests that differ in their places alone share a function. An item is a combination
of indices of the kept dimensions (of the vectors' dimension a block), and one piece of what is reduced. So the items
can be dealt out to threads, and what one computes depends on sizes alone.

The one idea to know: an expression's node is written at the outermost place at which all that it depends on is known:
a scalar before the loops, a row's mean before the loop along the row. Within the loop along the *vector dimension* a
value is one vector of neighbours; outside, a vector of equal lanes. How it is written is the business of `expressions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..compiler.code import Code, Index, Operand
from ..compiler.vectors import Machine
from .expressions import TYPES, Expressions
from .loops import READING, Nest, Node, Place, Reduce, Store

BLOCK = 2048
"""Elements along the vector dimension that are one item, where there are more."""

LONG_ROW, FEW_CYCLES, MOST_SUMS = 96, 8, 4
"""Elements from which on a row is long, cycles a vector that may be spent again for every row, and how many rows of
sums the first-level cache is to hold."""


@dataclass(slots=True)
class Function:
    """A nest's code, how many items it has, and roughly how many cycles they take together."""

    code: Code
    items: int
    cycles: float


@dataclass(slots=True, eq=False)
class _Dim:
    """One dimension of the space as the loops see it. ``strides`` by place."""

    size: int
    reduced: bool
    cut: bool
    strides: dict[Place, int]


def places_of(nest: Nest) -> list[Place]:
    """The places of a nest in the order in which its function finds them."""
    return list(dict.fromkeys([*(node.args[0] for node in nest.nodes() if node.op in READING),
                               *(root.place for root in nest.roots)]))


def form_of(nest: Nest) -> tuple[Any, ...]:
    """All that the function of a nest depends on: nests of one form differ in their places alone."""
    nodes = {node: number for number, node in enumerate(nest.nodes())}
    places = {place: number for number, place in enumerate(places_of(nest))}
    lines = [(node.op, node.dtype, node.over, *[
        ("%", nodes[x]) if type(x) is Node else ("b", places[x]) if type(x) is Place else repr(x) for x in node.args])
        for node in nodes]
    roots = [(type(root) is Store, nodes[root.value], places[root.place],
              () if type(root) is Store else (root.op, root.split_stride)) for root in nest.roots]  # type: ignore
    return (nest.shape, nest.reduced, tuple(lines), tuple(roots),
            tuple([(place.strides, place.buffer.dtype) for place in places]))


def function_of(nest: Nest, name: str, machine: Machine) -> Function:
    """The code of a verified nest, which has no empty dimension."""
    return _Emission(nest, name, machine).function()


class _Emission(Expressions):
    def __init__(self, nest: Nest, name: str, machine: Machine) -> None:
        self.nest = nest
        self.nodes = nest.nodes()
        self.places = places_of(nest)
        reduced, self.split = nest.reduced
        self.dims = _collapsed(nest.shape, reduced, self.split, self.places)
        stored = {root.place for root in nest.roots}
        kinds = {node.dtype for node in self.nodes} | {place.buffer.dtype for place in self.places}
        wide = not kinds & {"float32", "int32"}
        lanes = machine.vector_bytes // (8 if wide else 4)
        self.vector = _vector_dim(self.dims, lanes, stored)
        self.depends = self._dependences()
        alike = {node for node in self.nodes if self.vector is None or self.vector not in self.depends[node]}
        super().__init__(Code(name, visible=False, plain=True), 1 if self.vector is None else lanes,
                         None if self.vector is None else self.vector.strides, alike, machine)

    def _dependences(self) -> dict[Node, frozenset[_Dim]]:
        found: dict[Node, frozenset[_Dim]] = {}
        for node in self.nodes:
            found[node] = frozenset().union(*[found[x] for x in node.operands])
            if node.op in READING:
                found[node] |= {dim for dim in self.dims if dim.strides[node.args[0]]}
        return found

    # --- the loops ----------------------------------------------------------------------------------------------------

    def function(self) -> Function:
        code, vector = self.code, self.vector
        operands, start, stop = code.parameters
        outer = [dim for dim in self.dims if not dim.reduced and dim is not vector]
        inner = [dim for dim in self.dims if dim.reduced and dim is not vector]
        long = vector is not None and not vector.reduced and vector.size > 2 * BLOCK
        blocks = -(-vector.size // BLOCK) if vector is not None and long else 1
        counts = [dim.size for dim in outer] + [blocks, self.split]
        table = code.address(operands, 0)
        bases = {place: code.address(table, number) for number, place in enumerate(self.places)}
        fixed: dict[Node, Operand] = {}
        self._write(frozenset(), fixed, bases, None)
        with code.loop(stop, start=start) as item:
            indices = _unravelled(code, item.index, counts)
            piece = indices.pop()
            block = indices.pop()
            places = self._moved(bases, list(zip(outer, indices, strict=True)))
            if self.split > 1:
                places = self._in_piece(places, piece)
            values = dict(fixed)
            known = frozenset(outer)
            self._write(known, values, places, None)
            ranges = self._ranges(vector, block, blocks, piece)
            if vector is None:
                sums = self._reduced(inner, known, values, places, self._start(values), ranges, None)
                self._finish(sums, places, None)
            elif vector.reduced:
                sums = self._reduced(inner, known, values, places, self._start(values), ranges, vector)
                self._finish([self._across(root, x) for root, x in zip(self._reductions(), sums, strict=True)], places,
                             None)
            elif self._by_rows(vector, inner):
                self._rows(inner, known, values, places, ranges)
            else:
                self._swept(vector, ranges[vector], lambda index, mask: self._column(
                    inner, known, values, places, ranges, index, mask))
        code.done()
        vectors = prod([-(-dim.size // self.lanes) if dim is vector else dim.size for dim in self.dims])
        cost = sum(node.cost for node in self.nodes) + 2 * len(self.places) + 2
        return Function(code, prod(counts), vectors * cost)

    def _reductions(self) -> list[Reduce]:
        return [root for root in self.nest.roots if type(root) is Reduce]

    def _moved(self, places: dict[Place, Operand], steps: Sequence[tuple[_Dim, Index]]) -> dict[Place, Operand]:
        """The places further on along dimensions."""
        code, found = self.code, dict(places)
        for place, pointer in places.items():
            for dim, index in steps:
                stride = dim.strides[place] * np.dtype(place.buffer.dtype).itemsize
                if stride and index != 0:
                    pointer = code.at("i8", pointer, code.mul(index, stride))
            found[place] = pointer
        return found

    def _in_piece(self, places: dict[Place, Operand], piece: Operand) -> dict[Place, Operand]:
        """The results of a piece of the reduction stand apart."""
        found = dict(places)
        for root in self._reductions():
            step = root.split_stride * np.dtype(root.place.buffer.dtype).itemsize
            found[root.place] = self.code.at("i8", places[root.place], self.code.mul(piece, step))
        return found

    def _ranges(self, vector: _Dim | None, block: Operand, blocks: int, piece: Operand
                ) -> dict[_Dim, tuple[Index, Index]]:
        """Where the loops within an item begin and end."""
        code, ranges = self.code, {dim: (0, dim.size) for dim in self.dims}
        found: dict[_Dim, tuple[Index, Index]] = dict(ranges)
        if blocks > 1 and vector is not None:
            low = code.mul(block, BLOCK)
            found[vector] = low, code.least(code.add(low, BLOCK), vector.size)
        for dim in self.dims:
            if dim.cut and self.split > 1:
                size = -(-dim.size // self.split)
                low = code.mul(piece, size)
                found[dim] = low, code.least(code.add(low, size), dim.size)
        return found

    def _reduced(self, loops: list[_Dim], known: frozenset[_Dim], values: dict[Node, Operand],
                 places: dict[Place, Operand], sums: Sequence[Operand], ranges: dict[_Dim, tuple[Index, Index]],
                 vector: _Dim | None, mask: Operand | None = None) -> Sequence[Operand]:
        """The loops along what is reduced; the last of them, if any, is along the vectors."""
        code = self.code
        if loops:
            dim, rest = loops[0], loops[1:]
            low, high = ranges[dim]
            with code.loop(high, start=low, carried=sums) as loop:
                inside, further = dict(values), self._moved(places, [(dim, loop.index)])
                self._write(known | {dim}, inside, further, mask)
                loop.next = self._reduced(rest, known | {dim}, inside, further, loop.carried, ranges, vector, mask)
            return loop.carried
        if vector is None:
            self._store(places, values, mask)
            return self._added(sums, values, mask)
        low, high = ranges[vector]
        return self._vectors(vector, low, high, known, values, places, sums)

    def _vectors(self, dim: _Dim, low: Index, high: Index, known: frozenset[_Dim], values: dict[Node, Operand],
                 places: dict[Place, Operand], sums: Sequence[Operand]) -> Sequence[Operand]:
        """The loop along a row: full vectors, and what is left of it under a mask."""
        code, lanes = self.code, self.lanes

        def body(index: Index, before: Sequence[Operand], mask: Operand | None) -> Sequence[Operand]:
            inside, further = dict(values), self._moved(places, [(dim, index)])
            self._write(known | {dim}, inside, further, mask)
            self._store(further, inside, mask)
            return self._added(before, inside, mask)

        exact = isinstance(low, int) and isinstance(high, int)
        if exact:
            assert isinstance(high, int)
            last: Index = high - high % lanes
        else:
            last = code.sub(high, code.rest(code.sub(high, low), lanes))
        if not exact or (isinstance(last, int) and last > 0):
            with code.loop(last, start=low, step=lanes, carried=sums) as loop:
                loop.next = body(loop.index, loop.carried, None)
            sums = loop.carried
        if exact:
            if last != high:
                assert isinstance(high, int) and isinstance(last, int)
                sums = body(last, sums, self._first_lanes(Operand(str(high - last), "i64")))
            return sums
        with code.when(code.less(last, high), sums) as tail:
            tail.results = body(last, sums, self._first_lanes(code.sub(high, last)))
        return tail.results

    def _swept(self, dim: _Dim, bounds: tuple[Index, Index], body: Callable[[Index, Operand | None], None]) -> None:
        """The loop along kept vectors."""
        code, lanes = self.code, self.lanes
        low, high = bounds
        if isinstance(low, int) and isinstance(high, int):
            last = high - high % lanes
            if last:
                with code.loop(last, step=lanes) as loop:
                    body(loop.index, None)
            if last != high:
                body(last, self._first_lanes(Operand(str(high - last), "i64")))
            return
        ragged = dim.size % lanes != 0
        end = code.sub(high, code.rest(code.sub(high, low), lanes)) if ragged else high
        with code.loop(end, start=low, step=lanes) as loop:
            body(loop.index, None)
        if ragged:
            with code.when(code.less(end, high)):
                body(end, self._first_lanes(code.sub(high, end)))

    def _column(self, inner: list[_Dim], known: frozenset[_Dim], values: dict[Node, Operand],
                places: dict[Place, Operand], ranges: dict[_Dim, tuple[Index, Index]], index: Index,
                mask: Operand | None) -> None:
        """One vector of kept neighbours: the whole of its reductions, if there are any."""
        assert self.vector is not None
        inside, further = dict(values), self._moved(places, [(self.vector, index)])
        self._write(known | {self.vector}, inside, further, mask)
        sums = self._reduced(inner, known | {self.vector}, inside, further, self._start(inside), ranges, None, mask)
        self._finish(sums, further, mask)

    def _by_rows(self, vector: _Dim, inner: list[_Dim]) -> bool:
        """Whether reductions of columns go row by row, as the elements lie: where the rows are long, and little is to
        be computed once per column."""
        once = sum(node.cost for node in self.nodes if self.depends[node] == {vector})
        return bool(inner) and vector.size >= LONG_ROW and len(self._reductions()) <= MOST_SUMS and once <= FEW_CYCLES

    def _rows(self, inner: list[_Dim], known: frozenset[_Dim], values: dict[Node, Operand],
              places: dict[Place, Operand], ranges: dict[_Dim, tuple[Index, Index]]) -> None:
        """The reductions of an item's columns, kept in memory of the function's own, row by row."""
        vector = self.vector
        assert vector is not None
        low, high = ranges[vector]
        roots, code = self._reductions(), self.code
        room = min(vector.size, 2 * BLOCK) + self.lanes
        sums = [code.stack(f"[{room} x {TYPES[self._sum_dtype(root)]}]", align=64) for root in roots]

        def at(root: Reduce, index: Index) -> Operand:
            return code.at(TYPES[self._sum_dtype(root)], sums[roots.index(root)],
                           index if low == 0 else code.sub(index, low))

        def first(index: Index, mask: Operand | None) -> None:
            for root in roots:
                code.store(self._neutral(root), at(root, index))

        def further(dims: list[_Dim], known: frozenset[_Dim], values: dict[Node, Operand],
                    places: dict[Place, Operand]) -> None:
            if dims:
                start, stop = ranges[dims[0]]
                with code.loop(stop, start=start) as loop:
                    inside, moved = dict(values), self._moved(places, [(dims[0], loop.index)])
                    self._write(known | {dims[0]}, inside, moved, None)
                    further(dims[1:], known | {dims[0]}, inside, moved)
                return

            def body(index: Index, mask: Operand | None) -> None:
                inside, moved = dict(values), self._moved(places, [(vector, index)])
                self._write(known | {vector}, inside, moved, mask)
                self._store(moved, inside, mask)
                before = [code.load(self._type(self._sum_dtype(root)), at(root, index)) for root in roots]
                for root, total in zip(roots, self._added(before, inside, mask), strict=True):
                    code.store(total, at(root, index))

            self._swept(vector, (low, high), body)

        def last(index: Index, mask: Operand | None) -> None:
            totals = [code.load(self._type(self._sum_dtype(root)), at(root, index)) for root in roots]
            self._finish(totals, self._moved(places, [(vector, index)]), mask)

        self._swept(vector, (low, high), first)
        further(inner, known, values, places)
        self._swept(vector, (low, high), last)

    # --- reductions ---------------------------------------------------------------------------------------------------

    def _start(self, values: dict[Node, Operand]) -> list[Operand]:
        return [self._neutral(root) for root in self._reductions()]

    def _added(self, sums: Sequence[Operand], values: dict[Node, Operand], mask: Operand | None) -> list[Operand]:
        found = []
        for root, before in zip(self._reductions(), sums, strict=True):
            value = self._cast(values[root.value], root.value.dtype, self._sum_dtype(root))
            if mask is not None and self.vector is not None and self.vector.reduced:
                value = self.code.select(mask, value, self._neutral(root))
            found.append(self._combine(root, before, value))
        return found

    def _finish(self, sums: Sequence[Operand], places: dict[Place, Operand], mask: Operand | None) -> None:
        """What was reduced goes to its place: a vector where the vectors are kept, else one element."""
        code = self.code
        kept = self.vector is not None and not self.vector.reduced
        for root, value in zip(self._reductions(), sums, strict=True):
            place = root.place
            value = self._cast(value, self._sum_dtype(root), place.buffer.dtype)
            if kept:
                self._put(place, value, places[place], mask)
                continue
            value = self._stored(value)
            element = value.type.split(" x ")[1][:-1]
            code.store(code.emit(f"extractelement {value.type} {value}, i64 0", element), places[place])

    # --- expressions --------------------------------------------------------------------------------------------------

    def _write(self, known: frozenset[_Dim], values: dict[Node, Operand], places: dict[Place, Operand],
               mask: Operand | None) -> None:
        """Writes every node that depends on nothing but ``known``, and is not written yet."""
        for node in self.nodes:
            if node not in values and self.depends[node] <= known:
                values[node] = self._node(node, values, places, mask)

    def _store(self, places: dict[Place, Operand], values: dict[Node, Operand], mask: Operand | None) -> None:
        for root in self.nest.roots:
            if type(root) is Store:
                self._put(root.place, values[root.value], places[root.place], mask)


def _unravelled(code: Code, index: Operand, counts: Sequence[int]) -> list[Any]:
    """The index of each dimension, the last of them the fastest; 0 where there is one only."""
    found: list[Any] = []
    left: Any = index
    real = [n for n in counts if n > 1]
    for n in reversed(counts):
        if n == 1:
            found.append(0)
            continue
        real.pop()
        if real:
            found.append(code.rest(left, n))
            left = code.div(left, n)
        else:
            found.append(left)
    return found[::-1]


def _collapsed(shape: Sequence[int], reduced: Sequence[int], split: int, places: Sequence[Place]) -> list[_Dim]:
    """The dimensions of more than one element; neighbours that every place runs through in one go are one."""
    dims: list[_Dim] = []
    for d, n in enumerate(shape):
        cut = split > 1 and bool(reduced) and d == reduced[0]
        if n == 1 and not cut:
            continue
        dim = _Dim(n, d in reduced, cut, {place: place.strides[d] for place in places})
        if dims:
            last = dims[-1]
            together = all(last.strides[place] == dim.strides[place] * n for place in places)
            if together and last.reduced == dim.reduced and not (last.cut or dim.cut):
                dims[-1] = _Dim(last.size * n, dim.reduced, False, dim.strides)
                continue
        dims.append(dim)
    return dims


def _vector_dim(dims: Sequence[_Dim], lanes: int, stored: set[Place]) -> _Dim | None:
    """The dimension along which vectors lie: the one with the fewest elements that are apart, and lanes that idle."""

    def cost(dim: _Dim) -> float:
        price = 1.0
        for place, stride in dim.strides.items():
            price += 0.3 if stride == 0 else 1.0 if stride == 1 else 12.0 if place in stored else 8.0
        return price * (-(-dim.size // lanes) * lanes / dim.size)

    best = None
    for dim in reversed(dims):
        if best is None or cost(dim) < cost(best):
            best = dim
    return best
