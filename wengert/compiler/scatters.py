"""Generated code that adds or puts rows where an index says.

The one idea to know: whoever has an item has some of the targets, goes through all rows in their order, and adds those
that are its own. So every target's sum has one order, whatever the number of threads, and nothing is locked or sorted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .channels import Written, reach
from .code import Code, Index, Operand
from .vectors import Machine, Vectors


@dataclass(frozen=True)
class Scatter:
    """``out[l, index[l, r, d], d] += source[l, r, d]``, r from the first to the last; ``=`` where it does not ``add``.

    The operands: source, index (int64, from 0 to ``targets`` - 1), out, which lies in rows and holds what is added to.
    ``source`` and ``index`` are the elements from one l, r and d to the next; those of the source along d are
    neighbours, and the index is the same for all d (a step of 0) or has one for each. The targets, or in the latter
    case the d, are cut into ``cuts``.
    """

    dtype: str
    lead: int
    rows: int
    targets: int
    inner: int
    source: tuple[int, int]
    index: tuple[int, int, int]
    cuts: int
    add: bool = True

    def extents(self) -> list[tuple[int, int]]:
        """The first and the last element that it reads or writes of each operand, counted from where that begins."""
        sizes = (self.lead, self.rows, self.inner)
        return [reach(list(zip(sizes, (*self.source, 1), strict=True))),
                reach(list(zip(sizes, self.index, strict=True))), (0, self.lead * self.targets * self.inner - 1)]

    def written(self, name: str, machine: Machine) -> Written:
        """The code, for the items that it says."""
        size = 4 if self.dtype == "float32" else 8
        lanes = min(machine.vector_bytes // size, 1 << (self.inner - 1).bit_length())
        code = Code(name, visible=False)
        vectors = Vectors(code, self.dtype, replace(machine, vector_bytes=lanes * size))
        operands, start, stop = code.parameters
        source, index, out = code.addresses(operands, 3)
        with code.loop(stop, start=start) as item:
            cut, lead = code.rest(item.index, self.cuts), code.div(item.index, self.cuts)
            moved = (vectors.at(source, code.mul(lead, self.source[0])),
                     code.at("i64", index, code.mul(lead, self.index[0])),
                     vectors.at(out, code.mul(lead, self.targets * self.inner)))
            if self.index[2]:
                self._each(code, vectors, cut, *moved)
            else:
                self._whole(code, vectors, cut, *moved)
        code.done()
        work = self.lead * self.rows * self.inner
        return code, self.lead * self.cuts, work * 2.0 if self.index[2] else (
            self.lead * self.cuts * self.rows * 2 + work / lanes * 3)

    def _whole(self, code: Code, vectors: Vectors, cut: Operand, source: Operand, index: Operand, out: Operand) -> None:
        """Rows whose targets are within the cut."""
        low, high = _bounds(code, cut, self.targets, self.cuts)
        with code.loop(self.rows) as row:
            target = code.word(index, code.mul(row.index, self.index[1]))
            mine = code.binary("and", code.compare("sge", target, low), code.less(target, high))
            with code.when(mine):
                here = vectors.at(source, code.mul(row.index, self.source[1]))
                there = vectors.at(out, code.mul(target, self.inner))
                whole = self.inner - self.inner % vectors.lanes

                def part(at: Index, mask: Operand | None) -> None:
                    place, value = vectors.at(there, at), vectors.load(vectors.at(here, at), mask)
                    vectors.store(vectors.add(vectors.load(place, mask), value) if self.add else value, place, mask)

                with code.loop(whole, step=vectors.lanes) as column:
                    part(column.index, None)
                if whole != self.inner:
                    part(whole, vectors.first_lanes(Operand(str(self.inner - whole), "i64")))

    def _each(self, code: Code, vectors: Vectors, cut: Operand, source: Operand, index: Operand, out: Operand) -> None:
        """Elements that have an index each, of the columns within the cut."""
        low, high = _bounds(code, cut, self.inner, self.cuts)
        with code.loop(self.rows) as row, code.loop(high, start=low) as column:
            at = code.add(code.mul(row.index, self.index[1]), code.mul(column.index, self.index[2]))
            target = code.add(code.mul(code.word(index, at), self.inner), column.index)
            value = vectors.number(vectors.at(source, code.add(code.mul(row.index, self.source[1]), column.index)))
            place = vectors.at(out, target)
            total = code.binary("fadd", vectors.number(place), value) if self.add else value
            code.store(total, place, align=vectors.bits // 8)


def _bounds(code: Code, cut: Operand, size: int, cuts: int) -> tuple[Operand, Operand]:
    """Where a cut begins and ends."""
    return code.div(code.mul(cut, size), cuts), code.div(code.mul(code.add(cut, 1), size), cuts)
