"""The dimensions of a nest as its loops see them, and along which of them vectors lie.

The one idea to know: a nest's own dimensions say what is computed; these say in which loops, so there are as few as the
places allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..compiler.code import Code, Operand
from ..compiler.extents import alike, hint, several
from .loops import Place


@dataclass(slots=True, eq=False)
class Dim:
    """One dimension of the space as the loops see it. ``strides`` by place."""

    size: int
    reduced: bool
    row: bool
    cut: bool
    strides: dict[Place, int]

    @property
    def inner(self) -> bool:
        """Whether an item goes all along it."""
        return self.reduced or self.row


def unravelled(code: Code, index: Operand, counts: Sequence[int]) -> list[Any]:
    """The index of each dimension, the last of them the fastest; 0 where there is one only."""
    found: list[Any] = []
    left: Any = index
    real = [n for n in counts if several(n)]
    for n in reversed(counts):
        if not several(n):
            found.append(0)
            continue
        real.pop()
        if real:
            found.append(code.rest(left, n))
            left = code.div(left, n)
        else:
            found.append(left)
    return found[::-1]


def collapsed(shape: Sequence[int], reduced: Sequence[int], rows: Sequence[int], split: int, places: Sequence[Place]
               ) -> list[Dim]:
    """The dimensions of more than one element; neighbours that every place runs through in one go are one."""
    dims: list[Dim] = []
    for d, n in enumerate(shape):
        cut = split > 1 and bool(reduced) and d == reduced[0]
        if n == 1 and not cut:
            continue
        dim = Dim(n, d in reduced, d in rows, cut, {place: place.strides[d] for place in places})
        if dims:
            last = dims[-1]
            together = all(alike(last.strides[place], dim.strides[place] * n) for place in places)
            kin = last.reduced == dim.reduced and last.row == dim.row
            if together and kin and not (last.cut or dim.cut):
                dims[-1] = Dim(last.size * n, dim.reduced, dim.row, False, dim.strides)
                continue
        dims.append(dim)
    return dims


def vector_dim(dims: Sequence[Dim], lanes: int, stored: set[Place]) -> Dim | None:
    """The dimension along which vectors lie: the one with the fewest elements that are apart, and lanes that idle."""

    def cost(dim: Dim) -> float:
        price = 1.0
        for place, stride in dim.strides.items():
            price += {0: 0.3, 1: 1.0}.get(hint(stride), 12.0 if place in stored else 8.0)
        size = hint(dim.size)
        return price * (-(-size // lanes) * lanes / size)

    best = None
    for dim in reversed(dims):
        if best is None or cost(dim) < cost(best):
            best = dim
    return best
