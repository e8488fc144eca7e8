"""Arithmetic, element by element: sums, products, quotients, powers, rounding, extrema."""

from __future__ import annotations

import builtins
import cmath
import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..core.errors import MissingRuleError
from ..core.operands import Array, Needs, Numbers, Params, Rule, Saved
from ..core.primitive import INEXACT_ONLY, TRUTHS, P, conjugate, elementwise, fit
from ..core.quotients import by_quotient
from ..core.samples import cases, reals
from ..core.symbols import Steps, Symbol


def _add_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    shapes = saved[3]
    if shapes is None:
        return ct, ct
    return fit(ct, shapes[0]) if needs[0] else None, fit(ct, shapes[1]) if needs[1] else None


def _mul_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x, y, _, shapes = saved
    for_x = fit(ct * conjugate(y), shapes and shapes[0]) if needs[0] else None
    for_y = fit(ct * conjugate(x), shapes and shapes[1]) if needs[1] else None
    return for_x, for_y


# The vjps of sums and products are written out, as every program runs them.
add = elementwise("add", "add", vjp=_add_vjp, saves=("", ""), lower=lambda b, x, y: b.add(x, y))
sub = elementwise(
    "sub", "subtract", promotion="number",
    derivative=(1, -1), saves=("", ""),
    lower=lambda b, x, y: b.sub(x, y),
)
mul = elementwise("mul", "multiply", vjp=_mul_vjp, saves=("y", "x"), lower=lambda b, x, y: b.mul(x, y))


def _div_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """Divides the cotangent (not: multiplies it by a reciprocal), as PyTorch does, to agree to the last bit."""
    x, y, _, shapes = saved
    for_x = fit(ct / conjugate(y), shapes and shapes[0]) if needs[0] else None
    for_y = fit(-ct * conjugate((x / y) / y), shapes and shapes[1]) if needs[1] else None
    return for_x, for_y


def _div_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    """(dx − dy · x/y) / y: PyTorch's steps, from the result, so that infinite quotients move as PyTorch's do."""
    by_x, by_y = tangents
    moved = by_x if by_y is None else -(by_y * out) if by_x is None else by_x - by_y * out
    return moved / operands[1]


div = elementwise(
    "div", "true_divide", promotion="float", vjp=_div_vjp, jvp=_div_jvp, saves=("y", "x y"),
    samples=reals((-3, 3), (0.5, 2)),
    lower=lambda b, x, y: b.div(x, y),
)


def _negative(xp: ModuleType, x: Array) -> Array:
    if x.dtype.kind == "b":
        raise RuntimeError("Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert "
                           "a mask, use the `~` or `logical_not()` operator instead.")
    return xp.negative(x)


neg = elementwise("neg", _negative, derivative=-1, lower=lambda b, x: b.neg(x))
positive = elementwise("positive", "positive", derivative=1)
reciprocal = elementwise(
    "reciprocal", lambda xp, x: 1 / x, promotion="float",
    derivative=lambda x, out: -(out * out), saves="out",
    lower=lambda b, x: b.reciprocal(x),
)
square = elementwise(
    "square", "square", label="Pow",
    derivative=lambda x, out: 2 * x, saves="x",
    lower=lambda b, x: b.mul(x, x),
)


_POWERS = {2: lambda xp, x: x * x, 3: lambda xp, x: x * x * x, 1: lambda xp, x: +x, 0.5: lambda xp, x: xp.sqrt(x),
           -0.5: lambda xp, x: 1 / xp.sqrt(x), -1: lambda xp, x: 1 / x, -2: lambda xp, x: 1 / (x * x)}


def _pow(xp: ModuleType, x: Any, y: Any) -> Array:
    """Frequent constant exponents of floats go without the power function: faster, and the same bits as PyTorch."""
    if type(y) in (int, float) and x.dtype.kind in "fc" and y in _POWERS:
        return _POWERS[y](xp, x)
    if type(y) is bool and x.dtype.kind == "b":
        return xp.copy(x) if y else xp.ones_like(x)
    if np.result_type(x, y).kind == "b":
        raise NotImplementedError("\"pow\" not implemented for 'Bool'")
    if type(x) is int and y.dtype.kind in "iu":
        x = xp.asarray(x, y.dtype)
    if getattr(x, "dtype", None) is not None and x.dtype.kind in "iu" and hasattr(y, "dtype") and (y < 0).any():
        # The integer part of the true result: 0, but for the bases 1 and -1.
        unit = xp.where(x == 1, 1, xp.where(x == -1, xp.where(y % 2 == 0, 1, -1), 0)).astype(x.dtype)
        return xp.where(y < 0, unit, xp.power(x, xp.maximum(y, 0)))
    return xp.power(x, y)


