"""Special functions beyond those of `mathematics`: Bessel functions, the normal distribution, entropy, Hurwitz zeta."""

from __future__ import annotations

import math
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from ..core.errors import MissingRuleError
from ..core.operands import Array, Numbers
from ..core.primitive import COMPLEX, P, Primitive, elementwise
from ..core.samples import reals
from ..core.steps import in_doubles, of_doubles, of_float
from ..core.symbols import Steps

_POINTS = 64
_SERIES_FROM = 50.0


def _bessel_of_doubles(xp: Any, x: Any, order: int, scaled: bool) -> Any:
    """I_order(x), or exp(−|x|) I_order(x), of the modified Bessel function of the first kind, order 0 or 1.

    Up to |x| = 50 by the trapezoidal rule for its integral over a period (Abramowitz & Stegun, 9.6.19), which for a
    periodic function converges faster than any power (Trefethen & Weideman, 2014); beyond by the asymptotic series
    9.7.1.
    """
    size = xp.abs(x)
    small, inner = xp.minimum(size, _SERIES_FROM), 0.0 * size
    for k in range(_POINTS // 2 + 1):  # the other half of the period is the same
        angle = 2 * math.pi * k / _POINTS
        weight = (2 if 0 < 2 * k < _POINTS else 1) / _POINTS * math.cos(order * angle)
        inner = inner + weight * xp.exp(small * (math.cos(angle) - 1))
    large = xp.maximum(size, _SERIES_FROM)
    term = total = 1.0 + 0.0 * small
    for k in range(1, 16):
        term = term * -(4 * order * order - (2 * k - 1) ** 2) / (8 * k * large)
        total = total + term
    outer = total / xp.sqrt(2 * math.pi * large)
    if order:  # near 0 the integral's terms cancel, and those of the power series (DLMF 10.25.2) do not
        near = xp.minimum(size, 1.0)
        quarter, series = near * near / 4, 1.0 + 0.0 * small
        for k in range(12, 0, -1):
            series = 1 + series * quarter / (k * (k + 1))
        inner = xp.where(size < 1, xp.exp(-near) * near / 2 * series, inner)
    value = xp.where(size > _SERIES_FROM, outer, inner)
    if not scaled:
        value = value * xp.exp(size)
    value = xp.where(xp.isnan(size), math.nan, value)
    return xp.copysign(value, x) if order else value


def _bessel(order: int, scaled: bool) -> Any:
    steps = Steps("bessel", partial(_bessel_of_doubles, order=order, scaled=scaled), 1)

    def evaluate(xp: ModuleType, x: Array) -> Array:
        return of_doubles(steps, lambda wide: _bessel_of_doubles(xp, wide, order, scaled), x)

    return evaluate


i0 = of_float("i0", _bessel(0, False), lambda x, out: P.i1(x), "x", samples=reals(-3, 3), refuses=COMPLEX)
i0e = of_float("i0e", _bessel(0, True), lambda x, out: P.i1e(x) - P.sgn(x) * out, "x out", label="SpecialI0E",
             samples=reals(0.3, 3), refuses=COMPLEX)


def _but_0(x: Numbers) -> tuple[Any, Any]:
    """Where x is neither next to 0 nor NaN, and x there, 1 elsewhere, so that no NaN arises in any order."""
    apart = P.abs(x) > float(np.finfo(getattr(x.dtype, "numpy", x.dtype)).eps)
    return apart, P.where(apart, x, 1.0)


# At 0 the derivative of I₁ is 1/2; PyTorch's is so for NaN, too.
def _i1_derivative(x: Numbers, out: Numbers) -> Any:
    apart, x = _but_0(x)
    return P.where(apart, P.i0(x) - out / x, 0.5)


def _i1e_derivative(x: Numbers, out: Numbers) -> Any:
    apart, x = _but_0(x)
    return P.where(apart, P.i0e(x) - out * (P.sgn(x) + 1 / x), 0.5)


i1 = of_float("i1", _bessel(1, False), _i1_derivative, "x out", label="SpecialI1", samples=reals(0.3, 3),
            refuses=COMPLEX)
i1e = of_float("i1e", _bessel(1, True), _i1e_derivative, "x out", label="SpecialI1E", samples=reals(0.3, 3),
             refuses=COMPLEX)


def _without_gradient(name: str, order: int, doc: str) -> Primitive:
    return elementwise(name, _bessel(order, False), promotion="float", missing={"vjp": "PyTorch's has none"}, doc=doc)


modified_bessel_i0 = _without_gradient("modified_bessel_i0", 0, "The modified Bessel function I₀, as i0.")
modified_bessel_i1 = _without_gradient("modified_bessel_i1", 1, "The modified Bessel function I₁, as i1.")


def _erfcx(x: Numbers) -> Any:
    """exp(x²) erfc(x): by its definition below 3, by a continued fraction (Abramowitz & Stegun, 7.1.14) from
    there on."""
    far = P.where(x < 3.0, 3.0, x)
    fraction = far
    for k in range(60, 0, -1):
        fraction = far + 0.5 * k / fraction
    near = P.where(x < 3.0, x, 3.0)
    near = P.exp(near * near) * P.erfc(near)
    return P.where(x < -26.7, math.inf, P.where(x < 3.0, near, 1.0 / (math.sqrt(math.pi) * fraction)))


def _log_ndtr(x: Numbers) -> Any:
    """The logarithm of the normal distribution function, without loss in the far tail."""
    low = P.where(x < -1.0, x, -1.0)
    below = P.where(low > -math.inf, P.log(0.5 * P.erfcx(-math.sqrt(0.5) * low)) - 0.5 * (low * low), -math.inf)
    return P.where(x < -1.0, below, P.log1p(-0.5 * P.erfc(math.sqrt(0.5) * x)))


def _entropy(xp: ModuleType, x: Array) -> Array:
    return xp.where(x > 0, -x * xp.log(x), xp.where(x == 0, 0, xp.where(x < 0, -xp.inf, x))).astype(x.dtype)


erfcx = of_float("erfcx", derivative=lambda x, out: 2 * x * out - 2 / math.sqrt(math.pi), saves="x out",
                 label="SpecialErfcx", samples=reals(-2, 8), refuses=COMPLEX, **in_doubles("erfcx", _erfcx))
log_ndtr = of_float(
    "log_ndtr", derivative=lambda x, out: math.sqrt(2 / math.pi) / P.erfcx(x * -math.sqrt(0.5)), saves="x",
    label="SpecialLogNdtr", samples=reals(-6, 4), refuses=COMPLEX, **in_doubles("log_ndtr", _log_ndtr),
)
entr = of_float("entr", _entropy, lambda x, out: -P.log(x) - 1, "x", label="SpecialEntr", refuses=COMPLEX)


def _zeta(xp: ModuleType, x: Array, q: Array) -> Array:
    """Hurwitz's ζ(x, q) = Σ (q + k)^−x by Euler and Maclaurin's summation (*Digital Library of Mathematical Functions*,
    25.11.5) from the tenth term on. At an infinite q it is NaN, as in PyTorch and SciPy."""
    dtype = xp.result_type(x, q)
    x, q = (part.astype(np.float64) for part in xp.broadcast_arrays(x, q))
    pole = (q <= 0) & (q == xp.floor(q))
    nothing = (x < 1) | xp.isnan(x) | xp.isnan(q) | (q == np.inf) | ((q <= 0) & ~pole & (x != xp.floor(x)))
    endless = (x == 1) | pole
    plain = ~(nothing | endless)
    below, plain = plain & (q < 0), plain & (q > 0)
    result = xp.where(endless & ~(x < 1), np.inf, np.nan)
    with np.errstate(all="ignore"):
        result[plain] = _zeta_above(x[plain], q[plain])
        if below.any():  # the terms before 0 are, up to their sign, those between two places after it
            x, q = x[below], q[below]
            count = xp.ceil(-q)
            first, sign = q + count, xp.where(x % 2 == 0, 1.0, -1.0)
            # What may cancel is added first: half way between integers the largest terms do.
            most = _zeta_above(x, first) + sign * _zeta_above(x, 1 - first)
            result[below] = xp.where(x >= _ENDLESS, np.inf, most - sign * _zeta_above(x, 1 - first + count))
        return result.astype(dtype)


_ENDLESS = 1e13
"""An exponent of ζ that is as good as infinite: one term is all, and where it underflows PyTorch and SciPy give NaN."""


def _zeta_above(x: Array, q: Array) -> Array:
    """ζ(x, q) for x above 1 and q above 0."""
    first, base = np.zeros_like(q), q.copy()
    for _ in range(10):
        first += base**-x
        base += 1.0
    total = first + base ** (1 - x) / (x - 1) + 0.5 * base**-x
    factor = x * base ** (-x - 1)
    for k, bernoulli in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510), 1):
        total += bernoulli * factor / math.factorial(2 * k)
        factor = factor * ((x + 2 * k - 1) * (x + 2 * k) / (base * base))
    return np.where(x < _ENDLESS, total, np.where(first > 0, first, np.nan))


def _by_exponent(x: Numbers, q: Numbers, out: Numbers) -> Any:
    raise MissingRuleError("[zeta] a derivative by its second operand only was expected; got a first operand, the "
                           "exponent, that requires a gradient, and there is no rule for that; detach() it")


zeta = elementwise(
    "zeta", _zeta, promotion="float", refuses=COMPLEX,
    derivative=(_by_exponent, lambda x, q, out: -x * P.zeta(x + 1, q)), saves=("", "x y"), label="SpecialZeta",
    missing={"samples": "differentiable by its second operand only"},
    samples=lambda: iter([((2.5, np.array([0.5, 1.0, 3.0])), {}), ((3.0, np.array(0.7)), {})]),
)
