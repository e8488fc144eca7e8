"""The types of results with names: ``return_types.sort`` and the like."""

from __future__ import annotations

from .ops.named import RETURN_TYPES


def __getattr__(name: str) -> type:
    try:
        return RETURN_TYPES[name]
    except KeyError:
        raise AttributeError(f"return_types.{name} is not in wengert yet") from None


def __dir__() -> list[str]:
    return sorted(RETURN_TYPES)
