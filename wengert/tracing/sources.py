"""Where a program finds a tensor of the user's: among the arguments, bound to it, or as the gradient of either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.state import state
from ..tensors.tape import Leaf
from ..tensors.tensor import Tensor, make
from .places import Read
from .values import Step


def resting_grad_of(tensor: Tensor) -> Tensor | None:
    """The gradient that a tensor that requires none has from when it did."""
    found: Tensor | None = None if tensor._rare is None else tensor._rare.get("grad")
    return found


class Argument:
    """The tensor at a place among the flattened arguments."""

    def __init__(self, place: int, name: str) -> None:
        self.place, self.name = place, name

    def find(self, arguments: Sequence[Tensor]) -> Tensor:
        return arguments[self.place]


class Captured:
    """A tensor that the function met outside its arguments; the program keeps it alive."""

    def __init__(self, tensor: Tensor, name: str) -> None:
        self.tensor, self.name = tensor, name

    def find(self, arguments: Sequence[Tensor]) -> Tensor:
        return self.tensor


class Found:
    """The tensor at a place that Python code reads (a variable, an attribute), whichever is there at the time."""

    def __init__(self, read: Read, name: str) -> None:
        self.read, self.name = read, name

    def find(self, arguments: Sequence[Any]) -> Any:
        return self.read.now()


class Held:
    """A tensor on the memory of the array of numpy at a place that Python code reads, whichever is there then."""

    def __init__(self, read: Read, name: str) -> None:
        self.read, self.name = read, name

    def find(self, arguments: Sequence[Any]) -> Any:
        found = self.read.now()
        return outside(found) if type(found) is np.ndarray else None


class Gradient:
    """The ``.grad`` of a leaf, whichever tensor is there at the time."""

    def __init__(self, owner: Owner) -> None:
        self.owner, self.name = owner, f"{owner.name}.grad"

    def find(self, arguments: Sequence[Tensor]) -> Tensor | None:
        tensor = self.owner.find(arguments)
        leaf = tensor._edge
        return leaf.grad if type(leaf) is Leaf else resting_grad_of(tensor)


class Part:
    """A view of the user's tensor at ``whole``, by ``steps``; ``detached`` from its history, or with it."""

    def __init__(self, whole: Owner, steps: Sequence[Step], name: str, detached: bool) -> None:
        self.whole, self.steps, self.name, self.detached = whole, steps, name, detached

    def find(self, arguments: Sequence[Tensor]) -> Tensor:
        return viewed(self.whole.find(arguments), self.steps, self.detached)


class Among:
    """A view of another result, the one at ``place``."""

    def __init__(self, place: int, steps: Sequence[Step], detached: bool) -> None:
        self.place, self.steps, self.detached = place, steps, detached
        self.name = f"a view of result {place}"

    def find(self, results: dict[int, Tensor]) -> Tensor:
        return viewed(results[self.place], self.steps, self.detached)


class Begun:
    """A leaf that the function has made and given back, the result at ``place``."""

    def __init__(self, place: int) -> None:
        self.place, self.name = place, f"result {place}"


def outside(array: np.ndarray) -> Tensor:
    """A tensor on the memory of an array, in which a recording that is going on has no part."""
    watcher, state.watcher = state.watcher, None
    try:
        return make(array, None)
    finally:
        state.watcher = watcher


def viewed(tensor: Tensor, steps: Sequence[Step], detached: bool) -> Tensor:
    """A view of a tensor by these steps."""
    found: Any = tensor.detach() if detached else tensor
    for primitive, params in steps:
        found = primitive(found, **params)
    made: Tensor = found
    return made


Owner = Argument | Captured | Found | Held
Source = Owner | Gradient


class FloatArgument:
    """The float of this number among the arguments."""

    def __init__(self, place: int, name: str) -> None:
        self.place, self.name = place, name

    def find(self, floats: Sequence[float]) -> Any:
        return floats[self.place]

    def takes(self, value: object) -> bool:
        """Whether a value can be there."""
        return type(value) is float


class IntArgument(FloatArgument):
    """The integer of this number among the floats of the arguments."""

    def takes(self, value: object) -> bool:
        return type(value) is int and abs(value) < 2**31  # so that few products leave 64 bits


class Setting:
    """The float ``key`` of an optimiser's group, or the ``place``-th of a tuple of them."""

    def __init__(self, group: dict[str, Any], key: str, place: int | None) -> None:
        self.group, self.key, self.place = group, key, place
        self.name = key if place is None else f"{key}.{place}"

    def find(self, floats: Sequence[float]) -> Any:
        found = self.group.get(self.key)
        if self.place is None:
            return found
        return found[self.place] if type(found) is tuple and len(found) > self.place else None

    def takes(self, value: object) -> bool:
        """Whether a value can be there."""
        return type(value) is float


QuantitySource = FloatArgument | Setting
