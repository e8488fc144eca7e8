"""The graph as PyTorch's ``torch.autograd.graph`` shows it: its nodes, and hooks on what it saves."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..core.forks import in_child
from ..tensors.alias import edge_of, is_inference, wrote
from ..tensors.tape import Leaf, RemovableHandle, node_and_index, node_of
from ..tensors.tape import Node as TapeNode
from ..tensors.tensor import Tensor
from .engine import GradientEdge, running
from .function import FunctionContext
from .watchers import (
    allow_mutation_on_saved_tensors,
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)

__all__ = [
    "GradientEdge", "Node", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks", "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]


class _OfTape(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _NODES)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return subclass is cls or issubclass(subclass, _NODES)


class Node(metaclass=_OfTape):
    """What the nodes of the tape are instances of: those of operations, of leaves, of Functions, and the ``ctx`` of a
    Function too. For `isinstance` and annotations; none is made by it.

    >>> import wengert as torch
    >>> isinstance(torch.ones(1, requires_grad=True).exp().grad_fn, torch.autograd.graph.Node)
    True
    """


_NODES = (TapeNode, Leaf, FunctionContext)
_LOCK = threading.Lock()
"""Held while a hook on several tensors notes what has arrived."""


def _renew() -> None:
    global _LOCK
    _LOCK = threading.Lock()


in_child(_renew)


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place where the gradient of ``tensor`` arrives. Raises for a tensor that needs none.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> edge = torch.autograd.graph.get_gradient_edge(x)
    >>> torch.autograd.grad(x * x, edge)
    (tensor(6.),)
    """
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients.")
    return GradientEdge(*node_and_index(edge))


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[..., None], *, mode: str = "all"
) -> MultiHandle:
    """``fn(gradients)`` runs in a backward when the gradients of all the tensors that it computes are there, a list
    with None for the others; with ``mode="any"``, ``fn(gradient)`` at the first of them.

    >>> a, b = torch.tensor(1.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    >>> handle = torch.autograd.graph.register_multi_grad_hook([a, b], lambda grads: print("both:", grads))
    >>> (a * b).backward()
    both: [tensor(2.), tensor(1.)]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    passes = weakref.WeakKeyDictionary[Any, tuple[list[Any], list[bool]]]()
    roots = [edge for tensor in tensors if (edge := edge_of(tensor)) is not None]
    if len(roots) < len(tensors):
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")

    def arrived(place: int, grad: Tensor) -> None:
        run = running()
        with _LOCK:
            if run not in passes:
                passes[run] = [None] * len(tensors), [node_of(root) in run.nodes() for root in roots]
            grads, waiting = passes[run]
            first, grads[place], waiting[place] = not any(x is not None for x in grads), grad, False
            complete = not any(waiting)
        if mode == "any" and first:
            fn(grad)
        elif mode == "all" and complete:
            fn(grads)

    return MultiHandle([tensor.register_hook(functools.partial(arrived, place))
                        for place, tensor in enumerate(tensors)])


class MultiHandle(RemovableHandle):
    """What registering a hook on several tensors returns; ``remove()`` takes it off all of them."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        super().__init__({})
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Notes a write into the tensors' memory that wengert did not see.

    >>> x = torch.ones(2)
    >>> torch.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    for each in (tensor,) if isinstance(tensor, Tensor) else tensor:
        if not is_inference(each):
            wrote(each)
