"""Arrays of numpy that a recorded function reads: inputs, where nothing but tensors is made of them.

The one idea to know: while a function is recorded something else stands at the place of such an array, through which
all goes that asks for a number of it. Where nothing has asked when the function has ended, its numbers are no part of
the recording: the memory is a state, as a tensor's is. Where something has, they are guarded.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .whose import is_ours

_OF_NO_NUMBERS = frozenset({"shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides", "flags"})
"""Attributes that say nothing of numbers."""


class StandIn:
    """What stands for an array. Whatever asks for its numbers, as all does but wengert's own `from_numpy`, is noted."""

    __slots__ = ("_is_looked_at", "_numbers")

    def __init__(self, array: np.ndarray) -> None:
        object.__setattr__(self, "_numbers", array)
        object.__setattr__(self, "_is_looked_at", False)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # so that isinstance() says what it says of the array
        return np.ndarray

    def __getattr__(self, name: str) -> Any:
        if name not in _OF_NO_NUMBERS:
            look(self)
        return getattr(_array(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        look(self)
        setattr(_array(self), name, value)

    def view(self, *arguments: Any, **named: Any) -> Any:
        """The array itself, where `from_numpy` asks for it."""
        if arguments != (np.ndarray,) or not is_ours(sys._getframe(1).f_code.co_filename):
            look(self)
        return _array(self) if arguments == (np.ndarray,) else _array(self).view(*arguments, **named)

    def __len__(self) -> int:
        return len(_array(self))

    def __array__(self, *arguments: Any, **named: Any) -> Any:
        look(self)
        return np.asarray(_array(self), *arguments)

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **named: Any) -> Any:
        if "out" in named:
            named["out"] = tuple(map(unwrapped, named["out"]))
        return getattr(ufunc, method)(*map(unwrapped, given), **named)

    def __array_function__(self, function: Any, types: Any, given: Any, named: Any) -> Any:
        return function(*_all_unwrapped(given), **_all_unwrapped(named))


def _array(stand_in: StandIn) -> np.ndarray:
    found: np.ndarray = object.__getattribute__(stand_in, "_numbers")
    return found


def look(stand_in: StandIn) -> None:
    """Notes that something asks for numbers."""
    object.__setattr__(stand_in, "_is_looked_at", True)


def is_looked_at(stand_in: StandIn) -> bool:
    """Whether something has asked for numbers."""
    return bool(object.__getattribute__(stand_in, "_is_looked_at"))


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays hold the same numbers, NaN too."""
    return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")


def plain_array(array: Any) -> Any:
    """The array itself, of what may stand for one. Asks for no number."""
    return _array(array) if type(array) is StandIn else array


def unwrapped(thing: Any) -> Any:
    """The array that a thing stands for, which is looked at; anything else as it is."""
    if type(thing) is not StandIn:
        return thing
    look(thing)
    return _array(thing)


def _all_unwrapped(things: Any) -> Any:
    if type(things) in (tuple, list):
        return type(things)(map(_all_unwrapped, things))
    if type(things) is dict:
        return {key: _all_unwrapped(value) for key, value in things.items()}
    return unwrapped(things)


def _forwarding(name: str) -> Any:
    def forward(self: StandIn, *given: Any) -> Any:
        return getattr(unwrapped(self), name)(*map(unwrapped, given))

    forward.__name__ = name
    return forward


for _name in dir(np.ndarray):
    # Special methods are looked for in the class alone; those of every object, and those above, are there.
    if _name.startswith("__") and callable(getattr(np.ndarray, _name)) and _name not in StandIn.__dict__ and (
            getattr(object, _name, None) is not getattr(np.ndarray, _name)) and _name not in (
            "__class__", "__new__", "__init__", "__getattribute__", "__delattr__", "__init_subclass__",
            "__subclasshook__", "__dir__", "__array_finalize__", "__array_wrap__", "__class_getitem__", "__sizeof__"):
        setattr(StandIn, _name, _forwarding(_name))
