"""Names of nodes: no two alike, no word of Python's, the one they ask for where it is free."""

from __future__ import annotations

import builtins
import keyword
import re
from collections import defaultdict
from typing import Any

_TAKEN = ("inf", "nan", "NoneType", "torch", "device", "fx_pytree", "pytree")


def snake_case(name: str) -> str:
    """``"camelCase"`` as ``"camel_case"``."""
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


class Namespace:
    """The names of one graph."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._names: dict[int, str] = {}

    def create_name(self, candidate: str, obj: Any = None) -> str:
        """A name that is free, as near as can be to ``candidate``: with a number behind it where that is taken. The
        same ``obj`` gets the same name."""
        if obj is not None and id(obj) in self._names:
            return self._names[id(obj)]
        candidate = re.sub(r"[^0-9a-zA-Z_]+", "_", candidate) or "_unnamed"
        if candidate[0].isdigit():
            candidate = f"_{candidate}"
        match = re.fullmatch(r"(.*)_(\d+)", candidate)
        base, number = (candidate, 0) if match is None else (match.group(1), int(match.group(2)))
        candidate = base if match is None else f"{base}_{number}"
        number = number or self._counts[base]
        while candidate in self._used or self._taken(candidate, obj):
            number += 1
            candidate = f"{base}_{number}"
        self._used.add(candidate)
        self._counts[base] = number
        if obj is not None:
            self._names[id(obj)] = candidate
        return candidate

    @staticmethod
    def _taken(name: str, obj: Any) -> bool:
        if keyword.iskeyword(name) or name in _TAKEN:
            return True
        return hasattr(builtins, name) and getattr(builtins, name) is not obj