def _pow_by_base(x: Numbers, y: Numbers, out: Numbers) -> Any:
    """y x^(y-1), which is 0, not nan, where the exponent is 0."""
    if type(y) in (int, float, complex):
        return 0.0 * x if y == 0 else y * P.pow(x, y - 1)
    return P.where(y == 0, 0.0, y * P.pow(x, y - 1))


def _pow_by_exponent(x: Any, y: Numbers, out: Numbers) -> Any:
    """x^y log x, which is 0, not nan, at x = 0 with y >= 0; where the power is complex, so is the logarithm."""
    if out.dtype.kind in "cW" and type(x) in (int, float, complex):
        return P.where(True, 0.0, out) if x == 0 else out * cmath.log(x)
    if out.dtype.kind in "cW" and x.dtype.kind not in "cW":
        x = P.cast(x, dtype=out.dtype, back=x.dtype)
    log_x = np.log(x) if type(x) in (int, float) and x > 0 else None
    if log_x is not None:
        return out * float(log_x)
    if type(x) in (int, float):
        return P.where(y >= 0, 0.0, out * float("-inf")) if x == 0 else out * float("nan")
    if x.dtype.kind in "cW":
        return P.where(x == 0, 0.0, out * P.log(x))
    y_positive = y >= 0
    zero = (x == 0) & y_positive if type(y_positive) is not bool else (x == 0) if y_positive else None
    slope = out * P.log(x)
    return slope if zero is None else P.where(zero, 0.0, slope)


pow = elementwise(
    "pow", _pow, label="Pow", samples=reals((0.3, 2), (-2, 2)),
    derivative=(_pow_by_base, _pow_by_exponent), saves=("x y", "x y out"),
)


def _check_divisor(name: str, x: Array, y: Array) -> None:
    """Raises for truth values, and for integers divided by zero, as numpy's silent 0 is never what is meant."""
    kind = np.result_type(x, y).kind
    if kind in "iu" and not np.all(y):
        raise RuntimeError("ZeroDivisionError")
    if kind in "bc":
        raise NotImplementedError(f'"{name}_cpu" not implemented for {"Bool" if kind == "b" else "complex numbers"}')


def _floor_divide(xp: ModuleType, x: Array, y: Array, rounded: bool = False) -> Array:
    """Floors the quotient."""
    _check_divisor("floor_divide", x, y)
    found = by_quotient("floor_divide", x, y)
    return xp.floor_divide(x, y) if found is None else found


def _truncated_quotient(xp: ModuleType, x: Array, y: Array) -> Array:
    _check_divisor("div_trunc", x, y)
    if np.result_type(x, y).kind not in "iu":
        return xp.trunc(xp.true_divide(x, y))
    quotient = xp.floor_divide(x, y)
    return quotient + ((xp.remainder(x, y) != 0) & ((x < 0) != (y < 0)))


def _remainder(xp: ModuleType, x: Array, y: Array) -> Array:
    _check_divisor("remainder", x, y)
    found = by_quotient("remainder", x, y)
    return xp.remainder(x, y) if found is None else found


def _fmod(xp: ModuleType, x: Array, y: Array) -> Array:
    _check_divisor("fmod", x, y)
    found = by_quotient("fmod", x, y)
    return xp.fmod(x, y) if found is None else found


def _floor_divide_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """0 where a quotient was ``rounded``; ``//`` has no derivative, as in PyTorch."""
    if not params.get("rounded"):
        raise MissingRuleError("[floor_divide] derivative for floor_divide is not implemented: a floored quotient does "
                               "not vary smoothly; take div(x, y, rounding_mode='floor') for a gradient of zero")
    zeros, shapes = P.zeros_like(ct), saved[-1]
    return tuple([fit(zeros, shapes and shapes[i]) if need else None for i, need in enumerate(needs)])


floor_divide = elementwise(
    "floor_divide", _floor_divide, vjp=_floor_divide_vjp, saves=("", ""),
    samples=cases((np.array([1.3, 2.5, -1.6]), np.array([0.7, 0.9, 1.1]), {"rounded": True})),
)
trunc_divide = elementwise("trunc_divide", _truncated_quotient, derivative=(0, 0), saves=("", ""))
remainder = elementwise(
    "remainder", _remainder, samples=reals((2.2, 2.8), (0.9, 1.1)),
    derivative=(1, lambda x, y, out: -P.floor_divide(x, y, rounded=True)), saves=("", "x y"),
)
fmod = elementwise(
    "fmod", _fmod, samples=reals((2.2, 2.8), (0.9, 1.1)), label="Fmod",
    derivative=(1, lambda x, y, out: -P.trunc_divide(x, y)), saves=("", "x y"),
)


