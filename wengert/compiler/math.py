"""Transcendental functions as expressions on vectors, the same few instructions for every argument.

All follow one plan: reduce the argument to a small interval, evaluate a polynomial or a quotient of two there, undo
the reduction; no branches (but one, hardly ever taken, in ``sin`` and ``cos``), so that a vector of elements runs as
one. Infinities, NaN, signed zeros, subnormal arguments and results behave as in IEEE 754 and numpy. The coefficients
are our own minimax fits (``tables``, printed by ``tools/minimax.py``). The accuracies stated here are the largest
errors that the tests and a run over every 17th of all float32 found, in units in the last place (ulp) of the exact
result, on a machine with a fused multiply-add. The methods:

- argument reduction in two or three parts of a constant: Cody and Waite, *Software Manual for the Elementary
  Functions* (1980);
- ``exp`` and its kin: Muller, *Elementary Functions*, chapter 11; ``log1p`` and ``expm1`` keep the low part apart,
  as Tang, *ACM TOMS* 18 (1992), shows why;
- ``log`` in float64 through ``s = f / (2 + f)``: Muller, chapter 11;
- large arguments of ``sin`` and ``cos``: Payne and Hanek, *SIGNUM Newsletter* 18 (1983), here in float64 pieces;
- ``erfc`` as ``exp(-x**2)`` times a quotient: Cody, *Math. Comp.* 23 (1969).
"""

from __future__ import annotations

from collections.abc import Sequence

from . import tables
from .code import Operand
from .vectors import Term, Vectors

INFINITY = float("inf")
NAN = float("nan")


