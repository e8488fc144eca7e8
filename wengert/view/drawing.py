"""What is drawn: boxes with lines of text and lines between them, laid out, before it becomes SVG or a page."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field

from .explain import times
from .layout import Box, Line, layout
from .model import GraphEdge, GraphModel, GraphNode
from .text import COMPUTED, flow_texts, formula, operations_text, partial_text, symbol_of
from .values import shape_text

FORMULAS = 60
"""Up to so many nodes, boxes show formulas with symbols, and edges their partials; larger graphs show operations."""

APART = "\u2003"
"""Between the parts of a label: the local derivative, and what goes along the edge forward and back."""

_NARROW, _WIDE = frozenset("iIjl.,:;|'!()[]{}ft "), frozenset("mwMW@%∂×…—ŷ")


def text_width(text: str, size: float = 13.0) -> float:
    """About how wide a text is in a sans-serif font, rather too wide than too narrow."""
    return size * sum(0.36 if c in _NARROW else 0.92 if c in _WIDE else 0.63 for c in text)


@dataclass(slots=True)
class Item:
    """A box of the picture: one node, or a collapsed module with its nodes. It has room for the rows ``beside`` too."""

    key: str
    kind: str
    title: str
    rows: list[str]
    nodes: list[int]
    broken: bool = False
    root: bool = False
    lit: bool = False
    beside: list[str] = field(default_factory=list)
    box: Box = field(default_factory=lambda: Box(0, 0))


@dataclass(slots=True)
class Arrow:
    """A line of the picture, from item to item; ``label`` as on a slide: ``∂u/∂w = 3``."""

    source: int
    target: int
    label: str = ""
    line: Line = field(default_factory=lambda: Line(0, 0))


@dataclass(slots=True)
class Drawing:
    """Items and arrows with their places. ``right``: whether it runs from left to right."""

    items: list[Item]
    arrows: list[Arrow]
    width: float = 0.0
    height: float = 0.0
    right: bool = False


def group_of(graph: GraphModel, depth: int) -> dict[int, str]:
    """For each node the key of the module call that it collapses into; nothing for nodes outside modules.

    A call is a run of operations, in order of computation, under one path of ``depth`` names: so a module called twice
    is two boxes and no box both feeds and needs another. Leaves and constants go with their only user.
    """
    keys: dict[int, str] = {}
    calls: Counter[str] = Counter()
    before: tuple[str, int] = "", 0
    for node in graph:
        if node.kind not in COMPUTED:
            continue
        path = ".".join(node.module.split(".")[:depth])
        here = path, node.calls[min(depth, len(node.calls)) - 1] if path and node.calls else 0
        if path and here != before:
            calls[path] += 1
        if path:
            keys[node.id] = path if calls[path] == 1 else f"{path}#{calls[path]}"
        before = here
    homes: dict[int, set[str]] = {}
    for edge in graph.edges:
        if graph.nodes[edge.source].kind not in COMPUTED:
            homes.setdefault(edge.source, set()).add(keys.get(edge.target, ""))
    for id, found in homes.items():
        # A batch of inputs is no part of the layer that reads it; unnamed constants are.
        node = graph.nodes[id]
        if len(found) == 1 and "" not in found and (node.kind == "leaf" or not node.name):
            keys[id] = found.pop()
    return keys


def draw(graph: GraphModel, groups: dict[int, str], direction: str | None) -> Drawing:
    """The picture of a graph, with nodes that have a group collapsed into it. ``direction``: ``"right"``,
    ``"down"``, or None for what fits a slide."""
    symbols, into = graph.symbols(), graph.into()
    formulas = len(graph) <= FORMULAS
    members: dict[str, list[int]] = {}
    for id, key in groups.items():
        members.setdefault(key, []).append(id)
    items: list[Item] = []
    where: dict[int, int] = {}
    position = {id: i for i, id in enumerate(graph.nodes)}
    boxes = Groups(graph, into)
    done: set[str] = set()
    for node in graph:
        key = groups.get(node.id, "")
        if not key:
            if not node.inline:
                where[node.id] = len(items)
                items.append(node_item(node, into[node.id], graph, symbols, formulas))
                # Ids differ from run to run, places do not, so that a picture is the same each time.
                items[-1].key = f"n{position[node.id]}"
        elif key not in done:
            done.add(key)
            where.update(dict.fromkeys(members[key], len(items)))
            items.append(boxes.item(key, sorted(members[key], key=position.__getitem__)))
    for root in graph.roots:
        items[where[root]].root = True
    return place(Drawing(items, arrows_between(graph, where, symbols if formulas else None)), direction)


def arrows_between(graph: GraphModel, where: dict[int, int], symbols: dict[int, str] | None) -> list[Arrow]:
    """An arrow for each edge that has a label, one for all others between the same two items."""
    arrows, drawn = [], set()
    labels = edge_labels(graph, symbols) if symbols is not None else [""] * len(graph.edges)
    for edge, label in zip(graph.edges, labels, strict=True):
        source, target = where.get(edge.source), where.get(edge.target)
        if source is None or target is None or source == target:
            continue
        if label or (source, target) not in drawn:
            arrows.append(Arrow(source, target, label))
        drawn.add((source, target))
    return arrows


def edge_labels(graph: GraphModel, symbols: dict[int, str]) -> list[str]:
    """For each edge ``∂u/∂w = 3``; nothing where the partial is not known or too long to read. Where forward mode is to
    be seen, behind it what goes along the edge: ``→ 3`` with it, ``← 1`` back.

    Where an operation of one operand has several results, the edge to a result tells its derivative by the operand.
    """
    into, moves = graph.into(), graph.moves
    found: list[str] = []
    for edge in graph.edges:
        target, below, shown = graph.nodes[edge.target], edge.source, edge
        if target.kind == "output":
            operands = [operand for operand in into[edge.source] if operand.partial is not None]
            if len(operands) != 1 or edge.partial is None or operands[0].partial is None:
                found.append("")
                continue
            below = operands[0].source
            shown = GraphEdge(below, edge.target, partial=times(edge.partial, operands[0].partial))
        elif target.outputs > 1:
            found.append("")
            continue
        value = partial_text(shown)
        long = not value or len(value) > 24 or "matrix" in value or "…" in value
        parts = [] if long else [f"∂{symbols[edge.target]}/∂{symbols[below]} = {value}"]
        parts += flow_texts(edge) if moves else []
        found.append(APART.join(parts))
    return found


def node_item(
    node: GraphNode, operands: list[GraphEdge], graph: GraphModel, symbols: dict[int, str], formulas: bool
) -> Item:
    """The box of one node: what it is, its value or shape, its gradient."""
    title = symbol_of(node, symbols)
    if node.kind in COMPUTED:
        written = f"{title} = {formula(node, operands, graph, symbols)}"
        if formulas and len(written) <= 26:
            title = written
        else:
            # (where the operation is, a symbol of one of its results says nothing)
            short = node.operation or f"result {operands[0].output}"
            title = f"{title} = {short}" if node.name or formulas else short
    elif not formulas and not node.name:
        title = node.kind
    rows = []
    value, gradient = node.value, node.gradient
    if value is not None and value.size <= 4 and len(value.shape) <= 1 and value.size:
        if title != value.text():
            rows.append(value.text())
    elif node.shape is not None:
        rows.append(shape_text(node.shape, alone=True))
        if value is not None and value.broken:
            rows.append(value.faults_text())
    if node.tangent is not None and formulas:
        rows.append(f"tangent {node.tangent.text()}")
    if gradient is not None and formulas:
        rows.append(f"grad {gradient.text()}")
    return Item(f"n{node.id}", node.kind, title, rows, [node.id], node.faults > 0)


_SHAPES = frozenset({"reshape", "permute", "slice", "expand", "diagonal", "unfold", "cast", "clone"})


class Groups:
    """Makes the boxes of collapsed modules."""

    def __init__(self, graph: GraphModel, into: dict[int, list[GraphEdge]]) -> None:
        self.graph, self.into = graph, into
        self.users: dict[int, list[int]] = {}
        for edge in graph.edges:
            self.users.setdefault(edge.source, []).append(edge.target)

    def item(self, key: str, nodes: list[int]) -> Item:
        """The box of a module: its class, settings, operations, the shapes of what comes in and goes out, and its
        parameters."""
        graph, members = self.graph, set(nodes)
        inside = [graph.nodes[id] for id in nodes]
        kind, _, settings = graph.modules.get(inside[0].module and key.partition("#")[0], "").partition("(")
        rows = _wrapped(settings.removesuffix(")"))
        # What computes says more of a module than what only turns shapes.
        words = operations_text(inside, 3, late=_SHAPES)
        rows += [words] if words and words != kind.lower() else []
        entering = {edge.source: None for id in nodes for edge in self.into[id] if edge.source not in members}
        leaving = [id for id in nodes if graph.nodes[id].kind in COMPUTED
                   and (id in graph.roots or any(user not in members for user in self.users.get(id, ())))]
        come, go = self._shapes([id for id in entering if graph.nodes[id].kind != "leaf"]), self._shapes(leaving)
        if come and go:
            rows.append(f"{come} → {go}")
        elif go:
            rows.append(go if "," in go or "×" in go else go + (" elements" if go != "scalar" else ""))
        count = sum(math.prod(node.shape) for node in inside if node.kind == "leaf" and node.shape is not None)
        if count:
            rows.append(f"{count:,} parameter{'' if count == 1 else 's'}")
        name, _, part = key.partition("#")
        lone = f"{name}, part {part}" if part else name
        return Item(f"m{key}", "module", f"{key}: {kind}" if kind else lone, rows, nodes,
                    any(node.faults for node in inside))

    def _shapes(self, ids: list[int]) -> str:
        """The shapes of nodes, each once."""
        shapes = dict.fromkeys(shape for id in ids if (shape := self.graph.nodes[id].shape) is not None)
        return _cut(", ".join(map(shape_text, shapes)))


def _cut(text: str, most: int = 36) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _wrapped(text: str) -> list[str]:
    """Settings in at most three lines, broken before one of them."""
    lines: list[str] = []
    for part in re.split(r", (?=\w+=)", text) if text else ():
        if lines and len(lines[-1]) + len(part) <= 34 or len(lines) == 3:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return [_cut(line) + ("," if line is not lines[-1] else "") for line in lines]


def size(item: Item) -> tuple[float, float]:
    """The width and height that an item's text needs."""
    title = item.title + ("  +" if item.kind == "module" else "")  # as the page has it, where a module opens
    widest = max([text_width(title, 14.3), *(text_width(row, 12.5) for row in (*item.rows, *item.beside))])
    # Slides like boxes of one size: widths go in steps.
    width = max(44.0, 12 * -(-(widest + 22) // 12))
    return width, 28.0 + 17.0 * len(item.rows)


def place(drawing: Drawing, direction: str | None) -> Drawing:
    """Lays a drawing out."""
    if direction not in (None, "right", "down"):
        raise ValueError(f"[graph] direction: 'right' or 'down' was expected; got {direction!r}")
    if direction is not None:
        return _placed(drawing, direction == "right")
    down = _placed(drawing, False)
    if len(drawing.items) > 40 or not drawing.items:
        return down
    scale = _scale(down)
    right = _placed(drawing, True)
    return right if _scale(right) >= scale else _placed(drawing, False)


def _scale(drawing: Drawing) -> float:
    """How large a drawing may be on a slide of 1600 by 900; at most its own size."""
    return min(1.0, 1600 / max(drawing.width, 1), 900 / max(drawing.height + 100, 1))


def _placed(drawing: Drawing, right: bool) -> Drawing:
    boxes = []
    for item in drawing.items:
        width, height = size(item)
        boxes.append(Box(height, width) if right else Box(width, height))
    lines = []
    for arrow in drawing.arrows:
        wide = text_width(arrow.label, 12) + 14 if arrow.label else 0.0
        across, along = (36.0, wide) if right else (wide, 20.0)
        lines.append(Line(arrow.source, arrow.target, across if wide else 0.0, along if wide else 0.0))
    labelled = any(arrow.label for arrow in drawing.arrows)
    placement = layout(boxes, lines, gap=18.0 if right else 26.0, rank_gap=80.0 if labelled else 44.0)
    for item, box in zip(drawing.items, boxes, strict=True):
        item.box = Box(box.height, box.width, box.y, box.x) if right else box
    for arrow, line in zip(drawing.arrows, lines, strict=True):
        if right:
            line.points = [(y, x) for x, y in line.points]
            line.label = line.label and (line.label[1], line.label[0])
        arrow.line = line
    drawing.right = right
    across, along = placement.width, placement.height
    drawing.width, drawing.height = (along, across) if right else (across, along)
    return drawing
