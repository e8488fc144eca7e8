"""``torch._C._nn``: how ``module.to(...)`` reads its arguments."""

from __future__ import annotations

from typing import Any

from ....nn.module import _parse_to as _read


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """Device, dtype, ``non_blocking`` and memory format from the arguments of ``module.to(...)``."""
    options = {name: value for name, value in kwargs.items() if name in ("device", "dtype")}
    device, dtype = _read(*args, **options)
    return device, dtype, bool(kwargs.get("non_blocking", False)), kwargs.get("memory_format")
