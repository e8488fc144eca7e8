"""The continuous Bernoulli distribution (Loaiza-Ganem & Cunningham, *The continuous Bernoulli: fixing a pervasive error
in variational autoencoders*, 2019)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from ..nn.functional import binary_cross_entropy_with_logits
from . import constraints
from .exp_family import ExponentialFamily
from .probability import Binary
from .utils import batch_shape_of, broadcast_all, clamp_probs


class ContinuousBernoulli(Binary, ExponentialFamily):
    """Numbers x of [0, 1] with a density proportional to λ^x (1 − λ)^(1 − x), for λ = ``probs``, or its ``logits``.

    Where λ lies between the two ``lims`` round 1/2, at which the formulas are 0/0, Taylor series are used.

    >>> p = torch.distributions.ContinuousBernoulli(torch.tensor(0.9))
    >>> p.mean, p.log_prob(torch.tensor([0.0, 1.0])).exp()
    (tensor(0.6699), tensor([0.2747, 2.4719]))
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0
    _batched = {"probs": 0, "logits": 0}
    _kept = ("_lims",)

    def __init__(self, probs: Any = None, logits: Any = None, lims: tuple[float, float] = (0.499, 0.501),
                 validate_args: bool | None = None) -> None:
        self._take(probs, logits)
        if probs is not None:
            if validate_args is not None and not self.arg_constraints["probs"].check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
        self._lims = lims
        shape = batch_shape_of(self._param, logits if probs is None else probs)
        super().__init__(shape, validate_args=validate_args)

    def _either(self, formula: Any, series: Any) -> Tensor:
        """``formula(λ)`` away from 1/2, ``series(λ − 1/2)`` near it; each sees harmless values elsewhere."""
        probs = self.probs
        away = (probs <= self._lims[0]) | (probs > self._lims[1])
        return wengert.where(away, formula(wengert.where(away, probs, self._lims[0])), series(probs - 0.5))

    def _log_norm(self) -> Tensor:
        """log C(λ) = log(2 artanh(1 − 2λ) / (1 − 2λ)), the logarithm of the normalising factor."""

        def formula(probs: Tensor) -> Tensor:
            return ((-probs).log1p() - probs.log()).abs().log() - (1 - 2 * probs).abs().log()

        return self._either(formula, lambda x: math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x**2) * x**2)

    @property
    def mean(self) -> Tensor:
        return self._either(
            lambda probs: probs / (2 * probs - 1) + 1 / ((-probs).log1p() - probs.log()),
            lambda x: 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x**2) * x,
        )

    @property
    def variance(self) -> Tensor:
        return self._either(
            lambda probs: probs * (probs - 1) / (1 - 2 * probs) ** 2 + 1 / ((-probs).log1p() - probs.log()) ** 2,
            lambda x: 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x**2) * x**2,
        )

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self.icdf(wengert.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none") + self._log_norm()

    def cdf(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        share = self._either(
            lambda probs: (probs**value * (1 - probs) ** (1 - value) + probs - 1) / (2 * probs - 1),
            lambda x: value.expand(wengert.broadcast_shapes(value.shape, x.shape)),
        )
        return wengert.where(value <= 0, 0.0, wengert.where(value >= 1, 1.0, share))

    def icdf(self, value: Tensor) -> Tensor:
        return self._either(
            lambda probs: (
                ((-probs + value * (2 * probs - 1)).log1p() - (-probs).log1p()) / (probs.log() - (-probs).log1p())
            ),
            lambda x: value.expand(wengert.broadcast_shapes(value.shape, x.shape)),
        )

    def entropy(self) -> Tensor:
        log_below, log_above = (-self.probs).log1p(), self.probs.log()
        return self.mean * (log_below - log_above) - self._log_norm() - log_below

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """log((exp x − 1) / x), by its series near 0."""
        limits = [math.log(each / (1 - each)) for each in self._lims]
        away = (x <= limits[0]) | (x > limits[1])
        safe = wengert.where(away, x, limits[0])
        return wengert.where(away, (safe.expm1() / safe).abs().log(), 0.5 * x + x**2 / 24.0 - x**4 / 2880.0)
