"""The Gumbel distribution."""

from __future__ import annotations

import math
from typing import Any

import wengert
from wengert import Tensor

from . import constraints
from .transformed_distribution import Derived
from .transforms import AffineTransform, ExpTransform, Transform
from .uniform import Uniform
from .utils import broadcast_all, euler_constant, is_number


class Gumbel(Derived):
    """The distribution of the largest of many: its distribution function is exp(−exp(−(x − loc) / scale)).

    >>> p = torch.distributions.Gumbel(torch.tensor(0.0), torch.tensor(1.0))
    >>> p.mean, p.cdf(torch.tensor(0.0))
    (tensor(0.5772), tensor(0.3679))
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _batched = {"loc": 0, "scale": 0}

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        info = wengert.finfo(self.loc.dtype)
        low, high = info.tiny, 1 - info.eps
        if is_number(loc) and is_number(scale):
            base = Uniform(low, high, validate_args=validate_args)
        else:
            base = Uniform(wengert.full_like(self.loc, low), wengert.full_like(self.loc, high),
                           validate_args=validate_args)
        super().__init__(base, self._transforms(), validate_args=validate_args)

    def _transforms(self) -> list[Transform]:
        """loc − scale · log(−log u)."""
        return [
            ExpTransform().inv,
            AffineTransform(loc=0, scale=-wengert.ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(loc=self.loc, scale=-self.scale),
        ]

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.square()

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)
