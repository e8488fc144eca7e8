"""The log-normal distribution."""

from __future__ import annotations

from typing import Any

from wengert import Tensor

from . import constraints
from .normal import Normal
from .transformed_distribution import Derived
from .transforms import ExpTransform, Transform


class LogNormal(Derived):
    """Numbers whose logarithms are normal with mean ``loc`` and standard deviation ``scale``.

    >>> p = torch.distributions.LogNormal(torch.tensor(0.0), torch.tensor(1.0))
    >>> p.mean, p.cdf(torch.tensor(1.0))
    (tensor(1.6487), tensor(0.5000))
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True
    base_dist: Normal

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        super().__init__(base, self._transforms(), validate_args=validate_args)

    def _transforms(self) -> list[Transform]:
        return [ExpTransform()]

    @property
    def loc(self) -> Tensor:
        """The mean of the logarithms."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the logarithms."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale.square() / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Tensor:
        square = self.scale.square()
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc
