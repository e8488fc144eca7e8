"""The categorical distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .distribution import Distribution, shape_of
from .probability import Categories


class Categorical(Categories, Distribution):
    """Category k of K with probability ``probs[..., k]``.

    ``probs`` (..., K) are weights, which are normalised to sum to 1; or ``logits`` (..., K) are given, of which the
    softmax are the probabilities.

    >>> torch.distributions.Categorical(wengert.tensor([1.0, 1.0, 2.0])).log_prob(wengert.tensor(2)).exp()
    tensor(0.5000)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _batched = {"probs": 1, "logits": 1}
    _kept = ("_num_events",)

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        self._take(probs, logits)
        shape = self._param.shape
        self._num_events = shape[-1]
        super().__init__(shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """The integers from 0 to K − 1."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        """NaN: categories are no numbers."""
        return wengert.full(self._batch_shape, float("nan"), dtype=self.probs.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        """NaN: categories are no numbers."""
        return self.mean

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        sample_shape = shape_of(sample_shape)
        weights = self.probs.detach().reshape(-1, self._num_events)
        chosen = wengert.multinomial(weights, sample_shape.numel(), True)
        return chosen.T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        value = value.long().unsqueeze(-1)
        shape = wengert.broadcast_shapes(value.shape, self._batch_shape + (1,))[:-1]
        logits = self.logits.expand((*shape, self._num_events))
        return logits.gather(-1, value.expand((*shape, 1))).squeeze(-1)

    def entropy(self) -> Tensor:
        # Logits of −∞ count as the lowest finite number: 0 · log 0 is then 0.
        logits = self.logits.clamp(min=wengert.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = wengert.arange(self._num_events).view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values


class OverCategories(Distribution):
    """A family of vectors with a number for each category of a `Categorical`, whose parameters are its own."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _batched = {}
    _inner = ("_categorical",)

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self.param_shape[-1:], validate_args=validate_args)

    @property
    def _param(self) -> Tensor:
        return self._categorical._param

    @property
    def probs(self) -> Tensor:
        """The probability of each category."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape
