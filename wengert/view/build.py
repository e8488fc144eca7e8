"""From the tape to the graph object.

Structure comes from the tape's edges. Values come from what nodes saved and from the tensors at both ends; small ones
that nobody kept are computed again. Local partials come from running each node's own rule on unit cotangents. What a
recording kept (`Note`) is preferred to all of that.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ..autograd.flow import Flow
from ..core.dtypes import from_numpy
from ..core.errors import GradError
from ..core.primitive import evaluate
from ..tensors.alias import edge_of
from ..tensors.evaluation import Unseen
from ..tensors.tape import Leaf, Out, ancestors, is_data
from ..tensors.tensor import Tensor
from .added import Addends
from .graph import Graph
from .homes import leaf_modules
from .model import PLACES, Gradients, GraphEdge, GraphNode, output_id
from .names import assigned_names, classes_of, modules_of, names_in, scopes_of, values_in
from .partials import REAL, selection, unit_rows
from .pushes import bottom, pull_on_arrays, tangent_of, through
from .taped import (
    is_custom,
    kept_bytes,
    key_of,
    retained_gradient,
    settings_text,
    size_of,
    summary_of,
    trusted_saved,
    with_spec,
)
from .values import Summary

RECOMPUTED = 4096
"""Values that nothing kept are computed again where they have at most so many elements."""


PAGE = 5000
"""Gradients are computed ahead of backward where there are at most so many nodes, as many as a page can show."""


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
    calls: tuple[int, ...] = ()
    root: int = 0
    turn: int = 0
    cotangent: Any = None
    backward_seconds: float | None = None
    tangent: Any = None
    pushed: Mapping[int, Any] = MappingProxyType({})

    def __init__(self) -> None:
        self.sent: dict[int, Any] = {}


def graph_of_tensors(roots: list[Tensor], gradients: bool | None, frame: types.FrameType | None,
                     tangents: Mapping[Tensor, Any] | None = None) -> Graph:
    """The graph behind tensors; ``tangents`` are those of leaves. Raises GradError for a tensor without history, or
    where gradients are asked for and cannot be had."""
    edges = []
    for i, root in enumerate(roots):
        edge = edge_of(root)
        if edge is None and tangent_of(root._data) is not None:
            raise GradError(f"[graph] a recording was expected, as forward mode keeps no history; got root {i}, which "
                            "moves and has none; write with graph.record() as g: around the computation")
        if edge is None:
            raise GradError(f"[graph] a tensor computed from one with requires_grad=True was expected; root {i} (shape "
                            f"{list(root.shape)}) has no history; was it detached, or made under no_grad()?")
        edges.append(edge)
    scopes = scopes_of(frame)
    builder = GraphBuilder(edges, {}, names_in(scopes), modules_of(scopes))
    builder.addends.program(scopes, frame)
    builder.classes = classes_of(scopes)
    for edge, root in zip(edges, roots, strict=True):
        builder.put(edge, root._data)
    for edge, value in values_in(scopes):
        builder.put(edge, value)
    for leaf, tangent in (tangents or {}).items():
        builder.seed(leaf, tangent)
    if gradients or (gradients is None and builder.backward_ran()):
        builder.run_back([bottom(root) for root in roots], required=bool(gradients))
        return builder.graph()
    found = builder.graph()
    if gradients is None:
        found.ahead = builder.look_ahead([bottom(root) for root in roots])
    return found


class GraphBuilder:
    """One graph in the making. Values and gradients go by keys: a node's number, or `output_id` of one of several
    results."""

    def __init__(self, roots: list[Any], notes: dict[int, Note], names: dict[int, str],
                 modules: dict[str, str]) -> None:
        self.order = ancestors(roots)[::-1]
        self.notes, self.names, self.modules = notes, names, modules
        self.values: dict[int, Any] = {}
        self.constants: dict[int, tuple[GraphNode, Any]] = {}
        self.constant_values: dict[int, Any] = {}
        self.addends = Addends(names)
        self.classes: dict[str, type] = {}
        self.gradients: dict[int, Any] = {}
        self.sent: dict[tuple[int, int], Any] = {}
        self.tangents: dict[int, Any] = {}
        self.pushed: dict[tuple[int, int], Any] = {}
        self.root_edges = roots
        self.shown: dict[int, list[int]] = {}
        for number, note in notes.items():
            if note.cotangent is not None:
                self._arrived(number, note.cotangent)
            for place, sent in note.sent.items():
                self.sent[number, place] = sent
            for place, pushed in note.pushed.items():
                self.pushed[number, place] = pushed
            if type(note.tangent) is tuple:
                self.tangents.update({output_id(number, index): part for index, part in enumerate(note.tangent)})
            elif note.tangent is not None:
                self.tangents[number] = note.tangent

    def put(self, edge: Any, data: Any) -> None:
        """Notes the value of an edge of the tape, and how it moves, unless they are known already."""
        if isinstance(data, Unseen):
            tangent = tangent_of(data)
            if tangent is not None:
                self.tangents.setdefault(key_of(edge), tangent)
            data = bottom(data)
        if data is not None:
            self.values.setdefault(key_of(edge), data)

    def seed(self, leaf: Any, tangent: Any) -> None:
        """Notes the tangent of a leaf, a tensor or a number."""
        edge = edge_of(leaf) if isinstance(leaf, Tensor) else None
        if edge is None or edge not in self.order:
            raise GradError("[graph] tangents of tensors of this graph that require grad were expected; got "
                            f"{type(leaf).__name__}, which is none; give {{x: tangent}} for the x that it was computed "
                            "from")
        array = np.asarray(bottom(tangent) if isinstance(tangent, Tensor) else tangent, leaf._data.dtype)
        if array.shape != leaf._data.shape:
            raise GradError(f"[graph] a tangent of its tensor's shape, {list(leaf._data.shape)}, was expected; got "
                            f"{list(array.shape)}")
        self.tangents[key_of(edge)] = array

    def _arrived(self, number: int, ct: Any) -> None:
        """Notes the cotangent of a node: one, or one for each of its results that got one."""
        if type(ct) is dict:
            for index, part in ct.items():
                self.gradients[output_id(number, index)] = part
        else:
            self.gradients[number] = ct

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
        ones = [np.ones_like(root) for root in roots]
        flow = Flow(zip(self.root_edges, ones, strict=True), reversed(self.order), pull_on_arrays)
        if flow.freed is not None:
            flow.freed.unpack(None)  # which raises, in its words
        for node, ct in flow.arrived.items():
            self._arrived(node.sequence, ct)
        for (node, place), grad in flow.sent.items():
            self.sent[node.sequence, place] = grad

    def look_ahead(self, roots: list[Any]) -> Gradients | None:
        """The gradients that backward would give, for a page to step through; None where backward could not run, where
        nobody could tell what it would do, or where the graph is too large for a page."""
        operations = [node for node in self.order if type(node) is not Leaf]
        if len(self.order) > PAGE or any(
            node.saved is None or (node.rare is not None and "packed" in node.rare)
            or any(cell[0] != count for cell, count in node.guards) for node in operations
        ):
            return None
        try:
            self.run_back(roots, required=False)
        except Exception:
            if not any(map(is_custom, operations)):
                raise
            return None  # somebody's own backward failed; its node says so
        nodes = {number: summary_of(part) for number, part in self.gradients.items()}
        sent = {key: summary_of(part) for key, part in self.sent.items()}
        # (of a node with one shown result among several, the graph's node is the operation's)
        for node in operations:
            if node.primitive.multiple and len(self.shown[node.sequence]) == 1:
                nodes[node.sequence] = nodes.get(output_id(node.sequence, self.shown[node.sequence][0]))
        return Gradients({key: part for key, part in nodes.items() if part is not None},
                         {key: part for key, part in sent.items() if part is not None}) if nodes else None

    # --- tangents -----------------------------------------------------------------------------------------------------

    def run_forth(self) -> None:
        """The tangents of all nodes from those that are known, and what each operand adds to them."""
        for node in self.order if self.tangents else ():
            if type(node) is Leaf or node.sequence in self.notes:
                continue
            moving = {place: self.tangents.get(key_of(edge)) for place, edge in enumerate(node.edges)
                      if edge is not None}
            known = {place: tangent for place, tangent in moving.items() if isinstance(tangent, np.ndarray)}
            if not known:
                continue
            saved = node.saved if is_custom(node) else trusted_saved(node)
            for index, sent in through(node, saved, known).items():
                key = output_id(node.sequence, index) if node.primitive.multiple else node.sequence
                self.tangents.setdefault(key, np.asarray(sum(sent.values())))
                if not node.primitive.multiple:
                    self.pushed.update({(node.sequence, place): part for place, part in sent.items()})

    # --- values -------------------------------------------------------------------------------------------------------

    def _gather_values(self) -> None:
        """Values from the recording, from leaves, from what nodes saved, and last by computing again."""
        for node in self.order:
            if type(node) is Leaf:
                if node.variable is not None:
                    self.put(node, node.variable._data)
                continue
            note = self.notes.get(node.sequence)
            if note is not None and note.value is not None:
                self._put_results(node, note.value, True)
            for place, data in enumerate(node.saved or ()):
                if isinstance(data, Unseen) and place <= len(node.edges):
                    edge = node.edges[place] if place < len(node.edges) else node
                    if edge is not None:
                        self.put(edge, data)
            saved, count = trusted_saved(node), len(node.edges)
            if saved is None:
                continue
            self._put_results(node, saved[count], False)
            for place, edge in enumerate(node.edges):
                if edge is not None and is_data(saved[place]):
                    self.put(edge, saved[place])
        self._recompute()
        if self.addends.find(self.order, self.values, self._operands):
            self._recompute()

    def _put_results(self, node: Any, value: Any, certain: bool) -> None:
        """Notes what a node computed: an array or a summary, or a tuple of them where it has several results."""
        parts = list(enumerate(value)) if type(value) is tuple else [(0, value)]
        for index, part in parts:
            key = output_id(node.sequence, index) if node.primitive.multiple else node.sequence
            if is_data(part) or isinstance(part, Summary):
                if certain or key not in self.values:
                    self.values[key] = part

    def _recompute(self) -> None:
        """Computes again what is small and nothing kept."""
        for node in self.order:
            if type(node) is Leaf or output_id(node.sequence, 0) in self.values:
                continue
            if not node.primitive.multiple and node.sequence in self.values:
                continue
            operands = self._operands(node, self.values)
            if operands is not None:
                found = evaluate(node.primitive, operands, node.params)
                self._put_results(node, tuple(found) if node.primitive.multiple else np.asarray(found), False)

    def _operands(self, node: Any, values: Mapping[int, Any]) -> list[Any] | None:
        """What a node is computed from; None where it is large, not known, or does not tell the result."""
        if is_custom(node) or node.primitive.kind == "random":
            return None
        saved, operands = trusted_saved(node), []
        for place, edge in enumerate(node.edges):
            value = None if saved is None else saved[place]
            if edge is not None:
                value = values.get(key_of(edge))
            elif value is None:
                value = self.addends.found.get((node.sequence, place))
            if value is None or isinstance(value, Summary) or getattr(value, "size", 1) > RECOMPUTED:
                return None
            operands.append(value)
        small = math.prod(getattr(value, "size", 1) for value in operands) <= RECOMPUTED * RECOMPUTED
        return operands if small else None

    # --- the parts ----------------------------------------------------------------------------------------------------

    def graph(self) -> Graph:
        """The graph object."""
        self._gather_values()
        self.run_forth()
        self._find_results()
        assigned = assigned_names(
            [
                (node.sequence, self._line(node), [output_id(node.sequence, i) for i in self.shown[node.sequence]],
                 note.turn if (note := self.notes.get(node.sequence)) is not None else 0)
                for node in self.order
                if type(node) is not Leaf
            ]
        )
        names = {**assigned, **self.names}
        roots = [self._source_id(edge) for edge in self.root_edges]
        graph = Graph(roots=list(dict.fromkeys(roots)))
        shapes: dict[int, Any] = {}
        for node in self.order:
            made = self._leaf(node) if type(node) is Leaf else self._operation(node, graph, shapes)
            for each in made:
                lone = self.shown.get(each.id, ())
                if len(lone) == 1:
                    each.name = names.get(output_id(each.id, lone[0]), each.name)
                each.name = each.name or names.get(each.id, "")
                if each.shape is None and each.id in shapes:
                    each.shape = shapes[each.id]
                graph.nodes[each.id] = each
        leaf_modules(graph, self.modules, self.classes)
        there = {node.module for node in graph}
        whole = {".".join(path.split(".")[: i + 1]) for path in there for i in range(path.count(".") + 1)}
        graph.modules = {path: words for path, words in self.modules.items() if path in whole}
        _mark_masks(graph, self.order)
        return graph

    def _find_results(self) -> None:
        """Which of its results a node shows: those that the graph uses, or that a variable holds."""
        for node in self.order:
            if type(node) is not Leaf:
                self.shown[node.sequence] = []
        for edge in (*self.root_edges, *(edge for node in self.order for edge in node.edges)):
            if type(edge) is Out and edge.index not in self.shown[edge.node.sequence]:
                self.shown[edge.node.sequence].append(edge.index)
        for node in self.order:
            if type(node) is Leaf or not node.primitive.multiple:
                continue
            found = self.shown[node.sequence]
            for index in range(len(node.specs())):
                key = output_id(node.sequence, index)
                if index not in found and (key in self.names or id(self.values.get(key)) in self.names):
                    found.append(index)
                    self.names.setdefault(key, self.names.get(id(self.values.get(key)), ""))
            found.sort()

    def _source_id(self, edge: Any) -> int:
        """The id of the graph's node at the lower end of an edge of the tape: of a result where several are shown."""
        if type(edge) is not Out:
            return int(edge.sequence)
        number = edge.node.sequence
        return output_id(number, edge.index) if len(self.shown[number]) > 1 else int(number)

    def _leaf(self, node: Any) -> list[GraphNode]:
        value = self.values.get(node.sequence)
        gradient = self.gradients.get(node.sequence)
        if gradient is None and node.grad is not None:
            gradient = bottom(node.grad)
        made = GraphNode(node.sequence, "leaf", value=summary_of(value), gradient=summary_of(gradient))
        made.tangent = summary_of(self.tangents.get(node.sequence))
        return [with_spec(made, value)]

    def _result(self, made: GraphNode, node: Any, index: int) -> GraphNode:
        """Fills in value and gradient of one of the results of a node."""
        key = output_id(node.sequence, index) if node.primitive.multiple else node.sequence
        value = self.values.get(key)
        made.value, made.tangent = summary_of(value), summary_of(self.tangents.get(key))
        made.gradient = summary_of(self.gradients.get(key, retained_gradient(node, index)))
        spec = node.specs()[index]
        if spec is not None:
            made.shape, made.dtype = tuple(spec[0]), from_numpy(spec[1]).name
        return made

    def _operation(self, node: Any, graph: Graph, shapes: dict[int, Any]) -> list[GraphNode]:
        """The node of an operation, and one for each of its results where several are shown."""
        note = self.notes.get(node.sequence) or Note()
        name = (node.rare or {}).get("shown", node.primitive.name)
        made = GraphNode(
            node.sequence,
            "operation",
            node.name().removesuffix("Backward") if is_custom(node) else name,
            line=self._line(node),
            module=note.module,
            calls=note.calls,
            kept=note.kept or kept_bytes(node),
            seconds=note.seconds,
            backward_seconds=note.backward_seconds,
            parameters=settings_text(node.params),
        )
        shown = self.shown[node.sequence] or [0]
        results = [made]
        if len(shown) == 1:
            self._result(made, node, shown[0])
        else:
            made.outputs = len(shown)
            for index in shown:
                result = GraphNode(output_id(node.sequence, index), "output", module=made.module, calls=made.calls)
                result.line = made.line
                results.append(self._result(result, node, index))
        self._edges(node, note, made, list(zip(shown, results[-len(shown) :], strict=True)), graph, shapes)
        return results

    def _edges(
        self, node: Any, note: Note, made: GraphNode, results: list[Any], graph: Graph, shapes: dict[int, Any]
    ) -> None:
        """The edges into a node and from it to its results."""
        partials = self._partials(node, note, made, results, graph.nodes)
        saved = note.operands or trusted_saved(node) or ()
        known_shapes = saved[-1] if not note.operands and saved and type(saved[-1]) is tuple else ()
        for place, edge in enumerate(node.edges):
            if edge is None:
                constant = saved[place] if place < len(saved) else None
                if constant is None and not note.operands and node.primitive.name in ("add", "sub"):
                    constant = self._added(node, place)
                if constant is None:
                    continue
                source = self._constant(graph, node, place, constant)
                graph.edges.append(GraphEdge(source.id, node.sequence, place, shape=source.shape))
                continue
            source = graph.nodes[self._source_id(edge)]
            if source.shape is None and place < len(known_shapes):
                source.shape, source.dtype = known_shapes[place], source.dtype or made.dtype
            partial, diagonal = partials.get(place, (None, False))
            sent = summary_of(self.sent.get((node.sequence, place)))
            output = edge.index if type(edge) is Out else 0
            pushed = summary_of(self.pushed.get((node.sequence, place)))
            graph.edges.append(
                GraphEdge(source.id, node.sequence, place, output, source.shape, partial, diagonal, sent, pushed)
            )
        if len(results) > 1:
            counts = [size_of(result) if result.dtype in REAL else 0 for _, result in results]
            for i, (index, result) in enumerate(results):
                part = selection(sum(counts[:i]), counts[i], sum(counts))
                graph.edges.append(GraphEdge(node.sequence, result.id, 0, index, result.shape, part))

    def _added(self, node: Any, place: int) -> Any:
        """What an addition read and did not keep: a variable's value that gives the result, or a number."""
        other = next((self.values.get(key_of(edge)) for edge in node.edges if edge is not None), None)
        return self.addends.operand(node, place, other, self.values.get(node.sequence))

    def _constant(self, graph: Graph, node: Any, place: int, value: Any) -> GraphNode:
        """The node of a constant operand: one for each array, one for each use of a number. Its id is below zero."""
        key = id(value) if is_data(value) else -(PLACES * node.sequence + place)
        if key not in self.constants:
            made = GraphNode(
                -(PLACES * node.sequence + place) - 1,
                "constant",
                value=summary_of(self.constant_values.get(key, value), plain=True),
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
        self, node: Any, note: Note, made: GraphNode, results: list[Any], sources: dict[int, GraphNode]
    ) -> dict[int, tuple[list[list[float]], bool]]:
        """The local derivative of a node by each operand, and whether only its diagonal counts."""
        primitive = node.primitive
        saved = note.saved if note.saved is not None else trusted_saved(node)
        if saved is None and is_custom(node) and all(cell[0] == count for cell, count in node.guards):
            saved = node.saved
        if saved is None or (primitive.vjp is None and not is_custom(node)):
            return {}
        differentiable = [(i, r.shape, r.dtype) for i, r in results if r.shape is not None and r.dtype in REAL]
        if len(differentiable) < len([r for _, r in results if r.dtype is None or r.dtype in REAL]):
            return {}
        sizes = [0 if edge is None else size_of(sources.get(self._source_id(edge))) for edge in node.edges]
        try:
            rows = unit_rows(node, saved, differentiable, sizes)
        except Exception as error:
            if not is_custom(node):
                raise
            # A picture helps people to find out what is wrong with their own backward, so that error must not end it.
            made.parameters = f"its backward raised {type(error).__name__}: {error}"
            return {}
        elementwise = primitive.kind == "elementwise" and size_of(made) > 1
        return {place: (matrix, elementwise and sizes[place] == len(matrix)) for place, matrix in rows.items()}


def _mark_masks(graph: Graph, order: list[Any]) -> None:
    """Marks the values whose infinities were put there: constants, results of operations that were given an infinity
    (``masked_fill(..., -inf)``) or an operand that nothing kept, and what was computed from these."""
    into = graph.into()
    operands = {node.sequence: len(node.edges) for node in order}
    for node in graph:
        if node.value is None or node.kind == "leaf" or not node.value.inf:
            continue
        known = [edge.source for edge in into[node.id]]
        node.masked = ("inf" in node.parameters or len(known) < operands.get(node.id, 0) or node.kind == "constant"
                       or any(graph.nodes[source].masked for source in known))
