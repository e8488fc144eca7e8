"""NAdam."""

from __future__ import annotations

from typing import Any, ClassVar

from ..core.primitive import P
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import State, StatefulOptimizer, moments, power, read, stored


class NAdam(StatefulOptimizer):
    """Adam with Nesterov's momentum (Dozat, *Incorporating Nesterov Momentum into Adam*, 2016).

    With the moments m and v of Adam and µₜ = β₁ (1 − ½ · 0.96^(t ψ)), where ψ is ``momentum_decay``:
    p ← p − lr / (√v̂ + ε) · ((1 − µₜ) g / (1 − ∏µᵢ to t) + µₜ₊₁ m / (1 − ∏µᵢ to t + 1)). ``weight_decay`` adds that
    multiple of p to g, or with ``decoupled_weight_decay`` shrinks p by that share of lr. ``foreach`` and
    ``capturable`` are accepted and change nothing. Raises ValueError for settings out of range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.NAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.8944])
    """

    _counters: ClassVar[tuple[str, ...]] = ("step", "mu_product")

    def __init__(self, params: Parameters, lr: float | Tensor = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, momentum_decay: float = 4e-3,
                 decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False,
                 capturable: bool = False, differentiable: bool = False) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable,
        }
        check_settings(defaults)
        super().__init__(params, defaults)

    def _averages(self, group: Group) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq"

    def _first(self, name: str, group: Group) -> float:
        return 1.0 if name == "mu_product" else 0.0

    def _count(self, parameter: Tensor, state: State, group: Group, lr: Any) -> tuple[Any, ...]:
        (step,) = super()._count(parameter, state, group, lr)
        product = state["mu_product"]
        product.mul_(stored(_momentum(group, step), product))
        return step, read(product)

    def _numbers(self, group: Group, lr: Any, step: Any, product: Any) -> tuple[Any, ...]:
        beta1, beta2 = group["betas"]
        now, following = _momentum(group, step), _momentum(group, step + 1)
        of_gradient = (1 - now) / (1 - product) * lr
        of_mean = following / (1 - product * following) * lr
        return 1 - beta1, beta2, 1 - beta2, of_gradient, of_mean, 1 - power(beta2, step), group["eps"]

    @staticmethod
    def _move(p: Any, g: Any, state: dict[str, Any], share1: Any, beta2: Any, share2: Any, of_gradient: Any,
              of_mean: Any, correction: Any, eps: Any) -> Any:
        mean, square = moments(g, state, share1, beta2, share2)
        return p - (g * of_gradient + mean * of_mean) / (P.sqrt(square / correction) + eps)


def _momentum(group: Group, step: Any) -> Any:
    """µₜ"""
    return (power(0.96, step * group["momentum_decay"]) * -0.5 + 1) * group["betas"][0]
