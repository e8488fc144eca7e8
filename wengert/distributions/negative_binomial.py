"""The negative binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from ..nn.functional import logsigmoid
from . import constraints
from .distribution import Distribution
from .gamma import Gamma
from .probability import Binary
from .utils import lazy_property


class NegativeBinomial(Binary, Distribution):
    """The number of successes of probability ``probs`` (or of odds exp(``logits``)) before ``total_count`` failures.

    ``total_count`` need not be an integer: draws are Poisson numbers whose rates are gamma numbers.

    >>> p = torch.distributions.NegativeBinomial(torch.tensor(2.0), torch.tensor(0.5))
    >>> p.mean, p.variance
    (tensor(2.), tensor(4.))
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _batched = {"total_count": 0, "probs": 0, "logits": 0}

    def __init__(self, total_count: Any, probs: Tensor | None = None, logits: Tensor | None = None,
                 validate_args: bool | None = None) -> None:
        (self.total_count,) = self._take(probs, logits, total_count)
        self.total_count = self.total_count.type_as(self._param)
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    @lazy_property
    def _gamma(self) -> Gamma:
        """The distribution of the rate."""
        return Gamma(self.total_count, (-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with wengert.no_grad():
            return wengert.poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        count = self.total_count
        unnormalised = count * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        normaliser = wengert.lgamma(1.0 + value) + wengert.lgamma(count) - wengert.lgamma(count + value)
        # Where no failure is waited for the number is 0 for certain: Γ(0) / Γ(0) counts as 1.
        return unnormalised - wengert.where(count + value == 0, 0.0, normaliser)
