"""One self-contained page: the levels of the graph as data, and a script of our own (``page.js``) that shows them."""

from __future__ import annotations

import math
from importlib import resources
from typing import Any

from ..autograd.questions.answers import bytes_text
from .drawing import FORMULAS, Arrow, Drawing, Item, edge_labels, node_item
from .levels import Level, Room, levels
from .model import GraphEdge, GraphModel, GraphNode, depth_apart, with_gradients
from .names import source_excerpt
from .reading import strict_json
from .steps import Steps, picture_of
from .svg import MOST, check_theme, describe, escape, themes
from .text import COMPUTED, formula, partial_text, symbol_of, text
from .values import number

SCRIPTS = ("page.js", "page_columns.js", "page_steps.js", "page_modes.js", "page_film.js", "page_tools.js")
"""The parts of the page's script, in their order: they share one scope."""


def html(graph: GraphModel, title: str, direction: str | None = None, depth: int | None = None,
         theme: str | None = None, film: Frames | None = None) -> str:
    """The page as text; it runs down or to the right, as ``direction`` says, or as the window suits; modules stand open
    above ``depth`` names (default: where there would be a single box). Raises ValueError for a graph whose largest
    level would have more than `svg.MOST` boxes."""
    check_theme(theme)
    formulas = len(graph) <= FORMULAS
    graph = with_gradients(graph)
    # A small graph is laid out both ways, and the page takes the one that its window suits.
    ways = [direction] if direction is not None else ["down", "right"] if formulas else ["down"]
    room = None if film is None else film.room(formulas)
    plans = {way: levels(graph, formulas, way, MOST, room) for way in ways}
    found = next(iter(plans.values()))
    data: dict[str, Any] = {
        "title": title,
        "description": describe(graph),
        **{way: {level.key: _level(level, graph) for level in plan} for way, plan in plans.items()},
        "depth": depth_apart(graph) if depth is None else depth,
        "nodes": _nodes(graph, found),
        "steps": Steps(graph).all(),
        "sources": _sources(graph),
    }
    if all(step.get("way") for step in data["steps"]):
        data["why"] = _why_no_way_back(graph)
    if film is not None:
        data["film"] = film.data(found, formulas)
    # Inside a script element only "</" and "<!--" could end it.
    script = strict_json(data, separators=(",", ":")).replace("<", "\\u003c")
    parts = resources.files(__package__)
    page = parts.joinpath("page.html").read_text("utf-8")
    fill = {
        "TITLE": escape(title),
        "THEME": theme or "",
        "STYLE": themes() + parts.joinpath("page.css").read_text("utf-8"),
        "TEXT": escape(text(graph)),
        "SCRIPT": "(() => {\n" + "".join([parts.joinpath(name).read_text("utf-8") for name in SCRIPTS]) + "})();",
        "DESCRIPTION": escape(describe(graph)),
        "STEPS": str(len(data["steps"])),
        "DATA": script,
    }
    for name, value in fill.items():
        page = page.replace(f"<!--{name}-->", value)
    return page


def _why_no_way_back(graph: GraphModel) -> str:
    """Why there are no steps of the backward pass, in a sentence."""
    if any(node.gradient is not None for node in graph):
        return "Of the way back only what backward() has left is known: record the step with its backward() to see it."
    if any(graph.nodes[root].name.endswith(".grad'") for root in graph.roots):
        return "The backward pass of this compiled step is among its operations."
    if not graph.leaves:
        return "Nothing in it collects a gradient: there is no way back."
    large = [node for node in map(graph.nodes.__getitem__, graph.roots) if node.shape and math.prod(node.shape) != 1]
    if large:
        return (f"There is no way back from a result of {math.prod(large[0].shape or ()):,} elements: draw a number "
                "made from it, such as its sum() or a loss.")
    return "The way back is not known: draw the graph before backward(), or record the step with its backward()."


