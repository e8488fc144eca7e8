"""The divergence of Kullback and Leibler: its registry, and the closed forms within a family.

Those between two families stand in `cross_entropies`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import wengert
from wengert import Tensor

from ..linalg import solve_triangular
from ..nn.functional import softplus
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .lowrank_multivariate_normal import LowRankMultivariateNormal
from .multivariate_normal import MultivariateNormal, log_diagonal, squared_lengths
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import _sum_rightmost, euler_constant
from .wishart import Wishart

__all__ = ["kl_divergence", "register_kl"]

Formula = Callable[[Any, Any], Tensor]

_KL_REGISTRY: dict[tuple[type, type], Formula] = {}
_found: dict[tuple[type, type], Formula | None] = {}  # what `_find` answered


def register_kl(type_p: type, type_q: type) -> Callable[[Formula], Formula]:
    """Registers the decorated ``formula(p, q)`` for `kl_divergence` of the two types, and of their subclasses: any
    classes, as PyTorch takes them. Raises TypeError for what are no classes.

    >>> D = torch.distributions
    >>> class Shifted(D.Normal): ...
    >>> @D.register_kl(Shifted, Shifted)
    ... def _shifted(p, q):
    ...     return (p.loc - q.loc).abs()
    >>> D.kl_divergence(Shifted(0.0, 1.0), Shifted(3.0, 1.0))
    tensor(3.)
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(kind, type):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def register(formula: Formula) -> Formula:
        _KL_REGISTRY[type_p, type_q] = formula
        _found.clear()
        return formula

    return register


