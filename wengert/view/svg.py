"""The picture as SVG: no script, no font or file from elsewhere, light and dark by the reader's setting."""

from __future__ import annotations

import html
import re
from importlib import resources

from .drawing import APART, FORMULAS, Arrow, Drawing, Item, draw, group_of, text_width
from .layout import Point
from .model import GraphModel, depth_apart

MOST = 5000
"""More boxes than this are no picture: the error says what to do."""

COLLAPSED_FROM = FORMULAS
"""Graphs of more nodes are drawn with modules collapsed, unless ``depth`` says otherwise."""

MARGIN = 24.0

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

STYLE = resources.files(__package__).joinpath("picture.css").read_text("utf-8")

_COLOURS = re.compile(r"\.wg\{(--bg[^}]*)\}")

_LEGEND = {
    "leaf": "leaf: collects a gradient",
    "constant": "constant",
    "operation": "operation",
    "output": "one of its results",
    "module": "module (collapsed)",
    "root": "result",
    "broken": "NaN or Inf",
    "lit": "differs",
}


FLOWS = {"→": "fw", "←": "bw"}
_FLOW_LEGEND = (("fw", "→ tangent, forward"), ("bw", "← gradient, back"))


def svg(graph: GraphModel, direction: str | None = None, depth: int | None = None, legend: bool = True,
        theme: str | None = None) -> str:
    """The picture of a graph; see `Graph.svg`. Raises ValueError for one that would have more than `MOST` boxes."""
    check_theme(theme)
    return render(drawing_of(graph, direction, depth), describe(graph), legend, theme)


def drawing_of(graph: GraphModel, direction: str | None = None, depth: int | None = None) -> Drawing:
    """A graph laid out, with modules collapsed below ``depth`` names. Raises ValueError for one that would have more
    than `MOST` boxes."""
    if depth is None:
        depth = depth_apart(graph) if len(graph) > COLLAPSED_FROM else 0
    groups = group_of(graph, depth) if depth else {}
    lone = sum(1 for node in graph if node.id not in groups and not node.inline)
    boxes = lone + len(set(groups.values()))
    if boxes > MOST:
        raise ValueError(f"[graph] at most {MOST:,} boxes make a picture; got {boxes:,}; draw a part "
                         "(g.subgraph(...), g.upstream(...)), print(g) for a table, or g.save('g.json')")
    return draw(graph, groups, direction)


def describe(graph: GraphModel) -> str:
    """The picture in words, for those who do not see it."""
    if not graph.nodes:
        return "An empty computation graph."
    symbols = graph.symbols()
    roots = ", ".join(symbols[root] for root in graph.roots[:4])
    leaves = ", ".join(list(graph.leaves)[:8]) or "none"
    count = sum(node.kind == "operation" for node in graph)
    return f"Computation graph of {roots}: {count} operations, leaves {leaves}."


def render(drawing: Drawing, description: str, legend: bool = True, theme: str | None = None) -> str:
    """SVG text for a drawing that is laid out."""
    if not drawing.items:
        return _page(220, 60, description, ['<text x="110" y="35" class="s">an empty graph</text>'], theme)
    body = ['<g class="edges">', *(arrow_svg(arrow, drawing.right) for arrow in drawing.arrows), "</g>"]
    body += ['<g class="nodes">', *(item_svg(item) for item in drawing.items), "</g>"]
    body += ['<g class="labels">', *(label_svg(a, drawing.right) for a in drawing.arrows if a.label), "</g>"]
    width, height = drawing.width, drawing.height
    if legend:
        row, wide = _legend(drawing, height + 40)
        if wide > width:  # over a wider legend the picture stands in the middle
            body = [f'<g transform="translate({(wide - width) / 2:g} 0)">', *body, "</g>"]
        body.append(row)
        width, height = max(width, wide), height + 52
    body = [f'<g transform="translate({MARGIN:g} {MARGIN:g})">', *body, "</g>"]
    return _page(width + 2 * MARGIN, height + 2 * MARGIN, description, body, theme)


def _page(width: float, height: float, description: str, body: list[str], theme: str | None = None) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="wg" role="img" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" height="{height:g}" style="max-width:100%;height:auto">',
            f"<title>{escape(description)}</title>",
            f"<style>{style(theme)}</style>",
            f'<rect class="bg" width="{width:g}" height="{height:g}"/>',
            *body,
            "</svg>",
        ]
    )


def item_svg(item: Item) -> str:
    """A box with its text."""
    box = item.box
    x, y = box.x - box.width / 2, box.y - box.height / 2
    classes = " ".join([item.kind, *(["root"] if item.root else []), *(["broken"] if item.broken else []),
                        *(["lit"] if item.lit else [])])
    radius = {"leaf": min(box.height / 2, 18), "module": 6, "output": 14}.get(item.kind, 7)
    parts = [
        f'<g class="{classes}" id="{escape(item.key)}"><title>{escape(" · ".join([item.title, *item.rows]))}</title>'
    ]
    if item.kind == "module":
        parts.append(
            f'<rect class="b" x="{x + 4:g}" y="{y + 4:g}" width="{box.width:g}" height="{box.height:g}" '
            f'rx="{radius:g}"/>'
        )
    parts.append(
        f'<rect class="b" x="{x:g}" y="{y:g}" width="{box.width:g}" height="{box.height:g}" rx="{radius:g}"/>'
    )
    top = box.y - 8.5 * len(item.rows)
    parts.append(f'<text class="t" x="{box.x:g}" y="{top + 4.7:g}">{escape(item.title)}</text>')
    for i, row in enumerate(item.rows):
        style = "s" if row.startswith(("grad ", "tangent ")) or item.kind == "module" else "r"
        parts.append(f'<text class="{style}" x="{box.x:g}" y="{top + 17 * (i + 1) + 4.5:g}">{escape(row)}</text>')
    return "".join([*parts, "</g>"])


