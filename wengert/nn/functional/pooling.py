"""Pooling: the maximum, the mean or the p-norm of every window; windows that slide, or that divide the input evenly.

``input`` is ``(N, C, *sizes)`` or ``(C, *sizes)``; ``stride`` is the kernel's size where it is None.
"""

from __future__ import annotations

from functools import lru_cache
from math import inf, prod
from typing import Any

import numpy as np

from ...core.dtypes import int64
from ...core.errors import DTypeError, OutOfRangeError, RankError, ShapeError
from ...core.geometry import check_room
from ...core.primitive import COMPLEX, HALVES, INTEGERS, REAL_ONLY, TRUTHS, P
from ...core.windows import check_window
from ...ops import arange, tensor, where, zeros
from ...ops.arguments import integer
from ...ops.conversion import in_format_of
from ...ops.halves import in_float32
from ...ops.registry import with_out
from ...tensors.absent import is_readable
from ...tensors.alias import own
from ...tensors.apply import check_takes
from ...tensors.overrides import asking
from ...tensors.tape import labelled
from ...tensors.tensor import Tensor
from .geometry import exactly, tuple_of

_UNAVERAGED = "?bBhHiI" + COMPLEX  # of integers, PyTorch averages int64 alone


@asking
def max_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """The maximum of every window of the last dimension.

    ``ceil_mode`` counts a last window that is not complete. With ``return_indices`` the place of each maximum in its
    plane comes too. Raises ShapeError, and RuntimeError for padding of more than half the kernel.

    >>> F.max_pool1d(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2)
    tensor([[4., 3.]])
    """
    if not return_indices:
        check_takes("max_pool1d_impl", INTEGERS, input)
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@asking
def max_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """`max_pool1d` over the last two dimensions.

    >>> import wengert as torch
    >>> F.max_pool2d(torch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@asking
def max_pool3d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """`max_pool1d` over the last three dimensions.

    >>> F.max_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@asking
