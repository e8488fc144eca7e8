"""Recording mode: what happens inside is kept for a picture, forward and backward.

It is a `Watcher` like every other watcher, so that it costs nothing when off. When on it keeps small arrays as copies
and large ones as summaries, and puts off all other work (names, partials, the graph itself) until somebody looks.
"""

from __future__ import annotations

import sys
import types
import weakref
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from ..autograd.engine import innermost
from ..autograd.forward import DualLevel
from ..core.frames import is_inside, user_frame, warn
from ..core.primitive import Primitive, evaluate
from ..tensors.alias import edge_of
from ..tensors.evaluation import Unseen, Watcher, tracing
from ..tensors.tape import Leaf, Node, Out, node_of
from ..tensors.tensor import TENSORS
from .build import GraphBuilder, Note
from .graph import Graph
from .names import module_names, module_texts, modules_in, names_in, scopes_of, values_in
from .pushes import Pushes, bottom, contributions
from .taped import is_custom, key_of
from .values import summarize

ndarray = np.ndarray

SMALL = 4096
"""Arrays of at most so many elements are copied, which costs less than a summary and keeps more."""

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
    return Recording(user_frame(), histograms)


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
                self.nodes, self.edges, self.roots, self.modules = made.nodes, made.edges, made.roots, made.modules
            return slot.__get__(self)

        def put(self: RecordedGraph, value: Any) -> None:
            slot.__set__(self, value)

        return property(get, put)

    nodes, edges, roots, modules = map(_slot, ("nodes", "edges", "roots", "modules"))
    del _slot


# What is known of the code that frames run: whether it is this package's. By address, beside the code itself, which so
# stays where it is: to hash code is to hash its instructions and constants.
_inside: dict[int, tuple[types.CodeType, bool]] = {}


def _is_ours(code: types.CodeType) -> bool:
    inside = _inside.get(id(code))
    if inside is None:
        inside = _inside[id(code)] = code, is_inside(code)
    return inside[1]


