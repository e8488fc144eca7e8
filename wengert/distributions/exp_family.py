"""Exponential families: the entropy from the log normaliser, by automatic differentiation."""

from __future__ import annotations

import wengert
from wengert import Tensor

from .distribution import Distribution


class ExponentialFamily(Distribution):
    """A family with densities ``exp(⟨t(x), θ⟩ − F(θ) + k(x))``.

    A family says its natural parameters θ, its log normaliser F and the mean of its carrier measure, E[k(x)].

    >>> isinstance(torch.distributions.Normal(0.0, 1.0), torch.distributions.ExponentialFamily)
    True
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        """θ, the natural parameters."""
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        """F(θ)."""
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> float | Tensor:
        """E[k(x)]."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """F(θ) − ⟨θ, ∇F(θ)⟩ − E[k(x)] (Nielsen & Nock, *Entropies and cross-entropies of exponential families*,
        ICIP 2010, equation 5)."""
        parameters = [each.detach().requires_grad_() for each in self._natural_params]
        normalizer = self._log_normalizer(*parameters)
        gradients = wengert.autograd.grad(normalizer.sum(), parameters, create_graph=True)
        result: Tensor = normalizer - self._mean_carrier_measure
        for parameter, gradient in zip(parameters, gradients, strict=True):
            result = result - (parameter * gradient).reshape(self._batch_shape + (-1,)).sum(-1)
        return result
