"""Bessel functions of orders 0 and 1, and Airy's function, which is one of order 1/3.

Computed in float64 whatever the dtype is, and without a derivative, as PyTorch's have none; J, Y and Ai to a few units
in the last place, where PyTorch's are right to five or nine digits. The one idea to know: near zero a power series is
exact enough, far away an asymptotic one; in between, integrals that the trapezoidal rule computes to the last digit, as
their integrands are periodic, or fall like a Gaussian (Trefethen & Weideman, *The exponentially convergent trapezoidal
rule*, 2014). Numbers in brackets are equations of the *Digital Library of Mathematical Functions*.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import cache, partial
from types import ModuleType
from typing import Any, cast

import numpy as np

from ..core.operands import Array
from ..core.primitive import Primitive, elementwise
from ..core.steps import doubles, horner, of_doubles
from ..core.symbols import Steps

EULER = 0.57721566490153286
_FAR = 25.0
"""From here on the asymptotic series of J and Y reach the last digit."""
_NEAR = 3.0
"""Up to here the power series of Y lose no more than the last digit."""
_POINTS = 72
"""So many points a period compute J up to `_FAR`: the error is J of that order."""


def _where(x: Array, ranges: list[tuple[Array, Callable[[Array], Array]]]) -> Array:
    """What the function of each range gives for the elements that lie in it; NaN elsewhere."""
    result = np.full(x.shape, np.nan)
    for inside, function in ranges:
        if inside.any():
            result[inside] = function(x[inside])
    return result


# --- J and Y ----------------------------------------------------------------------------------------------------------

# Formulas of arrays and of a kernel's symbols: ``xp`` is numpy, or stands for it. Every range is computed for every
# element, with a number of its own in the place of those outside, and chosen at the end.

_HALF_PI = 1686629713 / 2**30, 6.07710050650619224932e-11
"""π/2 in two parts, of which the first has 31 bits: its product with a few turns is exact."""
_SINE = tuple([(-1) ** k / math.factorial(2 * k + 1) for k in range(8, -1, -1)])
_COSINE = tuple([(-1) ** k / math.factorial(2 * k) for k in range(9, -1, -1)])


def _turned(xp: Any, x: Any) -> tuple[Any, Any]:
    """Sine and cosine of numbers whose size is `_FAR` at most."""
    turns = xp.rint(x * (2 / math.pi))
    rest = (x - turns * _HALF_PI[0]) - turns * _HALF_PI[1]
    square = rest * rest
    sine, cosine = rest * horner(_SINE, square), horner(_COSINE, square)
    quarter = turns - 4 * xp.floor(turns / 4)
    odd = (quarter == 1.0) | (quarter == 3.0)
    s, c = xp.where(odd, cosine, sine), xp.where(odd, sine, cosine)
    return xp.where(quarter > 1.5, -s, s), xp.where((quarter > 0.5) & (quarter < 2.5), -c, c)


def _hankel(xp: Any, order: int, x: Any, sine: Any, cosine: Any) -> tuple[Any, Any]:
    """J and Y for large x, whose sine and cosine are given [10.17.3, 10.17.4]."""
    even, odd, term = 1.0, 0.0, 1.0
    eighth = 1 / (8 * x)
    for k in range(1, 25):
        term = term * ((4 * order * order - (2 * k - 1) ** 2) / k) * eighth
        if k % 2:
            odd = odd + (term if k % 4 == 1 else -term)
        else:
            even = even + (term if k % 4 == 0 else -term)
    scale = 1 / xp.sqrt(math.pi * x)
    # Sine and cosine of x − π/4 − order π/2, times √2, without the rounding of the difference.
    c, s = (cosine + sine, sine - cosine) if order == 0 else (sine - cosine, -sine - cosine)
    return scale * (even * c - odd * s), scale * (even * s + odd * c)


def _by_period(xp: Any, order: int, x: Any) -> Any:
    """J by its integral over a period [10.9.1, 10.9.2], of which a quarter says all."""
    total: Any = 0.0
    for k in range(_POINTS // 4 + 1):
        sine = math.sin(2 * math.pi * k / _POINTS)
        weight = (2 if k in (0, _POINTS // 4) else 4) / _POINTS
        if order and not k:
            continue
        s, c = _turned(xp, x * sine)
        total = total + weight * (c if order == 0 else sine * s)
    return total


def _first_kind(xp: Any, x: Any, sine: Any, cosine: Any, order: int) -> Any:
    size = xp.abs(x)
    far = _hankel(xp, order, xp.maximum(size, _FAR), sine, cosine)[0]
    value = xp.where(size > _FAR, far, _by_period(xp, order, xp.minimum(size, _FAR)))
    value = xp.where(size < math.inf, value, 0.0 * value)
    return xp.where(x < 0.0, -value, value) if order else value


def _second_near(xp: Any, order: int, x: Any) -> Any:
    """Y by its power series [10.8.1]."""
    quarter, log = x * x / 4, xp.log(x) - math.log(2)
    term, harmonic, total = 1.0, 0.0, 0.0
    for k in range(24):
        following = harmonic + 1 / (k + 1)
        total = total + term * (2 * harmonic if order == 0 else harmonic + following - 2 * EULER)
        term = term * quarter * (-1 / ((k + 1) * (k + 1 + order)))
        harmonic = following
    if order == 0:
        return (2 * (log + EULER) * _by_period(xp, 0, x) - total) / math.pi
    return (2 * log * _by_period(xp, 1, x) - 2 / x - x / 2 * total) / math.pi


def _second_between(xp: Any, order: int, x: Any) -> Any:
    """Y by Neumann's series in J of even orders [10.8.4], and its derivative; these J by recurrence downwards."""
    last, turned = 84, 2 / x
    above, here, norm = 0.0 * x, 0.0 * x + 1e-200, 0.0
    j0 = j1 = total = slope = 0.0
    for n in range(last, -1, -1):  # here is J of order n, up to a factor
        if n % 2 == 0:
            norm = norm + (here if n == 0 else 2 * here)
            sign = 1 if n % 4 == 0 else -1
            if n:
                total = total + sign * 2 / n * here
                slope = slope - above * (sign / n)
        else:  # the J of odd order below an even one n + 1, which is a part of the derivative of that one
            sign = 1 if (n + 1) % 4 == 0 else -1
            slope = slope + here * (sign / (n + 1))
        j0, j1 = here, above
        above, here = here, n * turned * here - above
    log = xp.log(x) - math.log(2) + EULER
    if order == 0:
        return 2 / math.pi * (log * j0 - 2 * total) / norm
    return 2 / math.pi * (log * j1 - j0 / x + 2 * slope) / norm


