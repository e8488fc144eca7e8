"""`P`: the namespace through which rules name primitives, filled as these are defined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Namespace:
    """Every primitive by name: ``P.mul``. Iterating gives them in the order of their definition."""

    def __init__(self) -> None:
        self._all: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_all"][name]
        except KeyError:
            raise AttributeError(f"there is no primitive called {name!r}") from None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all.values())

    def __contains__(self, name: str) -> bool:
        return name in self._all

    def __len__(self) -> int:
        return len(self._all)

    def _register(self, primitive: Any) -> Any:
        if primitive.name in self._all:
            raise ValueError(f"there are two primitives called {primitive.name!r}")
        self._all[primitive.name] = primitive
        self.__dict__[primitive.name] = primitive
        return primitive


P: Any = Namespace()
