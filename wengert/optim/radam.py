"""RAdam."""

from __future__ import annotations

from typing import Any

from ..core.primitive import P
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import StatefulOptimizer, moments, power

# Below this length of the average the variance of the adaptive rate is taken to be unknown.
SHORTEST = 5.0


class RAdam(StatefulOptimizer):
    """Adam that adapts only as far as its second moment can be trusted (Liu et al., 2020, algorithm 2).

    The average over gradients so far is as long as ρ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ) with ρ∞ = 2 / (1 − β₂) − 1. While ρ is
    5 or less p ← p − lr m̂; then p ← p − lr r m̂ √(1 − β₂ᵗ) / (√v + ε) with
    r² = (ρ − 4) (ρ − 2) ρ∞ / ((ρ∞ − 4) (ρ∞ − 2) ρ). ``weight_decay`` adds that multiple of p to g, or with
    ``decoupled_weight_decay`` shrinks p by that share of lr. ``foreach`` and ``capturable`` are accepted and change
    nothing. Raises ValueError for settings out of range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.RAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.8000])
    """

    def __init__(self, params: Parameters, lr: float | Tensor = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, decoupled_weight_decay: bool = False, *,
                 foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
                 differentiable: bool = False) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        check_settings(defaults)
        super().__init__(params, defaults)

    def _averages(self, group: Group) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq"

    def _numbers(self, group: Group, lr: Any, step: Any) -> tuple[Any, ...]:
        beta1, beta2 = group["betas"]
        longest, trust = 2 / (1 - beta2) - 1, 0.0
        if longest > SHORTEST:
            left = power(beta2, step)
            length = longest - step * left * 2 / (1 - left)
            # Both cases are computed and one is chosen, so the one not chosen must be a number too.
            known = P.maximum(length, SHORTEST)
            ratio = (known - 4) * (known - 2) / known * (longest / ((longest - 4) * (longest - 2)))
            trust = P.where(length > SHORTEST, P.sqrt(ratio * (1 - left)), 0.0)
        return 1 - beta1, beta2, 1 - beta2, lr / (1 - power(beta1, step)), trust, group["eps"]

    @staticmethod
    def _move(p: Any, g: Any, state: dict[str, Any], share1: Any, beta2: Any, share2: Any, rate: Any,
              trust: Any, eps: Any) -> Any:
        mean, square = moments(g, state, share1, beta2, share2)
        move = mean * rate
        return p - P.where(trust > 0, move * trust / (P.sqrt(square) + eps), move)
