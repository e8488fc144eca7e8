"""Functions that map elements to elements, shapes broadcast against each other."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.dtypes import category, from_numpy
from ..core.errors import DTypeError
from ..core.geometry import check_room
from ..core.primitive import TRUTHS, P, Primitive
from ..tensors import inplace as inplace_forms
from ..tensors.alias import type_name
from ..tensors.apply import NUMBERS, apply, check_number, check_takes, number_for, result_type, stored_number
from ..tensors.creation import array_from
from ..tensors.hot import binary, unary
from ..tensors.tape import labelled
from ..tensors.tensor import TENSORS, Tensor, make
from .arguments import check_some_tensor
from .conversion import cast
from .halves import in_float32
from .out import Out
from .registry import METHODS, function, method

_add, _sub, _mul, _div, _neg = binary(P.add), binary(P.sub), binary(P.mul), binary(P.div), unary(P.neg)


def _declare(table: dict[str, tuple[Any, ...]], inplace: bool = True) -> None:
    """Declares a function of one tensor for each entry: name: (primitive, documentation, *aliases)."""
    for name, (primitive, doc, *aliases) in table.items():
        plain = unary(primitive)
        plain.__name__, plain.__doc__ = name, doc
        function(inplace=inplace, aliases=tuple(aliases))(plain)


_declare({
    "exp": (P.exp, "e to the power of each element."),
    "exp2": (P.exp2, "2 to the power of each element."),
    "expm1": (P.expm1, "exp(x) − 1, accurate near 0."),
    "log": (P.log, "The natural logarithm of each element."),
    "log2": (P.log2, "The logarithm to base 2 of each element."),
    "log10": (P.log10, "The logarithm to base 10 of each element."),
    "log1p": (P.log1p, "log(1 + x), accurate near 0."),
    "sqrt": (P.sqrt, "The square root of each element."),
    "rsqrt": (P.rsqrt, "One over the square root of each element."),
    "reciprocal": (P.reciprocal, "One over each element."),
    "sin": (P.sin, "The sine of each element, in radians."),
    "cos": (P.cos, "The cosine of each element, in radians."),
    "tan": (P.tan, "The tangent of each element, in radians."),
    "asin": (P.asin, "The inverse sine of each element.", "arcsin"),
    "acos": (P.acos, "The inverse cosine of each element.", "arccos"),
    "atan": (P.atan, "The inverse tangent of each element.", "arctan"),
    "sinh": (P.sinh, "The hyperbolic sine of each element."),
    "cosh": (P.cosh, "The hyperbolic cosine of each element."),
    "tanh": (P.tanh, "The hyperbolic tangent of each element."),
    "asinh": (P.asinh, "The inverse hyperbolic sine of each element.", "arcsinh"),
    "acosh": (P.acosh, "The inverse hyperbolic cosine of each element.", "arccosh"),
    "atanh": (P.atanh, "The inverse hyperbolic tangent of each element.", "arctanh"),
    "sinc": (P.sinc, "sin(πx) / (πx), and 1 at 0."),
    "erf": (P.erf, "The error function of each element."),
    "erfc": (P.erfc, "1 − erf(x), accurate for large x."),
    "erfinv": (P.erfinv, "The inverse of the error function."),
    "lgamma": (P.lgamma, "The logarithm of the absolute value of the gamma function."),
    "i0": (P.i0, "The modified Bessel function of the first kind, of order 0."),
    "sigmoid": (P.sigmoid, "1 / (1 + exp(−x))."),
    "neg": (P.neg, "Minus each element.", "negative"),
    "abs": (P.abs, "The absolute value of each element.", "absolute"),
    "sgn": (P.sgn, "The sign of each element; for complex ones x / |x|, and 0 at 0."),
    "relu": (P.relu, "max(x, 0)."),
})
_declare({"signbit": (P.signbit, "Whether each element is negative, −0 included.")}, inplace=False)


def _rounding(name: str, primitive: Primitive, doc: str, *aliases: str) -> None:
    """Declares a function that leaves integers as they are and has no meaning for truth values and complex numbers."""
    run = unary(primitive)

    def plain(input: Any) -> Tensor:
        if input._data.dtype.kind in "cb":
            raise DTypeError(f'[{name}] "{name}" not implemented for \'{type_name(input._data.dtype)}\'')
        return run(input)

    plain.__name__, plain.__doc__ = name, doc
    function(inplace=True, aliases=aliases)(plain)


_rounding("floor", P.floor, "The largest integer that is not above each element.")
_rounding("ceil", P.ceil, "The smallest integer that is not below each element.")
_rounding("trunc", P.trunc, "Each element without its fraction.", "fix")


@function(inplace=True)
def sign(input: Any) -> Tensor:
    """−1, 0 or 1 as each element is negative, zero or positive."""
    if input._data.dtype.kind in "cW":
        raise DTypeError("[sign] Unlike NumPy, torch.sign is not intended to support complex numbers: it doesn't "
                         "support them. Please use torch.sgn instead.")
    return P.sign(input)


@function()
def positive(input: Any) -> Tensor:
    """The tensor itself."""
    if input._data.dtype == bool:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@function(inplace=True)
def round(input: Any, *, decimals: int | None = None) -> Tensor:
    """Each element rounded to ``decimals`` places (0 if not given), halves to even. Places are those of floats."""
    if input._data.dtype.kind in ("bc" if decimals is None else "iubc"):
        kind = type_name(input._data.dtype)
        raise NotImplementedError(f"[round] \"round_cpu\" not implemented for '{kind}'; convert "
                           "with .float() first")
    return P.round(input, decimals=decimals) if decimals else P.round(input)


@function(inplace=True)
def frac(input: Any) -> Tensor:
    """The fraction of each element: x − trunc(x)."""
    if category(from_numpy(input._data.dtype)) < 2:
        raise DTypeError(f'[frac] "frac" not implemented for \'{type_name(input._data.dtype)}\'')
    return P.frac(input)


@function(inplace=True)
def square(input: Any) -> Tensor:
    """Each element times itself."""
    return pow(input, 2)


@function(inplace=True)
def deg2rad(input: Any) -> Tensor:
    """Degrees in radians."""
    return P.deg2rad(input)


@function(inplace=True)
def rad2deg(input: Any) -> Tensor:
    """Radians in degrees."""
    return P.rad2deg(input)


@function(inplace=True, aliases=("psi",))
def digamma(input: Any) -> Tensor:
    """The logarithmic derivative of the gamma function."""
    return P.polygamma(input, n=0)


@function(method=False, takes_tensor=False)
def polygamma(n: int, input: Any) -> Tensor:
    """The ``n``-th derivative of `digamma`."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return P.polygamma(input, n=n)


