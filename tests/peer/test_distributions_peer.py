"""`wengert.distributions` against PyTorch's: shapes, moments, densities, samples for a seed, gradients, divergences."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert

torch = pytest.importorskip("torch")

import wengert.distributions  # noqa: E402

Make = Callable[..., Any]

# A family: its parameters, and how a distribution is made of them; D is the module, T the library.
CASES: dict[str, tuple[dict[str, Any], Make]] = {}


def case(name: str, make: Make | None = None, **parameters: Any) -> None:
    family = name.split("-")[0]
    CASES[name] = (parameters, make or (lambda T, D, **given: getattr(D, family)(**given)))


_WEIGHTS = [[1.0, 2.0, 3.0], [0.2, 0.5, 0.3]]
_LOGITS = [[0.3, -1.0, 0.5], [2.0, 0.1, -0.7]]
_COVARIANCE = [[2.0, 0.5, 0.1], [0.5, 1.0, -0.2], [0.1, -0.2, 0.7]]

case("Bernoulli-probs", probs=[0.2, 0.7, 0.5])
case("Bernoulli-logits", logits=[-1.0, 0.4, 2.0])
case("Beta", concentration1=[0.5, 2.0, 12.0], concentration0=[0.7, 3.0, 20.0])
case("Binomial-probs", total_count=[12.0, 12.0, 12.0], probs=[0.2, 0.7, 0.5])
case("Binomial-logits", total_count=[50.0, 50.0], logits=[-1.0, 0.4])
case("Categorical-probs", probs=_WEIGHTS)
case("Categorical-logits", logits=_LOGITS)
case("Cauchy", loc=[0.5, -1.0], scale=[1.0, 2.5])
case("Chi2", df=[0.7, 3.0, 30.0])
case("ContinuousBernoulli-probs", probs=[0.2, 0.7, 0.5001])
case("ContinuousBernoulli-logits", logits=[-1.0, 0.4, 0.001])
case("Dirichlet", concentration=[[0.5, 2.0, 1.0], [20.0, 4.0, 11.0]])
case("Exponential", rate=[0.5, 3.0])
case("FisherSnedecor", df1=[3.0, 6.0], df2=[5.0, 9.0])
case("Gamma", concentration=[0.5, 2.0, 30.0], rate=[1.0, 0.3, 4.0])
case("GeneralizedPareto", loc=[0.5, 1.0, 0.0], scale=[1.0, 2.0, 0.7], concentration=[0.3, -0.2, 0.0])
case("Geometric-probs", probs=[0.2, 0.7])
case("Geometric-logits", logits=[-1.0, 0.4])
case("Gumbel", loc=[0.5, -1.0], scale=[1.0, 2.5])
case("HalfCauchy", scale=[1.0, 2.5])
case("HalfNormal", scale=[1.0, 2.5])
case("InverseGamma", concentration=[3.5, 2.5], rate=[1.0, 0.3])
case("Kumaraswamy", concentration1=[1.5, 2.0], concentration0=[1.7, 3.0])
case("Laplace", loc=[0.5, -1.0], scale=[1.0, 2.5])
case("LKJCholesky", lambda T, D, **given: D.LKJCholesky(3, **given), concentration=[0.5, 2.0])
case("LogNormal", loc=[0.5, -1.0], scale=[1.0, 0.5])
case("LogisticNormal", loc=[[0.5, -1.0], [0.1, 0.3]], scale=[[1.0, 0.5], [2.0, 0.7]])
case("LowRankMultivariateNormal", loc=[[0.1, 0.2, 0.3], [1.0, 0.0, -1.0]],
     cov_factor=[[1.0, 0.2], [0.3, -0.5], [0.1, 0.9]], cov_diag=[0.5, 1.0, 2.0])
case("MixtureSameFamily", lambda T, D, logits, loc, scale: D.MixtureSameFamily(
    D.Categorical(logits=logits), D.Normal(loc, scale)), logits=[0.1, 0.7, -0.3], loc=[0.0, 2.0, -1.0],
     scale=[1.0, 0.5, 0.3])
case("MixtureSameFamily-vectors", lambda T, D, logits, loc, scale: D.MixtureSameFamily(
    D.Categorical(logits=logits), D.Independent(D.Normal(loc, scale), 1)), logits=[[0.1, 0.7], [0.5, -0.3]],
     loc=[[[0.0, 2.0], [1.0, 1.0]], [[3.0, 0.1], [-1.0, 4.0]]], scale=[[[1.0, 2.0], [1.0, 0.5]]] * 2)
case("Multinomial-probs", lambda T, D, **given: D.Multinomial(7, **given), probs=_WEIGHTS)
case("Multinomial-logits", lambda T, D, **given: D.Multinomial(20, **given), logits=_LOGITS)
case("MultivariateNormal-covariance", loc=[0.1, 0.2, 0.3], covariance_matrix=_COVARIANCE)
case("MultivariateNormal-precision", loc=[[0.1, 0.2, 0.3], [1.0, 0.0, -1.0]], precision_matrix=_COVARIANCE)
case("MultivariateNormal-tril", loc=[0.1, 0.2], scale_tril=[[[1.0, 0.0], [0.5, 2.0]], [[0.3, 0.0], [-1.0, 0.7]]])
case("NegativeBinomial-probs", total_count=[3.0, 4.5], probs=[0.2, 0.7])
case("NegativeBinomial-logits", total_count=[3.0, 4.5], logits=[-1.0, 0.4])
case("Normal", loc=[[0.5, -1.0], [0.0, 3.0]], scale=[1.0, 2.5])
case("OneHotCategorical-probs", probs=_WEIGHTS)
case("OneHotCategorical-logits", logits=_LOGITS)
case("OneHotCategoricalStraightThrough-probs", probs=_WEIGHTS)
case("Pareto", scale=[1.0, 2.5], alpha=[3.0, 2.5])
case("Poisson", rate=[0.5, 7.0, 40.0])
case("RelaxedBernoulli-probs", temperature=[0.7], probs=[0.2, 0.7])
case("RelaxedBernoulli-logits", temperature=[0.7], logits=[-0.2, 0.7])
case("RelaxedOneHotCategorical-probs", temperature=[0.7], probs=_WEIGHTS)
case("RelaxedOneHotCategorical-logits", temperature=[0.7], logits=_LOGITS)
case("StudentT", df=[3.0, 9.0], loc=[0.5, -1.0], scale=[1.0, 2.5])
case("Uniform", low=[0.5, -1.0], high=[1.0, 2.5])
case("VonMises", loc=[0.5, -1.0], concentration=[1.0, 4.0])
case("Weibull", scale=[1.0, 2.5], concentration=[3.0, 1.5])
case("Wishart-covariance", df=[5.0, 4.0], covariance_matrix=_COVARIANCE)
case("Wishart-tril", df=4.5, scale_tril=[[1.0, 0.0], [0.5, 2.0]])
case("Independent", lambda T, D, **given: D.Independent(D.Normal(**given), 1), loc=[[0.5, -1.0]] * 3, scale=[1.0, 2.0])
case("TransformedDistribution", lambda T, D, loc, scale: D.TransformedDistribution(
    D.Normal(loc, scale), [D.SigmoidTransform(), D.AffineTransform(1.0, -2.0)]), loc=[0.5, -1.0], scale=[1.0, 2.0])
case("TransformedDistribution-simplex", lambda T, D, loc, scale: D.TransformedDistribution(
    D.Normal(loc, scale), D.StickBreakingTransform()), loc=[[0.5, -1.0]] * 2, scale=[1.0, 2.0])

SCALARS = {
    "Normal": (0.5, 2.0), "Bernoulli": (0.3,), "Beta": (2.0, 3.0), "Gamma": (2.0, 3.0), "Uniform": (-1.0, 2.0),
    "Exponential": (0.7,), "Laplace": (0.0, 2.0), "Poisson": (4.0,), "Cauchy": (0.0, 1.0), "Gumbel": (0.0, 1.0),
    "HalfNormal": (2.0,), "LogNormal": (0.0, 1.0), "Pareto": (1.0, 2.0), "StudentT": (3.0,), "Weibull": (1.0, 2.0),
    "Geometric": (0.3,), "Chi2": (3.0,), "FisherSnedecor": (3.0, 5.0), "HalfCauchy": (1.0,),
    "Kumaraswamy": (2.0, 3.0), "InverseGamma": (2.0, 3.0), "ContinuousBernoulli": (0.3,), "VonMises": (0.0, 2.0),
}

# PyTorch approximates the gradients of gamma and beta draws by rational functions to 1e-3 or so, and log I0 by the
# polynomials of Abramowitz & Stegun; wengert computes both to double precision. See docs/distributions.md.
# PyTorch's density of this family takes no float64: it compares the concentration with a float32 zero.
FLOAT32_ONLY = {"GeneralizedPareto"}
APPROXIMATE = {"Gamma": 5e-3, "Chi2": 5e-3, "Beta": 5e-3, "Dirichlet": 5e-3, "FisherSnedecor": 5e-3, "StudentT": 5e-3,
               "InverseGamma": 5e-3, "Wishart": 5e-3, "VonMises": 1e-6}


pytestmark = pytest.mark.filterwarnings("ignore:Singular sample detected")


def family(name: str) -> str:
    return name.split("-")[0]


def make(library: Any, name: str, dtype: str = "float64", requires_grad: bool = False, **more: Any) -> tuple[Any, Any]:
    """The distribution, and its parameters as tensors."""
    parameters, build = CASES[name]
    tensors = {key: library.tensor(value, dtype=getattr(library, dtype)) if isinstance(value, list) else value
               for key, value in parameters.items()}
    if requires_grad:
        for tensor in tensors.values():
            if hasattr(tensor, "requires_grad_"):
                tensor.requires_grad_()
    return build(library, library.distributions, **tensors, **more), tensors


def both(name: str, **options: Any) -> tuple[Any, Any]:
    return make(wengert, name, **options)[0], make(torch, name, **options)[0]


def outcome(function: Callable[[], Any]) -> Any:
    """The result, or the type of the error."""
    try:
        return function()
    except (NotImplementedError, ValueError) as error:
        return type(error)


def agree(got: Any, want: Any, rtol: float = 1e-9, atol: float = 1e-11) -> None:
    if isinstance(want, type):
        assert got is want
        return
    assert tuple(got.shape) == tuple(want.shape)
    assert str(got.dtype) == str(want.dtype)
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=rtol, atol=atol)


def values(name: str, dtype: str = "float64") -> Any:
    """Draws of PyTorch's distribution, for both to evaluate."""
    torch.manual_seed(7)
    return make(torch, name, dtype=dtype)[0].sample((4,)).numpy()


