"""The Dirichlet distribution."""

from __future__ import annotations

from collections.abc import Sequence

import wengert
from wengert import Size, Tensor

from . import constraints
from .exp_family import ExponentialFamily


def _Dirichlet_backward(x: Tensor, concentration: Tensor, grad_output: Tensor) -> Tensor:
    """The gradient of draws ``x`` with respect to their concentrations, implicit, by name as PyTorch's tests ask it."""
    total = concentration.sum(-1, True).expand_as(concentration)
    rates = wengert._dirichlet_grad(x, concentration, total)
    return rates * (grad_output - (x * grad_output).sum(-1, True))


class Dirichlet(ExponentialFamily):
    """Points of the simplex of K parts, with a density proportional to Π x_k^(concentration_k − 1).

    ``concentration`` is (..., K). Draws are normalised gamma numbers; their gradients are implicit. Raises ValueError
    for a concentration without dimensions.

    >>> _ = torch.manual_seed(0)
    >>> p = torch.distributions.Dirichlet(torch.tensor([1.0, 2.0, 7.0]))
    >>> p.mean, p.sample().sum()
    (tensor([0.1000, 0.2000, 0.7000]), tensor(1.))
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True
    _batched = {"concentration": 1}

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    @property
    def _total(self) -> Tensor:
        return self.concentration.sum(-1, keepdim=True)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self._total

    @property
    def mode(self) -> Tensor:
        """(α_k − 1) / Σ(α − 1), by the parts above 1; where every α is below 1 and every corner has an infinite
        density, the first corner."""
        excess = (self.concentration - 1).clamp(min=0.0)
        mode = excess / excess.sum(-1, keepdim=True)
        at_corner = (self.concentration < 1).all(-1)
        if not at_corner.any():
            return mode
        corner = wengert.eye(self._event_shape[0], dtype=mode.dtype)[0]
        return wengert.where(at_corner.unsqueeze(-1), corner, mode)

    @property
    def variance(self) -> Tensor:
        total = self._total
        return self.concentration * (total - self.concentration) / (total.square() * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return wengert._sample_dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        return (
            wengert.xlogy(self.concentration - 1.0, value).sum(-1)
            + self.concentration.sum(-1).lgamma()
            - self.concentration.lgamma().sum(-1)
        )

    def entropy(self) -> Tensor:
        total = self.concentration.sum(-1)
        return (
            self.concentration.lgamma().sum(-1)
            - total.lgamma()
            - (self._event_shape[0] - total) * total.digamma()
            - ((self.concentration - 1.0) * self.concentration.digamma()).sum(-1)
        )

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.concentration,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return x.lgamma().sum(-1) - x.sum(-1).lgamma()
