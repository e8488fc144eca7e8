"""The code that runs the steps of a program: one for all programs, as what differs stands in tables.

The one idea to know: a step is a function of a program's machine code and the places that it works on, and a place is a
slot of the frame and an offset. So steps are numbers in a table, which costs nothing to make; were they code, LLVM
would spend a third of its time on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from ..compiler import memory, threads
from ..compiler.code import POINTER, WORD, Code, Operand, module, word
from ..compiler.jit import Library, engine
from ..compiler.runtime import OPERANDS

BLAS, ARENA, CONTROL, LAUNCH, WRONG, PLACES, FIRST = {"float32": 0, "float64": 1}, 2, 3, 4, 5, 6, 7
"""Slots of the frame: the two products, the arena, the pool's control block, its ``launch``, whether a guard has found
something wrong, room for the places of a step, and the first array."""

_HEAD, _STEP = 3, 8
"""Words before the first step: how many steps there are, how many arrays, and from where on their objects stand. Words
before the places of a step: its descriptor (`compiler/runtime.py`, without a function for a guard), how many items
there are, and how many places."""


AGAIN = 2
"""The items of a guard after which the graph gives a result where this program does not."""


class Step(NamedTuple):
    """What a step calls, with places as pairs of a slot and an offset in bytes. It is shared among threads in pieces of
    ``largest`` items at most, or not at all where that is 0. Without a function it is a guard: the word at its one
    place must be 0; where it is not, and the ``items`` are `AGAIN`, nothing is wrong but this way to compute it."""

    function: int
    items: int
    largest: int
    places: Sequence[tuple[int, int]]


def table_of(steps: Sequence[Step], arrays: int, objects: int) -> np.ndarray:
    """The table of some steps, for a frame with so many arrays, whose objects stand from slot ``objects`` on."""
    words = [len(steps), arrays, objects]
    for step in steps:
        words += [step.function, 0, 0, step.largest, 1, 0, step.items, len(step.places)]
        words += [number for place in step.places for number in place]
    table = threads.table(len(words))
    table[:] = words
    return table


def room_for(steps: Sequence[Step]) -> np.ndarray:
    """Room for the places of any of these steps. It begins on a line of the cache, so that the runtime deals out no
    shorter piece first, as it does to align an output."""
    return threads.table(max([1, *[len(step.places) for step in steps]]))


@cache
def library() -> Library:
    """``void entry(ptr operands, i64 start, i64 stop)``, a kernel of one item: operands are the frame and the table."""
    return engine().load(module(_entry()), "entry")


def _entry() -> Code:
    code = Code("entry")
    operands, start, stop = code.parameters
    frame, table = code.address(operands, 0), code.address(operands, 1)
    given = code.stack("[4 x ptr]")
    with code.loop(stop, start=start):
        places = code.address(frame, PLACES)
        code.store(places, given, align=8)
        with code.loop(code.word(table, 1)) as loop:
            found = code.address(frame, code.add(loop.index, code.word(table, 2)))
            data = code.address(code.at("i8", found, memory.DATA_OFFSET), 0)
            code.store(data, code.at(POINTER, frame, code.add(loop.index, FIRST)), align=8)
        with code.loop(code.word(table, 0), carried=[code.at(WORD, table, _HEAD)]) as loop:
            step = loop.carried[0]
            count = code.word(step, _STEP - 1)
            with code.loop(count) as inner:
                at = code.add(code.mul(inner.index, 2), _STEP)
                base = code.address(frame, code.word(step, at))
                place = code.at("i8", base, code.word(step, code.add(at, 1)))
                code.store(place, code.at(POINTER, places, inner.index), align=8)
            _run(code, frame, step, places, given)
            loop.next = [code.at(WORD, step, code.add(code.mul(count, 2), _STEP))]
    code.done()
    return code


def _run(code: Code, frame: Operand, step: Operand, places: Operand, given: Operand) -> None:
    """Runs a step whose places are there; leaves the entry where a guard finds something wrong."""
    function, items = code.word(step, 0), code.word(step, _STEP - 2)
    code.branch(code.compare("eq", function, 0), "guard", "work")
    code.label("guard")
    wrong = code.compare("ne", code.word(code.address(places, 0), 0), 0)
    code.branch(wrong, "wrong", "after")
    code.label("wrong")
    code.store(word(1), code.at(WORD, frame, WRONG), align=8)
    code.done()
    code.label("work")
    with code.choice(code.compare("eq", code.word(step, 3), 0)) as (alone, shared):
        with alone:
            code.call("void", code.convert("inttoptr", function, POINTER), given, word(0), items)
        with shared:
            code.call("void", code.address(frame, LAUNCH), code.address(frame, CONTROL), step, items,
                      code.convert("ptrtoint", places, WORD), *[word(0)] * (OPERANDS - 1))
    code.fall("after")
