"""Places where a compiled function puts another tensor: each call does so, and finds there what the one before left."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import wengert as torch
import wengert.nn.functional as F
from wengert import nn
from wengert.core.errors import TraceError
from wengert.nn.utils import parametrizations, prune

Step = Callable[[Any], list[Any]]
CASES: list[Callable[[Callable[[Any], Any]], Step]] = []
AT_MODULE = torch.zeros(3)


def case(make: Callable[[Callable[[Any], Any]], Step]) -> Callable[[Callable[[Any], Any]], Step]:
    CASES.append(make)
    return make


class Remembering(nn.Module):
    """Its hidden state is an attribute, a buffer is replaced, and the last loss beside is kept with its history."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.state, self.aside = nn.GRUCell(3, 4), torch.zeros(2, 4), torch.zeros(())
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x: Any) -> Any:
        self.state = self.cell(x, self.state.detach())
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * self.state.detach().mean(0)
            self.count = self.count + 1
        self.aside = self.state.square().mean()
        return self.state - self.mean


def stepping(model: Any, wrap: Callable[[Any], Any]) -> Callable[[Any], Any]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (model(x) - 1).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return wrap(step)  # type: ignore[no-any-return]


@case
def a_state_and_a_buffer(wrap: Callable[[Any], Any]) -> Step:
    model = Remembering()
    step = stepping(model, wrap)
    return lambda x: [step(x), model.state, model.state.requires_grad, model.mean, model.count, *model.parameters()]


@case
def a_state_of_a_compiled_model(wrap: Callable[[Any], Any]) -> Step:
    """What is kept has a history, and is a part of a loss outside."""
    model = Remembering()
    run, optimizer = wrap(model), torch.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any) -> list[Any]:
        loss = run(x).square().mean() + model.aside
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return [loss, model.state, model.mean, *model.parameters()]

    return step


@case
def a_mask_of_pruned_weights(wrap: Callable[[Any], Any]) -> Step:
    model = nn.Linear(3, 4)
    prune.random_unstructured(model, "weight", 0.5)
    step = stepping(model, wrap)
    return lambda x: [step(x), model.weight, model.weight.requires_grad, model.weight_orig]


@case
def what_is_made_once(wrap: Callable[[Any], Any]) -> Step:
    place, found = SimpleNamespace(state=None), SimpleNamespace()

    def f(x: Any) -> Any:
        if place.state is None:
            place.state = torch.zeros(3)
        place.state = place.state * 0.5 + x.mean(0)
        found.last = x.sum()
        return place.state.sum()

    f = wrap(f)
    return lambda x: [f(x), place.state, found.last]


@case
def norms_of_weights(wrap: Callable[[Any], Any]) -> Step:
    with pytest.warns(FutureWarning):
        old = nn.utils.weight_norm(nn.Linear(4, 4))
    model = nn.Sequential(parametrizations.spectral_norm(nn.Linear(3, 4)), old, nn.utils.spectral_norm(nn.Linear(4, 4)))
    step = stepping(model, wrap)
    return lambda x: [step(x), model[1].weight, model[2].weight, *model.parameters(), *model.buffers()]


@case
def what_a_hook_notes(wrap: Callable[[Any], Any]) -> Step:
    model, seen = nn.Linear(3, 4), {"out": torch.zeros(2, 4)}
    model.register_forward_hook(lambda layer, given, out: seen.__setitem__("out", out.detach()))
    step = stepping(model, wrap)
    return lambda x: [step(x), seen["out"]]


@case
def variables(wrap: Callable[[Any], Any]) -> Step:
    local = torch.zeros(3)
    global AT_MODULE
    AT_MODULE = torch.zeros(3)

    def f(x: Any) -> Any:
        global AT_MODULE
        nonlocal local
        local, AT_MODULE = AT_MODULE + x.mean(0), local * 0.9 + 1
        return local.sum()

    f = wrap(f)
    return lambda x: [f(x), local, AT_MODULE]


