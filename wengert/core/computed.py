"""Numbers of which it is known how they were computed, so that they can be computed again from others.

The one idea to know: code that is run once, for some sizes, is to hold for others. So it gets `Computed` numbers:
arithmetic with them gives further ones, each with the function that finds it anew, and a comparison has the outcome
that it has now and is noted, with what would have to hold. What only works for the number itself fixes it, which is
a condition too. `wengert.tracing.sizes` has those of a user's code, `wengert.compiler.extents` those of ours.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Find = Callable[[Any], Any]
"""Works out a number from the sizes of another time."""


class Conditions:
    """What was found out about computed numbers: functions of sizes that must hold, each with words for it."""

    def __init__(self) -> None:
        self.conditions: list[tuple[Find, str]] = []

    def hold(self, sizes: Any) -> str | None:
        """None where all that was found out is so for these sizes too; else what is not."""
        for holds, words in self.conditions:
            if not holds(sizes):
                return words
        return None


class Computed:
    """A number with the way in which it is found; no subclass of int, whose value C code would take without asking."""

    __slots__ = ("find", "notes", "value")

    def __init__(self, notes: Any, value: Any, find: Find) -> None:
        self.notes, self.value, self.find = notes, value, find

    def fixed(self) -> Any:
        """The number, which must be this one from now on."""
        find, value = self.find, self.value
        self.notes.conditions.append((lambda sizes: find(sizes) == value, f"a size is {value}"))
        return value

    def of(self, function: Callable[..., Any], *operands: Any) -> Any:
        """A function of operands, of which this is one, as a computed number."""
        finds = [x.find if isinstance(x, Computed) else None for x in operands]
        values = [x.value if isinstance(x, Computed) else x for x in operands]

        def find(sizes: Any) -> Any:
            return function(*[value if find is None else find(sizes)
                              for find, value in zip(finds, values, strict=True)])

        return self.made(function(*values), find, function, operands)

    def made(self, value: Any, find: Find, function: Callable[..., Any], operands: Sequence[Any]) -> Computed:
        """What becomes of the ``value`` of a function, and of how it is found."""
        return type(self)(self.notes, value, find)

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __divmod__(self: Any, other: Any) -> Any:
        return self // other, self % other

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.fixed(), digits)

    def __trunc__(self) -> Any:
        return math.trunc(self.fixed())

    def __floor__(self) -> Any:
        return math.floor(self.fixed())

    def __ceil__(self) -> Any:
        return math.ceil(self.fixed())


def _number(other: object) -> bool:
    return type(other) in (int, float, bool) or isinstance(other, Computed)


def _arithmetic(function: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def forward(self: Computed, other: Any) -> Any:
        return self.of(function, self, other) if _number(other) else NotImplemented

    def reflected(self: Computed, other: Any) -> Any:
        return self.of(function, other, self) if _number(other) else NotImplemented

    return forward, reflected


def _of_one(function: Callable[[Any], Any]) -> Any:
    return lambda self: self.of(function, self)


def _comparison(function: Callable[[Any, Any], bool], word: str) -> Any:
    def compare(self: Computed, other: Any) -> Any:
        if not _number(other):
            return NotImplemented
        outcome = self.of(function, self, other)
        find, found = outcome.find, outcome.value
        its = other.value if isinstance(other, Computed) else other
        words = f"{self.value} {word} {its} is {found} of sizes"
        self.notes.conditions.append((lambda sizes: find(sizes) is found, words))
        return found

    return compare


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    _forward, _reflected = _arithmetic(getattr(operator, _name))
    setattr(Computed, f"__{_name}__", _forward)
    setattr(Computed, f"__r{_name}__", _reflected)
for _name, _word in {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items():
    setattr(Computed, f"__{_name}__", _comparison(getattr(operator, _name), _word))
for _name in ("neg", "pos", "abs"):
    setattr(Computed, f"__{_name}__", _of_one(getattr(operator, _name)))


# --- floats -----------------------------------------------------------------------------------------------------------


def _near(number: float) -> int | None:
    return round(number) if abs(number) < 2**31 else None


FORMS: tuple[tuple[Callable[[float, float], int | None], Callable[[float, int], float]], ...] = (
    (lambda c, f: _near(c / f) if f else None, lambda c, m: c / m if m else math.nan),  # a mean
    (lambda c, f: _near(f / c), lambda c, m: c * m),
    (lambda c, f: _near(f / (f - c)) if f != c else None, lambda c, m: c * (m / (m - 1)) if m != 1 else math.nan),
)
"""What floats of sizes are, and how the integer in them is found: the last is that of a variance's estimate."""


def floats_in(things: Any) -> Iterator[float]:
    """The floats in operands and parameters."""
    if type(things) is float and things and things == things and abs(things) != math.inf:
        yield things
    elif type(things) in (tuple, list):
        for thing in things:
            yield from floats_in(thing)
