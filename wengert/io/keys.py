"""What a hostile file may cost: keys of dicts and members of sets as it would choose them, copies, and depth.

The one idea to know: nothing from a file is hashed, compared or printed before it was looked at here. A tuple may hold
the same tuple twice, and that one the next, so that sixty of them have 2**60 leaves; a tuple nested a million times
ends the process, since Python hashes it by recursion in C.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ..core.dtypes import DType
from ..tensors.tensor import Tensor

_SCALARS = (str, int, float, bool, bytes, complex, type(None), DType)
_NESTS = (tuple, frozenset)
_DEEPEST_KEY, _DEEPEST = 50, 900


class Budget:
    """The work and the memory that a file may cause beyond what reading each of its bytes once takes.

    A few bytes can ask for much: a copy of a long list, the hash of a tuple of tuples of tuples, a dict of a hundred
    thousand numbers that all have one hash. A file of ``length`` bytes may ask for a million elements and 16 for each
    of its bytes; then ValueError is raised.
    """

    def __init__(self, length: int) -> None:
        self.limit = 1_000_000 + 16 * length
        self.spent = 0
        self._hashes: dict[int, tuple[Any, Counter[int]]] = {}  # by the id of a container, which is kept

    def charge(self, cost: int) -> None:
        """Notes ``cost`` elements' work, or bytes."""
        self.spent += cost
        if self.spent > self.limit:
            raise ValueError("it asks for more work than its length can account for")

    def check_keys(self, keys: Iterable[Any], container: Any = None) -> None:
        """Raises TypeError for keys other than scalars and tuples of them (hashing others may run code), ValueError for
        keys that nest too deep or cost too much. ``container`` is where they come to lie among earlier ones."""
        hashes: Counter[int] | None = None
        for key in keys:
            weight = self._weight(key, 0)
            if type(key) is not str:
                if hashes is None:
                    hashes = self._hashes_in(container)
                hashes[hash(key)] += 1
                self.charge(weight * hashes[hash(key)])

    def _hashes_in(self, container: Any) -> Counter[int]:
        if container is None:
            return Counter()
        return self._hashes.setdefault(id(container), (container, Counter()))[1]

    def _weight(self, key: Any, depth: int) -> int:
        """How much work it is to hash a key, or to compare it with an equal one."""
        kind = type(key)
        if kind in _NESTS:
            if depth == _DEEPEST_KEY:
                raise ValueError(f"a key that nests deeper than {_DEEPEST_KEY}")
            self.charge(1)
            return 1 + sum(self._weight(part, depth + 1) for part in key)
        if kind not in _SCALARS:
            raise TypeError(f"a {kind.__name__} as a key")
        weight = 1 + (key.bit_length() if kind is int else len(key) if kind in (str, bytes) else 0) // 64
        self.charge(weight)
        return weight


def check_depth(made: Any, maker: type | None = None) -> None:
    """Raises ValueError where containers nest so deep that printing, comparing or hashing them fails, or crashes, and
    TypeError where an object of the type ``maker`` is among their values.

    Those that hold themselves are let pass.
    """
    if type(made) is maker:
        raise TypeError("the maker of a value where a value was expected")
    below: dict[int, int] = {}  # how deep each container goes; 0 as long as it is being looked at
    path = [_Level(made)]
    while path:
        level = path[-1]
        inner = next(level.rest, _NO_MORE)
        if inner is _NO_MORE:
            path.pop()
            below[id(level.container)] = level.depth
            if path:
                path[-1].depth = max(path[-1].depth, level.depth + 1)
        elif type(inner) is maker:
            raise TypeError("the maker of a value where a value was expected")
        elif isinstance(inner, _CONTAINERS):
            if id(inner) not in below:
                below[id(inner)] = 0
                path.append(_Level(inner))
            else:
                level.depth = max(level.depth, below[id(inner)] + 1)
            if len(path) + path[-1].depth > _DEEPEST:
                raise ValueError(f"containers that nest deeper than {_DEEPEST}")


class _Level:
    """A container on the way down, what is left to look at in it, and how deep it goes by now."""

    __slots__ = ("container", "depth", "rest")

    def __init__(self, container: Any) -> None:
        self.container, self.depth = container, 0
        self.rest: Iterator[Any] = iter(_parts(container))


_NO_MORE = object()
_CONTAINERS = (dict, list, tuple, set, frozenset, Tensor)


def _parts(container: Any) -> Iterable[Any]:
    attributes = getattr(container, "__dict__", {}).values()
    if isinstance(container, dict):
        return [*container.values(), *attributes]
    return attributes if isinstance(container, Tensor) else container if isinstance(container, _CONTAINERS) else ()
