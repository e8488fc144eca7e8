"""Exponentials that are normalised along a dimension, shifted by the largest so that none overflows."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..core.generated import LARGE, too_late
from ..core.layout import in_rows
from ..core.operands import Array, Dims, Needs, Numbers, Params, Saved
from ..core.primitive import P, as_first, conjugate, keep, reduction, without_dims
from ..core.samples import cases


def _logsumexp(xp: ModuleType, x: Array, dim: Dims, keepdim: bool = False) -> Array:
    if not x.ndim:
        return x.copy() if x.dtype.kind not in "cW" else xp.asarray(xp.log(xp.exp(x - x.real)) + x.real)
    if not x.size:  # the logarithm of an empty sum
        return xp.log(xp.add.reduce(x, axis=dim, keepdims=keepdim))
    # Of complex numbers the peak is real, so that the logarithm finds the imaginary part within a turn of 0.
    peak = xp.maximum.reduce(x.real if x.dtype.kind in "cW" else x, axis=dim, keepdims=True)
    peak = xp.where(xp.isfinite(peak), peak, peak.dtype.type(0))
    total = xp.log(xp.add.reduce(xp.exp(x - peak), axis=dim, keepdims=True)) + peak
    return in_rows(total if keepdim else xp.squeeze(total, axis=dim))


def _logsumexp_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x, out, _ = saved
    kept = (x.shape, params["dim"], params.get("keepdim", False))
    weights = P.exp(x - keep(out, *kept))
    return (keep(ct, *kept) * conjugate(weights),)


def _logsumexp_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    weights = P.exp(operands[0] - keep(out, operands[0].shape, params["dim"], params.get("keepdim", False)))
    return P.sum(tangents[0] * weights, dim=params["dim"], keepdim=params.get("keepdim", False))


logsumexp = reduction("logsumexp", _logsumexp, shape=without_dims, vjp=_logsumexp_vjp, jvp=_logsumexp_jvp,
                      saves=("x", "out"),
                      samples=cases(((3, 4), {"dim": (1,)}), ((2, 3, 2), {"dim": (0, 2), "keepdim": True})))


def _generated() -> Any:
    """The generated code for the last dimension of large arrays, loaded when first needed."""
    from ..compiler import softmax

    return softmax


def _gradient(ct: Numbers, out: Numbers, dim: int, logarithm: bool) -> Any:
    """The cotangent of x by generated code; None where there is none."""
    large = type(ct) is np.ndarray and type(out) is np.ndarray and ct.size >= LARGE and dim == ct.ndim - 1
    if large and not too_late():
        return _generated().softmax_gradient(ct, out, logarithm)
    return None


def _normalised(logarithm: bool) -> Any:
    """softmax, or its logarithm."""

    def evaluate(xp: ModuleType, x: Array, dim: int) -> Array:
        if not x.ndim:
            return x - x if logarithm else xp.exp(x - x)
        if x.size >= LARGE and dim == x.ndim - 1 and not too_late():
            found = _generated().softmax(x, logarithm)
            if found is not None:
                return found
        if not x.size:
            return x.copy()
        shifted = x - xp.maximum.reduce(x, dim, None, None, True)
        if logarithm:
            total = xp.log(xp.add.reduce(xp.exp(shifted), dim, None, None, True))
            return in_rows(xp.subtract(shifted, total, shifted))
        shifted = xp.exp(shifted, shifted)
        return in_rows(xp.divide(shifted, xp.add.reduce(shifted, dim, None, None, True), shifted))

    return evaluate


def _softmax_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    out = saved[1]
    found = _gradient(ct, out, params["dim"], False)
    if found is not None:
        return (found,)
    product = ct * out
    if not out.shape:
        return (product - product,)
    return (product - out * P.sum(product, dim=(params["dim"],), keepdim=True),)


def _softmax_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    return _softmax_vjp(tangents[0], (None, out), params, (True,))[0]  # its Jacobian is symmetric


_ALONG = cases(((3, 4), {"dim": 1}), ((2, 3, 2), {"dim": 0}), ((), {"dim": 0}))
softmax = reduction("softmax", _normalised(False), vjp=_softmax_vjp, jvp=_softmax_jvp, saves=("out",), samples=_ALONG,
                    shape=as_first)


def _log_softmax_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    out = saved[1]
    if not out.shape:
        return (ct - ct,)
    found = _gradient(ct, out, params["dim"], True)
    if found is not None:
        return (found,)
    return (ct - P.exp(out) * P.sum(ct, dim=(params["dim"],), keepdim=True),)


def _log_softmax_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    t = tangents[0]
    if not out.shape:
        return t - t
    return t - P.sum(P.exp(out) * t, dim=(params["dim"],), keepdim=True)


log_softmax = reduction("log_softmax", _normalised(True), vjp=_log_softmax_vjp, jvp=_log_softmax_jvp, saves=("out",),
                        samples=_ALONG, shape=as_first)
