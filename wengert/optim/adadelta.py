"""Adadelta."""

from __future__ import annotations

from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import State, StatefulOptimizer, blank, check_range


class Adadelta(StatefulOptimizer):
    """Steps in the units of the parameter, from running averages of both (Zeiler, 2012, algorithm 1).

    v ← ρ v + (1 − ρ) g², d = √(a + ε) / √(v + ε) · g, a ← ρ a + (1 − ρ) d², p ← p − lr d. ``weight_decay`` adds that
    multiple of p to g; ``maximize`` turns g round. ``foreach`` and ``capturable`` are accepted and change nothing.
    Raises ValueError for settings out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, eps=eps, weight_decay=weight_decay)
        check_range("rho", rho, 1.0)
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _fresh(self, parameter: Tensor, group: Group) -> State:
        return blank(parameter, "square_avg", "acc_delta")

    def _move(self, parameter: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        rho, eps = group["rho"], group["eps"]
        square, moves = state["square_avg"], state["acc_delta"]
        square.mul_(rho).add_(gradient * gradient * (1 - rho))
        move = (moves + eps).sqrt() / (square + eps).sqrt() * gradient
        moves.mul_(rho).add_(move * move * (1 - rho))
        parameter.sub_(move * group["lr"])
