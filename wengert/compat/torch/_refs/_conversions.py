"""``torch._refs._conversions``: the methods that convert a tensor, as functions; `complex` and `polar` of two."""

from __future__ import annotations

from typing import Any

import wengert
from wengert import Tensor


def __getattr__(name: str) -> Any:
    if name in ("complex", "polar"):
        return getattr(wengert, name)
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(Tensor, name)
