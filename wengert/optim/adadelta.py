"""Adadelta."""

from __future__ import annotations

from typing import Any

from ..core.primitive import P
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import StatefulOptimizer, check_range


class Adadelta(StatefulOptimizer):
    """Steps in the units of the parameter, from running averages of both (Zeiler, 2012, algorithm 1).

    v ← ρ v + (1 − ρ) g², d = √(a + ε) / √(v + ε) · g, a ← ρ a + (1 − ρ) d², p ← p − lr d. ``weight_decay`` adds that
    multiple of p to g; ``maximize`` turns g round. ``foreach`` and ``capturable`` are accepted and change nothing.
    Raises ValueError for settings out of range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adadelta([w], lr=1.0)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9968])
    """

    def __init__(self, params: Parameters, lr: float | Tensor = 1.0, rho: float = 0.9, eps: float = 1e-6,
                 weight_decay: float = 0, foreach: bool | None = None, *, capturable: bool = False,
                 maximize: bool = False, differentiable: bool = False) -> None:
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        }
        check_settings(defaults)
        check_range("rho", rho, 1.0)
        super().__init__(params, defaults)

    def _averages(self, group: Group) -> tuple[str, ...]:
        return "square_avg", "acc_delta"

    def _numbers(self, group: Group, lr: Any, step: Any) -> tuple[Any, ...]:
        return lr, group["rho"], 1 - group["rho"], group["eps"]

    @staticmethod
    def _move(p: Any, g: Any, state: dict[str, Any], lr: Any, rho: Any, share: Any, eps: Any) -> Any:
        moves = state["acc_delta"]
        square = state["square_avg"] = state["square_avg"] * rho + g * share * g
        move = P.sqrt(moves + eps) / P.sqrt(square + eps) * g
        state["acc_delta"] = moves * rho + move * share * move
        return p - move * lr
