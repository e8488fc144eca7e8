"""What a tensor of the ``meta`` device holds in the place of an array: how it would lie in memory, and no memory.

The one idea to know: shape, strides and offset of an `Absent` are numpy's own, kept in a *ghost*, an array that claims
to lie where nothing is. Views of it are numpy's views; nobody reads or writes it. Whatever else asks an `Absent` for
its elements is told that there are none (`NoDataError`), and by that error operations notice the unusual operand: the
plain path never looks for it. What they then do is in `nowhere`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from ..core.errors import NoDataError
from ..core.geometry import LARGEST, check_inside, row_major, strided_view
from .evaluation import Unseen, tracing

Ghost = np.ndarray[Any, Any]


class Absent(Unseen):
    """The data of a meta tensor: a ghost, and the ghost of the whole memory of which it is a part."""

    __slots__ = ("__weakref__", "ghost", "root")

    def __init__(self, ghost: Ghost, root: Ghost) -> None:
        self.ghost, self.root = ghost, root

    @property
    def shape(self) -> tuple[int, ...]:
        return self.ghost.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.ghost.dtype

    @property
    def strides(self) -> tuple[int, ...]:
        return self.ghost.strides

    @property
    def ndim(self) -> int:
        return self.ghost.ndim

    @property
    def size(self) -> int:
        return self.ghost.size

    @property
    def itemsize(self) -> int:
        return self.ghost.itemsize

    @property
    def nbytes(self) -> int:
        return self.ghost.nbytes

    @property
    def flags(self) -> Any:
        return self.ghost.flags

    @property
    def offset(self) -> int:
        """Where it begins in its memory, in elements."""
        there, start = self.ghost.__array_interface__["data"][0], self.root.__array_interface__["data"][0]
        return int(there - start) // self.itemsize

    def part(self, ghost: Ghost) -> Absent:
        """A view: the same memory, as ``ghost`` shows it."""
        return Absent(ghost, self.root)

    def again(self) -> Absent:
        """Another memory, densely filled in this one's order."""
        return absent(self.shape, self.dtype, row_major(self.shape) if 0 in self.strides else dense_like(self))

    __array_ufunc__ = None

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        if function is np.copyto and type(arguments[0]) is Absent:
            return None  # what is written nowhere is gone
        self._refuse("")

    def _arithmetic(self, *_: Any) -> NoReturn:
        self._refuse("")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _arithmetic
    __floordiv__ = __mod__ = __pow__ = __matmul__ = __and__ = __or__ = __xor__ = __invert__ = __neg__ = _arithmetic
    __lt__ = __le__ = __gt__ = __ge__ = __getitem__ = __setitem__ = __iter__ = _arithmetic
    __eq__ = __ne__ = _arithmetic
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"Absent({self.dtype}{list(self.shape)})"

    def _refuse(self, what: str) -> NoReturn:
        raise NoDataError("[meta] an operation needs the elements of a tensor, and one of the meta device has none: "
                          "Cannot copy out of meta tensor; no data! Make it on the CPU (to_empty(device='cpu') for a "
                          "module), or compute what depends on shapes alone")


def absent(shape: Sequence[int], dtype: np.dtype[Any], strides: Sequence[int] | None = None) -> Absent:
    """New data of a shape and strides (in elements; rows, if None) that lies nowhere. Raises `ShapeError` where its
    bytes could not be counted."""
    steps = row_major(shape) if strides is None else strides
    check_inside("meta", LARGEST // max(dtype.itemsize, 1), shape, steps, 0)
    seed = np.empty(1, dtype)
    ghost = strided_view(seed, tuple(shape), [step * dtype.itemsize for step in steps])
    ghost.flags.writeable = False
    return Absent(ghost, ghost)


def dense_like(data: Any, shape: Sequence[int] | None = None) -> tuple[int, ...]:
    """The strides, in elements, of what fills its memory densely with its dimensions in the order of those of ``data``,
    an array or an `Absent` of as many dimensions."""
    sizes, steps = data.shape if shape is None else shape, [0] * data.ndim
    count = 1
    for dim in sorted(range(data.ndim), key=lambda dim: (data.strides[dim], -dim)):
        steps[dim] = count
        count *= max(sizes[dim], 1)
    return tuple(steps)


def is_readable(tensor: Any) -> bool:
    """Whether a tensor's elements are there to be looked at: nothing is traced, and it is not on the meta device."""
    return not tracing() and type(tensor._data) is not Absent


def is_absent(tensor: Any) -> bool:
    """Whether a tensor is on the meta device."""
    return type(tensor._data) is Absent
