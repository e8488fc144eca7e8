"""``torch.distributed`` as in a PyTorch that was built without it: `is_available` is False, and so run programs that
ask first."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ._missing import absent, answers
from ._public import publish as _publish

__all__ = [
    "barrier", "destroy_process_group", "get_backend", "get_rank", "get_world_size", "init_process_group",
    "is_available", "is_gloo_available", "is_initialized", "is_mpi_available", "is_nccl_available",
    "is_torchelastic_launched",
    "Backend", "GroupMember", "ProcessGroup", "ReduceOp", "all_gather", "all_gather_into_tensor", "all_gather_object",
    "all_reduce", "all_to_all", "all_to_all_single", "broadcast", "broadcast_object_list", "gather", "gather_object",
    "group", "irecv", "isend", "monitored_barrier", "new_group", "recv", "reduce", "reduce_scatter",
    "reduce_scatter_tensor", "scatter", "scatter_object_list", "send",
]

# As in a package, so that `import torch.distributed.optim` is tried at all.
__path__: list[str] = []

is_available = is_initialized = answers(False, "False: a program runs as one process here.")
is_nccl_available = is_gloo_available = is_mpi_available = is_torchelastic_launched = is_available

class ReduceOp(Enum):
    """How values of several processes are put together."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7


class ProcessGroup:
    """Would be some of the processes. Making one raises RuntimeError."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise RuntimeError("[distributed.ProcessGroup] wengert has no process groups: a program runs as one process")


class Backend(str):
    """The name of what would carry messages."""

    UNDEFINED, GLOO, NCCL, MPI, UCC, XCCL = "undefined", "gloo", "nccl", "mpi", "ucc", "xccl"


class GroupMember:
    """What a process may be in a group: there are none."""

    WORLD = None
    NON_GROUP_MEMBER = -100


group = GroupMember

init_process_group = absent(
    RuntimeError,
    "[distributed.init_process_group] wengert has no process groups: a program runs as one process; "
    "ask distributed.is_available() first, or run it without its distributed options",
)
_no_group = absent(
    ValueError,
    "Default process group has not been initialized, please make sure to call init_process_group. "
    "(wengert runs one process: ask distributed.is_available() first.)",
)

destroy_process_group = get_rank = get_world_size = get_backend = barrier = monitored_barrier = _no_group
all_reduce = all_gather = all_gather_object = all_gather_into_tensor = all_to_all = all_to_all_single = _no_group
broadcast = broadcast_object_list = gather = gather_object = reduce = reduce_scatter = reduce_scatter_tensor = _no_group
scatter = scatter_object_list = send = recv = isend = irecv = new_group = _no_group

_publish(__name__)
