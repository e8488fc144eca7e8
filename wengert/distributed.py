"""``torch.distributed`` as in a PyTorch that was built without it: `is_available` is False, and so run programs that
ask first."""

from __future__ import annotations

from ._missing import absent, answers
from ._public import publish as _publish

__all__ = [
    "barrier", "destroy_process_group", "get_backend", "get_rank", "get_world_size", "init_process_group",
    "is_available", "is_gloo_available", "is_initialized", "is_mpi_available", "is_nccl_available",
    "is_torchelastic_launched",
]

is_available = is_initialized = answers(False, "False: a program runs as one process here.")
is_nccl_available = is_gloo_available = is_mpi_available = is_torchelastic_launched = is_available

init_process_group = absent(
    RuntimeError,
    "[distributed.init_process_group] wengert has no process groups: a program runs as one process; "
    "ask distributed.is_available() first, or run it without its distributed options",
)
destroy_process_group = get_rank = get_world_size = get_backend = barrier = absent(
    ValueError,
    "Default process group has not been initialized, please make sure to call init_process_group. "
    "(wengert runs one process: ask distributed.is_available() first.)",
)

_publish(__name__)
