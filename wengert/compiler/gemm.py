"""Products of matrices of any sizes by code of ours, where OpenBLAS does not use the vectors that the machine has.

The one idea to know: OpenBLAS chooses its kernels by the processor's name, and where that is unknown to it, or another
one given by ``OPENBLAS_CORETYPE``, their vectors are half as wide as the machine's. There the function here takes what
``cblas_sgemm`` takes, is called in its place by all who call that, and hands on to it what is too small to gain. Its
tiles and panels are those of `products`, with steps that are known when it runs alone: of the right operand a part of
the depth and the columns of a tile are laid out on the stack; the left one is read where it stands, if it lies in rows
that do not fall on each other in the cache, else blocks of it are laid out too. An element is a sum for each part of
the depth, in its order, wherever its tile lies.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from .code import POINTER, WORD, Code, Index, Operand, module
from .extents import Sizes
from .jit import Library, engine
from .products import CUT, PAGE, Geometry, Products, highest_tile
from .vectors import Machine, Vectors

LEAST = 16
"""Rows, columns and depth from which on a product is ours."""

BLOCK, LAID = 36, 6
"""Tiles of rows that meet a panel before the next is laid out: of a left operand that is read where it stands, and of
one that is laid out."""

WIDE = ("SkylakeX", "Cooperlake", "Sapphirerapids")
"""OpenBLAS's names of processors whose kernels have vectors of 64 bytes."""

_PLAIN = 111


def gains(machine: Machine, core: str) -> bool:
    """Whether OpenBLAS, whose kernels are those for this processor, leaves half of each vector unused."""
    return machine.avx512 and core not in WIDE


def gemm(char: str, word: str, other: int) -> tuple[Library, int]:
    """The function for float32 (``"f"``) or float64 in the place of ``other``, which takes integers of type ``word``:
    its library and its address."""
    library = engine().load(_text("float32" if char == "f" else "float64", word, engine().machine), "gemm", "other")
    ctypes.c_int64.from_address(library.addresses["other"]).value = other
    return library, library.addresses["gemm"]


def _text(dtype: str, word: str, machine: Machine) -> str:
    code = Code("gemm", _parameters(dtype, word))
    code.declarations["other"] = "@other = global ptr null"
    few = [code.less(_wide(code, size), LEAST) for size in code.parameters[3:6]]
    with code.choice(code.binary("or", few[0], code.binary("or", few[1], few[2]))) as (small, large):
        with small:
            code.call("void", code.emit("load ptr, ptr @other, align 8", POINTER), *code.parameters)
        with large:
            code.call("void", "large", *code.parameters)
    code.done()
    own = Code("large", _parameters(dtype, word), visible=False, plain=True)
    writer = _Writer(own, dtype, machine)
    writer.either(writer.is_laid(), writer.product)
    own.done()
    code.helpers = [own, *writer.products.functions]
    return module(code)


def _parameters(dtype: str, word: str) -> dict[str, str]:
    element = "float" if dtype == "float32" else "double"
    return {"order": "i32", "left.order": "i32", "right.order": "i32", "rows": word, "columns": word, "depth": word,
            "scale": element, "left": POINTER, "left.line": word, "right": POINTER, "right.line": word,
            "keep": element, "out": POINTER, "out.line": word}


def _wide(code: Code, x: Operand) -> Operand:
    return x if x.type == WORD else code.convert("sext", x, WORD)


