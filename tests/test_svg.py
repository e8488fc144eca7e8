"""The picture as SVG: well-formed, complete, without overlaps, the same each time, and clear about what it cannot
do."""

from __future__ import annotations

import random
import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest

import wengert as torch
from wengert import nn
from wengert.view import Graph, GraphEdge, GraphNode
from wengert.view.layout import Box, Line, layout

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


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs_without_overlaps(seed: int) -> None:
    """No box or label lies on another, and no line runs through a box that is not its own."""
    generator = random.Random(seed)
    count = generator.randrange(3, 40)
    boxes = [Box(generator.choice((44, 80, 180, 260)), generator.choice((28, 45, 62))) for _ in range(count)]
    lines = []
    for target in range(1, count):
        for source in generator.sample(range(target), min(target, generator.choice((1, 1, 2, 3)))):
            wide = 90.0 if generator.random() < 0.4 else 0.0
            lines.append(Line(source, target, wide, 18.0 if wide else 0.0))
    layout(boxes, lines)
    places = [(box.x, box.y, box.width, box.height) for box in boxes]
    labels = [(*line.label, line.label_width, line.label_height) for line in lines if line.label]
    for (x, y, w, h), (x2, y2, w2, h2) in combinations(places + labels, 2):
        assert abs(x - x2) >= (w + w2) / 2 - 1 or abs(y - y2) >= (h + h2) / 2 - 1
    for line in lines:
        others = [place for i, place in enumerate(places) if i not in (line.source, line.target)]
        for (x0, y0), (x1, y1) in pairwise(line.points):
            for step in range(1, 12):
                t, middle = step / 12, (y0 + y1) / 2
                weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
                px = sum(a * b for a, b in zip(weights, (x0, x0, x1, x1), strict=True))
                py = sum(a * b for a, b in zip(weights, (y0, middle, middle, y1), strict=True))
                assert not any(abs(px - x) < w / 2 - 1 and abs(py - y) < h / 2 - 1 for x, y, w, h in others)
