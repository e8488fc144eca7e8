"""One formula for every sort of value: how the step of an optimiser that works element by element is computed.

An optimiser states its step as a rule, ``rule(p, g, state, *numbers) -> p``, of one element: the parameter, the
gradient, the state (a dict, whose entries the rule replaces) and numbers that all elements share. It is written in
operators and primitives, and so runs on symbols (one generated kernel moves all large parameters of a group at once),
on arrays (small parameters, without the cost of tensors) and on tensors (where the step is recorded or watched, and
for dtypes other than float32 and float64).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..core.dtypes import float32, promote_types
from ..core.generated import LARGE, too_late
from ..core.state import state as thread
from ..ops import view_as_real
from ..tensors.alias import check_writable, version_cell, write, wrote
from ..tensors.inplace import snapshot
from ..tensors.tensor import Tensor

Rule = Callable[..., Any]
Formula = Callable[..., tuple[Any, ...]]
Arrays = list[np.ndarray[Any, Any]]
Row = tuple[Tensor, ...]
"""What a formula reads for one parameter: the parameter, its state, the gradient. It writes all but the gradient."""


@cache
def formula(rule: Rule, names: tuple[str, ...], maximize: bool, decay: str) -> Formula:
    """The rule with what all optimisers share around it: ``(p, *state, g, *numbers) -> (p, *state)``.

    ``names`` are those of the state. With ``decay`` the last number is for it: "gradient" adds that multiple of p to g,
    "parameter" multiplies p by it. The same arguments give the same function, by which its kernel is found.
    """

    count, with_decay, coupled = len(names), bool(decay), decay == "gradient"

    def step(p: Any, *rest: Any) -> tuple[Any, ...]:
        state, g, numbers = dict(zip(names, rest, strict=False)) if names else {}, rest[count], rest[count + 1:]
        if maximize:
            g = -g
        if with_decay:
            numbers, amount = numbers[:-1], numbers[-1]
            if coupled:
                g = g + p * amount
            else:
                p = p * amount
        p = rule(p, g, state, *numbers)
        return (p, *state.values())

    return step


def arrays_of(row: Row) -> Arrays | None:
    """The arrays of a row that `move_arrays` takes: of one shape, float32 or float64, what is written contiguous and
    writeable. None for any other row."""
    arrays = [tensor._data for tensor in row]
    first = arrays[0]
    dtype, shape = first.dtype, first.shape
    if dtype.char not in "fd":
        return None
    for data in arrays:
        if data.dtype is not dtype or data.shape != shape:
            return None
    for data in arrays[:-1]:
        if not data.flags.carray:
            return None
    return arrays


def entries(gradient: Any) -> tuple[tuple[Any, ...], np.ndarray[Any, Any]]:
    """Where a sparse gradient has values, each place once, as numpy indexes; and these values."""
    data = gradient.coalesce()._data
    return tuple(data.indices), data.values


def add_sparse(parameter: Tensor, gradient: Any, factor: float) -> None:
    """Adds a sparse gradient, times a number, to a parameter in place: to the rows alone that it has."""
    at, values = entries(gradient)
    check_writable(parameter, "step")
    parameter._data[at] += (values * factor).astype(parameter._data.dtype, copy=False)
    wrote(parameter)


def move_arrays(step: Formula, rows: Sequence[tuple[Row, Arrays]], numbers: Sequence[float]) -> None:
    """Writes the results of a formula into rows of one dtype, of which the arrays are given: by one kernel if they are
    large together."""
    size = 0
    for _, arrays in rows:
        size += arrays[0].size
    if size >= LARGE and not too_late():
        table = [(*arrays[:-1], np.ascontiguousarray(arrays[-1])) for _, arrays in rows]
        if _kernels().update(step, table, numbers):
            for row, _ in rows:
                for tensor in row[:-1]:
                    wrote(tensor)
            return
    thread.quiet(_move_each, step, rows, numbers)


@cache
def _kernels() -> Any:
    from ..compiler import updates

    return updates


def _move_each(step: Formula, rows: Sequence[tuple[Row, Arrays]], numbers: Sequence[float]) -> None:
    for row, arrays in rows:
        for tensor, target, result in zip(row, arrays, step(*arrays, *numbers), strict=False):
            target[...] = result
            version_cell(tensor)[0] += 1


def move_tensors(step: Formula, row: Row, numbers: Sequence[Any]) -> None:
    """Writes the results of a formula into a row of any sort, as operations on tensors that can be recorded."""
    if row[0].is_complex():
        row = tuple([view_as_real(tensor) for tensor in row])  # real and imaginary parts move as two parameters
    targets = row[:-1]
    dtype = promote_types(row[0].dtype, float32)  # half precision moves in float32, and is rounded once
    # Backward may read a value that is about to be overwritten.
    values = [snapshot(tensor, True) for tensor in targets] if thread.grad else targets
    shared = [number.to(dtype) if isinstance(number, Tensor) else number for number in numbers]
    for tensor, result in zip(targets, step(*[x.to(dtype) for x in (*values, row[-1])], *shared), strict=True):
        check_writable(tensor, "step")
        write(tensor, result.to(tensor.dtype), "step")
