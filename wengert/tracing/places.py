"""Places where Python code found something: what was there when it was noted, whether it still is, how to put it back.

A recording notes places (`reads`) and a program guards them (`program`). The one idea to know: a place keeps what it
found, so that asking whether the same is there now is one comparison, and of a tensor it keeps only that there was one.
"""

from __future__ import annotations

import enum
import types
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.device import device
from ..core.dtypes import DType
from ..tensors.tensor import Tensor
from .questions import Questions

MISSING = object()
"""What is found where nothing is."""
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), DType, device, np.generic, enum.Enum)
MOST = 1000
"""Into the members of longer containers nobody looks; which they are is guarded."""
MANY = 100
"""Up to so many entries of a dict, and tensors of a list, are places of their own."""


class Read:
    """A place where Python code found something: the entry ``key`` of a dict (of globals, attributes, or a plain one),
    a closure's cell, or the members of a list or set. ``words`` is what the user calls it, ``owner`` the object whose
    place it is."""

    __slots__ = ("container", "key", "owner", "value", "words")

    def __init__(self, container: Any, key: Any, words: str, owner: object) -> None:
        self.container, self.key, self.words, self.owner = container, key, words, owner
        self.value = self.now()

    def now(self) -> Any:
        """What is there now."""
        container = self.container
        if type(container) is types.CellType:
            try:
                return container.cell_contents
            except ValueError:  # the variable has been deleted
                return MISSING
        if isinstance(container, (list, set, deque)) or self.key is MISSING:
            return tuple(container)
        found: Any = container.get(self.key, MISSING) if type(container) is types.MappingProxyType else dict.get(
            container, self.key, MISSING)
        return found

    def holds(self) -> bool:
        """Whether the same is there as when it was noted: the same object, or an equal plain one."""
        now = self.now()
        return now is self.value or (self.value.holds(now) if type(self.value) is Same else alike(now, self.value))

    def questions(self, name: Questions) -> list[str]:
        """Questions that are all answered with yes where the place holds the very object that it holds now."""
        container, now = self.container, self.now()
        if type(container) is types.CellType and now is not MISSING:
            return [f"{name(container)}.cell_contents is {name(now)}"]
        if type(container) is list:
            return [name.members(name(container), now)]
        if type(container) in (dict, types.MappingProxyType):
            if self.key is MISSING:
                return [f"tuple({name(container)}) == {name(now)}" if now else f"not {name(container)}"]
            if now is MISSING:
                return [f"{name(self.key)} not in {name(container)}"]
            return [f"{name(container)}[{name(self.key)}] is {name(now)}"]
        return [f"{name(self.holds)}()"]

    def put_back(self) -> None:
        """Makes the place what it was."""
        container = self.container
        if type(container) is types.CellType:
            container.cell_contents = self.value
        elif isinstance(container, list):
            container[:] = self.value
        elif isinstance(container, deque):
            container.clear()
            container.extend(self.value)
        elif isinstance(container, set):
            container.clear()
            container.update(self.value)
        elif self.key is MISSING:
            for key in [key for key in container if key not in self.value]:
                del container[key]
        elif self.value is MISSING:
            container.pop(self.key, None)
        elif isinstance(container, dict):
            container[self.key] = self.value
        else:  # the names of a class
            setattr(self.owner, self.key, self.value)

    def is_replaced(self) -> bool:
        """Whether there is a tensor in the place of another one, or of nothing, which can be put there again."""
        return self.is_single() and replaces(self.now(), self.value)

    def is_single(self) -> bool:
        """Whether it is the place of one thing, and not of all members of a list, or of all keys."""
        return self.key is not MISSING and isinstance(self.container, (
            types.CellType, dict, types.MappingProxyType))

    def put(self, tensor: Any) -> None:
        """Puts a tensor there, or what there was."""
        if type(self.container) is types.CellType:
            self.container.cell_contents = tensor
        elif isinstance(self.container, dict):
            self.container[self.key] = tensor
        else:  # the names of a class
            setattr(self.owner, self.key, tensor)

    def has_grown_by(self, others: Sequence[Read]) -> bool:
        """Whether it is the keys of a dict, which has only those more that other places put there, or the members of a
        list, of which only those are others that other places put there."""
        if type(self) is not Read:
            return False
        keys = {other.key for other in others if other.container is self.container}
        if isinstance(self.container, (list, deque)):
            now = self.now()
            return bool(keys) and len(now) == len(self.value) and all(
                number in keys or now[number] is was for number, was in enumerate(self.value))
        return self.key is MISSING and isinstance(self.container, dict) and set(self.now()) == {*self.value, *keys}

    def settled(self, first: Callable[[Tensor], Read]) -> Any:
        """What is guarded in the end: of a tensor that there is one, or the same as at the place where it was found
        ``first``; of one among a list's, which has a place of its own, that there is one."""
        if isinstance(self.value, Tensor):
            found = first(self.value)
            return Same(None if found is self else found)
        if type(self) is Read and isinstance(self.container, (list, deque)) and len(self.value) <= MANY:
            return tuple([Same(None) if isinstance(each, Tensor) else each for each in self.value])
        return self.value

    def change(self) -> str:
        """What has changed, in words."""
        return f"{self.words} was {_said(self.value)} then and is {_said(self.now())} now"


Quick = Callable[[Questions], list[str] | None]


