"""Integers that follow from sizes, as numbers of Python's: a recording may read these, where it may not read tensors.

The one idea to know: models compute shapes with the same operators as everything else. While one of them is recorded,
to be compiled or exported, integers are computed twice: as tensors, and here, by numpy, where all that they are
computed from is known. So a Reshape gets its numbers without a look at a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np


def _axes(call: Any, given: Sequence[Any], since: int) -> Any:
    if call.version < since:
        return call.get("axes")
    return None if len(given) < 2 else given[1].reshape(-1).tolist()


def _slice(call: Any, x: np.ndarray, *given: np.ndarray) -> np.ndarray:
    if call.version < 10:
        starts, stops, axes, steps = call.get("starts"), call.get("ends"), call.get("axes"), None
    else:
        starts, stops, axes, steps = (*(each.reshape(-1).tolist() for each in given), None, None)[:4]
    found = x
    for i, axis in enumerate(range(len(starts)) if axes is None else axes):
        step = 1 if steps is None else steps[i]
        stop = None if step < 0 and stops[i] < -found.shape[axis] else stops[i]
        found = found[(slice(None),) * (axis % found.ndim) + (slice(starts[i], stop, step),)]
    return found


def _reshape(call: Any, x: np.ndarray, shape: np.ndarray) -> np.ndarray:
    wanted = [x.shape[d] if n == 0 and not call.get("allowzero", 0) else n
              for d, n in enumerate(shape.reshape(-1).tolist())]
    return x.reshape(wanted)


def _unsqueeze(call: Any, x: np.ndarray, *given: np.ndarray) -> np.ndarray:
    return np.expand_dims(x, tuple(_axes(call, (x, *given), 13)))


def _squeeze(call: Any, x: np.ndarray, *given: np.ndarray) -> np.ndarray:
    axes = _axes(call, (x, *given), 13)
    return np.squeeze(x, None if axes is None else tuple(axes))


def _divided(call: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rounded to zero, as ONNX divides integers."""
    whole = abs(x) // abs(y)
    return np.asarray(np.where((x < 0) != (y < 0), -whole, whole))


def _constant_of_shape(call: Any, shape: np.ndarray) -> np.ndarray | None:
    value = call.get("value")
    if value is None or value.is_floating_point():
        return None
    return np.full(shape.reshape(-1).tolist(), value.item(), value.dtype.numpy)


def _cast(call: Any, x: np.ndarray) -> np.ndarray | None:
    kinds = {6: np.int32, 7: np.int64, 9: np.bool_}
    kind = kinds.get(call.get("to"))
    return None if kind is None else x.astype(kind)


def _reduced(function: Any) -> Callable[..., Any]:
    def run(call: Any, x: np.ndarray, *given: np.ndarray) -> Any:
        axes = _axes(call, (x, *given), 18 if function is not np.sum else 13)
        return np.asarray(function(x, None if axes is None else tuple(axes), keepdims=bool(call.get("keepdims", 1))))

    return run


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Identity": lambda call, x: x, "Neg": lambda call, x: -x, "Abs": lambda call, x: abs(x),
    "Add": lambda call, x, y: x + y, "Sub": lambda call, x, y: x - y, "Mul": lambda call, x, y: x * y, "Div": _divided,
    "Mod": lambda call, x, y: np.mod(x, y), "Max": lambda call, *xs: reduce(np.maximum, xs),
    "Min": lambda call, *xs: reduce(np.minimum, xs), "Equal": lambda call, x, y: x == y,
    "Less": lambda call, x, y: x < y, "LessOrEqual": lambda call, x, y: x <= y, "Greater": lambda call, x, y: x > y,
    "GreaterOrEqual": lambda call, x, y: x >= y, "Not": lambda call, x: ~x, "And": lambda call, x, y: x & y,
    "Or": lambda call, x, y: x | y, "Where": lambda call, c, x, y: np.where(c, x, y), "Cast": _cast, "Slice": _slice,
    "Concat": lambda call, *xs: np.concatenate(xs, call.get("axis")), "Reshape": _reshape,
    "Gather": lambda call, x, index: x.take(index, call.get("axis", 0)), "Squeeze": _squeeze, "Unsqueeze": _unsqueeze,
    "Expand": lambda call, x, shape: np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape.tolist()))),
    "Range": lambda call, start, stop, step: np.arange(start, stop, step), "ConstantOfShape": _constant_of_shape,
    "Transpose": lambda call, x: x.transpose(call.get("perm")), "ReduceSum": _reduced(np.sum),
    "ReduceProd": _reduced(np.prod), "ReduceMax": _reduced(np.max), "ReduceMin": _reduced(np.min),
}
"""What operators do with integers that are known; None where the result is none."""


def known_result(call: Any, inputs: Sequence[np.ndarray]) -> np.ndarray | None:
    """The result of an operator whose inputs are known integers, where it is looked into."""
    function = FUNCTIONS.get(call.op)
    found = None if function is None else function(call, *inputs)
    return None if found is None or found.dtype.kind not in "iub" else np.asarray(found)
