"""Sizes that Python code reads while it is recorded for many of them: what is computed with one is known for others.

The one idea to know: a recording that is to serve other sizes must not know its own. So where the user's code asks a
tensor for a size it gets a `TracedSize`: arithmetic with it gives further ones, a comparison has the outcome that it
has now and is noted, and what needs to know the number (``range(n)``, ``f"{n}"``) fixes it. Wengert's own code gets
plain numbers; which of these change with a size, and how, is found out by comparing recordings (`generalised`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from inspect import unwrap
from types import CodeType
from typing import Any

from ..core.computed import Computed, Conditions
from ..ops.conversion import numel
from ..tensors.overrides import code_of, is_in_between
from ..tensors.tensor import Tensor
from .whose import is_ours

Found = Callable[[Sequence[int]], Any]
"""Works out a number from the sizes that were read, in their order."""

_ASKING = {code_of(function) for function in (
    vars(Tensor)["shape"].fget, vars(Tensor)["nbytes"].fget, Tensor.size, Tensor.numel, Tensor.stride, Tensor.__len__,
    numel, unwrap(numel))}
"""Wengert's code that gives sizes to whoever calls it."""


class SizeNotes(Conditions):
    """What is noted about sizes during one recording.

    ``read`` are the sizes that the user's code asked for, ``conditions`` what was found out about them, as functions of
    these, and ``given`` what the user's code computed of them and gave to an operation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.read: list[int] = []
        self.given: list[Found] = []

    def shape(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        """A shape that somebody asks for: sizes to be traced, if that is the user's code; fixed where that may ask for
        their type, which is another one."""
        asks = _asking(sys._getframe(2))
        if is_ours(asks.co_filename):
            return shape
        sizes = tuple(map(self._size, shape))
        return tuple([size.fixed() for size in sizes]) if "type" in asks.co_names else sizes

    def fix(self, shape: tuple[int, ...]) -> None:
        """Fixes a shape, if it is the user's code that asks for what depends on all of it."""
        if not is_ours(_asking(sys._getframe(3)).co_filename):  # behind the traced array's attribute
            for size in shape:
                self._size(size).fixed()

    def _size(self, size: int) -> TracedSize:
        place = len(self.read)
        self.read.append(size)
        return TracedSize(self, size, lambda sizes: sizes[place])


def _asking(frame: Any) -> CodeType:
    """The code that asks, behind what gives sizes."""
    while frame.f_code in _ASKING or is_in_between(frame.f_code):
        frame = frame.f_back
    code: CodeType = frame.f_code
    return code


class TracedSize(Computed):
    """A number computed from sizes; ``isinstance(size, int)`` holds where it is one."""

    __slots__ = ()

    __class__ = property(lambda self: type(self.value))

    def taken(self) -> Any:
        """The number, for wengert's own code, which may compute with it."""
        self.notes.given.append(self.find)
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

    def __floor__(self) -> Any:
        return self.of(math.floor, self)

    def __ceil__(self) -> Any:
        return self.of(math.ceil, self)

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
