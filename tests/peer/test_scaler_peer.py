"""`GradScaler` beside PyTorch's: factors, counts and parameters over steps with and without infinite gradients."""

from typing import Any

import pytest
import torch

import wengert

SCALES = [1.0, 1.0, float("inf"), 1.0, float("nan"), 1.0, 1.0, 1.0, 1.0]


def trained(library: Any, optimizer_name: str, interval: int, unscale: bool) -> list[Any]:
    parameter = library.nn.Parameter(library.tensor([1.0, -2.0]))
    idle = library.nn.Parameter(library.tensor([5.0]))
    optimizer = getattr(library.optim, optimizer_name)([parameter, idle], lr=0.1)
    scaler = library.amp.GradScaler("cpu", init_scale=16.0, growth_interval=interval, growth_factor=4.0)
    found = []
    for number, factor in enumerate(SCALES):
        optimizer.zero_grad()
        scaler.scale((parameter * factor).square().sum()).backward()
        if unscale:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update(32.0 if number == 6 else None)
        state = scaler.state_dict()
        found += [*parameter.tolist(), scaler.get_scale(), state["_growth_tracker"], state["scale"]]
    return found


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
@pytest.mark.parametrize("interval", [1, 2, 5])
@pytest.mark.parametrize("unscale", [False, True])
def test_the_same_steps_are_left_out(name: str, interval: int, unscale: bool) -> None:
    assert trained(wengert, name, interval, unscale) == pytest.approx(trained(torch, name, interval, unscale))


def misused(library: Any, what: str) -> Any:
    parameter = library.nn.Parameter(library.tensor([1.0]))
    optimizer = library.optim.SGD([parameter], lr=0.1)
    scaler = library.amp.GradScaler("cpu")
    if what == "no gradient":
        scaler.scale(parameter.detach())
        scaler.step(optimizer)
    scaler.scale(parameter.sum()).backward()
    if what == "unscaled twice":
        scaler.unscale_(optimizer)
        scaler.unscale_(optimizer)
    if what == "stepped twice":
        scaler.step(optimizer)
        scaler.step(optimizer)
    if what == "unscaled after the step":
        scaler.step(optimizer)
        scaler.unscale_(optimizer)
    if what == "closure":
        scaler.step(optimizer, closure=lambda: 0)
    if what == "update first":
        scaler.update()
    if what == "not a tensor":
        scaler.scale(3)
    if what == "growth":
        library.amp.GradScaler("cpu", growth_factor=1.0)


@pytest.mark.parametrize("what", ["no gradient", "unscaled twice", "stepped twice", "unscaled after the step",
                                  "closure", "update first", "not a tensor", "growth"])
def test_misuse_raises_the_same(what: str) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        misused(torch, what)
    with pytest.raises(theirs.type) as ours:
        misused(wengert, what)
    assert str(theirs.value).split("\n")[0] in str(ours.value)
