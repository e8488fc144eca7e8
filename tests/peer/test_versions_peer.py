"""Whose version a write moves on, and so whether backward notices it, held against PyTorch: ``.data`` has a version of
its own, ``detach()`` and views share theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.peer.agreement import MODULES

WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "data": lambda T, x: x.data.add_(1), "a part of data": lambda T, x: x.data[0].mul_(2),
    "data by index": lambda T, x: x.data.__setitem__(0, 5.0), "data of data": lambda T, x: x.data.data.zero_(),
    "data, detached": lambda T, x: x.data.detach().add_(1), "detached": lambda T, x: x.detach().add_(1),
    "a part of detached": lambda T, x: x.detach()[0].mul_(2), "data of a view": lambda T, x: x.view(-1).data.add_(1),
    "copy_ into data": lambda T, x: x.data.copy_(T.zeros(2, 2)), "other data": lambda T, x: setattr(
        x, "data", T.zeros(2, 2)), "under no_grad": lambda T, x: _without_grad(T, x),
    "other data, written then": lambda T, x: (setattr(x, "data", T.zeros(2, 2)), x.detach().add_(1)),
    "the memory it was given": lambda T, x: _given(T, x),
}


def _without_grad(T: Any, x: Any) -> None:
    with T.no_grad():
        x.add_(1)


def _given(T: Any, x: Any) -> None:
    other = T.zeros(2, 2)
    x.data = other
    other.add_(3)


def outcome(T: Any, write: Callable[[Any, Any], Any], leaf: bool) -> list[Any]:
    start = T.ones(2, 2, requires_grad=True)
    x = start if leaf else start * 3
    y = x * x
    write(T, x)
    try:
        y.sum().backward()
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)
        return [x._version, "noticed", x.tolist()]
    return [x._version, "unnoticed", x.tolist()]


@pytest.mark.parametrize("leaf", [True, False], ids=["leaf", "result"])
@pytest.mark.parametrize("name", WRITES)
def test_writes_are_noticed_where_pytorch_notices_them(name: str, leaf: bool) -> None:
    got, want = (outcome(T, WRITES[name], leaf) for T in MODULES)
    assert got == want


def test_a_solver_may_write_through_data_what_a_step_has_read() -> None:
    """As torchdiffeq does with its times."""
    results = []
    for T in MODULES:
        y = T.ones(3, requires_grad=True)
        time = T.linspace(0.0, 1.0, 4)
        total = T.zeros(())
        for i in range(3):
            step = time[i + 1] - time[i]
            y = y + step * y
            time.data[i] -= 1
            total = total + (y * time[i + 1]).sum()
        total.backward()
        results.append(total.item())
    assert results[0] == pytest.approx(results[1])
