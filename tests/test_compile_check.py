"""``compile(check=n)``: the first calls run as they are too, on what they find, and what differs is an error."""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable
from typing import Any

import pytest

import wengert as torch
from tests.training_steps import classifying_step
from wengert.core.errors import TraceError
from wengert.core.primitive import P
from wengert.native import Runner
from wengert.nn import functional as F

Make = Callable[[Callable[[Any], Any]], Callable[[], list[Any]]]
CASES: list[Make] = []


def case(make: Make) -> Make:
    CASES.append(make)
    return make


@case
def a_training_step(wrap: Callable[[Any], Any]) -> Callable[[], list[Any]]:
    """Its dropout draws, its normalisation keeps statistics, and gradients are there from before."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 8, bias=False), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.4),
                                torch.nn.Linear(8, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    step = wrap(classifying_step(model, optimizer))
    return lambda: [step(torch.randn(5, 3), torch.randint(0, 2, (5,))), *model.state_dict().values(),
                    *[p.grad for p in model.parameters()], torch.rand(2)]


@case
def noise_from_several_generators(wrap: Callable[[Any], Any]) -> Callable[[], list[Any]]:
    own = torch.Generator().manual_seed(5)
    f = wrap(lambda x: x + torch.rand(3, generator=own) + torch.randn(3))
    return lambda: [f(torch.ones(3)), torch.rand(1), torch.rand(1, generator=own)]


@case
def a_shape_that_changes_in_place(wrap: Callable[[Any], Any]) -> Callable[[], list[Any]]:
    w = torch.randn(2, 3)

    def f(x: Any) -> Any:
        w.t_()
        w.add_(1)
        return (w * x).sum()

    f = wrap(f)
    return lambda: [f(torch.tensor(2.0)), w.clone(), w.shape]


@case
def requirements_that_change(wrap: Callable[[Any], Any]) -> Callable[[], list[Any]]:
    w, v = torch.randn(3).requires_grad_(), torch.randn(3).requires_grad_()

    def f(x: Any) -> Any:
        v.requires_grad_(False)
        (w * v * x).sum().backward()
        v.requires_grad_(True)
        (w * v).sum().backward()
        return w.grad.sum()

    f = wrap(f)
    return lambda: [f(torch.randn(3)), w.grad, v.grad, v.requires_grad]


@case
def a_model_that_is_differentiated_outside(wrap: Callable[[Any], Any]) -> Callable[[], list[Any]]:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Dropout(0.3), torch.nn.Linear(4, 1))
    f = wrap(model)

    def step() -> list[Any]:
        model.zero_grad()
        x = torch.randn(2, 3, requires_grad=True)
        f(x).square().sum().backward()
        return [x.grad, *[p.grad for p in model.parameters()]]

    return step


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_nothing_is_found_where_nothing_is_wrong(make: Make) -> None:
    found = []
    for wrap in (lambda f: f, lambda f: torch.compile(f, fullgraph=True, check=3)):
        torch.manual_seed(0)
        step = make(wrap)
        found.append([[x.detach().clone() if isinstance(x, torch.Tensor) else x for x in step()] for _ in range(4)])
    for one, other in zip(*found, strict=True):
        for expected, came in zip(one, other, strict=True):
            torch.testing.assert_close(came, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_numbers_among_the_results_are_as_exact_as_what_they_come_from(dtype: Any) -> None:
    """A loss as a float, and what is computed of it."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(40, 60), torch.nn.Tanh(), torch.nn.Linear(60, 10)).to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        out = model(x)
        loss = torch.nn.functional.cross_entropy(out, y)
        loss.backward()
        optimizer.step()
        return loss.item(), 2 * loss.item() + 1, (out.argmax(1) == y).sum().item() / len(y)

    checked = torch.compile(step, check=8, fullgraph=True)
    for _ in range(8):
        assert all(type(found) is float for found in checked(torch.randn(64, 40, dtype=dtype),
                                                             torch.randint(0, 10, (64,))))


def test_rounding_that_an_optimiser_makes_large_is_no_fault() -> None:
    """The gradient of a bias before a normalisation cancels, and Adam divides what is left of it by its own size."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2))
    step = torch.compile(classifying_step(model, torch.optim.Adam(model.parameters(), lr=0.1)), check=3)
    for _ in range(3):
        step(torch.randn(5, 3), torch.randint(0, 2, (5,)))
    assert step.programs


def _line_with(function: Any, words: str) -> int:
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if words in line)


def test_the_first_instruction_that_differs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the midst of a training step, by its line."""
    w = torch.randn(4, requires_grad=True)

    def step(x: Any) -> Any:
        y = (x * w).relu() + 1
        z = torch.erfc(y)
        loss = (z.cumsum(0) * y).mean()
        loss.backward()
        with torch.no_grad():
            w.sub_(0.1 * w.grad)
        return loss.detach()

    monkeypatch.setattr(P.erfc, "lower", lambda b, x: b.mul(b.erfc(x), 1.01))
    at = f"{__file__}:{_line_with(step, 'erfc')}"
    with pytest.raises(TraceError, match=rf"(?s)differs: .*first instruction that differs is %\d+.* = erfc.*{at}"):
        torch.compile(step, check=1)(torch.rand(4))


def test_the_way_back_is_compared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(P.sinh, "lower", lambda b, x: b.mul(x, 1.5))

    def f(x: Any) -> Any:
        return torch.cosh(x).sum()

    with pytest.raises(TraceError, match=r"(?s)gradient 0 differs: .*first instruction that differs is .* = sinh"):
        torch.compile(f, check=1)(torch.rand(4, requires_grad=True))


def test_a_recording_that_is_another_at_each_call() -> None:
    number = ctypes.c_int(1)

    def f(x: Any) -> Any:
        number.value += 1
        return x * number.value

    with pytest.raises(TraceError, match=r"result 0 differs: .*The recording, interpreted, differs as well"):
        torch.compile(f, check=1)(torch.ones(3))


def test_a_program_that_is_wrong_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Runner.__call__
    monkeypatch.setattr(Runner, "__call__", lambda *a: ([], [run(*a)[1][0] + 1]))
    with pytest.raises(TraceError, match=r"result 0 differs: at \(0,\) 2.0 was expected, 3.0 came.*= relu\(%x\)"):
        torch.compile(lambda x: F.relu(x) * 2, check=1)(torch.ones(2))
