"""RMSprop."""

from __future__ import annotations

from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import State, StatefulOptimizer, blank, check_range


class RMSprop(StatefulOptimizer):
    """Steps divided by the root mean square of recent gradients (Hinton, 2012; ``centered``: Graves, 2013).

    v ← α v + (1 − α) g², p ← p − lr g / (√v + ε). With ``centered`` the square of the mean gradient is taken from v
    first; with ``momentum`` µ the quotient is gathered in b ← µ b + g / (√v + ε), and p ← p − lr b. ``weight_decay``
    adds that multiple of p to g; ``maximize`` turns g round. ``foreach`` and ``capturable`` are accepted and change
    nothing. Raises ValueError for settings out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, eps=eps, momentum=momentum, weight_decay=weight_decay)
        check_range("alpha", alpha)
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _fresh(self, parameter: Tensor, group: Group) -> State:
        names = ["square_avg"] + ["momentum_buffer"] * (group["momentum"] > 0) + ["grad_avg"] * group["centered"]
        return blank(parameter, *names)

    def _move(self, parameter: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        alpha = group["alpha"]
        square = state["square_avg"]
        square.mul_(alpha).add_(gradient * gradient * (1 - alpha))
        if group["centered"]:
            mean = state["grad_avg"]
            mean.add_((gradient - mean) * (1 - alpha))
            square = square - mean * mean
        move = gradient / square.sqrt().add_(group["eps"])
        if group["momentum"] > 0:
            move = state["momentum_buffer"].mul_(group["momentum"]).add_(move)
        parameter.sub_(move * group["lr"])
