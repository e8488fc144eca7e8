"""Gradients of convolutions by their input and by their weight, as functions of shapes and of the output's gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._public import publish as _publish
from ..autograd.engine import grad
from ..ops import zeros
from ..tensors.tensor import Tensor
from .functional import convolution

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _of_input(rank: int) -> Callable[..., Tensor]:
    forward = getattr(convolution, f"conv{rank}d")

    def by_input(input_size: Any, weight: Tensor, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1) -> Tensor:
        input = zeros(input_size, dtype=weight.dtype, requires_grad=True)
        out = forward(input, weight, None, stride, padding, dilation, groups)
        return grad(out, input, grad_output, create_graph=weight.requires_grad or grad_output.requires_grad)[0]

    by_input.__name__ = by_input.__qualname__ = f"conv{rank}d_input"
    sizes = ", ".join(["3"] * rank)
    by_input.__doc__ = f"""The gradient of ``conv{rank}d`` by its input, of shape ``input_size``, from that by its
    output.

    >>> weight, grad_output = torch.ones(1, 1{", 1" * rank}), torch.ones(1, 1, {sizes})
    >>> nn.grad.conv{rank}d_input((1, 1, {sizes}), weight, grad_output).sum()
    tensor({3 ** rank}.)
    """
    return by_input


def _of_weight(rank: int) -> Callable[..., Tensor]:
    forward = getattr(convolution, f"conv{rank}d")

    def by_weight(input: Tensor, weight_size: Any, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
                  dilation: Any = 1, groups: int = 1) -> Tensor:
        weight = zeros(weight_size, dtype=input.dtype, requires_grad=True)
        out = forward(input, weight, None, stride, padding, dilation, groups)
        return grad(out, weight, grad_output, create_graph=input.requires_grad or grad_output.requires_grad)[0]

    by_weight.__name__ = by_weight.__qualname__ = f"conv{rank}d_weight"
    sizes = ", ".join(["3"] * rank)
    by_weight.__doc__ = f"""The gradient of ``conv{rank}d`` by its weight, of shape ``weight_size``, from that by its
    output.

    >>> input, grad_output = torch.ones(1, 1, {sizes}), torch.ones(1, 1, {sizes})
    >>> nn.grad.conv{rank}d_weight(input, (1, 1{", 1" * rank}), grad_output).flatten()
    tensor([{3 ** rank}.])
    """
    return by_weight


conv1d_input, conv2d_input, conv3d_input = (_of_input(rank) for rank in (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = (_of_weight(rank) for rank in (1, 2, 3))

_publish(__name__, " ".join(__all__))