def path_of(points: list[Point], right: bool) -> str:
    """A smooth way through points that always runs along the ranks' direction at each of them."""
    words = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        straight = abs(y1 - y0) < 0.6 if right else abs(x1 - x0) < 0.6
        if straight:
            words.append(f"L{x1:g} {y1:g}")
        elif right:
            middle = (x0 + x1) / 2
            words.append(f"C{middle:g} {y0:g} {middle:g} {y1:g} {x1:g} {y1:g}")
        else:
            middle = (y0 + y1) / 2
            words.append(f"C{x0:g} {middle:g} {x1:g} {middle:g} {x1:g} {y1:g}")
    return "".join(words)


def arrow_svg(arrow: Arrow, right: bool) -> str:
    """A line with its head."""
    points = list(arrow.line.points)
    x, y = points[-1]
    points[-1] = (x - 7, y) if right else (x, y - 7)
    head = f"M{x:g} {y:g}l-9 -4.5v9z" if right else f"M{x:g} {y:g}l-4.5 -9h9z"
    return f'<path class="e" d="{path_of(points, right)}"/><path class="a" d="{head}"/>'


def label_svg(arrow: Arrow, right: bool) -> str:
    """The label of a line: above it where it runs level, on it, which it interrupts, where it runs down."""
    assert arrow.line.label is not None
    x, y = arrow.line.label
    wide = text_width(arrow.label, 11.6)
    behind = "" if right else f'<rect class="bg" x="{x - wide / 2:g}" y="{y - 9:g}" width="{wide:g}" height="18"/>'
    parts = [f'<tspan class="{FLOWS[part[0]]}">{escape(part)}</tspan>' if part[0] in FLOWS else escape(part)
             for part in arrow.label.split(APART)]
    return behind + f'<text class="l" x="{x:g}" y="{y - 5 if right else y + 4:g}">{APART.join(parts)}</text>'


def check_theme(theme: str | None) -> None:
    """Raises ValueError for a theme that there is not."""
    if theme not in (None, "light", "dark"):
        raise ValueError(f"[graph] theme: 'light', 'dark' or None, as the reader has it, was expected; got {theme!r}")


def style(theme: str | None = None) -> str:
    """The rules of a picture, in light and dark as the reader has it, or in one of them."""
    if theme is None:
        return STYLE
    light, dark = _COLOURS.findall(STYLE)
    return f".wg{{{light if theme == 'light' else dark}}}\n{STYLE[STYLE.index('.wg text'):]}"


def colours(theme: str) -> dict[str, str]:
    """The colours of a theme by name: ``{"bg": "#fff", ...}``."""
    light, dark = _COLOURS.findall(STYLE)
    return dict(re.findall(r"--([\w-]+):([^;]+)", (light if theme == "light" else dark).replace("\n", "")))


def themes() -> str:
    """The rules of a picture whose element may have the class ``light`` or ``dark``, which then overrules the reader's
    setting."""
    light, dark = _COLOURS.findall(STYLE)
    return f"{STYLE}.wg.light,.light .wg{{{light}}}.wg.dark,.dark .wg{{{dark}}}\n"


def legend_entries(drawing: Drawing) -> list[tuple[str, str]]:
    """The kinds of boxes, and of what goes along edges, that there are, with the words for them."""
    there = {"root", *(item.kind for item in drawing.items), *("broken" for item in drawing.items if item.broken),
             *("lit" for item in drawing.items if item.lit)}
    flows = _FLOW_LEGEND if any(APART in arrow.label for arrow in drawing.arrows) else ()
    return [*((kind, words) for kind, words in _LEGEND.items() if kind in there), *flows]


def _legend(drawing: Drawing, y: float) -> tuple[str, float]:
    """A row that says what the colours mean; and its width."""
    parts, x = ['<g class="legend">'], 0.0
    for kind, words in legend_entries(drawing):
        flow = kind if kind in FLOWS.values() else ""
        if not flow:
            radius = 7 if kind in ("leaf", "output") else 3
            parts.append(f'<g class="{kind}"><rect class="b" x="{x:g}" y="{y - 7:g}" width="20" height="14" '
                         f'rx="{radius}"/></g>')
            x += 26
        parts.append(f'<text class="s{flow and " " + flow}" style="text-anchor:start" x="{x:g}" y="{y + 4.3:g}">'
                     f"{words}</text>")
        x += text_width(words, 12) + 18
    return "".join([*parts, "</g>"]), x - 18


def framed(page: str) -> str:
    """A page for a notebook, in a frame of its own, as its styles and scripts are not the notebook's."""
    return f'<iframe srcdoc="{escape(page)}" title="graph" style="width:100%;height:640px;border:0"></iframe>'


def escape(text: str) -> str:
    """Text for XML; the characters that XML cannot hold, control characters and halves of others, are replaced."""
    return html.escape(_NO_XML.sub("\ufffd", text))
