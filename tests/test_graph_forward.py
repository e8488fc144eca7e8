"""Forward mode in the graph: tangents on nodes and edges beside gradients, in every form of picture, and the chain rule
in both directions."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.autograd import forward_ad
from wengert.core.errors import GradError
from wengert.view import Graph


def leaf(value: Any) -> torch.Tensor:
    return torch.tensor(value, requires_grad=True)


def lecture(**options: Any) -> Graph:
    x, w, b = leaf(3.0), leaf(2.0), leaf(1.0)
    u = x * w
    v = u + b
    a = torch.relu(v)
    return torch.graph(a, tangents={x: 1.0}, **options)


def tangents(g: Graph) -> dict[str, Any]:
    symbols = g.symbols()
    return {symbols[node.id]: node.tangent.values for node in g if node.tangent is not None}


def pushed(g: Graph) -> dict[tuple[str, str], Any]:
    symbols = g.symbols()
    return {(symbols[edge.source], symbols[edge.target]): edge.pushed.values for edge in g.edges
            if edge.pushed is not None}


def sent(g: Graph) -> dict[tuple[str, str], Any]:
    symbols = g.symbols()
    return {(symbols[edge.source], symbols[edge.target]): edge.sent.values for edge in g.edges if edge.sent is not None}


def test_tangents_given_to_a_tape_go_along_it() -> None:
    g = lecture(gradients=True)
    assert tangents(g) == {"x": [1.0], "u": [2.0], "v": [2.0], "a": [2.0]}
    assert pushed(g) == {("x", "u"): [2.0], ("u", "v"): [2.0], ("v", "a"): [2.0]}
    assert sent(g)["x", "u"] == [2.0] and sent(g)["v", "a"] == [1.0]
    assert g.moves and not torch.graph(leaf(1.0) * 2).moves


def test_dual_tensors_are_seen_inside_their_level() -> None:
    x, w = leaf(3.0), leaf(2.0)
    with forward_ad.dual_level():
        moving = forward_ad.make_dual(x, torch.tensor(1.0))
        u = moving * w
        s = u.sin() * moving
        g = torch.graph(s, gradients=True)
        expected = forward_ad.unpack_dual(s).tangent
    assert tangents(g)["s"] == pytest.approx([expected.item()])
    assert tangents(g)["u"] == [2.0] and g["u"].value is not None and g["u"].value.values == [6.0]
    assert g["w"].gradient is not None and g["w"].gradient.values == pytest.approx([9 * np.cos(6.0)])
    assert x.grad is None and w.grad is None


@pytest.mark.parametrize("inside", [True, False])
def test_a_recording_shows_forward_mode_without_any_history(inside: bool) -> None:
    x, w = torch.tensor(3.0), torch.tensor(2.0)
    if inside:
        with forward_ad.dual_level(), torch.graph.record() as g:
            moving = forward_ad.make_dual(x, torch.tensor(0.5))
            u = moving * w
            s = u + moving
    else:
        with torch.graph.record() as g, forward_ad.dual_level():
            moving = forward_ad.make_dual(x, torch.tensor(0.5))
            u = moving * w
            s = u + moving
    assert not s.requires_grad
    assert tangents(g) == {"moving": [0.5], "u": [1.0], "s": [1.5]}
    assert pushed(g) == {("moving", "u"): [1.0], ("u", "s"): [1.0], ("moving", "s"): [0.5]}
    assert g["w"].tangent is None and g["w"].kind == "constant"
    assert [edge.partial for edge in g.operands("u")] == [[[2.0]], None]
    assert g["u"].line.rpartition(":")[0].endswith("test_graph_forward.py")


def test_a_recorded_jvp_and_the_backward_pass_beside_it() -> None:
    x, w = torch.tensor(3.0), leaf(2.0)
    with forward_ad.dual_level(), torch.graph.record() as g:
        moving = forward_ad.make_dual(x, torch.tensor(1.0))
        u = moving * w
        s = u * u
        s.backward()
    assert tangents(g) == {"moving": [1.0], "u": [2.0], "s": [24.0]}
    assert sent(g)["w", "u"] == [36.0] and g["w"].gradient is not None and g["w"].gradient.values == [36.0]
    assert [node.operation for node in g if node.kind == "operation"] == ["mul", "mul"]

    def f(a: Any, b: Any) -> Any:
        product = a @ b
        return product.sum()

    a, b = torch.ones(2, 3), torch.arange(3.0)
    with torch.graph.record() as g:
        torch.func.jvp(f, (a, b), (torch.zeros(2, 3), torch.ones(3)))
    assert tangents(g)["product"] == [3.0, 3.0] and tangents(g)["b"] == [1.0] * 3
    assert sum(np.array(part) for (_, to), part in pushed(g).items() if to == "product").tolist() == [3.0, 3.0]


def test_contributions_add_up_to_tangents_in_a_model() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.LayerNorm(6), nn.Linear(6, 2))
    x, direction = torch.randn(5, 4), torch.randn(5, 4)
    given = torch.randn(4).requires_grad_()
    loss = nn.functional.mse_loss(model(x * given), torch.zeros(5, 2))
    g = torch.graph(loss, tangents={given: direction[0]}, gradients=True)
    _, slope = torch.func.jvp(lambda v: nn.functional.mse_loss(model(x * v), torch.zeros(5, 2)), (given.detach(),),
                              (direction[0],))
    assert g["loss"].tangent is not None and g["loss"].tangent.values == pytest.approx([slope.item()], rel=1e-5)
    with torch.graph.record() as g:
        torch.func.jvp(model, (x,), (direction,))
    roots = [g.nodes[root] for root in g.roots]
    expected = torch.func.jvp(model, (x,), (direction,))[1]
    assert roots[-1].tangent is not None and roots[-1].tangent.norm == pytest.approx(expected.norm().item(), rel=1e-5)
    assert {node.module for node in g if node.tangent is not None} >= {"0", "1", "2", "3"}


def test_writes_go_on_from_what_was_written() -> None:
    with torch.graph.record() as g, forward_ad.dual_level():
        x = forward_ad.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))
        y = x.clone()
        y.mul_(x)
        z = y.sum()
    assert tangents(g)["z"] == [2.0] and len(g.roots) == 1 and z.item() == 5.0
    assert [node.operation for node in g.upstream("z") if node.kind == "operation"] == ["clone", "mul", "sum"]


def test_text_and_pictures_show_both_ways() -> None:
    g = lecture(gradients=True)
    text = g.text()
    assert "├─ ∂u/∂x = 2  → 2  ← 2 ── x = 3  (tangent 1, gradient 2)" in text
    assert "└─ ∂v/∂b = 1  ← 1 ── b = 1  (gradient 1)" in text
    picture = g.svg()
    assert '<tspan class="fw">→ 2</tspan>' in picture and '<tspan class="bw">← 1</tspan>' in picture
    assert "tangent, forward" in picture and "tangent 2" in picture
    assert '[label="2  → 2  ← 2"]' in g.dot() and "tangent 2" in g.mermaid()
    page = g.html()
    found = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None
    steps = json.loads(found[1])["steps"]
    assert [step.get("way") for step in steps] == ["forth"] * 3 + [None] * 3
    assert steps[0]["sends"][0]["product"] == "2 · 1 = 2" and steps[0]["move"] == "du"
    plain = torch.graph(leaf(2.0) * 3, gradients=True)
    assert "→" not in plain.text() and "tspan" not in plain.svg() and "fw" not in plain.svg().partition("</style>")[2]


def test_json_keeps_tangents() -> None:
    g = lecture(gradients=True)
    again = Graph.from_json(g.to_json())
    assert again.to_json() == g.to_json() and tangents(again) == tangents(g) and pushed(again) == pushed(g)
    with pytest.raises(ValueError, match="tangent"):
        Graph.from_json(g.to_json().replace('"tangent": {', '"tangent": {"no": 1, ', 1))


def test_the_chain_rule_in_both_directions() -> None:
    x, w = leaf(3.0), leaf(2.0)
    u = x * w
    s = u + x
    assert torch.graph(s).explain("x") == "ds/dx = ∂s/∂u · ∂u/∂x + ∂s/∂x = 1 · 2 + 1 = 2 + 1 = 3"
    both = torch.graph(s).explain("x", direction="both").splitlines()
    assert both == [
        "ds/dx = ∂s/∂u · ∂u/∂x + ∂s/∂x = 1 · 2 + 1 = 2 + 1 = 3",
        "forward, from dx = 1:",
        "  du = ∂u/∂x · dx = 2 · 1 = 2",
        "  ds = ∂s/∂u · du + ∂s/∂x · dx = 1 · 2 + 1 · 1 = 3",
        "backward, from ds/ds = 1:",
        "  ds/du = ds/ds · ∂s/∂u = 1 · 1 = 1",
        "  ds/dx = ds/du · ∂u/∂x + ds/ds · ∂s/∂x = 1 · 2 + 1 · 1 = 3",
    ]
    moving = torch.graph(s, tangents={x: 0.5})
    assert "ds = ∂s/∂u · du + ∂s/∂x · dx = 1 · 1 + 1 · 0.5 = 1.5" in moving.explain("x")
    assert moving.explain("x", direction="backward").startswith("backward") and "forward" in moving.explain(x)
    with pytest.raises(ValueError, match="sideways"):
        moving.explain("x", direction="sideways")


def test_the_chain_rule_of_vectors_and_of_paths_that_are_none() -> None:
    q, other = leaf([1.0, 2.0]), leaf(1.0)
    s = (q * q).sum() + other
    text = torch.graph(s, tangents={q: torch.tensor([1.0, 0.0])}).explain("q")
    assert "= [[2, 0], [0, 4]] · [1, 0] = [2, 0]" in text and "[1, 1] · [[2, 0], [0, 4]] = [2, 4]" in text
    g = torch.graph(s)
    assert "no path" in g.explain(other, g.operands(g.roots[0])[0].source, direction="both")


def test_what_cannot_be_seen_says_what_to_write() -> None:
    x = leaf(2.0)
    with forward_ad.dual_level():
        moving = forward_ad.make_dual(torch.tensor(2.0), torch.tensor(1.0))
        with pytest.raises(GradError, match="record"):
            torch.graph(moving * 2)
    with pytest.raises(GradError, match="shape"):
        torch.graph(x * 2, tangents={x: torch.ones(3)})
    with pytest.raises(GradError, match="none"):
        torch.graph(x * 2, tangents={leaf(1.0): 1.0})
    y = x * 2
    with pytest.raises(GradError):
        torch.graph(y, tangents={"x": 1.0})
