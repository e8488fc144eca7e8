"""Prints the coefficient tables of the compiler: ``python tools/minimax.py > wengert/compiler/tables.py``.

Every table is a polynomial, or the quotient of two, whose largest weighted error on an interval is as small as its
degree allows. Polynomials come from the exchange algorithm of Remez (1934; Cheney, *Introduction to Approximation
Theory*, chapter 3), quotients from weighted linear least squares, the denominator of the last round dividing the
weights (Sanathanan and Koerner, 1963) and the weights themselves following the error (Lawson, 1961). Both run in
decimal arithmetic of 60 digits and more, so that a table's error is that of its degree, and need nothing but the
standard library. The error of each table, before its coefficients are rounded, is printed with it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from decimal import Decimal, getcontext
from functools import cache, partial
from typing import Any

Function = Callable[[Decimal], Decimal]
Fit = tuple[list[Decimal], list[Decimal], Decimal]

DIGITS = 60
getcontext().prec = DIGITS
ONE, TWO = Decimal(1), Decimal(2)


# --- functions to approximate -----------------------------------------------------------------------------------------


def series(first: Decimal, ratio: Callable[[int], Decimal]) -> Decimal:
    """``first * (1 + ratio(0) * (1 + ratio(1) * ...))`` until the terms vanish."""
    total = term = first
    k = 0
    while abs(term) > abs(total).scaleb(4 - getcontext().prec):
        term = term * ratio(k)
        total += term
        k += 1
    return total


def inverse_tangent_of_inverse(n: int) -> Decimal:
    """arctan(1/n)."""
    total, power, k = Decimal(0), ONE / n, 0
    while abs(power) > Decimal(10) ** -getcontext().prec:
        total += power / (2 * k + 1)
        power /= -n * n
        k += 1
    return total


def circle_constant() -> Decimal:
    """Pi, by Machin's formula."""
    return 4 * (4 * inverse_tangent_of_inverse(5) - inverse_tangent_of_inverse(239))


def error_function(x: Decimal) -> Decimal:
    """erf, by its series with positive terms (Abramowitz and Stegun 7.1.6)."""
    return 2 / circle_constant().sqrt() * (-x * x).exp() * series(x, lambda k: 2 * x * x / (2 * k + 3))


@cache
def erf_over_x(t: Decimal) -> Decimal:
    """erf(x) / x with t = x**2."""
    x = t.sqrt()
    return error_function(x) / x if x else 2 / circle_constant().sqrt()


@cache
def normal_over_x(t: Decimal) -> Decimal:
    """(Phi(x) - 1/2) / x with t = x**2, where Phi is the normal distribution function."""
    x = t.sqrt()
    return error_function(x / TWO.sqrt()) / (2 * x) if x else 1 / (2 * circle_constant()).sqrt()


@cache
def scaled_erfc(x: Decimal) -> Decimal:
    """exp(x**2) * erfc(x), with as many more digits as its cancellation eats."""
    context = getcontext()
    context.prec = DIGITS + 10 + int(x * x)
    value = (x * x).exp() * (1 - error_function(x))
    context.prec = DIGITS
    return +value


@cache
def exp_tail(r: Decimal) -> Decimal:
    """(exp(r) - 1 - r) / r**2."""
    return series(ONE / 2, lambda k: r / (k + 3))


@cache
def log_tail(f: Decimal) -> Decimal:
    """(log(1 + f) - f + f**2 / 2) / f**3."""
    return sum(((-f) ** k / (k + 3) if k else ONE / 3 for k in range(160)), Decimal(0))


@cache
def atanh_tail(t: Decimal) -> Decimal:
    """(2 * atanh(s) / s - 2) / s**2 with t = s**2."""
    return sum((2 * t**k / (2 * k + 3) if k else TWO / 3 for k in range(50)), Decimal(0))


@cache
def sin_tail(t: Decimal) -> Decimal:
    """(sin(r) / r - 1) / r**2 with t = r**2."""
    return series(-ONE / 6, lambda k: -t / ((2 * k + 4) * (2 * k + 5)))


@cache
def cos_tail(t: Decimal) -> Decimal:
    """(cos(r) - 1 + r**2 / 2) / r**4 with t = r**2."""
    return series(ONE / 24, lambda k: -t / ((2 * k + 5) * (2 * k + 6)))


