"""Functions of functions: derivatives, batches, modules with other tensors, in the shape of ``torch.func``.

All derivatives here run backward on the tape, to any order, and nest in one another. `vmap` calls the function once an
example and stacks the results: the numbers of a batched run, in the time of a loop.
"""

from __future__ import annotations

from typing import Any

from .._missing import MissingError
from .batching import vmap
from .derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp
from .modules import functional_call, stack_module_state

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "stack_module_state", "vjp",
    "vmap",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    raise MissingError(__name__, name, lambda: __all__, f"module {__name__!r} has no attribute {name!r}")
