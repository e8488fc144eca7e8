"""Sizes that Python code reads while it is recorded for many of them: what is computed with one is known for others.

The one idea to know: a recording that is to serve other sizes must not know its own. So where the user's code asks a
tensor for a size it gets a `TracedSize`: arithmetic with it gives further ones, a comparison has the outcome that it
has now and is noted, and what needs to know the number (``range(n)``, ``f"{n}"``) fixes it. Wengert's own code gets
plain numbers; which of these change with a size, and how, is found out by comparing recordings (`generalised`).
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Sequence
from inspect import unwrap
from typing import Any

from ..ops.conversion import numel
from ..tensors.tensor import Tensor
from .whose import is_ours

Found = Callable[[Sequence[int]], Any]
"""Works out a number from the sizes that were read, in their order."""

_ASKING = {getattr(function, "__code__", None) for function in (
    vars(Tensor)["shape"].fget, vars(Tensor)["nbytes"].fget, Tensor.size, Tensor.numel, Tensor.stride, Tensor.__len__,
    numel, unwrap(numel))}
"""Wengert's code that gives sizes to whoever calls it."""


class SizeNotes:
    """What is noted about sizes during one recording.

    ``read`` are the sizes that the user's code asked for, ``conditions`` what was found out about them, as functions of
    these, and ``given`` what the user's code computed of them and gave to an operation.
    """

    def __init__(self) -> None:
        self.read: list[int] = []
        self.conditions: list[tuple[Found, str]] = []
        self.given: list[Found] = []

    def shape(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        """A shape that somebody asks for: sizes to be traced, if that is the user's code."""
        return tuple(map(self._size, shape)) if _is_asked_by_user(sys._getframe(2)) else shape

    def fix(self, shape: tuple[int, ...]) -> None:
        """Fixes a shape, if it is the user's code that asks for what depends on all of it."""
        if _is_asked_by_user(sys._getframe(2)):
            for size in shape:
                self._size(size).fixed()

    def _size(self, size: int) -> TracedSize:
        place = len(self.read)
        self.read.append(size)
        return TracedSize(self, size, lambda sizes: sizes[place])

    def hold(self, read: Sequence[int]) -> str | None:
        """None where all that was found out is so for these sizes too; else what is not."""
        for holds, words in self.conditions:
            if not holds(read):
                return words
        return None


def _is_asked_by_user(frame: Any) -> bool:
    while frame.f_code in _ASKING:
        frame = frame.f_back
    return not is_ours(frame.f_code.co_filename)


class TracedSize:
    """A number computed from sizes; ``isinstance(size, int)`` holds where it is one."""

    __slots__ = ("_find", "_notes", "value")

    __class__ = property(lambda self: type(self.value))

    def __init__(self, notes: SizeNotes, value: Any, find: Found) -> None:
        self._notes, self.value, self._find = notes, value, find

    def fixed(self) -> Any:
        """The number, which is part of the recording from now on."""
        find, value = self._find, self.value
        self._notes.conditions.append((lambda read: find(read) == value, f"a size is {value}"))
        return value

    def taken(self) -> Any:
        """The number, for wengert's own code, which may compute with it."""
        self._notes.given.append(self._find)
        return self.value

    def _asked(self) -> Any:
        """The number for whoever asks for it, two calls up from here: the user's code, or wengert's."""
        code = sys._getframe(2).f_code
        return self.taken() if code not in _ASKING and is_ours(code.co_filename) else self.fixed()

    def __index__(self) -> int:
        return int(self._asked())

    def __int__(self) -> int:
        return int(self._asked())

    def __float__(self) -> float:
        return float(self._asked())

    def __complex__(self) -> complex:
        return complex(self._asked())

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __hash__(self) -> int:
        return hash(self.fixed())

    def __repr__(self) -> str:
        return repr(self.fixed())

    def __format__(self, form: str) -> str:
        return format(self.fixed(), form)

    def __reduce__(self) -> tuple[Any, ...]:
        value = self.fixed()
        return type(value), (value,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fixed(), name)

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
    return type(other) in (int, float, bool, TracedSize)


def _computed(function: Callable[..., Any], *operands: Any) -> Any:
    """A function of traced sizes and numbers, as a traced size."""
    traced = next(x for x in operands if type(x) is TracedSize)
    finds = [x._find if type(x) is TracedSize else None for x in operands]
    values = [x.value if type(x) is TracedSize else x for x in operands]

    def find(read: Sequence[int]) -> Any:
        return function(*[value if find is None else find(read) for find, value in zip(finds, values, strict=True)])

    return TracedSize(traced._notes, function(*values), find)


def _arithmetic(function: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def forward(self: TracedSize, other: Any) -> Any:
        return _computed(function, self, other) if _number(other) else NotImplemented

    def reflected(self: TracedSize, other: Any) -> Any:
        return _computed(function, other, self) if _number(other) else NotImplemented

    return forward, reflected


def _of_one(function: Callable[[Any], Any]) -> Any:
    return lambda self: _computed(function, self)


def _comparison(function: Callable[[Any, Any], bool], word: str) -> Any:
    def compare(self: TracedSize, other: Any) -> Any:
        if not _number(other):
            return NotImplemented
        outcome = _computed(function, self, other)
        find, found = outcome._find, outcome.value
        its = other.value if type(other) is TracedSize else other
        words = f"{self.value} {word} {its} is {found} of sizes"
        self._notes.conditions.append((lambda read: find(read) is found, words))
        return found

    return compare


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    _forward, _reflected = _arithmetic(getattr(operator, _name))
    setattr(TracedSize, f"__{_name}__", _forward)
    setattr(TracedSize, f"__r{_name}__", _reflected)
for _name, _word in {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items():
    setattr(TracedSize, f"__{_name}__", _comparison(getattr(operator, _name), _word))
for _name in ("neg", "pos", "abs"):
    setattr(TracedSize, f"__{_name}__", _of_one(getattr(operator, _name)))
