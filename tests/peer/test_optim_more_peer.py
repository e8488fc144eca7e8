"""Adafactor, Muon, averaged models and hooks of all optimisers against PyTorch."""

from __future__ import annotations

import copy
import math
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import wengert

torch = pytest.importorskip("torch")
from tests.peer.side_by_side import both  # noqa: E402

STEPS = 50


def walk(T: Any, make: Any, dtype: str, shapes: tuple[tuple[int, ...], ...]) -> Any:
    """Fifty steps along gradients that depend on the place; the state goes through a dictionary half-way."""
    parameters = [T.nn.Parameter(T.randn(shape).to(getattr(T, dtype))) for shape in shapes]
    optimizer = make(T, parameters)
    seen = [repr(optimizer)]
    for number in range(STEPS):
        for parameter in parameters:
            parameter.grad = (parameter.detach() * 2 + T.randn(parameter.shape) * 0.3).to(parameter.dtype)
        if number % 7 == 3:
            parameters[-1].grad = None
        optimizer.step()
        seen.append([parameter.clone() for parameter in parameters])
        if number == STEPS // 2:
            state = copy.deepcopy(optimizer.state_dict())
            seen.append([{key: sorted(entry) for key, entry in state["state"].items()}, state["param_groups"]])
            optimizer = make(T, parameters)
            optimizer.load_state_dict(state)
    return seen


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"lr": 0.5, "weight_decay": 0.1},
        {"beta2_decay": -0.5, "eps": (1e-2, 0.1), "d": 2.0},
        {"maximize": True, "lr": 0.05, "foreach": False},
    ],
)
def test_adafactor(settings: dict[str, Any], dtype: str) -> None:
    def make(T: Any, parameters: Any) -> Any:
        return T.optim.Adafactor(parameters, **settings)

    both(lambda T: walk(T, make, dtype, ((3, 4), (2, 3, 4), (4,), ())), rtol=2e-4 if dtype == "float32" else 1e-6)


@pytest.mark.parametrize(
    "settings",
    [{}, {"lr": 0.05, "nesterov": False}, {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.0},
     {"lr": 0.02, "ns_steps": 3, "momentum": 0.5, "adjust_lr_fn": "original"}],
)
def test_muon(settings: dict[str, Any]) -> None:
    def make(T: Any, parameters: Any) -> Any:
        return T.optim.Muon(parameters, **settings)

    # Its iteration is in bfloat16, whose steps are 1/256, and feeds on its own rounding.
    both(lambda T: walk(T, make, "float32", ((3, 4), (6, 3), (4, 4))), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize(
    "name, settings",
    [
        ("Adafactor", {"beta2_decay": 0.5}),
        ("Adafactor", {"eps": (-1.0, 1.0)}),
        ("Adafactor", {"eps": (None, -1.0)}),
        ("Adafactor", {"d": 0.5}),
        ("Adafactor", {"lr": -1.0}),
        ("Adafactor", {"weight_decay": -1.0}),
        ("Muon", {"lr": -1.0}),
        ("Muon", {"momentum": -1.0}),
        ("Muon", {"adjust_lr_fn": "other"}),
    ],
)
def test_wrong_settings(name: str, settings: dict[str, Any]) -> None:
    both(lambda T: getattr(T.optim, name)([T.zeros(2, 2, requires_grad=True)], **settings))
    both(lambda T: T.optim.Muon([T.zeros(2, requires_grad=True)]))


def train(T: Any, model: Any, optimizer: Any, after: Any) -> None:
    for _ in range(6):
        optimizer.zero_grad()
        (model(T.randn(8, 3)) ** 2).mean().backward()
        optimizer.step()
        after()


def net(T: Any) -> Any:
    return T.nn.Sequential(T.nn.Linear(3, 4), T.nn.BatchNorm1d(4), T.nn.Linear(4, 2))


AVERAGES: dict[str, Any] = {
    "mean": lambda U: {},
    "ema": lambda U: {"multi_avg_fn": U.get_ema_multi_avg_fn(0.9)},
    "ema of one": lambda U: {"avg_fn": U.get_ema_avg_fn(0.9), "use_buffers": True},
    "mean of one": lambda U: {"avg_fn": U.get_swa_avg_fn()},
    "mean of many": lambda U: {"multi_avg_fn": U.get_swa_multi_avg_fn()},
    "own": lambda U: {"avg_fn": lambda mean, now, count: 0.3 * mean + 0.7 * now},
    "ema with buffers": lambda U: {"multi_avg_fn": U.get_ema_multi_avg_fn(0.5), "use_buffers": True},
}


@pytest.mark.parametrize("kind", list(AVERAGES))
def test_averaged_models(kind: str) -> None:
    def program(T: Any) -> Any:
        U = T.optim.swa_utils
        model = net(T)
        mean = U.AveragedModel(model, **AVERAGES[kind](U))
        train(T, model, T.optim.SGD(model.parameters(), lr=0.1), lambda: mean.update_parameters(model))
        before = copy.deepcopy(mean)
        U.update_bn([(T.randn(8, 3), 0) for _ in range(3)], mean)
        return before, mean, mean.n_averaged, mean(T.randn(4, 3))

    both(program, rtol=1e-4, atol=1e-6)


def test_wrong_averages() -> None:
    both(lambda T: T.optim.swa_utils.get_ema_multi_avg_fn(1.5))
    both(lambda T: T.optim.swa_utils.get_ema_avg_fn(-0.5))
    both(lambda T: T.optim.swa_utils.AveragedModel(net(T), avg_fn=lambda *a: a[0], multi_avg_fn=lambda *a: None))


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 4])
@pytest.mark.parametrize("rates", [0.05, [0.05, 0.2]])
def test_swalr(strategy: str, epochs: int, rates: Any) -> None:
    def program(T: Any) -> Any:
        first, second = T.nn.Linear(2, 2), T.nn.Linear(2, 2)
        groups = [{"params": first.parameters()}, {"params": second.parameters(), "lr": 1.0}]
        optimizer = T.optim.SGD(groups, lr=0.1)
        before = T.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        seen = []
        for _ in range(3):
            optimizer.step()
            before.step()
        schedule = T.optim.swa_utils.SWALR(optimizer, rates, epochs, strategy)
        for number in range(8):
            optimizer.step()
            schedule.step()
            seen.append(schedule.get_last_lr())
            if number == 3:
                state = schedule.state_dict()
                schedule = T.optim.swa_utils.SWALR(optimizer, rates, epochs, strategy)
                schedule.load_state_dict(state)
        return seen, sorted(state)

    both(program)
    both(lambda T: T.optim.swa_utils.SWALR(T.optim.SGD(net(T).parameters()), 0.1, anneal_strategy="other"))
    both(lambda T: T.optim.swa_utils.SWALR(T.optim.SGD(net(T).parameters()), 0.1, anneal_epochs=-1))
    both(lambda T: T.optim.swa_utils.SWALR(T.optim.SGD(net(T).parameters()), [0.1, 0.2]))