def _find(type_p: type, type_q: type) -> Formula | None:
    """The formula registered for the nearest types: nearest to p first, with a warning where q would choose another."""
    key = (type_p, type_q)
    if key not in _found:
        matches = [pair for pair in _KL_REGISTRY if issubclass(type_p, pair[0]) and issubclass(type_q, pair[1])]
        if not matches:
            _found[key] = None
        else:
            orders = [(type_p.__mro__.index(p), type_q.__mro__.index(q), (p, q)) for p, q in matches]
            left = min(orders)[2]
            right = min((by_q, by_p, pair) for by_p, by_q, pair in orders)[2]
            if _KL_REGISTRY[left] is not _KL_REGISTRY[right]:
                warnings.warn(f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please register_kl("
                              f"{left[0].__name__}, {right[1].__name__})",
                              RuntimeWarning,
                              stacklevel=3)
            _found[key] = _KL_REGISTRY[left]
    return _found[key]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p ‖ q) = E_p[log p(x) − log q(x)], of the batch shape, by a closed form.

    Raises NotImplementedError where none is registered.

    >>> p, q = torch.distributions.Normal(0.0, 1.0), torch.distributions.Normal(1.0, 1.0)
    >>> torch.distributions.kl_divergence(p, q)
    tensor(0.5000)
    """
    formula = _find(type(p), type(q))
    if formula is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
        )
    return formula(p, q)


def infinite_unless(possible: Tensor, divergence: Tensor) -> Tensor:
    """The divergence where ``possible``; elsewhere p draws values that q never does, and it is infinite."""
    return wengert.where(possible, divergence, math.inf)


# ---- discrete families


def _relative(probability: Tensor, log_ratio: Tensor, possible: Tensor) -> Tensor:
    """p · log(p / q), 0 for p = 0; infinite where q is 0 and p is not."""
    # Harmless numbers stand in where the term is not used, so that gradients stay finite.
    used = (probability > 0) & possible
    term = probability * wengert.where(used, log_ratio, 0.0)
    return wengert.where((probability > 0) & ~possible, math.inf, term)


@register_kl(Bernoulli, Bernoulli)
def _(p: Bernoulli, q: Bernoulli) -> Tensor:
    ones = _relative(p.probs, softplus(-q.logits) - softplus(-p.logits), q.probs > 0)
    zeros = _relative(1 - p.probs, softplus(q.logits) - softplus(p.logits), q.probs < 1)
    return ones + zeros


@register_kl(Categorical, Categorical)
def _(p: Categorical, q: Categorical) -> Tensor:
    return _relative(p.probs, p.logits - q.logits, q.probs > 0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return kl_divergence(p._categorical, q._categorical)


@register_kl(Binomial, Binomial)
def _(p: Binomial, q: Binomial) -> Tensor:
    """Of equal counts. Raises NotImplementedError for a larger count of q; a larger one of p is infinitely far."""
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return infinite_unless(p.total_count <= q.total_count, p.total_count * each)


@register_kl(Geometric, Geometric)
def _(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - wengert.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


# ---- continuous families


@register_kl(Normal, Normal)
def _(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _(p: HalfNormal, q: HalfNormal) -> Tensor:
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _(p: Laplace, q: Laplace) -> Tensor:
    ratio = p.scale / q.scale
    distance = (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _(p: Cauchy, q: Cauchy) -> Tensor:
    """Chyzak & Nielsen, *A closed-form formula for the Kullback-Leibler divergence between Cauchy distributions*
    (2019)."""
    sizes = (p.scale + q.scale).square() + (p.loc - q.loc).square()
    return sizes.log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    offset = (q.loc - p.loc) / q.scale
    return -ratio.log() - offset + ratio * euler_constant + (offset + (1 + ratio).lgamma()).exp() - (1 + euler_constant)


@register_kl(Exponential, Exponential)
def _(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Gamma, Gamma)
def _(p: Gamma, q: Gamma) -> Tensor:
    return (
        q.concentration * (p.rate / q.rate).log()
        + wengert.lgamma(q.concentration)
        - wengert.lgamma(p.concentration)
        + (p.concentration - q.concentration) * wengert.digamma(p.concentration)
        + (q.rate - p.rate) * (p.concentration / p.rate)
    )


@register_kl(Dirichlet, Dirichlet)
def _(p: Dirichlet, q: Dirichlet) -> Tensor:
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    normalisers = total_p.lgamma() - total_q.lgamma() + (q.concentration.lgamma() - p.concentration.lgamma()).sum(-1)
    mean_logs = p.concentration.digamma() - total_p.digamma().unsqueeze(-1)
    return normalisers + ((p.concentration - q.concentration) * mean_logs).sum(-1)


@register_kl(Beta, Beta)
def _(p: Beta, q: Beta) -> Tensor:
    return kl_divergence(p._dirichlet, q._dirichlet)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    of_p = p._log_norm() + wengert.log1p(-p.probs)
    of_q = q._log_norm() + wengert.log1p(-q.probs)
    return p.mean * (p.logits - q.logits) + of_p - of_q


@register_kl(Pareto, Pareto)
def _(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    divergence = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return infinite_unless(p.scale >= q.scale, divergence)


@register_kl(Uniform, Uniform)
def _(p: Uniform, q: Uniform) -> Tensor:
    divergence = ((q.high - q.low) / (p.high - p.low)).log()
    return infinite_unless((q.low <= p.low) & (q.high >= p.high), divergence)


@register_kl(ExponentialFamily, ExponentialFamily)
def _kl_expfamily_expfamily(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """The Bregman divergence of the log normaliser, at the natural parameters. Raises NotImplementedError for two
    families."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman "
            "divergences"
        )
    at_p = [each.detach().requires_grad_() for each in p._natural_params]
    at_q = q._natural_params
    normaliser = p._log_normalizer(*at_p)
    slopes = wengert.autograd.grad(normaliser.sum(), at_p, create_graph=True)
    result = q._log_normalizer(*at_q) - normaliser
    for ours, theirs, slope in zip(at_p, at_q, slopes, strict=True):
        result = result - _sum_rightmost((theirs - ours) * slope, len(q.event_shape))
    return result


# ---- normal vectors


def _trace_of_ratio(factor_q: Tensor, factor_p: Tensor) -> Tensor:
    """tr((L_q L_qᵀ)⁻¹ A Aᵀ) = |L_q⁻¹ A|², for A (..., N, M)."""
    shape = wengert.broadcast_shapes(factor_q.shape[:-2], factor_p.shape[:-2])
    inner = solve_triangular(factor_q.expand((*shape, *factor_q.shape[-2:])),
                             factor_p.expand((*shape, *factor_p.shape[-2:])), upper=False)
    return inner.square().sum((-2, -1))


