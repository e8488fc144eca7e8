"""The graph object as people have it: the data of `model`, with its pictures, texts and files as methods.

It knows nothing of the tape: `build` makes it from one, `from_json` from a file, a program by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..core.display import printable
from .explain import explain
from .exports import dot, mermaid, save
from .html import html
from .model import GraphModel, GraphNode, Key
from .reading import read_json, to_json
from .svg import svg
from .text import text


class Graph(GraphModel):
    """A computation graph. Made by `wengert.graph`, `Tensor.graph`, `graph.record` or `Graph.from_json`.

    ``nodes`` maps ids to nodes in order of computation, ``edges`` lists the edges, ``roots`` the ids of the results.

    >>> import wengert
    >>> x, w, b = (wengert.tensor(v, requires_grad=True) for v in (3.0, 2.0, 1.0))
    >>> u = x * w; v = u + b; a = wengert.relu(v)
    >>> print(wengert.graph(a))
    a = relu(v) = 7
    └─ ∂a/∂v = 1 ── v = u + b = 7
       ├─ ∂v/∂u = 1 ── u = x * w = 6
       │  ├─ ∂u/∂x = 2 ── x = 3
       │  └─ ∂u/∂w = 3 ── w = 2
       └─ ∂v/∂b = 1 ── b = 1
    """

    __slots__ = ()

    # --- parts --------------------------------------------------------------------------------------------------------

    def subgraph(self, keep: Iterable[Key] | Callable[[GraphNode], Any]) -> Graph:
        """The graph of these nodes alone (or of those for which ``keep(node)`` is true) and the edges between them.
        Nodes without a user among them become its roots."""
        ids = {node.id for node in self if keep(node)} if callable(keep) else {self.id_of(key) for key in keep}
        edges = [edge for edge in self.edges if edge.source in ids and edge.target in ids]
        used = {edge.source for edge in edges}
        return Graph(
            {id: node for id, node in self.nodes.items() if id in ids},
            edges,
            [id for id in self.nodes if id in ids and id not in used],
            self.modules,
        )

    def upstream(self, node: Key) -> Graph:
        """The graph of a node and of all that it was computed from."""
        id = self.id_of(node)
        found = self.subgraph(self.ancestors(id))
        found.roots = [id]
        return found

    # --- as text, picture, file ---------------------------------------------------------------------------------------

    def text(self, limit: int = 60, depth: int | None = None) -> str:
        """The graph for a terminal: a tree where it has at most ``limit`` nodes (a list where that is deep), else a
        table with modules collapsed below ``depth`` names (default: the first that tells them apart), or of source
        lines where there are no modules."""
        return text(self, limit, depth)

    def __str__(self) -> str:
        return printable(self.text())

    def explain(self, leaf: Key, root: Key | None = None, *, direction: str | None = None) -> str:
        """The chain rule between ``root`` (default: the first root) and a leaf, written out with symbols and numbers:
        as a sum of products over the paths. ``direction``: ``"forward"`` goes step by step from the leaf, which moves
        by 1 or by its tangent, to the root; ``"backward"`` from the root, whose gradient is 1, to the leaf; ``"both"``
        does both. By default the steps are there where the graph has tangents. Raises ValueError for another word."""
        root = self.roots[0] if root is None else self.id_of(root)
        return printable(explain(self, self.id_of(leaf), root, direction))

    def svg(self, *, direction: str | None = None, depth: int | None = None, legend: bool = True,
            theme: str | None = None) -> str:
        """The picture as SVG text. ``direction`` is ``"right"`` or ``"down"`` (default: what fits); ``depth``: modules
        below that many names are collapsed (default: none in a small graph; in a large one those below the first that
        tells them apart); ``theme`` is ``"light"`` or ``"dark"`` (default: as the reader has it)."""
        return svg(self, direction, depth, legend, theme)

    def html(self, title: str = "Computation graph", *, direction: str | None = None, depth: int | None = None,
             theme: str | None = None) -> str:
        """One self-contained page: zoom, search, modules that open, every step forward and back, slides and a quiz.
        It runs ``"down"`` or to the ``"right"`` (default: a small graph as the window suits, a large one down);
        modules stand open above ``depth`` names (default: where there would be one box); ``theme`` as of `svg`."""
        return html(self, title, direction, depth, theme)

    def dot(self) -> str:
        """The graph in Graphviz's language."""
        return dot(self)

    def mermaid(self) -> str:
        """The graph as a Mermaid flowchart."""
        return mermaid(self)

    def save(self, path: str | Path, *, direction: str | None = None, depth: int | None = None,
             theme: str | None = None) -> Path:
        """Writes the graph to a file, by its ending: ``.svg .html .pdf .dot .mmd .json .txt``, or ``.png`` where a
        renderer is installed; ``direction``, ``depth`` and ``theme`` are those of the picture or page (a PDF is light
        unless ``"dark"`` is said). Returns the path. Raises ValueError for another ending, RuntimeError for a PNG
        without a renderer."""
        return save(self, Path(path), direction, depth, theme)

    def _repr_html_(self) -> str:
        return self.svg()

    # --- JSON ---------------------------------------------------------------------------------------------------------

    def to_json(self, indent: int | None = None) -> str:
        """The graph as JSON text; `from_json` reads it back."""
        return to_json(self, indent)

    @staticmethod
    def from_json(text: str) -> Graph:
        """The graph that `to_json` wrote. Raises ValueError, with the place, for text that is not such a graph."""
        return Graph(*read_json(text))
