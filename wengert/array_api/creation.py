"""The standard's functions that make arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert as torch
from wengert import Tensor

from .promotion import UNSIGNED, by_numpy, common_dtype, unsigned

Shape = int | tuple[int, ...]


def asarray(obj: Any, /, *, dtype: torch.dtype | None = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """``obj`` as an array: Python's numbers, nests of them, an array, or what has ``__dlpack__``, ``__array__`` or a
    buffer. ``copy``: True always copies, False never, and raises ValueError where it would have to. An array keeps its
    history.

    >>> from wengert import array_api as xp
    >>> xp.asarray([[1, 2], [3, 4]]).dtype
    torch.int64
    """
    if isinstance(obj, Tensor):
        changes = dtype not in (None, obj.dtype) or device not in (None, obj.device)
        if changes and copy is False:
            raise ValueError("[asarray] no change of dtype was expected with copy=False; leave copy out")
        return obj.to(dtype=dtype or obj.dtype, device=device, copy=bool(copy))
    if dtype in UNSIGNED and not hasattr(obj, "__dlpack__"):
        obj = np.asarray(obj, dtype=str(dtype).removeprefix("torch."))
    elif isinstance(obj, (memoryview, bytearray)):
        obj = np.asarray(obj)
    return torch.asarray(obj, dtype=dtype, device=device, copy=copy)


def arange(start: float, /, stop: float | None = None, step: float = 1, *, dtype: torch.dtype | None = None,
           device: Any = None) -> Tensor:
    """Numbers from ``start``, or 0 with one argument, by ``step`` to before ``stop``; none where that lies behind."""
    if stop is None:
        start, stop = 0, start
    if dtype is None:
        whole = all(isinstance(number, int) for number in (start, stop, step))
        dtype = torch.int64 if whole else torch.get_default_dtype()
    if (stop - start) * step <= 0:
        return torch.empty(0, dtype=dtype, device=device)
    if dtype in UNSIGNED:
        return torch.asarray(np.arange(start, stop, step, dtype=str(dtype).removeprefix("torch.")), device=device)
    return torch.arange(start, stop, step, dtype=dtype, device=device)


def empty(shape: Shape, *, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """An array of any numbers."""
    return torch.empty(shape, dtype=dtype, device=device)


def empty_like(x: Tensor, /, *, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """`empty` of the shape and dtype of ``x``."""
    return torch.empty_like(x, dtype=dtype, device=device)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: torch.dtype | None = None,
        device: Any = None) -> Tensor:
    """Ones on the ``k``-th diagonal, zeros elsewhere."""
    columns = n_rows if n_cols is None else n_cols
    out = zeros((n_rows, columns), dtype=dtype, device=device)
    if -n_rows < k < columns:
        out.diagonal(k).fill_(1)
    return out


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """An array on the memory of another library's. See ``torch.from_dlpack``."""
    return torch.from_dlpack(x, device=device, copy=copy)


def full(shape: Shape, fill_value: bool | int | float | complex | Tensor, *, dtype: torch.dtype | None = None,
         device: Any = None) -> Tensor:
    """An array of one number, by default of the number's dtype."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return asarray(fill_value, dtype=dtype, device=device).expand(shape).clone()


def full_like(x: Tensor, /, fill_value: bool | int | float | complex, *, dtype: torch.dtype | None = None,
              device: Any = None) -> Tensor:
    """`full` of the shape and dtype of ``x``."""
    return full(tuple(x.shape), fill_value, dtype=dtype or x.dtype, device=device)


def linspace(start: complex, stop: complex, /, num: int, *, dtype: torch.dtype | None = None, device: Any = None,
             endpoint: bool = True) -> Tensor:
    """``num`` numbers from ``start`` to ``stop``, which is the last of them if ``endpoint``."""
    if dtype is None:
        dtype = common_dtype(torch.get_default_dtype(), start, stop)
    if endpoint:
        return torch.linspace(start, stop, num, dtype=dtype, device=device)
    return torch.linspace(start, stop, num + 1, dtype=dtype, device=device)[:num]


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """The coordinates of the points of a grid; ``indexing`` is ``"xy"`` or ``"ij"``."""
    if len(arrays) < 2:
        return tuple(array.clone() for array in arrays)
    return tuple(torch.meshgrid(*arrays, indexing=indexing))


def ones(shape: Shape, *, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """An array of ones."""
    return torch.ones(shape, dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """`ones` of the shape and dtype of ``x``."""
    return torch.ones_like(x, dtype=dtype, device=device)


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The lower triangles, zeros above the ``k``-th diagonal."""
    return by_numpy(np.tril, x, k=k) if unsigned(x) else torch.tril(x, k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The upper triangles, zeros below the ``k``-th diagonal."""
    return by_numpy(np.triu, x, k=k) if unsigned(x) else torch.triu(x, k)


def zeros(shape: Shape, *, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """An array of zeros."""
    return torch.zeros(shape, dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """`zeros` of the shape and dtype of ``x``."""
    return torch.zeros_like(x, dtype=dtype, device=device)
