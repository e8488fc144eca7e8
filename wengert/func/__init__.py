"""Functions of functions: derivatives, batches, modules with other tensors, in the shape of ``torch.func``.

They nest in one another, in any order and to any depth, and with the tape outside and inside.
"""

from __future__ import annotations

from .._public import publish as _publish
from .batching import vmap as vmap
from .derivatives import (
    grad as grad, grad_and_value as grad_and_value, hessian as hessian, jacfwd as jacfwd, jacrev as jacrev, jvp as jvp,
    linearize as linearize, vjp as vjp,
)
from .modules import (
    functional_call as functional_call, replace_all_batch_norm_modules_ as replace_all_batch_norm_modules_,
    stack_module_state as stack_module_state,
)
from .products import (
    fisher_product as fisher_product, gauss_newton_product as gauss_newton_product, hvp as hvp, jacobian as jacobian,
    laplacian as laplacian, ntk as ntk, per_sample_grads as per_sample_grads,
)
from .rearranging import rearrange as rearrange
from .writes import debug_unwrap as debug_unwrap, functionalize as functionalize

_publish(__name__)