class Frames:
    """Graphs of one structure and ids as the frames of a film, and what is to be seen beside them."""

    def __init__(self, graphs: list[GraphModel], beside: dict[str, Any]) -> None:
        self.graphs, self.beside = graphs, beside

    def room(self, formulas: bool) -> Room:
        """What boxes and labels must have room for: the texts of every frame."""
        rows: dict[int, list[str]] = {}
        longest = [""] * len(self.graphs[0].edges)
        for graph in self.graphs:
            symbols, into = graph.symbols(), graph.into()
            for node in graph:
                rows.setdefault(node.id, []).extend(node_item(node, into[node.id], graph, symbols, formulas).rows)
            for i, label in enumerate(edge_labels(graph, symbols) if formulas else longest):
                longest[i] = max(longest[i], label, key=len)
        return Room(rows, longest)

    def data(self, found: list[Level], formulas: bool) -> dict[str, Any]:
        """The frames as the page reads them: of each node what changes, of each edge its label, and the steps."""
        frames = []
        for graph in self.graphs:
            symbols, into = graph.symbols(), graph.into()
            labels: dict[str, list[str]] = {}
            for edge, label in zip(graph.edges, edge_labels(graph, symbols) if formulas else (), strict=False):
                if label or f"{edge.source}>{edge.target}" in labels:
                    labels.setdefault(f"{edge.source}>{edge.target}", []).append(label)
            nodes = _nodes(graph, found)
            moving = {id: {key: value for key, value in made.items() if key[0] in "vtg" or key in ("in", "c")}
                      for id, made in nodes.items()}
            rows = {node.id: node_item(node, into[node.id], graph, symbols, formulas).rows for node in graph}
            frames.append({"nodes": moving, "rows": rows, "labels": labels, "steps": Steps(graph).all()})
        return {**self.beside, "frames": frames}


def _level(level: Level, graph: GraphModel) -> dict[str, Any]:
    drawing = level.drawing
    bands = _bands(drawing)
    return {
        "parent": level.parent,
        "w": drawing.width,
        "h": drawing.height,
        "items": [_item(item, graph) for item in drawing.items],
        "arrows": [
            {
                "s": arrow.source,
                "t": arrow.target,
                "p": [[x, y] for x, y in _through(_bends(arrow.line.points), bands, drawing.right)],
                **({"b": 1} if arrow.line.branch else {}),
                **_label(arrow, drawing.right),
            }
            for arrow in drawing.arrows
        ],
    }


def _label(arrow: Arrow, right: bool) -> dict[str, Any]:
    """The label of an arrow, its place, and how wide it may become in the frames of a film."""
    if not arrow.label:
        return {}
    wide = arrow.line.label_height if right else arrow.line.label_width
    return {"l": arrow.label, "at": arrow.line.label, "lw": round(wide)}


def _bends(points: list[Any]) -> list[Any]:
    """Points without those in the middle of a straight run."""
    kept = points[:1]
    for (x0, y0), (x1, y1), (x2, y2) in zip(points, points[1:], points[2:], strict=False):
        if not (x0 == x1 == x2 or y0 == y1 == y2):
            kept.append((x1, y1))
    return kept + points[-1:]


def _bands(drawing: Drawing) -> list[tuple[float, float]]:
    """Where the ranks begin and end that hold a module, which pushes what passes it aside when it opens."""
    along = [(item.box.x, item.box.width) if drawing.right else (item.box.y, item.box.height) for item in drawing.items]
    middles = sorted({at for (at, _), item in zip(along, drawing.items, strict=True) if item.kind == "module"})
    halves = [max(size for at, size in along if at == middle) / 2 for middle in middles]
    return [(round(at - half, 1), round(at + half, 1)) for at, half in zip(middles, halves, strict=True)]


def _through(points: list[Any], bands: list[tuple[float, float]], right: bool) -> list[Any]:
    """The points, with those at which straight runs come into a band and leave it."""
    found = points[:1]
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        first, last = (x0, x1) if right else (y0, y1)
        if y0 == y1 if right else x0 == x1:
            found += [(at, y0) if right else (x0, at) for band in bands for at in band if first < at < last]
        found.append((x1, y1))
    return found