def _second_kind(xp: Any, x: Any, sine: Any, cosine: Any, order: int) -> Any:
    far = _hankel(xp, order, xp.maximum(x, _FAR), sine, cosine)[1]
    between = _second_between(xp, order, xp.minimum(xp.maximum(x, _NEAR), _FAR))
    near = _second_near(xp, order, xp.minimum(xp.where(x > 0.0, x, 1.0), _NEAR))
    value = xp.where(x > _FAR, far, xp.where(x > _NEAR, between, near))
    value = xp.where(x < math.inf, value, 0.0 * value)
    return xp.where(x > 0.0, value, xp.where(x == 0.0, -math.inf, math.nan))


# --- K and Airy's -----------------------------------------------------------------------------------------------------


def _decaying(xp: Any, order: float, x: Any) -> Any:
    """exp(x) K for x > 1: [10.32.9] with v² = x (cosh t − 1) is ∫ exp(−v²) cosh(order t) 2 / √(2x + v²) dv."""
    step, total = 0.2, 0.0
    for k in range(33):
        v = k * step
        growth: Any = 1.0
        if order == 1:  # cosh t, of which v² / x is one less
            growth = 1 + v * v / x
        elif order:
            growth = xp.cosh(order * 2 * xp.arcsinh(v / xp.sqrt(2 * x)))
        total = total + (1 if k == 0 else 2) * step * math.exp(-v * v) * growth / xp.sqrt(2 * x + v * v)
    return total


def _third_near(xp: Any, order: int, x: Any) -> Any:
    """K by its power series [10.31.1, 10.31.2]."""
    quarter, log = x * x / 4, xp.log(x) - math.log(2)
    term, harmonic, total, first = 1.0, 0.0, 0.0, 0.0
    for k in range(16):
        following = harmonic + 1 / (k + 1)
        total = total + term * (harmonic if order == 0 else harmonic + following - 2 * EULER)
        first = first + term
        term = term * quarter * (1 / ((k + 1) * (k + 1 + order)))
        harmonic = following
    if order == 0:
        return total - (log + EULER) * first
    return 1 / x + x / 2 * (log * first - total / 2)


def _third_kind(xp: Any, x: Any, order: int, scaled: bool) -> Any:
    small, large = xp.minimum(xp.where(x > 0.0, x, 1.0), 1.0), xp.maximum(x, 1.0)
    near, far = _third_near(xp, order, small), _decaying(xp, order, large)
    near, far = (near * xp.exp(small), far) if scaled else (near, far * xp.exp(-large))
    value = xp.where(x > 1.0, far, near)
    return xp.where(x > 0.0, value, xp.where(x == 0.0, math.inf, math.nan))


_NODES, _SPACING, _TERMS = -9.0, 0.5, 22
# Ai(0) and −Ai′(0), which are 3^(−2/3) / Γ(2/3) and 3^(−1/3) / Γ(1/3) [9.2.3, 9.2.4].
_AT_ZERO = Decimal("0.355028053887817239260063186004183176397979174199178")
_FALL_AT_ZERO = Decimal("0.258819403792806798405183560189203963479091138354935")


@cache
def _airy_tables() -> Array:
    """The Taylor coefficients of Ai at nodes from −9 to 1.5: at each node the first two from the series at 0 [9.4.1] in
    50 digits, as up to 8 of them cancel, and the others from Ai″ = x Ai."""
    rows = []
    with localcontext() as context:
        context.prec = 50
        for number in range(22):
            at = Decimal(str(_NODES + number * _SPACING))
            terms, value, slope = [_AT_ZERO, -_FALL_AT_ZERO, Decimal(0)], Decimal(0), Decimal(0)
            for n in range(3, 150):
                terms.append(terms[n - 3] / (n * (n - 1)))
            for n in range(149, -1, -1):
                slope = slope * at + value
                value = value * at + terms[n]
            row, place = [float(value), float(slope)], float(at)
            for n in range(2, _TERMS):
                row.append((place * row[n - 2] + (row[n - 3] if n > 2 else 0.0)) / (n * (n - 1)))
            rows.append(row)
    return np.array(rows)


def _airy_between(x: Array) -> Array:
    table = _airy_tables()
    number = np.rint((x - _NODES) / _SPACING).astype(np.int64)
    rest, total = x - (_NODES + number * _SPACING), np.zeros_like(x)
    for n in range(_TERMS - 1, -1, -1):
        total = total * rest + table[number, n]
    return total


def _airy_above(x: Array) -> Array:
    """By K of order 1/3 [9.6.2]."""
    exponent = 2 / 3 * x * np.sqrt(x)
    return np.sqrt(x / 3) / math.pi * _decaying(np, 1 / 3, exponent) * np.exp(-exponent)


def _airy_below(x: Array) -> Array:
    """The asymptotic series of oscillations [9.7.9]."""
    size = -x
    phase = 2 / 3 * size * np.sqrt(size)
    even, odd, term = np.ones_like(x), np.zeros_like(x), np.ones_like(x)
    for k in range(1, 25):
        term = term * (6 * k - 5) * (6 * k - 3) * (6 * k - 1) / (216 * k * (2 * k - 1) * phase)
        if k % 2:
            odd = odd + (term if k % 4 == 1 else -term)
        else:
            even = even + (term if k % 4 == 0 else -term)
    sine, cosine = np.sin(phase), np.cos(phase)
    return ((cosine + sine) * even + (sine - cosine) * odd) / np.sqrt(2 * math.pi * np.sqrt(size))


def _airy(x: Array) -> Array:
    return _where(x, [(x < -9, _airy_below), ((x >= -9) & (x <= 1.5), _airy_between), (x > 1.5, _airy_above)])


def _spherical(x: Array) -> Array:
    return np.where(x == 0, 1.0, np.where(np.isinf(x), 0.0, np.sin(x) / x))


# --- the primitives ---------------------------------------------------------------------------------------------------


def _declare(name: str, function: Callable[[Array], Array], doc: str) -> Primitive:
    def evaluate(xp: ModuleType, x: Array) -> Array:
        wide = doubles(x)
        return function(np.atleast_1d(wide)).reshape(wide.shape).astype(x.dtype)

    return elementwise(name, evaluate, promotion="float", missing={"vjp": "PyTorch's has none"}, doc=doc)


def _formula(name: str, function: Callable[..., Any], doc: str, *, turns: bool, **params: Any) -> Primitive:
    """The primitive of a formula of doubles; where it ``turns``, of |x|, and of its sine and cosine too."""
    steps = Steps(name, partial(function, **params), 3 if turns else 1)

    def evaluate(xp: ModuleType, x: Array) -> Array:
        size = np.abs(doubles(x))
        more = (np.asarray(np.sin(size)), np.asarray(np.cos(size))) if turns else ()
        return cast(Array, of_doubles(steps, lambda *given: function(np, *given, **params), x, *more))

    return elementwise(name, evaluate, promotion="float", missing={"vjp": "PyTorch's has none"}, doc=doc)


bessel_j0 = _formula("bessel_j0", _first_kind, "The Bessel function J₀.", turns=True, order=0)
bessel_j1 = _formula("bessel_j1", _first_kind, "The Bessel function J₁.", turns=True, order=1)
bessel_y0 = _formula("bessel_y0", _second_kind, "The Bessel function of the second kind Y₀.", turns=True, order=0)
bessel_y1 = _formula("bessel_y1", _second_kind, "The Bessel function of the second kind Y₁.", turns=True, order=1)
modified_bessel_k0 = _formula("modified_bessel_k0", _third_kind, "The modified Bessel function of the second kind K₀.",
                              turns=False, order=0, scaled=False)
modified_bessel_k1 = _formula("modified_bessel_k1", _third_kind, "The modified Bessel function of the second kind K₁.",
                              turns=False, order=1, scaled=False)
scaled_modified_bessel_k0 = _formula("scaled_modified_bessel_k0", _third_kind, "exp(x) K₀(x).",
                                     turns=False, order=0, scaled=True)
scaled_modified_bessel_k1 = _formula("scaled_modified_bessel_k1", _third_kind, "exp(x) K₁(x).",
                                     turns=False, order=1, scaled=True)
spherical_bessel_j0 = _declare("spherical_bessel_j0", _spherical, "sin x / x, and 1 at 0.")
airy_ai = _declare("airy_ai", _airy, "Airy's function Ai.")
