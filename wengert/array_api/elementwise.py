"""The standard's functions of elements: PyTorch's, with the standard's names and promotion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as torch
from wengert import Tensor

from .promotion import UNSIGNED, Number, as_array, by_numpy, together, unsigned


def _one(name: str, compute: Callable[[Tensor], Tensor], words: str) -> Callable[[Tensor], Tensor]:
    counterpart = getattr(np, name)

    def function(x: Tensor, /) -> Tensor:
        if not isinstance(x, Tensor):
            raise TypeError(f"[{name}] an array was expected; got {type(x).__name__}; make one with asarray")
        return by_numpy(counterpart, x) if x.dtype in UNSIGNED else compute(x)

    return _named(function, name, words)


def _two(name: str, compute: Callable[[Tensor, Tensor], Tensor], words: str) -> Callable[[Any, Any], Tensor]:
    counterpart = getattr(np, name)

    def function(x1: Tensor | Number, x2: Tensor | Number, /) -> Tensor:
        first, second = together(x1, x2)
        return by_numpy(counterpart, first, second) if unsigned(first) else compute(first, second)

    return _named(function, name, words)


def _named(function: Any, name: str, words: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = words
    return function


def _parts(compute: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A function of real numbers, of both parts of complex ones; integers are as they are."""
    def function(x: Tensor) -> Tensor:
        if x.is_complex():
            return torch.complex(compute(x.real), compute(x.imag))
        return compute(x) if x.is_floating_point() else x.clone()

    return function


def _sign(x: Tensor) -> Tensor:
    return torch.where(torch.isnan(x), x, torch.sgn(x)) if x.is_floating_point() else torch.sgn(x)


abs = _one("abs", torch.abs, "The absolute values, real for complex elements.")
acos = _one("acos", torch.acos, "The arc cosines.")
acosh = _one("acosh", torch.acosh, "The inverse hyperbolic cosines.")
asin = _one("asin", torch.asin, "The arc sines.")
asinh = _one("asinh", torch.asinh, "The inverse hyperbolic sines.")
atan = _one("atan", torch.atan, "The arc tangents.")
atanh = _one("atanh", torch.atanh, "The inverse hyperbolic tangents.")
bitwise_invert = _one("bitwise_invert", torch.bitwise_not, "Every bit turned over; for bool, the other one.")
ceil = _one("ceil", _parts(torch.ceil), "The smallest integers that are not below.")
conj = _one("conj", torch.conj, "The complex conjugates; real elements are as they are.")
cos = _one("cos", torch.cos, "The cosines.")
cosh = _one("cosh", torch.cosh, "The hyperbolic cosines.")
exp = _one("exp", torch.exp, "The exponentials.")
expm1 = _one("expm1", torch.expm1, "exp(x) - 1, exact near zero.")
floor = _one("floor", _parts(torch.floor), "The largest integers that are not above.")
imag = _one("imag", lambda x: x.imag if x.is_complex() else torch.zeros_like(x), "The imaginary parts.")
isfinite = _one("isfinite", torch.isfinite, "Whether elements are neither infinite nor nan.")
isinf = _one("isinf", torch.isinf, "Whether elements are infinite.")
isnan = _one("isnan", torch.isnan, "Whether elements are nan.")
log = _one("log", torch.log, "The natural logarithms.")
log10 = _one("log10", torch.log10, "The logarithms to base 10.")
log1p = _one("log1p", torch.log1p, "log(1 + x), exact near zero.")
log2 = _one("log2", torch.log2, "The logarithms to base 2.")
logical_not = _one("logical_not", torch.logical_not, "Whether elements are zero.")
negative = _one("negative", torch.negative, "The elements with the other sign.")
positive = _one("positive", torch.positive, "The elements as they are.")
real = _one("real", torch.real, "The real parts.")
reciprocal = _one("reciprocal", torch.reciprocal, "1 / x.")
round = _one("round", _parts(torch.round), "The nearest integers, the even one of two.")
sign = _one("sign", _sign, "-1, 0, 1 or nan; for complex elements x / abs(x).")
signbit = _one("signbit", torch.signbit, "Whether the bit of the sign is set: of -0.0 too.")
sin = _one("sin", torch.sin, "The sines.")
sinh = _one("sinh", torch.sinh, "The hyperbolic sines.")
sqrt = _one("sqrt", torch.sqrt, "The square roots.")
square = _one("square", torch.square, "x * x.")
tan = _one("tan", torch.tan, "The tangents.")
tanh = _one("tanh", torch.tanh, "The hyperbolic tangents.")
trunc = _one("trunc", _parts(torch.trunc), "The integers next to x on the side of zero.")

