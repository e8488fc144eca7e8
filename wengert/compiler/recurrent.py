"""Recurrent layers in eager mode: all steps of one direction in one call of generated code (`compiler/cells.py`).

The formulas are those of `wengert.prims.recurrent`, whose `check_steps` has found the steps to fit their arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from . import memory, threads
from .cells import GATES, SEQUENCES, Cell, Panels, Walk, cell, parts_of
from .code import module
from .jit import engine
from .kernels import generated_code_is_possible

__all__ = ["backward", "forward"]

Array = np.ndarray[Any, Any]


@lru_cache(64)
def _kernels(cell: Cell) -> tuple[list[threads.Parts], threads.Parts]:
    """What lays out the weights, and what walks the steps."""
    machine = engine().machine
    layouts = [threads.Parts(module(Panels(cell, machine, name).written("kernel", machine)[0]))
               for name in cell.weights()]
    return layouts, threads.Parts(module(cell.written("kernel", machine)))


def _run(cell: Cell, walk: Array, weights: Sequence[Array], reads: Sequence[Array], rows: int, sequences: int
         ) -> list[Array]:
    """Walks all steps; the answer is what the cell writes."""
    machine, dtype = engine().machine, weights[0].dtype
    needed, made = cell.operands(rows, sequences)
    _check(cell, cell.weights() | needed, (*weights, *reads))
    layouts, kernel = _kernels(cell)
    laid = []
    for layout, (name, weight) in zip(layouts, zip(cell.weights(), weights, strict=True), strict=True):
        panels, weight = Panels(cell, machine, name), np.ascontiguousarray(weight)
        laid.append(np.empty(panels.elements, dtype))
        numbers = threads.table(2)
        numbers[:] = memory.address(weight), memory.address(laid[-1])
        layout.run(panels.product.panels, panels.elements / 4, numbers)
    reads = [np.ascontiguousarray(array) for array in reads]
    writes = [np.empty(shape, dtype) for shape in made.values()]
    scratch = [np.empty(shape, dtype) for shape in cell.scratch(machine, sequences).values()]
    arrays = (walk, *laid, *reads, *writes, *scratch)
    numbers = threads.table(len(arrays))
    numbers[:] = [memory.address(array) for array in arrays]
    kernel.run(parts_of(sequences), Walk(cell, machine, rows, sequences, 0).cycles, numbers)
    return writes


def _check(cell: Cell, shapes: dict[str, tuple[int, int]], arrays: Sequence[Array]) -> None:
    """Raises ShapeError unless all that generated code reads is there: it goes by the table of the walk."""
    for (name, shape), array in zip(shapes.items(), arrays, strict=True):
        if (array.shape[0] if array.ndim > 1 else 1, array.shape[-1]) != shape or array.dtype.name != cell.dtype:
            raise ShapeError(f"[{cell.sort}] {list(shape)} of {cell.dtype} was expected as {name}; got "
                             f"{list(array.shape)} of {array.dtype}")


def _cell(sort: str, weights: Sequence[Array], gates: int, sequences: int, back: bool) -> Cell | None:
    """The cell of generated code; None where numpy should compute."""
    weight, *projections = weights
    if weight.dtype.char not in "fd" or not weight.size or not generated_code_is_possible():
        return None
    machine = engine().machine
    projection = len(projections[0]) if projections else 0
    return cell(machine, sort, weight.dtype.name, len(weight) // gates, back, sequences, projection
                ) if machine.fused else None


def forward(sort: str, walk: Array, inputs: Array, bias: Array | None, states: Sequence[Array],
            weights: Sequence[Array]) -> list[Array] | None:
    """All steps of a recurrence ("lstm", "gru", "tanh" or "relu"): what its `Cell` says that it writes. None where
    numpy should compute it. ``inputs`` (rows, gates H) are the inputs' shares of the gates; ``weights`` are
    (gates H, H), or (4 H, P) and (P, H) of an LSTM that projects; ``bias`` (3 H,) is a GRU's. ``walk`` comes from
    `cells.walk_table`."""
    found = _cell(sort, weights, GATES[sort], len(states[0]), back=False)
    if found is None:
        return None
    reads = [inputs, *([] if bias is None else [bias]), *states]
    return _run(found, walk, weights, reads, len(inputs), len(states[0]))


def backward(sort: str, walk: Array, by_hs: Array | None, by_states: Sequence[Array | None], saved: Sequence[Array],
             firsts: Sequence[Array], weights: Sequence[Array]) -> list[Array] | None:
    """The cotangents of the inputs (of a GRU also those of the recurrent product) and of the first states, where there
    is a projection also the whole cotangents of every step's h, from those of every step's h and of the last states
    (None: zero). ``saved`` is what forward has written, ``firsts`` the first states that the formula needs; ``walk``
    goes back. None as in `forward`."""
    sequences, rows = int(walk[SEQUENCES]), len(saved[-1])
    found = _cell(sort, weights, GATES[sort], sequences, back=True)
    if found is None:
        return None
    shapes, dtype = found.operands(rows, sequences)[0], weights[0].dtype
    given = []
    for name, ct in zip(("by_hs", "by_h", "by_c"), (by_hs, *by_states), strict=False):
        memory.check_alike(sort, shapes[name], dtype, ct)
        given.append(np.zeros(shapes[name], dtype) if ct is None else ct)
    return _run(found, walk, weights, [*given, *saved, *firsts], rows, sequences)
