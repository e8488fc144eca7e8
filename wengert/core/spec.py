"""Shapes and specs: what is known of a value without its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from .dtypes import DType
from .errors import KindError, OutOfRangeError, ShapeError, TooLargeError

Shape = tuple[int, ...]


new_tuple = tuple.__new__


def _size(place: int, n: Any) -> Any:
    """One size as an int; what stands for one while a program is recorded stays as it is."""
    if isinstance(n, int):
        return n
    try:
        whole = n.__index__() if hasattr(n, "_data") or isinstance(n, np.integer) else n
    except TypeError:
        whole = None
    if whole is None or isinstance(whole, (float, complex, str, bytes, tuple, list)):
        raise TypeError(f"torch.Size() takes an iterable of 'int' (item {place} is '{type(n).__name__}')")
    return whole


class Size(tuple[int, ...]):
    """A shape. A tuple of ints that prints as PyTorch's and can count its elements.

    >>> size = torch.zeros(2, 3).shape
    >>> size
    torch.Size([2, 3])
    >>> size.numel(), size[0], size + (4,)
    (6, 2, torch.Size([2, 3, 4]))
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[Any] = ()) -> Size:
        found = new_tuple(cls, sizes)
        for n in found:
            if type(n) is not int:
                return new_tuple(cls, [_size(place, n) for place, n in enumerate(found)])
        return found

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, index: Any) -> Any:
        try:
            found = tuple.__getitem__(self, index)
        except IndexError:
            raise OutOfRangeError(f"[shape] Dimension out of range: a tensor of more dimensions than {len(self)} was "
                                  f"expected; got {self}, which has no size at {index}") from None
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: tuple[Any, ...]) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other: tuple[Any, ...]) -> Size:
        return Size((*other, *self))

    def __mul__(self, times: SupportsIndex) -> Size:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (tuple(self),)


class Spec(NamedTuple):
    """What is known of a value before it is computed: its shape, its dtype, its device."""

    shape: Shape
    dtype: DType
    device: str = "cpu"

    def __str__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"


def broadcast_shapes(*shapes: Sequence[int], op: str = "broadcast") -> Shape:
    """The shape in which all ``shapes`` meet: aligned at the right, sizes equal or 1. Raises `ShapeError`."""
    rank = max((len(shape) for shape in shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for position in range(rank - 1, rank - len(shape) - 1, -1):
            size = shape[position - rank]
            if size == 1 or size == result[position]:
                continue
            if result[position] != 1:
                raise ShapeError(
                    f"[{op}] The size of tensor a ({result[position]}) must match the size of tensor b ({size}) at "
                    f"non-singleton dimension {position}; got shapes {' and '.join(str(tuple(s)) for s in shapes)}; "
                    f"make the sizes equal, or 1 where one is to be repeated"
                )
            result[position] = size
    return tuple(result)


def wrap_dim(dim: int, rank: int, op: str = "dim") -> int:
    """``dim`` counted from the front. A 0-d tensor counts as having one dimension. Raises `OutOfRangeError`."""
    limit = rank or 1
    if type(dim) is not int:
        dim = whole_dim(dim, op)
    if not -limit <= dim < limit:
        if not -2**63 <= dim < 2**63:
            raise TooLargeError(f"[{op}] a dimension in the range of int64 was expected; got {dim}")
        raise OutOfRangeError(
            f"[{op}] Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dim}); got a "
            f"tensor of {rank} dimensions; count them from 0, or from the end from -1"
        )
    return dim + limit if dim < 0 else dim


def whole_dim(dim: Any, op: str) -> int:
    """A dimension that is no plain int: an index of another library, a tensor without dimensions."""
    if isinstance(dim, bool) or not hasattr(dim, "__index__") or getattr(dim, "ndim", None):
        raise KindError(f"{op}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}")
    return int(dim.__index__())


def wrap_dims(dims: int | Iterable[int] | None, rank: int, op: str = "dim") -> tuple[int, ...]:
    """Dimensions counted from the front; None or an empty list means all of them. Raises on a repeated one."""
    if dims is None:
        return tuple(range(rank))
    if type(dims) is int:
        only = wrap_dim(dims, rank, op)
        return (only,) if rank else ()
    alone = isinstance(dims, int) or hasattr(dims, "__index__") or not hasattr(dims, "__iter__")
    listed: tuple[Any, ...] = (dims,) if alone else tuple(dims)  # type: ignore[arg-type]
    if not listed:
        return tuple(range(rank))
    for dim in listed:
        if not hasattr(dim, "__index__"):
            raise TypeError(f"[{op}] {op}() received an invalid combination of arguments: dim must be an int, or a "
                            f"tuple of ints; got {dims!r}")
    if isinstance(listed[0], bool):
        raise TypeError(f"{op}(): argument 'dim' must be tuple of ints, but found element of type bool at pos 0")
    wrapped = tuple([wrap_dim(dim.__index__(), rank, op) for dim in listed])
    if len(set(wrapped)) != len(wrapped):
        repeated = next(dim for dim in wrapped if wrapped.count(dim) > 1)
        raise RuntimeError(f"[{op}] duplicate dims are not allowed: dim {repeated} appears multiple times in the list "
                           f"of dims {listed}")
    return wrapped if rank else ()