@pytest.mark.parametrize("name", CASES)
def test_shapes_moments_and_words(name: str) -> None:
    ours, theirs = both(name)
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    assert ours.has_rsample == theirs.has_rsample
    assert ours.has_enumerate_support == theirs.has_enumerate_support
    assert repr(ours) == repr(theirs)
    assert repr(ours.support).replace("wengert", "torch") == repr(theirs.support)
    assert repr(ours.arg_constraints) == repr(theirs.arg_constraints)
    for attribute in ("mean", "mode", "variance", "stddev"):
        if (name, attribute) == ("Kumaraswamy", "mode"):
            continue  # NaN in PyTorch for concentrations above 1, by a logarithm of a negative number
        rtol = 1e-6 if family(name) == "VonMises" else 1e-9
        agree(outcome(lambda a=attribute: getattr(ours, a)), outcome(lambda a=attribute: getattr(theirs, a)), rtol)
    for method in ("entropy", "perplexity"):
        rtol = 1e-5 if family(name) == "Multinomial" else 1e-9  # there PyTorch takes a logarithm in float32
        agree(outcome(getattr(ours, method)), outcome(getattr(theirs, method)), rtol)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_densities_and_distribution_functions(name: str, dtype: str) -> None:
    if family(name) in FLOAT32_ONLY:
        dtype = "float32"
    (ours, _), (theirs, _) = make(wengert, name, dtype), make(torch, name, dtype)
    drawn = values(name, dtype)
    rtol, atol = (1e-9, 1e-9) if dtype == "float64" else (1e-4, 2e-5)
    if family(name) == "VonMises":
        rtol = max(rtol, 1e-6)
    for method in ("log_prob", "cdf"):
        agree(outcome(lambda m=method: getattr(ours, m)(wengert.from_numpy(drawn.copy()))),
              outcome(lambda m=method: getattr(theirs, m)(torch.from_numpy(drawn.copy()))), rtol, atol)
    shares = np.random.RandomState(0).uniform(0.05, 0.95, (4, *theirs.batch_shape)).astype(dtype)
    agree(outcome(lambda: ours.icdf(wengert.from_numpy(shares))),
          outcome(lambda: theirs.icdf(torch.from_numpy(shares))), rtol, atol)


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_log_prob(name: str) -> None:
    dtype = "float32" if family(name) in FLOAT32_ONLY else "float64"
    drawn = values(name, dtype)
    gradients = []
    for library in (wengert, torch):
        distribution, parameters = make(library, name, dtype, requires_grad=True)
        value = library.from_numpy(drawn.copy())
        continuous = not distribution.support.is_discrete
        if continuous:
            value.requires_grad_()
        distribution.log_prob(value).sum().backward()
        leaves = {**parameters, "value": value}
        gradients.append([
            None if each.grad is None else (each.grad.tril() if key == "scale_tril" else each.grad).numpy()
            for key, each in leaves.items() if hasattr(each, "grad")
        ])
    for got, want in zip(*gradients, strict=True):
        assert (got is None) == (want is None)
        if want is not None:
            rtol = 1e-4 if dtype == "float32" else 1e-5 if family(name) == "VonMises" else 1e-7
            np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-5 if dtype == "float32" else 1e-8)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_same_samples_for_the_same_seed(name: str, dtype: str) -> None:
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if dtype == "float64" else {"rtol": 2e-4, "atol": 1e-5}
    if name == "LKJCholesky" and dtype == "float32":
        tolerance["atol"] = 1e-3  # the diagonal is the root of a difference
    for shape in ((), (1000,), (3, 5)):
        results = []
        for library in (wengert, torch):
            distribution = make(library, name, dtype)[0]
            library.manual_seed(3)
            results.append((distribution.sample(shape), library.get_rng_state()))
        (got, our_state), (want, their_state) = results
        agree(got, want, **tolerance)
        assert (our_state.numpy() == their_state.numpy()).all()
        assert not got.requires_grad


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_draws(name: str) -> None:
    if family(name) == "Wishart":
        pytest.skip("PyTorch writes into a mask that its backward needs")
    if not make(torch, name)[0].has_rsample:
        pytest.skip("draws of this family have no gradient")
    results = []
    for library in (wengert, torch):
        distribution, parameters = make(library, name, requires_grad=True)
        library.manual_seed(3)
        drawn = distribution.rsample((6,))
        weights = library.arange(drawn.numel(), dtype=library.float64).reshape(drawn.shape).cos()
        (drawn * weights).sum().backward()
        results.append([drawn.detach(), *(each.grad for each in parameters.values() if hasattr(each, "grad"))])
    rtol = APPROXIMATE.get(family(name), 1e-8)
    agree(results[0][0], results[1][0])
    for got, want in zip(results[0][1:], results[1][1:], strict=True):
        assert (got is None) == (want is None)
        if want is not None:
            agree(got, want, rtol=rtol, atol=rtol * float(want.abs().max()) + 1e-9)


