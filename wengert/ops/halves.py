"""Functions of several operations that compute in float32 what they are given in half precision.

A primitive does so by itself (`core.primitive.widened`). A function that is composed of several would round between
them, and overflow where only a step of its computation is large, such as the square in a norm.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from ..core.dtypes import DType, float32
from ..tensors.given import Given
from ..tensors.overrides import UNASKED, once_more
from ..tensors.tensor import TENSORS

F = TypeVar("F", bound=Callable[..., Any])


def in_float32(function: F) -> F:
    """The function, computed in float32 where its first tensor is in half precision; its result, a tensor or a tuple of
    them, is rounded once."""

    given = Given(function)

    @wraps(function)
    def wide(*args: Any, **kwargs: Any) -> Any:
        try:
            if not given.is_usual(args, kwargs):
                args, kwargs = given.settled(args, kwargs)
            for first in args or kwargs.values():
                if type(first) in TENSORS:
                    break
            else:
                return function(*args, **kwargs)
            if not _is_half(first) or not all(_meets(x, first.dtype) for x in (*args, *kwargs.values())):
                return function(*args, **kwargs)
            return _widened(function, first.dtype, args, kwargs)
        except UNASKED:
            return once_more(wide, *args, **kwargs)

    return wide  # type: ignore[return-value]


def empty_in_half(function: F) -> F:
    """A function of LAPACK's, which knows no half precision, that takes matrices without elements in it, as nothing is
    computed of these."""

    @wraps(function)
    def taking(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except RuntimeError:
            if not args or not _is_half(args[0]) or args[0]._data.size:
                raise
            return _widened(function, args[0].dtype, args, kwargs)

    return taking  # type: ignore[return-value]


def _widened(function: Callable[..., Any], dtype: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a function gives for float32 in the place of half precision, in that again."""
    return _narrow(function(*[_wide(x) for x in args], **{key: _wide(x) for key, x in kwargs.items()}), dtype)


def _is_half(x: Any) -> bool:
    return type(x) in TENSORS and x._data.dtype.itemsize == 2 and x.is_floating_point()


def _meets(x: Any, dtype: DType) -> bool:
    """Whether an argument leaves the result in ``dtype``: floating tensors of another do not."""
    return type(x) not in TENSORS or x.dtype is dtype or not (x.is_floating_point() or x.is_complex())


def _wide(x: Any) -> Any:
    return x.to(float32) if _is_half(x) else x


def _narrow(result: Any, dtype: DType) -> Any:
    if isinstance(result, tuple):
        return getattr(type(result), "_make", type(result))([_narrow(part, dtype) for part in result])
    return result.to(dtype) if type(result) in TENSORS and result.dtype is float32 else result
