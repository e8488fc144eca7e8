"""The rules in symbols that stand beside the numbers of a picture are those of mathematics: each is evaluated and held
against the number that the rule of the tape gave."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.view.model import GraphNode
from wengert.view.rules import LOCAL, local_rule, mathematics, sent_rule

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