@pytest.mark.parametrize("name", CASES)
def test_expand(name: str) -> None:
    results = []
    for library in (wengert, torch):
        distribution = make(library, name, "float32" if family(name) in FLOAT32_ONLY else "float64")[0]
        larger = distribution.expand((2, *distribution.batch_shape))
        again = larger.expand((3, 2, *distribution.batch_shape))
        library.manual_seed(1)
        drawn = again.sample((2,))
        results.append((tuple(larger.batch_shape), tuple(again.batch_shape), tuple(again.event_shape), repr(again),
                        drawn, outcome(lambda d=again: d.mean), again.log_prob(drawn)))
    assert results[0][:4] == results[1][:4]
    for got, want in zip(results[0][4:], results[1][4:], strict=True):
        atol = 1e-5 if family(name) in FLOAT32_ONLY else 1e-9
        agree(got, want, rtol=1e-6 if family(name) == "VonMises" else 1e-9, atol=atol)


@pytest.mark.parametrize("name", [name for name in CASES if make(torch, name)[0].has_enumerate_support])
@pytest.mark.parametrize("expand", [True, False])
def test_enumerate_support(name: str, expand: bool) -> None:
    ours, theirs = both(name)
    agree(ours.enumerate_support(expand), theirs.enumerate_support(expand))


