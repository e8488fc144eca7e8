"""The relaxed one-hot categorical distribution: points of the simplex through which gradients flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .categorical import OverCategories
from .relaxed_bernoulli import Relaxed
from .transformed_distribution import Derived
from .transforms import ExpTransform, Transform
from .utils import clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(OverCategories):
    """The logarithms of `RelaxedOneHotCategorical` draws (Maddison, Mnih & Teh, *The Concrete Distribution*, 2017,
    appendix C)."""

    support = constraints.real_vector  # of which only vectors of logsumexp 0 come up
    has_rsample = True
    _batched = {}
    _kept = ("temperature",)

    def __init__(self, temperature: Any, probs: Tensor | None = None, logits: Tensor | None = None,
                 validate_args: bool | None = None) -> None:
        self.temperature = temperature
        super().__init__(probs, logits, validate_args)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        uniforms = clamp_probs(wengert.rand(shape, dtype=self.logits.dtype))
        gumbels = -((-(uniforms.log())).log())
        return ((self.logits + gumbels) / self.temperature).log_softmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        size = self._event_shape[0]
        logits, value = wengert.broadcast_tensors(self.logits, value)
        temperature = wengert.as_tensor(self.temperature, dtype=logits.dtype)
        log_scale = wengert.lgamma(wengert.tensor(float(size), dtype=logits.dtype)) + (size - 1) * temperature.log()
        return (logits - value * temperature).log_softmax(-1).sum(-1) + log_scale


class RelaxedOneHotCategorical(Relaxed, Derived):
    """Points of the simplex that approach one-hot draws as ``temperature`` goes to 0.

    ``probs`` or ``logits`` as of `Categorical`; draws have gradients.

    >>> _ = torch.manual_seed(0)
    >>> p = torch.distributions.RelaxedOneHotCategorical(torch.tensor(0.1), probs=torch.tensor([0.01, 0.99]))
    >>> p.sample().round()
    tensor([0., 1.])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, temperature: Any, probs: Tensor | None = None, logits: Tensor | None = None,
                 validate_args: bool | None = None) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, self._transforms(), validate_args=validate_args)

    def _transforms(self) -> list[Transform]:
        return [ExpTransform()]
