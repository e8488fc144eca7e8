"""Python's operators on tensors: ``x + y``, ``x @ y``, ``x[i]``, ``x == y``, ``x += y``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.primitive import P
from ..tensors.dispatch import NUMBERS, binary, unary
from ..tensors.indexing import getitem, setitem
from ..tensors.inplace import binary_inplace, inplace
from ..tensors.tensor import TENSORS, Tensor


def _taking(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The operator method: leaves operands that are no tensors or numbers to the other side."""

    def operator(self: Any, other: Any) -> Any:
        if type(other) in TENSORS or isinstance(other, NUMBERS):
            return function(self, other)
        return NotImplemented

    return operator


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        if type(other) in TENSORS or isinstance(other, NUMBERS):
            return function(other, self)
        return NotImplemented

    return operator


add, sub, mul, div = binary(P.add), binary(P.sub), binary(P.mul), binary(P.div)
power, remainder, floor_divide = binary(P.pow), binary(P.remainder), binary(P.floor_divide)
neg, absolute, invert = unary(P.neg), unary(P.abs), unary(P.bitwise_not)

_OPERATORS = {"add": add, "sub": sub, "mul": mul, "truediv": div, "pow": power, "mod": remainder, "floordiv": floor_divide,
              "and": binary(P.bitwise_and), "or": binary(P.bitwise_or), "xor": binary(P.bitwise_xor),
              "lshift": binary(P.left_shift), "rshift": binary(P.right_shift)}
_IN_PLACE = {"add": P.add, "sub": P.sub, "mul": P.mul, "truediv": P.div}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


def install() -> None:
    """Puts the operators on `Tensor`."""
    for name, function in _OPERATORS.items():
        setattr(Tensor, f"__{name}__", _taking(function))
        setattr(Tensor, f"__r{name}__", _reflected(function))
        if name in _IN_PLACE:
            method = binary_inplace(_IN_PLACE[name], function, _IN_PLACE[name].name + "_")
        else:
            method = inplace(function, f"{name}_")
        setattr(Tensor, f"__i{name}__", _taking(method))
    for name in _COMPARISONS:
        setattr(Tensor, f"__{name}__", _taking(binary(getattr(P, name))))
    Tensor.__neg__ = neg  # type: ignore[attr-defined]
    Tensor.__pos__ = lambda self: self  # type: ignore[attr-defined]
    Tensor.__abs__ = absolute  # type: ignore[attr-defined]
    Tensor.__invert__ = invert  # type: ignore[attr-defined]
    Tensor.__getitem__ = getitem  # type: ignore[attr-defined]
    Tensor.__setitem__ = setitem  # type: ignore[attr-defined]
