"""Nodes, edges, and the graph that holds them: what the tape holds, as data that can be walked and searched.

The one idea to know: pictures are made from this data alone. What draws and writes imports this file, and `graph`,
which has the drawing and writing as methods, imports what draws. Edges go the way the values went, from operand to
result; nodes stand in the order in which they were computed.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from ..tensors.alias import edge_of
from ..tensors.tape import Out, node_and_index
from ..tensors.tensor import Tensor
from .values import Summary, shape_text

KINDS = ("operation", "leaf", "constant", "output")


@dataclass(slots=True)
class GraphNode:
    """One value of the graph, and the operation that made it.

    ============ ====================================================================================================
    field        meaning
    ============ ====================================================================================================
    id           a number, the same in every picture of the same tape, before backward and after it
    kind         ``"operation"``, ``"leaf"`` (collects a gradient), ``"constant"`` (needs none) or ``"output"``: one of
                 the results of the operation before it, where several are used; that has no value of its own then
    operation    the primitive's name, such as ``"mul"``; empty for leaves and constants
    name         the variable or parameter that holds it, such as ``"u"`` or ``"0.weight"``; empty where it is not known
    shape, dtype of the result; None where the tape does not tell
    value        the `Summary` of the result; None where nothing kept it
    gradient     the `Summary` of the gradient by it; None before backward, or where none arrived
    tangent      the `Summary` of how it moves in forward mode; None without one, or where it stands still
    line         ``"file:line"`` of the code that made it, where lines were recorded
    module       the path of the module in which it was computed, such as ``"layer1.0"``
    calls        for each name of the path a number that tells the calls of that module apart, where recorded
    kept         bytes that the tape keeps for backward
    seconds      the time of the forward evaluation, and of the backward rule, where recorded
    parameters   the operation's settings, as text
    outputs      the number of results that are shown
    masked       whether the infinities of the value were put there, as those of a causal mask are, and did not arise
    ============ ====================================================================================================
    """

    id: int
    kind: str
    operation: str = ""
    name: str = ""
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    value: Summary | None = None
    gradient: Summary | None = None
    line: str = ""
    module: str = ""
    calls: tuple[int, ...] = ()
    kept: int = 0
    seconds: float | None = None
    backward_seconds: float | None = None
    parameters: str = ""
    outputs: int = 1
    masked: bool = False
    tangent: Summary | None = None

    @property
    def faults(self) -> int:
        """How many numbers of value and gradient are NaN, or infinite without having been put there."""
        value = 0 if self.value is None else self.value.nan + (0 if self.masked else self.value.inf)
        return value + (0 if self.gradient is None else self.gradient.nan + self.gradient.inf)

    @property
    def size_text(self) -> str:
        """Shape and dtype: ``"64×10 float32"``; nothing where they are not known."""
        if self.shape is None:
            return ""
        return f"{shape_text(self.shape)} {self.dtype}"

    @property
    def inline(self) -> bool:
        """Whether it is a constant number, which formulas show where it is used."""
        return self.kind == "constant" and self.shape == () and not self.name

    @property
    def ratio(self) -> float | None:
        """The norm of the gradient divided by that of the value; None where one is not known or the value is zero."""
        if self.value is None or self.gradient is None or not self.value.norm:
            return None
        return self.gradient.norm / self.value.norm


@dataclass(slots=True)
class GraphEdge:
    """From the node ``source`` to the node ``target``, whose operand number ``place`` it is (output ``output`` of it).

    ``partial`` is the local derivative of the target by this operand, as a matrix with a row for each element of the
    target and a column for each element of the operand; None where it is large or not differentiable. ``diagonal`` says
    that the operation works element by element, so that only the diagonal counts. ``sent`` summarises what backward
    sent along the edge, ``pushed`` what forward mode did: the partial times the tangent of the operand.
    """

    source: int
    target: int
    place: int = 0
    output: int = 0
    shape: tuple[int, ...] | None = None
    partial: list[list[float]] | None = None
    diagonal: bool = False
    sent: Summary | None = None
    pushed: Summary | None = None


PLACES = 4096
"""Ids of constants and of results are made of a node's number and a place below this."""


