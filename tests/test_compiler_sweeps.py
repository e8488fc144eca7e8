"""Generated normalisation and softmax against numpy's in float64, over layouts, dtypes and odd sizes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.compiler import normalization, softmax, threads
from wengert.compiler.kernels import generated_code_is_possible
from wengert.prims import normalization as norms
from wengert.prims import softmaxes

pytestmark = pytest.mark.skipif(not generated_code_is_possible(), reason="there is no generated code here")

PRECISION = {"float32": 2e-5, "float64": 1e-12}
NEVER = 10**12

# shape, reduced dimensions, whether weights go along a run
LAYOUTS = [
    ((32, 16, 32, 32), (0, 2, 3), False), ((5, 3, 7, 13), (0, 2, 3), False), ((1, 1, 9001), (0, 2), False),
    ((12, 64, 128), (2,), True), ((9, 37), (1,), True), ((4, 3, 5, 9), (2, 3), True), ((4, 3, 5, 9), (2, 3), False),
    ((2, 10001), (1,), True), ((3, 8), (1,), False),
]


def wide(*arrays: Any) -> list[Any]:
    return [None if a is None else a.astype(np.float64) for a in arrays]


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize(("shape", "dim", "along"), LAYOUTS)
def test_normalisation_and_its_gradient(
    shape: Any, dim: Any, along: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal = np.random.default_rng(0).normal
    near = PRECISION[dtype]
    kept = tuple(1 if d in dim else size for d, size in enumerate(shape))
    x, g = (3 * normal(size=shape) + 5).astype(dtype), normal(size=shape).astype(dtype)
    for weighted, biased in product((True, False), repeat=2):
        weight, bias = [normal(size=shape[-len(dim):] if along else kept).astype(dtype) if there else None
                        for there in (weighted, biased)]
        ours = normalization.normalize(x, weight, bias, dim, 1e-5)
        assert ours is not None
        shapes = [shape, *[() if a is None else a.shape for a in (weight, bias)]][: 3 if biased else 1 + weighted]
        needs = tuple(size != () for size in shapes)
        given = {"dim": dim, "eps": 1e-5}
        monkeypatch.setattr(norms, "LARGE", 0)
        grads = norms._tuned(g, x, weight, *ours[1:], given, needs, shapes)
        monkeypatch.setattr(norms, "LARGE", NEVER)
        for mine, theirs in zip(ours, norms._normalize(np, *wide(x, weight, bias), **given), strict=True):
            assert mine.dtype == dtype and mine.shape == theirs.shape
            np.testing.assert_allclose(mine, theirs, near, near)
        expected = norms._tuned(*wide(g, x, weight, *ours[1:]), given, needs, shapes)
        for mine, theirs in zip(grads, expected, strict=True):
            assert (mine is None) == (theirs is None)
            if mine is not None:
                assert mine.dtype == dtype and mine.shape == theirs.shape
                np.testing.assert_allclose(mine, theirs, 10 * near, near * np.abs(theirs).max())


def test_sums_are_more_exact_than_those_of_float32() -> None:
    """A mean of a million far from zero: float32 partial sums would lose three digits of the variance."""
    x = (np.random.default_rng(0).normal(size=(1, 1_000_003)) + 1000).astype(np.float32)
    found = normalization.normalize(x, None, None, (1,), 0.0)
    assert found is not None
    exact = x.astype(np.float64)
    assert found[1].item() == pytest.approx(exact.mean(), rel=1e-7)
    assert found[2].item() == pytest.approx(exact.var(), rel=1e-6)


def test_nan_infinity_and_equal_elements_stay_in_their_group() -> None:
    x = np.random.default_rng(0).normal(size=(4, 5, 6, 7)).astype(np.float32)
    x[2, 1, 3, 3], x[0, 3, 0, 0], x[:, 4] = np.nan, np.inf, 2.5
    out = normalization.normalize(x, None, None, (0, 2, 3), 1e-5)
    assert out is not None
    assert np.isnan(out[0][:, [1, 3]]).all() and np.isfinite(out[0][:, [0, 2, 4]]).all()
    assert (out[0][:, 4] == 0).all() and out[2].ravel()[4] == 0


@pytest.mark.parametrize(("shape", "dim", "weight"), [
    ((6, 4), (0,), (1, 4)),  # the elements of a channel are no neighbours
    ((3, 4, 5), (1,), (1, 4, 1)),
    ((3, 4, 9), (2,), (4, 9)),  # a weight for every row and place
    ((3, 4), (1,), (4,)),  # short rows
])
def test_what_is_left_to_numpy(shape: Any, dim: Any, weight: Any) -> None:
    assert normalization.normalize(np.ones(shape), np.ones(weight), None, dim, 1e-5) is None
    assert normalization.normalize(np.ones((4, 9), np.float16), None, None, (1,), 1e-5) is None
    assert softmax.softmax(np.ones((4, 9), np.float16), False) is None


def test_layers_with_large_inputs_meet_generated_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and backward, with an input and a cotangent that are no plain rows."""
    functional = torch.nn.functional
    torch.manual_seed(0)
    leaves = [torch.randn(32, 64, 40, dtype=torch.float64, requires_grad=True),
              torch.randn(40, dtype=torch.float64, requires_grad=True),
              torch.randn(40, dtype=torch.float64, requires_grad=True),
              torch.randn(64, dtype=torch.float64, requires_grad=True)]

    def grads() -> Any:
        x, weight, bias, channels = leaves
        y = functional.layer_norm(x, (40,), weight, bias).transpose(1, 2).log_softmax(-1)
        y = functional.batch_norm(y.transpose(1, 2), None, None, channels, None, True).softmax(-1)
        return torch.autograd.grad((y * x.sin()).transpose(0, 2).sum(), leaves)

    calls: list[str] = []

    def counted(name: str, function: Any) -> Any:
        return lambda *operands: calls.append(name) or function(*operands)

    for module, name in ((normalization, "normalize"), (normalization, "normalize_gradient"), (softmax, "softmax"),
                         (softmax, "softmax_gradient")):
        monkeypatch.setattr(module, name, counted(name, getattr(module, name)))
    ours = grads()
    assert sorted(calls) == sorted(["normalize", "normalize_gradient", "softmax", "softmax_gradient"] * 2)
    monkeypatch.setattr(norms, "LARGE", NEVER)
    monkeypatch.setattr(softmaxes, "LARGE", NEVER)
    for mine, theirs in zip(ours, grads(), strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), 1e-10, 1e-12)


