"""Convolutions (cross-correlations, as everywhere in this field) and their transposes, in one to three dimensions.

``input`` is ``(N, C, *sizes)`` or ``(C, *sizes)``; a stride, padding or dilation is one int for all dimensions or a
tuple.
"""

from __future__ import annotations

from typing import Any

from ...core.errors import ShapeError
from ...core.primitive import P
from ...core.windows import check_window
from ...ops.arguments import integer
from ...tensors.apply import check_takes
from ...tensors.overrides import UNASKED, asking, once_more
from ...tensors.tensor import Tensor
from .geometry import batched, tuple_of

_SHORT_INTEGERS = "?bBhHiI"  # PyTorch convolves int64, but of shorter integers planes alone


def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
           dilation: Any = 1, groups: int = 1) -> Tensor:
    """The sum of products of ``weight``, ``(O, C / groups, k)``, with every window of ``input``, ``(N, C, L)``.

    ``padding`` is also ``"valid"`` (none) or ``"same"`` (as much as keeps the size; stride 1 only). Raises ShapeError,
    and RuntimeError for a geometry that makes no sense.

    >>> x, w = torch.tensor([[1.0, 2.0, 4.0, 7.0]]), torch.tensor([[[-1.0, 1.0]]])
    >>> F.conv1d(x, w)
    tensor([[1., 2., 3.]])
    """
    try:
        return _convolve(1, input, weight, bias, stride, padding, dilation, groups)
    except UNASKED:
        return once_more(conv1d, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
           dilation: Any = 1, groups: int = 1) -> Tensor:
    """`conv1d` with ``weight`` ``(O, C / groups, kh, kw)`` over ``(N, C, H, W)``.

    >>> import wengert as torch
    >>> F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2), padding=1)[0, 0, 0]
    tensor([1., 2., 2., 1.])
    """
    try:
        return _convolve(2, input, weight, bias, stride, padding, dilation, groups)
    except UNASKED:
        return once_more(conv2d, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
           dilation: Any = 1, groups: int = 1) -> Tensor:
    """`conv1d` with ``weight`` ``(O, C / groups, kd, kh, kw)`` over ``(N, C, D, H, W)``.

    >>> F.conv3d(torch.ones(1, 2, 4, 4, 4), torch.ones(3, 2, 3, 3, 3)).shape
    torch.Size([1, 3, 2, 2, 2])
    """
    try:
        return _convolve(3, input, weight, bias, stride, padding, dilation, groups)
    except UNASKED:
        return once_more(conv3d, input, weight, bias, stride, padding, dilation, groups)


@asking
def conv_transpose1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
                     output_padding: Any = 0, groups: int = 1, dilation: Any = 1) -> Tensor:
    """The adjoint of `conv1d`: every element of ``input``, ``(N, C, L)``, spreads ``weight``, ``(C, O / groups, k)``.

    ``output_padding`` chooses among the sizes that `conv1d` would have brought to that of ``input``. Raises ShapeError,
    and RuntimeError for a geometry that makes no sense.

    >>> F.conv_transpose1d(torch.tensor([[1.0, 10.0]]), torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[ 1., 12., 23., 30.]])
    """
    return _transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@asking
def conv_transpose2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
                     output_padding: Any = 0, groups: int = 1, dilation: Any = 1) -> Tensor:
    """The adjoint of `conv2d`, with ``weight`` ``(C, O / groups, kh, kw)``; see `conv_transpose1d`.

    >>> F.conv_transpose2d(torch.ones(1, 2, 4, 4), torch.ones(2, 3, 2, 2), stride=2).shape
    torch.Size([1, 3, 8, 8])
    """
    return _transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@asking
def conv_transpose3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
                     output_padding: Any = 0, groups: int = 1, dilation: Any = 1) -> Tensor:
    """The adjoint of `conv3d`, with ``weight`` ``(C, O / groups, kd, kh, kw)``; see `conv_transpose1d`.

    >>> F.conv_transpose3d(torch.ones(1, 2, 4, 4, 4), torch.ones(2, 3, 2, 2, 2), stride=2).shape
    torch.Size([1, 3, 8, 8, 8])
    """
    return _transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def same_padding(kernel: Any, dilation: Any) -> list[tuple[int, int]]:
    """What must be put before and after each dimension so that a convolution of stride 1 keeps its size."""
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]


def _convolve(rank: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any,
              groups: int) -> Tensor:
    op = f"conv{rank}d"
    if rank != 2:
        check_takes(op, _SHORT_INTEGERS, input)
    if weight.dim() != rank + 2:
        raise ShapeError(f"[{op}] a weight of {rank + 2} dimensions was expected; got shape {tuple(weight.shape)}")
    input, alone = batched(input, rank, op)
    stride, dilation = tuple_of(stride, rank, op, "stride"), tuple_of(dilation, rank, op, "dilation")
    if isinstance(padding, str):
        input, padding = _padded_by_word(op, input, weight, padding, stride, dilation)
    else:
        padding = tuple_of(padding, rank, op, "padding")
    groups = groups if type(groups) is int else integer(groups, op)
    _check(op, weight, stride, padding, dilation, groups)
    operands = (input, weight) if bias is None else (input, weight, bias)
    out = P.convolution(*operands, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return out.squeeze(0) if alone else out


def _padded_by_word(
    op: str, input: Tensor, weight: Tensor, word: str, stride: Any, dilation: Any
) -> tuple[Tensor, tuple[int, ...]]:
    if word == "valid":
        return input, (0,) * len(stride)
    if word != "same":
        raise RuntimeError(f"[{op}] Invalid padding string: '{word}'; 'same', 'valid' or numbers were expected")
    if any(s != 1 for s in stride):
        raise RuntimeError(f"[{op}] padding='same' is not supported for strided convolutions")
    ends = same_padding(weight.shape[2:], dilation)
    if all(a == b for a, b in ends):
        return input, tuple(a for a, _ in ends)
    return P.pad(input, widths=((0, 0), (0, 0), *ends)), (0,) * len(stride)


def _transpose(rank: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any,
               output_padding: Any, groups: int, dilation: Any) -> Tensor:
    op = f"conv_transpose{rank}d"
    check_takes(op, _SHORT_INTEGERS, input)
    input, alone = batched(input, rank, op)
    stride, dilation = tuple_of(stride, rank, op, "stride"), tuple_of(dilation, rank, op, "dilation")
    padding, extra = tuple_of(padding, rank, op, "padding"), tuple_of(output_padding, rank, op, "output_padding")
    _check(op, weight, stride, padding, dilation, groups, extra)
    if any(e >= s and e >= d for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise RuntimeError(
            f"[{op}] output padding must be smaller than either stride or dilation, but got output_padding: {extra}, "
            f"stride: {stride}, dilation: {dilation}"
        )
    operands = (input, weight) if bias is None else (input, weight, bias)
    out = P.convolution(
        *operands, stride=stride, padding=padding, dilation=dilation, groups=groups, transposed=True, extra=extra
    )
    return out.squeeze(0) if alone else out


def _check(
    op: str, weight: Tensor, stride: Any, padding: Any, dilation: Any, groups: int, extra: Any = (0,)
) -> None:
    check_window(op, weight.shape[2:] or (1,), stride, padding, dilation, extra)
    if groups <= 0:
        raise RuntimeError(f"[{op}] non-positive groups is not supported; got {groups}")
