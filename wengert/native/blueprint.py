"""What is left of a schedule when its code is written: numbers and names, of which a program is put together.

The one idea to know: a blueprint refers to nothing but the graph, and to that by numbers. So it can be kept on disk
(`keeping`), and a program put together of one that was read is the one it was written for. Places are pairs of a slot
of the frame and an offset in bytes, as in `entry`; arrays have the slots from `entry.FIRST` on, in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..compiler.jit import engine
from . import entry
from .functions import Functions, Work, slot_of
from .loops import Place, Shape
from .modules import modules_of
from .plan import Expr
from .schedule import Schedule
from .steps import Call, Product, Step


class Memory(NamedTuple):
    """An array of the frame: a `loops.Buffer` that is not in the arena."""

    kind: str
    dtype: str
    size: int

    @property
    def bytes(self) -> int:
        return self.size * np.dtype(self.dtype).itemsize


class Seen(NamedTuple):
    """An array that numpy is given: where it lies, the steps from neighbour to neighbour in bytes."""

    slot: int
    offset: int
    dtype: str
    shape: Shape
    strides: Shape


class Drawn(NamedTuple):
    """A generator that numpy is given, by its number."""

    number: int


class Known(NamedTuple):
    """A constant that numpy is given, by its number."""

    number: int


class Computed(NamedTuple):
    """An instruction that numpy computes, by its number, and the slots of its results. Operands are `Seen`, `Drawn`,
    `Known`, Python numbers or None."""

    instr: int
    operands: list[Any]
    results: list[int]


class Frame(NamedTuple):
    """Memory in the arena that is filled with a number before the program runs."""

    offset: int
    dtype: str
    size: int
    number: float


@dataclass(slots=True)
class Blueprint:
    """A program without its graph and its code. ``given`` arrays come first."""

    arrays: list[Memory]
    constants: list[np.ndarray[Any, Any]]
    """What the constants among ``arrays`` hold, and then what numpy alone is given."""
    fresh: list[tuple[int, Shape, Shape]]
    """The numbers of the arrays that are given out, their shapes, and their dimensions from the outermost on."""
    effects: list[int | None]
    """Which of ``fresh`` has the value of an effect; None where none does."""
    outputs: list[tuple[bool, int]]
    """Whether an output is made, and which of ``fresh`` it is, or else which of what is given."""
    arena: int
    frames: list[Frame]
    steps: list[Work | Computed]
    modules: list[tuple[str, list[str]]]
    """The key of each module's object on disk, and the names of the functions in its table."""
    cycles: float
    asks_openblas: bool


def blueprint_of(schedule: Schedule, functions: Callable[[Schedule], Functions] = Functions,
                 written: list[tuple[str, list[str]]] | None = None) -> tuple[Blueprint, list[str]]:
    """The blueprint of a schedule, and its modules in LLVM's language. ``functions`` says what its steps call;
    ``written`` are its modules, where they are there already."""
    arrays = [b for b in schedule.plan.buffers if b.kind in ("given", "constant", "fresh", "called")]
    for slot, buffer in enumerate(arrays, start=entry.FIRST):
        buffer.slot, buffer.offset = slot, 0
    for buffer in schedule.plan.buffers:
        if buffer.kind == "arena":
            buffer.slot = entry.ARENA
    made = {found[0]: (found[1].shape, _order_of(found[1]))
            for found in (*schedule.effects, *schedule.outputs) if type(found) is tuple}
    fresh = {buffer: number for number, buffer in enumerate(made)}
    constants = [schedule.plan.constants[buffer] for buffer in arrays if buffer.kind == "constant"]
    numbers = {id(instr): number for number, instr in enumerate(schedule.graph.instrs)}
    writer = functions(schedule)
    modules = modules_of([*writer.functions, *writer.products.functions], writer.addresses)
    found = Blueprint(
        [Memory(buffer.kind, buffer.dtype, buffer.size) for buffer in arrays],
        constants,
        [(buffer.slot - entry.FIRST, shape, order) for buffer, (shape, order) in made.items()],
        [None if effect is None else fresh[effect[0]] for effect in schedule.effects],
        [(False, output) if isinstance(output, int) else (True, fresh[output[0]]) for output in schedule.outputs],
        schedule.arena,
        [Frame(begin, buffer.dtype, buffer.size, buffer.frame[-1]) for begin, buffer in schedule.frames],
        [_computed(step, numbers[id(step.instr)], constants) if isinstance(step, Call) else step
         for step in writer.steps],
        [(engine().key(text), names) for names, text in modules] if written is None else written,
        writer.cycles,
        asks_openblas(schedule.steps),
    )
    return found, [text for _, text in modules]


def _order_of(x: Expr) -> Shape:
    """The dimensions of an array that is given out, in the order in which they lie. Those of size 1 lie anywhere, so
    they stay in their places: rows are rows, whatever their steps are."""
    strides = x.node.args[0].strides
    lying = iter(sorted([d for d, size in enumerate(x.shape) if size != 1], key=lambda d: (-strides[d], d)))
    return tuple([d if size == 1 else next(lying) for d, size in enumerate(x.shape)])


def asks_openblas(steps: Sequence[Step]) -> bool:
    """Whether a step is a product that OpenBLAS computes."""
    return any(type(step) is Product and step.cut is None for step in steps)


def _computed(call: Call, number: int, constants: list[np.ndarray[Any, Any]]) -> Computed:
    operands: list[Any] = []
    for x in call.operands:
        if type(x) is tuple and type(x[0]) is Place:
            place, shape = x
            slot, offset = slot_of(place)
            dtype = np.dtype(place.buffer.dtype)
            operands.append(Seen(slot, offset, dtype.name, shape, tuple([s * dtype.itemsize for s in place.strides])))
        elif type(x) is tuple:
            operands.append(Drawn(x[1]))
        elif isinstance(x, np.ndarray):
            operands.append(Known(len(constants)))
            constants.append(x)
        else:
            operands.append(x)
    return Computed(number, operands, [buffer.slot for buffer in call.results])
