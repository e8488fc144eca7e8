"""Nests that become one, so that a row is gone through while it is in the nearest cache.

The one idea to know: two nests can be one where the second reads of the first only what that leaves at the very same
point, or what it has combined along the row that the point is in (`FOLDS`). What they are for does not matter: the
largest of a row, the sum of its powers and their quotient are one nest, and so is whatever else has this shape. Spaces
are compared as the memory is gone through, with dimensions cut or joined as needed; a nest over rows alone joins one
over their elements.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from .loops import FOLDS, READING, Nest, Node, Nodes, Place, Reduce, Root, Shape, Store
from .plan import LARGEST_NEST, SMALL
from .steps import Call, Guard, Step, places_read, places_written

SHORTEST, LONGEST = 16, 2**16
"""Elements of a row for which it is gone through several times: fewer that are neighbours would leave a part of each
vector idle, more would not stay in a cache."""

WIDEST = 2**18
"""Bytes of the sums across rows, 12 a number, that a function has on its stack at most."""

WINDOW = 64
"""How many steps back is looked for a nest to join."""

_FOLD_OF = {op: fold for fold, op in FOLDS.items()}


class Entry:
    """A step with the buffers that it reads and writes."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.reads = {place.buffer for place in places_read(step)}
        self.writes = {place.buffer for place in places_written(step)}
        self.may_fail = type(step) in (Call, Guard)
        self.lasting = any(buffer.kind == "given" for buffer in self.writes)
        """Whether it writes what must stay as it is if a step fails."""

    def before(self, other: Entry) -> bool:
        """Whether this one, which comes first, has to."""
        return not (self.writes.isdisjoint(other.reads) and self.reads.isdisjoint(other.writes)
                    and self.writes.isdisjoint(other.writes)) or self.may_fail and other.lasting


def joined(steps: Sequence[Step], nodes: Nodes) -> list[Step]:
    """The steps with fewer nests, in an order in which all of them find what they read."""
    done: list[Entry] = []
    for step in steps:
        _add(Entry(step), done, nodes)
    return [entry.step for entry in done]


def _add(entry: Entry, done: list[Entry], nodes: Nodes) -> None:
    """Puts a step behind the others, or into a nest among them: where that stands, if nothing in between has to come
    before the step, else at the end, if nothing in between needs the nest."""
    step, free = entry.step, True
    if type(step) is Nest:
        for at in reversed(range(max(0, len(done) - WINDOW), len(done))):
            first = done[at]
            if type(first.step) is Nest and not (
                    first.writes.isdisjoint(entry.reads) and first.reads.isdisjoint(entry.reads)):
                sinks = not free and not any(first.before(entry) for entry in done[at + 1:])
                found = _one(first, entry, nodes) if free or sinks else None
                if found is not None:
                    later = done[at + 1:]
                    del done[at:]
                    if sinks:
                        done += later
                    _add(Entry(found), done, nodes)
                    if free:
                        done += later
                    return
            free = free and not first.before(entry)
    done.append(entry)


# --- a space for both -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Shown:
    """How a nest lies in another space: the group of dimensions that each of its dimensions is cut from, and how many
    elements of the group a step along it takes; None along a row of which the nest knows nothing."""

    groups: list[list[int]]
    parts: list[tuple[int, int] | None]

    def place(self, place: Place) -> Place:
        strides = [place.strides[group[-1]] for group in self.groups]
        return Place(place.buffer, place.offset,
                     tuple([0 if part is None else strides[part[0]] * part[1] for part in self.parts]))

    def dims(self, dims: Shape) -> Shape:
        """The dimensions of the space that these have become."""
        among = {number for number, group in enumerate(self.groups) if group[0] in dims}
        return tuple([d for d, part in enumerate(self.parts) if part is not None and part[0] in among])


