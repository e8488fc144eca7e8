"""The further optimisers and all schedules of `wengert.optim` against PyTorch, over fifty steps."""

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
NAMES = sorted({name for name, _ in SETTINGS})


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


def same_tensors(ours: list[Any], theirs: list[Any], **tolerance: Any) -> None:
    for mine, its in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), its.detach().numpy(), **tolerance)


@pytest.mark.parametrize("name, settings", SETTINGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_walks(name: str, settings: dict[str, Any], dtype: str) -> None:
    (ours, our_optimizer), (theirs, their_optimizer) = (walk(lib, name, settings, dtype) for lib in LIBS)
    tolerance = {"rtol": 2e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-13}
    same_tensors(ours, theirs, **tolerance)
    mine, its = our_optimizer.state_dict(), their_optimizer.state_dict()
    assert mine["param_groups"] == its["param_groups"] and list(mine["state"]) == list(its["state"])
    for number, entries in its["state"].items():
        assert list(mine["state"][number]) == list(entries)
        for key, value in entries.items():
            own = mine["state"][number][key]
            assert str(own.dtype) == str(value.dtype) and tuple(own.shape) == tuple(value.shape)
            np.testing.assert_allclose(own.numpy(), value.numpy(), **tolerance)


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
    same_tensors(ours, theirs, **({"rtol": 1e-5} if name == "ASGD" else {"rtol": 1e-11, "atol": 1e-13}))


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


WRONG: list[Callable[[Any, list[Any]], Any]] = [
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
    lambda lib, p: lib.optim.lr_scheduler.StepLR(p, 3),
    lambda lib, p: schedule(lib, p, "StepLR", 3, last_epoch=5),
    lambda lib, p: schedule(lib, p, "LambdaLR", [len, len]),
    lambda lib, p: schedule(lib, p, "MultiplicativeLR", 3),
    lambda lib, p: schedule(lib, p, "ConstantLR", 2),
    lambda lib, p: schedule(lib, p, "LinearLR", 0),
    lambda lib, p: schedule(lib, p, "LinearLR", 1.0, 2.0),
    lambda lib, p: schedule(lib, p, "CosineAnnealingWarmRestarts", 0),
    lambda lib, p: schedule(lib, p, "CosineAnnealingWarmRestarts", 3, 0),
    lambda lib, p: schedule(lib, p, "CosineAnnealingWarmRestarts", 3, 1, "a"),
    lambda lib, p: schedule(lib, p, "CosineAnnealingWarmRestarts", 3).step(-1),
    lambda lib, p: schedule(lib, p, "CyclicLR", 0.1, [0.2, 0.3]),
    lambda lib, p: schedule(lib, p, "CyclicLR", 0.1, 0.2, mode="square"),
    lambda lib, p: lib.optim.lr_scheduler.CyclicLR(lib.optim.Adagrad(p), 0.1, 0.2),
    lambda lib, p: schedule(lib, p, "OneCycleLR", 0.1),
    lambda lib, p: schedule(lib, p, "OneCycleLR", 0.1, 0),
    lambda lib, p: schedule(lib, p, "OneCycleLR", 0.1, epochs=2, steps_per_epoch=0),
    lambda lib, p: schedule(lib, p, "OneCycleLR", 0.1, 10, pct_start=2.0),
    lambda lib, p: schedule(lib, p, "OneCycleLR", 0.1, 10, anneal_strategy="up"),
    lambda lib, p: schedule(lib, p, "ReduceLROnPlateau", "up"),
    lambda lib, p: schedule(lib, p, "ReduceLROnPlateau", factor=1.0),
    lambda lib, p: schedule(lib, p, "ReduceLROnPlateau", threshold_mode="up"),
    lambda lib, p: schedule(lib, p, "ReduceLROnPlateau", min_lr=[0.1, 0.1]),
    lambda lib, p: schedule(lib, p, "SequentialLR", [], []),
    lambda lib, p: combined(lib, p, "SequentialLR", ["StepLR", "StepLR"], []),
    lambda lib, p: combined(lib, p, "SequentialLR", ["StepLR", "ReduceLROnPlateau"], [3]),
    lambda lib, p: combined(lib, p, "ChainedScheduler", ["StepLR", "ReduceLROnPlateau"]),
    lambda lib, p: lib.optim.lr_scheduler.ChainedScheduler([]),
]


def schedule(lib: Any, parameters: list[Any], kind: str, *args: Any, **settings: Any) -> Any:
    optimizer = lib.optim.SGD(parameters, lr=0.1, momentum=0.9)
    return getattr(lib.optim.lr_scheduler, kind)(optimizer, *args, **settings)


def combined(lib: Any, parameters: list[Any], kind: str, parts: list[str], *args: Any) -> Any:
    optimizer = lib.optim.SGD(parameters, lr=0.1)
    arguments: dict[str, Any] = {"StepLR": (2,), "ReduceLROnPlateau": ()}
    schedulers = [getattr(lib.optim.lr_scheduler, part)(optimizer, *arguments[part]) for part in parts]
    make = getattr(lib.optim.lr_scheduler, kind)
    return make(optimizer, schedulers, *args) if kind == "SequentialLR" else make(schedulers, *args)


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_calls_raise_the_same(number: int) -> None:
    errors = []
    for lib in LIBS:
        with pytest.raises(Exception) as caught:  # noqa: B017
            WRONG[number](lib, starting_points(lib, "float32"))
        errors.append(caught.value)
    ours, theirs = errors
    assert isinstance(ours, type(theirs)), f"{ours!r} where PyTorch raises {theirs!r}"
    if isinstance(theirs, ValueError):
        assert str(ours) == str(theirs)


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
    ours_state, theirs_state = (optimizer.state_dict()["state"][0] for _, _, optimizer in (ours, theirs))
    assert set(ours_state) | {"al"} == set(theirs_state) | {"al"}
    for key in ("func_evals", "n_iter"):
        assert ours_state[key] == theirs_state[key]


def test_lbfgs_in_single_precision_comes_as_far() -> None:
    ours, theirs = (valley(lib, "strong_wolfe", "float32", 3) for lib in LIBS)
    assert ours[0][-1] < 1e-6 and theirs[0][-1] < 1e-6
    np.testing.assert_allclose(ours[0][:6], theirs[0][:6], rtol=1e-4)


# -- schedules -----------------------------------------------------------------------------------------------------

SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "lambda-each": lambda s, o: s.LambdaLR(o, [lambda epoch: 0.9**epoch, lambda epoch: 1 / (epoch + 1)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.95 if epoch % 2 else 1.02),
    "step": lambda s, o: s.StepLR(o, 7, gamma=0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [30, 10, 10, 20], gamma=0.5),
    "constant": lambda s, o: s.ConstantLR(o, factor=0.4, total_iters=6),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.9, total_iters=11),
    "linear-default": lambda s, o: s.LinearLR(o),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.93),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=12, eta_min=0.01),
    "cosine-whole": lambda s, o: s.CosineAnnealingLR(o, 50),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2, eta_min=0.001),
    "restarts-even": lambda s, o: s.CosineAnnealingWarmRestarts(o, 9),
    "polynomial": lambda s, o: s.PolynomialLR(o, total_iters=40, power=2.0),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.2, step_size_up=4, step_size_down=7),
    "cyclic-each": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.2, 0.3], step_size_up=5, mode="triangular2"),
    "cyclic-range": lambda s, o: s.CyclicLR(o, 0.01, 0.2, step_size_up=5, mode="exp_range", gamma=0.97),
    "cyclic-own": lambda s, o: s.CyclicLR(
        o, 0.01, 0.2, 5, scale_fn=lambda x: 1 / (1 + x), scale_mode="iterations", cycle_momentum=False
    ),
    "one-cycle": lambda s, o: s.OneCycleLR(o, max_lr=0.5, total_steps=50),
    "one-cycle-three": lambda s, o: s.OneCycleLR(
        o, [0.5, 0.2], epochs=10, steps_per_epoch=6, three_phase=True, anneal_strategy="linear", div_factor=10.0
    ),
    "one-cycle-plain": lambda s, o: s.OneCycleLR(o, 0.5, 55, cycle_momentum=False, pct_start=0.1),
    "sequential": lambda s, o: s.SequentialLR(
        o,
        [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 20), s.ExponentialLR(o, 0.9)],
        milestones=[5, 25],
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.9)]),
}


