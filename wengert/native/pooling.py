"""Pooling as passes over memory: every place of the kernel is a view of what lies in memory.

The one idea to know: an expression over the windows reads, at each place of the kernel, a view with the windows'
strides; the adjoint is an expression over the inputs of each phase (Note [phases] of `prims/convolution.py`), which
reads the few windows that they meet. So no pass is made a place, and nothing is added up in memory.
"""

from __future__ import annotations

from itertools import product
from math import prod
from operator import itemgetter
from typing import Any

import numpy as np

from ..ir import Instr, Value
from ..prims.pooling import widths_of
from .frames import Widths, phases_of
from .loops import REALS, Place, Shape
from .plan import Expr, lying_order
from .translation import Translation

WRITTEN_OUT, MOST_PLACES = 16, 32
"""Places of a kernel up to which they are terms of one expression; and up to which a position among them is found, and
the inputs are gone through phase by phase."""


def _operand(t: Translation, instr: Instr, at: int = 0) -> Expr:
    """An operand of a real dtype that is not empty."""
    value = instr.operands[at]
    if type(value) is not Value:
        raise NotImplementedError("a number")
    x = t.expr(value)
    if x.dtype not in REALS or not prod(x.shape) or not all(prod(result.spec.shape) for result in instr.results):
        raise NotImplementedError("another dtype, or nothing")
    return x


def _geometry(params: dict[str, Any]) -> dict[str, Any]:
    size = tuple(params["size"])
    return {"size": size, "stride": params["stride"], "padding": params["padding"],
            "dilation": params.get("dilation", (1,) * len(size))}


def _framed(t: Translation, x: Expr, windows: Shape, geometry: dict[str, Any], value: float) -> Expr:
    """An operand in memory, in a frame as wide as its windows reach."""
    sizes = x.shape[len(x.shape) - len(windows):]
    widths = widths_of(sizes, windows, **geometry)
    if all(low <= 0 and high <= 0 for low, high in widths):
        return t.plan.in_memory(x)
    return t.plan.framed(x, tuple([(max(low, 0), max(high, 0)) for low, high in widths]), value)


def _seen(t: Translation, x: Expr, windows: Shape, shift: list[int], step: Any) -> Expr:
    """The elements ``shift`` further on in the last dimensions, ``step`` apart, one per window."""
    place: Place = x.node.args[0]
    lead = len(x.shape) - len(windows)
    steps = place.strides[lead:]
    offset = place.offset + sum(a * b for a, b in zip(shift, steps, strict=True))
    strides = (*place.strides[:lead], *[0 if n == 1 else a * b for n, a, b in zip(windows, steps, step, strict=True)])
    return t.plan.whole(place.buffer, (*x.shape[:lead], *windows), strides, offset)


def _places(t: Translation, x: Expr, windows: Shape, geometry: dict[str, Any]) -> list[Expr]:
    """What the windows have at each place of the kernel, in the order of its rows."""
    along = [[i * d - p for i in range(k)]
             for k, d, p in zip(geometry["size"], geometry["dilation"], geometry["padding"], strict=True)]
    return [_seen(t, x, windows, list(shift), geometry["stride"]) for shift in product(*along)]


def _combined(op: str, name: str, value: float) -> Any:
    """The windows' extremes or sums."""

    def handle(t: Translation, instr: Instr) -> Expr:
        geometry, windows = _geometry(instr.params), _windows(instr)
        x = _framed(t, _operand(t, instr), windows, geometry, value)
        if prod(geometry["size"]) <= WRITTEN_OUT:
            first, *rest = _places(t, x, windows, geometry)
            for other in rest:
                first = t.apply(name, first, other)
            return first
        size, lead = geometry["size"], len(x.shape) - len(windows)
        first = _seen(t, x, windows, [-p for p in geometry["padding"]], geometry["stride"])
        place: Place = first.node.args[0]
        steps = [s * d for s, d in zip(x.node.args[0].strides[lead:], geometry["dilation"], strict=True)]
        every = t.plan.whole(place.buffer, (*first.shape, *size), (*place.strides, *steps), place.offset)
        rank = len(first.shape)
        return t.reduced(op, every, tuple(range(rank, rank + len(size))), keepdim=False)

    return handle


def _windows(instr: Instr) -> Shape:
    return tuple(instr.results[0].spec.shape[-len(instr.params["size"]):])


def _winner(t: Translation, instr: Instr) -> Expr:
    """The place where each window's maximum stands: of equal ones the first, of NaNs the last."""
    geometry, windows = _geometry(instr.params), _windows(instr)
    if prod(geometry["size"]) > MOST_PLACES:
        raise NotImplementedError("a large kernel")
    x, best = _framed(t, _operand(t, instr), windows, geometry, -np.inf), _operand(t, instr, 1)
    dtype = instr.results[0].spec.dtype.name
    found = _places(t, x, windows, geometry)
    nodes = t.plan.nodes
    winner = nodes.const(len(found) - 1, dtype)
    here = t.plan.expand(best, found[0].shape).node
    for number, seen in reversed(list(enumerate(found[:-1]))):
        equal = nodes.node("eq", (seen.node, here), "bool", seen.dtype)
        winner = nodes.node("select", (equal, nodes.const(number, dtype), winner), dtype)
    for number, seen in enumerate(found):
        winner = nodes.node("select", (nodes.node("isnan", (seen.node,), "bool", seen.dtype),
                                       nodes.const(number, dtype), winner), dtype)
    return Expr(found[0].shape, winner)


