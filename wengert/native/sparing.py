"""What a mask leaves out of products of matrices is not computed.

The one idea to know: where the mask is part of the program, as attention's causal one is, it is known element by
element what is 0 whatever the numbers are (a softmax of masked scores), and what is read only to be masked, or to meet
such a 0 (the scores themselves). So for each tile of a product it is known which part of the depth matters, and where
none does, the tile is 0. A sum without its terms that are 0 is the same bits, where no operand is infinite or NaN,
which times 0 would make NaN: a guard looks at the operands before, as long as nothing has been written that must stay
as it is if the graph is interpreted.

Note [patterns]: what is known is an array over a nest's space, with one element along dimensions where nothing differs;
of a buffer it is kept for the part that repeats, a matrix of many. Layers that are alike are looked at once: all is
remembered by what it was found from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np

from .loops import Buffer, Nest, Node, Place, Shape, Store
from .plan import Expr, Plan, row_major
from .steps import Matrices, Product, Step, places_read, places_written

Array = np.ndarray[Any, Any]

LARGEST = 2**21
"""Elements of a pattern that is looked at."""

MOST_SPANS = 2**13
"""Tiles of a product that each have a part of the depth of their own."""

ANY, ZERO, LEAST, FALSE, TRUE = map(np.int8, range(5))
"""What is known of an element: nothing; it is 0; it is minus infinity; a truth value."""


def spared(steps: list[Step], plan: Plan) -> None:
    """Tells the products among the steps which parts of the depth their tiles need, and has their operands guarded."""
    known = _Known(steps, plan.constants)
    if known.codes:
        for step in steps:
            if type(step) is Product and step.cut is not None and not step.cut.low:
                step.cut = replace(step.cut, spans=known.spans(step))
        _guard(steps, plan, known.patterns)


def _guard(steps: list[Step], plan: Plan, patterns: Mapping[Buffer, Array]) -> None:
    """Puts guards before the products of which a part is left out: their operands, but for what the mask has made of
    them, are finite. Not once a step has written what must stay as it is if one fails."""
    seen: set[tuple[Place, Shape]] = set()
    found: list[tuple[int, Matrices]] = []
    for number, step in enumerate(steps):
        if any(place.buffer.kind == "given" for place in places_written(step)):
            break
        if type(step) is Product and step.cut is not None and step.cut.spans:
            for side in (step.left, step.right):
                if side.place.buffer not in patterns and (side.place, side.shape) not in seen:
                    seen.add((side.place, side.shape))
                    found.append((number, side))
    for number, side in reversed(found):
        begin, nodes = plan.closed(), plan.nodes
        x = nodes.load(side.place)
        size = nodes.node("abs", (x,), x.dtype)
        finite = nodes.node("lt", (size, nodes.const(float("inf"), x.dtype)), "bool", x.dtype)
        plan.guard(Expr(side.shape, nodes.node("logical_not", (finite,), "bool")), again=True)
        steps[number:number] = plan.steps[begin:]


class _TooLarge(Exception):
    """A pattern of more elements than are looked at."""


class _Known:
    """What is known of what the steps read and write: Note [patterns]."""

    def __init__(self, steps: Sequence[Step], constants: Mapping[Buffer, Array]) -> None:
        self.steps = steps
        self.patterns: dict[Buffer, Array] = {}
        """What is known of the elements of a buffer from the first on, over and over."""
        self.codes: dict[int, dict[Node, Array]] = {}
        """What is known of the values of a nest, or of a product's tail, by the step's number."""
        self._made: dict[Any, Any] = {}
        self.readers: dict[Buffer, list[int]] = {}
        written: dict[Buffer, int] = {}
        for number, step in enumerate(steps):
            for buffer in {place.buffer for place in places_read(step)}:
                self.readers.setdefault(buffer, []).append(number)
            for place in places_written(step):
                written[place.buffer] = written.get(place.buffer, 0) + 1
        for buffer, array in constants.items():
            if 1 < array.size <= LARGEST and buffer in self.readers:
                pattern = self._once((array.dtype, array.tobytes()), partial(_coded, array.reshape(-1)))
                if pattern.any():
                    self.patterns[buffer] = pattern
        for number, step in enumerate(steps):
            nest = _nest_of(step)
            if nest is None or not any(
                    node.op == "load" and node.args[0].buffer in self.patterns for node in nest.nodes()):
                continue
            try:
                codes = self.codes[number] = self._nest(nest)
            except _TooLarge:
                continue
            for root in nest.roots:
                buffer = root.place.buffer
                if type(root) is Store and buffer.kind == "arena" and written[buffer] == 1:
                    self._note(nest.shape, codes[root.value], root.place)

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What is made for a key the first time. Arrays in keys are their identities, as all of them are kept."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _nest(self, nest: Nest) -> dict[Node, Array]:
        """What is known of each of its values."""
        found: dict[Node, Array] = {}
        nothing = self._once(("any", len(nest.shape)), lambda: np.full((1,) * len(nest.shape), ANY))
        for node in nest.nodes():
            if node.op == "load":
                found[node] = self._load(node.args[0], nest.shape, nothing)
            elif node.op == "const":
                number = np.full((1,) * len(nest.shape), node.args[0], node.dtype)
                found[node] = self._once((number.shape, number.dtype, number.tobytes()), partial(_coded, number))
            elif node.op in RULES and len(node.operands) == len(node.args) - (node.op == "cast" and len(node.args) > 1):
                of = [found[x] for x in node.operands]
                found[node] = nothing if all(codes is nothing for codes in of) else self._once(
                    (node.op, node.dtype, *map(id, of)), partial(RULES[node.op], node.dtype, *of))
            else:
                found[node] = nothing
        return found

    def _load(self, place: Place, shape: Shape, nothing: Array) -> Array:
        """What is known of what is read at a place."""
        pattern = self.patterns.get(place.buffer)
        if pattern is None:
            return nothing
        return self._once(("load", id(pattern), place.offset % len(pattern), place.strides, shape),
                          lambda: pattern[_positions(place, shape, nothing.shape, len(pattern))])

    def _note(self, shape: Shape, codes: Array, place: Place) -> None:
        """Keeps what is known of a buffer of which a nest stores all elements in their order."""
        if place.offset or place.strides != row_major(shape) or place.buffer.size != prod(shape) or not codes.any():
            return
        first = next((d for d, n in enumerate(codes.shape) if n > 1), len(shape))
        if prod(shape[first:]) <= LARGEST:
            self.patterns[place.buffer] = self._once(("stored", id(codes), shape[first:]), lambda: np.broadcast_to(
                codes, (*codes.shape[:first], *shape[first:])).reshape(-1))

    # --- products -----------------------------------------------------------------------------------------------------

    def spans(self, product: Product) -> tuple[tuple[int, int], ...]:
        """Where the depth that matters begins and ends for the tiles of each panel; nothing where all of it matters."""
        cut = product.cut
        assert cut is not None
        try:
            zeros = [self._zeros(side.place, side.shape) for side in (product.left, product.right)]
            unread = self._unread(product)
        except _TooLarge:
            return ()
        if cut.tiles * cut.panels > MOST_SPANS or all(array is None for array in (*zeros, unread)):
            return ()
        sizes = cut.rows, cut.depth, cut.columns, cut.tile_rows, cut.width
        return self._once(("spans", sizes, *map(id, zeros), None if unread is None else unread.tobytes()),
                          lambda: _spans(product, zeros[0], zeros[1], unread))

    def _zeros(self, place: Place, shape: Shape) -> Array | None:
        """Which elements are 0 in all matrices; None where none are."""
        if place.buffer not in self.patterns:
            return None
        nothing = self._once(("any", len(shape)), lambda: np.full((1,) * len(shape), ANY))
        codes = self._load(place, shape, nothing)
        zero = self._once(("zero", id(codes), shape[-2:]), lambda: np.broadcast_to(
            (codes == ZERO).all(tuple(range(len(shape) - 2))), shape[-2:]))
        return zero if zero.any() else None

    def _unread(self, product: Product) -> Array | None:
        """Which elements of the result nothing needs, in no matrix; None where all are needed."""
        out = product.out
        buffer, period = out.place.buffer, prod(out.shape[-2:])
        if buffer.kind != "arena" or out.place.offset or out.place.strides != row_major(out.shape):
            return None
        needed = np.zeros(period, bool)
        readers = self.readers.get(buffer, ()) if product.tail is None else [self.steps.index(product)]
        for number in readers:
            nest, codes = _nest_of(self.steps[number]), self.codes.get(number)
            if nest is None or codes is None:
                return None
            free = self._free(nest, codes)
            for node in nest.nodes():
                if node.op in ("load", "pick") and node.args[0].buffer is buffer:
                    if node.op == "pick" or not free[node].any():
                        return None
                    at = _positions(node.args[0], nest.shape, free[node].shape, period)
                    needed[at[np.broadcast_to(~free[node], at.shape)]] = True
        return None if needed.all() else ~needed.reshape(out.shape[-2:])

    def _free(self, nest: Nest, codes: Mapping[Node, Array]) -> dict[Node, Array]:
        """Where each value may as well be 0."""
        rank = len(nest.shape)
        yes, no = (self._once((word, rank), partial(np.full, (1,) * rank, word)) for word in (True, False))
        found = dict.fromkeys(nest.nodes(), yes)
        found.update({root.value: no for root in nest.roots})
        for node in reversed(nest.nodes()):
            for x, without in _freed(node, codes):
                free, before = found[node], found[x]
                if before is no or without is None:
                    found[x] = no
                    continue
                key = "free", id(free), id(before), *map(id, without)
                found[x] = self._once(key, partial(_both, before, free, *without))
        return found


def _nest_of(step: Step) -> Nest | None:
    """A nest, or what follows a product."""
    return step if type(step) is Nest else step.tail if type(step) is Product else None


def _spans(product: Product, left: Array | None, right: Array | None, unread: Array | None
           ) -> tuple[tuple[int, int], ...]:
    """The same where something is known."""
    cut = product.cut
    assert cut is not None
    firsts = [min(tile * cut.tile_rows, cut.rows - cut.tile_rows) for tile in range(cut.tiles)]
    rows = [slice(first, first + cut.tile_rows) for first in firsts]
    columns = [slice(panel * cut.width, (panel + 1) * cut.width) for panel in range(cut.panels)]
    whole = np.ones(cut.depth, bool)
    beside = [whole if left is None else ~left[row].all(0) for row in rows]
    above = [whole if right is None else ~right[:, column].all(1) for column in columns]
    found = []
    for column, under in zip(columns, above, strict=True):
        for row, before in zip(rows, beside, strict=True):
            needed = np.flatnonzero(under & before)
            empty = not needed.size or unread is not None and unread[row, column].all()
            found.append((0, 0) if empty else (int(needed[0]), int(needed[-1]) + 1))
        if cut.rows % cut.tile_rows:  # the last two have rows in common, which must be the same bits of both
            starts, stops = zip(*[span for span in found[-2:] if span != (0, 0)] or [(0, 0)], strict=True)
            found[-2:] = [(min(starts), max(stops))] * 2
    return () if all(span == (0, cut.depth) for span in found) else tuple(found)


def _positions(place: Place, shape: Shape, like: Shape, period: int) -> Array:
    """Which element of a pattern that repeats after ``period`` stands at each point of a space; there is one along
    dimensions along which neither that nor what has the shape ``like`` differs."""
    kept = [n if m > 1 or s % period else 1 for n, m, s in zip(shape, like, place.strides, strict=True)]
    if prod(kept) > LARGEST:
        raise _TooLarge
    at: Any = np.full((1,) * len(shape), place.offset)
    for d, (n, stride) in enumerate(zip(kept, place.strides, strict=True)):
        at = at + (np.arange(n) * stride).reshape([-1 if e == d else 1 for e in range(len(shape))])
    return at % period


# --- what is known of values ------------------------------------------------------------------------------------------


def _coded(array: Array) -> Array:
    """What is to be known of a constant."""
    if array.dtype == bool:
        return np.where(array, TRUE, FALSE)
    least = array == -np.inf if array.dtype.kind == "f" else False
    return np.where(array == 0, ZERO, np.where(least, LEAST, ANY))


def _cast(dtype: str, x: Array) -> Array:
    if dtype == "bool":
        return np.where(x == ZERO, FALSE, np.where((x == FALSE) | (x == TRUE), x, np.where(x == LEAST, TRUE, ANY)))
    return np.where(x == FALSE, ZERO, np.where(x == TRUE, ANY, x))


def _select(dtype: str, which: Array, x: Array, y: Array) -> Array:
    return np.where(which == TRUE, x, np.where(which == FALSE, y, np.where(x == y, x, ANY)))


def _add(dtype: str, x: Array, y: Array) -> Array:
    least = (x == LEAST) | (y == LEAST)
    return np.where(least, LEAST, np.where((x == ZERO) & (y == ZERO), ZERO, ANY))


def _sub(dtype: str, x: Array, y: Array) -> Array:
    least = (x == LEAST) & (y != LEAST)
    return np.where(least, LEAST, np.where((x == ZERO) & (y == ZERO), ZERO, ANY))


RULES: dict[str, Callable[..., Array]] = {
    "cast": _cast, "select": _select, "add": _add, "sub": _sub,
    "mul": lambda dtype, x, y: np.where((x == ZERO) | (y == ZERO), ZERO, ANY),
    "div": lambda dtype, x, y: np.where((x == ZERO) & (y != ZERO), ZERO, ANY),
    "neg": lambda dtype, x: np.where(x == ZERO, ZERO, ANY),
    "exp": lambda dtype, x: np.where(x == LEAST, ZERO, ANY),
    "logical_not": lambda dtype, x: np.where(x == FALSE, TRUE, np.where(x == TRUE, FALSE, ANY)),
}
"""What is known of a value by what is known of its operands; nothing of what has no rule."""


def _freed(node: Node, codes: Mapping[Node, Array]) -> Iterator[tuple[Node, tuple[Any, ...] | None]]:
    """The operands of a value that are not needed where it is not, and what frees them besides: nothing, or what is
    known of another operand and of which kind that must be. With None: operands that are needed anyway."""
    op = node.op
    for number, x in enumerate(node.operands):
        if op == "select" and len(node.operands) == 3 and number:
            yield x, (codes[node.operands[0]], FALSE if number == 1 else TRUE)
        elif op in ("mul", "add", "sub") and len(node.operands) == 2:
            yield x, (codes[node.operands[1 - number]], ZERO if op == "mul" else LEAST)
        else:
            yield x, () if op in ("neg", "cast", "exp", "max", "min") else None


def _both(before: Array, free: Array, codes: Array | None = None, kind: Any = None) -> Array:
    """Where an operand was free ``before``, and is so of a value that is ``free``, or where ``codes`` are of a kind."""
    return before & (free if codes is None else free | (codes == kind))
