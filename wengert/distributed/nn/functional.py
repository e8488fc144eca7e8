"""The collectives as functions of tensors that give new ones and can be differentiated, any number of times.

The one idea to know: a collective is linear, so its derivative is its transpose, which is a collective too: a gradient
flows back by the way that the values came. What is differentiated is the sum of all ranks' losses. All ranks must call
`backward` where one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._public import publish as _publish
from ...autograd.function import Function
from ...ops.joining import cat
from ...tensors.tensor import Tensor
from .. import collectives
from ..collectives import group_of, root_of
from ..groups import ProcessGroup
from ..transport import ReduceOp

__all__ = ["all_gather", "all_reduce", "all_to_all", "all_to_all_single", "broadcast", "gather", "reduce",
           "reduce_scatter", "scatter"]


def _member(group: Any, name: str) -> ProcessGroup:
    found = group_of(group)
    if found is None:
        raise ValueError(f"[{name}] a group that this rank is in was expected; it is not in that one")
    return found


def _linear(op: ReduceOp, name: str) -> None:
    if op not in (ReduceOp.SUM, ReduceOp.AVG):
        raise NotImplementedError(f"[{name}] ReduceOp.SUM or AVG was expected of what is differentiated; got {op}; of "
                                  "others there is no derivative")


def _like(tensors: Sequence[Any]) -> list[Any]:
    return [tensor.new_empty(tensor.shape) for tensor in tensors]


class _AllReduce(Function):
    @staticmethod
    def forward(ctx: Any, tensor: Any, op: ReduceOp, group: ProcessGroup) -> Any:
        ctx.op, ctx.group = op, group
        out = tensor.clone()
        collectives.all_reduce(out, op, group)
        return out

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        _linear(ctx.op, "all_reduce")
        return _AllReduce.apply(ct, ctx.op, ctx.group), None, None


class _Reduce(Function):
    @staticmethod
    def forward(ctx: Any, tensor: Any, root: int, op: ReduceOp, group: ProcessGroup) -> Any:
        ctx.root, ctx.op, ctx.group = root, op, group
        out = tensor.clone()
        collectives.reduce(out, op=op, group=group, group_dst=root)
        return out if group.rank() == root else out.zero_()

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        _linear(ctx.op, "reduce")
        back = _Broadcast.apply(ct, ctx.root, ctx.group)
        return back / ctx.group.size() if ctx.op is ReduceOp.AVG else back, None, None, None


class _Broadcast(Function):
    @staticmethod
    def forward(ctx: Any, tensor: Any, root: int, group: ProcessGroup) -> Any:
        ctx.root, ctx.group = root, group
        out = tensor.clone()
        collectives.broadcast(out, group=group, group_src=root)
        return out

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return _Reduce.apply(ct, ctx.root, ReduceOp.SUM, ctx.group), None, None


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, tensor: Any, root: int, group: ProcessGroup) -> Any:
        ctx.root, ctx.group = root, group
        outs = [tensor.new_zeros(tensor.shape) for _ in range(group.size())]
        collectives.gather(tensor, outs if group.rank() == root else None, group=group, group_dst=root)
        return tuple(outs)

    @staticmethod
    def backward(ctx: Any, *cts: Any) -> Any:
        return _Scatter.apply(ctx.root, ctx.group, *cts), None, None


class _Scatter(Function):
    @staticmethod
    def forward(ctx: Any, root: int, group: ProcessGroup, *tensors: Any) -> Any:
        ctx.root, ctx.group = root, group
        out = tensors[group.rank()].new_empty(tensors[group.rank()].shape)
        collectives.scatter(out, list(tensors) if group.rank() == root else None, group=group, group_src=root)
        return out

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return None, None, *_Gather.apply(ct, ctx.root, ctx.group)


class _AllGather(Function):
    @staticmethod
    def forward(ctx: Any, tensor: Any, group: ProcessGroup) -> Any:
        ctx.group = group
        outs = _like([tensor] * group.size())
        collectives.all_gather(outs, tensor, group)
        return tuple(outs)

    @staticmethod
    def backward(ctx: Any, *cts: Any) -> Any:
        return _ReduceScatter.apply(ReduceOp.SUM, ctx.group, *cts), None


class _ReduceScatter(Function):
    @staticmethod
    def forward(ctx: Any, op: ReduceOp, group: ProcessGroup, *tensors: Any) -> Any:
        ctx.op, ctx.group = op, group
        out = tensors[group.rank()].new_empty(tensors[group.rank()].shape)
        collectives.reduce_scatter(out, list(tensors), op, group)
        return out

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        _linear(ctx.op, "reduce_scatter")
        cts = _AllGather.apply(ct, ctx.group)
        return None, None, *[each / ctx.group.size() if ctx.op is ReduceOp.AVG else each for each in cts]


class _AllToAll(Function):
    @staticmethod
    def forward(ctx: Any, group: ProcessGroup, shapes: Sequence[Any], *tensors: Any) -> Any:
        ctx.group, ctx.shapes = group, [tensor.shape for tensor in tensors]
        outs = [tensors[0].new_empty(shape) for shape in shapes]
        collectives.all_to_all(outs, list(tensors), group)
        return tuple(outs)

    @staticmethod
    def backward(ctx: Any, *cts: Any) -> Any:
        return None, None, *_AllToAll.apply(ctx.group, ctx.shapes, *cts)


def all_reduce(tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None) -> Any:
    """The ranks' tensors put together, on all ranks, as a new tensor. The gradient is that of the sum of all ranks'
    losses: ``op`` of their gradients. Raises NotImplementedError where other than SUM and AVG are differentiated."""
    return _AllReduce.apply(tensor, op, _member(group, "all_reduce"))


def reduce(tensor: Tensor, dst: int, op: ReduceOp = ReduceOp.SUM, group: Any = None) -> Any:
    """`all_reduce` for rank ``dst``; zeros on the others."""
    found = _member(group, "reduce")
    return _Reduce.apply(tensor, root_of(found, dst, None, "reduce"), op, found)


def broadcast(tensor: Tensor, src: int, group: Any = None) -> Any:
    """The values of rank ``src``, on all ranks. The gradient on ``src`` is the sum of all ranks', and zero elsewhere.
    """
    found = _member(group, "broadcast")
    return _Broadcast.apply(tensor, root_of(found, src, None, "broadcast"), found)


def gather(tensor: Tensor, dst: int = 0, group: Any = None) -> tuple[Any, ...]:
    """The tensors of all ranks, on rank ``dst``; zeros on the others."""
    found = _member(group, "gather")
    outs: tuple[Any, ...] = _Gather.apply(tensor, root_of(found, dst, None, "gather"), found)
    return outs


def scatter(tensors: Sequence[Tensor], src: int = 0, group: Any = None) -> Any:
    """The one of rank ``src``'s tensors that is for this rank; the others give tensors of the same shapes."""
    found = _member(group, "scatter")
    return _Scatter.apply(root_of(found, src, None, "scatter"), found, *tensors)


