"""What serves training without being part of a model: data, checkpointing, timing, exchange of memory."""

from importlib import import_module
from typing import Any

from .._missing import MissingError

__all__ = ["benchmark", "checkpoint", "data", "dlpack"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise MissingError(__name__, name, lambda: __all__, f"module {__name__!r} has no attribute {name!r}")
