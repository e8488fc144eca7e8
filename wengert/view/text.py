"""The graph as text for a terminal: a tree for small graphs, a table with modules collapsed for large ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path

from ..autograd.questions.answers import bytes_text
from .model import GraphEdge, GraphModel, GraphNode, depth_apart
from .values import number, shape_text

SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "matmul": "@", "pow": "**"}
COMPUTED = ("operation", "output")
WIDTH = 100
DEEPEST = 40
"""A tree that would be indented farther is written as a list."""
_ROWS = 40


def text(graph: GraphModel, limit: int = 60, depth: int | None = None) -> str:
    """A tree where the graph has at most ``limit`` nodes and is not too deep for one, then a list; else a table."""
    if not graph.nodes:
        return "an empty graph"
    if len(graph) > limit:
        return table(graph, depth_apart(graph) if depth is None else depth)
    writer = Tree(graph)
    lines = [line for root in graph.roots for line in writer.branch(root)]
    if max((len(line) - len(line.lstrip(" │└├─")) for line in lines), default=0) > DEEPEST:
        return listing(graph)
    return "\n".join(lines)


def symbol_of(node: GraphNode, symbols: dict[int, str]) -> str:
    """What a node is called in formulas: a constant number by its value."""
    return node.value.text() if node.inline and node.value is not None else symbols[node.id]


def formula(node: GraphNode, operands: list[GraphEdge], graph: GraphModel, symbols: dict[int, str]) -> str:
    """How a node was made: ``x * w``, ``relu(v)``; an operand that nothing recorded shows as ``…``."""
    if node.kind == "output":
        return f"{symbols[operands[0].source]}[{operands[0].output}]" if operands else "?"
    parts = {edge.place: symbol_of(graph.nodes[edge.source], symbols) for edge in operands}
    sign = SIGNS.get(node.operation)
    if node.operation == "add" and len(operands) == 2:  # Python's sum begins with 0 +, which says nothing
        told = [edge for edge in operands if not _is_zero(graph.nodes[edge.source])]
        if len(told) == 1:
            return parts[told[0].place]
    if sign is not None:
        return f" {sign} ".join(parts.get(place, "…") for place in range(2))
    words, after = [], 0
    for place in sorted(parts) or [0]:
        gap = place - after
        words += ["…"] * gap if gap <= 8 else [f"… ×{gap}"]
        words.append(parts.get(place, "…"))
        after = place + 1
    return f"{node.operation}({', '.join(words)})"


def _is_zero(node: GraphNode) -> bool:
    return node.inline and node.value is not None and node.value.values == [0]


def partial_text(edge: GraphEdge) -> str:
    """The local derivative on an edge: a number, a short vector (the diagonal), a matrix; or nothing."""
    if edge.partial is None:
        return ""
    if len(edge.partial) == 1 and len(edge.partial[0]) == 1:
        return number(edge.partial[0][0])
    if edge.diagonal:
        return vector_text([row[i] for i, row in enumerate(edge.partial)])
    if len(edge.partial) == 1:
        return vector_text(edge.partial[0])
    if len(edge.partial) <= 3:
        return f"[{', '.join(vector_text(row) for row in edge.partial)}]"
    return f"{len(edge.partial)}×{len(edge.partial[0])} matrix"


def flow_texts(edge: GraphEdge) -> list[str]:
    """What goes along an edge where forward mode is to be seen: ``→ 2`` with it, ``← 1`` back against it."""
    pairs = (("→", edge.pushed), ("←", edge.sent))
    return [f"{sign} {summary.text()}" for sign, summary in pairs if summary is not None]


def state_text(node: GraphNode) -> str:
    """How a node moves, and the gradient by it: ``tangent 2, gradient 1``."""
    pairs = (("tangent", node.tangent), ("gradient", node.gradient))
    return ", ".join([f"{word} {summary.text()}" for word, summary in pairs if summary is not None])


def vector_text(values: list[float]) -> str:
    """``[1, 0, 2]``; ``[1 × 8]`` where all are the same."""
    if len(values) > 4:
        if len(set(values)) == 1:
            return f"[{number(values[0])}, … ×{len(values)}]"
        return f"[{', '.join(number(value) for value in values[:3])}, … ×{len(values)}]"
    return f"[{', '.join(number(value) for value in values)}]"


class Tree:
    """The tree under the roots; a node that was shown before is not shown again."""

    def __init__(self, graph: GraphModel) -> None:
        self.graph, self.into, self.symbols = graph, graph.into(), graph.symbols()
        self.moves = graph.moves
        self.shown: set[int] = set()
        self.results: dict[int, list[str]] = {}
        for edge in graph.edges:
            if graph.nodes[edge.target].kind == "output":
                self.results.setdefault(edge.source, []).append(self.symbols[edge.target])

    def branch(self, root: int) -> Iterator[str]:
        """The lines of the tree under ``root``. The stack holds (node, indent, what leads to it)."""
        stack = [(root, "", "")]
        while stack:
            id, indent, lead = stack.pop()
            node, edges = self.graph.nodes[id], self.into[id]
            if id in self.shown and edges:
                yield f"{lead}{self.symbols[id]}, as above"
                continue
            self.shown.add(id)
            yield lead + self._line(node, edges)
            edges = [edge for edge in edges if not self.graph.nodes[edge.source].inline]
            for i, edge in reversed(list(enumerate(edges))):
                last = i == len(edges) - 1
                label = f"∂{self.symbols[id]}/∂{self.symbols[edge.source]}"
                value = partial_text(edge)
                parts = [f"{label} = {value}"] if value else []
                parts += flow_texts(edge) if self.moves else []
                on_edge = f" {'  '.join(parts)} ──" if parts else ""
                stack.append(
                    (edge.source, indent + ("   " if last else "│  "), f"{indent}{'└─' if last else '├─'}{on_edge} ")
                )

    def _line(self, node: GraphNode, edges: list[GraphEdge]) -> str:
        line = symbol_of(node, self.symbols)
        if node.kind in COMPUTED:
            line += f" = {formula(node, edges, self.graph, self.symbols)}"
        if node.outputs > 1:
            line += f" → {', '.join(self.results.get(node.id, ()))}"
        elif node.value is not None and node.value.size <= 4 and len(node.value.shape) <= 1:
            line += f" = {node.value.text()}"
        elif node.shape is not None:
            line += f": {node.size_text}"
            if node.value is not None and node.value.size:
                line += f", {node.value.text()}"
        state = state_text(node)
        return f"{line}  ({state})" if state else line


def listing(graph: GraphModel) -> str:
    """A line for each node in order of computation: how it was made, its value or shape, its gradient, and the local
    derivatives that are numbers or short vectors."""
    symbols, into = graph.symbols(), graph.into()
    rows = []
    for node in graph:
        if node.inline:
            continue
        made = symbol_of(node, symbols)
        if node.kind in COMPUTED:
            made += f" = {formula(node, into[node.id], graph, symbols)}"
        elif node.kind == "leaf":
            made += "  (leaf)"
        value = "" if node.value is None else node.value.text()
        if node.shape is not None and not value.startswith("[") and node.shape:
            value = f"{shape_text(node.shape)}, {value}" if value else shape_text(node.shape)
        gradient = state_text(node)
        partials = [
            f"∂/∂{symbols[edge.source]} = {partial_text(edge)}"
            for edge in into[node.id]
            if edge.partial is not None and len(partial_text(edge)) <= 16 and "matrix" not in partial_text(edge)
        ]
        wide = 22 if node.tangent is None else 44
        rows.append((_cut(made, 44), _cut(value, 24), _cut(gradient, wide), ", ".join(partials)))
    return "\n".join(columns(rows, 4))


def columns(rows: Sequence[tuple[str, ...]], left: int) -> list[str]:
    """Rows of cells as lines with columns of one width, of which the first ``left`` are flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:{'<' if i < left else '>'}{width}}" for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def table(graph: GraphModel, depth: int) -> str:
    """A line for each module (collapsed below ``depth`` names) or run of operations outside modules."""
    rows: list[tuple[str, list[GraphNode]]] = []
    first: dict[str, list[GraphNode]] = {}
    by_line = not any(node.module for node in graph)
    for node in (node for node in graph if node.kind == "operation"):
        # Without modules the lines of the program are the parts, however often a loop runs through them.
        key = Path(node.line).name if by_line else ".".join(node.module.split(".")[:depth])
        if by_line and key in first:
            first[key].append(node)
            continue
        if not rows or rows[-1][0] != key:
            rows.append((key, []))
        rows[-1][1].append(node)
        first.setdefault(key, rows[-1][1])
    for node in (node for node in graph if node.kind != "operation"):
        key = ".".join(node.module.split(".")[:depth])
        if key not in first:
            rows.append((key, first.setdefault(key, [])))
        first[key].append(node)
    head = "line" if by_line and any(node.line for node in graph) else "module"
    lines = [f"{head:<24} {'nodes':>6}  {'result':<22} {'kept':>9} {'time':>9}  operations"]
    skipped = max(0, len(rows) - _ROWS)
    for i, (key, nodes) in enumerate(rows):
        if skipped and i == _ROWS // 2:
            lines.append(f"… {skipped} more …")
        if skipped and _ROWS // 2 <= i < _ROWS // 2 + skipped:
            continue
        lines.append(_row(key, nodes))
    kinds = Counter(node.kind for node in graph)
    parts = [
        f"{count:,} {kind}{'s' if count != 1 else ''}".replace("leafs", "leaves")
        for kind, count in sorted(kinds.items())
    ]
    lines.append(f"{len(graph):,} nodes ({', '.join(parts)}), {len(graph.edges):,} edges")
    return "\n".join(lines)