class Recording(Watcher):
    """The watcher behind `record`."""

    follows = True

    def __init__(self, frame: types.FrameType | None, histograms: bool = False) -> None:
        self.frame, self.histograms = frame, histograms
        self.graph = RecordedGraph()
        self.notes: dict[int, Note] = {}
        self.nodes: list[Any] = []
        self.last: tuple[Any, Any, Any, float] | None = None
        self.pushes, self.hush = Pushes(), 0
        self.modules: dict[int, tuple[Any, dict[int, str]]] = {}
        self.leaves: dict[int, Any] = {}
        self.constants: dict[int, tuple[Any, Any]] = {}
        self.given: dict[int, tuple[Any, str]] = {}
        self.kept: dict[int, tuple[Any, Any]] = {}
        self.handed: dict[int, Any] = {}
        """What a node has sent to one that has not run yet, by address: the array itself, where only wengert's own
        rules come across it. They do not write to what another refers to (`Pass.add`), so that it serves in place of a
        copy, and of a second one of what arrives."""
        self.where: tuple[str, tuple[int, ...], int] = ("", (), 0)
        self.inner: types.FrameType | None = None
        self.stack: list[tuple[types.FrameType, Any, int, str]] = []
        self.outermost: list[int] = []
        self.parents: dict[int, int] = {}
        self.count = 0
        self.clock = 0.0
        call = getattr(sys.modules.get(f"{__name__.split('.', 1)[0]}.nn.module"), "Module", None)
        self.call_code = None if call is None else call.__call__.__code__

    def __enter__(self) -> Graph:  # type: ignore[override]
        super().__enter__()
        return self.graph

    def __exit__(self, *exception: object) -> None:
        self.leave()
        scopes = scopes_of(self.frame)
        self.frame, self.last, self.kept, self.handed, self.inner, self.stack = None, None, {}, {}, None, []
        gradients = self._leaf_gradients()
        names: dict[int, str] | None = None
        if self.pushes.places:  # now, as a level that is left makes plain what it has made
            names = names_in(scopes)
            self._name_pushes(names)
        self.graph._make = lambda: self._finish(scopes, gradients, names_in(scopes) if names is None else names)
        del self.graph  # which holds this recording now, until somebody looks

    # --- while it records ---------------------------------------------------------------------------------------------

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        start = perf_counter()
        if self.outer is None:
            result = evaluate(primitive, [x._data if type(x) in TENSORS else x for x in operands], params)
        else:
            result = super().evaluate(primitive, operands, params)
        self.last = primitive, operands, result, perf_counter() - start
        return result

    def recorded(self, node: Node) -> None:
        if self.outer is not None:
            super().recorded(node)
        if self.hush or tracing():
            return  # what a tracer puts in the place of values has none, and must not be kept alive
        if len(self.nodes) >= MOST and self._is_full():
            return
        note = self.notes[node.sequence] = Note()
        edges, last, self.last = node.edges, self.last, None
        if last is not None and last[0] is node.primitive and len(last[1]) == len(edges):
            if None in edges:
                operands = zip(last[1], edges, strict=True)
                note.operands = tuple([None if edge is not None else self._constant(x) for x, edge in operands])
            else:
                note.operands = (None,) * len(edges)
            value = last[2]
            if type(value) is ndarray and value.size <= SMALL:
                note.value = value.copy()
            else:
                note.value = tuple(map(self._keep, value)) if type(value) in (tuple, list) else self._keep(value)
            note.seconds = last[3]
        for edge in edges:
            if type(edge) is Leaf and edge.sequence not in self.leaves and edge.variable is not None:
                self.leaves[edge.sequence] = self._keep(edge.variable)
        saved, small, kept = node.saved, True, 0
        for value in saved:
            if type(value) is ndarray:
                kept += value.nbytes
                small = small and value.size <= 64
        note.kept = kept
        if small and not is_custom(node) and (node.rare is None or "packed" not in node.rare):
            note.saved = tuple([value.copy() if type(value) is ndarray else value for value in saved])
        self.nodes.append(node)
        self._place(note)
        self.clock = perf_counter()

    def _is_full(self) -> bool:
        if len(self.nodes) == MOST:
            self.nodes.append(None)
            warn(f"[graph.record] stopped after {MOST:,} nodes; record one step, not the whole training")
        return len(self.nodes) > MOST

    # --- forward mode -------------------------------------------------------------------------------------------------

    def computed(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
        super().computed(primitive, operands, params, out)
        level = self.tracer
        if isinstance(level, DualLevel) and not level.follows:  # the block is inside of it, so that it tells nobody
            self.pushed(level, primitive, operands, params, out)

    def hushed(self, by: int) -> None:
        self.hush += by
        super().hushed(by)

    def writes(self, tensor: Any, new: Any) -> None:
        super().writes(tensor, new)
        self.pushes.rewritten(tensor, new)

    def stands_for(self, data: Any, tensor: Any) -> None:
        super().stands_for(data, tensor)
        self.pushes.stands_for(data, tensor)

    def pushed(self, level: Any, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any],
               out: Any) -> None:
        super().pushed(level, primitive, operands, params, out)
        if self.hush or innermost() is not None or self._is_full():
            return  # what a run back does is shown as what it sends
        found = self.pushes.node(level, primitive, operands, params, out)
        if found is None:
            return
        node, values, tangents, results, moved = found
        note = self.notes[node.sequence] = Note()
        note.operands = tuple([None if edge is not None else self._constant(x)
                               for x, edge in zip(values, node.edges, strict=True)])
        note.value, note.tangent = map(self._keep, (results[0], moved[0]))
        if primitive.multiple:
            note.value, note.tangent = tuple(map(self._keep, results)), tuple(map(self._keep, moved))
        sent = contributions(primitive, values, tangents, results[0], params)
        note.pushed = {place: self._keep(part) for place, part in sent.items()}
        note.saved = _saved_of(node, values, results)
        self.nodes.append(node)
        self._place(note)
        self.clock = perf_counter()

    def _constant(self, operand: Any) -> Any:
        """A constant operand: a number, or the array itself, whose address tells that several uses are of one array.
        Its present content is kept beside it, as a buffer may be written to before anybody looks."""
        array = operand._data if type(operand) in TENSORS else operand
        if type(array) is not ndarray:
            return operand
        if id(array) not in self.constants:
            self.constants[id(array)] = array, self._keep(array)
        return array

    def _place(self, note: Note) -> None:
        """The user's line and the module call, from the frames between here and the block."""
        # Each frame takes time; the four innermost belong to this package on every way that leads here.
        frame: types.FrameType | None = sys._getframe(4)
        code, end, inner = self.call_code, self.frame, self.inner
        calls: list[types.FrameType] = []
        line, same = None, False
        while frame is not None:
            running = frame.f_code
            if running is code:
                if same:
                    pass
                elif frame is inner and not calls:
                    same = True  # the call in which the node before this one was made
                    if line is not None:
                        break
                else:
                    calls.append(frame)
            elif line is None:
                inside = _inside.get(id(running))  # (`_is_ours`, without its call)
                if not (_is_ours(running) if inside is None else inside[1]):
                    line = running, frame.f_lasti  # the number of the line is found out later
                    if same:
                        break
            if frame is end or (code is None and line is not None):
                break
            frame = frame.f_back
        note.line = line or ""
        if not same and (calls or inner is not None):
            self.inner = calls[0] if calls else None
            self._enter_calls(calls)
        note.module, note.calls, note.root = self.where

    def _enter_calls(self, frames: list[types.FrameType]) -> None:
        """Works out where a node stands that was made in these calls of modules, the innermost first: the module's
        path, and the numbers of the calls of the outermost module and of each name of the path."""
        if not frames:
            self.stack, self.where = [], ("", (), 0)
            return
        stack: list[tuple[types.FrameType, Any, int, str]] = []
        numbers: list[int] = []
        for depth, frame in enumerate(reversed(frames)):
            before = self.stack[depth] if depth < len(self.stack) else None
            if before is None or before[0] is not frame:
                self.stack, self.count = [], self.count + 1
                held = frame.f_locals
                module = held["self"]
                before = frame, module, self.count, self._path(module, stack)
                if not depth:
                    self._give(module, held.get("args", ()), frame.f_back)
            stack.append(before)
            names = before[3].count(".") + 1 if before[3] else 0
            # A name that is no module's call, such as that of a list of modules, belongs to the call around it.
            numbers += numbers[-1:] * (names - len(numbers))
            numbers[names:] = [before[2]]
        self.stack = stack
        root = id(stack[0][1])
        self.where = stack[-1][3], tuple(numbers), self.parents.get(root, root)

    def _give(self, module: Any, arguments: tuple[Any, ...], caller: types.FrameType | None) -> None:
        """Names what is given to an outermost module and needs no gradient, which so is no part of it: as the caller
        calls it, or as ``forward`` does. (A variable of a loop will hold another tensor in the end.)"""
        for place, argument in enumerate(arguments):
            several = type(argument) in (tuple, list)
            for index, part in enumerate(argument if several else (argument,)):
                if type(part) not in TENSORS or part.requires_grad:
                    continue
                array = part._data
                known = self.given.get(id(array))
                if type(array) is not ndarray or known is not None and known[0]() is array:
                    continue
                held: dict[str, Any] = {} if caller is None or _is_ours(caller.f_code) else caller.f_locals
                name = next((name for name, value in held.items() if value is part), "")
                if not name:
                    own = type(module).forward.__code__.co_varnames[1:]
                    name = (own[place] if place < len(own) else "input") + (f"[{index}]" if several else "")
                self.given[id(array)] = weakref.ref(array), name

    def _path(self, module: Any, stack: list[Any]) -> str:
        """The path of a module: below the one that calls it if it is a part of that one, else where it is known."""
        if stack:
            for _, caller, _, path in reversed(stack):
                name = self._names(caller).get(id(module))
                if name is not None:
                    return f"{path}.{name}" if path and name else path or name
            return ""
        for number, (_, names) in self.modules.items():
            if names.get(id(module)):  # a part called alone, as a checkpoint does
                self.parents[id(module)] = number
                return names[id(module)]
        self._names(module)
        self.outermost.append(id(module))
        return ""

    def _names(self, module: Any) -> dict[int, str]:
        known = self.modules.get(id(module))
        if known is None:
            parts = module.named_modules() if module._modules else (("", module),)
            known = self.modules[id(module)] = module, {id(part): name for name, part in parts}
        return known[1]

    def pulled(self, node: Node, ct: Any, grads: Sequence[Any]) -> None:
        if self.outer is not None:
            super().pulled(node, ct, grads)
        if self.hush:
            return
        node = self.pushes.twins.get(node.sequence, node)
        note = self.notes.get(node.sequence)
        if note is not None:
            now = perf_counter()
            note.backward_seconds = now - self.clock if self.clock else None
            handed, kept = self.handed, None
            if type(ct) is ndarray and ct.size <= SMALL:
                kept = handed.pop(id(ct), None)
                note.cotangent = ct.copy() if kept is None else kept
            else:
                note.cotangent = (
                    {i: self._keep_once(part) for i, part in ct.items()} if type(ct) is dict else self._keep_once(ct)
                )
            ours = node.rare is None and self.outer is None and not is_custom(node)
            place, sent, edges = 0, note.sent, node.edges
            for grad in grads:
                edge = edges[place]
                if grad is not None and edge is not None:
                    if type(grad) is not ndarray or grad.size > SMALL:
                        sent[place] = self._keep_once(grad)
                    elif (ours and type(edge) is Node and grad.base is None and (grad is not ct or kept is not None)
                          and edge.rare is None and not is_custom(edge)):
                        sent[place] = handed[id(grad)] = grad
                    else:
                        sent[place] = grad.copy()
                place += 1
        self.clock = perf_counter()

    def update(self, run: Any, group: Any) -> None:
        if not self.aside(run, group):
            super().update(run, group)

    # --- when it is over ----------------------------------------------------------------------------------------------

    def _finish(self, scopes: list[Any], gradients: dict[int, Any], names: dict[int, str]) -> Graph:
        """Makes the graph of everything that was recorded; what nothing recorded uses is a root."""
        modules = modules_in(scopes)
        self._take_turns()
        for note in self.notes.values():
            if type(note.line) is tuple:
                code, instruction = note.line
                note.line = f"{code.co_filename}:{_line_number(code, instruction)}"
        for address, (array, _) in self.constants.items():
            given = self.given.get(address)
            if given is not None and given[0]() is array:
                names.setdefault(address, given[1])
        nodes = [node for node in self.nodes if node is not None]
        used = {node_of(edge) for node in nodes for edge in node.edges if edge is not None}
        for root, _ in self.modules.values():
            for number, name in module_names(root).items() if id(root) in self.outermost else ():
                names.setdefault(number, name)
        # A single model that is called once needs no name; several models, or several calls of one, do.
        named = modules if len(self.outermost) > 1 else {}
        for note in self.notes.values():
            prefix = named.get(note.root, "")
            if prefix:
                note.module = f"{prefix}.{note.module}" if note.module else prefix
            else:
                note.calls = note.calls[1:]
        ends = [Out(node, 0) if node.primitive.multiple else node for node in nodes if node not in used]
        builder = GraphBuilder(ends, self.notes, names, self._module_texts(named))
        builder.values.update(self.leaves)
        for number, (_, value, tangent, _) in self.pushes.leaves.items():
            builder.values[number], builder.tangents[number] = value, tangent
        for edge, value in values_in(scopes):
            if type(edge) is Out:  # the results of a user's Function, which nobody else kept
                builder.put(edge, self._keep(value))
        builder.constant_values = {key: kept for key, (_, kept) in self.constants.items()}
        builder.gradients.update(gradients)
        return builder.graph()

    def _take_turns(self) -> None:
        """Numbers the turns of loops: a turn is over where its code goes back, or where a call of a module has come to
        its end and the same instruction calls one again."""
        turn, before = 0, (None, 0, ())
        for note in self.notes.values():
            if type(note.line) is tuple:
                here = (*note.line, note.calls[:1])
                again = here[1] == before[1] and here[2] != before[2]
                turn += here[0] is before[0] and (here[1] < before[1] or again)
                note.turn, before = turn, here

    def _module_texts(self, named: dict[int, str]) -> dict[str, str]:
        """What the modules are that were called, by their paths."""
        found: dict[str, str] = {}
        for root in self.outermost:
            found.update(module_texts(self.modules[root][0], named.get(root, "")))
        return found

    def _name_pushes(self, names: dict[int, str]) -> None:
        """Names for what moves: those of the variables that hold it, and for leaves of what they were made from."""
        for number, twin in self.pushes.twins.items():
            if number in names:
                names.setdefault(twin.sequence, names[number])
        for data, place in self.pushes.alive():
            if id(data) in names:
                names.setdefault(key_of(place), names[id(data)])
        for number, (_, _, _, given) in self.pushes.leaves.items():
            edge = edge_of(given)
            name = names.get(id(given._data)) if edge is None else names.get(key_of(edge))
            if name:
                names.setdefault(number, name)

    def _leaf_gradients(self) -> dict[int, Any]:
        """What arrived at leaves while recording, also where ``.grad`` was cleared since."""
        arrived: dict[int, list[Any]] = {}
        leaves: dict[int, Any] = {}
        for node in self.nodes:
            for place, part in self.notes[node.sequence].sent.items() if node is not None else ():
                edge = node.edges[place]
                if type(edge) is Leaf:
                    arrived.setdefault(edge.sequence, []).append(part)
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
        if type(array) is not ndarray:
            return self._keep(array)
        if array.size <= SMALL:
            return array.copy()
        found = self.kept.get(id(array))
        if found is None or found[0]() is not array:
            found = self.kept[id(array)] = weakref.ref(array), self._keep(array)
        return found[1]

    def _keep(self, value: Any) -> Any:
        """A copy of a small array, the summary of a large one."""
        array = value if type(value) is ndarray else getattr(value, "_data", value)
        array = bottom(array) if isinstance(array, Unseen) else array
        if not isinstance(array, np.ndarray):
            return np.asarray(array) if isinstance(array, np.generic) else None
        return array.copy() if array.size <= SMALL else summarize(array, self.histograms)


def _saved_of(node: Node, values: list[Any], results: list[Any]) -> Any:
    """What a node of forward mode would have kept for the way back, of small arrays; None where one is large."""
    positions, shapes = node.primitive.plan(tuple([edge is not None for edge in node.edges]))
    count = len(values)
    saved: list[Any] = [None] * (count + 2)
    for place in positions:
        value = values[place] if place < count else tuple(results) if node.primitive.multiple else results[0]
        if any(type(part) is ndarray and part.size > 64 for part in (value if type(value) is tuple else (value,))):
            return None
        saved[place] = value.copy() if type(value) is ndarray else value
    if shapes:
        saved[-1] = tuple([value.shape if type(value) is ndarray else () for value in values])
    return tuple(saved)


def _line_number(code: types.CodeType, instruction: int) -> int:
    """The number of the line to which an instruction belongs."""
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno
