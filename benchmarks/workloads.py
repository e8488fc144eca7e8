"""What a workload is: something written once, as a function of the library, that gives the call to be timed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

Build = Callable[[ModuleType], Callable[[], Any]]


class Workload(NamedTuple):
    """Something to time. `target` is the ratio to the best peer to reach, or for an import the seconds.

    Without a `build` the workload is the import of the library in a fresh process. `jax` is the name of the function of
    `with_jax` that is the same in jax, where there is one.
    """

    name: str
    target: float
    build: Build | None = None
    jax: str = ""


def workloads_of(suite: str) -> tuple[Workload, ...]:
    """The workloads of a suite, which is the module of that name."""
    found: tuple[Workload, ...] = import_module(f"benchmarks.{suite}").WORKLOADS
    return found