def _grouped(nest: Nest, rows: Shape) -> list[list[int]]:
    """The dimensions with neighbours as one that all places run through in one go, of one kind each."""
    reduced, split = nest.reduced
    places = [*(node.args[0] for node in nest.nodes() if node.op in READING), *(root.place for root in nest.roots)]
    groups: list[list[int]] = []
    kinds = [(d in reduced, d in rows, split > 1 and d == reduced[0]) for d in range(len(nest.shape))]
    for d, n in enumerate(nest.shape):
        if groups and kinds[d] == kinds[d - 1] and not kinds[d][2] and all(
                place.strides[d - 1] == place.strides[d] * n for place in places):
            groups[-1].append(d)
        else:
            groups.append([d])
    return groups


def cuts(sizes: Sequence[int], others: Sequence[int]) -> list[int] | None:
    """The sizes of dimensions from which both spaces of as many points can be put together; None if there are none."""
    edges = {1}
    for each in (sizes, others):
        edge = 1
        for n in reversed(each):
            edge *= n
            edges.add(edge)
    ordered = sorted(edges)
    if any(high % low for low, high in pairwise(ordered)):
        return None
    return [high // low for low, high in pairwise(ordered)][::-1]


def parts_of(sizes: Sequence[int], cut: Sequence[int]) -> list[tuple[int, int]]:
    """Which dimension each of the cut ones belongs to, and how many of its elements a step takes."""
    found: list[tuple[int, int]] = []
    number, left = len(sizes) - 1, 1
    for n in reversed(cut):
        while left == sizes[number]:
            number, left = number - 1, 1
        found.append((number, left))
        left *= n
    return found[::-1]


def _spaces(x: Nest, y: Nest, rows: Shape, other: Shape) -> tuple[Shape, _Shown, _Shown] | None:
    """A space for both, of which x has ``rows``, and how they lie in it. y has the same points, or a point a row;
    ``other`` are the rows that it knows itself."""
    mine, its = _grouped(x, rows), _grouped(y, other)
    sizes = [prod([x.shape[d] for d in group]) for group in mine]
    others = [prod([y.shape[d] for d in group]) for group in its]
    if prod(sizes) == prod(others):
        cut = cuts(sizes, others)
        if cut is None:
            return None
        return tuple(cut), _Shown(mine, [*parts_of(sizes, cut)]), _Shown(its, [*parts_of(others, cut)])
    outer = [number for number, group in enumerate(mine) if group[0] not in rows]
    kept = [sizes[number] for number in outer]
    if not rows or prod(kept) != prod(others):
        return None
    cut = cuts(kept, others)
    if cut is None:
        return None
    space: list[int] = []
    for_x: list[tuple[int, int] | None] = []
    for_y: list[tuple[int, int] | None] = []
    parts = list(zip(cut, parts_of(kept, cut), parts_of(others, cut), strict=True))
    for number, group in enumerate(mine):
        if group[0] in rows:
            space.append(sizes[number])
            for_x.append((number, 1))
            for_y.append(None)
            continue
        for n, (of, step), part in parts:
            if outer[of] == number:
                space.append(n)
                for_x.append((number, step))
                for_y.append(part)
    return tuple(space), _Shown(mine, for_x), _Shown(its, for_y)


# --- both as one ------------------------------------------------------------------------------------------------------


class _No(Exception):
    """These nests are not to become one."""


def _one(first: Entry, second: Entry, nodes: Nodes) -> Nest | None:
    """The nest that does what one and then the other does; None if there is none."""
    x, y = first.step, second.step
    assert type(x) is Nest and type(y) is Nest
    if len(x.roots) + len(y.roots) > LARGEST_NEST or not first.writes.isdisjoint(second.writes):
        return None
    if not (prod(x.shape) and prod(y.shape)):
        return None
    reduced, split = x.reduced
    rows, other = x.rows, y.rows
    if not rows and split == 1 and any(
            type(root) is Reduce and root.place.buffer in second.reads for root in x.roots):
        rows = reduced
    swapped = not rows and bool(other)
    spaces = _spaces(y, x, other, rows) if swapped else _spaces(x, y, rows, other)
    if spaces is None:
        return None
    space, for_x, for_y = (spaces[0], spaces[2], spaces[1]) if swapped else spaces
    along = for_y.dims(other) if swapped else for_x.dims(rows)
    if not swapped and other and for_y.dims(other) != along:
        return None
    try:
        return _Joint(space, along, nodes, first, second).nest(x, for_x, y, for_y)
    except _No:
        return None


class _Joint:
    """Two nests in one space with rows ``along`` some of its dimensions."""

    def __init__(self, space: Shape, along: Shape, nodes: Nodes, first: Entry, second: Entry) -> None:
        self.space, self.along, self.nodes, self.first, self.second = space, along, nodes, first, second
        length = prod([space[d] for d in along])
        neighbours = len(space) - 1 in along
        if along and (length > LONGEST or neighbours and length < SHORTEST):
            raise _No

    def nest(self, x: Nest, for_x: _Shown, y: Nest, for_y: _Shown) -> Nest:
        found = Nest(self.space, list(self._roots(x, for_x)))
        own = {root.place: root.value for root in found.roots
               if type(root) is Store and root.place.buffer.kind != "given"}
        reading = [node for node in found.nodes() if node.op in READING]
        more = list(self._roots(y, for_y, own))
        if self.first.writes.isdisjoint(self.second.reads) and not self._shares(reading, more):
            raise _No
        for root in more:  # What is given is read before it is written.
            if any(node.args[0].buffer is root.place.buffer and (node.op != "load" or node.args[0] != root.place)
                   for node in reading):
                raise _No
        found.roots += more
        self._check(found)
        return found

    def _shares(self, reading: Sequence[Node], more: Sequence[Root]) -> bool:
        """Whether the second reads something large that the first reads too."""
        read = {leaf for root in more for leaf in root.value.leaves}
        return prod(self.space) > SMALL and any(
            node.args[0] in read and all(node.args[0].strides) for node in reading)

    def _roots(self, nest: Nest, shown: _Shown, own: dict[Place, Node] | None = None) -> Iterator[Root]:
        """The roots of a nest in the space. The second reads what the first stores as values, its ``own`` by place."""
        nodes, found = self.nodes, dict[Node, Node]()
        for node in nest.nodes():
            if node.op in FOLDS:
                found[node] = nodes.node(node.op, (found[node.args[0]], self.along), node.dtype, node.over)
                continue
            if own is not None and node.op in READING and node.args[0].buffer in self.first.writes:
                place = shown.place(node.args[0])
                if node.op != "load" or place not in own:
                    raise _No
                found[node] = own[place]
                continue
            found[node] = nodes.again(node, found, shown.place)
        for root in nest.roots:
            place, value = shown.place(root.place), found[root.value]
            if type(root) is Store:
                yield Store(value, place)
                continue
            assert type(root) is Reduce
            dims = shown.dims(root.dims)
            if self.along and dims == self.along and root.split == 1:
                fold = nodes.node(_FOLD_OF[root.op], (value, dims), place.buffer.dtype, value.dtype)
                yield Store(fold, place)
                continue
            if self.along and not set(dims).isdisjoint(self.along):
                raise _No
            self._check_pieces(nest, root, dims)
            yield Reduce(root.op, value, place, dims, root.split, root.split_stride)

    def _check_pieces(self, nest: Nest, root: Reduce, dims: Shape) -> None:
        """The pieces of a reduction must be what they were."""
        n = self.space[dims[0]]
        size, was = -(-n // root.split), -(-nest.shape[root.dims[0]] // root.split)
        if root.split > 1 and size * (nest.shape[root.dims[0]] // n) != was:
            raise _No

    def _check(self, nest: Nest) -> None:
        columns = [root for root in nest.roots if type(root) is Reduce]
        if len({(root.dims, root.split) for root in columns}) > 1:
            raise _No
        if not self.along:
            return
        last = len(self.space) - 1
        if columns and (last not in self.along or not all(root.place.strides[d] for root in columns
                                                          for d in self.along)):
            raise _No
        if 12 * len(columns) * prod([self.space[d] for d in self.along]) > WIDEST:
            raise _No
        stored = {root.place.buffer for root in nest.roots if root.place.buffer.kind == "given"}
        if any(node.args[0].buffer in stored for node in nest.nodes() if node.op in READING):
            raise _No  # A later way through a row would find it written.
