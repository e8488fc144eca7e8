"""Exponentials, logarithms, trigonometry and special functions, element by element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..core.operands import Array, Needs, Numbers, Params, Saved
from ..core.primitive import COMPLEX, P, conjugate, elementwise, fit
from ..core.samples import reals
from ..core.steps import each, of_float

TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


# The vjps of log and sqrt divide, as PyTorch's do, to agree to the last bit.
exp = of_float("exp", "exp", lambda x, out: out, "out", lower=lambda b, x: b.exp(x))
exp2 = of_float("exp2", "exp2", lambda x, out: out * math.log(2), "out", lower=lambda b, x: b.exp2(x))
expm1 = of_float("expm1", "expm1", lambda x, out: out + 1, "out", lower=lambda b, x: b.expm1(x))
log = elementwise("log", "log", promotion="float", saves="x", lower=lambda b, x: b.log(x),
                  vjp=lambda ct, saved, params, needs: (ct / conjugate(saved[0]),))
log2 = of_float("log2", "log2", lambda x, out: 1 / (x * math.log(2)), "x", lower=lambda b, x: b.log2(x))
log10 = of_float("log10", "log10", lambda x, out: 1 / (x * math.log(10)), "x", lower=lambda b, x: b.log10(x))
log1p = of_float("log1p", "log1p", lambda x, out: 1 / (x + 1), "x", label="Log1P", lower=lambda b, x: b.log1p(x))
sqrt = elementwise("sqrt", "sqrt", promotion="float", saves="out", lower=lambda b, x: b.sqrt(x),
                   vjp=lambda ct, saved, params, needs: (ct / (2 * conjugate(saved[1])),))
rsqrt = of_float("rsqrt", lambda xp, x: 1 / xp.sqrt(x), lambda x, out: -0.5 * (out * out * out), "out",
               lower=lambda b, x: b.rsqrt(x))
sin = of_float("sin", "sin", lambda x, out: P.cos(x), "x", lower=lambda b, x: b.sin(x))
cos = of_float("cos", "cos", lambda x, out: -P.sin(x), "x", lower=lambda b, x: b.cos(x))
tan = of_float("tan", "tan", lambda x, out: 1 + out * out, "out")
asin = of_float("asin", "arcsin", lambda x, out: P.rsqrt(1 - x * x), "x")
acos = of_float("acos", "arccos", lambda x, out: -P.rsqrt(1 - x * x), "x")
atan = of_float("atan", "arctan", lambda x, out: 1 / (1 + x * x), "x")
sinh = of_float("sinh", "sinh", lambda x, out: P.cosh(x), "x")
cosh = of_float("cosh", "cosh", lambda x, out: P.sinh(x), "x")
tanh = of_float("tanh", "tanh", lambda x, out: 1 - out * out, "out", lower=lambda b, x: b.tanh(x))
asinh = of_float("asinh", "arcsinh", lambda x, out: P.rsqrt(x * x + 1), "x")


def _acosh_derivative(x: Numbers, out: Numbers) -> Any:
    """For complex numbers two roots and not one of the product, which has another branch cut."""
    return P.rsqrt(x - 1) * P.rsqrt(x + 1) if x.dtype.kind in "cW" else P.rsqrt(x * x - 1)


acosh = of_float("acosh", "arccosh", _acosh_derivative, "x", samples=reals(1.2, 4))
atanh = of_float("atanh", "arctanh", lambda x, out: 1 / (1 - x * x), "x")


def _atan2_by_y(y: Numbers, x: Numbers, out: Numbers) -> Any:
    square = x * x + y * y
    return P.where(square == 0, 0.0, x / square)


def _atan2_by_x(y: Numbers, x: Numbers, out: Numbers) -> Any:
    square = x * x + y * y
    return P.where(square == 0, 0.0, -y / square)


def _atan2_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    """As PyTorch's: at the origin, where the angle has no direction to move in, NaN."""
    (y, x), (by_y, by_x) = operands, tangents
    moved = x * by_y if by_x is None else -y * by_x if by_y is None else x * by_y - y * by_x
    return moved / (x * x + y * y)


