"""`lobpcg` beside PyTorch's, whose signs of vectors are as open as here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import wengert

pytestmark = pytest.mark.filterwarnings("ignore:Sparse")


def symmetric(m: int, seed: int = 0, complex_: bool = False) -> Any:
    numbers = np.random.default_rng(seed)
    a = numbers.standard_normal((m, m)) + (1j * numbers.standard_normal((m, m)) if complex_ else 0)
    return a @ a.conj().T / m + np.diag(np.arange(1.0, m + 1))


@pytest.mark.parametrize("largest", [True, False, None])
@pytest.mark.parametrize(("m", "k"), [(9, 1), (12, 4), (60, 3)])
def test_eigenpairs(m: int, k: int, largest: bool | None) -> None:
    a = symmetric(m)
    theirs, _ = torch.lobpcg(torch.tensor(a), k, largest=largest, tol=1e-10)
    values, vectors = wengert.lobpcg(wengert.tensor(a), k, largest=largest, tol=1e-10)
    np.testing.assert_allclose(values.numpy(), theirs.numpy(), rtol=1e-9)
    x = vectors.numpy()
    np.testing.assert_allclose(a @ x, x * values.numpy(), atol=1e-7)
    np.testing.assert_allclose(x.T @ x, np.eye(k), atol=1e-10)


@pytest.mark.parametrize("layout", ["to_sparse", "to_sparse_csr"])
def test_sparse_matrices(layout: str) -> None:
    a = np.where(abs(symmetric(30)) > 0.2, symmetric(30), 0)
    theirs, ours = (getattr(lib.tensor(a), layout)() for lib in (torch, wengert))
    np.testing.assert_allclose(wengert.lobpcg(ours, 3)[0].numpy(), torch.lobpcg(theirs, 3)[0].numpy(), rtol=1e-6)


def test_batches_second_matrices_starts_and_preconditioners() -> None:
    a, b = np.stack([symmetric(15, seed) for seed in range(4)]).reshape(2, 2, 15, 15), symmetric(15, 9)
    start = np.random.default_rng(3).standard_normal((15, 3))
    found = []
    for lib in (torch, wengert):
        many, one, other = lib.tensor(a), lib.tensor(a[0, 0]), lib.tensor(b)
        found.append([lib.lobpcg(many, 2, tol=1e-10)[0], lib.lobpcg(one, 2, B=other, tol=1e-10)[0],
                      lib.lobpcg(one, X=lib.tensor(start), tol=1e-10)[0],
                      lib.lobpcg(one, 2, n=4, largest=False, iK=lib.linalg.inv(one), tol=1e-10)[0],
                      lib.lobpcg(one.float(), 2)[0].double()])
    for theirs, ours in zip(*found, strict=True):
        assert tuple(ours.shape) == tuple(theirs.shape)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)


def test_hermitian_matrices() -> None:
    a = symmetric(20, 1, True)
    values, vectors = wengert.lobpcg(wengert.tensor(a), 3, tol=1e-10)
    np.testing.assert_allclose(values.numpy(), np.linalg.eigvalsh(a)[::-1][:3], rtol=1e-9)
    np.testing.assert_allclose(a @ vectors.numpy(), vectors.numpy() * values.numpy(), atol=1e-7)


def test_gradients() -> None:
    a, weights = symmetric(12, 2), np.random.default_rng(5).standard_normal((13, 2))
    found = []
    for lib in (torch, wengert):
        matrix, w = lib.tensor(a, requires_grad=True), lib.tensor(weights)
        values, vectors = lib.lobpcg(matrix, 2, tol=1e-12)
        signs = vectors.detach().sum(0).sign()
        ((w[0] * values).sum() + (w[1:] * vectors * signs).sum()).backward()
        found.append(matrix.grad.numpy())
    np.testing.assert_allclose(*found, atol=1e-8)


def test_refusals() -> None:
    for lib in (torch, wengert):
        a = lib.tensor(symmetric(6))
        with pytest.raises(ValueError, match="not applicable"):
            lib.lobpcg(a, 3)
        with pytest.raises((ValueError, RuntimeError)):
            lib.lobpcg(a.requires_grad_(), 1, B=lib.tensor(symmetric(6)))[0].sum().backward()
    with pytest.raises(ValueError, match="a method"):
        wengert.lobpcg(wengert.tensor(symmetric(6)), 1, method="other")
