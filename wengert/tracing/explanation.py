"""What a recording takes, keeps and leaves behind, and what it has become, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from ..ir import InstructionGraph, Interpreter, Value, format_effect
from ..native import NativeProgram, Runner, table
from .arguments import Place
from .later import Later
from .outside import Binding
from .places import is_plain
from .quantities import Condition
from .reads import Reads
from .results import Results
from .sources import Owner

MANY = 40
"""Of longer lists the rest is counted."""


class Explained(Protocol):
    """What a `Program` knows of its recording."""

    graph: InstructionGraph
    leaks: list[str]
    _key: tuple[Any, ...]
    _modes: tuple[Any, ...]
    _conditions: list[Condition]
    _reads: Reads
    _guards: list[tuple[Owner, bool | None, bool]]
    _bindings: dict[str, list[Binding]]
    _results: Results
    _run: Interpreter | Runner
    later: Later
    sizes: Any


def explain(program: Explained) -> str:
    """Inputs, captured state, guards, baked numbers, effects, outputs, native steps and calls of numpy with what they
    compute and move, memory, and how long each stage took."""
    graph = program.graph
    given = [f"{kind.__name__} {text}" for kind, text in program._key[1]
             if kind is not type(None) and not issubclass(kind, Place)]
    parts = {
        "inputs": [f"{value!r}: {value.spec}" for value in graph.inputs],
        **({} if program.sizes is None else {"sizes that vary": program.sizes.words()}),
        "captured state": [f"{value!r}: {value.spec}" for value in graph.states],
        "arguments that are part of the key": given,
        "guards": [*guards(program)],
        "baked constants": [*baked(program)],
        "effects": [*[format_effect(effect) for effect in graph.effects],
                    *[f"put {read.words} <- a result" for read, _ in program._results.kept], *program.later.words],
        "outputs": [
            f"{where!r}: {where.spec}" if type(where) is Value else getattr(where, "name", "")
            for where in program._results.where
        ],
        "native": [*native(program)],
        "leaked": program.leaks,
    }
    lines = [f"{graph.name}: {len(graph.instrs)} instructions"]
    for title, entries in parts.items():
        shown = entries if title == "native" else [*entries[:MANY], *[f"and {len(entries) - MANY} more"] * (
            len(entries) > MANY)]
        lines += [f"{title}:", *(f"  {entry}" for entry in shown or ["none"])]
    return "\n".join(lines)


def guards(program: Explained) -> Iterator[str]:
    """What must be so for a call to fit, beside its arguments. Plain values first; of other objects that they are the
    same is said in one line."""
    yield from program._modes
    yield from dict.fromkeys([f"{condition.words}: {condition.found}" for condition in program._conditions])
    others = []
    for read in program._reads:
        if is_plain(read.value) and read.value != ():
            yield f"{read.words} = {read.value!r:.60}"
        else:
            others.append(read.words)
    for source, there, _ in program._guards:
        if there is not None:
            yield f"{source.name}.grad is {'there' if there else 'None'}"
    if others:
        yield f"{len(others)} places hold what they held, or a tensor: {', '.join(others)}"
    if program._bindings:
        yield "states: shapes, dtypes, strides, hooks, whether they want gradients, which share memory"


def baked(program: Explained) -> Iterator[str]:
    """Constant arrays, and numbers with the instructions that they are in."""
    for value, array in program.graph.constants:
        yield f"{value!r}: {value.spec} = {np.array2string(array, threshold=8)}"
    numbers: dict[str, list[str]] = {}
    for instr in program.graph.instrs:
        for operand in instr.operands:
            if operand is not None and type(operand) is not Value:
                numbers.setdefault(repr(operand), []).append(f"{instr.primitive.name} {instr.results[0]!r}")
    for number, places in numbers.items():
        more = f" and {len(places) - 8} more" if len(places) > 8 else ""
        yield f"{number} in {', '.join(places[:8])}{more}"


def native(program: Explained) -> Iterator[str]:
    """Steps, memory and stages of the native program."""
    runner = program._run
    if isinstance(runner, Interpreter):
        yield "interpreted"
        return
    yield from runner.describe()
    if runner.program is not None:
        yield from steps(runner.program)
    if runner.stages.seconds:
        yield f"made in {runner.stages.total:.3f} s: {runner.stages}"


def steps(program: NativeProgram) -> Iterator[str]:
    """The steps with their operations and bytes; how long each takes, where `Compiled.profile` has measured that."""
    calls = [step for step in program.kernels if not step.native]
    yield f"steps ({len(program.kernels) - len(calls)} native, {len(calls)} of numpy):"
    yield from table(program.kernels).splitlines()
    memory = program.memory
    yield f"memory: {', '.join([f'{size:,} bytes {what}' for what, size in memory.items()])}"
    yield f"at most {sum(memory.values()):,} bytes beside inputs and states"
