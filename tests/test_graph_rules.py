"""The rules in symbols that stand beside the numbers of a picture are those of mathematics: each is evaluated and held
against the number that the rule of the tape gave."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.nn import functional as F
from wengert.view import Graph
from wengert.view.model import GraphNode, with_gradients
from wengert.view.rules import LOCAL, local_rule, mathematics, sent_rule
from wengert.view.steps import Steps

POINTS = {"acosh": (1.7, 0.0), "asin": (0.3, 0.0), "acos": (0.3, 0.0), "atanh": (0.3, 0.0), "neg": (0.7, 0.0)}
FUNCTIONS: dict[str, Any] = {
    name: getattr(np, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "sign")
} | {"s": lambda x: 1 / (1 + np.exp(-x)), "slope": 0.01}


def call(operation: str, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    functional = torch.nn.functional
    if operation == "where":
        return torch.where(torch.tensor(True), x, y)
    if operation in ("add", "sub", "mul", "div", "pow", "hypot", "maximum", "minimum"):
        return getattr(torch, operation)(x, y)
    name = {"log_sigmoid": "logsigmoid"}.get(operation, operation)
    return getattr(torch, name, None)(x) if hasattr(torch, name) else getattr(functional, name)(x)


def test_a_dropout_is_the_product_that_its_module_makes() -> None:
    assert LOCAL["dropout"] == LOCAL["mul"][:1]


@pytest.mark.parametrize("operation", [operation for operation in LOCAL if operation != "dropout"])
def test_a_rule_in_symbols_gives_the_number(operation: str) -> None:
    at = POINTS.get(operation, (1.3, 0.6))
    x, y = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in at)
    out = call(operation, x, y)
    (node,) = [node for node in torch.graph(out) if node.kind == "operation"]
    assert node.operation == ("pow" if operation == "square" else operation)
    values = {"x": at[0], "y": at[1], "out": out.item()}
    rules = LOCAL[operation]
    if operation == "where":
        values, rules = {"x": True}, rules[1:]
    operands = [x, y][: len(rules)]
    expected = torch.autograd.grad(out, operands, allow_unused=True)
    for rule, derivative in zip(rules, expected, strict=True):
        found = eval(rule, {"__builtins__": {}}, FUNCTIONS | values)
        assert math.isclose(found, 0.0 if derivative is None else derivative.item(), rel_tol=1e-9)


@pytest.mark.parametrize(("operation", "operands", "written"), [
    ("pow", ["v", "2"], "2v"), ("pow", ["v", "3"], "3v²"), ("pow", ["v", "0.5"], "0.5 · v⁻⁰·⁵"),
    ("pow", ["v", "1"], "1"),
    ("mul", ["x", "w"], "w"), ("div", ["x", "w"], "1 / w"), ("tanh", ["v"], "1 − o²"), ("sqrt", ["v"], "1 / (2 · √v)"),
    ("relu", ["v"], "1 if v > 0 else 0"), ("where", ["c", "a", "b"], "0"), ("mul", ["x", "…"], ""), ("lstm", ["x"], ""),
])
def test_rules_are_written_as_mathematics(operation: str, operands: list[str], written: str) -> None:
    assert local_rule(GraphNode(1, "operation", operation), 0, operands, "o") == written


def test_formulas_are_written_as_mathematics() -> None:
    assert mathematics("x * w") == "x · w" and mathematics("v ** 2") == "v²" and mathematics("a - 3") == "a − 3"
    assert mathematics("x @ w") == "x · w" and mathematics("-x / w^2") == "−x / w²" and mathematics("2 * v") == "2v"
    assert mathematics("d['a-b'] + 1") == "d['a-b'] + 1"


def test_what_matrix_products_send() -> None:
    node = GraphNode(1, "operation", "matmul")
    assert sent_rule(node, 1, ["X", "w"], "u", "dL/du") == "Xᵀ · dL/du"
    assert sent_rule(node, 0, ["X", "w"], "u", "dL/du") == "dL/du · wᵀ"
    assert sent_rule(node, 0, ["X", "…"], "u", "dL/du") == "", "of what is not known nothing is said"


def sends(graph: Graph, operation: str) -> list[dict[str, Any]]:
    """What an operation sends back, as the page has it."""
    (node,) = [node for node in graph if node.operation == operation]
    return next(step["sends"] for step in Steps(with_gradients(graph)).all() if step["n"] == node.id
                and not step.get("way"))


A, B, LABELS = np.random.default_rng(0).normal(size=(3, 4)), np.random.default_rng(1).normal(size=(3, 4)), [0, 3, 1]
CHOSEN = np.eye(4)[LABELS]
SOFT = np.exp(A) / np.exp(A).sum(1, keepdims=True)
WORDS: dict[str, tuple[Any, str, str, Any]] = {
    "mean": (lambda x: x.mean(), "mean", "dL/dL / 12, for each of the 12 elements of x that it averages", 1 / 12),
    "rows": (lambda x: x.mean(1), "mean", "dL/dv1 / 4, for each of the 4 elements of x that it averages", 1 / 4),
    "sum": (lambda x: x.sum(), "sum", "dL/dL, for each element of x that it sums", 1.0),
    "squares": (lambda x: F.mse_loss(x, torch.tensor(B)), "mse_loss", "dL/dL · 2 (x − y) / 12", 2 * (A - B) / 12),
    "sum of squares": (lambda x: F.mse_loss(x, torch.tensor(B), reduction="sum"), "mse_loss", "dL/dL · 2 (x − y)",
                       2 * (A - B)),
    "each square": (lambda x: F.mse_loss(x, torch.tensor(B), reduction="none"), "mse_loss", "dL/dv1 · 2 (x − y)",
                    2 * (A - B)),
    "likelihood": (lambda x: F.nll_loss(x, torch.tensor(LABELS)), "nll_loss",
                   "−dL/dL / n at the class of each row, and 0 elsewhere", -CHOSEN / 3),
    "sum of likelihoods": (lambda x: F.nll_loss(x, torch.tensor(LABELS), reduction="sum"), "nll_loss",
                           "−dL/dL at the class of each row, and 0 elsewhere", -CHOSEN),
    "weighted": (lambda x: F.nll_loss(x, torch.tensor(LABELS), torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)),
                 "nll_loss", "", -CHOSEN * [1, 2, 3, 4] / 7),
    "softmax": (lambda x: torch.softmax(x, 1), "softmax", "v1 ⊙ (dL/dv1 − Σ dL/dv1 ⊙ v1)",
                SOFT * (1 - SOFT.sum(1, keepdims=True))),
    "log softmax": (lambda x: torch.log_softmax(x, 1), "log_softmax", "dL/dv1 − exp(v1) · Σ dL/dv1", 1 - SOFT * 4),
}


@pytest.mark.parametrize("name", WORDS)
def test_what_is_said_to_be_sent_is_sent(name: str) -> None:
    """The words are held against a formula of NumPy, and that against what backward gives."""
    make, operation, words, expected = WORDS[name]
    x = torch.tensor(A, requires_grad=True)
    v1 = make(x)
    L = v1 if v1.ndim == 0 else v1.sum()
    (sent,) = [sent for sent in sends(torch.graph(L), operation) if sent["name"].endswith("/∂x")]
    said = sent.get("back", "").partition(" = ")[2]
    assert said.replace("dv1/dv1", "dL/dL").replace("c1", "y") == words
    L.backward()
    np.testing.assert_allclose(x.grad.numpy(), np.broadcast_to(expected, A.shape), rtol=1e-9, atol=1e-12)


def test_a_product_entry_by_entry_has_its_own_sign() -> None:
    """`[1, 4] · [3, 2]` is read as one number."""
    x, w = torch.tensor([1.0, 4.0], requires_grad=True), torch.tensor([3.0, 2.0], requires_grad=True)
    s = torch.tensor(5.0, requires_grad=True)
    u = x * w
    graph = torch.graph((u * s).sum())
    texts = {step["name"]: step["text"] for step in Steps(graph).all() if step.get("way")}
    assert texts["u"] == "u = x ⊙ w = [1, 4] ⊙ [3, 2] = [3, 8]" and texts["v1"] == "v1 = u · s = [3, 8] · 5 = [15, 40]"
    first, _ = next(step["sends"] for step in Steps(with_gradients(graph)).all() if step["name"] == "dv2/du")
    assert first["product"] == "[5, 5] ⊙ [3, 2] = [15, 10]" and first["rule"] == "∂(x ⊙ w)/∂x = w = [3, 2]"
