"""What the half-normal and the half-Cauchy distribution share."""

from __future__ import annotations

import math
from typing import Any

import wengert
from wengert import Tensor

from . import constraints
from .cauchy import Cauchy
from .normal import Normal
from .transformed_distribution import Derived
from .transforms import AbsTransform, Transform


class Half(Derived):
    """The absolute values of numbers of the ``whole`` family, which lie round 0 and are as wide as ``scale`` says."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    base_dist: Any
    whole: type[Normal | Cauchy]

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(self.whole(0, scale, validate_args=False), self._transforms(), validate_args=validate_args)

    def _transforms(self) -> list[Transform]:
        return [AbsTransform()]

    @property
    def scale(self) -> Tensor:
        """The ``scale`` of the whole family: the standard deviation, or the half width."""
        return self.base_dist.scale

    @property
    def mode(self) -> Tensor:
        return wengert.zeros_like(self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        log_prob = self.base_dist.log_prob(value) + math.log(2)
        return wengert.where(value >= 0, log_prob, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)