@pytest.mark.parametrize("name", SCALARS)
def test_plain_numbers(name: str) -> None:
    results = []
    for library in (wengert, torch):
        distribution = getattr(library.distributions, name)(*SCALARS[name])
        library.manual_seed(5)
        drawn = distribution.sample()
        results.append((repr(distribution), tuple(distribution.batch_shape), drawn, distribution.sample((3,)),
                        distribution.log_prob(drawn), distribution.mean))
    assert results[0][:2] == results[1][:2]
    for got, want in zip(results[0][2:], results[1][2:], strict=True):
        agree(got, want, 2e-5, 1e-6)


# ---- divergences

_ONE = {
    "Bernoulli": dict(probs=[0.2, 0.7]), "Beta": dict(concentration1=[1.5, 2.0], concentration0=[0.7, 3.0]),
    "Binomial": dict(total_count=[4.0, 4.0], probs=[0.2, 0.7]), "Categorical": dict(probs=[[0.2, 0.8], [0.5, 0.5]]),
    "Cauchy": dict(loc=[0.5, -1.0], scale=[1.0, 2.5]), "ContinuousBernoulli": dict(probs=[0.2, 0.7]),
    "Dirichlet": dict(concentration=[[0.5, 2.0], [3.0, 1.0]]), "Exponential": dict(rate=[0.5, 3.0]),
    "Gamma": dict(concentration=[0.5, 2.0], rate=[1.0, 0.3]), "Geometric": dict(probs=[0.2, 0.7]),
    "Gumbel": dict(loc=[0.5, -1.0], scale=[1.0, 2.5]), "HalfNormal": dict(scale=[1.0, 2.5]),
    "Laplace": dict(loc=[0.5, -1.0], scale=[1.0, 2.5]), "Normal": dict(loc=[0.5, -1.0], scale=[1.0, 2.5]),
    "OneHotCategorical": dict(probs=[[0.2, 0.8], [0.5, 0.5]]), "Pareto": dict(scale=[1.0, 2.5], alpha=[3.0, 2.5]),
    "Poisson": dict(rate=[0.5, 7.0]), "Uniform": dict(low=[0.25, 0.5], high=[0.75, 3.0]),
    "MultivariateNormal": dict(loc=[0.1, 0.2, 0.3], covariance_matrix=_COVARIANCE),
    "LowRankMultivariateNormal": dict(loc=[[0.3, 0.1, 0.0], [1.0, 0.0, -1.0]],
                                      cov_factor=[[1.0, 0.2], [0.3, -0.5], [0.1, 0.9]], cov_diag=[0.5, 1.0, 2.0]),
    "Chi2": dict(df=[3.0, 4.0]), "LogNormal": dict(loc=[0.5, -1.0], scale=[1.0, 2.5]),
}
_OTHER = {
    "Bernoulli": dict(probs=[0.4, 0.3]), "Beta": dict(concentration1=[2.5, 1.0], concentration0=[1.7, 2.0]),
    "Binomial": dict(total_count=[4.0, 4.0], probs=[0.5, 0.1]), "Categorical": dict(probs=[[0.4, 0.6], [0.1, 0.9]]),
    "Cauchy": dict(loc=[0.1, -2.0], scale=[2.0, 0.5]), "ContinuousBernoulli": dict(probs=[0.4, 0.1]),
    "Dirichlet": dict(concentration=[[1.5, 1.0], [2.0, 4.0]]), "Exponential": dict(rate=[1.5, 2.0]),
    "Gamma": dict(concentration=[1.5, 1.0], rate=[0.5, 0.7]), "Geometric": dict(probs=[0.4, 0.3]),
    "Gumbel": dict(loc=[0.0, 1.0], scale=[2.0, 1.5]), "HalfNormal": dict(scale=[2.0, 0.5]),
    "Laplace": dict(loc=[0.0, 1.0], scale=[2.0, 1.5]), "Normal": dict(loc=[0.0, 1.0], scale=[2.0, 1.5]),
    "OneHotCategorical": dict(probs=[[0.4, 0.6], [0.1, 0.9]]), "Pareto": dict(scale=[0.5, 0.4], alpha=[2.0, 3.5]),
    "Poisson": dict(rate=[1.5, 4.0]), "Uniform": dict(low=[-0.5, -1.0], high=[1.5, 4.0]),
    "MultivariateNormal": dict(loc=[[0.5, 0.0, 0.1], [0.0, 1.0, 2.0]],
                               scale_tril=[[1.0, 0, 0], [0.2, 2, 0], [1, 1, 1]]),
    "LowRankMultivariateNormal": dict(loc=[0.2, 0.5, 1.0], cov_factor=[[0.3, 0.1], [0.2, 0.7], [-0.4, 0.2]],
                                      cov_diag=[1.5, 0.4, 0.9]),
    "Chi2": dict(df=[2.0, 6.0]), "LogNormal": dict(loc=[0.0, 1.0], scale=[2.0, 1.5]),
}
PAIRS = [(p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY
         if p.__name__ in _ONE and q.__name__ in _ONE]
PAIRS += [("Chi2", "Chi2"), ("LogNormal", "LogNormal"), ("Chi2", "Gamma"), ("Normal", "LogNormal"), ("Chi2", "Normal")]


def test_every_registered_pair_is_there() -> None:
    def names(registry: Any) -> set[tuple[str, str]]:  # without what other tests register of classes of their own
        return {(p.__name__, q.__name__) for p, q in registry if p.__module__.split(".")[0] in ("torch", "wengert")}

    ours, theirs = names(wengert.distributions.kl._KL_REGISTRY), names(torch.distributions.kl._KL_REGISTRY)
    assert theirs <= ours and ours - theirs == {("Wishart", "Wishart")}  # theirs is that of exponential families


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_divergences(pair: tuple[str, str]) -> None:
    results = []
    for library in (wengert, torch):
        made, leaves = [], []
        for name, table in zip(pair, (_ONE, _OTHER), strict=True):
            parameters = {key: library.tensor(value, dtype=library.float64).requires_grad_()
                          for key, value in table[name].items()}
            leaves.extend(parameters.values())
            made.append(getattr(library.distributions, name)(**parameters))
        divergence = outcome(lambda made=made, kl=library.distributions.kl_divergence: kl(*made))
        if not isinstance(divergence, type) and divergence.requires_grad:
            divergence[divergence.isfinite()].sum().backward()
        results.append((divergence, [leaf.grad for leaf in leaves]))
    agree(results[0][0], results[1][0])
    if not isinstance(results[1][0], type) and results[1][0].isfinite().all():
        for got, want in zip(results[0][1], results[1][1], strict=True):
            zero = np.zeros(())
            np.testing.assert_allclose(zero if got is None else got.numpy(), zero if want is None else want.numpy(),
                                       rtol=1e-7, atol=1e-9)


def test_divergences_of_made_distributions() -> None:
    results = []
    for library in (wengert, torch):
        D = library.distributions
        loc, other = library.arange(6.0).reshape(2, 3), library.ones(2, 3)
        results.append(D.kl_divergence(D.Independent(D.Normal(loc, 1.0), 1), D.Independent(D.Normal(other, 2.0), 1)))
    agree(*results, rtol=1e-6)


# ---- errors

WRONG: tuple[Callable[[Any, Any], Any], ...] = (
    lambda T, D: D.Normal(0.0, -1.0),
    lambda T, D: D.Normal(T.zeros(2), T.tensor([1.0, -2.0])),
    lambda T, D: D.Normal(T.tensor(float("nan")), 1.0),
    lambda T, D: D.Normal("a", 1.0),
    lambda T, D: D.Normal(0.0, 1.0).log_prob(1.0),
    lambda T, D: D.Normal(T.zeros(2), T.ones(2)).log_prob(T.zeros(3)),
    lambda T, D: D.Normal(0.0, 1.0).log_prob(T.tensor(float("nan"))),
    lambda T, D: D.Bernoulli(1.5),
    lambda T, D: D.Bernoulli(),
    lambda T, D: D.Bernoulli(0.5, 0.5),
    lambda T, D: D.Bernoulli(T.tensor([0.5])).log_prob(T.tensor([0.3])),
    lambda T, D: D.Categorical(T.tensor(0.5)),
    lambda T, D: D.Categorical(logits=T.tensor(0.5)),
    lambda T, D: D.Categorical(),
    lambda T, D: D.Categorical(T.tensor([-1.0, 2.0])),
    lambda T, D: D.Categorical(T.tensor([1.0, 2.0])).log_prob(T.tensor(2)),
    lambda T, D: D.Categorical(logits=T.tensor([float("nan"), 2.0])),
    lambda T, D: D.Uniform(1.0, 0.0),
    lambda T, D: D.Uniform(0.0, 1.0).log_prob(T.tensor(2.0)),
    lambda T, D: D.Beta(0.0, 1.0),
    lambda T, D: D.Beta(T.tensor([1.0]), T.tensor([1.0])).log_prob(T.tensor([1.5])),
    lambda T, D: D.Gamma(-1.0, 1.0),
    lambda T, D: D.Dirichlet(T.tensor(1.0)),
    lambda T, D: D.Dirichlet(T.tensor([1.0, 0.0])),
    lambda T, D: D.Dirichlet(T.tensor([1.0, 1.0])).log_prob(T.tensor([0.4, 0.4])),
    lambda T, D: D.Dirichlet(T.tensor([1.0, 1.0])).log_prob(T.tensor([0.4, 0.3, 0.3])),
    lambda T, D: D.Poisson(-1.0),
    lambda T, D: D.Poisson(1.0).log_prob(T.tensor(0.5)),
    lambda T, D: D.Binomial(T.tensor([2.0]), T.tensor([0.5])).log_prob(T.tensor([3.0])),
    lambda T, D: D.Binomial(T.tensor([1.0, 2.0]), T.tensor(0.5)).entropy(),
    lambda T, D: D.Binomial(T.tensor([1.0, 2.0]), T.tensor(0.5)).enumerate_support(),
    lambda T, D: D.Multinomial(T.tensor(3), T.tensor([0.5, 0.5])),
    lambda T, D: D.Multinomial(3, T.tensor([0.5, 0.5])).log_prob(T.tensor([4.0, 0.0])),
    lambda T, D: D.MultivariateNormal(T.tensor(0.0), T.eye(2)),
    lambda T, D: D.MultivariateNormal(T.zeros(2)),
    lambda T, D: D.MultivariateNormal(T.zeros(2), T.eye(2), T.eye(2)),
    lambda T, D: D.MultivariateNormal(T.zeros(2), T.ones(2)),
    lambda T, D: D.MultivariateNormal(T.zeros(2), scale_tril=T.ones(2)),
    lambda T, D: D.MultivariateNormal(T.zeros(2), -T.eye(2)),
    lambda T, D: D.MultivariateNormal(T.zeros(2), scale_tril=T.ones(2, 2)),
    lambda T, D: D.MultivariateNormal(T.zeros(2), T.eye(2)).log_prob(T.zeros(3)),
    lambda T, D: D.LowRankMultivariateNormal(T.zeros(2), T.zeros(3, 1), T.ones(2)),
    lambda T, D: D.LowRankMultivariateNormal(T.zeros(2), T.zeros(2, 1), T.ones(3)),
    lambda T, D: D.LowRankMultivariateNormal(T.zeros(2), T.zeros(2), T.ones(2)),
    lambda T, D: D.LKJCholesky(1),
    lambda T, D: D.Geometric(0.0),
    lambda T, D: D.Geometric(T.tensor([0.0, 0.5])),
    lambda T, D: D.Independent(D.Normal(T.zeros(2), 1.0), 2),
    lambda T, D: D.Independent(D.Bernoulli(T.full((2,), 0.5)), 1).enumerate_support(),
    lambda T, D: D.TransformedDistribution(D.Normal(0.0, 1.0), 3),
    lambda T, D: D.TransformedDistribution(D.Normal(0.0, 1.0), [3]),
    lambda T, D: D.TransformedDistribution(D.Normal(0.0, 1.0), D.StickBreakingTransform()),
    lambda T, D: D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(0.0, 1.0)),
    lambda T, D: D.MixtureSameFamily(D.Categorical(T.ones(2)), 1),
    lambda T, D: D.MixtureSameFamily(D.Categorical(T.ones(2)), D.Normal(T.zeros(3), T.ones(3))),
    lambda T, D: D.MixtureSameFamily(D.Categorical(T.ones(3, 2)), D.Normal(T.zeros(4, 2), T.ones(4, 2))),
    lambda T, D: D.kl_divergence(D.Normal(0.0, 1.0), D.Poisson(1.0)),
    lambda T, D: D.kl_divergence(D.Binomial(T.tensor(2.0), T.tensor(0.5)), D.Binomial(T.tensor(3.0), T.tensor(0.5))),
    lambda T, D: D.kl_divergence(*(D.MultivariateNormal(T.zeros(n), T.eye(n)) for n in (2, 3))),
    lambda T, D: D.kl_divergence(*(D.LowRankMultivariateNormal(T.zeros(n), T.ones(n, 1), T.ones(n)) for n in (2, 3))),
    lambda T, D: D.Bernoulli(0.5).rsample(),
    lambda T, D: D.Categorical(T.ones(2)).cdf(T.tensor(1)),
    lambda T, D: D.Normal(0.0, 1.0).enumerate_support(),
    lambda T, D: D.Wishart(T.tensor(1.0), T.eye(3)),
    lambda T, D: D.ContinuousBernoulli(1.5, validate_args=True),
    lambda T, D: D.biject_to(D.constraints.boolean),
    lambda T, D: D.transform_to(D.constraints.dependent),
    lambda T, D: D.ExpTransform(cache_size=2),
    lambda T, D: D.ReshapeTransform((2, 3), (5,)),
    lambda T, D: D.ReshapeTransform((2, 3), (6,)).forward_shape((3, 2)),
    lambda T, D: D.constraints.dependent.check(T.zeros(1)),
    lambda T, D: D.Distribution().sample(),
    lambda T, D: D.Normal(T.zeros(2), 1.0).expand((3, 5)),
)

