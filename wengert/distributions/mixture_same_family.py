"""Mixtures of distributions of one family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .categorical import Categorical
from .distribution import Distribution


class MixtureSameFamily(Distribution):
    """A draw of one of the distributions along the last batch dimension of ``component_distribution``, chosen by
    ``mixture_distribution``, a `Categorical` over them.

    Raises ValueError for other types, batch shapes that do not fit, or another number of components.

    >>> D = torch.distributions
    >>> weights, parts = D.Categorical(torch.tensor([0.25, 0.75])), D.Normal(torch.tensor([0.0, 4.0]), torch.ones(2))
    >>> p = D.MixtureSameFamily(weights, parts)
    >>> p.mean, p.variance
    (tensor(3.), tensor(4.))
    """

    arg_constraints: Any = {}
    has_rsample = False

    def __init__(
        self, mixture_distribution: Categorical, component_distribution: Distribution, validate_args: bool | None = None
    ) -> None:
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError("The Mixture distribution needs to be an instance of torch.distributions.Categorical")
        if not isinstance(component_distribution, Distribution):
            raise ValueError("The Component distribution needs to be an instance of torch.distributions.Distribution")
        of_mixture, of_components = mixture_distribution.batch_shape, component_distribution.batch_shape[:-1]
        for ours, theirs in zip(reversed(of_mixture), reversed(of_components), strict=False):
            if ours != theirs and ours != 1 and theirs != 1:
                raise ValueError(f"`mixture_distribution.batch_shape` ({of_mixture}) is not compatible with "
                                 f"`component_distribution.batch_shape`({of_components})")
        categories, components = mixture_distribution.logits.shape[-1], component_distribution.batch_shape[-1]
        if categories != components:
            raise ValueError(f"`mixture_distribution component` ({categories}) does not equal "
                             f"`component_distribution.batch_shape[-1]` ({components})")
        self._num_component = categories
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(of_components, component_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        shape = Size(batch_shape)
        new._component_distribution = self._component_distribution.expand(shape + (self._num_component,))
        new._mixture_distribution = self._mixture_distribution.expand(shape)
        new._num_component, new._event_ndims = self._num_component, self._event_ndims
        return self._finish(new, shape, self._event_shape)

    @constraints.dependent_property
    def support(self) -> Any:
        """That of the components."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution of the choice."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The distributions to choose from."""
        return self._component_distribution

    def _weights(self) -> Tensor:
        """The probability of each component, with the dimensions of the components' events behind."""
        probs = self._mixture_distribution.probs
        return probs.reshape(probs.shape + (1,) * self._event_ndims)

    def _sum(self, values: Tensor) -> Tensor:
        return (self._weights() * values).sum(-1 - self._event_ndims)

    @property
    def mean(self) -> Tensor:
        return self._sum(self._component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        """The mean of the variances and the variance of the means (the law of total variance)."""
        off = self._component_distribution.mean - self.mean.unsqueeze(-1 - self._event_ndims)
        return self._sum(self._component_distribution.variance) + self._sum(off.square())

    def cdf(self, x: Tensor) -> Tensor:
        shares = self._component_distribution.cdf(self._for_each(x))
        return (shares * self._mixture_distribution.probs).sum(-1)

    def _for_each(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1 - self._event_ndims)

    def log_prob(self, x: Tensor) -> Tensor:
        self._check_sample(x)
        log_prob = self._component_distribution.log_prob(self._for_each(x))
        return (log_prob + self._mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with wengert.no_grad():
            chosen = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            place = len(Size(sample_shape)) + len(self._batch_shape)
            index = chosen.expand(drawn.shape[:place]).reshape(drawn.shape[:place] + (1,) * (self._event_ndims + 1))
            index = index.expand(drawn.shape[:place] + (1,) + self._event_shape)
            return drawn.gather(place, index).squeeze(place)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution},\n  {self._component_distribution})"
