"""The gamma distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .exp_family import ExponentialFamily
from .utils import batch_shape_of, broadcast_all


class Gamma(ExponentialFamily):
    """The gamma distribution of shape ``concentration`` and ``rate``: its density is proportional to
    x^(concentration − 1) · exp(−rate · x). Draws by Marsaglia and Tsang's method, gradients of draws by implicit
    reparameterisation.

    >>> p = torch.distributions.Gamma(torch.tensor(4.0), torch.tensor(2.0))
    >>> p.mean, p.variance
    (tensor(2.), tensor(1.))
    """

    arg_constraints: Any = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0
    _batched = {"concentration": 0, "rate": 0}

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(batch_shape_of(self.concentration, concentration, rate), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = wengert._standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.detach().clamp_(min=wengert.finfo(value.dtype).tiny)  # the draw itself: 0 has no log density
        return value

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        value = wengert.as_tensor(value, dtype=self.rate.dtype)
        return (
            wengert.xlogy(self.concentration, self.rate)
            + wengert.xlogy(self.concentration - 1, value)
            - self.rate * value
            - self.concentration.lgamma()
        )

    def entropy(self) -> Tensor:
        return (
            self.concentration
            - self.rate.log()
            + self.concentration.lgamma()
            + (1.0 - self.concentration) * self.concentration.digamma()
        )

    def cdf(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        return wengert.special.gammainc(self.concentration, self.rate * value)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.concentration - 1, -self.rate)

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return wengert.lgamma(x + 1) + (x + 1) * wengert.log(-y.reciprocal())
