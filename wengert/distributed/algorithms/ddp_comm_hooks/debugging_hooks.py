"""Hooks for measuring: what a pass takes without communication."""

from __future__ import annotations

from typing import Any

from ....futures import Future, settled
from ...reducer import GradBucket

__all__ = ["noop_hook"]


def noop_hook(state: Any, bucket: GradBucket) -> Future:
    """Each rank's own gradients: nothing is sent.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import debugging_hooks
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    >>> model.register_comm_hook(None, debugging_hooks.noop_hook)
    >>> model(torch.ones(1, 1)).sum().backward()
    >>> model.module.weight.grad
    tensor([[1.]])
    >>> dist.destroy_process_group()
    """
    return settled(bucket.buffer())