def _item(item: Item, graph: GraphModel) -> dict[str, Any]:
    box, id = item.box, item.key[1:] if item.kind == "module" else item.nodes[0]
    made: dict[str, Any] = {"k": item.kind, "id": id, "t": item.title}
    made |= {"x": box.x, "y": box.y, "w": box.width, "h": box.height}
    if item.rows:
        made["r"] = item.rows
        value = graph.nodes[item.nodes[0]].value if item.kind in COMPUTED else None
        if value is not None and item.rows[0] == value.text():
            made["v"] = 1
    if item.root:
        made["root"] = 1
    if item.broken:
        made["bad"] = 1
    return made


def _nodes(graph: GraphModel, found: list[Level]) -> dict[int, dict[str, Any]]:
    """What the side panel shows of each node."""
    symbols, into = graph.symbols(), graph.into()
    users: dict[int, list[int]] = {}
    for edge in graph.edges:
        users.setdefault(edge.source, []).append(edge.target)
    home: dict[int, str] = {}
    for level in found:
        home.update(dict.fromkeys(level.nodes, level.key))
    result = {}
    for node in graph:
        symbol = symbol_of(node, symbols)
        made: dict[str, Any] = {
            "s": symbol,
            "k": node.kind,
            "o": node.operation,
            "in": [_operand(e, graph, symbols) for e in into[node.id]],
            "out": list(dict.fromkeys(users.get(node.id, ()))),
            "home": home.get(node.id, ""),
        }
        if node.kind in COMPUTED:
            made["f"] = f"{symbol} = {formula(node, into[node.id], graph, symbols)}"
        made["d"] = _details(node)
        for key, summary in (("v", node.value), ("t", node.tangent), ("g", node.gradient)):
            if summary is not None:
                made[key] = [[word, text] for word, text in summary.details()]
                picture = picture_of(summary)
                if picture:
                    made[key + "m"] = picture
                if summary.histogram:
                    made[key + "h"] = [*summary.histogram, number(summary.minimum), number(summary.maximum)]
        made["c"] = _colours(node)
        if node.line:
            made["line"] = node.line
        result[node.id] = made
    return result


def _operand(edge: GraphEdge, graph: GraphModel, symbols: dict[int, str]) -> list[Any]:
    return [edge.source, symbol_of(graph.nodes[edge.source], symbols), partial_text(edge)]


def _details(node: GraphNode) -> list[list[str]]:
    rows = [
        ["operation", node.operation],
        ["module", node.module],
        ["settings", node.parameters],
        ["result", node.size_text if node.value is None else ""],
        ["kept for backward", bytes_text(node.kept) if node.kept else ""],
        ["time", f"{1e6 * node.seconds:.3g} µs forward" if node.seconds else ""],
        ["", f"{1e6 * node.backward_seconds:.3g} µs backward" if node.backward_seconds else ""],
    ]
    if node.kind == "leaf" and node.ratio is not None:
        rows.append(["gradient ÷ value", number(node.ratio)])
    return [row for row in rows if row[1]]


def _colours(node: GraphNode) -> dict[str, float]:
    """The numbers by which nodes can be coloured."""
    found = {
        "value": node.value.norm if node.value else 0,
        "gradient": node.gradient.norm if node.gradient else 0,
        "time": (node.seconds or 0) + (node.backward_seconds or 0),
        "memory": node.kept,
        "nan": node.faults,
    }
    return {key: float(f"{value:.4g}") for key, value in found.items() if value}


def _sources(graph: GraphModel) -> dict[str, Any]:
    """The source excerpts, each once."""
    lines = dict.fromkeys(node.line for node in graph if node.line)
    return {line: excerpt for line in lines if (excerpt := source_excerpt(line))}

