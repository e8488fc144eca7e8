"""Bessel and Airy functions and orthogonal polynomials against PyTorch, over dtypes, ranges and degrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import wengert  # noqa: E402

BESSEL = ("airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 "
          "modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0").split()
POLYNOMIALS = [f"{shifted}chebyshev_polynomial_{kind}" for shifted in ("", "shifted_") for kind in "tuvw"] + [
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p"]
random = np.random.default_rng(0)
POINTS = np.concatenate([
    random.uniform(-1, 1, 60), random.uniform(-12, 12, 300), random.uniform(-60, 60, 200), random.uniform(0, 4, 100),
    np.logspace(-12, 2, 60), np.linspace(-9.5, 9.5, 77), [0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 25.0, 1e3],
])
EDGES = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e300, -1e300, 1e-300])


def outcome(call: Callable[[Any], Any], side: Any) -> Any:
    try:
        return call(side)
    except Exception as error:  # noqa: BLE001
        return type(error)


def agree(call: Callable[[Any], Any], tolerance: float | None = None, absolute: float | None = None) -> None:
    ours, theirs = outcome(call, wengert), outcome(call, torch)
    if isinstance(theirs, type):
        assert isinstance(ours, type) and issubclass(ours, theirs), (ours, theirs)
        return
    assert not isinstance(ours, type), ours
    assert str(ours.dtype) == str(theirs.dtype) and tuple(ours.shape) == tuple(theirs.shape)
    assert ours.requires_grad == theirs.requires_grad
    single = theirs.dtype is torch.float32
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=tolerance or (1e-5 if single else 1e-12),
                               atol=absolute or (1e-6 if single else 1e-14), equal_nan=True)


ROUGH = ("airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1")
"""Of these PyTorch has five to nine digits right (beside mpmath), and wengert all."""


@pytest.mark.parametrize("name", BESSEL)
def test_cylinder_functions(name: str) -> None:
    tolerance = 5e-5 if name in ROUGH else None
    for dtype in ("float64", "float32"):
        agree(lambda s, d=dtype: getattr(s.special, name)(s.tensor(POINTS, dtype=getattr(s, d))), tolerance, tolerance)
    agree(lambda s: getattr(s.special, name)(s.tensor(EDGES)))


@pytest.mark.parametrize("name", [name for name in BESSEL if "scaled" not in name and "spherical" not in name])
def test_cylinder_functions_to_the_last_digits(name: str) -> None:
    mpmath = pytest.importorskip("mpmath")
    kind, order = name[-2], int(name[-1]) if name[-1].isdigit() else 0
    seams = [v + d for v in (-9.0, 1.5, 1.0, 3.0, 25.0, 50.0) for d in (-1e-4, 1e-4)]
    points = np.concatenate([POINTS[::5], seams])
    points = points[(np.abs(points) < 600) & ((points > 0) | (kind not in "yk"))]
    exact = mpmath.airyai if name == "airy_ai" else lambda x: getattr(mpmath, f"bessel{kind}")(order, x)
    with mpmath.workdps(30):
        want = np.array([float(mpmath.re(exact(mpmath.mpf(float(x))))) for x in points])
    got = getattr(wengert.special, name)(wengert.tensor(points)).numpy()
    # Where they oscillate the error is of the size of the amplitude, and of the rounding of the phase.
    scale = np.abs(want) + (0.05 if name in ROUGH else 0.0)
    assert np.max(np.abs(got - want) / scale) < 1e-13


@pytest.mark.parametrize("name", BESSEL)
def test_their_dtypes_shapes_and_gradients(name: str) -> None:
    for dtype in ("int64", "bool", "uint8", "float16", "bfloat16", "complex64"):
        agree(lambda s, d=dtype: getattr(s.special, name)(s.ones(2, 3).to(getattr(s, d))))
    for shape in ((), (0,), (2, 0, 3), (2, 3)):
        agree(lambda s, z=shape: getattr(s.special, name)(s.full(z, 0.75)))
    agree(lambda s: getattr(s.special, name)(s.full((2,), 0.75, requires_grad=True)))
    agree(lambda s: getattr(s.special, name)(s.full((2,), 0.75), out=s.empty(2)))
    agree(lambda s: getattr(s.special, name)(s.full((2,), 0.75), out=s.ones(2, requires_grad=True)).detach())
    agree(lambda s: getattr(s.special, name)(2.0))


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name: str) -> None:
    x = np.concatenate([random.uniform(-1.2, 1.2, 40), random.uniform(-4, 4, 20), [0.0, 1.0, -1.0, 0.5, 2.0]])
    for degree in (-2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 33):
        for dtype in ("float64", "float32"):
            # The recurrences lose digits where the terms cancel, each in its way.
            loss = 1e3 if dtype == "float32" else 1.0
            agree(lambda s, n=degree, d=dtype: getattr(s.special, name)(s.tensor(x, dtype=getattr(s, d)), n),
                  1e-10 if dtype == "float64" else 3e-4, 1e-10 if dtype == "float64" else 1e-4 * loss)
    degrees = np.arange(-1, 14)
    agree(lambda s: getattr(s.special, name)(s.tensor(x[:, None]), s.tensor(degrees)), 1e-10, 1e-10)
    agree(lambda s: getattr(s.special, name)(s.tensor(x[:, None]), s.tensor(degrees + 0.6)), 1e-10, 1e-10)
    agree(lambda s: getattr(s.special, name)(0.3, s.tensor(degrees)), 1e-4, 1e-4)
    # (for NaN PyTorch returns a variable that was never set, from degree 2 on)
    agree(lambda s: getattr(s.special, name)(s.tensor([np.inf, -np.inf]), s.tensor([[0], [1], [2], [3], [12]])))
    assert wengert.special.__dict__[name](wengert.tensor(np.nan), wengert.arange(1, 12)).isnan().all()
    agree(lambda s: getattr(s.special, name)(s.tensor([0.3, 2.0]), s.tensor([[200], [600], [2000]])), 1e-3, 1e-3)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_of_very_high_degrees(name: str) -> None:
    x, limit = np.array([-3.0, -1.0, -0.4, 0.0, 0.3, 1.0, 2.0, 501.0]), 1e-9
    for count in (1, 4):  # few elements go one by one
        agree(lambda s, n=count: getattr(s.special, name)(s.tensor(np.tile(x, n)), s.tensor(70_001)), limit, 1e-7)
    agree(lambda s: getattr(s.special, name)(s.tensor(501.0, dtype=s.float64), 300_000), limit, limit)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_what_polynomials_take(name: str) -> None:
    for dtype in ("int64", "bool", "float16", "bfloat16", "complex64"):
        agree(lambda s, d=dtype: getattr(s.special, name)(s.ones(2, 3).to(getattr(s, d)), 3))
        agree(lambda s, d=dtype: getattr(s.special, name)(s.ones(2, 3).to(getattr(s, d)), s.ones(3, dtype=s.int64)))
    agree(lambda s: getattr(s.special, name)(s.full((2,), 0.75, requires_grad=True), 3))
    agree(lambda s: getattr(s.special, name)(s.ones(2), s.ones(3, dtype=s.int64)))
    agree(lambda s: getattr(s.special, name)(s.full((2,), 0.75), 3, out=s.empty(2)))
    agree(lambda s: getattr(s.special, name)(2, 3))


def test_every_name() -> None:
    theirs = {name for name in torch.special.__all__ if hasattr(torch.special, name)}
    assert theirs - set(wengert.special.__all__) <= {"multigammaln"}
    assert {*BESSEL, *POLYNOMIALS} <= set(wengert.special.__all__)


@pytest.mark.parametrize("name", ["igamma", "igammac"])
def test_tails_below_all_numbers_are_on_the_right_side(name: str) -> None:
    a = [0.5, 501.0, 1001.2, 1e8, 2e8, 1e13, 1e30, 3.0, 1e30]
    x = [1e4, 1e20, 13437.7, 2e8, 1e8, 2e13, 2e30, 1e300, 1e29]
    got, want = (getattr(lib, name)(lib.tensor(a, dtype=lib.float64), lib.tensor(x, dtype=lib.float64))
                 for lib in (wengert, torch))
    assert got.tolist() == want.tolist()


@pytest.mark.parametrize("name", ["igamma", "igammac"])
def test_incomplete_gamma_functions_at_their_limits(name: str) -> None:
    edges = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 1e300]
    a, x = np.meshgrid(edges, edges)
    agree(lambda s: getattr(s, name)(s.tensor(a), s.tensor(x)))


@pytest.mark.parametrize("beta", [0.0, 12.0, 100.0, 600.0])
def test_kaisers_window_of_any_height(beta: float) -> None:
    """In float32 PyTorch's, of a height above 88, is made of zeros and NaN; its own of float64 says what is right."""
    for sym in (True, False):
        want = torch.signal.windows.kaiser(64, beta=beta, sym=sym, dtype=torch.float64).numpy()
        for dtype, limit in ((wengert.float64, 1e-12), (wengert.float32, 1e-4)):
            got = wengert.signal.windows.kaiser(64, beta=beta, sym=sym, dtype=dtype)
            np.testing.assert_allclose(got.numpy(), want, rtol=limit, atol=limit)
        np.testing.assert_allclose(wengert.kaiser_window(64, not sym, beta).numpy(), want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_mantissas_of_the_smallest_numbers(dtype: str) -> None:
    x = np.array([1e-320, -1e-310, 5e-324, 1e-45, 1e-40, 6e-8, 1.0, 0.0, 3.0, 6e4, np.inf, np.nan]).astype(dtype)
    for part in (0, 1):
        got, want = (lib.frexp(lib.tensor(x))[part].numpy() for lib in (wengert, torch))
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("order", [0, 1, 2, 5, 40, 151, 200])
def test_polygamma_of_all_sorts_of_numbers(order: int) -> None:
    x = np.concatenate([np.random.default_rng(order).uniform(-20, 50, 300), [
        0.0, -0.0, 1.0, -1.3, 1e9, 1e30, 1e300, np.nan, np.inf, -np.inf, 1e-320, -1e-320, -0.5, 100.0]])
    got = wengert.polygamma(order, wengert.tensor(x)).numpy()
    np.testing.assert_allclose(got, torch.polygamma(order, torch.tensor(x)).numpy(), rtol=1e-9, atol=1e-12)


def test_zeta_of_all_sorts_of_numbers() -> None:
    x, q = np.meshgrid([0.5, 1.0, 1.5, 2.0, 3.0, 10.5, 50.0, np.inf, np.nan, -1.0, 1e20, 1e300],
                       [0.1, 1.0, 2.0, 10.0, 1e5, -0.5, -1.0, 0.0, -30.3, np.nan, -np.inf, np.inf])
    got = wengert.special.zeta(wengert.tensor(x), wengert.tensor(q)).numpy()
    np.testing.assert_allclose(got, torch.special.zeta(torch.tensor(x), torch.tensor(q)).numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", ["digamma", "logit", "special.entr", "special.i0e", "special.xlog1py", "special.zeta",
                                  "special.erfcx", "lgamma", "erfc", "erfinv"])
def test_complex_numbers_are_refused_where_pytorch_refuses_them(name: str) -> None:
    for lib in (torch, wengert):
        function: Any = lib
        for part in name.split("."):
            function = getattr(function, part)
        x = lib.tensor([1j])
        with pytest.raises((NotImplementedError, RuntimeError)):
            function(*(x, x) if name.endswith(("xlog1py", "zeta")) else (x,))


def test_polygamma_and_zeta_far_below_zero_end() -> None:
    x = wengert.tensor([-1e9 - 0.25, -1e15 - 0.5], dtype=wengert.float64)
    third, zeta = wengert.polygamma(2, x), wengert.special.zeta(wengert.tensor(3.0, dtype=wengert.float64), x)
    # By reflection: the other side's tail, 1 / x**2, is below all places here.
    cotangent = 1 / np.tan(np.pi * np.array([0.25, 0.5])) * np.array([-1.0, 1.0])
    expected = -2 * np.pi**3 * cotangent * (1 + cotangent**2)
    np.testing.assert_allclose(third.numpy(), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(zeta.numpy(), -expected / 2, rtol=1e-6, atol=1e-6)
