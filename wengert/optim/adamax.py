"""Adamax."""

from __future__ import annotations

from ..core.dtypes import float64
from ..ops import maximum
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import State, StatefulOptimizer, blank


class Adamax(StatefulOptimizer):
    """Adam with the largest decayed gradient in place of the root mean square (Kingma & Ba, 2015, algorithm 2).

    m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g| + ε), p ← p − lr / (1 − β₁ᵗ) · m / u. ``weight_decay`` adds that multiple
    of p to g; ``maximize`` turns g round. ``foreach`` and ``capturable`` are accepted and change nothing.
    Raises ValueError for settings out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(lr, eps=eps, betas=betas, weight_decay=weight_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _fresh(self, parameter: Tensor, group: Group) -> State:
        return blank(parameter, "exp_avg", "exp_inf")

    def _move(self, parameter: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        mean, largest = state["exp_avg"], state["exp_inf"]
        mean.add_((gradient - mean) * (1 - beta1))
        largest.copy_(maximum(largest * beta2, gradient.abs() + group["eps"]))
        rate = group["lr"] / (1 - beta1 ** state["step"].to(float64))
        parameter.sub_(mean / largest * rate.to(parameter.dtype))
