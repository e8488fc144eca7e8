"""Comparisons, logic and bits, element by element; whole tensors compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.primitive import P, Primitive
from ..tensors.alias import type_name
from ..tensors.hot import binary, unary
from ..tensors.tensor import TENSORS, Tensor
from .arguments import check_some_tensor
from .out import Out
from .registry import METHODS, function


def _declare(
    name: str, primitive: Primitive, doc: str, *aliases: str, inplace: bool = True, scalars: bool = True
) -> None:
    """Declares a function of two operands."""
    function(inplace=inplace, aliases=aliases)(_pair(name, primitive, doc, scalars))


def _pair(name: str, primitive: Primitive, doc: str, scalars: bool) -> Callable[[Any, Any], Any]:
    run = binary(primitive)

    def plain(input: Any, other: Any) -> Tensor:
        if not scalars and type(other) not in TENSORS:
            raise TypeError(f"{name}(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
        return run(input, other)

    plain.__name__, plain.__doc__ = name, doc
    return plain


_declare("eq", P.eq, """Where ``input`` equals ``other``.

    >>> torch.eq(torch.tensor([1, 2, 3]), torch.tensor([1, 5, 3]))
    tensor([ True, False,  True])""")
_declare("ne", P.ne, """Where ``input`` differs from ``other``.

    >>> torch.ne(torch.tensor([1, 2, 3]), torch.tensor([1, 5, 3]))
    tensor([False,  True, False])""", "not_equal")
_declare("lt", P.lt, """Where ``input`` is less than ``other``.

    >>> torch.lt(torch.tensor([1, 2, 3]), 2)
    tensor([ True, False, False])""", "less")
_declare("le", P.le, """Where ``input`` is at most ``other``.

    >>> torch.le(torch.tensor([1, 2, 3]), 2)
    tensor([ True,  True, False])""", "less_equal")
_declare("gt", P.gt, """Where ``input`` is greater than ``other``.

    >>> torch.gt(torch.tensor([1, 2, 3]), 2)
    tensor([False, False,  True])""", "greater")
_declare("ge", P.ge, """Where ``input`` is at least ``other``.

    >>> torch.ge(torch.tensor([1, 2, 3]), 2)
    tensor([False,  True,  True])""", "greater_equal")
_declare("logical_and", P.logical_and, """Where both are not zero.

    >>> torch.logical_and(torch.tensor([0, 1, 2]), torch.tensor([1, 0, 3]))
    tensor([False, False,  True])""", scalars=False)
_declare("logical_or", P.logical_or, """Where one at least is not zero.

    >>> torch.logical_or(torch.tensor([0, 0, 2]), torch.tensor([1, 0, 3]))
    tensor([ True, False,  True])""", scalars=False)
_declare("logical_xor", P.logical_xor, """Where exactly one is not zero.

    >>> torch.logical_xor(torch.tensor([0, 1, 2]), torch.tensor([1, 0, 3]))
    tensor([ True,  True, False])""", scalars=False)


def _integers(name: str, primitive: Primitive, doc: str, *aliases: str) -> None:
    """Declares a function on bits, which floating types do not have."""
    run = binary(primitive)

    def plain(input: Any, other: Any) -> Tensor:
        check_some_tensor(name, input, other)
        for x in (input, other):
            if isinstance(x, (float, complex)) or (type(x) in TENSORS and x._data.dtype.kind not in "biu"):
                kind = type_name(x._data.dtype) if type(x) in TENSORS else type(x).__name__
                raise NotImplementedError(f'[{name}] "{name}_cpu" not implemented for \'{kind}\'')
        return run(input, other)

    plain.__name__, plain.__doc__ = name, doc
    function(inplace=True, aliases=aliases, takes_tensor=False)(plain)


_integers("bitwise_and", P.bitwise_and, """Bitwise and; logical for truth values.

    >>> torch.bitwise_and(torch.tensor([0b1100, 5]), torch.tensor([0b1010, 1]))
    tensor([8, 1])""")
_integers("bitwise_or", P.bitwise_or, """Bitwise or; logical for truth values.

    >>> torch.bitwise_or(torch.tensor([0b1100, 4]), torch.tensor([0b1010, 1]))
    tensor([14,  5])""")
_integers("bitwise_xor", P.bitwise_xor, """Bitwise exclusive or; logical for truth values.

    >>> torch.bitwise_xor(torch.tensor([0b1100, 5]), torch.tensor([0b1010, 1]))
    tensor([6, 4])""")
_integers("bitwise_left_shift", P.left_shift, """Each element shifted left by ``other`` bits.

    >>> torch.bitwise_left_shift(torch.tensor([1, 3]), 2)
    tensor([ 4, 12])""")
_integers("bitwise_right_shift", P.right_shift, """Each element shifted right by ``other`` bits.

    >>> torch.bitwise_right_shift(torch.tensor([12, -12]), 2)
    tensor([ 3, -3])""")

_logical_not = unary(P.logical_not)


@function(inplace=True, out=Out(differentiable=False))
def logical_not(input: Any) -> Tensor:
    """Where ``input`` is zero.

    >>> torch.logical_not(torch.tensor([0.0, 1.5]))
    tensor([ True, False])
    """
    return _logical_not(input)


@function(inplace=True)
def bitwise_not(input: Any) -> Any:
    """Each bit inverted; of truth values, not.

    >>> torch.bitwise_not(torch.tensor([0, 1, -1])), torch.bitwise_not(torch.tensor([True, False]))
    (tensor([-1, -2,  0]), tensor([False,  True]))
    """
    if input._data.dtype.kind not in "biu":
        kind = type_name(input._data.dtype)
        raise NotImplementedError(f'[bitwise_not] "bitwise_not_cpu" not implemented for \'{kind}\'')
    return P.bitwise_not(input)


def _question(name: str, primitive: Primitive, doc: str) -> None:
    plain = unary(primitive)
    plain.__name__, plain.__doc__ = name, doc
    function(out=False)(plain)


_question("isnan", P.isnan, """Where elements are NaN.

    >>> torch.isnan(torch.tensor([1.0, torch.inf, torch.nan]))
    tensor([False, False,  True])""")
_question("isinf", P.isinf, """Where elements are infinite.

    >>> torch.isinf(torch.tensor([1.0, -torch.inf, torch.nan]))
    tensor([False,  True, False])""")
_question("isfinite", P.isfinite, """Where elements are neither infinite nor NaN.

    >>> torch.isfinite(torch.tensor([1.0, torch.inf, torch.nan]))
    tensor([ True, False, False])""")


def _check_ordered(op: str, x: Tensor) -> None:
    if x._data.dtype.kind in "cW":
        raise RuntimeError(f"{op} does not support complex inputs.")



@function()
def isposinf(input: Any) -> Tensor:
    """Where elements are +∞.

    >>> torch.isposinf(torch.tensor([-torch.inf, torch.inf]))
    tensor([False,  True])
    """
    _check_ordered("isposinf", input)
    return P.eq(input, float("inf"))


@function()
def isneginf(input: Any) -> Tensor:
    """Where elements are −∞.

    >>> torch.isneginf(torch.tensor([-torch.inf, torch.inf]))
    tensor([ True, False])
    """
    _check_ordered("isneginf", input)
    return P.eq(input, float("-inf"))


@function(out=False)
def isreal(input: Any) -> Tensor:
    """Where elements have no imaginary part.

    >>> torch.isreal(torch.tensor([1 + 0j, 1j]))
    tensor([ True, False])
    """
    if input._data.dtype.kind in "cW":
        return P.eq(P.copy_imag(input.detach()), 0)
    return P.eq(P.zeros_like(input.detach()), 0)


@function(out=False, checked=True)
def isclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Where |input − other| ≤ atol + rtol · |other|. Infinities are close to themselves; NaN to NaN with ``equal_nan``.
    Raises RuntimeError for differing dtypes or negative tolerances.

    >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.000001, 2.1]))
    tensor([ True, False])
    """
    if type(other) not in TENSORS:
        raise TypeError(f"isclose(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
    if input._data.dtype != other._data.dtype:
        raise RuntimeError(f"{type_name(input._data.dtype)} did not match {type_name(other._data.dtype)}")
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if not tolerance >= 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance}")
    input, other = input.detach(), other.detach()
    close = P.eq(input, other)
    if equal_nan:
        close = P.logical_or(close, P.logical_and(P.isnan(input), P.isnan(other)))
    if rtol == 0 and atol == 0:
        return close
    if input._data.dtype.kind == "b":
        input, other = (P.cast(x, dtype=np.dtype(np.int64)) for x in (input, other))
    error = P.abs(input - other)
    near = P.logical_and(P.isfinite(error), P.le(error, P.abs(P.mul(other, rtol)) + atol))
    return P.logical_or(close, near)


@function(out=False, checked=True)
def allclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether `isclose` holds everywhere.

    >>> torch.allclose(torch.tensor([0.1 + 0.2]), torch.tensor([0.3]))
    True
    """
    return bool(METHODS["isclose"](input, other, rtol, atol, equal_nan)._concrete("allclose").all())


@function(out=False)
def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have one shape and the same elements.

    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2])), torch.equal(torch.ones(2), torch.ones(3))
    (True, False)
    """
    if type(other) not in TENSORS:
        raise TypeError(f"equal(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
    return bool(np.array_equal(input._concrete("equal"), other._concrete("equal")))