def test_hooks_of_all_optimisers() -> None:
    def program(T: Any) -> Any:
        seen: list[Any] = []
        model = net(T)
        optimizer = T.optim.Adam(model.parameters())
        from_all = import_module(f"{T.__name__}.optim.optimizer")
        handles = [
            from_all.register_optimizer_step_pre_hook(lambda o, a, k: seen.append(("all before", type(o).__name__))),
            from_all.register_optimizer_step_post_hook(lambda o, a, k: seen.append(("all after", len(k)))),
            optimizer.register_step_pre_hook(lambda o, a, k: seen.append("before")),
            optimizer.register_step_post_hook(lambda o, a, k: seen.append("after")),
        ]
        train(T, model, optimizer, lambda: None)
        for handle in handles:
            handle.remove()
        optimizer.step()
        return seen

    both(program)


ARGUMENTS: dict[str, tuple[str, ...]] = {
    name: ("foreach", "maximize", "differentiable", "capturable", "fused")
    for name in ("SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "Rprop", "ASGD")
}


@pytest.mark.parametrize("name", list(ARGUMENTS))
@pytest.mark.parametrize("argument", ["foreach", "maximize", "differentiable", "fused"])
@pytest.mark.parametrize("value", [True, False])
def test_arguments_that_choose_an_implementation(name: str, argument: str, value: bool) -> None:
    def make(T: Any, parameters: Any) -> Any:
        return getattr(T.optim, name)(parameters, lr=0.01, **{argument: value})

    if argument == "differentiable" and value:
        both(lambda T: make(T, net(T).parameters()).defaults)
    else:
        both(lambda T: walk(T, make, "float64", ((3, 4), (4,)))[-1], rtol=1e-6)


ODD_SETTINGS: dict[str, Any] = {
    "a rate of NaN": ("SGD", {"lr": math.nan}), "a decay of NaN": ("SGD", {"lr": 0.1, "weight_decay": math.nan}),
    "a negative rate": ("SGD", {"lr": -1.0}), "a rate of NaN for Adam": ("Adam", {"lr": math.nan}),
    "a whole beta": ("Adam", {"betas": (0, 0.9)}), "another whole beta": ("AdamW", {"betas": (0.5, 0)}),
    "whole betas of NAdam": ("NAdam", {"betas": (0, 0.9)}), "no amsgrad": ("Adam", {"amsgrad": None}),
    "an amsgrad of 1": ("Adam", {"amsgrad": 1}), "numpy's momentum": ("RMSprop", {"momentum": np.float64(0.1)}),
    "a decay exponent of NaN": ("Adafactor", {"beta2_decay": math.nan}),
    "an epsilon of NaN": ("Adafactor", {"eps": (None, math.nan)}), "a d of NaN": ("Adafactor", {"d": math.nan}),
}


@pytest.mark.parametrize("what", ODD_SETTINGS)
def test_odd_settings_are_taken_or_refused_as_in_pytorch(what: str) -> None:
    name, settings = ODD_SETTINGS[what]
    found = []
    for lib in (wengert, torch):
        parameter = lib.nn.Parameter(lib.ones(2))
        parameter.grad = lib.ones(2)
        try:
            getattr(lib.optim, name)([parameter], **settings).step()
            found.append(str(parameter.tolist()))
        except ValueError:
            found.append("refused")
    assert found[0] == found[1]
