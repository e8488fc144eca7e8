"""A recorded function that is differentiated outside: its graph in two, and its node on the tape.

When a recorded function returns a tensor that wants a gradient, the recording goes on: the ordinary engine runs back
from it, with cotangents that are further inputs, and all of that is recorded too. Cut where the function ended, the
graph becomes a forward one, which also gives what the backward one reads, and a backward one. On the tape they are one
`CompiledNode`. A second derivative runs both once more, on tensors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd.engine import run
from ..core.errors import GradError
from ..core.primitive import Primitive
from ..ir import InstructionGraph, Interpreter, Value
from ..native import Runner
from ..tensors.alias import edge_of
from ..tensors.tape import Leaf, Node, ancestors, node_of
from ..tensors.tensor import make
from .recorder import Recorder
from .sources import Source


class Backward:
    """The backward half of a recorded function.

    ``sources`` are the tensors that want gradients, ``places`` the outputs of the forward graph that have a history,
    ``kept`` those of its values that this half reads; its own graph takes these and the cotangents of the places.
    ``origins`` are for each source the numbers of the places that depend on it.
    """

    def __init__(
        self, forward: InstructionGraph, graph: InstructionGraph, kept: list[Value], places: list[int],
        sources: list[Source], origins: list[list[int]]
    ) -> None:
        self.forward, self.graph, self.kept, self.places, self.sources = forward, graph, kept, places, sources
        self.origins = origins

    def reached(self, parts: dict[int, Any]) -> list[bool]:
        """Which sources get a gradient where these places have a cotangent: those on which one of them depends."""
        return [any(parts.get(place) is not None for place in origin) for origin in self.origins]

    @functools.cached_property
    def run(self) -> Interpreter | Runner:
        """Runs the graph, which is complete when it first does."""
        return Interpreter(self.graph)


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
    recorder: Recorder, ends: list[Any], places: list[int], wanted: list[tuple[Source, Any]]
) -> Callable[[], Backward]:
    """Records the way back from ``ends`` to the tensors ``wanted``, and returns how to cut the graph in two, which is
    to be done when the graph is complete."""
    graph = recorder.graph
    count, outputs = len(graph.instrs), list(graph.outputs)
    cotangents, below = [], []
    for number, tensor in enumerate(ends):
        edge = edge_of(tensor)
        assert edge is not None, "an end without a history"
        below.append({id(node) for node in ancestors([edge])})
        value, array = recorder.read(recorder.place(tensor))
        cotangents.append(Value(recorder.names.free(f"ct.{number}"), value.spec))
        ones = make(recorder.fresh(cotangents[-1], np.ones_like(array, order="C")), None)
        ends[number] = edge_of(tensor), ones
    edges: list[Any] = [edge_of(tensor) for _, tensor in wanted]
    found = run(ends, inputs=edges, retain_graph=True, create_graph=False, accumulate=False)
    grads = [None if ct is None else recorder.read(recorder.place(ct))[0] for ct in found]
    sources = [source for (source, _), grad in zip(wanted, grads, strict=True) if grad is not None]
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
        back.constants = [(value, array) for value, array in graph.constants if value in read]
        back.inputs = [*kept, *cotangents]
        graph.outputs = [*outputs, *kept]
        return Backward(graph, back, kept, places, sources, origins)

    return cut


class CompiledNode(Node):
    """The node of one run of a recorded function."""

    __slots__ = ("arrays", "backward", "wholes")

    backward: Backward
    arrays: dict[Value, np.ndarray]
    wholes: list[tuple[Value, Any]]

    def pull(self, ct: Any, as_tensors: Callable[[Any, Any], Any] | None) -> Sequence[Any]:
        """The cotangents of the tensors that want them."""
        self.unpack(None)
        parts = dict(enumerate(ct)) if isinstance(ct, list) else ct
        if as_tensors is not None:
            return self._pull_tensors(parts, as_tensors)
        cts = [parts[i] if parts.get(i) is not None else np.zeros(shape, dtype)
               for i, (shape, dtype) in enumerate(zip(self.shape, self.dtype, strict=True))]
        backward = self.backward
        given = [*(self.arrays[value] for value in backward.kept), *cts]
        _, grads = backward.run([np.asarray(array, order="C") for array in given], [])
        own = [np.array(grad) if grad.base is not None or any(grad is ct for ct in cts) else grad for grad in grads]
        return [grad if there else None for grad, there in zip(own, backward.reached(parts), strict=True)]

    def _pull_tensors(self, parts: Any, as_tensors: Callable[[Any, Any], Any]) -> Sequence[Any]:
        """The same on tensors, recorded: both graphs run once more, from the tensors themselves."""
        backward = self.backward
        for instr in backward.forward.instrs:
            if instr.primitive.kind == "random":
                raise GradError(
                    "[backward] a second derivative of a compiled function without random numbers was expected; it "
                    f"draws some at {instr.line}; compute this derivative with the function itself"
                )
        values: dict[Value, Any] = {value: make(array, None) for value, array in self.arrays.items()}
        for value, edge in self.wholes:
            values[value] = as_tensors(self.arrays[value], edge)
        for constant, array in (*backward.forward.constants, *backward.graph.constants):
            values[constant] = make(array, None)
        cts = backward.graph.inputs[len(backward.kept):]
        for i, (value, shape, dtype) in enumerate(zip(cts, self.shape, self.dtype, strict=True)):
            part = parts.get(i)
            values[value] = make(np.zeros(shape, dtype), None) if part is None else part
        for graph in (backward.forward, backward.graph):
            for instr in graph.instrs:
                operands = [values[x] if type(x) is Value else x for x in instr.operands]
                found = instr.primitive(*operands, **instr.params)
                values.update(zip(instr.results, found if instr.primitive.multiple else (found,), strict=True))
        return [values[value] if there else None
                for value, there in zip(backward.graph.outputs, backward.reached(parts), strict=True)]

    def free(self) -> None:
        self.saved, self.guards = None, ()
        self.arrays = {}


def _never(*_: object, **__: object) -> Any:
    raise RuntimeError("a compiled function is run by its program")


COMPILED = Primitive("compiled_function", "opaque", _never, multiple=True, label="CompiledFunction")