class _Writer:
    """Writes the product of the operands of a function with the parameters of `_parameters`."""

    def __init__(self, code: Code, dtype: str, machine: Machine) -> None:
        self.code, self.dtype, self.products = code, dtype, Products(machine)
        self.vectors = Vectors(code, dtype, machine)
        self.lanes, self.element, self.height = self.vectors.lanes, self.vectors.element, highest_tile(machine)
        self.width = 2 * self.lanes
        _, left_order, right_order, *sizes, _, left, left_line, right, right_line, keep, out, line = code.parameters
        self.rows, self.columns, self.depth = (_wide(code, x) for x in sizes)
        self.left, self.right, self.out = left, right, out
        left_line, right_line, self.line = (_wide(code, x) for x in (left_line, right_line, line))
        self.left_plain, self.right_plain = (code.compare("eq", x, _PLAIN) for x in (left_order, right_order))
        one = Operand("1", WORD)
        self.down, self.along = (code.select(self.left_plain, x, y) for x, y in ((left_line, one), (one, left_line)))
        self.right_line = right_line
        self.adds = code.emit(f"fcmp une {keep.type} {keep}, 0.0", "i1")
        self.panel = code.stack(f"[{CUT * self.width} x {self.element}]", align=64)
        self.laid = code.stack(f"[{LAID * CUT * self.height} x {self.element}]", align=64)
        steps = Sizes((2, 3))
        self.steps: Any = [steps.polynomial({power: Fraction(1)}) for power in ((1, 0), (0, 1))]

    def is_laid(self) -> Operand:
        """Whether the left operand is to be laid out: it lies in columns, or its lines fall on each other."""
        code = self.code
        conflict = code.compare("eq", code.rest(self.down, PAGE // (self.vectors.bits // 8)), 0)
        return code.select(self.left_plain, conflict, Operand("true", "i1"))

    def product(self, laid: bool) -> None:
        """All of it, the left operand laid out or read where it stands."""
        code, height = self.code, self.height
        block = (LAID if laid else BLOCK) * height
        parts = code.div(code.add(self.depth, CUT - 1), CUT)
        cut = code.div(code.add(self.depth, code.sub(parts, 1)), parts)
        with code.loop(self.rows, step=block) as first:
            here = code.least(code.sub(self.rows, first.index), block)
            tiles = code.div(code.add(here, height - 1), height)
            with code.loop(parts) as part:
                start = code.mul(part.index, cut)
                size = code.least(code.sub(self.depth, start), cut)
                adds = code.binary("or", self.adds, code.less(0, part.index))

                def row_of(tile: Operand, first: Operand = first.index) -> tuple[Operand, Operand]:
                    """Where a tile begins: the last one overlaps the one before; and how many rows are of that."""
                    wanted = code.add(first, code.mul(tile, height))
                    row = code.least(wanted, code.sub(self.rows, height))
                    return row, code.sub(wanted, row)

                def lines_of(row: Operand, start: Operand = start) -> Operand:
                    at = code.add(code.mul(row, self.down), code.mul(start, self.along))
                    return code.at(self.element, self.left, at)

                if laid:
                    with code.loop(tiles) as tile:
                        self._lay_left(lines_of(row_of(tile.index)[0]), self._laid(tile.index), size)
                with code.loop(self.columns, step=self.width) as column:
                    count = code.least(code.sub(self.columns, column.index), self.width)
                    self._lay_right(start, column.index, size, count)
                    with code.loop(tiles) as tile:
                        row, done = row_of(tile.index)
                        out = code.at(self.element, self.out, code.add(code.mul(row, self.line), column.index))
                        lines = self._laid(tile.index) if laid else lines_of(row)
                        self._tile(laid, lines, out, size, count, done, adds)

    def _laid(self, tile: Index) -> Operand:
        return self.code.at(self.element, self.laid, self.code.mul(tile, CUT * self.height))

    def _tile(self, laid: bool, lines: Operand, out: Operand, size: Operand, count: Operand, done: Operand,
              adds: Operand) -> None:
        code, more = self.code, [] if laid else [self.down, self.along]
        geometry = Geometry(self.dtype, (), 1, 1, 1, self.steps, (1, 1), (1, 1), self.height, 2, self.lanes,
                            by_panels=True, lay_left=laid)

        def call(vectors: int, adding: bool) -> None:
            tile = self.products.tile(geometry, vectors, adding, leaves=True)
            rest = code.sub(count, (vectors - 1) * self.lanes)
            code.call("void", tile, lines, self.panel, out, size, self.line, rest, done, *more)

        self.either(adds, lambda adding: self.either(
            code.less(self.lanes, count), lambda several: call(2 if several else 1, adding)))

    def either(self, condition: Operand, write: Callable[[bool], None]) -> None:
        """Writes both, of which the first runs where the condition holds."""
        with self.code.choice(condition) as (yes, no):
            with yes:
                write(True)
            with no:
                write(False)

    def _lay_left(self, lines: Operand, to: Operand, size: Operand) -> None:
        code = self.code

        def write(plain: bool) -> None:
            steps = (1, self.steps[0]) if plain else (self.steps[0], 1)
            layout = self.products.layout(self.dtype, self.height, self.lanes, *steps)
            code.call("void", layout, lines, to, size, Operand(str(self.height), WORD),
                      self.down if plain else self.along)

        self.either(self.left_plain, write)

    def _lay_right(self, start: Operand, column: Operand, size: Operand, count: Operand) -> None:
        code = self.code

        def write(plain: bool) -> None:
            rows, columns = (start, column) if plain else (column, start)
            source = code.at(self.element, self.right, code.add(code.mul(rows, self.right_line), columns))
            steps = (self.steps[0], 1) if plain else (1, self.steps[0])
            layout = self.products.layout(self.dtype, self.width, self.lanes, *steps)
            code.call("void", layout, source, self.panel, size, count, self.right_line)

        self.either(self.right_plain, write)
