"""From the tape to the graph object.

Structure comes from the tape's edges. Values come from what nodes saved and from the tensors at both ends, and where
few elements are missing from evaluating the primitive again; local partials come from running each node's own rule on
unit cotangents. What a recording kept (`Note`) goes before all of that.
"""

from __future__ import annotations

import math
import types
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy
from ..core.errors import GradError
from ..core.primitive import evaluate
from ..core.state import state
from ..tensors.alias import edge_of
from ..tensors.tape import Leaf, Out, is_data
from ..tensors.tensor import Tensor
from .graph import Graph, GraphEdge, GraphNode
from .names import assigned_names, leaf_modules, names_in, scopes_of
from .summaries import Summary, summarize

RECOMPUTED = 4096
"""Values that nothing kept are computed again where they have at most so many elements."""

PLACES = 4096
"""The id of a constant is made of its first user's number and its place among the operands."""

_REAL = ("float16", "float32", "float64")

JACOBIAN = 64
"""Local partials are written out where the matrix has at most so many entries."""


class Note:
    """What a recording kept of one node: arrays where they are small, else summaries. (No dataclass: as one is made for
    each node while a program runs, what is not set stays on the class.)"""

    operands: tuple[Any, ...] = ()
    value: Any = None
    saved: Any = None
    kept: int = 0
    seconds: float | None = None
    line: Any = ""
    module: str = ""
    call: int = 0
    root: int = 0
    cotangent: Any = None
    backward_seconds: float | None = None

    def __init__(self) -> None:
        self.sent: dict[int, Any] = {}


def graph_of_tensors(roots: list[Tensor], gradients: bool | None, frame: types.FrameType | None) -> Graph:
    """The graph behind tensors. Raises GradError for a tensor without history, or where gradients are asked for and
    cannot be had."""
    edges = []
    for i, root in enumerate(roots):
        edge = edge_of(root)
        if edge is None:
            raise GradError(
                f"[graph] a tensor computed from one with requires_grad=True was expected; root {i} (shape "
                f"{list(root.shape)}) has no history; was it detached, or made under no_grad()?"
            )
        edges.append(edge)
    builder = Builder(edges, {}, names_in(scopes_of(frame)))
    for edge, root in zip(edges, roots, strict=True):
        builder.put(edge, root._data)
    if gradients or (gradients is None and builder.backward_ran()):
        builder.run_back([root._data for root in roots], required=bool(gradients))
    return builder.graph()


