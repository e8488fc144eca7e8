"""Functions that map elements to elements, shapes broadcast against each other; sums and products, with their kin, are
in `arithmetic`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.dtypes import category, from_numpy
from ..core.errors import DTypeError
from ..core.frames import warn
from ..core.geometry import check_room
from ..core.primitive import TRUTHS, P, Primitive
from ..tensors import inplace as inplace_forms
from ..tensors.alias import type_name
from ..tensors.apply import check_number, check_takes, number_for, result_type, stored_number
from ..tensors.given import check_operand, check_tensor
from ..tensors.hot import binary, unary
from ..tensors.inplace import needs_tape
from ..tensors.tape import labelled
from ..tensors.tensor import TENSORS, Tensor, make
from .arguments import check_some_tensor
from .arithmetic import computing, pow
from .conversion import cast
from .out import Out
from .registry import METHODS, function, method


def _declare(table: dict[str, tuple[Any, ...]], inplace: bool = True) -> None:
    """Declares a function of one tensor for each entry: name: (primitive, documentation, *aliases)."""
    for name, (primitive, doc, *aliases) in table.items():
        plain = unary(primitive)
        plain.__name__, plain.__doc__ = name, doc
        function(inplace=inplace, aliases=tuple(aliases))(plain)


_declare({
    "exp": (P.exp, """e to the power of each element.

        >>> x = torch.tensor([0.0, 1.0], requires_grad=True)
        >>> y = torch.exp(x)
        >>> y.sum().backward()
        >>> x.grad
        tensor([1.0000, 2.7183])"""),
    "exp2": (P.exp2, """2 to the power of each element.

        >>> torch.exp2(torch.tensor([-1.0, 0.0, 3.0]))
        tensor([0.5000, 1.0000, 8.0000])"""),
    "expm1": (P.expm1, """exp(x) − 1, accurate near 0.

        >>> x = torch.tensor(1e-10)
        >>> torch.expm1(x), torch.exp(x) - 1
        (tensor(1.0000e-10), tensor(0.))"""),
    "log": (P.log, """The natural logarithm of each element.

        >>> torch.log(torch.tensor([1.0, 10.0, 0.0]))
        tensor([0.0000, 2.3026,   -inf])"""),
    "log2": (P.log2, """The logarithm to base 2 of each element.

        >>> torch.log2(torch.tensor([0.5, 1.0, 8.0]))
        tensor([-1.,  0.,  3.])"""),
    "log10": (P.log10, """The logarithm to base 10 of each element.

        >>> torch.log10(torch.tensor([1.0, 2.0, 100.0]))
        tensor([0.0000, 0.3010, 2.0000])"""),
    "log1p": (P.log1p, """log(1 + x), accurate near 0.

        >>> x = torch.tensor(1e-8)
        >>> torch.log1p(x), torch.log(1 + x)
        (tensor(1.0000e-08), tensor(0.))"""),
    "sqrt": (P.sqrt, """The square root of each element.

        >>> torch.sqrt(torch.tensor([0.0, 4.0, -1.0]))
        tensor([0., 2., nan])"""),
    "rsqrt": (P.rsqrt, """One over the square root of each element.

        >>> torch.rsqrt(torch.tensor([1.0, 4.0]))
        tensor([1.0000, 0.5000])"""),
    "reciprocal": (P.reciprocal, """One over each element.

        >>> torch.reciprocal(torch.tensor([2.0, -4.0]))
        tensor([ 0.5000, -0.2500])"""),
    "sin": (P.sin, """The sine of each element, in radians.

        >>> torch.sin(torch.tensor([0.0, torch.pi / 6, torch.pi / 2]))
        tensor([0.0000, 0.5000, 1.0000])"""),
    "cos": (P.cos, """The cosine of each element, in radians.

        >>> torch.cos(torch.tensor([0.0, torch.pi / 3, torch.pi]))
        tensor([ 1.0000,  0.5000, -1.0000])"""),
    "tan": (P.tan, """The tangent of each element, in radians.

        >>> torch.tan(torch.tensor([0.0, torch.pi / 4]))
        tensor([0., 1.])"""),
    "asin": (P.asin, """The inverse sine of each element.

        >>> torch.asin(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-1.5708,  0.0000,  1.5708])""", "arcsin"),
    "acos": (P.acos, """The inverse cosine of each element.

        >>> torch.acos(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([3.1416, 1.5708, 0.0000])""", "arccos"),
    "atan": (P.atan, """The inverse tangent of each element.

        >>> torch.atan(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.7854,  0.0000,  0.7854])""", "arctan"),
    "sinh": (P.sinh, """The hyperbolic sine of each element.

        >>> torch.sinh(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-1.1752,  0.0000,  1.1752])"""),
    "cosh": (P.cosh, """The hyperbolic cosine of each element.

        >>> torch.cosh(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([1.5431, 1.0000, 1.5431])"""),
    "tanh": (P.tanh, """The hyperbolic tangent of each element.

        >>> torch.tanh(torch.tensor([-1.0, 0.0, 20.0]))
        tensor([-0.7616,  0.0000,  1.0000])"""),
    "asinh": (P.asinh, """The inverse hyperbolic sine of each element.

        >>> torch.asinh(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.8814,  0.0000,  0.8814])""", "arcsinh"),
    "acosh": (P.acosh, """The inverse hyperbolic cosine of each element.

        >>> torch.acosh(torch.tensor([1.0, 2.0]))
        tensor([0.0000, 1.3170])""", "arccosh"),
    "atanh": (P.atanh, """The inverse hyperbolic tangent of each element.

        >>> torch.atanh(torch.tensor([-0.5, 0.0, 0.5]))
        tensor([-0.5493,  0.0000,  0.5493])""", "arctanh"),
    "sinc": (P.sinc, """sin(πx) / (πx), and 1 at 0.

        >>> torch.sinc(torch.tensor([0.0, 0.5, 1.5]))
        tensor([ 1.0000,  0.6366, -0.2122])"""),
    "erf": (P.erf, """The error function of each element.

        >>> torch.erf(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.8427,  0.0000,  0.8427])"""),
    "erfc": (P.erfc, """1 − erf(x), accurate for large x.

        >>> torch.erfc(torch.tensor([0.0, 1.0, 5.0]))
        tensor([1.0000e+00, 1.5730e-01, 1.5375e-12])"""),
    "erfinv": (P.erfinv, """The inverse of the error function.

        >>> torch.erfinv(torch.tensor([-0.5, 0.0, 0.5]))
        tensor([-0.4769,  0.0000,  0.4769])"""),
    "lgamma": (P.lgamma, """The logarithm of the absolute value of the gamma function.

        >>> torch.exp(torch.lgamma(torch.tensor([3.0, 4.0, 5.0])))
        tensor([ 2.,  6., 24.])"""),
    "i0": (P.i0, """The modified Bessel function of the first kind, of order 0.

        >>> torch.i0(torch.tensor([0.0, 1.0, 2.0]))
        tensor([1.0000, 1.2661, 2.2796])"""),
    "sigmoid": (P.sigmoid, """1 / (1 + exp(−x)).

        >>> x = torch.tensor([-2.0, 0.0, 2.0], requires_grad=True)
        >>> y = torch.sigmoid(x)
        >>> y
        tensor([0.1192, 0.5000, 0.8808], grad_fn=<SigmoidBackward0>)
        >>> y.sum().backward()
        >>> x.grad
        tensor([0.1050, 0.2500, 0.1050])"""),
    "neg": (P.neg, """Minus each element.

        >>> torch.neg(torch.tensor([1.0, -2.0]))
        tensor([-1.,  2.])""", "negative"),
    "abs": (P.abs, """The absolute value of each element.

        >>> torch.abs(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([1.5000, 0.0000, 2.0000])
        >>> torch.abs(torch.tensor(3 + 4j))
        tensor(5.)""", "absolute"),
    "sgn": (P.sgn, """The sign of each element; for complex ones x / |x|, and 0 at 0.

        >>> torch.sgn(torch.tensor([3 + 4j, 0]))
        tensor([0.6000+0.8000j, 0.0000+0.0000j])"""),
    "relu": (P.relu, """max(x, 0).

        >>> x = torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
        >>> y = torch.relu(x)
        >>> y.sum().backward()
        >>> x.grad
        tensor([0., 0., 1.])"""),
})


def abs_of_reals(general: Callable[..., Any]) -> Callable[..., Any]:
    """What ``abs_`` runs: the result is real, which a complex target cannot keep."""

    @functools.wraps(general)
    def method(self: Tensor) -> Any:
        if isinstance(self, Tensor) and self.is_complex():
            raise RuntimeError("In-place abs is not supported for complex tensors.")
        return general(self)

    return method


METHODS["abs_"] = METHODS["absolute_"] = abs_of_reals(METHODS["abs_"])
_declare({"signbit": (P.signbit, """Whether each element is negative, −0 included.

    >>> torch.signbit(torch.tensor([-1.0, -0.0, 0.0]))
    tensor([ True,  True, False])""")}, inplace=False)


def _rounding(name: str, primitive: Primitive, doc: str, *aliases: str) -> None:
    """Declares a function that leaves integers as they are and has no meaning for truth values and complex numbers."""
    run = unary(primitive)

    def plain(input: Any) -> Tensor:
        if input._data.dtype.kind in "cb":
            raise DTypeError(f'[{name}] "{name}" not implemented for \'{type_name(input._data.dtype)}\'')
        return run(input)

    plain.__name__, plain.__doc__ = name, doc
    function(inplace=True, aliases=aliases)(plain)


_rounding("floor", P.floor, """The largest integer that is not above each element.

    >>> torch.floor(torch.tensor([-1.5, 0.2, 2.0]))
    tensor([-2.,  0.,  2.])""")
_rounding("ceil", P.ceil, """The smallest integer that is not below each element.

    >>> torch.ceil(torch.tensor([-1.5, 0.2, 2.0]))
    tensor([-1.,  1.,  2.])""")
_rounding("trunc", P.trunc, """Each element without its fraction.

    >>> torch.trunc(torch.tensor([-1.5, 0.2, 2.9]))
    tensor([-1.,  0.,  2.])""", "fix")


@function(inplace=True)
def sign(input: Any) -> Tensor:
    """−1, 0 or 1 as each element is negative, zero or positive.

    >>> torch.sign(torch.tensor([-2.5, 0.0, 3.0]))
    tensor([-1.,  0.,  1.])
    """
    if input._data.dtype.kind in "cW":
        raise DTypeError("[sign] Unlike NumPy, torch.sign is not intended to support complex numbers: it doesn't "
                         "support them. Please use torch.sgn instead.")
    return P.sign(input)


@function()
def positive(input: Any) -> Tensor:
    """The tensor itself.

    >>> torch.positive(torch.tensor([-1, 2]))
    tensor([-1,  2])
    """
    if input._data.dtype == bool:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@function(inplace=True, checked=True)
def round(input: Any, *, decimals: int | None = None) -> Tensor:
    """Each element rounded to ``decimals`` places (0 if not given), halves to even. Places are those of floats.

    >>> torch.round(torch.tensor([0.5, 1.5, -2.6])), torch.round(torch.tensor([2.345]), decimals=1)
    (tensor([ 0.,  2., -3.]), tensor([2.3000]))
    """
    if input._data.dtype.kind in ("bc" if decimals is None else "iubc"):
        kind = type_name(input._data.dtype)
        raise NotImplementedError(f"[round] \"round_cpu\" not implemented for '{kind}'; convert "
                           "with .float() first")
    return P.round(input, decimals=decimals) if decimals else P.round(input)


@function(inplace=True)
def frac(input: Any) -> Tensor:
    """The fraction of each element: x − trunc(x).

    >>> torch.frac(torch.tensor([1.25, -1.25]))
    tensor([ 0.2500, -0.2500])
    """
    if category(from_numpy(input._data.dtype)) < 2:
        raise DTypeError(f'[frac] "frac" not implemented for \'{type_name(input._data.dtype)}\'')
    return P.frac(input)


@function(inplace=True)
def square(input: Any) -> Tensor:
    """Each element times itself.

    >>> torch.square(torch.tensor([-3, 2]))
    tensor([9, 4])
    """
    return pow(input, 2)


@function(inplace=True)
def deg2rad(input: Any) -> Tensor:
    """Degrees in radians.

    >>> torch.deg2rad(torch.tensor([90.0, 180.0]))
    tensor([1.5708, 3.1416])
    """
    return P.deg2rad(input)


@function(inplace=True)
def rad2deg(input: Any) -> Tensor:
    """Radians in degrees.

    >>> torch.rad2deg(torch.tensor([torch.pi / 2, torch.pi]))
    tensor([ 90., 180.])
    """
    return P.rad2deg(input)


@function(inplace=True, aliases=("psi",))
def digamma(input: Any) -> Tensor:
    """The logarithmic derivative of the gamma function.

    >>> torch.digamma(torch.tensor([1.0, 2.0]))
    tensor([-0.5772,  0.4228])
    """
    return P.polygamma(input, n=0)


@function(method=False, takes_tensor=False, checked=True)
def polygamma(n: int, input: Any) -> Tensor:
    """The ``n``-th derivative of `digamma`.

    >>> torch.polygamma(1, torch.tensor([1.0, 2.0]))
    tensor([1.6449, 0.6449])
    """
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return P.polygamma(input, n=n)


@method("polygamma")
def _polygamma(self: Tensor, n: int) -> Tensor:
    """The derivative of order ``n`` of `digamma`.

    >>> torch.tensor([1.0, 2.0]).polygamma(1)
    tensor([1.6449, 0.6449])
    """
    return polygamma(n, self)


METHODS["polygamma_"] = inplace_forms.inplace(_polygamma, "polygamma_")


@function(inplace=True)
def igamma(input: Any, other: Any) -> Tensor:
    """The regularised lower incomplete gamma function P(input, other).

    >>> torch.igamma(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    tensor([0.6321, 0.2642])
    """
    check_tensor("igamma", other, "other", 2)
    return P.igamma(input, other)


@function(inplace=True)
def igammac(input: Any, other: Any) -> Tensor:
    """The regularised upper incomplete gamma function Q(input, other) = 1 − P(input, other).

    >>> torch.igammac(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    tensor([0.3679, 0.7358])
    """
    check_tensor("igammac", other, "other", 2)
    return P.igammac(input, other)


@function(inplace=True, aliases=("multigammaln",), checked=True)
def mvlgamma(input: Any, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension ``p``: Σ lgamma(x − j/2) + p (p − 1)/4 log π.

    Raises RuntimeError where an element is not above (p − 1)/2.

    >>> torch.mvlgamma(torch.tensor([2.0, 3.0]), p=2)
    tensor([0.4516, 1.5502])
    """
    check_takes("mvlgamma", TRUTHS, input)
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    check_room("mvlgamma", (p, *input._data.shape), input._data.itemsize)
    total = P.lgamma(input)
    for j in range(1, p):
        total = total + P.lgamma(input - 0.5 * j)
    return total + p * (p - 1) / 4 * math.log(math.pi)


@function(inplace=True, checked=True)
def logit(input: Any, eps: float | None = None) -> Tensor:
    """log(x / (1 − x)), with x clamped to [eps, 1 − eps] where ``eps`` is given.

    >>> torch.logit(torch.tensor([0.1, 0.5, 0.9]))
    tensor([-2.1972,  0.0000,  2.1972])
    """
    return P.logit(input if eps is None else input.clamp_max(1 - eps).clamp_min(eps))


@function(inplace=True, checked=True)
def nan_to_num(
    input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Each NaN as ``nan`` (0), each infinity as ``posinf`` or ``neginf`` (the largest and the smallest number).

    >>> torch.nan_to_num(torch.tensor([torch.nan, torch.inf, 1.0]), nan=0.0, posinf=100.0)
    tensor([  0., 100.,   1.])
    """
    return P.nan_to_num(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


@function()
def conj(input: Any) -> Tensor:
    """The complex conjugate; a real tensor is returned itself.

    >>> torch.conj(torch.tensor([1 + 2j, 3j])).imag
    tensor([-2., -3.])
    """
    return P.conj(input) if input._data.dtype.kind in "cW" else input


@function(inplace=True)
def conj_physical(input: Any) -> Tensor:
    """`conj`, in memory of its own where the tensor is complex.

    >>> torch.conj_physical(torch.tensor([1 + 2j, 3j]))
    tensor([1.-2.j, 0.-3.j])
    """
    return P.conj(input) if input._data.dtype.kind in "cW" else input


METHODS["resolve_conj"] = METHODS["resolve_neg"] = lambda self: self
METHODS["is_conj"] = METHODS["is_neg"] = lambda self: False


@function()
def angle(input: Any) -> Tensor:
    """The argument of each element, in radians: π for negative real numbers.

    >>> torch.angle(torch.tensor([1 + 1j, -1, -2j]))
    tensor([ 0.7854,  3.1416, -1.5708])
    """
    return P.angle(input)


# --- extrema, bounds, choices -----------------------------------------------------------------------------------------


def _declare_pairs(table: dict[str, tuple[Any, ...]], kinds: str, inplace: bool, scalars: bool = False) -> None:
    """Declares functions of two operands: name: (primitive, documentation, *aliases). ``kinds``: those that the
    dtype in which they meet may have; ``scalars``: the second may be a number."""
    for name, (primitive, doc, *aliases) in table.items():
        function(inplace=inplace, aliases=tuple(aliases))(_pair(name, primitive, doc, scalars, kinds))


_OF_ORDER = {"maximum": "not", "minimum": "not", "fmax": "not", "fmin": "not", "heaviside": "is not yet"}
"""The functions that ask which of two numbers is larger, and PyTorch's words for what it has no order for."""
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
            if meeting.kind == "c" and name in _OF_ORDER:
                raise RuntimeError(f"{name} {_OF_ORDER[name]} implemented for complex tensors.")
            raise DTypeError(f"[{name}] \"{name}_cpu\" not implemented for '{type_name(meeting.name)}': "
                             f"{_KINDS[kinds]} operands were expected")
        out = run(input, other)
        underivable = name == "heaviside" and needs_tape(input, other)
        return P.underivable(out, input, other, of=name) if underivable else out

    plain.__name__, plain.__doc__ = name, doc
    return plain


_declare_pairs({
    "maximum": (P.maximum, """The larger of each two elements; NaN where one is NaN.

        >>> torch.maximum(torch.tensor([1.0, torch.nan]), torch.tensor([2.0, 3.0]))
        tensor([2., nan])"""),
    "minimum": (P.minimum, """The smaller of each two elements; NaN where one is NaN.

        >>> torch.minimum(torch.tensor([1.0, torch.nan]), torch.tensor([2.0, 3.0]))
        tensor([1., nan])"""),
    "fmax": (P.fmax, """The larger of each two elements; a number before NaN.

        >>> torch.fmax(torch.tensor([1.0, torch.nan]), torch.tensor([2.0, 3.0]))
        tensor([2., 3.])"""),
    "fmin": (P.fmin, """The smaller of each two elements; a number before NaN.

        >>> torch.fmin(torch.tensor([1.0, torch.nan]), torch.tensor([2.0, 3.0]))
        tensor([1., 3.])"""),
}, "fiub", inplace=False)
_declare_pairs({
    "atan2": (P.atan2, """The angle of the point (other, input), in radians.

        >>> torch.atan2(torch.tensor([1.0, 1.0, -1.0]), torch.tensor([1.0, -1.0, -1.0]))
        tensor([ 0.7854,  2.3562, -2.3562])""", "arctan2"),
    "heaviside": (P.heaviside, """0 below zero, 1 above, ``other`` at zero.

        >>> torch.heaviside(torch.tensor([-2.0, 0.0, 2.0]), torch.tensor(0.5))
        tensor([0.0000, 0.5000, 1.0000])"""),
}, "fiub", inplace=True)
_declare_pairs({
    "hypot": (P.hypot, """The root of the sum of the two squares.

        >>> torch.hypot(torch.tensor([3.0, 5.0]), torch.tensor([4.0, 12.0]))
        tensor([ 5., 13.])"""),
    "nextafter": (P.nextafter, """The next floating-point number towards ``other``.

        >>> torch.nextafter(torch.tensor(1.0), torch.tensor(2.0)) - 1 == torch.finfo(torch.float32).eps
        tensor(True)"""),
}, "f", inplace=True)
_declare_pairs({
    "gcd": (P.gcd, """The greatest common divisor.

        >>> torch.gcd(torch.tensor([12, 7]), torch.tensor([18, 5]))
        tensor([6, 1])"""),
    "lcm": (P.lcm, """The least common multiple.

        >>> torch.lcm(torch.tensor([4, 7]), torch.tensor([6, 5]))
        tensor([12, 35])"""),
}, "iu", inplace=True)
_declare_pairs({"copysign": (P.copysign, """The size of ``input`` with the sign of ``other``.

    >>> torch.copysign(torch.tensor([1.0, -2.0]), torch.tensor([-0.0, 5.0]))
    tensor([-1.,  2.])""")}, "fiub", inplace=True,
               scalars=True)
_declare_pairs({
    "logaddexp": (P.logaddexp, """log(exp(input) + exp(other)), without overflow.

        >>> torch.logaddexp(torch.tensor(1000.0), torch.tensor(1000.0))
        tensor(1000.6932)"""),
}, "fc", inplace=False)
_declare_pairs({
    "logaddexp2": (P.logaddexp2, """log2(2^input + 2^other), without overflow.

        >>> torch.logaddexp2(torch.tensor([3.0]), torch.tensor([3.0]))
        tensor([4.])"""),
}, "f", inplace=False)


@function(inplace=True, takes_tensor=False)
def xlogy(input: Any, other: Any) -> Tensor:
    """``input · log(other)``, and 0 where ``input`` is 0; one of the two may be a number.

    >>> torch.xlogy(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 10.0]))
    tensor([0.0000, 4.6052])
    """
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
    passes where the element is within the bounds or on them. Raises RuntimeError without bounds.

    >>> x = torch.tensor([-2.0, 0.5, 3.0], requires_grad=True)
    >>> y = torch.clamp(x, 0, 1)
    >>> y
    tensor([0.0000, 0.5000, 1.0000], grad_fn=<ClampBackward1>)
    >>> y.sum().backward()
    >>> x.grad
    tensor([0., 1., 0.])
    """
    if input._data.dtype.char in "fd" and type(min) in _BOUNDS and type(max) in _BOUNDS and (min, max) != _NONE:
        return _clamp(input, params={"low": min, "high": max})
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if input._data.dtype.kind in "cW":
        raise DTypeError("[clamp] clamp is not supported for complex types; clamp real and imaginary parts")
    tensors = type(min) in TENSORS or type(max) in TENSORS
    if tensors and min is not None and max is not None and not (type(min) in TENSORS and type(max) in TENSORS):
        tensor = min if type(min) in TENSORS else max
        if tensor.ndim or tensor.requires_grad:  # else it is a number
            raise TypeError("clamp(): 'min' and 'max' must both be tensors, or both be numbers")
        min, max = (bound.item() if type(bound) in TENSORS else bound for bound in (min, max))
        tensors = False
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
    """Each element, not below ``min``.

    >>> torch.clamp_min(torch.tensor([-2.0, 0.5, 3.0]), 0)
    tensor([0.0000, 0.5000, 3.0000])
    """
    check_operand("clamp_min", min, "min", 2)
    return labelled(clamp(input, min), "ClampMin")


@function(inplace=True)
def clamp_max(input: Any, max: Any) -> Tensor:
    """Each element, not above ``max``.

    >>> torch.clamp_max(torch.tensor([-2.0, 0.5, 3.0]), 1)
    tensor([-2.0000,  0.5000,  1.0000])
    """
    check_operand("clamp_max", max, "max", 2)
    return labelled(clamp(input, None, max), "ClampMax")


def _other_dtype(name: str, input: Tensor, other: Tensor) -> RuntimeError:
    names = [type_name(x._data.dtype).lower() for x in (input, other)]
    return RuntimeError(f"expected dtype {names[0]} for `{name}` but got dtype {names[1]}")



@function(inplace=True, out=Out(casts=lambda input, end, weight: type(weight) not in TENSORS or not weight._data.ndim))
def lerp(input: Any, end: Any, weight: Any) -> Tensor:
    """``input + weight · (end − input)``; the weight is a number or a tensor, a 0-d one of any dtype. Raises
    RuntimeError for other differing dtypes.

    >>> torch.lerp(torch.tensor([0.0, 10.0]), torch.tensor([1.0, 20.0]), 0.25)
    tensor([ 0.2500, 12.5000])
    """
    check_tensor("lerp", end, "end", 2)
    check_operand("lerp", weight, "weight", 3)
    if type(end) in TENSORS and input._data.dtype != end._data.dtype:
        raise _other_dtype("end", input, end)
    if type(weight) in TENSORS and not weight._data.ndim:
        weight = cast(weight, input.dtype)
    if type(weight) in TENSORS and weight._data.dtype != input._data.dtype:
        raise _other_dtype("weight", input, weight)
    if type(weight) not in TENSORS and category(input.dtype) > 1:
        weight = stored_number("lerp", weight, computing(input.dtype))
    return P.lerp(input, end, weight)


@function(method=False, takes_tensor=False)
def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """``input`` where ``condition`` holds, ``other`` elsewhere; either may be a number. With the condition alone: the
    positions at which it holds, a tensor of int64 for each dimension.

    >>> x = torch.tensor([-1.0, 2.0])
    >>> torch.where(x > 0, x, 0.0)
    tensor([0., 2.])
    >>> torch.where(x > 0)
    (tensor([1]),)
    """
    if type(condition) not in TENSORS:
        raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}")
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if input is None or other is None:
        raise TypeError("where() received an invalid combination of arguments - a condition alone, or two operands "
                        "beside it, were expected")
    check_operand("where", input, "input", 2)
    check_operand("where", other, "other", 3)
    if condition._data.dtype.kind == "u":
        warn("where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future "
             "version of PyTorch. Use a boolean condition instead.", UserWarning)
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


@method("where")
def _where(self: Tensor, condition: Any, other: Any) -> Any:
    """Where ``condition`` holds this tensor's elements, elsewhere those of ``other``.

    >>> x = torch.tensor([-1.0, 2.0])
    >>> x.where(x > 0, 0.0)
    tensor([0., 2.])
    """
    return where(condition, self, other)