def _better(name: str, loses: Rule, **rest: Any) -> Any:
    """maximum and minimum: the cotangent goes to the operand that is not worse; a tie shares it evenly, and where one
    is NaN both have all of it. Forward, as in PyTorch, the result then moves as the second operand does."""

    def vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        x, y, _, shapes = saved
        shared = P.where(x == y, ct * 0.5, ct)
        for_x = fit(P.where(loses(x, y), 0.0, shared), shapes and shapes[0]) if needs[0] else None
        for_y = fit(P.where(loses(y, x), 0.0, shared), shapes and shapes[1]) if needs[1] else None
        return for_x, for_y

    def jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
        (x, y), (by_x, by_y) = operands, [0.0 if t is None else t for t in tangents]
        return P.where(x == y, (by_x + by_y) * 0.5, P.where(loses(y, x), by_x, by_y))

    return elementwise(name, name, vjp=vjp, jvp=jvp, saves=("x y", "x y"), samples=reals((-2, 2), (-2, 2)), **rest)


maximum = _better("maximum", lambda x, y: x < y, lower=lambda b, x, y: b.max(x, y))
minimum = _better("minimum", lambda x, y: x > y, lower=lambda b, x, y: b.min(x, y))


def _number(name: str, better: Rule) -> Any:
    """fmax and fmin: a NaN loses against any number; a tie goes to the first operand."""

    return elementwise(name, name, selects=lambda x, y, out: better(x, y) | P.isnan(y), saves=("x y", "x y"),
                       samples=reals((-2, 2), (-2, 2)))


fmax = _number("fmax", lambda x, y: x >= y)
fmin = _number("fmin", lambda x, y: x <= y)


def _sgn(xp: ModuleType, x: Array) -> Array:
    """The sign; of NaN 0, and of an infinite complex number NaN, as in PyTorch."""
    if x.dtype.kind == "b":
        return xp.array(x)
    if x.dtype.kind in "cW":
        return xp.where(xp.isinf(x), x.dtype.type(complex(np.nan, np.nan)), xp.sign(x))
    return xp.subtract(x > 0, x < 0, dtype=x.dtype)


def _lower_sign(b: Any, x: Any) -> Any:
    return b.select(b.gt(x, 0.0), 1.0, b.select(b.lt(x, 0.0), -1.0, 0.0))


def _absolute(xp: ModuleType, x: Array) -> Array:
    if x.dtype.kind == "b":
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'")
    return xp.absolute(x)


def _abs_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    """The part of the tangent along x."""
    moved = conjugate(tangents[0]) * P.sgn(operands[0])
    return P.real(moved) if moved.dtype.kind in "cW" else moved


abs = elementwise(
    "abs", _absolute, vjp=lambda ct, saved, params, needs: (ct * P.sgn(saved[0]),), jvp=_abs_jvp, saves="x",
    lower=lambda b, x: b.abs(x),
)
sign = elementwise("sign", _sgn, derivative=0, samples=reals(0.2, 2), lower=_lower_sign)
sgn = elementwise(
    "sgn", _sgn, saves="x", samples=reals(0.2, 2), lower=_lower_sign,
    jvp=lambda tangents, operands, out, params: _sgn_vjp(tangents[0], operands[0]),
    vjp=lambda ct, saved, params, needs: (_sgn_vjp(ct, saved[0]),),
)


def _sgn_vjp(ct: Numbers, x: Numbers) -> Any:
    """For z/|z|: the part of the cotangent across z, over |z|."""
    if x.dtype.kind not in "cW":
        return P.zeros_like(ct)
    radius = P.abs(x)
    direction = P.sgn(x)
    along = P.real(ct * P.conj(direction))
    return P.where(radius == 0, 0.0, (ct - along * direction) / radius)


def _whole_already(name: str) -> Any:
    """Rounding of floats; integers are whole already."""
    return lambda xp, x: x.copy() if x.dtype.kind in "iu" else getattr(xp, name)(x)


floor = elementwise("floor", _whole_already("floor"), derivative=0, lower=lambda b, x: b.floor(x))
ceil = elementwise("ceil", _whole_already("ceil"), derivative=0, lower=lambda b, x: b.ceil(x))
trunc = elementwise("trunc", _whole_already("trunc"), derivative=0, lower=lambda b, x: b.trunc(x))


def _round(xp: ModuleType, x: Array, decimals: int = 0) -> Array:
    """Half to even. Decimals scale by a power of ten and back, in the dtype itself, as PyTorch does."""
    if not decimals:
        return x.copy() if x.dtype.kind in "iu" else xp.rint(x)
    scale = 10.0 ** builtins.abs(decimals)
    return xp.rint(x * scale) / scale if decimals > 0 else xp.rint(x / scale) * scale


