"""``torch._VF``: functions by the names that they have in PyTorch's compiled part."""

from __future__ import annotations

import importlib
from typing import Any

from ...ops.sorting import unique_consecutive as _unique_consecutive
from ...tensors import Tensor


def unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False,
                       dim: int | None = None) -> tuple[Tensor, ...]:
    """The three results of `torch.unique_consecutive`, those that were not asked for empty."""
    values, inverse, counts = _unique_consecutive(input, True, True, dim)
    return values, inverse if return_inverse else inverse.new_empty(0), counts if return_counts else counts.new_empty(0)


def __getattr__(name: str) -> Any:
    try:
        return getattr(importlib.import_module(__name__.partition(".")[0]), name)
    except AttributeError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
