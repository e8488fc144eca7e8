"""Scans: running sums, products, extremes along a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import WRITTEN_OUT, along, rank_of, size_of, spread
from ..core.generated import LARGE, too_late
from ..core.layout import in_rows
from ..core.operands import Array, Needs, Numbers, Params, Saved
from ..core.primitive import P, as_first, certain, conjugate, is_final, linear, opaque, reduction
from ..core.samples import cases

_ALONG = cases(((3, 4), {"dim": 1}), ((2, 3, 2), {"dim": 0}), ((), {"dim": 0}))


def _reverse_cumsum(ct: Numbers, dim: int) -> Any:
    return P.flip(P.cumsum(P.flip(ct, dims=(dim,)), dim=dim), dims=(dim,)) if ct.shape else ct


_EXACT = {"f": np.float64, "F": np.complex128}
"""In what PyTorch adds up and multiplies: the rounding of one step is not in the next."""


def _scan(ufunc: str) -> Any:
    def evaluate(xp: ModuleType, x: Array, dim: int) -> Array:
        if not x.ndim:
            return x.copy()
        if x.size >= LARGE and not too_late():
            from ..compiler import along

            found = along.running(x, dim, ufunc)
            if found is not None:
                return found
        # (numpy would count small integers in large ones)
        dtype = x.dtype if x.dtype.kind in "iu" else _EXACT.get(x.dtype.char)
        return in_rows(getattr(xp, ufunc).accumulate(x, axis=dim, dtype=dtype).astype(x.dtype, copy=False))

    return evaluate


cumsum = linear("cumsum", _scan("add"), batch=along, shape=as_first,
                transpose=lambda ct, shape, params: _reverse_cumsum(ct, params["dim"]),
                widens=True, samples=_ALONG)


def _others_up_to(x: Numbers, dim: int, i: int) -> Any:
    """The running products of ``x`` from place ``i`` on, without the factor at ``i``."""
    head = (slice(None),) * dim
    one = P.fill(x[(*head, slice(i, i + 1))], value=1)
    others = P.cat(x[(*head, slice(0, i))], one, x[(*head, slice(i + 1, None))], dim=dim)
    return P.cumprod(others, dim=dim)[(*head, slice(i, None))]


def _cumprod_derivative(ct: Numbers, x: Any, out: Numbers, dim: int) -> Any:
    """Without zeros: the reversed running sum of ct · out, over x. With zeros (or when the rule itself is to be
    differentiated at them) one place at a time: the sum over j ≥ i of ct_j times the product of the others up to j."""
    if not x.shape:
        return ct * 1
    if certain(x != 0):
        return _reverse_cumsum(ct * P.conj(out), dim) / P.conj(x)
    head = (slice(None),) * dim
    slices = [P.sum(ct[(*head, slice(i, None))] * P.conj(_others_up_to(x, dim, i)), dim=(dim,), keepdim=True)
              for i in range(x.shape[dim])]
    return P.cat(*slices, dim=dim)


def _adjoint_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    if any(map(rank_of, operands, mapped)):
        return along(primitive, operands, mapped, params)
    return spread(operands[0], mapped[0], size_of(operands, mapped))


cumprod_adjoint = opaque(
    "cumprod_adjoint", batch=_adjoint_batch,
    eval=lambda xp, ct, x, out, dim: _cumprod_derivative(ct, x, out, dim), arity=3,
    spec=lambda ct, x, out, dim: ct, widens=True, agree=(0, 1, 2),
    missing={rule: WRITTEN_OUT[rule] for rule in ("vjp", "jvp")},
    samples=cases(((3, 4), (3, 4), (3, 4), {"dim": 1}), ((), (), (), {"dim": 0})),
    doc="The cotangent of cumprod's operand, of that of its result. Which formula it takes depends on values, so in a "
        "recording it is one instruction.",
)


def _cumprod_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x, out, _ = saved
    if isinstance(x, np.ndarray) or is_final():
        return (P.cumprod_adjoint(ct, x, out, dim=params["dim"]),)
    return (_cumprod_derivative(ct, x, out, params["dim"]),)


def _cumprod_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    """By the product rule, place by place: what the last product moves by times the factor, and the other way round."""
    t, x, dim = tangents[0], operands[0], params["dim"]
    if not x.shape or not x.shape[dim]:
        return t
    head = (slice(None),) * dim
    place = [(*head, slice(i, i + 1)) for i in range(x.shape[dim])]
    moved = [t[place[0]]]
    for before, here in pairwise(place):
        moved.append(moved[-1] * x[here] + out[before] * t[here])
    return P.cat(*moved, dim=dim)


cumprod = reduction("cumprod", _scan("multiply"), shape=as_first, vjp=_cumprod_vjp, jvp=_cumprod_jvp,
                    saves=("x", "out"),
                    samples=_ALONG)


def _running(name: str, ufunc: str) -> Any:
    """cummax and cummin: values, and the last position that attains each."""

    def evaluate(xp: ModuleType, x: Array, dim: int) -> Any:
        if not x.ndim:
            return x.copy(), xp.zeros((), np.int64)
        if x.size >= LARGE and not too_late():
            from ..compiler import along

            found = along.running_extreme(x, dim, ufunc)
            if found is not None:
                return found
        values = getattr(xp, ufunc).accumulate(x, axis=dim)
        attains = (x == values) | (x != x)
        line = tuple(-1 if d == dim else 1 for d in range(x.ndim))
        places = xp.where(attains, xp.arange(x.shape[dim]).reshape(line), 0)
        return in_rows(values), in_rows(xp.maximum.accumulate(places, axis=dim))

    def vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        grad, places, shape = ct[0], saved[1][1], saved[-1][0]
        if not shape:
            return (grad,)
        return (P.scatter_add(P.zeros_of(grad, shape=shape), places, grad, dim=params["dim"]),)

    def jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Any, params: Params) -> Any:
        t = tangents[0]
        return (P.gather(t, out[1], dim=params["dim"]) if t.shape else t), None

    return opaque(name, evaluate, batch=along, multiple=True, keeps=(1,), vjp=vjp, jvp=jvp, saves=("out", "shapes"),
                  samples=_ALONG)


cummax = _running("cummax", "maximum")
cummin = _running("cummin", "minimum")


def _logcumsumexp(xp: ModuleType, x: Array, dim: int) -> Array:
    if not x.ndim or not x.shape[dim]:
        return x.copy()
    if x.dtype.kind in "cW":
        out = xp.array(x, order="C")
        rows = xp.moveaxis(out, dim, 0)
        for i in range(1, len(rows)):
            rows[i] = P.logaddexp(rows[i - 1], rows[i])
        return out
    # A NaN before the first number would not spoil it; -inf there is the logarithm of an empty sum.
    return in_rows(xp.logaddexp.accumulate(x, axis=dim))


def _logcumsumexp_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """exp(x_i) times the sum over j ≥ i of ct_j exp(−out_j), its positive and negative parts in logarithms apart."""
    x, out, _ = saved
    dim = params["dim"]
    if not x.shape:
        return (ct,)
    if x.dtype.kind in "cW":  # the factors exp(x_i - out_j), whose sums over j PyTorch takes in logarithms too
        logs = P.log(ct) - conjugate(out)
        reached = P.flip(P.logcumsumexp(P.flip(logs, dims=(dim,)), dim=dim), dims=(dim,))
        return (P.exp(reached + conjugate(x)),)

    def part(weight: Numbers) -> Any:
        positive = weight > 0
        terms = P.where(positive, P.log(P.where(positive, weight, 1.0)) - out, float("-inf"))
        reached = P.flip(P.logcumsumexp(P.flip(terms, dims=(dim,)), dim=dim), dims=(dim,))
        return P.exp(reached + x)

    return (part(ct) - part(-ct),)


def _logcumsumexp_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    """The mean of the tangents up to each place, weighted by exp(x_j − out_i): weights between 0 and 1, in a matrix."""
    t, x, dim = tangents[0], operands[0], params["dim"]
    if not x.shape:
        return t
    rank = len(x.shape)
    last = (*[d for d in range(rank) if d != dim], dim)
    turned = [P.permute(each, dims=last) for each in (t, x, out)]
    up_to = np.tril(np.ones((x.shape[dim],) * 2, bool))
    apart = P.where(up_to, turned[1][..., None, :] - turned[2][..., :, None], float("-inf"))
    moved = P.sum(P.exp(apart) * turned[0][..., None, :], dim=(rank,))
    return P.permute(moved, dims=tuple([last.index(d) for d in range(rank)]))


logcumsumexp = reduction(
    "logcumsumexp",
    _logcumsumexp,
    shape=as_first,
    vjp=_logcumsumexp_vjp,
    saves=("x", "out"),
    samples=_ALONG,
    jvp=_logcumsumexp_jvp,
    missing={
        "second order": "its rule takes logarithms of the cotangent's two signs apart",
    },
)
