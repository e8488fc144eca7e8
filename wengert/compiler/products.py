"""Generated products of matrices: ``out = left @ right``, for each of a batch, with sizes and strides known.

The one idea to know: a *tile* of the result, some rows by one or two vectors of columns, lives in registers while the
whole depth goes by. The right operand is laid out first in *panels*, as wide as a tile, one row of the depth after the
other; the left one is read where it stands, a number at a time, unless its lines would fall on each other in the cache:
then it is laid out in panels too, as high as a tile. The last tile of rows overlaps the one before it, so that all
tiles have one form; a row that two tiles compute is the same bits twice, for an element is one sum, in the order of the
depth. Where the depth goes by in parts, the first of the two alone stores it, as the other may run before, after or
meanwhile. So nothing depends on how the work is dealt out.

What follows the product, element by element, may be done on each tile as soon as it is there (`Ending`): then the tile
lies in memory of the function's own, and the product itself nowhere.

Two ways to deal it out: by *rows*, where there are many: the panels are laid out by a function of its own, and a block
of rows, small enough for the first-level cache, meets all of them; else by *panels*, each laid out by the item that
uses it.

Source: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008); Van Zee and van de Geijn,
"BLIS: A Framework for Rapidly Instantiating BLAS Functionality" (2015).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from math import prod

from .code import WORD, Code, Index, Operand, word
from .extents import hint, several, varies
from .vectors import Machine, Vectors

LARGEST = 2**19
"""Depth times the shorter side, above which OpenBLAS, which cuts the columns too, is as good or better."""

LEAST_ROWS = 8
"""Rows from which on laying out the right operand pays."""

BLOCK_BYTES = 32 * 1024
"""What a block of rows of the left operand may take."""

FEW_TILES = 12
"""Tiles of rows up to which work is dealt out by panels."""

CACHE_BYTES, PAGE = 32 * 1024, 4096
"""What a left operand may take to be read where it stands in any case, and the distance of lines that fall on the same
place of the first-level cache."""

CUT = 256
"""How much of a deep product's depth goes by at once: that much of a panel stays in the first-level cache."""

STRIP = 96
"""The same where the left operand lies in columns and is read where it stands: a line of it for each step of the depth,
which the second-level cache holds and tiles of the first panel bring there, those of the strip before."""

FAR = 2**18
"""Bytes of all left operands from which on none is near before it is read."""

LEAST_ITEMS = 8
"""Blocks of rows of a deep product, if it has so many tiles: what is high is read in longer runs."""

LEAST_CYCLES = 20_000
"""Roughly what an item is to take at least, where there are enough."""


