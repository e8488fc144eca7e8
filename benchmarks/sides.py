"""The sides of a comparison: a library, and whether its steps are compiled.

The one idea to know: a side makes the call that is timed out of a workload, in a process of its own, and says why where
it cannot.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from benchmarks.workloads import Workload

THREADS = 2
PATIENCE = 120
"""Seconds that torch.compile may take for a workload: it writes C++ and runs the compiler. What it has made it keeps on
disk, so that another run comes further."""

Call = Callable[[], Any]


class Side(NamedTuple):
    """A library, its steps as they are or compiled. `title` heads its column."""

    name: str
    title: str
    library: str
    compiled: bool = False

    def missing(self) -> str | None:
        """Why there is no such side on this machine; None where there is."""
        if find_spec(self.library) is None:
            return f"{self.library} is not installed"
        if self is TORCH_COMPILE and not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++"))):
            return "there is no C++ compiler"
        return None

    def call(self, workload: Workload) -> Call:
        """The call to time. Raises `NotThere` where the workload has no such form."""
        if self is JAX:
            return self._in_jax(workload)
        module = import_module(self.library)
        module.set_num_threads(THREADS)
        assert workload.build is not None
        step = workload.build(module)
        if self is WENGERT_COMPILE:  # what cannot be compiled is no figure but an error
            compiled: Call = module.compile(step, fullgraph=True)
            return compiled
        if self is TORCH_COMPILE:
            step = module.compile(step)
            with within(PATIENCE):
                for _ in range(3):  # it compiles anew when it sees the state of an optimiser
                    step()
        return step

    def _in_jax(self, workload: Workload) -> Call:
        if not workload.jax:
            raise NotThere("not written for jax")
        found: Call = getattr(import_module("benchmarks.with_jax"), workload.jax)()
        return found


class NotThere(Exception):
    """Why a side has no form of a workload."""


WENGERT, TORCH = Side("wengert", "wengert", "wengert"), Side("torch", "PyTorch", "torch")
WENGERT_COMPILE = Side("wengert.compile", "compiled", "wengert", True)
TORCH_COMPILE = Side("torch.compile", "torch.compile", "torch", True)
JAX = Side("jax", "jax.jit", "jax", True)
EAGER = (WENGERT, TORCH)
LIBRARIES = tuple(side.library for side in EAGER)
ALL = (WENGERT_COMPILE, WENGERT, TORCH, TORCH_COMPILE, JAX)
BY_NAME = {side.name: side for side in ALL}


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises `NotThere` when the block takes longer (on systems that have alarms)."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    late = False

    def ring(*_: object) -> None:
        nonlocal late
        late = True
        raise NotThere(f"not compiled in {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Exception as error:  # what compiles may have caught the alarm, and say in its own words that it failed
        if late and not isinstance(error, NotThere):
            raise NotThere(f"not compiled in {seconds:.0f} s") from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
