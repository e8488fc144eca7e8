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
from tests.peer.walks import LIBS, give_gradients, same_error, same_tensors, starting_points, walk  # noqa: E402

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
    ("Adamax", {}),
    ("Adamax", {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-4, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.05, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "momentum_decay": 0.1}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.9), "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.5), "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "eps": 1e-4, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.05, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.8, "centered": True, "eps": 1e-2}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.8, "centered": True, "momentum": 0.5, "eps": 1e-2, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adagrad", {"lr": 0.1, "maximize": True, "eps": 1e-3}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1}),
    ("Adadelta", {"maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.5)}),
    ("Rprop", {"lr": 0.01, "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.01, "alpha": 0.5, "t0": 10, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.1, "t0": 0, "maximize": True}),
]
NAMES = list(dict.fromkeys(name for name, _ in SETTINGS))
EXACT = {"SGD", "Adam", "AdamW"}  # those that round as PyTorch does


@pytest.mark.parametrize("name, settings", SETTINGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_walks(name: str, settings: dict[str, Any], dtype: str) -> None:
    (ours, our_optimizer), (theirs, their_optimizer) = (walk(lib, name, settings, dtype) for lib in LIBS)
    single, double = (2e-6, 1e-13) if name in EXACT else (2e-5, 1e-12)
    tolerance = {"rtol": single, "atol": 1e-6} if dtype == "float32" else {"rtol": double, "atol": 1e-13}
    same_tensors(ours, theirs, **tolerance)
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
    # Loading converts the numbers about the walk to the dtype of the parameter, in PyTorch too.
    their_optimizer.load_state_dict(copy.deepcopy(their_optimizer.state_dict()))
    for number in range(5, 12):
        for lib, parameters, optimizer in ((wengert, ours, our_optimizer), (torch, theirs, their_optimizer)):
            give_gradients(lib, parameters, number, "float64")
            optimizer.step()
    # PyTorch goes on computing the rates of ASGD in single precision, though the state now holds them in double.
    rtol = 1e-5 if name == "ASGD" else 1e-12 if name in EXACT else 1e-11
    same_tensors(ours, theirs, rtol=rtol, atol=1e-13)


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
        same_tensors(our_group["params"], their_group["params"], rtol=1e-6)


@pytest.mark.parametrize("name", [*NAMES, "LBFGS"])
def test_text(name: str) -> None:
    texts = [repr(getattr(lib.optim, name)(starting_points(lib, "float32"))) for lib in LIBS]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name", NAMES)
def test_complex_parameters(name: str) -> None:
    ends = []
    for lib in LIBS:
        rng = np.random.RandomState(0)
        parameter = lib.nn.Parameter(lib.tensor(rng.standard_normal(5) + 1j * rng.standard_normal(5)))
        optimizer = getattr(lib.optim, name)([parameter], lr=0.1)
        for _ in range(7):
            parameter.grad = lib.tensor(rng.standard_normal(5) + 1j * rng.standard_normal(5))
            optimizer.step()
        ends.append(parameter.detach().numpy())
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_as_the_learning_rate(name: str) -> None:
    ends = []
    for lib in LIBS:
        parameters = starting_points(lib, "float32")
        optimizer = getattr(lib.optim, name)(parameters, lr=lib.tensor(0.05))
        for number in range(5):
            give_gradients(lib, parameters, number, "float32")
            optimizer.step()
        ends.append(parameters)
    same_tensors(*ends, rtol=1e-5)


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
    lambda lib, p: lib.optim.SGD(p, lr=-1.0),
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
    lambda lib, p: lib.optim.Adamax(p, betas=(1.0, 0.9)),
    lambda lib, p: lib.optim.NAdam(p, momentum_decay=-1),
    lambda lib, p: lib.optim.RAdam(p, lr=-1),
    lambda lib, p: lib.optim.RMSprop(p, alpha=-1),
    lambda lib, p: lib.optim.RMSprop(p, momentum=-1),
    lambda lib, p: lib.optim.Adagrad(p, lr_decay=-1),
    lambda lib, p: lib.optim.Adagrad(p, initial_accumulator_value=-1),
    lambda lib, p: lib.optim.Adadelta(p, rho=1.1),
    lambda lib, p: lib.optim.Rprop(p, etas=(1.1, 1.2)),
    lambda lib, p: lib.optim.ASGD(p, weight_decay=-1),
    lambda lib, p: lib.optim.LBFGS(p, lr=-1),
    lambda lib, p: lib.optim.LBFGS([{"params": p[:1]}, {"params": p[1:]}]),
    lambda lib, p: lib.optim.LBFGS(p).step(),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_calls_raise_the_same(number: int) -> None:
    same_error(WRONG[number])


def test_duplicates_warn() -> None:
    for lib in LIBS:
        first = starting_points(lib, "float32")[0]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            lib.optim.SGD([first, first])
        assert "duplicate parameters" in str(caught[0].message)


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


# -- LBFGS ---------------------------------------------------------------------------------------------------------


def valley(lib: Any, search: str | None, dtype: str, rounds: int, **settings: Any) -> tuple[list[float], Any, Any]:
    """The walk down Rosenbrock's valley (1960), and a bowl beside it."""
    point = lib.tensor(np.array([-1.2, 1.0], dtype), requires_grad=True)
    bowl = lib.tensor(np.array([[3.0, -2.0]], dtype), requires_grad=True)
    optimizer = lib.optim.LBFGS([point, bowl], line_search_fn=search, **settings)
    losses = []

    def closure() -> Any:
        optimizer.zero_grad()
        x, y = point[0], point[1]
        loss = (1 - x) ** 2 + 5 * (y - x * x) ** 2 + (bowl**4).sum()
        loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(rounds):
        optimizer.step(closure)
    return losses, (point, bowl), optimizer


@pytest.mark.parametrize("search, settings", [
    ("strong_wolfe", {}),
    ("strong_wolfe", {"max_iter": 4, "history_size": 3}),
    ("strong_wolfe", {"max_iter": 7, "max_eval": 5, "lr": 0.5}),
    (None, {"lr": 0.1}),
    (None, {"lr": 0.02, "max_iter": 5, "history_size": 2}),
])
def test_lbfgs(search: str | None, settings: dict[str, Any]) -> None:
    ours, theirs = (valley(lib, search, "float64", 8, **settings) for lib in LIBS)
    assert len(ours[0]) == len(theirs[0])
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6, atol=1e-10)
    same_tensors(list(ours[1]), list(theirs[1]), rtol=1e-6, atol=1e-8)
    states = [next(iter(optimizer.state.values())) for _, _, optimizer in (ours, theirs)]
    assert {name: type(value).__name__ for name, value in states[0].items()} == {
        name: type(value).__name__ for name, value in states[1].items()}
    assert [x is None for x in states[0]["al"]] == [x is None for x in states[1]["al"]]
    ours_state, theirs_state = (optimizer.state_dict()["state"][0] for _, _, optimizer in (ours, theirs))
    assert set(ours_state) | {"al"} == set(theirs_state) | {"al"}
    for key in ("func_evals", "n_iter"):
        assert ours_state[key] == theirs_state[key]


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_keeps_the_length_of_its_first_step_as_a_tensor(search: str | None) -> None:
    ours, theirs = (valley(lib, search, "float32", 1, max_iter=1)[2] for lib in LIBS)
    t, wanted = (next(iter(optimizer.state.values()))["t"] for optimizer in (ours, theirs))
    assert isinstance(t, wengert.Tensor) and t.dtype is wengert.float32 and t.shape == tuple(wanted.shape)
    assert t.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_lbfgs_in_single_precision_comes_as_far() -> None:
    ours, theirs = (valley(lib, "strong_wolfe", "float32", 3) for lib in LIBS)
    assert ours[0][-1] < 1e-6 and theirs[0][-1] < 1e-6
    np.testing.assert_allclose(ours[0][:6], theirs[0][:6], rtol=1e-4)


def test_lbfgs_looks_at_as_many_points_where_the_loss_falls_no_more() -> None:
    """What a loss differs by is less than single precision tells; tolerances of zero never end the search."""
    found = []
    for lib in LIBS:
        x = lib.tensor([1.0, -2.0, 0.5], requires_grad=True)
        matrix, calls = lib.tensor([[3.0, 1, 0], [1, 2, 0.5], [0, 0.5, 1e-4]]), 0
        optimizer = lib.optim.LBFGS([x], max_iter=60, max_eval=1000, tolerance_change=0.0, tolerance_grad=0.0,
                                    line_search_fn="strong_wolfe")

        def closure() -> Any:
            nonlocal calls
            calls += 1
            optimizer.zero_grad()  # noqa: B023
            loss = ((matrix @ x) ** 2).sum() + (x**4).sum() + lib.sin(3 * x).sum() ** 2 + 0.1  # noqa: B023
            loss.backward()
            return loss

        optimizer.step(closure)
        found.append(calls)
    assert found[0] == found[1]
