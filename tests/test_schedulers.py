"""Schedules against their closed forms, and the further optimisers against their first steps, without PyTorch."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import nn, optim
from wengert.optim import lr_scheduler as schedules


def make_optimizer(rate: Any = 1.0, kind: Any = optim.SGD, **settings: Any) -> Any:
    return kind([nn.Parameter(wengert.ones(2))], lr=rate, **settings)


def rates(make: Callable[[Any], Any], steps: int = 20) -> list[float]:
    optimizer = make_optimizer()
    scheduler = make(optimizer)
    seen = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        assert scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]]
        seen.append(optimizer.param_groups[0]["lr"])
    return seen


def cosine(t: float, length: float, low: float) -> float:
    return low + (1 - low) * (1 + math.cos(math.pi * t / length)) / 2


FORMS: dict[str, tuple[Callable[[Any], Any], Callable[[int], float]]] = {
    "lambda": (lambda o: schedules.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 1 / (1 + t)),
    "multiplicative": (lambda o: schedules.MultiplicativeLR(o, lambda t: t), lambda t: math.factorial(t)),
    "step": (lambda o: schedules.StepLR(o, 3, 0.5), lambda t: 0.5 ** (t // 3)),
    "multistep": (lambda o: schedules.MultiStepLR(o, [4, 9], 0.1), lambda t: 0.1 ** ((t >= 4) + (t >= 9))),
    "constant": (lambda o: schedules.ConstantLR(o, 0.5, 7), lambda t: 0.5 if t < 7 else 1.0),
    "linear": (lambda o: schedules.LinearLR(o, 0.5, 1.0, 10), lambda t: 0.5 + 0.05 * min(t, 10)),
    "exponential": (lambda o: schedules.ExponentialLR(o, 0.9), lambda t: 0.9**t),
    "cosine": (lambda o: schedules.CosineAnnealingLR(o, 8, 0.1), lambda t: cosine(t, 8, 0.1)),
    "restarts": (lambda o: schedules.CosineAnnealingWarmRestarts(o, 6), lambda t: cosine(t % 6, 6, 0)),
    "polynomial": (lambda o: schedules.PolynomialLR(o, 12, 2), lambda t: max(0, 1 - t / 12) ** 2),
    "cyclic": (
        lambda o: schedules.CyclicLR(o, 0.5, 1.0, 4, cycle_momentum=False),
        lambda t: 0.5 + 0.5 * (1 - abs(t % 8 - 4) / 4),
    ),
    "one cycle": (
        lambda o: schedules.OneCycleLR(
            o, 1.0, 21, pct_start=11 / 21, anneal_strategy="linear", cycle_momentum=False, final_div_factor=1.0
        ),
        lambda t: 0.04 + 0.96 * (1 - abs(t - 10) / 10),
    ),
    "sequential": (
        lambda o: schedules.SequentialLR(
            o, [schedules.ConstantLR(o, 0.1, 100), schedules.ExponentialLR(o, 0.5)], milestones=[5]
        ),
        lambda t: 0.1 if t < 5 else 0.5 ** (t - 5),
    ),
    "chained": (
        lambda o: schedules.ChainedScheduler([schedules.ExponentialLR(o, 0.5), schedules.StepLR(o, 4, 0.1)]),
        lambda t: 0.5**t * 0.1 ** (t // 4),
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_closed_forms(name: str) -> None:
    make, form = FORMS[name]
    np.testing.assert_allclose(rates(make), [form(t) for t in range(21)], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in FORMS if name not in ("lambda", "multiplicative")])
def test_a_saved_schedule_goes_on(name: str) -> None:
    make, _ = FORMS[name]
    straight = rates(make)
    optimizer = make_optimizer()
    scheduler = make(optimizer)
    for _ in range(7):
        optimizer.step()
        scheduler.step()
    saved = pickle.loads(pickle.dumps((optimizer.state_dict(), scheduler.state_dict())))
    other = make_optimizer()
    twin = make(other)
    other.load_state_dict(saved[0])
    twin.load_state_dict(saved[1])
    seen = []
    for _ in range(13):
        other.step()
        twin.step()
        seen.append(other.param_groups[0]["lr"])
    np.testing.assert_allclose(seen, straight[8:], rtol=1e-10, atol=1e-12)


def test_what_others_do_to_the_rate_is_kept() -> None:
    optimizer = make_optimizer()
    scheduler = schedules.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 8.0
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 4.0


def test_a_rate_that_is_a_tensor_stays_the_same_object() -> None:
    rate = wengert.tensor(1.0)
    optimizer = make_optimizer(rate, optim.Adam)
    scheduler = schedules.StepLR(optimizer, 1, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.5
    assert scheduler.get_last_lr()[0] is not rate


def test_momentum_goes_against_the_rate() -> None:
    for kind, of in ((optim.SGD, lambda group: group["momentum"]), (optim.Adam, lambda group: group["betas"][0])):
        optimizer = make_optimizer(1.0, kind, **({"momentum": 0.9} if kind is optim.SGD else {}))
        scheduler = schedules.OneCycleLR(optimizer, 1.0, total_steps=11, pct_start=0.5)
        seen = []
        for _ in range(10):
            seen.append(of(optimizer.param_groups[0]))
            optimizer.step()
            scheduler.step()
        assert seen[0] == 0.95 and min(seen) < 0.87 and seen[-1] > 0.9
    with pytest.raises(ValueError, match="optimizer must support momentum or beta1"):
        schedules.CyclicLR(make_optimizer(1.0, optim.Adagrad), 0.1, 1.0)


def test_plateau() -> None:
    optimizer = make_optimizer()
    scheduler = schedules.ReduceLROnPlateau(optimizer, patience=1, factor=0.5, min_lr=0.2)
    seen = []
    for loss in (3.0, 2.0, 2.0, 2.0, wengert.tensor(2.0), 2.0, 1.0, 1.0, 1.0, 1.0, 1.0):
        scheduler.step(loss)
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2]
    twin = schedules.ReduceLROnPlateau(make_optimizer(), patience=7)
    twin.load_state_dict(scheduler.state_dict())
    assert twin.best == 1.0 and twin.patience == 1


def test_a_callable_object_is_saved_by_its_attributes() -> None:
    class Warm:
        def __init__(self, steps: int) -> None:
            self.steps = steps

        def __call__(self, epoch: int) -> float:
            return min(1.0, (epoch + 1) / self.steps)

    first, second = Warm(4), Warm(8)
    scheduler = schedules.LambdaLR(make_optimizer(), first)
    state = scheduler.state_dict()
    assert state["lr_lambdas"] == [{"steps": 4}]
    schedules.LambdaLR(make_optimizer(), second).load_state_dict(state)
    assert second.steps == 4


def test_the_order_of_calls_is_watched() -> None:
    optimizer = make_optimizer()
    scheduler = schedules.ExponentialLR(optimizer, 0.5)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    scheduler.step()
    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(7)
    assert scheduler.get_last_lr() == [0.5**7]


def test_a_schedule_of_ones_own() -> None:
    class Halves(schedules.LRScheduler):
        def get_lr(self) -> list[float]:
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    assert rates(Halves, 3) == [1.0, 1 / 2, 1 / 3, 1 / 4]
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        Halves(3)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="initial_lr"):
        Halves(make_optimizer(), last_epoch=3)


def test_an_optimizer_with_a_schedule_is_copied_and_freed() -> None:
    optimizer = make_optimizer()
    schedules.ExponentialLR(optimizer, 0.5)
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        before = twin.param_groups[0]["params"][0].tolist()
        twin.param_groups[0]["params"][0].grad = wengert.ones(2)
        twin.step()
        assert twin.param_groups[0]["params"][0].tolist() != before
        assert optimizer.param_groups[0]["params"][0].tolist() == before


# -- optimisers ----------------------------------------------------------------------------------------------------

FIRST_STEPS: list[tuple[Any, dict[str, Any], float]] = [
    # With the gradient 3 at the point 1: what the formula of each says.
    (optim.Adamax, {"lr": 0.1}, 0.9),
    (optim.NAdam, {"lr": 0.1, "momentum_decay": 0.0}, 1 - 0.1 * ((1 - 0.45) / (1 - 0.45) + 0.45 * 0.1 / (1 - 0.45**2))),
    (optim.RAdam, {"lr": 0.1}, 1 - 0.1 * 3),
    (optim.RMSprop, {"lr": 0.1, "alpha": 0.75}, 1 - 0.1 / 0.5),
    (optim.RMSprop, {"lr": 0.1, "alpha": 0.5, "centered": True}, 1 - 0.1 * 3 / math.sqrt(4.5 - 2.25)),
    (optim.Adagrad, {"lr": 0.1}, 0.9),
    (optim.Adagrad, {"lr": 0.1, "initial_accumulator_value": 16.0}, 1 - 0.1 * 3 / 5),
    (optim.Adadelta, {"eps": 1e-2}, 1 - 0.1 / math.sqrt(0.9 + 1e-2) * 3),
    (optim.Rprop, {"lr": 0.1}, 0.9),
    (optim.ASGD, {"lr": 0.1, "lambd": 0.5}, 0.95 - 0.3),
]


def quadratic(kind: Any, steps: int, **settings: Any) -> tuple[nn.Parameter, Any]:
    parameter = nn.Parameter(wengert.tensor([4.0, -3.0], dtype=wengert.float64))
    optimizer = kind([parameter], **settings)
    for _ in range(steps):
        optimizer.zero_grad()
        (parameter**2).sum().backward()
        optimizer.step()
    return parameter, optimizer


@pytest.mark.parametrize("kind, settings, expected", FIRST_STEPS)
def test_first_steps(kind: Any, settings: dict[str, Any], expected: float) -> None:
    parameter = nn.Parameter(wengert.tensor([1.0], dtype=wengert.float64))
    optimizer = kind([parameter], **settings)
    parameter.grad = wengert.tensor([3.0], dtype=wengert.float64)
    optimizer.step()
    assert set(optimizer.state[parameter]) > {"step"}
    assert parameter.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind, rate", [
    (optim.Adamax, 0.3), (optim.NAdam, 0.3), (optim.RAdam, 0.3), (optim.RMSprop, 0.05), (optim.Adagrad, 2.0),
    (optim.Adadelta, 30.0), (optim.Rprop, 0.1), (optim.ASGD, 0.1),
])
def test_each_finds_the_bottom_of_a_bowl(kind: Any, rate: float) -> None:
    parameter, optimizer = quadratic(kind, 150, lr=rate)
    assert parameter.abs().max().item() < 0.1
    assert optimizer.state[parameter]["step"].item() == 150


def test_rprop_reads_a_rate_that_a_schedule_has_set() -> None:
    for kind in (optim.Rprop, optim.ASGD):
        parameter = nn.Parameter(wengert.ones(1))
        optimizer = kind([parameter], lr=1.0)
        schedules.ConstantLR(optimizer, 0.125)
        parameter.grad = wengert.ones(1)
        optimizer.step()
        assert parameter.item() == pytest.approx(1 - 0.125, rel=1e-4)


def test_asgd_averages_its_path() -> None:
    parameter, optimizer = quadratic(optim.ASGD, 30, lr=0.9, lambd=0.0, t0=5)
    # The path jumps across the bottom, x -> -0.8 x; the average of it is nearer.
    assert abs(optimizer.state[parameter]["ax"][0].item()) < 0.5


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs(search: str | None) -> None:
    matrix = wengert.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=wengert.float64)
    target = wengert.tensor([1.0, -1.0], dtype=wengert.float64)
    x = wengert.zeros(2, dtype=wengert.float64, requires_grad=True)
    optimizer = optim.LBFGS([x], line_search_fn=search)

    def closure() -> Any:
        assert wengert.is_grad_enabled()
        optimizer.zero_grad()
        loss = x @ matrix @ x / 2 - target @ x
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    np.testing.assert_allclose(x.detach().numpy(), np.linalg.solve(matrix.numpy(), target.numpy()), rtol=1e-6)
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optimizer = optim.LBFGS([x.detach().add(1).requires_grad_()], line_search_fn="armijo")
        x = optimizer.param_groups[0]["params"][0]
        optimizer.step(closure)


def test_lbfgs_saved_and_loaded_goes_on() -> None:
    def walk(carry: bool) -> float:
        x = wengert.tensor([-1.2, 1.0], dtype=wengert.float64, requires_grad=True)
        optimizer = optim.LBFGS([x], max_iter=3, line_search_fn="strong_wolfe")

        def closure() -> Any:
            optimizer.zero_grad()
            loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
            loss.backward()
            return loss

        optimizer.step(closure)
        if carry:
            saved = pickle.loads(pickle.dumps(optimizer.state_dict()))
            optimizer = optim.LBFGS([x], max_iter=3, line_search_fn="strong_wolfe")
            optimizer.load_state_dict(saved)
        return [optimizer.step(closure).item() for _ in range(5)][-1]

    assert walk(True) == pytest.approx(walk(False), rel=1e-12)


@pytest.mark.parametrize("kind, settings", [
    (optim.Adamax, {}), (optim.NAdam, {"weight_decay": 0.1}), (optim.RAdam, {"decoupled_weight_decay": True}),
    (optim.RMSprop, {"momentum": 0.5, "centered": True, "eps": 1e-2}), (optim.Adagrad, {"lr_decay": 0.1}),
    (optim.Adadelta, {}), (optim.Rprop, {}), (optim.ASGD, {"t0": 2}),
])
def test_recorded_steps_are_the_same_bits(kind: Any, settings: dict[str, Any]) -> None:
    def make(recorded: bool) -> tuple[Any, Any]:
        wengert.manual_seed(0)
        model = nn.Linear(3, 2)
        optimizer = kind(model.parameters(), lr=0.05, **settings)

        def step(x: Any) -> Any:
            loss = (model(x) ** 2).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        return (wengert.capture(step) if recorded else step), (model, optimizer)

    (eager, one), (captured, other) = make(False), make(True)
    for number in range(8):
        x = wengert.linspace(-1, 1 + number, 12).reshape(4, 3)
        assert eager(x).item() == captured(x).item()
    for mine, its in zip(one[0].parameters(), other[0].parameters(), strict=True):
        assert wengert.equal(mine, its)
        left, right = one[1].state[mine], other[1].state[its]
        assert all(wengert.equal(value, right[name]) for name, value in left.items())
        assert right["step"].item() == 8


@pytest.mark.parametrize("made", [
    lambda it: optim.lr_scheduler.StepLR(it, 0), lambda it: optim.lr_scheduler.ConstantLR(it, 0.0, 3),
    lambda it: optim.lr_scheduler.PolynomialLR(it, 3, -1.0), lambda it: optim.lr_scheduler.CosineAnnealingLR(it, 0),
    lambda it: optim.lr_scheduler.CyclicLR(it, 0.1, 0.9, step_size_up=0),
    lambda it: optim.lr_scheduler.OneCycleLR(it, 0.9, 9, div_factor=0.0),
])
@pytest.mark.parametrize("kind", [ValueError, ZeroDivisionError])
def test_a_division_by_nothing_is_one_of_python_too(made: Any, kind: type[Exception]) -> None:
    optimizer = optim.SGD([wengert.ones(1, requires_grad=True)], lr=0.5, momentum=0.5)
    with pytest.raises(kind, match="expected"):
        scheduler = made(optimizer)
        for _ in range(4):
            optimizer.step()
            scheduler.step()
