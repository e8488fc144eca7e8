"""All schedules of `wengert.optim` against PyTorch, over fifty steps."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import wengert

torch = pytest.importorskip("torch")
from tests.peer.walks import LIBS, give_gradients, same_error, starting_points  # noqa: E402

WRONG: list[Callable[[Any, list[Any]], Any]] = [
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
    same_error(WRONG[number])


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
