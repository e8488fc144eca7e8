"""The graph as nested levels, one for each module call, each laid out on its own: what the page expands and collapses.

A level holds the nodes directly in its module, its inner modules as boxes, and a port for each value that comes in from
outside or goes out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .drawing import Arrow, Drawing, Groups, Item, edge_labels, group_of, node_item, place
from .model import GraphEdge, GraphModel
from .text import symbol_of

DEEPEST = 8


@dataclass(slots=True)
class Level:
    """One module call: its key (``""`` for the whole), the key of the level around it, and its picture."""

    key: str
    parent: str
    drawing: Drawing
    nodes: list[int] = field(default_factory=list)


def chains(graph: GraphModel) -> dict[int, tuple[str, ...]]:
    """For each node the keys of the module calls around it, outermost first; a module that holds a single
    node, or a single module, is left out."""
    deepest = min(DEEPEST, max((node.module.count(".") + 1 for node in graph if node.module), default=0))
    found: dict[int, list[str]] = {id: [] for id in graph.nodes}
    for depth in range(1, deepest + 1):
        for id, key in group_of(graph, depth).items():
            if len(found[id]) == depth - 1 and key.partition("#")[0].count(".") == depth - 1:
                found[id].append(key)
    counts: dict[str, int] = {}
    for keys in found.values():
        for key in keys:
            counts[key] = counts.get(key, 0) + 1
    # A box around a single box tells nothing either.
    inner: dict[str, set[str]] = {}
    for keys in found.values():
        for i, key in enumerate(keys):
            inner.setdefault(key, set()).add(keys[i + 1] if i + 1 < len(keys) else "")
    lone = {key for key in counts if counts[key] == 1 or (len(inner[key]) == 1 and "" not in inner[key])}
    return {id: tuple(key for key in keys if key not in lone) for id, keys in found.items()}


@dataclass(slots=True)
class Room:
    """Texts that boxes (by node) and lines (by edge) must have room for beside their own."""

    rows: dict[int, list[str]]
    labels: list[str]


def levels(graph: GraphModel, formulas: bool, direction: str = "down", most: int = 5000,
           room: Room | None = None) -> list[Level]:
    """All levels, outermost first, laid out in the same direction, with ``room`` for more texts. Raises ValueError for
    one of more than ``most`` boxes."""
    around = chains(graph)
    _check_sizes(graph, around, most)
    symbols, into = graph.symbols(), graph.into()
    position = {id: i for i, id in enumerate(graph.nodes)}
    members: dict[str, list[int]] = {"": list(graph.nodes)}
    parents = {"": ""}
    for id, keys in around.items():
        before = ""
        for key in keys:
            members.setdefault(key, []).append(id)
            parents[key] = before
            before = key
    labels = room.labels if room is not None else edge_labels(graph, symbols) if formulas else [""] * len(graph.edges)
    crossing: dict[str, list[int]] = {key: [] for key in members}
    for i, edge in enumerate(graph.edges):
        a, b = ("", *around[edge.source]), ("", *around[edge.target])
        for key in dict.fromkeys(a + b):
            crossing[key].append(i)
    found = []
    boxes = Groups(graph, into)
    for key, ids in members.items():
        depth = 0 if not key else around[ids[0]].index(key) + 1
        ids.sort(key=position.__getitem__)
        items: list[Item] = []
        where: dict[int, int] = {}
        inner: dict[str, int] = {}
        for id in ids:
            keys = around[id]
            if len(keys) == depth:
                node = graph.nodes[id]
                if node.inline:
                    continue
                where[id] = len(items)
                item = node_item(node, into[id], graph, symbols, formulas)
                item.root = id in graph.roots
                item.beside = [] if room is None else room.rows.get(id, [])
                items.append(item)
            else:
                child = keys[depth]
                if child not in inner:
                    inner[child] = len(items)
                    item = boxes.item(child, members[child])
                    item.root = any(root in members[child] for root in graph.roots)
                    items.append(item)
                where[id] = inner[child]
        arrows = _arrows(graph, [(graph.edges[i], labels[i]) for i in crossing[key]], where, items, symbols)
        drawing = place(Drawing(items, arrows), direction)
        found.append(Level(key, parents[key], drawing, ids))
    return found


def _check_sizes(graph: GraphModel, around: dict[int, tuple[str, ...]], most: int) -> None:
    """Counts the boxes of every level before any is laid out."""
    counts = Counter(keys[-1] if keys else "" for id, keys in around.items() if not graph.nodes[id].inline)
    inner = {(keys[i - 1] if i else "", keys[i]) for keys in set(around.values()) for i in range(len(keys))}
    counts.update(parent for parent, _ in inner)
    largest = max(counts.values(), default=0)
    if largest > most:
        raise ValueError(f"[graph] at most {most:,} boxes in one level make a page; got {largest:,}; draw a part "
                         "(g.subgraph(...), g.upstream(...)), or g.save('g.json')")


def _arrows(graph: GraphModel, edges: list[tuple[GraphEdge, str]], where: dict[int, int], items: list[Item],
            symbols: dict[int, str]) -> list[Arrow]:
    """The arrows of one level; values from and to outside get ports."""
    arrows: list[Arrow] = []
    seen: set[tuple[int, int]] = set()
    ports: dict[tuple[str, int], int] = {}
    inside = set(where)
    for edge, label in edges:
        source, target = where.get(edge.source), where.get(edge.target)
        if source is None and target is None or graph.nodes[edge.source].inline:
            continue
        if source is None or target is None:
            way = "in" if source is None else "out"
            port = ports.get((way, edge.source))
            if port is None:
                port = ports[way, edge.source] = len(items)
                name = symbol_of(graph.nodes[edge.source], symbols)
                items.append(Item(f"p{way}{edge.source}", "port", name, [], [edge.source]))
            source, target = (port, target) if source is None else (source, port)
        assert source is not None and target is not None
        if source == target:
            continue
        label = label if edge.source in inside and edge.target in inside else ""
        if label or (source, target) not in seen:
            arrows.append(Arrow(source, target, label))
        seen.add((source, target))
    return arrows