def optimizer_for(lib: Any, kind: str = "SGD", tensor_rate: bool = False) -> Any:
    a, b, _ = starting_points(lib, "float64")
    settings = {"momentum": 0.9} if kind == "SGD" else {}
    rates = [lib.tensor(0.1, dtype=lib.float64), lib.tensor(0.3, dtype=lib.float64)] if tensor_rate else [0.1, 0.3]
    return getattr(lib.optim, kind)(
        [{"params": [a], "lr": rates[0]}, {"params": [b], "lr": rates[1]}], **settings
    )


def snapshot(optimizer: Any, scheduler: Any) -> list[Any]:
    groups = [
        [float(group["lr"]), group.get("momentum", 0), *group.get("betas", ())] for group in optimizer.param_groups
    ]
    return [groups, [float(rate) for rate in scheduler.get_last_lr()]]


def trajectory(lib: Any, name: str, kind: str, tensor_rate: bool = False, steps: int = 50) -> list[Any]:
    optimizer = optimizer_for(lib, kind, tensor_rate)
    scheduler = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
    seen = [snapshot(optimizer, scheduler)]
    for number in range(steps):
        give_gradients(lib, [p for group in optimizer.param_groups for p in group["params"]], number, "float64")
        optimizer.step()
        scheduler.step()
        seen.append(snapshot(optimizer, scheduler))
    seen.append([[p.detach().numpy().tolist()] for group in optimizer.param_groups for p in group["params"]])
    return seen