def output_id(number: int, index: int) -> int:
    """The id of one of several results of the node with that number: below zero, like those of its constants."""
    return -(PLACES * number + PLACES // 2 + index) - 1


Key = int | str | GraphNode | Tensor
"""What names a node: its id, its name or symbol, itself, or the tensor that it stands for."""


@dataclass(slots=True)
class Gradients:
    """Gradients that backward has not computed yet and that a page can show: by node, and by target and place of the
    edges along which they come."""

    nodes: dict[int, Summary] = field(default_factory=dict)
    sent: dict[tuple[int, int], Summary] = field(default_factory=dict)


@dataclass(slots=True, repr=False)
class GraphModel:
    """The data of a graph, and the ways of looking around in it: what every picture is made from.

    ``modules`` says of the path of a module what it is, as ``repr`` does: ``{"0": "Linear(in_features=4, ...)"}``."""

    nodes: dict[int, GraphNode] = field(default_factory=dict)
    edges: list[GraphEdge] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    ahead: Gradients | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"<graph of {len(self.nodes)} nodes and {len(self.edges)} edges>"

    # --- looking around -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[GraphNode]:
        return iter(self.nodes.values())

    def __contains__(self, key: object) -> bool:
        return isinstance(key, (int, str, Tensor)) and self._lookup(key) is not None

    def __getitem__(self, key: int | str | Tensor) -> GraphNode:
        """The node of that id, name or symbol, or of that tensor; KeyError with the nearest names if there is none."""
        found = self._lookup(key)
        if found is None:
            if isinstance(key, Tensor):
                raise KeyError(f"[graph] a tensor of this graph was expected; got one of shape {tuple(key.shape)} that "
                               "has no part in it")
            near = difflib.get_close_matches(str(key), [node.name for node in self if node.name], n=3)
            hint = f"; near it: {', '.join(near)}" if near else ""
            raise KeyError(f"[graph] a node's id, name, symbol or tensor was expected; got {key!r}{hint}")
        return found

    def _lookup(self, key: int | str | Tensor) -> GraphNode | None:
        if isinstance(key, int):
            return self.nodes.get(key)
        if isinstance(key, Tensor):
            edge = edge_of(key)
            if edge is None:
                return None
            node, index = node_and_index(edge)
            ids = [output_id(node.sequence, index), node.sequence] if type(edge) is Out else [node.sequence]
            found = next((self.nodes[id] for id in ids if id in self.nodes), None)
            return found if found is None or found.shape in (None, tuple(key.shape)) else None
        named = [node for node in self if node.name == key]
        if named:
            return named[-1]
        return next((self.nodes[id] for id, symbol in self.symbols().items() if symbol == key), None)

    @property
    def leaves(self) -> dict[str, GraphNode]:
        """The leaves that collect gradients, by name."""
        symbols = self.symbols()
        return {symbols[node.id]: node for node in self if node.kind == "leaf"}

    @property
    def moves(self) -> bool:
        """Whether there are tangents in it: whether forward mode is to be seen."""
        return any(node.tangent is not None for node in self)

    def operands(self, node: Key) -> list[GraphEdge]:
        """The edges into a node, by place."""
        id = self.id_of(node)
        return sorted((edge for edge in self.edges if edge.target == id), key=lambda edge: edge.place)

    def users(self, node: Key) -> list[GraphEdge]:
        """The edges out of a node."""
        id = self.id_of(node)
        return [edge for edge in self.edges if edge.source == id]

    def walk(self, backward: bool = False) -> Iterator[GraphNode]:
        """The nodes in order of computation, every one after its operands; ``backward``: the other way round."""
        yield from reversed(list(self)) if backward else list(self)

    def find(self, what: str | Callable[[GraphNode], Any]) -> list[GraphNode]:
        """The nodes for which ``what(node)`` is true, or whose operation, name, module or line contains the text."""
        if callable(what):
            return [node for node in self if what(node)]
        text = what.lower()
        return [
            node
            for node in self
            if any(text in part.lower() for part in (node.operation, node.name, node.module, node.line))
        ]

    def paths(self, start: Key, end: Key) -> Iterator[list[GraphEdge]]:
        """Every way from ``start`` to ``end``, whichever of the two comes first, as the edges passed, starting at the
        result. There can be very many: they are made one at a time."""
        first, last = sorted((self.id_of(start), self.id_of(end)), key=list(self.nodes).index)
        into = self.into()
        leads = self.descendants(first)
        if last not in leads:
            return
        stack: list[Iterator[GraphEdge]] = [iter(into[last])]
        path: list[GraphEdge] = []
        if first == last:
            yield []
            return
        while stack:
            edge = next(stack[-1], None)
            if edge is None:
                stack.pop()
                if path:
                    path.pop()
            elif edge.source == first:
                yield [*path, edge]
            elif edge.source in leads:
                path.append(edge)
                stack.append(iter(into[edge.source]))

    def into(self) -> dict[int, list[GraphEdge]]:
        """For every node the edges into it, by place."""
        found: dict[int, list[GraphEdge]] = {id: [] for id in self.nodes}
        for edge in self.edges:
            found[edge.target].append(edge)
        for edges in found.values():
            edges.sort(key=lambda edge: edge.place)
        return found

    def descendants(self, start: int) -> set[int]:
        """The ids of a node and of all that was computed from it."""
        into, found = self.into(), {start}
        for id in self.nodes:
            if any(edge.source in found for edge in into[id]):
                found.add(id)
        return found

    def ancestors(self, end: int) -> set[int]:
        """The ids of a node and of all that it was computed from."""
        into, found, stack = self.into(), {end}, [end]
        while stack:
            for edge in into[stack.pop()]:
                if edge.source not in found:
                    found.add(edge.source)
                    stack.append(edge.source)
        return found

    def id_of(self, key: Key) -> int:
        """The id of a node, however it is named. Raises KeyError as ``graph[key]`` does."""
        return key.id if isinstance(key, GraphNode) else self[key].id

    # --- names --------------------------------------------------------------------------------------------------------

    def symbols(self) -> dict[int, str]:
        """A short symbol for every node, all different: its name, else ``v1``, ``v2``, ... for operations and
        ``c1``, ... for constants; the value of a constant number stands for itself."""
        found: dict[int, str] = {}
        taken = {node.name for node in self if node.name}
        counts: Counter[str] = Counter()
        used: set[str] = set()
        for node in self:
            stem = f"{node.name}#" if node.name else "vpco"[KINDS.index(node.kind)]
            symbol = node.name
            while not symbol or symbol in used or (not node.name and symbol in taken):
                counts[stem] += 1
                symbol = f"{stem}{counts[stem] + bool(node.name)}"
            found[node.id] = symbol
            used.add(symbol)
        return found


def depth_apart(graph: GraphModel) -> int:
    """Of how many names the modules are that a first look shows: one more than all operations have in common, as a
    picture of a single box (a model's only list of layers) says nothing."""
    paths = {tuple(node.module.split(".")) for node in graph if node.kind == "operation"} or {("",)}
    ends = zip(min(paths), max(paths), strict=False)
    return 1 + len(list(takewhile(lambda pair: pair[0] and pair[0] == pair[1], ends)))


def with_gradients(graph: GraphModel) -> GraphModel:
    """The graph with the gradients that were computed ahead of backward, where there are some; else itself."""
    ahead = graph.ahead
    if ahead is None:
        return graph
    nodes = {id: replace(node, gradient=ahead.nodes.get(id, node.gradient)) for id, node in graph.nodes.items()}
    edges = [replace(edge, sent=ahead.sent.get((edge.target, edge.place), edge.sent))
             if graph.nodes[edge.target].kind != "output" else edge for edge in graph.edges]
    return GraphModel(nodes, edges, graph.roots, graph.modules)
