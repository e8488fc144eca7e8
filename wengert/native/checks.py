"""What the code of a step takes for granted about the places that it is given, seen to before it is written.

The one idea to know: machine code looks at nothing. `check` is the one function that everything goes through which
becomes code, and `CHECKS` says for each class of steps what is looked at: that every element that it reads or writes
lies in the buffer that it was promised, and that its form describes the operands that it has. What numpy computes in
between, `check_computed` looks at; the arrays of a run are looked at before it (`tracing/program.py:Program.mismatch`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..compiler.memory import check_alike
from ..core.geometry import first_and_last
from ..ir import Instr
from .loops import FOLDS, LoopError, Nest, Place, Shape, Store, verify
from .plan import row_major
from .steps import Call, Guard, Kernel, Layout, Matrices, Product, Step, places_read


def check(step: Step) -> None:
    """Raises `LoopError` unless a step stays inside the buffers of its places, and fits them."""
    CHECKS[type(step)](step)


def _expect(right: bool, what: str, came: object) -> None:
    if not right:
        raise LoopError(f"[native] {what} was expected; got {came}")


def _inside(what: str, place: Place, low: int, high: int) -> None:
    """From ``low`` to ``high``, counted from where the place begins."""
    _expect(0 <= place.offset + low and place.offset + high < place.buffer.size,
            f"a place inside a buffer of {place.buffer.size} elements",
            f"{what} from {place.offset + low} to {place.offset + high}")


def _matrices(what: str, side: Matrices, dtype: str) -> None:
    place = side.place
    _expect(len(place.strides) == len(side.shape) >= 2, "a stride for each dimension of matrices", f"{what} {place!r}")
    _expect(place.buffer.dtype == dtype, f"a buffer of {dtype}", f"{what} {place!r}")
    span = first_and_last(side.shape, place.strides)
    if span is not None:
        _inside(what, place, *span)


def _room(what: str, place: Place | None, dtype: str, elements: int) -> None:
    """Memory of a step's own, or laid out for it."""
    _expect(place is not None, f"{elements} elements to lay out {what}", None)
    assert place is not None
    _expect(place.buffer.dtype == dtype, f"a buffer of {dtype}", f"{what} {place!r}")
    _inside(what, place, 0, elements - 1)


def _kernel(step: Kernel) -> None:
    """Its form says how far it goes from the beginning of each operand, and there are as many of them."""
    places, extents = (*step.reads, *step.writes), step.form.extents()
    _expect(len(places) == len(extents), f"{len(extents)} operands", f"{len(places)} of {step.name}")
    for place, (low, high) in zip(places, extents, strict=True):
        _inside(step.name, place, low, high)


def _product(step: Product) -> None:
    """Sizes that fit together, a result in rows that shares no memory with the operands, and a cut that is of them."""
    left, right, out, cut = step.left, step.right, step.out, step.cut
    for what, side in (("left", left), ("right", right), ("out", out)):
        _matrices(what, side, step.dtype)
    batch, (rows, depth), columns = left.shape[:-2], left.shape[-2:], right.shape[-1]
    _expect(right.shape == (*batch, depth, columns) and out.shape == (*batch, rows, columns),
            "matrices that can be multiplied", [side.shape for side in (left, right, out)])
    _expect(out.place.strides == row_major(out.shape) or cut is not None and out.place.strides[-1] == 1,
            "a result in rows", out.place)
    _expect(out.place.buffer not in (left.place.buffer, right.place.buffer), "a result of its own", out.place)
    _tail(step)
    if cut is None:
        for side in (left, right):
            _neighbours(side.shape[-2:], side.place.strides[-2:])
        return
    _expect((cut.dtype, cut.batch, cut.rows, cut.depth, cut.columns, cut.left, cut.right, cut.out)
            == (step.dtype, batch, rows, depth, columns, left.place.strides, right.place.strides, out.place.strides),
            "a cut of these matrices", cut)
    _expect(cut.low or cut.tile_rows <= rows, f"tiles of at most {rows} rows", cut.tile_rows)
    _expect(not cut.spans or not cut.low and len(cut.spans) == cut.tiles * cut.panels and all(
        0 <= start <= stop <= depth for start, stop in cut.spans), "a part of the depth for each tile", cut.spans)
    _expect(1 in cut.right[-2:], "neighbours along a dimension of the right operand", cut.right)
    if cut.alone:
        _expect(cut.by_panels and step.panels == right.place, "panels that are nowhere else", step.panels)
    else:
        _room("panels", step.panels, step.dtype, cut.panel_elements)
    if cut.lay_left:
        _room("the left operand", step.laid, step.dtype, cut.left_elements)
    else:
        _expect(step.laid == step.panels, "nothing laid out but the panels", step.laid)
    _expect({*step.lays} <= {step.panels, step.laid}, "what it lays out among its operands", step.lays)


