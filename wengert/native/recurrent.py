"""Recurrent layers of a program: the time loop of one direction as a step of generated code (`compiler/cells.py`).

The one idea to know: the product of the inputs before the loop, and those of the weights' gradients after it, are
instructions of the graph like any others; what is here is what one step needs of the step before. The weight is laid
out by a step of its own, once, however many layers, or steps of a loop over cells, read it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

from ..compiler.cells import GATES, Cell, Panels, Walk, cell, parts_of
from ..compiler.jit import engine
from ..ir import Instr, Value
from ..prims.recurrent import check_steps, walk
from .loops import REALS, Place
from .plan import Expr
from .translation import Translation


def _rows(t: Translation, x: Expr) -> Expr:
    """An expression in memory, in rows."""
    return t.plan.in_memory(x, again=True)


def _apart(t: Translation, x: Expr) -> tuple[Expr, Expr | None]:
    """Rows to all of which one row is added, and that row, if there is one: so that the sum need not be written."""
    if x.node.op == "add":
        for rest, row in (x.node.args, x.node.args[::-1]):
            if row.leaves and not any(leaf.strides[0] for leaf in row.leaves):
                node = t.plan.mapped(row, lambda place: Place(place.buffer, place.offset, place.strides[1:]))
                return Expr(x.shape, rest), Expr(x.shape[1:], node)
    return x, None


def _given(t: Translation, operand: Any, shape: tuple[int, ...], dtype: str) -> Expr:
    """A cotangent, zeros where there is none."""
    if operand is None:
        return Expr(shape, t.plan.nodes.const(0.0, dtype))
    return t.expr(operand)


def _walked(t: Translation, name: str, instr: Instr, found: Cell, batch: int, weights: list[Expr], reads: list[Expr]
            ) -> dict[str, Expr]:
    """The steps: the weights laid out, and the walk. The answer is what it writes, by name.

    Assumed of the operands is what `check_steps` finds: the rows are those that the table of the walk names, and the
    states have a row for each sequence. `Walk.extents` says how far each operand is read or written, and `checks` sees
    that this is inside its memory.
    """
    plan, machine, dtype = t.plan, engine().machine, found.dtype
    sizes, reverse = tuple(instr.params["sizes"]), instr.params.get("reverse", False)
    parts = plan.choose("number of parts", lambda: parts_of(batch))
    table, rows = plan.constant(walk(sizes, reverse, batch, found.backward, parts).reshape(-1, 4)), sum(sizes)
    laid = []
    for which, weight in zip(found.weights(), weights, strict=True):
        panels = Panels(replace(found, offset=False), machine, which)
        laid.append(plan.laid_by("weight laid out", panels, _rows(t, weight).node.args[0], dtype, panels.elements))

    def memory(shape: tuple[int, ...]) -> Expr:
        return plan.whole(plan.buffer("arena", dtype, prod(shape)), shape)

    writes = {key: memory(shape) for key, shape in found.operands(rows, batch)[1].items()}
    made = [*writes.values(), *map(memory, found.scratch(machine, batch).values())]
    plan.kernel(name, Walk(found, machine, rows, batch, len(sizes), parts),
                [_rows(t, table).node.args[0], *laid, *[_rows(t, x).node.args[0] for x in reads]],
                [x.node.args[0] for x in made])
    return writes


def _cell(t: Translation, name: str, instr: Instr, inputs: Expr, states: list[Expr], weights: list[Expr],
          backward: bool) -> Cell:
    """The code for these operands, which fit together."""
    machine, sort = engine().machine, name.partition("_")[0]
    weight, *projections = weights
    if weight.dtype not in REALS or not machine.fused or 0 in (
            *[n for x in weights for n in x.shape], states[0].shape[0]):
        raise NotImplementedError("another dtype, or nothing")
    projection = projections[0] if projections else None
    sort = ("relu" if instr.params.get("relu", False) else "tanh") if sort == "rnn" else sort
    check_steps(name, GATES[sort], inputs, tuple(states), weight, instr.params["sizes"], projection)
    made: Cell = t.plan.choose("cell", lambda: cell(
        machine, sort, weight.dtype, weight.shape[0] // GATES[sort], backward, states[0].shape[0],
        0 if projection is None else projection.shape[0]))
    return made


def _forward(name: str, t: Translation, instr: Instr) -> list[Expr]:
    inputs, *operands = [t.expr(x) for x in instr.operands if type(x) is Value]
    if len(operands) + 1 != len(instr.operands):
        raise NotImplementedError("a number")
    bias = [operands.pop()] if name == "gru" else []
    count = 2 if name.startswith("lstm") else 1
    states, weights = operands[:count], operands[count:]
    found = _cell(t, name, instr, inputs, states, weights, backward=False)
    inputs, row = _apart(t, inputs) if inputs.shape[0] > 1 else (inputs, None)
    offset = [] if row is None else [row]
    written = _walked(t, name, instr, replace(found, offset=bool(offset)), states[0].shape[0], weights,
                      [inputs, *offset, *bias, *states])
    return [*written.values(), written["hs"]]


def _backward(name: str, t: Translation, instr: Instr) -> list[Expr]:
    count, saves = (2, 3) if name.startswith("lstm") else (1, 3) if name == "gru" else (1, 1)
    given, rest = instr.operands[:1 + count], [t.expr(x) for x in instr.operands[1 + count:] if type(x) is Value]
    states, weights, saved = rest[:count], rest[count:-saves], rest[-saves:]
    found = _cell(t, f"{name}_gradient", instr, saved[0], states, weights, backward=True)
    shapes = found.operands(saved[0].shape[0], states[0].shape[0])[0]
    cts = [_given(t, x, shape, found.dtype) for x, shape in zip(given, shapes.values(), strict=False)]
    needed = [*saved[:2], states[1]] if count == 2 else [*saved, *states] if name == "gru" else saved
    return [*_walked(t, f"{name}_gradient", instr, found, states[0].shape[0], weights, [*cts, *needed]).values()]


_NAMES = "lstm", "lstm_projected", "gru", "rnn"
HANDLERS: dict[str, Any] = {name: partial(_forward, name) for name in _NAMES} | {
    f"{name}_gradient": partial(_backward, name) for name in _NAMES}
