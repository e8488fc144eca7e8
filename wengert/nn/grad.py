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


def _makers(rank: int) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    """The gradients of a convolution over ``rank`` dimensions by its input and by its weight."""
    forward = getattr(convolution, f"conv{rank}d")

    def gradient(by: Tensor, input: Tensor, weight: Tensor, ct: Tensor, *how: Any) -> Tensor:
        known = weight if by is input else input
        create_graph = known.requires_grad or ct.requires_grad
        return grad(forward(input, weight, None, *how), by, ct, create_graph=create_graph)[0]

    def by_input(input_size: Any, weight: Tensor, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1) -> Tensor:
        input = zeros(input_size, dtype=weight.dtype, requires_grad=True)
        return gradient(input, input, weight, grad_output, stride, padding, dilation, groups)

    def by_weight(input: Tensor, weight_size: Any, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
                  dilation: Any = 1, groups: int = 1) -> Tensor:
        weight = zeros(weight_size, dtype=input.dtype, requires_grad=True)
        return gradient(weight, input, weight, grad_output, stride, padding, dilation, groups)

    ones, sizes = ", 1" * rank, ", ".join(["3"] * rank)
    for name, made, example in (
        ("input", by_input, f"""weight, grad_output = torch.ones(1, 1{ones}), torch.ones(1, 1, {sizes})
    >>> nn.grad.conv{rank}d_input((1, 1, {sizes}), weight, grad_output).sum()
    tensor({3 ** rank}.)"""),
        ("weight", by_weight, f"""input, grad_output = torch.ones(1, 1, {sizes}), torch.ones(1, 1, {sizes})
    >>> nn.grad.conv{rank}d_weight(input, (1, 1{ones}), grad_output).flatten()
    tensor([{3 ** rank}.])"""),
    ):
        made.__name__ = made.__qualname__ = f"conv{rank}d_{name}"
        made.__doc__ = f"""The gradient of ``conv{rank}d`` by its {name}, of shape ``{name}_size``, from that by its
    output.

    >>> {example}
    """
    return by_input, by_weight


(conv1d_input, conv1d_weight), (conv2d_input, conv2d_weight), (conv3d_input, conv3d_weight) = map(_makers, (1, 2, 3))

_publish(__name__, " ".join(__all__))
