"""Adagrad."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import P
from ..tensors.alias import wrote
from ..tensors.tensor import Tensor
from .formula import entries
from .optimizer import Group, Parameters, check_settings
from .stateful import StatefulOptimizer


class Adagrad(StatefulOptimizer):
    """Steps divided by the root of the sum of all squared gradients (Duchi, Hazan & Singer, 2011).

    s ← s + g² from s = ``initial_accumulator_value``, p ← p − lr / (1 + (t − 1) ``lr_decay``) · g / (√s + ε).
    ``weight_decay`` adds that multiple of p to g; ``maximize`` turns g round. ``foreach`` and ``fused`` are accepted
    and change nothing. Raises ValueError for settings out of range.

    >>> w = torch.tensor([1.0, 100.0], requires_grad=True)
    >>> optimizer = torch.optim.Adagrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([ 0.9000, 99.9000])
    """

    def __init__(self, params: Parameters, lr: float | Tensor = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
                 initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
                 maximize: bool = False, differentiable: bool = False, fused: bool | None = None) -> None:
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        }
        check_settings(defaults)
        super().__init__(params, defaults)

    def _averages(self, group: Group) -> tuple[str, ...]:
        return ("sum",)

    def _first(self, name: str, group: Group) -> float:
        return float(group["initial_accumulator_value"]) if name == "sum" else 0.0

    def _numbers(self, group: Group, lr: Any, step: Any) -> tuple[Any, ...]:
        return lr / ((step - 1) * group["lr_decay"] + 1), group["eps"]

    def _update_sparse(self, parameter: Tensor, gradient: Any, group: Group, lr: float) -> None:
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        state = self._fitting_state(parameter, group, ("sum",))
        rate, eps = self._numbers(group, lr, *self._count(parameter, state, group, lr))
        at, values = entries(-gradient if group["maximize"] else gradient)
        total = state["sum"]._data
        total[at] += values * values
        wrote(state["sum"])
        parameter._data[at] -= values / (np.sqrt(total[at]) + float(eps)) * float(rate)
        wrote(parameter)

    @staticmethod
    def _move(p: Any, g: Any, state: dict[str, Any], rate: Any, eps: Any) -> Any:
        total = state["sum"] = state["sum"] + g * g
        return p - g / (P.sqrt(total) + eps) * rate
