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
from .cells import SEQUENCES, Cell, Panels, Walk, cell, parts_of
from .code import module
from .jit import engine
from .kernels import generated_code_is_possible

__all__ = ["backward", "forward"]

Array = np.ndarray[Any, Any]


@lru_cache(64)
def _kernels(cell: Cell) -> tuple[threads.Parts, threads.Parts]:
    """What lays out the weight, and what walks the steps."""
    machine = engine().machine
    return (threads.Parts(module(cell.panels_written("kernel", machine)[0])),
            threads.Parts(module(cell.written("kernel", machine))))


def _run(cell: Cell, walk: Array, weight: Array, reads: Sequence[Array], rows: int, sequences: int) -> list[Array]:
    """Walks all steps; the answer is what the cell writes."""
    machine, dtype = engine().machine, weight.dtype
    layout, kernel = _kernels(cell)
    panels = Panels(cell, machine)
    weight, laid = np.ascontiguousarray(weight), np.empty(panels.elements, dtype)
    numbers = threads.table(2)
    numbers[:] = memory.address(weight), memory.address(laid)
    layout.run(cell.product(machine).panels, panels.elements / 4, numbers)
    reads = [np.ascontiguousarray(array) for array in reads]
    writes = [np.empty((sequences if wide < 0 else rows, abs(wide) * cell.width), dtype)
              for wide in cell.operands()[1].values()]
    sums = np.empty(0 if cell.backward else sequences * cell.product(machine).columns, dtype)
    _check(cell, reads, rows, sequences)
    arrays = (walk, laid, *reads, *writes, sums)
    numbers = threads.table(len(arrays))
    numbers[:] = [memory.address(array) for array in arrays]
    kernel.run(parts_of(sequences), Walk(cell, machine, rows, sequences, 0).cycles, numbers)
    return writes


def _check(cell: Cell, reads: Sequence[Array], rows: int, sequences: int) -> None:
    """Raises ShapeError unless all that generated code reads is there: it goes by the table of the walk."""
    for (name, wide), array in zip(cell.operands()[0].items(), reads, strict=True):
        size = cell.gates * cell.width if not wide else abs(wide) * cell.width * (sequences if wide < 0 else rows)
        if array.size != size or array.dtype.name != cell.dtype:
            raise ShapeError(f"[{cell.sort}] {size} elements of {cell.dtype} were expected as {name}; got an array "
                             f"{list(array.shape)} of {array.dtype}")


def _cell(sort: str, weight: Array, sequences: int, back: bool) -> Cell | None:
    """The cell of generated code; None where numpy should compute."""
    if weight.dtype.char not in "fd" or not weight.size or not generated_code_is_possible():
        return None
    machine = engine().machine
    return cell(machine, sort, weight.dtype.name, weight.shape[1], back, sequences) if machine.fused else None


def forward(sort: str, walk: Array, inputs: Array, bias: Array | None, states: Sequence[Array], weight: Array
            ) -> list[Array] | None:
    """All steps of a recurrence ("lstm", "gru", "tanh" or "relu"): what its `Cell` says that it writes. None where
    numpy should compute it. ``inputs`` (rows, gates H) are the inputs' shares of the gates; ``weight`` is (gates H, H),
    ``bias`` (3 H,) a GRU's. ``walk`` comes from `cells.walk_table`."""
    found = _cell(sort, weight, len(states[0]), back=False)
    if found is None:
        return None
    reads = [inputs, *([] if bias is None else [bias]), *states]
    return _run(found, walk, weight, reads, len(inputs), len(states[0]))


def backward(sort: str, walk: Array, by_hs: Array | None, by_states: Sequence[Array | None], saved: Sequence[Array],
             firsts: Sequence[Array], weight: Array) -> list[Array] | None:
    """The cotangents of the inputs (of a GRU also those of the recurrent product) and of the first states, from those
    of every step's h and of the last states (None: zero). ``saved`` is what forward has written, ``firsts`` the first
    states that the formula needs; ``walk`` goes back. None as in `forward`."""
    sequences, rows, width = int(walk[SEQUENCES]), len(saved[-1]), weight.shape[1]
    found = _cell(sort, weight, sequences, back=True)
    if found is None:
        return None
    memory.check_alike(sort, (rows, width), weight.dtype, by_hs)
    memory.check_alike(sort, (sequences, width), weight.dtype, *by_states)
    given = [np.zeros((rows, width), weight.dtype) if by_hs is None else by_hs,
             *[np.zeros((sequences, width), weight.dtype) if ct is None else ct for ct in by_states]]
    return _run(found, walk, weight, [*given, *saved, *firsts], rows, sequences)
