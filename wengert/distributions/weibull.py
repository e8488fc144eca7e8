"""The Weibull distribution."""

from __future__ import annotations

from typing import Any

import wengert
from wengert import Tensor

from . import constraints
from .exponential import Exponential
from .transformed_distribution import Derived
from .transforms import AffineTransform, PowerTransform, Transform
from .utils import broadcast_all, euler_constant


class Weibull(Derived):
    """Life times: the distribution function is 1 − exp(−(x / scale)^concentration).

    >>> p = torch.distributions.Weibull(torch.tensor(2.0), torch.tensor(1.0))
    >>> p.mean, p.cdf(torch.tensor(2.0))
    (tensor(2.), tensor(0.6321))
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _batched = {"scale": 0, "concentration": 0, "concentration_reciprocal": 0}

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(wengert.ones_like(self.scale), validate_args=validate_args)
        super().__init__(base, self._transforms(), validate_args=validate_args)

    def _transforms(self) -> list[Transform]:
        return [PowerTransform(self.concentration_reciprocal), AffineTransform(loc=0, scale=self.scale)]

    @property
    def mean(self) -> Tensor:
        return self.scale * wengert.lgamma(1 + self.concentration_reciprocal).exp()

    @property
    def mode(self) -> Tensor:
        """For a concentration below 1, where the density has no greatest value, NaN, as in PyTorch."""
        return self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration_reciprocal

    @property
    def variance(self) -> Tensor:
        second = wengert.lgamma(1 + 2 * self.concentration_reciprocal).exp()
        first = wengert.lgamma(1 + self.concentration_reciprocal).exp()
        return self.scale.square() * (second - first.square())

    def entropy(self) -> Tensor:
        return (
            euler_constant * (1 - self.concentration_reciprocal)
            + wengert.log(self.scale * self.concentration_reciprocal)
            + 1
        )
