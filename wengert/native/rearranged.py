"""What only moves, chooses or counts elements: turned round, shifted, cut to a triangle, in patches; the positions of
extremes, truth values of many, variances."""

from __future__ import annotations

from math import prod
from operator import itemgetter
from typing import Any

import numpy as np

from ..ir import Instr, Value
from .loops import REALS, Place, Shape
from .plan import Expr
from .translation import Handler, Translation

LONGEST = 2**20
"""Elements along a dimension in which a position is found by a table of all."""


def _operand(t: Translation, instr: Instr) -> Expr:
    """An operand that is not empty."""
    value = instr.operands[0]
    if type(value) is not Value:
        raise NotImplementedError("a number")
    x = t.expr(value)
    if not prod(x.shape):
        raise NotImplementedError("nothing")
    return x


def _flip(t: Translation, instr: Instr) -> Expr:
    x, dims = _operand(t, instr), instr.params["dims"]
    inside = tuple([slice(None, None, -1) if d in dims else slice(None) for d in range(len(x.shape))])
    return t.plan.viewed(x, lambda array: array[inside])


def _roll(t: Translation, instr: Instr) -> Expr:
    """Along each dimension the two parts in the other order, side by side."""
    x = _operand(t, instr)
    for shift, d in zip(instr.params["shifts"], instr.params["dims"], strict=True):
        size = x.shape[d]
        if shift % size:
            x = _shifted(t, x, shift % size, d)
    return x


def _shifted(t: Translation, x: Expr, shift: int, d: int) -> Expr:
    size, lead = x.shape[d], (slice(None),) * d
    result = t.plan.whole(t.plan.buffer("arena", x.dtype, prod(x.shape)), x.shape)
    for source, target in ((slice(size - shift), slice(shift, size)), (slice(size - shift, size), slice(shift))):
        part = t.plan.viewed(x, itemgetter((*lead, source)))
        place = t.plan.viewed(result, itemgetter((*lead, target)))
        t.plan.store(part, place.node.args[0], apart=True)
    return result


def _triangle(lower: bool) -> Handler:
    def handle(t: Translation, instr: Instr) -> Expr:
        x, diagonal = _operand(t, instr), instr.params.get("diagonal", 0)
        if len(x.shape) < 2:
            raise NotImplementedError("a vector")
        rows, columns = (t.plan.constant(np.arange(n)) for n in x.shape[-2:])
        row = t.plan.viewed(rows, lambda array: array[:, None])
        far = t.apply("add", row, diagonal)
        kept = t.apply("le" if lower else "ge", columns, far, dtype="bool")
        mask = t.plan.expand(kept, x.shape)
        nothing = t.plan.nodes.const(0, x.dtype)
        return Expr(x.shape, t.plan.nodes.node("select", (mask.node, x.node, nothing), x.dtype))

    return handle


def _extreme_at(t: Translation, x: Expr, op: str, dim: int) -> tuple[Expr, Expr]:
    """The extreme along a dimension, which is kept, and its first position; that of the first NaN, if there is one."""
    if x.dtype == "bool":
        raise NotImplementedError("an extreme of truth values")
    size = x.shape[dim]
    if size > LONGEST:
        raise NotImplementedError("a table of so many positions")
    x = t.plan.in_memory(x)  # Computed anew it might be rounded otherwise, and no element be the extreme.
    best = t.plan.in_memory(t.reduced(op, x, (dim,)))
    here = t.apply("eq", x, best, dtype="bool")
    if x.dtype in REALS:
        here = t.apply("logical_or", here, t.apply("isnan", x, dtype="bool"), dtype="bool")
    numbers = t.plan.constant(np.arange(size).reshape([size if d == dim else 1 for d in range(len(x.shape))]))
    number = t.plan.expand(numbers, x.shape)
    nodes = t.plan.nodes
    candidate = nodes.node("select", (here.node, number.node, nodes.const(size - 1, "int64")), "int64")
    return best, t.plan.reduce("min", Expr(x.shape, candidate), (dim,), True, "int64")


