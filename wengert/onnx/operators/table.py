"""The table that the operators are entered in, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import wengert as torch

Operator = Callable[..., Any]
F = TypeVar("F", bound=Operator)

OPERATORS: dict[str, Operator] = {}
"""``operator(call, *inputs)`` an operator of ONNX's default domain; ``call`` is a `Call`."""


def operator(*names: str) -> Callable[[F], F]:
    """Enters a function as what these operators do."""

    def enter(function: F) -> F:
        for name in names:
            if name in OPERATORS:
                raise ValueError(f"there are two statements for the operator {name}")
            OPERATORS[name] = function
        return function

    return enter


def wrapped(axis: int, rank: int) -> int:
    """An axis counted from the front."""
    return axis + rank if axis < 0 else axis


def axes_of(call: Any, place: int, since: int, rank: int) -> list[int] | None:
    """The axes of an operator, which are an attribute before the version ``since``, and an input from then on."""
    axes = call.ints(place) if call.version >= since else call.get("axes")
    return None if axes is None else [wrapped(axis, rank) for axis in axes]


def aligned(call: Any, x: Any, y: Any) -> Any:
    """The second operand as versions before 7 align it: from ``axis`` on, where ``broadcast`` says so."""
    if call.version >= 7 or not call.get("broadcast", 0) or y.dim() == 0:
        return y
    axis = wrapped(call.get("axis", x.dim() - y.dim()), x.dim())
    return y.reshape((*y.shape, *[1] * (x.dim() - axis - y.dim())))


def along(x: Any, axis: int, rank: int) -> Any:
    """A tensor of one dimension laid along an axis of ``rank``."""
    return x.reshape([-1 if d == axis else 1 for d in range(rank)])


def as_int64(x: Any) -> Any:
    """Positions in the dtype that wengert indexes with."""
    return x if x.dtype is torch.int64 else x.to(torch.int64)


def counted(index: Any, size: int) -> Any:
    """Positions counted from the front; negative ones count from the end."""
    index = as_int64(index)
    return torch.where(index < 0, index + size, index)


def taken(x: Any, axis: int, places: Sequence[int]) -> Any:
    """The elements at known places along an axis."""
    return x.index_select(axis, torch.tensor(list(places), dtype=torch.int64))
