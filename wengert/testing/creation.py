"""Tensors of random values for tests: of any dtype, within a range, with gaps in memory if asked.

The one idea to know: the range is that of the dtype unless bounds narrow it, so that a test says only what it needs.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..core import device as core_device
from ..core import dtypes
from ..core.dtypes import DType, finfo, iinfo
from ..ops.shapes import view_as_real
from ..tensors.tensor import Tensor, make

_HALF_OF = {dtypes.complex32: dtypes.float16, dtypes.complex64: dtypes.float32, dtypes.complex128: dtypes.float64}


def make_tensor(
    *shape: int | Sequence[int],
    dtype: Any,
    device: Any = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of ``shape`` and ``dtype`` with values drawn evenly from ``low`` (included) to ``high`` (excluded).

    Without bounds: 0 to 2 for bool, 0 to 10 for unsigned integers, -9 to 10 for signed ones, -9 to 9 for the others.
    Bounds outside of the dtype's range are those of the dtype. ``noncontiguous`` leaves a gap after each element of
    the last dimension; ``exclude_zero`` writes 1 (integers) or the smallest normal number where a zero was drawn.
    Raises ValueError for bounds that are NaN or in the wrong order, for gradients of integers, and if both
    ``noncontiguous`` and ``memory_format`` are given.

    >>> drawn = torch.testing.make_tensor(2, 3, dtype=torch.float64, low=1, high=2)
    >>> drawn.shape, bool(((1 <= drawn) & (drawn < 2)).all())
    (torch.Size([2, 3]), True)
    """
    core_device.device("cpu" if device is None else device)  # raises for what is not there
    sizes: tuple[Any, ...] = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    real = _HALF_OF.get(dtype, dtype)
    counted = not (real.is_floating_point or dtype.is_complex)
    if requires_grad and counted:
        raise ValueError(f"[make_tensor] expected a floating or complex dtype: `requires_grad=True` is not supported "
                         f"for boolean and integral dtypes, but got dtype={dtype}; leave out requires_grad")
    if noncontiguous and memory_format is not None:
        raise ValueError(f"[make_tensor] The parameters `noncontiguous` and `memory_format` are mutually exclusive, "
                         f"but got noncontiguous={noncontiguous} and memory_format={memory_format}; give one of them")
    low, high = _bounds(real, low, high)
    gaps = noncontiguous and prod(sizes) > 1
    result = _drawn((*sizes[:-1], 2 * sizes[-1]) if gaps else sizes, dtype, real, counted, low, high)
    if gaps:
        result = result[..., 1::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = 1 if counted else _smallest(dtype, real)
    return result.requires_grad_() if requires_grad else result


def _drawn(sizes: Any, dtype: DType, real: DType, counted: bool, low: Any, high: Any) -> Any:
    """A tensor of values from ``low`` to ``high``."""
    if counted and high - low <= 2**62:
        return make(np.empty(sizes, np.int64), None).random_(low, high).to(dtype)
    if counted:
        drawn = make(np.empty(sizes, np.float64), None).uniform_(0, 1) * (high / 2 - low / 2) * 2 + low
        return drawn.clamp(low, math.nextafter(high, low)).to(dtype)
    if dtype.is_complex:
        result = make(np.empty(sizes, dtype.numpy), None)
        view_as_real(result).uniform_(low, high)
        return result
    result = make(np.empty(sizes, real.numpy if real.itemsize > 2 else np.float32), None)
    if high - low > finfo(result.dtype).max:
        result.uniform_(low / 2, high / 2).mul_(2)
    elif result.numel():
        result.uniform_(low, high)
    return result.to(dtype)


def _smallest(dtype: Any, real: Any) -> complex:
    tiny = finfo(real).tiny
    return complex(tiny, tiny) if dtype.is_complex else tiny


def _bounds(dtype: Any, low: float | None, high: float | None) -> tuple[Any, Any]:
    """The range to draw from: the one asked for, cut to what ``dtype`` holds."""
    lowest: Any
    highest: Any
    if dtype == dtypes.bool_:
        lowest, highest, usual = 0, 2, (0, 2)
    elif dtype.is_floating_point:
        lowest, highest, usual = -finfo(dtype).max, finfo(dtype).max, (-9, 9)
    else:
        lowest, highest = iinfo(dtype).min, iinfo(dtype).max + 1
        usual = (0, 10) if lowest == 0 else (-9, 10)
    low, high = usual[0] if low is None else low, usual[1] if high is None else high
    if any(isinstance(bound, float) and math.isnan(bound) for bound in (low, high)):
        raise ValueError(f"[make_tensor] `low` and `high` cannot be NaN, but got {low=} and {high=}; give two numbers")
    if low == high and dtype.is_floating_point:
        warnings.warn("Passing `low==high` to make_tensor for floating or complex types is deprecated: use full",
                      FutureWarning, stacklevel=4)
    elif low >= high:
        raise ValueError(f"[make_tensor] `low` must be less than `high`, but got {low} >= {high}; exchange them")
    elif high < lowest or low > highest:
        raise ValueError(f"[make_tensor] The value interval specified by `low` and `high` is [{low}, {high}), but "
                         f"{dtype} only supports [{lowest}, {highest}]; give bounds within it")
    low, high = max(low, lowest), min(high, highest)
    return (low, high) if dtype.is_floating_point else (math.ceil(low), math.ceil(high))
