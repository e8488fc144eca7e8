"""What ``torch._C`` says of the run of backward that is going on."""

from __future__ import annotations

import itertools
import weakref
from typing import Any

from ....autograd import engine
from ....autograd.inside import is_multithreading_enabled
from ....tensors import Tensor
from ....tensors.tape import Leaf, Node, named

_next_id = itertools.count().__next__
_ids: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


_cached: weakref.WeakValueDictionary[int, Any] | None = None


def _set_cached_tensors_enabled(enabled: bool) -> None:
    """Whether tensors are counted among those that a graph of a device keeps."""
    global _cached
    _cached = weakref.WeakValueDictionary() if enabled else None


def _add_cached_tensor(tensor: Tensor) -> None:
    """Counts a tensor among the kept ones, if these are counted."""
    if _cached is not None:
        _cached[id(tensor)] = tensor


def _remove_cached_tensor(tensor: Tensor) -> None:
    """Counts a tensor among the kept ones no longer."""
    if _cached is not None:
        _cached.pop(id(tensor), None)


def _is_cached_tensor(tensor: Tensor) -> bool:
    """Whether a tensor is counted among the kept ones."""
    return _cached is not None and _cached.get(id(tensor)) is tensor


def _current_autograd_node() -> Any:
    """The node whose backward runs in this thread, or None."""
    node = engine.current_node()
    return None if node is None else named(node)


def _current_graph_task_id() -> int:
    """A number for the run of backward in this thread, -1 outside of any."""
    this = engine.innermost()
    if this is None:
        return -1
    if this not in _ids:
        _ids[this] = _next_id()
    return _ids[this]


def _current_graph_task_execution_order() -> list[Any]:
    """The nodes of the run of backward in this thread, in the order in which they run."""
    this = engine.innermost()
    if this is None:
        raise RuntimeError("[_current_graph_task_execution_order] should only be called during the backward pass; "
                           "there is none in this thread: call it in a hook")
    if is_multithreading_enabled():
        raise RuntimeError("[_current_graph_task_execution_order] expects the current backward to be executed with "
                           "multithreading disabled, but it is enabled; use autograd.set_multithreading_enabled(False)")
    return [named(node) for node in this.order]


def _will_engine_execute_node(node: Any) -> bool:
    """Whether the run of backward in this thread runs a node, or has run it."""
    if not isinstance(node, (Node, Leaf)):
        raise RuntimeError(f"[_will_engine_execute_node] expects an grad_fn, but got {type(node).__name__}; give a "
                           "tensor's grad_fn")
    this = engine.innermost()
    if this is None:
        raise RuntimeError("[_will_engine_execute_node] should only be called during the backward pass; there is none "
                           "in this thread: call it in a hook")
    if node in this.nodes() and type(node) is Leaf and not this.accumulates:
        raise RuntimeError("[_will_engine_execute_node] A leaf node was passed to _will_engine_execute_node but we are "
                           "currently running autograd.grad(). This is currently not supported; ask about other nodes")
    return node in this.nodes()


class _WeakTensorRef:
    """A reference to a tensor that does not keep it alive."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = weakref.ref(tensor)

    def expired(self) -> bool:
        """Whether the tensor is gone."""
        return self._tensor() is None
