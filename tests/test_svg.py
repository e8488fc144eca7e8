"""The picture as SVG: well-formed, complete, without overlaps, the same each time, and clear about what it cannot
do."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

import wengert as torch
from wengert import nn
from wengert.view import Graph, GraphEdge, GraphNode

SPACE = "{http://www.w3.org/2000/svg}"


def lecture() -> Graph:
    x, w, b = (torch.tensor(value, requires_grad=True) for value in (3.0, 2.0, 1.0))
    u = x * w
    v = u + b
    a = torch.relu(v)
    return torch.graph(a)


def words(picture: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(picture).iter(f"{SPACE}text")]


def rectangles(picture: str) -> list[tuple[float, ...]]:
    boxes = re.findall(
        r'<g class="(?!module)[^"]*" id="[^"]*"><title>[^<]*</title><rect class="b" x="(\S+)" y="(\S+)"'
        r' width="(\S+)" height="(\S+)"',
        picture,
    )
    return [tuple(map(float, box)) for box in boxes]


def assert_apart(picture: str) -> None:
    for a, b in combinations(rectangles(picture), 2):
        assert a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]


@pytest.mark.parametrize("direction", [None, "right", "down"])
def test_the_lecture_graph(direction: str | None) -> None:
    picture = lecture().svg(direction=direction)
    assert {
        "x",
        "3",
        "u = x * w",
        "6",
        "a = relu(v)",
        "∂u/∂w = 3",
        "∂a/∂v = 1",
        "leaf: collects a gradient",
        "result",
    } <= set(words(picture))
    assert len(rectangles(picture)) == 6
    assert_apart(picture)
    assert "<script" not in picture and "http" not in picture.replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme:dark" in picture
    assert "<title>Computation graph of a: 3 operations, leaves x, w, b.</title>" in picture


def test_directions() -> None:
    def extent(picture: str) -> tuple[float, float]:
        width, height = re.search(r'viewBox="0 0 (\S+) (\S+)"', picture).groups()
        return float(width), float(height)

    g = lecture()
    assert extent(g.svg(direction="right"))[0] > extent(g.svg(direction="right"))[1]
    assert extent(g.svg(direction="down", legend=False))[0] < extent(g.svg(direction="down", legend=False))[1]
    with pytest.raises(ValueError, match="'right' or 'down' was expected"):
        g.svg(direction="up")


def test_the_same_picture_each_time() -> None:
    assert lecture().svg() == lecture().svg()


def test_notebooks_show_the_picture() -> None:
    assert lecture()._repr_html_().startswith("<svg")


def test_gradients_and_nan_show() -> None:
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    with torch.graph.record() as g:
        loss = (torch.sqrt(x) * 0).sum()
        loss.backward()
    picture = g.svg()
    assert "grad [NaN, 0]" in words(picture) and "NaN or Inf" in words(picture)
    assert 'class="leaf broken"' in picture


def test_modules_collapse() -> None:
    model = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(60)))
    with torch.graph.record() as g:
        model(torch.ones(2, 4))
    picture = g.svg()
    assert len(g) > 150
    assert picture.count('<g class="module') == 60 + 1, "with one in the legend"
    assert "module (collapsed)" in words(picture)
    assert len(rectangles(g.svg(depth=0))) == len(g)


def test_an_empty_graph() -> None:
    assert "an empty graph" in words(Graph().svg())


def test_fifty_thousand_nodes() -> None:
    nodes = {i: GraphNode(i, "leaf" if not i else "operation", "mul") for i in range(50_000)}
    g = Graph(nodes, [GraphEdge(i - 1, i) for i in range(1, 50_000)], [49_999])
    with pytest.raises(ValueError, match="at most 5,000 boxes make a picture; got 50,000"):
        g.svg()
    with pytest.raises(ValueError, match="at most 5,000 boxes in one level"):
        g.html()
    assert "50,000 nodes" in g.text()


def test_names_are_escaped() -> None:
    g = Graph({1: GraphNode(1, "leaf", name='<b>&"x')}, [], [1])
    assert '<b>&"x' in words(g.svg())


def test_lines_that_share_a_trunk_are_drawn_once() -> None:
    """A weight that four hundred steps read makes one line with branches, and not four hundred long lines."""
    cell, state = torch.nn.RNNCell(2, 3), torch.zeros(1, 3)
    with torch.graph.record() as g:
        for _ in range(200):
            state = cell(torch.ones(1, 2), state)
    assert len(g.svg(depth=0)) < 700 * len(g)
    assert g.svg(legend=False).count('<g class="module') == 200


def test_labels_interrupt_lines_that_run_down() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    y = x * 2
    picture = torch.graph(y).svg(direction="down")
    label = re.search(r'<rect class="bg" x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="18"/><text class="l"', picture)
    assert label is not None and float(label[1]) > 40
