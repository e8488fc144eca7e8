"""Weights' gradients of 3×3 convolutions with fewer multiplications, held against the sums that they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from wengert.compiler import blocks, threads, winograd_weights
from wengert.compiler import convolution as generated
from wengert.compiler.channels import Axis
from wengert.compiler.jit import engine
from wengert.compiler.places import Places
from wengert.compiler.vectors import Machine
from wengert.compiler.winograd_weights import Sums
from wengert.prims import convolution as prims

MACHINES = [None, Machine(32, True, False), Machine(16, True, False)]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """However little it saves."""
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(winograd_weights, "SAVED", -1e18)
    for cache in (generated._in_blocks, blocks._code):
        cache.cache_clear()
    yield
    for cache in (generated._in_blocks, blocks._code):
        cache.cache_clear()


@pytest.fixture(params=range(3), ids=["own", "32", "16"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine, and ones with shorter vectors."""
    wanted, own = MACHINES[request.param], engine().machine
    if wanted is not None:
        if wanted.vector_bytes > own.vector_bytes or not own.fused:
            pytest.skip("longer vectors than this machine has")
        monkeypatch.setattr(engine(), "machine", wanted)
    blocks._driver.cache_clear()
    yield
    blocks._driver.cache_clear()


def expected(x: np.ndarray, ct: np.ndarray, padding: tuple[int, int], step: int = 1) -> np.ndarray:
    """The gradient in float64, of windows and places that are ``step`` apart."""
    framed = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *((p, p) for p in padding)))
    (high, wide), found = ct.shape[2:], np.empty((ct.shape[1], x.shape[1], 3, 3))
    for i in range(3):
        for j in range(3):
            seen = framed[:, :, i * step : i * step + step * high : step, j * step : j * step + step * wide : step]
            found[:, :, i, j] = np.einsum("nohw,nchw->oc", ct.astype(np.float64), seen)
    return found


def gradient(x: np.ndarray, ct: np.ndarray, padding: tuple[int, int], step: int, least: int = 2) -> np.ndarray:
    """The gradient by blocks, of which it is made sure that they go by fewer multiplications."""
    steps = (step, step)
    geometry = generated._geometry(x.shape, x.dtype.char, ct.shape[2:], ct.shape[1], (3, 3), steps, padding, steps, 1)
    assert geometry is not None
    block = blocks._block(geometry, True, least)
    assert block is not None
    plan = blocks.Plan(geometry, block, False, generated._parts_of_sums(geometry), 2)
    assert isinstance(plan.form, Sums)
    out = np.full((ct.shape[1], x.shape[1], 3, 3), np.nan, x.dtype)
    plan.convolve_weight(x, ct, out)
    return out


@pytest.mark.usefixtures("always", "machine")
@pytest.mark.parametrize("seed", range(12))
def test_random_sizes(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd numbers of windows, blocks that are cut off, channels that fill no vectors, windows two apart that see places
    two apart."""
    random = np.random.default_rng(seed)
    dtype, tolerance = (("float32", 2e-6), ("float64", 4e-15))[seed % 2]
    monkeypatch.setattr(blocks, "BLOCK_BYTES", int(random.choice([2**14, blocks.BLOCK_BYTES])))
    samples, step = int(random.integers(1, 12)), int(random.integers(1, 3))
    padding = (int(random.integers(0, 3)), int(random.integers(0, 3)))
    inner, outer = int(random.choice([3, 16, 17, 48])), int(random.choice([16, 20, 33, 64]))
    x = random.normal(size=(samples, inner, *random.integers(9, 24, 2))).astype(dtype)
    out = [(n + 2 * p - 2 * step - 1) // step + 1 for n, p in zip(x.shape[2:], padding, strict=True)]
    ct = random.normal(size=(samples, outer, *out)).astype(dtype)
    exact = expected(x, ct, padding, step)
    found = gradient(x, ct, padding, step, int(random.integers(1, 4)))
    assert np.abs(found - exact).max() <= tolerance * np.abs(exact).max()


@pytest.mark.usefixtures("always")
def test_whole_numbers_are_exact() -> None:
    random = np.random.default_rng(0)
    x, ct = (random.integers(-8, 9, size=(5, 16, 9, 7)).astype(np.float32) for _ in range(2))
    assert (gradient(x, ct, (1, 1), 1) == expected(x, ct, (1, 1))).all()


@pytest.mark.usefixtures("always")
def test_a_channel_takes_nothing_from_another() -> None:
    """What is not finite stays in the sums of its own channels, and channels of zeros have a gradient of zeros."""
    random = np.random.default_rng(0)
    x, ct = (random.normal(size=(3, 20, 9, 9)).astype(np.float32) for _ in range(2))
    x[:, 5], x[1, 7, 4, 4] = 0, np.inf
    ct[:, 3], ct[0, 11, 0, 0] = 0, np.nan
    found = gradient(x, ct, (1, 1), 1)
    keeps = np.ones((20, 20), bool)
    keeps[11], keeps[:, 7] = False, False
    assert np.isfinite(found[keeps]).all() and not np.isfinite(found[11]).any()
    assert (found[:11, 5] == 0).all() and (found[3, :7] == 0).all()


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("samples, sizes", [(1, (17, 19)), (5, (17, 19)), (3, (70, 33)), (37, (7, 7))])
def test_bits_do_not_depend_on_the_number_of_threads(samples: int, sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    x, ct = (random.normal(size=(samples, 32, *sizes)).astype(np.float32) for _ in range(2))
    before, results = threads.get_num_threads(), []
    params = {"kernel": (3, 3), "stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}
    try:
        for count in (1, 2, 3, 5, 2):
            threads.set_num_threads(count)
            results.append(prims.convolution_weight.run(x, ct, **params))
    finally:
        threads.set_num_threads(before)
    assert all((result == results[0]).all() for result in results)
    exact = expected(x, ct, (1, 1))
    assert np.abs(results[0] - exact).max() <= 2e-6 * np.abs(exact).max()


def test_what_is_taken_for_it() -> None:
    """3×3 windows side by side, of enough channels and not too many; no stride, dilation, other kernel or groups."""
    machine = engine().machine

    def taken(places: tuple[Axis, ...], windows: tuple[Axis, ...], groups: int = 1, channels: int = 64) -> bool:
        form = Places("float32", Axis(4, 58 * 58 * 64, 56 * 56 * 64), windows, places, groups, channels, channels, 1, 1)
        return winograd_weights.fewer(form, machine, 32) is not None

    windows = Axis(56, 58 * 64, 56 * 64), Axis(56, 64, 64)
    places = Axis(1, 58 * 58 * 64), Axis(3, 58 * 64), Axis(3, 64)
    assert taken(places, windows)
    assert not taken((*places[:2], Axis(5, 64)), windows)
    assert not taken((*places[:2], Axis(3, 128)), windows)
    assert not taken((Axis(3, 58 * 58 * 64), *places[1:]), windows)
    assert not taken(places, (windows[0], Axis(28, 128, 64)))
    assert not taken(places, (windows[0], Axis(1, 64, 64)))
    assert not taken(places, windows, 2)
    assert not taken(places, windows, channels=4096)
    assert not taken(places, windows, channels=1)
