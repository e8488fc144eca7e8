"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from ..core.primitive import P
from ..tensors.tensor import Tensor
from .optimizer import Group, Parameters, check_settings
from .stateful import StatefulOptimizer, moments, power


class Adam(StatefulOptimizer):
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

    def __init__(self, params: Parameters, lr: float | Tensor = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, amsgrad: bool = False, *, foreach: bool | None = None,
                 maximize: bool = False, capturable: bool = False, differentiable: bool = False,
                 fused: bool | None = None, decoupled_weight_decay: bool = False) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable, "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        }
        check_settings(defaults)
        _check_tensors(defaults)
        super().__init__(params, defaults)

    _no_sparse = "Adam does not support sparse gradients, please consider SparseAdam instead"

    def _averages(self, group: Group) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq", *["max_exp_avg_sq"] * bool(group["amsgrad"])

    def _numbers(self, group: Group, lr: Any, step: Any) -> tuple[Any, ...]:
        # Both corrections are pulled together, as section 2 of the paper does.
        beta1, beta2 = group["betas"]
        root = P.sqrt(1 - power(beta2, step))
        return 1 - beta1, beta2, 1 - beta2, root / (1 - power(beta1, step)) * lr, root * group["eps"]

    @staticmethod
    def _move(p: Any, g: Any, state: dict[str, Any], share1: Any, beta2: Any, share2: Any, rate: Any, eps: Any) -> Any:
        mean, square = moments(g, state, share1, beta2, share2)
        if "max_exp_avg_sq" in state:
            square = state["max_exp_avg_sq"] = P.maximum(state["max_exp_avg_sq"], square)
        return p - mean / (P.sqrt(square) + eps) * rate


def _check_tensors(settings: Group) -> None:
    """Raises ValueError for settings that are tensors, as rates of a schedule on a device are, where PyTorch does."""
    listed = settings["foreach"] and not settings["capturable"]
    betas = settings["betas"]
    if not any([all([isinstance(beta, kind) for beta in betas]) for kind in (float, Tensor)]):
        raise ValueError("betas must be either both floats or both Tensors")
    for name, value in (("lr", settings["lr"]), ("betas[0]", betas[0]), ("betas[1]", betas[1])):
        if isinstance(value, Tensor):
            if listed:
                raise ValueError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")
            if value.numel() != 1:
                raise ValueError(f"Tensor {name} must be 1-element")


class AdamW(Adam):
    """Adam with decoupled weight decay: beside the step, p ← p − lr · ``weight_decay`` · p (Loshchilov & Hutter, 2019).

    The other settings are those of `Adam`.

    >>> w = torch.tensor([1.0, 100.0], requires_grad=True)
    >>> optimizer = torch.optim.AdamW([w], lr=0.1, weight_decay=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([ 0.8900, 98.9000])
    """

    def __init__(self, params: Parameters, lr: float | Tensor = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False,
                 foreach: bool | None = None, capturable: bool = False, differentiable: bool = False,
                 fused: bool | None = None) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
                         capturable=capturable, differentiable=differentiable, fused=fused, decoupled_weight_decay=True)
