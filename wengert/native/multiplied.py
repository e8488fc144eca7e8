"""Products of matrices of a program, and those that a table's rows save.

The one idea to know: rows that were picked from a table are few different ones where the table is small, as the letters
of a text are. Their product with a matrix is picked from the product of the table; and what is multiplied by them, or
adds up by the same index, is added up first, row by row of the table, and then multiplied once a row:

    E[i] @ W = (E @ W)[i]        a.T @ E[i] = (a by i).T @ E        (a @ W) by i = (a by i) @ W

where ``a by i`` has the sum of those rows of ``a`` at which ``i`` says so. Sums are taken in another order, so results
are the same up to rounding. Rows that nobody picks count for nothing, whatever is in them (`_Used`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from math import prod
from operator import itemgetter
from typing import Any

import numpy as np

from ..ir import Instr, Value
from . import indexing
from .loops import REALS, Shape
from .plan import Expr
from .translation import Translation

SMALL_PRODUCT = 4096
"""Products of matrices of up to so many multiplications are loops."""

ADDED = 16
"""Roughly how many multiply-adds of a product take as long as to pick or to add an element in memory."""


def _operand(t: Translation, instr: Instr, place: int = 0) -> Expr:
    return t.expr(instr.operands[place])


def _matmul(t: Translation, instr: Instr) -> Expr:
    return _product(t, _operand(t, instr), _operand(t, instr, 1))


def _linear(t: Translation, instr: Instr) -> Expr:
    x, weight = _operand(t, instr), _operand(t, instr, 1)
    if len(weight.shape) != 2 or len(x.shape) < 2:
        raise NotImplementedError("a vector")
    bias = instr.operands[2] if len(instr.operands) > 2 else None
    return _product(t, x, t.plan.viewed(weight, lambda array: array.T),
                    lambda out: out if bias is None else t.apply("add", out, t.expr(bias)))


def _addmm(t: Translation, instr: Instr) -> Expr:
    out = _product(t, _operand(t, instr, 1), _operand(t, instr, 2))
    beta, alpha = instr.params.get("beta", 1), instr.params.get("alpha", 1)
    out = out if alpha == 1 else t.apply("mul", out, alpha)
    if beta == 0:
        return out
    base = _operand(t, instr)
    return t.apply("add", out, base if beta == 1 else t.apply("mul", base, beta))


def _product(t: Translation, x: Expr, y: Expr, then: Callable[[Expr], Expr] = lambda out: out) -> Expr:
    """``then`` of the product: something that depends on the column alone, beside the product."""
    plain = min(len(x.shape), len(y.shape)) >= 2 and x.dtype in REALS and y.dtype == x.dtype
    if not plain or not prod(x.shape + y.shape):
        raise NotImplementedError("a product that numpy computes")
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    rows, depth, columns = x.shape[-2], x.shape[-1], y.shape[-1]
    if depth == 1:  # nothing is summed: what follows goes along, and a large result is stored once
        return then(t.apply("mul", x, y))
    if prod(lead) * rows * depth * columns <= SMALL_PRODUCT:
        return then(_loops(t, x, y, lead))
    elements = prod(lead) * rows * columns
    (x, number), (y, other) = t.plan.unscaled(x, elements), t.plan.unscaled(y, elements)

    def finished(out: Expr) -> Expr:
        for factor in (number, other):
            if factor is not None:
                out = Expr(out.shape, t.plan.nodes.node("mul", (out.node, factor), out.dtype))
        return then(out)

    found = _of_picked(t, x, y, finished)
    if found is None:
        out = _by_picked(t, x, y)
        found = finished(_larger_product(t, x, y, lead) if out is None else out)
    return found


def _larger_product(t: Translation, x: Expr, y: Expr, lead: Shape) -> Expr:
    rows, depth, columns = x.shape[-2], x.shape[-1], y.shape[-1]
    if len(y.shape) == 2 and len(x.shape) > 2:
        flat = t.plan.viewed(x, lambda array: array.reshape(-1, depth))
        return t.plan.viewed(t.plan.product(flat, y), lambda array: array.reshape(*lead, rows, columns))
    if len(lead) > 2:
        raise NotImplementedError("a batch of more than two dimensions")
    x, y = t.plan.in_memory(x), t.plan.in_memory(y)
    return t.plan.product(t.plan.expand(x, (*lead, rows, depth)), t.plan.expand(y, (*lead, depth, columns)))


def _loops(t: Translation, x: Expr, y: Expr, lead: Shape) -> Expr:
    """A small product as a sum of products."""
    rank = len(lead)
    x = t.plan.viewed(x, lambda array: array[..., :, None, :])
    y = t.plan.viewed(y, lambda array: np.swapaxes(array, -1, -2)[..., None, :, :])
    return t.reduced("sum", t.apply("mul", x, y), (rank + 2,), keepdim=False)


# --- rows of a table --------------------------------------------------------------------------------------------------


class _Rows:
    """Rows that an index picks from a table: ``table`` (count, depth) and ``index``, of any shape."""

    def __init__(self, table: Expr, index: Expr) -> None:
        self.table, self.index = table, index

    @property
    def count(self) -> int:
        return self.table.shape[0]

    @staticmethod
    def of(t: Translation, x: Expr) -> _Rows | None:
        """What the rows of x were picked from; None where they were not, or the table is too large for that to pay."""
        if x.node.op != "pick" or t.plan.choose.shared:
            return None
        place, node, step, count = x.node.args
        index = Expr((*x.shape[:-1], 1), node)
        if any(place.strides[:-1]) or any(leaf.strides[-1] for leaf in node.leaves):
            return None
        if not _pays(prod(x.shape[:-1]), count, x.shape[-1]):
            return None
        table = t.plan.whole(place.buffer, (count, x.shape[-1]), (step, place.strides[-1]), place.offset)
        return _Rows(table, t.plan.viewed(index, lambda array: array[..., 0]))


def _pays(rows: int, count: int, width: int) -> bool:
    """Whether it saves enough to go by so many rows of a table, each of which is multiplied so often."""
    return (rows - count) * width > ADDED * rows


def _of_picked(t: Translation, x: Expr, y: Expr, then: Callable[[Expr], Expr]) -> Expr | None:
    """Of rows from a table with a matrix: the rows of the table's product."""
    rows = _Rows.of(t, x) if len(y.shape) == 2 else None
    if rows is None:
        return None
    out = then(t.plan.product(rows.table, y))
    return indexing.rows_of(t, out, rows.index)


