"""Recording mode: what happens inside is kept for a picture, forward and backward.

It is a `Special` like every other watcher, so that it costs nothing when off. When on it keeps small arrays as copies
and large ones as summaries, and puts off all other work (names, partials, the graph itself) until somebody looks.
"""

from __future__ import annotations

import sys
import types
import warnings
import weakref
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..core.state import state
from ..tensors.special import Special
from ..tensors.tape import Leaf
from ..tensors.tensor import TENSORS
from .build import Builder, Note, is_custom
from .graph import Graph
from .names import caller, is_inside, module_names, modules_in, names_in, scopes_of
from .summaries import summarize

SMALL = 1024
"""Arrays of at most so many elements are kept as copies: cheaper than a summary, and more is known of them."""

MOST = 50_000
"""After so many nodes a recording stops and says so."""


def record(histograms: bool = False) -> Recording:
    """Records a computation: ``with wengert.graph.record() as g:``. ``g`` is a `Graph`, complete when the block is
    left.

    Every node then has its line, module, value, time and bytes, and after ``backward()`` inside the block its gradient;
    the graph need not be retained. ``histograms`` counts large arrays into bars too (small ones always are), which
    takes time. In force for the thread that enters it.

    >>> import wengert
    >>> with wengert.graph.record() as g:
    ...     w = wengert.tensor(2.0, requires_grad=True)
    ...     loss = (w - 5.0) ** 2
    ...     loss.backward()
    >>> g["loss"].value.text(), g["w"].gradient.text()
    ('9', '−6')
    """
    return Recording(caller(), histograms)


class RecordedGraph(Graph):
    """A `Graph` that is made from the recording when it is first looked at."""

    __slots__ = ("_make",)

    def __init__(self) -> None:
        self._make: Callable[[], Graph] | None = None
        super().__init__()

    def _slot(name: str) -> Any:  # type: ignore[misc]  # noqa: N805  (a function of the class body, not a method)
        slot = getattr(Graph, name)

        def get(self: RecordedGraph) -> Any:
            make, self._make = self._make, None
            if make is not None:
                made = make()
                self.nodes, self.edges, self.roots = made.nodes, made.edges, made.roots
            return slot.__get__(self)

        def put(self: RecordedGraph, value: Any) -> None:
            slot.__set__(self, value)

        return property(get, put)

    nodes, edges, roots = _slot("nodes"), _slot("edges"), _slot("roots")
    del _slot


