"""Sums, differences, products, quotients and powers, shapes broadcast against each other."""

from __future__ import annotations

import builtins
from functools import partial
from typing import Any

from ..core import dtypes
from ..core.dtypes import category
from ..core.errors import DTypeError
from ..core.primitive import P
from ..tensors import inplace as inplace_forms
from ..tensors.alias import type_name
from ..tensors.apply import NUMBERS, apply, check_number, number_for, refuse_truth_values, result_type, stored_number
from ..tensors.creation import array_from
from ..tensors.given import check_tensor
from ..tensors.hot import binary, unary
from ..tensors.tape import labelled
from ..tensors.tensor import TENSORS, Tensor, make
from .arguments import check_some_tensor
from .conversion import cast
from .halves import in_float32
from .registry import function, method

_add, _sub, _mul, _div, _neg = binary(P.add), binary(P.sub), binary(P.mul), binary(P.div), unary(P.neg)


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
    if op != "add":
        refuse_truth_values(op, (input, other))
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
    """``input + alpha · other``.

    >>> torch.add(torch.tensor([1, 2]), torch.tensor([10, 20]), alpha=3)
    tensor([31, 62])
    >>> torch.ones(2, 1) + torch.tensor([1.0, 2.0, 3.0])
    tensor([[2., 3., 4.],
            [2., 3., 4.]])
    """
    return _add(input, other) if type(alpha) is int and alpha == 1 else _plus("add", _add, input, other, alpha)


@function(aliases=("subtract",), takes_tensor=False)
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``input − alpha · other``. Raises RuntimeError for truth values.

    >>> torch.sub(torch.tensor([10, 20]), torch.tensor([1, 2]), alpha=2)
    tensor([ 8, 16])
    """
    return _sub(input, other) if type(alpha) is int and alpha == 1 else _plus("sub", _sub, input, other, alpha)


@function(method=False)
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``other − alpha · input``.

    >>> torch.rsub(torch.tensor([1, 2]), 10)
    tensor([9, 8])
    """
    out = apply(P.sub, (other, input if alpha == 1 else _scaled("rsub", other, input, alpha)), {})
    return labelled(out, "RsubBackward0" if type(other) in TENSORS else "RsubBackward1")


@function(aliases=("multiply",), direct=lambda full: binary(P.mul, full=full), takes_tensor=False)
def mul(input: Any, other: Any) -> Tensor:
    """``input · other``.

    >>> torch.mul(torch.tensor([[1], [2]]), torch.tensor([10, 20, 30]))
    tensor([[10, 20, 30],
            [20, 40, 60]])
    """
    return _mul(input, other)


_ROUNDED = {"floor": partial(P.floor_divide, rounded=True), "trunc": P.trunc_divide}


@function(aliases=("divide",), takes_tensor=False)
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """``input / other``; rounded towards zero (``"trunc"``) or down (``"floor"``) by ``rounding_mode``.

    Without rounding, integers give floats. Integer division by zero raises RuntimeError.

    >>> torch.div(torch.tensor([7, -7]), 2)
    tensor([ 3.5000, -3.5000])
    >>> torch.div(torch.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    >>> torch.div(torch.tensor([7, -7]), 2, rounding_mode="trunc")
    tensor([ 3, -3])
    """
    if rounding_mode is None:
        return _div(input, other)
    if rounding_mode not in _ROUNDED:
        raise RuntimeError("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
                           f"'{rounding_mode}'")
    out = _ROUNDED[rounding_mode](_lifted(input, other), other)
    return labelled(out, "DivBackward2", rounding_mode=rounding_mode)


def _lifted(input: Any, other: Any) -> Any:
    """The first operand, as a tensor where both are numbers."""
    return make(array_from(input, None), None) if isinstance(input, NUMBERS) and isinstance(other, NUMBERS) else input


@function(inplace=True, takes_tensor=False)
def true_divide(input: Any, other: Any) -> Tensor:
    """``input / other``, never rounded.

    >>> torch.true_divide(torch.tensor([7, 8]), 2)
    tensor([3.5000, 4.0000])
    """
    return _div(input, other)


