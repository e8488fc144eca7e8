"""Names for how elements lie in memory: layouts and memory formats. They compare by identity and print as PyTorch's."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .dtypes import from_numpy, to_real
from .errors import ShapeError
from .geometry import laid_out
from .operands import Array


class _Named:
    """A constant of the package's namespace that prints, copies and pickles as its name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class layout(_Named):
    """How a tensor's elements are stored: `strided`, a dense array with a stride per dimension; `sparse_coo`,
    `sparse_csr`, `sparse_csc`, `sparse_bsr` and `sparse_bsc`, which keep what is not zero (docs/sparse.md).

    >>> torch.ones(2).layout
    torch.strided
    """

    __slots__ = ()


class memory_format(_Named):
    """In which order a new tensor's dimensions lie in memory: `contiguous_format` (row-major), `preserve_format` (as in
    the source), `channels_last` (N, H, W, C of an (N, C, H, W) tensor), `channels_last_3d`.

    >>> x = torch.ones(1, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    >>> x.stride()
    (12, 1, 6, 3)
    """

    __slots__ = ()


strided = layout("strided")
sparse_coo = layout("sparse_coo")
sparse_csr = layout("sparse_csr")
sparse_csc = layout("sparse_csc")
sparse_bsr = layout("sparse_bsr")
sparse_bsc = layout("sparse_bsc")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

CHANNELS_LAST = {channels_last: 4, channels_last_3d: 5}
"""The formats with the channels innermost, and the number of dimensions that each is for."""


def check_format(op: str, given: Any) -> None:
    """Raises for what is no memory format."""
    if given is not None and type(given) is not memory_format:
        raise TypeError(f"{op}(): argument 'memory_format' must be torch.memory_format, not {type(given).__name__}")


def check_rank(rank: int, memory_format: Any) -> None:
    """Raises for a format with the channels innermost that is for another number of dimensions."""
    if memory_format in CHANNELS_LAST and rank != CHANNELS_LAST[memory_format]:
        raise ShapeError(f"[memory_format] required rank {CHANNELS_LAST[memory_format]} tensor to use "
                         f"{memory_format.name} format; got one of {rank} dimensions")


def parts_of(array: Array) -> Array:
    """The real and imaginary parts of complex numbers as a last dimension more, in the same memory."""
    return array[..., None].view(to_real(from_numpy(array.dtype)).numpy)


def real_part(array: Array) -> Array:
    """The real parts, in the same memory; real numbers as they are."""
    return parts_of(array)[..., 0] if array.dtype.kind == "W" else array.real


def imag_part(array: Array) -> Array:
    """The imaginary parts, in the same memory; of real numbers zeros."""
    return parts_of(array)[..., 1] if array.dtype.kind == "W" else array.imag


def in_rows(array: Array) -> Array:
    """The array in row-major order, in which a new result lies: numpy lets results lie as their operands do."""
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def in_columns(array: Array) -> Array:
    """Matrices lying column by column, as LAPACK leaves them, the batch in rows."""
    return np.swapaxes(np.ascontiguousarray(np.swapaxes(array, -1, -2)), -1, -2)


def has_channels_last(array: Array, least_rank: int = 4) -> bool:
    """Whether an (N, C, ...) array lies with its channels innermost, and not in row-major order as well. Sizes of 1
    leave that open; then it is row-major, as in PyTorch."""
    if not least_rank <= array.ndim <= 5 or not array.size:
        return False
    least, strides = 0, array.strides
    if strides[1] == 0:
        return False
    for dim in (1, *range(array.ndim - 1, 1, -1), 0):
        if strides[dim] < least or (dim == 0 and least == strides[1]):
            return False
        least = strides[dim] * max(array.shape[dim], 1) if array.shape[dim] > 1 else strides[dim]
    return True


def dense_with_channels_last(array: Array) -> bool:
    """Whether an (N, C, ...) array lies with its channels innermost and without gaps, which a row-major one with a
    single channel, or of single rows, does too."""
    step = array.itemsize
    for dim in (1, *range(array.ndim - 1, 1, -1), 0):
        if array.shape[dim] != 1 and array.strides[dim] != step:
            return not array.size
        step *= array.shape[dim]
    return True