class Recording(Special):
    """The watcher behind `record`."""

    def __init__(self, frame: types.FrameType | None, histograms: bool = False) -> None:
        self.frame, self.histograms = frame, histograms
        self.graph = RecordedGraph()
        self.notes: dict[int, Note] = {}
        self.nodes: list[Any] = []
        self.last: tuple[Any, Any, Any, float] | None = None
        self.modules: dict[int, tuple[Any, dict[int, str]]] = {}
        self.codes: dict[types.CodeType, bool] = {}
        self.leaves: dict[int, Any] = {}
        self.constants: dict[int, tuple[Any, Any]] = {}
        self.kept: dict[int, tuple[Any, Any]] = {}
        self.where: tuple[str, int] = ("", 0)
        self.calls: dict[str, int] = {}
        self.clock = 0.0
        call = getattr(sys.modules.get(f"{__name__.split('.', 1)[0]}.nn.module"), "Module", None)
        self.call_code = None if call is None else call.__call__.__code__

    def __enter__(self) -> Graph:
        super().__enter__()
        return self.graph

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        scopes = scopes_of(self.frame)
        self.frame, self.last, self.kept = None, None, {}
        gradients = self._leaf_gradients()
        self.graph._make = lambda: self._finish(scopes, gradients)

    # --- while it records ---------------------------------------------------------------------------------------------

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        start = perf_counter()
        result = super().evaluate(primitive, operands, params)
        self.last = primitive, operands, result, perf_counter() - start
        return result

    def recorded(self, node: Any) -> None:
        if self.outer is not None:
            super().recorded(node)
        if state.special is not self and state.special.traces:
            return  # what a tracer stands in for values has none, and must not be kept alive
        if len(self.nodes) >= MOST:
            if len(self.nodes) == MOST:
                self.nodes.append(None)
                warnings.warn(
                    f"[graph.record] stopped after {MOST:,} nodes; record one step, not the whole training",
                    stacklevel=3,
                )
            return
        note = self.notes[node.sequence] = Note()
        last, self.last = self.last, None
        if last is not None and last[0] is node.primitive and len(last[1]) == len(node.edges):
            note.operands = tuple(
                [self._constant(x) if edge is None else None for x, edge in zip(last[1], node.edges, strict=True)]
            )
            note.value = self._keep(last[2][0] if type(last[2]) in (tuple, list) else last[2])
            note.seconds = last[3]
        for edge in node.edges:
            if type(edge) is Leaf and edge.sequence not in self.leaves and edge.variable is not None:
                self.leaves[edge.sequence] = self._keep(edge.variable)
        saved, small = node.saved, True
        for value in saved:
            if type(value) is np.ndarray:
                note.kept += value.nbytes
                small = small and value.size <= 64
        if small and not is_custom(node) and (node.rare is None or "unpack" not in node.rare):
            note.saved = tuple([value.copy() if type(value) is np.ndarray else value for value in saved])
        self.nodes.append(node)
        self._place(note)
        self.clock = perf_counter()

    def _constant(self, operand: Any) -> Any:
        """A constant operand: a number, or the array itself, by whose address uses of the same are known as one.
        What it is now is kept beside it, as a buffer may be written to before anybody looks."""
        if type(operand) not in TENSORS:
            return operand
        array = operand._data
        if id(array) not in self.constants:
            self.constants[id(array)] = array, self._keep(array)
        return array

    def _place(self, note: Note) -> None:
        """The user's line and the innermost module, from the frames between here and the block."""
        # Every frame that is looked at costs: the four innermost are this package's on every way that leads here.
        frame: types.FrameType | None = sys._getframe(4)
        code, end, known_codes = self.call_code, self.frame, self.codes
        line, modules = None, []
        while frame is not None:
            running = frame.f_code
            if running is code:
                modules.append(frame.f_locals["self"])
            elif line is None:
                inside = known_codes.get(running)
                if inside is None:
                    inside = known_codes[running] = is_inside(running)
                if not inside:
                    line = running, frame.f_lasti  # the number of the line is found out later
            if frame is end or (code is None and line is not None):
                break
            frame = frame.f_back
        note.line = line or ""
        path = ""
        if modules:
            root = modules[-1]
            known = self.modules.get(id(root))
            if known is None:
                known = self.modules[id(root)] = root, {id(module): name for name, module in root.named_modules()}
            path = known[1].get(id(modules[0]), "")
            note.root = id(root)
        if path != self.where[0]:
            # Leaving a module and coming back is another call of it, so that no call's nodes surround another's.
            self.calls[path] = self.calls.get(path, 0) + 1
            self.where = path, self.calls[path]
        note.module, note.call = self.where

    def pulled(self, node: Any, ct: Any, grads: Any) -> None:
        if self.outer is not None:
            super().pulled(node, ct, grads)
        note = self.notes.get(node.sequence)
        if note is not None:
            now = perf_counter()
            note.backward_seconds = now - self.clock if self.clock else None
            note.cotangent = self._keep_once(ct.get(0) if type(ct) is dict else ct)
            for place, (edge, grad) in enumerate(zip(node.edges, grads, strict=False)):
                if edge is not None and grad is not None:
                    note.sent[place] = self._keep_once(grad)
        self.clock = perf_counter()

    # --- when it is over ----------------------------------------------------------------------------------------------

    def _finish(self, scopes: list[Any], gradients: dict[int, Any]) -> Graph:
        """Makes the graph of everything that was recorded; what nothing recorded uses is a root."""
        names, modules = names_in(scopes), modules_in(scopes)
        for note in self.notes.values():
            if type(note.line) is tuple:
                code, instruction = note.line
                note.line = f"{code.co_filename}:{_line_number(code, instruction)}"
        nodes = [node for node in self.nodes if node is not None]
        used = {getattr(edge, "node", edge) for node in nodes for edge in node.edges if edge is not None}
        for root, _ in self.modules.values():
            prefix = modules.get(id(root), "") if len(self.modules) > 1 else ""
            for number, name in module_names(root).items():
                names.setdefault(number, name)
            for note in self.notes.values():
                if prefix and note.root == id(root):
                    note.module = f"{prefix}.{note.module}" if note.module else prefix
        builder = Builder([node for node in nodes if node not in used], self.notes, names)
        builder.values.update(self.leaves)
        builder.constant_values = {key: kept for key, (_, kept) in self.constants.items()}
        builder.gradients.update(gradients)
        return builder.graph()

    def _leaf_gradients(self) -> dict[int, Any]:
        """What arrived at leaves while recording, also where ``.grad`` was cleared since."""
        arrived: dict[int, list[Any]] = {}
        leaves: dict[int, Any] = {}
        for node in self.nodes:
            for place, edge in enumerate(node.edges if node is not None else ()):
                if type(edge) is Leaf and place in self.notes[node.sequence].sent:
                    arrived.setdefault(edge.sequence, []).append(self.notes[node.sequence].sent[place])
                    leaves[edge.sequence] = edge
        found = {}
        for sequence, parts in arrived.items():
            grad = leaves[sequence].grad
            if len(parts) == 1:
                found[sequence] = parts[0]
            elif all(isinstance(part, np.ndarray) for part in parts):
                found[sequence] = sum(parts[1:], parts[0])
            elif grad is not None:
                found[sequence] = self._keep(grad)
        return found

    def _keep_once(self, array: Any) -> Any:
        """`_keep`, with one summary for the gradient that a node sends and the next one receives."""
        if type(array) is not np.ndarray or array.size <= SMALL:
            return self._keep(array)
        found = self.kept.get(id(array))
        if found is None or found[0]() is not array:
            found = self.kept[id(array)] = weakref.ref(array), self._keep(array)
        return found[1]

    def _keep(self, value: Any) -> Any:
        """A copy of a small array, the summary of a large one."""
        array = value if type(value) is np.ndarray else getattr(value, "_data", value)
        if not isinstance(array, np.ndarray):
            return np.asarray(array) if isinstance(array, np.generic) else None
        return array.copy() if array.size <= SMALL else summarize(array, self.histograms)


def _line_number(code: types.CodeType, instruction: int) -> int:
    """The number of the line to which an instruction belongs."""
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno
