"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..ops import full
from ..tensors.tensor import Tensor
from .formula import Rule, add_sparse
from .optimizer import Group, Parameters, check_settings
from .stateful import State, StatefulOptimizer, read


class SGD(StatefulOptimizer):
    """p ← p − lr · g, optionally with momentum, Nesterov's momentum and weight decay.

    With ``momentum`` µ the velocity is v ← µ v + (1 − ``dampening``) g, from v = g in the first step, and stands for g;
    with ``nesterov`` g + µ v does (Sutskever et al., 2013). ``weight_decay`` adds that multiple of p to g; ``maximize``
    turns g round. ``lr`` may be a 0-d tensor. ``foreach`` and ``fused`` are accepted and change nothing: there is one
    implementation. Raises ValueError for settings out of range.

    >>> import wengert as torch
    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.1)
    >>> (3 * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.7000], requires_grad=True)
    """

    def __init__(self, params: Parameters, lr: float | Tensor = 1e-3, momentum: float = 0, dampening: float = 0,
                 weight_decay: float = 0, nesterov: bool = False, *, maximize: bool = False,
                 foreach: bool | None = None, differentiable: bool = False, fused: bool | None = None) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach, "differentiable": differentiable,
            "fused": fused,
        }
        check_settings(defaults, nan=True)  # as PyTorch, which asks here alone whether they are negative
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, defaults)

    _counters = ()

    def _averages(self, group: Group) -> tuple[str, ...]:
        return () if group["momentum"] == 0 else ("momentum_buffer",)

    def _start(self, parameter: Tensor, group: Group) -> State:
        state = super()._start(parameter, group)
        if state and group["dampening"] != 0:
            self._moved(parameter, state["momentum_buffer"])
        return state

    def _moved(self, parameter: Tensor, velocity: Tensor) -> Tensor:
        """1 if ``parameter`` has been moved before, else 0: a 0-d tensor, which a recorded step can write to.

        The first step takes the whole gradient, later ones a part, and PyTorch's layout of the state has no place for
        a counter. A velocity other than zero shows that a loaded state is not the first.
        """
        all_moved = self.__dict__.setdefault("_all_moved", {})
        if parameter not in all_moved:
            all_moved[parameter] = full((), float(velocity.any().item()), dtype=velocity.dtype.to_real())
        return all_moved[parameter]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.pop("_all_moved", None)
        for group in self.param_groups:
            for parameter in group["params"]:
                velocity = self.state.get(parameter, {}).get("momentum_buffer")
                if velocity is not None and group["dampening"] != 0:
                    self._moved(parameter, velocity)

    def _count(self, parameter: Tensor, state: State, group: Group, lr: Any) -> tuple[Any, ...]:
        if not state or group["dampening"] == 0:
            return ()
        moved = self._moved(parameter, state["momentum_buffer"])
        share = 1 - read(moved) * group["dampening"]
        moved.fill_(1)
        return (share,)

    def _counted(self, parameter: Tensor, state: State, group: Group) -> list[Tensor]:
        return [self._moved(parameter, state["momentum_buffer"])] if state and group["dampening"] != 0 else []

    def _numbers(self, group: Group, lr: Any, *share: Any) -> tuple[Any, ...]:
        return (lr,) if group["momentum"] == 0 else (lr, group["momentum"], *share)

    def _rule(self, group: Group) -> Rule:
        return self._move if group["momentum"] == 0 else _ahead if group["nesterov"] else _by_velocity

    @staticmethod
    def _move(p: Any, g: Any, state: dict[str, Any], lr: Any) -> Any:
        return p - g * lr

    def _update_sparse(self, parameter: Tensor, gradient: Any, group: Group, lr: float) -> None:
        if group["weight_decay"] != 0:
            raise RuntimeError("[SGD] add(sparse, dense) is not supported. Use add(dense, sparse) instead: a "
                               "weight_decay of 0 was expected beside a sparse gradient")
        if group["maximize"]:
            gradient = -gradient
        if group["momentum"] == 0:
            add_sparse(parameter, gradient, -lr)
            return
        state = self._fitting_state(parameter, group, self._averages(group))
        share = self._count(parameter, state, group, lr)
        velocity = state["momentum_buffer"]
        velocity.mul_(group["momentum"])
        add_sparse(velocity, gradient, float(share[0]) if share else 1.0)
        if group["nesterov"]:
            add_sparse(parameter, gradient, -lr)
            parameter.add_(velocity, alpha=-lr * group["momentum"])
        else:
            parameter.add_(velocity, alpha=-lr)


def _by_velocity(p: Any, g: Any, state: dict[str, Any], lr: Any, momentum: Any, share: Any = None) -> Any:
    return p - _accelerated(g, state, momentum, share) * lr


def _ahead(p: Any, g: Any, state: dict[str, Any], lr: Any, momentum: Any, share: Any = None) -> Any:
    """Nesterov's rule."""
    return p - (g + _accelerated(g, state, momentum, share) * momentum) * lr


def _accelerated(g: Any, state: dict[str, Any], momentum: Any, share: Any) -> Any:
    """The velocity, after it has felt the gradient, of which dampening leaves a share."""
    velocity = state["momentum_buffer"] = state["momentum_buffer"] * momentum + (g if share is None else g * share)
    return velocity
