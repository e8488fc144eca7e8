"""The generated updates against the optimisers' own steps, parameter by parameter."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from wengert.compiler import updates

SETTINGS: list[tuple[Any, dict[str, Any]]] = [
    (torch.optim.SGD, {"lr": 0.1}),
    (torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.01}),
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (torch.optim.Adam, {}),
    (torch.optim.Adam, {"weight_decay": 0.1, "betas": (0.8, 0.99), "eps": 1e-6}),
    (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
]


def steps(make: Any, settings: dict[str, Any], dtype: Any) -> tuple[list[torch.Tensor], Any]:
    """Three steps on parameters of awkward sizes with fixed gradients."""
    torch.manual_seed(0)
    parameters = [torch.randn(n, dtype=dtype, requires_grad=True) for n in (20_001, 1, 7, 1024, 5000)]
    optimizer = make(parameters, **settings)
    for _ in range(3):
        for p in parameters:
            p.grad = torch.randn(p.shape, dtype=dtype)
        optimizer.step()
    return parameters, optimizer


@pytest.mark.parametrize(("make", "settings"), SETTINGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_group_in_one_kernel_moves_as_one_by_one(make: Any, settings: dict[str, Any], dtype: Any,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = updates.update
    monkeypatch.setattr(updates, "update", lambda *a: (calls.append(1), original(*a))[1])
    ours, ours_optimizer = steps(make, settings, dtype)
    assert len(calls) == 3
    monkeypatch.setattr(make, "_update_by_kernel", lambda self, group: False)
    theirs, theirs_optimizer = steps(make, settings, dtype)
    tolerance = 2e-6 if dtype is torch.float32 else 1e-14
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=tolerance, atol=tolerance)
        assert p._version == ours[0]._version > 0
        for name, value in theirs_optimizer.state.get(q, {}).items():
            torch.testing.assert_close(ours_optimizer.state[p][name], value, rtol=tolerance, atol=tolerance)


def test_strided_gradients_and_mixed_dtypes_go_one_by_one() -> None:
    weight = torch.zeros(200, 300, requires_grad=True)
    other = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weight, other], lr=1.0)
    weight.grad, other.grad = torch.arange(60000.0).reshape(300, 200).T, torch.ones(3, dtype=torch.float64)
    optimizer.step()
    assert weight[1, 2].item() == -(2 * 200 + 1) and other.tolist() == [-1, -1, -1]


def test_writes_by_a_kernel_are_seen_by_the_tape() -> None:
    weight = torch.ones(20_000, requires_grad=True)
    loss = (weight * weight).sum()
    weight.grad = torch.ones(20_000)
    torch.optim.SGD([weight], lr=0.5).step()
    assert weight[0].item() == 0.5
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