# --- fitting ----------------------------------------------------------------------------------------------------------


def power(x: Decimal, k: int) -> Decimal:
    """x**k, with 0**0 = 1 (which `decimal` refuses)."""
    return x**k if k else ONE


def evaluate(coefficients: list[Decimal], x: Decimal) -> Decimal:
    """The polynomial with these coefficients, lowest first, at x."""
    total = Decimal(0)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


def solve(matrix: list[list[Decimal]], right: list[Decimal]) -> list[Decimal]:
    """The solution of a small dense linear system, by elimination with row exchanges."""
    n = len(matrix)
    rows = [row + [value] for row, value in zip(matrix, right, strict=True)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, n):
            factor = rows[r][i] / rows[i][i]
            for c in range(i, n + 1):
                rows[r][c] -= factor * rows[i][c]
    x = [Decimal(0)] * n
    for i in reversed(range(n)):
        x[i] = (rows[i][n] - sum(rows[i][c] * x[c] for c in range(i + 1, n))) / rows[i][i]
    return x


def chebyshev_points(low: Decimal, high: Decimal, count: int, crowd: int = 1) -> list[Decimal]:
    """Points that crowd towards both ends as the extrema of a Chebyshev polynomial do; ``crowd`` 2: more to the low."""
    pi = circle_constant()

    def cosine(x: Decimal) -> Decimal:
        return series(ONE, lambda k: -x * x / ((2 * k + 1) * (2 * k + 2)))

    return [low + (high - low) * ((1 - cosine(pi * i / (count - 1))) / 2) ** crowd for i in range(count)]


def extrema(errors: list[Decimal], count: int) -> list[int]:
    """Where the error is largest on each stretch of one sign; the ``count`` best neighbouring ones."""
    found: list[int] = []
    for i, error in enumerate(errors):
        if found and (errors[found[-1]] >= 0) == (error >= 0):
            if abs(error) > abs(errors[found[-1]]):
                found[-1] = i
        else:
            found.append(i)
    while len(found) > count:
        found.pop(0 if abs(errors[found[0]]) < abs(errors[found[-1]]) else -1)
    return found


def polynomial(function: Function, weight: Function, low: Decimal, high: Decimal, degree: int) -> Fit:
    """The polynomial of this degree with the least ``max |weight * (polynomial - function)|`` on [low, high]."""
    count = degree + 2
    nodes = chebyshev_points(low, high, count)
    points = chebyshev_points(low, high, 24 * count)
    for _ in range(12):
        matrix = [[power(x, k) for k in range(degree + 1)] + [-((-ONE) ** i if i else ONE) / weight(x)]
                  for i, x in enumerate(nodes)]
        *coefficients, level = solve(matrix, [function(x) for x in nodes])
        errors = [weight(x) * (evaluate(coefficients, x) - function(x)) for x in points]
        worst = max(map(abs, errors))
        places = extrema(errors, count)
        if len(places) < count or worst < abs(level) * Decimal("1.001"):
            break
        nodes = [points[i] for i in places]
    return coefficients, [ONE], worst


def quotient(function: Function, weight: Function, low: Decimal, high: Decimal, top: int, bottom: int) -> Fit:
    """The best quotient found of polynomials of these degrees, the denominator positive and 1 at zero."""
    size = top + 1 + bottom
    points = chebyshev_points(low, high, 11 * size, crowd=2)
    values, weights = [function(x) for x in points], [weight(x) for x in points]
    follow, denominators = [ONE] * len(points), [ONE] * len(points)
    best: Fit | None = None
    for _ in range(25):
        matrix = [[Decimal(0)] * size for _ in range(size)]
        right = [Decimal(0)] * size
        for x, value, w, f, q in zip(points, values, weights, follow, denominators, strict=True):
            row = [power(x, k) for k in range(top + 1)] + [-value * power(x, k) for k in range(1, bottom + 1)]
            for i in range(size):
                scaled = f * (w / q) ** 2 * row[i]
                right[i] += scaled * value
                for j in range(size):
                    matrix[i][j] += scaled * row[j]
        solution = solve(matrix, right)
        p, q_coefficients = solution[: top + 1], [ONE, *solution[top + 1 :]]
        denominators = [evaluate(q_coefficients, x) for x in points]
        errors = [abs(w * (evaluate(p, x) / q - value))
                  for x, value, w, q in zip(points, values, weights, denominators, strict=True)]
        worst = max(errors)
        if min(denominators) > 0 and (best is None or worst < best[2]):
            best = p, q_coefficients, worst
        follow = [f * (e / worst + Decimal("0.02")) for f, e in zip(follow, errors, strict=True)]
        mean = sum(follow, Decimal(0)) / len(follow)
        follow = [f / mean for f in follow]
    if best is None:
        raise ArithmeticError("every denominator had a zero in the interval")
    return best


