"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any, ClassVar

from ..core.primitive import P
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import State, StatefulOptimizer, read, stored


class ASGD(StatefulOptimizer):
    """Gradient descent whose path is averaged (Polyak & Juditsky, 1992; the rates as in Bottou's programs).

    p ← (1 − λ η) p − η g with η = lr / (1 + λ lr t)^α. The average ``ax`` in the state follows p until ``t0`` steps are
    made and is from then on the mean of the p since. ``weight_decay`` adds that multiple of p to g; ``maximize`` turns
    g round. ``foreach`` and ``capturable`` are accepted and change nothing. Raises ValueError for settings out of
    range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.ASGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.8000])
    """

    _counters: ClassVar[tuple[str, ...]] = ("step", "eta", "mu")

    def __init__(self, params: Parameters, lr: float | Tensor = 1e-2, lambd: float = 1e-4, alpha: float = 0.75,
                 t0: float = 1e6, weight_decay: float = 0, foreach: bool | None = None, maximize: bool = False,
                 differentiable: bool = False, capturable: bool = False) -> None:
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize, "differentiable": differentiable,
            "capturable": capturable,
        }
        check_settings(defaults)
        super().__init__(params, defaults)

    def _averages(self, group: Group) -> tuple[str, ...]:
        return ("ax",)

    def _first(self, name: str, group: Group) -> float:
        return float(group["lr"]) if name == "eta" else 1.0 if name == "mu" else 0.0

    def _count(self, parameter: Tensor, state: State, group: Group, lr: Any) -> tuple[Any, ...]:
        (step,) = super()._count(parameter, state, group, lr)
        eta, weight = state["eta"], state["mu"]
        # A schedule may have changed lr since the state was made, so the first step reads it again.
        eta.copy_(P.where(step == 1, stored(lr, eta), eta))
        counts = read(eta), read(weight)
        eta.copy_(lr / P.pow(step * (group["lambd"] * lr) + 1, group["alpha"]))
        weight.copy_(1 / P.maximum(step - group["t0"], 1.0))
        return counts

    def _numbers(self, group: Group, lr: Any, rate: Any, weight: Any) -> tuple[Any, ...]:
        return rate, 1 - rate * group["lambd"], weight

    @staticmethod
    def _move(p: Any, g: Any, state: dict[str, Any], rate: Any, decay: Any, weight: Any) -> Any:
        p = p * decay - g * rate
        state["ax"] = P.where(weight >= 1, p, state["ax"] + (p - state["ax"]) * weight)
        return p
