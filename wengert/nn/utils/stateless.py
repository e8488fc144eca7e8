"""A module called with tensors other than its own: the older path to `func.functional_call`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wengert.func.modules import functional_call as _functional_call
from wengert.tensors.tensor import Tensor

from ..module import Module
from ..parallel import DataParallel

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`func.functional_call` with one dictionary. Raises RuntimeError for a `DataParallel`."""
    if isinstance(module, DataParallel):
        raise RuntimeError("The stateless API can't be used with nn.DataParallel module")
    return _functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
