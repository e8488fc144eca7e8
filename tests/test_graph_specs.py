"""What a graph says of shapes, dtypes, partials and gradients is what a computation by brute force gives: of every
primitive on its samples, of random graphs of broadcasting operands, with values kept or freed."""

from __future__ import annotations

import ast
import random
from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.test_primitives import ALL, samples_of
from wengert.tensors.apply import apply
from wengert.tensors.tape import node_and_index
from wengert.view import Graph
from wengert.view.steps import Steps

NAMES = [primitive for primitive in ALL if primitive.kind != "random" and samples_of(primitive)]


@pytest.mark.parametrize("primitive", NAMES, ids=lambda primitive: primitive.name)
def test_a_node_knows_the_specs_of_its_results(primitive: Any) -> None:
    for operands, params in samples_of(primitive):
        given = [torch.from_numpy(np.array(x)) if isinstance(x, np.ndarray) else x for x in operands]
        for x in given:
            if isinstance(x, torch.Tensor) and x.dtype.is_floating_point:
                x.requires_grad_()
        try:
            results = apply(primitive, tuple(given), dict(params))
        except (RuntimeError, TypeError, ValueError):  # samples that hold for one form of it only
            continue
        for result in results if primitive.multiple else (results,):
            if result.grad_fn is not None and not result.is_leaf:
                node, index = node_and_index(result._edge)
                spec = node.specs()[index]
                assert spec == (result._data.shape, result._data.dtype)


UNARY = [torch.exp, torch.tanh, lambda x: x * 2.5, lambda x: 1 + x, lambda x: x - 0.5, torch.neg, torch.sin]
BINARY = [torch.add, torch.sub, torch.mul, lambda x, y: x / (y * y + 1), lambda x, y: torch.where(x > 0, x, y),
          torch.maximum, lambda x, y: x + y.detach(), lambda x, y: torch.atan2(x, y * y + 1)]
REDUCING = [lambda x: x.sum(-1, keepdim=True) if x.dim() else x * 1, lambda x: x.mean(0) if x.dim() else x * 1,
            lambda x: torch.matmul(x, x.mT) if x.dim() == 2 else x * 3, lambda x: x.amax(-1) if x.dim() else x * 1,
            lambda x: torch.cat([x.reshape(-1), x.reshape(-1)]), lambda x: torch.softmax(x, -1) if x.dim() else x * 2,
            lambda x: x.reshape(-1)[:2], lambda x: torch.logsumexp(x, 0) if x.dim() else x + 2]
SHAPES: list[tuple[int, ...]] = [(), (3,), (1,), (2, 1), (2, 3), (1, 3)]


def fits(x: torch.Tensor, y: torch.Tensor) -> bool:
    try:
        return np.prod(np.broadcast_shapes(x.shape, y.shape)) <= 6
    except ValueError:
        return False


def program(seed: int) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
    """A loss, the leaves and the values in between, of broadcasting operands."""
    chance = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    leaves = [torch.randn(chance.choice(SHAPES), dtype=torch.float64, generator=generator).requires_grad_()
              for _ in range(3)]
    values: list[torch.Tensor] = list(leaves)
    between = []
    for _ in range(6):
        x = chance.choice(values)
        kind = chance.random()
        if kind < 0.3:
            value = chance.choice(UNARY)(x)
        elif kind < 0.55:
            value = chance.choice(REDUCING)(x)
        else:
            value = chance.choice(BINARY)(x, chance.choice([y for y in values if fits(x, y)]))
        if value.numel() > 6:
            value = value.reshape(-1)[:3]
        values.append(value)
        between.append(value)
    total = torch.zeros((), dtype=torch.float64)
    for value in between[-2:]:
        total = total + (value * value).mean()
    return total, leaves, between


def numbers(given: Any) -> np.ndarray:
    return np.array(given.values, dtype=float).reshape(-1)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("when", ["alive", "after backward"])
def test_shapes_and_gradients_of_random_graphs(seed: int, when: str) -> None:
    loss, leaves, between = program(seed)
    for value in between:
        value.retain_grad()
    loss.backward(retain_graph=when == "alive")
    graph = torch.graph(loss, gradients=True) if when == "alive" else torch.graph(loss)
    for tensor in (*leaves, *between):
        number = node_and_index(tensor._edge)[0].sequence
        if number not in graph.nodes:
            continue
        node = graph.nodes[number]
        assert node.shape == tuple(tensor.shape) and node.dtype == "float64"
        if tensor.grad is not None and tensor.numel() <= 6:
            np.testing.assert_allclose(numbers(node.gradient), tensor.grad.numpy().reshape(-1), rtol=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_partials_of_random_graphs(seed: int) -> None:
    """The matrix on each edge times the cotangent above it, summed over the edges out of a node, is its gradient."""
    loss, leaves, between = program(seed)
    graph: Graph = torch.graph(loss, gradients=True)
    expected = torch.autograd.grad(loss, [*leaves, *between], allow_unused=True)
    for tensor, gradient in zip((*leaves, *between), expected, strict=True):
        number = node_and_index(tensor._edge)[0].sequence
        if gradient is None or number not in graph.nodes or number in graph.roots:
            continue
        total = np.zeros(tensor.numel())
        for edge in graph.users(number):
            above = numbers(graph.nodes[edge.target].gradient)
            assert edge.partial is not None and edge.shape == tuple(tensor.shape)
            matrix = np.array(edge.partial)
            total += matrix.T @ above
        np.testing.assert_allclose(total, gradient.numpy().reshape(-1), rtol=1e-9, atol=1e-12)


def told(text: str) -> np.ndarray | None:
    """The numbers of a text of a step; None where it leaves some out."""
    if not set("…×n") & set(text):
        return np.array(ast.literal_eval(text.replace("−", "-")), dtype=float)
    return None


@pytest.mark.parametrize("seed", range(60))
def test_what_steps_of_random_graphs_say(seed: int) -> None:
    """The products and the sums that are written come out, up to the digits shown, and so do the quiz's answers."""
    loss, _, _ = program(seed)
    graph: Graph = torch.graph(loss, gradients=True)
    near: dict[str, float] = {"rtol": 4e-3, "atol": 4e-3}
    terms: dict[int, list[Any]] = {}
    products = 0
    for step in Steps(graph).all():
        for sent in () if step.get("way") else step["sends"]:
            total = numbers(graph.nodes[sent["to"]].gradient)
            if "product" in sent:
                left, _, right = sent["product"].rpartition(" = ")
                sign = " ⊙ " if " ⊙ " in left else " · "
                above, partial, found = (told(part) for part in (*left.split(sign), right))
                if above is not None and partial is not None and found is not None:
                    matrix = sign == " · " and above.ndim and partial.ndim
                    np.testing.assert_allclose((above @ partial if matrix else above * partial).reshape(-1),
                                               found.reshape(-1), **near)
                    products += 1
            if "a" in sent:
                np.testing.assert_allclose(sent["a"], total, rtol=1e-12)
            if "m" in sent:
                terms.setdefault(sent["to"], []).append([told(x) for x in sent["m"]["x"]])
            if "meet" in sent and sent["to"] in terms:
                np.testing.assert_allclose(np.sum(terms[sent["to"]], axis=0), total, **near)
            if " = " in sent.get("meet", ""):
                _, sum_text, result = sent["meet"].split(" = ")
                parts = sum_text.replace(" − ", " + −").split(" + ")
                np.testing.assert_allclose(sum(told(part) for part in parts), told(result), **near)
    assert products
