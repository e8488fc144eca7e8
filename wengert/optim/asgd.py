"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import ClassVar

from ..core.dtypes import float64
from ..ops import where
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import State, StatefulOptimizer, blank, number


class ASGD(StatefulOptimizer):
    """Gradient descent whose path is averaged (Polyak & Juditsky, 1992; the rates as in Bottou's programs).

    p ← (1 − λ η) p − η g with η = lr / (1 + λ lr t)^α. The average ``ax`` in the state follows p until ``t0`` steps are
    made and is from then on the mean of the p since. ``weight_decay`` adds that multiple of p to g; ``maximize`` turns
    g round. ``foreach`` and ``capturable`` are accepted and change nothing. Raises ValueError for settings out of
    range.
    """

    _numbers: ClassVar[tuple[str, ...]] = ("step", "eta", "mu")

    def __init__(
        self,
        params: Parameters,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(lr, weight_decay=weight_decay)
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize, "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _fresh(self, parameter: Tensor, group: Group) -> State:
        return {"eta": number(float(group["lr"])), "mu": number(1.0), **blank(parameter, "ax")}

    def _move(self, parameter: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        lr, decay = group["lr"], group["lambd"]
        eta, weight, average = state["eta"], state["mu"], state["ax"]
        step = state["step"].to(float64)
        # A schedule may have changed lr since the state was made, so the first step reads it again.
        eta.copy_(where(step == 1, (eta * 0 + 1) * lr, eta))
        rate, dtype = eta.to(float64), parameter.dtype
        parameter.mul_((1 - rate * decay).to(dtype)).sub_(gradient * rate.to(dtype))
        average.copy_(where(weight == 1, parameter, average + (parameter - average) * weight.to(dtype)))
        eta.copy_(lr / (step * (decay * lr) + 1) ** group["alpha"])
        weight.copy_(1 / (step - group["t0"]).clamp(min=1))
