"""The categorical distribution over one-hot vectors."""

from __future__ import annotations

from collections.abc import Sequence

import wengert
from wengert import Size, Tensor

from ..nn.functional import one_hot
from . import constraints
from .categorical import OverCategories

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(OverCategories):
    """One-hot vectors of K numbers, the one at place k with probability ``probs[..., k]``; parameters as of
    `Categorical`.

    >>> p = torch.distributions.OneHotCategorical(torch.tensor([0.25, 0.75]))
    >>> p.log_prob(torch.tensor([0.0, 1.0])).exp(), p.mean
    (tensor(0.7500), tensor([0.2500, 0.7500]))
    """

    support = constraints.one_hot
    has_enumerate_support = True
    _batched = {}

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return one_hot(self.probs.argmax(-1), self._event_shape[0]).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        chosen = self._categorical.sample(sample_shape)
        return one_hot(chosen, self._event_shape[0]).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        size = self._event_shape[0]
        values = wengert.eye(size, dtype=self._param.dtype)
        values = values.view((size, *(1,) * len(self._batch_shape), size))
        return values.expand((size, *self._batch_shape, size)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """`OneHotCategorical` whose draws pass gradients to the probabilities as if they were these (Bengio, Léonard &
    Courville, *Estimating or Propagating Gradients Through Stochastic Neurons*, 2013).

    >>> _ = torch.manual_seed(0)
    >>> logits = torch.zeros(2, requires_grad=True)
    >>> draw = torch.distributions.OneHotCategoricalStraightThrough(logits=logits).rsample()
    >>> (draw * torch.tensor([1.0, 3.0])).sum().backward()
    >>> logits.grad
    tensor([-0.5000,  0.5000])
    """

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        drawn = self.sample(sample_shape)
        return drawn + (self.probs - self.probs.detach())
