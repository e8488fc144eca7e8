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
from functools import cache
from types import ModuleType

import numpy as np

from ..core.operands import Array
from ..core.primitive import Primitive, elementwise
from ..core.steps import doubles

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


def _hankel(order: int, x: Array) -> tuple[Array, Array]:
    """J and Y for large x [10.17.3, 10.17.4]."""
    even, odd, term = np.ones_like(x), np.zeros_like(x), np.ones_like(x)
    for k in range(1, 25):
        term = term * (4 * order * order - (2 * k - 1) ** 2) / (8 * k * x)
        if k % 2:
            odd = odd + (term if k % 4 == 1 else -term)
        else:
            even = even + (term if k % 4 == 0 else -term)
    sine, cosine, scale = np.sin(x), np.cos(x), 1 / np.sqrt(math.pi * x)
    # Sine and cosine of x − π/4 − order π/2, times √2, without the rounding of the difference.
    c, s = (cosine + sine, sine - cosine) if order == 0 else (sine - cosine, -sine - cosine)
    return scale * (even * c - odd * s), scale * (even * s + odd * c)


def _by_period(order: int, x: Array) -> Array:
    """J by its integral over a period [10.9.1, 10.9.2], of which a quarter says all."""
    total = np.zeros_like(x)
    for k in range(_POINTS // 4 + 1):
        sine = math.sin(2 * math.pi * k / _POINTS)
        weight = (2 if k in (0, _POINTS // 4) else 4) / _POINTS
        total += weight * (np.cos(x * sine) if order == 0 else sine * np.sin(x * sine))
    return total


def _first_kind(order: int, x: Array) -> Array:
    size = np.abs(x)
    value = _where(size, [(size <= _FAR, lambda x: _by_period(order, x)),
                          (size > _FAR, lambda x: _hankel(order, x)[0])])
    return np.where(x < 0, -value, value) if order else value


def _second_near(order: int, x: Array) -> Array:
    """Y by its power series [10.8.1]."""
    quarter, log = x * x / 4, np.log(x) - math.log(2)
    term, harmonic, total = np.ones_like(x), 0.0, np.zeros_like(x)
    for k in range(24):
        following = harmonic + 1 / (k + 1)
        total += term * (2 * harmonic if order == 0 else harmonic + following - 2 * EULER)
        term = term * -quarter / ((k + 1) * (k + 1 + order))
        harmonic = following
    if order == 0:
        return (2 * (log + EULER) * _by_period(0, x) - total) / math.pi
    return (2 * log * _by_period(1, x) - 2 / x - x / 2 * total) / math.pi


def _second_between(order: int, x: Array) -> Array:
    """Y by Neumann's series in J of even orders [10.8.4], and its derivative; these J by recurrence downwards."""
    last = 84
    above, here, norm = np.zeros_like(x), np.full_like(x, 1e-200), np.zeros_like(x)
    j0 = j1 = total = slope = np.zeros_like(x)
    for n in range(last, -1, -1):  # here is J of order n, up to a factor
        if n % 2 == 0:
            norm = norm + (here if n == 0 else 2 * here)
            sign = 1 if n % 4 == 0 else -1
            total = total + (sign * 2 / n * here if n else 0)
            slope = slope - (sign * above / n if n else 0)
        else:  # the J of odd order below an even one n + 1, which is a part of the derivative of that one
            sign = 1 if (n + 1) % 4 == 0 else -1
            slope = slope + sign * here / (n + 1)
        j0, j1 = here, above
        above, here = here, 2 * n / x * here - above
    log = np.log(x) - math.log(2) + EULER
    if order == 0:
        return 2 / math.pi * (log * j0 - 2 * total) / norm
    return 2 / math.pi * (log * j1 - j0 / x + 2 * slope) / norm


def _second_kind(order: int, x: Array) -> Array:
    value = _where(x, [
        ((x > 0) & (x <= _NEAR), lambda x: _second_near(order, x)),
        ((x > _NEAR) & (x <= _FAR), lambda x: _second_between(order, x)),
        (x > _FAR, lambda x: _hankel(order, x)[1]),
    ])
    return np.where(x == 0, -np.inf, value)


# --- K and Airy's -----------------------------------------------------------------------------------------------------


def _decaying(order: float, x: Array) -> Array:
    """exp(x) K for x > 1: [10.32.9] with v² = x (cosh t − 1) is ∫ exp(−v²) cosh(order t) 2 / √(2x + v²) dv."""
    step, total = 0.2, np.zeros_like(x)
    for k in range(33):
        v = k * step
        growth = np.cosh(order * 2 * np.arcsinh(v / np.sqrt(2 * x))) if order else 1.0
        total += (1 if k == 0 else 2) * step * math.exp(-v * v) * growth / np.sqrt(2 * x + v * v)
    return total


def _third_near(order: int, x: Array) -> Array:
    """K by its power series [10.31.1, 10.31.2]."""
    quarter, log = x * x / 4, np.log(x) - math.log(2)
    term, harmonic, total, first = np.ones_like(x), 0.0, np.zeros_like(x), np.zeros_like(x)
    for k in range(16):
        following = harmonic + 1 / (k + 1)
        total += term * (harmonic if order == 0 else harmonic + following - 2 * EULER)
        first += term
        term = term * quarter / ((k + 1) * (k + 1 + order))
        harmonic = following
    if order == 0:
        return total - (log + EULER) * first
    return 1 / x + x / 2 * (log * first - total / 2)


def _third_kind(order: int, scaled: bool, x: Array) -> Array:
    value = _where(x, [
        ((x > 0) & (x <= 1), lambda x: _third_near(order, x) * (np.exp(x) if scaled else 1)),
        (x > 1, lambda x: _decaying(order, x) * (1 if scaled else np.exp(-x))),
    ])
    return np.where(x == 0, np.inf, value)


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
    return np.sqrt(x / 3) / math.pi * _decaying(1 / 3, exponent) * np.exp(-exponent)


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


bessel_j0 = _declare("bessel_j0", lambda x: _first_kind(0, x), "The Bessel function J₀.")
bessel_j1 = _declare("bessel_j1", lambda x: _first_kind(1, x), "The Bessel function J₁.")
bessel_y0 = _declare("bessel_y0", lambda x: _second_kind(0, x), "The Bessel function of the second kind Y₀.")
bessel_y1 = _declare("bessel_y1", lambda x: _second_kind(1, x), "The Bessel function of the second kind Y₁.")
modified_bessel_k0 = _declare("modified_bessel_k0", lambda x: _third_kind(0, False, x),
                              "The modified Bessel function of the second kind K₀.")
modified_bessel_k1 = _declare("modified_bessel_k1", lambda x: _third_kind(1, False, x),
                              "The modified Bessel function of the second kind K₁.")
scaled_modified_bessel_k0 = _declare("scaled_modified_bessel_k0", lambda x: _third_kind(0, True, x), "exp(x) K₀(x).")
scaled_modified_bessel_k1 = _declare("scaled_modified_bessel_k1", lambda x: _third_kind(1, True, x), "exp(x) K₁(x).")
spherical_bessel_j0 = _declare("spherical_bessel_j0", _spherical, "sin x / x, and 1 at 0.")
airy_ai = _declare("airy_ai", _airy, "Airy's function Ai.")
