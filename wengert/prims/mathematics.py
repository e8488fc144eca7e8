"""Exponentials, logarithms, trigonometry and special functions, element by element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from ..core.operands import Array, Needs, Numbers, Params, Saved
from ..core.primitive import COMPLEX, P, conjugate, elementwise, fit
from ..core.samples import reals
from ..core.steps import each, horner, in_doubles, of_doubles, of_float
from ..core.symbols import Steps

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


def _steps_of_logaddexp(xp: Any, x: Any, y: Any, base: float = math.e) -> Any:
    """The larger and the logarithm of 1 and the power of the difference; of equal ones, infinities too, no power."""
    less = -xp.abs(x - y)
    more = xp.log1p(xp.exp(less)) if base == math.e else xp.log1p(xp.exp2(less)) * (1 / math.log(2))
    return xp.where(x == y, x + math.log(2, base), xp.maximum(x, y) + more)


# The derivatives are quotients of PyTorch's form: of two equal infinities, and in the second order, they are NaN.
logaddexp = elementwise(
    "logaddexp", _logaddexp, promotion="float", saves=("x y", "x y"),
    derivative=(lambda x, y, out: 1 / (1 + P.exp(y - x)), lambda x, y, out: 1 / (1 + P.exp(x - y))),
    lower=Steps("logaddexp", _steps_of_logaddexp, 2).lower,
)
logaddexp2 = elementwise(
    "logaddexp2", "logaddexp2", promotion="float", saves=("x y", "x y"),
    derivative=(lambda x, y, out: 1 / (1 + P.exp2(y - x)), lambda x, y, out: 1 / (1 + P.exp2(x - y))),
    lower=Steps("logaddexp2", partial(_steps_of_logaddexp, base=2.0), 2).lower,
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


_CENTRAL = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125,
     1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077,
     687.1870074920579083, 42.313330701600911252, 1.0))
_TAIL = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0))
_FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0))


def normal_quantile(apart: Numbers, tail: Numbers) -> Any:
    """Where the normal distribution function is 1/2 + ``apart``, ``tail`` of it being on the nearer side (M. Wichura,
    *Algorithm AS 241: the percentage points of the normal distribution*, 1988, PPND16)."""
    near = P.abs(apart) <= 0.425
    r = 0.180625 - apart * apart
    central = apart * horner(_CENTRAL[0], r) / horner(_CENTRAL[1], r)
    r = P.sqrt(-P.log(tail))
    outside = P.where(r <= 5.0, horner(_TAIL[0], r - 1.6) / horner(_TAIL[1], r - 1.6),
                      horner(_FAR_TAIL[0], r - 5.0) / horner(_FAR_TAIL[1], r - 5.0))
    return P.where(near, central, P.where(apart < 0.0, -outside, outside))


def _erfinv(x: Numbers) -> Any:
    size = P.abs(x)
    inside = math.sqrt(0.5) * normal_quantile(0.5 * x, 0.5 * (1.0 - size))
    limit = P.where(size <= 1.0, P.where(x < 0.0, -math.inf, math.inf), math.nan)
    return P.where(size < 1.0, inside, limit)


def _erfinv_derivative(x: Numbers, out: Numbers) -> Any:
    """From x alone, as programs overwrite the result."""
    out = P.erfinv(x)
    return (1 / TWO_OVER_SQRT_PI) * P.exp(out * out)


erfinv = of_float("erfinv", derivative=_erfinv_derivative, saves="x", refuses=COMPLEX, **in_doubles("erfinv", _erfinv))


def _ndtri(p: Numbers) -> Any:
    """The inverse of the normal distribution function."""
    inside = normal_quantile(p - 0.5, P.where(p < 0.5, p, 1.0 - p))
    limit = P.where(p <= 0.0, P.where(p >= 0.0, -math.inf, math.nan),
                    P.where(p <= 1.0, math.inf, math.nan))
    return P.where((p > 0.0) & (p < 1.0), inside, limit)


ndtri = of_float("ndtri", derivative=lambda x, out: math.sqrt(2 * math.pi) * P.exp(0.5 * (out * out)), saves="out",
                 label="SpecialNdtri", samples=reals(0.1, 0.9), refuses=COMPLEX, **in_doubles("ndtri", _ndtri))

_LANCZOS_G = 6.024680040776729583740234375
_LANCZOS = (
    (2.5066282746310002701649081771338, 210.82427775157934587250973392072, 8071.6720023658162106380029022723,
     186056.26539522349504029498971605, 2876370.6289353724412254090516208, 31426415.585400194380614231628318,
     248874557.86205415651146038641323, 1439720407.3117216736632230727949, 6039542586.3520280050642916443073,
     17921034426.037209699919755754459, 35711959237.355668049440185451547, 42919803642.649098768957899047002,
     23531376880.410759688572007674452),
    (1.0, 66.0, 1925.0, 32670.0, 357423.0, 2637558.0, 13339535.0, 45995730.0, 105258076.0, 150917976.0, 120543840.0,
     39916800.0, 0.0))
_SINE = tuple([(-1) ** k * math.pi ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(11, -1, -1)])
"""The coefficients of sin(πx)/x as a polynomial of x², which is exact for |x| <= 1/2."""


def _lgamma(x: Numbers) -> Any:
    """By Lanczos' approximation with thirteen terms (the coefficients of the Boost libraries, *lanczos13m53*), below
    zero by reflection."""
    size = P.abs(x)
    turned = P.where(size < 5.0, size, 1.0 / size)  # so that no power is beyond the range
    quotient = P.where(size < 5.0, horner(_LANCZOS[0], turned) / horner(_LANCZOS[1], turned),
                       horner(_LANCZOS[0][::-1], turned) / horner(_LANCZOS[1][::-1], turned))
    above = P.log(quotient) - _LANCZOS_G + (size - 0.5) * (P.log(size + (_LANCZOS_G - 0.5)) - 1.0)
    roots = (size - 1.0) * (size - 2.0)
    above = P.where((roots <= 0.0) & (roots >= 0.0), 0.0, above)
    apart = size - P.floor(size)
    apart = P.where(apart <= 0.5, apart, 1.0 - apart)
    sine = apart * horner(_SINE, apart * apart)
    result = P.where(x < 0.0, math.log(math.pi) - P.log(sine) - P.log(size) - above, above)
    result = P.where(size < 1e-20, -P.log(size), result)
    return P.where(size < math.inf, P.where((x <= 0.0) & (apart <= 0.0), math.inf, result), size * size)


lgamma = of_float("lgamma", derivative=lambda x, out: P.polygamma(x, n=0), saves="x", refuses=COMPLEX,
                  **in_doubles("lgamma", _lgamma))

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


_SHIFT = 16
"""From here on the asymptotic series reach the last digit."""


def _gamma_slope(xp: Any, x: Any, order: int) -> Any:
    """Digamma (order 0) or trigamma (1) by the recurrence, so many steps up, and the asymptotic series (Abramowitz &
    Stegun, 6.3.18 and 6.4.12); below zero by reflection (6.3.7 and 6.4.7)."""
    above = xp.where(x < 0.0, 1.0 - x, x)
    above = xp.where(above > 0.0, above, 1.0)
    steps, far = 0.0 * above, above + float(_SHIFT)
    for k in range(_SHIFT - 1, -1, -1):
        step = 1.0 / (above + float(k))
        steps = steps + (step if order == 0 else step * step)
    inverse = 1.0 / far
    square = inverse * inverse
    terms = [b / (2 * k) if order == 0 else b for k, b in enumerate(_BERNOULLI, 1)]
    series = square * horner(terms[::-1], square)
    if order == 0:
        result = (xp.log(far) - 0.5 * inverse - series) - steps
    else:
        result = (inverse + 0.5 * square + inverse * series) + steps
    apart = x - xp.rint(x)
    sine, rest = apart * horner(_SINE, apart * apart), 0.5 - xp.abs(apart)
    if order == 0:
        reflected = result - math.pi * (rest * horner(_SINE, rest * rest)) / sine
        at_pole = xp.where(x == 0.0, xp.copysign(math.inf, -x), math.nan)
    else:
        reflected = (math.pi / sine) * (math.pi / sine) - result
        at_pole = math.inf
    result = xp.where(x < 0.0, xp.where(apart == 0.0, at_pole, reflected), xp.where(x == 0.0, at_pole, result))
    result = xp.where(x == math.inf, math.inf if order == 0 else 0.0, result)
    return xp.where(xp.isnan(x), math.nan, result)


_SLOPES = [Steps("polygamma", partial(_gamma_slope, order=order), 1) for order in (0, 1)]


def _polygamma(xp: ModuleType, x: Array, n: int = 0) -> Array:
    """Digamma (order 0) and its derivatives; from the second order on n! ζ(n + 1, x), up to the sign (Abramowitz &
    Stegun, 6.4.10)."""
    with np.errstate(all="ignore"):
        if n > 1:
            factorial = float(math.factorial(n)) if n <= 170 else np.inf
            wide = xp.asarray(x, np.float64)
            return ((-1.0) ** (n + 1) * factorial * P.zeta(np.float64(n + 1), wide)).astype(x.dtype)
        return of_doubles(_SLOPES[n], lambda wide: _gamma_slope(xp, wide, n), x)


polygamma = of_float("polygamma", _polygamma, lambda x, out, n=0: P.polygamma(x, n=n + 1), "x",
                   label=lambda params: "Polygamma" if params.get("n") else "Digamma", refuses=COMPLEX)
deg2rad = of_float("deg2rad", "deg2rad", math.pi / 180, "", label="Deg2Rad")
rad2deg = of_float("rad2deg", "rad2deg", 180 / math.pi, "", label="Rad2Deg")