def avg_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:
    """The mean of every window of the last dimension; padding counts as zeros, or not at all.

    >>> F.avg_pool1d(torch.tensor([[1.0, 3.0, 5.0, 7.0]]), 2)
    tensor([[2., 6.]])
    >>> F.avg_pool1d(torch.tensor([[1.0, 3.0, 5.0, 7.0]]), 2, stride=1)
    tensor([[2., 4., 6.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@with_out
def avg_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:
    """`avg_pool1d` over the last two dimensions; ``divisor_override`` takes the place of the number of elements.

    >>> F.avg_pool2d(torch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@with_out
def avg_pool3d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:
    """`avg_pool2d` over the last three dimensions.

    >>> F.avg_pool3d(torch.ones(1, 2, 4, 4, 4), 2).shape
    torch.Size([1, 2, 2, 2, 2])
    """
    check_takes("avg_pool3d_out_frame", HALVES, input)
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@asking
def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(Σ xᵖ)^(1/p) of every window of the last dimension, p being ``norm_type``.

    >>> F.lp_pool1d(torch.tensor([[3.0, 4.0, 6.0, 8.0]]), 2, kernel_size=2)
    tensor([[ 5., 10.]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


@asking
def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """`lp_pool1d` over the last two dimensions.

    >>> F.lp_pool2d(torch.tensor([[[3.0, 0.0], [0.0, 4.0]]]), 2, kernel_size=2)
    tensor([[[5.]]])
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


@asking
def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """`lp_pool1d` over the last three dimensions.

    >>> F.lp_pool3d(torch.ones(1, 2, 2, 2), 1, kernel_size=2)
    tensor([[[[8.]]]])
    """
    if norm_type not in (inf, -inf):
        check_takes("avg_pool3d_out_frame", HALVES, input)
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


@asking
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The means of ``output_size`` windows that divide the last dimension evenly.

    >>> F.adaptive_avg_pool1d(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), 2)
    tensor([[1.5000, 3.5000]])
    """
    return _adaptive_avg(1, input, output_size)


@asking
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool1d` over the last two dimensions; None leaves a dimension as it is.

    >>> F.adaptive_avg_pool2d(torch.arange(16.0).reshape(1, 4, 4), 1)
    tensor([[[7.5000]]])
    """
    return _adaptive_avg(2, input, output_size)


@asking
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool1d` over the last three dimensions.

    >>> F.adaptive_avg_pool3d(torch.ones(1, 2, 4, 4, 4), (1, 2, 2)).shape
    torch.Size([1, 2, 1, 2, 2])
    """
    return _adaptive_avg(3, input, output_size)


@asking
def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The maxima of ``output_size`` windows that divide the last dimension evenly.

    >>> F.adaptive_max_pool1d(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2)
    tensor([[4., 3.]])
    """
    return _adaptive_max(1, input, output_size, return_indices)


@asking
def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool1d` over the last two dimensions.

    >>> F.adaptive_max_pool2d(torch.arange(16.0).reshape(1, 4, 4), 1)
    tensor([[[15.]]])
    """
    return _adaptive_max(2, input, output_size, return_indices)


@asking
def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool1d` over the last three dimensions.

    >>> F.adaptive_max_pool3d(torch.ones(1, 2, 4, 4, 4), (1, 2, 2)).shape
    torch.Size([1, 2, 1, 2, 2])
    """
    return _adaptive_max(3, input, output_size, return_indices)


@asking
def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Puts maxima back where ``indices`` says they came from; zeros elsewhere. ``output_size`` decides where
    several sizes would have pooled to that of ``input``.

    >>> values, places = F.max_pool1d(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2, return_indices=True)
    >>> F.max_unpool1d(values, places, 2)
    tensor([[0., 4., 3., 0.]])
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


@asking
def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """`max_unpool1d` over the last two dimensions.

    >>> values, places = F.max_pool2d(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]), 2, return_indices=True)
    >>> F.max_unpool2d(values, places, 2)
    tensor([[[0., 4.],
             [0., 0.]]])
    """
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


@asking
def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """`max_unpool1d` over the last three dimensions.

    >>> values, places = F.max_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), 2, return_indices=True)
    >>> F.max_unpool3d(values, places, 2).flatten()
    tensor([0., 0., 0., 0., 0., 0., 0., 7.])
    """
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


# --- sliding windows --------------------------------------------------------------------------------------------------


def _window(
    op: str, rank: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1
) -> dict[str, tuple[int, ...]]:
    """The window's geometry, checked."""
    if input.dim() not in (rank + 1, rank + 2):
        raise (RankError if input.dim() <= rank else ShapeError)(
            f"[{op}] non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input; got "
            f"{list(input.shape)}"
        )
    if 0 in input.shape[-rank - 1:]:
        first = input.dim() - rank - 1
        empty = next(dim for dim in range(first, input.dim()) if not input.shape[dim])
        raise ShapeError(f"[{op}] Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim batch "
                         f"size for input, but got {list(input.shape)}: Expected input to have non-zero size for "
                         f"non-batch dimensions, but got {list(input.shape)} with dimension {empty} being empty. "
                         "Expected input's non-batch dimensions to have positive length")
    size = tuple_of(kernel_size, rank, op, "kernel_size")
    steps = size if stride is None or isinstance(stride, (tuple, list)) and not stride else stride
    window = {
        "size": size,
        "stride": tuple_of(steps, rank, op, "stride"),
        "padding": tuple_of(padding, rank, op, "padding"),
        "dilation": tuple_of(dilation, rank, op, "dilation"),
    }
    check_window(op, *window.values())
    for p, k, d in zip(window["padding"], size, window["dilation"], strict=True):
        if rank == 1 and op == "max_pool1d" and p > k // 2:
            raise RuntimeError(f"max_pool1d() padding should be at most half of kernel size, but got padding={p} and "
                               f"kernel_size={k}")
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                f"[{op}] pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "
                f"dilation={d}"
            )
    return window


