"""Loss functions that are one node each: the loss of every element and its mean or sum in one go.

``reduction`` is ``"none"``, ``"mean"`` or ``"sum"`` everywhere. Operands have the same shape, as `nn.functional` sees to.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..core.primitive import P, fused


def _reduce(xp: Any, loss: Any, reduction: str) -> Any:
    if reduction == "none":
        return loss
    total = xp.add.reduce(loss, axis=None)
    return total / loss.size if reduction == "mean" else total


def _share(ct: Any, shape: Any, reduction: str) -> Any:
    """The cotangent of every element's loss, given that of the reduced loss."""
    return ct * (1.0 / prod(shape)) if reduction == "mean" and prod(shape) else ct


def _of_difference(name: str, value: Callable[..., Any], slope: Callable[..., Any], doc: str) -> Any:
    """A loss that is a function ``value(xp, d)`` of the difference d = x − y alone, with the derivative ``slope(d)``."""

    def evaluate(xp: Any, x: Any, y: Any, reduction: str = "mean", **params: Any) -> Any:
        return _reduce(xp, value(xp, x - y, **params), reduction)

    def vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
        x, y = saved[:2]
        rest = dict(params)
        reduction = rest.pop("reduction", "mean")
        grad = slope(x - y, **rest) * _share(ct, x.shape, reduction)
        return grad if needs[0] else None, -grad if needs[1] else None

    return fused(name, evaluate, arity=2, vjp=vjp, saves=("x", "y"), promotion="float", doc=doc,
                 missing={"jvp": "not in wengert yet"})


mse_loss = _of_difference("mse_loss", lambda xp, d: d * d, lambda d: 2 * d, doc="(x − y)².")
smooth_l1_loss = _of_difference(
    "smooth_l1_loss",
    lambda xp, d, beta=1.0: xp.where(xp.abs(d) < beta, d * d * (0.5 / beta), xp.abs(d) - 0.5 * beta),
    lambda d, beta=1.0: P.clamp(d * (1.0 / beta), low=-1.0, high=1.0),
    doc="½ (x − y)² / β where |x − y| < β, else |x − y| − ½ β (Girshick, *Fast R-CNN*, 2015).",
)
huber_loss = _of_difference(
    "huber_loss",
    lambda xp, d, delta=1.0: xp.where(xp.abs(d) < delta, d * d * 0.5, delta * (xp.abs(d) - 0.5 * delta)),
    lambda d, delta=1.0: P.clamp(d, low=-delta, high=delta),
    doc="½ (x − y)² where |x − y| < δ, else δ (|x − y| − ½ δ) (Huber, 1964).",
)


# --- binary cross-entropy ---------------------------------------------------------------------------------------------

_LOG_FLOOR = -100.0  # what log 0 counts as, so that a hopeless prediction costs much but not infinitely much


def _binary(xp: Any, x: Any, y: Any, weight: Any = None, reduction: str = "mean") -> Any:
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise RuntimeError("[binary_cross_entropy] all elements of input should be between 0 and 1; "
                           f"got values from {x.min()} to {x.max()}; apply sigmoid first, or use "
                           "binary_cross_entropy_with_logits")
    loss = (y - 1) * xp.maximum(xp.log1p(-x), _LOG_FLOOR) - y * xp.maximum(xp.log(x), _LOG_FLOOR)
    return _reduce(xp, loss if weight is None else loss * weight, reduction)


def _binary_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    x, y, weight = saved[0], saved[1], saved[2] if len(needs) > 2 else None
    share = _share(ct, x.shape, params.get("reduction", "mean"))
    share = share if weight is None else share * weight
    for_x = share * (x - y) / P.clamp((1 - x) * x, low=1e-12) if needs[0] else None
    for_y = share * (P.log1p(-x) - P.log(x)) if needs[1] else None
    return (for_x, for_y, None)[: len(needs)]


binary_cross_entropy = fused(
    "binary_cross_entropy", _binary, arity=3, vjp=_binary_vjp, saves=("*",), promotion="float",
    missing={"jvp": "not in wengert yet"},
    doc="−(y log x + (1 − y) log(1 − x)), times an optional weight; logarithms are cut off at −100.",
)


def _log_sigmoid(xp: Any, x: Any) -> Any:
    return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x)))


