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


class _Plan:
    """All but the arrays of a call, for a cell and so many rows and sequences."""

    def __init__(self, cell: Cell, rows: int, sequences: int) -> None:
        machine = engine().machine
        self.cell = cell
        self.layouts, self.kernel = _kernels(cell)
        panels = [Panels(cell, machine, name) for name in cell.weights()]
        self.panels = [(each.product.panels, each.elements) for each in panels]
        reads, writes = cell.operands(rows, sequences)
        self.given = cell.weights() | reads
        self.shapes = [*self.given.values()]
        self.made = [*writes.values(), *cell.scratch(machine, sequences).values()]
        self.results = len(writes)
        self.parts, self.worth = parts_of(sequences), Walk(cell, machine, rows, sequences, 0).cycles

    def run(self, walk: Array, arrays: Sequence[Array]) -> list[Array]:
        """Walks all steps; the arrays are the weights and what is read, the answer is what the cell writes."""
        dtype = arrays[0].dtype
        if [x.shape if x.ndim == 2 else (1, *x.shape) for x in arrays] != self.shapes or any(
                [x.dtype is not dtype and x.dtype != dtype for x in arrays]):
            self._raise(arrays)
        arrays = [np.ascontiguousarray(x) for x in arrays]
        used = [memory.address(walk)]
        laid = []
        for layout, weight, (count, elements) in zip(self.layouts, arrays, self.panels, strict=False):
            laid.append(np.empty(elements, dtype))
            used.append(memory.address(laid[-1]))
            numbers = threads.table(2)
            numbers[:] = memory.address(weight), used[-1]
            layout.run(count, elements / 4, numbers)
        made = [np.empty(shape, dtype) for shape in self.made]
        used += [memory.address(x) for x in (*arrays[len(laid):], *made)]
        numbers = threads.table(len(used))
        numbers[:] = used
        self.kernel.run(self.parts, self.worth, numbers)
        return made[:self.results]

    def _raise(self, arrays: Sequence[Array]) -> None:
        """Generated code goes by the table of the walk: all that it reads has to be there."""
        for (name, shape), array in zip(self.given.items(), arrays, strict=True):
            if (array.shape if array.ndim == 2 else (1, *array.shape)) != shape or array.dtype.name != self.cell.dtype:
                raise ShapeError(f"[{self.cell.sort}] {list(shape)} of {self.cell.dtype} was expected as {name}; got "
                                 f"{list(array.shape)} of {array.dtype}")


@lru_cache(256)
def _plan(sort: str, dtype: str, weights: tuple[tuple[int, ...], ...], rows: int, sequences: int, back: bool
          ) -> _Plan | None:
    """The plan for weights of these shapes; None where numpy should compute."""
    machine, gates = engine().machine, GATES[sort]
    if not machine.fused or dtype not in ("float32", "float64") or 0 in weights[0]:
        return None
    projection = weights[1][0] if len(weights) > 1 else 0
    return _Plan(cell(machine, sort, dtype, weights[0][0] // gates, back, sequences, projection), rows, sequences)


def _found(sort: str, weights: Sequence[Array], rows: int, sequences: int, back: bool) -> _Plan | None:
    if not generated_code_is_possible():
        return None
    return _plan(sort, weights[0].dtype.name, tuple([x.shape for x in weights]), rows, sequences, back)


def forward(sort: str, walk: Array, inputs: Array, bias: Array | None, states: Sequence[Array],
            weights: Sequence[Array]) -> list[Array] | None:
    """All steps of a recurrence ("lstm", "gru", "tanh" or "relu"): what its `Cell` says that it writes. None where
    numpy should compute it. ``inputs`` (rows, gates H) are the inputs' shares of the gates; ``weights`` are
    (gates H, H), or (4 H, P) and (P, H) of an LSTM that projects; ``bias`` (3 H,) is a GRU's. ``walk`` comes from
    `cells.walk_table`."""
    found = _found(sort, weights, len(inputs), len(states[0]), back=False)
    if found is None:
        return None
    return found.run(walk, [*weights, inputs, *([] if bias is None else [bias]), *states])


def backward(sort: str, walk: Array, by_hs: Array | None, by_states: Sequence[Array | None], saved: Sequence[Array],
             firsts: Sequence[Array], weights: Sequence[Array]) -> list[Array] | None:
    """The cotangents of the inputs (of a GRU also those of the recurrent product) and of the first states, where there
    is a projection also the whole cotangents of every step's h, from those of every step's h and of the last states
    (None: zero). ``saved`` is what forward has written, ``firsts`` the first states that the formula needs; ``walk``
    goes back. None as in `forward`."""
    sequences, rows = int(walk[SEQUENCES]), len(saved[-1])
    found = _found(sort, weights, rows, sequences, back=True)
    if found is None:
        return None
    dtype, cts = weights[0].dtype, []
    for ct, shape in zip((by_hs, *by_states), found.shapes[len(weights):], strict=False):
        memory.check_alike(sort, shape, dtype, ct)
        cts.append(np.zeros(shape, dtype) if ct is None else ct)
    return found.run(walk, [*weights, *cts, *saved, *firsts])
