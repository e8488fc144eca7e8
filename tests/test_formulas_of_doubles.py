"""Special functions that are one formula of doubles, for arrays and kernels: values, edges, large and small arrays."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import numpy as np
import pytest

import wengert as torch
from wengert.core import generated
from wengert.core.generated import LARGE

RANDOM = np.random.default_rng(0)
TAILS = 10.0 ** RANDOM.uniform(-300, -0.4, 3000)
UNIT = np.concatenate([RANDOM.uniform(0, 1, 3000), TAILS, 1 - 10.0 ** RANDOM.uniform(-16, 0, 3000), [0.0, 1.0, -1, 2]])
ALL = np.concatenate([RANDOM.uniform(-20, 20, 9000), TAILS, 1 / TAILS, -TAILS, [0.0, -0.0]])
EDGES = [math.nan, math.inf, -math.inf]


def log_gamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)) or x > 1e305:
        return math.inf
    return math.lgamma(x)


def quantile(p: float) -> float:
    return statistics.NormalDist().inv_cdf(p) if 0 < p < 1 else {0.0: -math.inf, 1.0: math.inf}.get(p, math.nan)


CASES: dict[str, tuple[np.ndarray, Callable[[float], float], float]] = {
    "gammaln": (ALL, log_gamma, 4e-15), "ndtri": (UNIT, quantile, 4e-15),
    "erfinv": (2 * UNIT - 1, lambda x: quantile((1 + x) / 2) / math.sqrt(2), 2e-14),
}


@pytest.mark.parametrize("name", CASES)
def test_values_of_a_formula(name: str) -> None:
    numbers, expected, tolerance = CASES[name]
    numbers = np.concatenate([numbers, EDGES])
    wanted = np.array([expected(float(x)) if not math.isnan(x) else x for x in numbers])
    found = getattr(torch.special, name)(torch.tensor(numbers)).numpy()
    if name == "erfinv":  # whose expectation loses what is next to 1 and to 0
        kept = (np.abs(numbers) > 1e-3) & ~((np.abs(numbers) > 0.99) & (np.abs(numbers) < 1))
        found, wanted = found[kept], wanted[kept]
    finite = np.isfinite(wanted)
    assert np.array_equal(found[~finite], wanted[~finite], equal_nan=True)
    error = np.abs(found[finite] - wanted[finite])
    assert (error <= tolerance * np.maximum(1, np.abs(wanted[finite]))).all()


def test_inverses_undo_what_they_are_inverses_of() -> None:
    tails = torch.tensor(TAILS[TAILS > 1e-16])
    assert torch.allclose(torch.special.erfc(torch.special.erfinv(1 - tails)), 1 - (1 - tails), rtol=1e-13, atol=0)
    small = torch.tensor(TAILS)
    assert torch.allclose(torch.special.erf(torch.special.erfinv(small)), small, rtol=1e-14, atol=0)
    assert torch.allclose(torch.special.ndtr(torch.special.ndtri(small)), small, rtol=2e-12, atol=0)


@pytest.mark.parametrize("name", "erfcx erfinv gammaln log_ndtr ndtri digamma i0 i0e i1 i1e".split())
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_large_and_small_arrays_are_as_exact(name: str, dtype: str) -> None:
    function, kind = getattr(torch.special, name), getattr(torch, dtype)
    numbers = RANDOM.uniform(0, 1, LARGE + 100) if name in ("erfinv", "ndtri") else RANDOM.uniform(-8, 8, LARGE + 100)
    numbers[:3] = EDGES
    x = torch.tensor(numbers).to(kind)
    whole, parts = function(x), torch.cat([function(part) for part in x.split(500)])
    exact = function(x.double())
    limit = {"float64": 4e-15}.get(dtype, torch.finfo(kind).eps)
    for found in (whole, parts):
        assert found.dtype == kind and bool((found.isfinite() == exact.to(kind).isfinite()).all())
        kept = exact.isfinite() & (exact.abs() < torch.finfo(kind).max) & found.isfinite()
        error = (found.double() - exact).abs()[kept] / exact.abs().clamp(min=1)[kept]
        assert error.max().item() <= limit


@pytest.mark.parametrize("name", (
    "erfcx erfinv gammaln log_ndtr ndtri digamma i0 i0e i1 i1e bessel_j0 bessel_j1 bessel_y0 bessel_y1 "
    "modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1").split())
def test_few_elements_have_the_bits_of_many(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One code for every size and layout, and numpy's steps where there is none."""
    function, many = getattr(torch.special, name), torch.tensor(RANDOM.uniform(0, 1, LARGE + 24)).reshape(2, 4, -1)
    whole = function(many)
    for part, expected in ((many[:, :, 7], whole[:, :, 7]), (many[1, 2, 3], whole[1, 2, 3]),
                           (many[:, :, :6].permute(2, 0, 1), whole[:, :, :6].permute(2, 0, 1)),
                           (many[0, :3, ::500].t(), whole[0, :3, ::500].t()), (many[:, :0], whole[:, :0])):
        found = function(part)
        assert torch.equal(found, expected)
        assert found.stride() == (part + 0).stride()
        with monkeypatch.context() as patch:
            patch.setattr(generated, "by_formula", lambda *_: None)
            by_numpy = function(part)
        assert by_numpy.stride() == found.stride()
        assert torch.allclose(by_numpy, found, rtol=1e-14, atol=1e-14)


def test_digamma_and_trigamma() -> None:
    """Known values (Abramowitz & Stegun, 6.3.2, 6.3.3, 6.4.2 to 6.4.4), reflection and poles, of few and of many."""
    euler, square = 0.57721566490153286, math.pi**2
    known = {1.0: (-euler, square / 6), 0.5: (-euler - 2 * math.log(2), square / 2), 2.0: (1 - euler, square / 6 - 1),
             -0.5: (2 - euler - 2 * math.log(2), square / 2 + 4), -1.5: (2 + 2 / 3 - euler - 2 * math.log(2),
                                                                        square / 2 + 4 + 4 / 9)}
    x = torch.tensor([*known, 0.0, -0.0, -3.0, *EDGES], dtype=torch.float64)
    at_poles = [-math.inf, math.inf, math.nan, math.nan, math.inf, math.nan]
    for times in (1, 2000):
        first = torch.digamma(x.repeat(times))[-len(x):]
        second = torch.polygamma(1, x.repeat(times))[-len(x):]
        for found, place in ((first, 0), (second, 1)):
            wanted = torch.tensor([pair[place] for pair in known.values()], dtype=torch.float64)
            assert torch.allclose(found[: len(known)], wanted, rtol=1e-14, atol=1e-15)
        assert first[len(known):].numpy() == pytest.approx(np.array(at_poles), nan_ok=True)
        assert second[len(known):].tolist()[:3] == [math.inf] * 3 and second[-2].item() == 0
        assert second[-3].isnan() and second[-1].isnan()


def test_edges_of_tails() -> None:
    special, inf = torch.special, math.inf
    x = torch.tensor([-inf, -1e200, -40.0, 0.0, 40.0, inf], dtype=torch.float64)
    assert special.log_ndtr(x)[[0, 1, 5]].tolist() == [-inf, -inf, 0]
    assert math.isclose(special.log_ndtr(x)[2].item(), -804.6084420137539, rel_tol=1e-14)
    assert special.erfcx(x)[[0, 1, 3, 5]].tolist() == [inf, inf, 1, 0]
    assert math.isclose(special.erfcx(x)[4].item(), 0.014100335983377815, rel_tol=1e-14)
    assert math.copysign(1, special.erfinv(torch.tensor(-0.0)).item()) == -1
