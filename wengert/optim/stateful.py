"""The frame of the optimisers that keep moving averages: `StatefulOptimizer`.

It counts the steps, applies weight decay and the sign of the goal, keeps the state in the dtype of the parameter and
hands complex numbers on as pairs of real ones. A subclass writes one rule, `_move`, for one parameter. Rules read the
count of steps as a 0-d tensor and never as a Python number, so that a recorded step can be replayed.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..core.dtypes import float32, float64, get_default_dtype
from ..ops import full, view_as_real, zeros_like
from ..tensors.tensor import Tensor
from .optimizer import Group, Optimizer

State = dict[str, Any]


class StatefulOptimizer(Optimizer):
    """An optimiser whose state for a parameter is a count of steps, further 0-d numbers, and tensors of its shape."""

    # Entries that are numbers about the walk. They stay in single precision whatever the parameter is.
    _numbers: ClassVar[tuple[str, ...]] = ("step",)

    def _start(self, parameter: Tensor, group: Group) -> State:
        return {"step": number(0.0), **self._fresh(parameter, group)}

    def _fresh(self, parameter: Tensor, group: Group) -> State:
        """The state of ``parameter`` before its first step, the count apart."""
        raise NotImplementedError

    def _move(self, parameter: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        """Moves one parameter, all of whose tensors are real, and updates its state. ``step`` has been counted."""
        raise NotImplementedError

    def _update(self, group: Group) -> None:
        weight_decay = group.get("weight_decay", 0)
        decoupled = group.get("decoupled_weight_decay", False)
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            state = self._fitting_state(parameter, group)
            state["step"].add_(1)
            if group["maximize"]:
                gradient = -gradient
            if weight_decay != 0:
                if decoupled:
                    parameter.mul_(1 - group["lr"] * weight_decay)
                else:
                    gradient = gradient + parameter * weight_decay
            if parameter.is_complex():
                # Real and imaginary parts move as two parameters.
                views = {key: view_as_real(value) if value.is_complex() else value for key, value in state.items()}
                self._move(view_as_real(parameter), view_as_real(gradient), views, group)
            else:
                self._move(parameter, gradient, state, group)

    def _fitting_state(self, parameter: Tensor, group: Group) -> State:
        """The state of ``parameter``, converted if its dtype has changed."""
        state = self._state_of(parameter, group)
        for name, value in state.items():
            if name not in self._numbers and value.dtype is not parameter.dtype:
                state[name] = value.to(parameter.dtype)
        return state


def number(value: float) -> Tensor:
    """A 0-d tensor for a number about the walk: single precision, or double if that is the default."""
    return full((), value, dtype=float64 if get_default_dtype() is float64 else float32)


def blank(parameter: Tensor, *names: str) -> State:
    """Zeros of the shape of ``parameter`` under each name."""
    return {name: zeros_like(parameter).detach() for name in names}


def check_range(name: str, value: float, highest: float = float("inf")) -> None:
    """Raises ValueError unless ``value`` lies between 0 and ``highest``."""
    if not 0.0 <= value <= highest:
        raise ValueError(f"Invalid {name} value: {value}")
