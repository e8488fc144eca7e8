"""Where eager evaluation asks for machine code: from which sizes on, and by which slot `core` asks.

The one idea to know: small programs never load the compiler. Whatever stands above `wengert.compiler` compares a size
with the numbers here and then imports the module it needs, inside the function that needs it. `core` stands below, so
the elementwise primitives ask through one slot, `by_kernel`, that the layer of primitives fills, formulas of so many
steps that numpy takes 100 µs for one number through another, `by_formula`, whatever the size, and conversions of half
precision through `cast_large`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from inspect import signature
from typing import Any, Protocol, cast

import numpy as np

from .operands import Params

ndarray = np.ndarray

too_late = sys.is_finalizing
"""Whether the interpreter is exiting, where nothing can be imported any more: what runs then, in ``__del__``, is left
to numpy."""

LARGE = 16384
"""Elements of an array from which on generated code beats numpy."""

LARGE_PRODUCT = 2**18
"""Multiplications from which on a product of matrices, or what is made of products, is worth several threads."""

MANY_SYSTEMS = 64
"""Small systems of equations from which on generated code beats LAPACK, which is called once for each."""


class Elementwise(Protocol):
    """What generated code needs to know of a primitive that maps elements to elements."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def arity(self) -> int:
        """The number of its operands."""

    @property
    def lower(self) -> Callable[..., Any] | None:
        """``lower(builder, *operands)`` writes its expression; None where it has none."""


def by_kernel(primitive: Elementwise, *operands: ndarray | float) -> ndarray | None:
    """The slot: the result by a generated kernel, or None where there is none. Without the primitives there is none."""
    return None


def by_formula(formula: Elementwise, *operands: ndarray) -> ndarray | None:
    """The slot of formulas of many steps, which numpy would take one by one: the result for arrays of float64 of one
    shape, whatever the size, and one layout, which the result has; or None where no kernel can be made. Without the
    primitives there is none."""
    return None


def cast_large(x: ndarray, dtype: np.dtype[Any]) -> ndarray | None:
    """The slot of conversions between float32 and half precision. Without the primitives there is none."""
    return None


CASTS = ("ef", "Ef", "fe", "fE")
"""The conversions that there is generated code for, as numpy's letters of both dtypes."""


def cast_array(x: ndarray, dtype: Any, order: Any = "K") -> ndarray:
    """``x.astype(dtype, order)``, by generated code where the array is large and half precision one side of it. What is
    expanded is copied in rows."""
    if x.size >= LARGE:
        target = np.dtype(dtype)
        if x.dtype.char + target.char in CASTS and x.dtype.isnative and target.isnative:
            if 0 in x.strides:  # each element stands for many
                once = x[tuple([slice(None) if step else slice(1) for step in x.strides])]
                found, bits = np.empty(x.shape, target), f"u{target.itemsize}"
                found.view(bits)[...] = once.astype(target).view(bits)
                return found
            result = cast_large(x, target)
            if result is not None:
                return result
    return x.astype(dtype, order)


def run_large(primitive: Elementwise, operands: Sequence[Any], params: Params | None = None) -> ndarray | None:
    """The result by a generated kernel; None where the operands are small or no kernel takes them."""
    for x in operands:
        if type(x) is ndarray and x.size >= LARGE:
            if not params:
                return by_kernel(primitive, *operands)
            if not all([value is None or type(value) in (float, int) for value in params.values()]):
                return None
            numbers = [value for value in params.values() if value is not None]
            names = tuple([(name, value is None) for name, value in params.items()])
            return by_kernel(_set(cast(Any, primitive), names), *operands, *numbers)
    return None


@cache
def takes(rule: Callable[..., Any], names: frozenset[str]) -> bool:
    """Whether a rule knows parameters of these names."""
    known = signature(rule).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in known) or names <= {p.name for p in known}


class _Set:
    """A primitive whose parameters are further operands, numbers all, but for those that are None."""

    def __init__(self, primitive: Elementwise, names: tuple[tuple[str, bool], ...]) -> None:
        self.name, rule = primitive.name, primitive.lower
        self.rule = rule if rule is not None and takes(rule, frozenset([name for name, _ in names])) else None
        self.absent = {name: None for name, is_none in names if is_none}
        self.names = [name for name, is_none in names if not is_none]
        self.arity = primitive.arity + len(self.names)

    def lower(self, builder: Any, *values: Any) -> Any:
        """The expression for a kernel."""
        count = len(values) - len(self.names)
        if self.rule is None:
            raise NotImplementedError(f"{self.name} has no lower rule with these parameters")
        return self.rule(builder, *values[:count], **dict(zip(self.names, values[count:], strict=True)), **self.absent)


_set = cache(_Set)
