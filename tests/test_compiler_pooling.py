"""Generated code for maxima of windows against numpy's passes, bit for bit, and on any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.core.errors import ShapeError
from wengert.prims import pooling

SHAPES = ((128, 6, 28, 28), (64, 16, 10, 10), (7, 31, 33), (300, 5, 5), (40, 9, 64), (3, 20000), (17, 12, 23))
GEOMETRIES: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((2, 2), (2, 2), (0, 0), (1, 1)), ((3, 3), (2, 2), (1, 1), (1, 1)), ((2, 2), (1, 1), (0, 0), (1, 1)),
    ((3, 2), (2, 1), (1, 0), (1, 2)), ((2, 2), (3, 2), (0, 0), (2, 1)), ((1, 2), (1, 2), (0, 0), (1, 1)),
    ((3, 4), (3, 2), (1, 1), (1, 2)), ((4,), (2,), (1,), (1,)), ((2,), (2,), (0,), (1,)),
    ((5, 5), (2, 2), (2, 2), (1, 1)))


def both(monkeypatch: pytest.MonkeyPatch, run: Any, *arguments: Any) -> tuple[Any, Any]:
    """What generated code gives, and numpy."""
    found = run(np, *arguments)
    with monkeypatch.context() as patched:
        patched.setattr(pooling, "_generated", lambda x: None)
        return found, run(np, *arguments)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_bits_as_numpy(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], dtype: str) -> None:
    rng, tried = np.random.default_rng(0), 0
    x = rng.integers(-3, 4, shape).astype(dtype)  # many equal ones
    x[rng.random(shape) < 0.05] = np.nan
    x[rng.random(shape) < 0.05] = -np.inf
    for size, stride, padding, dilation in GEOMETRIES:
        for ceil in (False, True):
            geometry = (size, stride, padding, dilation)
            try:
                best, wanted = both(monkeypatch, pooling._max_pool, x, *geometry, ceil)
            except ShapeError:
                continue  # windows larger than the input
            np.testing.assert_array_equal(best, wanted)
            winner, wanted = both(monkeypatch, pooling._winner, x, best, *geometry)
            assert winner.dtype == wanted.dtype
            np.testing.assert_array_equal(winner, wanted)
            ct = rng.random(best.shape).astype(dtype)
            ct[rng.random(best.shape) < 0.05] = np.inf
            sizes = shape[len(shape) - len(size):]
            np.testing.assert_array_equal(*both(monkeypatch, pooling._put, ct, winner, *geometry, sizes))
            tried += 1
    assert tried >= 4


def test_generated_code_is_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from wengert.compiler import pooling as generated

    runs = []
    kept = generated._run
    monkeypatch.setattr(generated, "_run", lambda write, *rest: (runs.append(write.__name__), kept(write, *rest))[1])
    x = torch.randn(16, 6, 28, 28, requires_grad=True)
    torch.nn.functional.max_pool2d(x, 2).sum().backward()
    assert runs == ["_maxima_text", "_maxima_text", "_winners_text", "_put_text"]
    assert float(x.grad.sum()) == 16 * 6 * 14 * 14


def test_any_number_of_threads() -> None:
    x = torch.randn(64, 6, 28, 28)
    usual = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            leaf = x.clone().requires_grad_()
            out = torch.nn.functional.max_pool2d(leaf, 2)
            out.pow(2).sum().backward()
            found.append((out.detach().numpy(), leaf.grad.numpy()))
    finally:
        torch.set_num_threads(usual)
    for out, grad in found[1:]:
        np.testing.assert_array_equal(out, found[0][0])
        np.testing.assert_array_equal(grad, found[0][1])
