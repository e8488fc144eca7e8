"""A layer and the batch normalisation behind it, in evaluation, as one layer.

Both are affine, so that W ← W γ/√(σ² + ε) and b ← (b − µ) γ/√(σ² + ε) + β say the same.
"""

from __future__ import annotations

import copy
from typing import TypeVar

from ...core.errors import KindError, in_words
from ...ops import ones_like, rsqrt, zeros_like
from ...tensors.tensor import Tensor
from ..layers.convolution import Convolution
from ..layers.linear import Linear
from ..layers.normalization import BatchNormBase
from ..module import Module
from ..parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]

ConvolutionT = TypeVar("ConvolutionT", bound=Convolution)
LinearT = TypeVar("LinearT", bound=Linear)


def _statistics(layer: Module, bn: BatchNormBase) -> tuple[Tensor, Tensor]:
    for part in (layer, bn):
        if not isinstance(part, Module):
            raise KindError(f"[fuse] a layer and a batch normalisation were expected; got {type(part).__name__}")
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    return bn.running_mean, bn.running_var


@in_words
def fuse_conv_bn_eval(conv: ConvolutionT, bn: BatchNormBase, transpose: bool = False) -> ConvolutionT:
    """A copy of ``conv`` that computes what ``bn`` makes of its result; ``transpose`` for a transposed one. Raises
    AssertionError unless both are in evaluation and there are running statistics.

    >>> conv, norm, x = nn.Conv2d(3, 4, 3).eval(), nn.BatchNorm2d(4).eval(), torch.rand(1, 3, 5, 5)
    >>> fused = nn.utils.fuse_conv_bn_eval(conv, norm)
    >>> torch.allclose(fused(x), norm(conv(x)), atol=1e-5)
    True
    """
    mean, variance = _statistics(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, mean, variance, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


@in_words
def fuse_conv_bn_weights(conv_w: Tensor, conv_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float,
                         bn_w: Tensor | None, bn_b: Tensor | None,
                         transpose: bool = False) -> tuple[Parameter, Parameter]:
    """Weight and bias of the fused convolution, from its own, and the running mean and variance, ε, γ and β.

    >>> w, b, mean, var = torch.ones(1, 1, 1, 1), torch.zeros(1), torch.tensor([2.0]), torch.tensor([4.0])
    >>> w, b = nn.utils.fuse_conv_bn_weights(w, b, mean, var, 0.0, torch.ones(1), torch.zeros(1))
    >>> w.item(), b.item()
    (0.5, -1.0)
    """
    bias = zeros_like(bn_rm) if conv_b is None else conv_b
    scale = rsqrt(bn_rv + bn_eps) * (ones_like(bn_rm) if bn_w is None else bn_w)
    shift = zeros_like(bn_rm) if bn_b is None else bn_b
    shape = [1] * conv_w.dim()
    shape[1 if transpose else 0] = -1
    weight = (conv_w * scale.reshape(shape)).to(conv_w.dtype)
    moved = ((bias - bn_rm) * scale + shift).to(conv_w.dtype if conv_b is None else conv_b.dtype)
    return Parameter(weight, conv_w.requires_grad), Parameter(moved, bias.requires_grad)


@in_words
def fuse_linear_bn_eval(linear: LinearT, bn: BatchNormBase) -> LinearT:
    """A copy of ``linear`` that computes what ``bn`` makes of its result. Raises AssertionError unless both are in
    evaluation, there are running statistics, and their sizes agree.

    >>> linear, norm, x = nn.Linear(3, 4).eval(), nn.BatchNorm1d(4).eval(), torch.rand(2, 3)
    >>> torch.allclose(nn.utils.fuse_linear_bn_eval(linear, norm)(x), norm(linear(x)), atol=1e-5)
    True
    """
    mean, variance = _statistics(linear, bn)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got linear.out_features="
            f"{linear.out_features} and bn.num_features={bn.num_features}"
        )
    if bn.weight is None or bn.bias is None:
        raise AssertionError("To fuse, bn must have a weight and a bias; it was made with affine=False or bias=False")
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, mean, variance, bn.eps, bn.weight, bn.bias
    )
    return fused


@in_words
def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor, bn_b: Tensor
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the fused linear layer, from its own, and the running mean and variance, ε, γ and β.

    >>> w, b, mean, var = torch.ones(1, 1), torch.zeros(1), torch.tensor([2.0]), torch.tensor([4.0])
    >>> w, b = nn.utils.fuse_linear_bn_weights(w, b, mean, var, 0.0, torch.ones(1), torch.zeros(1))
    >>> w.item(), b.item()
    (0.5, -1.0)
    """
    bias = zeros_like(bn_rm) if linear_b is None else linear_b
    scale = bn_w * rsqrt(bn_rv + bn_eps)
    weight = linear_w * scale.unsqueeze(-1).to(linear_w.dtype)
    moved = ((bias - bn_rm) * scale + bn_b).to(linear_w.dtype if linear_b is None else linear_b.dtype)
    return Parameter(weight, linear_w.requires_grad), Parameter(moved, bias.requires_grad)
