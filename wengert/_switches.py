"""Modules of switches, as PyTorch's ``config`` ones: names that can be set, and no others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class Switches(ModuleType):
    """The class of such a module. What it does not have cannot be set: AttributeError."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("__") and not hasattr(self, name):
            raise AttributeError(f"{self.__name__}.{name} does not exist")
        super().__setattr__(name, value)

    @contextmanager
    def patch(self, changes: Any = None, value: Any = None, **more: Any) -> Iterator[None]:
        """Sets names for a while: ``patch(name=value)``, ``patch({"name": value})`` or ``patch("name", value)``."""
        wanted = {**({changes: value} if isinstance(changes, str) else changes or {}), **more}
        before = {name: getattr(self, name) for name in wanted}
        try:
            for name, new in wanted.items():
                setattr(self, name, new)
            yield
        finally:
            for name, old in before.items():
                setattr(self, name, old)


def switches(module: str, kind: type[Switches] = Switches) -> None:
    """Makes a module one of switches, which it calls last with its ``__name__``."""
    sys.modules[module].__class__ = kind
