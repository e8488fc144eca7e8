"""3×3 convolutions with fewer multiplications, held against the sums that they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.compiler import blocks, memory, threads, winograd
from wengert.compiler import convolution as generated
from wengert.compiler.channels import Axis, Windows
from wengert.compiler.code import module
from wengert.compiler.jit import engine
from wengert.compiler.vectors import Machine
from wengert.compiler.winograd import Transform, Winograd
from wengert.prims import convolution as prims

MACHINES = [None, Machine(32, True, False), Machine(16, True, False)]
PADDED = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """However little it saves; plans on disk may have been made otherwise."""
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path))
    caches = generated._in_blocks, blocks._code
    monkeypatch.setattr(winograd, "SAVED", -1e18)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def run(form: Winograd | Transform, machine: Machine, *arrays: np.ndarray) -> None:
    code, items, _ = form.written("kernel", machine, visible=True)
    table = threads.table(len(arrays))
    table[:] = [memory.address(x) for x in arrays]
    threads.Parts(module(code)).run(items, 1e9, table)


def computed(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, machine: Machine) -> np.ndarray:
    """The convolution of x (N, H + 2, W + 2, C), which stands in its frame, with weight (O, C, 3, 3)."""
    (n, high, wide, inner), outer = x.shape, len(weight)
    high, wide, steps = high - 2, wide - 2, [s // x.itemsize for s in x.strides]
    form = Winograd(x.dtype.name, Axis(n, steps[0], high * wide * outer), Axis(high, steps[1], wide * outer),
                    Axis(wide, steps[2], outer), inner, outer, bias is not None)
    laid, out = np.full((16, inner, outer), np.nan, x.dtype), np.full((n, high, wide, outer), np.nan, x.dtype)
    run(form.transform, machine, np.ascontiguousarray(weight.transpose(2, 3, 1, 0)), laid)
    run(form, machine, x, laid, *[] if bias is None else [bias], out)
    return out


def framed(n: int, high: int, wide: int, channels: int, dtype: str, seed: int = 0) -> np.ndarray:
    x = np.zeros((n, high + 2, wide + 2, channels), dtype)
    x[:, 1:-1, 1:-1] = np.random.default_rng(seed).normal(size=(n, high, wide, channels))
    return x


@pytest.mark.parametrize("which", range(3), ids=["own", "32", "16"])
@pytest.mark.parametrize("seed", range(14))
def test_random_sizes(seed: int, which: int) -> None:
    machine = MACHINES[which] or engine().machine
    if machine.vector_bytes > engine().machine.vector_bytes or not engine().machine.fused:
        pytest.skip("longer vectors than this machine has")
    random = np.random.default_rng(seed)
    dtype, tolerance = (("float32", 2e-6), ("float64", 4e-15))[seed % 2]
    n, high, wide = int(random.integers(1, 5)), *(int(k) for k in random.integers(2, 12, 2))
    inner, outer = (int(random.choice([1, 3, 8, 16, 20, 33])) for _ in range(2))
    x = framed(n, high, wide, inner, dtype, seed)
    weight = random.normal(size=(outer, inner, 3, 3)).astype(dtype)
    bias = random.normal(size=outer).astype(dtype) if seed % 3 else None
    seen = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (3, 3), axis=(1, 2))
    exact = np.einsum("nhwcij,ocij->nhwo", seen, weight.astype(np.float64))
    if bias is not None:
        exact += bias
    out = computed(x, weight, bias, machine)
    assert np.abs(out - exact).max() <= tolerance * np.abs(exact).max()


def test_a_window_takes_nothing_from_beside_it() -> None:
    """Windows of zeros are zeros, and what is not finite stays in the windows that see it."""
    x = np.zeros((1, 12, 13, 16), np.float32)
    x[0, 4, 5], x[0, 9, 9] = np.random.default_rng(0).normal(size=16), np.inf
    weight = np.random.default_rng(1).normal(size=(16, 16, 3, 3)).astype(np.float32)
    out = computed(x, weight, None, engine().machine)[0]
    assert np.isfinite(out[:7]).all() and not np.isfinite(out[7:10, 7:10]).any()
    seen = np.zeros(out.shape[:2], bool)
    seen[2:5, 3:6] = seen[7:10, 7:10] = True
    assert (out[~seen] == 0).all() and (out[2:5, 3:6] != 0).all()


def test_whole_numbers_are_exact() -> None:
    random = np.random.default_rng(0)
    x = framed(2, 8, 8, 16, "float32")
    x[:, 1:-1, 1:-1] = random.integers(-8, 9, size=(2, 8, 8, 16))
    weight = random.integers(-8, 9, size=(32, 16, 3, 3)).astype(np.float32)
    seen = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    assert (computed(x, weight, None, engine().machine) == np.einsum("nhwcij,ocij->nhwo", seen, weight)).all()


def test_what_is_taken_for_it() -> None:
    """3×3 windows side by side, of enough channels; no stride, dilation, other kernel or groups."""
    machine = engine().machine

    def taken(places: tuple[Axis, ...], windows: tuple[Axis, ...], groups: int = 1) -> bool:
        form = Windows("float32", windows, places, groups, 64, 64, 1, False)
        return winograd.winograd(form, machine) is not None

    windows = Axis(16, 58 * 58 * 64, 56 * 56 * 64), Axis(56, 58 * 64, 56 * 64), Axis(56, 64, 64)
    places = Axis(3, 58 * 64), Axis(3, 64)
    assert taken(places, windows)
    assert not taken((places[0], Axis(5, 64)), windows)
    assert not taken((places[0], Axis(3, 128)), windows)
    assert not taken(places, (*windows[:2], Axis(28, 128, 64)))
    assert not taken(places, windows, 2)
    assert not taken(places[1:], windows[1:])


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("samples, sizes", [(1, (17, 19)), (5, (17, 19)), (3, (70, 33)), (6, (7, 7))])
def test_eager_bits_do_not_depend_on_the_number_of_threads(samples: int, sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(samples, 32, *sizes)).astype(np.float32)
    weight = random.normal(size=(32, 32, 3, 3)).astype(np.float32)
    before, results = threads.get_num_threads(), []
    try:
        for count in (1, 2, 3, 5):
            threads.set_num_threads(count)
            results.append(prims.convolution.run(x, weight, **PADDED))
            plan = generated._in_blocks.cache_info()
            assert plan.currsize == len(results)
    finally:
        threads.set_num_threads(before)
    assert all((result == results[0]).all() for result in results)
    exact = prims.convolution.run(x.astype(np.float64), weight.astype(np.float64), **PADDED)
    assert np.abs(results[0] - exact).max() <= 2e-6 * np.abs(exact).max()


@pytest.mark.usefixtures("always")
def test_a_compiled_step_of_odd_sizes() -> None:
    def trained(compiled: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 24, 3, padding=1), nn.Tanh(), nn.Conv2d(24, 40, 3), nn.Tanh(),
                              nn.Conv2d(40, 17, 3, padding=2, bias=False)).double()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def step(x: torch.Tensor) -> torch.Tensor:
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        run = torch.compile(step) if compiled else step
        losses = [run(torch.randn(2, 3, 11, 14, dtype=torch.float64)) for _ in range(3)]
        if compiled:
            assert sum("weight of a convolution" in kernel.words for kernel in run.kernels) >= 3
        return [*losses, *[p.detach() for p in model.parameters()]]

    for got, expected in zip(trained(True), trained(False), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-11, atol=1e-12)