def all_gather(tensor: Tensor, group: Any = None) -> tuple[Any, ...]:
    """The tensors of all ranks, on all ranks. A tensor's gradient is the sum of what all ranks have for it."""
    outs: tuple[Any, ...] = _AllGather.apply(tensor, _member(group, "all_gather"))
    return outs


def reduce_scatter(output: Tensor, input_list: Sequence[Tensor], op: ReduceOp = ReduceOp.SUM, group: Any = None) -> Any:
    """What the ranks have for this rank, ``input_list[rank]`` of each, put together. ``output`` is not written."""
    return _ReduceScatter.apply(op, _member(group, "reduce_scatter"), *input_list)


def all_to_all(output_tensor_list: Sequence[Tensor], input_tensor_list: Sequence[Tensor], group: Any = None
               ) -> tuple[Any, ...]:
    """What each rank has for this one, in the shapes of ``output_tensor_list``, whose tensors are not written."""
    shapes = [tensor.shape for tensor in output_tensor_list]
    outs: tuple[Any, ...] = _AllToAll.apply(_member(group, "all_to_all"), shapes, *input_tensor_list)
    return outs


def all_to_all_single(output: Tensor, input: Any, output_split_sizes: Sequence[int] | None = None,
                      input_split_sizes: Sequence[int] | None = None, group: Any = None) -> Any:
    """`all_to_all` of the parts of one tensor along the first dimension, equal ones or as the sizes say, in the shape
    of ``output``, which is not written."""
    found = _member(group, "all_to_all_single")
    given = input.split(list(input_split_sizes or [input.shape[0] // found.size()] * found.size()))
    sizes = list(output_split_sizes or [output.shape[0] // found.size()] * found.size())
    outs = _AllToAll.apply(found, [(size, *output.shape[1:]) for size in sizes], *given)
    return cat(list(outs))


_publish(__name__)
