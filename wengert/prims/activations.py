"""Nonlinearities of neural networks, element by element."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np

from ..core.operands import Array, Numbers
from ..core.primitive import INEXACT_ONLY, REAL_ONLY, TRUTHS, P, elementwise
from ..core.samples import cases

SQRT_HALF = math.sqrt(0.5)
TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


_ZEROS = {np.dtype(code): np.zeros((), code) for code in "fd"}  # so that numpy need not convert a number at each call


def _relu(xp: ModuleType, x: Array) -> Array:
    if x.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    if x.dtype.kind in "cW":
        raise NotImplementedError("[relu] clamp is not supported for complex types")
    return xp.maximum(x, _ZEROS.get(x.dtype, 0))


relu = elementwise(
    "relu", _relu, vjp=lambda ct, saved, params, needs: (P.where(saved[1] <= 0, 0.0, ct),), saves="out", kinked=True,
    lower=lambda b, x: b.max(x, b.const(0.0)),
)
sigmoid = elementwise(
    "sigmoid", lambda xp, x: 1 / (1 + xp.exp(-x)), promotion="float",
    derivative=lambda x, out: (1 - out) * out, saves="out",
    lower=lambda b, x: b.sigmoid(x),
)


def _log_sigmoid(xp: ModuleType, x: Array) -> Array:
    return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x)))


log_sigmoid = elementwise(
    "log_sigmoid", _log_sigmoid, promotion="float", label="LogSigmoid",
    derivative=lambda x, out: P.sigmoid(-x), saves="x", refuses=REAL_ONLY, in_steps=True,
)


def _softplus(xp: ModuleType, x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    scaled = x * beta
    return xp.where(scaled > threshold, x, xp.log1p(xp.exp(xp.where(scaled > threshold, 0, scaled))) / beta)


softplus = elementwise(
    "softplus", _softplus, promotion="float",
    derivative=lambda x, out, beta=1.0, threshold=20.0: P.where(x * beta > threshold, 1.0, P.sigmoid(x * beta)),
    saves="x", refuses=REAL_ONLY, in_steps=True,
)


def _gelu(xp: ModuleType, x: Array) -> Array:
    return x * (0.5 * (1 + P.erf(x * SQRT_HALF)))


gelu = elementwise(
    "gelu", _gelu, promotion="float",
    derivative=lambda x, out: 0.5 * (1 + P.erf(x * SQRT_HALF)) + x * (
        (0.5 * SQRT_HALF * TWO_OVER_SQRT_PI) * P.exp(-0.5 * (x * x))),
    saves="x",
    lower=lambda b, x: b.mul(x, b.normal_cdf(x)), refuses=REAL_ONLY,
)
GELU_TANH = math.sqrt(2 / math.pi)


def _gelu_tanh(xp: ModuleType, x: Array) -> Array:
    return 0.5 * x * (1 + xp.tanh(GELU_TANH * (x + 0.044715 * x * x * x)))


def _gelu_tanh_derivative(x: Numbers, out: Numbers) -> Any:
    """Hendrycks & Gimpel, *Gaussian Error Linear Units*, 2016, the tanh form, differentiated."""
    t = P.tanh(GELU_TANH * (x + 0.044715 * x * x * x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (GELU_TANH * (1 + 3 * 0.044715 * x * x))


gelu_tanh = elementwise("gelu_tanh", _gelu_tanh, promotion="float", label="Gelu",
                        derivative=_gelu_tanh_derivative, saves="x", refuses=REAL_ONLY, in_steps=True)
silu = elementwise(
    "silu", lambda xp, x: x / (1 + xp.exp(-x)), promotion="float",
    derivative=lambda x, out: P.sigmoid(x) * (1 + x * (1 - P.sigmoid(x))), saves="x",
    lower=lambda b, x: b.mul(x, b.sigmoid(x)), refuses=INEXACT_ONLY,
)


def _mish(xp: ModuleType, x: Array) -> Array:
    return x * xp.tanh(_softplus(xp, x))


def _mish_derivative(x: Numbers, out: Numbers) -> Any:
    t = P.tanh(P.softplus(x))
    return t + x * P.sigmoid(x) * (1 - t * t)


mish = elementwise("mish", _mish, promotion="float", derivative=_mish_derivative, saves="x",
                   refuses=REAL_ONLY, in_steps=True)


def _leaky_relu(xp: ModuleType, x: Array, negative_slope: float = 0.01) -> Array:
    return xp.where(x > 0, x, x * negative_slope)


leaky_relu = elementwise(
    "leaky_relu", _leaky_relu, saves="x", kinked=True, in_steps=True,
    vjp=lambda ct, saved, params, needs: (
        P.where(saved[0] > 0, ct, ct * params.get("negative_slope", 0.01)),), refuses=REAL_ONLY,
)


def _elu(xp: ModuleType, x: Array, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Array:
    return xp.where(x > 0, x * scale, xp.expm1(xp.minimum(x, 0) * input_scale) * (alpha * scale))


def _elu_derivative(x: Numbers, out: Numbers, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    negative = P.exp(P.where(x >= 0, 0.0, x) * input_scale) * (alpha * scale * input_scale)
    return P.where(x > 0, scale, negative)


elu = elementwise("elu", _elu, promotion="float", derivative=_elu_derivative, saves="x", refuses=REAL_ONLY,
                  in_steps=True)


def _clip(xp: ModuleType, x: Array, low: float | None = None, high: float | None = None) -> Array:
    if low is not None:
        x = xp.maximum(x, x.dtype.type(low))
    return x if high is None else xp.minimum(x, x.dtype.type(high))


def _lower_clip(b: Any, x: Any, low: Any = None, high: Any = None) -> Any:
    x = x if low is None else b.max(x, low)
    return x if high is None else b.min(x, high)


def _inside(x: Numbers, low: float | None, high: float | None) -> Any:
    if low is None or high is None:
        return x <= high if low is None else x >= low
    return (x >= low) & (x <= high)


clamp = elementwise(
    "clamp", _clip, saves="x", label="ClampBackward1",
    selects=lambda x, out, low=None, high=None: _inside(x, low, high),
    samples=cases(((3, 4), {"low": -0.5, "high": 0.7}), ((3,), {"low": 0.1}), ((3,), {"high": 0.1})), refuses=TRUTHS,
    lower=_lower_clip,
)
hardtanh = elementwise(
    "hardtanh", lambda xp, x, low, high: xp.clip(x, low, high), saves="x",
    selects=lambda x, out, low, high: (x > low) & (x < high), kinked=True, in_steps=True,
    samples=cases(((3, 4), {"low": -0.5, "high": 0.7})),
)
threshold = elementwise(
    "threshold", lambda xp, x, limit, value: xp.where(x <= limit, x.dtype.type(value), x), saves="x",
    vjp=lambda ct, saved, params, needs: (P.where(saved[0] <= params["limit"], 0.0, ct),), kinked=True,
    lower=lambda b, x, limit, value: b.select(b.le(x, limit), value, x),
    samples=cases(((3, 4), {"limit": 0.1, "value": -2.0})),
)
