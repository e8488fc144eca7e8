"""Products with the Jacobian of a function, and the Jacobian: what `autograd.functional` and ``func`` have in common.

The one idea to know: functions here go from a list of tensors to a list of tensors. The two public faces take the
user's nests apart, put the results together and say what is wrong with either; derivatives are made in this one place.
A Jacobian is one run back (or forth) for many rows (or columns) at once, at a level over the basis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..core.primitive import P
from ..tensors.tensor import Tensor, wrap
from . import engine
from .batching import over_examples
from .engine import grad
from .forward import DualLevel
from .levels import level, off_tape
from .rows import run_rows

Flat = Callable[[Sequence[Any]], Sequence[Tensor]]

_ROOM = 2**28
"""The bytes that the rows of a Jacobian which are computed at once may take, with as much again for each step."""


def apart(x: Tensor, connected: bool) -> Tensor:
    """An input to differentiate by: a new leaf; or, to be ``connected`` to the tape that ``x`` is on, a view there. One
    from outside of the level is on the tape of a level below, which goes on below the new leaf."""
    inside = level()
    if connected and x.requires_grad and (inside is None or inside.owns(x)):
        view: Tensor = P.reshape(x, shape=x._data.shape)
        return view
    return off_tape(x).requires_grad_()


def pull(outputs: Sequence[Tensor], inputs: Sequence[Any], cts: Sequence[Tensor] | None, create_graph: bool = True,
         strict: str | None = None) -> list[Tensor]:
    """The product of cotangents of the outputs with the Jacobian, by one run back; of None, the gradient of a scalar.

    Zeros by an input on which nothing depends: there it raises RuntimeError, in the name ``strict`` of an operation.
    """
    if strict is not None:
        check_moves(strict, outputs)
    reached = [i for i, output in enumerate(outputs) if output.requires_grad]
    wanted = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    found: dict[int, Tensor] = {}
    if reached and wanted:
        given = None if cts is None else [cts[i] for i in reached]
        grads = grad([outputs[i] for i in reached], [inputs[i] for i in wanted], given, retain_graph=True,
                     create_graph=create_graph, allow_unused=True)
        found = {i: ct for i, ct in zip(wanted, grads, strict=True) if ct is not None}
    independent = [i for i in range(len(inputs)) if i not in found]
    if strict is not None and independent:
        raise RuntimeError(f"[{strict}] The output of the user-provided function is independent of input "
                           f"{independent[0]}. This is not allowed in strict mode.")
    if strict is not None and create_graph:
        for i, ct in found.items():
            if not ct.requires_grad:
                check_bends(strict, i)
    for i in independent:
        if not isinstance(inputs[i], Tensor):
            raise TypeError(f"[grad] inputs that are tensors were expected; got {type(inputs[i]).__name__}; "
                            "differentiate by the others alone")
        found[i] = P.zeros_like(off_tape(inputs[i]))
    return [found[i] for i in range(len(inputs))]


def check_moves(op: str, outputs: Sequence[Any]) -> None:
    """Raises for the first of the outputs on which no gradient would arrive."""
    for i, output in enumerate(outputs):
        if not output.requires_grad:
            raise RuntimeError(f"[{op}] Output {i} of the user-provided function does not require gradients. The "
                               "outputs must be computed in a differentiable manner from the input when running in "
                               "strict mode.")


def check_bends(op: str, i: int) -> None:
    """Raises: the derivative by input ``i`` does not depend on it, and strict mode wants one that does."""
    if op in ("hessian", "vhp", "hvp"):
        raise RuntimeError(f"[{op}] While computing the hessian, found that the jacobian of the user-provided "
                           f"function with respect to input {i} is independent of the input. This is not allowed in "
                           "strict mode. You should ensure that your function is twice differentiable.")
    raise RuntimeError(f"[{op}] The jacobian of the user-provided function is independent of input {i}. This is not "
                       "allowed in strict mode when create_graph=True.")


def push(function: Flat, inputs: Sequence[Any], tangents: Sequence[Tensor | None]) -> tuple[list[Tensor], list[Any]]:
    """The outputs of a function, and the product of its Jacobian with tangents of the inputs: None where an output does
    not move."""
    with DualLevel() as inside:
        outputs = function([inside.dual(x, t) if isinstance(x, Tensor) else x
                            for x, t in zip(inputs, tangents, strict=True)])
        pairs = [inside.unpacked(output) for output in outputs]
    return [primal for primal, _ in pairs], [tangent for _, tangent in pairs]


def moving(primal: Tensor, tangent: Tensor | None) -> Tensor:
    """The tangent of an output; zeros where it does not move."""
    return P.zeros_like(off_tape(primal)) if tangent is None else tangent


def basis(start: int, stop: int, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """The unit tensors of a shape with these numbers, along a first dimension."""
    count = prod(shape)
    rows = np.zeros((stop - start) * count, like.dtype.numpy)
    rows[start :: count + 1] = 1
    return wrap(rows.reshape(stop - start, *shape))


def chunk_of(count: int, sizes: int, itemsize: int, chunk: int | None) -> int:
    """How many rows are computed at once: as given, or as many as there is room for."""
    room = max(1, _ROOM // max(1, sizes * itemsize)) if chunk is None else chunk
    return max(1, min(room, count))


def jacobian(output: Tensor, inputs: Sequence[Any], create_graph: bool = True, strict: str | None = None,
             chunk: int | None = None) -> list[Tensor]:
    """For each input the derivatives of all elements of ``output``, of the shape of both; ``chunk`` rows at once."""
    shape = tuple(output._data.shape)
    count = prod(shape)
    if not count:
        return [P.zeros_of(off_tape(x), shape=(*shape, *x._data.shape)) for x in inputs]
    if not output.requires_grad and strict is None:
        return [P.zeros_of(off_tape(x), shape=(*shape, *x._data.shape)) for x in inputs]

    def rows(cts: Sequence[Tensor]) -> list[Tensor]:
        return pull([output], inputs, cts, create_graph, strict)

    total = sum([x._data.size for x in inputs if isinstance(x, Tensor)]) + count
    step = chunk_of(count, total, output._data.itemsize, chunk)
    parts = []
    for start in range(0, count, step):
        stop = min(start + step, count)
        unit = basis(start, stop, shape, output)
        found = None if create_graph or strict is not None else run_rows(output, inputs, unit)
        parts.append(found or over_examples(rows, [unit], 1 if stop - start == 1 else None, recording=create_graph))
    columns = [column[0] if len(column) == 1 else P.cat(*column, dim=0) for column in zip(*parts, strict=True)]
    return [column if len(shape) == 1 else P.reshape(column, shape=(*shape, *column._data.shape[1:]))
            for column in columns]


def forward_jacobian(function: Flat, inputs: Sequence[Any], chunk: int | None = None,
                     randomness: str = "error") -> list[list[Tensor]]:
    """For each output and input the derivatives of the output, of the shape of both, by columns: a run forward for
    ``chunk`` elements of the input at once."""
    blocks: list[list[Tensor]] = []
    for place, x in enumerate(inputs):
        shape, count = tuple(x._data.shape), x._data.size

        def columns(tangents: Sequence[Tensor], place: int = place) -> list[Tensor]:
            moved: list[Any] = [None] * len(inputs)
            moved[place] = tangents[0]
            return [moving(*pair) for pair in zip(*push(function, inputs, moved), strict=True)]

        step = chunk_of(count, 4 * count, x._data.itemsize, chunk)
        parts = [over_examples(columns, [basis(start, min(start + step, count), shape, x)],
                               1 if step == 1 else None, randomness) for start in range(0, max(count, 1), step)]
        whole = [column[0] if len(column) == 1 else P.cat(*column, dim=0) for column in zip(*parts, strict=True)]
        blocks.append([_columns_last(block, shape) for block in whole])
    return [list(row) for row in zip(*blocks, strict=True)]


def _columns_last(block: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Derivatives with the input's elements along the first dimension, as (*output.shape, *shape)."""
    rank = len(block._data.shape)
    turned = P.permute(block, dims=(*range(1, rank), 0))
    return P.reshape(turned, shape=(*turned._data.shape[:-1], *shape))


def batched_grad(run: Callable[[Sequence[Tensor]], Sequence[Any]], cts: Sequence[Tensor]) -> tuple[Any, ...]:
    """The gradients for each place along the first dimension of the cotangents, all at once; None stays None."""
    places: list[int] = []
    number = 0

    def reached(rows: Sequence[Tensor]) -> list[Any]:
        nonlocal number
        found = run(rows)
        number = len(found)
        places[:] = [i for i, ct in enumerate(found) if ct is not None]
        return [found[i] for i in places]

    stacked = over_examples(reached, cts, None)
    by_place = dict(zip(places, stacked, strict=True))
    return tuple([by_place.get(i) for i in range(number)])


engine.over_batch = batched_grad

__all__ = ["apart", "basis", "batched_grad", "chunk_of", "forward_jacobian", "jacobian", "level", "moving", "pull",
           "push"]
