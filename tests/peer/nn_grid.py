"""How a case of `nn_cases` is run under one of the two libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.peer.layer_pairs import flat, numbers, weighted
from tests.peer.nn_cases import Case, Leaf

# PyTorch computes with a constant in single precision, such as 1/6, also where the numbers are in double.
SINGLE = {"Hardsigmoid", "hardsigmoid", "CELU", "celu"}

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def arrays_of(case: Case, dtype: str) -> list[tuple[Any, bool]]:
    """The inputs as arrays of ``dtype``, with whether they get gradients; other values as they are."""
    random = np.random.RandomState(0)
    made: list[tuple[Any, bool]] = []
    for given in case.inputs:
        if type(given) is tuple:
            made.append((random.standard_normal(given).astype(dtype), True))
        elif isinstance(given, Leaf):
            made.append((given.value.astype(dtype), True))
        elif isinstance(given, np.ndarray) and given.dtype.kind == "f":
            made.append((given.astype(dtype), False))
        else:
            made.append((given, False))
    return made


def tensors_of(side: Any, arrays: list[tuple[Any, bool]]) -> list[Any]:
    """The tensors of one of the libraries for what `arrays_of` made."""
    made = []
    for value, leaf in arrays:
        if isinstance(value, np.ndarray):
            value = side.lib.tensor(value.copy())
            value = value.requires_grad_() if leaf else value
        made.append(value)
    return made


def run(side: Any, call: Any, arrays: list[tuple[Any, bool]], parameters: Any = ()) -> list[Any]:
    """Results and gradients, of the inputs and of ``parameters``, as arrays."""
    side.lib.manual_seed(3)
    operands = tensors_of(side, arrays)
    outs = flat(call(*operands))
    leaves = [x for x, (_, leaf) in zip(operands, arrays, strict=True) if leaf] + list(parameters)
    loss = weighted(side, outs)
    wanted = leaves if not isinstance(loss, int) and loss.requires_grad else []
    grads = side.lib.autograd.grad(loss, wanted, allow_unused=True) if wanted else []
    return numbers(outs) + numbers(grads)


def numbered(cases: dict[str, list[Case]]) -> list[Any]:
    """The cases as parameters of a test, each with its name and number."""
    return [
        pytest.param(name, case, id=f"{name}-{number}")
        for name, listed in cases.items()
        for number, case in enumerate(listed)
    ]
