"""The Kumaraswamy distribution."""

from __future__ import annotations

from typing import Any

import wengert
from wengert import Tensor

from . import constraints
from .transformed_distribution import Derived
from .transforms import AffineTransform, PowerTransform, Transform
from .uniform import Uniform
from .utils import broadcast_all, euler_constant


class Kumaraswamy(Derived):
    """Numbers of (0, 1) with the distribution function 1 − (1 − x^concentration1)^concentration0.

    >>> torch.distributions.Kumaraswamy(torch.tensor(2.0), torch.tensor(1.0)).mean
    tensor(0.6667)
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True
    _batched = {"concentration1": 0, "concentration0": 0}

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        base = Uniform(wengert.full_like(self.concentration0, 0), wengert.full_like(self.concentration0, 1),
                       validate_args=validate_args)
        super().__init__(base, self._transforms(), validate_args=validate_args)

    def _transforms(self) -> list[Transform]:
        return [
            PowerTransform(exponent=self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(exponent=self.concentration1.reciprocal()),
        ]

    def _moment(self, n: int) -> Tensor:
        """E[xⁿ] = b · B(1 + n / a, b) (Jones, *Kumaraswamy's distribution*, 2009)."""
        a, b = self.concentration1, self.concentration0
        first = 1 + n / a
        return (first.lgamma() + b.lgamma() - (first + b).lgamma() + b.log()).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        """NaN for a concentration below 1: the density has no greatest value."""
        a, b = self.concentration1, self.concentration0
        none = (a < 1) | (b < 1)
        a, b = (each.masked_fill(none, 2.0) for each in (a, b))  # where the power has no derivative
        return (((a - 1) / (a * b - 1)) ** a.reciprocal()).masked_fill(none, float("nan"))

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self.mean.square()

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = (b + 1).digamma() + euler_constant
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - a.log() - b.log()
