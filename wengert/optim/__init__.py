"""Optimisers: objects that move parameters by their gradients."""

from typing import Any

from wengert._missing import MissingError

from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]


def __getattr__(name: str) -> Any:
    raise MissingError(__name__, name, lambda: __all__, f"module {__name__!r} has no attribute {name!r}")
