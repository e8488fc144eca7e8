"""Embeddings that are reduced bag by bag."""

from __future__ import annotations

import itertools
import math

from ...core.dtypes import int32, int64
from ...core.frames import warn
from ...core.primitive import REAL_ONLY
from ...ops import arange, full, tensor
from ...ops.arguments import check_one_dtype
from ...ops.halves import in_float32
from ...tensors.apply import check_takes
from ...tensors.overrides import asking
from ...tensors.tensor import Tensor
from .affine import embedding


@asking
def embedding_bag(input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None,
                  norm_type: float = 2, scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
                  per_sample_weights: Tensor | None = None, include_last_offset: bool = False,
                  padding_idx: int | None = None) -> Tensor:
    """The ``"sum"``, ``"mean"`` or ``"max"`` of the embeddings in every bag, ``(bags, width)``; 0 of an empty one.

    ``input`` holds int64 row numbers: ``(bags, n)``, or ``(n,)`` with ``offsets``, the start of every bag (and, with
    ``include_last_offset``, the end of the last). ``per_sample_weights``, for ``"sum"`` only, has the shape of
    ``input``. The row ``padding_idx`` counts nothing. The rest as for `embedding`. Raises ValueError and
    NotImplementedError.

    >>> vectors = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> F.embedding_bag(torch.tensor([[1, 2], [0, 2]]), vectors, mode="sum")
    tensor([[3., 3.],
            [2., 2.]])
    """
    if input.is_floating_point() and weight.dtype is int64:
        warn("Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
             "deprecated, and should now be `embedding_bag(input, weight, ...)`.")
        input, weight = weight, input
    check_takes("embedding_bag", REAL_ONLY, weight)
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None:
        if mode != "sum":
            raise NotImplementedError(
                "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
                f"(got mode='{mode}'). Please open a feature request on GitHub."
            )
        if per_sample_weights.shape != input.shape:
            raise ValueError(
                f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have "
                f"the same shape as the input ({input.shape})"
            )
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise RuntimeError(f"[embedding_bag] padding_idx must be within the number of embeddings, {weight.shape[0]}; "
                           f"got {padding_idx}")
    if scale_grad_by_freq and mode == "max":
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if sparse and mode == "max":
        raise ValueError("max mode does not support sparse weights")
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
                             f"fixed length sequences. However, found offsets of type {type(offsets)}")
        if padding_idx is None and per_sample_weights is None and input.numel():  # each row counts, in every bag
            return _of_even_bags(embedding(input, weight, None, max_norm, norm_type, scale_grad_by_freq, sparse), mode)
        places = arange(input.numel()).reshape(input.shape)
        there = full(tuple(input.shape), True)
    elif input.dim() == 1:
        places, there = _bags(input, offsets, include_last_offset)
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    rows = input.reshape(-1)
    picked = embedding(rows, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    if per_sample_weights is not None:
        check_one_dtype("embedding_bag", picked, per_sample_weights)
    if padding_idx is not None and places.numel():
        there = there & (rows[places] != padding_idx % weight.shape[0])
    return _of_bags(picked, per_sample_weights, places, there, mode)


@in_float32
def _of_even_bags(picked: Tensor, mode: str) -> Tensor:
    """The sum, mean or largest of the rows in every bag, ``(bags, n, width)``."""
    if mode == "max":
        return picked.max(1)[0]
    total = picked.sum(1)
    return total if mode == "sum" else total / picked.shape[1]


@in_float32
def _of_bags(picked: Tensor, weights: Tensor | None, places: Tensor, there: Tensor, mode: str) -> Tensor:
    """The sum, mean or largest of the rows in every bag: those of ``picked`` at the ``places`` that are ``there``."""
    if weights is not None:
        picked = picked * weights.reshape(-1, 1)
    if not places.numel():
        return picked.new_zeros((places.shape[0], picked.shape[1])) + picked.sum() * 0
    shown = there.unsqueeze(-1)
    values = picked[places]
    if mode == "max":
        best = values.masked_fill(~shown, -math.inf).max(1)[0]
        return best.masked_fill(~there.any(1, keepdim=True), 0.0)
    total = values.masked_fill(~shown, 0.0).sum(1)
    return total if mode == "sum" else total / there.sum(1, keepdim=True).clamp(min=1)


def _bags(input: Tensor, offsets: Tensor | None, include_last: bool) -> tuple[Tensor, Tensor]:
    """For every bag the places of its numbers, filled up to the longest, and which of them are there."""
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if offsets.dtype not in (int32, int64):
        raise RuntimeError("[embedding_bag] Expected tensor for argument #2 'offsets' to have one of the following "
                           f"scalar types: Long, Int; but got {offsets.type()} instead")
    starts = offsets.tolist()
    if starts and starts[0] != 0:
        raise RuntimeError(
            f"[embedding_bag] offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {starts[0]}"
        )
    wrong = bool(starts) and starts[-1] > input.shape[0]
    marks = [*(starts[:-1] if include_last else starts), *([input.shape[0]] if starts else [])]
    ends = marks[1:]  # the last bag ends where the numbers do, whatever the last offset says
    if wrong or any(start > end for start, end in itertools.pairwise(marks)):
        raise RuntimeError(f"[embedding_bag] offsets that do not decrease were expected, none of which is greater than "
                           f"input's length {input.shape[0]}; got offsets {starts}")
    bags = [list(range(start, end)) for start, end in zip(starts, ends, strict=False)]
    longest = max((len(bag) for bag in bags), default=0)
    places = [bag + [0] * (longest - len(bag)) for bag in bags]
    there = [[True] * len(bag) + [False] * (longest - len(bag)) for bag in bags]
    shape = (len(bags), longest)
    return tensor(places, dtype=int64).reshape(shape), (tensor(there) if longest and bags else full(shape, False))