@register_kl(Wishart, Wishart)
def _(p: Wishart, q: Wishart) -> Tensor:
    """By the traces and determinants of the scales, the multivariate gamma function and its derivative."""
    size = p._event_shape[-1]
    factor_p, factor_q = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    logarithm = 2 * (log_diagonal(factor_p) - log_diagonal(factor_q))
    halves = p.df.unsqueeze(-1) / 2 - wengert.arange(size, dtype=p.df.dtype) / 2
    return ((p.df * (_trace_of_ratio(factor_q, factor_p) - size) - q.df * logarithm) / 2
            + wengert.mvlgamma(q.df / 2, size) - wengert.mvlgamma(p.df / 2, size)
            + (p.df - q.df) / 2 * halves.digamma().sum(-1))



def _same_events(p: Distribution, q: Distribution) -> None:
    if p.event_shape != q.event_shape:
        of_low_rank = sum(isinstance(each, LowRankMultivariateNormal) for each in (p, q))
        kind = ("", "(Low Rank) ", "Low Rank ")[of_low_rank]
        raise ValueError(
            f"KL-divergence between two {kind}Multivariate Normals with different event shapes cannot be computed"
        )


@register_kl(MultivariateNormal, MultivariateNormal)
def _(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    _same_events(p, q)
    half_log_ratio = log_diagonal(q._unbroadcasted_scale_tril) - log_diagonal(p._unbroadcasted_scale_tril)
    trace = _trace_of_ratio(q._unbroadcasted_scale_tril, p._unbroadcasted_scale_tril)
    distance = squared_lengths(q._unbroadcasted_scale_tril, q.loc - p.loc)
    return half_log_ratio + 0.5 * (trace + distance - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _(p: LowRankMultivariateNormal, q: MultivariateNormal) -> Tensor:
    _same_events(p, q)
    factor, diagonal = p._narrow
    log_ratio = 2 * log_diagonal(q._unbroadcasted_scale_tril) - p.log_determinant
    trace = (_trace_of_ratio(q._unbroadcasted_scale_tril, factor)
             + _trace_of_ratio(q._unbroadcasted_scale_tril, diagonal.sqrt().diag_embed()))
    distance = squared_lengths(q._unbroadcasted_scale_tril, q.loc - p.loc)
    return 0.5 * (log_ratio + trace + distance - p.event_shape[0])


def _trace_by_woodbury(q: LowRankMultivariateNormal, columns: Tensor) -> Tensor:
    """tr((W Wᵀ + D)⁻¹ A Aᵀ) for the columns A (..., N, M)."""
    factor, diagonal = q._narrow
    weighted = columns / diagonal.unsqueeze(-1)
    inner = factor.mT @ weighted
    return (columns * weighted).sum((-2, -1)) - _trace_of_ratio(q._capacitance_tril, inner)


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _(p: MultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _same_events(p, q)
    log_ratio = q.log_determinant - 2 * log_diagonal(p._unbroadcasted_scale_tril)
    trace = _trace_by_woodbury(q, p._unbroadcasted_scale_tril)
    return 0.5 * (log_ratio + trace + q.distances(q.loc - p.loc) - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _(p: LowRankMultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _same_events(p, q)
    factor, diagonal = p._narrow
    log_ratio = q.log_determinant - p.log_determinant
    trace = _trace_by_woodbury(q, factor) + _trace_by_woodbury(q, diagonal.sqrt().diag_embed())
    return 0.5 * (log_ratio + trace + q.distances(q.loc - p.loc) - p.event_shape[0])


# ---- distributions made of others


@register_kl(Independent, Independent)
def _(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    result: Tensor = _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
    return result


@register_kl(TransformedDistribution, TransformedDistribution)
def _(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    """That of the bases: one invertible map of both changes nothing. Raises NotImplementedError for two maps."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)
