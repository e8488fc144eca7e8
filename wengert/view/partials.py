"""Local derivatives by a node's own rule, and numbers that the tape did not keep.

The derivative on an edge is never looked up: the rule that ``backward()`` runs is run on unit cotangents, one for each
element of the results. A number that was added is not saved for backward, but often follows from what was.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.primitive import evaluate
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


def added_array(node: Node, place: int, other: Any, out: Any, candidates: list[np.ndarray]) -> np.ndarray | None:
    """That of the arrays which gives the result of an addition or subtraction, to the last bit, as its operand at
    ``place``; None where none does."""
    if not all(isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size for value in (other, out)):
        return None
    for array in candidates:
        # A number would be shown as well as a variable of one element that happens to hold it.
        if array.dtype != out.dtype or array.size < 2 or not _broadcasts(array.shape, other.shape, out.shape):
            continue
        operands = [array, other] if place == 0 else [other, array]
        if np.array_equal(evaluate(node.primitive, operands, node.params), out):
            return array
    return None


def _broadcasts(x: tuple[int, ...], y: tuple[int, ...], result: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(x, y) == result
    except ValueError:
        return False


def added_number(node: Node, place: int, other: Any, out: Any) -> float | None:
    """The number at ``place`` of an addition or subtraction, worked out from its other operand and its result: the
    shortest one that gives that result exactly. None where the operand is no single number, or is too small beside the
    other one to be worked out."""
    name = node.primitive.name
    known = all(isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size for value in (other, out))
    if name not in ("add", "sub") or len(node.edges) != 2 or not known or other.shape != out.shape:
        return None
    guesses = (out - other if name == "add" else other - out if place else out + other).astype(np.float64)
    guess = float(guesses.reshape(-1)[0])
    if not np.isfinite(guesses).all() or abs(guess) < 1e-3 * float(np.abs(other).max()):
        return None
    for digits in range(1, 18):
        number = float(f"{guess:.{digits}g}")
        operands = [number, other] if place == 0 else [other, number]
        if np.array_equal(evaluate(node.primitive, operands, node.params), out):
            return number
    return None
