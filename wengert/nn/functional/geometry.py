"""How sizes are given to functions of one, two or three spatial dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import ShapeError
from ...ops.arguments import integers
from ...tensors.tensor import Tensor


def tuple_of(value: Any, rank: int, op: str, name: str) -> tuple[int, ...]:
    """``value`` for each of ``rank`` dimensions: an int stands for all. Raises ShapeError for another number of
    them."""
    if type(value) is int:
        return (value,) * rank
    given = integers(tuple(value) if isinstance(value, np.ndarray) else value, op)
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
