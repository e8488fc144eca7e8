"""One formula on every sort of value: each optimiser's step by kernel, on small arrays, on tensors, and replayed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.compiler import updates
from wengert.optim import stateful
from wengert.optim.stateful import StatefulOptimizer

SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.01, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {}),
    ("Adam", {"weight_decay": 0.1, "betas": (0.8, 0.99), "eps": 1e-6, "maximize": True}),
    ("Adam", {"amsgrad": True, "betas": (0.5, 0.6)}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01, "amsgrad": True, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"betas": (0.5, 0.6), "eps": 1e-4, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.01}),
    ("RAdam", {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.01, "betas": (0.8, 0.5), "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"alpha": 0.8, "centered": True, "eps": 1e-2, "maximize": True}),
    ("RMSprop", {"alpha": 0.8, "centered": True, "momentum": 0.5, "eps": 1e-2}),
    ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.12), "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.01, "alpha": 0.5, "t0": 1, "weight_decay": 0.1, "maximize": True}),
]
SMALL, LARGE = (5, 1, 7), (20_001, 1, 7, 1024, 5000)
STEPS = 8  # RAdam adapts from the sixth on


def gradient(size: int, number: int, dtype: Any) -> torch.Tensor:
    """A gradient that is zero here and there; the same whatever the dtype."""
    values = np.random.RandomState(number).standard_normal(size).astype(np.float32)
    return torch.tensor(np.where(np.arange(size) % 11 == 3, np.float32(0), values)).to(dtype)


def walk(name: str, settings: dict[str, Any], sizes: tuple[int, ...], dtype: Any) -> tuple[list[torch.Tensor], Any]:
    """Steps on parameters of awkward sizes."""
    random = np.random.RandomState(99)
    starts = [torch.tensor(random.standard_normal(n).astype(np.float32)).to(dtype) for n in sizes]
    parameters = [start.requires_grad_() for start in starts]
    optimizer = getattr(torch.optim, name)(parameters, **settings)
    for number in range(STEPS):
        for place, p in enumerate(parameters):
            p.grad = gradient(sizes[place], 100 * number + place, dtype)
        optimizer.step()
    return parameters, optimizer


def by_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stateful, "arrays_of", lambda row: None)


def values(parameters: list[torch.Tensor], optimizer: Any) -> list[tuple[str, np.ndarray[Any, Any]]]:
    """Parameters and their state, one after the other."""
    found = []
    for place, p in enumerate(parameters):
        found.append((f"parameter {place}", p.detach().numpy()))
        found += [(f"{key} {place}", value.numpy()) for key, value in optimizer.state.get(p, {}).items()]
    return found


def test_every_optimiser_of_elements_is_here() -> None:
    kinds = {name for name in torch.optim.__all__ if isinstance(getattr(torch.optim, name), type)
             and issubclass(getattr(torch.optim, name), StatefulOptimizer)}
    assert kinds - {"Adafactor"} == {name for name, _ in SETTINGS}  # Adafactor looks at rows and columns


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_kernel_moves_a_group_as_the_formula_in_double_precision(name: str, settings: dict[str, Any], dtype: Any,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = updates.update
    monkeypatch.setattr(updates, "update", lambda *a: (calls.append(1), original(*a))[1])
    ours, ours_optimizer = walk(name, settings, LARGE, dtype)
    assert len(calls) == STEPS
    by_tensors(monkeypatch)
    theirs = values(*walk(name, settings, LARGE, torch.float64))
    assert len(calls) == STEPS
    tolerance = {"rtol": 1e-5, "atol": 4e-6} if dtype is torch.float32 else {"rtol": 1e-12, "atol": 1e-13}
    for (what, mine), (_, its) in zip(values(ours, ours_optimizer), theirs, strict=True):
        np.testing.assert_allclose(mine, its, **tolerance, err_msg=what)
    assert {p._version for p in ours} == {STEPS}


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_arrays_move_as_tensors_to_the_last_bit(name: str, settings: dict[str, Any], dtype: Any,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = values(*walk(name, settings, SMALL, dtype))
    by_tensors(monkeypatch)
    for (what, mine), (_, its) in zip(arrays, values(*walk(name, settings, SMALL, dtype)), strict=True):
        np.testing.assert_array_equal(mine, its, what)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_a_recorded_step_reads_the_rate_and_the_count(name: str, settings: dict[str, Any]) -> None:
    def prepared() -> tuple[Any, torch.Tensor, Any]:
        parameter, rate = torch.ones(4, requires_grad=True), torch.tensor(settings.get("lr", 0.01))
        optimizer = getattr(torch.optim, name)([parameter], **{**settings, "lr": rate})

        def step(x: torch.Tensor) -> None:
            optimizer.zero_grad()
            (parameter * x).sum().backward()
            optimizer.step()

        return step, rate, (optimizer, parameter)

    eager, rate, (optimizer, parameter) = prepared()
    step, other_rate, (other_optimizer, other) = prepared()
    traced = torch.capture(step)
    for number in range(STEPS):
        x = gradient(4, number, torch.float32)
        eager(x)
        traced(x)
        for (what, mine), (_, its) in zip(values([parameter], optimizer), values([other], other_optimizer),
                                          strict=True):
            np.testing.assert_array_equal(mine, its, what)
        for each in (rate, other_rate):
            each.mul_(0.7)
    assert len(traced.programs) == 1  # zero_grad drops gradients whether there are any or not


@pytest.mark.parametrize("name", [name for name, settings in SETTINGS if not settings or name in ("SGD", "RAdam")])
@pytest.mark.parametrize("sizes", [SMALL, LARGE])
def test_a_new_rate_counts_from_the_next_step(name: str, sizes: tuple[int, ...]) -> None:
    ends = []
    for rate in (0.1, 0.2):
        parameters = [torch.ones(n, requires_grad=True) for n in sizes]
        optimizer = getattr(torch.optim, name)(parameters, lr=0.1)
        optimizer.param_groups[0]["lr"] = rate
        for p in parameters:
            p.grad = torch.ones(p.shape)
        optimizer.step()
        ends.append(1 - parameters[0].detach().numpy())
    assert ends[0].any()
    np.testing.assert_allclose(ends[1], 2 * ends[0], rtol=1e-3)


def test_parameters_that_have_made_other_numbers_of_steps_have_other_corrections() -> None:
    early, late = (torch.zeros(20_000, requires_grad=True) for _ in range(2))
    optimizer = torch.optim.Adam([early, late], lr=0.1)
    for number in range(3):
        early.grad, late.grad = torch.ones(20_000), torch.ones(20_000) if number == 2 else None
        optimizer.step()
    np.testing.assert_allclose(early.detach().numpy(), -0.3, rtol=1e-5)  # a constant gradient moves by lr a step
    np.testing.assert_allclose(late.detach().numpy(), -0.1, rtol=1e-5)


def test_strided_gradients_and_mixed_dtypes() -> None:
    weight = torch.zeros(200, 300, requires_grad=True)
    other = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    across = torch.zeros(300, 200).T.requires_grad_()
    optimizer = torch.optim.SGD([weight, other, across], lr=1.0)
    weight.grad, other.grad = torch.arange(60000.0).reshape(300, 200).T, torch.ones(3, dtype=torch.float64)
    across.grad = torch.arange(60000.0).reshape(200, 300)
    optimizer.step()
    assert weight[1, 2].item() == -(2 * 200 + 1) and other.tolist() == [-1, -1, -1]
    assert across[1, 2].item() == -(300 + 2)


def test_an_expanded_parameter_is_refused() -> None:
    expanded = torch.zeros(1).expand(3).detach().requires_grad_()
    optimizer = torch.optim.SGD([expanded], lr=1.0)
    expanded.grad = torch.ones(3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        optimizer.step()


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_backward_through_two_steps(name: str, settings: dict[str, Any]) -> None:
    """The derivative by the start, against a difference."""

    def end(start: torch.Tensor) -> torch.Tensor:
        moving = start.clone()
        moving.retain_grad()
        optimizer = getattr(torch.optim, name)([moving], differentiable=True, **settings)
        for number in range(2):
            moving.grad = gradient(3, number, torch.float64) * start
            optimizer.step()
        return moving.sum()

    start = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64, requires_grad=True)
    end(start).backward()
    shift = torch.tensor([1e-5, 0.0, 0.0], dtype=torch.float64)
    slope = (end(start + shift) - end(start - shift)).item() / 2e-5
    assert start.grad is not None and start.grad[0].item() == pytest.approx(slope, rel=1e-5)


def test_writes_by_a_kernel_are_seen_by_the_tape() -> None:
    weight = torch.ones(20_000, requires_grad=True)
    loss = (weight * weight).sum()
    weight.grad = torch.ones(20_000)
    torch.optim.SGD([weight], lr=0.5).step()
    assert weight[0].item() == 0.5
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
