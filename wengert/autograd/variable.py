"""`Variable`, what tensors with gradients were called before they were simply tensors."""

from __future__ import annotations

from typing import Any

from ..tensors.tensor import Tensor, make
from .engine import queue_callback


class _VariableType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class ImperativeEngine:
    """What runs the tape, by PyTorch's name for it."""

    queue_callback = staticmethod(queue_callback)


class Variable(metaclass=_VariableType):
    """``Variable(x, requires_grad=True)`` is a tensor that shares the memory of ``x``; every tensor is an instance.

    >>> x = torch.autograd.Variable(torch.ones(2), requires_grad=True)
    >>> x.requires_grad, isinstance(torch.ones(2), torch.autograd.Variable)
    (True, True)
    """

    _execution_engine = ImperativeEngine()

    def __new__(cls, data: Tensor, requires_grad: bool = False, volatile: bool = False) -> Any:
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        out = make(data.detach()._data, None)
        out._cell = data._cell
        return out.requires_grad_() if requires_grad else out