def _tail(step: Product) -> None:
    """It has a point an element, none of which another depends on, and may go through a tile twice."""
    tail, cut = step.tail, step.cut
    if tail is None:
        return
    verify(tail)
    _expect(tail.shape == step.out.shape and cut is not None and not cut.cut, "a tail of a product in one go",
            tail.shape)
    _expect(all(type(root) is Store for root in tail.roots) and all(
        node.op not in (*FOLDS, "pick") for node in tail.nodes()), "a tail that goes element by element", tail)
    _expect(not step.sums or cut is not None and not (cut.batch or cut.low), "sums of the tiles of one matrix", cut)
    for root in step.sums:
        assert cut is not None
        _expect(root.value in tail.nodes() and root.place.strides == (cut.columns, 1), "sums of a tail's values", root)
        _inside("sums of tiles", root.place, 0, cut.tiles * cut.columns - 1)
    stored = {root.place.buffer for root in (*tail.roots, *step.sums)}
    read = {place.buffer for place in places_read(step)} | {place.buffer for place in step.lays}
    _expect(stored.isdisjoint(read), "a tail that writes nothing of what the product reads", stored & read)


def _neighbours(sizes: Shape, strides: Shape) -> None:
    """OpenBLAS takes matrices in rows or in columns, lines of which do not overlap."""
    (rows, columns), (down, right) = sizes, strides
    _expect((right == 1 or columns == 1) and (down >= columns or rows == 1)
            or (down == 1 or rows == 1) and (right >= rows or columns == 1), "a matrix in rows or columns", strides)


def _layout(step: Layout) -> None:
    """The operand as the cut has it, and room for all panels."""
    cut, source = step.cut, step.source
    _matrices("what is laid out", source, cut.dtype)
    sizes = (cut.depth, cut.columns) if step.right else (cut.rows, cut.depth)
    strides = cut.right if step.right else cut.left
    _expect(source.shape == (*cut.batch, *sizes) and source.place.strides == strides, "the operand of the cut",
            f"{source.shape} with strides {source.place.strides}")
    _expect(not step.right or 1 in strides[-2:], "neighbours along a dimension", strides)
    _expect(step.right or cut.low or cut.tile_rows <= cut.rows, f"tiles of at most {cut.rows} rows", cut.tile_rows)
    _room("panels", step.out, cut.dtype, cut.panel_elements if step.right else cut.left_elements)


def _call(step: Call) -> None:
    """Views that lie inside, and buffers of what the instruction makes."""
    for operand in step.operands:
        if type(operand) is tuple and type(operand[0]) is Place:
            place, shape = operand
            span = first_and_last(shape, place.strides)
            if span is not None:
                _inside(step.instr.primitive.name, place, *span)
    specs = [value.spec for value in step.instr.results]
    _expect([(buffer.kind, buffer.dtype, buffer.size) for buffer in step.results]
            == [("called", spec.dtype.name, prod(spec.shape)) for spec in specs], f"buffers for {specs}", step.results)


def _guard(step: Guard) -> None:
    """A whole number of 64 bits."""
    _expect(step.place.buffer.dtype == "int64", "a count of what is wrong", step.place)
    _inside("a guard", step.place, 0, 0)


CHECKS: dict[type, Callable[[Any], object]] = {
    Nest: verify, Kernel: _kernel, Product: _product, Layout: _layout, Call: _call, Guard: _guard}


def check_computed(instr: Instr, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    """What numpy has computed for a `Call` has the shapes and dtypes that the code after it was written for."""
    for value, array in zip(instr.results, arrays, strict=True):
        check_alike(instr.primitive.name, tuple(value.spec.shape), value.spec.dtype.numpy, np.asarray(array))
