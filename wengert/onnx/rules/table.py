"""The tables that the rules are entered in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Rule = Callable[..., Any]
R = TypeVar("R", bound=Rule)

RULES: dict[str, Rule] = {}
ABSENT: dict[str, str] = {}


def rule(*names: str) -> Callable[[R], R]:
    """Enters a function as the rule of these primitives."""

    def enter(function: R) -> R:
        for name in names:
            if name in RULES or name in ABSENT:
                raise ValueError(f"there are two statements for the primitive {name}")
            RULES[name] = function
        return function

    return enter


def absent(reason: str, names: str) -> None:
    """Enters primitives that have no form, with the reason why."""
    for name in names.split():
        if name in RULES or name in ABSENT:
            raise ValueError(f"there are two statements for the primitive {name}")
        ABSENT[name] = reason
