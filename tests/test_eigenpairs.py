"""`lobpcg` without PyTorch: how its pairs move with the matrix, in both directions."""

from __future__ import annotations

from typing import Any

import wengert as torch


def largest(a: Any) -> Any:
    return torch.lobpcg(a, k=1)[0]


def test_eigenvalues_move_alike_forward_and_back() -> None:
    a = torch.diag(torch.arange(1.0, 7.0, dtype=torch.float64)) + 0.1
    along = torch.ones_like(a)
    value, moved = torch.func.jvp(largest, (a,), (along,))
    (vector,) = torch.linalg.eigh(a).eigenvectors.mT[-1:]
    assert torch.allclose(value, torch.linalg.eigvalsh(a)[-1:])
    assert torch.allclose(moved, (vector @ along @ vector)[None])
    leaf = a.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(largest(leaf), leaf)
    assert torch.allclose((gradient * along).sum()[None], moved)
