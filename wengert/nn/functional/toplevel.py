"""Functions of layers that PyTorch also has at the top level, with their arguments in another order.

Most of ``torch.conv2d`` and its like are those of ``nn.functional``; ``wengert/__init__.py`` lists both kinds.
"""

from __future__ import annotations

from typing import Any

from ...tensors.tensor import Tensor
from .. import functional as F


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.dropout`, with ``train`` for ``training``.

    >>> _ = torch.manual_seed(0)
    >>> torch.dropout(torch.ones(6), 0.5, train=True)
    tensor([0., 0., 2., 0., 0., 0.])
    """
    return F.dropout(input, p, train)


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.alpha_dropout`.

    >>> _ = torch.manual_seed(0)
    >>> torch.alpha_dropout(torch.ones(4), 0.5, True)
    tensor([-0.7792, -0.7792,  1.6656, -0.7792])
    """
    return F.alpha_dropout(input, p, train)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.feature_alpha_dropout`.

    >>> _ = torch.manual_seed(0)
    >>> torch.feature_alpha_dropout(torch.ones(1, 3, 2), 0.5, True)[0]
    tensor([[-0.7792, -0.7792],
            [-0.7792, -0.7792],
            [ 1.6656,  1.6656]])
    """
    return F.feature_alpha_dropout(input, p, train)


def adaptive_max_pool1d(input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    """`nn.functional.adaptive_max_pool1d`, with the places of the maxima.

    >>> torch.adaptive_max_pool1d(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2)
    (tensor([[4., 3.]]), tensor([[1, 2]]))
    """
    return F.adaptive_max_pool1d(input, output_size, return_indices=True)


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


def constant_pad_nd(input: Tensor, pad: Any, value: float = 0) -> Tensor:
    """`nn.functional.pad` with a constant.

    >>> torch.constant_pad_nd(torch.tensor([[1, 2]]), (1, 2), 7)
    tensor([[7, 1, 2, 7, 7]])
    """
    return F.pad(input, pad, "constant", value)
