"""How sizes are given to functions of one, two or three spatial dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import KindError, RankError, ShapeError
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
        if "conv" in op:
            raise ShapeError(f"[{op}] expected {name} to be a single integer value or a list of {rank} values to match "
                             f"the convolution dimensions, but got {name}={list(given)}")
        words = ("one", "two", "three")[rank - 1]
        raise ShapeError(f"{op}: {name} must either be a single int, or a tuple of {words} ints; got {given}")
    return given


def exactly(value: Any, rank: int, op: str, name: str, error: type[Exception] = ShapeError) -> tuple[int, ...]:
    """`tuple_of` where PyTorch's Python code takes the value apart: a row of one does not stand for all, and a tensor
    is a row. Raises ``error`` for a row of another length."""
    if isinstance(value, Tensor):
        if not value.dim():
            raise TypeError(f"{op}(): argument '{name}' must be int or tuple of ints, not a 0-d tensor")
        value = tuple(value.tolist())
    if isinstance(value, (tuple, list)) and len(value) != rank:
        raise error(f"[{op}] It is expected {name} equals to {rank}, but got size {len(value)}: {rank} ints were "
                    f"expected; got {tuple(value)}")
    return tuple_of(value, rank, op, name)


def sizes_given(op: str, name: str, sizes: Any) -> tuple[Any, ...]:
    """Sizes, in a tuple or a list and in nothing else."""
    if not isinstance(sizes, (tuple, list)):
        raise KindError(f"{op}(): argument '{name}' (position 2) must be tuple of ints, not {type(sizes).__name__}")
    return tuple(sizes)


def batched(input: Tensor, rank: int, op: str) -> tuple[Tensor, bool]:
    """The input with a batch dimension, and whether it had none. Raises ShapeError unless it is (N, C, ...) or (C,
    ...)."""
    if input.dim() == rank + 2:
        return input, False
    if input.dim() != rank + 1:
        raise (RankError if input.dim() <= rank else ShapeError)(
            f"[{op}] Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {op}, but got input of size: "
            f"{list(input.shape)}"
        )
    return input.unsqueeze(0), True
