"""``torch._C._functions``: nodes of PyTorch's tape that programs make or ask about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....autograd import Function
from ....autograd.function import FunctionContext
from ....tensors import Tensor
from ....tensors.tape import Leaf as AccumulateGrad

__all__ = ["AccumulateGrad", "DelayedError", "UndefinedGrad"]


class _Undefined(Function):
    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Any:
        return tensors if len(tensors) > 1 else tensors[0]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (None,) * len(grads)


def UndefinedGrad() -> Callable[..., Any]:
    """A function that gives the tensors that it gets, and sends no gradient back."""
    return _Undefined.apply


class _Failing(Function):
    @staticmethod
    def forward(ctx: Any, message: str, *tensors: Tensor) -> Any:
        ctx.message = message
        return tensors if len(tensors) > 1 else tensors[0]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError(ctx.message)


class DelayedError(FunctionContext):
    """A function of ``count`` tensors that gives them, and raises RuntimeError with this message in backward."""

    def __init__(self, message: str, count: int) -> None:
        self.message, self.count = message, count

    def __call__(self, *tensors: Tensor) -> Any:
        if len(tensors) != self.count:
            raise ValueError(f"[DelayedError] {self.count} tensors were expected; got {len(tensors)}")
        return _Failing.apply(self.message, *tensors)
