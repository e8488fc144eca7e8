"""Processes that a program starts see wengert as torch too.

A forked process is a copy and needs nothing. One that is spawned begins as a bare interpreter, which imports the
program anew: before it does so, it unpickles some preparation data, and there an `_Installer` waits. A fork server,
from which later processes are copied, imports `wengert.compat.preload`, and not the program as it otherwise would.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.spawn
from collections.abc import Callable, Iterator
from typing import Any

PRELOAD = "wengert.compat.preload"


class _Installer:
    """Calls ``install`` where it is unpickled."""

    def __init__(self, install: Callable[[], None]) -> None:
        self.install = install

    def __reduce__(self) -> tuple[Any, ...]:
        return self.install, ()


@contextlib.contextmanager
def in_children(install: Callable[[], None]) -> Iterator[None]:
    """A context in which processes that are started take after this one: they call ``install`` before all else."""
    prepare = multiprocessing.spawn.get_preparation_data
    has_server = "forkserver" in multiprocessing.get_all_start_methods()

    def with_installer(name: str) -> dict[str, Any]:
        return {**prepare(name), "torch_is_wengert": _Installer(install)}

    multiprocessing.spawn.get_preparation_data = with_installer
    if has_server:
        multiprocessing.set_forkserver_preload([PRELOAD])
    try:
        yield
    finally:
        multiprocessing.spawn.get_preparation_data = prepare
        if has_server:
            multiprocessing.set_forkserver_preload(["__main__"])
