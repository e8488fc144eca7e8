"""`torch.fx`, held against PyTorch's: the same graphs, code, results and errors for the same programs."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest
import torch

import wengert
from wengert.compat import torch_is_wengert

SIDES: tuple[Any, Any] = (wengert, torch)
Function = TypeVar("Function", bound=Callable[..., Any])


def untyped(function: Function) -> Function:
    """A function whose annotations, texts in this file, are no part of its graph."""
    function.__annotations__.clear()
    return function


def conv_net(torch: Any) -> Any:
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.act = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
            self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))

        @untyped
        def forward(self, x: Any) -> Any:
            y = self.act(self.norm(self.conv(x)))
            return self.head(y + y * 2 - 1)

    return Net().eval()


def residual(torch: Any) -> Any:
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(3, 3, 3, 1, 1), nn.Conv2d(3, 3, 3, 1, 1)
            self.down = None

        @untyped
        def forward(self, x: Any) -> Any:
            out = torch.nn.functional.relu(self.conv1(x))
            out = self.conv2(out)
            out += x if self.down is None else self.down(x)
            return torch.relu(out)

    return nn.Sequential(Block(), Block())


def parameters(torch: Any) -> Any:
    nn = torch.nn

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.arange(12.0).reshape(3, 4))
            self.register_buffer("shift", torch.ones(3))
            self.constant = torch.full((3,), 2.0)
            self.inner = nn.Module()
            self.inner.scale = nn.Parameter(torch.ones(1))

        @untyped
        def forward(self, x: Any, times: int = 2) -> Any:
            y = x.reshape(-1, 4) @ self.weight.t() + self.shift
            return y * times * self.constant * self.inner.scale / self.weight.sum()

    return Scaled()


def attention(torch: Any) -> Any:
    nn = torch.nn

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out, self.norm = nn.Linear(12, 36), nn.Linear(12, 12), nn.LayerNorm(12)

        @untyped
        def forward(self, x: Any) -> Any:
            b, c = x.size(0), x.shape[-1]
            q, k, v = self.qkv(self.norm(x.reshape(b, -1, 12))).chunk(3, dim=-1)
            weights = (q @ k.transpose(-2, -1) / math.sqrt(12)).softmax(dim=-1)
            return torch.nn.functional.dropout(self.out(weights @ v), 0.0), c

    return Attention().eval()


def containers(torch: Any) -> Any:
    @untyped
    def function(x: Any, y: Any = 3) -> Any:
        parts = [x, x + 1, torch.cat([x, x], dim=0)]
        first, second = x.split(1, dim=0)[0], parts[2][:2, None, ..., 1::2]
        return {"a": (first, [second, None]), "b": x.max(dim=1)[0], "c": x.to(torch.float64), "d": y, "e": -abs(x) ** 2}

    return function


def operators(torch: Any) -> Any:
    @untyped
    def function(x: Any) -> Any:
        y = 1 + x - 2 / (3 + x * x) // 1 + 2 ** x % 3
        z = (x > 0) & (x != 2) | ~(x <= 1)
        return operator.add(y, z.float()), getattr(x, "dtype"), torch.add(x, 1, alpha=2), x.add(1).mul_(2)  # noqa: B009

    return function


def stars(torch: Any) -> Any:
    @untyped
    def function(x: Any, *args: Any, key: Any = None, **others: Any) -> Any:
        return x + args[0] + others["z"]

    return function


def functional(torch: Any) -> Any:
    F = torch.nn.functional

    @untyped
    def function(x: Any) -> Any:
        y = F.elu(F.pad(x, (1, 1)))
        y = F.layer_norm(y, (y.shape[-1],))
        y = F.interpolate(y[None], scale_factor=2.0, mode="nearest")[0]
        return F.softmax(y, dim=-1) + F.leaky_relu(y, 0.1) + F.silu(y), F.mse_loss(y, y), F.normalize(y, dim=0)

    return function


PROGRAMS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "conv_net": (conv_net, (2, 3, 4, 4)), "residual": (residual, (1, 3, 4, 4)),
    "parameters": (parameters, (2, 3, 4, 4)),
    "attention": (attention, (2, 3, 4, 3)), "containers": (containers, (2, 4)), "operators": (operators, (2, 4)),
    "functional": (functional, (2, 3, 4)),
}


def traced(name: str) -> tuple[Any, Any]:
    made = []
    for side in SIDES:
        side.manual_seed(0)
        made.append(side.fx.symbolic_trace(PROGRAMS[name][0](side)))
    return made[0], made[1]


def numbers(value: Any) -> Any:
    if hasattr(value, "detach"):
        return np.asarray(value.detach().double().tolist() if value.dim() else value.item(), float)
    if isinstance(value, dict):
        return {key: numbers(part) for key, part in value.items()}
    return [numbers(part) for part in value] if isinstance(value, list | tuple) else str(value)


def hold_alike(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            hold_alike(one, other)
    elif isinstance(theirs, str):
        assert ours == theirs
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def results(ours: Any, theirs: Any, shape: tuple[int, ...]) -> None:
    x = np.linspace(-1.5, 2.5, math.prod(shape), dtype=np.float32).reshape(shape)
    hold_alike(numbers(ours(wengert.tensor(x))), numbers(theirs(torch.tensor(x))))


@pytest.mark.parametrize("name", PROGRAMS)
def test_graphs_code_and_results(name: str) -> None:
    ours, theirs = traced(name)
    assert str(ours.graph) == str(theirs.graph)
    assert ours.code == theirs.code
    ours.graph.lint()
    results(ours, theirs, PROGRAMS[name][1])
    results(wengert.fx.Interpreter(ours).run, torch.fx.Interpreter(theirs).run, PROGRAMS[name][1])


def test_arguments_of_every_kind() -> None:
    for ours, theirs in [[side.fx.symbolic_trace(stars(side)) for side in SIDES]]:
        assert str(ours.graph) == str(theirs.graph) and ours.code == theirs.code

    @untyped
    def chosen(x: Any, flag: Any, n: Any = None) -> Any:
        return x + 1 if flag else x - 1

    ours, theirs = (side.fx.symbolic_trace(chosen, {"flag": True, "n": None}) for side in SIDES)
    assert str(ours.graph) == str(theirs.graph) and ours.code == theirs.code
    assert ours(wengert.ones(1), True).item() == 2
    with pytest.raises(AssertionError, match="specialized to have value True"):
        ours(wengert.ones(1), False)


@pytest.mark.parametrize("program", [
    lambda x: x if x.sum() > 0 else -x, lambda x: len(x), lambda x: [part for part in x], lambda x: int(x),
    lambda x: x and 1, lambda x: {**x},
], ids=["condition", "len", "loop", "int", "and", "keywords"])
def test_what_no_graph_can_tell_raises_alike(program: Callable[[Any], Any]) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever PyTorch raises
        torch.fx.symbolic_trace(program)
    with pytest.raises(Exception) as ours:  # noqa: PT011
        wengert.fx.symbolic_trace(program)
    assert type(ours.value).__name__ == type(theirs.value).__name__
    if theirs.type is not TypeError:
        assert str(ours.value) == str(theirs.value)


def surgery(side: Any) -> Any:
    """Nodes inserted, replaced, moved, erased, and what is dead taken out."""
    module = side.fx.symbolic_trace(residual(side))
    graph = module.graph
    for node in graph.nodes:
        if node.op == "call_function" and node.target is side.relu:
            with graph.inserting_after(node):
                made = graph.call_function(side.tanh, (node,))
            node.replace_all_uses_with(made, lambda user, made=made: user is not made)
    first = next(node for node in graph.nodes if node.op == "call_module")
    with graph.inserting_before(first):
        graph.call_method("neg", (first.args[0],))
        graph.get_attr("0.conv1.weight")
    assert graph.eliminate_dead_code()
    with pytest.raises(RuntimeError, match="still had 1 users"):
        graph.erase_node(first)
    module.recompile()
    return module


def test_graphs_are_changed_alike() -> None:
    made = []
    for side in SIDES:
        side.manual_seed(0)
        made.append(surgery(side))
    assert str(made[0].graph) == str(made[1].graph) and made[0].code == made[1].code
    results(made[0], made[1], (1, 3, 4, 4))
    assert [str(node.all_input_nodes) for node in made[0].graph.nodes] == [
        str(node.all_input_nodes) for node in made[1].graph.nodes]
    assert [list(map(str, node.users)) for node in made[0].graph.nodes] == [
        list(map(str, node.users)) for node in made[1].graph.nodes]


def test_a_graph_made_by_hand() -> None:
    texts = []
    for side in SIDES:
        graph = side.fx.Graph()
        x, y = graph.placeholder("x"), graph.placeholder("max", default_value=1.0)
        both = graph.call_function(operator.mul, (x, y))
        graph.output(graph.call_method("clamp", (both,), {"min": -math.inf}))
        module = side.fx.GraphModule({}, graph)
        graph.lint()
        texts.append((str(graph), module.code, module(side.ones(2), 3).tolist(), str(module)))
    assert texts[0] == texts[1]


class Doubled:
    """Makes a tracer for which sequences are one node, and linear layers are not."""

    def __new__(cls, side: Any) -> Any:
        class Coarse(side.fx.Tracer):  # type: ignore[misc, name-defined]  # a class of either library
            def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
                return isinstance(m, side.nn.Sequential) or (
                    super().is_leaf_module(m, module_qualified_name) and not isinstance(m, side.nn.ReLU))

        return Coarse()


def test_tracers_say_what_is_one_node() -> None:
    ours, theirs = (str(Doubled(side).trace(conv_net(side))) for side in SIDES)
    assert ours == theirs and ours.count("call_module") == 3


@pytest.mark.parametrize("name", ["conv_net", "attention", "parameters"])
def test_modules_are_pickled_copied_and_traced_again(name: str) -> None:
    ours, theirs = traced(name)
    for made in (pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours), copy.copy(ours),
                 wengert.fx.symbolic_trace(ours), wengert.fx.Transformer(ours).transform()):
        assert made.code == ours.code
        results(made, theirs, PROGRAMS[name][1])
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert list(ours.state_dict()) == list(theirs.state_dict())


def rewriting(side: Any) -> tuple[Any, Any, Any]:
    @untyped
    def program(a: Any, b: Any) -> Any:
        first = side.relu(a + b)
        second = side.relu(first + b)
        kept = a + b
        return second * side.relu(kept) + kept

    return program, lambda x, y: side.relu(x + y), lambda x, y: side.sigmoid(side.sub(x, y))


def test_patterns_are_replaced_alike() -> None:
    texts = []
    for side in SIDES:
        program, pattern, replacement = rewriting(side)
        module = side.fx.symbolic_trace(program)
        found = side.fx.replace_pattern(module, pattern, replacement)
        texts.append((len(found), module.code, module(side.ones(2), side.full((2,), 3.0)).tolist()))
    assert texts[0][:2] == texts[1][:2]
    assert texts[0][2] == pytest.approx(texts[1][2])


class Changed:
    """Makes a transformer that turns negations into halves and reshapes into flattening."""

    def __new__(cls, side: Any, module: Any) -> Any:
        class Swapped(side.fx.Transformer):  # type: ignore[misc, name-defined]  # a class of either library
            def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
                if target is operator.neg:
                    return args[0] / 2
                return super().call_function(target, args, kwargs)

            def call_method(self, target: Any, args: Any, kwargs: Any) -> Any:
                return super().call_method("abs" if target == "neg" else target, args, kwargs)

        return Swapped(module)


def test_transformers_change_nodes_alike() -> None:
    made = [Changed(side, side.fx.symbolic_trace(lambda x: (-x).neg() + x)).transform() for side in SIDES]
    assert made[0].code == made[1].code
    results(made[0], made[1], (2, 3))


def test_shapes_are_noted_alike() -> None:
    from torch.fx.passes.shape_prop import ShapeProp as Theirs

    from wengert.fx.passes.shape_prop import ShapeProp as Ours

    noted = []
    for side, kind in zip(SIDES, (Ours, Theirs), strict=True):
        module = side.fx.symbolic_trace(conv_net(side))
        kind(module).propagate(side.ones(2, 3, 4, 4))
        noted.append([(node.name, tuple(node.meta["tensor_meta"].shape), str(node.meta["tensor_meta"].dtype),
                       tuple(node.meta["tensor_meta"].stride), node.meta["tensor_meta"].requires_grad)
                      for node in module.graph.nodes])
    assert noted[0] == noted[1]


def test_a_traced_module_is_trained() -> None:
    ours, theirs = traced("conv_net")
    losses = []
    for side, module in zip(SIDES, (ours, theirs), strict=True):
        module.train()
        optimizer = side.optim.SGD(module.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            loss = module(side.arange(96.0).reshape(2, 3, 4, 4) / 50).square().mean()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_operands_in_a_list_and_assertions_are_noted_alike() -> None:
    graphs = []
    for side in SIDES:
        def program(x: Any, y: Any) -> Any:
            listed = side.einsum("ij,jk", [x, y]) + side.einsum("ij,jk->ik", (x, y))  # noqa: B023
            return listed + side.einsum("ij,jk", x, y)  # noqa: B023

        graph = side.fx.symbolic_trace(untyped(program)).graph
        by_hand = side.fx.Graph()
        x = side.fx.Proxy(by_hand.placeholder("x"), side.fx.proxy.GraphAppendingTracer(by_hand))
        if side is wengert:
            with torch_is_wengert():
                import torch as ours
                ours._assert(x.shape[-1] == 2, "two columns")
        else:
            side._assert(x.shape[-1] == 2, "two columns")
        by_hand.output(x.node)
        graphs.append([(node.op, node.name, str(node.args)) for each in (graph, by_hand) for node in each.nodes])
    assert graphs[0] == graphs[1]