round = elementwise("round", _round, derivative=0,
                    label=lambda params: "RoundBackward1" if params.get("decimals") else "Round",
                    lower=lambda b, x: b.round(x))
frac = elementwise("frac", lambda xp, x: x - xp.trunc(x), derivative=1, in_steps=True)
hypot = elementwise(
    "hypot", "hypot", promotion="float", samples=reals((-2, 2), (0.5, 2)),
    derivative=(lambda x, y, out: x / out, lambda x, y, out: y / out), saves=("x out", "y out"),
)
copysign = elementwise(
    "copysign", "copysign", promotion="float", samples=reals((0.5, 2), (0.5, 2)),
    derivative=(lambda x, y, out: P.where(x == 0, 0.0, out / x), 0), saves=("x out", ""),
    lower=lambda b, x, y: b.copysign(x, y),
)
heaviside = elementwise(
    "heaviside",
    lambda xp, x, y: xp.where(x == 0, y, x > 0).astype(xp.result_type(x, y)),
    derivative=(None, None),
    saves=("", ""),
    lower=lambda b, x, y: b.select(b.eq(x, 0), y, b.select(b.gt(x, 0), 1, 0)),
)
nextafter = elementwise(
    "nextafter", "nextafter", promotion="float", saves=("x y", ""), widens=False,
    derivative=(lambda x, y, out: P.cast(P.ne(x, y), dtype=x.dtype), 0.0),
)
gcd = elementwise("gcd", "gcd", derivative=(None, None), saves=("", ""),
                  samples=cases((np.array([12, -18, 0]), np.array([8, 27, 5]))))
lcm = elementwise("lcm", "lcm", derivative=(None, None), saves=("", ""),
                  samples=cases((np.array([12, -18, 0]), np.array([8, 27, 5]))))


def _lerp(xp: ModuleType, x: Array, y: Array, weight: Array) -> Array:
    """From whichever end is nearer, so that the ends themselves are met exactly."""
    difference = y - x
    if type(weight) in (int, float):
        return x + weight * difference if weight < 0.5 else y - difference * (1 - weight)
    return xp.where(xp.abs(weight) < 0.5, x + weight * difference, y - difference * (1 - weight))


lerp = elementwise(
    "lerp",
    _lerp,
    samples=reals((-2, 2), (-2, 2), (0, 1)),
    derivative=(lambda x, y, w, out: 1 - w, lambda x, y, w, out: w, lambda x, y, w, out: y - x),
    saves=("z", "z", "x y"), refuses=INEXACT_ONLY, in_steps=True,
)


def _scaled(x: Numbers, value: complex) -> Any:
    return x if type(value) is int and value == 1 else x * value


def _is_one(value: Any) -> bool:
    """Whether a factor may be left out: of a symbol that is not known."""
    return not isinstance(value, Symbol) and bool(value == 1)


addcmul = elementwise(
    "addcmul", lambda xp, x, y, z, value=1: x + (y * z if _is_one(value) else value * y * z), in_steps=True,
    samples=reals((-2, 2), (-2, 2), (-2, 2)), saves=("", "z", "y"),
    derivative=(1, lambda x, y, z, out, value=1: _scaled(z, value), lambda x, y, z, out, value=1: _scaled(y, value)),
    refuses=TRUTHS,
)
addcdiv = elementwise(
    "addcdiv", lambda xp, x, y, z, value=1: x + (y / z if _is_one(value) else value * y / z), in_steps=True,
    samples=reals((-2, 2), (-2, 2), (0.5, 2)), saves=("", "z", "y z"),
    derivative=(1, lambda x, y, z, out, value=1: value / z, lambda x, y, z, out, value=1: -value * y / (z * z)),
)


def _nan_to_num(xp: ModuleType, x: Array, nan: float = 0.0, posinf: float | None = None,
                neginf: float | None = None) -> Array:
    if x.dtype.kind in "biu":
        return x.copy()
    info = xp.finfo(x.dtype)
    high, low = info.max if posinf is None else posinf, info.min if neginf is None else neginf
    return xp.nan_to_num(x, nan=nan, posinf=high, neginf=low)


def _steps_of_nan_to_num(xp: Any, x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    info = np.finfo(x.dtype)
    high, low = info.max if posinf is None else posinf, info.min if neginf is None else neginf
    return xp.where(xp.isnan(x), nan, xp.where(x == math.inf, high, xp.where(x == -math.inf, low, x)))


nan_to_num = elementwise("nan_to_num", _nan_to_num, selects=lambda x, out, **params: P.isfinite(x), saves="x",
                         lower=Steps("nan_to_num", _steps_of_nan_to_num, 1).lower)
