"""``torch.nn._reduction``: the numbers and words by which PyTorch's losses tell their kernels how to reduce.

>>> from wengert.nn import _reduction
>>> _reduction.get_enum("mean")
1
"""

from __future__ import annotations

import warnings

from .functional.reduction import choose, from_flags

_NUMBERS = {"none": 0, "mean": 1, "sum": 2}


def get_enum(reduction: str) -> int:
    """0, 1 or 2 for ``"none"``, ``"mean"`` and ``"sum"``. Raises ValueError for another word."""
    return _NUMBERS[choose(reduction)]


def legacy_get_string(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> str:
    """The word for the deprecated flags, each of which is True where it is None."""
    with warnings.catch_warnings():
        if not emit_warning:
            warnings.simplefilter("ignore")
        return from_flags(size_average, reduce)


def legacy_get_enum(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> int:
    """`get_enum` of `legacy_get_string`."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))
