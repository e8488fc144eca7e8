"""`compatibility`, with which PyTorch marks what of ``fx`` stays as it is; packages that derive tracers mark theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Marked = TypeVar("Marked")


def compatibility(is_backward_compatible: bool) -> Callable[[Marked], Marked]:
    """A decorator that leaves what it is given as it is."""
    return lambda marked: marked
