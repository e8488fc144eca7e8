"""The standard's functions that move elements, join, index and search arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import wengert as torch
from wengert import Tensor

from .promotion import Axis, Number, as_array, axes_of, by_numpy, place, together, unsigned


def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """The arrays, each seen in the shape that they have together.

    >>> from wengert import array_api as xp
    >>> [array.shape for array in xp.broadcast_arrays(xp.ones((2, 1)), xp.ones(3))]
    [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    return tuple(torch.broadcast_tensors(*arrays))


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of these shapes have together. Raises ValueError where they do not go together.

    >>> from wengert import array_api as xp
    >>> xp.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    return np.broadcast_shapes(*shapes)


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """``x`` seen in ``shape``."""
    return torch.broadcast_to(x, shape)


def concat(arrays: tuple[Tensor, ...] | list[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """The arrays one after the other along ``axis``, or all elements in one row for None."""
    parts = together(*arrays)
    if axis is None:
        parts, axis = [part.reshape(-1) for part in parts], 0
    return torch.concat(parts, place(axis, parts[0].ndim))


def expand_dims(x: Tensor, /, axis: int | tuple[int, ...] = 0) -> Tensor:
    """``x`` with a dimension of size 1 at ``axis`` of the result.

    >>> from wengert import array_api as xp
    >>> xp.expand_dims(xp.ones((2, 3)), axis=1).shape
    torch.Size([2, 1, 3])
    """
    axes = (axis,) if isinstance(axis, int) else axis
    for each in sorted(axes_of(axes, x.ndim + len(axes))):
        x = x.unsqueeze(each)
    return x


def flip(x: Tensor, /, *, axis: Axis = None) -> Tensor:
    """The elements in the opposite order along ``axis``, by default along all."""
    axes = axes_of(axis, x.ndim)
    return by_numpy(np.flip, x, axis=axes) if unsigned(x) else torch.flip(x, axes)


def moveaxis(x: Tensor, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Tensor:
    """``x`` with axes moved, the others in their order."""
    return torch.moveaxis(x, source, destination)


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """``x`` with its axes in another order.

    >>> from wengert import array_api as xp
    >>> xp.permute_dims(xp.ones((2, 3, 4)), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    return torch.permute(x, axes)


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The matrices of ``x`` (..., M, N) as (..., N, M).

    >>> from wengert import array_api as xp
    >>> xp.matrix_transpose(xp.ones((2, 3, 4))).shape
    torch.Size([2, 4, 3])
    """
    if x.ndim < 2:
        raise ValueError(f"[matrix_transpose] two dimensions or more were expected; got shape {tuple(x.shape)}")
    return x.mT


def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    """Every element, or slice along ``axis``, ``repeats`` times, one number or one for each.

    >>> from wengert import array_api as xp
    >>> xp.repeat(xp.asarray([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if axis is None:
        x, axis = x.reshape(-1), 0
    return torch.repeat_interleave(x, repeats, dim=axis)


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The elements in another shape, on the same memory where that can be. ``copy``: True always copies, False never,
    and raises ValueError where it would have to."""
    if copy is False:
        try:
            return x.view(shape)
        except RuntimeError as error:
            raise ValueError(f"[reshape] no copy was expected, but one is needed: {error}") from error
    out = torch.reshape(x, shape)
    return out.clone() if copy else out


def roll(x: Tensor, /, shift: int | tuple[int, ...], *, axis: Axis = None) -> Tensor:
    """The elements moved on by ``shift`` along ``axis``, those pushed out coming in on the other side."""
    if unsigned(x):
        return by_numpy(np.roll, x, shift, axis=axis)
    if axis is None:
        return torch.roll(x, shift if isinstance(shift, int) else sum(shift))
    axes = (axis,) if isinstance(axis, int) else axis
    return torch.roll(x, (shift,) * len(axes) if isinstance(shift, int) else shift, axes)


def squeeze(x: Tensor, /, axis: int | tuple[int, ...]) -> Tensor:
    """``x`` without the dimensions ``axis``. Raises ValueError where one is not of size 1."""
    axes = axes_of(axis, x.ndim)
    wide = [each for each in axes if x.shape[each] != 1]
    if wide:
        raise ValueError(f"[squeeze] dimensions of size 1 were expected; got shape {tuple(x.shape)} and axis {axis}")
    return torch.squeeze(x, axes)


def stack(arrays: tuple[Tensor, ...] | list[Tensor], /, *, axis: int = 0) -> Tensor:
    """The arrays, all of one shape, side by side along a new ``axis``."""
    return torch.stack(together(*arrays), axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """``x`` laid side by side ``repetitions`` times along the axes."""
    return torch.tile(x, repetitions)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along ``axis``.

    >>> from wengert import array_api as xp
    >>> xp.unstack(xp.asarray([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    return tuple(torch.unbind(x, axis))


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The slices at ``indices``, which have one dimension, along ``axis``; None where ``x`` has one dimension."""
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"[take] an axis was expected for {x.ndim} dimensions; got None")
        axis = 0
    return torch.index_select(x, axis, _from_zero(indices, x.shape[axis]))


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """Elements along ``axis`` by ``indices``, which has the shape of ``x`` but for ``axis``, or one that fits.

    >>> from wengert import array_api as xp
    >>> xp.take_along_axis(xp.asarray([[3, 1]]), xp.asarray([[1, 0]]), axis=1)
    tensor([[1, 3]])
    """
    axis = place(axis, x.ndim)
    return torch.take_along_dim(x, _from_zero(indices, x.shape[axis]), axis)


def _from_zero(indices: Tensor, size: int) -> Tensor:
    indices = indices.to(torch.int64)
    return torch.where(indices < 0, indices + size, indices)


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first largest element along ``axis``, by default among all."""
    return _extreme("argmax", x, axis, keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first smallest element along ``axis``, by default among all."""
    return _extreme("argmin", x, axis, keepdims)


def _extreme(name: str, x: Tensor, axis: int | None, keepdims: bool) -> Tensor:
    if unsigned(x):
        return by_numpy(getattr(np, name), x, axis=axis, keepdims=keepdims)
    out = getattr(torch, name)(x, dim=axis, keepdim=axis is not None and keepdims)
    return out.reshape((1,) * x.ndim) if axis is None and keepdims else out


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The indices of elements that are not zero, one array an axis. Raises ValueError without dimensions."""
    if x.ndim == 0:
        raise ValueError("[nonzero] one dimension or more was expected; got an array without")
    return tuple(by_numpy(np.nonzero, x)) if unsigned(x) else tuple(torch.nonzero(x, as_tuple=True))


def count_nonzero(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """How many elements along ``axis`` are not zero."""
    axes = axes_of(axis, x.ndim)
    counted = by_numpy(lambda a: a != 0, x) if unsigned(x) else x != 0
    return counted.to(torch.int64) if not axes else counted.sum(axes, keepdim=keepdims)


def searchsorted(x1: Tensor, x2: Tensor | Number, /, *, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """Where the elements of ``x2`` would have to go for the sorted ``x1`` to stay sorted."""
    second = x2 if isinstance(x2, Tensor) else as_array(x2, x1.dtype)
    if unsigned(x1, second):
        return by_numpy(np.searchsorted, x1, second, side=side, sorter=None if sorter is None else sorter.numpy())
    return torch.searchsorted(*together(x1, second), side=side, sorter=sorter)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along ``axis``."""
    return torch.take_along_dim(x, argsort(x, axis=axis, descending=descending, stable=stable), place(axis, x.ndim))


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that put the elements in order along ``axis``; equal ones keep theirs."""
    axis = place(axis, x.ndim)
    if not unsigned(x):
        return torch.argsort(x, dim=axis, descending=descending, stable=True)
    if not descending:
        return by_numpy(np.argsort, x, axis=axis, stable=True)
    backward = np.argsort(np.flip(x.numpy(), axis), axis=axis, stable=True)
    return torch.asarray(np.ascontiguousarray(np.flip(x.shape[axis] - 1 - backward, axis)))


class UniqueAll(NamedTuple):
    """What `unique_all` gives."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` gives."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` gives."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Tensor, /) -> UniqueAll:
    """The different elements in order, where each is first, which of them each element of ``x`` is, and how often each
    is there. Every nan is one by itself.

    >>> from wengert import array_api as xp
    >>> xp.unique_all(xp.asarray([3, 1, 3])).counts
    tensor([1, 2])
    """
    flat = x.reshape(-1)
    numbers = flat.detach().resolve_conj().numpy()
    order = np.argsort(numbers, kind="stable")
    ranked = numbers[order]
    first = np.ones(len(order), bool)
    first[1:] = ranked[1:] != ranked[:-1]
    starts = np.flatnonzero(first)
    inverse = np.empty(len(order), np.int64)
    inverse[order] = np.cumsum(first) - 1
    indices = torch.asarray(order[starts])
    counts = np.diff(np.append(starts, len(order)))
    return UniqueAll(flat[indices], indices, torch.asarray(inverse).reshape(tuple(x.shape)), torch.asarray(counts))


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """The different elements, and how often each is there.

    >>> from wengert import array_api as xp
    >>> xp.unique_counts(xp.asarray([2, 1, 2])).counts
    tensor([1, 2])
    """
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """The different elements, and which of them each element of ``x`` is.

    >>> from wengert import array_api as xp
    >>> xp.unique_inverse(xp.asarray([2, 1, 2])).inverse_indices
    tensor([1, 0, 1])
    """
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """The different elements.

    >>> from wengert import array_api as xp
    >>> xp.unique_values(xp.asarray([2, 1, 2]))
    tensor([1, 2])
    """
    return unique_all(x).values


def isin(x1: Tensor | Number, x2: Tensor | Number, /, *, invert: bool = False) -> Tensor:
    """Whether elements of ``x1`` are among those of ``x2``, or are not if ``invert``."""
    first, second = together(x1, x2)
    return by_numpy(np.isin, first.detach(), second.detach(), invert=invert)


def all(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements along ``axis`` are true; without any, they are."""
    return _truth("all", x, axis, keepdims)


def any(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether one element along ``axis`` is true."""
    return _truth("any", x, axis, keepdims)


def _truth(name: str, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    axes = axes_of(axis, x.ndim)
    true = by_numpy(lambda a: a != 0, x) if unsigned(x) else x if x.dtype is torch.bool else x != 0
    return true if not axes else getattr(torch, name)(true, dim=axes, keepdim=keepdims)


def diff(x: Tensor, /, n: int = 1, axis: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
         ) -> Tensor:
    """The differences of neighbours along ``axis``, ``n`` times. (The standard has ``n`` by name alone; scikit-learn
    gives it by place, as numpy takes it.)"""
    if unsigned(x):
        ends: dict[str, Any] = {name: end.numpy() for name, end in (("prepend", prepend), ("append", append))
                                if end is not None}
        return by_numpy(np.diff, x, n=n, axis=axis, **ends)
    return torch.diff(x, n=n, dim=axis, prepend=prepend, append=append)
