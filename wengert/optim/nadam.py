"""NAdam."""

from __future__ import annotations

from typing import ClassVar

from ..core.dtypes import float64
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import State, StatefulOptimizer, blank, check_range, number


class NAdam(StatefulOptimizer):
    """Adam with Nesterov's momentum (Dozat, *Incorporating Nesterov Momentum into Adam*, 2016).

    With the moments m and v of Adam and µₜ = β₁ (1 − ½ · 0.96^(t ψ)), where ψ is ``momentum_decay``:
    p ← p − lr / (√v̂ + ε) · ((1 − µₜ) g / (1 − ∏µᵢ to t) + µₜ₊₁ m / (1 − ∏µᵢ to t + 1)). ``weight_decay`` adds that
    multiple of p to g, or with ``decoupled_weight_decay`` shrinks p by that share of lr. ``foreach`` and
    ``capturable`` are accepted and change nothing. Raises ValueError for settings out of range.
    """

    _numbers: ClassVar[tuple[str, ...]] = ("step", "mu_product")

    def __init__(
        self,
        params: Parameters,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, eps=eps, betas=betas, weight_decay=weight_decay)
        check_range("momentum_decay", momentum_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _fresh(self, parameter: Tensor, group: Group) -> State:
        return {"mu_product": number(1.0), **blank(parameter, "exp_avg", "exp_avg_sq")}

    def _move(self, parameter: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        mean, square, product = state["exp_avg"], state["exp_avg_sq"], state["mu_product"]
        step = state["step"].to(float64)
        decay = group["momentum_decay"]
        now = (0.96 ** (step * decay) * -0.5 + 1) * beta1
        following = (0.96 ** ((step + 1) * decay) * -0.5 + 1) * beta1
        product.mul_(now.to(product.dtype))
        reached = product.to(float64)
        mean.add_((gradient - mean) * (1 - beta1))
        square.add_((gradient * gradient - square) * (1 - beta2))
        dtype = parameter.dtype
        root = (square / (1 - beta2**step).to(dtype)).sqrt().add_(group["eps"])
        of_gradient = ((1 - now) / (1 - reached) * group["lr"]).to(dtype)
        of_mean = (following / (1 - reached * following) * group["lr"]).to(dtype)
        parameter.sub_((gradient * of_gradient + mean * of_mean) / root)
