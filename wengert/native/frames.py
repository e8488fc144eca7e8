"""How far the windows of a graph reach beyond the ends of what they read: the frames in which that is to stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..ir import Instr, Value
from ..prims.convolution import phase_of
from .loops import Shape

Widths = tuple[tuple[int, int], ...]


def frames_of(instrs: Iterable[Instr]) -> dict[Value, Widths]:
    """The values that convolutions read, and how far beyond their ends."""
    found: dict[Value, Widths] = {}
    for instr in instrs:
        for value, widths in beyond_of(instr):
            before = found.get(value, widths)
            found[value] = tuple([(max(a, c), max(b, d)) for (a, b), (c, d) in zip(before, widths, strict=True)])
    return found


def beyond_of(instr: Instr) -> Iterator[tuple[Value, Widths]]:
    """What a convolution reads, and how far beyond its ends; of its weight's gradient both operands."""
    name = instr.primitive.name
    if name not in ("convolution", "convolution_weight") or not all(type(x) is Value for x in instr.operands[:2]):
        return
    x, other = instr.operands[:2]
    sizes, out = x.spec.shape[2:], instr.results[0].spec.shape[2:]
    if 0 in (*x.spec.shape, *other.spec.shape, *instr.results[0].spec.shape):
        return
    if name == "convolution_weight":
        yield x, _beyond(instr.params, sizes, instr.params["kernel"], other.spec.shape[2:])
        yield other, ((0, 0),) * len(sizes)
    elif instr.params.get("transposed"):
        phases = phases_of(instr.params, other.spec.shape[2:], out, sizes)
        yield x, tuple([(max([0, *[p[1][0] for p in along if p]]), max([0, *[p[1][1] for p in along if p]]))
                        for along in phases])
    else:
        yield x, _beyond(instr.params, sizes, other.spec.shape[2:], out)


def _beyond(params: dict[str, Any], sizes: Shape, kernel: Shape, out: Shape) -> Widths:
    """How far the windows reach beyond an input of these sizes."""
    lines = zip(sizes, kernel, out, params["stride"], params["padding"], params["dilation"], strict=True)
    return tuple([(p, max(0, (m - 1) * s + d * (k - 1) + 1 - n - p)) for n, k, m, s, p, d in lines])


def phases_of(params: dict[str, Any], kernel: Shape, sizes: Shape, windows: Shape) -> list[list[Any]]:
    """The phases along each dimension of an adjoint of these sizes."""
    geometry = zip(params["stride"], kernel, params["padding"], params["dilation"], sizes, windows, strict=True)
    return [[phase_of((i + p) % s, s, k, p, d, n, count) for i in range(min(s, n))]
            for s, k, p, d, n, count in geometry]
