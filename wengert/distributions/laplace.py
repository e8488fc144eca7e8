"""The Laplace distribution."""

from __future__ import annotations

from collections.abc import Sequence

import wengert
from wengert import Size, Tensor

from .location import LocationScale


class Laplace(LocationScale):
    """Numbers with a density proportional to exp(−|x − loc| / scale).

    >>> p = torch.distributions.Laplace(torch.tensor(0.0), torch.tensor(1.0))
    >>> p.log_prob(torch.tensor(0.0)).exp(), p.variance
    (tensor(0.5000), tensor(2.))
    """

    _batched = {"loc": 0, "scale": 0}

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale.square()

    @property
    def stddev(self) -> Tensor:
        return 2**0.5 * self.scale

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        drawn = self.loc.detach().new_empty(self._extended_shape(sample_shape))
        u = drawn.uniform_(wengert.finfo(drawn.dtype).eps - 1, 1)
        return self.loc - self.scale * u.sign() * wengert.log1p(-u.abs())

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        distance = value - self.loc
        return 0.5 - 0.5 * distance.sign() * wengert.expm1(-distance.abs() / self.scale)

    def icdf(self, value: Tensor) -> Tensor:
        side = value - 0.5
        return self.loc - self.scale * side.sign() * wengert.log1p(-2 * side.abs())

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()