def _row(key: str, nodes: list[GraphNode]) -> str:
    last = next((node for node in reversed(nodes) if node.kind == "operation"), nodes[0])
    seconds = [node.seconds for node in nodes if node.seconds is not None]
    time = f"{1e3 * sum(seconds):.3g} ms" if seconds else ""
    depth = key.count(".") + 1
    calls = len({node.calls[:depth] for node in nodes if node.kind == "operation" and node.module})
    name = (key or "·") + (f" ×{calls}" if calls > 1 else "")
    head = (
        f"{name if len(name) <= 24 else '…' + name[-23:]:<24} {len(nodes):>6}  {last.size_text:<22} "
        f"{bytes_text(sum(node.kept for node in nodes)):>9} {time:>9}  "
    )
    told = (operations_text(nodes, most) for most in (4, 3, 2))
    words = next((words for words in told if len(head + words) <= WIDTH), operations_text(nodes, 1))
    return (head + words).rstrip()


def operations_text(nodes: Iterable[GraphNode], most: int, late: Container[str] = ()) -> str:
    """The operations of nodes, those that are there most often first, and those in ``late`` behind all others:
    ``"3× conv2d, relu, …"``."""
    counts = Counter(node.operation for node in nodes if node.kind == "operation")
    ranked = sorted(counts.items(), key=lambda pair: (pair[0] in late, -pair[1]))
    words = [f"{count}× {name}" if count > 1 else name for name, count in ranked[:most]]
    return ", ".join([*words, "…"] if len(ranked) > most else words)