class Builder:
    """One graph in the making."""

    def __init__(self, roots: list[Any], notes: dict[int, Note], names: dict[int, str]) -> None:
        self.roots = [_node(edge) for edge in roots]
        self.order = _collect(self.roots)
        self.notes, self.names = notes, names
        self.values: dict[int, Any] = {}
        self.constants: dict[int, tuple[GraphNode, Any]] = {}
        self.constant_values: dict[int, Any] = {}
        self.gradients: dict[int, Any] = {}
        self.sent: dict[tuple[int, int], Any] = {}
        self.root_edges = roots
        for number, note in notes.items():
            if note.cotangent is not None:
                self.gradients[number] = note.cotangent
            for place, sent in note.sent.items():
                self.sent[number, place] = sent

    def put(self, edge: Any, data: Any) -> None:
        """Tells the value of an edge of the tape."""
        if type(edge) is Out:
            if edge.index == 0:
                self.values.setdefault(edge.node.sequence, data)
        else:
            self.values.setdefault(edge.sequence, data)

    def backward_ran(self) -> bool:
        """Whether some leaf has a gradient while saved values are still there."""
        leaves = any(type(node) is Leaf and node.grad is not None for node in self.order)
        return leaves and all(type(node) is Leaf or node.saved is not None for node in self.order)

    # --- gradients without touching anybody's .grad -------------------------------------------------------------------

    def run_back(self, roots: list[Any], required: bool) -> None:
        """One run of the chain rule over the tape, without hooks, that keeps the cotangent of every node and edge."""
        if any(root.size != 1 or root.dtype.kind == "c" for root in roots):
            if required:
                raise GradError(
                    f"[graph] gradients=True expects real roots of one element; got {[list(r.shape) for r in roots]}; "
                    "reduce them (.sum(), .mean())"
                )
            return
        pending: dict[Any, Any] = {}
        for edge, root in zip(self.root_edges, roots, strict=True):
            _add(pending, edge, np.ones_like(root))
        before, state.grad = state.grad, False
        try:
            for node in reversed(self.order):
                ct = pending.pop(node, None)
                if ct is None:
                    continue
                self.gradients[node.sequence] = ct.get(0) if type(ct) is dict else ct
                if type(node) is Leaf:
                    continue
                for place, (edge, grad) in enumerate(zip(node.edges, node.pull(ct, None), strict=False)):
                    if edge is not None and grad is not None:
                        self.sent[node.sequence, place] = grad
                        _add(pending, edge, grad)
        finally:
            state.grad = before

    # --- values -------------------------------------------------------------------------------------------------------

    def _gather_values(self) -> None:
        """Values from the recording, from leaves, from what nodes saved, and last by computing again."""
        for node in self.order:
            if type(node) is Leaf:
                if node.variable is not None:
                    self.values.setdefault(node.sequence, node.variable._data)
                continue
            note = self.notes.get(node.sequence)
            if note is not None and note.value is not None:
                self.values[node.sequence] = note.value
            saved, count = _trusted(node), len(node.edges)
            if saved is None:
                continue
            if is_data(saved[count]):
                self.values.setdefault(node.sequence, saved[count])
            for place, edge in enumerate(node.edges):
                if edge is not None and is_data(saved[place]):
                    self.put(edge, saved[place])
        for node in self.order:
            if type(node) is not Leaf and node.sequence not in self.values:
                self._recompute(node)

    def _recompute(self, node: Any) -> None:
        saved, operands = _trusted(node), []
        if node.primitive.multiple or node.primitive.kind == "random":
            return
        for place, edge in enumerate(node.edges):
            value = None if saved is None else saved[place]
            if edge is not None and type(edge) is not Out:
                value = self.values.get(edge.sequence)
            if value is None or isinstance(value, Summary) or getattr(value, "size", 1) > RECOMPUTED:
                return
            operands.append(value)
        if math.prod(getattr(value, "size", 1) for value in operands) <= RECOMPUTED * RECOMPUTED:
            self.values[node.sequence] = np.asarray(evaluate(node.primitive, operands, node.params))

    # --- the parts ----------------------------------------------------------------------------------------------------

    def graph(self) -> Graph:
        """The graph object."""
        self._gather_values()
        assigned = assigned_names(
            [(node.sequence, self._line(node)) for node in self.order if type(node) is not Leaf]
        )
        names = {**assigned, **self.names}
        graph = Graph(roots=list(dict.fromkeys(node.sequence for node in self.roots)))
        shapes: dict[int, Any] = {}
        for node in self.order:
            made = self._leaf(node) if type(node) is Leaf else self._operation(node, graph, shapes)
            made.name = names.get(node.sequence, made.name)
            if made.shape is None and node.sequence in shapes:
                made.shape = shapes[node.sequence]
            graph.nodes[node.sequence] = made
        leaf_modules(graph)
        return graph

    def _leaf(self, node: Any) -> GraphNode:
        value = self.values.get(node.sequence)
        gradient = self.gradients.get(node.sequence)
        if gradient is None and node.grad is not None:
            gradient = node.grad._data
        made = GraphNode(node.sequence, "leaf", value=_summary(value), gradient=_summary(gradient))
        return _with_spec(made, value)

    def _operation(self, node: Any, graph: Graph, shapes: dict[int, Any]) -> GraphNode:
        note = self.notes.get(node.sequence) or Note()
        value = self.values.get(node.sequence)
        made = GraphNode(
            node.sequence,
            "operation",
            node.primitive.name,
            value=_summary(value),
            line=self._line(node),
            module=note.module,
            call=note.call,
            kept=note.kept or _kept(node),
            seconds=note.seconds,
            backward_seconds=note.backward_seconds,
            parameters=_parameters(node.params),
            gradient=_summary(self.gradients.get(node.sequence, _retained(node))),
        )
        _with_spec(made, value)
        if made.shape is None and node.primitive.kind == "elementwise":
            known = [graph.nodes[_node(edge).sequence] for edge in node.edges if edge is not None]
            known = [operand for operand in known if operand.shape is not None]
            if known:
                made.shape, made.dtype = max((o.shape or () for o in known), key=len), known[0].dtype
        partials = self._partials(node, note, made, graph.nodes)
        saved = note.operands or _trusted(node) or ()
        known_shapes = saved[-1] if not note.operands and saved and type(saved[-1]) is tuple else ()
        for place, edge in enumerate(node.edges):
            if edge is None:
                constant = saved[place] if place < len(saved) else None
                if constant is None:
                    continue
                source = self._constant(graph, node, place, constant)
                graph.edges.append(GraphEdge(source.id, node.sequence, place, shape=source.shape))
                continue
            source = graph.nodes[_node(edge).sequence]
            shape = source.shape if type(edge) is not Out else None
            if shape is None and place < len(known_shapes):
                shape = known_shapes[place]
                if type(edge) is not Out:
                    source.shape, source.dtype = shape, source.dtype or made.dtype
            if type(edge) is Out:
                source.outputs = max(source.outputs, edge.index + 1)
            partial, diagonal = partials.get(place, (None, False))
            graph.edges.append(
                GraphEdge(
                    source.id,
                    node.sequence,
                    place,
                    edge.index if type(edge) is Out else 0,
                    shape,
                    partial,
                    diagonal,
                    _summary(self.sent.get((node.sequence, place))),
                )
            )
        return made

    def _constant(self, graph: Graph, node: Any, place: int, value: Any) -> GraphNode:
        """The node of a constant operand: one for each array, one for each use of a number. Its id is below zero."""
        key = id(value) if is_data(value) else -(PLACES * node.sequence + place)
        if key not in self.constants:
            made = GraphNode(
                -(PLACES * node.sequence + place) - 1,
                "constant",
                value=_summary(self.constant_values.get(key, value), plain=True),
            )
            if made.value is not None:
                made.shape, made.dtype = made.value.shape, made.value.dtype
            made.name = self.names.get(id(value), "") if is_data(value) else ""
            # The value itself is kept beside its node, so that no other array can get its address meanwhile.
            self.constants[key] = made, value
            graph.nodes[made.id] = made
        return self.constants[key][0]

    def _line(self, node: Any) -> str:
        note = self.notes.get(node.sequence)
        return (note.line if note is not None else "") or node.line or ""

    def _partials(
        self, node: Any, note: Note, made: GraphNode, sources: dict[int, GraphNode]
    ) -> dict[int, tuple[list[list[float]], bool]]:
        """The local derivative of a node by each operand, from its own rule: a row for each unit cotangent."""
        primitive, rule = node.primitive, node.primitive.vjp
        saved = note.saved if note.saved is not None else _trusted(node)
        if saved is None and is_custom(node) and all(cell[0] == count for cell, count in node.guards):
            saved = node.saved
        if rule is None or saved is None or primitive.multiple or made.shape is None or made.dtype not in _REAL:
            return {}
        count = math.prod(made.shape)
        needs = tuple([edge is not None for edge in node.edges])
        sizes = [0 if edge is None else _size(sources.get(_node(edge).sequence)) for edge in node.edges]
        if not 0 < count * max(sizes) <= JACOBIAN:
            return {}
        rows: dict[int, list[list[float]]] = {}
        for i in range(count):
            unit = np.zeros(made.shape, made.dtype)
            unit.reshape(-1)[i] = 1
            for place, grad in enumerate(state.quiet(rule, unit, saved, node.params, needs)):
                if grad is not None and node.edges[place] is not None and grad.dtype.kind != "c":
                    rows.setdefault(place, []).append(
                        [float(entry) for entry in np.asarray(grad).reshape(-1).tolist()]
                    )
        elementwise = primitive.kind == "elementwise" and count > 1
        return {
            place: (matrix, elementwise and sizes[place] == count)
            for place, matrix in rows.items()
            if len(matrix) == count
        }


