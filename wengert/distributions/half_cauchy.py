"""The half-Cauchy distribution."""

from __future__ import annotations

import math

import wengert
from wengert import Tensor

from .cauchy import Cauchy
from .half import Half


class HalfCauchy(Half):
    """The absolute values of Cauchy numbers of median 0 and half width ``scale``.

    >>> torch.distributions.HalfCauchy(1.0).cdf(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.5000])
    """

    whole = Cauchy

    @property
    def mean(self) -> Tensor:
        """Infinite."""
        return wengert.full(self._extended_shape(), math.inf, dtype=self.scale.dtype)

    @property
    def variance(self) -> Tensor:
        """Infinite."""
        return self.base_dist.variance

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        return super().log_prob(wengert.as_tensor(value, dtype=self.scale.dtype))
