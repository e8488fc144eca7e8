"""Hooks without a state of their own: the mean of all ranks, and the same in half precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....core.dtypes import DType, bfloat16, float16
from ....futures import Future
from ....tensors.tensor import Tensor
from ...collectives import all_reduce, group_of
from ...reducer import GradBucket
from ...transport import ReduceOp

__all__ = ["allreduce_hook", "bf16_compress_hook", "bf16_compress_wrapper", "fp16_compress_hook",
           "fp16_compress_wrapper"]

Hook = Callable[[Any, GradBucket], Future]


def _mean(tensor: Tensor, process_group: Any) -> Future:
    """A future of the mean of all ranks' tensors."""
    work = all_reduce(tensor, ReduceOp.AVG, group_of(process_group), async_op=True)
    assert work is not None
    return work.get_future().then(lambda done: done.value()[0])


def allreduce_hook(process_group: Any, bucket: GradBucket) -> Future:
    """The mean, as without a hook.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import default_hooks
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    >>> model.register_comm_hook(None, default_hooks.allreduce_hook)
    >>> model(torch.ones(1, 1)).sum().backward()
    >>> model.module.weight.grad
    tensor([[1.]])
    >>> dist.destroy_process_group()
    """
    return _mean(bucket.buffer(), process_group)


def _compressed(dtype: DType, process_group: Any, bucket: GradBucket) -> Future:
    buffer: Any = bucket.buffer()
    return _mean(buffer.to(dtype), process_group).then(lambda done: buffer.copy_(done.value()))


def fp16_compress_hook(process_group: Any, bucket: GradBucket) -> Future:
    """The mean of gradients rounded to float16: half of the bytes.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import default_hooks
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    >>> model.register_comm_hook(None, default_hooks.fp16_compress_hook)
    >>> model(torch.ones(1, 1)).sum().backward()
    >>> model.module.weight.grad
    tensor([[1.]])
    >>> dist.destroy_process_group()
    """
    return _compressed(float16, process_group, bucket)


def bf16_compress_hook(process_group: Any, bucket: GradBucket) -> Future:
    """The mean of gradients rounded to bfloat16, which keeps float32's range.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import default_hooks
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    >>> model.register_comm_hook(None, default_hooks.bf16_compress_hook)
    >>> model(torch.ones(1, 1)).sum().backward()
    >>> model.module.weight.grad
    tensor([[1.]])
    >>> dist.destroy_process_group()
    """
    return _compressed(bfloat16, process_group, bucket)


def _wrapper(dtype: DType, hook: Hook) -> Hook:
    def wrapped(state: Any, bucket: GradBucket) -> Future:
        buffer: Any = bucket.buffer()
        bucket.set_buffer(buffer.to(dtype))
        return hook(state, bucket).then(lambda done: buffer.copy_(done.value()))

    return wrapped


def fp16_compress_wrapper(hook: Hook) -> Hook:
    """``hook``, given float16 gradients.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import default_hooks
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    >>> model.register_comm_hook(None, default_hooks.fp16_compress_wrapper(default_hooks.allreduce_hook))
    >>> model(torch.ones(1, 1)).sum().backward()
    >>> model.module.weight.grad
    tensor([[1.]])
    >>> dist.destroy_process_group()
    """
    return _wrapper(float16, hook)


def bf16_compress_wrapper(hook: Hook) -> Hook:
    """``hook``, given bfloat16 gradients.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import default_hooks
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    >>> model.register_comm_hook(None, default_hooks.bf16_compress_wrapper(default_hooks.allreduce_hook))
    >>> model(torch.ones(1, 1)).sum().backward()
    >>> model.module.weight.grad
    tensor([[1.]])
    >>> dist.destroy_process_group()
    """
    return _wrapper(bfloat16, hook)
