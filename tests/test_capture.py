"""A recorded function gives what the function gives and leaves what it leaves; recording it changes nothing."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch
import wengert.nn.functional as F
from wengert import nn, optim
from wengert.core.errors import InplaceError, TraceError
from wengert.core.state import state
from wengert.ir import format_graph, parse_graph, verify

State = dict[str, Any]


def bits(tensor: Any) -> Any:
    """Everything of a tensor that can be seen from outside."""
    if tensor is None:
        return None
    array = tensor.detach().numpy()
    return array.dtype, array.shape, array.tobytes()


def look(tensor: Any) -> Any:
    """A tensor's value, version, history and gradient; and which objects these are."""
    grad = tensor.grad if tensor.is_leaf else None
    return (
        bits(tensor),
        id(tensor._data),
        tensor._version,
        id(tensor._edge),
        id(tensor._alias),
        tensor.requires_grad,
        id(grad),
        bits(grad),
        None if grad is None else grad._version,
        id(tensor._rare) if tensor._rare else None,
    )


def outside() -> State:
    """Tensors for functions to refer to: fresh ones, of the same values each time."""
    base = torch.arange(6.0)
    return {
        "w": torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], requires_grad=True),
        "v": torch.tensor([2.0, 0.5, -1.0], requires_grad=True),
        "b": torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        "base": base,
        "part": base[1:4],
        "rows": base.reshape(2, 3),
        "turned": base.reshape(2, 3).t(),
        "count": torch.tensor(0.0),
        "places": torch.tensor([2, 0, 2]),
    }


def outcome(function: Callable[..., Any], s: State, times: int, captured: bool) -> list[Any]:
    def step(x: Any) -> Any:
        return function(x, **{name: s[name] for name in names})

    names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
    run = torch.capture(step) if captured else step
    found: list[Any] = []
    for i in range(times):
        x = torch.tensor([[1.0, 2.0, -3.0], [0.25, -1.0, 2.0]]) * (i + 1)
        result = run(x)
        results = result if isinstance(result, tuple) else (result,)
        found.append([bits(r) for r in results])
        found.append(
            [
                (name, bits(t), bits(t.grad) if t.is_leaf else None, t._version > 0)
                for name, t in s.items()
            ]
        )
        found.append((bits(x), x._version > 0))
    return found


# --- the law of views and writes, recorded ----------------------------------------------------------------------------

LAW: dict[str, Callable[..., Any]] = {}


def law(function: Callable[..., Any]) -> Callable[..., Any]:
    LAW[function.__name__] = function
    return function


@law
def view_then_write_base(x, w):
    y = w * x
    part = y[0]
    y.mul_(2.0)
    (part * part).sum().backward()
    return part, y


@law
def write_then_view(x, w):
    y = w * x
    y.add_(1.0)
    row = y[1]
    (row * y[0]).sum().backward()
    return row


@law
def write_through_a_view(x, w):
    y = w * x
    y[0].mul_(3.0)
    (y * y).sum().backward()
    return y


@law
def siblings(x, w):
    y = w * 1.0
    first, second = y[:, :2], y[:, 1:]
    first.mul_(x[:, :2])
    (second * second).sum().backward()
    return first, second, y


@law
def view_of_a_view(x, w):
    y = w + x
    inner = y.t()[1:]
    inner.mul_(inner)
    y[0, 2] = 7.0
    (y * x).sum().backward()
    return inner, y


@law
def leaf_written_under_no_grad(x, w):
    (w * x).sum().backward()
    with torch.no_grad():
        w.sub_(w.grad * 0.1)
        w[0] += 1.0
    return w * 2.0


@law
def detached_shares_memory(x, w):
    y = w * x
    d = y.detach()
    z = y + 1.0
    d.add_(10.0)
    z.sum().backward()
    return y, d


@law
def data_is_written(x, w):
    w.data.mul_(0.5)
    w.data[0, 0] = 3.0
    w.detach()[0, 1] = 2.0  # moves the version on, as a run does for every memory that it writes
    return w + x


@law
def diagonal_and_transpose(x, w):
    y = w * x
    y.t().diagonal().fill_(5.0)
    (y * y).sum().backward()
    return y


@law
def rows_swapped(x, b):
    first = b[0].clone()
    b[0] = b[1]
    b[1] = first
    return b * x


@law
def operand_is_the_target(x, b):
    b.mul_(b)
    b.add_(b.t().reshape(2, 3))
    return b + x


@law
def outside_views_of_one_memory(x, part, rows, turned, base):
    part.add_(1.0)
    rows[1] = x[0]
    turned.mul_(2.0)
    return part, rows, turned, base


@law
def view_made_inside_of_outside(x, base):
    inner = base[2:5]
    inner.copy_(x[1])
    base.mul_(2.0)
    return inner, base


@law
def reshape_that_copies(x, b):
    copy = b.t().reshape(-1)
    copy.add_(100.0)
    same = b.reshape(-1)
    same.sub_(1.0)
    return copy, same, b


@law
def argument_written(x, b):
    x.mul_(2.0)
    x[0, 0] = 9.0
    return x.t() + b.t()


@law
def zero_dimensional_state(x, count):
    count.add_(1.0)
    return x * count


@law
def indices(x, w, places):
    y = w * 1.0
    y[:, places] = 0.5
    picked = w[:, places]
    (y.sum() + (picked * picked).sum()).backward()
    y[torch.tensor([1])] = x[:1]
    return y, picked


@law
def masks(x, b):
    b[x > 0] = -1.0
    return torch.where(b > 2, b, x)


@law
def made_inside(x, v):
    total = torch.zeros(3)
    for row in x:
        total += row * v
    leaf = torch.ones(3, requires_grad=True)
    (total * leaf).sum().backward()
    return total, leaf.grad


@law
def gradients_accumulate(x, w, v):
    (w * x).sum().backward()
    (w * w * v).sum().backward()
    return w.grad


@law
def gradient_set_and_cleared(x, w, v):
    w.grad = x * 2.0
    (w * v).sum().backward()
    v.grad = None
    return w.grad * 1.0


@law
def gradient_penalty(x, w):
    (g,) = torch.autograd.grad((w * w * x).sum(), w, create_graph=True)
    (g * g).sum().backward()
    return g


@law
def zero_sized(x, w):
    nothing = w[:0]
    ((nothing * 2.0).sum() + (w * x).sum()).backward()
    return nothing.detach()


@law
def dtypes_meet(x, b, places):
    b.add_(places)
    half = x.to(torch.float64)
    b.copy_(half)
    return b, half * places


@pytest.mark.parametrize("name", LAW)
def test_recorded_is_eager(name: str) -> None:
    """Three calls: results, states and gradients the same to the last bit, versions moved on where something was
    written (a run writes each memory once, however often the function does)."""
    eager, recorded = (outcome(LAW[name], outside(), 3, captured) for captured in (False, True))
    assert recorded == eager


@pytest.mark.parametrize("name", LAW)
def test_recording_changes_nothing(name: str) -> None:
    s = outside()
    x = torch.tensor([[1.0, 2.0, -3.0], [0.25, -1.0, 2.0]])
    names = LAW[name].__code__.co_varnames[1 : LAW[name].__code__.co_argcount]

    def step(x):
        return LAW[name](x, **{key: s[key] for key in names})

    def failing(x):
        step(x)
        raise KeyError("at the end")

    before = [look(t) for t in (*s.values(), x)]
    program = torch.capture(step).record(x)
    assert [look(t) for t in (*s.values(), x)] == before
    with pytest.raises(KeyError):
        torch.capture(failing).record(x)
    assert [look(t) for t in (*s.values(), x)] == before
    assert state.watcher is None
    text = format_graph(program.graph)
    assert format_graph(verify(parse_graph(text))) == text


# --- whole training steps ---------------------------------------------------------------------------------------------


