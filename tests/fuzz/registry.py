"""Which targets there are, by name. A module with a table `TARGETS` is named here, and no more is needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from .target import Target

MODULES = ("calls", "checkpoints", "dags", "datasets", "interrupts", "networks", "programs", "texts", "threads",
           "transforms")


def targets() -> dict[str, Callable[[], Target]]:
    """Makers of all targets by name."""
    found: dict[str, Callable[[], Target]] = {}
    for module in MODULES:
        found.update(importlib.import_module(f"{__package__}.{module}").TARGETS)
    return found
