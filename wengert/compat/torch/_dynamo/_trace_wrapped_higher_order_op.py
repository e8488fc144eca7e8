"""``torch._dynamo._trace_wrapped_higher_order_op``: what masks under vmap need of it."""

from __future__ import annotations

from ....overrides import TorchFunctionMode


class TransformGetItemToIndex(TorchFunctionMode):
    """A context that changes nothing: a tensor indexed by tensors of no dimensions is a tensor here, under vmap too."""
