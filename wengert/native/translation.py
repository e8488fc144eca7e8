"""From the instructions of a graph to expressions and steps of a plan.

`Translation` walks the graph once. An instruction that maps elements to elements, shows, repeats or converts them
gives an expression; reductions and products give steps; what is left is a call of numpy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from math import prod
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..core.dtypes import DType
from ..core.geometry import room_for
from ..core.primitive import P, Primitive, evaluate
from ..ir import GENERATOR, GraphError, Instr, InstructionGraph, Value
from .frames import frames_of
from .loops import DTYPES, REALS, Node, Shape
from .parts import Parts
from .plan import DEAR, SMALL, Choices, Expr, Plan, lying_order, row_major
from .rules import lowered
from .steps import Kernel

FOLDED = 2**20
"""Elements up to which what depends on constants alone is computed at once."""

DEEPEST, WIDEST = 40, 12
"""Operations one after the other in an expression, and places that it reads where it is used several times; what is
deeper or wider goes to memory."""

_SHAPE_ONLY = frozenset({"fill", "zeros_like", "zeros_of"})


class Lying(NamedTuple):
    """How an array lies, with strides in bytes, as numpy's arrays say themselves."""

    shape: Shape
    strides: Shape
    dtype: np.dtype[Any]

    @staticmethod
    def of(array: np.ndarray[Any, Any]) -> Lying:
        """How an array lies."""
        return Lying(array.shape, array.strides, array.dtype)

    def in_elements(self) -> tuple[Shape, int]:
        """The strides in elements, and how many elements of memory it reaches over."""
        size = self.dtype.itemsize
        strides = tuple([0 if n == 1 else s // size for n, s in zip(self.shape, self.strides, strict=True)])
        return strides, room_for(self.shape, strides)


class Translation:
    """A graph's plan; ``given`` says how the arrays of inputs and states lie, ``more`` are the handlers that other
    modules have, by the primitive's name."""

    def __init__(self, graph: InstructionGraph, given: Sequence[Lying | np.ndarray[Any, Any]],
                 more: Mapping[str, Handler] = MappingProxyType({}), choices: Choices | None = None) -> None:
        self.handlers = {**_HANDLERS, **more}
        self.graph, self.plan = graph, Plan(choices)
        self.values: dict[Value, Expr] = {}
        self.guarded: set[Any] = set()
        """Indices that a guard looks at already, and between which numbers they have to be."""
        self.arrays: dict[Value, np.ndarray[Any, Any]] = {}
        """What is known without running: constants, and what follows from them."""
        self.generators = {value: number for number, value in enumerate(graph.generators)}
        self.given = []
        for value, array in zip((*graph.inputs, *graph.states), given, strict=True):
            size = array.dtype.itemsize
            if any(s % size for s in array.strides) or any(s < 0 for s in array.strides):
                raise NotImplementedError(f"%{value.name} does not lie on the grid of its elements")
            strides, extent = Lying(array.shape, array.strides, array.dtype).in_elements()
            buffer = self.plan.buffer("given", array.dtype.name, extent, value.name)
            self.given.append(buffer)
            self.values[value] = self.plan.whole(buffer, array.shape, strides)
        for value, array in graph.constants:
            self.arrays[value] = array
        living = _living(graph, self.handlers)
        self.uses = _uses(graph, living)
        self.frames = frames_of(living)
        self.parts = Parts(living, self.uses)
        for instr in living:
            if instr.results[0] not in self.parts.skipped:
                self._instr(instr)

    def expr(self, value: Value) -> Expr:
        """A value as an expression."""
        found = self.values.get(value)
        if found is None:
            found = self.values[value] = self.plan.constant(self.arrays[value])
        return found

    @cached_property
    def makers(self) -> dict[Value, Instr]:
        """The instruction that a value is a result of."""
        return {result: instr for instr in self.graph.instrs for result in instr.results}

    def _instr(self, instr: Instr) -> None:
        name, before = instr.primitive.name, len(self.plan.steps)
        values = list(instr.values())
        small = sum(prod(r.spec.shape) for r in instr.results) <= FOLDED
        if values and all(v in self.arrays for v in values) and small and instr.primitive.kind != "random":
            operands = [self.arrays[x] if type(x) is Value else x for x in instr.operands]
            found = evaluate(instr.primitive, operands, instr.params)
            results = found if instr.primitive.multiple else (found,)
            self.arrays.update(zip(instr.results, map(np.asarray, results), strict=True))
            return
        try:
            handler = self.handlers.get(name)
            if any(x.spec.dtype.name not in DTYPES for x in (*values, *instr.results) if x.spec is not GENERATOR):
                raise NotImplementedError("a dtype that loops do not have")
            if instr.results[0] in self.parts.sums:
                exprs: Any = _sum_of_parts(self, instr)
            elif handler is not None:
                exprs = handler(self, instr)
            elif instr.primitive.kind == "view":
                exprs = self._view(instr)
            elif instr.primitive.kind == "elementwise":
                exprs = self._elementwise(instr)
            else:
                raise NotImplementedError(f"{name} is numpy's")
        except NotImplementedError:
            exprs = self._call(instr)
        for step in self.plan.steps[before:]:
            if type(step) is Kernel and step.name == name:
                self.plan.origin[id(step)] = instr
        for value, expr in zip(instr.results, [exprs] if type(exprs) is Expr else exprs, strict=True):
            if (expr.shape, expr.dtype) != (tuple(value.spec.shape), value.spec.dtype.name):
                raise GraphError(f"[native] {value.spec} was expected of {instr.primitive.name}; got {expr.dtype}"
                                 f"{list(expr.shape)}; a rule of wengert's is wrong")
            if self.uses[value] > 1:
                expr = self.plan.indexed(expr)
            if value not in self.frames and (
                    expr.node.depth > DEEPEST or self.uses[value] > 1 and self._worth_keeping(expr)):
                expr = self.plan.in_memory(expr)
            if value in self.frames and expr.node.op != "load":
                expr = self.plan.framed(expr, self.frames[value])
            self.values[value] = expr

    def _worth_keeping(self, x: Expr) -> bool:
        """Whether what is used several times is better read than computed again: where it reads several arrays of its
        size, or is costly to compute. It is in memory anyway if a product or a call needs it."""
        size = prod(x.shape)
        if x.node.op == "load" or size < SMALL:
            return len(x.node.leaves) > WIDEST
        large = sum(prod([n for n, s in zip(x.shape, leaf.strides, strict=True) if s]) * 2 > size
                    for leaf in x.node.leaves)
        return large > 1 or x.node.weight >= DEAR

    def _call(self, instr: Instr) -> list[Expr]:
        operands: list[Any] = []
        for x in instr.operands:
            if type(x) is not Value:
                operands.append(x)
            elif x in self.generators:
                operands.append(("generator", self.generators[x]))
            elif x in self.arrays:
                operands.append(self.arrays[x])
            else:
                expr = self.plan.in_memory(self.expr(x))
                operands.append((expr.node.args[0], expr.shape))
        return self.plan.call(instr, operands)

    # --- sorts of instructions ----------------------------------------------------------------------------------------

    def _view(self, instr: Instr) -> Expr:
        source, run = self.expr(instr.operands[0]), instr.primitive.run
        if instr.primitive.name == "reshape":
            shape = tuple(instr.results[0].spec.shape)
            if row_major(source.shape) == row_major(shape) and source.shape == shape:
                return source
        if instr.primitive.name == "expand":
            return self.plan.expand(source, tuple(instr.results[0].spec.shape))
        return self.plan.viewed(source, lambda array: run(array, **instr.params))

    def operand(self, x: Value | float, shape: Shape) -> Any:
        """An operand in the space of the result: a node, or a number."""
        return self.plan.expand(self.expr(x), shape).node if type(x) is Value else x

    def _elementwise(self, instr: Instr) -> Expr:
        out = instr.results[0].spec
        shape, dtype = tuple(out.shape), out.dtype.name
        params = {name: value for name, value in instr.params.items() if name != "label"}
        nodes = [self.operand(x, shape) for x in instr.operands]
        return Expr(shape, self.combine(instr.primitive, nodes, params, dtype))

    def combine(self, primitive: Primitive, operands: Sequence[Any], params: dict[str, Any], dtype: str) -> Node:
        """An elementwise primitive on nodes and numbers. Nodes of several dtypes meet as numpy's arrays do."""
        nodes = [x for x in operands if type(x) is Node]
        met = nodes[1:] if primitive.name in ("where",) and len(nodes) > 1 else nodes
        met = met[:1] if primitive.name == "masked_fill" else met
        common = _met({x.dtype for x in met}) if met else dtype
        if primitive.name == "where":
            common = dtype
        if dtype != "bool" and dtype in REALS and common not in REALS:
            common = dtype
        if common not in DTYPES:
            raise NotImplementedError("a dtype that loops do not have")
        operands = [self.cast(x, common) if type(x) is Node and x in met else x for x in operands]
        if any(isinstance(x, complex) for x in operands):
            raise NotImplementedError("complex numbers")
        if common not in REALS and any(type(x) is float for x in operands):
            raise NotImplementedError("integers with real numbers")
        found = lowered(primitive, self.plan.nodes, common, tuple(operands), params)
        return self.cast(found, dtype)

    def cast(self, node: Node, dtype: str) -> Node:
        """A node as another dtype."""
        if node.dtype == dtype:
            return node
        if node.dtype in REALS and dtype not in REALS and dtype != "bool":
            raise NotImplementedError("real numbers to integers")
        if node.op == "const":
            return self.plan.nodes.const(np.dtype(dtype).type(node.args[0]).item(), dtype)
        return self.plan.nodes.node("cast", (node,), dtype, node.dtype)

    # --- compositions, for the handlers -------------------------------------------------------------------------------

    def apply(self, name: str, *operands: Any, dtype: str | None = None, **params: Any) -> Expr:
        """An elementwise primitive on expressions and numbers."""
        exprs = [x for x in operands if type(x) is Expr]
        shape = np.broadcast_shapes(*[x.shape for x in exprs])
        nodes = [self.plan.expand(x, shape).node if type(x) is Expr else x for x in operands]
        return Expr(shape, self.combine(getattr(P, name), nodes, params, dtype or exprs[-1].dtype))

    def attained(self, instr: Instr) -> Expr:
        """The first operand of an extreme. Its gradient looks for the extreme among these values, so they are in memory
        if anything else needs them: computed anew, in other loops, they may be rounded otherwise."""
        value = instr.operands[0]
        x = self.expr(value)
        if self.uses[value] > 1 and 0 not in x.shape:
            x = self.values[value] = self.plan.in_memory(x)
        return x

    def reduced(self, op: str, x: Expr, dims: Shape, keepdim: bool = True) -> Expr:
        return self.plan.reduce(op, x, dims, keepdim, x.dtype)


Handler = Callable[[Translation, Instr], Any]


def _living(graph: InstructionGraph, handlers: Mapping[str, Handler]) -> list[Instr]:
    """The instructions that something needs: an effect, an output, or a check that only they make."""
    needed, kept = set(graph.roots()), []
    for instr in reversed(graph.instrs):
        name = instr.primitive.name
        checks = instr.primitive.kind not in ("elementwise", "view") and name not in handlers or name in _CHECKING
        if checks or not needed.isdisjoint(instr.results):
            kept.append(instr)
            if name not in _SHAPE_ONLY:
                needed.update(instr.values())
    return kept[::-1]


def _uses(graph: InstructionGraph, living: Sequence[Instr]) -> Counter[Value]:
    """How many instructions, outputs and effects need a value; what needs a view of it counts as needing it."""
    uses = Counter(graph.roots())
    for instr in reversed(living):
        for value in {*instr.values()}:
            uses[value] += max(1, uses[instr.results[0]]) if instr.primitive.kind == "view" else 1
    return uses


def _met(dtypes: set[str]) -> str:
    """The dtype in which arrays meet."""
    return dtypes.pop() if len(dtypes) == 1 else np.result_type(*map(np.dtype, dtypes)).name


def _dims(instr: Instr) -> Shape:
    dim = instr.params["dim"]
    return tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)


def _operand(t: Translation, instr: Instr, place: int = 0) -> Expr:
    return t.expr(instr.operands[place])


def _sum(t: Translation, instr: Instr) -> Expr:
    x, dtype = _operand(t, instr), instr.results[0].spec.dtype.name
    if x.dtype not in REALS:
        x = Expr(x.shape, t.cast(x.node, dtype))
    return t.plan.reduce("sum", x, _dims(instr), instr.params.get("keepdim", False), dtype)


def _mean(t: Translation, instr: Instr) -> Expr:
    x = _operand(t, instr)
    if x.dtype not in REALS:
        raise NotImplementedError("a mean of integers")
    dims = _dims(instr)
    total = t.plan.reduce("sum", x, dims, instr.params.get("keepdim", False), x.dtype)
    return t.apply("div", total, float(prod([x.shape[d] for d in dims])))


def _sum_to(t: Translation, instr: Instr) -> Expr:
    x, shape = _operand(t, instr), tuple(instr.params["shape"])
    extra = len(x.shape) - len(shape)
    dims = (*range(extra), *(i + extra for i, n in enumerate(shape) if n == 1 and x.shape[i + extra] != 1))
    found = t.plan.reduce("sum", x, dims, True, x.dtype) if dims else x
    return t.plan.viewed(found, lambda array: array.reshape(shape))


def _extreme(op: str) -> Handler:
    def handle(t: Translation, instr: Instr) -> Expr:
        x = t.attained(instr)
        if x.dtype == "bool":
            raise NotImplementedError("an extreme of truth values")
        return t.plan.reduce(op, x, _dims(instr), instr.params.get("keepdim", False), x.dtype)

    return handle


def _cast(t: Translation, instr: Instr) -> Expr:
    dtype = instr.params["dtype"]
    x = _operand(t, instr)
    return Expr(x.shape, t.cast(x.node, (dtype.numpy if isinstance(dtype, DType) else np.dtype(dtype)).name))


def _fill(t: Translation, instr: Instr) -> Expr:
    out = instr.results[0].spec
    number = np.array(instr.params.get("value", 0)).astype(out.dtype.numpy).item()
    return Expr(tuple(out.shape), t.plan.nodes.const(number, out.dtype.name))


def _overwrite(t: Translation, instr: Instr) -> Expr:
    out, new = instr.results[0].spec, instr.operands[1]
    dtype = out.dtype.name
    if type(new) is not Value:
        return Expr(tuple(out.shape), t.plan.nodes.const(np.array(new).astype(out.dtype.numpy).item(), dtype))
    return Expr(tuple(out.shape), t.cast(t.operand(new, tuple(out.shape)), dtype))


def _same(t: Translation, instr: Instr) -> Expr:
    return _operand(t, instr)


def _softmax(logarithm: bool) -> Handler:
    def handle(t: Translation, instr: Instr) -> Expr:
        x, dims = _operand(t, instr), _dims(instr)
        if not x.shape or x.dtype not in REALS:
            raise NotImplementedError("a number")
        shifted = t.apply("sub", x, t.reduced("max", x, dims))
        powers = t.apply("exp", shifted)
        if logarithm:
            return t.apply("sub", shifted, t.apply("log", t.reduced("sum", powers, dims)))
        powers = t.plan.in_memory(powers)
        shares = t.apply("mul", powers, t.apply("reciprocal", t.reduced("sum", powers, dims)))
        return t.plan.in_memory(shares) if t.uses[instr.results[0]] > 1 else shares

    return handle


def _scatter_view(t: Translation, instr: Instr) -> Expr:
    """A copy of the base, and then the part."""
    steps, base = instr.params["steps"], _operand(t, instr)
    if not all(primitive.name in _APART for primitive, _ in steps):
        places = _follow(np.arange(prod(base.shape)).reshape(base.shape), steps)
        if np.unique(places).size < places.size:  # what is read there is not what was written, but the last of it
            raise NotImplementedError("a view whose elements overlap")
    return _with_parts(t, base.shape, base.dtype, base, [(instr.operands[1], lambda array: _follow(array, steps))])


_APART = frozenset({"slice", "diagonal", "permute", "reshape"})
"""Views that show no element twice."""


def _view_adjoint(t: Translation, instr: Instr) -> Expr:
    (primitive, _), out = instr.params["step"], instr.results[0].spec
    if primitive.name not in _APART:
        raise NotImplementedError("a view whose elements overlap")
    return _side_by_side(t, out, [instr], filled=False)


def _sum_of_parts(t: Translation, instr: Instr) -> Expr:
    adjoints, filled = t.parts.sums[instr.results[0]]
    return _side_by_side(t, instr.results[0].spec, adjoints, filled)


def _side_by_side(t: Translation, out: Any, adjoints: Sequence[Instr], filled: bool) -> Expr:
    """Zeros, unless the parts fill it, and the parts that views of it have."""
    base = None if filled else Expr(tuple(out.shape), t.plan.nodes.const(0, out.dtype.name))
    parts = []
    for adjoint in adjoints:
        primitive, params = adjoint.params["step"]
        parts.append((adjoint.operands[0], partial(primitive.run, **params)))
    return _with_parts(t, tuple(out.shape), out.dtype.name, base, parts)


def _with_parts(t: Translation, shape: Shape, dtype: str, base: Expr | None,
                parts: Sequence[tuple[Value | float, Callable[[Any], Any]]]) -> Expr:
    """Memory with the base, if there is one, and over it parts, each with the view of the whole that it fills."""
    if not prod(shape):
        raise NotImplementedError("an empty base")
    buffer = t.plan.buffer("arena", dtype, prod(shape))
    whole = t.plan.whole(buffer, shape)
    stores = [] if base is None else [(base, whole)]
    for part, view in parts:
        shown = t.plan.viewed(whole, view)
        value = Expr(shown.shape, t.operand(part, shown.shape)) if type(part) is Value else None
        if value is None or value.dtype != dtype:
            raise NotImplementedError("a number as a part")
        stores.append((value, shown))
    for value, shown in stores:
        t.plan.store(value, shown.node.args[0])
    return whole


def _follow(array: Any, steps: Any) -> Any:
    for primitive, params in steps:
        array = primitive.run(array, **params)
    return array


def _cat(t: Translation, instr: Instr) -> Expr:
    """The parts side by side, in the order in which the largest of them lies."""
    value, dim = instr.results[0], instr.params["dim"]
    shape, dtype = tuple(value.spec.shape), value.spec.dtype.name
    if not prod(shape):
        raise NotImplementedError("nothing")
    parts = [t.expr(x) for x in instr.operands]
    largest = max(parts, key=lambda part: prod(part.shape))
    order = lying_order(largest.shape, largest.node.leaves)
    result, start = t.plan.frame(shape, dtype, t.frames.get(value, ()), order=order), 0
    for part in parts:
        inside = (slice(None),) * dim + (slice(start, start + part.shape[dim]),)
        target = t.plan.viewed(result, itemgetter(inside))
        t.plan.lay(Expr(part.shape, t.cast(part.node, dtype)), target, order, apart=True)
        start += part.shape[dim]
    return result


_HANDLERS: dict[str, Handler] = {
    "sum": _sum, "mean": _mean, "sum_to": _sum_to, "amax": _extreme("max"), "amin": _extreme("min"), "cast": _cast,
    "fill": _fill, "zeros_like": _fill, "overwrite": _overwrite, "clone": _same,
    "softmax": _softmax(False), "log_softmax": _softmax(True),
    "scatter_view": _scatter_view, "view_adjoint": _view_adjoint, "cat": _cat,
    "masked_fill": Translation._elementwise,
}
_CHECKING = frozenset({"nll_loss", "binary_cross_entropy", "index", "index_adjoint", "gather", "scatter_add", "scatter",
                       "index_put"})
"""What must run although nothing needs it, as it finds mistakes."""