@dataclass(frozen=True)
class Geometry:
    """A product: its sizes, its strides in elements, and how it is cut. ``batch`` are the leading sizes."""

    dtype: str
    batch: tuple[int, ...]
    rows: int
    depth: int
    columns: int
    left: tuple[int, ...]
    """The strides of the left operand: of the batch, from row to row, and along the depth."""
    right: tuple[int, ...]
    out: tuple[int, ...]
    tile_rows: int
    tile_vectors: int
    lanes: int
    by_panels: bool
    lay_left: bool
    """The left operand is laid out too."""
    cut: int = 0
    """How much of the depth goes by at once; 0 for all of it."""
    alone: bool = False
    """Whether nothing else reads the panels, so that an item lays its own out in memory of the function's own, which
    stays near, a part of the depth at a time."""
    spans: tuple[tuple[int, int], ...] = ()
    """Where the depth begins and ends for each tile of the first panel, of the next, ..., if something outside of that
    is 0, or nobody reads the tile."""
    low: bool = False
    """Whether lower tiles follow the last whole one, in the place of one that overlaps it: there may be fewer rows than
    a tile has, as they are known when the code runs alone."""

    def of_sizes(self, batch: Sequence[int], sizes: tuple[int, int, int], left: Sequence[int], right: Sequence[int],
                 out: Sequence[int]) -> Geometry:
        """The same cut for other sizes."""
        rows, depth, columns = sizes
        return replace(self, batch=tuple(batch), rows=rows, depth=depth, columns=columns, left=tuple(left),
                       right=tuple(right), out=tuple(out))

    @property
    def width(self) -> int:
        """Columns of a panel."""
        return self.tile_vectors * self.lanes

    @property
    def panels(self) -> int:
        """Panels of one matrix."""
        return -(-self.columns // self.width)

    @property
    def tiles(self) -> int:
        """Tiles of rows of one matrix."""
        return -(-self.rows // self.tile_rows)

    @property
    def lines(self) -> int:
        """Lines of a panel: the depth, and what a last square of vectors may need beyond it."""
        return -(-self.depth // self.lanes) * self.lanes

    @property
    def laid_lines(self) -> int:
        """Lines of a tile of the left operand that are laid out at once."""
        return self.lines if self.by_panels or not self.cut else -(-self.cut // self.lanes) * self.lanes

    @property
    def own_lines(self) -> int:
        """Lines of a panel that an item lays out at once in memory of its own."""
        return -(-self.cut // self.lanes) * self.lanes if self.cut else self.lines

    @property
    def by_strips(self) -> bool:
        """The left operand lies in columns, and is read where it stands, a strip of the depth at a time."""
        return bool(self.cut) and self.left[-2] == 1 and not (self.lay_left or self.by_panels)

    @property
    def by_matrices(self) -> bool:
        """The left operands of many matrices lie in columns, are read where they stand, and are too much to be near
        already: while one is computed with, each tile fetches what it will read of the next."""
        if self.left[-2] != 1 or self.lay_left or self.cut or self.low or any(map(varies, self.batch)):
            return False
        size = 4 if self.dtype == "float32" else 8
        return prod(self.batch) > 1 and prod(self.batch) * hint(self.rows * self.depth) * size >= FAR

    @property
    def panel_elements(self) -> int:
        """Elements of all panels of the batch."""
        return prod(self.batch) * self.panels * self.lines * self.width

    @property
    def left_elements(self) -> int:
        """Elements of the left operand, laid out."""
        return prod(self.batch) * self.tiles * self.laid_lines * self.tile_rows if self.lay_left else 0

    def room(self, right: bool) -> int:
        """Elements for the panels of an operand, or more: an even function of all sizes, as how many panels and lines
        there are is none."""
        lines = self.depth + self.lanes if right or self.laid_lines == self.lines else self.laid_lines
        across = self.columns + self.width if right else self.rows + self.tile_rows
        return prod(self.batch) * across * lines

    @property
    def block(self) -> int:
        """Tiles of rows that are one item."""
        size, depth, tiles = 4 if self.dtype == "float32" else 8, hint(self.depth), hint(self.tiles)
        fitting = BLOCK_BYTES // (self.tile_rows * (self.cut or depth) * size)
        worth = LEAST_CYCLES // (self.tile_rows * depth * hint(self.panels) * self.tile_vectors // 2 + 1)
        runs = tiles // LEAST_ITEMS if self.cut and self.lay_left or self.by_strips else 0
        return max(1, min(tiles, max(0 if self.by_strips else fitting, worth, runs)))

    @property
    def items(self) -> int:
        """What the product is dealt out in."""
        return prod(self.batch) * (self.panels if self.by_panels else -(-self.tiles // self.block))

    @property
    def cycles(self) -> float:
        """Roughly what it takes."""
        return self.share * prod(self.batch) * self.rows * self.depth * (self.columns / (2 * self.lanes) + 2)

    @property
    def share(self) -> float:
        """How much of all products it computes."""
        return sum(stop - start for start, stop in self.spans) / (len(self.spans) * self.depth) if self.spans else 1

    def panel_form(self) -> tuple[object, ...]:
        """All that the panels depend on, but for the place of the right operand."""
        return self.dtype, self.batch, self.depth, self.columns, self.right, self.width

    def left_form(self) -> tuple[object, ...]:
        """The same for the left operand."""
        return self.dtype, self.batch, self.rows, self.depth, self.left, self.tile_rows


def geometry(machine: Machine, dtype: str, batch: Sequence[int], sizes: tuple[int, int, int], left: Sequence[int],
             right: Sequence[int], out: Sequence[int], shared: bool = False) -> Geometry | None:
    """How to multiply matrices of these sizes (rows, depth, columns) and strides; None where it would not pay, or no
    neighbours of the right operand lie together. Code that is ``shared`` by several sizes reads rows where they
    stand."""
    rows, depth, columns = sizes
    size = 4 if dtype == "float32" else 8
    lanes = machine.vector_bytes // size
    lies = right[-1] == 1 or right[-2] == 1
    if rows < LEAST_ROWS or depth * min(rows, columns) > LARGEST or not (lies and machine.fused):
        return None
    most = highest_tile(machine)
    vectors = 1 if columns <= lanes else 2
    least = min(rows, most - 2)
    tile = min(range(min(rows, most), least - 1, -1), key=lambda n: -(-rows // n) * n)
    tiles = -(-rows // tile)
    by_panels = tiles <= FEW_TILES or bool(batch)
    conflict = left[-2] * size % PAGE == 0 if left[-1] == 1 else True
    lay_left = conflict and rows * depth * size > CACHE_BYTES and columns > lanes * vectors
    lay_left = lay_left and not (shared and left[-1] == 1)
    most_at_once = CUT
    if lay_left and depth > 2 * CUT and left[-2] == 1 and not batch and tiles >= -(-columns // (lanes * vectors)) and (
            left[-1] * size % (2 * PAGE)):
        by_panels, lay_left, most_at_once = False, False, STRIP
    cut = -(-depth // -(-depth // most_at_once)) if depth > 2 * CUT else 0
    return Geometry(dtype, tuple(batch), rows, depth, columns, tuple(left), tuple(right), tuple(out), tile, vectors,
                    lanes, by_panels, lay_left, cut)


def highest_tile(machine: Machine) -> int:
    """The rows of a tile of two vectors that the registers hold: of 32, or of 16 on AVX2."""
    return {64: 14, 32: 6}.get(machine.vector_bytes, 12)


@dataclass(frozen=True)
class Ending:
    """What is done with each tile of a product: ``void code(operands, values, matrix, row, column, rows, count)`` is
    called when the tile lies in ``values``, in lines as wide as a panel. Of it ``rows`` lines and ``count`` columns
    belong to the product, from ``row`` and ``column`` of a matrix on; it may be called twice with the same ones.
    ``operands`` are those of the product. ``ahead``, which has the same parameters, is called before the tile is
    computed, to bring nearer what is to be read and written."""

    code: Code
    ahead: Code
    operands: Operand
    values: Operand

    def call(self, code: Code, function: Code, *place: Index) -> None:
        """Calls one of the two for a matrix, a row, a column, and numbers of rows and columns."""
        code.call("void", function.name, self.operands, self.values, *map(word, place))


ENDING = {"operands": "ptr", "values": "ptr", "matrix": WORD, "row": WORD, "column": WORD, "rows": WORD, "count": WORD}
"""The parameters of an ending's code."""


class Products:
    """Writes the functions of products. Those for tiles and layouts have names that say all that they are, so that a
    module needs each once, whoever calls it. ``functions`` are all so far."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.functions: list[Code] = []
        self._written: set[str] = set()

    def _is_written(self, name: str) -> bool:
        """Whether a function is there already; from now on it is."""
        found = name in self._written
        self._written.add(name)
        return found

    def _code(self, name: str, parameters: dict[str, str] | None = None) -> Code:
        code = Code(name, visible=False) if parameters is None else Code(name, parameters, visible=False)
        self.functions.append(code)
        return code

    # --- whole products -----------------------------------------------------------------------------------------------

    def panels(self, product: Geometry, name: str) -> Code:
        """``void name(ptr operands, i64 start, i64 stop)``: lays out panels. The first operand is a table of addresses:
        the right matrices and the panels."""
        return self._laying(product, name, self._panel)

    def left(self, product: Geometry, name: str) -> Code:
        """The same for the left operand, whose panels are its tiles; needed where a product goes by panels."""
        return self._laying(product, name, self._left_panel)

    def _laying(self, product: Geometry, name: str,
                lay: Callable[[Code, Geometry, Operand, Operand, Operand], None]) -> Code:
        code = self._code(name)
        operands, start, stop = code.parameters
        source, panels = code.addresses(operands, 2)
        with code.loop(stop, start=start) as item:
            lay(code, product, item.index, source, panels)
        code.done()
        return code

    def product(self, product: Geometry, name: str, lay: bool, ending: tuple[Code, Code] | None = None) -> Code:
        """The items of a product. The operands are the left matrices, the right ones, the panels, the left ones laid
        out, and the result, or instead of it those of its ``ending``. Where it goes by panels, the items lay out their
        panels, if they are to; else their rows."""
        code = self._code(name)
        code.plain = True
        operands, start, stop = code.parameters
        left, right, panels, laid, *more = code.addresses(operands, 4 if ending else 5)
        end: Ending | None = None
        if ending is not None:
            self.functions += ending
            size = product.tile_rows * product.width
            end = Ending(*ending, operands, code.stack(f"[{size} x {_element(product.dtype)}]", align=64))
        out = end.values if end is not None else more[0]
        if product.alone:
            own = code.stack(f"[{product.own_lines * product.width} x {_element(product.dtype)}]", align=64)
        with code.loop(stop, start=start) as item:
            if product.by_panels:
                matrix, panel = divided(code, item.index, product.panels)
                if lay and not product.alone:
                    self._panel(code, product, item.index, right, panels)
                for part in _depths(code, product):
                    if product.alone:
                        self._panel(code, product, item.index, right, own, part)
                    self._block(code, product, part, matrix, panel, (word(0), word(product.tiles)), left,
                                own if product.alone else panels, laid, out, end)
            else:
                matrix, number = divided(code, item.index, -(-product.tiles // product.block))
                tiles = _tiles_of(code, product, number)
                first = tiles[0]
                for part in _depths(code, product):
                    if product.lay_left:
                        with code.loop(tiles[1], start=first) as each:
                            tile = code.add(code.mul(matrix, product.tiles), each.index)
                            self._left_panel(code, product, tile, left, laid, part)
                    with code.loop(product.panels) as each:
                        self._block(code, product, part, matrix, each.index, tiles, left, panels, laid, out, end)
        code.done()
        return code

    def _block(self, code: Code, product: Geometry, part: Part, matrix: Index, panel: Index,
               tiles: tuple[Operand, Operand], left: Operand, panels: Operand, laid: Operand, out: Operand,
               end: Ending | None) -> None:
        """The tiles from one to another of a panel, for a part of the depth."""
        element, width = _element(product.dtype), product.width
        if product.by_matrices:
            number = code.least(code.add(matrix, 1), prod(product.batch) - 1)
            following = code.at(element, left, _batch_offset(code, product.batch, product.left, number))
        left = code.at(element, left, _batch_offset(code, product.batch, product.left, matrix))
        left = code.at(element, left, code.mul(part.start, product.left[-1]))
        tile_size = product.laid_lines * product.tile_rows
        if product.by_panels:
            laid = code.at(element, laid, code.mul(part.start, product.tile_rows))
        number = code.add(code.mul(matrix, product.panels), panel)
        source = panels if product.alone else code.at(
            element, panels, code.mul(code.add(code.mul(number, product.lines), part.start), width))
        column = code.mul(panel, width)
        if end is None:
            out = code.at(element, out, _batch_offset(code, product.batch, product.out, matrix))
            out = code.at(element, out, code.mul(column, product.out[-1]))
        count = code.least(code.sub(product.columns, column), width)

        def target(row: Index) -> Operand:
            return out if end is not None else code.at(element, out, code.mul(row, product.out[-2]))

        @contextmanager
        def ended(row: Index, rows: int) -> Iterator[None]:
            if end is not None:
                end.call(code, end.ahead, matrix, row, column, rows, count)
            yield
            if end is not None:
                end.call(code, end.code, matrix, row, column, rows, count)

        line = None if end is None else width
        if product.low:
            first = code.mul(tiles[0], product.tile_rows)
            rows = code.sub(code.least(code.mul(tiles[1], product.tile_rows), product.rows), first)
            self.rows_of_panel(code, product, code.at(element, left, code.mul(first, product.left[-2])), rows, source,
                               lambda row: target(code.add(first, row)), count, part.adds, part.size, line,
                               lambda row, height: ended(code.add(first, row), height))
            return

        spans = code.table([n for span in product.spans for n in span]) if product.spans else None
        with code.loop(tiles[1], start=tiles[0]) as each:
            row, size = _first_row(code, product, each.index), part.size
            if product.lay_left:
                number = code.add(code.mul(matrix, product.tiles), each.index)
                lines = code.at(element, laid, code.mul(number, tile_size))
            else:
                lines = code.at(element, left, code.mul(row, product.left[-2]))
            lines_of_panel = source
            if spans is not None:
                further, size = _within(code, part, spans, code.add(code.mul(panel, product.tiles), each.index))
                along = product.tile_rows if product.lay_left else product.left[-1]
                lines = code.at(element, lines, code.mul(further, along))
                lines_of_panel = code.at(element, source, code.mul(further, width))
            ahead = None
            if product.by_matrices:
                ahead = code.at(element, following, code.mul(row, product.left[-2]))
                ahead = ahead if spans is None else code.at(element, ahead, code.mul(further, product.left[-1]))
            if product.by_strips:  # the tiles of the other panels look at what is near already
                next_strip = code.at(element, lines, product.cut * product.left[-1])
                ahead = code.select(code.compare("eq", panel, 0), next_strip, lines)
            done = code.sub(code.mul(each.index, product.tile_rows), row) if product.cut else None
            with ended(row, product.tile_rows):
                self._call_tile(code, product, lines, lines_of_panel, target(row), count, part.adds, size, done, ahead,
                                line)

    def some_rows(self, code: Code, product: Geometry, left: Operand, rows: Operand, panels: Operand, out: Operand,
                  adds: bool = False) -> None:
        """Writes a product of as many rows as there are when it runs, of plain rows and of panels laid out before;
        ``adds``: to what is in its place."""
        element = _element(product.dtype)
        with code.loop(product.panels) as panel:
            source = code.at(element, panels, code.mul(panel.index, product.lines * product.width))
            column = code.mul(panel.index, product.width)
            count = code.least(code.sub(product.columns, column), product.width)
            to = code.at(element, out, column)
            self.rows_of_panel(code, product, left, rows, source, partial(self._line, code, product, to), count, adds)

    @staticmethod
    def _line(code: Code, product: Geometry, out: Operand, row: Index) -> Operand:
        return code.at(_element(product.dtype), out, code.mul(row, product.out[-2]))

    def rows_of_panel(self, code: Code, product: Geometry, left: Operand, rows: Operand, source: Operand,
                      target: Callable[[Operand], Operand], count: Operand, adds: bool = False,
                      depth: Index | None = None, line: int | None = None,
                      ended: Callable[[Operand, int], AbstractContextManager[None]] | None = None) -> None:
        """The same for one panel, of which there are ``count`` columns: in tiles of the product's rows, and lower ones
        for the rest. A tile is written to the ``target`` for its row, in lines of ``line`` elements if that is said,
        within what is written before and after it."""
        element, done = _element(product.dtype), word(0)
        for height in (product.tile_rows, *[n for n in (8, 4, 2, 1) if n < product.tile_rows]):
            shaped = replace(product, tile_rows=height)
            end = code.add(done, code.mul(code.div(code.sub(rows, done), height), height))
            with code.loop(end, start=done, step=height) as row:
                lines = code.at(element, left, code.mul(row.index, product.left[-2]))
                with nullcontext() if ended is None else ended(row.index, height):
                    self._call_tile(code, shaped, lines, source, target(row.index), count, adds, depth, line=line)
            done = end

    def _call_tile(self, code: Code, product: Geometry, lines: Operand, source: Operand, to: Operand, count: Operand,
                   adds: bool = False, depth: Index | None = None, done: Index | None = None,
                   ahead: Operand | None = None, line: int | None = None) -> None:
        """Calls the tile that has as many vectors as the columns that are left need. The first ``done`` rows are
        another tile's, which adds to them. From ``ahead`` on it brings lines nearer, if anything. What it writes has
        lines of ``line`` elements, or those of the result."""
        depth = word(product.depth if depth is None else depth)
        more = [*([] if done is None else [word(done)]), *([] if ahead is None else [ahead]),
                *[word(step) for step in _steps(product) if varies(step)]]

        def call(vectors: int) -> None:
            tile = self.tile(product, vectors, adds, done is not None, ahead is not None)
            code.call("void", tile, lines, source, to, depth, word(product.out[-2] if line is None else line),
                      code.sub(count, (vectors - 1) * product.lanes), *more)

        if product.tile_vectors == 2 and (
                varies(product.columns) or 0 < product.columns % product.width <= product.lanes):
            with code.choice(code.less(product.lanes, count)) as (two, one):
                with two:
                    call(2)
                with one:
                    call(1)
        else:
            call(product.tile_vectors)

    # --- a tile -------------------------------------------------------------------------------------------------------

    def tile(self, product: Geometry, vectors: int, adds: bool, leaves: bool = False, fetches: bool = False) -> str:
        """The name of ``void tile(left, panel, out, depth, line, count)``, which computes a tile of the result, whose
        rows are ``line`` elements apart; of the last vector ``count`` columns are stored. It ``adds`` to what is there,
        or not. What ``leaves`` out some rows at the beginning has one parameter more, how many; what ``fetches``
        another, from which on it brings nearer, into the second-level cache, a line for each step of the depth. Steps
        of the left operand that are known when the code runs alone are the last parameters."""
        steps = _steps(product)
        sizes = product.tile_rows, vectors, product.width, *["any" if varies(step) else step for step in steps]
        name = "_".join(["tile", product.dtype, *map(str, sizes), *["adds"] * adds, *["leaves"] * leaves,
                         *["fetches"] * fetches])
        if self._is_written(name):
            return name
        kinds = {"left": "ptr", "panel": "ptr", "out": "ptr", "depth": WORD, "line": WORD, "count": WORD}
        kinds |= ({"done": WORD} if leaves else {}) | ({"ahead": "ptr"} if fetches else {})
        code = self._code(name, kinds | {f"step{n}": WORD for n, step in enumerate(steps) if varies(step)})
        left, panel, out, depth, line, count, *more = code.parameters
        last = code.parameters[len(kinds):]
        down, along = (last.pop(0) if varies(step) else step for step in steps)
        more = more[:leaves + fetches]
        v = Vectors(code, product.dtype, self.machine)
        rows, lanes = product.tile_rows, product.lanes
        mask = v.first_lanes(count)

        def places(row: int) -> list[tuple[Operand, Operand | None]]:
            to = v.at(out, code.mul(line, row))
            return [(v.at(to, k * lanes), mask if k == vectors - 1 else None) for k in range(vectors)]

        first = [v.load(*place) if adds else v.zero for i in range(rows) for place in places(i)]
        with code.loop(depth, carried=first) as loop:
            numbers = v.at(left, code.mul(loop.index, along))
            line_of = v.at(panel, code.mul(loop.index, product.width))
            others = [v.load(v.at(line_of, k * lanes)) for k in range(vectors)]
            sums = []
            for i in range(rows):
                factor = v.splat(v.number(v.at(numbers, code.mul(down, i))))
                sums += [v.intrinsic("fma", factor, other, loop.carried[i * vectors + k])
                         for k, other in enumerate(others)]
            if fetches:
                code.call("void", "llvm.prefetch.p0", v.at(more[-1], code.mul(loop.index, along)),
                          *[Operand(str(number), "i32") for number in (0, 2, 1)])
            loop.next = sums
        for i in range(rows):
            with code.when(code.compare("sle", more[0], i)) if leaves else nullcontext():
                for value, place in zip(loop.carried[i * vectors:], places(i), strict=False):
                    v.store(value, *place)
        code.done()
        return name

    # --- panels -------------------------------------------------------------------------------------------------------

    def _panel(self, code: Code, product: Geometry, item: Operand, right: Operand, panels: Operand,
               part: Part | None = None) -> None:
        """Lays out one panel of one matrix among the ``panels``, or a part of the depth of it where these begin; what a
        panel has beyond the last column is 0."""
        element, width = _element(product.dtype), product.width
        matrix, panel = divided(code, item, product.panels)
        column = code.mul(panel, width)
        down, along = product.right[-2:]
        offset = code.add(_batch_offset(code, product.batch, product.right, matrix), code.mul(column, along))
        count = code.least(code.sub(product.columns, column), width)
        to, depth = panels, word(product.depth)
        if part is None:
            to = code.at(element, panels, code.mul(item, product.lines * width))
        else:
            offset, depth = code.add(offset, code.mul(part.start, down)), part.size
        layout = self.layout(product.dtype, width, product.lanes, down, along)
        code.call("void", layout, code.at(element, right, offset), to, depth, count,
                  *[word(step) for step in (down, along) if varies(step)])

    def _left_panel(self, code: Code, product: Geometry, item: Operand, left: Operand, laid: Operand,
                    part: Part | None = None) -> None:
        """Lays out one tile of rows of one matrix, or of it a part of the depth."""
        start, size = (0, product.depth) if part is None else (part.start, part.size)
        element, rows = _element(product.dtype), product.tile_rows
        matrix, tile = divided(code, item, product.tiles)
        down, along = product.left[-2:]
        offset = code.add(_batch_offset(code, product.batch, product.left, matrix),
                          code.mul(_first_row(code, product, tile), down))
        offset = code.add(offset, code.mul(start, along))
        code.call("void", self.layout(product.dtype, rows, product.lanes, along, down), code.at(element, left, offset),
                  code.at(element, laid, code.mul(item, product.laid_lines * rows)), word(size), word(rows),
                  *[word(step) for step in (along, down) if varies(step)])

    def layout(self, dtype: str, width: int, lanes: int, down: int, along: int) -> str:
        """The name of ``void layout(from, to, depth, count)``: ``count`` columns become a panel. Steps that are known
        when the code runs alone are further parameters."""
        steps = down, along
        name = "_".join(["layout", dtype, *map(str, [width, *["any" if varies(step) else step for step in steps]])])
        if self._is_written(name):
            return name
        in_rows = not varies(along) and along == 1
        kinds = {"from": "ptr", "to": "ptr", "depth": WORD, "count": WORD}
        code = self._code(name, kinds | {f"step{n}": WORD for n, step in enumerate(steps) if varies(step)})
        source, to, depth, count, *last = code.parameters
        across, beside = (last.pop(0) if varies(step) else step for step in steps)
        v = Vectors(code, dtype, self.machine)
        if in_rows:
            starts = range(0, width, lanes)
            masks = [v.first_lanes(code.sub(count, k)) for k in starts]
            with code.loop(depth) as loop:
                line, there = v.at(source, code.mul(loop.index, across)), v.at(to, code.mul(loop.index, width))
                for k, mask in zip(starts, masks, strict=True):
                    v.store(v.load(v.at(line, k), mask), v.at(there, k), self._part(v, width - k))
        else:
            with code.loop(width, step=lanes) as part:
                there = v.at(to, part.index)
                self.turned(code, dtype, v.at(source, code.mul(part.index, beside)), there, depth,
                            code.sub(count, part.index), beside, width, code.sub(width, part.index))
        code.done()
        return name

    def _part(self, v: Vectors, columns: int) -> Operand | None:
        """The mask of the first columns; a panel need not be a whole number of vectors wide."""
        return v.first_lanes(word(columns)) if columns < v.lanes else None

    def turned(self, code: Code, dtype: str, source: Operand, to: Operand, depth: Operand, count: Operand, along: Index,
               width: int, room: Index) -> None:
        """Writes a call that lays out a vector of columns that lie along the depth, ``along`` apart, in a panel of
        this ``width``, where ``room`` of them are; from ``count`` on they are 0."""
        operands = source, to, depth, count, word(along), word(width), word(room)
        code.call("void", self._columns(dtype), *operands)

    def _columns(self, dtype: str) -> str:
        """The name of the function that `turned` calls: squares are transposed in registers. The last square may reach
        beyond the depth, where the panel has room."""
        name = f"columns_{dtype}"
        if self._is_written(name):
            return name
        kinds = {"from": "ptr", "to": "ptr", "depth": WORD, "count": WORD, "along": WORD, "width": WORD, "room": WORD}
        code = self._code(name, kinds)
        source, to, depth, count, along, width, room = code.parameters
        v = Vectors(code, dtype, self.machine)
        lanes = v.lanes
        final = code.call(WORD, "llvm.smax.i64", code.sub(count, 1), word(0))
        # A column beyond the last one is read from the last, and becomes 0.
        columns = [v.at(source, code.mul(code.least(final, i), along)) for i in range(lanes)]
        kept, part = v.first_lanes(count), v.first_lanes(room)
        with code.when(code.less(0, count)), code.loop(depth, step=lanes) as loop:
            mask = v.first_lanes(code.sub(depth, loop.index))
            square = v.transposed([v.load(v.at(column, loop.index), mask) for column in columns])
            for i, x in enumerate(square):
                there = v.at(to, code.mul(code.add(loop.index, i), width))
                v.store(v.select(kept, x, 0.0), there, part)
        with code.when(code.less(count, 1)), code.loop(depth) as loop:
            v.store(v.zero, v.at(to, code.mul(loop.index, width)), part)
        code.done()
        return name


@dataclass(frozen=True)
class Part:
    """A part of the depth: where it begins, how much it is, and whether something is there to add to."""

    start: Operand
    size: Operand
    adds: bool


def _depths(code: Code, product: Geometry) -> Iterator[Part]:
    """The parts of the depth: what is written for the first, and in a loop for the others."""
    if not product.cut:
        yield Part(word(0), word(product.depth), False)
        return
    first = word(product.cut)
    yield Part(word(0), code.least(first, product.depth) if varies(product.depth) else first, False)
    with code.loop(product.depth, start=product.cut, step=product.cut) as each:
        yield Part(each.index, code.least(code.sub(product.depth, each.index), product.cut), True)


def _tiles_of(code: Code, product: Geometry, number: Operand) -> tuple[Operand, Operand]:
    """The tiles of rows of an item: as many for each, or one more, so that threads have as much to do."""
    if varies(product.tiles) or varies(product.block):
        first = code.mul(number, product.block)
        return first, code.least(code.add(first, product.block), product.tiles)
    count = -(-product.tiles // product.block)
    first, stop = (code.div(code.mul(at, product.tiles), count) for at in (number, code.add(number, 1)))
    return first, stop


def _steps(product: Geometry) -> tuple[int, int]:
    """The steps of the left operand, or of it laid out, from row to row and along the depth."""
    return (1, product.tile_rows) if product.lay_left else (product.left[-2], product.left[-1])


def _within(code: Code, part: Part, spans: Operand, number: Index) -> tuple[Operand, Operand]:
    """How much further on than a part of the depth that begins which a tile needs, and how much it is, if any."""
    start, stop = (code.word(spans, code.add(code.mul(number, 2), end)) for end in (0, 1))
    further = code.call(WORD, "llvm.smax.i64", code.sub(start, part.start), word(0))
    return further, code.sub(code.least(code.sub(stop, part.start), part.size), further)


def divided(code: Code, index: Operand, size: int) -> tuple[Operand, Operand]:
    """Quotient and rest."""
    if not several(size):
        return index, word(0)
    return code.div(index, size), code.rest(index, size)


def _first_row(code: Code, product: Geometry, tile: Operand) -> Operand:
    """Where a tile begins: the last one overlaps the one before."""
    return code.least(code.mul(tile, product.tile_rows), product.rows - product.tile_rows)


def _batch_offset(code: Code, batch: Sequence[int], strides: Sequence[int], matrix: Index) -> Operand:
    """Where a matrix of a batch begins."""
    offset, left = word(0), word(matrix)
    for size, stride in zip(reversed(batch), reversed(strides[:-2]), strict=True):
        left, index = divided(code, left, size)
        offset = code.add(offset, code.mul(index, stride))
    return offset


def _element(dtype: str) -> str:
    return "float" if dtype == "float32" else "double"
