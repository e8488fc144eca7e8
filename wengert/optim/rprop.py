"""Rprop."""

from __future__ import annotations

from typing import Any

from ..core.primitive import P
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import StatefulOptimizer


class Rprop(StatefulOptimizer):
    """Resilient backpropagation: only the signs of the gradient count (Riedmiller & Braun, 1993).

    Every element has a step size, from ``lr`` in the first step: times ``etas[1]`` where the gradient keeps its sign,
    times ``etas[0]`` where it turns, held between ``step_sizes``. Where it turned, the element stays for one step.
    ``maximize`` turns the gradient round. ``foreach`` and ``capturable`` are accepted and change nothing. Raises
    ValueError for settings out of range.

    >>> w = torch.tensor([1.0, 100.0], requires_grad=True)
    >>> optimizer = torch.optim.Rprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([ 0.9000, 99.9000])
    """

    def __init__(self, params: Parameters, lr: float | Tensor = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
                 step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: bool | None = None,
                 maximize: bool = False, differentiable: bool = False) -> None:
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        }
        check_settings(defaults)
        super().__init__(params, defaults)

    def _averages(self, group: Group) -> tuple[str, ...]:
        return "prev", "step_size"

    def _first(self, name: str, group: Group) -> float:
        return float(group["lr"]) if name == "step_size" else 0.0

    def _numbers(self, group: Group, lr: Any, step: Any) -> tuple[Any, ...]:
        return P.where(step == 1, 1.0, 0.0), lr, *group["etas"], *group["step_sizes"]

    @staticmethod
    def _move(p: Any, g: Any, state: dict[str, Any], first: Any, lr: Any, shrink: Any, grow: Any, smallest: Any,
              largest: Any) -> Any:
        agreement = g * state["prev"]
        turned = agreement < 0
        # A schedule may have changed lr since the state was made, so the first step reads it again.
        size = P.where(first > 0, lr, state["step_size"])
        size = P.where(turned, size * shrink, P.where(agreement > 0, size * grow, size))
        size = state["step_size"] = P.minimum(P.maximum(size, smallest), largest)
        g = state["prev"] = P.where(turned, 0.0, g)
        return p - P.where(g > 0, size, P.where(g < 0, -size, 0.0))
