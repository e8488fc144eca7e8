"""Where arrays lie: which memory an array is a part of, and by which view step it is read from the whole of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import TraceError
from ..core.primitive import P
from .values import Step


def root_of(array: object) -> Any:
    """The object that owns the memory of an array: two arrays share memory only if their roots are one."""
    while True:
        below = array.obj if isinstance(array, memoryview) else getattr(array, "base", None)
        if below is None:
            return array
        array = below


def whole_of(array: np.ndarray) -> np.ndarray:
    """All of the memory that an array is a part of, dense and in row-major order: the array itself where it is all of
    it, else its owner, or its owner's elements in their order. Of the array's dtype."""
    owner: Any = array
    below: Any = array.base
    while below is not None:
        owner = below if isinstance(below, np.ndarray) else owner
        below = getattr(below, "base", None)
    if array.flags.c_contiguous and array.nbytes == owner.nbytes:
        return array
    if owner.dtype.itemsize != array.dtype.itemsize:
        raise TraceError(
            f"[capture] memory of one dtype was expected; got a tensor of {array.dtype} that is a part of memory of "
            f"{owner.dtype}; that cannot be recorded in wengert yet: clone() it outside the function"
        )
    whole = owner if owner.flags.c_contiguous else owner.ravel("K")
    if not np.may_share_memory(whole, owner):
        raise TraceError(
            "[capture] a tensor over dense memory was expected; got one over memory with gaps, which cannot be "
            "recorded in wengert yet: clone() it outside the function"
        )
    return whole.view(array.dtype)


def step_within(whole: np.ndarray, array: np.ndarray) -> tuple[Step, ...]:
    """The view steps that lead from ``whole`` to ``array``: none, or one."""
    if array is whole:
        return ()
    if array.dtype != whole.dtype:
        raise TraceError(
            f"[capture] tensors on one memory were expected to have one dtype; got {array.dtype} and {whole.dtype}, "
            f"which cannot be recorded in wengert yet: clone() one of them outside the function"
        )
    offset = _address(array) - _address(whole) if array.size else 0  # in bytes, which may not be whole elements
    if not offset and array.shape == whole.shape and same_strides(array, whole):
        return ()
    if any(stride % array.itemsize for stride in array.strides) or offset % array.itemsize:
        raise TraceError(
            "[capture] a tensor whose elements lie on the grid of their size was expected; got one that does not, "
            "which cannot be recorded in wengert yet: clone() it outside the function"
        )
    return (
        (
            P.as_strided,
            {
                "size": array.shape,
                "stride": tuple(s // array.itemsize for s in array.strides),
                "offset": offset // array.itemsize,
            },
        ),
    )


def offset_within(whole: np.ndarray, array: np.ndarray) -> int:
    """How many elements after the first of ``whole`` an array begins."""
    return (_address(array) - _address(whole)) // array.itemsize


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def same_strides(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether two arrays of one shape lie alike; the stride of a dimension of size 1 does not matter."""
    return x.strides == y.strides or not x.size or all(
        [s == t or n == 1 for s, t, n in zip(x.strides, y.strides, x.shape, strict=True)])
