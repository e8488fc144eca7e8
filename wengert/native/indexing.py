"""Indexing of a program: picking by integers, and adding to what was picked.

The one idea to know: an index is looked at once by a guard, and held inside its dimension where it is used; so reading
by it is an expression like another (``pick``), and its adjoint a step that adds rows in their order
(`compiler/scatters.py`). Where the guard fires, the graph is interpreted, which says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..compiler.scatters import Scatter
from ..ir import Instr, Value
from .loops import INTEGERS, REALS, Place, Shape
from .plan import Expr
from .translation import Translation

CUTS, CUT = 8, 8192
"""Added rows are dealt out in so many cuts at most, of so many elements at least."""


def _value(instr: Instr, at: int) -> Value:
    value = instr.operands[at]
    if type(value) is not Value:
        raise NotImplementedError("a number")
    return value


def _inside(t: Translation, value: Value, size: int, negative: bool = True) -> Expr:
    """An index into a dimension, counted from its beginning and held inside it; a guard says whether it was."""
    index = t.expr(value)
    if index.dtype not in INTEGERS or index.dtype == "uint8" or not size:
        raise NotImplementedError("no integers")
    index = Expr(index.shape, t.cast(index.node, "int64"))
    low = -size if negative else 0
    known = t.arrays.get(value)
    if (known is None or (known.size and not (low <= known.min() and known.max() < size))) and (
            (index.node, index.shape, low, size) not in t.guarded):
        t.guarded.add((index.node, index.shape, low, size))
        t.plan.guard(t.apply("logical_or", t.apply("lt", index, low, dtype="bool"),
                             t.apply("ge", index, size, dtype="bool")))
    if negative:
        further = t.apply("add", index, size)
        before = t.apply("lt", index, 0, dtype="bool")
        index = Expr(index.shape, t.plan.nodes.node("select", (before.node, further.node, index.node), "int64"))
    return t.apply("clamp", index, low=0, high=size - 1)


def _picked(t: Translation, x: Expr, strides: Sequence[int], index: Expr, step: int, count: int, shape: Shape) -> Expr:
    """Elements of x, which is in memory, with these strides over the result's shape."""
    place: Place = x.node.args[0]
    at = t.plan.expand(index, shape)
    strides = tuple([0 if n == 1 else s for n, s in zip(shape, strides, strict=True)])
    return Expr(shape, t.plan.nodes.pick(Place(place.buffer, place.offset, strides), at.node, step, count))


def indices(t: Translation, instr: Instr, first: int, sizes: Shape) -> tuple[int, Expr, list[int]]:
    """Of integers that index neighbouring dimensions: the first dimension, the number of the element among all of
    these dimensions, and how many they are; ``first`` is the place of the first index among the operands."""
    places = list(instr.params["places"])
    dims = [d for d, given in enumerate(places) if given]
    if not dims or dims != list(range(dims[0], dims[-1] + 1)):
        raise NotImplementedError("indices that are apart")
    total: Expr | None = None
    for number, d in enumerate(dims):
        value = _value(instr, first + number)
        if value.spec.dtype.name == "bool":
            raise NotImplementedError("a mask")
        index = _inside(t, value, sizes[d])
        total = index if total is None else t.apply("add", t.apply("mul", total, sizes[d]), index)
    assert total is not None
    return dims[0], total, dims


def _index(t: Translation, instr: Instr) -> Expr:
    x, out = t.expr(_value(instr, 0)), tuple(instr.results[0].spec.shape)
    if not prod(x.shape) or not prod(out):
        raise NotImplementedError("nothing")
    lead, index, dims = indices(t, instr, 1, x.shape)
    x = t.plan.in_memory(x, again=len(dims) > 1)
    strides = x.node.args[0].strides
    step, count = strides[dims[-1]], prod([x.shape[d] for d in dims])
    if len(dims) > 1:  # in rows
        step = prod(x.shape[dims[-1] + 1:])
    rest = len(x.shape) - len(dims) - lead
    column = t.plan.viewed(index, lambda array: array.reshape((*array.shape, *(1,) * rest)))
    over = (*strides[:lead], *(0,) * len(index.shape), *strides[dims[-1] + 1:])
    return _picked(t, x, over, column, step, count, out)


