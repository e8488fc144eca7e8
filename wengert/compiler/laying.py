"""Weights of convolutions as the code of blocks reads them (`blocks.py`), and their gradients back as weights lie; and
copies in rows of what lies otherwise.

The one idea to know: a weight has the places of the kernel as neighbours, the code wants output channels to be. For
one input channel that is a matrix turned round (`turning.py`), whatever the steps from one channel to the next: so the
weight of an adjoint, whose channels change places and whose kernel is turned about, is laid out from where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..core.generated import LARGE
from . import memory, threads
from .code import POINTER, Code, module
from .jit import engine
from .kernels import generated_code_is_possible
from .turning import turning
from .vectors import Vectors

Array = np.ndarray[Any, Any]

_WORDS = ("source", "target", "source_step", "target_step", "rows", "columns", "second", "third", "source_first",
          "source_second", "source_third", "target_first", "target_second", "target_third")


class Laying(NamedTuple):
    """Matrices that are turned round: ``sizes`` of them in three dimensions, each with its steps in source and target.
    Row i of a matrix, ``source_step * i`` elements on, becomes column i, whose elements are ``target_step`` apart. The
    first one begins ``first`` elements after the source and the target. All numbers are elements."""

    sizes: tuple[int, int, int]
    source_steps: tuple[int, int, int]
    target_steps: tuple[int, int, int]
    source_step: int
    target_step: int
    rows: int
    columns: int
    first: tuple[int, int] = (0, 0)


class Prepared:
    """A `Laying` of one dtype, to be run."""

    def __init__(self, laying: Laying, dtype: str) -> None:
        size = 4 if dtype == "float32" else 8
        self._kernel, self._count = _kernel(dtype), prod(laying.sizes)
        self._before = laying.first[0] * size, laying.first[1] * size
        self._work = self._count * laying.rows * laying.columns
        self._tables = threads.Tables([0, 0, laying.source_step, laying.target_step, laying.rows, laying.columns,
                                       *laying.sizes[1:], *laying.source_steps, *laying.target_steps])

    def run(self, source: Array, target: Array) -> None:
        """Turns all matrices of ``source`` into ``target``, which begin where these do."""
        numbers = self._tables.take()
        numbers[:2] = (memory.address(source) + self._before[0], memory.address(target) + self._before[1])
        self._kernel.run(self._count, self._work, numbers)
        self._tables.give(numbers)


def of_weight(weight: Array, groups: int, block: int, each: bool) -> Prepared | None:
    """What lays a weight that lies as this one (groups times outer, inner, *kernel) out as ``(group, outer / block,
    place, inner, block)``, or where every channel is a group (``each``) as ``(place, group)``; None where its places
    are no neighbours."""
    size, places, dtype = weight.itemsize, prod(weight.shape[2:]), weight.dtype.name
    sense = _sense(weight.shape[2:], weight.strides[2:], size)
    if not sense or any(step % size for step in weight.strides[:2]):
        return None
    o, c = (step // size for step in weight.strides[:2])
    inner, outer, blocks = weight.shape[1], weight.shape[0] // groups, weight.shape[0] // groups // block
    line = groups if each else inner * block
    first = (1 - places, (places - 1) * line) if sense < 0 else (0, 0)
    if each:
        return Prepared(Laying((1, 1, 1), (0, 0, 0), (0, 0, 0), o, sense * line, groups, places, first), dtype)
    part = places * line
    return Prepared(Laying((groups, blocks, inner), (o * outer, o * block, c), (part * blocks, part, block), o,
                           sense * line, block, places, first), dtype)


def of_gradient(groups: int, outer: int, inner: int, places: int, each: bool, dtype: str) -> Prepared:
    """What lays the sums of a gradient as the weight lies."""
    if each:
        return Prepared(Laying((1, 1, 1), (0, 0, 0), (0, 0, 0), groups, places, places, groups), dtype)
    whole = outer * inner * places
    return Prepared(Laying((groups, 1, inner), (whole, 0, outer), (whole, 0, places), inner * outer, inner * places,
                           places, outer), dtype)


BAND = 64
"""So many elements of each row are turned at once where that divides them, so that threads share a matrix."""


def in_rows(x: Array) -> Array | None:
    """A copy in row-major order of an array whose last dimension is none of neighbours in memory, while another is;
    None where numpy should copy it: few elements, elements of other sizes than 4 and 8 bytes, steps back, or more than
    three other dimensions, one of them to be cut."""
    size = x.itemsize
    if x.size < LARGE or size not in (4, 8) or x.dtype.hasobject or not generated_code_is_possible() or any(
            step % size or step < 0 for step in x.strides):
        return None
    out = np.empty(x.shape, x.dtype)
    dims = [(n, step // size, own // size)
            for n, step, own in zip(x.shape, x.strides, out.strides, strict=True) if n > 1]
    near = next((d for d in dims if d[1] == 1), None)
    if near is None or dims[-1][2] != 1 or dims[-1] is near:
        return None
    rows, columns, others = dims[-1], near[0], [d for d in dims[:-1] if d is not near]
    if len(others) < 3 and columns % BAND == 0:
        others.append((columns // BAND, BAND, BAND * near[2]))
        columns = BAND
    if len(others) > 3 or min(rows[0], columns) < SMALLEST:
        return None
    others = [(1, 0, 0)] * (3 - len(others)) + others
    sizes, steps, own_steps = zip(*others, strict=True)
    laying = Laying(sizes, steps, own_steps, rows[1], near[2], rows[0], columns)
    Prepared(laying, "float32" if size == 4 else "float64").run(x, out)
    return out


SMALLEST = 4
"""Rows and columns from which on a matrix is turned by squares."""


def _sense(sizes: Sequence[int], strides: Sequence[int], width: int) -> int:
    """1 where elements of these sizes and strides are neighbours in memory, in order, -1 where they are in the order
    turned about; 0 otherwise. ``width`` is an element's."""
    found, step = 0, width
    for size, stride in zip(reversed(sizes), reversed(strides), strict=True):
        if size > 1:
            sign = 1 if stride == step else -1 if stride == -step else 0
            if not sign or found == -sign:
                return 0
            found = sign
        step *= size
    return found or 1


@cache
def _kernel(dtype: str) -> threads.Parts:
    """``void kernel(ptr operands, i64 start, i64 stop)``: the matrices of these numbers. ``operands`` has one entry, a
    table with `_WORDS`."""
    code, machine = Code(), engine().machine
    v = Vectors(code, dtype, machine)
    operands, start, stop = code.parameters
    table = code.address(operands, 0)
    slots = {name: code.address(table, k) if k < 2 else code.word(table, k) for k, name in enumerate(_WORDS)}
    assert slots["source"].type == POINTER
    with code.loop(stop, start=start) as item:
        third, left = code.rest(item.index, slots["third"]), code.div(item.index, slots["third"])
        second, first = code.rest(left, slots["second"]), code.div(left, slots["second"])
        here = []
        for name in ("source", "target"):
            at = code.add(code.mul(first, slots[f"{name}_first"]), code.mul(second, slots[f"{name}_second"]))
            here.append(v.at(slots[name], code.add(at, code.mul(third, slots[f"{name}_third"]))))
        code.call("void", "turn", here[0], slots["source_step"], here[1], slots["target_step"], slots["rows"],
                  slots["columns"])
    code.done()
    return threads.Parts(module(code, *turning("turn", dtype, machine)))
