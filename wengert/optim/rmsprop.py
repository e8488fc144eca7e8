"""RMSprop."""

from __future__ import annotations

from typing import Any

from ..core.primitive import P
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import StatefulOptimizer, check_range


class RMSprop(StatefulOptimizer):
    """Steps divided by the root mean square of recent gradients (Hinton, 2012; ``centered``: Graves, 2013).

    v ← α v + (1 − α) g², p ← p − lr g / (√v + ε). With ``centered`` the square of the mean gradient is taken from v
    first; with ``momentum`` µ the quotient is gathered in b ← µ b + g / (√v + ε), and p ← p − lr b. ``weight_decay``
    adds that multiple of p to g; ``maximize`` turns g round. ``foreach`` and ``capturable`` are accepted and change
    nothing. Raises ValueError for settings out of range.

    >>> w = torch.tensor([1.0, 100.0], requires_grad=True)
    >>> optimizer = torch.optim.RMSprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([5.9605e-08, 9.9000e+01])
    """

    def __init__(self, params: Parameters, lr: float | Tensor = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
                 weight_decay: float = 0, momentum: float = 0, centered: bool = False, capturable: bool = False,
                 foreach: bool | None = None, maximize: bool = False, differentiable: bool = False) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        }
        check_settings(defaults)
        check_range("alpha", alpha)
        super().__init__(params, defaults)

    def _averages(self, group: Group) -> tuple[str, ...]:
        return "square_avg", *["momentum_buffer"] * bool(group["momentum"] > 0), *["grad_avg"] * bool(group["centered"])

    def _numbers(self, group: Group, lr: Any, step: Any) -> tuple[Any, ...]:
        return lr, group["alpha"], 1 - group["alpha"], group["eps"], group["momentum"]

    @staticmethod
    def _move(p: Any, g: Any, state: dict[str, Any], lr: Any, alpha: Any, share: Any, eps: Any, momentum: Any) -> Any:
        square = state["square_avg"] = state["square_avg"] * alpha + g * share * g
        if "grad_avg" in state:
            mean = state["grad_avg"] = state["grad_avg"] + (g - state["grad_avg"]) * share
            square = square - mean * mean
        move = g / (P.sqrt(square) + eps)
        if "momentum_buffer" in state:
            move = state["momentum_buffer"] = state["momentum_buffer"] * momentum + move
        return p - move * lr
