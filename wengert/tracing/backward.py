"""A recorded function that is differentiated outside: its graph in two, and its node on the tape.

When a recorded function returns a tensor that wants a gradient, the recording goes on: the ordinary engine runs back
from it, with cotangents that are further inputs, and all of that is recorded too. Cut where the function ended, the
graph becomes a forward one, which also gives what the backward one reads, and a backward one. On the tape they are one
`CompiledNode`. A second derivative runs both once more, on tensors: of the forward one what depends on the tensors that
want gradients. Everything else is kept, numbers that were drawn above all.

Note [cuts]: a graph says nothing of histories: that of ``x * x.detach()`` is that of ``x * x``. So the recorder notes
which operands had none when they went into an instruction (detached, used under `no_grad`, read from a leaf that the
function made), and a second derivative does not go on there. Where the way back is of the user's making, a `Function`'s
or a hook's, a graph cannot tell the history of its results, and a second derivative is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..autograd.engine import run
from ..autograd.function import FunctionNode
from ..core.batching import written_out
from ..core.primitive import P, Primitive
from ..ir import Instr, InstructionGraph, Interpreter, Value
from ..native import Runner
from ..tensors.alias import edge_of
from ..tensors.tape import Leaf, Node, Out, ancestors, node_of
from ..tensors.tensor import make
from .recorder import Recorder
from .sources import Begun, Source
from .values import Cut


class Backward:
    """The backward half of a recorded function.

    ``sources`` are the tensors that want gradients, ``places`` the outputs of the forward graph that have a history,
    ``kept`` those of its values that this half reads; its own graph takes these and the cotangents of the places.
    ``origins`` are for each source the numbers of the places that depend on it, ``orders`` in which order the
    dimensions of its gradient are to be, where it does not lie in rows. ``cuts``, ``opaque`` (names of nodes whose way
    back is the user's): see Note [cuts].
    """

    def __init__(
        self, forward: InstructionGraph, graph: InstructionGraph, kept: list[Value], places: list[int],
        sources: list[Source | Begun], origins: list[list[int]], orders: list[tuple[int, ...] | None], cuts: set[Cut],
        opaque: list[str]
    ) -> None:
        self.forward, self.graph, self.kept, self.places, self.sources = forward, graph, kept, places, sources
        self.keeps, self.cuts, self.opaque = frozenset(kept), cuts, opaque
        self._lying: dict[Value, tuple[int, ...]] = {}
        """The strides that arrays of kept values had when they first came, where they lay side by side."""
        self.origins, self.orders = origins, orders
        self.make: Callable[[InstructionGraph, frozenset[int]], Interpreter | Runner] = lambda graph, _: (
            Interpreter(graph))
        """Makes what runs the graph of the half for some places."""
        self._halves: dict[frozenset[int], Half] = {}
        self._again: list[Instr] | None = None

    def lying(self, value: Value, array: np.ndarray) -> np.ndarray:
        """The array of a kept value, lying as it did the first time: the forward half leaves it in the order that suits
        its steps, and the code of this half is for that order."""
        strides = self._lying.get(value)
        if strides is None:
            if not _is_dense(array):
                array = np.asarray(array, order="C")
            self._lying[value] = array.strides
        elif array.strides != strides:
            copy = np.lib.stride_tricks.as_strided(np.empty(array.shape, array.dtype), array.shape, strides)
            copy[...] = array
            return copy
        return array

    @property
    def whole(self) -> Half:
        """The half for cotangents of all places."""
        return self.half(frozenset(range(len(self.places))))

    @property
    def made(self) -> list[Half]:
        """The halves that there are by now."""
        return list(self._halves.values())

    def again(self, sources: Iterable[Value]) -> list[Instr]:
        """The instructions of the forward graph by which what is kept depends on the values of the sources."""
        if self._again is None:
            self._again = _between(self.forward, set(sources), self.kept, self.cuts)
        return self._again

    def half(self, given: frozenset[int]) -> Half:
        """What is to be done where these of the places have a cotangent."""
        found = self._halves.get(given)
        if found is None:
            cts = self.graph.inputs[len(self.kept):]
            absent = {ct for number, ct in enumerate(cts) if number not in given}
            graph, wanted = _without(self.graph, set(cts), absent) if absent else (self.graph, self.graph.outputs)
            there = [value is not None and not given.isdisjoint(origin)
                     for value, origin in zip(wanted, self.origins, strict=True)]
            found = self._halves[given] = Half(graph, wanted, there, self.make(graph, given))
        return found


_HOOKS = {"tensor_hooks", "prehooks", "hooks"}


def _between(graph: InstructionGraph, sources: set[Value], kept: Iterable[Value], cuts: set[Cut]) -> list[Instr]:
    """The instructions by which ``kept`` values depend on ``sources``, and those that compute what else these read, as
    far as it is not kept itself."""
    depend = set(sources)
    for instr in graph.instrs:
        if instr.primitive.kind != "random" and any([
                type(x) is Value and x in depend and (instr.results[0], number) not in cuts
                for number, x in enumerate(instr.operands)]):
            depend.update(instr.results)
    there = {value for value in kept if value not in depend}
    needed, found = {value for value in kept if value in depend}, []
    for instr in reversed(graph.instrs):
        if not needed.isdisjoint(instr.results):
            needed.update([value for value in instr.values() if value not in there])
            found.append(instr)
    return found[::-1]


def _is_dense(array: np.ndarray) -> bool:
    """Whether an array is nothing but its elements side by side, with its dimensions in some order."""
    order = sorted(range(array.ndim), key=lambda d: -array.strides[d])
    return bool(array.transpose(order).flags.c_contiguous)


class Half(NamedTuple):
    """A backward graph for some of the cotangents: for each source the value of its gradient, and whether there is one;
    ``run`` runs the graph, whose outputs are the values that are there."""

    graph: InstructionGraph
    wanted: Sequence[Value | None]
    there: list[bool]
    run: Interpreter | Runner


def _without(graph: InstructionGraph, cts: set[Value], absent: set[Value]) -> tuple[InstructionGraph, list[Any]]:
    """A backward graph without what depends on ``absent`` cotangents alone, and its outputs, None for those that are
    gone. A cotangent of zeros would not do: the engine does not go where no cotangent comes from, and zero times an
    infinite derivative is no zero."""
    depend, gone, instead, constants, kept = set(cts), set(absent), dict[Value, Value](), [*graph.constants], []
    for instr in graph.instrs:
        linear = [x for x in instr.values() if x in depend]
        depend.update(instr.results if linear else ())
        if linear and gone.issuperset(linear):
            gone.update(instr.results)
            continue
        others = [x for x in linear if x not in gone]
        if len(others) < len(linear):
            (result,) = instr.results if len(instr.results) == 1 else (None,)
            if instr.primitive is P.add and result is not None and others[0].spec == result.spec:
                instead[result] = instead.get(others[0], others[0])
                continue
            for x in set(linear).intersection(gone):  # what meets others is zeros
                gone.discard(x)
                constants.append((x, np.zeros(x.spec.shape, x.spec.dtype.numpy)))
        operands = tuple([instead.get(x, x) if type(x) is Value else x for x in instr.operands])
        kept.append(Instr(instr.primitive, operands, instr.params, instr.results, instr.line))
    outputs = [None if x in gone else instead.get(x, x) for x in graph.outputs]
    inputs = [x for x in graph.inputs if x not in absent]
    named = {x for x, _ in constants}
    made = InstructionGraph(graph.name, inputs=[x for x in inputs if x not in named], constants=constants, instrs=kept,
                            outputs=[x for x in outputs if x is not None], counted=graph.counted)
    return made, outputs


def open_ends(results: list[Any]) -> list[Any]:
    """The tensors among the results of a recorded function that can be differentiated outside it."""
    ends = []
    for tensor in results:
        edge = edge_of(tensor)
        nodes = [] if edge is None else [node for node in ancestors([edge]) if type(node) is not Leaf]
        if nodes and all(node.saved is not None for node in nodes):  # none that backward() has used up
            ends.append(tensor)
    return ends


def record_backward(
    recorder: Recorder, ends: list[Any], places: list[int], wanted: list[tuple[Source | Begun, Any]]
) -> Callable[[], Backward]:
    """Records the way back from ``ends`` to the tensors ``wanted``, and returns how to cut the graph in two, which is
    to be done when the graph is complete."""
    graph = recorder.graph
    count, outputs = len(graph.instrs), list(graph.outputs)
    cotangents, below, since, opaque = [], [], set[Value](), dict[str, None]()
    for number, tensor in enumerate(ends):
        edge = edge_of(tensor)
        assert edge is not None, "an end without a history"
        nodes = list(ancestors([edge]))
        below.append({id(node) for node in nodes})
        opaque.update({node.name(): None for node in nodes if isinstance(node, FunctionNode) or (
            type(node) is not Leaf and node.rare is not None and not _HOOKS.isdisjoint(node.rare))})
        value, array = recorder.read(recorder.place(tensor))
        cotangents.append(Value(recorder.names.free(f"ct.{number}"), value.spec))
        since.add(cotangents[-1])
        ones = make(recorder.fresh(cotangents[-1], np.ones_like(array, order="C")), None)
        ends[number] = edge_of(tensor), ones
    edges: list[Any] = [edge_of(tensor) for _, tensor in wanted]
    leaves = [edge for edge in edges if type(edge) is Leaf]
    hooked = [(leaf, leaf.rare) for leaf in leaves]
    for leaf in leaves:
        leaf.rare = None  # a leaf's hooks run where its gradient arrives: outside, at every backward
    recorder.back = since
    try:
        found = run(ends, inputs=edges, retain_graph=True, create_graph=False, accumulate=False)
        lying = [None if ct is None else recorder.read(recorder.place(ct)) for ct in found]
        turned = [None if pair is None else recorder.in_rows(*pair) for pair in lying]
    finally:
        recorder.back = None
        for leaf, rare in hooked:
            leaf.rare = rare
    grads = [pair and (pair[0] if other is None else other[0]) for pair, other in zip(lying, turned, strict=True)]
    orders = [other and other[1] for other, grad in zip(turned, grads, strict=True) if grad is not None]
    sources = [source for (source, _), grad in zip(wanted, grads, strict=True) if grad is not None]
    for (_, tensor), grad in zip(wanted, grads, strict=True):
        memory = recorder.place(tensor).memory
        if grad is not None and memory.source is None:
            opaque["a leaf that it has made"] = None
        elif grad is not None and memory.value is not memory.first:
            opaque[f"a write to {memory.source}"] = None
    origins = [[number for number, nodes in enumerate(below) if id(node_of(edge)) in nodes]
               for edge, grad in zip(edges, grads, strict=True) if grad is not None]
    gradients = [grad for grad in grads if grad is not None]

    def cut() -> Backward:
        back = InstructionGraph(f"{graph.name}.backward", instrs=graph.instrs[count:], outputs=gradients)
        del graph.instrs[count:]
        made = {result for instr in back.instrs for result in instr.results} | set(cotangents)
        constants = {value for value, _ in graph.constants}
        read = dict.fromkeys(value for value in [*(v for i in back.instrs for v in i.values()), *gradients])
        kept = [value for value in read if value not in made and value not in constants]
        again = _between(graph, {*graph.inputs, *graph.states}, kept, recorder.cuts)  # which cannot draw
        kept += [result for instr in again if instr.primitive.kind == "random" for result in instr.results]
        back.constants = [(value, array) for value, array in graph.constants if value in read]
        back.inputs = [*kept, *cotangents]
        graph.outputs = [*outputs, *kept]
        return Backward(graph, back, kept, places, sources, origins, orders, recorder.cuts, list(opaque))

    return cut


class CompiledNode(Node):
    """The node of one run of a recorded function."""

    __slots__ = ("arrays", "backward", "wholes")

    backward: Backward
    arrays: dict[Value, np.ndarray]
    wholes: list[tuple[Value, Any, Any, int]]
    """The values that are all of a tensor that wants a gradient, its edge, its version cell, and what that said."""

    def pull(self, ct: Any, as_tensors: Callable[[Any, Any], Any] | None) -> Sequence[Any]:
        """The cotangents of the tensors that want them."""
        self.unpack(None)
        parts = dict(enumerate(ct)) if isinstance(ct, list) else ct
        if as_tensors is not None:
            return self._pull_tensors(parts, as_tensors)
        backward = self.backward
        half = backward.half(self._given(parts))
        cts = [parts[i] for i in range(len(self.shape)) if parts.get(i) is not None]
        given = [*[backward.lying(value, self.arrays[value]) for value in backward.kept],
                 *[np.asarray(array, order="C") for array in cts]]
        _, grads = half.run(given, [])
        own = iter([np.array(grad) if grad.base is not None or any(grad is ct for ct in cts) else grad
                    for grad in grads])
        found = [None if value is None else next(own) for value in half.wanted]
        return [(grad if order is None or grad is None else grad.transpose(order)) if there else None
                for grad, order, there in zip(found, backward.orders, half.there, strict=True)]

    def _given(self, parts: Any) -> frozenset[int]:
        """The numbers of the places that have a cotangent."""
        return frozenset([i for i in range(len(self.shape)) if parts.get(i) is not None])

    def _pull_tensors(self, parts: Any, as_tensors: Callable[[Any, Any], Any]) -> Sequence[Any]:
        """The same on tensors, recorded: both graphs run once more, from the tensors themselves."""
        backward = self.backward
        if backward.opaque:
            raise RuntimeError(
                f"[compile] results of a compiled function that are differentiated once were expected, as its way back "
                f"goes through {', '.join(backward.opaque)}, which it does not write itself; got a second derivative; "
                "call the function without compiling it")
        values: dict[Value, Any] = {value: make(array, None) for value, array in self.arrays.items()}
        for value, edge, *_ in self.wholes:
            values[value] = as_tensors(self.arrays[value], edge)
        half = backward.half(self._given(parts))
        instrs = [*backward.again([value for value, *_ in self.wholes]), *half.graph.instrs]
        self._guard(instrs)
        for constant, array in (*backward.forward.constants, *half.graph.constants):
            values[constant] = make(array, None)
        cts = backward.graph.inputs[len(backward.kept):]
        values.update({value: parts[i] for i, value in enumerate(cts) if parts.get(i) is not None})
        for instr in instrs:
            operands = [x if type(x) is not Value else values[x].detach() if (
                instr.results[0], number) in backward.cuts else values[x] for number, x in enumerate(instr.operands)]
            found = written_out(instr.primitive)(*operands, **instr.params)
            values.update(zip(instr.results, found if instr.primitive.multiple else (found,), strict=True))
        return [None if value is None or not there else values[value] if order is None else P.permute(
                    values[value], dims=order)
                for value, order, there in zip(half.wanted, backward.orders, half.there, strict=True)]

    def _guard(self, instrs: Sequence[Instr]) -> None:
        """Raises `InplaceError` where what a second derivative reads, but no first one, has been written since."""
        read = {x for instr in instrs for x in instr.values()}
        more = [(value, cell, count) for value, _, cell, count in self.wholes if value in read]
        self.guards = (*self.guards, *[(cell, count) for _, cell, count in more])
        self.saved = ((*self.saved[0], *[self.arrays[value] for value, *_ in more]), None)
        self.unpack(None)

    def free(self) -> None:
        self.saved, self.guards = None, ()
        self.arrays = {}


def used_up(tensor: Any) -> Out:
    """The end of a history through which backward() has run: it is said where it is to run through it again."""
    node = CompiledNode(COMPILED, {}, (), ((), None), (), (tensor._data.shape,), (tensor._data.dtype,))
    node.free()
    return Out(node, 0)


def _never(*_: object, **__: object) -> Any:
    raise RuntimeError("a compiled function is run by its program")


COMPILED = Primitive("compiled_function", "opaque", _never, multiple=True, label="CompiledFunction")
