"""`wengert.distributions` against mathematics: densities integrate to one, moments, entropies and divergences are
integrals, distribution functions and quantiles are inverse, draws have their moments and their gradients."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch
import wengert.distributions as D
from wengert.distributions import constraints

F64 = torch.float64
inf = math.inf


def t(*values: Any) -> Any:
    return torch.tensor(values[0] if len(values) == 1 else values, dtype=F64)


# Continuous distributions of one number, with their supports.
CONTINUOUS: dict[str, tuple[Callable[[], Any], tuple[float, float]]] = {
    "Beta": (lambda: D.Beta(t(2.5), t(1.7)), (0, 1)),
    "Cauchy": (lambda: D.Cauchy(t(0.5), t(1.5)), (-inf, inf)),
    "Chi2": (lambda: D.Chi2(t(3.0)), (0, inf)),
    "ContinuousBernoulli": (lambda: D.ContinuousBernoulli(t(0.3)), (0, 1)),
    "ContinuousBernoulli near 1/2": (lambda: D.ContinuousBernoulli(t(0.5003)), (0, 1)),
    "Exponential": (lambda: D.Exponential(t(1.5)), (0, inf)),
    "FisherSnedecor": (lambda: D.FisherSnedecor(t(5.0), t(12.0)), (0, inf)),
    "Gamma": (lambda: D.Gamma(t(2.5), t(1.5)), (0, inf)),
    "GeneralizedPareto": (lambda: D.GeneralizedPareto(t(0.0), t(1.5), t(0.1)), (0, inf)),
    "GeneralizedPareto bounded": (lambda: D.GeneralizedPareto(t(0.0), t(1.5), t(-0.5)), (0, 3)),
    "Gumbel": (lambda: D.Gumbel(t(0.5), t(1.5)), (-inf, inf)),
    "HalfCauchy": (lambda: D.HalfCauchy(t(1.5)), (0, inf)),
    "HalfNormal": (lambda: D.HalfNormal(t(1.5)), (0, inf)),
    "InverseGamma": (lambda: D.InverseGamma(t(6.5), t(1.5)), (0, inf)),
    "Kumaraswamy": (lambda: D.Kumaraswamy(t(2.5), t(1.7)), (0, 1)),
    "Laplace": (lambda: D.Laplace(t(0.5), t(1.5)), (-inf, inf)),
    "LogNormal": (lambda: D.LogNormal(t(0.5), t(0.4)), (0, inf)),
    "MixtureSameFamily": (lambda: D.MixtureSameFamily(
        D.Categorical(t(0.3, 0.7)), D.Normal(t(-1.0, 2.0), t(0.5, 1.0))), (-inf, inf)),
    "Normal": (lambda: D.Normal(t(0.5), t(1.5)), (-inf, inf)),
    "Pareto": (lambda: D.Pareto(t(1.0), t(6.5)), (1, inf)),
    "RelaxedBernoulli": (lambda: D.RelaxedBernoulli(t(0.8), t(0.3)), (0, 1)),
    "StudentT": (lambda: D.StudentT(t(7.0), t(0.5), t(1.5)), (-inf, inf)),
    "TransformedDistribution": (lambda: D.TransformedDistribution(
        D.Normal(t(0.5), t(1.0)), [D.TanhTransform(), D.AffineTransform(1.0, -2.0)]), (-1, 3)),
    "Uniform": (lambda: D.Uniform(t(-1.0), t(2.0)), (-1, 2)),
    "VonMises": (lambda: D.VonMises(t(0.5), t(1.5)), (-math.pi, math.pi)),
    "Weibull": (lambda: D.Weibull(t(1.5), t(2.5)), (0, inf)),
}
NO_MEAN = {"Cauchy", "HalfCauchy", "VonMises", "RelaxedBernoulli", "TransformedDistribution"}

DISCRETE: dict[str, Callable[[], Any]] = {
    "Bernoulli": lambda: D.Bernoulli(t(0.3)),
    "Binomial": lambda: D.Binomial(t(12.0), t(0.3)),
    "Binomial logits": lambda: D.Binomial(t(5.0), logits=t(-0.3)),
    "Geometric": lambda: D.Geometric(t(0.3)),
    "NegativeBinomial": lambda: D.NegativeBinomial(t(3.5), t(0.4)),
    "Poisson": lambda: D.Poisson(t(4.5)),
}


def quadrature(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights for integrals over an interval, finite or not (Takahasi & Mori's double exponentials)."""
    u = np.linspace(-3.9, 3.9, 1501)
    step = u[1] - u[0]
    inner, slope = math.pi / 2 * np.sinh(u), math.pi / 2 * np.cosh(u)
    if math.isinf(low):
        u = np.linspace(-3.4, 3.4, 3001)
        step = u[1] - u[0]
        inner, slope = math.pi / 2 * np.sinh(u), math.pi / 2 * np.cosh(u)
        return np.sinh(inner), np.cosh(inner) * slope * step
    if math.isinf(high):
        return low + np.exp(inner), np.exp(inner) * slope * step
    middle, half = (low + high) / 2, (high - low) / 2
    x = middle + half * np.tanh(inner)
    inside = (x > low) & (x < high)
    return x[inside], (half * slope / np.cosh(inner) ** 2 * step)[inside]


