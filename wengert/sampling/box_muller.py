"""Normal numbers in blocks of sixteen, and the fused multiply-add, with the roundings of PyTorch's CPU kernels.

`box_muller` turns uniform numbers in place into normal ones. PyTorch computes the float32 ones with the polynomials of
the Cephes library in vector code, which an FMA unit executes: every ``a * b + c`` is rounded once. An answer that is
the same to the last bit thus needs the same polynomials and the same single roundings, which numpy does not offer;
`fused_multiply_add` makes them from double precision and error-free transformations.

This module knows arrays only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from . import cephes

__all__ = ["box_muller", "cosine_sine", "fused_multiply_add", "libm"]

Array = np.ndarray[Any, np.dtype[Any]]

_PAIRS_AT_ONCE = 8192  # the temporary arrays of so many pairs stay in the cache
_LARGE = 1 << 16  # numbers from which on making a kernel for them pays


def libm(function: Callable[[float], float], x: Array) -> Array:
    """``function`` of the ``math`` module for each of the float64 values ``x``.

    PyTorch calls the C library for double precision; numpy's own vector code may differ from it in the last bit.
    """
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def cosine_sine(x: Array) -> tuple[Array, Array]:
    """Cosine and sine of the float64 values ``x``, by the C library: both are parts of its complex exponential."""
    turned = np.zeros(x.shape, np.complex128)
    turned.imag = x
    turned = np.exp(turned)
    return turned.real, turned.imag


def box_muller(uniform: Array, mean: float = 0.0, std: float = 1.0) -> None:
    """Turns uniform numbers of [0, 1) in place into normal ones: Box and Muller's transform by blocks of sixteen.

    ``uniform`` is a contiguous float32 or float64 vector, its length a multiple of 16. The first eight numbers of a
    block give the radii, the last eight the angles; the cosines take the place of the first, the sines of the last.
    """
    if uniform.dtype == np.float32 and generated(uniform, mean, std):
        return
    blocks = uniform.reshape(-1, 2, 8)
    transform = _transform32 if uniform.dtype == np.float32 else _transform64
    step = _PAIRS_AT_ONCE // 8
    for start in range(0, len(blocks), step):
        part = blocks[start : start + step]
        cosines, sines = transform(1 - part[:, 0], part[:, 1])
        part[:, 0] = fused_multiply_add(cosines, std, mean)
        part[:, 1] = fused_multiply_add(sines, std, mean)


def _large_only(uniform: Array, mean: float, std: float) -> bool:
    global generated
    if uniform.size < _LARGE:
        return False
    from .kernels import normal_blocks

    generated = normal_blocks
    return normal_blocks(uniform, mean, std)


generated: Callable[[Array, float, float], bool] = _large_only
"""``generated(uniform, mean, std)`` does what `box_muller` does for float32, and says whether it did. A kernel takes
this place when an array is first large enough to be worth it; from then on it serves arrays of every size."""


def _transform64(u1: Array, u2: Array) -> tuple[Array, Array]:
    radius = np.sqrt(-2.0 * libm(math.log, u1))
    cosine, sine = cosine_sine((2.0 * math.pi) * u2)
    return radius * cosine, radius * sine


def _transform32(u1: Array, u2: Array) -> tuple[Array, Array]:
    radius = np.sqrt(np.float32(-2.0) * _log32(u1))
    sine, cosine = _sine_cosine32(cephes.TWO_PI * u2)
    cosine *= radius
    sine *= radius
    return cosine, sine


def _horner32(x: Array, coefficients: Sequence[float]) -> Array:
    """The polynomial at ``x`` (float32 values held in float64), highest power first, each step rounded to float32."""
    # The product of two float32 is exact in float64; that the sum is rounded twice shows once in 2**29 steps.
    step = x * float(np.float32(coefficients[0]))
    step += float(np.float32(coefficients[1]))
    value = step.astype(np.float32)
    for coefficient in coefficients[2:]:
        np.copyto(step, value)
        step *= x
        step += float(np.float32(coefficient))
        value[...] = step
    return value


def _log32(x: Array) -> Array:
    """The natural logarithm of positive normal float32 numbers."""
    bits = x.view(np.int32)
    exponent = (bits - cephes.SQRT_HALF_BITS) >> 23
    x = (bits - (exponent << 23)).view(np.float32)
    x -= np.float32(1.0)
    power = exponent.astype(np.float32)
    square = x * x
    value = _horner32(x.astype(np.float64), cephes.LOG_POLYNOMIAL)
    value *= x
    step = np.multiply(value, square, dtype=np.float64)
    step += power * cephes.LN2_LOW
    value[...] = step
    square *= np.float32(0.5)
    value -= square
    x += value
    power *= cephes.LN2_HIGH
    x += power
    return x


def _sine_cosine32(x: Array) -> tuple[Array, Array]:
    """Sine and cosine of float32 numbers from 0 to 2 pi."""
    octant = (x * cephes.FOUR_OVER_PI).astype(np.int32)
    octant += np.int32(1)
    octant &= np.int32(~1)
    multiple = octant.astype(np.float32)
    high, middle, low = cephes.QUARTER_PI
    x = x - multiple * high
    x -= multiple * middle
    step = multiple.astype(np.float64)
    step *= -float(low)
    step += x
    x[...] = step

    square = x * x
    wide = square.astype(np.float64)
    cosine = _horner32(wide, cephes.COSINE_POLYNOMIAL)
    cosine *= square
    np.multiply(cosine, wide, out=step)
    step -= square * np.float32(0.5)
    cosine[...] = step
    cosine += np.float32(1.0)
    sine = _horner32(wide, cephes.SINE_POLYNOMIAL)
    sine *= square
    np.multiply(sine, x, out=step, dtype=np.float64)
    step += x
    sine[...] = step

    # In the octants 2 and 6 the two change places; the signs follow from the quadrant. Both are moves of bits.
    sine_bits, cosine_bits = sine.view(np.int32), cosine.view(np.int32)
    exchange = sine_bits ^ cosine_bits
    exchange &= -((octant >> 1) & np.int32(1))
    sine_bits ^= exchange
    cosine_bits ^= exchange
    sine_bits ^= (octant & np.int32(4)) << 29
    cosine_bits ^= ((octant + np.int32(2)) & np.int32(4)) << 29
    return sine, cosine


def fused_multiply_add(a: Array, b: float, c: float) -> Array:
    """``a * b + c`` rounded once, in the precision of ``a`` (float32 or float64), to which ``b`` and ``c`` are cast.

    >>> fused_multiply_add(np.array([1 / 3]), 3.0, -1.0)
    array([-5.55111512e-17])
    """
    b, c = a.dtype.type(b), a.dtype.type(c)
    if c == 0 or abs(math.frexp(b)[0]) == 0.5:
        # Adding nothing rounds nothing (but turns -0 into 0), and multiplying by a power of two is exact.
        return a * b + c
    with np.errstate(over="ignore", invalid="ignore"):
        return _fused32(a, float(b), float(c)) if a.dtype == np.float32 else _fused64(a, float(b), float(c))


def _fused32(a: Array, b: float, c: float) -> Array:
    total = a.astype(np.float64)
    total *= b
    total += c
    result = total.astype(np.float32)
    # The product was exact. Rounding the sum to float64 and then to float32 errs only where the first rounding ends
    # on a tie of the second: with 29 bits to drop, a one and 28 zeros.
    ties = np.flatnonzero((total.reshape(-1).view(np.int64) & 0x1FFFFFFF) == 0x10000000)
    for index in ties.tolist():
        rounded = float(total.flat[index])
        exact = Fraction(float(a.flat[index])) * Fraction(b) + Fraction(c)
        if exact != rounded:
            rounded = math.nextafter(rounded, math.inf if exact > rounded else -math.inf)
            result.flat[index] = np.float32(rounded)
    return result


def _fused64(a: Array, b: float, c: float) -> Array:
    """Boldo and Melquiond, *Emulation of FMA and correctly rounded sums*, IEEE Transactions on Computers 2008."""
    high, low = _two_product(a, b)
    sum_low, error_low = _two_sum(c, low)
    sum_high, error_high = _two_sum(high, sum_low)
    result = sum_high + _add_to_odd(error_low, error_high)
    # Where a part overflowed there is no error term to add.
    return np.where(np.isfinite(result), result, a * b + c)


def _two_sum(x: Array | float, y: Array) -> tuple[Array, Array]:
    """The rounded sum and its error (Knuth)."""
    total = x + y
    shadow = total - x
    return total, (x - (total - shadow)) + (y - shadow)


def _split(x: Array | float) -> tuple[Any, Any]:
    """``x`` as the sum of two numbers of at most 26 bits (Veltkamp)."""
    scaled = x * 134217729.0
    high = scaled - (scaled - x)
    return high, x - high


def _two_product(a: Array, b: float) -> tuple[Array, Array]:
    """The rounded product and its error (Dekker)."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _add_to_odd(x: Array, y: Array) -> Array:
    """``x + y`` rounded to odd: of the two neighbours of an inexact sum, the one whose last bit is one."""
    total, error = _two_sum(x, y)
    bits = total.view(np.int64)
    move = (error != 0) & (bits & 1 == 0)
    # The bits of a float64 grow with its magnitude: one up where the error has the sum's sign, else one down.
    return (bits + move * np.where((error > 0) == (total > 0), 1, -1)).view(np.float64)
