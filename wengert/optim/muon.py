"""Muon."""

from __future__ import annotations

import math

from ..core.dtypes import bfloat16, float32
from ..ops import zeros_like
from ..ops.arguments import integer
from ..tensors.tensor import TENSORS, Tensor
from .optimizer import Group, Optimizer, Parameters, check_settings, no_sparse
from .stateful import State

_A, _B, _C = 3.4445, -4.7750, 2.0315


class Muon(Optimizer):
    """Momentum whose matrices are brought near to orthogonal ones before each step (Jordan et al., *Muon: An optimizer
    for hidden layers in neural networks*, 2024).

    b ← µ b + (1 − µ) g; the orthogonal part u of b, or with ``nesterov`` of µ b + (1 − µ) g, is found by ``ns_steps``
    of Newton's and Schulz's iteration with ``ns_coefficients``, in bfloat16; p ← (1 − lr · ``weight_decay``) p − lr′ u.
    ``adjust_lr_fn`` gives lr′ = lr √max(1, rows/columns) (``"original"``, or None) or 0.2 lr √max(rows, columns)
    (``"match_rms_adamw"``). Raises ValueError for settings out of range and parameters that are no matrices.

    >>> w = torch.diag(torch.tensor([1.0, 100.0])).requires_grad_()
    >>> optimizer = torch.optim.Muon([w], lr=0.1, weight_decay=0.0)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> (w.detach().diagonal() - torch.tensor([1.0, 100.0])).abs() < 0.2
    tensor([True, True])
    """

    def __init__(self, params: Parameters, lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95,
                 nesterov: bool = True, ns_coefficients: tuple[float, float, float] = (_A, _B, _C), eps: float = 1e-7,
                 ns_steps: int = 5, adjust_lr_fn: str | None = None) -> None:
        check_settings({"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps,
            "ns_steps": ns_steps if isinstance(ns_steps, bool) else integer(ns_steps, "Muon"),
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: Group) -> None:
        """Adds a group, of matrices. Raises ValueError for others."""
        super().add_param_group(param_group)
        for parameter in self.param_groups[-1]["params"]:
            if parameter.dim() != 2:
                del self.param_groups[-1]
                raise ValueError("Muon only supports 2D parameters whereas we found a parameter with size: "
                                 f"{parameter.size()}")

    def _start(self, parameter: Tensor, group: Group) -> State:
        if parameter.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        return {"momentum_buffer": zeros_like(parameter).detach()}

    def _update(self, group: Group) -> None:
        lr, momentum = group["lr"], group["momentum"]
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            if type(gradient) not in TENSORS:
                raise no_sparse(self)
            buffer = self._state_of(parameter, group)["momentum_buffer"]
            buffer.add_((gradient - buffer) * (1 - momentum))
            update = gradient + (buffer - gradient) * momentum if group["nesterov"] else buffer
            update = _orthogonal_part(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
            parameter.mul_(1 - lr * group["weight_decay"])
            rows, columns = parameter.shape
            if group["adjust_lr_fn"] == "match_rms_adamw":
                factor = 0.2 * math.sqrt(max(rows, columns))
            else:
                factor = math.sqrt(max(1, rows / max(1, columns)))
            parameter.sub_(update.to(parameter.dtype) * (lr * factor))


def _orthogonal_part(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """U Vᵀ of the singular value decomposition, roughly: the singular values end between 1/2 and 3/2.

    Every product is rounded to bfloat16 after it was summed in single precision.
    """
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = _rounded(matrix.t() if tall else matrix)
    x = _rounded(x / _rounded(x.norm()).clamp(min=eps))  # no singular value above 1
    for _ in range(steps):
        gram = _rounded(x @ x.t())
        polynomial = _rounded(gram * b + (gram @ gram) * c)
        x = _rounded(x * a + polynomial @ x)
    return x.t() if tall else x


def _rounded(x: Tensor) -> Tensor:
    """Values that bfloat16 can hold, in single precision."""
    return x.to(bfloat16).to(float32)
