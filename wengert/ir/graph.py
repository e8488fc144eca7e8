"""Values, instructions, effects, and the graph that holds them.

The one idea to know: values never change. A write into memory is a new value of the whole memory, and what is left of
it when the function ends is an effect: ``write %w <- %12`` says that the memory that came in as ``%w`` holds ``%12``
afterwards. So any order that respects the operands is right, and what no effect and no output needs can go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..core.primitive import Primitive
from ..core.spec import Spec


class GraphError(ValueError):
    """A graph that is not well formed; the message names the instruction."""


@dataclass(slots=True, eq=False)
class Value:
    """One array of the graph: a name and a spec. Values compare by identity."""

    name: str
    spec: Spec

    def __repr__(self) -> str:
        return f"%{self.name}"


@dataclass(slots=True, eq=False)
class Instr:
    """One primitive applied: operands are values, Python numbers or None; ``line`` is the user's line, if known."""

    primitive: Primitive
    operands: tuple[Any, ...]
    params: dict[str, Any]
    results: tuple[Value, ...]
    line: str | None = None

    def values(self) -> Iterator[Value]:
        """The operands that are values."""
        return (operand for operand in self.operands if type(operand) is Value)


@dataclass(slots=True, eq=False)
class Effect:
    """What the function leaves behind besides its outputs.

    ``"write"``: the memory of the state or input called ``target`` holds ``value``; ``"set"``: the slot called
    ``target`` (``w.grad``) holds a new tensor with ``value``; ``"clear"``: the slot called ``target`` is empty.
    """

    kind: Literal["write", "set", "clear"]
    target: str
    value: Value | None = None


@dataclass(slots=True, eq=False)
class Graph:
    """A recorded function. ``inputs`` come with each call, ``states`` are bound once, ``constants`` are part of it.

    ``counted`` is the number that the next result gets for a name.
    """

    name: str
    inputs: list[Value] = field(default_factory=list)
    states: list[Value] = field(default_factory=list)
    constants: list[tuple[Value, np.ndarray]] = field(default_factory=list)
    instrs: list[Instr] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    counted: int = 0

    def add(
        self,
        primitive: Primitive,
        operands: Iterable[Any],
        params: dict[str, Any],
        specs: Sequence[Spec],
        line: str | None = None,
    ) -> tuple[Value, ...]:
        """Appends an instruction with results of ``specs`` and returns these; their names are the next free numbers."""
        start = self.counted
        self.counted += len(specs)
        results = tuple(Value(str(start + i), spec) for i, spec in enumerate(specs))
        self.instrs.append(Instr(primitive, tuple(operands), params, results, line))
        return results

    def roots(self) -> Iterator[Value]:
        """The values that must be computed: those of effects and outputs."""
        yield from (effect.value for effect in self.effects if effect.value is not None)
        yield from self.outputs

    def __str__(self) -> str:
        from .text import format_graph

        return format_graph(self)

    def __repr__(self) -> str:
        return f"<graph {self.name}: {len(self.instrs)} instructions, {len(self.effects)} effects>"


def prune(graph: Graph) -> Graph:
    """Takes out, in place, what no effect and no output needs: instructions, constants and states. Returns the graph
    with its instructions numbered anew."""
    needed = set(graph.roots())
    kept = []
    for instr in reversed(graph.instrs):
        if not needed.isdisjoint(instr.results):
            needed.update(instr.values())
            kept.append(instr)
    graph.instrs = kept[::-1]
    written = {effect.target for effect in graph.effects if effect.kind == "write"}
    graph.constants = [(value, array) for value, array in graph.constants if value in needed]
    graph.states = [value for value in graph.states if value in needed or value.name in written]
    results = [result for instr in graph.instrs for result in instr.results]
    for number, result in enumerate(results):
        result.name = str(number)
    graph.counted = len(results)
    for number, (value, _) in enumerate(graph.constants):
        value.name = f"c{number}"
    return graph
