"""Loss functions that are one node each: the loss of every element and its mean or sum in one go.

``reduction`` is ``"none"``, ``"mean"`` or ``"sum"`` everywhere. Operands x and y have one shape, as `nn.functional`
sees to; weights broadcast against it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import each, fold, losses, size_of, spread, unfolded
from ..core.generated import run_large
from ..core.operands import Array, Dims, Needs, Numbers, Params, Saved
from ..core.primitive import REAL_ONLY, P, fit, fused, of_first
from ..core.samples import cases, uniform
from ..core.spec import Spec, broadcast_shapes
from ..core.symbols import Steps

_TRANSPOSED = {"jvp": "it is the transpose of the vjp"}
_REDUCTIONS: tuple[dict[str, Any], ...] = ({"reduction": "mean"}, {"reduction": "sum"}, {"reduction": "none"})


def _reduce(xp: ModuleType, loss: Array, reduction: str) -> Array:
    if reduction == "none":
        return loss
    total = xp.add.reduce(loss, axis=None)
    return total / loss.size if reduction == "mean" else total


def _share(ct: Numbers, shape: Dims, reduction: str) -> Any:
    """The cotangent of every element's loss, given that of the reduced loss."""
    elements = prod(shape)
    return ct * (1.0 / elements) if reduction == "mean" and elements else ct


def _moved(slopes: Numbers, reduction: str) -> Any:
    """The tangent of a loss from those of every element's."""
    if reduction == "none":
        return slopes
    dim = tuple(range(len(slopes.shape)))
    return P.mean(slopes, dim=dim) if reduction == "mean" else P.sum(slopes, dim=dim)


def _loss_shape(x: Spec, *others: Any, reduction: str = "mean", **params: Any) -> Dims:
    shapes = [x.shape, *(each.shape for each in others if isinstance(each, Spec))]
    return broadcast_shapes(*shapes, op="loss") if reduction == "none" else ()


def _nll_shape(x: Spec, target: Spec, *weight: Any, reduction: str = "mean", **params: Any) -> Dims:
    return target.shape if reduction == "none" else ()


def _of_difference(
    name: str, value: Callable[..., Any], slope: Callable[..., Any], doc: str, **settings: float
) -> Any:
    """A loss that is a function ``value(xp, d)`` of the difference d = x − y alone; its derivative is ``slope(d)``."""

    forth = Steps(name, lambda xp, x, y, **params: value(xp, x - y, **params), 2)
    back = Steps(f"{name} backward", lambda xp, x, y, ct, **params: slope(x - y, **params) * ct, 3)

    def evaluate(xp: ModuleType, x: Array, y: Array, reduction: str = "mean", **params: Any) -> Array:
        found = run_large(forth, (x, y), params)
        return _reduce(xp, value(xp, x - y, **params) if found is None else found, reduction)

    def vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        x, y = saved[:2]
        rest = dict(params)
        reduction = rest.pop("reduction", "mean")
        share = _share(ct, x.shape, reduction)
        grad = run_large(back, (x, y, share), rest)
        if grad is None:
            grad = slope(x - y, **rest) * share
        return grad if needs[0] else None, -grad if needs[1] else None

    def jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
        rest = dict(params)
        reduction = rest.pop("reduction", "mean")
        forth, back = tangents
        t = -back if forth is None else forth if back is None else forth - back
        return _moved(slope(operands[0] - operands[1], **rest) * t, reduction)

    return fused(
        name, evaluate, arity=2, vjp=vjp, saves=("x", "y"), promotion="float", doc=doc, jvp=jvp, batch=losses,
        shape=_loss_shape,
        samples=cases(*[((3, 4), (3, 4), {**settings, **how}) for how in _REDUCTIONS]),
    )


mse_loss = _of_difference("mse_loss", lambda xp, d: d * d, lambda d: 2 * d, doc="(x − y)².")
smooth_l1_loss = _of_difference(
    "smooth_l1_loss",
    lambda xp, d, beta=1.0: xp.where(xp.abs(d) < beta, d * d * (0.5 / beta), xp.abs(d) - 0.5 * beta),
    lambda d, beta=1.0: P.clamp(d * (1.0 / beta), low=-1.0, high=1.0),
    doc="½ (x − y)² / β where |x − y| < β, else |x − y| − ½ β (Girshick, *Fast R-CNN*, 2015).",
    beta=0.7,
)
huber_loss = _of_difference(
    "huber_loss",
    lambda xp, d, delta=1.0: xp.where(xp.abs(d) < delta, d * d * 0.5, delta * (xp.abs(d) - 0.5 * delta)),
    lambda d, delta=1.0: P.clamp(d, low=-delta, high=delta),
    doc="½ (x − y)² where |x − y| < δ, else δ (|x − y| − ½ δ) (Huber, *Robust Estimation*, 1964).",
    delta=0.7,
)


# --- binary cross-entropy ---------------------------------------------------------------------------------------------

