"""Adafactor."""

from __future__ import annotations

from ..core.dtypes import finfo, float32, promote_types
from ..ops import minimum, where
from ..tensors.tensor import TENSORS, Tensor
from .optimizer import Group, Parameters, check_settings, no_sparse
from .stateful import State, StatefulOptimizer, number


class Adafactor(StatefulOptimizer):
    """Steps divided by the root mean square of recent gradients, of a matrix kept as one number per row and one per
    column (Shazeer & Stern, *Adafactor: Adaptive Learning Rates with Sublinear Memory Cost*, 2018).

    With w = tᵝ for ``beta2_decay`` β, the means of g² over rows and columns (for vectors g² itself) move towards the
    present ones by w; their outer product, divided by the mean over the rows, estimates v. u = g / √max(v, ε₁²),
    divided by max(1, RMS(u) / ``d``), and p ← p − max(ε₂, RMS(p)) · min(``lr``, 1/√t) · u. ``eps`` is (ε₁, ε₂), ε₁ the
    precision of the dtype if None. ``weight_decay`` takes ``lr`` times that multiple of p off p first. ``foreach``
    changes nothing. Raises ValueError for settings out of range.

    >>> w = torch.ones(2, 2, requires_grad=True)
    >>> optimizer = torch.optim.Adafactor([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([[0.9000, 0.9000],
            [0.9000, 0.9000]])
    """

    def __init__(self, params: Parameters, lr: float | Tensor = 1e-2, beta2_decay: float = -0.8,
                 eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0, weight_decay: float = 0.0, *,
                 foreach: bool | None = None, maximize: bool = False) -> None:
        check_settings({"lr": lr, "weight_decay": weight_decay})
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        defaults = {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _averages(self, group: Group) -> tuple[str, ...]:
        raise NotImplementedError  # they depend on the parameter

    def _averages_of(self, parameter: Tensor, group: Group) -> tuple[str, ...]:
        return ("variance",) if parameter.dim() < 2 else ("row_var", "col_var")

    def _start(self, parameter: Tensor, group: Group) -> State:
        if parameter.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state = {"step": number(0.0)}
        if parameter.dim() < 2:
            return {**state, "variance": parameter.detach() * 0}
        *lead, rows, columns = parameter.shape
        state["row_var"] = parameter.detach().new_zeros((*lead, rows, 1))
        state["col_var"] = parameter.detach().new_zeros((*lead, 1, columns))
        return state

    def _update(self, group: Group) -> None:
        lr, weight_decay = group["lr"], group["weight_decay"]
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            if type(parameter.grad) not in TENSORS:
                raise no_sparse(self)
            state = self._fitting_state(parameter, group, self._averages_of(parameter, group))
            state["step"].add_(1)
            wide = promote_types(parameter.dtype, float32)  # half precision moves in float32, and is rounded once
            value, gradient = parameter.to(wide), parameter.grad.to(wide)
            if group["maximize"]:
                gradient = -gradient
            # The size of the step goes by the parameter as it was before the decay.
            size = _larger(_rms(value), group["eps"][1]) * _smaller(lr, state["step"])
            if weight_decay != 0:
                value = value * (1 - lr * weight_decay)
            move = self._direction(parameter, gradient, state, group)
            shorter = _larger(_rms(move) / group["d"], 1.0)
            parameter.copy_(value - move * (size / shorter))

    def _direction(self, parameter: Tensor, gradient: Tensor, state: State, group: Group) -> Tensor:
        """The gradient over the root of its estimated variance."""
        least = finfo(parameter.dtype).eps if group["eps"][0] is None else group["eps"][0]
        pull = (state["step"].double() ** group["beta2_decay"]).to(gradient.dtype)
        square = gradient * gradient
        if parameter.dim() < 2:
            variance = _aged(state["variance"], square, pull)
            state["variance"].copy_(variance)
        else:
            rows, columns = state["row_var"], state["col_var"]
            rows = _aged(rows, square.mean(-1, keepdim=True), pull)
            columns = _aged(columns, square.mean(-2, keepdim=True), pull)
            state["row_var"].copy_(rows)
            state["col_var"].copy_(columns)
            variance = rows @ columns / rows.mean(-2, keepdim=True).clamp(min=least)
        return gradient * variance.clamp(min=least * least).rsqrt()


def _aged(old: Tensor, latest: Tensor, share: Tensor) -> Tensor:
    """A running mean, of which the latest value takes a share."""
    return old.to(latest.dtype).lerp(latest, share)


def _rms(x: Tensor) -> Tensor:
    """The root of the mean square: 0-d."""
    return (x * x).mean().sqrt() if x.numel() else x.sum()


def _larger(x: Tensor, least: float) -> Tensor:
    """max(least, x), of NaN ``least``: one element that is NaN leaves the others their steps."""
    return where(x > least, x, least)


def _smaller(lr: float | Tensor, step: Tensor) -> Tensor:
    """min(lr, 1/√t), in float64."""
    rate = step.double().rsqrt()
    return minimum(rate, lr) if isinstance(lr, Tensor) else rate.clamp(max=lr)