def rows_of(t: Translation, table: Expr, index: Expr) -> Expr:
    """The rows of a table (count, width) that an index, which is held inside it, names."""
    table, shape = t.plan.in_memory(table), (*index.shape, table.shape[1])
    down, along = table.node.args[0].strides
    column = t.plan.viewed(index, lambda array: array[..., None])
    return _picked(t, table, (*(0,) * len(index.shape), along), column, down, table.shape[0], shape)


def _gather(t: Translation, instr: Instr) -> Expr:
    x, out, dim = t.expr(_value(instr, 0)), tuple(instr.results[0].spec.shape), instr.params["dim"]
    if not x.shape or not prod(x.shape) or not prod(out):
        raise NotImplementedError("nothing")
    x, index = t.plan.in_memory(x), _inside(t, _value(instr, 1), x.shape[dim])
    strides = list(x.node.args[0].strides)
    step, strides[dim] = strides[dim], 0
    return _picked(t, x, strides, index, step, x.shape[dim], out)


def with_rows(t: Translation, base: Expr, source: Expr, index: Expr, dims: tuple[int, int], own: bool,
               add: bool = True) -> Expr:
    """``base`` with the rows of ``source`` added, or put; ``dims`` are the first of the dimensions that the index runs
    through, and the first behind them. ``own``: every element has an index of its own."""
    shape, (first, last) = base.shape, dims
    lead, targets, inner = (prod(shape[:first]), prod(shape[first:last]), prod(shape[last:]))
    rows = prod(source.shape) // (lead * inner)
    source, index = (t.plan.in_memory(x, again=True) for x in (source, index))
    result = t.plan.whole(t.plan.buffer("arena", base.dtype, prod(shape)), shape)
    t.plan.store(base, result.node.args[0])
    steps = (rows * inner, inner, 1 if inner > 1 else 0) if own else (0, 1, 0)
    cuts = t.plan.choose("number of cuts", lambda: 1 if lead >= CUTS else max(1, min(
        CUTS, rows * inner // CUT, inner if steps[2] else targets)))
    form = Scatter(base.dtype, lead, rows, targets, inner, (rows * inner, inner), steps, cuts, add)
    t.plan.kernel("scatter", form, [source.node.args[0], index.node.args[0]], [result.node.args[0]])
    return result


def index_adjoint(t: Translation, instr: Instr) -> Expr:
    ct, shape = t.expr(_value(instr, 0)), tuple(instr.results[0].spec.shape)
    if ct.dtype not in REALS or not prod(shape) or not prod(ct.shape):
        raise NotImplementedError("another dtype, or nothing")
    first, index, dims = indices(t, instr, 1, shape)
    zeros = Expr(shape, t.plan.nodes.const(0.0, ct.dtype))
    return with_rows(t, zeros, ct, index, (first, dims[-1] + 1), own=False)


def _index_put(t: Translation, instr: Instr) -> Expr:
    x, values = t.expr(_value(instr, 0)), instr.operands[1]
    if x.dtype not in REALS or not prod(x.shape):
        raise NotImplementedError("another dtype, or nothing")
    first, index, dims = indices(t, instr, 2, x.shape)
    shape = (*x.shape[:first], *index.shape, *x.shape[dims[-1] + 1:])
    return with_rows(t, x, _source(t, values, x.dtype, shape), index, (first, dims[-1] + 1), own=False,
                      add=bool(instr.params.get("accumulate")))


def _source(t: Translation, values: Any, dtype: str, shape: Shape) -> Expr:
    """Values, or a number, repeated to a shape."""
    if not prod(shape):
        raise NotImplementedError("nothing")
    node = t.operand(values, shape) if type(values) is Value else t.plan.nodes.const(float(values), dtype)
    return Expr(shape, t.cast(node, dtype))


def _scatter(t: Translation, instr: Instr) -> Expr:
    x, index, source = t.expr(_value(instr, 0)), t.expr(_value(instr, 1)), instr.operands[2]
    dim, sizes = instr.params["dim"], index.shape
    if x.dtype not in REALS or not x.shape or not prod(x.shape) or not prod(sizes):
        raise NotImplementedError("another dtype, or nothing")
    if any(n != m for d, (n, m) in enumerate(zip(x.shape, sizes, strict=True)) if d != dim):
        raise NotImplementedError("an index of a part")
    if type(source) is Value and source.spec.shape:
        values = t.plan.viewed(t.expr(source), lambda array: array[tuple([slice(n) for n in sizes])])
        values = Expr(sizes, t.cast(values.node, x.dtype))
    else:
        values = _source(t, source, x.dtype, sizes)
    return with_rows(t, x, values, _inside(t, _value(instr, 1), x.shape[dim]), (dim, dim + 1), own=True,
                      add=instr.primitive.name == "scatter_add")


def _zeros_of(t: Translation, instr: Instr) -> Expr:
    out = instr.results[0].spec
    return Expr(tuple(out.shape), t.plan.nodes.const(0, out.dtype.name))


def _nll(t: Translation, instr: Instr) -> Expr:
    """The loss of each example's class, picked; one that is not to count is held at class 0, and counts nothing."""
    x, value = t.expr(_value(instr, 0)), _value(instr, 1)
    ignored, reduction = instr.params.get("ignore_index", -100), instr.params.get("reduction", "mean")
    if x.dtype not in REALS or not prod(x.shape):
        raise NotImplementedError("another dtype, or nothing")
    target = t.expr(value)
    if target.dtype not in INTEGERS:
        raise NotImplementedError("no classes")
    target = Expr(target.shape, t.cast(target.node, "int64"))
    counts = t.apply("ne", target, ignored, dtype="bool")
    wrong = t.apply("logical_or", t.apply("lt", target, 0, dtype="bool"),
                    t.apply("ge", target, x.shape[1], dtype="bool"))
    t.plan.guard(t.apply("logical_and", wrong, counts))
    index = t.apply("clamp", target, low=0, high=x.shape[1] - 1)
    x = t.plan.in_memory(x)
    strides = list(x.node.args[0].strides)
    step = strides.pop(1)
    chosen = _picked(t, x, strides, index, step, x.shape[1], target.shape)
    shares = Expr(target.shape, t.cast(counts.node, x.dtype))
    loss = t.apply("sub", 0.0, chosen)
    if len(instr.operands) > 2 and instr.operands[2] is not None:
        weight = t.plan.in_memory(t.expr(_value(instr, 2)))
        share = _picked(t, weight, (0,) * len(target.shape), index, weight.node.args[0].strides[0], x.shape[1],
                        target.shape)
        shares = where(t, counts, share)
        loss = t.apply("mul", loss, share)
    loss = where(t, counts, loss)
    if reduction == "none":
        return loss
    dims = tuple(range(len(target.shape)))
    total = t.reduced("sum", loss, dims, keepdim=False)
    return total if reduction == "sum" else t.apply("div", total, t.reduced("sum", shares, dims, keepdim=False))


def where(t: Translation, counts: Expr, x: Expr) -> Expr:
    """x where it counts, else 0."""
    nodes = t.plan.nodes
    return Expr(x.shape, nodes.node("select", (counts.node, x.node, nodes.const(0.0, x.dtype)), x.dtype))


def _pad(t: Translation, instr: Instr) -> Expr:
    """A frame of the padding's width, which stands there before the program runs, and is seen as part of the result."""
    widths, value = instr.params["widths"], instr.params.get("value", 0.0)
    x, out = t.expr(_value(instr, 0)), tuple(instr.results[0].spec.shape)
    if not prod(out):
        raise NotImplementedError("nothing")
    cut = tuple([slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True)])
    x = t.plan.viewed(x, lambda array: array[cut])
    wide = [(max(a, 0), max(b, 0)) for a, b in widths]
    if not any(a or b for a, b in wide):
        return x
    if x.dtype not in REALS or not prod(x.shape):
        raise NotImplementedError("another dtype, or nothing")
    first = min(2, next(d for d, (a, b) in enumerate(wide) if a or b))
    whole = t.plan.framed(x, wide[first:], float(np.dtype(x.dtype).type(value)))
    place: Place = whole.node.args[0]
    offset = place.offset - sum(a * step for (a, _), step in zip(wide, place.strides, strict=True))
    return t.plan.whole(place.buffer, out, place.strides, offset)


HANDLERS: dict[str, Any] = {
    "index": _index, "gather": _gather, "scatter_add": _scatter,
    "scatter": _scatter, "index_put": _index_put,
    "zeros_of": _zeros_of, "nll_loss": _nll, "pad": _pad,
}