_LOG_FLOOR = -100.0  # what log 0 counts as, so that a hopeless prediction costs much but not infinitely much


def _binary(xp: ModuleType, x: Array, y: Array, weight: Array | None = None, reduction: str = "mean") -> Array:
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise RuntimeError("[binary_cross_entropy] all elements of input should be between 0 and 1; got values from "
                           f"{x.min()} to {x.max()}; apply sigmoid first, or use binary_cross_entropy_with_logits")
    if y.size and not (y.min() >= 0 and y.max() <= 1):
        raise RuntimeError("[binary_cross_entropy] all elements of target should be between 0 and 1; got values from "
                           f"{y.min()} to {y.max()}; give probabilities")
    loss = (y - 1) * xp.maximum(xp.log1p(-x), _LOG_FLOOR) - y * xp.maximum(xp.log(x), _LOG_FLOOR)
    return _reduce(xp, loss if weight is None else loss * weight, reduction)


def _binary_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x, y, weight, shapes = saved[0], saved[1], saved[2] if len(needs) > 2 else None, saved[-1]
    share = _share(ct, x.shape, params.get("reduction", "mean"))
    weighted = share if weight is None else share * weight
    for_x = weighted * (x - y) / P.clamp((1 - x) * x, low=1e-12) if needs[0] else None
    for_y = weighted * (P.log1p(-x) - P.log(x)) if needs[1] else None
    if len(needs) < 3 or not needs[2]:
        return (for_x, for_y, None)[: len(needs)]
    loss = (y - 1) * P.clamp(P.log1p(-x), low=_LOG_FLOOR) - y * P.clamp(P.log(x), low=_LOG_FLOOR)
    return for_x, for_y, fit(share * loss, shapes[2])


def _probabilities(*shape: int, seed: int = 0) -> Any:
    return uniform(0.1, 0.9, *shape, seed=seed)


binary_cross_entropy = fused(
    "binary_cross_entropy", _binary, batch=losses, spec=of_first(_loss_shape),
    arity=3, vjp=_binary_vjp, saves=("*", "shapes"), promotion="float", agree=(0, 1),
    missing=_TRANSPOSED,
    doc="−(y log x + (1 − y) log(1 − x)), times an optional weight; logarithms are cut off at −100.",
    samples=cases(*[(_probabilities(3, 4), _probabilities(3, 4, seed=1), *weight, how)
                    for how in _REDUCTIONS for weight in ((), ((3, 4),))]), refuses=REAL_ONLY,
)


def _log_sigmoid(xp: ModuleType, x: Array) -> Array:
    return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x)))


def _logits(xp: ModuleType, x: Array, y: Array, weight: Array | None = None, pos_weight: Array | None = None,
            reduction: str = "mean") -> Array:
    log = _log_sigmoid(xp, x)
    loss = (1 - y) * x - (log if pos_weight is None else log * ((pos_weight - 1) * y + 1))
    return _reduce(xp, loss if weight is None else loss * weight, reduction)


def _logits_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x, y, weight, pos_weight = (*saved[: len(needs)], None, None)[:4]
    shapes = saved[-1]
    wants = (*needs, False, False)[:4]
    share = _share(ct, x.shape, params.get("reduction", "mean"))
    weighted = share if weight is None else share * weight
    grads: list[Any] = [None] * 4
    if wants[0] and pos_weight is None:
        grads[0] = weighted * (P.sigmoid(x) - y)
    elif wants[0]:
        positive = pos_weight * y
        grads[0] = weighted * ((positive + 1 - y) * P.sigmoid(x) - positive)
    if wants[1]:
        grads[1] = weighted * (-x if pos_weight is None else -x - (pos_weight - 1) * P.log_sigmoid(x))
    if wants[2]:
        factor = 1 if pos_weight is None else (pos_weight - 1) * y + 1
        grads[2] = fit(share * ((1 - y) * x - factor * P.log_sigmoid(x)), shapes[2])
    if wants[3]:
        grads[3] = fit(-weighted * y * P.log_sigmoid(x), shapes[3])
    return tuple(grads[: len(needs)])


binary_cross_entropy_with_logits = fused(
    "binary_cross_entropy_with_logits", _logits, batch=losses, shape=_loss_shape,
    arity=4, vjp=_logits_vjp, saves=("*", "shapes"), promotion="float",
    missing=_TRANSPOSED,
    doc="`binary_cross_entropy` of sigmoid(x) without the detour; operands x, y, weight, pos_weight, the last two "
        "optional, None standing for none.",
    samples=cases(*[((3, 4), _probabilities(3, 4), *weights, how) for how in _REDUCTIONS
                    for weights in ((), ((3, 4),), ((4,), (4,)), (None, (4,)))]), refuses=REAL_ONLY,
)


# --- negative log-likelihood ------------------------------------------------------------------------------------------


