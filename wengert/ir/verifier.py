"""Checking that a graph is well formed, so that a fault shows where it was made and not later, as wrong numbers."""

from __future__ import annotations

from typing import Any

from ..core.spec import Spec
from .graph import Effect, GraphError, Instr, InstructionGraph, Value, format_effect, format_instr


def verify(graph: InstructionGraph) -> InstructionGraph:
    """Returns the graph if it is well formed; else raises `GraphError`, which names the instruction or effect.

    Every name is given once; every operand, effect and output is defined before it is used; the results have the specs
    that the primitive's rule gives for the operands; a write leaves its target's spec as it was, and no target is
    written twice.
    """
    defined: set[Value] = set()
    names: set[str] = set()

    def define(value: Value, instr: Instr | None = None) -> None:
        if value.name in names:
            where = f"the inputs of graph {graph.name}" if instr is None else format_instr(instr)
            raise GraphError(f"[verify] every value has a name of its own; got a second %{value.name}, in: {where}")
        names.add(value.name)
        defined.add(value)

    for value in (*graph.inputs, *graph.states, *graph.generators, *(value for value, _ in graph.constants)):
        define(value)
    for value, array in graph.constants:
        if tuple(array.shape) != value.spec.shape or array.dtype != value.spec.dtype.numpy:
            raise GraphError(
                f"[verify] constant %{value.name} is declared {value.spec}; got an array {array.dtype}{array.shape}"
            )
    checked: set[Any] = set()
    for instr in graph.instrs:
        known: list[Any] = [instr.primitive.name]  # all that `_check_specs` depends on
        for operand in instr.operands:
            if type(operand) is not Value:
                known += type(operand), operand
            elif operand in defined:
                known.append(operand.spec)
            else:
                raise GraphError(
                    f"[verify] operands are defined before they are used; got {operand!r}, in: {format_instr(instr)}"
                )
        known += instr.params.items()
        known += [result.spec for result in instr.results]
        _check_once(instr, tuple(known), checked)
        for result in instr.results:
            if result.name in names:
                define(result, instr)
            names.add(result.name)
            defined.add(result)
    targets = {value.name: value for value in (*graph.inputs, *graph.states)}
    done: set[tuple[bool, str]] = set()
    for effect in graph.effects:
        _check_effect(effect, defined, targets)
        place = (effect.kind == "write", effect.target)
        if place in done:
            raise GraphError(f"[verify] a target is written once; got a second effect on it: {format_effect(effect)}")
        done.add(place)
    for value in graph.outputs:
        if value not in defined:
            raise GraphError(f"[verify] outputs are defined values; got {value!r}, in: return of graph {graph.name}")
    return graph


def _check_once(instr: Instr, known: tuple[Any, ...], checked: set[Any]) -> None:
    """Checks an instruction of which this much is ``known``, unless one alike has been, or this cannot be compared."""
    try:
        done = known in checked
    except TypeError:
        _check_specs(instr)
        return
    if not done:
        _check_specs(instr)
        checked.add(known)


def _check_specs(instr: Instr) -> None:
    operands: list[Any] = [x.spec if type(x) is Value else x for x in instr.operands]
    try:
        found = instr.primitive.spec(*operands, **instr.params)
    except Exception as error:
        raise GraphError(f"[verify] the rule of {instr.primitive.name} does not take its operands: {error}; in: "
                         f"{format_instr(instr)}") from error
    specs = (found,) if isinstance(found, Spec) else tuple(found)
    declared = tuple(result.spec for result in instr.results)
    if specs != declared:
        raise GraphError(f"[verify] the rule of {instr.primitive.name} gives {', '.join(map(str, specs))}; got "
                         f"{', '.join(map(str, declared))}, in: {format_instr(instr)}")


def _check_effect(effect: Effect, defined: set[Value], targets: dict[str, Value]) -> None:
    where = format_effect(effect)
    if (effect.value is None) != (effect.kind == "clear"):
        raise GraphError(f"[verify] effects that write or set have a value, those that clear have none; got: {where}")
    if effect.value is not None and effect.value not in defined:
        raise GraphError(f"[verify] effects refer to defined values; got {effect.value!r}, in: {where}")
    if effect.kind == "write":
        target = targets.get(effect.target)
        if target is None:
            raise GraphError(f"[verify] an input or a state can be written to; got: {where}")
        if effect.value is not None and target.spec != effect.value.spec:
            raise GraphError(
                f"[verify] a write keeps its target's spec {target.spec}; got {effect.value.spec}, in: {where}"
            )
