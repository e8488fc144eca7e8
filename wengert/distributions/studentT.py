"""Student's t distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .chi2 import Chi2
from .distribution import Distribution
from .utils import _standard_normal, broadcast_all


class StudentT(Distribution):
    """Student's t distribution of ``df`` degrees of freedom, stretched by ``scale`` and moved by ``loc``.

    >>> p = torch.distributions.StudentT(torch.tensor(3.0))
    >>> p.variance, p.log_prob(torch.tensor(0.0)).exp()
    (tensor(3.), tensor(0.3676))
    """

    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _batched = {"df": 0, "loc": 0, "scale": 0}
    _inner = ("_chi2",)

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """NaN for a ``df`` of at most 1."""
        return wengert.where(self.df <= 1, math.nan, self.loc)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """Infinite for a ``df`` of at most 2, NaN for one of at most 1."""
        finite = self.df > 2
        df = wengert.where(finite, self.df, 3.0)
        variance = wengert.where(finite, self.scale.square() * df / (df - 2), math.inf)
        return wengert.where(self.df <= 1, math.nan, variance)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        normal = _standard_normal(self._extended_shape(sample_shape), self.df.dtype)
        return self.loc + self.scale * (normal * wengert.rsqrt(self._chi2.rsample(sample_shape) / self.df))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        y = (value - self.loc) / self.scale
        normaliser = (
            self.scale.log()
            + 0.5 * self.df.log()
            + 0.5 * math.log(math.pi)
            + wengert.lgamma(0.5 * self.df)
            - wengert.lgamma(0.5 * (self.df + 1.0))
        )
        return -0.5 * (self.df + 1.0) * wengert.log1p(y.square() / self.df) - normaliser

    def entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        log_beta = math.lgamma(0.5) + half.lgamma() - more.lgamma()
        return self.scale.log() + more * (more.digamma() - half.digamma()) + 0.5 * self.df.log() + log_beta
