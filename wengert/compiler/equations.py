"""Generated code for many small systems of linear equations.

The one idea to know: a lane of a vector is a system. Element (i, j) of as many matrices as a vector has lanes lies in
one vector, and these in a small scratch, on which elimination is written as for one matrix of numbers; a pivot is
chosen lane by lane, by exchanging rows where the candidate is larger. LAPACK, called once a matrix, takes most of its
time for being called. All is computed in float64, as numpy does it, and rounded once at the end.

Source: Gaussian elimination with partial pivoting, Golub & Van Loan, *Matrix Computations*, algorithm 3.4.1; the layout
is that of Dongarra et al., *The design and performance of batched BLAS on modern high-performance computing systems*,
2017.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ..core.generated import MANY_SYSTEMS
from . import memory, threads
from .code import WORD, Code, Index, Operand, module
from .jit import engine
from .kernels import generated_code_is_possible
from .vectors import Vectors

__all__ = ["solutions"]

Array = np.ndarray[Any, Any]

LARGEST = 16
"""Rows that a matrix has at most, and columns of a right-hand side: more do not lie in the cache nearest by, and LAPACK
has something to do then."""


class _Writer:
    """``kernel(operands, start, stop)`` solves the blocks from ``start`` to ``stop``, each as many systems as a vector
    has lanes; the last block begins early enough to be full. The table has the addresses of the matrices, of the
    right-hand sides and the results (both column by column), and of a word a block for the lanes in which a pivot is
    zero; the number of systems, that of rows and of right-hand columns; and the steps from row to row and from column
    to column of a matrix.
    """

    def __init__(self, dtype: str) -> None:
        self.code = Code()
        machine = engine().machine
        self.vectors = Vectors(self.code, "float64", machine)
        self.lanes = self.vectors.lanes
        self.outer = self.vectors if dtype == "float64" else Vectors(
            self.code, dtype, replace(machine, vector_bytes=machine.vector_bytes // 2, avx512=False))

    def text(self) -> str:
        """The module."""
        code, vectors = self.code, self.vectors
        operands, start, stop = code.parameters
        table = code.address(operands, 0)
        matrices, rights, results, flags = (code.address(table, k) for k in range(4))
        count, self.rows, self.columns, self.down, self.across = (code.word(table, k) for k in range(4, 9))
        vector_bytes = self.lanes * 8
        room = code.stack(f"[{2 * LARGEST**2 + 2 * self.lanes} x {vectors.real_type}]", vector_bytes)
        size, width = code.mul(self.rows, self.rows), code.mul(self.rows, self.columns)
        self.square = room
        self.right = self.place(room, code.add(size, self.lanes))
        last = code.sub(count, self.lanes)
        with code.loop(stop, start=start) as block:
            first = code.least(code.mul(block.index, self.lanes), last)
            self.read(self.outer.at(matrices, code.mul(first, size)), self.square, size)
            self.read(self.outer.at(rights, code.mul(first, width)), self.right, width)
            bad = self.eliminate()
            self.substitute()
            self.write(self.outer.at(results, code.mul(first, width)), self.right, width)
            code.store(bad, code.at(WORD, flags, block.index), align=8)
        code.done()
        return module(code)

    # --- the scratch --------------------------------------------------------------------------------------------------

    def place(self, base: Operand, index: Index) -> Operand:
        """The address of a vector of the scratch."""
        return self.code.at(self.vectors.real_type, base, index)

    def get(self, place: Operand) -> Operand:
        """The vector there."""
        return self.code.load(self.vectors.real_type, place, align=self.lanes * 8)

    def put(self, value: Operand, place: Operand) -> None:
        """Stores a vector there."""
        self.code.store(value, place, align=self.lanes * 8)

    def element(self, i: Index, j: Index) -> Operand:
        """The address of element (i, j) of the matrices."""
        code = self.code
        return self.place(self.square, code.add(code.mul(self.down, i), code.mul(self.across, j)))

    def right_element(self, i: Index, j: Index) -> Operand:
        """The address of element (i, j) of the right-hand sides, which lie column by column."""
        return self.place(self.right, self.code.add(self.code.mul(self.rows, j), i))

    def read(self, source: Operand, target: Operand, size: Operand) -> None:
        """Lays as many arrays of ``size`` elements as there are lanes into the scratch, a vector for each element."""
        code, outer = self.code, self.outer

        def body(at: Operand, mask: Operand | None) -> None:
            rows = [outer.load(outer.at(source, code.add(code.mul(size, lane), at)), mask)
                    for lane in range(self.lanes)]
            for number, column in enumerate(outer.transposed(rows)):
                wide = column if outer is self.vectors else code.convert("fpext", column, self.vectors.real_type)
                self.put(wide, self.place(target, code.add(at, number)))

        outer.sweep(0, size, body)

    def write(self, target: Operand, source: Operand, size: Operand) -> None:
        """The other way round."""
        code, outer = self.code, self.outer

        def body(at: Operand, mask: Operand | None) -> None:
            columns = [self.get(self.place(source, code.add(at, number))) for number in range(self.lanes)]
            if outer is not self.vectors:
                columns = [code.convert("fptrunc", column, outer.real_type) for column in columns]
            for lane, row in enumerate(outer.transposed(columns)):
                outer.store(row, outer.at(target, code.add(code.mul(size, lane), at)), mask)

        outer.sweep(0, size, body)

    # --- elimination --------------------------------------------------------------------------------------------------

    def along(self, k: Operand, i: Operand, start: Index, body: Callable[[Operand, Operand], None]) -> None:
        """Writes ``body(upper, lower)`` for the addresses of rows k and i: of the matrices from a column on, and of all
        right-hand sides."""
        with self.code.loop(self.rows, start=start) as j:
            body(self.element(k, j.index), self.element(i, j.index))
        with self.code.loop(self.columns) as j:
            body(self.right_element(k, j.index), self.right_element(i, j.index))

    def eliminate(self) -> Operand:
        """Makes the matrices upper triangles; a word of the lanes in which a pivot is zero."""
        code, vectors = self.code, self.vectors
        with code.loop(self.rows, carried=[Operand("0", WORD)]) as pivot:
            k = pivot.index
            following = code.add(k, 1)
            with code.loop(self.rows, start=following) as row:
                larger = vectors.gt(vectors.abs(self.get(self.element(row.index, k))),
                                    vectors.abs(self.get(self.element(k, k))))
                with code.when(code.compare("ne", self.word_of(larger), 0)):
                    self.along(k, row.index, k, lambda upper, lower: self.exchange(larger, upper, lower))
            diagonal = self.get(self.element(k, k))
            zero = self.word_of(vectors.eq(diagonal, 0.0))
            with code.loop(self.rows, start=following) as row:
                factor = vectors.div(self.get(self.element(row.index, k)), diagonal)

                def reduce(upper: Operand, lower: Operand, factor: Operand = factor) -> None:
                    self.put(vectors.sub(self.get(lower), vectors.mul(factor, self.get(upper))), lower)

                self.along(k, row.index, following, reduce)
            pivot.next = [code.binary("or", pivot.carried[0], zero)]
        return pivot.carried[0]

    def word_of(self, mask: Operand) -> Operand:
        """The lanes of a mask as the bits of a word."""
        return self.code.convert("zext", self.code.convert("bitcast", mask, f"i{self.lanes}"), WORD)

    def exchange(self, where: Operand, upper: Operand, lower: Operand) -> None:
        """Two elements for one another, in the lanes of a mask."""
        x, y = self.get(upper), self.get(lower)
        self.put(self.vectors.select(where, y, x), upper)
        self.put(self.vectors.select(where, x, y), lower)

    def substitute(self) -> None:
        """Makes the right-hand sides the solutions of the upper triangles, from the last row."""
        code, vectors = self.code, self.vectors
        with code.loop(self.rows) as up:
            i = code.sub(code.sub(self.rows, 1), up.index)
            diagonal = self.get(self.element(i, i))
            with code.loop(self.columns) as column:
                place = self.right_element(i, column.index)
                with code.loop(self.rows, start=code.add(i, 1), carried=[self.get(place)]) as term:
                    product = vectors.mul(self.get(self.element(i, term.index)),
                                          self.get(self.right_element(term.index, column.index)))
                    term.next = [vectors.sub(term.carried[0], product)]
                self.put(vectors.div(term.carried[0], diagonal), place)


@cache
def _kernel(dtype: str) -> threads.Parts:
    return threads.Parts(_Writer(dtype).text())


def solutions(a: Array, b: Array) -> Array | None:
    """X of A X = B for many small A (..., n, n) and B (..., n, m) of the same leading sizes and dtype, its matrices
    lying column by column; None where LAPACK should see to it: of few, or large ones, or other dtypes, or where one is
    singular."""
    lead, rows, columns = a.shape[:-2], a.shape[-1], b.shape[-1]
    count = prod(lead)
    fits = a.shape[-2] == rows and b.shape == (*lead, rows, columns) and a.dtype.char in "fd" and b.dtype == a.dtype
    small = 0 < rows <= LARGEST and 0 < columns <= LARGEST
    if count < MANY_SYSTEMS or not small or not fits or not generated_code_is_possible():
        return None
    turned = not a.flags.c_contiguous and np.swapaxes(a, -1, -2).flags.c_contiguous
    matrices = a if turned else np.ascontiguousarray(a)
    right = np.ascontiguousarray(np.swapaxes(b, -1, -2))
    out = np.empty(right.shape, a.dtype)
    blocks = -(-count * 8 // engine().machine.vector_bytes)
    flags = np.zeros(blocks, np.int64)
    numbers = threads.table(9)
    numbers[:] = (*map(memory.address, (matrices, right, out, flags)), count, rows, columns,
                  *((1, rows) if turned else (rows, 1)))
    kernel = _kernel("float32" if a.dtype.char == "f" else "float64")
    kernel.run(blocks, blocks * 3.0 * rows * rows * (rows + columns), numbers)
    return None if flags.any() else np.swapaxes(out, -1, -2)
