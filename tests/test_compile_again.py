"""Calls like the last one run at once; whatever changes between two calls is noticed all the same."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import wengert as torch
from wengert.tracing.again import NOT
from wengert.tracing.questions import Questions

World = SimpleNamespace


def made(compiled: bool) -> World:
    """A step on everything that guards look at, and what it works on."""
    torch.manual_seed(0)
    world = World(model=torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 2)),
                  scales=[torch.ones(2), torch.full((2,), 2.0)], numbers=[1, 2], table={"a": 1.0}, twice=False,
                  mean=torch.zeros(2), x=torch.randn(5, 3), rate=0.5, more=())
    optimizer = world.optimizer = torch.optim.SGD(world.model.parameters(), lr=0.1, momentum=0.9)
    model = world.model

    def step(x: Any, rate: float, *more: Any) -> Any:
        optimizer.zero_grad()
        out = model(x) * world.scales[0] + world.numbers[-1] * world.table["a"]
        loss = (out * (2 if world.twice else 1)).square().mean() * rate
        loss.backward()
        with torch.no_grad():
            world.mean.mul_(0.9).add_(out.mean(0) * 0.1)
        optimizer.step()
        return {"loss": loss.detach(), "x": out.sum() + sum(more)}

    world.step = torch.compile(step, fullgraph=True) if compiled else step
    return world


def run(world: World, calls: int) -> list[Any]:
    found = []
    for _ in range(calls):
        results = world.step(world.x, world.rate, *world.more)
        found += [results["loss"].clone(), results["x"].clone(), world.mean.clone(),
                  *(p.detach().clone() for p in world.model.parameters()),
                  *(p.grad.clone() for p in world.model.parameters() if p.grad is not None)]
    return [*found, torch.rand(2)]


def exchanged(world: World) -> None:
    world.model[0] = torch.nn.Linear(3, 4)


def other_data(world: World) -> None:
    world.model[0].bias.data = torch.ones(4)


def frozen(world: World) -> None:
    world.model[0].weight.requires_grad_(False)
    world.model[0].weight.grad = None


def hooked(world: World) -> None:
    world.model[0].weight.register_hook(lambda grad: grad * 2)


CHANGES: dict[str, Callable[[World], Any]] = {
    "nothing": lambda world: None,
    "training": lambda world: world.model.eval(),
    "p": lambda world: setattr(world.model[1], "p", 0.1),
    "lr": lambda world: world.optimizer.param_groups[0].update(lr=0.01),
    "momentum": lambda world: world.optimizer.param_groups[0].update(momentum=0.0),
    "nesterov": lambda world: world.optimizer.param_groups[0].update(nesterov=True),
    "rate": lambda world: setattr(world, "rate", 2.0),
    "attribute": lambda world: setattr(world, "twice", True),
    "list": lambda world: world.numbers.append(3),
    "member": lambda world: world.numbers.__setitem__(1, 7),
    "tensor in a list": lambda world: world.scales.__setitem__(0, torch.full((2,), 3.0)),
    "entry": lambda world: world.table.update(a=4.0),
    "layer": exchanged,
    "data": other_data,
    "frozen": frozen,
    "hook": hooked,
    "module hook": lambda world: world.model[2].register_forward_hook(lambda module, args, out: out * 2),
    "in place": lambda world: world.model[0].bias.data.fill_(3.0),
    "shape": lambda world: setattr(world, "x", torch.ones(7, 3)),
    "strides": lambda world: setattr(world, "x", torch.ones(3, 5).T),
    "numbers": lambda world: setattr(world, "x", torch.ones(5, 3)),
    "history": lambda world: setattr(world, "x", torch.ones(5, 3, requires_grad=True)),
    "more arguments": lambda world: setattr(world, "more", (1.0, 2)),
    "gradients kept": lambda world: [setattr(p, "grad", torch.ones_like(p)) for p in world.model.parameters()],
    "generator": lambda world: torch.manual_seed(5),
    "load": lambda world: world.model.load_state_dict({k: v + 1 for k, v in world.model.state_dict().items()}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_between_two_calls_is_noticed(name: str) -> None:
    plain, compiled = made(False), made(True)
    torch.manual_seed(1)
    expected = run(plain, 4)
    CHANGES[name](plain)
    expected += run(plain, 3)
    torch.manual_seed(1)
    found = run(compiled, 4)
    assert compiled.step.programs[0].again is not None
    CHANGES[name](compiled)
    found += run(compiled, 3)
    assert len(found) == len(expected)
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(found, expected, strict=True))


def test_an_argument_that_is_a_state_is_noticed() -> None:
    state = torch.ones(3)
    f = torch.compile(lambda x: x + state.add_(1), fullgraph=False)
    assert [f(torch.ones(3))[0].item() for _ in range(3)] == [3, 4, 5]
    with pytest.warns(UserWarning, match="share memory"):
        assert f(state)[0].item() == 10


def test_a_call_like_the_last_one_takes_no_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    world = made(True)
    run(world, 2)
    program = world.step.programs[0]
    monkeypatch.setattr(program, "mismatch", None)  # whoever looks closer finds nothing to call
    run(world, 2)
    assert program.again((world.x, 0.5, 3), {}) is NOT and program.calls == 4


def test_a_watcher_sees_what_it_would_see() -> None:
    """The quick way tells nobody of the tensors that it makes: with a watcher the usual one is taken."""
    world = made(True)
    run(world, 2)
    with torch.autograd.watch():
        assert world.step.programs[0].again((world.x, 0.5), {}) is NOT


def test_results_are_arrays_of_their_own() -> None:
    world = made(True)
    run(world, 2)
    first = world.step(world.x, 0.5)
    kept, gradient = first["loss"].clone(), world.model[0].weight.grad
    numbers = gradient.clone()
    world.step(world.x, 2.0)
    assert torch.equal(first["loss"], kept) and torch.equal(gradient, numbers)


def test_versions_move_on() -> None:
    world = made(True)
    run(world, 2)
    before = world.mean._version
    loss = (world.mean * torch.ones(2, requires_grad=True) * world.mean.clone().requires_grad_()).sum()
    run(world, 1)
    assert world.mean._version == before + 1
    with pytest.raises(RuntimeError, match="in-?place|overwritten|written"):
        loss.backward()


def test_questions_that_cannot_be_asked_any_more_are_answered_with_no() -> None:
    table, things, ask = {"a": 1}, [1, 2], Questions()
    ask.add(f"{ask(table)}['a'] is {ask(table['a'])}", ask.members(ask(things), tuple(things)))
    holds = ask.function()
    assert holds()
    del table["a"]
    assert not holds()
    table["a"] = 1
    things.pop()
    assert not holds()


def classifier(compiled: bool) -> World:
    """A step without numpy, whose calls enter its code at once."""
    torch.manual_seed(0)
    model = torch.nn.Linear(6, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return World(step=torch.compile(step, fullgraph="native") if compiled else step, model=model, optimizer=optimizer)


def slower(world: World) -> None:
    world.optimizer.param_groups[0]["lr"] *= 0.5


def replaced(world: World) -> None:
    world.model.weight.data = world.model.weight.detach() * 2


BETWEEN: dict[str, Callable[[World], Any]] = {
    "another rate": slower, "one thread": lambda world: torch.set_num_threads(1),
    "three threads": lambda world: torch.set_num_threads(3), "another memory": replaced,
    "gradients kept": lambda world: world.model.weight.grad.clone(),
    "measured": lambda world: hasattr(world.step, "profile") and world.step.profile(*batch(0)),
}


def batch(seed: int, classes: int = 4) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(8, 6, generator=generator), torch.randint(classes, (8,), generator=generator)


@pytest.mark.parametrize("name", BETWEEN)
def test_calls_that_enter_the_code_at_once(name: str) -> None:
    threads = torch.get_num_threads()
    try:
        worlds = [classifier(compiled) for compiled in (False, True)]
        for turn in range(8):
            losses = [world.step(*batch(turn)) for world in worlds]
            assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-5)
            for own, other in zip(*[world.model.parameters() for world in worlds], strict=True):
                assert torch.allclose(own, other, rtol=1e-5, atol=1e-6)
                assert torch.allclose(own.grad, other.grad, rtol=1e-5, atol=1e-6)
            if turn in (3, 5):
                for world in worlds:
                    BETWEEN[name](world)
    finally:
        torch.set_num_threads(threads)


def test_a_guard_that_fires_in_a_call_like_the_last_one_changes_nothing() -> None:
    world = classifier(compiled=True)
    for turn in range(3):
        world.step(*batch(turn))
    before = [parameter.clone() for parameter in world.model.parameters()]
    x, y = batch(3)
    y[2] = 4
    for _ in range(2):
        with pytest.raises(IndexError, match="Target 4 is out of bounds"):
            world.step(x, y)
    assert all(torch.equal(old, new) for old, new in zip(before, world.model.parameters(), strict=True))
    loss = world.step(*batch(4))
    assert loss.item() > 0 and not torch.equal(before[0], world.model.weight)


def test_a_forward_half_that_is_called_again_and_again() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    other = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    other.load_state_dict(model.state_dict())
    compiled = torch.compile(model, fullgraph=True)
    for turn in range(9):
        x = batch(turn)[0].requires_grad_(turn == 5)
        for each in (model, other):
            each.zero_grad(set_to_none=turn % 2 == 0)
            if turn == 6:
                each[0].weight.requires_grad_(False)
            if turn == 7:
                each[0].weight.requires_grad_()
        outs = []
        for function in (compiled, other):
            given = x.detach().requires_grad_(x.requires_grad)
            out = function(given)
            out.square().sum().backward()
            outs.append((out.detach(), given.grad))
        assert torch.allclose(outs[0][0], outs[1][0], rtol=1e-5, atol=1e-6)
        assert (outs[0][1] is None) is (turn != 5)
        for own, its in zip(model.parameters(), other.parameters(), strict=True):
            assert (own.grad is None) is (its.grad is None)
            assert own.grad is None or torch.allclose(own.grad, its.grad, rtol=1e-4, atol=1e-5)
    assert torch.allclose(model[1].running_mean, other[1].running_mean, rtol=1e-5, atol=1e-6)
    assert any(program.again is not None for program in compiled.programs)


@pytest.mark.parametrize("make", [lambda p: torch.optim.SGD(p, lr=0.1), lambda p: torch.optim.Adam(p, lr=0.1)])
def test_calls_of_several_sizes_in_turn(make: Callable[..., Any]) -> None:
    """A call that turns out to be unlike the last one after its settings were read: they are yet to be taken in."""
    weights = []
    for wrap in (lambda function: function, torch.compile):
        torch.manual_seed(0)
        model = torch.nn.Linear(4, 3)
        optimizer = make(model.parameters())

        def step(x: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = model(x).pow(2).mean()
            loss.backward()
            optimizer.step()
            return loss

        run = wrap(step)
        found = [run(torch.ones(size, 4)).item() for size in (2, 5, 2, 5, 5, 2, 2)]
        weights.append([*found, *model.weight.detach().flatten().tolist()])
    assert weights[1] == pytest.approx(weights[0], rel=1e-5)
