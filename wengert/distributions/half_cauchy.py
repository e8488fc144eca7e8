"""The half-Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any

import wengert
from wengert import Tensor

from . import constraints
from .cauchy import Cauchy
from .transformed_distribution import Derived
from .transforms import AbsTransform, Transform

__all__ = ["HalfCauchy"]


class HalfCauchy(Derived):
    """The absolute values of Cauchy numbers of median 0 and half width ``scale``."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    base_dist: Cauchy

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), self._transforms(), validate_args=validate_args)

    def _transforms(self) -> list[Transform]:
        return [AbsTransform()]

    @property
    def scale(self) -> Tensor:
        """The half width of the Cauchy numbers."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        """Infinite."""
        return wengert.full(self._extended_shape(), math.inf, dtype=self.scale.dtype)

    @property
    def mode(self) -> Tensor:
        return wengert.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        """Infinite."""
        return self.base_dist.variance

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value = wengert.as_tensor(value, dtype=self.scale.dtype)
        log_prob = self.base_dist.log_prob(value) + math.log(2)
        return wengert.where(value >= 0, log_prob, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)
