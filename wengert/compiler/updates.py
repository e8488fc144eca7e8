"""Generated code for optimisers: all parameters of a group in one call, one pass over memory.

An optimiser states its formula as a function of symbols (`wengert.core.symbols`): of one element of the parameter, of
its state and of the gradient, and of numbers that the step shares. A kernel is made for a formula and a dtype, and
serves every list of parameters.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..core.symbols import Symbol
from . import memory, threads
from .jit import engine
from .kernels import generated_code_is_possible
from .loops import Code
from .math import MathBuilder
from .scalar import Value

__all__ = ["update"]

Array = np.ndarray[Any, Any]
Rule = Callable[..., tuple[Symbol, ...]]

GRAIN = 1024
"""Elements of a parameter that a thread takes at least; what is smaller is one thread's."""

_FIXED = 3  # slots before the numbers: the table of parameters, how many there are, the number of parts


class _Writer:
    """Writes ``void kernel(ptr operands, i64 start, i64 stop)``, which does the parts from ``start`` to ``stop``.

    ``operands`` has one entry, a table: the address of the parameters' table, their number, the number of parts, and the
    numbers as float64. A row of the parameters' table is its arrays (the objects) and its size.
    """

    def __init__(self, rule: Rule, dtype: str, arrays: int, numbers: int) -> None:
        self.code, self.rule, self.arrays, self.numbers = Code(), rule, arrays, numbers
        self.math = MathBuilder(dtype, engine().machine)
        self.math.lines, self.math.names = self.code.lines, self.code.names
        self.element, self.lanes, self.vector = self.math.element, self.math.lanes, self.math.real_type
        self.cost = 0

    def text(self) -> str:
        code = self.code
        table = code.address("%operands", 0)
        parameters, count, parts = code.address(table, 0), code.word(table, 1), code.word(table, 2)
        shared = [self._shared(table, _FIXED + k) for k in range(self.numbers)]
        with code.loop("%stop", start="%start") as part, code.loop(count) as parameter:
            row = code.at("i64", parameters, code.mul(parameter.index, self.arrays + 1))
            bases = [code.load("ptr", code.at("i8", code.address(row, k), memory.DATA_OFFSET), align=8)
                     for k in range(self.arrays)]
            size = code.word(row, self.arrays)
            # In grains, so that a small parameter is one thread's; which thread computes an element changes nothing.
            share = code.mul(code.div(code.add(code.div(size, GRAIN), parts), parts), GRAIN)
            low = code.least(code.mul(part.index, share), size)
            high = code.least(code.add(low, share), size)
            whole = code.sub(code.sub(high, low), code.emit(f"urem i64 {code.sub(high, low)}, {self.lanes}"))
            last = code.add(low, whole)
            with code.loop(last, start=low, step=self.lanes) as i:
                self._body([code.at(self.element, base, i.index) for base in bases], shared, None)
            with code.when(code.less(last, high)):
                self._body([code.at(self.element, base, last) for base in bases], shared, self._mask(code.sub(high, last)))
        declarations = {*code.declarations, *self.math.declarations.values()}
        return (code.function("void @kernel(ptr %operands, i64 %start, i64 %stop)")
                + "".join(f"{line}\n" for line in sorted(declarations)))

    def _shared(self, table: str, slot: int) -> Symbol:
        code = self.code
        wide = code.load("double", table, slot, align=8)
        number = code.emit(f"fptrunc double {wide} to float") if self.math.single else wide
        first = code.emit(f"insertelement {self.vector} poison, {self.element} {number}, i64 0")
        return Symbol(self.math, Value(code.emit(f"shufflevector {self.vector} {first}, {self.vector} poison, "
                                                 f"<{self.lanes} x i32> zeroinitializer"), "real"))

    def _mask(self, left: str) -> str:
        code, lanes = self.code, self.lanes
        first = code.emit(f"insertelement <{lanes} x i64> poison, i64 {left}, i64 0")
        count = code.emit(f"shufflevector <{lanes} x i64> {first}, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer")
        numbers = ", ".join(f"i64 {k}" for k in range(lanes))
        return code.emit(f"icmp slt <{lanes} x i64> <{numbers}>, {count}")

    def _body(self, places: list[str], shared: list[Symbol], mask: str | None) -> None:
        """One vector of elements; where a mask is given, of those lanes."""
        code, before = self.code, self.math.cost
        suffix, masked = f"v{self.lanes}f{self.math.bits}", (f"<{self.lanes} x i1>", mask or "")
        values = []
        for place in places:
            if mask is None:
                text = code.load(self.vector, place)
            else:
                text = code.call(self.vector, f"llvm.masked.load.{suffix}.p0", ("ptr", place), ("i32 immarg", "1"), masked,
                                 (self.vector, "zeroinitializer"))
            values.append(Symbol(self.math, Value(text, "real")))
        for result, place in zip(self.rule(*values, *shared), places, strict=False):
            if mask is None:
                code.store(self.vector, result.value.text, place)
            else:
                code.call("void", f"llvm.masked.store.{suffix}.p0", (self.vector, result.value.text), ("ptr", place),
                          ("i32 immarg", "1"), masked)
        self.cost = self.math.cost - before + 2 * len(places)


class _Kernel:
    def __init__(self, rule: Rule, dtype: str, arrays: int, numbers: int) -> None:
        writer = _Writer(rule, dtype, arrays, numbers)
        self.library = engine().load(writer.text(), "kernel")
        self.descriptor = (ctypes.c_int64 * 5)(self.library.addresses["kernel"], 0, 0, 1, 1)
        self.address = ctypes.addressof(self.descriptor)
        self.cost = writer.cost / writer.lanes


@cache
def _kernel(rule: Rule, dtype: str, arrays: int, numbers: int) -> _Kernel:
    return _Kernel(rule, dtype, arrays, numbers)


def update(rule: Rule, rows: Sequence[tuple[Array, ...]], numbers: Sequence[float]) -> bool:
    """Applies ``rule(*elements, *numbers)`` to every row of arrays; its results replace the first arrays of the row.

    The arrays of all rows are C-contiguous, of one dtype, float32 or float64, and those of a row of one size. False, and
    nothing done, where there is no generated code.
    """
    if not generated_code_is_possible():
        return False
    width = len(rows[0])
    kernel = _kernel(rule, rows[0][0].dtype.name, width, len(numbers))
    parts, total = threads.get_num_threads(), 0
    table = np.empty((len(rows), width + 1), np.int64)
    for number, row in enumerate(rows):
        size = row[0].size
        table[number] = (*map(id, row), size)
        total += size
    memory_ = np.empty(_FIXED + len(numbers) + 8, np.int64)
    begin = -memory_.ctypes.data % 64 // 8  # on a line of the cache, as the runtime expects of an output
    slots = memory_[begin : begin + _FIXED + len(numbers)]
    slots[:_FIXED] = (table.ctypes.data, len(rows), parts)
    slots[_FIXED:].view(np.float64)[:] = numbers
    threads.pool().run(kernel.address, parts, total * kernel.cost, slots.ctypes.data, 0, 0, 0)
    return True