def _all_classes(xp: ModuleType, target: Array, classes: int, ignore_index: int) -> bool:
    """Whether every target is a class, and none the ``ignore_index``, which is usually beyond the classes."""
    if 0 <= ignore_index < classes or not target.size:
        return False
    # Read as unsigned numbers, negative ones are the largest.
    unsigned = target.view(np.uint64) if target.dtype == np.int64 else target
    return bool(unsigned.dtype.kind == "u" and xp.maximum.reduce(unsigned, None) < classes)


def _nll(xp: ModuleType, x: Array, target: Array, weight: Array | None = None, reduction: str = "mean",
         ignore_index: int = -100) -> Array:
    if _all_classes(xp, target, x.shape[1], ignore_index) and weight is None and x.ndim == 2:
        chosen = x[xp.arange(x.shape[0]), target]
        if reduction == "none":
            return -chosen
        total = x.dtype.type(0) - xp.add.reduce(chosen, None)  # a loss of nothing is 0, not -0
        return total / chosen.size if reduction == "mean" else total
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


def _nll_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """Minus the share of each element, at its target class; nothing at the others."""
    target, weight, shapes = saved[1], saved[2] if len(needs) > 2 else None, saved[-1]
    shape, reduction = shapes[0], params.get("reduction", "mean")
    if type(ct) is np.ndarray and weight is None and len(shape) == 2 and needs[0]:
        ignored = params.get("ignore_index", -100)
        if _all_classes(np, target, shape[1], ignored):
            grad = np.zeros(shape, ct.dtype)
            grad[np.arange(shape[0]), target] = -ct / ct.dtype.type(shape[0]) if reduction == "mean" else -ct
            return (grad, None, None)[: len(needs)]
    rest = (1,) * (len(shape) - 2)
    targets = P.reshape(target, shape=(shape[0], 1, *shape[2:]))
    hot = P.eq(targets, np.arange(shape[1]).reshape(1, shape[1], *rest))
    hot = P.logical_and(hot, P.ne(targets, params.get("ignore_index", -100)))
    row = None if weight is None else P.reshape(weight, shape=(1, shape[1], *rest))
    shares = P.cast(hot, dtype=ct.dtype) if row is None else P.where(hot, row, 0.0)
    if reduction == "none":
        ct = P.reshape(ct, shape=(shape[0], 1, *shape[2:]))
    elif reduction == "mean":
        ct = ct / P.sum(shares, dim=tuple(range(len(shape))))
    for_x = P.where(hot, shares * -ct, 0.0) if needs[0] else None
    if len(needs) < 3 or not needs[2]:
        return (for_x, None, None)[: len(needs)]
    x, out = saved[0], saved[3]
    slope = -x - out if reduction == "mean" else -x
    others = (0, *range(2, len(shape)))
    return for_x, None, P.sum(P.where(hot, slope * ct, 0.0), dim=others)


def _nll_saves(needs: Needs) -> tuple[Any, ...]:
    if len(needs) < 3:
        return "y", "shapes"
    return ("x", "y", "z", "out", "shapes") if needs[2] else ("y", "z", "shapes")


_TARGETS = np.array([[0, 2], [3, 1], [2, 2]])

def _nll_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    """The losses of all examples' elements in one go, and then each example's weighted mean or sum."""
    reduction, ignored = params.get("reduction", "mean"), params.get("ignore_index", -100)
    x, target, *rest = operands
    weight = rest[0] if rest else None
    if len(mapped) > 2 and mapped[2]:
        return each(primitive, operands, mapped, params)
    count = size_of(operands, mapped)
    x, target = (spread(each_, is_mapped, count) for each_, is_mapped in zip((x, target), mapped, strict=False))
    given = {**params, "reduction": "none"}
    loss = unfolded(P.nll_loss(fold(x), fold(target), *([] if weight is None else [weight]), **given), count)
    dim = tuple(range(1, len(target.shape)))
    if reduction == "none":
        return loss
    total = P.sum(loss, dim=dim)
    if reduction == "sum":
        return total
    counts = P.cast(P.ne(target, ignored), dtype=x.dtype)
    if weight is not None:
        known = P.where(P.ne(target, ignored), target, 0)
        counts = counts * P.index(weight, known, places=(True,))
    return total / P.sum(counts, dim=dim)


nll_loss = fused(
    "nll_loss", _nll, batch=_nll_batch, spec=of_first(_nll_shape),
    arity=3, agree=(0, 2), vjp=_nll_vjp, saves=_nll_saves, promotion=None, missing=_TRANSPOSED,
    doc="−x[n, target[n]] for x (N, C, ...) and target (N, ...), with optional weights of the C classes; the mean is "
        "weighted, and elements whose target is ignore_index count nothing.",
    samples=cases(*[((3, 4, 2), _TARGETS, *weight, {"ignore_index": ignored, **how}) for how in _REDUCTIONS
                    for weight in ((), (uniform(0.5, 2, 4),)) for ignored in (-100, 2)],
                  ((3, 4), _TARGETS[:, 0]), ((0, 4), _TARGETS[:0, 0], {"reduction": "sum"})), refuses=REAL_ONLY,
)
