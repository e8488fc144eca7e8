"""The loop IR: what stands between a graph and LLVM's text.

The one idea to know: a `Nest` is one pass over an iteration space. At every point of it expressions are computed from
elements of buffers; an expression is stored, at its point, or reduced along some dimensions of the space, in an order
that depends on sizes alone. Expressions are DAGs of `Node`; equal nodes of one plan are one object (`Nodes`), so that
common subexpressions need no pass of their own. A reduction may be a node too (`FOLDS`): then what it combines to along
a *row* of the space is a number that expressions of the same row go on with, as a softmax does.

The text of a nest::

    nest 3 over 64x10
      %0 = load b4[0; 10,1] : float32
      %1 = exp %0 : float32
      store b5[0; 10,1] <- %1 : float32
      sum b6[0; 1] <- %1 over 1 : float32

``b4[0; 10,1]`` is the buffer 4 from element 0 on, with a stride per dimension, in elements. A fold says along which
dimensions: ``%2 = row_max %1 (1,) : float32``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from ..core.operands import Array

Shape = tuple[int, ...]

REALS = ("float32", "float64")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")
DTYPES = (*REALS, *INTEGERS, "bool")


class LoopError(ValueError):
    """A nest that is not well formed."""


@dataclass(slots=True, eq=False)
class Buffer:
    """Memory for ``size`` elements. ``kind`` says whose: ``"given"`` comes with each call (``number`` says which of the
    arrays), ``"constant"`` is part of the program, ``"fresh"`` is given out, ``"arena"`` holds what is in between."""

    number: int
    kind: str
    dtype: str
    size: int
    name: str = ""
    slot: int = -1
    offset: int = 0
    frame: Any = None
    """How the elements that are written lie in a frame (strides, offset, shape), its widths, and the number in it,
    which is there before the program runs. Only buffers with equal frames share memory."""

    @property
    def bytes(self) -> int:
        return self.size * np.dtype(self.dtype).itemsize

    def __repr__(self) -> str:
        return f"b{self.number}"


@dataclass(frozen=True, slots=True)
class Place:
    """Elements of a buffer: the first, and the step from neighbour to neighbour a dimension."""

    buffer: Buffer
    offset: int
    strides: Shape

    def __repr__(self) -> str:
        return f"{self.buffer!r}[{self.offset}; {','.join(map(str, self.strides))}]"


READING = ("load", "pick")
"""Operations whose first argument is a place. ``pick place index step count`` reads ``index`` steps further on; the
index is an int64 from 0 to ``count`` - 1, which is for the plan to see to."""


FOLDS = {"row_sum": "sum", "row_max": "max", "row_min": "min"}
"""Operations that combine their operand along dimensions, ``row_sum value dims``, by the name of the reduction. All
folds of a nest are along the same dimensions, its *rows*; a sum of real numbers is taken in float64."""


class Node:
    """One operation of an expression. ``over`` is the dtype that it works in, ``dtype`` that of its result."""

    __slots__ = ("_under", "args", "cost", "depth", "dtype", "leaves", "op", "operands", "over", "weight")

    def __init__(self, op: str, args: tuple[Any, ...], dtype: str, over: str) -> None:
        self.op, self.args, self.dtype, self.over = op, args, dtype, over
        self.cost = self.weight = COSTS.get(op, 1)
        self._under: list[Node] | None = None
        self.depth = 1
        """The operations one after the other that lead here."""
        self.leaves: tuple[Place, ...] = args[:1] if op in READING else ()
        """The places that are read."""
        self.operands = tuple([x for x in args if type(x) is Node])
        """Those of its arguments that are nodes."""
        for x in self.operands:
            self.depth = max(self.depth, 1 + x.depth)
            self.weight = min(self.weight + x.weight, 10**6)
            self.leaves = tuple(dict.fromkeys((*self.leaves, *x.leaves))) if self.leaves else x.leaves

    def under(self) -> list[Node]:
        """The node and all under it, operands first; remembered, as an expression is seen in one view after another."""
        if self._under is None:
            self._under = order([self])
        return self._under

    @property
    def is_mask(self) -> bool:
        """What builders of expressions ask of a value."""
        return self.dtype == "bool"


COSTS = {"load": 0, "const": 0, "cast": 1, "exp": 12, "exp2": 12, "expm1": 16, "log": 16, "log2": 16, "log10": 16,
         "log1p": 20, "sin": 20, "cos": 20, "tanh": 20, "sigmoid": 18, "erf": 20, "erfc": 30, "normal_cdf": 20,
         "pick": 8, "div": 4, "sqrt": 6, "rsqrt": 8, "reciprocal": 4, "pow": 60}
"""Roughly how many cycles a vector takes, where that is not one."""


class Nodes:
    """The nodes of a plan, each of which is there once."""

    def __init__(self) -> None:
        self._known: dict[Any, Node] = {}

    def node(self, op: str, args: tuple[Any, ...], dtype: str, over: str | None = None) -> Node:
        over = over or dtype
        if op == "select" and args[1] is args[2]:
            return args[1]
        key = op, tuple([id(x) if type(x) is Node else repr(x) for x in args]), dtype, over
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Node(op, args, dtype, over)
        return found

    def load(self, place: Place) -> Node:
        key = "load", id(place.buffer), place.offset, place.strides
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Node("load", (place,), place.buffer.dtype, place.buffer.dtype)
        return found

    def pick(self, place: Place, index: Node, step: int, count: int) -> Node:
        return self.node("pick", (place, index, step, count), place.buffer.dtype, "int64")

    def again(self, x: Node, found: Mapping[Node, Node], change: Callable[[Place], Place] | None = None) -> Node:
        """The node with other operands, and with another place where it reads one."""
        if x.op in READING and change is not None:
            place = change(x.args[0])
            return self.load(place) if x.op == "load" else self.pick(place, found[x.args[1]], *x.args[2:])
        if not x.operands:
            return x
        return self.node(x.op, tuple([found[y] if type(y) is Node else y for y in x.args]), x.dtype, x.over)

    def const(self, number: float | int | bool, dtype: str) -> Node:
        return self.node("const", (number,), dtype)


def order(roots: Sequence[Node]) -> list[Node]:
    """All nodes under these, operands first."""
    done: dict[Node, None] = {}
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
            continue
        count = len(stack)
        for x in node.operands:
            if x not in done:
                stack.append(x)
        if len(stack) == count:
            done[stack.pop()] = None
    return list(done)


@dataclass(slots=True, eq=False)
class Store:
    """The value of every point goes to its place."""

    value: Node
    place: Place


@dataclass(slots=True, eq=False)
class Reduce:
    """What the values combine to along ``dims`` goes to the place; its strides along these are 0.

    ``split``: the first of the dimensions is cut into so many pieces, each of which has a result of its own,
    ``split_stride`` elements apart; a sum of float32 is then left in float64.
    """

    op: str
    value: Node
    place: Place
    dims: Shape
    split: int = 1
    split_stride: int = 0


Root = Store | Reduce


@dataclass(slots=True, eq=False)
class Nest:
    """One pass over ``shape``. All reductions are along the same dimensions with the same split. Where there are folds,
    these are along dimensions that no reduction is along, and a row is gone through as often as folds depend on each
    other; a value that is alike all along a row may be stored once a row."""

    shape: Shape
    roots: list[Root] = field(default_factory=list)
    _walked: tuple[list[Node], list[Node]] | None = field(default=None, repr=False)

    @property
    def rows(self) -> Shape:
        """The dimensions that make up a row, if there are folds."""
        return next((node.args[1] for node in self.nodes() if node.op in FOLDS), ())

    @property
    def reduced(self) -> tuple[Shape, int]:
        for root in self.roots:
            if type(root) is Reduce:
                return root.dims, root.split
        return (), 1

    def nodes(self) -> list[Node]:
        """All nodes under the roots, operands first; remembered for the roots of the moment, as it is asked often."""
        values = [root.value for root in self.roots]
        if self._walked is None or self._walked[0] != values:
            self._walked = values, order(values)
        return self._walked[1]

    def __str__(self) -> str:
        names: dict[Node, str] = {}
        lines = [f"nest over {'x'.join(map(str, self.shape)) or 'a point'}"]
        for node in self.nodes():
            names[node] = f"%{len(names)}"
            args = " ".join(names[x] if type(x) is Node else repr(x) for x in node.args)
            over = "" if node.over == node.dtype else f" of {node.over}"
            lines.append(f"  {names[node]} = {node.op} {args} : {node.dtype}{over}")
        for root in self.roots:
            word = "store" if type(root) is Store else root.op  # type: ignore[union-attr]
            tail = ""
            if type(root) is Reduce:
                tail = f" over {','.join(map(str, root.dims))}" + (f" in {root.split}" if root.split > 1 else "")
            lines.append(f"  {word} {root.place!r} <- {names[root.value]}{tail}")
        return "\n".join(lines)


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


def verify(nest: Nest) -> Nest:
    """Returns the nest if it is well formed; else raises `LoopError`, which names what is wrong."""
    rank = len(nest.shape)

    def inside(place: Place, what: str, further: int = 0) -> None:
        if len(place.strides) != rank:
            raise LoopError(f"[verify] a stride for each of {rank} dimensions was expected; got {what} {place!r}")
        low = high = place.offset
        for n, stride in zip(nest.shape, place.strides, strict=True):
            low, high = low + min(0, stride * (n - 1)), high + max(0, stride * (n - 1))
        low, high = low + min(0, further), high + max(0, further)
        if prod(nest.shape) and not (0 <= low and high < place.buffer.size):
            raise LoopError(f"[verify] places inside a buffer of {place.buffer.size} elements were expected; got "
                            f"{what} {place!r} over {nest.shape}")

    rows = nest.rows
    varying = varies(nest)
    for node in nest.nodes():
        if node.dtype not in DTYPES or node.over not in DTYPES:
            raise LoopError(f"[verify] a dtype among {', '.join(DTYPES)} was expected; got {node.op} of {node.dtype}")
        if node.op == "load":
            inside(node.args[0], "load")
        elif node.op == "pick":
            place, _, step, count = node.args
            inside(place, "pick", step * (count - 1))
        elif node.op in FOLDS:
            if node.args[1] != rows or not all(0 <= d < rank for d in rows):
                raise LoopError(f"[verify] folds along {rows} were expected; got one along {node.args[1]}")
        elif node.op not in OPERATIONS and node.op not in ("const", "cast"):
            raise LoopError(f"[verify] a known operation was expected; got {node.op}")
        for x in node.operands:
            if node.op not in ("cast", "select") and x.dtype != node.over:
                raise LoopError(f"[verify] operands of {node.over} were expected; got {x.op} of {x.dtype} in {node.op}")
    kept = {(root.dims, root.split) for root in nest.roots if type(root) is Reduce}
    if len(kept) > 1:
        raise LoopError(f"[verify] reductions along the same dimensions were expected; got {sorted(kept)}")
    for root in nest.roots:
        inside(root.place, "store", (root.split - 1) * root.split_stride if type(root) is Reduce else 0)
        if rows and any(not root.place.strides[d] and nest.shape[d] > 1 for d in rows) and (
                type(root) is Reduce or not varying[root.value].isdisjoint(rows)):
            raise LoopError(f"[verify] a place along the row {rows} was expected; got {root.place!r}")
        if type(root) is Reduce and not set(rows).isdisjoint(root.dims):
            raise LoopError(f"[verify] a reduction across the rows {rows} was expected; got one along {root.dims}")
        if type(root) is Reduce:
            if root.op not in REDUCTIONS or any(root.place.strides[d] for d in root.dims):
                raise LoopError(f"[verify] a sum or an extreme along {root.dims} was expected; got {root.op} to "
                                f"{root.place!r}")
        elif root.value.dtype != root.place.buffer.dtype:
            raise LoopError(f"[verify] a value of {root.place.buffer.dtype} was expected; got {root.value.dtype}")
    return nest


def varies(nest: Nest) -> dict[Node, frozenset[int]]:
    """The dimensions of more than one element along which each node has several values."""
    found: dict[Node, frozenset[int]] = {}
    for node in nest.nodes():
        along = frozenset().union(*[found[x] for x in node.operands])
        if node.op in READING:
            along |= {d for d, stride in enumerate(node.args[0].strides) if stride and nest.shape[d] > 1}
        found[node] = along.difference(node.args[1]) if node.op in FOLDS else along
    return found


# --- the meaning, with numpy: what the emitter is held against --------------------------------------------------------


def _erf(x: Array) -> Any:
    import math

    return np.vectorize(math.erf, otypes=[x.dtype])(x)


def _erfc(x: Array) -> Any:
    import math

    return np.vectorize(math.erfc, otypes=[x.dtype])(x)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide, "neg": np.negative, "abs": np.abs,
    "fma": lambda x, y, z: x * y + z, "min": np.minimum, "max": np.maximum, "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x), "reciprocal": lambda x: 1 / x, "floor": np.floor, "ceil": np.ceil,
    "round": np.rint, "trunc": np.trunc, "copysign": np.copysign, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "isnan": np.isnan,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_not": np.logical_not, "select": np.where,
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10,
    "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "erf": _erf, "erfc": _erfc, "normal_cdf": lambda x: 0.5 * (1 + _erf(x * x.dtype.type(0.5**0.5))), "pow": np.power,
}
REDUCTIONS: dict[str, Any] = {"sum": np.add, "max": np.maximum, "min": np.minimum}


def _combined(op: str, value: Any, dims: Shape, keepdims: bool = False) -> Any:
    wide = np.float64 if value.dtype.kind == "f" and op == "sum" else value.dtype
    return REDUCTIONS[op].reduce(value, axis=dims, dtype=wide, keepdims=keepdims)


def interpret(nest: Nest, arrays: Mapping[Buffer, np.ndarray[Any, Any]]) -> None:
    """Runs a nest on flat arrays, one per buffer."""

    def seen(place: Place) -> Any:
        flat = arrays[place.buffer]
        strides = [s * flat.itemsize for s in place.strides]
        return np.lib.stride_tricks.as_strided(flat[place.offset:], nest.shape, strides)

    values: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node in nest.nodes():
            if node.op == "load":
                values[node] = np.array(seen(node.args[0]))
            elif node.op == "pick":
                place, index, step, _ = node.args
                grid = sum([i * s for i, s in zip(np.indices(nest.shape, sparse=True), place.strides, strict=True)], 0)
                values[node] = arrays[place.buffer][place.offset + grid + values[index] * step]
            elif node.op in FOLDS:
                whole = np.broadcast_to(values[node.args[0]], nest.shape)
                values[node] = _combined(FOLDS[node.op], whole, node.args[1], keepdims=True).astype(node.dtype)
            elif node.op == "const":
                values[node] = np.array(node.args[0], node.dtype)
            elif node.op == "cast":
                values[node] = values[node.args[0]].astype(node.dtype)
            else:
                values[node] = np.asarray(OPERATIONS[node.op](*[values[x] for x in node.args])).astype(node.dtype)
        for root in nest.roots:
            value, place = np.broadcast_to(values[root.value], nest.shape), seen(root.place)
            if type(root) is Store:
                place[...] = value
                continue
            assert type(root) is Reduce
            one = tuple([0 if d in root.dims else slice(None) for d in range(len(nest.shape))])
            first, pieces = root.dims[0], root.split
            size = -(-nest.shape[first] // pieces)
            for piece in range(pieces):
                cut = (slice(None),) * first + (slice(piece * size, (piece + 1) * size),)
                found = _combined(root.op, value[cut], root.dims)
                flat = arrays[root.place.buffer]
                moved = np.lib.stride_tricks.as_strided(
                    flat[root.place.offset + piece * root.split_stride:], nest.shape,
                    [s * flat.itemsize for s in root.place.strides])
                moved[one] = found
