"""Keys of dicts and members of sets, as a hostile file would choose them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..core.dtypes import DType

_SCALARS = (str, int, float, bool, bytes, complex, type(None), DType)
_NESTS = (tuple, frozenset)


class Budget:
    """The work that a file may cause beyond what reading each of its bytes once takes.

    A few bytes can ask for much: a copy of a long list, the hash of a tuple of tuples of tuples, a dict of a hundred
    thousand numbers that all have one hash. Raises ValueError when a file asks for more than its length accounts for.
    """

    def __init__(self, length: int) -> None:
        self._left = 1_000_000 + 16 * length
        self._hashes: Counter[int] = Counter()

    def charge(self, cost: int) -> None:
        """Takes ``cost`` elements' work off what is left."""
        self._left -= cost
        if self._left < 0:
            raise ValueError("it asks for more work than its length can account for")

    def check_key(self, key: Any) -> None:
        """Raises TypeError for keys other than scalars and tuples of them: hashing others may run code."""
        self._check_parts(key)
        if type(key) is not str:
            self._hashes[hash(key)] += 1
            self.charge(self._hashes[hash(key)])

    def _check_parts(self, key: Any) -> None:
        self.charge(1)
        if type(key) in _NESTS:
            for part in key:
                self._check_parts(part)
        elif type(key) not in _SCALARS:
            raise TypeError(f"a {type(key).__name__} as a key")


def may_be_key(key: Any) -> bool:
    """Whether `Budget.check_key` takes keys of this kind."""
    return all(may_be_key(part) for part in key) if type(key) in _NESTS else type(key) in _SCALARS