def integral(low: float, high: float, function: Callable[[Any], Any]) -> float:
    points, weights = quadrature(low, high)
    with np.errstate(all="ignore"):
        found = function(t(points.tolist())).detach().numpy() * weights
    return float(np.nansum(found))


def close(got: Any, want: Any, rel: float = 1e-7) -> None:
    assert float(got) == pytest.approx(float(want), rel=rel, abs=1e-9)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_densities_integrate_to_one_and_give_the_moments(name: str) -> None:
    make, support = CONTINUOUS[name]
    d = make()
    rel = {"Cauchy": 1e-4, "HalfCauchy": 1e-4, "Laplace": 1e-6}.get(name, 1e-7)
    close(integral(*support, lambda x: d.log_prob(x).exp()), 1, rel)
    if name not in NO_MEAN:
        mean = integral(*support, lambda x: x * d.log_prob(x).exp())
        close(d.mean, mean, rel)
        close(d.variance, integral(*support, lambda x: (x - mean) ** 2 * d.log_prob(x).exp()), rel)
        close(d.stddev, math.sqrt(float(d.variance)))
    try:
        entropy = d.entropy()
    except NotImplementedError:
        return
    close(entropy, integral(*support, lambda x: torch.special.entr(d.log_prob(x).exp())), max(rel * 10, 1e-6))
    close(d.perplexity(), math.exp(float(entropy)))


@pytest.mark.parametrize("name", CONTINUOUS)
def test_modes_have_the_greatest_density(name: str) -> None:
    make, (low, high) = CONTINUOUS[name]
    d = make()
    try:
        mode = d.mode
    except NotImplementedError:
        return
    if math.isnan(float(mode)):
        assert name == "Uniform"
        return
    around = (mode + t(np.linspace(-2, 2, 401).tolist()))
    around = around[(around > low) & (around < high)]
    at_mode = d.log_prob(mode) if low < float(mode) < high else d.log_prob(mode + 1e-12)
    assert (d.log_prob(around) <= at_mode + 1e-9).all()


@pytest.mark.parametrize("name", CONTINUOUS)
def test_distribution_functions_are_integrals_and_quantiles_their_inverses(name: str) -> None:
    make, (low, high) = CONTINUOUS[name]
    d = make()
    point = t(0.7) if low < 0.7 else t(1.7)
    try:
        share = d.cdf(point)
    except NotImplementedError:
        return
    # Near 1/2 PyTorch, and so wengert, takes the distribution for uniform.
    rel = {"Cauchy": 1e-4, "HalfCauchy": 1e-4, "ContinuousBernoulli near 1/2": 1e-3}.get(name, 1e-7)
    if low > -inf:
        close(share, integral(low, float(point), lambda x: d.log_prob(x).exp()), rel)
    else:
        close(1 - share, integral(float(point), inf, lambda x: d.log_prob(x).exp()), rel)
    try:
        close(d.icdf(share), point)
    except NotImplementedError:
        assert name in ("Gamma", "Chi2", "InverseGamma", "MixtureSameFamily")


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_sum_to_one_and_give_the_moments(name: str) -> None:
    d = DISCRETE[name]()
    support = d.support
    most = int(getattr(support, "upper_bound", 1)) if isinstance(support, constraints.integer_interval) else 200
    values = torch.arange(2 if name == "Bernoulli" else most + 1, dtype=F64)
    probabilities = d.log_prob(values).exp()
    close(probabilities.sum(), 1)
    mean = (values * probabilities).sum()
    close(d.mean, mean)
    close(d.variance, ((values - mean) ** 2 * probabilities).sum())
    assert float(values[probabilities.argmax()]) == float(d.mode)
    try:
        close(d.entropy(), torch.special.entr(probabilities).sum())
    except NotImplementedError:
        assert name in ("NegativeBinomial", "Poisson")
    if d.has_enumerate_support:
        assert torch.equal(d.enumerate_support(), values)


