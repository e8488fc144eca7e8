"""The layered layout: nothing overlaps, edges go one way, straight stays straight, the same in is the same out."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from wengert.view.layout import Box, Line, assign_ranks, layout


def random_graph(count: int, seed: int, span: int = 12, labels: bool = False) -> tuple[list[Box], list[Line]]:
    chance = random.Random(seed)
    lines = []
    for i in range(1, count):
        for j in sorted({chance.randrange(max(0, i - span), i) for _ in range(chance.choice((1, 1, 2, 3)))}):
            lines.append(Line(j, i, 60.0, 16.0) if labels and chance.random() < 0.5 else Line(j, i))
    return [Box(chance.choice((44.0, 80.0, 140.0)), chance.choice((28.0, 45.0, 62.0))) for _ in range(count)], lines


def on(points: list[tuple[float, float]], point: tuple[float, float]) -> bool:
    """Whether a point is one of a line's, or lies on a run of it straight down."""
    x, y = point
    return point in points or any(a[0] == b[0] == x and a[1] <= y <= b[1] for a, b in pairwise(points))


def check(boxes: list[Box], lines: list[Line], width: float, height: float) -> None:
    for i, a in enumerate(boxes):
        assert a.x - a.width / 2 >= -0.5 and a.y - a.height / 2 >= -0.5
        assert a.x + a.width / 2 <= width + 0.5 and a.y + a.height / 2 <= height + 0.5
        for b in boxes[:i]:
            apart = abs(a.x - b.x) >= (a.width + b.width) / 2 + 10 or abs(a.y - b.y) >= (a.height + b.height) / 2 + 10
            assert apart, (a, b)
    for line in lines:
        source, target = boxes[line.source], boxes[line.target]
        if line.branch:  # it begins on another line from the same box
            trunks = [other for other in lines if other.source == line.source and not other.branch]
            assert any(on(other.points, line.points[0]) for other in trunks)
        else:
            assert line.points[0] == (source.x, source.y + source.height / 2)
        assert line.points[-1] == (target.x, target.y - target.height / 2)
        assert all(a[1] <= b[1] + 0.2 for a, b in pairwise(line.points)), "down only"
        if line.label_width:
            assert line.label is not None


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("labels", [False, True])
def test_nothing_overlaps(seed: int, labels: bool) -> None:
    boxes, lines = random_graph(40, seed, labels=labels)
    found = layout(boxes, lines)
    check(boxes, lines, found.width, found.height)


@pytest.mark.parametrize("seed", range(6))
def test_labels_overlap_nothing(seed: int) -> None:
    boxes, lines = random_graph(20, seed, labels=True)
    layout(boxes, lines)
    labels = [Box(line.label_width, line.label_height, *line.label) for line in lines if line.label is not None]
    for i, a in enumerate(labels):
        for b in [*labels[:i], *boxes]:
            assert (
                abs(a.x - b.x) >= (a.width + b.width) / 2 - 0.5 or abs(a.y - b.y) >= (a.height + b.height) / 2 - 0.5
            )


def test_a_chain_is_straight() -> None:
    boxes = [Box(w, 30.0) for w in (40.0, 90.0, 60.0, 120.0)]
    lines = [Line(i, i + 1) for i in range(3)]
    layout(boxes, lines)
    assert len({box.x for box in boxes}) == 1
    assert len({x for line in lines for x, _ in line.points}) == 1


def test_a_skip_connection_is_straight_beside_its_chain() -> None:
    boxes, lines = [Box(60.0, 30.0) for _ in range(5)], [Line(i, i + 1) for i in range(4)] + [Line(0, 4)]
    layout(boxes, lines)
    middle = [x for x, _ in lines[-1].points[1:-1]]
    assert len(set(middle)) == 1
    assert len({boxes[i].x for i in (1, 2, 3)}) == 1
    assert abs(middle[0] - boxes[2].x) > 30


def test_two_operands_stand_symmetrically() -> None:
    boxes = [Box(50.0, 30.0) for _ in range(3)]
    layout(boxes, [Line(0, 2), Line(1, 2)])
    assert boxes[0].x < boxes[2].x < boxes[1].x
    assert boxes[2].x - boxes[0].x == pytest.approx(boxes[1].x - boxes[2].x)


def test_a_planar_graph_is_drawn_without_crossings() -> None:
    """A binary tree, its nodes given in an awkward order."""
    count = 31
    order = list(range(count))
    random.Random(1).shuffle(order)
    lines = [Line(order[i], order[(i - 1) // 2]) for i in range(1, count)]
    boxes = [Box(40.0, 30.0) for _ in range(count)]
    layout(boxes, lines)
    ends = [(boxes[e.source], boxes[e.target]) for e in lines]
    crossings = sum((a.x - c.x) * (b.x - d.x) < 0 for a, b in ends for c, d in ends if a.y == c.y and b.y == d.y)
    assert crossings == 0


def test_leaves_stand_next_to_their_users() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (4, 3)]
    assert assign_ranks(5, edges) == [0, 1, 2, 3, 2]


def test_the_same_in_is_the_same_out() -> None:
    results = []
    for _ in range(2):
        boxes, lines = random_graph(60, 7, labels=True)
        layout(boxes, lines)
        results.append((boxes, lines))
    assert results[0] == results[1]


def test_long_edges_share_a_trunk() -> None:
    """A leaf used in a hundred places makes one trunk, not a hundred."""
    count = 100
    boxes = [Box(40.0, 30.0) for _ in range(count + 1)]
    lines = [Line(i, i + 1) for i in range(1, count)] + [Line(0, i) for i in range(1, count + 1)]
    found = layout(boxes, lines)
    assert found.width < 400


def test_two_thousand_nodes() -> None:
    boxes, lines = random_graph(2000, 3, span=30)
    found = layout(boxes, lines)
    rows: dict[float, list[Box]] = {}
    for box in boxes:
        rows.setdefault(box.y, []).append(box)
    for row in rows.values():
        row.sort(key=lambda box: box.x)
        assert all(b.x - a.x >= (a.width + b.width) / 2 + 10 for a, b in pairwise(row))
    assert found.width < 20_000


def test_nothing_and_a_cycle() -> None:
    assert layout([], []).width == 0
    with pytest.raises(ValueError, match="without cycles"):
        layout([Box(1, 1), Box(1, 1)], [Line(0, 1), Line(1, 0)])


def test_a_trunk_with_many_branches_has_few_points() -> None:
    """What a box that all others read costs grows with their number, and not with its square."""
    found = []
    for count in (100, 400):
        boxes = [Box(40, 30) for _ in range(count + 1)]
        lines = [*(Line(0, i) for i in range(1, count + 1)), *(Line(i, i + 1) for i in range(1, count))]
        layout(boxes, lines)
        found.append(sum(len(line.points) for line in lines))
    assert found[1] < 5 * found[0]
