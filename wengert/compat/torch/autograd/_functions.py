"""``torch.autograd._functions``: what was an operation of its own before tensors and variables were one."""

from __future__ import annotations

from typing import Any

from ....autograd import Function
from ....tensors import Tensor


class Resize(Function):
    """A tensor in another shape with as many elements."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, sizes: Any) -> Tensor:
        ctx.sizes = tensor.size()
        if tensor.numel() != tensor.new_empty(tuple(sizes)).numel():
            raise RuntimeError(f"[Resize] requested resize to {'x'.join(map(str, sizes))}, but the tensor has "
                               f"{tensor.numel()} elements; autograd's resize can only change the shape of a tensor")
        return tensor.contiguous().view(*sizes)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0].contiguous().view(ctx.sizes), None


class Type(Function):
    """A tensor in another dtype, named by a dtype or a tensor's class."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, kind: Any) -> Any:
        ctx.kind = tensor.dtype
        return tensor.type(kind)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0].type(ctx.kind), None