class MathBuilder(Vectors):
    """The builder that ``lower`` rules get: the operations of `Vectors` and the transcendental functions."""

    def polynomial(self, x: Operand, coefficients: Sequence[float]) -> Operand:
        """``coefficients[0] + coefficients[1] * x + ...`` by Horner's rule."""
        total = self.const(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            total = self.fma(total, x, coefficient)
        return total

    def _halves(self, x: Operand, square: Operand, coefficients: Sequence[float]) -> Operand:
        """The polynomial from its even and its odd half: half as many roundings in a row as Horner's rule."""
        even, odd = self.polynomial(square, coefficients[::2]), self.polynomial(square, coefficients[1::2])
        return self.fma(odd, x, even)

    # --- exponentials -------------------------------------------------------------------------------------------------

    def exp(self, x: Term, never_large: bool = False, minus: Operand | None = None) -> Operand:
        """e**x. float32: 0.9 ulp; float64: 0.9 ulp. ``never_large``: x is known to be no more than a few, or NaN.
        ``minus`` is -x where that is there: then x, of which sums can take the negative, need not be."""
        low, high = (-104.0, 89.0) if self.single else (-746.0, 710.0)
        there, x = self._without(x, low, INFINITY if never_large else high, minus)
        shifted, n, r = self._reduce_exp(x)
        return self.scale(self._exp_small(r), n, shifted, there)

    def exp2(self, x: Term) -> Operand:
        """2**x. float32: 0.9 ulp; float64: 0.9 ulp."""
        there, x = self._without(x, *((-151.0, 129.0) if self.single else (-1076.0, 1025.0)))
        shifted = self.add(x, self.rounder)
        n = self.sub(shifted, self.rounder)
        r = self.mul(self.sub(x, n), 0.6931471805599453)
        return self.scale(self._exp_small(r), n, shifted, there)

    def expm1(self, x: Term) -> Operand:
        """e**x - 1. float32: 1.5 ulp; float64: 1.7 ulp."""
        x = self._real(x)
        return self.copysign(self._expm1(self._between(x, *((-18.0, 89.0) if self.single else (-38.0, 710.0)))), x)

    def _without(self, x: Term, low: float, high: float, minus: Operand | None = None) -> tuple[Operand, Operand]:
        """Where x is not below ``low``, and x up to ``high``: what `scale` wants. An exponential that vanishes is not
        computed: a result below the smallest normal number costs the processor a hundred cycles, and masks are full of
        them. So x is 0 there, unless `scale` leaves such lanes out itself."""
        x = self._real(x)
        there = self._compare("uge", x, low) if minus is None else self._compare("ule", minus, -low)
        x = x if self.machine.avx512 else self.select(there, x, 0.0)
        return there, x if high == INFINITY else self.min(x, high)

    def _between(self, x: Term, low: float, high: float) -> Operand:
        return self.max(self.min(x, high), low)

    def _log2_parts(self) -> tuple[float, float]:
        if self.single:
            return tables.LOG2_HIGH_32, tables.LOG2_LOW_32
        return tables.LOG2_HIGH_64, tables.LOG2_LOW_64

    def _reduce_exp(self, x: Operand, times: float = 1.0) -> tuple[Operand, Operand, Operand]:
        """(n + rounder, n, r) with x = n * log(2) / times + r and |r| <= log(2) / 2 / times, a power of two."""
        high, low = [part / times for part in self._log2_parts()]
        shifted = self.fma(x, 1.4426950408889634 * times, self.rounder)
        n = self.sub(shifted, self.rounder)
        return shifted, n, self.fma(n, -low, self.fma(n, -high, x))

    def _power(self, shifted: Operand, more: int = 0) -> Operand:
        """2**(n + more), a normal number, where ``shifted`` is n + rounder."""
        bits = self.integer_op("shl", self.to_bits(shifted), self.fraction_bits)
        return self.from_bits(self.integer_op("add", bits, (self.exponent_bias + more) << self.fraction_bits))

    def _exp_tail(self, r: Operand) -> Operand:
        return self.polynomial(r, tables.EXP_32 if self.single else tables.EXP_64)

    def _exp_small(self, r: Operand) -> Operand:
        """e**r for |r| <= log(2) / 2."""
        return self.fma(self.fma(self._exp_tail(r), r, 1.0), r, 1.0)

    def _expm1(self, x: Operand) -> Operand:
        """e**x - 1 for x between -38 and 710. With h = 2**(n-1), which never overflows, it is
        2 * (h * (e**r - 1) + (h - 1/2)); the sum of the first n and the last is exact."""
        shifted, _, r = self._reduce_exp(x)
        half = self._power(shifted, -1)
        small = self.fma(self.mul(r, r), self._exp_tail(r), r)
        return self.mul(self.fma(half, small, self.sub(half, 0.5)), 2.0)

    # --- logarithms ---------------------------------------------------------------------------------------------------

    def log(self, x: Term) -> Operand:
        """The natural logarithm. float32: 0.9 ulp; float64: 0.9 ulp."""
        x = self._real(x)
        k, f = self._split(x)
        return self._log_edges(x, self._log_sum(k, f))

    def log2(self, x: Term) -> Operand:
        """The logarithm to base 2. float32: 2 ulp; float64: 2 ulp."""
        x = self._real(x)
        k, f = self._split(x)
        return self._log_edges(x, self.fma(self._log_small(f), 1.4426950408889634, k))

    def log10(self, x: Term) -> Operand:
        """The logarithm to base 10. float32: 2 ulp; float64: 2 ulp."""
        x = self._real(x)
        k, f = self._split(x)
        high, low = ((tables.LOG10_2_HIGH_32, tables.LOG10_2_LOW_32) if self.single
                     else (tables.LOG10_2_HIGH_64, tables.LOG10_2_LOW_64))
        tail = self.fma(k, low, self.mul(self._log_small(f), 0.4342944819032518))
        return self._log_edges(x, self.fma(k, high, tail))

    def log1p(self, x: Term) -> Operand:
        """log(1 + x). float32: 1.5 ulp; float64: 1.6 ulp."""
        x = self._real(x)
        u = self.add(x, 1.0)
        k, _ = self._exponent(self.to_bits(u))
        # (1 + x) / 2**k - 1 from x itself, which still has the digits that u has lost. Very large x are scaled first,
        # because 2**-k would not be a normal number; their 1 is lost anyway.
        large = self.gt(x, 2.0**64)
        k_scale = self.select(large, self.integer_op("sub", k, 64), k)
        bits = self.integer_op("sub", self.integer(self.exponent_bias), k_scale)
        scale = self.from_bits(self.integer_op("shl", bits, self.fraction_bits))
        one = self.select(large, -1.0, self.sub(scale, 1.0))
        f = self.fma(self.select(large, self.mul(x, 2.0**-64), x), scale, one)
        result = self._log_edges(u, self._log_sum(self.to_real(k), f))
        return self.copysign(result, x)

    def _exponent(self, bits: Operand) -> tuple[Operand, Operand]:
        """(k, bits of m) with x = m * 2**k and sqrt(1/2) <= m < sqrt(2), for a positive normal x."""
        root = 0x3F3504F3 if self.single else 0x3FE6A09E667F3BCD
        k = self.integer_op("ashr", self.integer_op("sub", bits, root), self.fraction_bits)
        return k, self.integer_op("sub", bits, self.integer_op("shl", k, self.fraction_bits))

    def _split(self, x: Operand) -> tuple[Operand, Operand]:
        """(k, f) with x = (1 + f) * 2**k and sqrt(1/2) <= 1 + f < sqrt(2) (float32 with AVX-512: 3/4 and 3/2), for a
        positive x, subnormal ones too."""
        if self.machine.avx512 and self.single:
            m = self.mantissa(x)
            return self.sub(self.exponent(x), self.exponent(m)), self.sub(m, 1.0)
        smallest, shift = (2.0**-126, 25) if self.single else (2.0**-1022, 54)
        tiny = self.lt(x, smallest)
        k, m = self._exponent(self.to_bits(self.select(tiny, self.mul(x, 2.0**shift), x)))
        k = self.select(tiny, self.integer_op("sub", k, shift), k)
        return self.to_real(k), self.sub(self.from_bits(m), 1.0)

    def _log_rest(self, f: Operand) -> Operand:
        """f - log(1 + f) for sqrt(1/2) <= 1 + f <= sqrt(2)."""
        if self.single:
            square = self.mul(f, f)
            tail = self.mul(self.mul(f, square), self.polynomial(f, tables.LOG_32))
            return self.fma(square, 0.5, self.neg(tail))
        s = self.div(f, self.add(f, 2.0))
        t = self.mul(s, s)
        return self.mul(s, self.sub(f, self.mul(t, self.polynomial(t, tables.ATANH_64))))

    def _log_small(self, f: Operand) -> Operand:
        return self.sub(f, self._log_rest(f))

    def _log_sum(self, k: Operand, f: Operand) -> Operand:
        """k * log(2) + log(1 + f)."""
        high, low = self._log2_parts()
        rest = self.fma(k, -low, self._log_rest(f))
        return self.fma(k, high, self.sub(f, rest))

    def _log_edges(self, x: Operand, result: Operand) -> Operand:
        """The result for positive finite x; infinity there, minus infinity at 0, NaN below 0 and for NaN."""
        if self.machine.avx512:
            return self.logarithm_of_edges(result, x)
        result = self.select(self.lt(x, INFINITY), result, x)
        return self.select(self.gt(x, 0.0), result, self.select(self.eq(x, 0.0), -INFINITY, NAN))

    # --- sigmoids -----------------------------------------------------------------------------------------------------

    def tanh(self, x: Term) -> Operand:
        """The hyperbolic tangent. float32: relative error 2.9e-7 (4.8 ulp just above a power of two); float64: 2.5 ulp.

        float32: a quotient of two polynomials in x**2, which takes two thirds of the instructions of an exponential.
        """
        x = self._real(x)
        if self.single:
            t = self.min(self.mul(x, x), tables.TANH_END_32)
            top, bottom = self.polynomial(t, tables.TANH_TOP_32), self.polynomial(t, tables.TANH_BOTTOM_32)
            return self._between(self.div(self.mul(x, top), bottom), -1.0, 1.0)
        shifted, _, r = self._reduce_exp(self.min(self.abs(x), 20.0), 2.0)
        # (e**(2 r) - 1) / 2 and (e**(2 |x|) - 1) / 2, in this order.
        doubled = [c * 2.0**(k + 1) for k, c in enumerate(tables.EXP_64)]
        small = self.fma(self.mul(r, r), self.polynomial(r, doubled), r)
        power = self._power(shifted)
        growth = self.fma(power, small, self.fma(power, 0.5, -0.5))
        return self.copysign(self.div(growth, self.add(growth, 1.0)), x)

    def sigmoid(self, x: Term) -> Operand:
        """1 / (1 + e**-x), its relative accuracy kept where it vanishes. float32: relative error 2.7e-7 (4 ulp), for
        the polynomial is one degree shorter than that of ``exp``, which saves a tenth of the time; float64: 2 ulp.

        Computed as a / (a + a * e**-x) with a power of two a so small that the product never overflows.
        """
        end, places = (104.0, 24) if self.single else (746.0, 56)
        shifted, n, r = self._reduce_exp(self.neg(self._between(x, -end, end)))
        a = 2.0**-places
        tail = self.polynomial(r, [c * a for c in (tables.EXP_SHORT_32 if self.single else tables.EXP_64)])
        power = self.scale(self.fma(self.fma(tail, r, a), r, a), n, shifted)
        return self.div(a, self.add(power, a))

    # --- the error function -------------------------------------------------------------------------------------------

    def erf(self, x: Term) -> Operand:
        """The error function. float32: relative error 3e-7 (5 ulp just below 1); float64: 7e-16 (6 ulp)."""
        top, bottom, end = ((tables.ERF_TOP_32, tables.ERF_BOTTOM_32, 3.92) if self.single
                            else (tables.ERF_TOP_64, tables.ERF_BOTTOM_64, 5.93))
        x = self._real(x)
        inside = self._between(x, -end, end)
        t = self.mul(inside, inside)
        square = self.mul(t, t)
        value = self.div(self.mul(inside, self._halves(t, square, top)), self._halves(t, square, bottom))
        value = self._between(value, -1.0, 1.0)
        # In float32 the quotient is 1 at the end. In float64 it need not be.
        return value if self.single else self.select(self.ge(self.abs(x), end), self.copysign(1.0, x), value)

    def normal_cdf(self, x: Term) -> Operand:
        """The normal distribution function (1 + erf(x / sqrt(2))) / 2. Largest absolute error: float32 3e-7,
        float64 5e-16; like erf, it does not keep its relative accuracy where it vanishes."""
        if not self.single:
            return self.fma(self.erf(self.mul(x, 0.7071067811865476)), 0.5, 0.5)
        x = self._real(x)
        t = self.min(self.mul(x, x), tables.NORMAL_END_32)
        top, bottom = self.polynomial(t, tables.NORMAL_TOP_32), self.polynomial(t, tables.NORMAL_BOTTOM_32)
        half = self._between(self.div(self.mul(x, top), bottom), -0.5, 0.5)
        return self.add(half, 0.5)

    def erfc(self, x: Term) -> Operand:
        """1 - erf(x), its relative accuracy kept where it vanishes. float32: 3.2e-7 (5 ulp);
        float64: 7e-16 (7 ulp)."""
        x = self._real(x)
        top, bottom, end = ((tables.ERFCX_TOP_32, tables.ERFCX_BOTTOM_32, 10.1) if self.single
                            else (tables.ERFCX_TOP_64, tables.ERFCX_BOTTOM_64, 27.3))
        a = self.min(self.abs(x), end)
        square = self.mul(a, a)
        lost = self._square_rest(a, square)
        shifted, n, r = self._reduce_exp(self.neg(square))
        quotient = self.div(self._halves(a, square, top), self._halves(a, square, bottom))
        value = self.scale(self.mul(self._exp_small(self.sub(r, lost)), quotient), n, shifted)
        return self.select(self.lt(x, 0.0), self.sub(2.0, value), value)

    def _square_rest(self, a: Operand, square: Operand) -> Operand:
        """a * a - square, exactly, where ``square`` is a * a rounded."""
        if self.machine.fused:
            return self.fma(a, a, self.neg(square))
        kept = -(1 << (12 if self.single else 27))
        high = self.from_bits(self.integer_op("and", self.to_bits(a), kept))
        low = self.sub(a, high)
        cross = self.mul(self.add(self.add(high, high), low), low)
        return self.add(self.sub(self.mul(high, high), square), cross)

    # --- circular functions -------------------------------------------------------------------------------------------

    def sin(self, x: Term) -> Operand:
        """The sine, for every float32: 1.6 ulp. float64 is not covered (`NotImplementedError`)."""
        x = self._real(x)
        r, quadrant = self._quarter_turns(self.abs(x))
        value = self.select(self.bit_set(quadrant, 0), self._cos_small(r), self._sin_small(r))
        turned = self.select(self.bit_set(quadrant, 1), self.neg(value), value)
        return self.select(self._negative(x), self.neg(turned), turned)

    def cos(self, x: Term) -> Operand:
        """The cosine, for every float32: 1.6 ulp. float64 is not covered (`NotImplementedError`)."""
        r, quadrant = self._quarter_turns(self.abs(x))
        value = self.select(self.bit_set(quadrant, 0), self._sin_small(r), self._cos_small(r))
        return self.select(self.bit_set(self.integer_op("add", quadrant, 1), 1), self.neg(value), value)

    def _negative(self, x: Operand) -> Operand:
        return self.emit(f"icmp slt {self.integer_type} {self.to_bits(x)}, zeroinitializer", self.mask_type)

    def _sin_small(self, r: Operand) -> Operand:
        t = self.mul(r, r)
        return self.fma(self.mul(t, r), self.polynomial(t, tables.SIN_32), r)

    def _cos_small(self, r: Operand) -> Operand:
        t = self.mul(r, r)
        return self.fma(self.mul(t, t), self.polynomial(t, tables.COS_32), self.fma(t, -0.5, 1.0))

    def _quarter_turns(self, x: Operand) -> tuple[Operand, Operand]:
        """(r, n) with x = n * pi/2 + r and |r| <= pi/4, for x >= 0; only the low two bits of n are meant."""
        if not self.single:
            raise NotImplementedError("sin and cos of float64 are left to numpy")
        shifted = self.fma(x, 0.6366197723675814, self.rounder)
        n = self.sub(shifted, self.rounder)
        r = x
        for part in tables.HALF_PI_32:
            r = self.fma(n, -part, r)
        # Up to here n times the first part has no rounding error. Without fused steps it always has one.
        far = self.logical_not(self.le(x, 102944.0 if self.machine.fused else -1.0))
        r, quadrant = self.rarely(far, (r, self.to_bits(shifted)), lambda: self._quarter_turns_of_large(x))
        return r, quadrant

    def _quarter_turns_of_large(self, x: Operand) -> tuple[Operand, Operand]:
        """`_quarter_turns` for any finite float32, in float64 pieces.

        2 / pi is cut into pieces of 28 bits; x times a piece is exact in float64, and so is what is left when its
        nearest integer is taken off. Only the integers modulo 4 and the sum of the fractions matter.
        """
        wide = self.widened()
        x_wide = wide.emit(f"fpext {self.real_type} {x} to {wide.real_type}")
        turns = fraction = wide.const(0.0)
        for piece in tables.TWO_OVER_PI_64:
            product = wide.mul(x_wide, piece)
            whole = wide.round(product)
            fraction = wide.add(fraction, wide.sub(product, whole))
            turns = wide.add(turns, wide.fma(wide.round(wide.mul(whole, 0.25)), -4.0, whole))
        whole = wide.round(fraction)
        bits = wide.to_bits(wide.add(wide.add(turns, whole), wide.rounder))
        angle = wide.mul(wide.sub(fraction, whole), 1.5707963267948966)
        r = self.emit(f"fptrunc {wide.real_type} {angle} to {self.real_type}")
        return r, self.emit(f"trunc {wide.integer_type} {bits} to {self.integer_type}", self.integer_type)