add = _two("add", torch.add, "x1 + x2.")
atan2 = _two("atan2", torch.atan2, "The angles of the points (x2, x1).")
bitwise_and = _two("bitwise_and", torch.bitwise_and, "The bits that both have.")
bitwise_left_shift = _two("bitwise_left_shift", torch.bitwise_left_shift, "x1 · 2**x2, for integers.")
bitwise_or = _two("bitwise_or", torch.bitwise_or, "The bits that one has.")
bitwise_right_shift = _two("bitwise_right_shift", torch.bitwise_right_shift, "x1 // 2**x2, for integers.")
bitwise_xor = _two("bitwise_xor", torch.bitwise_xor, "The bits that one alone has.")
copysign = _two("copysign", torch.copysign, "The sizes of x1 with the signs of x2.")
divide = _two("divide", torch.true_divide, "x1 / x2.")
equal = _two("equal", torch.eq, "Whether elements are equal.")
floor_divide = _two("floor_divide", torch.floor_divide, "floor(x1 / x2).")
greater = _two("greater", torch.gt, "Whether x1 > x2.")
greater_equal = _two("greater_equal", torch.ge, "Whether x1 >= x2.")
hypot = _two("hypot", torch.hypot, "sqrt(x1**2 + x2**2), without overflow on the way.")
less = _two("less", torch.lt, "Whether x1 < x2.")
less_equal = _two("less_equal", torch.le, "Whether x1 <= x2.")
logaddexp = _two("logaddexp", torch.logaddexp, "log(exp(x1) + exp(x2)), without overflow on the way.")
logical_and = _two("logical_and", torch.logical_and, "Whether both are true.")
logical_or = _two("logical_or", torch.logical_or, "Whether one is true.")
logical_xor = _two("logical_xor", torch.logical_xor, "Whether one alone is true.")
maximum = _two("maximum", torch.maximum, "The larger element of each pair, nan if one is.")
minimum = _two("minimum", torch.minimum, "The smaller element of each pair, nan if one is.")
multiply = _two("multiply", torch.multiply, "x1 * x2.")
nextafter = _two("nextafter", torch.nextafter, "The number next to x1 on the side of x2.")
not_equal = _two("not_equal", torch.ne, "Whether elements differ.")
pow = _two("pow", torch.pow, "x1 ** x2.")
remainder = _two("remainder", torch.remainder, "What x1 has over a multiple of x2, with the sign of x2.")
subtract = _two("subtract", torch.subtract, "x1 - x2.")


def clip(x: Tensor, /, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Tensor:
    """The elements, at least ``min`` and at most ``max``, each None, a number or an array that goes with ``x``; the
    result has the dtype of ``x``.

    >>> from wengert import array_api as xp
    >>> xp.clip(xp.asarray([-2.0, 0.5, 7.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    out = x.clone()
    if min is not None:
        out = _bounded(maximum, out, min)
    return out if max is None else _bounded(minimum, out, max)


def _bounded(choose: Callable[[Any, Any], Tensor], x: Tensor, bound: Tensor | Number) -> Tensor:
    if isinstance(bound, Tensor):
        return choose(x, bound).to(x.dtype)
    if not isinstance(bound, float) or x.is_floating_point():
        return choose(x, as_array(bound, x.dtype))
    return choose(x.to(torch.float64), bound).to(x.dtype)  # integers, bounded by a fraction or by infinity


def where(condition: Tensor, x1: Tensor | Number, x2: Tensor | Number, /) -> Tensor:
    """The elements of ``x1`` where ``condition`` is true, else those of ``x2``."""
    first, second = (together(x1, x2) if isinstance(x1, Tensor) or isinstance(x2, Tensor)
                     else together(x1, x2, torch.empty(0, dtype=torch.bool))[:2])
    if unsigned(first):
        return by_numpy(np.where, condition, first, second)
    return torch.where(condition, first, second)


__all__ = [name for name, value in list(globals().items())
           if callable(value) and name[0] != "_" and value.__module__ == __name__]
