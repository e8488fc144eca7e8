"""Shadows: what is owed lies as what evaluation gives, and has its numbers when it is asked for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.test_primitives import samples_of
from wengert.core.primitive import P, Primitive, evaluate
from wengert.tracing import shadows
from wengert.tracing.shadows import Shadows

WAYS = ("in rows", "turned", "in columns")


@pytest.fixture(autouse=True)
def everything_is_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadows, "WORTH", 0)


def laid(x: Any, way: str) -> Any:
    """An operand of the same elements that lies in memory in this way."""
    if not isinstance(x, np.ndarray) or not x.ndim:
        return x
    if way == "in rows":
        return np.ascontiguousarray(x)
    if way == "in columns":
        return np.asfortranarray(x)
    return np.ascontiguousarray(x.swapaxes(0, -1)).swapaxes(0, -1) if x.ndim > 1 else np.repeat(x, 2)[::2]


def parts(primitive: Primitive, found: Any) -> list[np.ndarray]:
    return [np.asarray(part) for part in (found if primitive.multiple else (found,))]


def layout(x: np.ndarray) -> Any:
    return x.shape, x.dtype, [s for n, s in zip(x.shape, x.strides, strict=True) if n > 1] if x.size else ()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("primitive", [p for p in P if samples_of(p) and p.kind not in ("view", "random")],
                         ids=lambda p: p.name)
def test_what_is_owed_lies_as_what_evaluation_gives(primitive: Primitive, way: str) -> None:
    for operands, params in samples_of(primitive):
        operands = [laid(x, way) for x in operands]
        owing = Shadows()
        # Every operand that lies in rows is owed itself.
        values = [owing.evaluate(P.add, (x, np.zeros_like(x)), {}) if isinstance(x, np.ndarray) and x.dtype.kind == "f"
                  and x.flags.c_contiguous else x for x in operands]
        found = parts(primitive, owing.evaluate(primitive, values, params))
        wanted = parts(primitive, evaluate(primitive, operands, params))
        assert [*map(layout, found)] == [*map(layout, wanted)]
        for part, true in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(owing.known(part), true)


def test_a_view_of_what_is_owed_is_paid_with_it() -> None:
    owing = Shadows()
    x = np.arange(6.0).reshape(2, 3)
    doubled = owing.evaluate(P.add, (x, x), {})
    turned = owing.evaluate(P.permute, (doubled,), {"dims": (1, 0)})
    assert turned.base is doubled
    np.testing.assert_array_equal(owing.known(turned), 2 * x.T)
    np.testing.assert_array_equal(doubled, 2 * x)


def test_what_numbers_decide_is_paid_first() -> None:
    owing = Shadows()
    square = owing.evaluate(P.matmul, (np.eye(3) * 2, np.eye(3)), {})
    np.testing.assert_array_equal(owing.evaluate(P.cholesky, (square,), {}), np.eye(3) * np.sqrt(2.0))
    loss = owing.evaluate(P.binary_cross_entropy, (owing.evaluate(P.sigmoid, (np.zeros(3),), {}), np.ones(3)), {})
    assert loss == pytest.approx(np.log(2))


def test_a_long_chain_is_paid_without_recursion() -> None:
    owing = Shadows()
    x: Any = np.zeros(4)
    for _ in range(5000):
        x = owing.evaluate(P.add, (x, 1.0), {})
    np.testing.assert_array_equal(owing.known(x), np.full(4, 5000.0))


def test_nothing_is_paid_while_a_step_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadows, "WORTH", 64)
    run: list[str] = []

    def noting(primitive: Primitive, values: Any, params: Any) -> Any:
        large = [x for x in values if isinstance(x, np.ndarray) and x.size >= 64]
        run.extend([primitive.name] if large and primitive.kind != "view" else [])
        return evaluate(primitive, values, params)

    monkeypatch.setattr(shadows, "evaluate", noting)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Flatten(),
                                torch.nn.Linear(8 * 36, 10))
    optimizer = torch.optim.Adam(model.parameters())

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    torch.capture(step).record(torch.randn(16, 3, 8, 8), torch.randint(0, 10, (16,)))
    assert set(run) <= {"nll_loss", "view_adjoint"}
    run.clear()


def test_a_class_out_of_range_is_found_while_recording() -> None:
    def step(x: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(x * 2, y)

    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        torch.capture(step).record(torch.randn(16, 5), torch.full((16,), 7))
