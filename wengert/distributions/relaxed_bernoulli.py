"""The relaxed Bernoulli distribution: numbers between 0 and 1 through which gradients flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from ..nn.functional import softplus
from . import constraints
from .distribution import Distribution
from .probability import Binary
from .transformed_distribution import Derived
from .transforms import SigmoidTransform, Transform
from .utils import batch_shape_of, broadcast_all, clamp_probs

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(Binary, Distribution):
    """The logits of `RelaxedBernoulli` draws (Maddison, Mnih & Teh, *The Concrete Distribution*, 2017, appendix B)."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True
    _batched = {"probs": 0, "logits": 0}
    _kept = ("temperature",)

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.temperature = temperature
        self._take(probs, logits)
        shape = batch_shape_of(self._param, logits if probs is None else probs)
        super().__init__(shape, validate_args=validate_args)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        uniforms = clamp_probs(wengert.rand(shape, dtype=probs.dtype))
        return (uniforms.log() - (-uniforms).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        logits, value = broadcast_all(self.logits, value)
        difference = logits - value * self.temperature
        return wengert.as_tensor(self.temperature).log() + difference - 2 * softplus(difference)


class Relaxed:
    """What `RelaxedBernoulli` and `RelaxedOneHotCategorical` share: their parameters are those of their base."""

    base_dist: Any

    @property
    def temperature(self) -> Any:
        """How far the draws are from 0 and 1."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The parameter ``logits`` of the base."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The parameter ``probs`` of the base."""
        return self.base_dist.probs


class RelaxedBernoulli(Relaxed, Derived):
    """Numbers of (0, 1) that approach Bernoulli draws as ``temperature`` goes to 0.

    ``probs`` or ``logits`` as of `Bernoulli`; draws have gradients.

    >>> _ = torch.manual_seed(0)
    >>> torch.distributions.RelaxedBernoulli(torch.tensor(0.1), probs=torch.tensor([0.01, 0.99])).sample().round()
    tensor([0., 1.])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, self._transforms(), validate_args=validate_args)

    def _transforms(self) -> list[Transform]:
        return [SigmoidTransform()]
