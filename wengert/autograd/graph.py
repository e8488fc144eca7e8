"""The graph as PyTorch's ``torch.autograd.graph`` shows it: its nodes, and hooks on what it saves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..tensors.alias import edge_of, wrote
from ..tensors.tape import Node, node_and_index
from ..tensors.tensor import Tensor
from .watchers import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks

__all__ = [
    "GradientEdge", "Node", "disable_saved_tensors_hooks", "get_gradient_edge", "increment_version", "save_on_cpu",
    "saved_tensors_hooks",
]


class GradientEdge(NamedTuple):
    """A place on the tape: a node and the number of its output."""

    node: Any
    output_nr: int


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place where the gradient of ``tensor`` arrives. Raises for a tensor that needs none."""
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients.")
    return GradientEdge(*node_and_index(edge))


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Notes a write into the tensors' memory that wengert did not see."""
    for each in (tensor,) if isinstance(tensor, Tensor) else tensor:
        wrote(each)
