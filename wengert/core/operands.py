"""Types for rules: what they run on and what they are handed.

A rule is written once for arrays, tensors and symbols, so the type of its operands is what these have in common.

``Any`` is left where it is honest: what a user may hand in (data, indices, nests), the parameters of any primitive, and
tensors on floors below their class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
"""What ``eval`` computes on: an array of numpy."""

DType: TypeAlias = np.dtype[Any]
"""The dtype of an array, numpy's own; tensors have `wengert.core.dtypes.DType`."""

Dims: TypeAlias = tuple[int, ...]
"""Dimensions, counted from 0; likewise sizes, strides and other numbers that go one with each dimension."""

Params: TypeAlias = dict[str, Any]
"""The parameters of a primitive by name: what it takes beside its operands."""

Saved: TypeAlias = tuple[Any, ...]
"""What ``vjp`` reads: ``(*operands, out, shapes)``, with None for what the primitive does not save."""

Needs: TypeAlias = Sequence[object]
"""One an operand, true where its cotangent is wanted."""

ByOutput: TypeAlias = dict[int, Any]
"""The cotangents of a primitive of several outputs, by their numbers; of outputs that nothing came back to, none."""

Pairs: TypeAlias = Sequence[tuple[int, int]]
"""How much stands before and after the elements of each dimension."""

Rule: TypeAlias = Callable[..., Any]


class Numbers(Protocol):
    """An array, a tensor or a symbol. (A number may stand for a constant operand, which a rule then asks for first;
    symbols have operators and a dtype alone, and a rule that wants more has no kernel.)"""

    @property
    def shape(self) -> Dims: ...
    @property
    def dtype(self) -> Any: ...
    @property
    def ndim(self) -> int: ...
    def __getitem__(self, index: Any, /) -> Any: ...
    def __neg__(self) -> Any: ...
    def __add__(self, other: Any, /) -> Any: ...
    def __radd__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __rsub__(self, other: Any, /) -> Any: ...
    def __mul__(self, other: Any, /) -> Any: ...
    def __rmul__(self, other: Any, /) -> Any: ...
    def __truediv__(self, other: Any, /) -> Any: ...
    def __rtruediv__(self, other: Any, /) -> Any: ...
    def __lt__(self, other: Any, /) -> Any: ...
    def __le__(self, other: Any, /) -> Any: ...
    def __gt__(self, other: Any, /) -> Any: ...
    def __ge__(self, other: Any, /) -> Any: ...


Cotangent: TypeAlias = Numbers | ByOutput
"""What comes back to a node: one cotangent, or those of several outputs."""
