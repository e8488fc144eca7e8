"""Distributions of transformed draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .distribution import Distribution
from .independent import Independent
from .transforms import ComposeTransform, Transform
from .utils import _sum_rightmost


class TransformedDistribution(Distribution):
    """The distribution of f(x) for draws x of ``base_distribution``; f is one transform or a list, the first first.

    By the change of variables log p(y) = log p(x) − log |det dy/dx|. Raises ValueError for what are no transforms, or
    where draws of the base have too few dimensions.

    >>> D = torch.distributions
    >>> p = D.TransformedDistribution(D.Normal(0.0, 1.0), [D.ExpTransform()])
    >>> p.log_prob(torch.tensor(2.0)), D.LogNormal(0.0, 1.0).log_prob(torch.tensor(2.0))
    (tensor(-1.8523), tensor(-1.8523))
    """

    arg_constraints: Any = {}

    def __init__(
        self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None
    ) -> None:
        self.transforms = _listed(transforms)
        base_shape = base_distribution.batch_shape + base_distribution.event_shape
        whole = ComposeTransform(self.transforms)
        if len(base_shape) < whole.domain.event_dim:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {whole.domain.event_dim}, but got "
                f"{base_shape}."
            )
        shape = whole.forward_shape(base_shape)
        base_batch = base_distribution.batch_shape
        expected = whole.inverse_shape(shape)
        if base_shape != expected:
            base_batch = Size(expected[: len(expected) - len(base_distribution.event_shape)])
            base_distribution = base_distribution.expand(base_batch)
        deeper = whole.domain.event_dim - len(base_distribution.event_shape)
        if deeper > 0:
            base_distribution = Independent(base_distribution, deeper)
        self.base_dist = base_distribution

        changed = whole.codomain.event_dim - whole.domain.event_dim
        event_dim = max(whole.codomain.event_dim, len(self.base_dist.event_shape) + changed)
        if len(shape) < event_dim:
            raise AssertionError(f"[TransformedDistribution] {event_dim} event dimensions do not fit shape {shape}")
        cut = len(shape) - event_dim
        super().__init__(Size(shape[:cut]), Size(shape[cut:]), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._get_checked_instance(TransformedDistribution, _instance)
        new.transforms = self.transforms
        whole = ComposeTransform(self.transforms)
        shape = Size(batch_shape) + self._event_shape
        before = whole.inverse_shape(shape)
        new.base_dist = self.base_dist.expand(before[: len(before) - len(self.base_dist.event_shape)])
        return self._finish(new, batch_shape, self._event_shape)

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        """The last transform's codomain, in events of this distribution's dimensions."""
        if not self.transforms:
            return self.base_dist.support
        inner = self.transforms[-1].codomain
        deeper = len(self._event_shape) - inner.event_dim
        return constraints.independent(inner, deeper) if deeper > 0 else inner

    @property
    def has_rsample(self) -> bool:
        """As the base."""
        return bool(self.base_dist.has_rsample)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Transformed draws of the base, without a gradient."""
        with wengert.no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Transformed draws of the base, through which gradients flow."""
        return self._forward(self.base_dist.rsample(sample_shape))

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        total: Any = 0.0
        depth, y = len(self._event_shape), value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            depth += transform.domain.event_dim - transform.codomain.event_dim
            total = total - _sum_rightmost(transform.log_abs_det_jacobian(x, y), depth - transform.domain.event_dim)
            y = x
        base = _sum_rightmost(self.base_dist.log_prob(y), depth - len(self.base_dist.event_shape))
        result: Tensor = total + base
        return result

    def _monotonize_cdf(self, value: Any) -> Any:
        """The share below, of an increasing transform, from that of the base; for a decreasing one, what is left."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        if isinstance(sign, int) and sign == 1:
            return value
        return sign * (value - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        result: Tensor = self._monotonize_cdf(self.base_dist.cdf(value))
        return result

    def icdf(self, value: Tensor) -> Tensor:
        return self._forward(self.base_dist.icdf(self._monotonize_cdf(value)))


def _listed(transforms: Any) -> list[Transform]:
    if isinstance(transforms, Transform):
        return [transforms]
    if not isinstance(transforms, list):
        raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
    if not all(isinstance(each, Transform) for each in transforms):
        raise ValueError("transforms must be a Transform or a list of Transforms")
    return transforms


class Derived(TransformedDistribution):
    """A named family that is a transformed one, with parameters of its own that expand with the batch.

    `_batched` names the parameters; the transforms are made anew for the expanded ones by ``_transforms``, the base by
    expansion of the base.
    """

    def _transforms(self) -> list[Transform]:
        """The transforms for the parameters that the instance has."""
        raise NotImplementedError

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._get_checked_instance(next(kind for kind in type(self).__mro__ if Derived in kind.__bases__),
                                         _instance)
        shape = Size(batch_shape)
        for name in self._batched or ():
            new.__dict__[name] = self.__dict__[name].expand(shape)
        new.transforms = new._transforms()
        new.base_dist = self.base_dist.expand(shape)
        return self._finish(new, batch_shape, self._event_shape)
