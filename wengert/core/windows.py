"""Sliding windows over the last dimensions of an array: the geometry that convolution and pooling share.

A window is described by four tuples of one length: ``size``, ``stride``, ``padding`` (at both ends) and ``dilation``.
What follows from these numbers alone is remembered: of few elements it took longer than the windows.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from .errors import ShapeError
from .geometry import LARGEST, strided_view
from .operands import Array, Dims, Pairs

_LEAST = {"kernel size": 1, "stride": 1, "dilation": 1, "padding": 0, "output padding": 0}


@lru_cache(maxsize=256)
def check_window(op: str, kernel: Dims, stride: Dims, padding: Dims, dilation: Dims, extra: Dims = (0,)) -> None:
    """Raises ShapeError for numbers that make no window: all that comes from programs passes here, and what slides
    windows over memory relies on it."""
    for (name, least), values in zip(_LEAST.items(), (kernel, stride, dilation, padding, extra), strict=True):
        if min(values) < least or max(values) > LARGEST:
            what = ("non-negative", "negative") if least == 0 else ("greater than zero", "non-positive")
            if op == "max_pool1d":
                raise ShapeError(f"max_pool1d() {name.replace(' ', '_')} must be {what[0]}, but got {values[0]}")
            if name == "padding" and "pool" in op:
                raise ShapeError(f"[{op}] pad must be non-negative, but got pad: {min(values)}")
            raise ShapeError(f"[{op}] {name} should be {what[0]}: {what[1]} {name} is not supported; got "
                             f"{tuple(values)}")


def out_sizes(sizes: Dims, kernel: Dims, stride: Dims, padding: Dims, dilation: Dims,
              ceil: bool = False) -> tuple[int, ...]:
    """How many windows fit along each dimension. With ``ceil`` a last one that starts within the input or its left
    padding may reach beyond the right padding."""
    found = []
    for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        count = -(-room // s) + 1 if ceil else room // s + 1
        if ceil and (count - 1) * s >= n + p:
            count -= 1
        found.append(count)
    return tuple(found)


@lru_cache(maxsize=256)
def checked_out_sizes(op: str, sizes: Dims, kernel: Dims, stride: Dims, padding: Dims, dilation: Dims,
                      ceil: bool = False) -> tuple[int, ...]:
    """`out_sizes`, or ShapeError where a dimension has no window."""
    found = out_sizes(sizes, kernel, stride, padding, dilation, ceil)
    if any(n < 1 for n in found):
        if op == "unfold":
            raise ShapeError(f"[unfold] Given input with spatial size {tuple(sizes)}, kernel_size={tuple(kernel)}, "
                             f"dilation={tuple(dilation)}, padding={tuple(padding)}, calculated shape of the array of "
                             f"sliding blocks as {found}, but its components must be at least one.")
        if "pool" in op:
            raise ShapeError(f"[{op}] Given input size: ({'x'.join(map(str, sizes))}). Calculated output size: "
                             f"({'x'.join(map(str, found))}). Output size is too small; give a larger input, more "
                             "padding or a smaller window")
        padded = " x ".join(str(n + 2 * p) for n, p in zip(sizes, padding, strict=True))
        reach = " x ".join(str(d * (k - 1) + 1) for k, d in zip(kernel, dilation, strict=True))
        raise ShapeError(f"[{op}] Calculated padded input size per channel: "
                         f"({padded}). Kernel size: ({reach}). Kernel size "
                         f"can't be greater than actual input size: the calculated output size {found} is too small; "
                         f"got an input of sizes {tuple(sizes)} with padding {tuple(padding)}; give a larger input, "
                         "more padding or a smaller kernel")
    return found


def framed(x: Array, widths: Pairs, value: complex = 0) -> Array:
    """``x`` with its last dimensions padded by the pairs ``widths``; negative widths crop. Contiguous."""
    if not any(a or b for a, b in widths):
        return np.ascontiguousarray(x)
    lead = x.ndim - len(widths)
    sizes = x.shape[lead:]
    shape = (*x.shape[:lead], *(n + a + b for n, (a, b) in zip(sizes, widths, strict=True)))
    result = np.zeros(shape, x.dtype) if value == 0 else np.full(shape, value, x.dtype)
    inner = tuple(slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(shape[lead:], widths, strict=True))
    outer = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(sizes, widths, strict=True))
    target: tuple[Any, ...] = (..., *inner)
    source: tuple[Any, ...] = (..., *outer)
    result[target] = x[source]
    return result


@lru_cache(maxsize=256)
def reach(out: Dims, kernel: Dims, stride: Dims, dilation: Dims) -> tuple[int, ...]:
    """The size of the padded input that ``out`` windows along each dimension cover."""
    return tuple((n - 1) * s + d * (k - 1) + 1 for n, k, s, d in zip(out, kernel, stride, dilation, strict=True))


def check_reach(op: str, sizes: Dims, out: Dims, kernel: Dims, stride: Dims, dilation: Dims) -> None:
    """Raises ShapeError unless ``out`` windows along each dimension lie inside an array of these sizes: what views and
    generated code that go by windows assume of their callers."""
    for n, count, k, s, d in zip(sizes, out, kernel, stride, dilation, strict=True):
        if count < 1 or k < 1 or s < 1 or d < 1 or (count - 1) * s + (k - 1) * d >= n:
            raise ShapeError(f"[{op}] windows inside an array of sizes {tuple(sizes)} were expected; got {tuple(out)} "
                             f"windows of {tuple(kernel)} with stride {tuple(stride)} and dilation {tuple(dilation)}")


def windowed(x: Array, out: Dims, kernel: Dims, stride: Dims, dilation: Dims) -> Array:
    """A view of ``x`` of shape ``(*lead, *kernel, *out)``: at every place of the kernel what each window has there."""
    lead = x.ndim - len(kernel)
    check_reach("windows", x.shape[lead:], out, kernel, stride, dilation)
    steps = x.strides[lead:]
    strides = (*x.strides[:lead], *(a * d for a, d in zip(steps, dilation, strict=True)),
               *(a * s for a, s in zip(steps, stride, strict=True)))
    return strided_view(x, (*x.shape[:lead], *kernel, *out), strides)


@lru_cache(maxsize=32)
def places(out: Dims, kernel: Dims, stride: Dims, dilation: Dims) -> tuple[tuple[Any, ...], ...]:
    """For every place of the kernel, in row-major order, the index of what the windows have there."""
    along = [[slice(i * d, i * d + (n - 1) * s + 1, s) for i in range(k)]
             for n, k, s, d in zip(out, kernel, stride, dilation, strict=True)]
    return tuple([(..., *choice) for choice in product(*along)])
