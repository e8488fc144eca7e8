"""The picture of a compiled function: its recorded graph, with a group for each step of its native program.

The one idea to know: a group is drawn like a module, so that all that folds and opens modules folds and opens steps. It
is called after the step, with the microseconds that `Compiled.profile` has measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..ir import Instr, InstructionGraph, Value
from ..native import NativeProgram, Runner, StepInfo
from ..tracing.compiled import Compiled
from .graph import Graph
from .model import GraphEdge, GraphNode
from .taped import settings_text
from .values import summarize


def graph_of_compiled(compiled: Compiled) -> Graph:
    """The graph of the program last used, and of its backward half behind it. Raises `TraceError` where there is
    none."""
    program = compiled.last
    builder = _Builder()
    builder.add(program.graph, program.runner, "")
    if program.backward is not None:
        half = program.backward.whole
        builder.add(half.graph, half.run, "backward ")
    return builder.graph


class _Builder:
    """Puts nodes and edges together; ids are counted."""

    def __init__(self) -> None:
        self.graph = Graph()
        self._ids: dict[Value, int] = {}

    def add(self, graph: InstructionGraph, run: Any, prefix: str) -> None:
        """Adds a graph, with what is known of the native program that it has become."""
        native = run.program if isinstance(run, Runner) else None
        steps = {} if native is None else native.steps_of_values
        names = [] if native is None else [_named(_together(native, step.number), prefix) for step in native.kernels]
        collects = {effect.target for effect in graph.effects if effect.value is not None}
        for value in (*graph.inputs, *graph.states, *graph.generators):
            if value not in self._ids:
                kind = "leaf" if f"{value.name}.grad" in collects else "constant"
                self._node(value, kind, name=value.name)
        for value, array in graph.constants:
            if value not in self._ids:
                self._node(value, "constant").value = summarize(array)
        written = {effect.value: f"{effect.target}'" for effect in graph.effects if effect.value is not None}
        for number, instr in _in_steps(graph.instrs, steps):
            self._instr(instr, written, "" if number is None else names[number], number, native)
        found = [effect.value for effect in graph.effects if effect.value is not None] + graph.outputs
        self.graph.roots += [id for id in dict.fromkeys([self._ids[value] for value in found])
                             if id not in self.graph.roots]

    def _instr(self, instr: Instr, written: dict[Value, str], module: str, number: int | None,
               native: NativeProgram | None) -> None:
        operands = [(at, self._ids[x] if type(x) is Value else self._number(x), x) for at, x in
                    enumerate(instr.operands) if x is not None]
        for result in instr.results:
            node = self._node(result, "operation", instr.primitive.name, written.get(result, ""))
            node.line, node.module = instr.line or "", module
            node.calls = () if number is None else (number,)
            node.parameters = settings_text(instr.params)
            if number is not None and native is not None and native.last_of_step.get(number) is result:
                node.seconds = _seconds(_together(native, number))
            for at, id, operand in operands:
                shape = tuple(operand.spec.shape) if type(operand) is Value else ()
                self.graph.edges.append(GraphEdge(id, node.id, at, 0, shape))

    def _number(self, number: object) -> int:
        """The node of a number among the operands."""
        node = self._made("constant")
        node.shape, node.dtype = (), type(number).__name__
        node.value = summarize(number)
        return node.id

    def _node(self, value: Value, kind: str, operation: str = "", name: str = "") -> GraphNode:
        node = self._made(kind)
        node.operation, node.name = operation, name
        node.shape, node.dtype = tuple(value.spec.shape), value.spec.dtype.name
        self._ids[value] = node.id
        return node

    def _made(self, kind: str) -> GraphNode:
        id = len(self.graph.nodes) + 1
        self.graph.nodes[id] = GraphNode(id, kind)
        return self.graph.nodes[id]


def _together(native: NativeProgram, number: int) -> list[StepInfo]:
    """A step, after those that work for it alone."""
    return [native.kernels[at] for at in (*native.helpers.get(number, ()), number)]


def _seconds(steps: list[StepInfo]) -> float | None:
    found = [step.seconds for step in steps if step.seconds is not None]
    return sum(found) if found else None


def _named(steps: list[StepInfo], prefix: str) -> str:
    """What the group of a step is called: what sort it is, and how long it takes. What it computes is in the group. (A
    point would divide the name, as it does a module's path.)"""
    words = [step.words.partition(":" if step.native else " ->")[0] for step in steps]
    seconds = _seconds(steps)
    took = "" if seconds is None else f", {seconds * 1e6:.0f} µs" if seconds >= 1e-5 else f", {seconds * 1e9:.0f} ns"
    numbers = "+".join([str(step.number) for step in steps])
    return f"{prefix}{numbers}: {' + '.join(words)}{took}".replace(".", "·").replace("#", "")


def _in_steps(instrs: Iterable[Instr], steps: dict[Value, int]) -> Iterator[tuple[int | None, Instr]]:
    """The instructions by their steps, those of none first where they can be; each after its operands."""
    known: dict[Value, int] = {}
    numbered = []
    for instr in instrs:
        before = [known[x] for x in instr.values() if x in known]
        own = steps.get(instr.results[0])
        number = max([*before, *([] if own is None else [own])], default=None)
        if number is not None:
            known.update(dict.fromkeys(instr.results, number))
        numbered.append((-1 if number is None else number, own, instr))
    for number, own, instr in sorted(numbered, key=lambda entry: entry[0]):
        yield (number if own is not None and number >= 0 else None), instr
