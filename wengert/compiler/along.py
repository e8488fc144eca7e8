"""Generated code that goes along a dimension: gathers and scatters by an index, running sums, products and extremes.

The one idea to know: an array is ``lead`` blocks of ``rows`` rows of ``inner`` elements, whatever its rank, and all
three are words of a table, so that one kernel serves every shape. Who has an item has a block, or some columns of one,
and goes through its rows in their order: so every sum has one order, whatever the number of threads.
"""

from __future__ import annotations

from functools import cache
from math import prod

import numpy as np

from ..core.generated import LARGE
from . import threads
from .code import TRUTH, WORD, Code, Operand, module, word
from .jit import engine
from .kernels import generated_code_is_possible
from .sweeps import Array
from .vectors import Vectors

__all__ = ["gather", "running", "running_extreme", "scatter", "scatter_rows", "take"]

_FLOATS = {"f": ("float", 4), "d": ("double", 8)}
_WHOLE = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}
MOST_CUTS = 16
"""Into so many parts the columns of a block are cut at most."""
SMALLEST_CUT = 64


def _combined(code: Code, how: str, old: Operand, new: Operand) -> Operand:
    """What stands at a place after another number has come."""
    real = old.type in ("float", "double")
    if how in ("add", "multiply"):
        return code.binary({"add": "add", "multiply": "mul"}[how] if not real else f"f{how[:3]}", old, new)
    if not real:
        return code.select(code.compare("sgt" if how == "maximum" else "slt", old, new), old, new)
    best = code.select(_real(code, "ogt" if how == "maximum" else "olt", old, new), old, new)
    return code.select(_real(code, "uno", old, old), old, best)


def _real(code: Code, condition: str, x: Operand, y: Operand) -> Operand:
    return code.emit(f"fcmp {condition} {x.type} {x}, {y}", TRUTH)


# --- gathers and scatters ---------------------------------------------------------------------------------------------


@cache
def _indexed(how: str, element: str, size: int, form: str) -> threads.Parts:
    """``how`` the many meet the few: "gather" puts ``many[l, index[l, r, d], d]`` to ``few[l, r, d]``, "put" the other
    way round, "add" and its kin combine with what is there. ``form``: "each" has an index for each element, "flat" the
    same where rows have one element, "whole" one for a row."""
    code = Code()
    operands, start, stop = code.parameters
    table, many, few, index = (code.address(operands, k) for k in range(4))
    rows, inner, targets, cuts, step = (code.word(table, k) for k in range(5))
    across = rows if form == "flat" else inner
    with code.loop(stop, start=start) as item:
        cut, lead = code.rest(item.index, cuts), code.div(item.index, cuts)
        low, high = (code.div(code.mul(k, across), cuts) for k in (cut, code.add(cut, 1)))
        block = code.at(element, many, code.mul(lead, code.mul(targets, inner)))
        each = code.at(element, few, code.mul(lead, code.mul(rows, inner)))
        where = code.at(WORD, index, code.mul(lead, step))
        if form == "whole":
            _rows(code, element, block, each, where, (rows, inner, low, high))
        elif form == "flat":
            with code.loop(high, start=low) as at:
                target = code.word(where, at.index)
                _element(code, how, (element, size), code.at(element, block, target), code.at(element, each, at.index))
        else:
            with code.loop(rows) as row, code.loop(high, start=low) as column:
                here = code.add(code.mul(row.index, inner), column.index)
                target = code.add(code.mul(code.word(where, here), inner), column.index)
                _element(code, how, (element, size), code.at(element, block, target), code.at(element, each, here))
    code.done()
    return threads.Parts(module(code), arrays=3)


def _element(code: Code, how: str, kind: tuple[str, int], target: Operand, place: Operand) -> None:
    element, size = kind
    if how == "gather":
        code.store(code.load(element, target, align=size), place, align=size)
        return
    value = code.load(element, place, align=size)
    if how != "put":
        value = _combined(code, how, code.load(element, target, align=size), value)
    code.store(value, target, align=size)


def _rows(code: Code, element: str, block: Operand, each: Operand, index: Operand,
          sizes: tuple[Operand, Operand, Operand, Operand]) -> None:
    """Rows of floats that are added to those that an index says."""
    rows, inner, low, high = sizes
    vectors = Vectors(code, "float32" if element == "float" else "float64", engine().machine)
    with code.loop(rows) as row:
        here = vectors.at(each, code.mul(row.index, inner))
        there = vectors.at(block, code.mul(code.word(index, row.index), inner))

        def part(at: Operand, mask: Operand | None, here: Operand = here, there: Operand = there) -> None:
            place = vectors.at(there, at)
            vectors.store(vectors.add(vectors.load(place, mask), vectors.load(vectors.at(here, at), mask)), place, mask)

        vectors.sweep(low, high, part)