# PyTorch says nothing here, or names its own class; only the type of the error is the same.
OWN_WORDS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda T, D: D.Distribution.set_default_validate_args(3),
    lambda T, D: D.Distribution(validate_args=False).mode,
    lambda T, D: D.LKJCholesky(3).mode,
    lambda T, D: D.Distribution(validate_args=False).expand((2,)),
    lambda T, D: D.kl_divergence(D.Independent(D.Normal(T.zeros(2), 1.0), 1), D.Independent(D.Normal(0.0, 1.0), 0)),
)


def message_of(library: Any, wrong: Callable[[Any, Any], Any]) -> tuple[type, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wrong(library, library.distributions)
        except Exception as error:
            return type(error), str(error)
    return type(None), ""


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_errors(number: int) -> None:
    (ours, text), (theirs, wanted) = (message_of(library, WRONG[number]) for library in (wengert, torch))
    assert issubclass(ours, theirs) and theirs is not type(None)
    if "expanded size" in wanted:
        return  # the tensor's own words, which other tests hold
    assert text.split() == wanted.split()


@pytest.mark.parametrize("number", range(len(OWN_WORDS)))
def test_errors_in_other_words(number: int) -> None:
    (ours, _), (theirs, _) = (message_of(library, OWN_WORDS[number]) for library in (wengert, torch))
    assert ours is theirs is not type(None)


# ---- constraints and transforms


def transforms(D: Any, T: Any) -> list[Any]:
    positive = T.tensor([0.5, 2.0], dtype=T.float64)
    return [
        D.ExpTransform(), D.PowerTransform(positive), D.SigmoidTransform(), D.TanhTransform(), D.SoftplusTransform(),
        D.AffineTransform(1.0, -2.0), D.AffineTransform(positive, positive, event_dim=1), D.SoftmaxTransform(),
        D.StickBreakingTransform(), D.AbsTransform(), D.ExpTransform().inv,
        D.ComposeTransform([D.AffineTransform(0.5, 2.0), D.ExpTransform()]), D.identity_transform,
        D.IndependentTransform(D.ExpTransform(), 1), D.ReshapeTransform((2,), (1, 2)),
        D.CumulativeDistributionTransform(D.Normal(0.0, 1.0)),
        D.CatTransform([D.ExpTransform(), D.AffineTransform(1.0, 3.0)], dim=-1),
        D.StackTransform([D.ExpTransform(), D.AffineTransform(1.0, 3.0)], dim=-1),
        D.ComposeTransform([D.StickBreakingTransform(), D.AffineTransform(0.5, 2.0, event_dim=1)]),
    ]


@pytest.mark.parametrize("number", range(19))
def test_transforms(number: int) -> None:
    x = np.random.RandomState(0).uniform(0.1, 0.9, (3, 2))
    results = []
    for library in (wengert, torch):
        transform = transforms(library.distributions, library)[number]
        before = library.from_numpy(x.copy())
        after = transform(before)
        results.append((
            repr(transform), repr(transform.domain), repr(transform.codomain), transform.bijective,
            tuple(transform.forward_shape((3, 2))), outcome(lambda t=transform: t.event_dim), after,
            transform.inv(after), outcome(lambda t=transform, b=before, a=after: t.log_abs_det_jacobian(b, a)),
        ))
    assert results[0][:6] == results[1][:6]
    for got, want in zip(results[0][6:], results[1][6:], strict=True):
        agree(got, want)


def test_matrix_transforms() -> None:
    results = []
    for library in (wengert, torch):
        D = library.distributions
        vector = library.tensor([[0.1, -0.5, 0.3], [1.0, 0.2, -0.9]], dtype=library.float64)
        correlation = D.CorrCholeskyTransform()
        factor = correlation(vector)
        square = library.arange(8.0, dtype=library.float64).reshape(2, 2, 2) / 4
        lower, definite = D.LowerCholeskyTransform(), D.PositiveDefiniteTransform()
        results.append([factor, correlation.inv(factor), correlation.log_abs_det_jacobian(vector, factor),
                        lower(square), lower.inv(lower(square)), definite(square), definite.inv(definite(square))])
        assert D.constraints.corr_cholesky.check(factor).all()
        assert tuple(correlation.forward_shape((2, 3))) == (2, 3, 3)
        assert tuple(correlation.inverse_shape((2, 3, 3))) == (2, 3)
    for got, want in zip(*results, strict=True):
        agree(got, want)


def constraints(C: Any, T: Any) -> list[Any]:
    return [
        C.boolean, C.one_hot, C.nonnegative_integer, C.positive_integer, C.integer_interval(-1, 2), C.real,
        C.real_vector, C.positive, C.nonnegative, C.greater_than(0.5), C.greater_than_eq(0.5), C.less_than(0.5),
        C.multinomial(3), C.unit_interval, C.interval(-1.0, 0.5), C.half_open_interval(0.0, 1.0), C.simplex,
        C.lower_triangular, C.lower_cholesky, C.corr_cholesky, C.square, C.symmetric, C.positive_semidefinite,
        C.positive_definite, C.independent(C.positive, 1), C.cat([C.positive, C.real], -1, [1, 2]),
        C.stack([C.positive, C.real, C.unit_interval], -1),
    ]


@pytest.mark.parametrize("number", range(27))
def test_constraints(number: int) -> None:
    inputs = (np.eye(3), np.array([[0.2, 0.3, 0.5], [1.0, 0, 0], [-1, 2, 0.5]]), -np.eye(3),
              np.array([[1.0, 0, 0], [0.6, 0.8, 0], [0, 0.6, 0.8]]))
    answers = []
    for library in (wengert, torch):
        constraint = constraints(library.distributions.constraints, library)[number]
        answers.append((repr(constraint), constraint.is_discrete, constraint.event_dim,
                        *(constraint.check(library.from_numpy(x.copy())).tolist() for x in inputs)))
    ours, theirs = answers
    assert ours[1:] == theirs[1:]
    assert ours[0] == theirs[0] or " object at " in theirs[0]


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
def test_transforms_into_constraints(registry: str) -> None:
    names = ("real", "positive", "nonnegative", "unit_interval", "simplex", "lower_cholesky", "corr_cholesky",
             "positive_definite", "real_vector")
    made = [[repr(outcome(lambda library=library, name=name: getattr(library.distributions, registry)(
        getattr(library.distributions.constraints, name)))) for name in names] for library in (wengert, torch)]
    assert made[0] == made[1]
    bounds = [[repr(getattr(library.distributions, registry)(each)) for each in (
        library.distributions.constraints.interval(-1.0, 2.0), library.distributions.constraints.greater_than(3.0),
        library.distributions.constraints.less_than(3.0))] for library in (wengert, torch)]
    assert bounds[0] == bounds[1]


def test_the_public_names() -> None:
    missing = set(torch.distributions.__all__) - set(dir(wengert.distributions))
    assert missing == set()
    for module in ("constraints", "transforms", "kl", "utils", "constraint_registry"):
        theirs = getattr(torch.distributions, module)
        ours = getattr(wengert.distributions, module)
        assert set(getattr(theirs, "__all__", ())) <= set(dir(ours)), module
    assert math.isclose(wengert.distributions.utils.euler_constant, torch.distributions.utils.euler_constant)


def test_incomplete_gamma_functions() -> None:
    random = np.random.RandomState(0)
    a, x = random.uniform(0.01, 40, 500), random.uniform(0.0, 60, 500)
    for name in ("igamma", "igammac"):
        agree(getattr(wengert, name)(wengert.from_numpy(a), wengert.from_numpy(x)),
              getattr(torch, name)(torch.from_numpy(a), torch.from_numpy(x)), rtol=1e-8, atol=1e-15)
    edges = np.array([0.0, 1.0, np.inf, 2.0, 3.0]), np.array([1.0, 0.0, 1.0, np.inf, -1.0])
    for name in ("igamma", "igammac"):
        got = getattr(wengert, name)(*map(wengert.from_numpy, edges))
        agree(got, getattr(torch, name)(*map(torch.from_numpy, edges)))