class Look(Read):
    """Something that a function finds; it can be looked at, and compared, and not put back. ``quick`` gives its
    questions, where there are simpler ones than to look again."""

    __slots__ = ("quick",)

    def __init__(self, find: Callable[[], Any], words: str, owner: Any, quick: Quick | None = None) -> None:
        self.quick = quick
        super().__init__(find, None, words, owner)

    def now(self) -> Any:
        return self.container()

    def questions(self, name: Questions) -> list[str]:
        found = None if self.quick is None else self.quick(name)
        return [f"{name(self.holds)}()"] if found is None else found

    def put_back(self) -> None:
        """Nothing: what is looked at is not what a recorded function changes."""


class Entries(Read):
    """All entries of a dict that has many."""

    __slots__ = ()

    def now(self) -> Any:
        return tuple(self.container), tuple(self.container.values())

    def questions(self, name: Questions) -> list[str]:
        keys, values = self.now()
        container = name(self.container)
        return [name.members(container, keys), name.members(f"{container}.values()", values)]

    def put_back(self) -> None:
        self.container.clear()
        self.container.update(zip(*self.value, strict=True))


class Attribute(Read):
    """An attribute that has a slot of its own in an object, by the descriptor of the slot."""

    __slots__ = ()

    def now(self) -> Any:
        try:
            return self.container.__get__(self.owner)
        except AttributeError:
            return MISSING

    def questions(self, name: Questions) -> list[str]:
        return [f"{name(self.holds)}()"]

    def put_back(self) -> None:
        if self.value is MISSING:
            self.container.__delete__(self.owner)
        else:
            self.container.__set__(self.owner, self.value)

    def is_single(self) -> bool:
        return True

    def put(self, tensor: Any) -> None:
        self.container.__set__(self.owner, tensor)


class Member(Read):
    """The tensor, or the room for one, of this number in a list."""

    __slots__ = ()

    def now(self) -> Any:
        return self.container[self.key] if self.key < len(self.container) else MISSING

    def questions(self, name: Questions) -> list[str]:
        return [f"{name(self.container)}[{self.key}] is {name(self.now())}"]

    def put_back(self) -> None:
        """Nothing: that is done for all members of the list."""

    def is_single(self) -> bool:
        return True

    def put(self, tensor: Any) -> None:
        self.container[self.key] = tensor


class Numbers(Read):
    """The numbers of an array of numpy."""

    __slots__ = ()

    def questions(self, name: Questions) -> list[str]:
        return [f"{name(self.holds)}()"]

    def now(self) -> Any:
        return self.container.copy()

    def holds(self) -> bool:
        return bool(np.array_equal(self.container, self.value, equal_nan=self.value.dtype.kind in "fc"))

    def put_back(self) -> None:
        np.copyto(self.container, self.value)


class Chance(Read):
    """The state of a generator of numpy's random numbers."""

    __slots__ = ()

    def questions(self, name: Questions) -> list[str]:
        return [f"{name(self.holds)}()"]

    def now(self) -> Any:
        source = self.container
        return source.get_state(legacy=False) if isinstance(source, np.random.RandomState) else \
            source.bit_generator.state

    def holds(self) -> bool:
        return _same_state(self.now(), self.value)

    def put_back(self) -> None:
        if isinstance(self.container, np.random.RandomState):
            self.container.set_state(self.value)
        else:
            self.container.bit_generator.state = self.value


def _same_state(now: Any, was: Any) -> bool:
    """Whether two states of a generator are the same: numbers, words and arrays, in dicts."""
    if isinstance(was, dict):
        return now.keys() == was.keys() and all([_same_state(now[key], part) for key, part in was.items()])
    return bool(np.array_equal(now, was))


class Same:
    """Stands for a tensor, or something else of a ``kind``, that was found: there must be one, and if it was found at
    ``first`` too, the one there."""

    __slots__ = ("first", "kind")

    def __init__(self, first: Read | None, kind: type = Tensor) -> None:
        self.first, self.kind = first, kind

    def holds(self, now: object) -> bool:
        return isinstance(now, self.kind) and (self.first is None or self.first.now() is now)


def alike(x: Any, y: Any) -> bool:
    """Whether two plain values are of one type and equal (NaN to itself); of tuples, whether their members are."""
    if type(y) is Same:
        return y.holds(x)
    if type(x) is not type(y):
        return False
    if type(x) in (tuple, frozenset):
        return len(x) == len(y) and (x == y if type(x) is frozenset else all(
            a is b or alike(a, b) for a, b in zip(x, y, strict=True)))
    return isinstance(x, PLAIN) and bool(x == y or (x != x and y != y))


def replaces(now: object, before: object) -> bool:
    """Whether there is a tensor in the place of another one, or of nothing, which can be put there again."""
    return type(now) is Tensor and now is not before and (
        before is None or before is MISSING or isinstance(before, Tensor))


def is_plain(value: object) -> bool:
    """Whether a value is a number, a string, None, an enum or the like, or a tuple of these."""
    if type(value) is tuple or type(value) is frozenset:
        return len(value) <= MOST and all(map(is_plain, value))
    return isinstance(value, PLAIN)


def _said(value: object) -> str:
    if value is MISSING:
        return "absent"
    return f"{value!r:.60}" if is_plain(value) else f"a {type(value).__name__}"
