"""Two graphs compared: before and after a change, recorded and compiled; what differs is listed, and lit in a picture.

The one idea to know: nodes are matched in order of computation, by what they are called and what they compute, as lines
of two texts are; values are told apart only beyond a tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from .drawing import FORMULAS, Drawing, draw
from .graph import Graph
from .model import GraphNode
from .svg import check_theme, describe, drawing_of, escape, framed, render, style
from .values import Summary, shape_text

RELATIVE = 1e-4
"""Numbers are the same where they differ by at most this part of the larger, or of the largest of their tensor."""


MANY = 4
"""So many nodes or more that only follow on what both graphs have are one difference."""


@dataclass(slots=True)
class Difference:
    """One thing that differs: the ids of the node in the first and in the second graph (None where it is in one alone),
    and what differs, in words. ``also`` are the nodes behind one that is in one graph alone, of which the same is to be
    said."""

    before: int | None
    after: int | None
    words: str
    also: tuple[int, ...] = ()


class Comparison:
    """Two graphs and what differs between them: made by `wengert.graph.compare`. ``differences`` is a list of
    `Difference`; it is true where there are some."""

    def __init__(self, before: Graph, after: Graph, names: tuple[str, str] = ("before", "after"),
                 relative: float = RELATIVE, absolute: float = 0.0, twins: bool = False) -> None:
        self.before, self.after, self.names = before, after, names
        self.pairs = _matched(before, after, twins)
        self.differences = [*_of_pairs(before, after, self.pairs, (relative, absolute)),
                            *_alone(before, after, self.pairs)]

    def __bool__(self) -> bool:
        return bool(self.differences)

    def __repr__(self) -> str:
        return self.text()

    def text(self) -> str:
        """A line for each difference."""
        a, b = self.names
        if not self.differences:
            return f"{a} and {b} are the same: {len(self.pairs)} nodes"
        count = len(self.differences)
        head = f"{count} difference{'' if count == 1 else 's'} between {a} and {b}, {len(self.pairs)} nodes in both"
        return "\n".join([head, *(f"  {self._name(each)}: {each.words}" for each in self.differences)])

    def _name(self, each: Difference) -> str:
        graph, id = (self.before, each.before) if each.before is not None else (self.after, each.after)
        node = graph.nodes[id]  # type: ignore[index]
        symbol = graph.symbols()[node.id]
        return f"{symbol} = {node.operation}" if node.operation and node.operation != symbol else symbol

    def html(self, title: str = "Two graphs", *, direction: str | None = None, theme: str | None = None) -> str:
        """One self-contained page: the two pictures side by side, what differs lit, and the list."""
        check_theme(theme)
        pictures = []
        direction = direction or _same_direction(self.before, self.after)
        for graph, side in ((self.before, 0), (self.after, 1)):
            ids = {(each.before, each.after)[side] for each in self.differences} - {None}
            ids |= {id for each in self.differences if (each.before, each.after)[side] is not None for id in each.also}
            name = escape(self.names[side])
            pictures.append(f'<section><h2>{name}</h2><div class="picture" tabindex="0" role="region" '
                            f'aria-label="{name}">{_lit(graph, ids, direction, theme)}</div></section>')
        rows = [f"<li><b>{escape(self._name(each))}</b>: {escape(each.words)}</li>" for each in self.differences]
        head, _, _ = self.text().partition("\n")
        return _PAGE.format(title=escape(title), scheme=theme or "light dark", style=style(theme), head=escape(head),
                            direction=direction, pictures="".join(pictures), rows="".join(rows))

    def save(self, path: str | Path, *, direction: str | None = None, theme: str | None = None) -> Path:
        """Writes the page (``.html``) or the list (``.txt``). Returns the path. Raises ValueError for another
        ending."""
        path = Path(path)
        forms: dict[str, Callable[[], str]] = {
            ".html": lambda: self.html(path.stem, direction=direction, theme=theme), ".txt": self.text}
        if path.suffix.lower() not in forms:
            raise ValueError(f"[graph.compare] a file that ends in .html or .txt was expected; got {path.name!r}")
        path.write_text(forms[path.suffix.lower()]() + "\n", encoding="utf-8", errors="replace")
        return path

    def _repr_html_(self) -> str:
        return framed(self.html())


def compare(before: Graph, after: Graph, names: tuple[str, str] = ("before", "after")) -> Comparison:
    """Compares two graphs: which nodes are in one alone, and whose operation, settings, shape, dtype, value or gradient
    differ. ``names`` are what the two are called. Raises TypeError for what is no graph.

    >>> import wengert
    >>> def picture(rate):
    ...     w = wengert.tensor(2.0, requires_grad=True)
    ...     y = (w * rate).exp()
    ...     return wengert.graph(y, gradients=True)
    >>> wengert.graph.compare(picture(1.0), picture(0.5))
    4 differences between before and after, 4 nodes in both
      w: gradient 7.389, then 1.359
      c1: value 1, then 0.5
      v1 = mul: value 2, then 1; gradient 7.389, then 2.718
      y = exp: value 7.389, then 2.718
    """
    for graph in (before, after):
        if not isinstance(graph, Graph):
            raise TypeError(f"[graph.compare] two graphs were expected; got {type(graph).__name__}; make them with "
                            "wengert.graph(...) or graph.record()")
    return Comparison(before, after, names)


# --- matching ---------------------------------------------------------------------------------------------------------


def _matched(before: Graph, after: Graph, twins: bool) -> list[tuple[int, int]]:
    """Pairs of ids of nodes that are taken for the same: first by name, operation and module, then, between these, by
    operation alone. In two runs of one program (``twins``) leaves are so by their names, before all, and what reads
    them by that."""
    pairs: list[tuple[int, int]] = []
    a, b = list(before), list(after)
    if twins:
        leaves = {node.name: node.id for node in b if node.kind == "leaf" and node.name}
        pairs += [(node.id, leaves[node.name]) for node in a if node.kind == "leaf" and node.name in leaves]
        for what in (lambda node: (node.kind, node.operation, node.line), lambda node: (node.kind, node.operation)):
            _match_readers(before, after, what, pairs)
        firsts, seconds = ({pair[side] for pair in pairs} for side in (0, 1))
        a, b = [x for x in a if x.id not in firsts], [y for y in b if y.id not in seconds]
    _match(a, b, lambda node: (node.kind, node.operation, node.module, node.name, node.shape), pairs)
    for key in (lambda node: (node.kind, node.operation, node.name), lambda node: (node.kind, node.operation)):
        firsts, seconds = ({pair[side] for pair in pairs} for side in (0, 1))
        _match([x for x in a if x.id not in firsts], [y for y in b if y.id not in seconds], key, pairs)
    place = {id: i for i, id in enumerate(before.nodes)}
    return sorted(pairs, key=lambda pair: place[pair[0]])


def _match_readers(before: Graph, after: Graph, key: Callable[[GraphNode], Any], pairs: list[tuple[int, int]]) -> None:
    """Pairs what is alike and reads something that is paired already."""
    partner, taken, into = dict(pairs), {pair[1] for pair in pairs}, before.into()
    users: dict[int | None, list[int]] = {}
    for edge in after.edges:
        users.setdefault(edge.source, []).append(edge.target)
    for node in before:
        readers = (target for edge in into[node.id] for target in users.get(partner.get(edge.source), ()))
        found = next((id for id in readers if id not in taken and key(after.nodes[id]) == key(node)), None)
        if found is not None and node.id not in partner:
            partner[node.id] = found
            taken.add(found)
            pairs.append((node.id, found))


def _match(a: list[GraphNode], b: list[GraphNode], key: Callable[[GraphNode], Any],
           pairs: list[tuple[int, int]]) -> None:
    left, right = [key(node) for node in a], [key(node) for node in b]
    # What is alike at both ends is matched at once: to look for the rest takes the square of what is alike in it.
    head = next((i for i, (x, y) in enumerate(zip(left, right, strict=False)) if x != y), min(len(a), len(b)))
    rest = min(len(a), len(b)) - head
    tail = next((i for i in range(rest) if left[-1 - i] != right[-1 - i]), rest)
    pairs += [(x.id, y.id) for x, y in zip(a[:head], b[:head], strict=True)]
    pairs += [(a[-1 - i].id, b[-1 - i].id) for i in range(tail)]
    matcher = SequenceMatcher(None, left[head : len(a) - tail], right[head : len(b) - tail], autojunk=False)
    for i, j, count in matcher.get_matching_blocks():
        pairs += [(a[head + i + k].id, b[head + j + k].id) for k in range(count)]


def _of_pairs(before: Graph, after: Graph, pairs: list[tuple[int, int]],
              tolerance: tuple[float, float]) -> list[Difference]:
    partner, into = dict(pairs), (before.into(), after.into())
    found = []
    for first, second in pairs:
        a, b = before.nodes[first], after.nodes[second]
        words = [f"{what} {x or 'none'}, then {y or 'none'}" for what, x, y in (
            ("shape", _shape(a), _shape(b)), ("dtype", a.dtype, b.dtype), ("settings", a.parameters, b.parameters),
        ) if x != y and not (what != "settings" and None in (x, y)) and not (what == "dtype" and a.inline and b.inline)]
        for what, x, y in (("value", a.value, b.value), ("gradient", a.gradient, b.gradient)):
            if x is not None and y is not None and a.shape == b.shape and not _same(x, y, tolerance):
                words.append(f"{what} {x.text()}, then {y.text()}")
        mine = {(partner.get(edge.source), edge.place) for edge in into[0][first]}
        other = {(edge.source, edge.place) for edge in into[1][second]}
        if mine != other and len(mine) == len(other):
            words.append("reads other operands")
        if words:
            found.append(Difference(first, second, "; ".join(words)))
    return found


def _alone(before: Graph, after: Graph, pairs: list[tuple[int, int]]) -> list[Difference]:
    """What is in one graph alone; of all that only follows on what both have, as the backward pass of a compiled step
    does, one line."""
    found = []
    for side, graph, words in ((0, before, "only in the first"), (1, after, "only in the second")):
        both = {pair[side] for pair in pairs}
        into, leads = graph.into(), set(both)
        for id in reversed(list(graph.nodes)):
            if id in leads:
                leads.update(edge.source for edge in into[id])
        alone = [id for id in graph.nodes if id not in both]
        behind = [id for id in alone if id not in leads]
        steps = [id for id in behind if graph.nodes[id].kind == "operation"]
        if len(steps) < MANY:
            behind = []
        found += [Difference(None, id, words) if side else Difference(id, None, words)
                  for id in alone if id not in behind]
        if behind:
            back = any(graph.nodes[id].name.endswith(".grad'") for id in behind)
            what = f"the backward pass of {len(steps)} operations" if back else (
                f"and the {len(steps) - 1} operations that come with it")
            first, also = steps[0], tuple([id for id in behind if id != steps[0]])
            words = f"{what}, {words}"
            found.append(Difference(None, first, words, also) if side else Difference(first, None, words, also))
    return found


def _shape(node: GraphNode) -> str | None:
    return None if node.shape is None else shape_text(node.shape)


def _same(a: Summary, b: Summary, tolerance: tuple[float, float]) -> bool:
    """Whether two values are the same but for rounding."""
    if a.shape != b.shape or (a.nan, a.inf) != (b.nan, b.inf):
        return False
    largest = max(abs(a.minimum), abs(a.maximum), abs(b.minimum), abs(b.maximum))
    pairs: list[tuple[Any, Any]] = [(a.norm, b.norm), (a.minimum, b.minimum), (a.maximum, b.maximum)]
    if a.values is not None and b.values is not None:
        pairs += zip(a.values, b.values, strict=True)
    return all(_near(x, y, largest, tolerance) for x, y in pairs)


def _near(x: Any, y: Any, largest: float, tolerance: tuple[float, float]) -> bool:
    if isinstance(x, (list, tuple)) or isinstance(y, (list, tuple)):  # complex numbers
        return all(_near(p, q, largest, tolerance) for p, q in zip(x, y, strict=True))
    if not (math.isfinite(x) and math.isfinite(y)):
        return x == y or (math.isnan(x) and math.isnan(y))
    relative, absolute = tolerance
    return bool(abs(x - y) <= absolute + relative * max(abs(x), abs(y), largest))


# --- the picture ------------------------------------------------------------------------------------------------------


def _drawn(graph: Graph, direction: str | None) -> Drawing:
    return draw(graph, {}, direction) if len(graph) <= FORMULAS else drawing_of(graph, direction)


def _same_direction(before: Graph, after: Graph) -> str:
    """The direction in which the smaller of two pictures is the larger: beside each other those that run down, one over
    the other those that run to the right."""
    def scale(direction: str, width: float, height: float) -> float:
        drawings = [_drawn(graph, direction) for graph in (before, after)]
        return min(min(1.0, width / max(each.width, 1.0), height / max(each.height, 1.0)) for each in drawings)

    return "right" if scale("right", 1340, 290) > scale("down", 660, 600) else "down"


def _lit(graph: Graph, ids: set[Any], direction: str | None, theme: str | None) -> str:
    """The picture of one graph with the boxes lit that hold one of the nodes."""
    drawing = _drawn(graph, direction)
    shown = {id for item in drawing.items for id in item.nodes}
    for edge in graph.edges:  # a number has no box of its own: where it is used is lit
        if edge.source in ids and edge.source not in shown:
            ids = ids | {edge.target}
    for item in drawing.items:
        item.lit = any(id in ids for id in item.nodes)
    return render(drawing, describe(graph), True, theme)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title>
<style>
:root{{color-scheme:{scheme}}}
{style}
body{{background:var(--bg);color:var(--ink);margin:1rem;
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",Arial,sans-serif}}
h1{{font-size:1.2rem}}h2{{font-size:1rem;margin:.3rem 0}}
.pair{{display:grid;grid-template-columns:1fr 1fr;gap:1rem}}
.picture{{overflow:auto;border:1px solid #8a94a3;border-radius:8px}}
.picture svg{{display:block;margin:auto;max-height:74vh}}
.right{{grid-template-columns:1fr}}.right .picture svg{{max-height:34vh}}
section{{min-width:0}}
@media (max-width:700px){{.pair{{grid-template-columns:1fr}}.picture{{max-height:75vh}}
.pair .picture svg{{max-width:none!important;max-height:none;margin:0}}}}
@page{{size:A4 landscape;margin:10mm}}
@media print{{section{{break-inside:avoid}}h1,p{{margin:0 0 2mm}}li{{font-size:11px}}
.picture{{overflow:visible}}.pair .picture svg{{max-height:112mm}}.right .picture svg{{max-height:52mm}}}}
</style>
</head>
<body class="wg">
<main>
<h1>{title}</h1>
<p>{head}</p>
<div class="pair {direction}">{pictures}</div>
<ul>{rows}</ul>
</main>
</body>
</html>"""
