"""``torch.distributed`` as in a PyTorch that was built without it: `is_available` is False, and so run programs that
ask first."""

from __future__ import annotations

from typing import Any, NoReturn

from ._public import publish as _publish

__all__ = [
    "barrier", "destroy_process_group", "get_backend", "get_rank", "get_world_size", "init_process_group",
    "is_available", "is_gloo_available", "is_initialized", "is_mpi_available", "is_nccl_available",
    "is_torchelastic_launched",
]


def is_available() -> bool:
    """False: a program runs as one process here."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def is_nccl_available() -> bool:
    """False."""
    return False


def is_gloo_available() -> bool:
    """False."""
    return False


def is_mpi_available() -> bool:
    """False."""
    return False


def is_torchelastic_launched() -> bool:
    """False."""
    return False


def _no_group() -> ValueError:
    return ValueError("Default process group has not been initialized, please make sure to call init_process_group. "
                      "(wengert runs one process: ask distributed.is_available() first.)")


def init_process_group(*args: Any, **options: Any) -> NoReturn:
    """Raises RuntimeError."""
    raise RuntimeError("[distributed.init_process_group] wengert has no process groups: a program runs as one process; "
                       "ask distributed.is_available() first, or run it without its distributed options")


def destroy_process_group(group: Any = None) -> NoReturn:
    """Raises ValueError: there is no group."""
    raise _no_group()


def get_rank(group: Any = None) -> NoReturn:
    """Raises ValueError: there is no group."""
    raise _no_group()


def get_world_size(group: Any = None) -> NoReturn:
    """Raises ValueError: there is no group."""
    raise _no_group()


def get_backend(group: Any = None) -> NoReturn:
    """Raises ValueError: there is no group."""
    raise _no_group()


def barrier(*args: Any, **options: Any) -> NoReturn:
    """Raises ValueError: there is no group."""
    raise _no_group()


_publish(__name__)
