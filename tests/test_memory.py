"""No reference cycles: with the garbage collector off nothing is left behind."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wengert as torch
from wengert.autograd import grad


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left_behind(step: Callable[[], Any], times: int = 20) -> int:
    """How many tracked objects ``times`` runs of ``step`` leave, after a few to warm up."""
    for _ in range(3):
        step()
    before = len(gc.get_objects())
    for _ in range(times):
        step()
    return len(gc.get_objects()) - before


x = torch.ones(4, 4, requires_grad=True)
w = torch.full((4, 4), 0.5, requires_grad=True)


def plain() -> None:
    (x @ w).exp().sum().backward()


def unused_graph() -> None:
    y = (x @ w).exp()
    y.sum()
    _ = y[0]


def second_order() -> None:
    (g,) = grad((x * x * x).sum(), x, create_graph=True)
    g.sum().backward()


def views_and_writes() -> None:
    y = x * w
    part = y[1:].t()
    part.mul_(2)
    y[0] = w[0]
    z = y.detach()
    z.add_(1)
    (part * part).sum().backward()


def hooks() -> None:
    y = x * w
    y.register_hook(lambda g: g * 2)
    y.retain_grad()
    y.grad_fn.register_hook(lambda inputs, outputs: None)
    y.sum().backward()


def several_outputs() -> None:
    values, _ = torch.sort(x * w, dim=1)
    values.sum().backward()


def function() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y = x * x
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            x, _ = ctx.saved_tensors
            return ct * 2 * x

    step = Square.apply
    nodes = []
    y = step(x)
    nodes.append(weakref.ref(y.grad_fn))
    y.sum().backward()
    del y
    assert nodes[0]() is None


def lines() -> None:
    with torch.autograd.detect_anomaly():
        (x * w).sum().backward()


def refused() -> None:
    try:
        x.add_(1)
    except RuntimeError:
        pass


def failing() -> None:
    y = x * w
    y.register_hook(lambda g: g[:1])
    try:
        y.sum().backward()
    except RuntimeError:
        pass


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize(
    "step", [plain, unused_graph, second_order, views_and_writes, hooks, several_outputs, lines, refused, failing]
)
def test_steps_leave_no_objects(step: Callable[[], None]) -> None:
    assert left_behind(step) <= 3


def test_function_leaves_no_node() -> None:
    function()


def test_training_does_not_grow() -> None:
    inputs, targets = torch.ones(32, 8), torch.zeros(32, 1)
    weight = torch.full((1, 8), 0.1, requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)

    def step() -> None:
        loss = ((inputs @ weight.t() + bias - targets) ** 2).mean()
        weight.grad = bias.grad = None
        loss.backward()
        with torch.no_grad():
            for p in (weight, bias):
                p -= 0.01 * p.grad

    assert left_behind(step, 100) <= 3
    tracemalloc.start()
    try:
        for _ in range(20):
            step()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            step()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 200 * 100, "less than an array a step (Python's own free lists fill up)"


def test_a_graph_goes_with_its_last_tensor() -> None:
    y = (x * w).exp()
    arrays = [weakref.ref(y.grad_fn), weakref.ref(y._data)]
    z = y.sum()
    del y
    assert arrays[0]() is not None
    del z
    assert [reference() for reference in arrays] == [None, None]


def test_saved_values_go_as_backward_proceeds() -> None:
    y = (x * w).exp()
    saved = weakref.ref(y._data)
    z = y.sum()
    del y
    z.backward()
    assert saved() is None and z.requires_grad


def test_a_leaf_goes_with_its_gradient() -> None:
    p = torch.ones(3, requires_grad=True)
    (p * p).sum().backward()
    references = [weakref.ref(p), weakref.ref(p.grad)]
    del p
    assert [reference() for reference in references] == [None, None]