# --- the tables -------------------------------------------------------------------------------------------------------


def rounded(value: Decimal, single: bool) -> str:
    """The shortest decimal that reads back as ``value`` rounded to float32 or float64."""
    number = float(value)
    if not single:
        return repr(number)
    number = struct.unpack("f", struct.pack("f", number))[0]
    for digits in range(6, 10):
        text = f"{number:.{digits}g}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == number:
            return repr(float(text))
    return repr(number)


def well_rounded(fit: Fit, function: Function, low: Decimal, high: Decimal) -> Fit:
    """The quotient multiplied, above and below, by the factor with which rounding to float32 changes it least."""
    top, bottom, worst = fit
    points = [float(x) for x in chebyshev_points(low, high, 200, crowd=2)]
    values = [float(function(Decimal(x))) for x in points]

    def change(factor: Decimal) -> float:
        p, q = ([float(rounded(c * factor, True)) for c in side] for side in (top, bottom))
        quotients = (sum(c * x**k for k, c in enumerate(p)) / sum(c * x**k for k, c in enumerate(q)) for x in points)
        return max(abs(got / value - 1) for got, value in zip(quotients, values, strict=True))

    best = min((ONE + Decimal(k) / 997 for k in range(997)), key=change)
    return [c * best for c in top], [c * best for c in bottom], worst


def show(name: str, what: str, fit: Fit, single: bool) -> None:
    """Prints one table, and a second one where there is a denominator."""
    top, bottom, worst = fit
    bits = 32 if single else 64
    tables = [(f"{name}_TOP_{bits}", top), (f"{name}_BOTTOM_{bits}", bottom)]
    if len(bottom) == 1:
        tables = [(f"{name}_{bits}", top)]
    print(f"# {what}; largest error {worst:.1e}.")
    for label, coefficients in tables:
        print(f"{label} = (")
        for coefficient in coefficients:
            print(f"    {rounded(coefficient, single)},")
        print(")")
    print()


def cut(value: Decimal, bits: int) -> Decimal:
    """The nearest multiple of 2**-bits."""
    return (value * 2**bits).to_integral_value() / 2**bits


def show_constants() -> None:
    """Prints the constants of argument reduction, each as a sum of numbers of the precision."""
    pi = circle_constant()
    print("# Constants in a high part that a small integer multiplies exactly, and the rest.")
    for name, value in (("LOG2", TWO.ln()), ("LOG10_2", TWO.log10())):
        for bits, places in ((32, 14), (64, 34)):
            high = cut(value, places)
            print(f"{name}_HIGH_{bits} = {rounded(high, bits == 32)}")
            print(f"{name}_LOW_{bits} = {rounded(value - high, bits == 32)}")
    rest, parts = pi / 2, []
    for _ in range(3):
        parts.append(rounded(rest, True))
        rest -= Decimal(struct.unpack("f", struct.pack("f", float(rest)))[0])
    print("\n# pi / 2 as a sum of float32 numbers.")
    print(f"HALF_PI_32 = ({', '.join(parts)})")
    print("\n# 2 / pi as a sum of pieces of 28 bits.")
    print("TWO_OVER_PI_64 = (")
    rest = 2 / pi
    for k in range(1, 8):
        piece = (rest * 2 ** (28 * k)).to_integral_value() / 2 ** (28 * k)
        print(f"    {float(piece)!r},")
        rest -= piece
    print(")\n")


def _inverse(function: Function, x: Decimal) -> Decimal:
    """One over a function: the weight under which an error counts relative to the value."""
    return 1 / function(x)


@cache
def tanh_over_x(t: Decimal) -> Decimal:
    """tanh(x) / x with t = x**2."""
    growth = (2 * t.sqrt()).exp()
    return (growth - 1) / (growth + 1) / t.sqrt() if t else ONE


