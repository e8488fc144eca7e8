"""How sizes are given to functions of one, two or three spatial dimensions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...core.errors import ShapeError
from ...tensors.tensor import Tensor


def tuple_of(value: Any, rank: int, op: str, name: str) -> tuple[int, ...]:
    """``value`` for each of ``rank`` dimensions: an int stands for all. Raises ShapeError for another number of
    them."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{op}(): argument '{name}' must be int, or a tuple of ints, not {type(value).__name__}")
    if not isinstance(value, Iterable):
        return (int(value),) * rank
    given = tuple(int(v) for v in value)
    if len(given) == 1:
        return given * rank
    if len(given) != rank:
        raise ShapeError(f"[{op}] {name} must either be a single int, or a tuple of {rank} ints; got {given}")
    return given


def batched(input: Tensor, rank: int, op: str) -> tuple[Tensor, bool]:
    """The input with a batch dimension, and whether it had none. Raises ShapeError unless it is (N, C, ...) or (C,
    ...)."""
    if input.dim() == rank + 2:
        return input, False
    if input.dim() != rank + 1:
        raise ShapeError(
            f"[{op}] Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {op}, but got input of size: "
            f"{list(input.shape)}"
        )
    return input.unsqueeze(0), True
