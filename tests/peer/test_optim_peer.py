"""`wengert.optim` against PyTorch: the same walks, the same state dictionaries, text and errors."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert

torch = pytest.importorskip("torch")

LIBS = (wengert, torch)

SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05, "maximize": True}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 1.0}),
    ("SGD", {}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-4}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"lr": 0.05, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True}),
    ("AdamW", {"lr": 0.05, "maximize": True}),
]


def starting_points(lib: Any, dtype: str) -> list[Any]:
    rng = np.random.RandomState(0)
    return [lib.nn.Parameter(lib.tensor(rng.standard_normal(shape).astype(dtype))) for shape in ((3, 4), (4,), ())]


def give_gradients(lib: Any, parameters: list[Any], number: int, dtype: str) -> None:
    """Gradients that depend on where the parameter is; now and then one parameter has none."""
    rng = np.random.RandomState(number)
    for position, parameter in enumerate(parameters):
        noise = lib.tensor(np.asarray(rng.standard_normal(tuple(parameter.shape))).astype(dtype))
        parameter.grad = None if (number + position) % 7 == 3 else parameter.detach() * 0.5 + noise


def walk(lib: Any, name: str, settings: dict[str, Any], dtype: str, steps: int = 50) -> tuple[list[Any], Any]:
    parameters = starting_points(lib, dtype)
    optimizer = getattr(lib.optim, name)(parameters, **settings)
    for number in range(steps):
        give_gradients(lib, parameters, number, dtype)
        optimizer.step()
    return parameters, optimizer


@pytest.mark.parametrize("name, settings", SETTINGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_walks(name: str, settings: dict[str, Any], dtype: str) -> None:
    (ours, our_optimizer), (theirs, their_optimizer) = (walk(lib, name, settings, dtype) for lib in LIBS)
    tolerance = {"rtol": 2e-6, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-13, "atol": 1e-13}
    for mine, its in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), its.detach().numpy(), **tolerance)
    same_state(our_optimizer.state_dict(), their_optimizer.state_dict(), **tolerance)


def same_state(ours: Any, theirs: Any, **tolerance: Any) -> None:
    assert ours["param_groups"] == theirs["param_groups"]
    assert list(ours["state"]) == list(theirs["state"])
    for number, entries in theirs["state"].items():
        assert list(ours["state"][number]) == list(entries)
        for key, value in entries.items():
            mine = ours["state"][number][key]
            assert str(mine.dtype) == str(value.dtype) and tuple(mine.shape) == tuple(value.shape)
            np.testing.assert_allclose(mine.numpy(), value.numpy(), **tolerance)


@pytest.mark.parametrize("name, settings", SETTINGS)
def test_a_state_loaded_from_pytorch_goes_on(name: str, settings: dict[str, Any]) -> None:
    theirs, their_optimizer = walk(torch, name, settings, "float64", 5)
    ours = [wengert.nn.Parameter(wengert.tensor(parameter.detach().numpy())) for parameter in theirs]
    our_optimizer = getattr(wengert.optim, name)(ours, **{**settings, "lr": 7.0})
    loaded = copy.deepcopy(their_optimizer.state_dict())
    for entries in loaded["state"].values():
        for key, value in entries.items():
            entries[key] = wengert.tensor(value.numpy())
    our_optimizer.load_state_dict(loaded)
    for number in range(5, 12):
        for lib, parameters, optimizer in ((wengert, ours, our_optimizer), (torch, theirs, their_optimizer)):
            give_gradients(lib, parameters, number, "float64")
            optimizer.step()
    for mine, its in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), its.detach().numpy(), rtol=1e-12, atol=1e-13)


def groups(lib: Any) -> Any:
    a, b, c = starting_points(lib, "float32")
    optimizer = lib.optim.SGD([{"params": [a], "lr": 0.5}, {"params": b, "momentum": 0.9}], lr=0.1)
    optimizer.add_param_group({"params": [c], "weight_decay": 0.2})
    for number in range(3):
        give_gradients(lib, [a, b, c], number, "float32")
        optimizer.step()
        optimizer.param_groups[0]["lr"] *= 0.5
    return optimizer


def test_groups() -> None:
    ours, theirs = (groups(lib) for lib in LIBS)
    assert repr(ours) == repr(theirs)
    same_state(ours.state_dict(), theirs.state_dict(), rtol=1e-6)
    for our_group, their_group in zip(ours.param_groups, theirs.param_groups, strict=True):
        for mine, its in zip(our_group["params"], their_group["params"], strict=True):
            np.testing.assert_allclose(mine.detach().numpy(), its.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_text(name: str) -> None:
    texts = [repr(getattr(lib.optim, name)(starting_points(lib, "float32"))) for lib in LIBS]
    assert texts[0] == texts[1]


def test_named_parameters() -> None:
    states = []
    for lib in LIBS:
        net = lib.nn.Linear(2, 1)
        states.append(lib.optim.SGD(net.named_parameters(), lr=0.1).state_dict())
    assert states[0] == states[1]


WRONG: list[Callable[[Any, list[Any]], Any]] = [
    lambda lib, p: lib.optim.SGD([], lr=0.1),
    lambda lib, p: lib.optim.SGD(p[0], lr=0.1),
    lambda lib, p: lib.optim.SGD(p, lr=-1),
    lambda lib, p: lib.optim.SGD(p, lr=float("nan")) if lib is wengert else lib.optim.SGD(p, lr=-1.0),
    lambda lib, p: lib.optim.SGD(p, momentum=-1.0),
    lambda lib, p: lib.optim.SGD(p, weight_decay=-1.0),
    lambda lib, p: lib.optim.SGD(p, nesterov=True),
    lambda lib, p: lib.optim.SGD(p, nesterov=True, momentum=0.9, dampening=0.1),
    lambda lib, p: lib.optim.SGD([{"params": set(p)}]),
    lambda lib, p: lib.optim.SGD([3]),
    lambda lib, p: lib.optim.SGD([p[0] * 2]),
    lambda lib, p: lib.optim.SGD([{"params": p}, {"params": p[:1]}]),
    lambda lib, p: lib.optim.SGD(p, fused=True, foreach=True),
    lambda lib, p: lib.optim.SGD(p).add_param_group([p]),
    lambda lib, p: lib.optim.SGD(p, lr=lib.tensor([0.1, 0.2])),
    lambda lib, p: lib.optim.SGD([("a", p[0]), p[1]]),
    lambda lib, p: lib.optim.SGD(p[:1]).add_param_group({"params": [("b", p[1])]}),
    lambda lib, p: lib.optim.Adam(p, lr=-1),
    lambda lib, p: lib.optim.Adam(p, eps=-1),
    lambda lib, p: lib.optim.Adam(p, betas=(1.0, 0.9)),
    lambda lib, p: lib.optim.Adam(p, betas=(0.9, -0.1)),
    lambda lib, p: lib.optim.AdamW(p, weight_decay=-0.1),
    lambda lib, p: lib.optim.Optimizer(p, {}).step(),
    lambda lib, p: lib.optim.SGD(p).load_state_dict({"state": {}, "param_groups": []}),
    lambda lib, p: lib.optim.SGD(p).load_state_dict({"state": {}, "param_groups": [{"params": [0]}]}),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_calls_raise_the_same(number: int) -> None:
    errors = []
    for lib in LIBS:
        with pytest.raises(Exception) as caught:  # noqa: B017
            WRONG[number](lib, starting_points(lib, "float32"))
        errors.append(caught.value)
    ours, theirs = errors
    assert isinstance(ours, type(theirs)), f"{ours!r} where PyTorch raises {theirs!r}"
    if isinstance(theirs, ValueError) and "nan" not in str(ours):
        assert str(ours) == str(theirs)


def test_duplicates_warn() -> None:
    for lib in LIBS:
        first = starting_points(lib, "float32")[0]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            lib.optim.SGD([first, first])
        assert "duplicate parameters" in str(caught[0].message)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_tensor_as_the_learning_rate(name: str) -> None:
    ends = []
    for lib in LIBS:
        parameters = starting_points(lib, "float32")
        optimizer = getattr(lib.optim, name)(parameters, lr=lib.tensor(0.05))
        for number in range(5):
            give_gradients(lib, parameters, number, "float32")
            optimizer.step()
        ends.append([parameter.detach().numpy() for parameter in parameters])
    for mine, its in zip(*ends, strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-5)


def test_complex_parameters() -> None:
    for name in ("SGD", "Adam"):
        ends = []
        for lib in LIBS:
            rng = np.random.RandomState(0)
            start = rng.standard_normal(5) + 1j * rng.standard_normal(5)
            parameter = lib.nn.Parameter(lib.tensor(start))
            optimizer = getattr(lib.optim, name)([parameter], lr=0.1)
            for _ in range(5):
                parameter.grad = lib.tensor(rng.standard_normal(5) + 1j * rng.standard_normal(5))
                optimizer.step()
            ends.append(parameter.detach().numpy())
        np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)


def test_closures_and_hooks() -> None:
    logs = []
    for lib in LIBS:
        parameters = starting_points(lib, "float64")
        optimizer = lib.optim.SGD(parameters, lr=0.1)
        log: list[Any] = []
        optimizer.register_step_pre_hook(lambda o, args, kwargs, log=log: log.append(("pre", len(args))))
        handle = optimizer.register_step_post_hook(lambda o, args, kwargs, log=log: log.append(("post", len(args))))

        def closure(optimizer: Any = optimizer, parameters: Any = parameters, log: Any = log) -> Any:
            optimizer.zero_grad()
            loss = (parameters[0] ** 2).sum()
            loss.backward()
            log.append(("closure", round(loss.item(), 6)))
            return loss

        log.append(round(optimizer.step(closure).item(), 6))
        handle.remove()
        optimizer.step(closure)
        logs.append(log)
    assert logs[0] == logs[1]
