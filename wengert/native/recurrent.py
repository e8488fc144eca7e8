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

from ..compiler.cells import Cell, Panels, Walk, cell
from ..compiler.jit import engine
from ..ir import Instr, Value
from ..prims.recurrent import check_steps, walk
from .loops import REALS, Place
from .plan import Expr
from .translation import Translation


def _sort(name: str, instr: Instr) -> str:
    if name == "rnn":
        return "relu" if instr.params.get("relu", False) else "tanh"
    return name


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


def _walked(t: Translation, name: str, instr: Instr, found: Cell, batch: int, weight: Expr, reads: list[Expr]
            ) -> dict[str, Expr]:
    """The steps: the weight laid out, and the walk. The answer is what it writes, by name.

    Assumed of the operands is what `check_steps` finds: the rows are those that the table of the walk names, and the
    states have a row for each sequence. `Walk.extents` says how far each operand is read or written, and the plan sees
    that this is inside its memory.
    """
    plan, machine, dtype = t.plan, engine().machine, found.dtype
    sizes, reverse = tuple(instr.params["sizes"]), instr.params.get("reverse", False)
    table = plan.constant(walk(sizes, reverse, batch, found.backward))
    rows = sum(sizes)
    panels = Panels(replace(found, offset=False), machine)
    source = _rows(t, weight).node.args[0]
    laid = plan.laid_by("weight laid out", panels, source, dtype, panels.elements)
    shapes = [(batch if wide < 0 else rows, abs(wide) * found.width) for wide in found.operands()[1].values()]
    writes = [plan.whole(plan.buffer("arena", dtype, prod(shape)), shape) for shape in shapes]
    sums = [] if found.backward else [
        Place(plan.buffer("arena", dtype, batch * found.product(machine).columns), 0, ())]
    plan.kernel(name, Walk(found, machine, rows, batch, len(sizes)),
                [_rows(t, table).node.args[0], laid, *[_rows(t, x).node.args[0] for x in reads]],
                [*[x.node.args[0] for x in writes], *sums])
    return dict(zip(found.operands()[1], writes, strict=True))


def _cell(instr: Instr, name: str, weight: Expr, batch: int, backward: bool) -> Cell:
    machine = engine().machine
    if weight.dtype not in REALS or 0 in weight.shape or not batch or not machine.fused:
        raise NotImplementedError("another dtype, or nothing")
    return cell(machine, _sort(name, instr), weight.dtype, weight.shape[1], backward, batch)


def _forward(name: str, t: Translation, instr: Instr) -> list[Expr]:
    weight_at = 3 if name == "lstm" else 2
    operands = [t.expr(x) for x in instr.operands if type(x) is Value]
    if len(operands) != len(instr.operands):
        raise NotImplementedError("a number")
    inputs, *states, weight = operands[:weight_at + 1]
    check_steps(name, weight.shape[0] // weight.shape[1], inputs, tuple(states), weight, instr.params["sizes"])
    found = _cell(instr, name, weight, states[0].shape[0], backward=False)
    inputs, row = _apart(t, inputs) if inputs.shape[0] > 1 else (inputs, None)
    offset = [] if row is None else [row]
    written = _walked(t, name, instr, replace(found, offset=bool(offset)), states[0].shape[0], weight,
                      [inputs, *offset, *operands[weight_at + 1:], *states])
    return [written["hs"], *[x for other, x in written.items() if other != "hs"], written["hs"]]


def _backward(name: str, t: Translation, instr: Instr) -> list[Expr]:
    count = 2 if name == "lstm" else 1
    given, rest = instr.operands[:1 + count], [t.expr(x) for x in instr.operands[1 + count:] if type(x) is Value]
    firsts, weight, saved = rest[:count], rest[count], rest[count + 1:]
    (batch, width), rows = firsts[0].shape, saved[-1].shape[0]
    check_steps(name, saved[0].shape[1] // width, saved[0], tuple(firsts), weight, instr.params["sizes"])
    found = _cell(instr, name, weight, batch, backward=True)
    cts = [_given(t, x, shape, weight.dtype)
           for x, shape in zip(given, [(rows, width), *[(batch, width)] * count], strict=True)]
    needed = {"lstm": [*saved[:2], firsts[1]] if name == "lstm" else [], "gru": [*saved, *firsts], "rnn": saved}[name]
    return [*_walked(t, f"{name}_gradient", instr, found, batch, weight, [*cts, *needed]).values()]


HANDLERS: dict[str, Any] = {name: partial(_forward, name) for name in ("lstm", "gru", "rnn")} | {
    f"{name}_gradient": partial(_backward, name) for name in ("lstm", "gru", "rnn")}
