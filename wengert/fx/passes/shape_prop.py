"""`ShapeProp`: the shapes and dtypes of what every node gives, noted on the nodes."""

from __future__ import annotations

from typing import Any, NamedTuple

import wengert as torch

from ..interpreter import Interpreter
from ..node import Node, map_aggregate


class TensorMetadata(NamedTuple):
    """What is known of a tensor without its elements.

    >>> from wengert import fx
    >>> from wengert.fx.passes.shape_prop import ShapeProp
    >>> model = fx.symbolic_trace(nn.Linear(2, 3))
    >>> _ = ShapeProp(model).propagate(torch.ones(4, 2))
    >>> next(iter(model.graph.nodes)).meta["tensor_meta"].dtype
    torch.float32
    """

    shape: Any
    dtype: Any
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: Any
    is_quantized: bool
    qparams: dict[str, Any]


def _extract_tensor_metadata(result: torch.Tensor, include_contiguity: bool = True) -> TensorMetadata:
    """The shape, dtype, strides and layout of a tensor."""
    layouts = [torch.contiguous_format, torch.channels_last, torch.channels_last_3d] if include_contiguity else []
    fits = [kind for kind in layouts if {torch.channels_last: 4, torch.channels_last_3d: 5}.get(
        kind, result.dim()) == result.dim() and result.is_contiguous(memory_format=kind)]
    return TensorMetadata(result.shape, result.dtype, result.requires_grad, result.stride(),
                          fits[0] if fits else None, False, {})


class ShapeProp(Interpreter):
    """Runs a graph, and notes ``meta["tensor_meta"]`` and ``meta["type"]`` on its nodes.

    >>> from wengert import fx
    >>> from wengert.fx.passes.shape_prop import ShapeProp
    >>> model = fx.symbolic_trace(nn.Linear(2, 3))
    >>> _ = ShapeProp(model).propagate(torch.ones(4, 2))
    >>> [tuple(node.meta["tensor_meta"].shape) for node in model.graph.nodes]
    [(4, 2), (3, 2), (3,), (4, 3), (4, 3)]
    """

    def run_node(self, n: Node) -> Any:
        """What a node gives, noted."""
        result = super().run_node(n)
        seen = False

        def extract(leaf: Any) -> Any:
            nonlocal seen
            if not isinstance(leaf, torch.Tensor):
                return leaf
            seen = True
            return _extract_tensor_metadata(leaf)

        found = map_aggregate(result, extract)
        if seen:
            n.meta["tensor_meta"] = found
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Runs the graph with these arguments."""
        return super().run(*args)