def test_categories() -> None:
    d = D.Categorical(t([[1.0, 3.0], [2.0, 2.0]]))
    assert d.probs.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    close(d.log_prob(t([1, 0]))[0].exp(), 0.75)
    close(d.entropy()[1], math.log(2))
    assert d.mode.tolist() == [1, 0] and d.mean.isnan().all() and d.variance.isnan().all()
    assert d.sample((3,)).shape == (3, 2) and d.sample().dtype == torch.int64
    assert d.log_prob(torch.zeros(5, 1, 2)).shape == (5, 1, 2)
    impossible = D.Categorical(t(1.0, 0.0))
    assert float(impossible.entropy()) == pytest.approx(0, abs=1e-12)
    one_hot = D.OneHotCategorical(t(0.2, 0.8))
    assert one_hot.event_shape == (2,) and one_hot.enumerate_support().tolist() == [[1, 0], [0, 1]]
    close(one_hot.log_prob(t(0.0, 1.0)).exp(), 0.8)


def test_counts_of_categories() -> None:
    d = D.Multinomial(3, t(0.2, 0.3, 0.5))
    counts = t([[i, j, 3 - i - j] for i in range(4) for j in range(4 - i)])
    probabilities = d.log_prob(counts).exp()
    close(probabilities.sum(), 1)
    assert torch.allclose(d.mean, (counts * probabilities.unsqueeze(-1)).sum(0))
    close(d.entropy(), torch.special.entr(probabilities).sum())
    assert (d.sample((50,)).sum(-1) == 3).all()
    assert float(D.Multinomial(2, t(0.0, 1.0)).log_prob(t(0.0, 2.0))) == pytest.approx(0)


def test_points_of_the_simplex() -> None:
    x, weights = quadrature(0, 1)
    points = torch.stack([t(x.tolist()), 1 - t(x.tolist())], -1)
    made = (D.Dirichlet(t(2.5, 1.7)), D.LogisticNormal(t([0.3]), t([0.8])),
            D.RelaxedOneHotCategorical(t(0.7), t(0.4, 0.6)))
    with D_unchecked():
        for d in made:
            close((d.log_prob(points).exp() * t(weights.tolist())).nansum(), 1, 1e-6)
    d = D.Dirichlet(t(2.5, 1.7, 0.9))
    close(d.mean.sum(), 1)
    assert D.Dirichlet(t(3.0, 2.0)).mode.tolist() == pytest.approx([2 / 3, 1 / 3])


class D_unchecked:
    """Distributions made inside check nothing: points of a quadrature are a rounding off the simplex."""

    def __enter__(self) -> None:
        D.Distribution.set_default_validate_args(False)

    def __exit__(self, *args: Any) -> None:
        D.Distribution.set_default_validate_args(True)


COVARIANCE = t([[2.0, 0.5], [0.5, 1.0]])


def test_normal_vectors() -> None:
    loc = t(0.5, -1.0)
    d = D.MultivariateNormal(loc, COVARIANCE)
    x, weights = np.polynomial.legendre.leggauss(80)
    grid = t(np.stack(np.meshgrid(14 * x, 14 * x), -1).tolist())
    density = d.log_prob(grid).exp().numpy() * np.outer(weights, weights) * 14 * 14
    assert density.sum() == pytest.approx(1, rel=1e-6)
    close(d.entropy(), -(density * d.log_prob(grid).numpy()).sum(), 1e-5)
    factor = torch.linalg.cholesky(COVARIANCE)
    for other in (D.MultivariateNormal(loc, scale_tril=factor),
                  D.MultivariateNormal(loc, precision_matrix=torch.linalg.inv(COVARIANCE)),
                  D.LowRankMultivariateNormal(loc, t([[1.0], [0.5]]), t(1.0, 0.75))):
        assert torch.allclose(other.log_prob(grid), d.log_prob(grid))
        assert torch.allclose(other.covariance_matrix, COVARIANCE) and torch.allclose(other.scale_tril, factor)
        assert torch.allclose(other.precision_matrix @ COVARIANCE, torch.eye(2, dtype=F64))
        assert torch.allclose(other.variance, t(2.0, 1.0))
        close(other.entropy(), d.entropy())
        close(D.kl_divergence(d, other), 0)
    torch.manual_seed(0)
    drawn = d.sample((20000,))
    assert torch.allclose(drawn.T.cov(), COVARIANCE, atol=0.06)


def test_random_matrices() -> None:
    d = D.Wishart(t(5.0), COVARIANCE)
    torch.manual_seed(0)
    drawn = d.sample((4000,))
    assert constraints.positive_definite.check(drawn).all()
    assert torch.allclose(drawn.mean(0), d.mean, rtol=0.1, atol=0.1)
    assert torch.allclose(drawn.var(0), d.variance, rtol=0.2)
    close(d.entropy(), -d.log_prob(drawn).mean(), 0.05)
    onion = D.LKJCholesky(3, t(1.5))
    factors = onion.sample((2000,))
    assert constraints.corr_cholesky.check(factors).all()
    # Of two dimensions the correlation r has the density ∝ (1 − r²)^(concentration − 1).
    flat = D.LKJCholesky(2, t(1.0))
    r = t(np.linspace(-0.9, 0.9, 7).tolist())
    factor = torch.stack([torch.stack([torch.ones_like(r), torch.zeros_like(r)], -1),
                          torch.stack([r, (1 - r * r).sqrt()], -1)], -2)
    assert torch.allclose(flat.log_prob(factor), torch.full_like(r, -math.log(2)))


# ---- draws

MOMENTS = [name for name in CONTINUOUS if name not in NO_MEAN]


@pytest.mark.parametrize("name", [*MOMENTS, *DISCRETE])
def test_draws_have_the_moments(name: str) -> None:
    d = (CONTINUOUS[name][0] if name in CONTINUOUS else DISCRETE[name])()
    torch.manual_seed(1)
    drawn = d.sample((20000,))
    assert d.support.check(drawn).all()
    deviation = float(d.stddev)
    assert float(drawn.mean()) == pytest.approx(float(d.mean), abs=5 * deviation / math.sqrt(20000))
    assert float(drawn.std()) == pytest.approx(deviation, rel=0.08)


GOLDEN = {
    "Normal": (lambda: D.Normal(0.5, 2.0), [1.17338, 0.757619, 0.968925]),
    "Bernoulli": (lambda: D.Bernoulli(0.4), [0.0, 0.0, 1.0]),
    "Categorical": (lambda: D.Categorical(torch.tensor([0.2, 0.3, 0.5])), [0.0, 0.0, 0.0]),
    "Uniform": (lambda: D.Uniform(-1.0, 2.0), [1.64681, 1.74501, 0.148591]),
    "Beta": (lambda: D.Beta(2.0, 0.5), [0.645161, 0.0560066, 0.984694]),
    "Gamma": (lambda: D.Gamma(2.0, 3.0), [0.713405, 0.61285, 0.198906]),
    "Poisson": (lambda: D.Poisson(12.0), [5.0, 7.0, 12.0]),
    "Binomial": (lambda: D.Binomial(torch.tensor(40.0), torch.tensor(0.4)), [10.0, 12.0, 16.0]),
    "Exponential": (lambda: D.Exponential(2.0), [0.029957, 0.0324881, 0.0659584]),
    "Laplace": (lambda: D.Laplace(0.0, 2.0), [2.89242, 3.54401, -0.533858]),
    "Cauchy": (lambda: D.Cauchy(0.0, 1.0), [-5.41249, -4.9937, -2.44487]),
    "Geometric": (lambda: D.Geometric(0.2), [0.0, 0.0, 4.0]),
    "Gumbel": (lambda: D.Gumbel(0.0, 1.0), [2.07738, 2.42106, 0.0407426]),
    "StudentT": (lambda: D.StudentT(4.0), [0.338211, 0.644465, 0.2246]),
    "VonMises": (lambda: D.VonMises(0.0, 2.0), [0.0642588, 0.0695427, -0.137745]),
    "Weibull": (lambda: D.Weibull(1.0, 2.0), [0.244773, 0.254904, 0.363203]),
    "NegativeBinomial": (lambda: D.NegativeBinomial(torch.tensor(5.0), torch.tensor(0.4)), [2.0, 4.0, 1.0]),
    "LogNormal": (lambda: D.LogNormal(0.0, 0.5), [1.18334, 1.06652, 1.12438]),
    "Kumaraswamy": (lambda: D.Kumaraswamy(2.0, 3.0), [0.20222, 0.170807, 0.523325]),
    "FisherSnedecor": (lambda: D.FisherSnedecor(3.0, 6.0), [1.32228, 0.750696, 0.208196]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_draws_of_a_seed_are_those_of_pytorch(name: str) -> None:
    make, wanted = GOLDEN[name]
    torch.manual_seed(42)
    assert make().sample((3,)).tolist() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("a", [0.05, 0.7, 1.0, 3.3, 9.0, 11.0, 250.0])
def test_gradients_of_gamma_draws(a: float) -> None:
    """With F(x; a) held fixed, dx/da = −(∂F/∂a) / p(x)."""
    torch.manual_seed(0)
    concentration = torch.full((50,), a, dtype=F64, requires_grad=True)
    drawn = D.Gamma(concentration, t(1.0)).rsample()
    drawn.sum().backward()
    x, step = drawn.detach(), 1e-5 * a
    moved = torch.igamma(t(a + step), x) - torch.igamma(t(a - step), x)
    wanted = -moved / (2 * step) / D.Gamma(t(a), t(1.0)).log_prob(x).exp()
    inside = (torch.igamma(t(a), x) < 0.999) & (x > 1e-290)
    assert torch.allclose(concentration.grad[inside], wanted[inside], rtol=1e-5)


@pytest.mark.parametrize("pair", [(0.7, 0.4), (2.0, 3.0), (15.0, 0.8), (0.6, 40.0), (30.0, 20.0)])
def test_gradients_of_beta_draws(pair: tuple[float, float]) -> None:
    a, b = pair

    def share(a: float, b: float, x: float) -> float:
        return integral(0.0, x, lambda u: D.Beta(t(a), t(b)).log_prob(u).exp())

    torch.manual_seed(0)
    first, second = (torch.full((4,), each, dtype=F64, requires_grad=True) for each in pair)
    drawn = D.Beta(first, second).rsample()
    drawn.sum().backward()
    for number, x in enumerate(drawn.tolist()):
        if x > 0.999:
            continue
        density = float(D.Beta(t(a), t(b)).log_prob(t(x)).exp())
        by_a = -(share(a * 1.0001, b, x) - share(a * 0.9999, b, x)) / (2e-4 * a) / density
        by_b = -(share(a, b * 1.0001, x) - share(a, b * 0.9999, x)) / (2e-4 * b) / density
        assert float(first.grad[number]) == pytest.approx(by_a, rel=1e-4)
        assert float(second.grad[number]) == pytest.approx(by_b, rel=1e-4)


def test_gradients_of_dirichlet_draws_are_those_of_the_mean() -> None:
    torch.manual_seed(0)
    alpha = t(0.8, 2.0, 5.0).requires_grad_()
    weights = t(1.0, -2.0, 0.5)
    (D.Dirichlet(alpha).rsample((20000,)) @ weights).mean().backward()
    beta = alpha.detach().clone().requires_grad_()
    (D.Dirichlet(beta).mean @ weights).backward()
    assert torch.allclose(alpha.grad, beta.grad, atol=0.01)


def test_forward_and_backward_gradients_of_draws_agree() -> None:
    from wengert.core.primitive import P

    torch.manual_seed(0)
    random = np.random.RandomState(0)
    for primitive, sample in ((P.sample_dirichlet, torch._sample_dirichlet), (P.standard_gamma, torch._standard_gamma)):
        alpha = t([[0.5, 2.0, 14.0], [30.0, 0.1, 3.0]]).requires_grad_()
        drawn = sample(alpha)
        cotangent, tangent = random.standard_normal((2, 2, 3))
        (backward,) = torch.autograd.grad(drawn, alpha, torch.from_numpy(cotangent))
        values = alpha.detach().numpy(), drawn.detach().numpy()
        forward = primitive.jvp((tangent, None), values, values[1], {})
        close((forward * cotangent).sum(), (backward.numpy() * tangent).sum(), 1e-12)


@pytest.mark.parametrize("name", ["Normal", "Laplace", "Cauchy", "Gumbel", "Uniform", "LogNormal", "Exponential",
                                  "Weibull", "Kumaraswamy", "Pareto", "HalfNormal", "GeneralizedPareto"])
def test_gradients_of_other_draws_are_differences(name: str) -> None:
    parameters = {"Uniform": (-1.0, 2.0), "Exponential": (1.5,), "HalfNormal": (1.5,),
                  "GeneralizedPareto": (0.3, 1.5, 0.2)}.get(name, (1.5, 2.5))
    family = getattr(D, name)

    def drawn(*values: Any) -> Any:
        torch.manual_seed(4)
        return family(*values).rsample((5,)).sum()

    leaves = [t(value).requires_grad_() for value in parameters]
    drawn(*leaves).backward()
    for index, leaf in enumerate(leaves):
        moved = [drawn(*(t(value + (sign * 1e-6 if at == index else 0)) for at, value in enumerate(parameters)))
                 for sign in (1, -1)]
        close(leaf.grad, (moved[0] - moved[1]) / 2e-6, 1e-5)


def test_gradients_of_the_gamma_distribution_function() -> None:
    for a, x in ((0.4, 0.3), (2.5, 3.0), (40.0, 30.0)):
        leaves = t(a).requires_grad_(), t(x).requires_grad_()
        D.Gamma(leaves[0], t(1.0)).cdf(leaves[1]).backward()
        step = 1e-5 * a
        moved = torch.igamma(t(a + step), t(x)) - torch.igamma(t(a - step), t(x))
        close(leaves[0].grad, moved / (2 * step), 1e-5)
        close(leaves[1].grad, D.Gamma(t(a), t(1.0)).log_prob(t(x)).exp())
    assert torch.allclose(torch.igamma(t(2.0), t(3.0)) + torch.igammac(t(2.0), t(3.0)), t(1.0))


# ---- divergences

UNARY = {
    "Normal": lambda: D.Normal(t(0.5), t(0.8)), "Laplace": lambda: D.Laplace(t(0.2), t(1.1)),
    "Gumbel": lambda: D.Gumbel(t(0.1), t(1.4)), "Cauchy": lambda: D.Cauchy(t(0.1), t(1.4)),
    "Exponential": lambda: D.Exponential(t(1.3)), "Gamma": lambda: D.Gamma(t(2.3), t(1.7)),
    "Beta": lambda: D.Beta(t(2.3), t(1.6)), "ContinuousBernoulli": lambda: D.ContinuousBernoulli(t(0.3)),
    "Uniform": lambda: D.Uniform(t(0.2), t(0.9)), "Pareto": lambda: D.Pareto(t(0.1), t(4.5)),
    "HalfNormal": lambda: D.HalfNormal(t(1.4)), "Chi2": lambda: D.Chi2(t(2.6)),
    "LogNormal": lambda: D.LogNormal(t(0.1), t(0.6)),
}
SUPPORTS = {"Normal": (-inf, inf), "Laplace": (-inf, inf), "Gumbel": (-inf, inf), "Cauchy": (-inf, inf),
            "Beta": (0, 1), "ContinuousBernoulli": (0, 1), "Uniform": (0.2, 0.9), "Pareto": (0.1, inf)}


@pytest.mark.parametrize("p", UNARY)
def test_divergences_are_integrals(p: str) -> None:
    first = UNARY[p]()
    checked = 0
    for q, make in UNARY.items():
        second = make()
        if q == p:  # another of the family
            second = copy.deepcopy(first)
            second.__dict__.pop("logits", None)
            for name in ("loc", "rate", "scale", "high", "probs"):
                if name in second.__dict__ and p != "Pareto":
                    second.__dict__[name] = second.__dict__[name] * 1.2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                divergence = float(D.kl_divergence(first, second))
            except NotImplementedError:
                continue
        checked += 1
        low, high = SUPPORTS.get(p, (0, inf))
        if math.isinf(divergence):
            assert q in ("Beta", "ContinuousBernoulli", "Uniform", "Pareto", "Exponential", "Gamma", "Chi2")
            continue
        with D_unchecked():
            first._validate_args = second._validate_args = False
            points, weights = quadrature(low, high)
            x = t(points.tolist())
            log_p = first.log_prob(x)
            terms = (log_p.exp() * (log_p - second.log_prob(x))).numpy() * weights
        rel = 1e-3 if p == "Cauchy" else 1e-5 if "Laplace" in (p, q) else 1e-6  # long tails, and a kink
        wanted = float(np.nansum(np.where(np.isfinite(terms), terms, 0)))
        assert divergence == pytest.approx(wanted, rel=rel, abs=1e-8), (p, q)
    assert checked


def test_divergences_of_discrete_families_are_sums() -> None:
    values = torch.arange(120, dtype=F64)
    pairs = ((D.Poisson(t(4.0)), D.Poisson(t(6.0))), (D.Geometric(t(0.3)), D.Geometric(t(0.5))))
    for p, q in pairs:
        log_p = p.log_prob(values)
        close(D.kl_divergence(p, q), (log_p.exp() * (log_p - q.log_prob(values))).sum())
    p, q = D.Binomial(t(7.0), t(0.3)), D.Binomial(t(7.0), t(0.6))
    log_p = p.log_prob(values[:8])
    close(D.kl_divergence(p, q), (log_p.exp() * (log_p - q.log_prob(values[:8]))).sum())
    close(D.kl_divergence(D.Bernoulli(t(0.3)), D.Poisson(t(0.7))),
          sum(pr * math.log(pr / (math.exp(-0.7) * 0.7**k)) for k, pr in ((0, 0.7), (1, 0.3))))
    assert float(D.kl_divergence(D.Bernoulli(t(0.3)), D.Bernoulli(t(0.0)))) == inf
    assert float(D.kl_divergence(D.Categorical(t(1.0, 0.0)), D.Categorical(t(0.5, 0.5)))) == pytest.approx(math.log(2))
    assert float(D.kl_divergence(D.Categorical(t(0.5, 0.5)), D.Categorical(t(1.0, 0.0)))) == inf


def test_registering_a_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(D.kl, "_KL_REGISTRY", dict(D.kl._KL_REGISTRY))
    monkeypatch.setattr(D.kl, "_found", {})

    class Mine(D.Normal):
        pass

    assert float(D.kl_divergence(Mine(0.0, 1.0), D.Normal(1.0, 1.0))) == 0.5  # the parents' formula

    @D.register_kl(Mine, D.Normal)
    def _(p: Any, q: Any) -> Any:
        return torch.tensor(7.0)

    @D.register_kl(D.Normal, Mine)
    def _(p: Any, q: Any) -> Any:
        return torch.tensor(8.0)

    assert float(D.kl_divergence(Mine(0.0, 1.0), D.Normal(1.0, 1.0))) == 7
    with pytest.warns(RuntimeWarning, match="Ambiguous kl_divergence"):
        D.kl_divergence(Mine(0.0, 1.0), Mine(1.0, 1.0))
    with pytest.raises(TypeError, match="Distribution subclass"):
        D.register_kl(3, D.Normal)
    with pytest.raises(NotImplementedError, match="No KL"):
        D.kl_divergence(D.StudentT(3.0), D.StudentT(4.0))


# ---- transforms

TRANSFORMS = {
    "Exp": D.ExpTransform(), "Power": D.PowerTransform(t(1.7)), "Sigmoid": D.SigmoidTransform(),
    "Tanh": D.TanhTransform(), "Softplus": D.SoftplusTransform(), "Affine": D.AffineTransform(0.5, -2.0),
    "inverse": D.ExpTransform().inv, "Distribution": D.CumulativeDistributionTransform(D.Normal(t(0.5), t(2.0))),
    "Compose": D.ComposeTransform([D.ExpTransform(), D.AffineTransform(1.0, 2.0), D.ExpTransform().inv]),
    "StickBreaking": D.StickBreakingTransform(), "CorrCholesky": D.CorrCholeskyTransform(),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_have_inverses_and_jacobians(name: str) -> None:
    transform = TRANSFORMS[name]
    x = t(0.3, 0.7, 1.2)
    y = transform(x)
    assert torch.allclose(transform.inv(y), x)
    assert transform.codomain.check(y).all() and transform.domain.check(x).all()
    assert tuple(y.shape) == tuple(transform.forward_shape((3,))) and transform.inv.inv is transform
    jacobian = torch.autograd.functional.jacobian(transform, x)
    found = transform.log_abs_det_jacobian(x, y)
    if name == "StickBreaking":
        jacobian = jacobian[:-1]
    if name == "CorrCholesky":
        jacobian = torch.stack([jacobian[1, 0], jacobian[2, 0], jacobian[2, 1]])
    wanted = torch.linalg.slogdet(jacobian).logabsdet
    close(found.sum(), wanted)


def test_transforms_remember_their_last_values() -> None:
    x = t(0.3, 0.7)
    cached = D.ExpTransform(cache_size=1)
    assert cached.inv(cached(x)) is x
    plain = D.ExpTransform()
    assert plain.inv(plain(x)) is not x and plain.with_cache(1)._cache_size == 1
    assert pickle.loads(pickle.dumps(cached))(x).tolist() == cached(x).tolist()


def test_constraints_and_their_transforms() -> None:
    torch.manual_seed(0)
    for constraint, size in ((constraints.positive, 3), (constraints.simplex, 3), (constraints.interval(-1.0, 2.0), 3),
                             (constraints.less_than(-2.0), 3), (constraints.greater_than(5.0), 3),
                             (constraints.corr_cholesky, 3), (constraints.unit_interval, 3), (constraints.real, 3)):
        x = torch.randn(4, size, dtype=F64)
        for registry in (D.biject_to, D.transform_to):
            assert constraint.check(registry(constraint)(x)).all(), constraint
    square = torch.randn(3, 3, dtype=F64)
    assert constraints.positive_definite.check(D.transform_to(constraints.positive_definite)(square))


# ---- the common behaviour


def test_shapes() -> None:
    d = D.Normal(torch.zeros(3, 1), torch.ones(2))
    assert d.batch_shape == (3, 2) and d.event_shape == () and d.sample((5,)).shape == (5, 3, 2)
    independent = D.Independent(d, 1)
    assert independent.batch_shape == (3,) and independent.event_shape == (2,)
    assert independent.log_prob(torch.zeros(3, 2)).shape == (3,)
    assert d.expand((4, 3, 2)).sample().shape == (4, 3, 2)
    assert D.MultivariateNormal(torch.zeros(3, 2), torch.eye(2)).sample((5,)).shape == (5, 3, 2)
    with pytest.warns(FutureWarning):
        assert d.sample_n(4).shape == (4, 3, 2)


def test_wrong_parameters_and_values() -> None:
    with pytest.raises(ValueError, match=r"Expected parameter scale \(Tensor of shape \(2,\)\) of distribution "
                                         r"Normal\(loc: torch.Size\(\[2\]\), scale: torch.Size\(\[2\]\)\) to satisfy "
                                         r"the constraint GreaterThan\(lower_bound=0.0\), but found invalid values"):
        D.Normal(torch.zeros(2), torch.tensor([1.0, -1.0]))
    with pytest.raises(ValueError, match="within the support"):
        D.Beta(1.0, 1.0).log_prob(torch.tensor(1.5))
    with pytest.raises(ValueError, match="must be a Tensor"):
        D.Normal(0.0, 1.0).log_prob(0.0)
    assert math.isnan(float(D.Normal(0.0, -1.0, validate_args=False).log_prob(torch.tensor(0.0))))


class Triangle(D.Distribution):
    """A user's own family."""

    arg_constraints = {"width": constraints.positive}
    support = constraints.interval(-10.0, 10.0)

    def __init__(self, width: Any, validate_args: bool | None = None) -> None:
        self.width = width
        super().__init__(width.shape, validate_args=validate_args)

    def rsample(self, sample_shape: Any = torch.Size()) -> Any:  # noqa: B008
        shape = self._extended_shape(sample_shape)
        return self.width * (torch.rand(shape) + torch.rand(shape) - 1)


def test_a_users_own_family() -> None:
    d = Triangle(torch.tensor([1.0, 2.0]))
    assert d.sample((3,)).shape == (3, 2) and repr(d) == "Triangle(width: torch.Size([2]))"
    with pytest.raises(ValueError, match="width"):
        Triangle(torch.tensor([-1.0]))
    with pytest.raises(NotImplementedError):
        d.expand((3, 2))

    class Unit(D.Normal):
        def __init__(self) -> None:
            super().__init__(0.0, 1.0)

    with pytest.raises(NotImplementedError, match="custom __init__"):
        Unit().expand((2,))


def test_copies() -> None:
    for d in (D.Normal(0.5, 1.0), D.Gumbel(0.5, 1.0), D.Categorical(torch.ones(3)), D.Beta(1.0, 2.0)):
        for other in (copy.deepcopy(d), pickle.loads(pickle.dumps(d))):
            torch.manual_seed(0)
            drawn = d.sample((4,))
            torch.manual_seed(0)
            assert torch.equal(other.sample((4,)), drawn)


def test_the_package_is_loaded_when_asked_for() -> None:
    program = ("import sys, wengert; assert 'wengert.distributions' not in sys.modules; "
               "wengert.distributions.Normal(0.0, 1.0)")
    subprocess.run([sys.executable, "-c", program], check=True)


def test_draws_of_impossible_parameters_end() -> None:
    concentration = t(math.nan, inf, 2.0)
    drawn = D.VonMises(t(0.0), concentration, validate_args=False).sample((3,))
    assert drawn[:, :2].isnan().all() and drawn[:, 2].isfinite().all()
    gammas = D.Gamma(t(math.nan, 2.0), t(1.0), validate_args=False).sample()
    assert gammas.isnan().tolist() == [True, False]
    with pytest.raises(NotImplementedError, match="float32 or float64"):
        torch._standard_gamma(torch.ones(2, dtype=torch.float16))


def test_triangular_vectors() -> None:
    from wengert.distributions.utils import tril_matrix_to_vec, vec_to_tril_matrix

    for diag in (-2, -1, 0):
        length = sum(max(0, row + 1 + diag) for row in range(4))
        vector = torch.arange(float(length)) + 1
        matrix = vec_to_tril_matrix(vector, diag)
        assert matrix.shape == (4, 4) and torch.equal(tril_matrix_to_vec(matrix, diag), vector)
    with pytest.raises(ValueError, match="cannot be expressed"):
        vec_to_tril_matrix(torch.ones(4))
    with pytest.raises(ValueError, match="outside"):
        tril_matrix_to_vec(torch.ones(2, 2), 5)


def test_a_transform_keeps_its_last_pair_where_other_packages_read_it() -> None:
    """pyro's flows have the logarithm of the determinant from what they computed with: `_cached_x_y`."""

    class Cube(D.Transform):
        domain = codomain = constraints.real
        bijective = True

        def _call(self, x: Any) -> Any:
            self.slope = 3 * x**2
            return x**3

        def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
            x_old, y_old = self._cached_x_y
            if x is not x_old or y is not y_old:
                self(x)
            return self.slope.log()

    cube, x = Cube(cache_size=1), torch.tensor([1.0, 2.0])
    assert cube._cached_x_y == (None, None)
    y = cube(x)
    assert cube._cached_x_y[0] is x and cube._cached_x_y[1] is y
    assert torch.equal(cube.log_abs_det_jacobian(x, y), torch.tensor([3.0, 12.0]).log())


@pytest.mark.parametrize("number", [float, int, np.float64, np.float32, np.int64])
@pytest.mark.parametrize("scale", [-2, 0, 2])
def test_a_scale_may_be_a_number_of_numpys(number: Any, scale: int) -> None:
    transform = D.AffineTransform(0.5, number(scale))
    assert transform.sign == (scale > 0) - (scale < 0)
    if scale:
        made = D.TransformedDistribution(D.Uniform(torch.tensor(0.0), torch.tensor(1.0)), [transform])
        assert made.cdf(torch.tensor(0.5 + scale / 4)).item() == pytest.approx(0.25 if scale > 0 else 0.75)