METHODS["polygamma"] = lambda self, n: polygamma(n, self)
METHODS["polygamma_"] = inplace_forms.inplace(METHODS["polygamma"], "polygamma_")


@function(inplace=True)
def igamma(input: Any, other: Any) -> Tensor:
    """The regularised lower incomplete gamma function P(input, other)."""
    return P.igamma(input, other)


@function(inplace=True)
def igammac(input: Any, other: Any) -> Tensor:
    """The regularised upper incomplete gamma function Q(input, other) = 1 − P(input, other)."""
    return P.igammac(input, other)


@function(inplace=True, aliases=("multigammaln",))
def mvlgamma(input: Any, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension ``p``: Σ lgamma(x − j/2) + p (p − 1)/4 log π.

    Raises RuntimeError where an element is not above (p − 1)/2.
    """
    check_takes("mvlgamma", TRUTHS, input)
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    check_room("mvlgamma", (p, *input._data.shape), input._data.itemsize)
    total = P.lgamma(input)
    for j in range(1, p):
        total = total + P.lgamma(input - 0.5 * j)
    return total + p * (p - 1) / 4 * math.log(math.pi)


@function(inplace=True)
def logit(input: Any, eps: float | None = None) -> Tensor:
    """log(x / (1 − x)), with x clamped to [eps, 1 − eps] where ``eps`` is given."""
    return P.logit(input if eps is None else clamp(input, eps, 1 - eps))


@function(inplace=True)
def nan_to_num(
    input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Each NaN as ``nan`` (0), each infinity as ``posinf`` or ``neginf`` (the largest and the smallest number)."""
    return P.nan_to_num(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


@function()
def conj(input: Any) -> Tensor:
    """The complex conjugate; a real tensor is returned itself."""
    return P.conj(input) if input._data.dtype.kind in "cW" else input


@function(inplace=True)
def conj_physical(input: Any) -> Tensor:
    """`conj`, in memory of its own where the tensor is complex."""
    return P.conj(input) if input._data.dtype.kind in "cW" else input


METHODS["resolve_conj"] = METHODS["resolve_neg"] = lambda self: self
METHODS["is_conj"] = METHODS["is_neg"] = lambda self: False


@function()
def angle(input: Any) -> Tensor:
    """The argument of each element, in radians: π for negative real numbers."""
    return P.angle(input)


# --- sums, products, quotients, powers --------------------------------------------------------------------------------


def _check_alpha(op: str, target: Any, alpha: Any) -> None:
    """PyTorch's rules for the factor of the second operand: of no higher kind than the result."""
    kind = category(target)
    if isinstance(alpha, bool) and kind:
        raise RuntimeError(f"[{op}] Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and kind < 2:
        raise RuntimeError(f"[{op}] For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and kind < 3:
        raise RuntimeError(f"[{op}] For non-complex input tensors, argument alpha must not be a complex number.")
    check_number(op, alpha, target)


def _scaled(op: str, input: Any, other: Any, alpha: Any) -> Any:
    target = result_type(op, (input, other))
    _check_alpha(op, target, alpha)
    alpha = bool(alpha) if target.kind == "b" else alpha
    return _mul(other, alpha) if type(other) in TENSORS else other * alpha


@in_float32
def _plus(op: str, run: Any, input: Any, other: Any, alpha: Any) -> Any:
    """``run(input, alpha · other)``."""
    return run(input, _scaled(op, input, other, alpha))


@function(direct=lambda full: binary(P.add, full=full), takes_tensor=False)
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``input + alpha · other``."""
    return _add(input, other) if type(alpha) is int and alpha == 1 else _plus("add", _add, input, other, alpha)


@function(aliases=("subtract",), takes_tensor=False)
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``input − alpha · other``. Raises RuntimeError for truth values."""
    return _sub(input, other) if type(alpha) is int and alpha == 1 else _plus("sub", _sub, input, other, alpha)


@function(method=False)
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``other − alpha · input``."""
    out = apply(P.sub, (other, input if alpha == 1 else _scaled("rsub", other, input, alpha)), {})
    return labelled(out, "RsubBackward0" if type(other) in TENSORS else "RsubBackward1")


@function(aliases=("multiply",), direct=lambda full: binary(P.mul, full=full), takes_tensor=False)
def mul(input: Any, other: Any) -> Tensor:
    """``input · other``."""
    return _mul(input, other)


_ROUNDED = {"floor": partial(P.floor_divide, rounded=True), "trunc": P.trunc_divide}


@function(aliases=("divide",), takes_tensor=False)
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """``input / other``; rounded towards zero (``"trunc"``) or down (``"floor"``) by ``rounding_mode``.

    Without rounding, integers give floats. Integer division by zero raises RuntimeError.
    """
    if rounding_mode is None:
        return _div(input, other)
    if rounding_mode not in _ROUNDED:
        raise RuntimeError("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
                           f"'{rounding_mode}'")
    return _ROUNDED[rounding_mode](_lifted(input, other), other)


def _lifted(input: Any, other: Any) -> Any:
    """The first operand, as a tensor where both are numbers."""
    return make(array_from(input, None), None) if isinstance(input, NUMBERS) and isinstance(other, NUMBERS) else input


@function(inplace=True, takes_tensor=False)
def true_divide(input: Any, other: Any) -> Tensor:
    """``input / other``, never rounded."""
    return _div(input, other)


@function(inplace=True, takes_tensor=False)
def floor_divide(input: Any, other: Any) -> Tensor:
    """``input / other``, rounded down."""
    return P.floor_divide(_lifted(input, other), other)


@function(inplace=True, takes_tensor=False)
def remainder(input: Any, other: Any) -> Tensor:
    """Python's ``input % other``: the remainder with the sign of the divisor."""
    check_some_tensor("remainder", input, other)
    return P.remainder(input, other)


@function(inplace=True)
def fmod(input: Any, other: Any) -> Tensor:
    """C's fmod: the remainder with the sign of the dividend."""
    return P.fmod(input, other)


_pow = binary(P.pow)


@function(inplace=True, takes_tensor=False)
def pow(input: Any, exponent: Any) -> Tensor:
    """``input`` to the power ``exponent``; one of the two may be a number.

    Raises RuntimeError for integers with a negative number as exponent.
    """
    if isinstance(exponent, int) and exponent < 0 and type(input) in TENSORS and input._data.dtype.kind in "iu":
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if type(input) not in TENSORS:
        check_some_tensor("pow", input, exponent)
        return labelled(apply(P.pow, (input, exponent), {}), "PowBackward2")
    return _pow(input, exponent) if type(exponent) not in TENSORS else labelled(_pow(input, exponent), "PowBackward1")


@function(takes_tensor=False)
def float_power(input: Any, exponent: Any) -> Tensor:
    """`pow` in double precision."""
    check_some_tensor("float_power", input, exponent)
    complexes = builtins.any([(x._data.dtype.kind in "cW") if type(x) in TENSORS else isinstance(x, complex)
                              for x in (input, exponent)])
    target = dtypes.complex128 if complexes else dtypes.float64
    first, second = (cast(x, target) if type(x) in TENSORS else x for x in (input, exponent))
    return P.pow(first, second)


@method("float_power_")
def float_power_(self: Tensor, exponent: Any) -> Tensor:
    """`float_power` written into this tensor, which is in double precision. Raises RuntimeError for another dtype."""
    complexes = builtins.any([type(x) in TENSORS and x._data.dtype.kind in "cW" or isinstance(x, complex)
                              for x in (self, exponent)])
    if self._data.dtype.char != ("D" if complexes else "d"):
        raise RuntimeError(f"[float_power_] the base given to float_power_ has dtype {type_name(self._data.dtype)} but "
                           f"the operation's result requires dtype {'ComplexDouble' if complexes else 'Double'}; "
                           "convert it first, or write out of place")
    return inplace_forms.inplace(float_power, "float_power_")(self, exponent)


@function(inplace=True)
def ldexp(input: Any, other: Any) -> Tensor:
    """``input · 2^other``."""
    if type(other) not in TENSORS:
        raise TypeError(f"ldexp(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
    if type(input) in TENSORS and category(input.dtype) > 1 and other._data.dtype.kind in "iu":
        wanted = input.dtype  # in which the powers are computed too
    else:
        wanted = dtypes.get_default_dtype() if other._data.dtype.kind in "biu" else other.dtype
    power = P.pow(2.0, cast(other, wanted))
    return _mul(input, power)


# --- extrema, bounds, choices -----------------------------------------------------------------------------------------


def _declare_pairs(table: dict[str, tuple[Any, ...]], kinds: str, inplace: bool, scalars: bool = False) -> None:
    """Declares functions of two operands: name: (primitive, documentation, *aliases). ``kinds``: those that the
    dtype in which they meet may have; ``scalars``: the second may be a number."""
    for name, (primitive, doc, *aliases) in table.items():
        function(inplace=inplace, aliases=tuple(aliases))(_pair(name, primitive, doc, scalars, kinds))


_KINDS = {"f": "floating", "fc": "floating or complex", "iu": "integer", "fiub": "real"}


def _pair(name: str, primitive: Primitive, doc: str, scalars: bool, kinds: str) -> Callable[[Any, Any], Any]:
    run = binary(primitive)

    def plain(input: Any, other: Any) -> Tensor:
        if not scalars and type(other) not in TENSORS:
            raise TypeError(f"{name}(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
        if name == "heaviside" and input._data.dtype != other._data.dtype:
            raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
        meeting = result_type(name, (input, other))
        if meeting.kind not in kinds:
            raise DTypeError(f"[{name}] \"{name}_cpu\" not implemented for '{type_name(meeting.name)}': "
                             f"{_KINDS[kinds]} operands were expected")
        return run(input, other)

    plain.__name__, plain.__doc__ = name, doc
    return plain


_declare_pairs({
    "maximum": (P.maximum, "The larger of each two elements; NaN where one is NaN."),
    "minimum": (P.minimum, "The smaller of each two elements; NaN where one is NaN."),
    "fmax": (P.fmax, "The larger of each two elements; a number before NaN."),
    "fmin": (P.fmin, "The smaller of each two elements; a number before NaN."),
}, "fiub", inplace=False)
_declare_pairs({
    "atan2": (P.atan2, "The angle of the point (other, input), in radians.", "arctan2"),
    "heaviside": (P.heaviside, "0 below zero, 1 above, ``other`` at zero."),
}, "fiub", inplace=True)
_declare_pairs({
    "hypot": (P.hypot, "The root of the sum of the two squares."),
    "nextafter": (P.nextafter, "The next floating-point number towards ``other``."),
}, "f", inplace=True)
_declare_pairs({
    "gcd": (P.gcd, "The greatest common divisor."),
    "lcm": (P.lcm, "The least common multiple."),
}, "iu", inplace=True)
_declare_pairs({"copysign": (P.copysign, "The size of ``input`` with the sign of ``other``.")}, "fiub", inplace=True,
               scalars=True)
_declare_pairs({
    "logaddexp": (P.logaddexp, "log(exp(input) + exp(other)), without overflow."),
}, "fc", inplace=False)
_declare_pairs({
    "logaddexp2": (P.logaddexp2, "log2(2^input + 2^other), without overflow."),
}, "f", inplace=False)


@function(inplace=True, takes_tensor=False)
def xlogy(input: Any, other: Any) -> Tensor:
    """``input · log(other)``, and 0 where ``input`` is 0; one of the two may be a number."""
    check_some_tensor("xlogy", input, other)
    if result_type("xlogy", (input, other)).kind == "c":
        raise NotImplementedError("[xlogy] \"xlogy_cpu\" not implemented for complex numbers")
    return P.xlogy(input, other)


def _bounded(input: Any, bounds: tuple[Any, ...]) -> Any:
    """The input in the dtype in which it meets its bounds."""
    target = result_type("clamp", (input, *[b.real if isinstance(b, complex) and not b.imag else b for b in bounds
                                            if b is not None]))
    if category(target) == 3:
        raise DTypeError("[clamp] clamp is not supported for complex types; clamp real and imaginary parts")
    return cast(input, target)


_BOUNDS, _NONE = frozenset({int, float, type(None)}), (None, None)
_clamp = unary(P.clamp)


@function(inplace=True, aliases=("clip",))
def clamp(input: Any, min: Any = None, max: Any = None) -> Tensor:
    """Each element, not below ``min`` and not above ``max``: numbers, or tensors that broadcast. The gradient
    passes where the element is within the bounds or on them. Raises RuntimeError without bounds."""
    if input._data.dtype.char in "fd" and type(min) in _BOUNDS and type(max) in _BOUNDS and (min, max) != _NONE:
        return _clamp(input, params={"low": min, "high": max})
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if input._data.dtype.kind in "cW":
        raise DTypeError("[clamp] clamp is not supported for complex types; clamp real and imaginary parts")
    tensors = type(min) in TENSORS or type(max) in TENSORS
    for bound in (min, max):
        if tensors and bound is not None and type(bound) not in TENSORS:
            raise TypeError("clamp(): 'min' and 'max' must both be tensors, or both be numbers")
    if tensors and min is not None and max is not None:
        check_takes("clamp", TRUTHS, input, min, max)
    value = _bounded(input, (min, max))
    if tensors:
        value = value if min is None else _held(value, P.ge(value, min), min)
        return labelled(value if max is None else _held(value, P.le(value, max), max), "ClampBackward0")
    target = value.dtype
    min, max = (None if bound is None else number_for(stored_number("clamp", bound, target), target)
                for bound in (min, max))
    return P.clamp(value, low=min, high=max)


def _held(value: Any, within: Any, bound: Any) -> Any:
    """The value where it is within the bound, else the bound, or NaN where there is one: that has no gradient."""
    bound = cast(bound, value.dtype)
    if value._data.dtype.kind not in "iub":
        bound = P.where(P.isnan(value) | P.isnan(bound), float("nan"), bound)
    return P.where(within, value, bound)


@function(inplace=True)
def clamp_min(input: Any, min: Any) -> Tensor:
    """Each element, not below ``min``."""
    return labelled(clamp(input, min), "ClampMin")


@function(inplace=True)
def clamp_max(input: Any, max: Any) -> Tensor:
    """Each element, not above ``max``."""
    return labelled(clamp(input, None, max), "ClampMax")


@function(inplace=True, out=Out(casts=lambda input, end, weight: type(weight) not in TENSORS or not weight._data.ndim))
def lerp(input: Any, end: Any, weight: Any) -> Tensor:
    """``input + weight · (end − input)``; the weight is a number or a tensor, a 0-d one of any dtype. Raises
    RuntimeError for other differing dtypes."""
    if type(end) in TENSORS and input._data.dtype != end._data.dtype:
        raise RuntimeError(f"expected dtype {input.dtype} for `end` but got dtype {end.dtype}")
    if type(weight) in TENSORS and not weight._data.ndim:
        weight = cast(weight, input.dtype)
    if type(weight) in TENSORS and weight._data.dtype != input._data.dtype:
        raise RuntimeError(f"expected dtype {input.dtype} for `weight` but got dtype {weight.dtype}")
    if type(weight) not in TENSORS and category(input.dtype) > 1:
        weight = stored_number("lerp", weight, _computing(input.dtype))
    return P.lerp(input, end, weight)


@function(inplace=True)
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """``input + value · tensor1 · tensor2``."""
    return P.addcmul(input, tensor1, tensor2, value=_factor("addcmul", value, input, tensor1, tensor2))


@function(inplace=True)
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """``input + value · tensor1 / tensor2``. Raises RuntimeError where both are integers."""
    if tensor1._data.dtype.kind in "biu" and tensor2._data.dtype.kind in "biu":
        raise RuntimeError("Integer division with addcdiv is no longer supported; convert an operand with .float() "
                           "first")
    return P.addcdiv(input, tensor1, tensor2, value=_factor("addcdiv", value, input, tensor1, tensor2))


def _factor(op: str, value: Any, *operands: Any) -> Any:
    """The number by which a product is multiplied, in the dtype in which the operands meet."""
    if type(value) is int and value == 1 or type(value) in TENSORS:
        return value
    target = _computing(result_type(op, operands))
    return number_for(stored_number(op, value, target), target)


def _computing(dtype: dtypes.DType) -> dtypes.DType:
    """The dtype in which factors beside elements of ``dtype`` are: float32 for half precision."""
    return dtypes.float32 if dtype.kind == "f" and dtype.itemsize == 2 else dtype


@function(method=False, takes_tensor=False)
def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """``input`` where ``condition`` holds, ``other`` elsewhere; either may be a number. With the condition alone: the
    positions at which it holds, a tensor of int64 for each dimension."""
    if type(condition) not in TENSORS:
        raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}")
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition._data.dtype.kind == "u":
        condition = cast(condition, dtypes.bool_)
    if condition._data.dtype != bool:
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype "
                           f"{type_name(condition._data.dtype)}")
    if type(input) not in TENSORS and type(other) not in TENSORS:
        input = make(np.array(input, result_type("where", (input, other)).numpy), None)
    for number in (input, other):
        if type(number) in (int, float):
            check_number("where", number, result_type("where", (input, other)), halves=False)
    return P.where(condition, input, other)


METHODS["where"] = lambda self, condition, other: where(condition, self, other)
