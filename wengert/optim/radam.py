"""RAdam."""

from __future__ import annotations

from ..core.dtypes import float64
from ..ops import where
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import State, StatefulOptimizer, blank

# Below this length of the average the variance of the adaptive rate is taken to be unknown.
SHORTEST = 5.0


class RAdam(StatefulOptimizer):
    """Adam that adapts only as far as its second moment can be trusted (Liu et al., 2020, algorithm 2).

    The average over gradients so far is as long as ρ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ) with ρ∞ = 2 / (1 − β₂) − 1. While ρ is
    5 or less p ← p − lr m̂; then p ← p − lr r m̂ √(1 − β₂ᵗ) / (√v + ε) with
    r² = (ρ − 4) (ρ − 2) ρ∞ / ((ρ∞ − 4) (ρ∞ − 2) ρ). ``weight_decay`` adds that multiple of p to g, or with
    ``decoupled_weight_decay`` shrinks p by that share of lr. ``foreach`` and ``capturable`` are accepted and change
    nothing. Raises ValueError for settings out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, eps=eps, betas=betas, weight_decay=weight_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _fresh(self, parameter: Tensor, group: Group) -> State:
        return blank(parameter, "exp_avg", "exp_avg_sq")

    def _move(self, parameter: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.add_((gradient - mean) * (1 - beta1))
        square.add_((gradient * gradient - square) * (1 - beta2))
        step, dtype = state["step"].to(float64), parameter.dtype
        move = mean * (group["lr"] / (1 - beta1**step)).to(dtype)
        longest = 2 / (1 - beta2) - 1
        if longest > SHORTEST:
            power = beta2**step
            length = longest - step * power * 2 / (1 - power)
            # Both cases are computed and one is chosen, so the one not chosen must be a number too.
            known = length.clamp(min=SHORTEST)
            ratio = (known - 4) * (known - 2) / known * (longest / ((longest - 4) * (longest - 2)))
            trust = (ratio * (1 - power)).sqrt().to(dtype)
            move = where(length > SHORTEST, move * trust / (square.sqrt() + group["eps"]), move)
        parameter.sub_(move)
