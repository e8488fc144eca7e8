"""The generalised Pareto distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .distribution import Distribution
from .utils import batch_shape_of, broadcast_all


class GeneralizedPareto(Distribution):
    """Excesses over a threshold ``loc``: the survival function is (1 + ξ z)^(−1/ξ), for z = (x − loc) / scale and
    ξ = ``concentration``; exp(−z) for ξ = 0.

    >>> p = torch.distributions.GeneralizedPareto(0.0, 1.0, torch.tensor(0.25))
    >>> p.mean, p.cdf(torch.tensor(1.0))
    (tensor(1.3333), tensor(0.5904))
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True
    _batched = {"loc": 0, "scale": 0, "concentration": 0}

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        shape = batch_shape_of(self.loc, loc, scale, concentration)
        super().__init__(shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """From ``loc`` on; for ξ < 0 up to loc − scale / ξ."""
        xi = self.concentration
        upper = wengert.where(xi < 0, self.loc - self.scale / xi, math.inf)
        return constraints.interval(self.loc, upper)

    def _split(self) -> tuple[Tensor, Tensor]:
        """Where ξ counts as 0, and ξ with 1 in these places."""
        zero = wengert.isclose(self.concentration, wengert.zeros_like(self.concentration))
        return zero, wengert.where(zero, 1.0, self.concentration)

    @property
    def mean(self) -> Tensor:
        """Infinite for a concentration of at least 1."""
        return wengert.where(self.concentration < 1, self.loc + self.scale / (1 - self.concentration), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """Infinite for a concentration of at least 1/2."""
        xi = self.concentration
        variance = self.scale**2 / ((1 - xi) ** 2 * (1 - 2 * xi))
        return wengert.where(xi < 0.5, variance, math.inf)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self.icdf(wengert.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        zero, xi = self._split()
        z = (value - self.loc) / self.scale
        slope = 1 / xi + 1
        falls = wengert.where(slope == 0, slope, slope * wengert.log1p(xi * z))
        return -self.scale.log() - wengert.where(zero, z, falls)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of a draw above ``value``."""
        self._check_sample(value)
        zero, xi = self._split()
        z = (value - self.loc) / self.scale
        return wengert.where(zero, -z, -wengert.log1p(xi * wengert.where(zero, 0.0, z)) / xi)

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of `cdf`."""
        return wengert.log1p(-self.log_survival_function(value).exp())

    def cdf(self, value: Tensor) -> Tensor:
        return -wengert.expm1(self.log_survival_function(value))

    def icdf(self, value: Tensor) -> Tensor:
        zero, xi = self._split()
        log_left = (-value).log1p()
        return self.loc + self.scale * wengert.where(zero, -log_left, wengert.expm1(-xi * log_left) / xi)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
