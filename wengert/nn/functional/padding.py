"""Padding: with a constant, or with what the tensor itself holds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np

from ...core.errors import ShapeError
from ...core.operands import Array
from ...core.primitive import TRUTHS, P
from ...core.state import state
from ...ops import arange
from ...ops.arguments import integers
from ...ops.conversion import in_format_of
from ...tensors.alias import own
from ...tensors.apply import check_takes, stored_number
from ...tensors.overrides import asking
from ...tensors.tape import labelled
from ...tensors.tensor import Tensor
from .geometry import sizes_given


@asking
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """The tensor with room before and after its last dimensions; negative numbers crop.

    ``pad`` goes from the last dimension backwards: ``(left, right, top, bottom, ...)``. ``mode`` is ``"constant"``
    (filled with ``value``, 0 if None), ``"reflect"`` (mirrored, without the edge), ``"replicate"`` (the edge
    repeated) or ``"circular"`` (from the other end); the last three pad the last one, two or three dimensions of
    ``(N, C, ...)`` or ``(C, ...)``. Raises ShapeError, NotImplementedError for an unknown mode, ValueError for a
    value where none is used.

    >>> import wengert as torch
    >>> F.pad(torch.tensor([[1, 2, 3]]), (2, 1), mode="reflect")
    tensor([[3, 2, 1, 2, 3, 2]])
    """
    pairs = pairs_of(input, pad)
    if mode == "constant":
        return filled_around(input, pairs, 0.0 if value is None else value)
    if not isinstance(mode, str):
        raise TypeError(f"pad(): argument 'mode' (position 3) must be str, not {type(mode).__name__}")
    if value not in (None, 0):
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if not 1 <= len(pairs) <= 3 or input.dim() - len(pairs) not in (1, 2):
        raise NotImplementedError("Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now")
    if mode != "circular":
        check_takes(f"{mode}_pad", TRUTHS, input)
        if 0 in input.shape[input.dim() - len(pairs) - 1:]:
            raise ShapeError(f"[pad] Expected {len(pairs) + 1}D or {len(pairs) + 2}D (batch mode) tensor with possibly "
                             f"0 batch size and other non-zero dimensions for input, but got: {list(input.shape)}")
    given = input
    for dim, (before, after) in enumerate(pairs, start=input.dim() - len(pairs)):
        if before or after:
            index = _places(input.shape[dim], before, after, mode)
            input = P.index(input, index, places=(False,) * dim + (True,), label="IndexSelect")
    if mode == "circular":  # which PyTorch does not have as one node either
        return own(input.contiguous(), given)
    label = f"{'Reflection' if mode == 'reflect' else 'Replication'}Pad{len(pairs)}D"
    return labelled(own(in_format_of(input, given), given), label,
                    padding=tuple([width for pair in reversed(pairs) for width in pair]))


def pairs_of(input: Tensor, pad: Sequence[int]) -> list[tuple[int, int]]:
    """The widths before and after each of the last dimensions, in their order."""
    widths = list(integers(sizes_given("pad", "pad", pad), "pad"))
    if len(widths) % 2:
        raise ShapeError(f"[pad] Padding length must be divisible by 2; got {tuple(widths)}")
    if len(widths) // 2 > input.dim():
        raise ShapeError(
            f"[pad] Padding length should be less than or equal to two times the input dimension but got padding "
            f"length {len(widths)} and input of dimension {input.dim()}"
        )
    return list(zip(widths[::2], widths[1::2], strict=True))[::-1]


def filled_around(input: Tensor, pairs: list[tuple[int, int]], value: complex) -> Tensor:
    """The tensor with a constant before and after its last dimensions."""
    value = stored_number("pad", value, input.dtype)
    shape = input.shape
    ends = [(0, 0)] * (len(shape) - len(pairs)) + pairs
    for dim, (before, after) in enumerate(ends):
        if shape[dim] + before + after < 0 or shape[dim] + min(before, 0) + min(after, 0) < 0:
            raise ShapeError(
                f"[pad] The input size {shape[dim]}, plus negative padding {before} and {after}, resulted in a "
                f"negative output size, which is invalid. Check dimension {dim} of your input."
            )
    return P.pad(input, widths=tuple(ends)) if value == 0 else P.pad(input, widths=tuple(ends), value=value)


def _places(size: int, before: int, after: int, mode: str) -> Array | Tensor:
    """For every place of the padded dimension the place it is taken from. A recording computes them, as sizes vary."""
    if state.watcher is None:
        return _known_source(size, before, after, mode)
    return cast(Tensor, _source(arange(-before, size + after), size, before, after, mode))


@lru_cache(maxsize=256)
def _known_source(size: int, before: int, after: int, mode: str) -> Array:
    return cast(Array, _source(np.arange(-before, size + after), size, before, after, mode))


def _source(places: Any, size: int, before: int, after: int, mode: str) -> Any:
    """Of places from −before on, in an array or a tensor, those from which they are taken."""
    if mode == "replicate":
        return places.clip(0, size - 1)
    if mode == "circular":
        if max(before, after) > size:
            raise ShapeError(
                f"[pad] Padding value causes wrapping around more than once: {(before, after)} for a size of {size}"
            )
        first, last = max(-before, 0), size - max(-after, 0)  # what is cropped does not come round again
        return first + (places - first) % max(last - first, 1)
    if max(before, after) >= size:
        raise ShapeError(
            "[pad] Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
            f"{(before, after)} for a dimension of size {size}"
        )
    return (size - 1) - abs(abs(places) - (size - 1))