def _node(edge: Any) -> Any:
    return edge.node if type(edge) is Out else edge


def _collect(roots: list[Any]) -> list[Any]:
    """All nodes that the roots reach, oldest first."""
    seen, stack = set(roots), list(roots)
    while stack:
        for edge in stack.pop().edges:
            below = _node(edge)
            if below is not None and below not in seen:
                seen.add(below)
                stack.append(below)
    return sorted(seen, key=lambda node: node.sequence)


def _add(pending: dict[Any, Any], edge: Any, ct: Any) -> None:
    if type(edge) is Out:
        parts = pending.setdefault(edge.node, {})
        parts[edge.index] = ct if edge.index not in parts else state.quiet(np.add, parts[edge.index], ct)
    else:
        pending[edge] = ct if edge not in pending else state.quiet(np.add, pending[edge], ct)


def _trusted(node: Any) -> Any:
    """What a node saved, if it is still there, was not overwritten and is not packed away by a hook; else None."""
    if node.saved is None or (node.rare is not None and "unpack" in node.rare) or is_custom(node):
        return None
    return node.saved if all(cell[0] == count for cell, count in node.guards) else None


def is_custom(node: Any) -> bool:
    """Whether a node is of a user's `Function`, which saves what it likes: nobody knows what of it is an operand."""
    return bool(node.primitive.name == "function")


def _retained(node: Any) -> Any:
    """The gradient that `retain_grad` kept of the tensor this node made."""
    for index, reference in (node.rare or {}).get("retains", ()):
        tensor = reference()
        if index == 0 and tensor is not None and tensor._rare is not None and tensor._rare.get("grad") is not None:
            return tensor._rare["grad"]._data
    return None


def _kept(node: Any) -> int:
    return sum(value.nbytes for value in node.saved or () if isinstance(value, np.ndarray))


def _size(node: GraphNode | None) -> int:
    return JACOBIAN + 1 if node is None or node.shape is None else math.prod(node.shape)


def _summary(value: Any, plain: bool = False) -> Summary | None:
    if value is None or isinstance(value, Summary):
        return value
    if type(value) is tuple:
        return _summary(value[0]) if value else None
    if not is_data(value) and not isinstance(value, (np.generic, bool, int, float, complex) if plain else np.generic):
        return None
    return summarize(value, histogram=True)


def _with_spec(made: GraphNode, value: Any) -> GraphNode:
    if isinstance(value, Summary):
        made.shape, made.dtype = value.shape, value.dtype
    elif isinstance(value, np.ndarray):
        made.shape, made.dtype = tuple(value.shape), from_numpy(value.dtype).name
    return made


def _parameters(params: dict[str, Any]) -> str:
    """The settings of an operation in a few words; what is long or private to a rule is left out."""
    words = []
    for name, value in params.items():
        if isinstance(value, (bool, int, float, str, tuple, list)) and name != "label" and value != "":
            text = f"{name}={value!r}"
            if len(text) <= 60:
                words.append(text)
    return ", ".join(words)