atan2 = elementwise(
    "atan2", "arctan2", promotion="float", derivative=(_atan2_by_y, _atan2_by_x), jvp=_atan2_jvp, saves=("x y", "x y"),
    samples=reals((-2, 2), (0.5, 2)),
)


def _logaddexp(xp: ModuleType, x: Array, y: Array) -> Array:
    """The larger, of complex numbers that of the larger real part, and the logarithm of 1 + exp of what the other is
    less."""
    if xp.result_type(x, y).kind != "c":
        return xp.logaddexp(x, y)
    x, y = xp.broadcast_arrays(x, y)
    high, low = xp.where(x.real >= y.real, x, y), xp.where(x.real >= y.real, y, x)
    return xp.where(xp.isneginf(high.real), low, high + xp.log1p(xp.exp(low - high)))


# The derivatives are quotients of PyTorch's form: of two equal infinities, and in the second order, they are NaN.
logaddexp = elementwise(
    "logaddexp", _logaddexp, promotion="float", saves=("x y", "x y"),
    derivative=(lambda x, y, out: 1 / (1 + P.exp(y - x)), lambda x, y, out: 1 / (1 + P.exp(x - y))),
)
logaddexp2 = elementwise(
    "logaddexp2", "logaddexp2", promotion="float", saves=("x y", "x y"),
    derivative=(lambda x, y, out: 1 / (1 + P.exp2(y - x)), lambda x, y, out: 1 / (1 + P.exp2(x - y))),
)
sinc = elementwise(
    "sinc", "sinc", promotion="float", saves="x",
    vjp=lambda ct, saved, params, needs: (
        P.where(saved[0] == 0, 0.0, ct * conjugate((P.cos(saved[0] * math.pi) - P.sinc(saved[0])) / saved[0])),),
)
logit = of_float("logit", lambda xp, x: xp.log(x / (1 - x)),
               lambda x, out: P.where((x >= 0) & (x <= 1), 1 / (x * (1 - x)), float("nan")), "x", refuses=COMPLEX)


def _x_log(xp: ModuleType, x: Array, y: Array, log: str = "log") -> Array:
    """x log y, and 0 for x = 0 whatever y, unless that is NaN."""
    return xp.where((x == 0) & ~xp.isnan(y), 0, x * getattr(xp, log)(y)).astype(xp.result_type(x, y))


def _x_log_vjp(name: str, shift: int) -> Any:
    """For x log(y + shift), as PyTorch: no cotangent, not even an infinite one, where x is 0 and the logarithm has no
    finite value."""

    def vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        x, y, _, shapes = saved
        nothing = (x == 0) & (y <= -shift) if needs[0] else None
        for_x = fit(P.where(nothing, 0.0, getattr(P, name)(ct, y)), shapes and shapes[0]) if needs[0] else None
        for_y = fit(ct * conjugate(x / (1 + y if shift else y)), shapes and shapes[1]) if needs[1] else None
        return for_x, for_y

    return vjp


xlogy = elementwise("xlogy", lambda xp, x, y: _x_log(xp, x, y), promotion="float", saves=("x y", "x y"),
                    vjp=_x_log_vjp("xlogy", 0))
xlog1py = elementwise("xlog1py", lambda xp, x, y: _x_log(xp, x, y, "log1p"), promotion="float", saves=("x y", "x y"),
                      vjp=_x_log_vjp("xlog1py", 1), label="SpecialXlog1Py", refuses=COMPLEX)

erf = of_float("erf", each(math.erf), lambda x, out: TWO_OVER_SQRT_PI * P.exp(-(x * x)), "x",
             lower=lambda b, x: b.erf(x), refuses=COMPLEX)
erfc = of_float("erfc", each(math.erfc), lambda x, out: -TWO_OVER_SQRT_PI * P.exp(-(x * x)), "x",
              lower=lambda b, x: b.erfc(x), refuses=COMPLEX)


