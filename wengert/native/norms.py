"""Normalisation and its gradient as passes over memory.

The one idea to know: rows stay in the nearest cache, so the variance is the mean square of what is centred, which is
gone through again there. Elsewhere mean and variance of float32 come of one pass, as the sums of numbers and of their
squares are taken in float64, where the difference loses nothing that float32 has.
"""

from __future__ import annotations

from math import prod
from typing import Any

from ..ir import Instr, Value
from .joining import LONGEST
from .loops import REALS, Shape
from .plan import Expr
from .translation import Translation

LONG = 512
"""Elements from which on a row is gone through once more rather than in float64."""


def _statistics(t: Translation, x: Expr, dims: Shape) -> tuple[Expr, Expr]:
    """Mean and (biased) variance over dimensions, which are kept, in memory."""
    count = float(prod([x.shape[d] for d in dims]))
    if x.dtype == "float64" or _stays_near(x.shape, dims):
        mean = t.plan.in_memory(t.apply("div", t.reduced("sum", x, dims), count))
        centred = t.apply("sub", x, mean)
        return mean, t.plan.in_memory(t.apply("div", t.reduced("sum", t.apply("mul", centred, centred), dims), count))
    wide = Expr(x.shape, t.cast(x.node, "float64"))
    mean, square = (t.apply("div", t.reduced("sum", value, dims), count)
                    for value in (wide, t.apply("mul", wide, wide)))
    variance = t.apply("sub", square, t.apply("mul", mean, mean))
    variance = t.apply("clamp", variance, low=0.0)
    narrow = [Expr(value.shape, t.cast(value.node, x.dtype)) for value in (mean, variance)]
    return t.plan.in_memory(narrow[0]), t.plan.in_memory(narrow[1])


def _stays_near(shape: Shape, dims: Shape) -> bool:
    """Whether what is normalised together are rows that a nest goes through several times, long enough that the end of
    one more way through them does not count."""
    last = sorted(dims) == list(range(len(shape) - len(dims), len(shape)))
    return last and LONG <= prod([shape[d] for d in dims]) <= LONGEST


def _normalize(t: Translation, instr: Instr) -> list[Expr]:
    x, dims = t.expr(instr.operands[0]), _dims(instr)
    if x.dtype not in REALS or not prod(x.shape):
        raise NotImplementedError("another dtype, or nothing")
    if len(x.node.leaves) > 1 or x.node.op != "load":
        x = t.plan.in_memory(x)
    mean, variance = _statistics(t, x, dims)
    scale = t.plan.in_memory(t.apply("rsqrt", t.apply("add", variance, instr.params["eps"])))
    out = t.apply("mul", t.apply("sub", x, mean), scale)
    for name, operand in zip(("mul", "add"), instr.operands[1:], strict=False):
        if operand is not None:
            out = t.apply(name, out, t.expr(operand))
    return [out, mean, variance]


def _gradient(t: Translation, instr: Instr) -> list[Expr]:
    """With g the cotangent, w the weight, s = 1/sqrt(variance + eps) and n = (x - mean) s:
    s (g w - ⟨g w⟩ - n ⟨g w n⟩), ⟨·⟩ the mean over the dimensions; the weight's is the sum of g n, the bias's of g."""
    g, x, mean, variance = (t.expr(instr.operands[k]) for k in (0, 1, 3, 4))
    weight = instr.operands[2]
    if x.dtype not in REALS or not prod(x.shape):
        raise NotImplementedError("another dtype, or nothing")
    dims, needs, shapes = _dims(instr), instr.params["needs"], instr.params["shapes"]
    count = float(prod([x.shape[d] for d in dims]))
    scale = t.plan.in_memory(t.apply("rsqrt", t.apply("add", variance, instr.params["eps"])))
    x, g = t.plan.in_memory(x), t.plan.in_memory(g)
    normal = t.apply("mul", t.apply("sub", x, mean), scale)
    factor, weighted = scale, g
    per_group = type(weight) is not Value or all(
        d < len(x.shape) - len(weight.spec.shape) or weight.spec.shape[d - len(x.shape)] == 1 for d in dims)
    if type(weight) is Value and not per_group:
        weighted = t.apply("mul", g, t.expr(weight))
    total, along = (t.reduced("sum", value, dims) for value in (weighted, t.apply("mul", weighted, normal)))
    grads: list[Expr | None] = [None] * len(needs)
    if needs[0]:
        if type(weight) is Value and per_group:
            factor = t.plan.in_memory(t.apply("mul", scale, t.expr(weight)))
        shift, slope = (t.plan.in_memory(t.apply("div", value, count)) for value in (total, along))
        inner = t.apply("sub", t.apply("sub", weighted, shift), t.apply("mul", normal, slope))
        grads[0] = t.apply("mul", inner, factor)
    sums = (along, total) if per_group else (t.apply("mul", g, normal), g)
    for at, value in zip((1, 2), sums, strict=True):
        if at < len(needs) and needs[at]:
            grads[at] = _fitted(t, value, tuple(shapes[at]))
    return [grad for grad, need in zip(grads, needs, strict=True) if need and grad is not None]


def _fitted(t: Translation, x: Expr, shape: Shape) -> Expr:
    """Summed up over what was repeated from ``shape``."""
    extra = len(x.shape) - len(shape)
    dims = tuple([d for d, n in enumerate(x.shape) if n != 1 and (d < extra or shape[d - extra] == 1)])
    found = t.reduced("sum", x, dims) if dims else x
    return t.plan.viewed(found, lambda array: array.reshape(shape))


def _dims(instr: Instr) -> Shape:
    return tuple(instr.params["dim"])


HANDLERS: dict[str, Any] = {"normalize": _normalize, "normalize_gradient": _gradient}
