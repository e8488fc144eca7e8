"""Arrays from Python data: what dtype a list has, where a shape comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.computed import Computed
from ..core.dtypes import DType
from ..core.eighths import converted
from ..core.errors import DTypeError
from ..core.quantity import Quantity
from ..core.state import state

TENSORS: set[type] = set()
"""`Tensor` and every subclass: an exact type test against it is the cheapest test for a tensor that there is. Each
enters itself, as the class stands above this module."""


def array_from(data: Any, dtype: DType | None) -> np.ndarray:
    """A new array holding ``data``: a number, nested sequences, an array or a tensor; the dtype inferred as PyTorch
    does (Python ints are int64, floats the default dtype) unless given.

    Raises ValueError for sequences of unequal length and for ints beyond 64 bits, `DTypeError` for what is no number,
    RuntimeError for a number that ``dtype`` does not hold.
    """
    if type(data) in TENSORS:
        array = data._concrete("tensor")
        return converted(array, dtype.numpy if dtype is not None else array.dtype)
    if isinstance(data, (np.ndarray, np.generic)):
        return converted(np.asarray(data), (dtype or dtypes.from_numpy(data.dtype)).numpy)
    if isinstance(data, (str, bytes)):
        raise TypeError(f"[tensor] new(): invalid data type {type(data).__name__!r}: a number, sequence or array was "
                        f"expected; got {data!r:.40}")
    if not isinstance(data, (bool, int, float, complex, Sequence)):
        if isinstance(data, dict):
            raise _no_number(data)
        if hasattr(data, "__array__"):
            return np.array(data, dtype=None if dtype is None else dtype.numpy)
        if not hasattr(data, "__len__") or not hasattr(data, "__getitem__"):
            raise _no_number(data)
        data = [data[i] for i in range(len(data))]
    kinds: set[type] = set()
    plain = _to_array(_plain(data, kinds), data, dtype)
    if dtype is None and plain.dtype.kind == "f" and kinds and kinds <= {int, bool}:
        raise ValueError("[tensor] Overflow when unpacking long long: integers of at most 64 bits were expected")
    target = dtype or _inferred(data, kinds)
    if dtype is not None and plain.size:
        _check_fits(plain, dtype)
    # Beyond the range of half precision is infinity.
    return state.quiet(plain.astype, target.numpy) if target.numpy.kind not in "VW" else state.quiet(
        converted, plain, target.numpy)


def _plain(data: Any, kinds: set[type]) -> Any:
    """``data`` with arrays of no dimension in the place of tensors; the types of its leaves are added to ``kinds``."""
    if type(data) in TENSORS:  # one of several: a number, whatever its dimensions
        kinds.add(type(data))
        array = data._concrete("tensor")
        if array.size != 1:
            raise ValueError("[tensor] only one element tensors can be converted to Python scalars; got one of shape "
                             f"{array.shape} in a sequence; use stack() or cat()")
        return array.reshape(())
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        found = set(map(type, data))
        if found <= _NUMBERS:
            kinds |= found
            return list(data)
        return [_plain(item, kinds) for item in data]
    if type(data) not in _NUMBERS and isinstance(data, (Quantity, Computed)):  # an array holds it as it is now
        data = data.fixed()
    kinds.add(type(data))
    return data


_NUMBERS = {bool, int, float, complex}


def _to_array(plain: object, data: object, dtype: DType | None) -> np.ndarray:
    try:
        array = np.array(plain)
    except ValueError:
        shape = _shape(data)
        if 0 in shape:  # nothing is to be read
            return np.empty(shape)
        if (mixed := _mixed(data, len(shape))) is not None:
            raise TypeError(f"[tensor] {mixed}: numbers beside numbers were expected, and sequences beside sequences; "
                            f"got nested ones that begin with shape {list(shape)} and then differ") from None
        raise ValueError(f"[tensor] expected sequences of equal length at every depth; got nested sequences that "
                         f"begin with shape {list(_shape(data))} and then differ; pad them to one length") from None
    if array.dtype.kind in "biufcVW":
        if array.dtype == np.uint64 and not isinstance(data, np.ndarray) and (
                dtype is None or (dtype.kind in "iu" and dtype is not dtypes.uint64)):
            raise ValueError("[tensor] Overflow when unpacking long long: integers of at most 64 bits were expected")
        return array
    culprit = _culprit(data)
    if isinstance(culprit, (str, bytes)):
        kind = type(culprit).__name__
        raise UnreadableError(f"[tensor] new(): invalid data type {kind!r} (too many dimensions {kind!r}): numbers or "
                              f"booleans were expected; got {culprit!r:.40}")
    if culprit is _NOTHING and dtype is not None and dtype.kind in "fcb":
        return array.astype(np.complex128 if dtype.kind == "c" else np.float64)
    if culprit is _NOTHING:
        raise ValueError("[tensor] Overflow when unpacking long long: integers of at most 64 bits were expected")
    raise _no_number(culprit)


def _mixed(data: Any, depth: int) -> str | None:
    """What PyTorch says of the first leaf that is a sequence beside numbers, or a number beside sequences."""
    several = data.ndim if isinstance(data, np.ndarray) else (
        isinstance(data, Sequence) and not isinstance(data, (str, bytes)))
    if not depth:
        return f"must be real number, not {type(data).__name__}" if several else None
    if not several:
        return "not a sequence"
    return next((said for item in data if (said := _mixed(item, depth - 1)) is not None), None)


class UnreadableError(TypeError, ValueError):
    """What cannot be the element of a tensor, among what can. (PyTorch raises TypeError or ValueError, by its place.)
    """


_NOTHING = object()


def _no_number(culprit: object) -> DTypeError:
    return DTypeError(f"[tensor] Could not infer dtype of {type(culprit).__name__}: numbers, booleans, or "
                      f"sequences of them were expected; got {culprit!r:.40}")


def _culprit(data: object) -> Any:
    """The first leaf that is no number."""
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return next((found for item in data if (found := _culprit(item)) is not _NOTHING), _NOTHING)
    return _NOTHING if isinstance(data, (bool, int, float, complex, np.ndarray, np.generic, *TENSORS)) else data


def _inferred(data: object, kinds: set[type]) -> DType:
    """The dtype in which the leaves meet: Python's numbers count by their kind, arrays and tensors by their dtype."""
    found: DType | None = None if kinds else dtypes.get_default_dtype()
    for kind in kinds & _NUMBERS:
        number = dtypes.of_scalar(kind())
        found = number if found is None else dtypes.promote_types(found, number)
    if not kinds <= _NUMBERS:
        for dtype in _array_dtypes(data):
            found = dtype if found is None else dtypes.promote_types(found, dtype)
    assert found is not None
    return found


