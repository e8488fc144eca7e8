"""``torch.nn.parallel.distributed``."""

from __future__ import annotations

import os
from enum import Enum, auto

from ....._public import publish as _publish
from .....distributed.parallel import DistributedDataParallel as DistributedDataParallel

__all__ = ["DistributedDataParallel"]

_VARIABLES = ("RANK LOCAL_RANK WORLD_SIZE MASTER_PORT MASTER_ADDR CUDA_VISIBLE_DEVICES GLOO_SOCKET_IFNAME "
              "GLOO_DEVICE_TRANSPORT NCCL_SOCKET_IFNAME TORCH_NCCL_BLOCKING_WAIT NCCL_DEBUG NCCL_DEBUG_SUBSYS "
              "NCCL_IB_DISABLE NCCL_TOPO_DUMP_FILE TORCH_NCCL_ASYNC_ERROR_HANDLING").split()


class _BufferCommHookLocation(Enum):
    """When a hook of buffers runs."""

    PRE_FORWARD = auto()
    POST_FORWARD = auto()


def _dump_DDP_relevant_env_vars() -> None:
    """Prints the variables of the environment that say how processes meet."""
    print("\n".join(f"env:{name}={os.environ.get(name, 'N/A')}" for name in _VARIABLES))


_publish(__name__)
