"""Where eager evaluation asks for machine code: from which sizes on, and by which slot `core` asks.

The one idea to know: small programs never load the compiler. Whatever stands above `wengert.compiler` compares a size
with the numbers here and then imports the module it needs, inside the function that needs it. `core` stands below, so
the elementwise primitives ask through one slot, `by_kernel`, that the layer of primitives fills.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

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


def run_large(primitive: Elementwise, operands: Sequence[Any]) -> ndarray | None:
    """The result by a generated kernel; None where the operands are small or no kernel takes them."""
    for x in operands:
        if type(x) is ndarray and x.size >= LARGE:
            return by_kernel(primitive, *operands)
    return None
