"""Python's operators on tensors: ``x + y``, ``x @ y``, ``x[i]``, ``x == y``, ``x += y``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.layout import strided
from ..core.primitive import P
from ..tensors.apply import NUMBERS
from ..tensors.hot import binary, unary
from ..tensors.indexing import getitem, setitem
from ..tensors.inplace import binary_inplace, inplace
from ..tensors.overrides import rescued
from ..tensors.tape import labelled
from ..tensors.tensor import TENSORS, Tensor, wrap
from .registry import FUNCTIONS


def _delitem(x: Tensor, index: Any) -> None:
    raise TypeError("Tensor does not support deleting items; take the parts to keep, and join them with torch.cat")


def _taking(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The operator method: takes tensors, numbers and numpy arrays, and leaves other operands to the other side."""

    def operator(self: Any, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            other = wrap(other)
        if type(other) in TENSORS or isinstance(other, NUMBERS):
            return function(self, other)
        if isinstance(other, Tensor) and other.layout is not strided:  # which the method of that name takes, or refuses
            return getattr(self, function.__name__)(other)
        return operator(self, other) if rescued((other,), {}) else NotImplemented

    return operator


def _reflected(function: Callable[[Any, Any], Any], label: str | None) -> Callable[[Any, Any], Any]:
    """The operator of a second operand; ``label`` is what PyTorch calls its node where the first is a number."""
    if label is None:
        return _taking(lambda self, other: function(other, self))
    return _taking(lambda self, other: labelled(function(other, self), label) if type(other) not in TENSORS
                   else function(other, self) if type(self) in TENSORS or label != _OF_NUMBERS["sub"]
                   else NotImplemented)  # (of two methods called with a number for a tensor PyTorch leaves one)


_OPERATORS = {"add": P.add, "sub": P.sub, "mul": P.mul, "truediv": P.div, "pow": P.pow, "mod": P.remainder,
              "floordiv": P.floor_divide, "and": P.bitwise_and, "or": P.bitwise_or, "xor": P.bitwise_xor,
              "lshift": P.left_shift, "rshift": P.right_shift}
_COMMUTE = ("add", "mul", "and", "or", "xor")
_OF_NUMBERS = {"sub": "RsubBackward1", "pow": "PowBackward2"}
_UFUNCS = ("add", "sub", "mul", "truediv")
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


def install() -> None:
    """Puts the operators on `Tensor`."""
    for name, primitive in _OPERATORS.items():
        operator = binary(primitive, NotImplemented, numbers_first=name not in _COMMUTE)
        setattr(Tensor, f"__{name}__", operator)
        setattr(Tensor, f"__r{name}__", operator if name in _COMMUTE else _reflected(operator, _OF_NUMBERS.get(name)))
        method = (binary_inplace(primitive, operator, primitive.name + "_") if name in _UFUNCS
                  else inplace(operator, f"{name}_"))
        setattr(Tensor, f"__i{name}__", _taking(method))
    for name in _COMPARISONS:
        setattr(Tensor, f"__{name}__", binary(getattr(P, name), NotImplemented))
    others: dict[str, Callable[..., Any]] = {
        "neg": unary(P.neg), "pos": FUNCTIONS["positive"], "abs": unary(P.abs), "invert": unary(P.bitwise_not),
        "getitem": getitem, "setitem": setitem, "delitem": _delitem,
        "rdiv": Tensor.__rtruediv__,  # Python 2's name, which PyTorch keeps
    }
    for name, method in others.items():
        setattr(Tensor, f"__{name}__", method)
