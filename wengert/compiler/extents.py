"""Sizes that code finds in a table when it runs: one machine code for many sizes.

The one idea to know: an `Extent` stands where generated code is written with a number that depends on sizes. It is a
number computed from those that vary, a vector (`core/computed.py`); written into LLVM's text it is a word of a table,
so that the text is the same for all sizes. A comparison of extents is noted, and the code serves the sizes of which it
holds; a choice that is right for any sizes asks for the `hint`, the number of those for which the plan was made.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..core.computed import Computed, Conditions

Numbers = tuple[int, ...]
"""The sizes that vary, or the powers of them in a product."""

Terms = tuple[tuple[Numbers, Fraction], ...]
"""A polynomial: the powers in each of its products and what that is multiplied with, which is not 0, in their order."""


class Sizes(Conditions):
    """The extents of one program, as functions of the sizes that vary, which are ``hint`` where choices are made."""

    def __init__(self, hint: Numbers) -> None:
        super().__init__()
        self.hint = hint
        self._known: dict[Any, Extent] = {}
        self._written: dict[Any, int] = {}
        """The places in the table of those that code reads."""

    def polynomial(self, terms: Mapping[Numbers, Fraction]) -> Extent | int:
        """The integer that is this sum of products of sizes; a plain one where it does not depend on them."""
        key = tuple(sorted([(powers, factor) for powers, factor in terms.items() if factor]))
        if all(not any(powers) for powers, _ in key):
            return int(sum([factor for _, factor in key]))
        return self.known(key, self._evaluated(key, self.hint), lambda sizes: self._evaluated(key, sizes))

    @staticmethod
    def _evaluated(key: Terms, sizes: Numbers) -> int:
        found = sum([factor * product(powers, sizes) for powers, factor in key], Fraction(0))
        if found.denominator != 1:
            raise ValueError(f"[extents] an integer was expected; got {found} for sizes of {sizes}")
        return int(found)

    def known(self, key: Any, value: Any, find: Callable[[Numbers], Any]) -> Extent:
        """The extent with this key, which says all that it is."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Extent(self, value, find, key)
        return found

    def word(self, extent: Extent) -> int:
        """The extent's place in the table."""
        return self._written.setdefault(extent.key, len(self._written))

    def table(self, sizes: Numbers) -> np.ndarray[Any, Any]:
        """The words of all extents that code reads, for some sizes; those of real numbers as these lie in memory."""
        found = [self._known[key].find(sizes) for key in self._written]
        return np.array([np.float64(x).view(np.int64) if type(x) is float else x for x in found] or [0], np.int64)


def product(powers: Numbers, sizes: Numbers) -> int:
    """The product of these powers of sizes."""
    found = 1
    for power, size in zip(powers, sizes, strict=True):
        found *= size ** power
    return found


class Extent(Computed):
    """A number that depends on sizes. As text it is the register in which a function has it."""

    __slots__ = ("key",)

    def __init__(self, notes: Sizes, value: Any, find: Callable[[Numbers], Any], key: Any) -> None:
        super().__init__(notes, value, find)
        self.key = key

    def of(self, function: Callable[..., Any], *operands: Any) -> Any:
        """A function of operands, of which this is one: an extent again, or a number where it depends on no size."""
        exact = _EXACT.get(function)
        if exact is not None and all(type(x) is int or _is_polynomial(x) for x in operands):
            one = (0,) * len(self.notes.hint)
            return self.notes.polynomial(exact(*[
                dict(x.key) if type(x) is Extent else {one: Fraction(x)} for x in operands]))
        return super().of(function, *operands)

    def made(self, value: Any, find: Callable[[Any], Any], function: Callable[..., Any], operands: Sequence[Any]
             ) -> Extent:
        """The extent that a function has made."""
        key = function, *[x.key if type(x) is Extent else (type(x), x) for x in operands]
        return self.notes.known(key, value, find)

    def __index__(self) -> int:
        return int(self.fixed())

    __int__ = __index__

    def __float__(self) -> float:
        return float(self.fixed())

    def __eq__(self, other: object) -> Any:
        """Whether it is the same for all sizes; if not, it is noted that it is not for this one."""
        if other is self:
            return True
        return super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return f"%extent{self.notes.word(self)}"

    __repr__ = __str__

    def __format__(self, form: str) -> str:
        return str(self)


def _is_polynomial(x: Any) -> bool:
    return type(x) is Extent and type(x.key[0]) is tuple


_Sum = Mapping[Numbers, Fraction]


def _sum(x: _Sum, y: _Sum) -> _Sum:
    return {powers: x.get(powers, Fraction(0)) + y.get(powers, Fraction(0)) for powers in (*x, *y)}


def _product(x: _Sum, y: _Sum) -> _Sum:
    found: dict[Numbers, Fraction] = {}
    for mine, a in x.items():
        for its, b in y.items():
            powers = tuple(map(operator.add, mine, its))
            found[powers] = found.get(powers, Fraction(0)) + a * b
    return found


def _negative(x: _Sum) -> _Sum:
    return {powers: -a for powers, a in x.items()}


_EXACT: dict[Any, Callable[..., _Sum]] = {
    operator.add: _sum, operator.sub: lambda x, y: _sum(x, _negative(y)), operator.mul: _product,
    operator.neg: _negative}


def hint(x: Any) -> Any:
    """A number to choose by, where every choice is right: that of the sizes for which the plan was made."""
    return x.value if type(x) is Extent else x


def varies(x: Any) -> bool:
    """Whether a number is known when the code runs alone."""
    return type(x) is Extent


def alike(x: Any, y: Any) -> bool:
    """Whether two numbers are the same for all sizes. Nothing is noted: only what holds where they are not may follow
    where they differ."""
    if type(x) is Extent or type(y) is Extent:
        return type(x) is type(y) and x.key == y.key
    return bool(x == y)


def divides(number: int, x: Any) -> bool:
    """Whether a number divides another whatever the size; where it may not, False."""
    if type(x) is Extent:
        return _is_polynomial(x) and all((factor / number).denominator == 1 for _, factor in x.key)
    return bool(x % number == 0)


def several(x: Any) -> bool:
    """Whether a count may be more than one."""
    return type(x) is Extent or x > 1


def lifted(function: Callable[..., Any], *operands: Any) -> Any:
    """A function of numbers, as an extent where one of them is one; nothing is noted of what it compares."""
    for x in operands:
        if type(x) is Extent:
            return x.of(function, *operands)
    return function(*operands)
