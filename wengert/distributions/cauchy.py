"""The Cauchy distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import wengert
from wengert import Size, Tensor

from .location import LocationScale


class Cauchy(LocationScale):
    """The Cauchy (Lorentz) distribution of median ``loc`` and half width ``scale``; it has no moments.

    >>> p = torch.distributions.Cauchy(0.0, 1.0)
    >>> p.cdf(torch.tensor([-1.0, 0.0, 1.0])), p.mean
    (tensor([0.2500, 0.5000, 0.7500]), tensor(nan))
    """

    _batched = {"loc": 0, "scale": 0}

    @property
    def mean(self) -> Tensor:
        """NaN."""
        return wengert.full(self._extended_shape(), math.nan, dtype=self.loc.dtype)

    @property
    def variance(self) -> Tensor:
        """Infinite."""
        return wengert.full(self._extended_shape(), math.inf, dtype=self.loc.dtype)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        drawn = self.loc.detach().new_empty(self._extended_shape(sample_shape)).cauchy_()
        return self.loc + drawn * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        return -math.log(math.pi) - self.scale.log() - ((value - self.loc) / self.scale).square().log1p()

    def cdf(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        return wengert.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return wengert.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()