def _erfinv(x: float) -> float:
    """The inverse of erf: Giles' rational start (M. Giles, *Approximating the erfinv function*, 2011, table 5), then
    two Newton steps."""
    if not -1.0 < x < 1.0:
        return math.copysign(math.inf, x) if abs(x) == 1.0 else math.nan
    w = -math.log((1.0 - x) * (1.0 + x))
    if w < 5.0:
        w -= 2.5
        coefficients = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
                        -0.00125372503, -0.00417768164, 0.246640727, 1.50140941)
    else:
        w = math.sqrt(w) - 3.0
        coefficients = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
                        -0.0076224613, 0.00943887047, 1.00167406, 2.83297682)
    y = 0.0
    for c in coefficients:
        y = y * w + c
    y *= x
    for _ in range(2):
        error = math.erf(y) - x
        y -= error / (TWO_OVER_SQRT_PI * math.exp(-y * y))
    return y


def _erfinv_derivative(x: Numbers, out: Numbers) -> Any:
    """From x alone, as programs overwrite the result."""
    out = P.erfinv(x)
    return (1 / TWO_OVER_SQRT_PI) * P.exp(out * out)


erfinv = of_float("erfinv", each(_erfinv), _erfinv_derivative, "x")


def _lgamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def _gamma_slope(n: int, x: Array) -> Array:
    """Digamma (order 0) or trigamma (1) of positive numbers by the recurrence up to x >= 16 and the asymptotic series
    (Abramowitz & Stegun, 6.3.18 and 6.4.12)."""
    sign = -1.0 if n == 0 else 1.0
    x, total = x.copy(), np.zeros_like(x)
    while (near := x < 16.0).any():
        np.add(total, sign * x ** -(n + 1), total, where=near)
        np.add(x, 1.0, x, where=near)
    if n == 0:
        return total + (np.log(x) - 0.5 / x - sum(b / (2 * k * x ** (2 * k)) for k, b in enumerate(_BERNOULLI, 1)))
    return total + (1 / x + 0.5 / (x * x) + sum(b / x ** (2 * k + 1) for k, b in enumerate(_BERNOULLI, 1)))


def _polygamma(xp: ModuleType, x: Array, n: int = 0) -> Array:
    """Digamma (order 0) and its derivatives: below zero by reflection (Abramowitz & Stegun, 6.3.7 and 6.4.7); from the
    second order on n! ζ(n + 1, x), up to the sign (6.4.10)."""
    wide = xp.asarray(x, np.float64)
    if n > 1:
        factorial = float(math.factorial(n)) if n <= 170 else np.inf
        with np.errstate(all="ignore"):
            return ((-1.0) ** (n + 1) * factorial * P.zeta(np.float64(n + 1), wide)).astype(x.dtype)
    pole, below = (wide <= 0) & (wide == xp.floor(wide)), wide < 0
    plain = xp.isfinite(wide) & ~pole
    with np.errstate(all="ignore"):
        result = _gamma_slope(n, xp.where(plain, xp.where(below, 1 - wide, wide), 1.0))
        apart = np.pi * (wide - xp.rint(wide))
        reflected = result - np.pi / xp.tan(apart) if n == 0 else (np.pi / xp.sin(apart)) ** 2 - result
        result = xp.where(below, reflected, result)
        at_pole = xp.where(wide == 0, xp.copysign(np.inf, -wide), np.nan) if n == 0 else np.inf
        at_infinity = xp.where(wide == np.inf, np.inf if n == 0 else 0.0, np.nan)
        return xp.where(plain, result, xp.where(pole & (wide != -np.inf), at_pole, at_infinity)).astype(x.dtype)


lgamma = of_float("lgamma", each(_lgamma), lambda x, out: P.polygamma(x, n=0), "x", refuses=COMPLEX)
polygamma = of_float("polygamma", _polygamma, lambda x, out, n=0: P.polygamma(x, n=n + 1), "x",
                   label=lambda params: "Polygamma" if params.get("n") else "Digamma", refuses=COMPLEX)
deg2rad = of_float("deg2rad", "deg2rad", math.pi / 180, "", label="Deg2Rad")
rad2deg = of_float("rad2deg", "rad2deg", 180 / math.pi, "", label="Rad2Deg")
