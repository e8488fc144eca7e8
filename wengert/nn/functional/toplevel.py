"""Functions of layers that PyTorch also has at the top level, with their arguments in another order.

Most of ``torch.conv2d`` and its like are those of ``nn.functional``; ``wengert/__init__.py`` lists both kinds.
"""

from __future__ import annotations

import math
from typing import Any

from ...core.dtypes import bool_
from ...ops import arange, cat, empty_like, ones_like, stack, zeros_like
from ...tensors.overrides import asking
from ...tensors.tensor import Tensor
from .. import functional as F
from .padding import filled_around, pairs_of


@asking
def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.dropout`, with ``train`` for ``training``.

    >>> _ = torch.manual_seed(0)
    >>> torch.dropout(torch.ones(6), 0.5, train=True)
    tensor([0., 0., 2., 0., 0., 0.])
    """
    return F.dropout(input, p, train)


@asking
def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.alpha_dropout`.

    >>> _ = torch.manual_seed(0)
    >>> torch.alpha_dropout(torch.ones(4), 0.5, True)
    tensor([-0.7792, -0.7792,  1.6656, -0.7792])
    """
    return F.alpha_dropout(input, p, train)


@asking
def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.feature_alpha_dropout`.

    >>> _ = torch.manual_seed(0)
    >>> torch.feature_alpha_dropout(torch.ones(1, 3, 2), 0.5, True)[0]
    tensor([[-0.7792, -0.7792],
            [-0.7792, -0.7792],
            [ 1.6656,  1.6656]])
    """
    return F.feature_alpha_dropout(input, p, train)


@asking
def adaptive_max_pool1d(input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    """`nn.functional.adaptive_max_pool1d`, with the places of the maxima.

    >>> torch.adaptive_max_pool1d(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2)
    (tensor([[4., 3.]]), tensor([[1, 2]]))
    """
    return F.adaptive_max_pool1d(input, output_size, return_indices=True)


@asking
def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """`nn.functional.embedding`, the weight first; a negative ``padding_idx`` stands for none.

    >>> vectors = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> torch.embedding(vectors, torch.tensor([2, 0]))
    tensor([[2., 2.],
            [0., 0.]])
    """
    return F.embedding(indices, weight, padding_idx if padding_idx >= 0 else None,
                       scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


@asking
def embedding_bag(
    weight: Tensor, indices: Tensor, offsets: Tensor, scale_grad_by_freq: bool = False, mode: int = 0,
    sparse: bool = False, per_sample_weights: Tensor | None = None, include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`nn.functional.embedding_bag`, the weight first, ``mode`` 0, 1, 2 for sum, mean, max; with the bag of each index,
    the size of each bag, and the index of each largest number, as far as PyTorch says these: not of sums.

    >>> vectors = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> torch.embedding_bag(vectors, torch.tensor([0, 2, 1]), torch.tensor([0, 2]), mode=1)[0]
    tensor([[1., 1.],
            [1., 1.]])
    """
    word = ("sum", "mean", "max")[mode]
    ignored = None if padding_idx is None or padding_idx < 0 else padding_idx
    out = F.embedding_bag(indices, weight, offsets, None, 2.0, scale_grad_by_freq, word, sparse, per_sample_weights,
                          include_last_offset, ignored)
    if mode == 0:
        return out, indices.new_empty(0), offsets.new_zeros(offsets.shape), offsets.new_zeros(offsets.shape)
    bounds = offsets if include_last_offset else cat([offsets, offsets.new_tensor([indices.numel()])])
    bags = arange(bounds.numel() - 1, dtype=offsets.dtype).repeat_interleave(bounds.diff())
    kept = indices != padding_idx if ignored is not None else indices == indices
    sizes = offsets.new_zeros(bounds.numel() - 1).index_add(0, bags[kept], offsets.new_ones(int(kept.sum())))
    if mode == 1:
        return out, bags, sizes, sizes
    picked = weight.detach()[indices].masked_fill(~kept.unsqueeze(1), -math.inf)
    rows = [indices[bags == bag][picked[bags == bag].argmax(0)] if int(size) else indices.new_zeros(weight.shape[1])
            for bag, size in enumerate(sizes)]
    return out, bags, sizes, stack(rows) if rows else indices.new_zeros(0, weight.shape[1])


@asking
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """`dropout`, with a mask of what stays.

    >>> torch.native_dropout(torch.ones(2), 0.0, True)
    (tensor([1., 1.]), tensor([True, True]))
    """
    if train is False or not input.numel():
        return input.clone(), ones_like(input, dtype=bool_)
    if p == 1:
        return zeros_like(input), zeros_like(input, dtype=bool_)
    mask = empty_like(input, dtype=bool_).bernoulli_(1 - p)
    return input * mask * (1 / (1 - p)), mask


@asking
def batch_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
               running_var: Tensor | None, training: bool, momentum: float, eps: float,
               cudnn_enabled: bool = False) -> Tensor:
    """`nn.functional.batch_norm`, with weight and bias first.

    >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> torch.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@asking
def instance_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
                  running_var: Tensor | None, use_input_stats: bool, momentum: float, eps: float,
                  cudnn_enabled: bool = False) -> Tensor:
    """`nn.functional.instance_norm`, with weight and bias first.

    >>> x = torch.tensor([[[1.0, 3.0], [10.0, 30.0]]])
    >>> torch.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, False)[0]
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """
    return F.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


@asking
def constant_pad_nd(input: Tensor, pad: Any, value: complex = 0) -> Tensor:
    """`nn.functional.pad` with a constant, which may be complex.

    >>> torch.constant_pad_nd(torch.tensor([[1, 2]]), (1, 2), 7)
    tensor([[7, 1, 2, 7, 7]])
    """
    return filled_around(input, pairs_of(input, pad), value)
