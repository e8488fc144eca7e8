"""Convolutions of a program: as steps of generated code that find the windows where they lie.

The one idea to know: what a convolution reads stands in memory with its channels innermost and in a frame of zeros as
wide as the padding, written there by the nest that computes it. So padding and layout cost nothing, and what remains of
a convolution, of its adjoint in each phase, and of its weight's gradient, is strides (`compiler/channels.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from operator import itemgetter
from typing import Any

from ..compiler.channels import Axis, Windows, turned
from ..compiler.dots import Dots
from ..compiler.jit import engine
from ..compiler.places import Places
from ..compiler.winograd import winograd
from ..ir import Instr, Value
from .frames import beyond_of, phases_of
from .loops import REALS, Place, Shape
from .plan import Expr
from .translation import Translation

MOST_PHASES = 27
"""Phases of an adjoint, each of which is a step of its own."""

PARTS, MOST_SUMS, LEAST_WINDOWS = 16, 2**21, 256
"""A weight's gradient is summed up in so many parts at most, these have so many sums together, and a part that is not
of whole samples has so many windows at least."""


# --- what steps read and write ----------------------------------------------------------------------------------------


def _operands(t: Translation, instr: Instr) -> tuple[Expr, Expr]:
    """The two operands that all have, of one real dtype, and none of them empty."""
    if not all(type(x) is Value for x in instr.operands[:2]):
        raise NotImplementedError("a number")
    x, y = t.expr(instr.operands[0]), t.expr(instr.operands[1])
    if x.dtype not in REALS or y.dtype != x.dtype or 0 in (*x.shape, *y.shape, *instr.results[0].spec.shape):
        raise NotImplementedError("another dtype, or nothing")
    return x, y


def _place(x: Expr, shift: Sequence[int] = ()) -> Place:
    """Where an expression in memory begins, or where it would be so many elements further on in each of the last
    dimensions."""
    place: Place = x.node.args[0]
    steps = place.strides[len(place.strides) - len(shift):]
    return Place(place.buffer, place.offset + sum(a * b for a, b in zip(shift, steps, strict=True)), place.strides)


def _axes(sizes: Sequence[int], x: Sequence[int], y: Sequence[int]) -> tuple[Axis, ...]:
    return tuple([Axis(n, a, b) for n, a, b in zip(sizes, x, y, strict=True)])


def _times(x: Sequence[int], y: Sequence[int]) -> list[int]:
    return [a * b for a, b in zip(x, y, strict=True)]


def _packed(t: Translation, weight: Expr, groups: int, view: Callable[[Any], Any]) -> Expr:
    """A view of the weight as (groups, its channels, the input's channels, *kernel), laid out in rows."""
    split = (groups, weight.shape[0] // groups, *weight.shape[1:])
    return t.plan.in_memory(t.plan.viewed(weight, lambda array: view(array.reshape(split))), again=True)


def _bias(t: Translation, instr: Instr) -> list[Place]:
    """The bias in memory, if there is one."""
    if len(instr.operands) < 3 or instr.operands[2] is None:
        return []
    return [t.plan.in_memory(t.expr(instr.operands[2]), again=True).node.args[0]]


# --- the convolution and its adjoint ----------------------------------------------------------------------------------


def _convolution(t: Translation, instr: Instr) -> Expr:
    x, weight = _operands(t, instr)
    params, out = instr.params, instr.results[0]
    groups = params.get("groups", 1)
    result = t.plan.frame(tuple(out.spec.shape), x.dtype, t.frames.get(out, ((0, 0),) * (len(x.shape) - 2)))
    ((_, widths),) = beyond_of(instr)
    outer, inner = weight.shape[0] // groups, weight.shape[1]
    if params.get("transposed"):
        outer, inner = inner, outer
    each = groups > 1 and outer == inner == 1
    x = t.plan.framed(x, widths, last=each)
    bias = _bias(t, instr)
    if params.get("transposed"):
        _adjoint(t, instr, x, weight, bias, result)
        return result
    _windows(t, x, weight, (2, 1), (), bias, result, weight.shape[2:], params, params["padding"], groups, each)
    return result


def _windows(t: Translation, x: Expr, weight: Expr, channels: tuple[int, int], taken: tuple[slice, ...],
             bias: list[Place], out: Expr, kernel: Shape, params: dict[str, Any], padding: Sequence[int], groups: int,
             each: bool) -> None:
    """The step: every window of x, ``stride`` apart, to an element of out. ``channels`` are the dimensions of the
    weight, split into groups, that are summed over and that are left; ``taken`` are the places that are used of it."""
    source, target = _place(x, [-p for p in padding]), out.node.args[0]
    steps, to = source.strides, target.strides
    sizes = (x.shape[0], *out.shape[2:])
    windows = _axes(sizes, [steps[0], *_times(steps[2:], params["stride"])], [to[0], *to[2:]])
    places = _axes(kernel, _times(steps[2:], params["dilation"]), [0] * len(kernel))
    split, along = (groups, weight.shape[0] // groups, weight.shape[1]), [3 + d for d in range(len(kernel))]
    inner, outer = split[channels[0]], split[channels[1]]
    form: Windows | Dots = Windows(x.dtype, windows, places, 1 if each else groups, inner, groups if each else outer,
                                   steps[1], bool(bias), each)
    order = (*along, 0, *channels) if each else (0, *along, *channels)
    if not each and steps[1] == 1:
        machine, dots = engine().machine, Dots(x.dtype, windows, places, groups, inner, outer, bool(bias))
        if t.plan.choose("sort of convolution", lambda: dots.cycles(machine) < form.cycles(machine)):
            form, order = dots, (0, channels[1], *along, channels[0])
    block, fewer = 0, None
    if type(form) is Windows:
        plain = form
        if not t.plan.choose.shared:  # what it takes depends on whether sizes are even
            fewer = winograd(plain, engine().machine)
        if fewer is None:
            block = t.plan.choose("block of a weight", lambda: plain.blocked(engine().machine).block)
            form = replace(plain, block=block)
    laid = _packed(t, weight, groups, lambda array: turned(array[(..., *taken)], order, block)).node.args[0]
    if fewer is not None:
        laid = t.plan.laid_by("weight of a convolution", fewer.transform, laid, x.dtype, fewer.transform.made)
    t.plan.kernel("convolution", form if fewer is None else fewer, [source, laid, *bias], [target])


def _adjoint(t: Translation, instr: Instr, ct: Expr, weight: Expr, bias: list[Place], result: Expr) -> None:
    """One convolution of stride 1 for each phase of the result: Note [phases] of `prims/convolution.py`."""
    params, groups = instr.params, instr.params.get("groups", 1)
    rank = len(ct.shape) - 2
    inner, outer = weight.shape[0] // groups, weight.shape[1]
    each = groups > 1 and outer == inner == 1
    along = phases_of(params, weight.shape[2:], result.shape[2:], ct.shape[2:])
    every = list(product(*along))
    if len(every) > MOST_PHASES:
        raise NotImplementedError("a large stride")
    if any(phase is None for phases in every for phase in phases):
        filler = Expr((), t.plan.nodes.const(0.0, ct.dtype))
        if bias:
            filler = t.plan.viewed(t.plan.whole(bias[0].buffer, (result.shape[1],), offset=bias[0].offset),
                                   lambda array: array.reshape(-1, *(1,) * rank))
        t.plan.store(t.plan.expand(filler, result.shape), result.node.args[0])
    for phases in every:
        if any(phase is None for phase in phases):
            continue
        taken = tuple(phase[0] for phase in phases)
        kernel = tuple(len(range(k)[part]) for k, part in zip(weight.shape[2:], taken, strict=True))
        part = t.plan.viewed(result, itemgetter((..., *(phase[3] for phase in phases))))
        geometry = {"stride": (1,) * rank, "dilation": tuple(phase[2] for phase in phases)}
        _windows(t, ct, weight, (1, 2), taken, bias, part, kernel, geometry, [phase[1][0] for phase in phases], groups,
                 each)


# --- the gradient of the weight ---------------------------------------------------------------------------------------


def _weight(t: Translation, instr: Instr) -> Expr:
    x, ct = _operands(t, instr)
    params, groups = instr.params, instr.params.get("groups", 1)
    kernel, rank = tuple(params["kernel"]), len(x.shape) - 2
    inner, outer = x.shape[1] // groups, ct.shape[1] // groups

    def cut() -> tuple[int, int]:
        most = max(1, min(PARTS, MOST_SUMS // (prod(kernel) * inner * outer * groups)))
        parts, bands = min(x.shape[0], most), 1
        if 2 * parts <= most:
            bands = max(1, min(most // parts, ct.shape[2], prod(ct.shape[2:]) // LEAST_WINDOWS))
        return parts * bands, bands

    parts, bands = t.plan.choose("number of parts", cut)
    (_, widths), _ = beyond_of(instr)

    def form(x: Expr, ct: Expr, turned: bool, each: bool) -> Any:
        source, other = _place(x, [-p for p in params["padding"]]), _place(ct)
        steps, its = source.strides, other.strides
        strides = [_times(steps[2:], params["stride"]), list(its[2:])]
        places = [_times(steps[2:], params["dilation"]), [0] * rank]
        both = [[steps[0]], [its[0]]]
        order = (1, 0) if turned else (0, 1)
        windows = _axes(ct.shape[2:], *[strides[k] for k in order])
        if each:
            sizes, step = (1, 1, groups), 1
        else:
            sizes, step = (groups, *((outer, inner) if turned else (inner, outer))), (its if turned else steps)[1]
        made = Places(x.dtype, _axes((x.shape[0],), *[both[k] for k in order])[0], windows,
                      _axes(kernel, *[places[k] for k in order]), *sizes, step, parts, bands, each)
        return made, [(source, other)[k] for k in order]

    each = groups > 1 and inner == outer == 1
    x, ct, machine = t.plan.framed(x, widths), t.plan.framed(ct, ((0, 0),) * rank), engine().machine

    def is_turned() -> bool:
        straight, over = (form(x, ct, turned, False)[0].cycles(machine) for turned in (False, True))
        return bool(not each and over < straight)

    turned = t.plan.choose("order of a weight", is_turned)
    x = t.plan.framed(x, widths, last=turned or each)
    ct = t.plan.framed(ct, ((0, 0),) * rank, last=not turned)
    made, reads = form(x, ct, turned, each)
    shape = (parts, *kernel, groups) if each else (
        parts, groups, *kernel, *((outer, inner) if turned else (inner, outer)))
    buffer = t.plan.buffer("arena", x.dtype, prod(shape))
    sums = t.plan.whole(buffer, shape)
    t.plan.kernel("convolution_weight", made, reads, [sums.node.args[0]])
    total = t.plan.reduce("sum", sums, (0,), False, x.dtype)
    if each:
        order: Sequence[int] = (rank, *range(rank))
    else:
        channels = (rank + 1, rank + 2) if turned else (rank + 2, rank + 1)
        order = (0, *channels, *range(1, rank + 1))
    final = tuple(instr.results[0].spec.shape)
    turned_round = t.plan.viewed(total, lambda array: array.transpose(order))
    return t.plan.viewed(turned_round, lambda array: array.reshape(final))


HANDLERS: dict[str, Any] = {"convolution": _convolution, "convolution_weight": _weight}