def _position(op: str) -> Handler:
    def handle(t: Translation, instr: Instr) -> Expr:
        x, dim = _operand(t, instr), instr.params.get("dim")
        final = tuple(instr.results[0].spec.shape)
        if isinstance(dim, (tuple, list)):
            raise NotImplementedError("several dimensions")
        if dim is None:
            x, dim = t.plan.viewed(x, lambda array: array.reshape(-1)), 0
        if not x.shape:
            return Expr(final, t.plan.nodes.const(0, "int64"))
        _, position = _extreme_at(t, x, op, dim % len(x.shape))
        return t.plan.viewed(position, lambda array: array.reshape(final))

    return handle


def _value_and_position(op: str) -> Handler:
    def handle(t: Translation, instr: Instr) -> list[Expr]:
        x = _operand(t, instr)
        if not x.shape:
            raise NotImplementedError("a number")
        final = tuple(instr.results[0].spec.shape)
        found = _extreme_at(t, x, op, instr.params["dim"] % len(x.shape))
        return [t.plan.viewed(value, lambda array: array.reshape(final)) for value in found]

    return handle


def _truths(every: bool) -> Handler:
    """Whether some are true: none is false if none of the opposites is true."""

    def handle(t: Translation, instr: Instr) -> Expr:
        x, dims, keepdim = _operand(t, instr), tuple(instr.params["dim"]), instr.params.get("keepdim", False)
        wanted = t.apply("eq" if every else "ne", x, 0, dtype="bool") if x.dtype != "bool" else (
            t.apply("logical_not", x) if every else x)
        count = t.plan.reduce("sum", Expr(x.shape, t.cast(wanted.node, "int64")), dims, keepdim, "int64")
        return t.apply("eq" if every else "ne", count, 0, dtype="bool")

    return handle


def _spread_of(root: bool) -> Handler:
    """The variance, or its root, with Bessel's correction or another."""

    def handle(t: Translation, instr: Instr) -> Expr:
        x, dims = _operand(t, instr), tuple(instr.params["dim"])
        count = prod([x.shape[d] for d in dims])
        left = count - instr.params.get("correction", 1)
        if x.dtype not in REALS or left <= 0:
            raise NotImplementedError("another dtype, or too few")
        mean = t.plan.in_memory(t.apply("div", t.reduced("sum", x, dims), float(count)))
        centred = t.apply("sub", x, mean)
        total = t.reduced("sum", t.apply("mul", centred, centred), dims, instr.params.get("keepdim", False))
        variance = t.apply("div", total, float(left))
        return t.apply("sqrt", variance) if root else variance

    return handle


def _patches(t: Translation, instr: Instr) -> Expr:
    """A view with the places of the kernel as dimensions, in rows."""
    x, params, final = _operand(t, instr), instr.params, tuple(instr.results[0].spec.shape)
    if x.dtype not in REALS:
        raise NotImplementedError("another dtype")
    size, stride, padding, dilation = (tuple(params[name]) for name in ("size", "stride", "padding", "dilation"))
    windows: Shape = tuple([(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(
        x.shape[2:], size, stride, padding, dilation, strict=True)])
    x = t.plan.framed(x, tuple([(p, p) for p in padding]))
    place: Place = x.node.args[0]
    steps = place.strides[2:]
    offset = place.offset - sum(p * step for p, step in zip(padding, steps, strict=True))
    strides = (*place.strides[:2], *[d * step for d, step in zip(dilation, steps, strict=True)],
               *[s * step for s, step in zip(stride, steps, strict=True)])
    whole = t.plan.whole(place.buffer, (*x.shape[:2], *size, *windows), strides, offset)
    return t.plan.viewed(whole, lambda array: array.reshape(final))


HANDLERS: dict[str, Any] = {
    "flip": _flip, "roll": _roll, "tril": _triangle(True), "triu": _triangle(False), "argmax": _position("max"),
    "argmin": _position("min"), "max_dim": _value_and_position("max"), "min_dim": _value_and_position("min"),
    "any": _truths(False), "all": _truths(True), "var": _spread_of(False), "std": _spread_of(True),
    "patches": _patches,
}
