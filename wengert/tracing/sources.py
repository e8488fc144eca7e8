"""Where a program finds a tensor of the user's: among the arguments, bound to it, or as the gradient of either."""

from __future__ import annotations

from collections.abc import Sequence

from ..tensors.tape import Leaf
from ..tensors.tensor import Tensor


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


class Gradient:
    """The ``.grad`` of a leaf, whichever tensor is there at the time."""

    def __init__(self, owner: Argument | Captured) -> None:
        self.owner, self.name = owner, f"{owner.name}.grad"

    def find(self, arguments: Sequence[Tensor]) -> Tensor | None:
        leaf = self.owner.find(arguments)._edge
        return leaf.grad if type(leaf) is Leaf else None


Source = Argument | Captured | Gradient
