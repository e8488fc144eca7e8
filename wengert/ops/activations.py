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
    """The scaled exponential unit under which activations keep mean 0 and variance 1."""
    return P.elu(input, alpha=SELU_ALPHA, scale=SELU_SCALE)


@function(method=False)
def celu(input: Any, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else α (exp(x / α) − 1). Raises RuntimeError for α = 0."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return P.elu(input, alpha=alpha, input_scale=1.0 / alpha)


@function(method=False)
def threshold(input: Any, threshold: float, value: float) -> Any:
    """x where x is above ``threshold``, else ``value``."""
    return P.threshold(input, limit=threshold, value=value)


@function()
def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """x outside [−λ, λ], 0 within."""
    return P.hardshrink(input, limit=lambd)


@function()
def prelu(input: Any, weight: Any) -> Any:
    """x where x > 0, else weight · x, for one weight or one for each channel (dimension 1)."""
    if weight.numel() > 1:
        weight = weight.reshape(-1, *(1,) * (input.dim() - 2))
    return P.prelu(input, weight)
