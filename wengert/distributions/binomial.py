"""The binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .distribution import Distribution
from .probability import Binary


class Binomial(Binary, Distribution):
    """The number of successes in ``total_count`` trials of probability ``probs``, or of odds exp(``logits``).

    >>> p = torch.distributions.Binomial(4, torch.tensor(0.5))
    >>> p.log_prob(torch.arange(5.0)).exp()
    tensor([0.0625, 0.2500, 0.3750, 0.2500, 0.0625])
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    _batched = {"total_count": 0, "probs": 0, "logits": 0}

    def __init__(self, total_count: Any = 1, probs: Tensor | None = None, logits: Tensor | None = None,
                 validate_args: bool | None = None) -> None:
        (self.total_count,) = self._take(probs, logits, total_count)
        self.total_count = self.total_count.type_as(self._param)
        super().__init__(self._param.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """The integers from 0 to ``total_count``."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with wengert.no_grad():
            return wengert.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        count, logits = self.total_count, self.logits
        log_choices = wengert.lgamma(count + 1) - wengert.lgamma(value + 1) - wengert.lgamma(count - value + 1)
        log_failures = count * wengert.logaddexp(logits, wengert.zeros_like(logits))
        return value * logits - log_failures + log_choices

    def entropy(self) -> Tensor:
        """The sum over all values. Raises NotImplementedError where ``total_count`` varies over the batch."""
        log_prob = self.log_prob(self._all_values("Inhomogeneous total count not supported by `entropy`."))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values. Raises NotImplementedError where ``total_count`` varies over the batch."""
        values = self._all_values("Inhomogeneous total count not supported by `enumerate_support`.")
        return values.expand((-1, *self._batch_shape)) if expand else values

    def _all_values(self, refusal: str) -> Tensor:
        most = int(self.total_count.max().item())
        if not self.total_count.min() == most:
            raise NotImplementedError(refusal)
        values = wengert.arange(1 + most, dtype=self._param.dtype)
        return values.view((-1,) + (1,) * len(self._batch_shape))
