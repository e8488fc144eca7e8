"""Arithmetic, element by element: sums, products, quotients, powers, rounding, extrema."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import P, elementwise

add = elementwise(
    "add", "add",
    derivative=(1, 1), saves=("", ""),
    lower=lambda b, x, y: b.add(x, y),
)
sub = elementwise(
    "sub", "subtract",
    derivative=(1, -1), saves=("", ""),
    lower=lambda b, x, y: b.sub(x, y),
)
mul = elementwise(
    "mul", "multiply",
    derivative=(lambda x, y, out: y, lambda x, y, out: x), saves=("y", "x"),
    lower=lambda b, x, y: b.mul(x, y),
)
div = elementwise(
    "div", "true_divide", promotion="float",
    derivative=(lambda x, y, out: 1 / y, lambda x, y, out: -x / (y * y)), saves=("y", "x y"),
    lower=lambda b, x, y: b.div(x, y),
)


def _negative(xp: Any, x: Any) -> Any:
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


def _is_zero(value: Any) -> bool:
    return type(value) in (int, float, bool, complex) and value == 0


def _pow_by_base(x: Any, y: Any, out: Any) -> Any:
    """y x^(y-1), which is 0, not nan, where the exponent is 0."""
    if type(y) in (int, float, complex):
        return 0.0 * x if y == 0 else y * P.pow(x, y - 1)
    return P.where(y == 0, 0.0, y * P.pow(x, y - 1))


def _pow_by_exponent(x: Any, y: Any, out: Any) -> Any:
    """x^y log x, which is 0, not nan, at x = 0 with y >= 0."""
    log_x = np.log(x) if type(x) in (int, float) and x > 0 else None
    if log_x is not None:
        return out * float(log_x)
    if type(x) in (int, float):
        return P.where(y >= 0, 0.0, out * float("-inf")) if x == 0 else out * float("nan")
    if x.dtype.kind == "c":
        return P.where(x == 0, 0.0, out * P.log(x))
    y_positive = y >= 0
    zero = (x == 0) & y_positive if type(y_positive) is not bool else (x == 0) if y_positive else None
    slope = out * P.log(x)
    return slope if zero is None else P.where(zero, 0.0, slope)


pow = elementwise(
    "pow", "power", label="Pow",
    derivative=(_pow_by_base, _pow_by_exponent), saves=("x y", "x y out"),
)


def _floor_divide(xp: Any, x: Any, y: Any) -> Any:
    """Floors the quotient. Integer division by zero raises, as numpy's silent 0 is never what is meant."""
    if np.result_type(x, y).kind in "iu" and not np.all(y):
        raise RuntimeError("ZeroDivisionError")
    return xp.floor_divide(x, y)


def _truncated_quotient(xp: Any, x: Any, y: Any) -> Any:
    if np.result_type(x, y).kind not in "iu":
        return xp.trunc(xp.true_divide(x, y))
    if not np.all(y):
        raise RuntimeError("ZeroDivisionError")
    quotient = xp.floor_divide(x, y)
    return quotient + ((xp.remainder(x, y) != 0) & ((x < 0) != (y < 0)))


def _remainder(xp: Any, x: Any, y: Any) -> Any:
    if np.result_type(x, y).kind in "iu" and not np.all(y):
        raise RuntimeError("ZeroDivisionError")
    return xp.remainder(x, y)


def _fmod(xp: Any, x: Any, y: Any) -> Any:
    if np.result_type(x, y).kind in "iu" and not np.all(y):
        raise RuntimeError("ZeroDivisionError")
    return xp.fmod(x, y)


floor_divide = elementwise("floor_divide", _floor_divide, derivative=(None, None), saves=("", ""))
trunc_divide = elementwise("trunc_divide", _truncated_quotient, derivative=(None, None), saves=("", ""))
remainder = elementwise(
    "remainder", _remainder,
    derivative=(1, lambda x, y, out: -P.floor_divide(x, y)), saves=("", "x y"),
)
fmod = elementwise(
    "fmod", _fmod,
    derivative=(1, lambda x, y, out: -P.trunc_divide(x, y)), saves=("", "x y"),
)


