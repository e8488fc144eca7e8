"""Operands of the standard: arrays of every dtype count alike, Python numbers take the arrays' dtype.

PyTorch lets a tensor without dimensions give way to one with some (``float32 (3,) + float64 ()`` is float32); the array
API standard does not, so its functions promote their operands here first. Three unsigned dtypes are mostly for storage
in PyTorch; as integers have no gradient, their numbers are numpy's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import wengert as torch
from wengert import Tensor

Axis = int | tuple[int, ...] | None
Number = bool | int | float | complex

UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
SIGNED = (torch.int8, torch.int16, torch.int32, torch.int64)
REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
COMPLEX = (torch.complex64, torch.complex128)


def common_dtype(*operands: Tensor | torch.dtype | Number) -> torch.dtype:
    """The dtype that arrays, dtypes and Python numbers have together. Raises TypeError without an array or dtype."""
    found = [operand.dtype if isinstance(operand, Tensor) else operand for operand in operands
             if isinstance(operand, (Tensor, torch.dtype))]
    if not found:
        raise TypeError(f"[result_type] at least one array or dtype was expected; got {operands!r}")
    out = functools.reduce(_promoted, found)
    for number in operands:
        if not isinstance(number, (Tensor, torch.dtype)):
            out = _beside(out, number)
    return out


def _promoted(left: torch.dtype, right: torch.dtype) -> torch.dtype:
    if left is right or not {left, right} & set(UNSIGNED):
        return torch.promote_types(left, right)
    both = np.result_type(*(_in_numpy(dtype) for dtype in (left, right)))
    if both.kind == "f" and not (left.is_floating_point or right.is_floating_point):
        raise TypeError(f"[result_type] {left} and {right} have no integer dtype in common; convert one with astype")
    return _ours(both)


def _beside(dtype: torch.dtype, number: object) -> torch.dtype:
    """What a Python number makes of arrays of ``dtype``."""
    if isinstance(number, bool):
        return dtype
    if isinstance(number, int):
        return torch.int64 if dtype is torch.bool else dtype
    if isinstance(number, float):
        if dtype.is_floating_point or dtype.is_complex:
            return dtype
        return torch.get_default_dtype()
    if isinstance(number, complex):
        return dtype if dtype.is_complex else torch.promote_types(dtype, torch.complex64)
    raise TypeError(f"[result_type] an array, a dtype or a Python number was expected; got {type(number).__name__}")


def together(*operands: Tensor | Number) -> list[Tensor]:
    """The operands as arrays of their common dtype."""
    dtype = common_dtype(*operands)
    return [as_array(operand, dtype) for operand in operands]


def as_array(operand: Any, dtype: torch.dtype) -> Tensor:
    """``operand``, an array or a Python number, as an array of ``dtype``."""
    if isinstance(operand, Tensor):
        return operand.to(dtype)
    return torch.asarray(np.asarray(operand, _in_numpy(dtype))) if dtype in UNSIGNED else torch.asarray(
        operand, dtype=dtype)


def _in_numpy(dtype: torch.dtype) -> Any:
    return np.dtype(np.float16 if dtype is torch.bfloat16 else str(dtype).removeprefix("torch."))


def _ours(dtype: np.dtype[Any]) -> torch.dtype:
    return torch.asarray(np.empty(0, dtype)).dtype


def unsigned(*arrays: Any) -> bool:
    """Whether one of the operands has a dtype of `UNSIGNED`."""
    return any(isinstance(array, Tensor) and array.dtype in UNSIGNED for array in arrays)


def by_numpy(compute: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    """What numpy's function makes of the arrays' memory, as arrays again."""
    out = compute(*(array.numpy() if isinstance(array, Tensor) else array for array in arrays), **options)
    return tuple(map(_wrapped, out)) if isinstance(out, tuple) else _wrapped(out)


def _wrapped(value: Any) -> Tensor:
    array = np.asarray(value)
    return torch.asarray(array if array.flags.writeable and min(array.strides, default=0) >= 0 else array.copy())


def axes_of(axis: Axis, rank: int) -> tuple[int, ...]:
    """Axes from zero up: all of them for None. Raises IndexError for one that is not there."""
    chosen: Sequence[int] = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    return tuple(place(each, rank) for each in chosen)


def place(axis: int, rank: int) -> int:
    """``axis`` from zero up. Raises IndexError where an array of ``rank`` dimensions has none such."""
    if not -rank <= axis < rank:
        raise IndexError(f"[axis] one from {-rank} to {rank - 1} was expected for {rank} dimensions; got {axis}")
    return axis % rank
