"""Products with the Jacobian of a function, and the Jacobian: what `autograd.functional` and ``func`` have in common.

The one idea to know: functions here go from a list of tensors to a list of tensors. The two public faces take the
user's nests apart, put the results together and say what is wrong with either; derivatives are made in this one place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.primitive import P
from ..tensors.tensor import Tensor, wrap
from .engine import grad

Flat = Callable[[Sequence[Any]], Sequence[Tensor]]


def apart(x: Tensor, connected: bool) -> Tensor:
    """An input to differentiate by: a new leaf; or, to be ``connected`` to the tape that ``x`` is on, a view there."""
    if connected and x.requires_grad:
        view: Tensor = P.reshape(x, shape=x._data.shape)
        return view
    return x.detach().requires_grad_()


def pull(outputs: Sequence[Tensor], inputs: Sequence[Any], cts: Sequence[Tensor] | None, create_graph: bool = True,
         strict: str | None = None) -> list[Tensor]:
    """The product of cotangents of the outputs with the Jacobian, by one run back; of None, the gradient of a scalar.

    Zeros by an input on which nothing depends: there it raises RuntimeError, in the name ``strict`` of an operation.
    """
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
    for i in independent:
        if not isinstance(inputs[i], Tensor):
            raise TypeError(f"[grad] inputs that are tensors were expected; got {type(inputs[i]).__name__}; "
                            "differentiate by the others alone")
        found[i] = P.zeros_like(inputs[i].detach())
    return [found[i] for i in range(len(inputs))]


def push(function: Flat, inputs: Sequence[Any], tangents: Sequence[Tensor], create_graph: bool = True,
         strict: str | None = None) -> tuple[Sequence[Tensor], list[Tensor]]:
    """The outputs of a function, and the product of its Jacobian with tangents of the inputs.

    It runs back twice: what cotangents are pulled to is linear in them, and its derivative by them is the forward one.
    """
    outputs = function(inputs)
    cts = [P.zeros_like(output.detach()).requires_grad_() for output in outputs]
    return outputs, pull(pull(outputs, inputs, cts, True, strict), cts, tangents, create_graph)


def jacobian(
    output: Tensor, inputs: Sequence[Any], create_graph: bool = True, strict: str | None = None
) -> list[Tensor]:
    """For each input the derivatives of all elements of ``output``, of the shape of both; a run back for each."""
    shape = output._data.shape
    rows = []
    for place in np.ndindex(shape):
        ct = np.zeros(shape, output._data.dtype)
        ct[place] = 1
        rows.append(pull([output], inputs, [wrap(ct)], create_graph, strict))
    if not rows:
        return [wrap(np.zeros((*shape, *x._data.shape), x._data.dtype)) for x in inputs]
    return [
        P.reshape(P.cat(*[P.reshape(part, shape=(1, *part._data.shape)) for part in column], dim=0),
                  shape=(*shape, *column[0]._data.shape))
        for column in zip(*rows, strict=True)
    ]
