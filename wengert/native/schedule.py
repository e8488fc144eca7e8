"""A plan with its ends: what is given out, what is written where it lies, and where everything lies in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ..ir import InstructionGraph
from . import indexing, losses, multiplied, norms, pooling, rearranged, recurrent, windows
from .checks import check
from .factored import factored
from .handing import handed_on
from .joining import joined
from .loops import Buffer, Nest, Place, Store
from .plan import Choices, Expr, Plan, lying_order, row_major, strides_in
from .sparing import spared
from .steps import Layout, Product, Step, places_read, places_written
from .tails import with_tails
from .translation import Lying, Translation
from .turned import turned

HANDLERS = {**indexing.HANDLERS, **losses.HANDLERS, **multiplied.HANDLERS, **norms.HANDLERS, **pooling.HANDLERS,
            **rearranged.HANDLERS, **recurrent.HANDLERS, **windows.HANDLERS}

LINE = 64
"""Buffers of the arena begin on lines of the cache."""


ON_THE_STACK = 2**17
"""Bytes of panels that a product lays out in memory of its own at most."""


class Schedule:
    """The steps of a graph, the buffer of each effect's value and of each output, and the arena's size.

    Where ``in_place``, writes into the memory of states and inputs are steps too; their effects have the buffer None.
    Else outputs that are inputs or states are these themselves, by their number. Outputs of which the numbers are
    ``loose`` may lie with their dimensions in any order, as it suits the steps that write them; all others lie in rows.
    """

    def __init__(self, graph: InstructionGraph, given: Sequence[Lying | np.ndarray[Any, Any]], in_place: bool,
                 choices: Choices | None = None, loose: frozenset[int] = frozenset()) -> None:
        self.graph = graph
        self.like: Schedule | None = None
        self.translation = Translation(graph, given, HANDLERS, choices)
        self.plan: Plan = self.translation.plan
        self.given = self.translation.given
        self.effects: list[tuple[Buffer, Expr] | None] = []
        whole = {} if in_place else {value: at for at, value in enumerate((*graph.inputs, *graph.states))}
        self.outputs: list[tuple[Buffer, Expr] | int] = [
            whole[value] if value in whole else self._given_out(self.translation.expr(value), number in loose)
            for number, value in enumerate(graph.outputs)]
        targets = {value.name: value for value in (*graph.inputs, *graph.states)}
        writes: list[tuple[Expr, Expr]] = []
        for effect in graph.effects:
            if effect.value is None:
                self.effects.append(None)
            elif effect.kind == "write" and in_place:
                writes.append((self.translation.expr(targets[effect.target]), self.translation.expr(effect.value)))
                self.effects.append(None)
            else:
                self.effects.append(self._given_out(self.translation.expr(effect.value)))
        self._write(writes)
        steps = joined(list(_read_later(self.plan.steps))[::-1], self.plan.nodes)
        steps = handed_on(steps, self.plan)
        if not self.plan.choose.shared:  # for some sizes turning a product would pay, for others not
            steps = turned(steps, self.plan)
        self.steps: list[Step] = with_tails(list(_read_later(steps))[::-1], self.plan)
        if not self.plan.choose.shared:  # which tiles there are depends on the sizes
            spared(self.steps, self.plan)
        factored(self.steps, self.plan.nodes)
        _keep_to_themselves(self.steps, self.plan.choose.shared)
        self.lay()

    @classmethod
    def put_together(cls, graph: InstructionGraph, plan: Plan, steps: Sequence[Step], effects: Sequence[Any],
                     outputs: Sequence[Any], like: Schedule) -> Schedule:
        """The schedule of a plan that is there, step by step that of another one ``like`` it; it is yet to be laid."""
        made = cls.__new__(cls)
        made.graph, made.plan, made.steps, made.like = graph, plan, list(steps), like
        made.effects, made.outputs = list(effects), list(outputs)
        return made

    def lay(self) -> None:
        """Checks the steps, and gives every buffer its place."""
        for step in self.steps:
            check(step)
        self.frames: list[tuple[int, Buffer]] = []
        """Where in the arena a frame begins, and a buffer that lies in it."""
        self.arena = self._arranged()

    def _given_out(self, x: Expr, loose: bool = False) -> tuple[Buffer, Expr]:
        """The buffer of an array that the caller gets, and its elements there."""
        node, plan = x.node, self.plan
        order = lying_order(x.shape, node.leaves) if loose else tuple(range(len(x.shape)))
        strides = strides_in(x.shape, order)
        place: Place | None = node.args[0] if node.op == "load" else None
        if (place is not None and place.buffer.kind == "arena" and place.buffer.frame is None and not place.offset
                and place.strides == strides and place.buffer.size == prod(x.shape)):
            place.buffer.kind = "fresh"
            return place.buffer, x
        buffer = plan.buffer("fresh", x.dtype, prod(x.shape))
        whole = plan.whole(buffer, x.shape, strides)
        plan.lay(x, whole, order)
        return buffer, whole

    def _write(self, writes: list[tuple[Expr, Expr]]) -> None:
        """Writes come after all that may fail, and after the last look at what was there; else by way of a copy."""
        plan = self.plan
        roots: list[tuple[Expr, Place, Nest]] = []
        for target, value in writes:
            place = target.node.args[0]
            if value.node is target.node or not prod(target.shape):
                continue
            nest, place = plan.store(value, place, first=plan.barrier + 1)
            roots.append((target, place, nest))
        reads = [[*places_read(step)] for step in plan.steps]
        last = {read.buffer: at for at, found in enumerate(reads) for read in found}
        number = {id(step): at for at, step in enumerate(plan.steps)}
        writers: dict[Buffer, set[int]] = {}
        for _, place, nest in roots:
            writers.setdefault(place.buffer, set()).add(number[id(nest)])
        for target, place, nest in roots:
            at = number[id(nest)]
            late = last.get(place.buffer, -1) > at or len(writers[place.buffer]) > 1
            if late or any(read.buffer is place.buffer and read != place for read in reads[at]):
                between = plan.buffer("arena", place.buffer.dtype, prod(target.shape))
                root = next(r for r in nest.roots if type(r) is Store and r.place is place)
                root.place = Place(between, 0, row_major(nest.shape))
                plan.written[between] = at
                final = Nest(nest.shape, [Store(plan.nodes.load(root.place), place)])
                plan.steps.append(final)

    def _arranged(self) -> int:
        """Gives every buffer of the arena its place: none that are in use at the same time overlap."""
        life: dict[Buffer, list[int]] = {}
        for at, step in enumerate(self.steps):
            for place in (*places_read(step), *places_written(step)):
                if place.buffer.kind == "arena":
                    life.setdefault(place.buffer, [at, at])[1] = at
        placed: list[tuple[int, int, int]] = []  # the last step, begin and end
        size = 0
        for buffer, (first, last) in sorted(life.items(), key=lambda item: item[1][0]):
            if buffer.frame is not None:
                continue
            placed = [entry for entry in placed if entry[0] >= first]
            begin, need = 0, -(-buffer.bytes // LINE) * LINE
            for _, low, high in sorted(placed, key=lambda entry: entry[1]):
                if low - begin >= need:
                    break
                begin = max(begin, high)
            buffer.offset = begin
            placed.append((last, begin, begin + need))
            size = max(size, begin + need)
        return self._framed(life, size)

    def _framed(self, life: dict[Buffer, list[int]], size: int) -> int:
        """Buffers with a frame stand behind the others, those with equal frames in the same memory, where they are not
        in use at the same time."""
        rooms: dict[Any, list[list[int]]] = {}  # the place and the last step of each room
        for buffer, (first, last) in sorted(life.items(), key=lambda item: item[1][0]):
            if buffer.frame is None:
                continue
            key = buffer.frame, buffer.dtype
            room = next((room for room in rooms.setdefault(key, []) if room[1] < first), None)
            if room is None:
                room = [size, last]
                rooms[key].append(room)
                self.frames.append((size, buffer))
                size += -(-buffer.bytes // LINE) * LINE
            buffer.offset, room[1] = room[0], last
        return size


def _keep_to_themselves(steps: Sequence[Step], shared: bool) -> None:
    """Products that lay out panels which nothing else reads do so in memory of their own; of code that is ``shared`` by
    several sizes those that go by parts of the depth, as how much memory that is must be known."""
    read = {place.buffer for step in steps for place in places_read(step)}
    for step in steps:
        if type(step) is not Product or step.panels is None or step.panels not in step.lays:
            continue
        cut = step.cut
        assert cut is not None
        size = cut.own_lines * cut.width * np.dtype(cut.dtype).itemsize
        if step.panels.buffer in read or size > ON_THE_STACK or shared and not cut.cut:
            continue
        step.cut = replace(cut, alone=True)
        step.lays = tuple([place for place in step.lays if place is not step.panels])
        step.laid = step.right.place if step.laid is step.panels else step.laid
        step.panels = step.right.place


def _read_later(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps from the last to the first, without what nests and products would leave in the arena and nobody reads:
    a nest that computes a value and uses it need not store it."""
    read: set[Buffer] = set()
    for step in reversed(steps):
        if type(step) is Nest:
            step.roots = [root for root in step.roots if root.place.buffer.kind != "arena" or root.place.buffer in read]
            if not step.roots:
                continue
        elif type(step) in (Product, Layout) and all(
                place.buffer.kind == "arena" and place.buffer not in read for place in places_written(step)):
            continue
        read.update(place.buffer for place in places_read(step))
        yield step
