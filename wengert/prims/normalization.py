"""Normalisation to mean 0 and variance 1 over some dimensions, with weight and bias, as one node.

Batch, layer, group and instance normalisation are this primitive on differently shaped views: ``dim`` are the
dimensions over which mean and variance are taken; weight and bias broadcast against the operand.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import WRITTEN_OUT, each, lifted, moved, size_of, spread
from ..core.dtypes import float32
from ..core.generated import LARGE, too_late
from ..core.layout import in_rows, laid_as
from ..core.operands import Array, ByOutput, Dims, Needs, Params, Saved
from ..core.primitive import REAL_ONLY, P, fit, fused, is_final, opaque
from ..core.samples import cases, uniform
from ..core.spec import Spec


def _normalize(xp: ModuleType, x: Array, weight: Array | None = None, bias: Array | None = None, *, dim: Dims,
               eps: float, label: str = "") -> Any:
    """The result, and mean and (biased) variance with the reduced dimensions kept as size 1."""
    if x.dtype.itemsize == 2:
        wide: list[Any] = [None if a is None else a.astype(xp.float32) for a in (x, weight, bias)]
        out, mean, variance = _normalize(xp, *wide, dim=dim, eps=eps)
        return out.astype(x.dtype), mean, variance
    if x.size >= LARGE and not too_late():
        found = _generated().normalize(x, weight, bias, dim, eps)
        if found is not None:
            return found
    count = x.dtype.type(prod([x.shape[d] for d in dim]))
    mean = xp.add.reduce(x, dim, None, None, True) / count
    out = x - mean
    variance = _products(xp, out, out, dim, mean.shape) / count
    scale = 1 / xp.sqrt(variance + x.dtype.type(eps))
    if weight is not None and _per_group(weight.shape, x.ndim, dim):
        xp.multiply(out, scale * weight, out)
    else:
        xp.multiply(out, scale, out)
        if weight is not None:
            xp.multiply(out, weight, out)
    if bias is not None:
        xp.add(out, bias, out)
    return laid_as(out, x) if 0 in dim else in_rows(out), mean, variance


def _normalize_spec(x: Spec, weight: Spec | None = None, bias: Spec | None = None, *, dim: Dims,
                    **params: Any) -> tuple[Spec, ...]:
    kept = tuple([1 if d in {d % len(x.shape) for d in dim} else n for d, n in enumerate(x.shape)])
    statistics = Spec(kept, float32 if x.dtype.itemsize == 2 else x.dtype)
    return x, statistics, statistics


def _generated() -> Any:
    """The generated code for large arrays, loaded when first needed."""
    from ..compiler import normalization

    return normalization


def _products(xp: ModuleType, x: Array, y: Array, dim: Dims, shape: Dims) -> Array:
    """The sums over ``dim`` of x y, without an array of the products: two passes over memory less."""
    if dim == (x.ndim - 1,):
        return xp.vecdot(x, y).reshape(shape)
    axes = [*range(x.ndim)]
    return xp.einsum(x, axes, y, axes, [d for d in axes if d not in dim]).reshape(shape)


def _per_group(shape: Dims, rank: int, dim: Dims) -> bool:
    """Whether a weight of this shape is the same along the reduced dimensions, as in batch normalisation."""
    lead = rank - len(shape)
    return all(d < lead or shape[d - lead] == 1 for d in dim)


def _vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """With g the cotangent, w the weight, s = 1/sqrt(variance + eps), n = (x - mean) s and ⟨·⟩ the mean over ``dim``:
    s (g w - ⟨g w⟩ - n ⟨g w n⟩) (Ioffe & Szegedy, *Batch Normalization*, 2015, section 3)."""
    x, weight, outs, shapes = saved[0], saved[1] if len(needs) > 1 else None, saved[-2], saved[-1]
    _, mean, variance = outs
    dim, count = params["dim"], prod([x.shape[d] for d in params["dim"]])
    g = ct.get(0)
    if g is not None and len(ct) == 1 and x.dtype.itemsize > 2:
        if type(g) is np.ndarray and type(x) is np.ndarray:
            return _tuned(g, x, weight, mean, variance, params, needs, shapes)
        if is_final():
            found = iter(P.normalize_gradient(g, x, weight, mean, variance, dim=dim, eps=params["eps"],
                                              needs=tuple(map(bool, needs)), shapes=tuple(shapes)))
            return tuple([next(found) if need else None for need in needs])
    centred = x - mean
    grads: list[Any] = [None] * len(needs)
    for_x = None
    if g is not None:
        scale = P.rsqrt(variance + params["eps"])
        normal = centred * scale
        weighted = g if weight is None else g * weight
        for_x = scale * (weighted - P.sum(weighted, dim=dim, keepdim=True) * (1 / count)
                         - normal * (P.sum(weighted * normal, dim=dim, keepdim=True) * (1 / count)))
        if len(needs) > 1 and needs[1]:
            grads[1] = fit(g * normal, shapes[1])
        if len(needs) > 2 and needs[2]:
            grads[2] = fit(g, shapes[2])
    # A rule may not write to what it is given, so the terms of the statistics' own cotangents come as sums.
    if ct.get(1) is not None:
        share = P.expand(ct[1] * (1 / count), shape=tuple(x.shape))
        for_x = share if for_x is None else for_x + share
    if ct.get(2) is not None:
        share = centred * (ct[2] * (2 / count))
        for_x = share if for_x is None else for_x + share
    # Half-precision operands have float32 statistics.
    grads[0] = for_x if for_x is None or for_x.dtype == x.dtype else P.cast(for_x, dtype=x.dtype)
    return tuple(grad if need else None for grad, need in zip(grads, needs, strict=True))


def _tuned(g: Array, x: Array, weight: Array | None, mean: Array, variance: Array, params: Params, needs: Needs,
           shapes: Sequence[Dims]) -> tuple[Any, ...]:
    """`_vjp` on plain arrays, in as few passes as there can be with numpy."""
    dim = params["dim"]
    if x.size >= LARGE and not too_late():
        found = _generated().normalize_gradient(g, x, weight, mean, variance, dim, params["eps"],
                                                [shape for shape in shapes[1:] if shape != ()])  # () is for none
        if found is not None:
            places = zip(needs, found, shapes, strict=False)
            return tuple([grad.reshape(shape) if need else None for need, grad, shape in places])
    kind = x.dtype.type
    count = kind(prod([x.shape[d] for d in dim]))
    scale = 1 / np.sqrt(variance + kind(params["eps"]))
    grads: list[Any] = [None] * len(needs)
    work = x - mean
    if weight is None or _per_group(weight.shape, x.ndim, dim):
        total = np.add.reduce(g, dim, keepdims=True)
        along = _products(np, g, work, dim, mean.shape) * scale
        if len(needs) > 1 and needs[1]:
            grads[1] = fit(along, shapes[1])
        if len(needs) > 2 and needs[2]:
            grads[2] = fit(total if _per_group(shapes[2], x.ndim, dim) else g, shapes[2])
        factor = scale if weight is None else scale * weight
    else:
        work *= scale
        if needs[1]:
            grads[1] = fit(g * work, shapes[1])
        if len(needs) > 2 and needs[2]:
            grads[2] = fit(g, shapes[2])
        g = g * weight
        total = np.add.reduce(g, dim, keepdims=True)
        along = _products(np, g, work, dim, mean.shape)
        work /= scale
        factor = scale
    if needs[0]:
        work *= along * scale / -count
        work += g
        work -= total / count
        work *= factor
        grads[0] = work
    return tuple(grads)


def _gradient(xp: ModuleType, g: Array, x: Array, weight: Array | None, mean: Array, variance: Array, *,
              dim: Dims, eps: float, needs: Needs, shapes: Sequence[Dims]) -> Any:
    params = {"dim": dim, "eps": eps}
    if type(g) is np.ndarray:
        found = _tuned(g, x, weight, mean, variance, params, needs, shapes)
    else:
        found = _vjp({0: g}, (x, weight, (None, mean, variance), shapes), params, needs)
    return tuple([grad for grad, need in zip(found, needs, strict=True) if need])


def _gradient_spec(g: Spec, x: Spec, weight: Spec | None, *statistics: Spec, needs: Needs, shapes: Sequence[Dims],
                   **params: Any) -> tuple[Spec, ...]:
    return tuple([Spec(tuple(shape), x.dtype) for shape, need in zip(shapes, needs, strict=False) if need])


normalize_gradient = opaque(
    "normalize_gradient", _gradient, batch=each, arity=5, spec=_gradient_spec, multiple=True, widens=True,
    agree=(0, 1, 2, 3, 4), mixes=True,
    missing=WRITTEN_OUT,
    samples=cases(((3, 4), (3, 4), (4,), (3, 1), uniform(0.5, 1, 3, 1),
                   {"dim": (1,), "eps": 0.1, "needs": (True, True, True), "shapes": ((3, 4), (4,), (4,))})),
    doc="The cotangents of normalize's operands (those in needs), of the cotangent of its result.",
)


def _saves(needs: Needs) -> list[str]:
    return ["x", "out", "shapes"] + ["y"] * (len(needs) > 1)


def _batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    count = size_of(operands, mapped)
    x = spread(operands[0], mapped[0], count)
    rest = [lifted(other, len(x.shape) - 1) if is_mapped else other
            for other, is_mapped in zip(operands[1:], mapped[1:], strict=True)]
    return P.normalize(x, *rest, **moved(params))


def _jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Any, params: Params) -> Any:
    """With t the tangent, s and n as in `_vjp`: n moves by s (t - ⟨t⟩) - n ⟨n s t⟩."""
    x, weight = operands[0], operands[1] if len(operands) > 1 else None
    (t, by_weight, by_bias), (_, mean, variance) = (*tangents, None, None)[:3], out
    dim, moved_mean, moved_variance, total = params["dim"], None, None, None
    scale = P.rsqrt(variance + params["eps"])
    normal = (x - mean) * scale
    if t is not None:
        moved_mean = P.mean(t, dim=dim, keepdim=True)
        moved_variance = P.mean((x - mean) * t, dim=dim, keepdim=True) * 2
        total = scale * (t - moved_mean) - normal * (scale * scale * moved_variance * 0.5)
        total = total if weight is None else total * weight
    for term in (None if by_weight is None else normal * by_weight, by_bias):
        if term is not None:
            total = term if total is None else total + term
    if total is not None and total.shape != x.shape:
        total = P.expand(total, shape=tuple(x.shape))
    return total, moved_mean, moved_variance


normalize = fused(
    "normalize", _normalize, batch=_batch,
    jvp=_jvp, arity=3, spec=_normalize_spec, multiple=True, widens=False, agree=(0, 1, 2), mixes=True,
    keeps=(1, 2), vjp=_vjp, saves=_saves,
    label=lambda params: params.get("label", "NativeBatchNorm"),
    samples=cases(((3, 2, 4), (1, 2, 1), (1, 2, 1), {"dim": (0, 2), "eps": 0.1}),
                  ((3, 2, 4), (2, 4), (2, 4), {"dim": (1, 2), "eps": 0.1}),
                  ((3, 4), {"dim": (1,), "eps": 1e-3}), ((2, 3, 4), None, (3, 1), {"dim": (2,), "eps": 0.1}),
                  ((2, 3, 4), None, (4,), {"dim": (2,), "eps": 0.1})),
    doc="(x - mean) / sqrt(variance + eps) * weight + bias, mean and variance over dim; gives these two as well.",
    refuses=REAL_ONLY,
)
