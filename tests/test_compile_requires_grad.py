"""Compiled functions in which tensors of the user's begin or stop to require gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wengert as torch
from tests.test_compile_traps import alike, itself, plain, whole
from wengert import nn
from wengert.core.errors import TraceError
from wengert.nn import functional as F

Program = Callable[[Any], Iterator[Any]]
PROGRAMS: list[Program] = []


def program(function: Program) -> Program:
    PROGRAMS.append(function)
    return function


@program
def points_of_a_differential_equation(compile: Any) -> Iterator[Any]:
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters())

    def step(x: Any) -> Any:
        x.requires_grad_(True)
        u = model(x)
        (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        loss = (slope[:, 0] - u[:, 0]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = compile(step)
    kept = torch.rand(5, 2)
    for x in (kept, kept, kept, torch.rand(5, 2), torch.rand(5, 2)):
        yield step(x), x.requires_grad, x.grad.clone(), model[0].weight.clone()


@program
def a_discriminator_that_rests(compile: Any) -> Iterator[Any]:
    g, d = nn.Linear(3, 4), nn.Linear(4, 1)
    of_g, of_d = torch.optim.SGD(g.parameters(), 0.1), torch.optim.SGD(d.parameters(), 0.1)

    def wants(wanted: bool) -> None:
        for parameter in d.parameters():
            parameter.requires_grad = wanted

    def step(z: Any, real: Any) -> Any:
        wants(False)
        of_g.zero_grad()
        by_g = -d(g(z)).mean()
        by_g.backward()
        of_g.step()
        wants(True)
        of_d.zero_grad()
        by_d = d(g(z).detach()).mean() - d(real).tanh().mean()
        by_d.backward()
        of_d.step()
        return by_g.detach(), by_d.detach()

    step = compile(step)
    for _ in range(4):
        losses = step(torch.randn(5, 3), torch.randn(5, 4))
        yield losses, d.weight.requires_grad, d.weight.clone(), d.weight.grad.clone(), g.bias.clone()


@program
def a_discriminator_that_is_left_at_rest(compile: Any) -> Iterator[Any]:
    """Its gradients are left over, from when it was trained in the call before."""
    g, d = nn.Linear(3, 4), nn.Linear(4, 1)
    of_g, of_d = torch.optim.Adam(g.parameters(), 0.1), torch.optim.Adam(d.parameters(), 0.1)

    def step(z: Any, real: Any) -> Any:
        d.requires_grad_(True)
        of_d.zero_grad()
        fake = g(z)
        by_d = d(fake.detach()).mean() - d(real).tanh().mean()
        by_d.backward()
        of_d.step()
        d.requires_grad_(False)
        of_g.zero_grad()
        by_g = -d(fake).mean()
        by_g.backward()
        of_g.step()
        return by_g.detach(), by_d.detach()

    step = compile(step)
    for _ in range(4):
        losses = step(torch.randn(5, 3), torch.randn(5, 4))
        yield losses, d.weight.requires_grad, d.weight.clone(), d.weight.grad.clone(), g.bias.clone()


@program
def gradients_that_rest_are_added_to(compile: Any) -> Iterator[Any]:
    w, v = torch.randn(3, requires_grad=True), torch.randn(3)

    def step(x: Any) -> Any:
        w.requires_grad_(True)
        (w * x).sum().backward()
        seen = w.grad * 1
        v.requires_grad_(True)
        (w * v).sum().backward()
        for leaf in (w, v):
            leaf.requires_grad_(False)
        return seen, w.grad + 1

    step = compile(step)
    for number in range(5):
        if number == 3:
            v.grad = None
        yield step(torch.randn(3)), w.grad.clone(), v.grad.clone(), w.requires_grad


@program
def a_frozen_layer_has_its_gradient_now_and_then(compile: Any) -> Iterator[Any]:
    """The optimiser moves what has a gradient, whether it requires one or not; what is read of it follows."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    model(torch.ones(2, 3)).sum().backward()
    model[0].requires_grad_(False)

    def step(x: Any) -> Any:
        model[1].zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        seen = model[0].weight.grad
        found = loss.detach(), None if seen is None else seen * 2
        optimizer.zero_grad(set_to_none=False)
        return found

    step = compile(step)
    for number in range(12):
        if number in (3, 8):
            model[0].weight.grad = torch.full((3, 3), float(number))
        if number == 6:
            model[0].weight.grad = None
        if number == 10:
            model[0].requires_grad_(True)
        found = step(torch.randn(4, 3))
        grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
        yield found, [p.detach().clone() for p in model.parameters()], grads


@program
def an_argument_takes_another_shape_and_begins(compile: Any) -> Iterator[Any]:
    w = torch.ones(3, requires_grad=True)

    def step(x: Any) -> Any:
        x.unsqueeze_(0)
        x.requires_grad_()
        loss = (x * w).square().sum()
        loss.backward()
        return loss.detach()

    step = compile(step)
    for _ in range(4):
        x = torch.randn(3)
        yield step(x), x.detach().clone(), x.grad.clone(), x.requires_grad, x.is_leaf, w.grad.clone()


@program
def gradients_are_read_and_dropped_while_a_leaf_rests(compile: Any) -> Iterator[Any]:
    d = nn.Linear(4, 1)

    def step(z: Any) -> Any:
        d.zero_grad()
        d(z).mean().backward()
        d.requires_grad_(False)
        twice = d.weight.grad * 2
        d.weight.grad = None
        value = d(z * 2).mean()
        d.requires_grad_(True)
        d(z * 3).mean().backward()
        return twice, value

    step = compile(step)
    for _ in range(3):
        yield step(torch.randn(2, 4)), d.weight.grad.clone(), d.bias.grad.clone()


@program
def a_layer_is_frozen_by_an_argument(compile: Any) -> Iterator[Any]:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step(x: Any, frozen: bool) -> Any:
        optimizer.zero_grad()
        model[0].weight.requires_grad_(not frozen)
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = compile(step)
    for frozen in (False, True, True, False, False, True):
        loss = step(torch.randn(4, 3), frozen)
        yield loss, model[0].weight.requires_grad, model[0].weight.clone(), model[0].weight.grad


@program
def a_layer_is_frozen_outside_with_a_gradient_left(compile: Any) -> Iterator[Any]:
    model = nn.Linear(3, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = compile(step)
    for i in range(6):
        if i in (2, 4):
            model.weight.requires_grad_(i == 4)
        yield step(torch.randn(2, 3)), model.weight.grad, model.weight.clone()


@program
def a_leaf_begins_inside_and_is_differentiated_outside(compile: Any) -> Iterator[Any]:
    w = torch.ones(3)
    f = compile(lambda x: (w.requires_grad_(True) * x).sum())
    for _ in range(3):
        f(torch.arange(3.0)).backward()
        yield w.requires_grad, w.grad.clone()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_requirements_that_change_are_effects(program: Program) -> None:
    found = []
    for compile in (itself, whole):
        torch.manual_seed(5)
        found.append([plain(seen) for seen in program(compile)])
    assert len(found[0]) > 2
    assert alike(*found)


def test_a_leaf_that_begins_and_stops_keeps_its_gradients() -> None:
    def f(x: Any) -> Any:
        (x.requires_grad_(True) ** 3).sum().backward()
        x.requires_grad_(False)
        return x.grad * 1

    x, y = torch.arange(3.0), torch.arange(3.0)
    compiled = torch.compile(f)
    assert alike(plain(f(x)), plain(compiled(y)))
    assert not y.requires_grad
    with pytest.warns(UserWarning, match="runs eagerly"):  # what is added to has been left from before
        assert alike(plain(f(x)), plain(compiled(y)))
    assert alike(plain(x.grad), plain(y.grad))


def test_a_failed_recording_leaves_requirements_as_they_were() -> None:
    model = nn.Linear(3, 1)
    seen = model.weight.view(-1)

    def f(x: Any) -> Any:
        model.weight.requires_grad_(False)
        return x.item()

    with pytest.raises(TraceError, match="item"):
        torch.capture(f).record(torch.ones(2))
    assert model.weight.requires_grad
    F.mse_loss(model(torch.ones(2, 3)), torch.ones(2, 1)).backward()
    assert model.weight.grad is not None
    seen.sum().backward()
    assert float(model.weight.grad[0, 0]) != 0