def _logits(xp: Any, x: Any, y: Any, weight: Any = None, pos_weight: Any = None, reduction: str = "mean") -> Any:
    log = _log_sigmoid(xp, x)
    loss = (1 - y) * x - (log if pos_weight is None else log * ((pos_weight - 1) * y + 1))
    return _reduce(xp, loss if weight is None else loss * weight, reduction)


def _logits_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    x, y, weight, pos_weight = (*saved[: len(needs)], None, None)[:4]
    share = _share(ct, x.shape, params.get("reduction", "mean"))
    share = share if weight is None else share * weight
    for_x = for_y = None
    if needs[0]:
        if pos_weight is None:
            for_x = share * (P.sigmoid(x) - y)
        else:
            positive = pos_weight * y
            for_x = share * ((positive + 1 - y) * P.sigmoid(x) - positive)
    if needs[1]:
        for_y = share * (-x if pos_weight is None else -x - (pos_weight - 1) * P.log_sigmoid(x))
    return (for_x, for_y, None, None)[: len(needs)]


binary_cross_entropy_with_logits = fused(
    "binary_cross_entropy_with_logits", _logits, arity=4, vjp=_logits_vjp, saves=("*",), promotion="float",
    missing={"jvp": "not in wengert yet"},
    doc="`binary_cross_entropy` of sigmoid(x) without the detour, with optional weights of elements and of positives.",
)


# --- negative log-likelihood ------------------------------------------------------------------------------------------


def _nll(xp: Any, x: Any, target: Any, weight: Any = None, reduction: str = "mean", ignore_index: int = -100) -> Any:
    counts = target != ignore_index
    complete = bool(counts.all())
    chosen = target if complete else xp.where(counts, target, 0)
    if chosen.size and (chosen.min() < 0 or chosen.max() >= x.shape[1]):
        wrong = chosen[(chosen < 0) | (chosen >= x.shape[1])].flat[0]
        raise IndexError(f"[nll_loss] Target {wrong} is out of bounds; a class from 0 to {x.shape[1] - 1}, or "
                         f"ignore_index={ignore_index}, was expected")
    loss = -xp.take_along_axis(x, chosen[:, None].astype(np.intp, copy=False), 1)[:, 0]
    if weight is None and complete:
        return _reduce(xp, loss, reduction)
    shares = counts.astype(x.dtype) if weight is None else xp.where(counts, weight[chosen], x.dtype.type(0))
    # Not a product: an ignored element counts nothing even where its loss is infinite.
    loss = xp.where(counts, loss if weight is None else loss * shares, x.dtype.type(0))
    if reduction != "mean":
        return _reduce(xp, loss, reduction)
    return xp.add.reduce(loss, axis=None) / xp.add.reduce(shares, axis=None)


def _nll_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    """Minus the share of each element, at its target class; nothing at the others."""
    target, weight, shapes = saved[1], saved[2] if len(needs) > 2 else None, saved[-1]
    shape, reduction = shapes[0], params.get("reduction", "mean")
    rest = (1,) * (len(shape) - 2)
    targets = P.reshape(target, shape=(shape[0], 1, *shape[2:]))
    hot = P.eq(targets, np.arange(shape[1]).reshape(1, shape[1], *rest))
    hot = P.logical_and(hot, P.ne(targets, params.get("ignore_index", -100)))
    shares = P.cast(hot, dtype=ct.dtype) if weight is None else P.where(hot, P.reshape(weight, shape=(1, shape[1], *rest)), 0.0)
    if reduction == "none":
        ct = P.reshape(ct, shape=(shape[0], 1, *shape[2:]))
    elif reduction == "mean":
        ct = ct / P.sum(shares, dim=tuple(range(len(shape))))
    return (P.where(hot, shares * -ct, 0.0),) + (None,) * (len(needs) - 1)


nll_loss = fused(
    "nll_loss", _nll, arity=3, vjp=_nll_vjp, saves=lambda needs: ("y", "z", "shapes") if len(needs) > 2 else ("y", "shapes"),
    promotion=None, missing={"jvp": "not in wengert yet"}, label="NllLoss",
    doc="−x[n, target[n]] for x (N, C, ...) and target (N, ...), with optional weights of the C classes; the mean is "
        "weighted, and elements whose target is ignore_index count nothing.",
)