def _by_picked(t: Translation, x: Expr, y: Expr) -> Expr | None:
    """With rows from a table: what belongs to each of them is added up first."""
    rows = _Rows.of(t, y) if len(x.shape) == len(y.shape) == 2 else None
    if rows is None:
        return None
    by_row = _added(t, t.plan.viewed(x, lambda array: array.T), rows.index, rows.count)
    table = _used(t, rows.table, rows.index)
    return t.plan.product(t.plan.viewed(by_row, lambda array: array.T), table)


def _added(t: Translation, rows: Expr, index: Expr, count: int) -> Expr:
    """The sum of those rows (R, width) at which the index (R,) says so, for each of so many."""
    rows, index = (t.plan.in_memory(x, again=True) for x in (rows, index))

    def make() -> Expr:
        zeros = Expr((count + 1, rows.shape[1]), t.plan.nodes.const(0.0, rows.dtype))
        every = indexing.with_rows(t, zeros, rows, index, (0, 1), own=False)
        return t.plan.viewed(every, itemgetter(slice(count)))

    return t.plan.once(("added", rows.node, index.node, count), make)


def _used(t: Translation, table: Expr, index: Expr) -> Expr:
    """The rows (count, width) of a table that the index names, zeros in the place of the others."""
    ones = Expr((*index.shape, 1), t.plan.nodes.const(1.0, table.dtype))
    times = _added(t, ones, index, table.shape[0])
    return indexing.where(t, t.plan.expand(t.apply("ne", times, 0, dtype="bool"), table.shape), table)


# --- sums by an index -------------------------------------------------------------------------------------------------


def _index_adjoint(t: Translation, instr: Instr) -> Expr:
    """What was multiplied and then only moved is added up before it is multiplied."""
    ct, shape = instr.operands[0], tuple(instr.results[0].spec.shape)
    if type(ct) is Value and tuple(instr.params["places"]) == (True,) and len(shape) == 2 and (
            not t.plan.choose.shared and ct.spec.dtype.name in REALS):
        if 0 not in shape and _pays(prod(ct.spec.shape) // shape[1], *shape):
            _, index, _ = indexing.indices(t, instr, 1, shape)
            terms = _products(t, ct, t.plan.in_memory(index, again=True), shape[0])
            if terms is not None:
                return reduce(partial(t.apply, "add"), [term() for term in terms])
    return indexing.index_adjoint(t, instr)


def _products(t: Translation, value: Value, index: Expr, count: int) -> list[Callable[[], Expr]] | None:
    """What makes the sums by an index of the products that a value is the sum of, which nothing else needs: its rows in
    another order or not, or zeros for some. The index is that of its rows; where it says ``count``, a row is lost."""
    made = t.makers.get(value)
    if made is None or t.uses[value] > 1 or value in t.arrays:
        return None
    name, operands, final = made.primitive.name, made.operands, tuple(value.spec.shape)
    if name == "add":
        found = [_products(t, x, index, count) if type(x) is Value and tuple(x.spec.shape) == final else None
                 for x in operands]
        return None if None in found else [term for terms in found if terms is not None for term in terms]
    if name == "where" and operands[1] == 0 and type(operands[0]) is type(operands[2]) is Value:
        mask = t.expr(operands[0])
        if mask.shape != (*final[:-1], 1) or tuple(operands[2].spec.shape) != final:
            return None
        lost = t.plan.viewed(mask, lambda array: array[..., 0])
        nowhere = t.plan.nodes.const(count, "int64")
        index = Expr(index.shape, t.plan.nodes.node("select", (lost.node, nowhere, index.node), "int64"))
        return _products(t, operands[2], index, count)
    if type(operands[0]) is not Value:
        return None
    shape = tuple(operands[0].spec.shape)
    if name == "reshape" and shape and shape[-1] == final[-1]:
        return _products(t, operands[0], t.plan.viewed(index, lambda array: array.reshape(shape[:-1])), count)
    if name == "permute" and made.params["dims"][-1] == len(shape) - 1:
        order = np.argsort(made.params["dims"][:-1]).tolist()
        return _products(t, operands[0], t.plan.viewed(index, lambda array: array.transpose(order)), count)
    if name != "matmul" or type(operands[1]) is not Value or len(operands[1].spec.shape) != 2 or len(shape) < 2 or (
            prod(shape) * final[-1] <= SMALL_PRODUCT):
        return None

    def term() -> Expr:
        left = t.plan.viewed(t.expr(operands[0]), lambda array: array.reshape(-1, shape[-1]))
        rows = t.plan.in_memory(t.plan.viewed(index, lambda array: array.reshape(-1)), again=True)
        return _used(t, t.plan.product(_added(t, left, rows, count), t.expr(operands[1])), rows)

    return [term]


HANDLERS: dict[str, Any] = {"matmul": _matmul, "linear": _linear, "addmm": _addmm, "index_adjoint": _index_adjoint}