def _array_dtypes(data: Any) -> Iterator[DType]:
    if type(data) in TENSORS:
        yield data.dtype
    elif isinstance(data, (np.ndarray, np.generic)):
        yield dtypes.from_numpy(data.dtype)
    elif isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        for item in data:
            yield from _array_dtypes(item)


def _check_fits(plain: np.ndarray, dtype: DType) -> None:
    """Raises where a number is beyond the range of ``dtype``; negative ones may wrap round in an unsigned type."""
    if dtype.kind in "iu" and plain.dtype.kind in "iuf":
        limits = np.iinfo(dtype.numpy)
        low = -int(limits.max) if dtype.kind == "u" else int(limits.min)
        beyond = not (low <= plain.min() and plain.max() <= int(limits.max))
    else:
        beyond = plain.dtype.kind == "c" and dtype.kind != "c"
    if beyond:
        kind = DTypeError if plain.dtype.kind == "c" else RuntimeError
        raise kind(f"[tensor] value cannot be converted to type {dtype.name} without overflow; choose a wider dtype")


def _shape(data: Any) -> tuple[int, ...]:
    shape: list[int] = []
    while isinstance(data, (Sequence, np.ndarray)) and not isinstance(data, (str, bytes)):
        shape.append(len(data))
        if not len(data):
            break
        data = data[0]
    return tuple(shape)


def shape_of(size: Sequence[Any]) -> tuple[int, ...]:
    """A shape given as ``f(2, 3)``, ``f((2, 3))`` or ``f([2, 3])``; every size a non-negative integer."""
    if len(size) == 1 and not isinstance(size[0], (int, np.integer)) and type(size[0]) not in TENSORS:
        size = size[0]
    shape = tuple(n if type(n) is int else n.__index__() for n in size)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape
