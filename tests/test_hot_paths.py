"""The hot paths do what `apply` does: the same values and nodes, and watchers are told the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.core.state import state
from wengert.tensors.evaluation import Watcher, tracing
from wengert.tracing.names import Names
from wengert.tracing.reads import Reads
from wengert.tracing.recorder import Recorder

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "mul by a number": lambda x, y: x * 2.0,
    "number less tensor": lambda x, y: 1 - x,
    "exp": lambda x, y: x.exp(),
    "relu": lambda x, y: torch.nn.functional.relu(x),
    "clamp": lambda x, y: x.clamp(0.2, 0.7),
    "matmul": lambda x, y: x @ y,
    "sum": lambda x, y: x.sum(),
    "sum along": lambda x, y: x.sum(-1, keepdim=True),
    "mean along": lambda x, y: x.mean(0),
    "softmax": lambda x, y: x.softmax(1),
    "argmax": lambda x, y: x.argmax(1),
    "max along": lambda x, y: x.max(1).values,
    "view": lambda x, y: x.view(-1),
    "reshape that copies": lambda x, y: x.t().reshape(-1),
    "transpose": lambda x, y: x.transpose(0, 1),
    "slice": lambda x, y: x[1:, 0],
    "compare": lambda x, y: x > y,
    "linear": lambda x, y: torch.nn.functional.linear(x, y, y[0]),
    "loss": lambda x, y: torch.nn.functional.mse_loss(x, y),
}


class Listener(Watcher):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.nodes: list[str] = []
        self.results: list[tuple[str, Any]] = []

    def recorded(self, node: Any) -> None:
        super().recorded(node)
        self.nodes.append(node.name())

    def computed(self, primitive: Any, operands: Any, params: Any, out: Any) -> None:
        super().computed(primitive, operands, params, out)
        self.results.append((primitive.name, (out[0] if primitive.multiple else out)._data.copy()))


class Evaluator(Listener):
    """One that evaluates, so that the hot paths stand aside."""

    def evaluate(self, primitive: Any, operands: Any, params: Any) -> Any:
        return super().evaluate(primitive, operands, params)


def operands(requires_grad: bool) -> tuple[Any, Any]:
    torch.manual_seed(0)
    return torch.rand(3, 3, requires_grad=requires_grad), torch.rand(3, 3, requires_grad=requires_grad)


def listed(value: Any) -> Any:
    """A saved value with lists for arrays."""
    if isinstance(value, tuple):
        return [listed(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def facts(out: Any) -> Any:
    """What can be seen of a result and its node."""
    node = out.grad_fn
    if node is None:
        return out.tolist(), None, out._is_view()
    saved = listed(node.saved[:-1])
    params = {name: value for name, value in node.params.items() if name != "label"}  # which name() has shown
    return out.tolist(), (node.name(), params, saved, node.saved[-1], len(node.guards)), out._is_view()


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_hot_path_and_the_general_one_agree(call: Callable[[Any, Any], Any], requires_grad: bool) -> None:
    plain = facts(call(*operands(requires_grad)))
    with Listener() as told:
        watched = facts(call(*operands(requires_grad)))
    with Evaluator() as asked:
        general = facts(call(*operands(requires_grad)))
    assert plain == watched == general
    assert told.nodes == asked.nodes
    assert [name for name, _ in told.results] == [name for name, _ in asked.results] != []
    for (_, one), (_, other) in zip(told.results, asked.results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_watchers_nest_and_know_of_one_that_evaluates() -> None:
    x, y = operands(True)
    outer, middle, inner = Listener(), Evaluator(), Listener()
    with outer:
        assert not outer.intercepts
        middle.__enter__()
        with inner:
            assert inner.intercepts and not outer.intercepts
            middle.leave()  # not the innermost
            assert not inner.intercepts and inner.outer is outer
            x * y
    assert state.watcher is None
    assert inner.nodes == outer.nodes == ["MulBackward0"] and middle.nodes == []


def test_a_number_or_a_small_operand_beside_a_large_one_is_a_large_operation() -> None:
    """Whichever operand is large, the generated kernel runs, and gives what numpy gives."""
    large = torch.rand(200, 200)
    small = torch.tensor(3.0)
    for one, other in ((small, large), (large, small)):
        np.testing.assert_array_equal((one * other).numpy(), one.numpy() * other.numpy())


def test_a_watcher_knows_the_tracer_around_it_and_forgets_it_when_it_leaves() -> None:
    outer, inner, recorder = Listener(), Listener(), Recorder("f", Names({}), Reads())
    with outer, recorder, inner:
        assert inner.tracer is recorder.tracer is recorder and outer.tracer is None
        assert inner.intercepts and not outer.intercepts and tracing()
    assert inner.tracer is recorder.tracer is None and not tracing()
