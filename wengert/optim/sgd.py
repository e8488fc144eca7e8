"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..core.state import state as thread
from ..ops import full, zeros_like
from ..tensors.tensor import Tensor
from .kernel import move
from .optimizer import Group, Optimizer, Parameters, check_settings


class SGD(Optimizer):
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

    def __init__(
        self,
        params: Parameters,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_settings(
            lr,
            momentum=momentum,
            weight_decay=weight_decay,
            foreach=foreach,
            fused=fused,
            differentiable=differentiable,
        )
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach, "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _start(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        if group["momentum"] == 0:
            return {}
        velocity = zeros_like(parameter).detach()
        if group["dampening"] != 0:
            self._moved(parameter, velocity)
        return {"momentum_buffer": velocity}

    def _moved(self, parameter: Tensor, velocity: Tensor) -> Tensor:
        """1 if ``parameter`` has been moved before, else 0: a 0-d tensor, which a recorded step can write to.

        The first step takes the whole gradient, later ones a part, and PyTorch's layout of the state has no place for
        a counter. A velocity other than zero shows that a loaded state is not the first.
        """
        all_moved = self.__dict__.setdefault("_all_moved", {})
        if parameter not in all_moved:
            all_moved[parameter] = full((), float(velocity.any().item()), dtype=velocity.dtype)
        return all_moved[parameter]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.pop("_all_moved", None)
        for group in self.param_groups:
            for parameter in group["params"]:
                velocity = self.state.get(parameter, {}).get("momentum_buffer")
                if velocity is not None and group["dampening"] != 0:
                    self._moved(parameter, velocity)

    def _update(self, group: Group) -> None:
        if not self._update_by_kernel(group):
            self._update_one_by_one(group)

    def _update_by_kernel(self, group: Group) -> bool:
        """The whole group in one pass; False, and nothing done, where that cannot be."""
        lr, momentum = group["lr"], group["momentum"]
        if thread.watcher is not None or group["dampening"] != 0 or group["maximize"] or type(lr) is not float:
            return False
        parameters = [p for p in group["params"] if p.grad is not None]
        if momentum == 0:
            return move(_moved, [(p, p.grad) for p in parameters], 1, (lr, group["weight_decay"]))
        states = [self._state_of(p, group) for p in parameters]
        rows = [(p, state["momentum_buffer"], p.grad) for p, state in zip(parameters, states, strict=True)]
        if any(velocity is None for _, velocity, _ in rows):
            return False
        rule = _moved_ahead if group["nesterov"] else _moved_by_velocity
        return move(rule, rows, 2, (lr, group["weight_decay"], momentum))

    def _update_one_by_one(self, group: Group) -> None:
        lr, momentum, weight_decay = group["lr"], group["momentum"], group["weight_decay"]
        maximize = group["maximize"]
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            if maximize:
                gradient = -gradient
            if weight_decay != 0:
                gradient = gradient + parameter * weight_decay
            if momentum != 0:
                velocity = self._accelerated(parameter, gradient, group)
                gradient = gradient + velocity * momentum if group["nesterov"] else velocity
            parameter.sub_(gradient * lr)

    def _accelerated(self, parameter: Tensor, gradient: Tensor, group: Group) -> Tensor:
        """The velocity of ``parameter``, after it has felt ``gradient``."""
        state = self._state_of(parameter, group)
        velocity = state["momentum_buffer"]
        if velocity is None or velocity.dtype is not parameter.dtype:
            old = zeros_like(parameter) if velocity is None else velocity.to(parameter.dtype)
            velocity = state["momentum_buffer"] = old.detach()
        if group["dampening"] != 0:
            moved = self._moved(parameter, velocity)
            gradient = gradient * (1 - moved * group["dampening"])
            moved.fill_(1)
        return velocity.mul_(group["momentum"]).add_(gradient)


# The formula on symbols, for generated code: of the parameter, the velocity if there is one, and the gradient.


def _moved(p: Any, g: Any, lr: Any, decay: Any) -> Any:
    return (p - (g + p * decay) * lr,)


def _moved_by_velocity(p: Any, velocity: Any, g: Any, lr: Any, decay: Any, momentum: Any) -> Any:
    velocity = velocity * momentum + (g + p * decay)
    return p - velocity * lr, velocity


def _moved_ahead(p: Any, velocity: Any, g: Any, lr: Any, decay: Any, momentum: Any) -> Any:
    g = g + p * decay
    velocity = velocity * momentum + g
    return p - (g + velocity * momentum) * lr, velocity
