"""Adagrad."""

from __future__ import annotations

from ..core.dtypes import float64
from ..ops import full_like
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import State, StatefulOptimizer, check_range


class Adagrad(StatefulOptimizer):
    """Steps divided by the root of the sum of all squared gradients (Duchi, Hazan & Singer, 2011).

    s ← s + g² from s = ``initial_accumulator_value``, p ← p − lr / (1 + (t − 1) ``lr_decay``) · g / (√s + ε).
    ``weight_decay`` adds that multiple of p to g; ``maximize`` turns g round. ``foreach`` and ``fused`` are accepted
    and change nothing. Raises ValueError for settings out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_settings(
            lr, eps=eps, weight_decay=weight_decay, foreach=foreach, fused=fused, differentiable=differentiable
        )
        check_range("lr_decay", lr_decay)
        check_range("initial_accumulator_value", initial_accumulator_value)
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        }
        super().__init__(params, defaults)

    def _fresh(self, parameter: Tensor, group: Group) -> State:
        start = group["initial_accumulator_value"]
        return {"sum": full_like(parameter, complex(start, start) if parameter.is_complex() else start).detach()}

    def _move(self, parameter: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        total, rate = state["sum"], group["lr"]
        total.add_(gradient * gradient)
        if group["lr_decay"] != 0:
            step = state["step"].to(float64)
            rate = (rate / ((step - 1) * group["lr_decay"] + 1)).to(parameter.dtype)
        parameter.sub_(gradient / total.sqrt().add_(group["eps"]) * rate)