def laid_as(array: Array, *sources: Array, least_rank: int = 4) -> Array:
    """The array with its channels innermost where one of the sources lies so, in row-major order else: how what is
    computed of images lies (of lines, with ``least_rank`` 3)."""
    for source in sources:
        if not source.flags.c_contiguous and has_channels_last(source, least_rank):
            last = (0, *range(2, array.ndim), 1)
            return np.ascontiguousarray(array.transpose(last)).transpose((0, array.ndim - 1, *range(1, array.ndim - 1)))
    return in_rows(array)


def iterated(array: Array, *strides: tuple[int, ...]) -> Array:
    """The array in the order in which PyTorch's iterator lays what is computed of operands with these ``strides``, 0
    where they are broadcast: two dimensions lie as in the first operand that has steps along both."""
    order = list(range(array.ndim))[::-1]  # the innermost first
    for last in range(1, len(order)):
        moved = last
        for place in range(last - 1, -1, -1):
            further = _further(order[place], order[moved], array.shape, strides)
            if further > 0:
                order[place], order[moved] = order[moved], order[place]
                moved = place
            elif further < 0:
                break
    order.reverse()
    return np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))


def is_tied(strides: tuple[int, ...]) -> bool:
    """Whether the strides leave open in which order dimensions lie: there numpy's order is another than PyTorch's."""
    return 0 in strides or len({*strides}) < len(strides)


def in_order(result: Array, *operands: Any) -> Array:
    """What is computed element by element of ``operands``, laid as PyTorch's iterator would: numpy decides otherwise
    where these lie differently."""
    arrays = [x for x in operands if type(x) is np.ndarray and x.ndim]
    if all([x.flags.c_contiguous for x in arrays]):
        return result
    if len(arrays) == 1 and result.shape != arrays[0].shape:
        return result
    shape, first = result.shape, arrays[0]
    if first.shape == shape and 1 not in shape and not is_tied(first.strides):  # which decides alone
        laid = np.empty_like(first, result.dtype)
        if laid.strides == result.strides:
            return result
        laid[...] = result
        return laid
    steps = []
    for x in arrays:
        lead = result.ndim - x.ndim
        steps.append((*(0,) * lead, *[0 if n == 1 != whole else step for n, whole, step in zip(
            x.shape, shape[lead:], x.strides, strict=True)]))
    return iterated(result, *steps)


def _further(dim: int, other: int, shape: tuple[int, ...], strides: tuple[tuple[int, ...], ...]) -> int:
    """1 if ``dim`` is to lie further out than ``other``, -1 if further in, 0 if the operands do not say."""
    for steps in strides:
        if steps[dim] and steps[other]:
            if steps[dim] != steps[other]:
                return 1 if steps[dim] > steps[other] else -1
            if shape[dim] > shape[other]:
                return 1
    return 0


def order_of(array: Array) -> Literal["C", "K"]:
    """numpy's word for how a copy of the array lies: as the array does, in row-major order where that is expanded."""
    return "C" if 0 in array.strides else "K"


def laid_like(array: Array, source: Array) -> Array:
    """What is like the ``source``, which numpy has laid by `order_of`, in PyTorch's order where dimensions of that lie
    on each other or are expanded."""
    return iterated(array, source.strides) if not source.flags.c_contiguous and is_tied(source.strides) else array


def copy_with_gaps(array: Array) -> Array:
    """A copy with the strides of the array, also where these leave gaps in memory; dense where it is expanded."""
    if array.flags.c_contiguous or not array.size or 0 in array.strides:
        return np.array(array, order=order_of(array))
    reach = sum([(n - 1) * step for n, step in zip(array.shape, array.strides, strict=True)]) + array.itemsize
    result = laid_out("copy", np.empty(reach, np.uint8), array.dtype, array.shape, array.strides)
    result[...] = array
    return result


def like_first(array: Array, first: Array) -> Array:
    """The array in the order in which another of its shape lies."""
    if first.flags.c_contiguous:
        return in_rows(array)
    result = np.empty_like(first, array.dtype, order=order_of(first))
    result[...] = array
    return result
