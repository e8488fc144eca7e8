"""A product of matrices by OpenBLAS, as a function of a native program: for few rows, and for great depths."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..compiler.blas import cut_of, matrix_order, openblas, whole_of_word, write_call
from ..compiler.code import Code, Index, Operand, word
from ..compiler.extents import lifted, varies
from .emission import Function
from .steps import Product


def product_function(product: Product, name: str) -> Function:
    """``out = left @ right`` by OpenBLAS; the items are the matrices of a batch, or parts of one."""
    code = Code(name, visible=False)
    operands, start, stop = code.parameters
    table = code.address(operands, 0)
    library = openblas()
    assert library is not None
    sides = (product.left, product.right, product.out)
    size = np.dtype(product.dtype).itemsize
    *bases, function = [code.address(table, number) for number in range(len(sides) + 1)]
    rows, depth, columns = *product.left.shape[-2:], product.right.shape[-1]
    lead = product.out.shape[:-2]
    cut: Any = (prod(lead), (0, 0)) if lead else lifted(cut_of, rows, depth, columns)
    inner, row_step, column_step = (lifted(part, cut) for part in (_parts, _row_step, _column_step))
    orders = [matrix_order(side.place.strides[-2:], side.shape[-2:]) for side in sides]
    with code.loop(stop, start=start) as part:
        if lead:
            last = lead[-1]
            indices = [code.div(part.index, last), code.rest(part.index, last)] if len(lead) == 2 else [part.index]
            places = []
            for base, side in zip(bases, sides, strict=True):
                for index, stride in zip(indices, side.place.strides[:-2], strict=True):
                    base = code.at("i8", base, code.mul(index, stride * size)) if stride else base
                places.append(base)
            sizes = [word(rows), word(columns)]
        else:
            down, right = code.mul(part.index, row_step), code.mul(part.index, column_step)
            places = [code.at("i8", bases[0], code.mul(down, product.left.place.strides[0] * size)),
                      code.at("i8", bases[1], code.mul(right, product.right.place.strides[1] * size)),
                      code.at("i8", bases[2], code.mul(code.add(code.mul(down, columns), right), size))]
            sizes = [_part(code, row_step, rows, down), _part(code, column_step, columns, right)]
        whole = [whole_of_word(code, library.word, x) for x in (*sizes, word(depth))]
        lines = [whole_of_word(code, library.word, word(line)) for _, line in orders]
        pairs = list(zip(places, lines, strict=True))
        write_call(code, "float" if size == 4 else "double", function,
                   [Operand(str(order), "i32") for order, _ in orders[:2]], whole, pairs[0], pairs[1], "0.0", pairs[2])
    code.done()
    return Function(code, inner, prod(product.out.shape) * depth / 8)


def _parts(cut: tuple[int, tuple[int, int]]) -> int:
    return cut[0]


def _row_step(cut: tuple[int, tuple[int, int]]) -> int:
    return cut[1][0]


def _column_step(cut: tuple[int, tuple[int, int]]) -> int:
    return cut[1][1]


def _part(code: Code, step: Index, size: Index, start: Operand) -> Operand:
    """How many rows or columns of some are left from a start on, a ``step`` at most, where that is not 0."""
    if not varies(step):
        return code.least(word(step), code.sub(size, start)) if step else word(size)
    return code.select(code.compare("eq", step, 0), word(size), code.least(word(step), code.sub(size, start)))
