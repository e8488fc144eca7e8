"""Local derivatives by a node's own rule.

The derivative on an edge is never looked up: the rule that ``backward()`` runs is run on unit cotangents, one for each
element of the results.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.state import state
from ..tensors.tape import Node

JACOBIAN = 64
"""Local partials are written out where the matrix has at most so many entries."""

REAL = ("float16", "float32", "float64")

Matrix = list[list[float]]


def unit_rows(
    node: Node, saved: Any, results: list[tuple[int, tuple[int, ...], str]], sizes: list[int]
) -> dict[int, Matrix]:
    """The local derivative of a node by each operand, by its place: a row for each element of each of the results.

    ``results`` are (number, shape, dtype) of the results that count, of which there is one where the primitive has one;
    ``sizes`` are the elements of the operands, 0 where no gradient is needed. Empty where the matrix would be large.
    """
    count = sum(math.prod(shape) for _, shape, _ in results)
    if not 0 < count * max(sizes, default=0) <= JACOBIAN or any(dtype not in REAL for _, _, dtype in results):
        return {}
    rows: dict[int, Matrix] = {}
    for number, shape, dtype in results:
        for i in range(math.prod(shape)):
            unit = np.zeros(shape, dtype)
            unit.reshape(-1)[i] = 1
            for place, grad in enumerate(_pull(node, saved, {number: unit} if node.primitive.multiple else unit)):
                if node.edges[place] is None:
                    continue
                if grad is None:
                    rows.setdefault(place, []).append([0.0] * sizes[place])
                elif grad.dtype.kind != "c":
                    rows.setdefault(place, []).append([float(entry) for entry in np.asarray(grad).reshape(-1).tolist()])
    return {place: matrix for place, matrix in rows.items() if len(matrix) == count}


def _pull(node: Node, saved: Any, ct: Any) -> Any:
    rule = node.primitive.vjp
    if rule is None:  # a Function's own backward, which needs its context
        before, state.grad = state.grad, False
        watcher, state.watcher = state.watcher, None
        try:
            return node.pull(ct, None)
        finally:
            state.grad, state.watcher = before, watcher
    return state.quiet(rule, ct, saved, node.params, node.edges)


def selection(start: int, size: int, count: int) -> Matrix | None:
    """The derivative of one result by all results of a node: rows of the identity; None where it would be large."""
    if not 0 < size * count <= JACOBIAN:
        return None
    return [[float(start + i == j) for j in range(count)] for i in range(size)]