def adaline() -> tuple[Any, Any, Any]:
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step(x, y):
        loss = F.mse_loss(model(x).reshape(-1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step, model, optimizer


def network(activation: Any, loss_of: Any, optimizer_of: Any) -> Callable[[], tuple[Any, Any, Any]]:
    def make() -> tuple[Any, Any, Any]:
        model = nn.Sequential(nn.Linear(4, 8), activation(), nn.Linear(8, 3))
        optimizer = optimizer_of(model.parameters(), lr=0.05)

        def step(x, y):
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        return step, model, optimizer

    return make


def regression(features: int, outputs: tuple[int, ...]) -> list[Any]:
    return [(torch.randn(10, features), torch.randn(10, *outputs)) for _ in range(20)]


def classes() -> list[Any]:
    return [(torch.randn(10, 4), torch.randint(0, 3, (10,))) for _ in range(20)]


STEPS = {
    "adaline, sgd": (adaline, lambda: regression(2, ())),
    "tanh, mse, adam": (network(nn.Tanh, F.mse_loss, optim.Adam), lambda: regression(4, (3,))),
    "relu, cross entropy, adam": (network(nn.ReLU, F.cross_entropy, optim.Adam), classes),
    "sigmoid, cross entropy, adamw": (network(nn.Sigmoid, F.cross_entropy, optim.AdamW), classes),
}


@pytest.mark.parametrize("name", STEPS)
def test_twenty_training_steps(name: str) -> None:
    make, batches = STEPS[name]
    torch.manual_seed(0)
    data = batches()
    torch.manual_seed(1)
    eager, model, optimizer = make()
    torch.manual_seed(1)
    step, other, its = make()
    captured = torch.capture(step)
    for x, y in data:
        assert bits(eager(x, y)) == bits(captured(x, y))
        for p, q in zip(model.parameters(), other.parameters(), strict=True):
            assert bits(p) == bits(q) and bits(p.grad) == bits(q.grad) and q._version > 0
        for left, right in zip(optimizer.state.values(), its.state.values(), strict=True):
            assert {key: bits(value) for key, value in left.items()} == {
                key: bits(value) for key, value in right.items()
            }
    assert len(captured.programs) == 1  # whether gradients were there does not matter where they are dropped first


@pytest.mark.parametrize("kind", ["SGD", "Adam", "Muon", "Adafactor"])
def test_state_is_named_alike_before_the_first_step_and_after_it(kind: str) -> None:
    """Also where a parameter without a gradient, whose state stays hidden, stands among the others."""
    weights = [torch.randn(3, 3, requires_grad=True) for _ in range(3)]
    optimizer = getattr(torch.optim, kind)(weights, lr=0.1, **({"momentum": 0.9} if kind == "SGD" else {}))

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (x @ weights[2] @ weights[0]).sum()
        loss.backward()
        optimizer.step()
        return loss.detach()

    captured = torch.capture(step)
    captured(torch.randn(4, 3))
    first = captured.graph
    assert list(optimizer.state) == [weights[0], weights[2]] and len(captured.programs) == 1
    captured(torch.randn(4, 3))
    assert len(captured.programs) == 1
    again = torch.capture(step).record(torch.randn(4, 3)).graph
    assert str(first) == str(again) and len(first.states) > 2


@pytest.mark.parametrize("kind", ["SGD", "Adam", "Muon"])
def test_a_recording_that_fails_leaves_an_optimiser_before_its_first_step(kind: str) -> None:
    weights = [torch.randn(3, 3, requires_grad=True) for _ in range(2)]
    optimizer = getattr(torch.optim, kind)([{"params": [weight]} for weight in weights], lr=0.1,
                                           **({"momentum": 0.9} if kind == "SGD" else {}))
    fails = [True]

    def step(x: Any) -> Any:
        (x @ weights[0] @ weights[1]).sum().backward()
        optimizer.step()
        return x.sum() if fails[0] and x.sum() > 0 else x.sum() * 2

    captured = torch.capture(step)
    for _ in range(2):
        with pytest.raises(TraceError):
            captured(torch.randn(4, 3))
        assert not optimizer.state and not optimizer.state_dict()["state"]
    fails[0] = False
    captured(torch.randn(4, 3))
    captured(torch.randn(4, 3))  # finds the gradients of the first
    assert list(optimizer.state) == weights and len(captured.programs) == 2
    assert all(value.any() for entry in optimizer.state.values() for value in entry.values())


def test_a_recorded_step_is_one_graph_that_names_its_state() -> None:
    torch.manual_seed(0)
    step, model, _ = STEPS["tanh, mse, adam"][0]()
    program = torch.capture(step).record(torch.randn(10, 4), torch.randn(10, 3))
    names = [value.name for value in program.graph.states]
    assert names[:4] == ["model.0.weight", "model.0.bias", "model.2.weight", "model.2.bias"]
    assert "optimizer.model.0.weight.exp_avg" in names
    assert {e.target for e in program.graph.effects if e.kind == "set"} == {
        f"{name}.grad" for name in names[:4]
    }
    assert {e.target for e in program.graph.effects if e.kind == "write"} == set(names)
    assert model[0].weight.grad is None
    text = program.explain()
    for word in (
        "inputs:",
        "%x: float32[10,4]",
        "captured state:",
        "baked constants:",
        "%betas.1: float64[]",
        "effects:",
        "leaked:\n  none",
    ):
        assert word in text


# --- keys and guards --------------------------------------------------------------------------------------------------


def test_calls_are_told_apart_by_value() -> None:
    def function(x, scale=1.0, mode="up", pair=(1, None)):
        return x * scale + pair[0] if mode == "up" else x - scale

    captured = torch.capture(function)
    x = torch.ones(2)
    for arguments in (
        (x,),
        (x + 1,),
        (x, 2.0),
        (x, 2),
        (x, True),
        (x, 2.0, "down"),
        (x, 2.0, "up", (3, None)),
        (torch.ones(3),),
    ):
        assert bits(captured(*arguments)) == bits(function(*arguments))
    assert len(captured.programs) == 7
    assert bits(captured(x, scale=2.0)) == bits(function(x, 2.0))


def test_other_objects_are_told_apart_by_identity_and_arrays_of_them_are_refused() -> None:
    captured = torch.capture(lambda x, other: x * other["thing"].factor)

    class Thing:
        def __init__(self, factor):
            self.factor = factor

    one, two = Thing(2), Thing(3)
    assert [captured(torch.ones(1), {"thing": thing}).item() for thing in (one, two, one)] == [2, 3, 2]
    assert len(captured.programs) == 2
    with pytest.raises(TraceError, match="argument 'other.thing', an array of numpy"):
        captured(torch.ones(1), {"thing": np.array([one])})


def test_a_program_refuses_a_call_that_does_not_fit() -> None:
    w = torch.ones(3, requires_grad=True)

    def step(x):
        (w * x).sum().backward()
        return w.grad

    program = torch.capture(step).record(torch.ones(3))
    with pytest.raises(TraceError, match=r"argument 'x' had shape \(3,\) then and has \(1,\) now"):
        program(torch.ones(1))
    with pytest.raises(TraceError, match="numbers, strings"):
        program(1.0)
    assert program(torch.ones(3)) is w.grad
    with pytest.raises(TraceError, match="w.grad was None then"):
        program(torch.ones(3))
    w.grad = None
    with pytest.raises(TraceError, match="grad mode off"), torch.no_grad():
        program(torch.ones(3))
    w.data = torch.ones(1, 3)
    with pytest.raises(TraceError, match=r"%w was float32\[3\]"):
        program(torch.ones(3))


def test_a_state_is_followed_to_new_memory() -> None:
    b = torch.zeros(2)

    def step(x):
        b.add_(x)

    captured = torch.capture(step)
    captured(torch.ones(2))
    b.data = torch.full((2,), 5.0)
    captured(torch.ones(2))
    assert b.tolist() == [6.0, 6.0] and len(captured.programs) == 1


def test_memory_that_comes_twice() -> None:
    b = torch.zeros(4)

    def write(x):
        b.add_(x)
        return b.sum()

    def read(x):
        return b * x

    assert torch.capture(read)(b).tolist() == [0.0] * 4
    with pytest.raises(TraceError, match="share memory, one of them written"):
        torch.capture(write).record(b)
    captured = torch.capture(write)
    captured(torch.ones(4))
    with pytest.raises(TraceError, match="share memory"):
        captured(b)
    assert b.tolist() == [1.0] * 4


def test_arguments_are_followed_by_their_gradients() -> None:
    def step(x):
        (x * x).sum().backward()

    captured = torch.capture(step)
    for _ in range(2):
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        captured(x)
        captured(x)
        assert x.grad.tolist() == [4.0, 8.0]
    assert len(captured.programs) == 2  # nothing drops the gradient, so that it matters whether there was one


def test_results_keep_their_nest_and_identity() -> None:
    b = torch.zeros(2)

    def function(x):
        y = x + b
        return {"same": [y, y], "state": b, "argument": x, "plain": ("text", 3)}

    x = torch.ones(2)
    found = torch.capture(function)(x)
    assert found["same"][0] is found["same"][1]
    assert found["state"] is b and found["argument"] is x and found["plain"] == ("text", 3)
    with pytest.raises(TraceError, match="got a object"):
        torch.capture(lambda x: object()).record(x)


# --- effects ----------------------------------------------------------------------------------------------------------


def test_what_nobody_needs_is_dropped_and_effects_are_needed() -> None:
    unread, mean = torch.zeros(2), torch.zeros(2)

    def step(x):
        wasted = (x * 3.0).exp() + unread
        wasted.sum()
        mean.mul_(0.9).add_(x * 0.1)
        return x + 1.0

    graph = torch.capture(step).record(torch.ones(2)).graph
    assert [value.name for value in graph.states] == ["mean"]
    assert [instr.primitive.name for instr in graph.instrs] == ["mul", "mul", "add", "add"]
    assert [(effect.kind, effect.target) for effect in graph.effects] == [("write", "mean")]


def test_a_failing_run_writes_nothing() -> None:
    b = torch.zeros(2)
    places = torch.tensor([0, 1])

    def step():
        b.add_(1.0)
        return b[places]

    program = torch.capture(step).record()
    with torch.no_grad():
        places.fill_(7)
    with pytest.raises(IndexError):
        program()
    assert b.tolist() == [0.0, 0.0] and b._version == 0


def test_values_are_taken_before_the_first_write() -> None:
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])

    def swap():
        old = a.clone()
        a.copy_(b)
        b.copy_(old)
        return a[:1], b

    captured = torch.capture(swap)
    part, same = captured()
    assert a.tolist() == [3.0, 4.0] and b.tolist() == [1.0, 2.0] and part.tolist() == [3.0] and same is b
    captured()
    assert a.tolist() == [1.0, 2.0] and part.tolist() == [1.0], "a view of a, as it is without capture"


# --- what cannot be recorded ------------------------------------------------------------------------------------------

BY_VALUE = {
    "if": lambda x: 1 if x.sum() > 0 else 2,
    "item": lambda x: x.sum().item() > 0,
    "integer": lambda x: x.long().sum().item() > 0,
    "round": lambda x: round(x.sum().item(), 2),
    "float": lambda x: float(x[0]),
    "numpy": lambda x: x.numpy(),
    "tolist": lambda x: x.tolist(),
    "print": lambda x: f"{x[0]:.2f}",
    "mask": lambda x: x[x > 0],
    "copy": lambda x: torch.tensor([x[0], x[1]]),
    "seed": lambda x: torch.manual_seed(1) and x,
}


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("name", BY_VALUE)
def test_values_are_not_there_while_recording(name: str, captured: bool) -> None:
    b = torch.ones(2)

    def function(x):
        return BY_VALUE[name](b if captured else x)

    with pytest.raises(TraceError, match=r"^\["):
        torch.capture(function).record(torch.ones(2))
    assert b.tolist() == [1.0, 1.0] and state.watcher is None


def test_histories_from_outside_are_refused() -> None:
    w = torch.ones(2, requires_grad=True)
    h = w * 2
    loss = h.sum()
    assert torch.capture(lambda: h + 1)().grad_fn is not None, "its history goes on outside"
    with pytest.raises(TraceError, match="without a history outside"):
        torch.capture(lambda: loss.backward()).record()
    loss.backward()
    assert w.grad.tolist() == [2.0, 2.0]


def test_histories_do_not_leave() -> None:
    w, hidden = torch.ones(2, requires_grad=True), torch.zeros(2)

    def step(x):
        hidden.copy_(w * x)

    with pytest.raises(TraceError, match="%hidden, into which a value that requires grad was written"):
        torch.capture(step).record(torch.ones(2))
    assert not hidden.requires_grad and hidden._version == 0


@pytest.mark.parametrize("op", ["register_hook", "data", "detach_"])
def test_tensors_from_outside_stay_as_they_are(op: str) -> None:
    w, b = torch.ones(2, requires_grad=True), torch.ones(2)

    def step(x):
        if op == "register_hook":
            w.register_hook(print)
        elif op == "data":
            b.data = x
        else:
            w.detach_()

    with pytest.raises(TraceError, match="from outside, which recording leaves as it is"):
        torch.capture(step).record(torch.ones(2))


def test_eager_errors_come_while_recording() -> None:
    w = torch.ones(2, requires_grad=True)

    def overwritten():
        y = w * 2.0
        z = y * y
        y.add_(1.0)
        z.sum().backward()

    with pytest.raises(InplaceError, match="modified by an inplace operation"):
        torch.capture(overwritten).record()
    with pytest.raises(InplaceError, match="leaf"):
        torch.capture(lambda: w.add_(1.0)).record()
    with pytest.raises(InplaceError, match="expanded"):
        torch.capture(lambda x: x.expand(3, 2).add_(1.0)).record(torch.ones(2))
    with pytest.raises(RuntimeError, match="must match the size"):
        torch.capture(lambda x: x + w).record(torch.ones(3))


class Keeps(torch.autograd.Function):
    """Its context is out of sight of what watches the user's objects."""

    kept: Any = None

    @staticmethod
    def forward(ctx, x):
        sys.modules[__name__].__dict__["Keeps"].kept = [x * 2.0]
        return x + 1.0


def test_a_leaked_tensor_is_reported_and_poisoned() -> None:
    captured = torch.capture(lambda x: Keeps.apply(x))
    with pytest.warns(UserWarning, match=r"still referred to.*test_capture\.py:\d+"):
        program = captured.record(torch.ones(2))
    assert len(program.leaks) == 1 and program.leaks[0] in program.explain()
    for use in (
        lambda t: t + 1,
        lambda t: t.sum(),
        lambda t: t.shape,
        lambda t: t.tolist(),
        lambda t: t.add_(1),
    ):
        with pytest.raises(TraceError, match=r"made at .*test_capture\.py:\d+ while a function was recorded"):
            use(Keeps.kept[0])
    assert "dead, made at" in repr(Keeps.kept[0])


def test_nothing_leaks_that_is_not_kept() -> None:
    step, _, _ = STEPS["tanh, mse, adam"][0]()
    captured = torch.capture(step)
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert captured.record(torch.ones(5, 4), torch.ones(5, 3)).leaks == []


def test_a_captured_function_may_call_another() -> None:
    inner = torch.capture(lambda x: x * 2.0)
    outer = torch.capture(lambda x: inner(x) + 1.0)
    assert outer(torch.ones(2)).tolist() == [3.0, 3.0]
    assert len(outer.programs) == 1 and inner.programs == []
    with pytest.raises(TraceError, match="while another is going on"):
        torch.capture(lambda x: inner.record(x)).record(torch.ones(2))
    with pytest.raises(TraceError, match="nothing has been recorded"):
        torch.capture(lambda: None).explain()


def test_only_functions_are_captured() -> None:
    with pytest.raises(TypeError, match="a function was expected"):
        torch.capture(3)


def test_numpy_arrays_are_states_and_what_is_made_of_their_numbers_constants() -> None:
    array = np.array([1.0, 2.0], np.float32)
    program = torch.capture(lambda x: x + torch.from_numpy(array)).record(torch.ones(2))
    assert "captured state:\n  %array: float32[2]" in program.explain()
    program = torch.capture(lambda x: x + torch.from_numpy(array * 2)).record(torch.ones(2))
    assert "%c0: float32[2] = [2. 4.]" in program.explain()