def show_tanh() -> None:
    """Prints the table of the hyperbolic tangent, both constant terms 1, so that tiny arguments stay what they are; and
    the end, from which on the quotient stays as it is."""
    high = Decimal(78)
    show("TANH", f"tanh(x) / x in x**2 up to {high}, relative",
         quotient(tanh_over_x, partial(_inverse, tanh_over_x), Decimal(0), high, 4, 4), True)
    print(f"TANH_END_32 = {float(high)}\n")


def show_normal() -> None:
    """Prints the table of the normal distribution function, and up to which x**2 the quotient counts: where x times it
    is largest, at the last swing of its error, which is upwards, so that what is cut off at 1/2 there is 1/2."""
    high = Decimal("29.6")
    found = quotient(normal_over_x, lambda t: (t + Decimal("1e-6")).sqrt(), Decimal(0), high, 4, 5)
    top, bottom, worst = well_rounded(found, normal_over_x, Decimal(0), high)
    show("NORMAL", f"(Phi(x) - 1/2) / x in x**2 up to {high}, times x", (top, bottom, worst), True)
    points = [Decimal(k) / 1000 for k in range(5000, 5500)]
    end = max(points, key=lambda x: x * evaluate(top, x * x) / evaluate(bottom, x * x))
    print(f"NORMAL_END_32 = {rounded(end * end, True)}\n")


def main() -> None:
    """Fits and prints every table."""
    print('"""Coefficients of minimax approximations, lowest power first: printed by ``tools/minimax.py``."""\n')
    show_constants()
    half_log2, root = TWO.ln() / 2, TWO.sqrt()
    nearly_zero = Decimal("1e-6")
    eighth_turn = (circle_constant() / 4) ** 2
    atanh_end = ((root - 1) / (root + 1)) ** 2
    for single in (True, False):
        def fit(for_32: Any, for_64: Any, single: bool = single) -> Any:
            return for_32 if single else for_64

        show("EXP", "(exp(r) - 1 - r) / r**2 on |r| <= log(2)/2, relative to exp(r)",
             polynomial(exp_tail, lambda r: (r * r + nearly_zero**4) / r.exp(), -half_log2, half_log2, fit(4, 10)),
             single)
        if single:
            show("EXP_SHORT", "the same, one degree less",
                 polynomial(exp_tail, lambda r: (r * r + nearly_zero**4) / r.exp(), -half_log2, half_log2, 3), single)
            show("LOG", "(log(1 + f) - f + f**2/2) / f**3 on sqrt(1/2) <= 1 + f <= 3/2, relative to log(1 + f)",
                 polynomial(log_tail, lambda f: abs(f) ** 3 / abs((1 + f).ln()) if f else nearly_zero**4,
                            1 / root - 1, ONE / 2, 8), single)
            show("SIN", "(sin(r)/r - 1) / r**2 in r**2, for |r| <= pi/4, relative to sin(r)/r",
                 polynomial(sin_tail, lambda t: t / (1 + t * sin_tail(t)), nearly_zero, eighth_turn, 2), single)
            show("COS", "(cos(r) - 1 + r**2/2) / r**4 in r**2, for |r| <= pi/4",
                 polynomial(cos_tail, lambda t: t * t, nearly_zero, eighth_turn, 2), single)
        else:
            show("ATANH", "(2*atanh(s)/s - 2) / s**2 in s**2, for s <= (sqrt(2)-1)/(sqrt(2)+1)",
                 polynomial(atanh_tail, lambda t: t / 2, nearly_zero, atanh_end, 6), single)
        if single:
            show_normal()
            show_tanh()
        for name, what, function, high, degrees in (
            ("ERF", "erf(x) / x in x**2", erf_over_x, fit("15.4", "35.2"), fit((5, 5), (12, 12))),
            ("ERFCX", "exp(x**2) * erfc(x)", scaled_erfc, fit("10.1", "27.3"), fit((4, 5), (9, 10))),
        ):
            low, end = Decimal(0), Decimal(high)
            found = quotient(function, partial(_inverse, function), low, end, *degrees)
            found = well_rounded(found, function, low, end) if single else found
            show(name, f"{what} up to {high}, relative", found, single)


if __name__ == "__main__":
    main()
