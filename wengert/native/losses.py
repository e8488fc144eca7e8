"""Losses and norms of a program, taken apart into expressions and reductions."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, prod
from typing import Any

from ..ir import Instr, Value
from .loops import REALS, Shape
from .plan import Expr
from .translation import Handler, Translation


def _operand(t: Translation, instr: Instr, at: int = 0) -> Expr:
    """An operand of a real dtype."""
    value = instr.operands[at]
    if type(value) is not Value:
        raise NotImplementedError("a number")
    x = t.expr(value)
    if x.dtype not in REALS or x.dtype != instr.results[0].spec.dtype.name:
        raise NotImplementedError("another dtype")
    return x


def _optional(t: Translation, instr: Instr, at: int) -> Expr | None:
    return None if len(instr.operands) <= at or instr.operands[at] is None else _operand(t, instr, at)


def _reduced(t: Translation, loss: Expr, instr: Instr) -> Expr:
    reduction = instr.params.get("reduction", "mean")
    if reduction == "none":
        return loss
    total = t.reduced("sum", loss, tuple(range(len(loss.shape))), keepdim=False)
    return t.apply("div", total, float(prod(loss.shape))) if reduction == "mean" else total


def _of_difference(loss: Callable[[Translation, Expr, dict[str, Any]], Expr]) -> Handler:
    """A loss that is a function of the difference alone."""

    def handle(t: Translation, instr: Instr) -> Expr:
        difference = t.apply("sub", _operand(t, instr), _operand(t, instr, 1))
        return _reduced(t, loss(t, difference, instr.params), instr)

    return handle


def _smooth(t: Translation, d: Expr, params: dict[str, Any]) -> Expr:
    beta, size = params.get("beta", 1.0), t.apply("abs", d)
    near = t.apply("mul", t.apply("mul", d, d), 0.5 / beta)
    return t.apply("where", t.apply("lt", size, beta, dtype="bool"), near, t.apply("sub", size, 0.5 * beta))


def _huber(t: Translation, d: Expr, params: dict[str, Any]) -> Expr:
    delta, size = params.get("delta", 1.0), t.apply("abs", d)
    far = t.apply("mul", t.apply("sub", size, 0.5 * delta), delta)
    return t.apply("where", t.apply("lt", size, delta, dtype="bool"), t.apply("mul", t.apply("mul", d, d), 0.5), far)


def _weighted(t: Translation, loss: Expr, weight: Expr | None, instr: Instr) -> Expr:
    return _reduced(t, loss if weight is None else t.apply("mul", loss, weight), instr)


def _binary(t: Translation, instr: Instr) -> Expr:
    """A probability that is none is found out by a guard."""
    x, y = _operand(t, instr), _operand(t, instr, 1)
    right = t.apply("logical_and", t.apply("ge", x, 0.0, dtype="bool"), t.apply("le", x, 1.0, dtype="bool"))
    t.plan.guard(t.apply("logical_not", right))
    of_no = t.apply("clamp", t.apply("log1p", t.apply("neg", x)), low=-100.0)
    of_yes = t.apply("clamp", t.apply("log", x), low=-100.0)
    loss = t.apply("sub", t.apply("mul", t.apply("sub", y, 1.0), of_no), t.apply("mul", y, of_yes))
    return _weighted(t, loss, _optional(t, instr, 2), instr)


def _logits(t: Translation, instr: Instr) -> Expr:
    x, y = _operand(t, instr), _operand(t, instr, 1)
    weight, positive = _optional(t, instr, 2), _optional(t, instr, 3)
    log = t.apply("sub", t.apply("clamp", x, high=0.0),
                  t.apply("log1p", t.apply("exp", t.apply("neg", t.apply("abs", x)))))
    if positive is not None:
        log = t.apply("mul", log, t.apply("add", t.apply("mul", t.apply("sub", positive, 1.0), y), 1.0))
    loss = t.apply("sub", t.apply("mul", t.apply("sub", 1.0, y), x), log)
    return _weighted(t, loss, weight, instr)


def _dims(instr: Instr) -> Shape:
    return tuple(instr.params["dim"])


def _norm(t: Translation, instr: Instr) -> Expr:
    x, dims, order = _operand(t, instr), _dims(instr), instr.params["ord"]
    x = t.attained(instr) if order in (inf, -inf) else x
    keepdim = instr.params.get("keepdim", False)
    if not prod(x.shape):
        raise NotImplementedError("nothing")
    if order == 2:
        return t.apply("sqrt", t.reduced("sum", t.apply("mul", x, x), dims, keepdim))
    size = t.apply("abs", x)
    if order in (inf, -inf):
        return t.reduced("max" if order == inf else "min", size, dims, keepdim)
    if order == 0:
        some = t.apply("ne", size, 0.0, dtype="bool")
        return t.reduced("sum", Expr(x.shape, t.cast(some.node, x.dtype)), dims, keepdim)
    if order == 1:
        return t.reduced("sum", size, dims, keepdim)
    return t.apply("pow", t.reduced("sum", t.apply("pow", size, float(order)), dims, keepdim), 1.0 / order)


def _logsumexp(t: Translation, instr: Instr) -> Expr:
    """Shifted by the largest, where that is finite."""
    x, dims = _operand(t, instr), _dims(instr)
    if not x.shape or not prod(x.shape):
        raise NotImplementedError("a number, or nothing")
    peak = t.reduced("max", x, dims)
    peak = t.plan.in_memory(t.apply("where", t.apply("isfinite", peak, dtype="bool"), peak, 0.0, dtype=x.dtype))
    powers = t.apply("exp", t.apply("sub", x, peak))
    total = t.apply("add", t.apply("log", t.reduced("sum", powers, dims)), peak)
    final = tuple(instr.results[0].spec.shape)
    return t.plan.viewed(total, lambda array: array.reshape(final))


HANDLERS: dict[str, Handler] = {
    "mse_loss": _of_difference(lambda t, d, params: t.apply("mul", d, d)), "smooth_l1_loss": _of_difference(_smooth),
    "huber_loss": _of_difference(_huber), "binary_cross_entropy": _binary,
    "binary_cross_entropy_with_logits": _logits, "vector_norm": _norm, "logsumexp": _logsumexp,
}
