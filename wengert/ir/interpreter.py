"""Running a graph with numpy, instruction by instruction: the meaning of a graph, which machine code must equal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..core.primitive import evaluate
from .graph import Instr, InstructionGraph, Value


class Interpreter:
    """Runs a graph on arrays. Arrays that come in are only read; values are let go after their last use."""

    def __init__(self, graph: InstructionGraph) -> None:
        self.graph = graph

    @cached_property
    def _dropped(self) -> list[list[Value]]:
        """The values that nothing needs after each instruction."""
        kept, found = set(self.graph.roots()), []
        for instr in reversed(self.graph.instrs):
            last = [value for value in {*instr.values(), *instr.results} if value not in kept]
            kept.update(last)
            found.append(last)
        return found[::-1]

    def __call__(
        self, inputs: Sequence[np.ndarray], states: Sequence[np.ndarray] = (), generators: Sequence[Any] = ()
    ) -> tuple[list[Any], list[np.ndarray]]:
        """The values of the effects (None for those that clear) and the outputs. ``generators`` are moved on.

        They may be views of each other, of ``inputs`` and of ``states``: whoever writes to one copies it first.
        """
        graph = self.graph
        values: dict[Value, Any] = dict(graph.constants)
        values.update(zip(graph.inputs, inputs, strict=True))
        values.update(zip(graph.states, states, strict=True))
        values.update(zip(graph.generators, generators, strict=True))
        for instr, dropped in zip(graph.instrs, self._dropped, strict=True):
            operands = [values[x] if type(x) is Value else x for x in instr.operands]
            found = self.evaluated(instr, operands)
            for result, array in zip(
                instr.results, found if instr.primitive.multiple else (found,), strict=True
            ):
                values[result] = np.asarray(array)
            for value in dropped:
                del values[value]
        effects = [None if effect.value is None else values[effect.value] for effect in graph.effects]
        return effects, [values[value] for value in graph.outputs]

    def evaluated(self, instr: Instr, operands: list[Any]) -> Any:
        """What an instruction gives for these operands."""
        return evaluate(instr.primitive, operands, instr.params)
