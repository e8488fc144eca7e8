"""Two tensors that change places: whoever refers to one finds the other."""

from __future__ import annotations

import weakref

from .tape import Leaf
from .tensor import Tensor


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Exchanges what two tensors are: class, memory, history, gradient and attributes. References to ``t1`` see what
    ``t2`` was, and the other way round.

    Raises RuntimeError for a tensor that is a view or has views, which would go on showing memory that is exchanged.

    >>> import wengert as torch
    >>> a, b = torch.zeros(2), torch.ones(3)
    >>> swap_tensors(a, b)
    >>> a
    tensor([1., 1., 1.])
    """
    for name, tensor in (("t1", t1), ("t2", t2)):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"[swap_tensors] a tensor was expected; got {type(tensor).__name__} as {name}")
        if tensor._alias is not None:
            raise RuntimeError("[swap_tensors] a tensor without views was expected; got one that has or is one as "
                               f"{name}; clone() it first")
    for slot in ("_data", "_edge", "_cell", "_rare", "__dict__", "__class__"):
        ours, theirs = getattr(t1, slot), getattr(t2, slot)
        setattr(t1, slot, theirs)
        setattr(t2, slot, ours)
    for tensor in (t1, t2):
        if type(tensor._edge) is Leaf:
            tensor._edge._variable = weakref.ref(tensor)
