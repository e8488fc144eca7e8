"""`GradScaler` beside PyTorch's: factors, counts and parameters over steps with and without infinite gradients."""

import pickle
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


INNER = {
    "growth": "s.scale(p.sum()).backward(); s.step(o); s.update(); seen = s._get_growth_tracker(), s.get_scale()",
    "found": "s.scale(p.sum() * inf).backward(); s.unscale_(o); seen = list(s._found_inf_per_device(o).values())",
    "checked": "s.scale(p.sum() * inf).backward(); seen = list(s._check_inf_per_device(o).values())",
    "stage": "s.scale(p.sum()).backward(); s.unscale_(o); seen = s._per_optimizer_states[id(o)]['stage'].name",
    "before": "seen = s._scale, s._growth_tracker, s.get_scale(), s.state_dict()",
    "after": "s.scale(p); seen = s._scale, s._growth_tracker, dict(s._per_optimizer_states)",
    "pickled": "s.scale(p); s = pickle.loads(pickle.dumps(s)); seen = s.get_scale(), s._init_scale",
    "loaded": "s.load_state_dict({**s.state_dict(), 'scale': 3.0, '_growth_tracker': 2}); seen = s.state_dict()",
    "unscaled by hand": "g, f = torch.tensor([2.0, inf]), torch.zeros(1); "
                        "torch._amp_foreach_non_finite_check_and_unscale_([g], f, torch.tensor([0.5])); seen = g, f",
    "grown by hand": "f, t = torch.full((1,), 4.0), torch.zeros(1, dtype=torch.int32); "
                     "torch._amp_update_scale_(f, t, torch.zeros(1), 2.0, 0.25, 1); seen = f, t",
    "unscaled before scaling": "s.unscale_(o)",
    "updated before scaling": "s.update(2.0)",
    "stepped before scaling": "s.step(o)",
    "pickled between": "s.scale(p.sum()).backward(); s.unscale_(o); pickle.dumps(s)",
    "updated by several": "s.scale(p); s.update(torch.ones(2))",
}


@pytest.mark.parametrize("name", INNER)
def test_the_inside_of_a_scaler_is_pytorchs(name: str) -> None:
    found = []
    for library in (torch, torch_is_wengert_face()):
        p = library.nn.Parameter(library.ones(1))
        names: dict[str, Any] = {"torch": library, "p": p, "o": library.optim.SGD([p], lr=1.0), "inf": float("inf"),
                                 "s": library.amp.GradScaler("cpu", init_scale=4.0), "pickle": pickle}
        try:
            exec(INNER[name], names)
            found.append(repr(names["seen"]))
        except (AssertionError, RuntimeError) as error:
            found.append(f"{type(error).__name__} {str(error)[:40]}")
    assert found[0] == found[1]


def torch_is_wengert_face() -> Any:
    """wengert as programs see it under the name ``torch``."""
    from wengert.compat.face import face

    return face("torch", wengert)