@function(inplace=True, takes_tensor=False)
def floor_divide(input: Any, other: Any) -> Tensor:
    """``input / other``, rounded down.

    >>> torch.floor_divide(torch.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    return P.floor_divide(_lifted(input, other), other)


@function(inplace=True, takes_tensor=False)
def remainder(input: Any, other: Any) -> Tensor:
    """Python's ``input % other``: the remainder with the sign of the divisor.

    >>> torch.remainder(torch.tensor([7, -7]), 3)
    tensor([1, 2])
    """
    check_some_tensor("remainder", input, other)
    return P.remainder(input, other)


@function(inplace=True)
def fmod(input: Any, other: Any) -> Tensor:
    """C's fmod: the remainder with the sign of the dividend.

    >>> torch.fmod(torch.tensor([7, -7]), 3)
    tensor([ 1, -1])
    """
    return P.fmod(input, other)


_pow = binary(P.pow)


@function(inplace=True, takes_tensor=False)
def pow(input: Any, exponent: Any) -> Tensor:
    """``input`` to the power ``exponent``; one of the two may be a number.

    Raises RuntimeError for integers with a negative number as exponent.

    >>> torch.pow(torch.tensor([1.0, 2.0, 3.0]), 2), torch.pow(2, torch.tensor([1.0, 2.0, 3.0]))
    (tensor([1., 4., 9.]), tensor([2., 4., 8.]))
    """
    if isinstance(exponent, int) and exponent < 0 and type(input) in TENSORS and input._data.dtype.kind in "iu":
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if type(input) not in TENSORS:
        check_some_tensor("pow", input, exponent)
        return labelled(apply(P.pow, (input, exponent), {}), "PowBackward2")
    return _pow(input, exponent) if type(exponent) not in TENSORS else labelled(_pow(input, exponent), "PowBackward1")


@function(takes_tensor=False)
def float_power(input: Any, exponent: Any) -> Tensor:
    """`pow` in double precision.

    >>> torch.float_power(torch.tensor([2, 4]), -0.5)
    tensor([0.7071, 0.5000], dtype=torch.float64)
    """
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
    """``input · 2^other``.

    >>> torch.ldexp(torch.tensor([1.0, 1.5]), torch.tensor([3, -1]))
    tensor([8.0000, 0.7500])
    """
    if type(other) not in TENSORS:
        raise TypeError(f"ldexp(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
    if other._data.dtype == bool and type(input) in TENSORS and category(input.dtype) == 2:
        raise DTypeError("[ldexp] \"ldexp_cpu_exp\" not implemented for 'Bool'; convert the exponents with .int()")
    if type(input) in TENSORS and category(input.dtype) > 1 and other._data.dtype.kind in "iu":
        wanted = input.dtype  # in which the powers are computed too
    else:
        wanted = dtypes.get_default_dtype() if other._data.dtype.kind in "biu" else other.dtype
    power = P.pow(2.0, cast(other, wanted))
    return _mul(input, power)


@function(inplace=True)
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """``input + value · tensor1 · tensor2``.

    >>> torch.addcmul(torch.ones(2), torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), value=0.5)
    tensor([2.5000, 5.0000])
    """
    check_tensor("addcmul", tensor1, "tensor1", 2)
    check_tensor("addcmul", tensor2, "tensor2", 3)
    return P.addcmul(input, tensor1, tensor2, value=_factor("addcmul", value, input, tensor1, tensor2))


@function(inplace=True)
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """``input + value · tensor1 / tensor2``. Raises RuntimeError where both are integers.

    >>> torch.addcdiv(torch.zeros(2), torch.tensor([1.0, 2.0]), torch.tensor([4.0, 4.0]), value=10)
    tensor([2.5000, 5.0000])
    """
    check_tensor("addcdiv", tensor1, "tensor1", 2)
    check_tensor("addcdiv", tensor2, "tensor2", 3)
    if tensor1._data.dtype.kind in "biu" and tensor2._data.dtype.kind in "biu":
        raise RuntimeError("Integer division with addcdiv is no longer supported; convert an operand with .float() "
                           "first")
    return P.addcdiv(input, tensor1, tensor2, value=_factor("addcdiv", value, input, tensor1, tensor2))


def _factor(op: str, value: Any, *operands: Any) -> Any:
    """The number by which a product is multiplied, in the dtype in which the operands meet."""
    if type(value) is int and value == 1 or type(value) in TENSORS:
        return value
    target = computing(result_type(op, operands))
    return number_for(stored_number(op, value, target), target)


def computing(dtype: dtypes.DType) -> dtypes.DType:
    """The dtype in which factors beside elements of ``dtype`` are: float32 for half precision."""
    return dtypes.float32 if dtype.kind == "f" and dtype.itemsize == 2 else dtype
