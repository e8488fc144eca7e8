"""Values, instructions, effects, and the graph that holds them; and how they are written as text.

The one idea to know: values never change. A write into memory is a new value of the whole memory, and what is left of
it when the function ends is an effect: ``write %w <- %12`` says that the memory that came in as ``%w`` holds ``%12``
afterwards. So any order that respects the operands is right, and what no effect and no output needs can go.

The text of a graph, which `parser` reads back::

    graph step(%x: float32[10,2], %y: float32[10])
      state %w: float32[2]
      %0: float32[10] = matmul(%x, %w, label='Mv')
      %1: float32[2] = sub(%w, 0.5)
      write %w <- %1
      set w.grad <- %1
      return %0

Numbers are written so that reading them gives the same bits. Constants of more than `SHOWN` elements are abbreviated;
a graph with such a constant can be read by people only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..core.dtypes import DType, uint8
from ..core.eighths import in_numpy
from ..core.primitive import Primitive
from ..core.spec import Spec

SHOWN = 64
"""Constants of up to so many elements are written out."""


GENERATOR = Spec((), uint8)
"""What stands for the spec of a generator, which is no array."""


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
class InstructionGraph:
    """A recorded function. ``inputs`` come with each call, ``states`` are bound once, ``constants`` are part of it.

    ``generators`` of random numbers are the first operands of draws; each draw moves its generator on, so that all of
    them stay, in their order. ``counted`` is the number that the next result gets for a name.
    """

    name: str
    inputs: list[Value] = field(default_factory=list)
    states: list[Value] = field(default_factory=list)
    generators: list[Value] = field(default_factory=list)
    constants: list[tuple[Value, np.ndarray]] = field(default_factory=list)
    instrs: list[Instr] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    counted: int = 0

    def add(self, primitive: Primitive, operands: Iterable[Any], params: dict[str, Any], specs: Sequence[Spec],
            line: str | None = None) -> tuple[Value, ...]:
        """Appends an instruction with results of ``specs`` and returns these; their names are the next free numbers."""
        start = self.counted
        self.counted += len(specs)
        results = tuple([Value(str(start + i), spec) for i, spec in enumerate(specs)])
        self.instrs.append(Instr(primitive, tuple(operands), params, results, line))
        return results

    def roots(self) -> Iterator[Value]:
        """The values that must be computed: those of effects and outputs."""
        yield from (effect.value for effect in self.effects if effect.value is not None)
        yield from self.outputs

    def __str__(self) -> str:
        return format_graph(self)

    def __repr__(self) -> str:
        return f"<graph {self.name}: {len(self.instrs)} instructions, {len(self.effects)} effects>"


def copied(graph: InstructionGraph) -> InstructionGraph:
    """The graph in lists of its own, which `prune` and the like change; of the same values and instructions."""
    return InstructionGraph(graph.name, [*graph.inputs], [*graph.states], [*graph.generators], [*graph.constants],
                            [*graph.instrs], [*graph.effects], [*graph.outputs], graph.counted)


def prune(graph: InstructionGraph, after: InstructionGraph | None = None) -> InstructionGraph:
    """Takes out, in place, what no effect and no output needs: instructions, constants and states. Returns the graph
    with its instructions numbered anew; ``after`` another graph, which it shares values with, from its last on."""
    needed = set(graph.roots())
    kept = []
    for instr in reversed(graph.instrs):
        if not needed.isdisjoint(instr.results) or instr.primitive.kind == "random":
            needed.update([operand for operand in instr.operands if type(operand) is Value])
            kept.append(instr)
    graph.instrs = kept[::-1]
    written = {effect.target for effect in graph.effects if effect.kind == "write"}
    graph.constants = [(value, array) for value, array in graph.constants if value in needed]
    graph.states = [value for value in graph.states if value in needed or value.name in written]
    results = [result for instr in graph.instrs for result in instr.results]
    first = 0 if after is None else after.counted
    for number, result in enumerate(results, start=first):
        result.name = str(number)
    graph.counted = first + len(results)
    others = set() if after is None else {value for value, _ in after.constants}
    constants = [value for value, _ in graph.constants if value not in others]
    for number, value in enumerate(constants, start=len(others)):
        value.name = f"c{number}"
    return graph


# --- as text ----------------------------------------------------------------------------------------------------------


def format_graph(graph: InstructionGraph, lines: bool = False) -> str:
    """The whole graph as text; ``lines`` adds the user's line to each instruction, as a comment."""
    text = [f"graph {graph.name}({', '.join(map(_declared, graph.inputs))})"]
    text += [f"  state {_declared(value)}" for value in graph.states]
    text += [f"  generator {value!r}" for value in graph.generators]
    text += [f"  const {_declared(value)} = {_elements(array)}" for value, array in graph.constants]
    for instr in graph.instrs:
        comment = f"  # {instr.line}" if lines and instr.line else ""
        text.append(f"  {format_instr(instr)}{comment}")
    text += [f"  {format_effect(effect)}" for effect in graph.effects]
    text.append(f"  return {', '.join(map(repr, graph.outputs))}".rstrip())
    return "\n".join(text)


def format_instr(instr: Instr) -> str:
    """One instruction as a line of text."""
    operands = [repr(x) if type(x) is Value else _literal(x) for x in instr.operands]
    params = [f"{name}={_literal(value)}" for name, value in instr.params.items()]
    return (
        f"{', '.join(map(_declared, instr.results))} = {instr.primitive.name}({', '.join(operands + params)})"
    )


def format_effect(effect: Effect) -> str:
    """One effect as a line of text."""
    target = f"%{effect.target}" if effect.kind == "write" else effect.target
    return f"{effect.kind} {target}" + ("" if effect.value is None else f" <- {effect.value!r}")


def _declared(value: Value) -> str:
    return f"{value!r}: {value.spec}"


def _elements(array: np.ndarray) -> str:
    if array.size > SHOWN:
        return f"...  # {array.size} elements"
    return _literal(in_numpy(array).tolist())


def _literal(value: object) -> str:
    """Python numbers, strings, None, slices, dtypes, primitives, and tuples, lists and dicts of them."""
    if isinstance(value, DType):
        return value.name
    if isinstance(value, Primitive):
        return f"P.{value.name}"
    if value is Ellipsis:
        return "..."
    if isinstance(value, slice):
        return f"slice({_literal(value.start)}, {_literal(value.stop)}, {_literal(value.step)})"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    return repr(value)
