"""Optimisers, held against their formulas, without PyTorch at hand."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import nn, optim

Array = np.ndarray[Any, Any]


def points() -> list[nn.Parameter]:
    random = np.random.RandomState(0)
    return [nn.Parameter(wengert.tensor(random.standard_normal(shape))) for shape in ((2, 3), (3,), ())]


def pull(parameters: list[nn.Parameter], number: int) -> None:
    """Gradients that differ from step to step."""
    random = np.random.RandomState(number)
    for parameter in parameters:
        parameter.grad = wengert.tensor(np.asarray(random.standard_normal(tuple(parameter.shape))))


def run(optimizer: optim.Optimizer, parameters: list[nn.Parameter], steps: int = 10, start: int = 0) -> list[Array]:
    for number in range(start, start + steps):
        pull(parameters, number)
        optimizer.step()
    return [parameter.detach().numpy().copy() for parameter in parameters]


def by_hand(rule: Any, steps: int = 10) -> list[Array]:
    """The walk that ``rule(p, g, state, t) -> p`` makes, in numpy."""
    parameters = points()
    values = [parameter.detach().numpy().copy() for parameter in parameters]
    states: list[dict[str, Any]] = [{} for _ in values]
    for number in range(steps):
        pull(parameters, number)
        for i, parameter in enumerate(parameters):
            values[i] = rule(values[i], parameter.grad.numpy(), states[i], number + 1)
    return values


def sgd(lr: float, momentum: float = 0, dampening: float = 0, weight_decay: float = 0, nesterov: bool = False) -> Any:
    def rule(p: Any, g: Any, state: Any, t: int) -> Any:
        g = g + weight_decay * p
        if momentum:
            state["v"] = g if t == 1 else momentum * state["v"] + (1 - dampening) * g
            g = g + momentum * state["v"] if nesterov else state["v"]
        return p - lr * g

    return rule


def adam(
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0,
    decoupled: bool = False,
    amsgrad: bool = False,
) -> Any:
    def rule(p: Any, g: Any, state: Any, t: int) -> Any:
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
        state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g * g
        v = state["v"]
        if amsgrad:
            v = state["largest"] = np.maximum(state.get("largest", 0), v)
        return p - lr * (state["m"] / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)

    return rule


WALKS: list[tuple[Any, dict[str, Any], Any]] = [
    (optim.SGD, {"lr": 0.1}, sgd(0.1)),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}, sgd(0.1, 0.9)),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4}, sgd(0.1, 0.9, 0.4)),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, sgd(0.1, 0.9, 0, 0.1, True)),
    (optim.Adam, {"lr": 0.1}, adam(0.1)),
    (optim.Adam, {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.1}, adam(0.1, (0.5, 0.8), 1e-3, 0.1)),
    (optim.Adam, {"lr": 0.1, "amsgrad": True}, adam(0.1, amsgrad=True)),
    (optim.AdamW, {"lr": 0.1}, adam(0.1, weight_decay=0.01, decoupled=True)),
]


@pytest.mark.parametrize("kind, settings, rule", WALKS, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_walks(kind: Any, settings: dict[str, Any], rule: Any) -> None:
    parameters = points()
    for mine, expected in zip(run(kind(parameters, **settings), parameters), by_hand(rule), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-14)


def test_maximize_turns_the_gradient_round() -> None:
    for kind in (optim.SGD, optim.Adam):
        up, down = points(), points()
        run(kind(up, lr=0.1, maximize=True), up, 1)
        pull(down, 0)
        for parameter in down:
            parameter.grad = -parameter.grad
        kind(down, lr=0.1).step()
        for a, b in zip(up, down, strict=True):
            assert wengert.equal(a, b)


def test_adam_works_in_single_precision() -> None:
    parameter = nn.Parameter(wengert.ones(3))
    optimizer = optim.Adam([parameter], lr=0.01)
    for _ in range(50):
        parameter.grad = wengert.ones(3)
        optimizer.step()
    # With a constant gradient every step has the length lr.
    np.testing.assert_allclose(parameter.detach().numpy(), 0.5, rtol=1e-5)
    assert parameter.dtype is wengert.float32 and optimizer.state[parameter]["exp_avg"].dtype is wengert.float32


def test_state_is_there_before_the_first_step_and_keeps_its_identity() -> None:
    for kind, settings in (
        (optim.SGD, {"momentum": 0.9, "dampening": 0.1}),
        (optim.Adam, {"amsgrad": True}),
        (optim.AdamW, {}),
    ):
        parameters = points()
        optimizer = kind(parameters, lr=0.1, **settings)
        # A recorded step finds what it will write to; programs see it, as in PyTorch, from the first step on.
        assert not optimizer.state and not optimizer.state_dict()["state"]
        before = {(p, key): value for p, (_, entries) in optimizer._ready.items() for key, value in entries.items()}
        assert len(before) >= len(parameters)
        run(optimizer, parameters, 2)
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        after = {(p, key): value for p, entries in optimizer.state.items() for key, value in entries.items()}
        assert all(after[place] is value for place, value in before.items()) and set(after) == set(before)
    assert not optim.SGD(points(), lr=0.1).state


def test_a_state_counted_in_numbers_of_python_is_taken() -> None:
    for kind in (optim.Adam, optim.Adafactor, optim.ASGD, optim.NAdam):
        parameters = points()
        optimizer = kind(parameters, lr=0.1)
        run(optimizer, parameters, 2)
        state = copy.deepcopy(optimizer.state_dict())
        for entry in state["state"].values():
            entry["step"] = entry["step"].item()
        for name in ("maximize", "foreach", "capturable", "differentiable"):
            state["param_groups"][0].pop(name, None)
        other = copy.deepcopy(parameters)
        again = kind(other, lr=0.1, maximize=True)
        again.load_state_dict(state)
        assert again.param_groups[0]["maximize"] is False  # the setting is younger than such a state
        run(again, other, 1)
        run(optimizer, parameters, 1)
        assert all(wengert.allclose(a, b, rtol=1e-6) for a, b in zip(other, parameters, strict=True))
        assert isinstance(again.state[other[0]]["step"], wengert.Tensor)


def test_tensors_among_the_settings_are_refused_where_lists_are_walked() -> None:
    rate = wengert.tensor(0.1)
    for settings, words in (
        ({"lr": rate, "foreach": True}, "lr as a Tensor is not supported for capturable=False and foreach=True"),
        ({"betas": (rate, 0.9)}, "betas must be either both floats or both Tensors"),
        ({"betas": (rate, rate), "foreach": True}, "as a Tensor is not supported for capturable=False"),
    ):
        with pytest.raises(ValueError, match=words):
            optim.Adam(points(), **settings)
    optim.Adam(points(), lr=rate, foreach=True, capturable=True)
    with pytest.raises(ValueError, match="Muon only supports 2D parameters"):
        optim.Muon([wengert.rand(2, 3, 4)])


def test_complex_parameters_with_dampening() -> None:
    parameter = nn.Parameter(wengert.tensor([1 + 2j]))
    optimizer = optim.SGD([parameter], lr=0.5, momentum=0.5, dampening=0.5)
    for _ in range(2):
        parameter.grad = wengert.tensor([1 + 1j])
        optimizer.step()
    # The velocity is g, and then g / 2 + g / 2.
    np.testing.assert_allclose(parameter.detach().numpy(), [1 + 2j - 0.5 * (1 + 1j) - 0.5 * (1 + 1j)])


def test_parameters_without_gradient_stay() -> None:
    for kind in (optim.SGD, optim.Adam):
        parameters = points()
        optimizer = kind(parameters, lr=0.1)
        pull(parameters, 0)
        parameters[1].grad = None
        kept = parameters[1].detach().clone()
        optimizer.step()
        assert wengert.equal(parameters[1], kept)
        if kind is optim.Adam:
            assert [p in optimizer.state and optimizer.state[p]["step"].item() for p in parameters] == [1, False, 1]
            # The late one has its own count, and so its own corrections.
            pull(parameters, 1)
            optimizer.step()
            expected = kept.numpy() - 0.1 * np.sign(parameters[1].grad.numpy())
            np.testing.assert_allclose(parameters[1].detach().numpy(), expected, rtol=1e-6)


def test_frozen_parameters_get_state_when_they_thaw() -> None:
    parameter = nn.Parameter(wengert.ones(2), requires_grad=False)
    optimizer = optim.Adam([parameter], lr=0.1)
    assert not optimizer.state
    parameter.requires_grad_().grad = wengert.ones(2)
    optimizer.step()
    assert parameter.tolist() == pytest.approx([0.9, 0.9])


def test_state_follows_the_dtype_of_the_parameter() -> None:
    for kind, settings in ((optim.SGD, {"momentum": 0.9}), (optim.Adam, {})):
        net = nn.Linear(2, 1)
        optimizer = kind(net.parameters(), lr=0.1, **settings)
        net.double()
        net(wengert.ones(1, 2).double()).sum().backward()
        optimizer.step()
        assert all(
            value.dtype is wengert.float64
            for entries in optimizer.state.values()
            for key, value in entries.items()
            if key != "step"
        )


@pytest.mark.parametrize("kind, settings, rule", WALKS, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_a_saved_walk_goes_on(kind: Any, settings: dict[str, Any], rule: Any) -> None:
    parameters = points()
    straight = run(kind(parameters, **settings), parameters, 10)
    for carry in (
        lambda optimizer, twins: _loaded(kind(twins, **settings), optimizer.state_dict()),
        lambda optimizer, twins: _loaded(
            kind(twins, **{**settings, "lr": 5.0}), pickle.loads(pickle.dumps(optimizer.state_dict()))
        ),
    ):
        parameters = points()
        optimizer = kind(parameters, **settings)
        run(optimizer, parameters, 4)
        twins = [copy.deepcopy(parameter) for parameter in parameters]
        for mine, expected in zip(run(carry(optimizer, twins), twins, 6, 4), straight, strict=True):
            np.testing.assert_allclose(mine, expected, rtol=1e-12)


def _loaded(optimizer: optim.Optimizer, state: dict[str, Any]) -> optim.Optimizer:
    optimizer.load_state_dict(state)
    return optimizer


def test_copies_of_an_optimizer_with_its_parameters() -> None:
    for kind, settings, _ in WALKS:
        parameters = points()
        optimizer = kind(parameters, **settings)
        run(optimizer, parameters, 3)
        for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
            twins = twin.param_groups[0]["params"]
            for mine, its in zip(run(twin, twins, 2, 3), run(copy.deepcopy(optimizer), points(), 0), strict=True):
                assert mine.shape == its.shape
            assert repr(twin) == repr(optimizer) and twins[0] is not parameters[0]


def test_groups() -> None:
    a, b, c = points()
    optimizer = optim.SGD([{"params": [a], "lr": 0.5}, {"params": b}], lr=0.1)
    optimizer.add_param_group({"params": [c], "lr": 0.0})
    starts = [p.detach().numpy().copy() for p in (a, b, c)]
    ends = run(optimizer, [a, b, c], 1)
    for start, end, parameter, lr in zip(starts, ends, (a, b, c), (0.5, 0.1, 0.0), strict=True):
        np.testing.assert_allclose(end, start - lr * parameter.grad.numpy())
    assert [group["params"] for group in optimizer.state_dict()["param_groups"]] == [[0], [1], [2]]


TEXT = """\
SGD (
Parameter Group 0
    dampening: 0
    differentiable: False
    foreach: None
    fused: None
    lr: 0.1
    maximize: False
    momentum: 0.9
    nesterov: False
    weight_decay: 0
)"""


def test_printing() -> None:
    assert repr(optim.SGD(points(), lr=0.1, momentum=0.9)) == TEXT


def test_zero_grad() -> None:
    parameters = points()
    optimizer = optim.SGD(parameters, lr=0.1)
    pull(parameters, 0)
    kept = parameters[0].grad
    optimizer.zero_grad(set_to_none=False)
    assert parameters[0].grad is kept and not kept.any()
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in parameters)


def test_steps_record_nothing_and_leave_gradients_alone() -> None:
    for kind, settings in ((optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}), (optim.Adam, {"weight_decay": 0.1})):
        parameters = points()
        optimizer = kind(parameters, lr=0.1, **settings)
        pull(parameters, 0)
        kept = [parameter.grad.clone() for parameter in parameters]
        optimizer.step()
        assert wengert.is_grad_enabled()
        for parameter, gradient in zip(parameters, kept, strict=True):
            assert parameter.is_leaf and parameter.requires_grad and wengert.equal(parameter.grad, gradient)


def test_closure() -> None:
    parameter = nn.Parameter(wengert.tensor(3.0))
    optimizer = optim.SGD([parameter], lr=0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = parameter**2
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9 and parameter.item() == pytest.approx(2.4)


def test_hooks_run_once_a_step() -> None:
    class Louder(optim.SGD):
        def step(self, closure: Any = None) -> Any:
            return super().step(closure)

    log: list[str] = []
    optimizer = Louder(points(), lr=0.1)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append("pre"))
    handle = optimizer.register_step_post_hook(lambda o, args, kwargs: log.append("post"))
    optimizer.step()
    handle.remove()
    optimizer.step()
    assert log == ["pre", "post", "pre"]
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_hooks_of_saving_and_loading() -> None:
    log: list[str] = []
    optimizer = optim.SGD(points(), lr=0.1)
    optimizer.register_state_dict_pre_hook(lambda o: log.append("saving"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "extra": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: log.append(f"loading {state['extra']}"))
    optimizer.register_load_state_dict_post_hook(lambda o: log.append("loaded"))
    optimizer.register_load_state_dict_post_hook(lambda o: log.append("first"), prepend=True)
    optimizer.load_state_dict(optimizer.state_dict())
    assert log == ["saving", "loading 1", "first", "loaded"]


def test_an_optimizer_of_ones_own() -> None:
    class Signs(optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        @wengert.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for parameter in group["params"]:
                    state = self.state[parameter]
                    state["count"] = state.get("count", 0) + 1
                    parameter.add_(parameter.grad.sign(), alpha=-group["lr"])

    parameters = points()
    optimizer = Signs(parameters, 0.5)
    run(optimizer, parameters, 2)
    assert [entry["count"] for entry in optimizer.state_dict()["state"].values()] == [2, 2, 2]


def test_differentiable_steps() -> None:
    rate = wengert.tensor(0.1, dtype=wengert.float64, requires_grad=True)
    start = wengert.tensor([2.0], dtype=wengert.float64, requires_grad=True)
    moving = start.clone()
    moving.retain_grad()
    optimizer = optim.SGD([moving], lr=rate, differentiable=True)
    moving.grad = wengert.tensor([3.0], dtype=wengert.float64)
    optimizer.step()
    moving.sum().backward()
    assert rate.grad.item() == -3 and start.grad.item() == 1


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda p: optim.SGD([], lr=0.1), ValueError, "optimizer got an empty parameter list"),
        (lambda p: optim.SGD(p[0], lr=0.1), TypeError, "params argument given to the optimizer should be an iterable"),
        (lambda p: optim.SGD(p, lr=-0.5), ValueError, "Invalid learning rate: -0.5"),
        (lambda p: optim.SGD(p, momentum=-1), ValueError, "Invalid momentum value: -1"),
        (lambda p: optim.SGD(p, nesterov=True), ValueError, "Nesterov momentum requires a momentum and zero dampening"),
        (lambda p: optim.Adam(p, betas=(0.9, 1.0)), ValueError, "Invalid beta parameter at index 1: 1.0"),
        (lambda p: optim.Adam(p, eps=-1), ValueError, "Invalid epsilon value: -1"),
        (lambda p: optim.AdamW(p, weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
        (lambda p: optim.SGD([p[0] * 2], lr=0.1), ValueError, "can't optimize a non-leaf Tensor"),
        (
            lambda p: optim.SGD([{"params": set(p)}], lr=0.1),
            TypeError,
            "optimizer parameters need to be organized in ordered collections",
        ),
        (
            lambda p: optim.SGD([{"params": p}, {"params": p[:1]}]),
            ValueError,
            "some parameters appear in more than one parameter group",
        ),
        (
            lambda p: optim.SGD(p).load_state_dict({"state": {}, "param_groups": []}),
            ValueError,
            "different number of parameter groups",
        ),
        (lambda p: optim.Optimizer(p, {}).step(), NotImplementedError, "defines neither _update nor step"),
    ],
)
def test_misuse(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call(points())


def test_duplicates_warn() -> None:
    first = points()[0]
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([first, first], lr=0.1)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adadelta", "Adagrad",
                                  "Adafactor", "RMSprop", "Rprop", "ASGD", "Muon"])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_parameter_may_take_another_shape_before_the_first_step(name: str, compiled: bool) -> None:
    kind: Any = getattr(optim, name)
    options: dict[str, Any] = {"momentum": 0.9, "dampening": 0.1} if name == "SGD" else {}
    values = wengert.arange(20.0).reshape(5, 4) / 7
    walked = []
    for shape in ((5, 4), (3, 2)):
        weight = nn.Parameter(wengert.ones(shape))
        optimizer = kind([weight], lr=0.1, **options)
        weight.data = values.clone()

        def step(optimizer: Any = optimizer, weight: Any = weight) -> None:
            optimizer.zero_grad()
            (weight * weight).sum().backward()
            optimizer.step()

        if compiled:
            step()  # a recorded step finds all that it will write to
        taken = wengert.compile(step) if compiled and name != "Muon" else step
        for _ in range(3):
            taken()
        walked.append(weight.detach().numpy().copy())
    np.testing.assert_array_equal(*walked)
    assert not np.array_equal(walked[0], values.numpy())


def test_a_state_that_was_loaded_or_used_is_not_made_anew() -> None:
    weight = nn.Parameter(wengert.ones(3))
    other = optim.Adam([weight], lr=0.1)
    weight.grad = wengert.ones(3)
    other.step()
    optimizer = optim.Adam([weight], lr=0.1)
    optimizer.load_state_dict(other.state_dict())
    state = optimizer.state[weight]
    weight.data = wengert.ones(5)
    weight.grad = wengert.ones(5)
    with pytest.raises(RuntimeError):
        optimizer.step()
    assert optimizer.state[weight] is state


def test_a_module_in_the_place_of_its_parameters() -> None:
    with pytest.raises(TypeError, match=r"got the module Linear itself; pass model.parameters\(\)"):
        optim.Adam(nn.Linear(2, 1))  # type: ignore[arg-type]