def _fits(index: Array, targets: int) -> bool:
    """Whether every index counts a target from the first; negative ones are the largest of unsigned numbers."""
    return index.dtype == np.int64 and bool(np.maximum.reduce(index.view(np.uint64), None) < targets)


def _blocks(shape: tuple[int, ...], dim: int) -> tuple[int, int, int]:
    return prod(shape[:dim]), shape[dim], prod(shape[dim + 1:])


def _run(how: str, kind: tuple[str, int], form: str, many: Array, few: Array, index: Array,
         sizes: tuple[int, int, int, int]) -> None:
    lead, rows, inner, targets = sizes
    step = rows * inner if form == "each" else 0
    if inner == 1:
        form = "flat"
    across = rows if form == "flat" else inner
    cuts = 1 if form == "flat" and how != "gather" else max(1, min(MOST_CUTS, across // SMALLEST_CUT))
    numbers = threads.table(5)
    numbers[:] = rows, inner, targets, cuts, step
    _indexed(how, *kind, form).run(lead * cuts, lead * rows * inner * 4.0, numbers, many, few, index)


def gather(x: Array, index: Array, dim: int) -> Array | None:
    """``x`` at the places that ``index`` has along ``dim``; None where numpy should do it: small indices, other
    integers than int64, some that lie outside or count from the end."""
    kind = _WHOLE.get(x.dtype.itemsize)
    if (index.size < LARGE or kind is None or x.dtype.hasobject or not generated_code_is_possible()
            or x.ndim != index.ndim or any(n < m for d, (n, m) in enumerate(zip(x.shape, index.shape, strict=True))
                                           if d != dim) or not _fits(index, x.shape[dim])):
        return None
    part = x[tuple([slice(None) if d == dim else slice(n) for d, n in enumerate(index.shape)])]
    out = np.empty(index.shape, x.dtype)
    lead, rows, inner = _blocks(index.shape, dim)
    _run("gather", (kind, x.dtype.itemsize), "each", np.ascontiguousarray(part), out, np.ascontiguousarray(index),
         (lead, rows, inner, x.shape[dim]))
    return out


def take(x: Array, index: Array) -> Array | None:
    """``x`` at the places of the last dimension that ``index`` says, the same of each row; None as in `gather`."""
    kind, rows = _WHOLE.get(x.dtype.itemsize), len(index)
    lead = prod(x.shape[:-1])
    if (lead * rows < LARGE or kind is None or x.dtype.hasobject or index.ndim != 1
            or not generated_code_is_possible() or not _fits(index, x.shape[-1])):
        return None
    out = np.empty((*x.shape[:-1], rows), x.dtype)
    _run("gather", (kind, x.dtype.itemsize), "whole", np.ascontiguousarray(x), out, np.ascontiguousarray(index),
         (lead, rows, 1, x.shape[-1]))
    return out


def scatter(out: Array, index: Array, source: Array, dim: int, how: str) -> bool:
    """Puts ``source`` into ``out``, or combines it with what is there (add, multiply, maximum, minimum), at the places
    that ``index``, of the same shape, has along ``dim``. False where numpy should do it, as in `gather`."""
    size = out.dtype.itemsize
    kind = (_FLOATS.get(out.dtype.char) or ((_WHOLE[size], size) if out.dtype.kind == "i" and size >= 4 else None)
            if how != "put" else (_WHOLE.get(size, ""), size))
    if (index.size < LARGE or kind is None or not kind[0] or out.dtype.hasobject or source.dtype != out.dtype
            or source.shape != index.shape or out.ndim != index.ndim or not out.flags.c_contiguous
            or not generated_code_is_possible()
            or any(n != m for d, (n, m) in enumerate(zip(out.shape, index.shape, strict=True)) if d != dim)
            or not _fits(index, out.shape[dim])):
        return False
    lead, rows, inner = _blocks(index.shape, dim)
    _run(how, kind, "each", out, np.ascontiguousarray(source), np.ascontiguousarray(index),
         (lead, rows, inner, out.shape[dim]))
    return True


def scatter_rows(out: Array, index: Array, source: Array, dim: int) -> bool:
    """Adds what ``source`` has along ``dim`` to ``out`` where ``index``, one for each, says. False where numpy should
    do it: as in `scatter`, and other numbers than floats."""
    kind = _FLOATS.get(out.dtype.char)
    if (source.size < LARGE or kind is None or source.dtype != out.dtype or not out.flags.c_contiguous
            or index.ndim != 1 or source.shape != (*out.shape[:dim], len(index), *out.shape[dim + 1:])
            or not generated_code_is_possible() or not _fits(index, out.shape[dim])):
        return False
    lead, rows, inner = _blocks(source.shape, dim)
    _run("add", kind, "whole", out, np.ascontiguousarray(source), np.ascontiguousarray(index),
         (lead, rows, inner, out.shape[dim]))
    return True


# --- scans ------------------------------------------------------------------------------------------------------------

_SIDE_BY_SIDE = 4
"""So many rows of one element each are gone through at once, as each sum waits for the one before it."""


@cache
def _scan(how: str, element: str, size: int) -> threads.Parts:
    """Running sums and products, in float64, or extremes with the last place of each: of blocks of ``rows`` numbers, or
    of each column, side by side."""
    code = Code()
    operands, start, stop = code.parameters
    table, x, out, places = (code.address(operands, k) for k in range(4))
    rows, step, block, side, cuts, apart = (code.word(table, k) for k in range(6))
    extreme = how in ("maximum", "minimum")

    def scanned(begins: list[Operand]) -> None:
        """Goes along lines that begin at these elements."""
        double = Operand({"add": "0.0", "multiply": "1.0"}.get(how, ""), "double")
        carried = [item for at in begins for item in
                   ([code.load(element, x, at, align=size), word(0)] if extreme else [double])]
        with code.loop(rows, carried=carried) as row:
            following: list[Operand] = []
            for k, begin in enumerate(begins):
                at = code.add(begin, code.mul(row.index, step))
                value = code.load(element, x, at, align=size)
                if extreme:
                    best, place = row.carried[2 * k : 2 * k + 2]
                    better = _real(code, "uge" if how == "maximum" else "ule", value, best)
                    stays = code.binary("and", _real(code, "uno", best, best), _real(code, "ord", value, value))
                    taken = code.select(stays, Operand("false", TRUTH), better)
                    best, place = code.select(taken, value, best), code.select(taken, row.index, place)
                    code.store(best, code.at(element, out, at), align=size)
                    code.store(place, code.at(WORD, places, at), align=8)
                    following += [best, place]
                    continue
                wide = value if element == "double" else code.convert("fpext", value, "double")
                total = code.binary(f"f{how[:3]}", row.carried[k], wide)
                kept = total if element == "double" else code.convert("fptrunc", total, element)
                code.store(kept, code.at(element, out, at), align=size)
                following.append(total)
            row.next = following

    with code.loop(stop, start=start) as item:
        cut, lead = code.rest(item.index, cuts), code.div(item.index, cuts)
        low, high = (code.div(code.mul(k, side), cuts) for k in (cut, code.add(cut, 1)))
        base = code.mul(lead, block)
        many = code.sub(high, code.rest(code.sub(high, low), _SIDE_BY_SIDE))
        with code.loop(many, start=low, step=_SIDE_BY_SIDE) as line:
            scanned([code.add(base, code.mul(code.add(line.index, k), apart)) for k in range(_SIDE_BY_SIDE)])
        with code.loop(high, start=many) as line:
            scanned([code.add(base, code.mul(line.index, apart))])
    code.done()
    return threads.Parts(module(code), arrays=3)


def _scanned(x: Array, dim: int, how: str) -> tuple[Array, Array] | None:
    kind = _FLOATS.get(x.dtype.char)
    if x.size < LARGE or kind is None or not generated_code_is_possible():
        return None
    lead, rows, inner = _blocks(x.shape, dim)
    extreme = how in ("maximum", "minimum")
    out = np.empty(x.shape, x.dtype)
    places = np.empty(x.shape, np.int64) if extreme else out
    numbers = threads.table(6)
    # Lines of the last dimension lie one after the other, and are all of one block; else columns are side by side.
    blocks, side, apart = (1, lead, rows) if inner == 1 else (lead, inner, 1)
    cuts = max(1, min(MOST_CUTS, side // _SIDE_BY_SIDE))
    numbers[:] = rows, inner, rows * inner, side, cuts, apart
    _scan(how, *kind).run(blocks * cuts, x.size * 4.0, numbers, np.ascontiguousarray(x), out, places)
    return out, places


def running(x: Array, dim: int, how: str) -> Array | None:
    """The running sums ("add") or products ("multiply") along a dimension, in float64 as PyTorch has them; None where
    numpy should compute them."""
    found = _scanned(x, dim, how)
    return None if found is None else found[0]


def running_extreme(x: Array, dim: int, how: str) -> tuple[Array, Array] | None:
    """The running "maximum" or "minimum" along a dimension, and the last place of each; None as in `running`."""
    return _scanned(x, dim, how)
