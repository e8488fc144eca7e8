"""Adam and AdamW."""

from __future__ import annotations

import math
from typing import Any

from ..core.dtypes import float32, float64, get_default_dtype
from ..core.primitive import P
from ..core.state import state as thread
from ..ops import maximum, view_as_real, zeros, zeros_like
from ..tensors.tensor import Tensor
from .kernel import move
from .optimizer import Group, Optimizer, Parameters, check_settings

Corrections = dict[Any, tuple[Tensor, Tensor]]


class Adam(Optimizer):
    """Steps scaled by running moments of the gradient (Kingma & Ba, *Adam*, 2015, algorithm 1).

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², p ← p − lr · m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ) and
    v̂ = v / (1 − β₂ᵗ). ``amsgrad`` takes the largest v so far (Reddi et al., 2018). ``weight_decay`` adds that multiple
    of p to g, or with ``decoupled_weight_decay`` shrinks p by that share of lr, as `AdamW` does. ``maximize`` turns g
    round. ``foreach``, ``fused`` and ``capturable`` are accepted and change nothing: there is one implementation.
    Raises ValueError for settings out of range.

    >>> import wengert as torch
    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adam([w], lr=0.1)
    >>> (3 * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_settings(
            lr,
            eps=eps,
            betas=betas,
            weight_decay=weight_decay,
            foreach=foreach,
            fused=fused,
            differentiable=differentiable,
        )
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable, "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _start(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        counter = zeros((), dtype=float64 if get_default_dtype() is float64 else float32)
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * group["amsgrad"]
        return {"step": counter, **{name: zeros_like(parameter).detach() for name in names}}

    def _update(self, group: Group) -> None:
        if not self._update_by_kernel(group):
            self._update_one_by_one(group)

    def _update_by_kernel(self, group: Group) -> bool:
        """The whole group in one pass; False, and nothing done, where that cannot be."""
        lr, (beta1, beta2), weight_decay = group["lr"], group["betas"], group["weight_decay"]
        parameters = [p for p in group["params"] if p.grad is not None]
        if thread.watcher is not None or group["amsgrad"] or group["maximize"] or type(lr) is not float:
            return False
        if not parameters:
            return True
        states = [self._fitting_state(p, group) for p in parameters]
        steps = [state["step"] for state in states]
        count = steps[0].item()
        rows = [(p, state["exp_avg"], state["exp_avg_sq"], p.grad) for p, state in zip(parameters, states, strict=True)]
        if any(step.item() != count for step in steps[1:]):
            return False
        root = math.sqrt(1 - beta2 ** (count + 1))
        numbers = (1 - beta1, 1 - beta2, lr * root / (1 - beta1 ** (count + 1)), root * group["eps"],
                   1 - lr * weight_decay if group["decoupled_weight_decay"] else weight_decay)
        decaying = _moved_and_shrunk if group["decoupled_weight_decay"] else _moved_with_decay
        if not move(_moved if weight_decay == 0 else decaying, rows, 3, numbers):
            return False
        for step in steps:
            step.add_(1)
        return True

    def _update_one_by_one(self, group: Group) -> None:
        lr, (beta1, beta2) = group["lr"], group["betas"]
        weight_decay, decoupled = group["weight_decay"], group["decoupled_weight_decay"]
        maximize, amsgrad = group["maximize"], group["amsgrad"]
        corrections: Corrections = {}
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            state = self._fitting_state(parameter, group)
            mean, square = state["exp_avg"], state["exp_avg_sq"]
            rate, eps = _corrections(state["step"].add_(1), parameter, group, corrections)
            if maximize:
                gradient = -gradient
            if weight_decay != 0:
                if decoupled:
                    parameter.mul_(1 - lr * weight_decay)
                else:
                    gradient = gradient + parameter * weight_decay
            if parameter.is_complex():
                # Real and imaginary parts move as two parameters.
                parameter, gradient = view_as_real(parameter), view_as_real(gradient)
                mean, square = view_as_real(mean), view_as_real(square)
            mean.add_((gradient - mean) * (1 - beta1))
            square.add_((gradient * gradient - square) * (1 - beta2))
            if amsgrad:
                largest = state["max_exp_avg_sq"]
                largest = view_as_real(largest) if largest.is_complex() else largest
                square = largest.copy_(maximum(largest, square))
            parameter.sub_(mean / square.sqrt().add_(eps) * rate)

    def _fitting_state(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        """The state of ``parameter``, converted if its dtype has changed, completed if amsgrad was switched on."""
        state = self._state_of(parameter, group)
        if state["exp_avg"].dtype is not parameter.dtype:
            for name, value in state.items():
                if name != "step":
                    state[name] = value.to(parameter.dtype)
        if group["amsgrad"] and "max_exp_avg_sq" not in state:
            state["max_exp_avg_sq"] = zeros_like(parameter).detach()
        return state


# The formula on symbols, for generated code: of the parameter, both moments and the gradient, and of numbers that the
# step shares.


def _moved(p: Any, mean: Any, square: Any, g: Any, share1: Any, share2: Any, rate: Any, eps: Any, decay: Any) -> Any:
    mean = mean + (g - mean) * share1
    square = square + (g * g - square) * share2
    return p - mean / (P.sqrt(square) + eps) * rate, mean, square


def _moved_with_decay(p: Any, mean: Any, square: Any, g: Any, *numbers: Any) -> Any:
    return _moved(p, mean, square, g + p * numbers[-1], *numbers)


def _moved_and_shrunk(p: Any, mean: Any, square: Any, g: Any, *numbers: Any) -> Any:
    return _moved(p * numbers[-1], mean, square, g, *numbers)


def _corrections(step: Tensor, parameter: Tensor, group: Group, known: Corrections) -> tuple[Tensor, Tensor]:
    """What is left of the step once both corrections are pulled together, as section 2 of the paper does:
    lr √(1 − β₂ᵗ) / (1 − β₁ᵗ) and ε √(1 − β₂ᵗ).

    Computed in double precision, then in the dtype of the parameter. Parameters that have made as many steps share
    them. Whether they have can be seen only outside a recording; in it each gets its own, the same to the last bit.
    """
    recording = thread.watcher is not None and thread.watcher.tracer is not None
    dtype = parameter.dtype.to_real()
    key = (id(step) if recording else step.item(), dtype)
    if key not in known:
        exact = step.to(float64)
        beta1, beta2 = group["betas"]
        root = (beta2**exact - 1).neg().sqrt()
        rate = root / (beta1**exact - 1) * -group["lr"]
        known[key] = rate.to(dtype), (root * group["eps"]).to(dtype)
    return known[key]


class AdamW(Adam):
    """Adam with decoupled weight decay: beside the step, p ← p − lr · ``weight_decay`` · p (Loshchilov & Hutter, 2019).

    The other settings are those of `Adam`.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
