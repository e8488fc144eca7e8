"""The graph in other people's languages (DOT, Mermaid), and into files."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from importlib import util
from pathlib import Path
from typing import Any

from .drawing import node_item
from .html import html
from .model import GraphEdge, GraphModel
from .pdf import pdf
from .reading import to_json
from .svg import check_theme, drawing_of, svg
from .text import flow_texts, partial_text, text

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def dot(graph: GraphModel) -> str:
    """The graph in Graphviz's DOT language."""
    lines = ["digraph {", "  rankdir=LR;", '  node [fontname="Helvetica", fontsize=12];', "  edge [fontsize=10];"]
    symbols, into, names, moves = graph.symbols(), graph.into(), _numbers(graph), graph.moves
    shapes = {
        "operation": "box",
        "leaf": 'ellipse, style=filled, fillcolor="#e4f3e8"',
        "constant": "box, style=dashed",
        "output": "box, style=rounded",
    }
    for node in graph:
        item = node_item(node, into[node.id], graph, symbols, True)
        lines.append(f"  {names[node.id]} [label={_quoted(item.title, *item.rows)}, shape={shapes[node.kind]}];")
    for edge in graph.edges:
        words = _edge_words(edge, moves)
        label = f" [label={_quoted(words)}]" if words else ""
        lines.append(f"  {names[edge.source]} -> {names[edge.target]}{label};")
    return "\n".join([*lines, "}"])


def mermaid(graph: GraphModel) -> str:
    """The graph as a Mermaid flowchart."""
    lines = ["flowchart LR"]
    symbols, into, names, moves = graph.symbols(), graph.into(), _numbers(graph), graph.moves
    brackets = {"operation": ("[", "]"), "leaf": ("([", "])"), "constant": ("[/", "/]"), "output": ("(", ")")}
    for node in graph:
        item = node_item(node, into[node.id], graph, symbols, True)
        left, right = brackets[node.kind]
        label = "<br>".join(_entities(part) for part in (item.title, *item.rows))
        lines.append(f'  {names[node.id]}{left}"{label}"{right}')
    for edge in graph.edges:
        words = _edge_words(edge, moves)
        on_edge = f'|"{_entities(words)}"|' if words else ""
        lines.append(f"  {names[edge.source]} -->{on_edge} {names[edge.target]}")
    return "\n".join(lines)


def _edge_words(edge: GraphEdge, moves: bool) -> str:
    """The local derivative on an edge and, where forward mode is to be seen, what goes along it."""
    return "  ".join(filter(None, (partial_text(edge), *(flow_texts(edge) if moves else ()))))


def _numbers(graph: GraphModel) -> dict[int, str]:
    return {id: f"n{i}" for i, id in enumerate(graph.nodes)}


def _quoted(*rows: str) -> str:
    return '"' + "\\n".join(row.replace("\\", "\\\\").replace('"', '\\"') for row in rows) + '"'


def _entities(text: str) -> str:
    """Text with what Mermaid would read as its own signs written as entities."""
    return "".join(c if c.isalnum() or c in " ._=+-,∂×−…" else f"#{ord(c)};" for c in text)


def save(graph: GraphModel, path: Path, direction: str | None = None, depth: int | None = None,
         theme: str | None = None) -> Path:
    """Writes the graph in the form that the file's ending says."""
    kinds: dict[str, Any] = {
        ".svg": lambda: svg(graph, direction, depth, theme=theme),
        ".html": lambda: html(graph, path.stem, direction, depth, theme),
        ".dot": lambda: dot(graph),
        ".mmd": lambda: mermaid(graph),
        ".json": lambda: to_json(graph),
        ".txt": lambda: text(graph),
    }
    ending = path.suffix.lower()
    if ending == ".png":
        return _save_png(svg(graph, direction, depth, theme=theme), path)
    if ending == ".pdf":
        check_theme(theme)
        path.write_bytes(pdf(drawing_of(graph, direction, depth), path.stem, theme))
        return path
    if ending not in kinds:
        raise ValueError(f"[graph] a file that ends in {', '.join(kinds)}, .pdf or .png was expected; got "
                         f"{path.name!r}")
    path.write_text(kinds[ending]() + "\n", encoding="utf-8", errors="replace")
    return path


def _save_png(picture: str, path: Path) -> Path:
    """A PNG by whatever renderer is installed: the package cairosvg, rsvg-convert, inkscape, or a Chromium."""
    if util.find_spec("cairosvg") is not None:
        import cairosvg

        cairosvg.svg2png(bytestring=picture.encode(), write_to=str(path), scale=2)
        return path
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "graph.svg"
        source.write_text(picture, encoding="utf-8")
        converter = shutil.which("rsvg-convert")
        inkscape = shutil.which("inkscape")
        browser = next(filter(None, map(shutil.which, BROWSERS)), None)
        if converter is not None:
            command = [converter, "--zoom=2", "-o", str(path), str(source)]
        elif inkscape is not None:
            command = [inkscape, "--export-dpi=192", f"--export-filename={path.resolve()}", str(source)]
        elif browser is not None:
            width, height = (float(n) for n in picture.split('viewBox="0 0 ', 1)[1].split('"', 1)[0].split())
            command = [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--force-device-scale-factor=2",
                f"--window-size={int(width) + 1},{int(height) + 1}",
                f"--screenshot={path.resolve()}",
                source.as_uri(),
            ]
        else:
            raise RuntimeError(
                "[graph] a renderer for .png was expected: the package cairosvg, rsvg-convert, inkscape or chromium; "
                "none is installed; save as .svg, which every browser shows"
            )
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode or not path.exists():
            raise RuntimeError(f"[graph] {command[0]} could not make {path.name}: {done.stderr.strip()[-300:]}")
    return path
