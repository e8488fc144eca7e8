"""The relaxed one-hot categorical distribution: points of the simplex through which gradients flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .categorical import Categorical
from .distribution import Distribution
from .transformed_distribution import Derived
from .transforms import ExpTransform, Transform
from .utils import clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(Distribution):
    """The logarithms of `RelaxedOneHotCategorical` draws (Maddison, Mnih & Teh, *The Concrete Distribution*, 2017,
    appendix C)."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector  # of which only vectors of logsumexp 0 come up
    has_rsample = True
    _batched = {}
    _inner = ("_categorical",)

    def __init__(
        self,
        temperature: Any,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.temperature = self.temperature
        return new

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def probs(self) -> Tensor:
        """The probability of each category."""
        return self._categorical.probs

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:  # noqa: B008
        shape = self._extended_shape(sample_shape)
        uniforms = clamp_probs(wengert.rand(shape, dtype=self.logits.dtype))
        gumbels = -((-(uniforms.log())).log())
        return ((self.logits + gumbels) / self.temperature).log_softmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        size = self._event_shape[0]
        logits, value = wengert.broadcast_tensors(self.logits, value)
        temperature = wengert.as_tensor(self.temperature, dtype=logits.dtype)
        log_scale = wengert.lgamma(wengert.tensor(float(size), dtype=logits.dtype)) + (size - 1) * temperature.log()
        return (logits - value * temperature).log_softmax(-1).sum(-1) + log_scale


class RelaxedOneHotCategorical(Derived):
    """Points of the simplex that approach one-hot draws as ``temperature`` goes to 0.

    ``probs`` or ``logits`` as of `Categorical`; draws have gradients.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True
    base_dist: ExpRelaxedCategorical

    def __init__(
        self,
        temperature: Any,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, self._transforms(), validate_args=validate_args)

    def _transforms(self) -> list[Transform]:
        return [ExpTransform()]

    @property
    def temperature(self) -> Any:
        """How far the draws are from one-hot vectors."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The probability of each category."""
        return self.base_dist.probs
