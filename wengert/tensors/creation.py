"""Arrays from Python data: what dtype a list has, where a shape comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.dtypes import DType
from .tensor import Tensor


def array_from(data: Any, dtype: DType | None) -> np.ndarray:
    """A new array holding ``data``: a number, nested sequences, an array or a tensor; the dtype inferred as PyTorch does
    (Python ints are int64, floats the default dtype) unless given."""
    target = None if dtype is None else dtype.numpy
    if isinstance(data, Tensor):
        array = data._concrete("tensor")
        return array.astype(target or array.dtype)  # type: ignore[no-any-return]
    if isinstance(data, (np.ndarray, np.generic)):
        return np.array(data, dtype=target or dtypes.from_numpy(data.dtype).numpy)
    if isinstance(data, (bool, int, float, complex)):
        return _cast(data, dtype or dtypes.of_scalar(data))
    if not isinstance(data, Sequence) or isinstance(data, (str, bytes)):
        if hasattr(data, "__array__"):
            return np.array(data, dtype=target)
        if isinstance(data, (str, bytes)) or not hasattr(data, "__len__"):
            raise TypeError(f"[tensor] a number, sequence or array was expected; got {type(data).__name__}: {data!r:.40}")
        data = list(data)
    return _from_nested(data, dtype)


def _cast(value: Any, dtype: DType) -> np.ndarray:
    if dtype.kind in "iu" and isinstance(value, int):
        limits = np.iinfo(dtype.numpy)
        if not limits.min <= value <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    return np.array(value).astype(dtype.numpy)


def _shape(data: Any) -> tuple[int, ...]:
    shape: list[int] = []
    while isinstance(data, (Sequence, np.ndarray)) and not isinstance(data, (str, bytes)):
        shape.append(len(data))
        if not len(data):
            break
        data = data[0]
    if isinstance(data, Tensor):
        shape.extend(data._data.shape)
    return tuple(shape)


def _from_nested(data: Any, dtype: DType | None) -> np.ndarray:
    try:
        plain = np.array(_plain(data))
    except ValueError:
        raise ValueError(f"[tensor] expected sequences of equal length at every depth; got nested sequences that begin with "
                         f"shape {list(_shape(data))} and then differ; pad them to one length") from None
    if plain.dtype.kind in "OUSM":
        raise TypeError(f"[tensor] numbers or booleans were expected; got a sequence holding {_culprit(data)}")
    if dtype is not None:
        return plain.astype(dtype.numpy)
    if not plain.size and plain.dtype.kind == "f":
        return plain.astype(dtypes.get_default_dtype().numpy)
    arrays = _has_arrays(data)
    if arrays:
        return plain.astype(dtypes.from_numpy(plain.dtype).numpy)
    if plain.dtype.kind == "f":
        return plain.astype(dtypes.get_default_dtype().numpy)
    if plain.dtype.kind == "c":
        return plain.astype(dtypes.to_complex(dtypes.get_default_dtype()).numpy)
    if plain.dtype.kind == "u":
        return plain.astype(np.int64)
    return plain


def _plain(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data._concrete("tensor")
    if isinstance(data, (list, tuple)) or (isinstance(data, Sequence) and not isinstance(data, (str, bytes))):
        return [_plain(item) for item in data] if any(not isinstance(i, (int, float)) for i in data) else list(data)
    return data


def _has_arrays(data: Any) -> bool:
    """Whether the first leaf is an array, tensor or numpy number, whose dtype then counts."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (Tensor, np.ndarray, np.generic))


def _culprit(data: Any) -> str:
    if isinstance(data, (list, tuple)):
        for item in data:
            found = _culprit(item)
            if found:
                return found
        return ""
    return "" if isinstance(data, (bool, int, float, complex, np.ndarray, np.generic, Tensor)) else \
        f"{type(data).__name__} ({data!r:.40})"


def shape_of(size: Any) -> tuple[int, ...]:
    """A shape given as ``f(2, 3)``, ``f((2, 3))`` or ``f([2, 3])``; every size a non-negative integer."""
    if len(size) == 1 and not isinstance(size[0], (int, np.integer, Tensor)):
        size = size[0]
    shape = tuple(n if type(n) is int else n.__index__() for n in size)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape
