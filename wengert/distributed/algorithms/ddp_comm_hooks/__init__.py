"""Communication hooks for `DistributedDataParallel.register_comm_hook`, and by name for `register_ddp_comm_hook`."""

from __future__ import annotations

from enum import Enum
from typing import Any

from . import debugging_hooks as debugging, default_hooks as default, powerSGD_hook as powerSGD

__all__ = ["DDPCommHookType", "register_ddp_comm_hook"]


class DDPCommHookType(Enum):
    """Hooks by name. (Those of PyTorch that need quantized tensors are not here.)

    >>> from wengert.distributed.algorithms.ddp_comm_hooks import DDPCommHookType
    >>> DDPCommHookType.NOOP.name
    'NOOP'
    """

    ALLREDUCE = (default.allreduce_hook,)
    FP16_COMPRESS = (default.fp16_compress_hook,)
    BF16_COMPRESS = (default.bf16_compress_hook,)
    POWER_SGD = (powerSGD.powerSGD_hook, 1)
    POWER_SGD_RANK2 = (powerSGD.powerSGD_hook, 2)
    BATCHED_POWER_SGD = (powerSGD.batched_powerSGD_hook, 1)
    BATCHED_POWER_SGD_RANK2 = (powerSGD.batched_powerSGD_hook, 2)
    NOOP = (debugging.noop_hook,)


def register_ddp_comm_hook(comm_hook_type: DDPCommHookType, model: Any, state: Any = None) -> None:
    """Registers a hook by its name. ``state``: the group whose mean is taken.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import DDPCommHookType, register_ddp_comm_hook
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    >>> register_ddp_comm_hook(DDPCommHookType.FP16_COMPRESS, model)
    >>> model(torch.ones(1, 1)).sum().backward()
    >>> model.module.weight.grad
    tensor([[1.]])
    >>> dist.destroy_process_group()
    """
    hook, *rank = comm_hook_type.value
    model.register_comm_hook(powerSGD.PowerSGDState(state, *rank) if rank else state, hook)
