"""The order of backward, held against PyTorch's engine: hooks on every tensor of random graphs, leaves and results
alike, fire in the same order, and so do the hooks on nodes and those that wait for a gradient to be complete."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.peer.agreement import MODULES

UNARY = ["tanh", "exp", "neg", "relu", "sigmoid", "t", "clone", "sum rows", "double it", "slice"]
BINARY = ["add", "sub", "mul", "matmul", "maximum", "addcmul", "cat", "where", "div"]


def program(seed: int) -> list[tuple[str, list[int]]]:
    """Steps on a growing list of values, of which the first ones are leaves."""
    rng = random.Random(seed)
    count = rng.randint(2, 4)
    steps = []
    for number in range(rng.randint(3, 14)):
        known = count + number
        recent = [rng.randrange(max(0, known - 4), known) if rng.random() < 0.7 else rng.randrange(known)
                  for _ in range(3)]
        steps.append((rng.choice(UNARY if rng.random() < 0.4 else BINARY), recent))
    return [("leaf", [])] * count + steps


def step(T: Any, name: str, x: Any, y: Any, z: Any) -> Any:
    special: dict[str, Any] = {
        "t": lambda: x.t(), "sum rows": lambda: x.sum(0, keepdim=True).expand(3, 3), "double it": lambda: x * x,
        "slice": lambda: x[1:2] * x, "matmul": lambda: x @ y, "addcmul": lambda: T.addcmul(x, y, z),
        "cat": lambda: T.cat([x, y, z])[2:5], "where": lambda: T.where(x > 0, y, z), "div": lambda: x / (y * y + 1),
    }
    if name in special:
        return special[name]()
    return getattr(T, name)(x, y) if name in BINARY else getattr(T, name)(x)


def fired(T: Any, seed: int) -> list[str]:
    """Which hooks fired, in their order."""
    T.manual_seed(seed)
    seen: list[str] = []
    values: list[Any] = []
    for number, (name, places) in enumerate(program(seed)):
        if name == "leaf":
            value = T.rand(3, 3, requires_grad=True)
            value.register_post_accumulate_grad_hook(lambda x, number=number: seen.append(f"complete {number}"))
        else:
            value = step(T, name, *(values[place] for place in places))
            value.grad_fn.register_hook(lambda inputs, outputs, number=number: seen.append(f"node {number}"))
        value.register_hook(lambda grad, number=number: seen.append(f"tensor {number}"))
        values.append(value)
    total = values[-1].sum() + values[-2].sum()
    total.backward()
    return seen


@pytest.mark.parametrize("start", range(0, 400, 50))
def test_hooks_of_random_graphs_fire_in_pytorchs_order(start: int) -> None:
    for seed in range(start, start + 50):
        got, want = (fired(T, seed) for T in MODULES)
        assert got == want, (seed, program(seed))


def test_a_leaf_is_complete_as_soon_as_its_last_contribution_is() -> None:
    orders = []
    for T in MODULES:
        x, w, b = (T.ones(2, requires_grad=True) for _ in range(3))
        seen: list[str] = []
        u = x * w
        v = u + b
        for name, tensor in {"x": x, "w": w, "b": b, "u": u, "v": v}.items():
            tensor.register_hook(lambda grad, name=name, seen=seen: seen.append(name))
        T.relu(v).sum().backward()
        orders.append(seen)
    assert orders[0] == orders[1] == ["v", "b", "u", "x", "w"]


def test_parameters_of_a_network_complete_in_pytorchs_order() -> None:
    orders = []
    for T in MODULES:
        T.manual_seed(0)
        model = T.nn.Sequential(T.nn.Conv2d(1, 2, 3), T.nn.BatchNorm2d(2), T.nn.ReLU(), T.nn.Flatten(),
                                T.nn.Linear(32, 8), T.nn.LayerNorm(8), T.nn.Linear(8, 4, bias=False), T.nn.PReLU())
        seen: list[str] = []
        for name, parameter in model.named_parameters():
            parameter.register_post_accumulate_grad_hook(lambda p, name=name, seen=seen: seen.append(name))
        model(T.rand(3, 1, 6, 6)).sum().backward()
        orders.append(seen)
    assert orders[0] == orders[1]
