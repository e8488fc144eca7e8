"""Adamax."""

from __future__ import annotations

from typing import Any

from ..core.primitive import P
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import StatefulOptimizer, power


class Adamax(StatefulOptimizer):
    """Adam with the largest decayed gradient in place of the root mean square (Kingma & Ba, 2015, algorithm 2).

    m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g| + ε), p ← p − lr / (1 − β₁ᵗ) · m / u. ``weight_decay`` adds that multiple
    of p to g; ``maximize`` turns g round. ``foreach`` and ``capturable`` are accepted and change nothing.
    Raises ValueError for settings out of range.

    >>> w = torch.tensor([1.0, 100.0], requires_grad=True)
    >>> optimizer = torch.optim.Adamax([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([ 0.9000, 99.9000])
    """

    def __init__(self, params: Parameters, lr: float | Tensor = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, foreach: bool | None = None, *, maximize: bool = False,
                 differentiable: bool = False, capturable: bool = False) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }
        check_settings(defaults)
        super().__init__(params, defaults)

    def _averages(self, group: Group) -> tuple[str, ...]:
        return "exp_avg", "exp_inf"

    def _numbers(self, group: Group, lr: Any, step: Any) -> tuple[Any, ...]:
        beta1, beta2 = group["betas"]
        return 1 - beta1, beta2, lr / (1 - power(beta1, step)), group["eps"]

    @staticmethod
    def _move(p: Any, g: Any, state: dict[str, Any], share1: Any, beta2: Any, rate: Any, eps: Any) -> Any:
        mean = state["exp_avg"] = state["exp_avg"] + (g - state["exp_avg"]) * share1
        largest = state["exp_inf"] = P.maximum(state["exp_inf"] * beta2, P.abs(g) + eps)
        return p - mean / largest * rate
