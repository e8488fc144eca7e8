"""Reductions. ``dim`` is a tuple of dimensions counted from the front; all of them is a whole reduction."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from math import inf
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import along
from ..core.dtypes import int64
from ..core.eighths import in_numpy
from ..core.generated import LARGE, cast_array, too_late
from ..core.layout import in_rows
from ..core.operands import Array, ByOutput, Dims, Needs, Numbers, Params, Saved
from ..core.primitive import P, conjugate, keep, linear, opaque, reduction, without_dims
from ..core.samples import cases
from ..core.spec import Spec


def _sum(xp: ModuleType, x: Array, dim: Dims, keepdim: bool = False, whole: bool = False) -> Array:
    """Half precision is summed in float32; integers and truth values in int64."""
    if x.dtype.char in "fdFD":
        found = _by_code(x, dim, "sum", keepdim)
        if found is None and x.size >= LARGE and len(dim) == 1 and 0 < x.shape[dim[0]] <= _SHORT:
            return _sum_of_few(xp, x, dim[0] % x.ndim, keepdim)
        return in_rows(xp.add.reduce(x, dim, None, None, keepdim)) if found is None else found
    kind = x.dtype.kind
    if kind in "fV" and x.dtype.itemsize == 2:
        wide = cast_array(x, np.float32) if x.size >= LARGE else x
        return in_rows(xp.add.reduce(wide, dim, xp.float32, None, keepdim).astype(x.dtype))
    if kind in "biu":
        return in_rows(xp.add.reduce(x, axis=dim, keepdims=keepdim, dtype=xp.int64))
    return in_rows(xp.add.reduce(x, axis=dim, keepdims=keepdim))


_SHORT = 4
"""So few numbers are sooner added up by sums of whole slices."""


def _sum_of_few(xp: ModuleType, x: Array, dim: int, keepdim: bool) -> Array:
    head: Any = (slice(None),) * dim
    total: Array = xp.array(x[(*head, 0)], order="C")
    for place in range(1, x.shape[dim]):
        xp.add(total, x[(*head, place)], total)
    return xp.expand_dims(total, dim) if keepdim else total


def _by_code(x: Array, dim: Dims, how: str, keepdim: bool) -> Array | None:
    """A reduction of large floats by generated code; None where there is none."""
    if x.size < LARGE or x.dtype.char not in "fd" or too_late():
        return None
    from ..compiler import rows

    found = rows.reduced(x, dim, how)
    if found is None:
        return None
    if keepdim:
        found = found.reshape([1 if d in dim or d - x.ndim in dim else n for d, n in enumerate(x.shape)])
    return found.astype(x.dtype, copy=False)


_FEW = 1024
"""So many equal numbers are sooner written out than shown by strides of 0, with which numpy computes slowly."""


def _to_all(ct: Any, shape: Dims) -> Any:
    """A cotangent that each element gets. Of several dimensions it has strides of 0, so that what is computed with it
    lies as the other operand does."""
    if isinstance(ct, (np.ndarray, np.floating)) and not ct.ndim:
        if len(shape) != 1 or shape[0] > _FEW:
            return P.expand.run(ct, shape)
        every = np.empty(shape, ct.dtype)
        every.fill(ct)
        return every
    return P.expand(ct, shape=shape)


def _many(name: str) -> Any:
    return lambda params: f"{name}Backward{0 if params.get('whole') else 1}"


def _kept(params: Params, shape: Dims) -> tuple[Any, Any, bool]:
    return shape, params["dim"], params.get("keepdim", False)


_SAMPLES = cases(((3, 4), {"dim": (1,)}), ((2, 3, 2), {"dim": (0, 2), "keepdim": True}),
                 ((2, 3), {"dim": (0, 1), "whole": True}), ((), {"dim": (), "whole": True}))

sum = linear(
    "sum", _sum,
    transpose=lambda ct, shape, params: _to_all(keep(ct, shape, params["dim"], params.get("keepdim", False)), shape),
    label=_many("Sum"), samples=_SAMPLES, shape=without_dims, batch=along,
)


def _count(shape: Dims, dim: Iterable[int]) -> int:
    total = 1
    for d in dim:
        total *= shape[d]
    return total


def _mean(xp: ModuleType, x: Array, dim: Dims, keepdim: bool = False, whole: bool = False) -> Array:
    count = _count(x.shape, dim) if x.ndim else 1
    if x.dtype.itemsize == 2:
        total = xp.add.reduce(x, axis=dim, keepdims=keepdim, dtype=xp.float32)
        return in_rows((total / np.float32(count)).astype(x.dtype))
    return xp.true_divide(_sum(xp, x, dim, keepdim), x.dtype.type(count))


mean = linear(
    "mean", _mean,
    transpose=lambda ct, shape, params: _to_all(
        keep(ct, shape, params["dim"], params.get("keepdim", False)) / (_count(shape, params["dim"]) if shape else 1),
        shape),
    label=_many("Mean"), samples=_SAMPLES, shape=without_dims, batch=along,
)


def _var(xp: ModuleType, x: Array, dim: Dims, keepdim: bool = False, correction: float = 1,
         whole: bool = False) -> Array:
    count = _count(x.shape, dim) if x.ndim else 1
    centred = x - _sum(xp, x, dim, True) / x.dtype.type(count)
    squares = (centred * centred.conj()).real if x.dtype.kind in "cW" else centred * centred
    freedom = max(count - correction, 0)
    return _sum(xp, squares, dim, keepdim) / squares.dtype.type(freedom)


def _var_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x, dim = saved[0], params["dim"]
    freedom = (_count(x.shape, dim) if x.shape else 1) - params.get("correction", 1)
    centred = x - P.mean(x, dim=dim, keepdim=True)
    return (keep(ct, *_kept(params, x.shape)) * centred * (2.0 / freedom if freedom else math.inf),)


def _var_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    x, dim = operands[0], params["dim"]
    freedom = (_count(x.shape, dim) if x.shape else 1) - params.get("correction", 1)
    product = tangents[0] * P.conj(x - P.mean(x, dim=dim, keepdim=True))
    product = P.copy_real(product) if product.dtype.kind in "cW" else product
    return P.sum(product, dim=dim, keepdim=params.get("keepdim", False)) * (
        2.0 / freedom if freedom else math.inf
    )


_SPREAD = cases(((3, 4), {"dim": (1,)}), ((2, 3, 2), {"dim": (0, 2), "keepdim": True, "correction": 0}),
                ((2, 3), {"dim": (0, 1), "whole": True}))
var = reduction("var", _var, vjp=_var_vjp, jvp=_var_jvp, saves=("x",), samples=_SPREAD, shape=without_dims)


def _std_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    half = P.where(saved[1] == 0, 0.0, ct / (2 * saved[1]))
    return _var_vjp(half, saved, params, needs)


def _std(xp: ModuleType, x: Array, dim: Dims, keepdim: bool = False, correction: float = 1,
         whole: bool = False) -> Array:
    out = xp.sqrt(_var(xp, x, dim, keepdim, correction))
    if xp is np and x.dtype.char in "fF" and x.size and not (
            0 < out < np.inf if out.ndim == 0 else ((out > 0) & (out < np.inf)).all()):  # squares beyond float32
        wide = np.sqrt(_var(xp, x.astype(x.dtype.char.replace("f", "d").replace("F", "D")), dim, keepdim, correction))
        out = np.asarray(wide, out.dtype)[()]
    return out


std = reduction(
    "std", _std,
    shape=lambda x, dim, keepdim=False, **params: without_dims(x, dim, keepdim),
    vjp=_std_vjp, saves=("x", "out"), samples=_SPREAD,
    jvp=lambda tangents, operands, out, params: _var_jvp(tangents, operands, out, params) / (2 * out))


def _with_mean(name: str, spread: Any, reads: tuple[str, ...]) -> Any:
    """The node of a spread, whose rule ``reads`` these, and the mean, taken along the same dimensions."""

    def evaluate(xp: ModuleType, x: Array, dim: Dims, keepdim: bool = False, correction: float = 1
                 ) -> tuple[Array, Array]:
        return spread.run(x, dim, keepdim, correction), mean.run(x, dim, keepdim)

    def vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        x, out, shapes = saved
        grads = []
        if 0 in ct:
            grads.extend(spread.rule("vjp")(ct[0], (x, None if out is None else out[0], shapes), params, needs))
        if 1 in ct:
            grads.extend(mean.rule("vjp")(ct[1], saved, params, needs))
        return (grads[0] if len(grads) == 1 else grads[0] + grads[1],)

    def jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Any, params: Params) -> tuple[Any, Any]:
        along_dims = {key: params[key] for key in ("dim", "keepdim") if key in params}
        return spread.jvp(tangents, operands, out[0], params), mean.rule("jvp")(tangents, operands, out[1], along_dims)

    return opaque(name, evaluate, vjp=vjp, jvp=jvp, saves=(*reads, "shapes"), keeps=(0,), multiple=True, widens=True,
                  batch=along, samples=cases(((3, 4), {"dim": (1,)}), ((2, 3), {"dim": (0,), "keepdim": True})),
                  doc=f"The node of `{name}`, whose results are computed apart.")


var_mean = _with_mean("var_mean", var, ("x",))
std_mean = _with_mean("std_mean", std, ("x", "out"))


def _others(x: Numbers, dim: Dims) -> Any:
    """For each element the product of the others of its slice: by two exclusive scans, so that zeros need no special
    case."""
    if not x.shape:
        return P.fill(x, value=1)
    rest = tuple(d for d in range(len(x.shape)) if d not in dim)
    order, last = rest + tuple(dim), len(rest)
    size = _count(x.shape, dim)
    flat = P.reshape(P.permute(x, dims=order), shape=(*(x.shape[d] for d in rest), size))
    ones = P.fill(flat[..., :1], value=1)
    before = P.cumprod(P.cat(ones, flat[..., :-1], dim=last), dim=last)
    after = P.flip(P.cumprod(P.cat(ones, P.flip(flat, dims=(last,))[..., :-1], dim=last), dim=last), dims=(last,))
    others = P.reshape(before * after, shape=tuple(x.shape[d] for d in order))
    return P.permute(others, dims=tuple(order.index(d) for d in range(len(order))))


def _prod_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x = saved[0]
    others = _others(x, params["dim"])
    return (keep(ct, *_kept(params, x.shape)) * conjugate(others),)


def _prod(xp: ModuleType, x: Array, dim: Dims, keepdim: bool = False, whole: bool = False) -> Array:
    if x.dtype.kind in "biu":
        return in_rows(xp.multiply.reduce(x, axis=dim, keepdims=keepdim, dtype=xp.int64))
    found = _by_code(x, dim, "product", keepdim)
    return in_rows(xp.multiply.reduce(x, axis=dim, keepdims=keepdim)) if found is None else found


prod = reduction(
    "prod", _prod, vjp=_prod_vjp, saves=("x",), label=_many("Prod"), samples=_SAMPLES, shape=without_dims,
    jvp=lambda tangents, operands, out, params: P.sum(
        tangents[0] * _others(operands[0], params["dim"]), dim=params["dim"], keepdim=params.get("keepdim", False)))


def _ties(x: Numbers, out: Numbers, params: Params) -> Any:
    """The share of each element in an extreme: 1 for the only one that attains it, 1/k for each of k. Where the extreme
    is NaN its NaNs share it in a whole reduction, and along dimensions the shares are NaN, both as in PyTorch."""
    value = keep(out, *_kept(params, x.shape))
    attains = x == value
    if params.get("whole"):
        attains = attains | (P.isnan(x) & P.isnan(value))
    mask = P.cast(attains, dtype=x.dtype)
    return mask / P.sum(mask, dim=params["dim"], keepdim=True) if x.shape else mask


def _extreme_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """Ties share the cotangent evenly."""
    x, out, _ = saved
    return (_ties(x, out, params) * keep(ct, *_kept(params, x.shape)),)


def _extreme_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    return P.sum(tangents[0] * _ties(operands[0], out, params), dim=params["dim"], keepdim=params.get("keepdim", False))


def _extreme(name: str, ufunc: str) -> Any:
    def evaluate(xp: ModuleType, x: Array, dim: Dims, keepdim: bool = False, whole: bool = False) -> Array:
        found = _by_code(x, dim, ufunc[:3], keepdim)
        return in_rows(getattr(xp, ufunc).reduce(x, dim, None, None, keepdim)) if found is None else found

    label = {"amax": "Max", "amin": "Min"}[name]
    return reduction(name, evaluate, vjp=_extreme_vjp, jvp=_extreme_jvp, saves=("x", "out"), samples=_SAMPLES,
                     label=lambda params: f"{label}Backward1" if params.get("whole") else name.capitalize(),
                     shape=without_dims)


amax = _extreme("amax", "maximum")
amin = _extreme("amin", "minimum")


def _no(reason: str) -> dict[str, str]:
    return {"vjp": reason, "jvp": reason}


any = reduction("any", lambda xp, x, dim, keepdim=False: in_rows(xp.logical_or.reduce(x, axis=dim, keepdims=keepdim)),
                missing=_no("its result is a truth value"), samples=cases((np.array([[True, False]]), {"dim": (1,)})),
                shape=without_dims)
all = reduction("all", lambda xp, x, dim, keepdim=False: in_rows(xp.logical_and.reduce(x, axis=dim, keepdims=keepdim)),
                missing=_no("its result is a truth value"), samples=cases((np.array([[True, False]]), {"dim": (1,)})),
                shape=without_dims)


def _norm(xp: ModuleType, x: Array, ord: float, dim: Dims, keepdim: bool = False) -> Array:
    """The ``ord``-norm of the vectors along ``dim``; 0 counts what is not zero, ±inf are the extremes."""
    how = {1: "size", 2: "square", inf: "largest"}.get(ord)
    found = None if how is None else _by_code(x, dim, how, keepdim)
    if found is not None:
        return xp.sqrt(found) if ord == 2 else found
    return in_rows(_powers(xp, x, ord, dim, keepdim))


def _powers(xp: ModuleType, x: Array, ord: float, dim: Dims, keepdim: bool) -> Array:
    if ord == 2 and x.dtype.kind not in "cW":
        return xp.sqrt(xp.add.reduce(x * x, axis=dim, keepdims=keepdim))
    size = xp.abs(x)
    if ord == inf:
        return xp.maximum.reduce(size, axis=dim, keepdims=keepdim)
    if ord == -inf:
        return xp.minimum.reduce(size, axis=dim, keepdims=keepdim)
    if ord == 0:
        return xp.add.reduce(size != 0, axis=dim, keepdims=keepdim, dtype=size.dtype)
    if ord == 1:
        return xp.add.reduce(size, axis=dim, keepdims=keepdim)
    if ord == 2:
        return xp.sqrt(xp.add.reduce(size * size, axis=dim, keepdims=keepdim))
    return xp.add.reduce(size**ord, axis=dim, keepdims=keepdim) ** (1 / ord)


def _norm_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """x |x|^(p−2) / norm^(p−1). Zero where the norm is, and for p < 2 at elements that are: the least subgradient."""
    x, out, _ = saved
    p = params["ord"]
    ct, out = keep(ct, *_kept(params, x.shape)), keep(out, *_kept(params, x.shape))
    if p == 0:
        return (P.zeros_like(x),)
    if p == 1:
        return (P.sgn(x) * ct,)
    if p == 2:
        return (x * P.where(out == 0, 0.0, ct / out),)
    if p in (inf, -inf):
        size = P.abs(x)
        if x.dtype.kind in "cW" and x.shape:  # whose absolute values the result may hold rounded
            out = (P.amax if p > 0 else P.amin)(size, dim=params["dim"], keepdim=True)
        mask = P.cast(size == out, dtype=size.dtype)
        count = P.sum(mask, dim=params["dim"], keepdim=True) if x.shape else mask
        return (P.sgn(x) * (mask / count * ct),)
    if p < 2:
        size = P.abs(x)
        power = P.where(size == 0, 0.0, P.pow(P.where(size == 0, 1.0, size), p - 1))
        return (P.sgn(x) * power * P.where(out == 0, 0.0, ct * P.pow(out, 1 - p)),)
    return (x * P.pow(P.abs(x), p - 2) * P.where(out == 0, 0.0, ct / P.pow(out, p - 1)),)


def _norm_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    one = P.fill(out, value=1)
    slope = _norm_vjp(one, (operands[0], out, None), params, (True,))[0]
    product = P.conj(slope) * tangents[0]
    product = P.copy_real(product) if product.dtype.kind in "cW" else product
    return P.sum(product, dim=params["dim"], keepdim=params.get("keepdim", False))


vector_norm = reduction(
    "vector_norm", _norm, shape=without_dims, vjp=_norm_vjp,
    jvp=_norm_jvp, saves=("x", "out"), label="LinalgVectorNorm",
    samples=cases(*(((3, 4), {"ord": p, "dim": (1,)}) for p in (0, 1, 1.5, 2, 3, inf, -inf)),
                  ((2, 3, 2), {"ord": 2, "dim": (0, 2), "keepdim": True}), ((), {"ord": 2, "dim": ()})))


def _sum_to(xp: ModuleType, x: Array, shape: Dims) -> Array:
    """Sums away what broadcasting from ``shape`` repeated."""
    extra = x.ndim - len(shape)
    dims = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and x.shape[i + extra] != 1)
    reduced = _sum(xp, x, dims, True) if dims else x
    return reduced.reshape(shape)


def _sum_to_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    x, shape = operands[0], params["shape"]
    count = x.shape[0]
    ones = (1,) * (len(x.shape) - 1 - len(shape))
    summed = P.sum_to(x, shape=(count, *ones, *shape))
    return P.reshape(summed, shape=(count, *shape)) if ones else summed


def _sum_to_spec(x: Spec, shape: Dims) -> Spec:
    return (x if math.prod(x.shape) == math.prod(shape) else P.sum.spec(x, dim=()))._replace(shape=tuple(shape))


sum_to = linear("sum_to", _sum_to, batch=_sum_to_batch, spec=_sum_to_spec, label="Sum",
                transpose=lambda ct, shape, params: P.expand(ct, shape=shape),
                samples=cases(((3, 4), {"shape": (4,)}), ((2, 3), {"shape": (2, 1)})))


_POSITION = "its result is a position"


def _position(name: str) -> Any:
    def evaluate(xp: ModuleType, x: Array, dim: Dims | None = None, keepdim: bool = False) -> Array:
        return xp.asarray(getattr(x, name)(dim) if not keepdim else getattr(xp, name)(x, axis=dim, keepdims=True))

    def batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
        if params.get("dim") is not None:
            return along(primitive, operands, mapped, params)
        x = operands[0]
        flat = primitive(P.reshape(x, shape=(x.shape[0], math.prod(x.shape[1:]))), dim=1)
        if not params.get("keepdim"):
            return flat
        return P.reshape(flat, shape=(x.shape[0], *(1,) * (len(x.shape) - 1)))

    def spec(x: Spec, dim: Any = None, keepdim: bool = False) -> Spec:
        dims = range(len(x.shape)) if dim is None else (dim,)
        return Spec(without_dims(x, tuple(dims), keepdim), int64)

    return opaque(name, evaluate, batch=batch, spec=spec, missing=_no(_POSITION),
                  samples=cases(((3, 4), {"dim": 1}), ((3, 4),)))


argmax = _position("argmax")
argmin = _position("argmin")
count_nonzero = opaque("count_nonzero", batch=along,
                       eval=lambda xp, x, dim: in_rows(xp.asarray(np.count_nonzero(in_numpy(x), axis=dim))),
                       missing=_no("its result is a count"), samples=cases(((3, 4), {"dim": (1,)})))
