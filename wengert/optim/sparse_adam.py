"""Adam for sparse gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ops import zeros_like
from ..tensors.alias import check_writable, wrote
from ..tensors.tensor import Tensor
from .formula import entries
from .optimizer import Group, Optimizer, Parameters
from .stateful import read


class SparseAdam(Optimizer):
    """Adam for parameters whose gradients are sparse, such as those of ``nn.Embedding(..., sparse=True)``.

    It moves, and ages the moments of, what the gradient has alone: m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
    p ← p − lr √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε) there, t being the steps of the parameter. ``maximize`` turns g
    round. Raises ValueError for settings out of range, and for sparse or complex parameters; RuntimeError for a dense
    gradient.

    >>> import wengert as torch
    >>> layer = torch.nn.Embedding.from_pretrained(torch.zeros(3, 1), freeze=False, sparse=True)
    >>> optimizer = torch.optim.SparseAdam(layer.parameters(), lr=0.1)
    >>> layer(torch.tensor([2, 0])).sum().backward()
    >>> optimizer.step()
    >>> layer.weight.detach().t()
    tensor([[-0.1000,  0.0000, -0.1000]])
    """

    def __init__(self, params: Parameters, lr: float | Tensor = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, maximize: bool = False) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 < lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        for word, reason, wrong in (("Sparse", "requires dense parameter tensors", _is_sparse),
                                    ("Complex", "does not support complex parameters", Tensor.is_complex)):
            found = [[i, k] for i, group in enumerate(self.param_groups) for k, parameter in enumerate(group["params"])
                     if wrong(parameter)]
            if found:
                raise ValueError(f"{word} params at indices {found}: SparseAdam {reason}")

    def _update(self, group: Group) -> None:
        rate = float(read(group["lr"]))
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            if not gradient.is_sparse:
                raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
            state = self.state[parameter]
            if not state:
                state["step"] = 0
                state["exp_avg"] = zeros_like(parameter).detach()
                state["exp_avg_sq"] = zeros_like(parameter).detach()
            state["step"] += 1
            self._move(parameter, -gradient if group["maximize"] else gradient, state, group, rate)

    @staticmethod
    def _move(parameter: Tensor, gradient: Any, state: dict[str, Any], group: Group, lr: float) -> None:
        at, values = entries(gradient)
        if not values.size:
            return
        check_writable(parameter, "step")
        (beta1, beta2), step = group["betas"], state["step"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        old_mean, old_square = mean._data[at], square._data[at]
        change, change_sq = (values - old_mean) * (1 - beta1), (values * values - old_square) * (1 - beta2)
        mean._data[at] = new_mean = change + old_mean
        square._data[at] = new_square = change_sq + old_square
        rate = lr * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        parameter._data[at] += -rate * (new_mean / (np.sqrt(new_square) + group["eps"]))
        for tensor in (mean, square, parameter):
            wrote(tensor)


def _is_sparse(parameter: Tensor) -> bool:
    return bool(parameter.is_sparse)
