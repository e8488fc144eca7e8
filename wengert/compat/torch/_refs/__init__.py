"""``torch._refs``: PyTorch's second implementation of its functions, in Python. Wengert has one of each, so that a
function's reference is the function itself, and a method's the method."""

from __future__ import annotations

from typing import Any

import wengert
from wengert import Tensor, fft, linalg, nn, special

from . import _conversions

__all__ = ["_conversions", "fft", "linalg", "nn", "special"]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    found = getattr(wengert, name, None)
    if not callable(found):
        found = getattr(Tensor, name)
    return found.fget if isinstance(found, property) else found