def test_a_bias_along_rows_without_a_weight_has_a_gradient() -> None:
    x, bias = torch.randn(3, 4), torch.zeros(4, requires_grad=True)
    torch.nn.functional.layer_norm(x, (4,), None, bias).sum().backward()
    assert bias.grad.tolist() == [3.0] * 4


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("shape", [(12, 4, 64, 64), (2048, 80), (100, 7), (3, 10001), (5, 1), (4, 130), (33, 17)])
@pytest.mark.parametrize("logarithm", [False, True])
def test_softmax_and_its_gradient(
    shape: Any, logarithm: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal = np.random.default_rng(0).normal
    x, ct = (4 * normal(size=shape)).astype(dtype), normal(size=shape).astype(dtype)
    near = 1e-14 if dtype == "float64" else 3e-6
    monkeypatch.setattr(softmaxes, "LARGE", NEVER)
    evaluate = softmaxes._normalised(logarithm)
    vjp = softmaxes._log_softmax_vjp if logarithm else softmaxes._softmax_vjp
    dim = len(shape) - 1
    ours = softmax.softmax(x, logarithm)
    assert ours is not None and ours.dtype == dtype
    np.testing.assert_allclose(ours, evaluate(np, x.astype(np.float64), dim), 3 * near, near)
    grad = softmax.softmax_gradient(ct, ours, logarithm)
    expected = vjp(*wide(ct), (None, *wide(ours), None), {"dim": dim}, (True,))[0]
    np.testing.assert_allclose(grad, expected, 5 * near, 3 * near * np.abs(expected).max())
    for special in (np.nan, np.inf, -np.inf):
        x[0] = special
        x[-1, ..., -1] = special
        with np.errstate(all="ignore"):
            theirs = evaluate(np, x, dim)
        np.testing.assert_allclose(softmax.softmax(x, logarithm), theirs, 1e-5, near)


def test_results_are_the_same_bits_for_any_number_of_threads() -> None:
    normal = np.random.default_rng(1).normal
    x, g, weight = (normal(size=shape).astype(np.float32) for shape in ((300, 200), (300, 200), (200,)))
    before, results = threads.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            forward = normalization.normalize(x, weight, weight, (1,), 1e-5)
            assert forward is not None
            back = normalization.normalize_gradient(g, x, weight, *forward[1:], (1,), 1e-5, [(200,), (200,)])
            assert back is not None
            results.append([*forward, *back, softmax.softmax(x, True)])
    finally:
        threads.set_num_threads(before)
    for other in results[1:]:
        assert all((a == b).all() for a, b in zip(results[0], other, strict=True))
