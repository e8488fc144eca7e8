"""The plan of a program: expressions over places, and the steps that compute what must be in memory.

The one idea to know: a value of the graph is an `Expr`, elements of a space computed from elements of buffers, and
costs nothing until something needs it in memory. Then it becomes a root of a nest: of one that is there already where
the space is the same, else of a new one. A view of an expression is the expression of views, so views cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..compiler.jit import engine
from ..compiler.products import Geometry, geometry
from ..ir import Instr
from .loops import DTYPES, READING, REALS, Buffer, Nest, Node, Nodes, Place, Reduce, Shape, Store
from .steps import Call, Guard, Kernel, Layout, Matrices, Product, Step

SMALL = 4096
"""Spaces of up to so many points share a nest even where they have nothing in common."""

MOST_SCALED = 4
"""How many times larger than an operand a product may be that is multiplied by a number in its place."""

LARGEST_NEST = 24
"""Roots of a nest."""

DEAR = 10
"""Cycles a vector from which on a value is not computed twice."""

PIECES, PIECE = 16, 2**13
"""A reduction of which nothing else would give several items is cut into so many pieces at most, of so many points at
least."""


class Choices:
    """What a plan chooses by its sizes where several ways are right. Plans of one graph for several sizes must be
    alike, if they are to share their code (`shared`): the others ``take`` what the first has chosen."""

    def __init__(self, take: Choices | None = None, shared: bool = False) -> None:
        self.made: list[tuple[str, Any]] = []
        self.shared = shared or take is not None
        """Whether code is to serve other sizes too."""
        self._take = take

    def __call__(self, what: str, choose: Callable[[], Any]) -> Any:
        """What ``choose`` says, or what the first plan has chosen here. Raises `NotImplementedError` where that has
        chosen something else."""
        if self._take is None:
            self.made.append((what, choose()))
        else:
            at = len(self.made)
            if at == len(self._take.made) or self._take.made[at][0] != what:
                raise NotImplementedError(f"a plan with another {what} than the first")
            self.made.append(self._take.made[at])
        return self.made[-1][1]


@dataclass(frozen=True, slots=True)
class Expr:
    """The elements of a space of ``shape``: loads in it have a stride per dimension."""

    shape: Shape
    node: Node

    @property
    def dtype(self) -> str:
        return self.node.dtype


class Plan:
    """Steps in order, and the buffers that they work on."""

    def __init__(self, choices: Choices | None = None) -> None:
        self.choose = choices or Choices()
        self.nodes = Nodes()
        self.buffers: list[Buffer] = []
        self.constants: dict[Buffer, np.ndarray[Any, Any]] = {}
        self.steps: list[Step] = []
        self.written: dict[Buffer, int] = {}
        """The last step that writes a buffer."""
        self.barrier = -1
        """The last step that may fail."""
        self.origin: dict[int, Instr] = {}
        """The instruction that a kernel computes, by the step's identity."""
        self._nests: dict[Shape, list[int]] = {}
        self._kept: dict[tuple[Shape, Node], Buffer] = {}
        self._framed: dict[Any, Expr] = {}
        self._laid: dict[Any, Place] = {}
        self._made: dict[Any, Expr] = {}
        self._read: dict[int, set[Place]] = {}
        """What the nest at a step reads."""

    # --- buffers ------------------------------------------------------------------------------------------------------

    def buffer(self, kind: str, dtype: str, size: int, name: str = "") -> Buffer:
        found = Buffer(len(self.buffers), kind, dtype, size, name)
        self.buffers.append(found)
        return found

    def whole(self, buffer: Buffer, shape: Shape, strides: Shape | None = None, offset: int = 0) -> Expr:
        """All of a buffer, in rows where no strides are given."""
        steps = row_major(shape) if strides is None else strides
        return Expr(shape, self.nodes.load(Place(buffer, offset, steps)))

    def constant(self, array: np.ndarray[Any, Any]) -> Expr:
        """An array that is part of the program; a single number is part of the expression."""
        if array.size == 1 and array.dtype.name in DTYPES:
            return Expr(array.shape, self.nodes.const(array.reshape(())[()].item(), array.dtype.name))
        buffer = self.buffer("constant", array.dtype.name, array.size)
        self.constants[buffer] = np.ascontiguousarray(array)
        return self.whole(buffer, array.shape)

    # --- expressions --------------------------------------------------------------------------------------------------

    def mapped(self, node: Node, change: Callable[[Place], Place]) -> Node:
        """The expression with other places in its loads."""
        if not node.operands:
            return self.nodes.again(node, {}, change)
        found: dict[Node, Node] = {}
        for x in node.under():
            found[x] = self.nodes.again(x, found, change)
        return found[node]

    def expand(self, x: Expr, shape: Shape) -> Expr:
        """Repeated to a shape. What is costly to compute goes to memory first, so that it is computed once."""
        if x.shape == shape:
            return x
        if prod(shape) > 8 * prod(x.shape) and x.node.weight >= (DEAR if x.shape else 4):
            x = self.in_memory(x)
        lead = len(shape) - len(x.shape)

        def change(place: Place) -> Place:
            kept = [0 if n == 1 and m != 1 else s
                    for n, m, s in zip(x.shape, shape[lead:], place.strides, strict=True)]
            return Place(place.buffer, place.offset, (0,) * lead + tuple(kept))

        return Expr(shape, self.mapped(x.node, change))

    def viewed(self, x: Expr, view: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> Expr:
        """A view, found by taking it of uninitialised arrays that lie as the expression's places do. What is viewed in
        parts, and can be done along with a product (`tails`), is in memory as a whole."""
        try:
            found = self._viewed(x, view)
            if prod(found.shape) < prod(x.shape) and self._follows_product(x):
                found = self._viewed(self.in_memory(x), view)
            return found
        except _Copied:
            pass
        for lie in (self.indexed, partial(self.in_memory, again=True)):
            x = lie(x)
            try:
                return self._viewed(x, view)
            except _Copied:
                pass
        raise NotImplementedError("a view that copies")

    def indexed(self, x: Expr) -> Expr:
        """What is picked by an index in memory, in rows, where that is little beside what is picked; else as it is."""
        if x.node.op != "pick":
            return x
        place, index, *more = x.node.args
        narrow = tuple([n if any(leaf.strides[d] for leaf in index.leaves) else 1 for d, n in enumerate(x.shape)])
        if 8 * prod(narrow) > prod(x.shape):
            return x
        index = self.expand(self.in_memory(Expr(narrow, index), again=True), x.shape).node
        return Expr(x.shape, self.nodes.pick(place, index, *more))

    def _follows_product(self, x: Expr) -> bool:
        """Whether an expression is cheap, and of all elements of a product of ours that goes by in one go."""
        if x.node.op == "load" or x.node.weight >= DEAR:
            return False
        for leaf in x.node.leaves:
            at = self.written.get(leaf.buffer, -1)
            step = self.steps[at] if at >= 0 else None
            if type(step) is Product and step.cut is not None and not step.cut.cut and all(
                    s or n == 1 for n, s in zip(x.shape, leaf.strides, strict=True)) and (
                    leaf.buffer.size == prod(x.shape)):
                return True
        return False

    def _viewed(self, x: Expr, view: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> Expr:
        shape: Shape | None = None

        def change(place: Place) -> Place:
            nonlocal shape
            dtype = np.dtype(place.buffer.dtype)
            memory = np.empty(place.buffer.size, dtype)
            part = np.lib.stride_tricks.as_strided(
                memory[place.offset:], x.shape, [s * dtype.itemsize for s in place.strides])
            seen = view(part)
            if seen.size and not np.may_share_memory(seen, memory):
                raise _Copied
            shape = seen.shape
            offset = (_start(seen) - _start(memory)) // dtype.itemsize if seen.size else 0
            return Place(place.buffer, offset, tuple([s // dtype.itemsize for s in seen.strides]))

        node = self.mapped(x.node, change)
        if shape is None:  # constants alone
            shape = view(np.lib.stride_tricks.as_strided(np.zeros(1), x.shape, (0,) * len(x.shape))).shape
        return Expr(shape, node)

    # --- what must be in memory ---------------------------------------------------------------------------------------

    def in_memory(self, x: Expr, again: bool = False) -> Expr:
        """The expression as elements of a buffer, in the order of what it reads; ``again``: in rows of its own shape,
        also where it is in memory already. What is there in another view is not stored a second time."""
        if x.node.op == "load" and (not again or x.node.args[0].strides == row_major(x.shape)):
            return x
        order = tuple(range(len(x.shape))) if again else lying_order(x.shape, x.node.leaves)
        lying = self._permuted(x, order)
        key = self._merged(lying)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self.buffer("arena", x.dtype, prod(x.shape))
            self.store(lying, Place(found, 0, row_major(lying.shape)))
        strides = dict(zip(order, row_major(lying.shape), strict=True))
        return self.whole(found, x.shape, tuple([strides[d] for d in range(len(x.shape))]))

    def _permuted(self, x: Expr, order: Sequence[int]) -> Expr:
        """The same elements with the dimensions in another order."""
        if list(order) == list(range(len(x.shape))):
            return x
        node = self.mapped(x.node, lambda place: Place(
            place.buffer, place.offset, tuple([place.strides[d] for d in order])))
        return Expr(tuple([x.shape[d] for d in order]), node)

    def _merged(self, x: Expr) -> tuple[Shape, Node]:
        """The shape and the node with neighbouring dimensions that all places run through in one go as one: equal for
        all views of the same elements in the same order."""
        joined = self._grouped(x, _groups(x.shape, x.node.leaves))
        return joined.shape, joined.node

    def _grouped(self, x: Expr, groups: Sequence[Sequence[int]]) -> Expr:
        """The same elements with groups of dimensions as one."""
        node = self.mapped(x.node, lambda place: _grouped_place(place, groups))
        return Expr(tuple([prod([x.shape[d] for d in group]) for group in groups]), node)

    def store(self, x: Expr, place: Place, first: int = 0, apart: bool = False) -> tuple[Nest, Place]:
        """A root that leaves the expression at a place, in a step from ``first`` on; after all that is written to its
        buffer before, unless that is known to be ``apart`` from it. Its nest, and the place there."""
        if not prod(x.shape):
            return Nest(x.shape), place
        first = first if apart else max(first, self.written.get(place.buffer, -1) + 1)
        groups = _rows(_groups(x.shape, (*x.node.leaves, place)))
        x, place = self._grouped(x, groups), _grouped_place(place, groups)
        return self._root(x, lambda node: Store(node, place), place, first), place

    def reduce(self, op: str, x: Expr, dims: Shape, keepdim: bool, dtype: str, whole: bool = False) -> Expr:
        """The combination of elements along dimensions, of which none is empty; not in pieces where it must be
        ``whole``."""
        kept = tuple([1 if d in dims else n for d, n in enumerate(x.shape)])
        final = kept if keepdim else tuple([n for d, n in enumerate(x.shape) if d not in dims])
        if not prod(x.shape):
            raise NotImplementedError("nothing to reduce")
        order = lying_order(x.shape, x.node.leaves)
        if list(order) != list(range(len(order))):
            lying = self.reduce(op, self._permuted(x, order), tuple([order.index(d) for d in dims]), True, dtype, whole)
            return self.viewed(lying, lambda array: array.transpose(
                [order.index(d) for d in range(len(order))]).reshape(final))
        dims = tuple([d for d in sorted(dims) if x.shape[d] > 1])
        if not dims:
            node = x.node if x.dtype == dtype else self.nodes.node("cast", (x.node,), dtype, x.dtype)
            return self.viewed(Expr(x.shape, node), lambda array: array.reshape(final))
        groups = self._as_written(x, _rows(_groups(x.shape, x.node.leaves, dims)))
        x, dims = self._grouped(x, groups), tuple([at for at, group in enumerate(groups) if group[0] in dims])
        kept = tuple([1 if d in dims else n for d, n in enumerate(x.shape)])
        pieces = 1 if whole else self.choose("number of pieces", lambda: self._pieces(x.shape, dims))
        size = prod(kept)
        if pieces > 1:
            wide = "float64" if op == "sum" and x.dtype in REALS else dtype
            parts = self.buffer("arena", wide, pieces * size)
            self._reduction(op, x, dims, kept, parts, pieces)
            return self.reduce(op, self.whole(parts, (pieces, *final)), (0,), False, dtype, whole=True)
        buffer = self.buffer("arena", dtype, size)
        self._reduction(op, x, dims, kept, buffer, 1)
        return self.whole(buffer, final)

    def _as_written(self, x: Expr, groups: list[list[int]]) -> list[list[int]]:
        """Finer groups of dimensions, where a nest that stores what is read goes through it in these: so that it can
        be reduced there."""
        for leaf in x.node.leaves:
            at = self.written.get(leaf.buffer, -1)
            nest = self.steps[at] if at >= 0 else None
            if type(nest) is Nest and any(type(root) is Store and root.place.buffer is leaf.buffer
                                          for root in nest.roots):
                for finer in _finer(groups):
                    if tuple([prod([x.shape[d] for d in group]) for group in finer]) == nest.shape:
                        return finer
        return groups

    def _pieces(self, shape: Shape, dims: Shape) -> int:
        last = len(shape) - 1
        points, kept = prod(shape), prod([n for d, n in enumerate(shape) if d not in dims])
        if last not in dims:
            kept = max(1, kept // shape[last]) * -(-shape[last] // 4096)
        if kept >= PIECES or points < 2 * PIECE:
            return 1
        most = min(PIECES, shape[dims[0]], points // PIECE)
        if most < 2:
            return 1
        return -(-shape[dims[0]] // -(-shape[dims[0]] // most))

    def _reduction(self, op: str, x: Expr, dims: Shape, kept: Shape, buffer: Buffer, pieces: int) -> None:
        strides = tuple([0 if n == 1 else s for n, s in zip(kept, row_major(kept), strict=True)])
        place = Place(buffer, 0, strides)
        self._root(x, lambda node: Reduce(op, node, place, dims, pieces, prod(kept)), place, 0, (dims, pieces))

    def _root(self, x: Expr, root: Callable[[Node], Any], place: Place, first: int,
              along: tuple[Shape, int] | None = None) -> Nest:
        """Puts a root into a nest that fits, or into one of its own."""
        leaves = x.node.leaves
        picked = {y.args[0] for y in x.node.under() if y.op == "pick"}
        needed = max([self.written.get(leaf.buffer, -1) for leaf in leaves], default=-1)
        for at in self._nests.get(x.shape, ()):
            nest = self.steps[at]
            assert type(nest) is Nest
            if at < max(needed, first) or len(nest.roots) >= LARGEST_NEST:
                continue
            if along is not None and nest.reduced[0] and nest.reduced != along:
                continue
            # What is given is read as it came, also where the nest writes it.
            own: dict[Place, Node] = {r.place: r.value for r in nest.roots
                                      if type(r) is Store and r.place.buffer.kind != "given"}
            mine = [leaf for leaf in leaves if self.written.get(leaf.buffer, -1) == at]
            if any(leaf not in own or leaf in picked for leaf in mine):
                continue
            if not mine and self._read[at].isdisjoint(leaves) and self.choose(
                    "size of a pass", lambda: prod(x.shape) > SMALL):
                continue
            node = self._replaced(x.node, own) if mine else x.node
            nest.roots.append(root(node))
            self._read[at].update(node.leaves)
            self._note(place.buffer, at)
            return nest
        nest = Nest(x.shape, [root(x.node)])
        self._add(nest)
        self._nests.setdefault(x.shape, []).append(len(self.steps) - 1)
        self._read[len(self.steps) - 1] = set(leaves)
        self._note(place.buffer, len(self.steps) - 1)
        return nest

    def _note(self, buffer: Buffer, at: int) -> None:
        if buffer.kind != "given":
            self.written[buffer] = max(at, self.written.get(buffer, -1))

    def _replaced(self, node: Node, own: dict[Place, Node]) -> Node:
        """The expression with what a nest stores itself in the place of its loads."""
        found: dict[Node, Node] = {}
        for x in node.under():
            found[x] = own.get(x.args[0], x) if x.op == "load" else self.nodes.again(x, found)
        return found[node]

    def _add(self, step: Step) -> int:
        self.steps.append(step)
        return len(self.steps) - 1

    def framed(self, x: Expr, widths: Sequence[tuple[int, int]], value: float = 0, last: bool = False) -> Expr:
        """The expression (N, C, *sizes) in memory in a frame of ``value`` of these widths along the last dimensions, so
        that it can be read beyond its ends. What is in memory already, or lies in a frame that wide, stays where it is,
        but for its channels, which are innermost if they must be the ``last``."""
        if self.stands(x, widths, value) and not (last and x.shape[1] > 1 and x.node.args[0].strides[1] != 1):
            return x
        given = x.node.op == "load" and not last
        order = lying_order(x.shape, x.node.leaves) if given else _channels_last(len(x.shape), len(widths))
        lying = self._permuted(x, order)
        key = lying.shape, lying.node, order, tuple(widths), value
        found = self._framed.get(key)
        if found is None:
            found = self._framed[key] = self.frame(x.shape, x.dtype, widths, value, order)
            self.lay(x, found, order)
        return found

    def lay(self, x: Expr, target: Expr, order: Sequence[int], first: int = 0, apart: bool = False) -> None:
        """Stores an expression where another says, going through the dimensions in this order."""
        self.store(self._permuted(x, order), self._permuted(target, order).node.args[0], first, apart)

    def frame(self, shape: Shape, dtype: str, widths: Sequence[tuple[int, int]], value: float = 0,
              order: Sequence[int] | None = None) -> Expr:
        """Memory as `framed` leaves it, of which a step writes the inside; channels are innermost if no order is
        given."""
        every = [*((0, 0),) * (len(shape) - len(widths)), *widths]
        whole = [n + low + high for n, (low, high) in zip(shape, every, strict=True)]
        order = _channels_last(len(shape), len(widths)) if order is None else order
        steps = dict(zip(order, row_major(tuple([whole[d] for d in order])), strict=True))
        strides = tuple([steps[d] for d in range(len(shape))])
        buffer = self.buffer("arena", dtype, prod(whole))
        offset = sum(low * step for (low, _), step in zip(every, strides, strict=True))
        found = self.whole(buffer, shape, strides, offset)
        if any(low or high for low, high in widths):
            buffer.frame = found.node.args[0].strides, offset, shape, tuple(widths), value
        return found

    def stands(self, x: Expr, widths: Sequence[tuple[int, int]], value: float = 0) -> bool:
        """Whether an expression is in memory so that it can be read as far as this beyond its ends."""
        if x.node.op != "load":
            return False
        place = x.node.args[0]
        if not any(low or high for low, high in widths):
            return True
        if place.buffer.frame is None:
            return False
        strides, offset, shape, its, filler = place.buffer.frame
        return (place.strides, place.offset, x.shape, filler) == (strides, offset, shape, value) and all(
            low <= a and high <= b for (low, high), (a, b) in zip(widths, its, strict=True))

    def once(self, key: Any, make: Callable[[], Expr]) -> Expr:
        """What ``make`` makes; once for each key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    # --- other steps --------------------------------------------------------------------------------------------------

    def kernel(self, name: str, form: Any, reads: list[Place], writes: list[Place]) -> None:
        """A step with a code of its own, which says how far it goes from the beginning of each operand."""
        at = self._add(Kernel(name, form, reads, writes))
        for place in writes:
            self.written[place.buffer] = at

    def laid_by(self, name: str, form: Any, source: Place, dtype: str, elements: int) -> Place:
        """Memory in which a kernel lays out what is at a place; once, however many ask for it."""
        key = source, form
        place = self._laid.get(key)
        if place is None:
            place = self._laid[key] = Place(self.buffer("arena", dtype, elements), 0, ())
            self.kernel(name, form, [source], [place])
        return place

    def product(self, x: Expr, y: Expr) -> Expr:
        """``x @ y`` of at least two dimensions each, with equal leading sizes."""
        left, right = self._operand(x), self._matrices(y)
        shape = (*x.shape[:-1], y.shape[-1])
        buffer = self.buffer("arena", x.dtype, prod(shape))
        out = self.whole(buffer, shape)
        sizes = x.shape[-2], x.shape[-1], y.shape[-1]
        cut = self.choose("cut of a product", lambda: geometry(
            engine().machine, x.dtype, shape[:-2], sizes, left.place.strides, right.place.strides, row_major(shape),
            self.choose.shared))
        if cut is not None:
            cut = cut.of_sizes(shape[:-2], sizes, left.place.strides, right.place.strides, row_major(shape))
        product = Product(left, right, Matrices(out.node.args[0], shape), x.dtype, cut)
        if cut is None:
            product.left = self._matrices(x)
        else:
            self._lay(product, cut)
        self.written[buffer] = self._add(product)
        return out

    def unscaled(self, x: Expr, elements: int) -> tuple[Expr, Node | None]:
        """An operand of a product of so many elements, and the number that all of it is multiplied by, as attention's
        queries are, if the product can be instead: what is in memory is then read as it stands."""
        node = x.node
        if node.op == "mul" and elements <= MOST_SCALED * prod(x.shape):
            for number, value in (node.operands, node.operands[::-1]):
                if number.op == "const" and value.op in READING:
                    return Expr(x.shape, value), number
        return x, None

    def _lay(self, product: Product, cut: Geometry) -> None:
        """Finds the operands laid out by a product before, or says who lays them out."""
        wanted = [(product.right, True, cut.panel_elements, cut.panel_form())]
        if cut.lay_left:
            wanted.append((product.left, False, cut.left_elements, cut.left_form()))
        places = []
        for source, right, elements, form in wanted:
            key = source.place, source.shape, form
            place = self._laid.get(key)
            if place is None:
                if self.choose.shared:
                    elements = cut.room(right)
                place = self._laid[key] = Place(self.buffer("arena", cut.dtype, elements), 0, ())
                if right == cut.by_panels:
                    product.lays = (*product.lays, place)
                else:
                    self._add(Layout(source, place, cut, right))
            places.append(place)
        product.panels, product.laid = places[0], places[-1]

    def _operand(self, x: Expr) -> Matrices:
        x = self.in_memory(x)
        return Matrices(x.node.args[0], x.shape)

    def _matrices(self, x: Expr) -> Matrices:
        """An operand of which neighbours lie together along one dimension."""
        x = self.in_memory(x)
        rows, columns = x.shape[-2:]
        place: Place = x.node.args[0]
        down, right = place.strides[-2:]
        plain = (right == 1 or columns == 1) and (down >= columns or rows == 1)
        turned = (down == 1 or rows == 1) and (right >= rows or columns == 1)
        if not (plain or turned):
            x = self.in_memory(x, again=True)
        return Matrices(x.node.args[0], x.shape)

    def call(self, instr: Instr, operands: list[Any]) -> list[Expr]:
        """What numpy computes, as fresh arrays."""
        specs = [value.spec for value in instr.results]
        results = [self.buffer("called", spec.dtype.name, prod(spec.shape)) for spec in specs]
        self.barrier = self._add(Call(instr, operands, results))
        for buffer in results:
            self.written[buffer] = self.barrier
        return [self.whole(buffer, tuple(spec.shape)) for buffer, spec in zip(results, specs, strict=True)]

    def closed(self) -> int:
        """How many steps there are. From now on no nest of these takes anything in: others may stand in its place."""
        self._nests.clear()
        return len(self.steps)

    def guard(self, wrong: Expr, again: bool = False) -> None:
        """Nothing may be wrong anywhere in a space of truth values; else the graph does all ``again``, or fails."""
        count = Expr(wrong.shape, self.nodes.node("cast", (wrong.node,), "int64", "bool"))
        found = self.reduce("sum", count, tuple(range(len(wrong.shape))), False, "int64")
        found = self.in_memory(found)
        self.barrier = self._add(Guard(found.node.args[0], again))


class _Copied(Exception):
    """A view of this place would be a copy."""


def _channels_last(rank: int, last: int) -> Shape:
    """The order of dimensions with the channels innermost, where there are a batch and channels before the last."""
    return (0, *range(2, rank), 1) if rank == last + 2 else tuple(range(rank))


def _groups(shape: Shape, places: Sequence[Place], reduced: Sequence[int] = ()) -> list[list[int]]:
    """Neighbouring dimensions that all places run through in one go, all of which are ``reduced`` or none; those of one
    element are left out."""
    groups: list[list[int]] = []
    for d, n in enumerate(shape):
        if n == 1:
            continue
        before = groups[-1][-1] if groups else -1
        if groups and (before in reduced) == (d in reduced) and all(
                place.strides[before] == place.strides[d] * n for place in places):
            groups[-1].append(d)
        else:
            groups.append([d])
    return groups


def _rows(groups: list[list[int]]) -> list[list[int]]:
    """The same with the last dimension apart, so that what goes along rows and what does not meet in one nest."""
    if groups and len(groups[-1]) > 1:
        return [*groups[:-1], groups[-1][:-1], groups[-1][-1:]]
    return groups


def _finer(groups: Sequence[Sequence[int]]) -> Iterator[list[list[int]]]:
    """The groups, and all ways to cut them further."""
    if not groups:
        yield []
        return
    first, rest = list(groups[0]), groups[1:]
    for cuts in product((False, True), repeat=len(first) - 1):
        parts = [first[:1]]
        for d, cut in zip(first[1:], cuts, strict=True):
            if cut:
                parts.append([d])
            else:
                parts[-1].append(d)
        for other in _finer(rest):
            yield [*parts, *other]


def _grouped_place(place: Place, groups: Sequence[Sequence[int]]) -> Place:
    return Place(place.buffer, place.offset, tuple([place.strides[group[-1]] for group in groups]))


def lying_order(shape: Shape, leaves: Sequence[Place]) -> Shape:
    """The dimensions in the order in which the largest of the places lies, where that has all of them; else as they
    are."""
    size = {leaf: prod([n for n, s in zip(shape, leaf.strides, strict=True) if s]) for leaf in leaves}
    largest = max(leaves, key=size.__getitem__, default=None)
    given = tuple(range(len(shape)))
    if largest is None or any(n > 1 and not s for n, s in zip(shape, largest.strides, strict=True)):
        return given
    # Dimensions of one element stay beside the neighbours that they have.
    steps, step = [], 0
    for d in given:
        step = abs(largest.strides[d]) if shape[d] > 1 else step
        steps.append(step)
    return tuple(sorted(given, key=lambda d: -steps[d]))


def strides_in(shape: Shape, order: Sequence[int]) -> Shape:
    """The strides of elements that lie side by side, the dimensions in this order from the outermost on."""
    steps = dict(zip(order, row_major(tuple([shape[d] for d in order])), strict=True))
    return tuple([steps[d] for d in range(len(shape))])


def row_major(shape: Shape) -> Shape:
    """The strides, in elements, of an array in rows; 0 along dimensions of one element."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step if n != 1 else 0)
        step *= max(n, 1)
    return tuple(reversed(strides))


def _start(array: np.ndarray[Any, Any]) -> int:
    return int(array.__array_interface__["data"][0])
