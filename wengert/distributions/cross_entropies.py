"""KL divergences between two families, as the cross entropy less the entropy: KL(p ‖ q) = −E_p[log q] − H(p).

The one idea to know: the cross entropy to a family q needs few expectations of p: the mean, the variance, the mean of
the logarithm, a Laplace transform. Each q is one function of them, each p says them once, and `_PAIRS` names the pairs.
Where p draws values that q never does, the divergence is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import wengert
from wengert import Tensor

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .kl import infinite_unless, register_kl
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform
from .utils import HALF_LOG_TWO_PI, euler_constant

# ---- expectations under p


def _uniform_mean_log(p: Uniform) -> Tensor:
    """(h log h − l log l) / (h − l) − 1, with 0 log 0 = 0."""
    return (wengert.xlogy(p.high, p.high) - wengert.xlogy(p.low, p.low)) / (p.high - p.low) - 1


def _uniform_mean_log_rest(p: Uniform) -> Tensor:
    """E[log(1 − x)]: that of log x for the interval mirrored at 1/2."""
    low, high = 1 - p.high, 1 - p.low
    return (wengert.xlogy(high, high) - wengert.xlogy(low, low)) / (p.high - p.low) - 1


_MEAN_LOG: dict[type, Callable[[Any], Tensor]] = {
    Beta: lambda p: p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma(),
    Exponential: lambda p: -euler_constant - p.rate.log(),
    Gamma: lambda p: p.concentration.digamma() - p.rate.log(),
    Pareto: lambda p: p.alpha.reciprocal() + p.scale.log(),
    Uniform: _uniform_mean_log,
}
"""E[log x]."""

_LAPLACE: dict[type, Callable[[Any, Tensor], Tensor]] = {
    Exponential: lambda p, s: p.rate / (p.rate + s),
    Gamma: lambda p, s: (1 + s / p.rate) ** -p.concentration,
    Normal: lambda p, s: (0.5 * (s * p.scale).square() - s * p.loc).exp(),
    Uniform: lambda p, s: ((-s * p.low).exp() - (-s * p.high).exp()) / (s * (p.high - p.low)),
}
"""E[exp(−s x)]."""


# ---- cross entropies to q


def _to_normal(p: Any, q: Normal) -> Tensor:
    squares = p.variance + (p.mean - q.loc).square()
    return HALF_LOG_TWO_PI + q.scale.log() + 0.5 * squares / q.scale.square()


def _to_exponential(p: Any, q: Exponential) -> Tensor:
    return q.rate * p.mean - q.rate.log()


def _to_gamma(p: Any, q: Gamma) -> Tensor:
    mean_log = _MEAN_LOG[_kind(p, _MEAN_LOG)](p)
    normaliser = q.concentration.lgamma() - q.concentration * q.rate.log()
    return normaliser - (q.concentration - 1) * mean_log + q.rate * p.mean


def _to_gumbel(p: Any, q: Gumbel) -> Tensor:
    laplace = _LAPLACE[_kind(p, _LAPLACE)](p, q.scale.reciprocal())
    return q.scale.log() + (p.mean - q.loc) / q.scale + (q.loc / q.scale).exp() * laplace


def _to_continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    return -p.mean * q.logits - wengert.log1p(-q.probs) - q._log_norm()


def _to_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    log_beta = a.lgamma() + b.lgamma() - (a + b).lgamma()
    return log_beta - (a - 1) * _uniform_mean_log(p) - (b - 1) * _uniform_mean_log_rest(p)


def _to_pareto(p: Uniform, q: Pareto) -> Tensor:
    return (q.alpha + 1) * _uniform_mean_log(p) - q.alpha.log() - q.alpha * q.scale.log()


def _to_laplace(p: Normal, q: Laplace) -> Tensor:
    """By the mean of |x − loc|, a folded normal number."""
    off = (p.loc - q.loc) / p.scale
    folded = p.scale * (math.sqrt(2 / math.pi) * (-0.5 * off.square()).exp() + off * wengert.erf(off * math.sqrt(0.5)))
    return (2 * q.scale).log() + folded / q.scale


def _to_uniform(p: Any, q: Uniform) -> Tensor:
    return (q.high - q.low).log()


def _kind(p: Any, table: dict[type, Any]) -> type:
    """The entry of a table for the type of p, or the nearest type above."""
    return next(kind for kind in type(p).__mro__ if kind in table)


# ---- where q has a density


def _everywhere(p: Any, q: Any) -> None:
    """q has a density wherever p has."""


def _from_zero(p: Uniform, q: Any) -> Tensor:
    return p.low >= 0


def _in_unit(p: Uniform, q: Any) -> Tensor:
    return (p.low >= 0) & (p.high <= 1)


def _above_scale(p: Uniform, q: Pareto) -> Tensor:
    return p.low >= q.scale


def _covers_unit(p: Any, q: Uniform) -> Tensor:
    return (q.low <= 0) & (q.high >= 1)


_PAIRS: tuple[tuple[type, type, Callable[..., Tensor], Callable[..., Tensor | None]], ...] = (
    (Beta, ContinuousBernoulli, _to_continuous_bernoulli, _everywhere),
    (Beta, Exponential, _to_exponential, _everywhere),
    (Beta, Gamma, _to_gamma, _everywhere),
    (Beta, Normal, _to_normal, _everywhere),
    (Beta, Uniform, _to_uniform, _covers_unit),
    (ContinuousBernoulli, Exponential, _to_exponential, _everywhere),
    (ContinuousBernoulli, Normal, _to_normal, _everywhere),
    (ContinuousBernoulli, Uniform, _to_uniform, _covers_unit),
    (Exponential, Gamma, _to_gamma, _everywhere),
    (Exponential, Gumbel, _to_gumbel, _everywhere),
    (Exponential, Normal, _to_normal, _everywhere),
    (Gamma, Exponential, _to_exponential, _everywhere),
    (Gamma, Gumbel, _to_gumbel, _everywhere),
    (Gamma, Normal, _to_normal, _everywhere),
    (Gumbel, Normal, _to_normal, _everywhere),
    (Laplace, Normal, _to_normal, _everywhere),
    (Normal, Gumbel, _to_gumbel, _everywhere),
    (Normal, Laplace, _to_laplace, _everywhere),
    (Pareto, Exponential, _to_exponential, _everywhere),
    (Pareto, Gamma, _to_gamma, _everywhere),
    (Pareto, Normal, _to_normal, _everywhere),
    (Uniform, Beta, _to_beta, _in_unit),
    (Uniform, ContinuousBernoulli, _to_continuous_bernoulli, _in_unit),
    (Uniform, Exponential, _to_exponential, _from_zero),
    (Uniform, Gamma, _to_gamma, _from_zero),
    (Uniform, Gumbel, _to_gumbel, _everywhere),
    (Uniform, Normal, _to_normal, _everywhere),
    (Uniform, Pareto, _to_pareto, _above_scale),
)

# The values of p are never all among those of q, whatever the parameters.
_INFINITE: dict[type, tuple[type, ...]] = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}


def _by_cross_entropy(cross: Callable[..., Tensor], possible: Callable[..., Tensor | None]) -> Any:
    def divergence(p: Any, q: Any) -> Tensor:
        result: Tensor = cross(p, q) - p.entropy()
        where = possible(p, q)
        return result if where is None else infinite_unless(where, result)

    return divergence


def _infinite(p: Any, q: Any) -> Tensor:
    shape = wengert.broadcast_shapes(p.batch_shape, q.batch_shape)
    return wengert.full(shape, math.inf, dtype=p.mean.dtype)


@register_kl(Bernoulli, Poisson)
def _(p: Bernoulli, q: Poisson) -> Tensor:
    """Of 0 and 1 the factorials are 1."""
    return q.rate - p.probs * q.rate.log() - p.entropy()


for _p, _q, _cross, _possible in _PAIRS:
    register_kl(_p, _q)(_by_cross_entropy(_cross, _possible))
for _p, _others in _INFINITE.items():
    for _q in _others:
        register_kl(_p, _q)(_infinite)
