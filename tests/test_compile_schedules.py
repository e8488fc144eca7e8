"""Steps of schedules inside compiled functions: each call makes them when all else is done, and nothing that comes
after them in the function can have looked at what they change."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import wengert as torch
from wengert.core.errors import TraceError

S = torch.optim.lr_scheduler
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: S.StepLR(o, 2, 0.5), "MultiStepLR": lambda o: S.MultiStepLR(o, [2, 4], 0.5),
    "ConstantLR": lambda o: S.ConstantLR(o, 0.5, 3), "LinearLR": lambda o: S.LinearLR(o, 0.25, total_iters=6),
    "ExponentialLR": lambda o: S.ExponentialLR(o, 0.9), "PolynomialLR": lambda o: S.PolynomialLR(o, 20),
    "LambdaLR": lambda o: S.LambdaLR(o, lambda epoch: 1 / (epoch + 1)),
    "MultiplicativeLR": lambda o: S.MultiplicativeLR(o, lambda epoch: 0.9 if epoch < 5 else 1.1),
    "CosineAnnealingLR": lambda o: S.CosineAnnealingLR(o, 20), "OneCycleLR": lambda o: S.OneCycleLR(o, 0.2, 30),
    "CosineAnnealingWarmRestarts": lambda o: S.CosineAnnealingWarmRestarts(o, 3),
    "CyclicLR": lambda o: S.CyclicLR(o, 0.01, 0.1, 3), "SWALR": lambda o: torch.optim.swa_utils.SWALR(o, 0.01, 4),
    "SequentialLR": lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.5, total_iters=2), S.ExponentialLR(o, 0.5)], [3]),
    "ChainedScheduler": lambda o: S.ChainedScheduler([S.ConstantLR(o, 0.5, 2), S.ExponentialLR(o, 0.9)]),
}


def world(wrap: Callable[[Any], Any], schedule: Callable[[Any], Any], after: Callable[[Any, Any], Any] = lambda s, o: 0,
          calls: int = 12, adam: bool = False) -> tuple[Any, Any]:
    """What calls of a training step give and leave behind, and what was called."""
    torch.manual_seed(0)
    w = torch.randn(3, 2, requires_grad=True)
    optimizer: Any = torch.optim.AdamW([w], 0.1) if adam else torch.optim.SGD([w], 0.1, momentum=0.9)
    scheduler = schedule(optimizer)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (x @ w).square().mean()
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss, after(scheduler, optimizer)

    run, found = wrap(step), []
    for _ in range(calls):
        try:
            loss, more = run(torch.randn(4, 3))
        except ValueError as error:
            loss, more = torch.zeros(()), str(error)
        found.append((loss.item(), more, w.tolist(), optimizer.param_groups[0]["lr"], scheduler.get_last_lr(),
                      scheduler.last_epoch if hasattr(scheduler, "last_epoch") else None))
    return found, run


def close(one: Any, other: Any) -> bool:
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(close(*pair) for pair in zip(one, other, strict=True))
    return one == pytest.approx(other, rel=1e-4, abs=1e-6) if isinstance(one, float) else bool(one == other)


@pytest.mark.parametrize("options", [{}, {"check": 3}, {"dynamic": True}])
@pytest.mark.parametrize("name", SCHEDULES)
def test_steps_of_schedules(name: str, options: dict[str, Any]) -> None:
    """One recording serves all calls, the quick ones too, and the order of calls is found right."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wanted, _ = world(lambda f: f, SCHEDULES[name], adam=name == "LambdaLR")
        found, compiled = world(lambda f: torch.compile(f, fullgraph=True, **options), SCHEDULES[name],
                                adam=name == "LambdaLR")
    assert close(found, wanted), f"{found} came, {wanted} was expected"
    assert len(compiled.programs) == 1
    assert "step " + name in compiled.explain()


def test_captured_steps_of_schedules() -> None:
    wanted, _ = world(lambda f: f, SCHEDULES["StepLR"])
    assert close(world(torch.capture, SCHEDULES["StepLR"])[0], wanted)


