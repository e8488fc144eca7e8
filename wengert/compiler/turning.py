"""Matrices turned round, by squares of vectors: a function for other generated code to call.

The one idea to know: a square of as many vectors as one has lanes is loaded, turned in registers and stored, so that
memory is read and written in whole vectors. What is left at the edges goes by smaller squares, and by parts of these.
LLVM takes long for a square, so whatever lies turned round shares the one function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .code import POINTER, WORD, Code, Index, Operand, word
from .vectors import Machine, Vectors

_PARAMETERS = {"source": POINTER, "source_step": WORD, "target": POINTER, "target_step": WORD, "rows": WORD,
               "columns": WORD}

SMALL = 8
"""Lanes of the smaller squares, where a vector has more."""

LONG = 8
"""Squares side by side from which on it pays to begin where lines of the cache do: a vector that is stored across two
of them takes twice as long."""


def turning(name: str, dtype: str, machine: Machine) -> list[Code]:
    """``void name(source, source_step, target, target_step, rows, columns)`` and what it calls: row i of the source,
    ``i * source_step`` elements on, becomes column i of the target, whose rows are ``target_step`` apart."""
    size = 4 if dtype == "float32" else 8
    small = replace(machine, vector_bytes=min(machine.vector_bytes, SMALL * size), avx512=False)
    edges = _edges(f"{name}_edges", dtype, small)
    code = Code(name, _PARAMETERS, visible=False)
    v = Vectors(code, dtype, machine)
    source, source_step, target, target_step, rows, columns = code.parameters
    begin = _unaligned(v, target, rows)
    end = code.sub(rows, code.rest(code.sub(rows, begin), v.lanes))
    wide = code.sub(columns, code.rest(columns, v.lanes))
    with code.loop(end, start=begin, step=v.lanes) as row, code.loop(wide, step=v.lanes) as column:
        _square(v, *_corner(v, code.parameters, row.index, column.index))
    for first, count in (((0, 0), (begin, columns)), ((begin, wide), (code.sub(end, begin), code.sub(columns, wide))),
                         ((end, 0), (code.sub(rows, end), columns))):
        here = _corner(v, code.parameters, *first)
        code.call("void", edges.name, here[0], source_step, here[2], target_step, *count)
    code.done()
    return [code, edges]


def _unaligned(v: Vectors, target: Operand, rows: Operand) -> Operand:
    """How many rows there are until the rows of the target are whole lines of the cache, if these are long."""
    code, size = v.code, v.bits // 8
    beyond = code.rest(code.div(code.sub(0, code.convert("ptrtoint", target, WORD)), size), v.lanes)
    return code.select(code.less(rows, LONG * v.lanes), 0, beyond)


def _corner(v: Vectors, parameters: Sequence[Operand], row: Index, column: Index
            ) -> tuple[Operand, Operand, Operand, Operand]:
    """Where an element stands in the source and the target, each with its step."""
    code, (source, source_step, target, target_step) = v.code, parameters[:4]
    return (v.at(v.at(source, code.mul(source_step, row)), column), source_step,
            v.at(v.at(target, code.mul(target_step, column)), row), target_step)


def _square(v: Vectors, source: Operand, source_step: Operand, target: Operand, target_step: Operand) -> None:
    """A whole square."""
    code = v.code
    rows = [v.load(v.at(source, code.mul(source_step, i))) for i in range(v.lanes)]
    for j, row in enumerate(v.transposed(rows)):
        v.store(row, v.at(target, code.mul(target_step, j)))


def _edges(name: str, dtype: str, machine: Machine) -> Code:
    """The same function, by smaller squares and parts of them."""
    code = Code(name, _PARAMETERS, visible=False)
    v = Vectors(code, dtype, machine)
    rows, columns = code.parameters[4:]
    with code.loop(rows, step=v.lanes) as row, code.loop(columns, step=v.lanes) as column:
        source, source_step, target, target_step = here = _corner(v, code.parameters, row.index, column.index)
        high, wide = code.sub(rows, row.index), code.sub(columns, column.index)
        with code.choice(code.less(code.least(high, wide), v.lanes)) as (part, whole):
            with part:
                last = code.sub(high, 1)  # rows beyond it are not there: it is loaded in their place, and not stored
                mask = v.first_lanes(wide)
                lines = [v.load(v.at(source, code.mul(source_step, code.least(word(i), last))), mask)
                         for i in range(v.lanes)]
                mask = v.first_lanes(high)
                for j, line in enumerate(v.transposed(lines)):
                    with code.when(code.less(j, wide)):
                        v.store(line, v.at(target, code.mul(target_step, j)), mask)
            with whole:
                _square(v, *here)
    code.done()
    return code
