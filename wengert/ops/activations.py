"""Nonlinearities that PyTorch also has outside ``nn.functional``."""

from __future__ import annotations

from typing import Any

from ..core.primitive import P
from ..tensors.tensor import Tensor
from .registry import function

# Klambauer et al., *Self-Normalizing Neural Networks*, 2017, page 4.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@function(method=False)
def selu(input: Any) -> Tensor:
    """The scaled exponential unit under which activations keep mean 0 and variance 1.

    >>> torch.selu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-1.1113,  0.0000,  1.0507])
    """
    return P.elu(input, alpha=SELU_ALPHA, scale=SELU_SCALE)


@function(method=False, checked=True)
def celu(input: Any, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else α (exp(x / α) − 1). Raises RuntimeError for α = 0.

    >>> torch.celu(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.8647,  0.0000,  2.0000])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return P.elu(input, alpha=alpha, input_scale=1.0 / alpha)


@function(method=False)
def threshold(input: Any, threshold: float, value: float) -> Any:
    """x where x is above ``threshold``, else ``value``.

    >>> torch.threshold(torch.tensor([-1.0, 0.5, 2.0]), 1.0, 0.0)
    tensor([0., 0., 2.])
    """
    return P.threshold(input, limit=threshold, value=value)


@function(checked=True)
def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """x outside [−λ, λ], 0 within.

    >>> torch.hardshrink(torch.tensor([-1.0, -0.3, 0.3, 1.0]))
    tensor([-1.,  0.,  0.,  1.])
    """
    return P.hardshrink(input, limit=lambd)


@function()
def prelu(input: Any, weight: Any) -> Any:
    """x where x > 0, else weight · x, for one weight or one for each channel (dimension 1).

    >>> torch.prelu(torch.tensor([-4.0, 2.0]), torch.tensor(0.25))
    tensor([-1.,  2.])
    """
    if weight.numel() > 1:
        weight = weight.reshape(-1, *(1,) * (input.dim() - 2))
    return P.prelu(input, weight)