def _max_pool(rank: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
              return_indices: bool) -> Any:
    window = _window(f"max_pool{rank}d", rank, input, kernel_size, stride, padding, dilation)
    check_takes(f"max_pool{rank}d", TRUTHS, input)
    out = P.max_pool(input, ceil=bool(ceil_mode), **window)
    if not return_indices:
        return out
    seen, best = input.detach(), out.detach()
    if input.dtype.kind in "u" and any(window["padding"]):  # what is padded with is none of the elements
        seen, best = seen.long(), best.long()
    winner = P.window_winner(seen, best, **window).long()
    # From the place in the kernel to the place in the plane, one dimension after the other.
    indices: Any = 0
    left, sizes, counts = winner, input.shape[-rank:], out.shape[-rank:]
    for dim in range(rank):
        beyond = prod(window["size"][dim + 1 :])
        start = arange(counts[dim]) * window["stride"][dim] - window["padding"][dim]
        along = start.reshape(-1, *(1,) * (rank - 1 - dim)) + (left // beyond) * window["dilation"][dim]
        left = left % beyond
        indices = indices * sizes[dim] + along
    return out, indices


@in_float32
def _avg_pool(rank: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool,
              count_include_pad: bool, divisor: int | None) -> Tensor:
    op = f"avg_pool{rank}d"
    check_takes(op, _UNAVERAGED, input)
    window = _window(op, rank, input, kernel_size, stride, padding)
    if rank == 3 and any(n < k for n, k in zip(input.shape[-3:], window["size"], strict=True)):
        raise ShapeError(f"[{op}] input image (T, H, W) smaller than kernel size: a kernel of {window['size']} for "
                         f"{tuple(input.shape[-3:])}, padding apart")
    if divisor == 0:
        raise RuntimeError(f"[{op}] divisor must be not zero")
    size, steps, ends = window["size"], window["stride"], window["padding"]
    total = P.window_sum(input, size=size, stride=steps, padding=ends, ceil=bool(ceil_mode))
    if input.dtype.kind in "iu":  # means of integers are cut off
        mean = P.trunc_divide(total, divisor or _counts(input, total, size, steps, ends, count_include_pad))
    elif divisor is not None:
        mean = total / divisor
    elif not ceil_mode and (count_include_pad or not any(ends)):
        mean = total * (1.0 / prod(size))
    else:
        mean = total / _counts(input, total, size, steps, ends, count_include_pad)
    return labelled(mean, f"AvgPool{rank}D", kernel_size=size, stride=steps, padding=ends, ceil_mode=bool(ceil_mode),
                    count_include_pad=count_include_pad, divisor_override=divisor)


def _counts(input: Tensor, total: Tensor, size: Any, stride: Any, padding: Any, include: bool) -> Tensor:
    """How many elements each window holds."""
    rank, counts = len(size), None
    for dim in range(rank):
        n, p = input.shape[dim - rank], padding[dim]
        start = arange(total.shape[dim - rank]) * stride[dim] - p
        stop = (start + size[dim]).clamp(max=n + p)
        along = stop - start if include else stop.clamp(max=n) - start.clamp(min=0)
        along = along.reshape(-1, *(1,) * (rank - 1 - dim))
        counts = along if counts is None else counts * along
    assert counts is not None
    return counts.to(total.dtype)


@in_float32
def _lp_pool(rank: int, input: Tensor, norm: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    op = f"lp_pool{rank}d"
    if rank == 1 and isinstance(kernel_size, (tuple, list)) and len(kernel_size) == 1:
        raise TypeError(f"lp_pool1d(): argument 'kernel_size' must be int, not {type(kernel_size).__name__}")
    size = exactly(kernel_size, rank, op, "kernel_size", ValueError) if rank > 1 else \
        tuple_of(kernel_size, rank, op, "kernel_size")
    if norm == 0:
        raise ZeroDivisionError(f"[lp_pool{rank}d] a norm_type other than 0 was expected")
    if norm in (inf, -inf):
        sign = 1 if norm > 0 else -1
        return _max_pool(rank, input.abs() * sign, size, stride, 0, 1, ceil_mode, False) * sign
    mean = _avg_pool(rank, input.pow(norm), size, stride, 0, ceil_mode, True, None)
    return (mean.sign() * P.relu(mean.abs())).mul(prod(size)).pow(1.0 / norm)


# --- adaptive windows -------------------------------------------------------------------------------------------------


def _wanted(op: str, rank: int, input: Tensor, output_size: Any) -> tuple[int, ...]:
    if input.dim() not in (rank + 1, rank + 2):
        raise ShapeError(f"[{op}] Expected {rank + 1}D or {rank + 2}D tensor, but got {list(input.shape)}")
    if output_size is None:
        raise TypeError(f"{op}(): argument 'output_size' (position 2) must be int or tuple of ints, not NoneType")
    if rank > 1 and not isinstance(output_size, (int, tuple, list)):
        output_size = _row(op, output_size)
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * rank
    if len(given) != rank:
        raise ShapeError(f"[{op}] {op}(): output_size.size() must be {rank}: output_size must have {rank} entries; got "
                         f"{tuple(given)}")
    sizes = tuple(input.shape[dim - rank] if n is None else integer(n, op) for dim, n in enumerate(given))
    if min(sizes) < 0:
        raise ShapeError(f"[{op}] elements of output_size must be greater than or equal to 0; got {sizes}")
    first = input.dim() - rank if "avg" in op and rank < 3 else 1  # the first dimension that may not be empty
    if 0 in input.shape[first:]:
        empty = next(dim for dim in range(first, input.dim()) if not input.shape[dim])
        raise ShapeError(f"[{op}] {op}(): Expected input to have non-zero size for non-batch dimensions, but input has "
                         f"sizes {list(input.shape)} with dimension {empty} being empty")
    check_room(op, (*input.shape[:-rank], *sizes), input.element_size())
    return sizes


def _row(op: str, sizes: Any) -> tuple[int, ...]:
    """A tensor or an array as what it is to Python, a row."""
    if isinstance(sizes, (Tensor, np.ndarray)) and sizes.ndim:
        return tuple(sizes.tolist())
    raise TypeError(f"{op}(): argument 'output_size' (position 2) must be int or tuple of ints, not "
                    f"{type(sizes).__name__}")


def _evenly(input: Tensor, out: tuple[int, ...]) -> tuple[int, ...] | None:
    """The size of the windows if all are of one size and do not overlap."""
    sizes = input.shape[-len(out) :]
    if any(m == 0 or n % m for n, m in zip(sizes, out, strict=True)):
        return None
    return tuple(n // m for n, m in zip(sizes, out, strict=True))


def _bounds(size: int, count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Where each window starts and stops."""
    places = np.arange(count)
    return places * size // count, -((places + 1) * size // -count)


@lru_cache(maxsize=256)
def _shares(size: int, count: int) -> np.ndarray[Any, Any]:
    """What each element has in the mean of each window."""
    (starts, stops), each = _bounds(size, count), np.arange(size)[:, None]
    return np.where((starts <= each) & (each < stops), 1.0 / (stops - starts), 0.0)


@in_float32
def _adaptive_avg(rank: int, input: Tensor, output_size: Any) -> Tensor:
    asked = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * rank
    if len(asked) == rank and all([type(n) is int and n == 1 for n in asked]) and (rank > 1 or input.dim() in (2, 3)):
        return input.mean(tuple(range(-rank, 0)), keepdim=True)  # of as many dimensions and of what dtype it may be
    out = _wanted(f"adaptive_avg_pool{rank}d", rank, input, output_size)
    check_takes(f"adaptive_avg_pool{rank}d", REAL_ONLY, input)
    size = _evenly(input, out)
    if size is not None and input.numel():  # windows want channels, which these layers can do without
        return labelled(_avg_pool(rank, input, size, size, 0, False, True, None), f"AdaptiveAvgPool{rank}D")
    given = input
    for dim, count in enumerate(out, start=-rank):
        shares = tensor(_shares(input.shape[dim], count), dtype=input.dtype)
        input = P.resample(input, shares, dim=dim % input.dim())
    return labelled(own(_laid(rank, input, given), given), f"AdaptiveAvgPool{rank}D")


def _adaptive_max(rank: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    out = _wanted(f"adaptive_max_pool{rank}d", rank, input, output_size)
    check_takes(f"adaptive_max_pool{rank}d", REAL_ONLY, input)
    size, label = _evenly(input, out), f"AdaptiveMaxPool{rank}D"
    if size is not None:
        found = _max_pool(rank, input.contiguous() if rank == 3 else input, size, size, 0, 1, False, return_indices)
        labelled(found[0] if return_indices else found, label)
        return found
    lead, sizes = input.shape[:-rank], input.shape[-rank:]
    if 0 in out:
        none = input.reshape(*lead, prod(sizes))[..., :0].reshape(*lead, *out)
        return (none, none.long()) if return_indices else none
    # Every window's places in the plane, the shorter windows filled up with their last place.
    places: Any = 0
    for dim, (n, count) in enumerate(zip(sizes, out, strict=True)):
        starts, stops = _bounds(n, count)
        longest = int((stops - starts).max())
        rows = tensor(np.minimum(starts[:, None] + np.arange(longest), stops[:, None] - 1))
        shape = [1] * (2 * rank)
        shape[dim], shape[rank + dim] = count, longest
        places = places * n + rows.reshape(shape)
    places = places.reshape(prod(out), -1)
    flat = input.reshape(*lead, prod(sizes))
    windows = flat.index_select(-1, places.reshape(-1)).reshape(*lead, *places.shape)
    best, places_in = maxima(windows)
    best = labelled(own(_laid(rank, best.reshape(*lead, *out), input)), label)
    if not return_indices:
        return best
    chosen = places.expand(*lead, *places.shape).gather(-1, places_in.unsqueeze(-1)).squeeze(-1)
    return best, own(_laid(rank, chosen.reshape(*lead, *out), input))


def maxima(windows: Tensor) -> tuple[Tensor, Tensor]:
    """The largest element of each window, a row, and its place; of NaNs the last one's."""
    best, places = windows.max(-1)
    if is_readable(best) and bool((strange := best.detach().isnan()).any()):
        last = windows.shape[-1] - 1 - windows.detach().isnan().flip(-1).long().argmax(-1)
        places = where(strange, last, places)
        best = windows.gather(-1, places.unsqueeze(-1)).squeeze(-1)
    return best, places


def _laid(rank: int, result: Tensor, input: Tensor) -> Tensor:
    """In row-major order, with the channels of planes innermost where the input's are; those of volumes never are."""
    return in_format_of(result, input) if rank == 2 else result.contiguous()


def _unpool(
    rank: int, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    op = f"max_unpool{rank}d"
    check_takes(op, REAL_ONLY, input)
    if indices.dtype is not int64:
        raise DTypeError(f"[{op}] elements in indices should be type int64 but got: {indices.dtype}; convert them with "
                         ".long()")
    kernel_size = exactly(kernel_size, rank, op, "kernel_size")
    window = _window(op, rank, input, kernel_size, stride, padding)
    size, steps, ends = window["size"], window["stride"], window["padding"]
    sizes = tuple((n - 1) * s - 2 * p + k for n, k, s, p in zip(input.shape[-rank:], size, steps, ends, strict=True))
    if output_size is not None:
        wanted = tuple(output_size)[-rank:]
        if len(output_size) not in (rank, rank + 2):
            raise ValueError(f"output_size should be a sequence containing {rank} or {rank + 2} elements, but it has a "
                             f"length of '{len(output_size)}'")
        for dim, (found, usual, step) in enumerate(zip(wanted, sizes, steps, strict=True)):
            if abs(found - usual) >= step:
                raise ValueError(f'invalid output_size "{wanted}" (dim {dim} must be between {usual - step} and '
                                 f"{usual + step})")
        sizes = wanted
    if input.shape != indices.shape:
        raise ShapeError(
            f"[{op}] Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got "
            f"indices tensor with shape: {list(indices.shape)}"
        )
    lead = input.shape[:-rank]
    if is_readable(indices) and indices.numel():
        for place in (int(indices.min()), int(indices.max())):
            if not 0 <= place < prod(sizes):
                raise OutOfRangeError(f"[{op}] Found an invalid max index: {place} (output volumes are of size "
                                      f"{'x'.join(map(str, sizes))})")
    flat = zeros(*lead, prod(sizes), dtype=input.dtype)
    count = prod(input.shape[-rank:])
    found = flat.scatter(-1, indices.reshape(*lead, count), input.reshape(*lead, count))
    plane = found.reshape(*lead, *sizes)
    return own(_laid(rank, plane, input))
