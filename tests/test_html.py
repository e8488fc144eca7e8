"""The page, read as text: self-contained, small, complete. What it does in a browser: tests/browser."""

from __future__ import annotations

import json
import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import wengert as torch
from wengert import nn
from wengert.view import Graph, GraphNode


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(torch.relu(self.first(x))) + x)


def recorded(blocks: int) -> Graph:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 64), *(Block(64) for _ in range(blocks)), nn.Linear(64, 4))
    with torch.graph.record() as g:
        loss = nn.functional.cross_entropy(model(torch.randn(16, 8)), torch.zeros(16, dtype=torch.int64))
        loss.backward()
    return g


def data_of(page: str) -> dict[str, Any]:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


class Balance(HTMLParser):
    """Every element that must be closed is, in order."""

    void = {"meta", "input", "link", "br"}

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.void:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("li", "p") or self.stack[-1] == tag:
            assert self.stack.pop() == tag


def test_self_contained_and_small() -> None:
    page = recorded(9).html("ResNet-like")
    assert not re.search(r"(src|href)\s*=|url\(|@import|fetch\(|XMLHttpRequest|import\(", page)
    assert set(re.findall(r"https?://[^\"'\s]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert len(page.encode()) < 1_000_000
    assert "<!--" not in page
    parser = Balance()
    parser.feed(page)
    assert parser.stack == []


def test_resnet20_in_less_than_a_megabyte() -> None:
    program = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "gallery" / "make.py"))
    page = program["resnet20"]().html("ResNet-20")
    assert len(page.encode()) < 1_000_000
    assert {"stem", "stage1", "stage2", "stage3"} <= set(data_of(page)["down"])


def test_levels_hold_every_node_once() -> None:
    g = recorded(3)
    data = data_of(g.html())
    held = [
        item["id"]
        for level in data["down"].values()
        for item in level["items"]
        if item["k"] not in ("module", "port")
    ]
    assert sorted(held) == sorted(
        node.id for node in g if not (node.kind == "constant" and node.shape == () and not node.name)
    )
    top = [item["id"] for item in data["down"][""]["items"] if item["k"] == "module"]
    assert top == ["0", "1", "2", "3", "4"]
    assert {data["down"][key]["parent"] for key in top} == {""}
    for level in data["down"].values():
        for arrow in level["arrows"]:
            assert 0 <= arrow["s"] < len(level["items"]) > arrow["t"] >= 0 and len(arrow["p"]) >= 2


def test_steps_go_forth_and_back_through_every_operation() -> None:
    g = recorded(2)
    steps = data_of(g.html())["steps"]
    operations = [node.id for node in g if node.kind == "operation"]
    assert [step["n"] for step in steps if step.get("way")] == operations
    assert [step["n"] for step in steps] == operations + operations[::-1]
    assert steps[len(operations)]["ct"] == "1"


def test_steps_multiply_numbers_by_rules() -> None:
    x, w = (torch.tensor(value, requires_grad=True) for value in (3.0, 2.0))
    u = x * w
    a = u * u
    steps = data_of(torch.graph(a, gradients=True).html())["steps"]
    assert [step["text"] for step in steps[:2]] == ["u = x · w = 3 · 2 = 6", "a = u · u = 6 · 6 = 36"]
    assert steps[2]["sends"][1]["meet"] == "da/du = 6 + 6 = 12"
    assert steps[3]["meet"] == "da/du = 6 + 6 = 12" and steps[3]["name"] == "da/du"
    assert steps[3]["sends"][1] == {
        "to": steps[3]["sends"][1]["to"],
        "name": "∂u/∂w",
        "goal": "da/dw",
        "sent": "36",
        "p": [3.0],
        "partial": "3",
        "product": "12 · 3 = 36",
        "rule": "∂(x · w)/∂w = x = 3",
        "a": [36.0],
    }


def test_contributions_that_meet_are_a_sum_with_its_terms() -> None:
    v = torch.tensor(2.0, requires_grad=True)
    s = v**2
    loss = s + v * 0.0007 + v.exp() * 0.001 + v
    steps = data_of(torch.graph(loss).html())["steps"]
    sends = [send for step in steps if not step.get("way") for send in step["sends"]]
    (meet,) = [send["meet"] for send in sends if "meet" in send]
    head, terms, total = meet.split(" = ")
    numbers = [float(part) for part in terms.split(" + ")]
    assert head == "dloss/dv" and len(numbers) == 4 and abs(sum(numbers) - float(total)) < 1e-4
    assert "d(v²)/dv = 2v = 4" in [send.get("rule") for send in sends]
    assert all(not send["goal"].startswith("∂") and send["name"].startswith("∂") for send in sends)


def test_a_page_has_the_gradients_that_backward_would_give() -> None:
    """Where the tape is alive, though backward has not run; the picture and the text stay as they are."""
    x, w = (torch.tensor(value, requires_grad=True) for value in (3.0, 2.0))
    a = (x * w).relu()
    g = torch.graph(a)
    assert "gradient" not in g.text() and g["w"].gradient is None
    assert [step["name"] for step in data_of(g.html())["steps"] if not step.get("way")] == ["da/da", "da/dv1"]
    assert x.grad is None and w.grad is None
    shown = data_of(torch.graph(a, gradients=False).html())["steps"]
    assert all(step.get("way") for step in shown)
    a.backward()
    assert all(step.get("way") for step in data_of(torch.graph(a).html())["steps"])


def test_small_matrices_have_their_numbers_and_large_ones_heat_maps() -> None:
    torch.manual_seed(0)
    inputs, weight, wide = torch.randn(10, 2), torch.zeros(2, 1, requires_grad=True), torch.randn(1, 200)
    with torch.graph.record() as g:
        net = inputs @ weight
        loss = (net @ wide).square().mean() + net.sum()
        loss.backward()
    data = data_of(g.html())
    nodes = {node["s"]: node for node in data["nodes"].values()}
    assert (nodes["net"]["vm"]["r"], nodes["net"]["vm"]["c"], len(nodes["net"]["gm"]["x"])) == (10, 1, 10)
    grids = [node["vm"]["h"] for node in nodes.values() if "h" in node.get("vm", {})]
    assert grids and all(len(grid) <= 8 and all(-9 <= x <= 9 for row in grid for x in row) for grid in grids)
    (back,) = [send for step in data["steps"] if not step.get("way") for send in step["sends"]
               if send["goal"] == "dloss/dweight"]
    assert back["back"] == "dloss/dweight = inputsᵀ · dloss/dnet"
    assert [part[0] + part[2] for part in back["chain"]] == ["vT", "g"]


def test_hostile_names_stay_text() -> None:
    g = Graph({1: GraphNode(1, "leaf", name="</script><script>alert(1)</script>")}, [], [1])
    page = g.html("<img onerror=alert(1)>")
    assert "alert(1)</script>" not in page and "<img" not in page
    assert data_of(page)["nodes"]["1"]["s"] == "</script><script>alert(1)</script>"


def test_nan_is_written_as_json() -> None:
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    with torch.graph.record() as g:
        loss = (torch.sqrt(x) * 0).sum()
        loss.backward()
    found = json.loads(json.dumps(data_of(g.html())), parse_constant=lambda word: AssertionError(word))
    assert any(node["c"].get("nan") for node in found["nodes"].values())


def test_an_empty_graph_has_a_page() -> None:
    assert "an empty graph" in Graph().html()