def _share(x: Any, y: Any, better: Any) -> Any:
    """1 where ``x`` is chosen, 1/2 where the two tie, 0 elsewhere."""
    chosen = P.cast(better, dtype=_real_dtype(x, y))
    return P.where(x == y, 0.5, chosen)


def _real_dtype(x: Any, y: Any) -> Any:
    return x.dtype if hasattr(x, "dtype") else y.dtype


maximum = elementwise(
    "maximum", "maximum",
    derivative=(lambda x, y, out: _share(x, y, x > y), lambda x, y, out: _share(x, y, y > x)), saves=("x y", "x y"),
    lower=lambda b, x, y: b.max(x, y),
)
minimum = elementwise(
    "minimum", "minimum",
    derivative=(lambda x, y, out: _share(x, y, x < y), lambda x, y, out: _share(x, y, y < x)), saves=("x y", "x y"),
    lower=lambda b, x, y: b.min(x, y),
)
fmax = elementwise(
    "fmax", "fmax",
    derivative=(lambda x, y, out: P.cast((x >= y) | P.isnan(y), dtype=_real_dtype(x, y)),
                lambda x, y, out: P.cast(P.logical_not((x >= y) | P.isnan(y)), dtype=_real_dtype(x, y))),
    saves=("x y", "x y"),
)
fmin = elementwise(
    "fmin", "fmin",
    derivative=(lambda x, y, out: P.cast((x <= y) | P.isnan(y), dtype=_real_dtype(x, y)),
                lambda x, y, out: P.cast(P.logical_not((x <= y) | P.isnan(y)), dtype=_real_dtype(x, y))),
    saves=("x y", "x y"),
)


def _abs_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    return (ct * P.sgn(saved[0]),)


def _sgn(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "b":
        return xp.array(x)
    return xp.sign(x)


abs = elementwise(
    "abs", "absolute",
    derivative=lambda x, out: P.sgn(x), saves="x", vjp=_abs_vjp,
    lower=lambda b, x: b.abs(x),
)
sign = elementwise("sign", _sgn, derivative=0)
sgn = elementwise(
    "sgn", _sgn, saves="x",
    derivative=lambda x, out: 0.0 * x if x.dtype.kind != "c" else None,
    vjp=lambda ct, saved, params, needs: (_sgn_vjp(ct, saved[0]),),
)


def _sgn_vjp(ct: Any, x: Any) -> Any:
    """For z/|z|: the part of the cotangent across z, over |z|."""
    if x.dtype.kind != "c":
        return 0.0 * ct
    radius = P.abs(x)
    direction = P.sgn(x)
    along = P.real(ct * P.conj(direction))
    return P.where(radius == 0, 0.0, (ct - along * direction) / radius)


floor = elementwise("floor", lambda xp, x: x.copy() if x.dtype.kind in "iu" else xp.floor(x), derivative=0,
                    lower=lambda b, x: b.floor(x))
ceil = elementwise("ceil", lambda xp, x: x.copy() if x.dtype.kind in "iu" else xp.ceil(x), derivative=0,
                   lower=lambda b, x: b.ceil(x))
trunc = elementwise("trunc", lambda xp, x: x.copy() if x.dtype.kind in "iu" else xp.trunc(x), derivative=0,
                    lower=lambda b, x: b.trunc(x))
round = elementwise("round", lambda xp, x, decimals=0: xp.round(x, decimals), derivative=lambda x, out, decimals=0: 0,
                    lower=lambda b, x: b.round(x))
hypot = elementwise(
    "hypot", "hypot", promotion="float",
    derivative=(lambda x, y, out: x / out, lambda x, y, out: y / out), saves=("x out", "y out"),
)
copysign = elementwise(
    "copysign", "copysign", promotion="float",
    derivative=(lambda x, y, out: P.where(x == 0, 0.0, out / x), 0), saves=("x out", "out"),
)
