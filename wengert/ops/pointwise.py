"""Functions that map elements to elements."""

from __future__ import annotations

from typing import Any

from ..core.primitive import P
from ..tensors.dispatch import binary, unary
from .registry import function

_add, _mul, _exp, _relu = binary(P.add), binary(P.mul), unary(P.exp), unary(P.relu)


@function(inplace=True)
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``input + alpha * other``, elementwise, shapes broadcast."""
    return _add(input, other) if alpha == 1 else _add(input, _mul(other, alpha))


@function(inplace=True)
def exp(input: Any) -> Any:
    """e to the power of each element."""
    return _exp(input)
