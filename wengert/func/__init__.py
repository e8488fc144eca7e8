"""Functions of functions: derivatives, batches, modules with other tensors, in the shape of ``torch.func``.

All derivatives here run backward on the tape, to any order, and nest in one another. `vmap` calls the function once an
example and stacks the results: the numbers of a batched run, in the time of a loop.
"""

from __future__ import annotations

from .._public import publish as _publish
from .batching import vmap as vmap
from .derivatives import (
    grad as grad, grad_and_value as grad_and_value, hessian as hessian, jacfwd as jacfwd, jacrev as jacrev, jvp as jvp,
    vjp as vjp,
)
from .modules import functional_call as functional_call, stack_module_state as stack_module_state

_publish(__name__)