@case
def places_that_are_swapped(wrap: Callable[[Any], Any]) -> Step:
    place = SimpleNamespace(a=torch.ones(3), b=torch.zeros(3), last=torch.zeros(2, 3))

    def f(x: Any) -> Any:
        place.a, place.b = place.b, place.a + x.mean(0)
        change = (x - place.last).abs().sum()
        place.last = x
        return change

    f = wrap(f)
    return lambda x: [f(x), place.a, place.b, place.last, place.last is x]


@case
def one_tensor_at_two_places(wrap: Callable[[Any], Any]) -> Step:
    place = SimpleNamespace(a=torch.zeros(3), b=torch.zeros(3))

    def f(x: Any) -> Any:
        place.a = place.b = place.a + x.mean(0)
        return place.a * place.b

    f = wrap(f)
    return lambda x: [f(x), place.a, place.b, place.a is place.b]


class Slotted:
    """Its state has a slot of its own."""

    __slots__ = ("__weakref__", "state", "step")

    def __init__(self) -> None:
        self.state, self.step = torch.zeros(3), 0.5

    def __call__(self, x: Any) -> Any:
        self.state = self.state * self.step + x.mean(0)
        return self.state.sum()


@case
def slots(wrap: Callable[[Any], Any]) -> Step:
    thing = Slotted()
    f = wrap(thing)
    return lambda x: [f(x), thing.state]


@case
def attributes_of_a_class(wrap: Callable[[Any], Any]) -> Step:
    class Meter:
        total = torch.zeros(3)
        last: Any = None

    def f(x: Any) -> Any:
        Meter.total = Meter.total + x.mean(0)
        Meter.last = x
        return Meter.total * 2

    f = wrap(f)
    return lambda x: [f(x), Meter.total, Meter.last is x]


@case
def members_of_lists(wrap: Callable[[Any], Any]) -> Step:
    """By functions, from outside too, and where the list holds other things."""
    states, window = [torch.zeros(3), None, 2.0], deque([torch.zeros(3), torch.ones(3)])

    def f(x: Any) -> Any:
        states[0], states[1] = states[0] * states[2] + x.mean(0), x
        window[0], window[1] = window[1], states[0]
        return window[0] + window[1]

    f = wrap(f)

    def step(x: Any) -> list[Any]:
        found = [f(x), *states, states[1] is x, *window]
        states[0] = states[0].clone() + 1
        return found

    return step


@case
def weights_that_are_replaced_one_by_one(wrap: Callable[[Any], Any]) -> Step:
    weights = [torch.randn(3, 4).requires_grad_(), torch.randn(4, 2).requires_grad_()]

    def f(x: Any) -> Any:
        loss = (torch.tanh(x @ weights[0]) @ weights[1]).square().sum()
        for number, gradient in enumerate(torch.autograd.grad(loss, weights)):
            with torch.no_grad():
                weights[number] = weights[number] - 0.1 * gradient
        return loss.detach()

    f = wrap(f)

    def step(x: Any) -> list[Any]:
        found = [f(x), *weights]
        weights[:] = [weight.requires_grad_() for weight in weights]
        return found

    return step


@case
def weights_that_are_leaves_again(wrap: Callable[[Any], Any]) -> Step:
    """As functional updates leave them, in a dict and in an attribute, one by `grad` and one by `backward`."""
    weights, place = {"w": torch.randn(3, 4).requires_grad_()}, SimpleNamespace(v=torch.randn(4, 2).requires_grad_())

    def f(x: Any) -> Any:
        loss = (torch.tanh(x @ weights["w"]) @ place.v).square().sum()
        (slope,) = torch.autograd.grad(loss, weights["w"], retain_graph=True)
        loss.backward(inputs=[place.v])
        weights["w"] = (weights["w"] - 0.1 * slope).detach().requires_grad_()
        place.v = (place.v - 0.1 * place.v.grad).detach().requires_grad_()
        return loss.detach()

    f = wrap(f)
    return lambda x: [f(x), weights["w"], place.v, weights["w"].is_leaf, place.v.requires_grad, place.v.grad is None]


@case
def rates_that_are_set(wrap: Callable[[Any], Any]) -> Step:
    """From an argument, from what was there, and to a constant; the program reads what others set as well."""
    w, v, u = [torch.randn(3).requires_grad_() for _ in range(3)]
    optimizer = torch.optim.SGD([{"params": [w], "scale": 2.0}, {"params": [v], "lr": 0.5}, {"params": [u]}], lr=0.1)

    def f(x: Any, rate: float) -> Any:
        first, second, third = optimizer.param_groups
        first["lr"] = rate * first["scale"]
        second["lr"] *= 0.9
        third["lr"] = 0.25
        optimizer.zero_grad()
        loss = ((w + v + u) * x.mean(0)).square().sum()
        loss.backward()
        optimizer.step()
        return loss.detach(), second["lr"]

    f, calls = wrap(f), [0]

    def step(x: Any) -> list[Any]:
        calls[0] += 1
        if calls[0] == 4:
            optimizer.param_groups[1]["lr"], optimizer.param_groups[0]["scale"] = 0.3, 1.0
        loss, rate = f(x, 0.1 / calls[0])
        return [loss, rate, w, v, u, *[group["lr"] for group in optimizer.param_groups]]

    return step


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("check", [0, 2])
def test_what_is_kept_is_there_for_the_next_call(make: Callable[[Any], Step], check: int) -> None:
    found = []
    for wrap in (lambda f: f, lambda f: torch.compile(f, fullgraph=True, check=check)):
        torch.manual_seed(0)
        step = make(wrap)
        found.append([[x.detach().clone() if isinstance(x, torch.Tensor) else x for x in step(each)]
                      for each in torch.randn(5, 2, 3)])
    for one, other in zip(*found, strict=True):
        for expected, came in zip(one, other, strict=True):
            torch.testing.assert_close(came, expected, rtol=1e-5, atol=1e-6)


def test_a_history_that_is_used_up_is_not_gone_through_again() -> None:
    """The state is not detached: the second step runs back through the first one's, and is told so as in eager mode."""
    place = SimpleNamespace(state=torch.zeros(2, 4))
    cell = nn.GRUCell(3, 4)

    @torch.compile
    def step(x: Any) -> Any:
        place.state = cell(x, place.state)
        place.state.sum().backward()

    step(torch.ones(2, 3))
    assert place.state.requires_grad and not place.state.is_leaf
    with pytest.warns(UserWarning, match="runs eagerly"), pytest.raises(RuntimeError, match="second time"):
        step(torch.ones(2, 3))


def test_a_failed_recording_leaves_the_places_as_they_were() -> None:
    place = SimpleNamespace(state=torch.zeros(3))
    before = place.state

    def f(x: Any) -> Any:
        place.state = place.state + x
        return int(place.state.sum())

    with pytest.raises(TraceError):
        torch.compile(f, fullgraph=True)(torch.ones(3))
    assert place.state is before


def test_what_is_kept_is_explained_and_lives_as_long_as_it_is_there() -> None:
    place = SimpleNamespace(state=torch.zeros(3))

    @torch.compile(fullgraph=True)
    def f(x: Any) -> Any:
        place.state = place.state * 0.5 + x
        return F.relu(place.state)

    kept = []
    for _ in range(4):
        f(torch.ones(3))
        kept.append(place.state)
    assert [each.tolist() for each in kept] == [[1.0] * 3, [1.5] * 3, [1.75] * 3, [1.875] * 3]
    assert "put place.state <- a result" in f.explain()
    again = copy.deepcopy(place.state)
    assert again.tolist() == [1.875] * 3 and len(f.programs) == 1
