"""Generated code for optimisers: all parameters of a group in one call, one pass over memory.

An optimiser states its formula as a function of symbols (`wengert.core.symbols`): of one element of the parameter, of
its state and of the gradient, and of numbers that the step shares. A kernel is made for a formula and a dtype, and
serves every list of parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..core.symbols import Symbol
from . import memory, threads
from .code import Code, Operand, module
from .jit import engine
from .kernels import generated_code_is_possible
from .math import MathBuilder

Array = np.ndarray[Any, Any]
Rule = Callable[..., tuple[Symbol, ...]]

GRAIN = 1024
"""Elements of a parameter that a thread takes at least; what is smaller is one thread's."""

_FIXED = 3  # slots before the numbers: the table of parameters, how many there are, the number of parts


class _Update:
    """Writes ``void kernel(ptr operands, i64 start, i64 stop)``, which does the parts from ``start`` to ``stop``.

    ``operands`` has one entry, a table: the address of the parameters' table, their number, the number of parts, and
    the numbers as float64. A row of the parameters' table is its arrays (the objects) and its size.
    """

    def __init__(self, rule: Rule, dtype: str, arrays: int, numbers: int) -> None:
        self.code, self.rule, self.arrays, self.numbers = Code(), rule, arrays, numbers
        self.math = MathBuilder(self.code, dtype, engine().machine)
        self.cost = 0

    def text(self) -> str:
        code = self.code
        operands, start, stop = code.parameters
        table = code.address(operands, 0)
        parameters, count, parts = code.address(table, 0), code.word(table, 1), code.word(table, 2)
        shared = [self._shared(table, _FIXED + k) for k in range(self.numbers)]
        with code.loop(stop, start=start) as part, code.loop(count) as parameter:
            row = code.at("i64", parameters, code.mul(parameter.index, self.arrays + 1))
            bases = [code.load("ptr", code.at("i8", code.address(row, k), memory.DATA_OFFSET), align=8)
                     for k in range(self.arrays)]
            size = code.word(row, self.arrays)
            # In grains, so that a small parameter is one thread's; which thread computes an element changes nothing.
            share = code.mul(code.div(code.add(code.div(size, GRAIN), parts), parts), GRAIN)
            low = code.least(code.mul(part.index, share), size)
            high = code.least(code.add(low, share), size)
            self.math.sweep(low, high, lambda index, mask: self._body(
                [self.math.at(base, index) for base in bases], shared, mask))
        code.done()
        return module(code)

    def _shared(self, table: Operand, slot: int) -> Symbol:
        """A number that the step shares, in every lane."""
        number = self.code.load("double", table, slot, align=8)
        if self.math.single:
            number = self.code.convert("fptrunc", number, "float")
        return Symbol(self.math, self.math.splat(number))

    def _body(self, places: list[Operand], shared: list[Symbol], mask: Operand | None) -> None:
        """One vector of elements; where a mask is given, of those lanes."""
        before = self.code.cost
        values = [Symbol(self.math, self.math.load(place, mask)) for place in places]
        for result, place in zip(self.rule(*values, *shared), places, strict=False):
            self.math.store(result.value, place, mask)
        self.cost = self.code.cost - before + len(places)


@cache
def _kernel(rule: Rule, dtype: str, arrays: int, numbers: int) -> tuple[threads.Parts, float]:
    """The kernel, and how many instructions an element takes."""
    writer = _Update(rule, dtype, arrays, numbers)
    return threads.Parts(writer.text()), writer.cost / writer.math.lanes


def update(rule: Rule, rows: Sequence[tuple[Array, ...]], numbers: Sequence[float]) -> bool:
    """Applies ``rule(*elements, *numbers)`` to every row of arrays; its results replace the first arrays of the row.

    The arrays of all rows are C-contiguous, of one dtype, float32 or float64, and those of a row of one size. False,
    and nothing done, where there is no generated code.
    """
    if not generated_code_is_possible():
        return False
    for row in rows:
        for x in row:
            if type(x) is not np.ndarray:  # on the meta device: there is no pointer to read
                return False
    width = len(rows[0])
    kernel, cost = _kernel(rule, rows[0][0].dtype.name, width, len(numbers))
    parts, total = threads.get_num_threads(), 0
    table = np.empty((len(rows), width + 1), np.int64)
    for number, row in enumerate(rows):
        size = row[0].size
        table[number] = (*map(id, row), size)
        total += size
    slots = threads.table(_FIXED + len(numbers))
    slots[:_FIXED] = (memory.address(table), len(rows), parts)
    slots[_FIXED:].view(np.float64)[:] = numbers
    kernel.run(parts, total * cost, slots)
    return True
