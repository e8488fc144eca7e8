"""One self-contained page: the levels of the graph as data, and a script of our own (``page.js``) that shows them."""

from __future__ import annotations

from importlib import resources
from typing import Any

from ..autograd.questions.answers import bytes_text
from .drawing import FORMULAS, Item
from .levels import Level, levels
from .model import GraphEdge, GraphModel, GraphNode
from .names import source_excerpt
from .reading import strict_json
from .svg import MOST, STYLE, describe, escape
from .text import COMPUTED, formula, partial_text, symbol_of, text
from .values import Summary, number


def html(graph: GraphModel, title: str, direction: str | None = None) -> str:
    """The page as text; it runs down, which suits narrow windows too, unless ``direction`` is ``"right"``. Raises
    ValueError for a graph whose largest level would have more than `svg.MOST` boxes."""
    formulas = len(graph) <= FORMULAS
    found = levels(graph, formulas, direction or "down", MOST)
    data = {
        "title": title,
        "description": describe(graph),
        "right": direction == "right",
        "levels": {level.key: _level(level) for level in found},
        "nodes": _nodes(graph, found),
        "steps": [*_steps_forth(graph), *_steps(graph)],
        "sources": _sources(graph),
    }
    # Inside a script element only "</" and "<!--" could end it.
    script = strict_json(data, separators=(",", ":")).replace("<", "\\u003c")
    parts = resources.files(__package__)
    page = parts.joinpath("page.html").read_text("utf-8")
    fill = {
        "TITLE": escape(title),
        "STYLE": STYLE + parts.joinpath("page.css").read_text("utf-8"),
        "TEXT": escape(text(graph)),
        "SCRIPT": parts.joinpath("page.js").read_text("utf-8"),
        "DESCRIPTION": escape(describe(graph)),
        "DATA": script,
    }
    for name, value in fill.items():
        page = page.replace(f"<!--{name}-->", value)
    return page


def _level(level: Level) -> dict[str, Any]:
    drawing = level.drawing
    return {
        "parent": level.parent,
        "w": drawing.width,
        "h": drawing.height,
        "items": [_item(item) for item in drawing.items],
        "arrows": [
            {
                "s": arrow.source,
                "t": arrow.target,
                "p": [[x, y] for x, y in _bends(arrow.line.points)],
                **({"l": arrow.label, "at": arrow.line.label} if arrow.label else {}),
            }
            for arrow in drawing.arrows
        ],
    }


def _bends(points: list[Any]) -> list[Any]:
    """Points without those in the middle of a straight run."""
    kept = points[:1]
    for (x0, y0), (x1, y1), (x2, y2) in zip(points, points[1:], points[2:], strict=False):
        if not (x0 == x1 == x2 or y0 == y1 == y2):
            kept.append((x1, y1))
    return kept + points[-1:]


def _item(item: Item) -> dict[str, Any]:
    box, id = item.box, item.key[1:] if item.kind == "module" else item.nodes[0]
    made: dict[str, Any] = {"k": item.kind, "id": id, "t": item.title}
    made |= {"x": box.x, "y": box.y, "w": box.width, "h": box.height}
    if item.rows:
        made["r"] = item.rows
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


def _steps(graph: GraphModel) -> list[dict[str, Any]]:
    """The backward pass, step by step: a node, the gradient that has arrived, and what it sends to each operand."""
    into, symbols = graph.into(), graph.symbols()
    results: dict[int, list[GraphNode]] = {}
    for edge in graph.edges:
        if graph.nodes[edge.target].kind == "output":
            results.setdefault(edge.source, []).append(graph.nodes[edge.target])
    top = symbols[graph.roots[0]] if len(graph.roots) == 1 else "result"
    steps = []
    for node in graph.walk(backward=True):
        if node.kind != "operation":
            continue
        arrived = [each for each in results.get(node.id, [node]) if each.gradient is not None]
        sends = []
        for edge in into[node.id] if arrived else ():
            if edge.sent is None:
                continue
            sends.append(
                {
                    "to": edge.source,
                    "name": f"∂{symbols[node.id]}/∂{symbols[edge.source]}",
                    "goal": f"∂{top}/∂{symbols[edge.source]}",
                    **_product(edge, arrived[0].gradient if arrived[0] is node else None, edge.sent),
                }
            )
        if sends:
            names = [f"∂{top}/∂{symbols[each.id]}" for each in arrived]
            texts = [each.gradient.text() for each in arrived if each.gradient is not None]
            steps.append({"n": node.id, "name": ", ".join(names), "ct": ", ".join(texts), "sends": sends})
    return steps


def _steps_forth(graph: GraphModel) -> list[dict[str, Any]]:
    """Forward mode, step by step: an operation that moves, and what each of its operands adds to that."""
    into, symbols = graph.into(), graph.symbols()
    steps = []
    for node in graph:
        if node.kind != "operation" or node.tangent is None:
            continue
        sends = []
        for edge in into[node.id]:
            source = graph.nodes[edge.source]
            if edge.pushed is None:
                continue
            written = {"to": edge.source, "name": f"∂{symbols[node.id]}/∂{symbols[edge.source]}",
                       "goal": f"d{symbols[edge.source]}", "sent": edge.pushed.text()}
            partial = partial_text(edge)
            texts = "" if source.tangent is None else source.tangent.text(), edge.pushed.text()
            if partial:
                written["partial"] = partial
                if all(text and not text.startswith("norm") and "empty" not in text for text in texts):
                    written["product"] = f"{partial} · {texts[0]} = {texts[1]}"
            sends.append(written)
        steps.append({"n": node.id, "way": "forth", "name": f"d{symbols[node.id]}", "ct": node.tangent.text(),
                      "sends": sends})
    return steps


def _product(edge: GraphEdge, gradient: Summary | None, sent: Summary) -> dict[str, str]:
    """What multiplies what, in words: ``1 · 3 = 3``; the partial alone where values are large or
    several results have a gradient each."""
    partial = partial_text(edge)
    written = {"sent": sent.text()}
    if partial:
        written["partial"] = partial
        texts = "" if gradient is None else gradient.text(), sent.text()
        if all(text and not text.startswith("norm") and "empty" not in text for text in texts):
            written["product"] = f"{texts[0]} · {partial} = {texts[1]}"
    return written
