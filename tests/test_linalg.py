"""Products of matrices and linear algebra: definitions, closed forms, gradients, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch

RANDOM = np.random.RandomState(0)
A = RANDOM.uniform(-1, 1, (3, 3)) + np.diag([2.0, 3, 4])
S = A @ A.T


def t(x: Any, requires_grad: bool = False) -> Any:
    return torch.tensor(np.asarray(x), requires_grad=requires_grad)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((5, 1, 2, 3), (4, 3, 2)),
        ((2, 4, 3), (3, 2)),
        ((3,), (2, 3, 2)),
        ((2, 0), (0, 3)),
    ],
)
def test_matmul_against_numpy_and_its_gradient_against_differences(x: Any, y: Any) -> None:
    a, b = RANDOM.uniform(-1, 1, x), RANDOM.uniform(-1, 1, y)
    np.testing.assert_allclose((t(a) @ t(b)).numpy(), a @ b, atol=1e-14)
    left, right = t(a, True), t(b, True)
    ct = RANDOM.uniform(-1, 1, np.shape(a @ b))
    grads = torch.autograd.grad(left @ right, (left, right), t(ct))
    da, db = RANDOM.uniform(-1, 1, x), RANDOM.uniform(-1, 1, y)
    assert (grads[0].numpy() * da).sum() + (grads[1].numpy() * db).sum() == pytest.approx(
        (ct * (da @ b + a @ db)).sum(), abs=1e-12
    )


def test_products() -> None:
    x, y = t(A), t(S)
    np.testing.assert_allclose(torch.addmm(x, x, y, beta=2, alpha=0.5).numpy(), 2 * A + 0.5 * A @ S)
    np.testing.assert_allclose(torch.einsum("ij,jk,lk->il", x, y, x).numpy(), A @ S @ A.T)
    np.testing.assert_allclose(torch.einsum("ii->", x).item(), np.trace(A))
    np.testing.assert_allclose(torch.tensordot(x, y, 2).item(), (A * S).sum())
    np.testing.assert_allclose(torch.kron(x, y).numpy(), np.kron(A, S))
    np.testing.assert_allclose(torch.linalg.cross(x, y).numpy(), np.cross(A, S))
    np.testing.assert_allclose(torch.cdist(x, y).numpy(), np.linalg.norm(A[:, None] - S[None], axis=-1))
    np.testing.assert_allclose(torch.linalg.multi_dot([x, y, x]).numpy(), A @ S @ A)
    assert x.trace().item() == pytest.approx(np.trace(A)) and torch.outer(x[0], y[0]).shape == (3, 3)


def test_trace_is_the_method_and_of_matrices_alone() -> None:
    x = t(A, True)
    for found in (torch.trace(x), torch.trace(input=x), x.trace()):
        assert found.item() == pytest.approx(np.trace(A)) and found.grad_fn.name() == "TraceBackward0"
        assert torch.autograd.grad(found, x)[0].equal(t(np.eye(3)))
    for wrong in (torch.ones(2, 2, 2), torch.ones(3)):
        with pytest.raises(RuntimeError, match=f"expected a matrix, but got tensor with dim {wrong.dim()}"):
            torch.trace(wrong)
    with pytest.raises(TypeError, match="must be Tensor, not function"):
        torch.trace(t)


def test_decompositions_put_together_again() -> None:
    x, y = t(A), t(S)
    q, r = torch.linalg.qr(x)
    u, s, vh = torch.linalg.svd(x)
    w, v = torch.linalg.eigh(y)
    values, vectors = torch.linalg.eig(x)
    p, lower, upper = torch.linalg.lu(x)
    factor = torch.linalg.cholesky(y)
    for rebuilt, original in [
        (q @ r, A),
        (u * s @ vh, A),
        (v * w @ v.mT, S),
        (p @ lower @ upper, A),
        (factor @ factor.mT, S),
        ((vectors * values @ torch.linalg.inv(vectors)).real, A),
    ]:
        np.testing.assert_allclose(rebuilt.numpy(), original, atol=1e-12)


def test_inverses_and_solutions() -> None:
    x, b = t(A), t(A[:, :2])
    np.testing.assert_allclose((torch.inverse(x) @ x).numpy(), np.eye(3), atol=1e-14)
    np.testing.assert_allclose((x @ torch.linalg.solve(x, b)).numpy(), A[:, :2], atol=1e-14)
    tall = RANDOM.uniform(-1, 1, (5, 2))
    np.testing.assert_allclose(torch.linalg.pinv(t(tall)).numpy(), np.linalg.pinv(tall), atol=1e-13)
    target = RANDOM.uniform(-1, 1, (5, 1))
    np.testing.assert_allclose(
        torch.linalg.lstsq(t(tall), t(target)).solution.numpy(),
        np.linalg.lstsq(tall, target, rcond=None)[0],
        atol=1e-13,
    )
    np.testing.assert_allclose(torch.linalg.matrix_power(x, -2).numpy(), np.linalg.matrix_power(A, -2), atol=1e-13)
    assert torch.linalg.matrix_rank(t(np.outer([1.0, 2], [3.0, 4]))).item() == 1


def test_matrix_exponential_of_a_rotation() -> None:
    angle = t(2.0, True)
    turn = torch.matrix_exp(angle * t([[0.0, -1], [1, 0]]))
    np.testing.assert_allclose(turn.detach().numpy(), [[np.cos(2), -np.sin(2)], [np.sin(2), np.cos(2)]], atol=1e-14)
    assert torch.autograd.grad(turn[1, 0], angle)[0].item() == pytest.approx(np.cos(2))


def test_gradients_with_closed_forms() -> None:
    x = t(A, True)
    np.testing.assert_allclose(torch.autograd.grad(torch.logdet(x), x)[0].numpy(), np.linalg.inv(A).T, atol=1e-13)
    np.testing.assert_allclose(
        torch.autograd.grad(torch.det(x), x)[0].numpy(), np.linalg.det(A) * np.linalg.inv(A).T, atol=1e-11
    )
    u, _, vh = np.linalg.svd(A)
    np.testing.assert_allclose(torch.autograd.grad(torch.linalg.svdvals(x).sum(), x)[0].numpy(), u @ vh, atol=1e-13)


def test_the_determinant_of_a_singular_matrix_has_the_gradient_of_its_cofactors() -> None:
    x = t(np.diag([1.0, 2, 0]), True)
    np.testing.assert_allclose(torch.autograd.grad(torch.det(x), x)[0].numpy(), np.diag([0, 0, 2.0]), atol=1e-14)


def test_linear_regression_in_closed_form() -> None:
    """The normal equations, as the lecture checks its fit."""
    features = np.c_[np.ones(20), RANDOM.uniform(-1, 1, (20, 2))]
    weights = np.array([0.5, -1, 2])
    x, y = t(features), t(features @ weights)
    np.testing.assert_allclose((torch.inverse(x.T @ x) @ x.T @ y).numpy(), weights, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "kind", "match"),
    [
        (lambda: torch.ones(2, 3) @ torch.ones(2, 3), RuntimeError, "cannot be multiplied"),
        (lambda: torch.mm(torch.ones(2), torch.ones(2, 2)), RuntimeError, "matrix"),
        (lambda: torch.ones(2, 2) @ torch.ones(2, 2, dtype=torch.float64), RuntimeError, "same dtype"),
        (lambda: torch.inverse(torch.zeros(2, 2)), torch.linalg.LinAlgError, "singular"),
        (lambda: torch.inverse(torch.ones(2, 3)), RuntimeError, "square"),
        (lambda: torch.linalg.cholesky(-torch.eye(2)), RuntimeError, "positive-definite"),
        (lambda: torch.einsum("ij,jk", torch.ones(2, 3), torch.ones(2, 3)), RuntimeError, "einsum"),
        (lambda: torch.dot(torch.ones(2), torch.ones(3)), RuntimeError, "inconsistent"),
        (lambda: torch.bmm(torch.ones(2, 3, 4), torch.ones(2, 3, 4)), RuntimeError, "Expected size"),
        (lambda: torch.linalg.norm(torch.ones(2, 2), 7), RuntimeError, "not supported"),
    ],
)
def test_wrong_input(call: Any, kind: Any, match: str) -> None:
    with pytest.raises(kind, match=match):
        call()
