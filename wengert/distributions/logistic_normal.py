"""The logistic-normal distribution."""

from __future__ import annotations

from typing import Any

from wengert import Tensor

from . import constraints
from .independent import Independent
from .normal import Normal
from .transformed_distribution import Derived
from .transforms import StickBreakingTransform, Transform


class LogisticNormal(Derived):
    """Points of the simplex of K parts, made of K − 1 normal numbers of ``loc`` and ``scale`` (..., K − 1) by breaking
    a stick.

    >>> _ = torch.manual_seed(0)
    >>> torch.distributions.LogisticNormal(torch.zeros(2), torch.ones(2)).sample().sum()
    tensor(1.)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True
    base_dist: Independent

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, self._transforms(), validate_args=validate_args)

    def _transforms(self) -> list[Transform]:
        return [StickBreakingTransform()]

    @property
    def loc(self) -> Tensor:
        """The means of the normal numbers."""
        loc: Tensor = self.base_dist.base_dist.__dict__["loc"]
        return loc

    @property
    def scale(self) -> Tensor:
        """The standard deviations of the normal numbers."""
        scale: Tensor = self.base_dist.base_dist.__dict__["scale"]
        return scale
