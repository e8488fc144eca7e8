"""Modules made without drawing their parameters."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from ...core.errors import in_words
from ..module import Module

ModuleT = TypeVar("ModuleT", bound=Module)


@in_words
def skip_init(module_cls: type[ModuleT], *args: Any, **kwargs: Any) -> ModuleT:
    """A ``module_cls`` of the arguments, whose parameters hold anything, and for which no random number is used up.

    Raises RuntimeError for what is no module, or does not take ``device``.

    >>> nn.utils.skip_init(nn.Linear, 3, 2).weight.shape
    torch.Size([2, 3])
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    final = kwargs.pop("device", "cpu")
    kwargs["device"] = "meta"
    return module_cls(*args, **kwargs).to_empty(device=final)
