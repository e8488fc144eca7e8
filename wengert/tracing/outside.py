"""What a recording knows of the user's tensors: the gradient of a leaf, and where a tensor on captured memory is found.

These tensors are outside: the recorder never writes to them, and a program looks for them again at each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy
from ..core.spec import Spec, new_tuple
from ..tensors.tape import Leaf
from ..tensors.tensor import Tensor
from .sources import Owner, Source, resting_grad_of
from .values import Step


class Slot:
    """The ``.grad`` of one leaf, or of what is none yet, while recording: what it was, which tensor it holds now.

    Whether there was one is part of a recording only if it was ``looked`` at before it was ``assigned``.
    """

    __slots__ = ("_current", "assigned", "leaf", "looked", "source", "was")

    def __init__(self, leaf: Leaf | None, source: Owner | None, was: Tensor | None) -> None:
        self.leaf, self.source, self.was, self._current = leaf, source, was, was
        self.looked = self.assigned = False

    @property
    def current(self) -> Any:
        self.looked = self.looked or not self.assigned
        return self._current

    @current.setter
    def current(self, value: Tensor | None) -> None:
        self._current, self.assigned = value, True

    def holds(self, tensor: Tensor | None) -> bool:
        """Whether it holds this tensor. Asking does not count as a look: whoever has the tensor has looked before."""
        return self._current is tensor


class Binding:
    """A tensor of the user's on a captured memory: where to find it, and how it lay there when recorded."""

    __slots__ = ("hooks", "requires_grad", "source", "spec", "steps")

    def __init__(self, source: Source, tensor: Tensor, steps: tuple[Step, ...]) -> None:
        self.source, self.steps, self.spec = source, steps, spec_of(tensor._data)
        self.requires_grad = tensor._edge is not None
        self.hooks = hooks_of(tensor)

    def find(self, arguments: Sequence[Tensor]) -> Tensor:
        """The tensor, which is known to be there."""
        tensor = self.source.find(arguments)
        assert tensor is not None, self.source.name
        return tensor


def hooks_of(tensor: Tensor) -> tuple[Any, ...]:
    """The hooks on the gradient of a leaf."""
    rare = getattr(tensor._edge, "rare", None)
    if rare is None:
        return ()
    return (*[hook for hooks in rare.get("tensor_hooks", {}).values() for hook in hooks.values()],
            *rare.get("post_hooks", {}).values())


def has_resting_grad(tensor: Tensor) -> bool:
    """Whether a tensor that requires none has a gradient from when it did."""
    return resting_grad_of(tensor) is not None


def spec_of(array: np.ndarray) -> Spec:
    """The spec of an array."""
    return new_tuple(Spec, (array.shape, from_numpy(array.dtype), "cpu"))
