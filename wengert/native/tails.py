"""What follows a product, done on each of its tiles as soon as it is there.

The one idea to know: a nest that has a point for every element of a product, and reads no other element of it there,
can go along with the product as its *tail*: a bias, an activation, its derivative, a residual, a mask, another order of
dimensions. Then the tile is in the nearest cache, and if nothing else reads the product, that is never in memory. Of
sums down the columns of what the tail stores (a bias's gradient) each tile leaves its own, and a pass adds up these;
other sums stay a pass over what is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np

from ..compiler.code import Code, Index, Operand
from ..compiler.extents import varies
from ..compiler.products import ENDING, Geometry, divided
from ..compiler.vectors import Machine
from .emission import LINE, places_of
from .expressions import TYPES, Expressions
from .joining import Entry, cuts, parts_of
from .loops import FOLDS, REALS, Nest, Node, Nodes, Place, Reduce, Root, Shape, Store
from .plan import Plan
from .running import RUN
from .steps import Product, Step, places_read

WINDOW = 16
"""How many steps after a product a tail is looked for."""


def with_tails(steps: Sequence[Step], plan: Plan) -> list[Step]:
    """The steps with nests as tails of the products that they read."""
    found, nodes = list(steps), plan.nodes
    at = 0
    while at < len(found):
        step = found[at]
        if type(step) is not Product or step.cut is None or step.cut.cut or not any(
                _takes(found, at, later, plan) for later in range(at + 1, min(at + WINDOW, len(found)))):
            at += 1  # where it has moved, another is at its place
    readers = Counter([buffer for step in found for buffer in {place.buffer for place in places_read(step)}])
    for step in found:
        if type(step) is Product and step.tail is not None:
            place = step.out.place
            if place.buffer.kind != "arena" or readers[place.buffer]:
                step.tail.roots.append(Store(nodes.load(place), place))
            _store_itself(step)
    return found


def _takes(steps: list[Step], at: int, later: int, plan: Plan) -> bool:
    """Makes the nest at ``later`` a part of the tail of the product, if that can be."""
    product, nest, nodes = steps[at], steps[later], plan.nodes
    assert type(product) is Product
    if type(nest) is not Nest or prod(nest.shape) != prod(product.out.shape):
        return False
    tail = tail_of(product, nest, nodes)
    if tail is None:
        return False
    entry, own = Entry(nest), Entry(product)
    if not entry.writes.isdisjoint(own.reads | own.writes) or not own.writes.isdisjoint(
            entry.reads - {product.out.place.buffer}):
        return False
    between = [Entry(step) for step in steps[at + 1:later]]
    if not any(step.before(entry) for step in between):
        to = at
    elif not any(own.before(step) for step in between):
        to = later - 1
    else:
        return False
    roots = [] if product.tail is None else product.tail.roots
    product.tail = Nest(product.out.shape, [*roots, *[root for root in tail if type(root) is Store]])
    # How many tiles there are is no even function of a size.
    sums = [] if plan.choose.shared else [root for root in tail if type(root) is Reduce]
    rest = _sums_of_tiles(product, sums, plan) if sums else _sums(nest, nodes)
    del steps[later], steps[at]
    steps[to:to] = [product, *rest]
    return True


def _store_itself(product: Product) -> None:
    """A tail that does nothing but store the product is where the product stores it."""
    assert product.tail is not None and product.cut is not None
    root, *others = product.tail.roots
    if not (others or product.sums) and root.value.op == "load" and root.place.strides[-1] == 1:
        product.out.place, product.tail = root.place, None
        product.cut = replace(product.cut, out=root.place.strides)


def _sums(nest: Nest, nodes: Nodes) -> list[Step]:
    """A nest with the sums of what another has stored."""
    stored = {root.value: root.place for root in nest.roots if type(root) is Store}
    roots: list[Root] = [Reduce(root.op, nodes.load(stored[root.value]), root.place, root.dims, root.split,
                                root.split_stride) for root in nest.roots if type(root) is Reduce]
    return [Nest(nest.shape, roots)] if roots else []


def _sums_of_tiles(product: Product, sums: Sequence[Reduce], plan: Plan) -> list[Step]:
    """Has each tile of a product leave the sums of its rows; a nest that adds up these."""
    cut = product.cut
    assert cut is not None
    roots: list[Root] = []
    for root in sums:
        tiles = Place(plan.buffer("arena", root.value.dtype, cut.tiles * cut.columns), 0, (cut.columns, 1))
        product.sums.append(Store(root.value, tiles))
        roots.append(replace(root, value=plan.nodes.load(tiles)))
    return [Nest((cut.tiles, cut.columns), roots)]


def tail_of(product: Product, nest: Nest, nodes: Nodes) -> list[Root] | None:
    """The roots of a nest as those of a product's tail, its sums only where they are of all rows; None where it is
    none."""
    buffer = product.out.place.buffer
    reads = {node.args[0] for node in nest.nodes() if node.op == "load"}
    mine = [place for place in reads if place.buffer is buffer]
    if len(mine) != 1 or any(node.op in (*FOLDS, "pick") for node in nest.nodes()):
        return None
    stores = [root for root in nest.roots if type(root) is Store]
    stored = {root.value for root in stores}
    if not stores or any(root.value not in stored for root in nest.roots):
        return None
    if not {root.place.buffer for root in stores}.isdisjoint(place.buffer for place in reads):
        return None
    if len(stores) < len(nest.roots) and any(
            n > 1 and not s for root in stores for n, s in zip(nest.shape, root.place.strides, strict=True)):
        return None
    shown = Shown.of(nest.shape, mine[0], product)
    if shown is None:
        return None
    places = {place: shown.place(place) for place in {*reads, *(root.place for root in stores)}}
    if any(place is None or place.strides[-1] not in (0, 1) for place in places.values()):
        return None
    found: dict[Node, Node] = {}
    for node in nest.nodes():
        found[node] = nodes.again(node, found, lambda place: places[place] or place)
    sums = [_down(product, root, found[root.value], shown.place(root.place)) for root in nest.roots
            if type(root) is Reduce]
    return [*(Store(found[root.value], places[root.place] or root.place) for root in stores),
            *(sum for sum in sums if sum is not None and None not in sums)]


def _down(product: Product, root: Reduce, value: Node, place: Place | None) -> Reduce | None:
    """The sum of a value over the rows of a product, as one over those of its tiles; None where it is another."""
    cut = product.cut
    assert cut is not None
    if root.op != "sum" or value.dtype not in REALS or cut.batch or cut.low:
        return None
    if place is None or place.strides[0] or not place.strides[1] or cut.tile_rows > RUN:
        return None
    return replace(root, value=value, place=place, dims=(0,))


class Shown:
    """How a nest lies in the space of a product, all of which it reads at a place: which dimension of the nest each of
    the space's is put together of, and how many of that one's elements a step takes, the outermost first."""

    def __init__(self, shape: Shape, parts: list[list[tuple[int, int, int]]]) -> None:
        self.shape, self.parts = shape, parts

    @classmethod
    def of(cls, shape: Shape, place: Place, product: Product) -> Shown | None:
        """None where the nest does not read every element of the product once."""
        if place.offset != product.out.place.offset:
            return None
        order = sorted([d for d, n in enumerate(shape) if n > 1], key=lambda d: -place.strides[d])
        steps = [*(place.strides[d] for d in order), *([1] if order else [])]
        sizes = [shape[d] for d in order]
        if any(high != low * n for (high, low), n in zip(pairwise(steps), [*sizes[1:], 1], strict=True)):
            return None
        wanted = [n for n in product.out.shape if n > 1]
        cut = cuts(sizes, wanted)
        if cut is None:
            return None
        parts: list[list[tuple[int, int, int]]] = [[] for _ in wanted]
        for n, (of, step), (number, _) in zip(cut, parts_of(sizes, cut), parts_of(wanted, cut), strict=True):
            parts[number].append((order[of], step, n))
        every = iter(parts)
        return cls(product.out.shape, [next(every) if n > 1 else [] for n in product.out.shape])

    def place(self, place: Place) -> Place | None:
        """The place in the space; None where it has no single stride along a dimension."""
        strides = []
        for parts in self.parts:
            steps = [place.strides[d] * step for d, step, _ in parts]
            if any(high != low * n for (high, low), (_, _, n) in zip(pairwise(steps), parts[1:], strict=False)):
                return None
            strides.append(steps[-1] if steps else 0)
        return Place(place.buffer, place.offset, tuple(strides))


# --- its code ---------------------------------------------------------------------------------------------------------


def endings_of(product: Product, cut: Geometry, name: str, machine: Machine) -> tuple[Code, Code]:
    """The code of a product's tail, and what is done ahead of it (`compiler.products.Ending`); the places of
    `Product.ends` come after the four others of the product."""
    assert product.tail is not None
    tail, ahead = (_Writer(product, product.tail, cut, f"{name}_{what}", machine) for what in ("tail", "ahead"))
    tail.compute()
    ahead.fetch()
    return tail.code, ahead.code


def sums_form(product: Product) -> tuple[object, ...]:
    """Which values of its tail a product adds up."""
    numbers = {} if product.tail is None else {node: number for number, node in enumerate(product.tail.nodes())}
    return tuple([(numbers[root.value], root.place.strides) for root in product.sums])


class _Writer(Expressions):
    def __init__(self, product: Product, tail: Nest, cut: Geometry, name: str, machine: Machine) -> None:
        self.tail, self.cut, self.raw = tail, cut, product.out.place
        self.ends, self.sums = product.ends, product.sums
        self.partial = {root.place for root in product.sums}
        strides = {place: place.strides[-1] for place in (*places_of(tail), *self.partial)}
        super().__init__(Code(name, ENDING, visible=False, plain=True), cut.lanes, strides, set(), machine)
        self.code.extents = 4 + len(self.ends)

    def compute(self) -> None:
        """All points of a tile."""
        code, cut = self.code, self.cut
        values, rows, count = code.parameters[1], *code.parameters[-2:]
        starts = self._starts()
        ragged = varies(cut.columns) or cut.columns % cut.width
        masks = [self._first_lanes(code.sub(count, k * cut.lanes)) if ragged else None for k in range(cut.tile_vectors)]
        zeros = [self.reals[root.value.dtype].zero for root in self.sums] * len(masks)
        tile, done = self._own()
        with code.loop(rows, start=done, carried=zeros) as loop:
            lines = self._lines({place: starts[place] for place in starts if place not in self.partial}, loop.index)
            raw = code.at(self._element(self.raw), values, code.mul(loop.index, cut.width))
            found = [x for k, mask in enumerate(masks) for x in self._point(lines, raw, k * cut.lanes, mask)]
            loop.next = [self.reals[root.value.dtype].add(before, x) for root, before, x in zip(
                [*self.sums] * len(masks), loop.carried, found, strict=True)]
        totals = iter(loop.carried)
        for k, mask in enumerate(masks):
            for root in self.sums:
                there = self._further(root.place, starts[root.place], [tile, k * cut.lanes], root.place.strides)
                self._put(root.place, next(totals), there, mask)
        code.done()

    def _own(self) -> tuple[Index, Index]:
        """Which tile of its matrix it is, and how many rows at its beginning are added up by the one before: what is
        stored is the same of both."""
        code, cut, row = self.code, self.cut, self.code.parameters[3]
        if not self.sums:
            return 0, 0
        tile = code.div(code.add(row, cut.tile_rows - 1), cut.tile_rows)
        return tile, code.sub(code.mul(tile, cut.tile_rows), row) if cut.rows % cut.tile_rows else 0

    def fetch(self) -> None:
        """Has the processor bring nearer what lies along the lines of a tile."""
        code, cut, stored = self.code, self.cut, {root.place for root in self.tail.roots}
        along = [place for place in self.ends if place.strides[-1] == 1 and place.strides[-2] and (
            place not in self.partial)]
        starts = self._starts()
        with code.loop(code.parameters[-2]) as loop:
            lines = self._lines({place: starts[place] for place in along}, loop.index)
            for place in along:
                for byte in range(0, cut.width * np.dtype(place.buffer.dtype).itemsize, LINE):
                    code.call("void", "llvm.prefetch.p0", code.at("i8", lines[place], byte),
                              *[Operand(str(number), "i32") for number in (int(place in stored), 3, 1)])
        code.done()

    def _starts(self) -> dict[Place, Operand]:
        """Where the tile begins at each place."""
        code = self.code
        operands, _, matrix, row, column, _, _ = code.parameters
        table = code.address(operands, 0)
        indices, left = list[Index](), matrix
        for size in reversed(self.cut.batch):
            left, index = divided(code, left, size)
            indices.append(index)
        at = [*reversed(indices), row, column]
        found = {}
        for number, place in enumerate(self.ends, start=4):
            partial = place in self.partial
            found[place] = self._further(place, code.address(table, number), [0, column] if partial else at,
                                         place.strides)
        return found

    def _lines(self, starts: dict[Place, Operand], row: Operand) -> dict[Place, Operand]:
        """Where a line of it begins."""
        return {place: self._further(place, start, [row], place.strides[-2:-1]) for place, start in starts.items()}

    def _point(self, lines: dict[Place, Operand], raw: Operand, column: int, mask: Operand | None) -> list[Operand]:
        """One vector of neighbours; the values that are added up."""
        places = {place: self._further(place, line, [column], place.strides[-1:]) for place, line in lines.items()}
        found: dict[Node, Operand] = {}
        for node in self.tail.nodes():
            if node.op == "load" and node.args[0] == self.raw:
                found[node] = self.code.load(self._type(self.raw.buffer.dtype), self.code.at(
                    self._element(self.raw), raw, column))
            else:
                found[node] = self._node(node, found, places, mask)
        for root in self.tail.roots:
            self._put(root.place, found[root.value], places[root.place], mask)
        return [found[root.value] for root in self.sums]

    def _further(self, place: Place, pointer: Operand, at: Sequence[Index], strides: Sequence[int]) -> Operand:
        """As many steps further on along each dimension."""
        size = np.dtype(place.buffer.dtype).itemsize
        for index, stride in zip(at, strides, strict=True):
            if (varies(stride) or stride) and (isinstance(index, Operand) or index):
                pointer = self.code.at("i8", pointer, self.code.mul(index, stride * size) if isinstance(index, Operand)
                                       else index * stride * size)
        return pointer

    @staticmethod
    def _element(place: Place) -> str:
        return TYPES[place.buffer.dtype]