@pytest.mark.parametrize(("after", "words"), [
    (lambda schedule, optimizer: schedule.get_last_lr()[0], "get_last_lr"),
    (lambda schedule, optimizer: schedule.last_epoch, "last_epoch"),
    (lambda schedule, optimizer: schedule.step(), "its step"),
    (lambda schedule, optimizer: optimizer.step(), "before that of its schedule"),
    (lambda schedule, optimizer: optimizer.param_groups[0]["lr"], "reads param_group"),
])
def test_what_comes_after_a_step_is_not_told_of_before(after: Callable[[Any, Any], Any], words: str) -> None:
    """It is refused, or such a function runs as it is."""
    wanted, _ = world(lambda f: f, SCHEDULES["ExponentialLR"], after)
    with pytest.warns(UserWarning, match=words):
        found, _ = world(torch.compile, SCHEDULES["ExponentialLR"], after)
    assert close(found, wanted)
    with pytest.raises(TraceError, match=words):
        world(lambda f: torch.compile(f, fullgraph=True), SCHEDULES["ExponentialLR"], after)


@pytest.mark.parametrize("reads", ["rates", "last_epoch", "nothing"])
def test_what_a_step_of_a_schedule_changes_and_is_guarded(reads: str) -> None:
    """A rate that is an integer at first, and what the function looks at before: a call must find what it was."""
    def run(wrap: Callable[[Any], Any]) -> list[Any]:
        torch.manual_seed(0)
        w = torch.randn(3, 2, requires_grad=True)
        optimizer = torch.optim.SGD([w], 1)
        scheduler = S.StepLR(optimizer, 3, 0.5)

        def step(x: Any) -> Any:
            seen = scheduler.get_last_lr()[0] if reads == "rates" else scheduler.last_epoch // 2 if (
                reads == "last_epoch") else 0
            optimizer.zero_grad()
            loss = (x @ w).square().mean() * 0.1
            loss.backward()
            optimizer.step()
            scheduler.step()
            return loss, seen

        f = wrap(step)
        return [(f(torch.ones(4, 3))[0].item(), w.tolist(), optimizer.param_groups[0]["lr"]) for _ in range(7)]

    assert close(run(torch.compile), run(lambda f: f))


def test_what_a_step_of_a_schedule_raises() -> None:
    """All else has been done by then, once."""
    def ends(optimizer: Any) -> Any:
        return S.LambdaLR(optimizer, lambda epoch: [1.0, 0.9, 0.8, 0.7, 0.6, 0.5][epoch] if epoch < 6 else 1 / 0)

    wanted, _ = world(lambda f: f, ends)
    found, _ = world(lambda f: torch.compile(f, fullgraph=True), ends)
    assert close(found, wanted)
    assert isinstance(wanted[-1][1], str)


def test_a_schedule_that_the_function_makes() -> None:
    def run(wrap: Callable[[Any], Any]) -> list[Any]:
        torch.manual_seed(0)
        w = torch.randn(3, 2, requires_grad=True)

        def fit(x: Any) -> Any:
            optimizer = torch.optim.SGD([w], 0.1)
            scheduler = S.ExponentialLR(optimizer, 0.5)
            for _ in range(3):
                optimizer.zero_grad()
                (x @ w).square().mean().backward()
                optimizer.step()
                scheduler.step()
            return w.sum()

        fitting = wrap(fit)
        return [fitting(torch.randn(4, 3)).item() for _ in range(4)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert close(run(torch.compile), run(lambda f: f))


def test_a_schedule_whose_results_are_differentiated_outside() -> None:
    def run(wrap: Callable[[Any], Any]) -> list[Any]:
        torch.manual_seed(0)
        w = torch.randn(3, 2, requires_grad=True)
        optimizer = torch.optim.SGD([w], 0.1)
        scheduler = S.ExponentialLR(optimizer, 0.5)

        def forward(x: Any) -> Any:
            scheduler.step()
            return (x @ w).square().mean()

        f, found = wrap(forward), []
        for _ in range(4):
            loss = f(torch.randn(4, 3))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append((loss.item(), w.tolist(), optimizer.param_groups[0]["lr"]))
        return found

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the first step of the schedule comes before one of the optimiser
        assert close(run(lambda f: torch.compile(f, fullgraph=True)), run(lambda f: f))
