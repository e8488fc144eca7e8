"""Reductions, scans and statistics: closed forms, dtypes, ties, named results."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import wengert as torch

X = np.random.RandomState(0).uniform(-2, 2, (2, 3, 4))


@pytest.mark.parametrize("dim", [None, 0, -1, (0, 2), (1,)])
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "std", "var", "all", "any", "logsumexp"])
def test_against_numpy(name: str, dim: Any) -> None:
    expected = {
        "amax": np.max,
        "amin": np.min,
        "std": lambda x, axis: np.std(x, axis=axis, ddof=1),
        "var": lambda x, axis: np.var(x, axis=axis, ddof=1),
        "logsumexp": lambda x, axis: np.log(np.exp(x).sum(axis=axis)),
    }
    reference = expected.get(name) or getattr(np, name)
    if dim is None and name in ("amax", "amin", "logsumexp"):
        dim = (0, 1, 2)
    x = torch.tensor(X)
    result = getattr(x, name)() if dim is None else getattr(x, name)(dim)
    np.testing.assert_allclose(result.numpy(), reference(X, axis=dim), rtol=1e-12)
    if dim is not None:
        assert getattr(x, name)(dim, keepdim=True).ndim == 3


def test_dtypes() -> None:
    for dtype in (torch.bool, torch.uint8, torch.int32):
        x = torch.ones(3, dtype=dtype)
        assert x.sum().dtype is torch.int64 and x.prod(0).dtype is torch.int64 and x.cumsum(0).dtype is torch.int64
    assert torch.ones(3, dtype=torch.uint8).all().dtype is torch.uint8
    assert torch.ones(2, dtype=torch.int64).sum(dtype=torch.float32).dtype is torch.float32
    with pytest.raises(RuntimeError, match="could not infer output dtype"):
        torch.ones(2, dtype=torch.int64).mean()


def test_half_precision_is_summed_in_float32() -> None:
    x = torch.full((4096,), 1.0, dtype=torch.float16) * 0.1
    assert abs(x.sum().item() - 409.5) < 1 and x.sum().dtype is torch.float16


def test_ties_share_gradients_in_whole_extremes_and_go_to_the_first_along_a_dimension() -> None:
    x = torch.tensor([[1.0, 3, 3], [2, 2, 0]], requires_grad=True)
    assert torch.autograd.grad(x.max(), x)[0].tolist() == [[0, 0.5, 0.5], [0, 0, 0]]
    assert torch.autograd.grad(x.max(1).values.sum(), x)[0].tolist() == [[0, 1, 0], [1, 0, 0]]
    assert torch.autograd.grad(x.amax(1).sum(), x)[0].tolist() == [[0, 0.5, 0.5], [0.5, 0.5, 0]]


def test_named_results() -> None:
    result = torch.tensor([[1.0, 3], [2, 0]]).max(1)
    values, indices = result
    assert values is result.values and indices.tolist() == [1, 0]
    assert repr(result) == "torch.return_types.max(\nvalues=tensor([3., 2.]),\nindices=tensor([1, 0]))"
    again = pickle.loads(pickle.dumps(result))
    assert again.values.tolist() == [3.0, 2.0] and type(again) is type(result)


def test_norms_and_their_gradient_at_zero() -> None:
    x = torch.tensor([3.0, 4.0])
    assert x.norm().item() == 5 and x.norm(1).item() == 7 and x.norm(float("inf")).item() == 4 and x.norm(0).item() == 2
    zero = torch.zeros(2, requires_grad=True)
    for p in (1, 1.5, 2, 3, float("inf")):
        assert torch.autograd.grad(zero.norm(p), zero)[0].tolist() == [0, 0]


def test_products_with_zeros_have_gradients() -> None:
    x = torch.tensor([2.0, 0.0, 3.0], requires_grad=True)
    assert torch.autograd.grad(x.prod(), x)[0].tolist() == [0, 6, 0]
    assert torch.autograd.grad(x.cumprod(0).sum(), x)[0].tolist() == [1, 8, 0]


def test_softmax_of_large_numbers() -> None:
    x = torch.tensor([1000.0, 1000.0, -1000.0])
    assert x.softmax(0).tolist() == [0.5, 0.5, 0.0]
    np.testing.assert_allclose(x.log_softmax(0).numpy()[:2], -np.log(2), rtol=1e-6)
    assert x.logsumexp(0).item() == pytest.approx(1000 + np.log(2), rel=1e-6)


def test_scans_and_integrals() -> None:
    x = torch.tensor([3.0, 1.0, 4.0, 1.0])
    assert x.cumsum(0).tolist() == [3, 4, 8, 9] and x.cumprod(0).tolist() == [3, 3, 12, 12]
    assert x.cummax(0).indices.tolist() == [0, 0, 2, 2] and x.cummin(0).indices.tolist() == [0, 1, 1, 3]
    assert x.diff().tolist() == [-2, 3, -3] and torch.trapezoid(x).item() == 7
    assert torch.cumulative_trapezoid(x).tolist() == [2, 4.5, 7]


def test_order_statistics() -> None:
    x = torch.tensor([3.0, 1.0, 4.0, 1.0])
    assert x.median().item() == 1 and x.quantile(0.5).item() == 2 and x.mode().values.item() == 1
    assert torch.tensor([1.0, float("nan"), 3.0]).nanmedian().item() == 1
    np.testing.assert_allclose(torch.tensor(X).quantile(0.3, 1).numpy(), np.quantile(X, 0.3, axis=1))
    np.testing.assert_allclose(torch.tensor(X[0]).cov().numpy(), np.cov(X[0]))
    np.testing.assert_allclose(torch.tensor(X[0]).corrcoef().numpy(), np.corrcoef(X[0]))


def test_counts() -> None:
    assert torch.bincount(torch.tensor([0, 2, 2]), minlength=4).tolist() == [1, 0, 2, 0]
    assert torch.histc(torch.tensor([0.0, 1.0, 1.0]), bins=2).tolist() == [1, 2]
    hist, edges = torch.histogram(torch.tensor([0.0, 1.0, 1.0]), 2)
    assert hist.tolist() == [1, 2] and edges.tolist() == [0, 0.5, 1]
    assert torch.tensor([[1, 0], [2, 3]]).count_nonzero(0).tolist() == [2, 1]


def test_axis_and_keepdims_are_understood_and_out_is_filled() -> None:
    x, target = torch.tensor(X), torch.zeros(0, dtype=torch.float64)
    assert x.sum(axis=1, keepdims=True).shape == (2, 1, 4)
    assert torch.sum(x, 0, out=target) is target
    np.testing.assert_allclose(target.numpy(), X.sum(0))


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: torch.ones(2).sum(1), IndexError),
        (lambda: torch.ones(2, 2).sum((0, 0)), RuntimeError),
        (lambda: torch.ones(0).max(), RuntimeError),
        (lambda: torch.ones(2, 0).max(1), IndexError),
        (lambda: torch.ones(2).quantile(2.0), RuntimeError),
        (lambda: torch.ones(2).sum(0.5), TypeError),
        (lambda: torch.bincount(torch.tensor([-1])), RuntimeError),
        (lambda: torch.ones(2, dtype=torch.int64).softmax(0), RuntimeError),
    ],
)
def test_wrong_input(call: Any, kind: Any) -> None:
    with pytest.raises(kind):
        call()
