"""Gradients of all ranks at first, and of small groups from some step on."""

from __future__ import annotations

from typing import Any

from ....futures import Future
from ...reducer import GradBucket
from ...subgroups import new_subgroups
from .debugging_hooks import noop_hook
from .default_hooks import allreduce_hook

__all__ = ["PostLocalSGDState", "post_localSGD_hook"]


class PostLocalSGDState:
    """What `post_localSGD_hook` goes by: the mean over ``process_group`` in the first ``start_localSGD_iter`` passes,
    and then over ``subgroup`` (the ranks of each machine, if None); or none then, without
    ``post_local_gradient_allreduce``.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import post_localSGD_hook as hooks
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> hooks.PostLocalSGDState(None, subgroup=dist.new_group([0]), start_localSGD_iter=100).iter
    0
    >>> dist.destroy_process_group()
    """

    def __init__(self, process_group: Any, subgroup: Any, start_localSGD_iter: int,
                 post_local_gradient_allreduce: bool = True) -> None:
        self.process_group, self.subgroup = process_group, subgroup
        self.start_localSGD_iter = start_localSGD_iter
        self.post_local_gradient_allreduce = post_local_gradient_allreduce
        self.iter = 0

    def maybe_increase_iter(self, bucket: GradBucket) -> None:
        """Counts a pass, at its last bucket."""
        self.iter += bucket.is_last()


def post_localSGD_hook(state: PostLocalSGDState, bucket: GradBucket) -> Future:
    """The mean over all ranks, and later over the state's small group; with an averager of parameters
    (`model_averaging`) that is post-local SGD.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import post_localSGD_hook as hooks
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    >>> state = hooks.PostLocalSGDState(None, subgroup=dist.new_group([0]), start_localSGD_iter=100)
    >>> model.register_comm_hook(state, hooks.post_localSGD_hook)
    >>> model(torch.ones(1, 1)).sum().backward()
    >>> model.module.weight.grad
    tensor([[1.]])
    >>> dist.destroy_process_group()
    """
    if state.iter < state.start_localSGD_iter:
        state.maybe_increase_iter(bucket)
        return allreduce_hook(state.process_group, bucket)
    if not state.post_local_gradient_allreduce:
        return noop_hook(None, bucket)
    if state.subgroup is None:
        state.subgroup, _ = new_subgroups()
    return allreduce_hook(state.subgroup, bucket)
