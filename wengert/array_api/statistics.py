"""The standard's sums, means and extremes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import wengert as torch
from wengert import Tensor

from .promotion import COMPLEX, REAL, SIGNED, UNSIGNED, Axis, axes_of, by_numpy, place, unsigned


def _summed(x: Tensor, dtype: torch.dtype | None) -> torch.dtype:
    """The dtype of a sum: that of its terms, the widest for integers."""
    if dtype is not None:
        return dtype
    if x.dtype in (torch.uint8, *UNSIGNED):
        return torch.uint64
    return torch.int64 if x.dtype in SIGNED or x.dtype is torch.bool else x.dtype


def _counted(name: str, x: Tensor, dtype: torch.dtype, **options: Any) -> Tensor:
    return by_numpy(getattr(np, name), x, dtype=str(dtype).removeprefix("torch."), **options)


def sum(x: Tensor, /, *, axis: Axis = None, dtype: torch.dtype | None = None, keepdims: bool = False) -> Tensor:
    """The sums along ``axis``, by default of all. Integers are summed in 64 bits, unsigned ones in uint64.

    >>> from wengert import array_api as xp
    >>> xp.sum(xp.asarray([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([3., 7.])
    """
    kind, axes = _summed(x, dtype), axes_of(axis, x.ndim)
    if kind in UNSIGNED or unsigned(x):
        return _counted("sum", x, kind, axis=axes, keepdims=keepdims)
    return torch.sum(x, axes, keepdim=keepdims, dtype=kind) if axes else x.to(kind, copy=True)


def prod(x: Tensor, /, *, axis: Axis = None, dtype: torch.dtype | None = None, keepdims: bool = False) -> Tensor:
    """The products along ``axis``, in the dtype that `sum` has."""
    kind, axes = _summed(x, dtype), axes_of(axis, x.ndim)
    if kind in UNSIGNED or unsigned(x):
        return _counted("prod", x, kind, axis=axes, keepdims=keepdims)
    out = x.to(kind, copy=True)
    for each in sorted(axes, reverse=True):
        out = torch.prod(out, each, keepdim=keepdims, dtype=kind)
    return out


def cumulative_sum(x: Tensor, /, *, axis: int | None = None, dtype: torch.dtype | None = None,
                   include_initial: bool = False) -> Tensor:
    """The sums up to each element along ``axis``, with a zero before them if ``include_initial``. None as ``axis`` is
    for one dimension; ValueError for more.

    >>> from wengert import array_api as xp
    >>> xp.cumulative_sum(xp.asarray([1, 2, 3]), include_initial=True)
    tensor([0, 1, 3, 6])
    """
    return _cumulative("cumsum", 0, x, axis, dtype, include_initial)


def cumulative_prod(x: Tensor, /, *, axis: int | None = None, dtype: torch.dtype | None = None,
                    include_initial: bool = False) -> Tensor:
    """The products up to each element along ``axis``, as `cumulative_sum` has the sums.

    >>> from wengert import array_api as xp
    >>> xp.cumulative_prod(xp.asarray([1, 2, 3]))
    tensor([1, 2, 6])
    """
    return _cumulative("cumprod", 1, x, axis, dtype, include_initial)


def _cumulative(name: str, start: int, x: Tensor, axis: int | None, dtype: torch.dtype | None, initial: bool) -> Tensor:
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"[cumulative_{name[3:]}] an axis was expected for {x.ndim} dimensions; got None")
        axis = 0
    kind, axis = _summed(x, dtype), place(axis, x.ndim)
    wide = kind in UNSIGNED or unsigned(x)
    out = _counted(name, x, kind, axis=axis) if wide else getattr(torch, name)(x, axis, dtype=kind)
    if not initial:
        return out
    shape = [*x.shape[:axis], 1, *x.shape[axis + 1 :]]
    return torch.concat([torch.full(shape, start, dtype=kind, device=x.device), out], axis)


def max(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest elements along ``axis``, nan where one is."""
    return _extreme("max", x, axis, keepdims)


def min(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest elements along ``axis``, nan where one is."""
    return _extreme("min", x, axis, keepdims)


def _extreme(name: str, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    axes = axes_of(axis, x.ndim)
    if unsigned(x):
        return by_numpy(getattr(np, name), x, axis=axes, keepdims=keepdims)
    return getattr(torch, f"a{name}")(x, axes, keepdim=keepdims) if axes else x.clone()


def mean(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The means along ``axis``. Raises TypeError for integers: convert them with astype."""
    _floating("mean", x)
    axes = axes_of(axis, x.ndim)
    return torch.mean(x, axes, keepdim=keepdims) if axes else x.clone()


def var(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The variances along ``axis``: squares of differences from the mean over N - ``correction``."""
    _floating("var", x)
    axes = axes_of(axis, x.ndim)
    count = math.prod(x.shape[each] for each in axes)
    squares = torch.square(torch.abs(x - mean(x, axis=axis, keepdims=True)))
    total = sum(squares, axis=axis, keepdims=keepdims)
    return total / torch.asarray(float(np.maximum(count - correction, 0)), dtype=total.dtype)


def std(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The square roots of the variances."""
    return torch.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def _floating(name: str, x: Tensor) -> None:
    if x.dtype not in (*REAL, *COMPLEX):
        raise TypeError(f"[{name}] a floating dtype was expected; got {x.dtype}; convert it with astype")