def close(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, list):
        for mine, its in zip(ours, theirs, strict=True):
            close(mine, its)
    else:
        assert ours == pytest.approx(theirs, rel=1e-11, abs=1e-15)


@pytest.mark.filterwarnings("ignore:To get the last learning rate")
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name: str, kind: str) -> None:
    ours, theirs = (trajectory(lib, name, kind) for lib in LIBS)
    close(ours, theirs)


@pytest.mark.parametrize("name", ["step", "linear", "cosine", "exponential", "restarts", "chained", "sequential"])
def test_schedules_of_a_tensor(name: str) -> None:
    ours, theirs = (trajectory(lib, name, "Adam", tensor_rate=True) for lib in LIBS)
    close(ours, theirs)


@pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call")
@pytest.mark.parametrize("name", [name for name in SCHEDULES if name.split("-")[0] not in ("sequential", "chained")])
def test_closed_forms(name: str) -> None:
    seen = []
    for lib in LIBS:
        optimizer = optimizer_for(lib)
        scheduler = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
        rates = []
        for epoch in (3, 17, 8, 40):
            scheduler.step(epoch)
            rates.append(snapshot(optimizer, scheduler))
        seen.append(rates)
    close(*seen)


MEASURES = [5.0, 4.0, 4.0, 4.0, 4.0, 3.9999, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9, 2.0, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5] * 2


@pytest.mark.parametrize("settings", [
    {"patience": 2},
    {"patience": 1, "cooldown": 2, "factor": 0.5},
    {"patience": 2, "threshold": 0.5, "threshold_mode": "abs", "min_lr": [0.05, 0.001]},
    {"mode": "max", "patience": 3},
    {"mode": "max", "patience": 0, "threshold_mode": "abs", "eps": 1e-3, "min_lr": 1e-4},
])
def test_plateau(settings: dict[str, Any]) -> None:
    seen = []
    for lib in LIBS:
        optimizer = optimizer_for(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
        rates = []
        for number, measure in enumerate(MEASURES):
            scheduler.step(lib.tensor(measure) if number % 2 else measure)
            rates.append([*snapshot(optimizer, scheduler), scheduler.num_bad_epochs, scheduler.in_cooldown])
        seen.append(rates)
    close(*seen)


@pytest.mark.parametrize("name", SCHEDULES)
def test_state_dictionaries_have_the_same_entries(name: str) -> None:
    states = []
    for lib in LIBS:
        states.append(SCHEDULES[name](lib.optim.lr_scheduler, optimizer_for(lib)).state_dict())
    ours, theirs = states
    assert set(ours) == set(theirs)
    for key, value in theirs.items():
        if isinstance(value, (int, float, str)):
            assert ours[key] == value, key


@pytest.mark.parametrize("name", [name for name in SCHEDULES if "own" not in name])
def test_a_state_loaded_from_pytorch_goes_on_with_the_schedule(name: str) -> None:
    theirs = optimizer_for(torch)
    their_schedule = SCHEDULES[name](torch.optim.lr_scheduler, theirs)
    for _ in range(9):
        theirs.step()
        their_schedule.step()
    ours = optimizer_for(wengert)
    our_schedule = SCHEDULES[name](wengert.optim.lr_scheduler, ours)
    ours.load_state_dict({"state": {}, "param_groups": theirs.state_dict()["param_groups"]})
    our_schedule.load_state_dict(copy.deepcopy(their_schedule.state_dict()))
    for _ in range(15):
        for optimizer, scheduler in ((ours, our_schedule), (theirs, their_schedule)):
            optimizer.step()
            scheduler.step()
        close(snapshot(ours, our_schedule), snapshot(theirs, their_schedule))


def warned(call: Callable[[], Any]) -> list[tuple[str, str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [(str(each.message)[:40], each.category.__name__) for each in caught]


@pytest.mark.parametrize("case", ["order", "overridden", "epoch", "get_lr", "right"])
def test_warnings(case: str) -> None:
    seen = []
    for lib in LIBS:
        optimizer = optimizer_for(lib)
        scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 3)
        if case == "overridden":
            optimizer.step = lambda closure=None: None
        if case in ("epoch", "right"):
            optimizer.step()
        calls: dict[str, Callable[[], Any]] = {
            "epoch": lambda scheduler=scheduler: scheduler.step(4), "get_lr": scheduler.get_lr
        }
        seen.append(warned(calls.get(case, scheduler.step)))
    assert seen[0] == seen[1] and len(seen[0]) == (case != "right")