def _take(t: Translation, instr: Instr) -> Expr:
    geometry, windows = _geometry(instr.params), _windows(instr)
    if prod(geometry["size"]) > MOST_PLACES:
        raise NotImplementedError("a large kernel")
    x, winner = _framed(t, _operand(t, instr), windows, geometry, 0), t.expr(instr.operands[1])
    found = Expr(winner.shape, t.plan.nodes.const(0.0, x.dtype))
    for number, seen in enumerate(_places(t, x, windows, geometry)):
        found = _where(t, winner, number, seen, found)
    return found


def _where(t: Translation, winner: Expr, number: int, x: Expr, other: Expr) -> Expr:
    """x where the winner has this number, else other."""
    nodes = t.plan.nodes
    equal = nodes.node("eq", (winner.node, nodes.const(number, winner.dtype)), "bool", winner.dtype)
    return Expr(x.shape, nodes.node("select", (equal, x.node, other.node), x.dtype))


def _spread(t: Translation, instr: Instr) -> Expr:
    """What windows have, added to the inputs that they cover; of `window_put` only where the winner stood."""
    ct, geometry = _operand(t, instr), _geometry(instr.params)
    size, rank, shape = geometry["size"], len(geometry["size"]), tuple(instr.results[0].spec.shape)
    windows, sizes = ct.shape[len(ct.shape) - rank:], shape[len(shape) - rank:]
    if instr.primitive.name == "window_spread" and geometry["stride"] == size and not any(geometry["padding"]) and (
            sizes == tuple([n * k for n, k in zip(windows, size, strict=True)])):
        return _repeated(t, ct, size, shape)
    if prod(geometry["stride"]) > MOST_PLACES or prod(size) > MOST_PLACES:
        raise NotImplementedError("a large kernel")
    along = [[_clipped(phase, n, count) for phase in phases] for phases, n, count in zip(
        phases_of(geometry, size, sizes, windows), sizes, windows, strict=True)]
    widths: Widths = tuple([(max([0, *[p[1][0] for p in phases if p]]), max([0, *[p[1][1] for p in phases if p]]))
                            for phases in along])
    ct = t.plan.framed(ct, widths)
    winner = t.expr(instr.operands[1]) if instr.primitive.name == "window_put" else None
    if winner is not None and prod(size) > prod([sum(map(bool, phases)) for phases in along]):
        winner = t.plan.framed(winner, widths)  # inputs of one phase meet several windows
    result = t.plan.frame(shape, ct.dtype, t.frames.get(instr.results[0], ((0, 0),) * rank))
    whole: Place = result.node.args[0]
    reached = [sum(len(range(n)[p[3]]) for p in phases if p) for phases, n in zip(along, sizes, strict=True)]
    if reached != list(sizes):
        t.plan.store(Expr(shape, t.plan.nodes.const(0.0, ct.dtype)), whole)
    first = t.plan.written.get(whole.buffer, -1) + 1
    for phases in product(*along):
        if all(phases):
            target = t.plan.viewed(result, itemgetter((..., *[phase[3] for phase in phases])))
            value = _of_phase(t, ct, winner, size, phases, target.shape[len(shape) - rank:])
            t.plan.lay(value, target, lying_order(target.shape, target.node.leaves), first, apart=True)
    return result


def _repeated(t: Translation, ct: Expr, size: Shape, shape: Shape) -> Expr:
    """Windows side by side: each element repeated to its window."""
    rank = len(size)
    lead, windows = ct.shape[:len(ct.shape) - rank], ct.shape[len(ct.shape) - rank:]
    pairs = [n for pair in zip(windows, size, strict=True) for n in pair]
    single = [n for count in windows for n in (count, 1)]
    wide = t.plan.expand(t.plan.viewed(ct, lambda array: array.reshape(*lead, *single)), (*lead, *pairs))
    return t.plan.viewed(wide, lambda array: array.reshape(shape))


def _clipped(phase: Any, size: int, windows: int) -> Any:
    """A phase whose inputs meet one window each, of which those that meet none are left out."""
    if phase is None or len(range(phase[0].start, -1 if phase[0].stop is None else phase[0].stop, phase[0].step)) > 1:
        return phase
    taken, (before, _), apart, inputs = phase
    met = range(size)[inputs][max(before, 0):max(windows + before, 0)]
    return (taken, (min(before, 0), 0), apart, slice(met.start, met.stop, met.step)) if met else None


def _of_phase(t: Translation, ct: Expr, winner: Expr | None, size: Shape, phases: Any, inputs: Shape) -> Expr:
    """The sum over the windows that the inputs of a phase meet."""
    total: Expr | None = None
    for term in product(*[list(enumerate(range(k)[phase[0]])) for k, phase in zip(size, phases, strict=True)]):
        shift = [m * phase[2] - phase[1][0] for (m, _), phase in zip(term, phases, strict=True)]
        seen = _seen(t, ct, inputs, shift, (1,) * len(size))
        if winner is not None:
            if winner.node.op == "load":
                here = _seen(t, winner, inputs, shift, (1,) * len(size))
            else:
                part = [slice(begin, begin + n) for begin, n in zip(shift, inputs, strict=True)]
                here = t.plan.viewed(winner, itemgetter((..., *part)))
            number = int(np.ravel_multi_index([place for _, place in term], size))
            seen = _where(t, here, number, seen, Expr(seen.shape, t.plan.nodes.const(0.0, ct.dtype)))
        total = seen if total is None else t.apply("add", total, seen)
    assert total is not None
    return total


HANDLERS: dict[str, Any] = {
    "max_pool": _combined("max", "maximum", -np.inf), "window_sum": _combined("sum", "add", 0.0),
    "window_winner": _winner, "window_take": _take, "window_put": _spread, "window_spread": _spread,
}
