"""Where an optimiser's step is large, one generated kernel moves all parameters of a group at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.generated import LARGE
from ..core.state import state
from ..tensors.alias import wrote
from ..tensors.tensor import Tensor


def move(rule: Callable[..., Any], rows: Sequence[tuple[Tensor, ...]], writes: int, numbers: Sequence[float]) -> bool:
    """Applies ``rule`` to rows of tensors (the parameter, its state, the gradient), of which it writes the first
    ``writes``; ``numbers`` are what the step shares. False, and nothing done, where the rows are small or not plain
    contiguous numbers of one real dtype, or an operation is being watched or recorded.
    """
    if state.watcher is not None or not rows:
        return False
    dtype, total = rows[0][0]._data.dtype, 0
    for row in rows:
        shape = row[0]._data.shape
        for tensor in row:
            data = tensor._data
            if data.dtype is not dtype or data.shape != shape or not data.flags.c_contiguous:
                return False
        if any(not tensor._data.flags.writeable for tensor in row[:writes]):
            return False
        total += row[0]._data.size
    if dtype.char not in "fd" or total < LARGE:
        return False
    from ..compiler.updates import update

    if not update(rule, [tuple(tensor._data for tensor in row) for row in rows], numbers):
        return False
    for row in rows:
        for tensor in row[:writes]:
            wrote(tensor)
    return True
