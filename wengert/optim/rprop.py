"""Rprop."""

from __future__ import annotations

from ..ops import full_like, where
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import State, StatefulOptimizer, blank


class Rprop(StatefulOptimizer):
    """Resilient backpropagation: only the signs of the gradient count (Riedmiller & Braun, 1993).

    Every element has a step size, from ``lr`` in the first step: times ``etas[1]`` where the gradient keeps its sign,
    times ``etas[0]`` where it turns, held between ``step_sizes``. Where it turned, the element stays for one step.
    ``maximize`` turns the gradient round. ``foreach`` and ``capturable`` are accepted and change nothing. Raises
    ValueError for settings out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _fresh(self, parameter: Tensor, group: Group) -> State:
        lr = float(group["lr"])
        size = full_like(parameter, complex(lr, lr) if parameter.is_complex() else lr).detach()
        return {**blank(parameter, "prev"), "step_size": size}

    def _move(self, parameter: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        (shrink, grow), (smallest, largest) = group["etas"], group["step_sizes"]
        before, size = state["prev"], state["step_size"]
        agreement = gradient * before
        turned = agreement < 0
        # A schedule may have changed lr since the state was made, so the first step reads it again.
        start = where(state["step"] == 1, size * 0 + group["lr"], size)
        scaled = where(turned, start * shrink, where(agreement > 0, start * grow, start))
        size.copy_(scaled.clamp(smallest, largest))
        gradient = where(turned, 0.0, gradient)
        parameter.sub_(gradient.sign() * size)
        before.copy_(gradient)
