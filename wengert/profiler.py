"""``torch.profiler``: `wengert.autograd.profiler` with the schedules of PyTorch's newer interface."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any

from ._public import publish as _publish
from .autograd import profiler as _base
from .autograd.profiler import record_function
from .tensors.evaluation import Watcher

# As in a package, so that `import torch.profiler.profiler` is tried at all.
__path__: list[str] = []

__all__ = [
    "ProfilerAction", "ProfilerActivity", "kineto_available", "profile", "record_function", "schedule",
    "supported_activities", "tensorboard_trace_handler",
]


class ProfilerActivity(Enum):
    """What to measure: only the CPU is there.

    >>> from wengert import profiler
    >>> profiler.ProfilerActivity.CPU.name
    'CPU'
    """

    CPU = 0
    XPU = 1
    CUDA = 2


class ProfilerAction(Enum):
    """What a step of a schedule does.

    >>> from wengert import profiler
    >>> profiler.ProfilerAction.RECORD.name
    'RECORD'
    """

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def kineto_available() -> bool:
    """False: there is no Kineto.

    >>> from wengert import profiler
    >>> profiler.kineto_available()
    False
    """
    return False


def supported_activities() -> set[ProfilerActivity]:
    """The CPU.

    >>> from wengert import profiler
    >>> [activity.name for activity in profiler.supported_activities()][:1]
    ['CPU']
    """
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, **options: Any
) -> Callable[[int], ProfilerAction]:
    """A schedule of steps: ``wait`` and ``warmup`` that do not count, ``active`` that do, and again, ``repeat`` times
    (0: for ever), after ``skip_first`` steps.

    >>> from wengert import profiler
    >>> plan = profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    >>> [plan(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if wait < 0 or warmup < 0 or active < 1 or repeat < 0 or skip_first < 0:
        raise AssertionError("Invalid profiler schedule arguments")

    def action(step: int) -> ProfilerAction:
        step -= skip_first
        cycle, place = divmod(step, wait + warmup + active)
        if step < 0 or (repeat and cycle >= repeat) or place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        last = place == wait + warmup + active - 1
        return ProfilerAction.RECORD_AND_SAVE if last else ProfilerAction.RECORD

    return action


class profile(_base.profile):
    """Measures what runs inside; with a ``schedule``, the steps that it marks, of which `step` tells the end.

    ``on_trace_ready(profile)`` is called when the context ends, or after the last active step of each cycle.

    >>> from wengert import profiler
    >>> with profiler.profile(activities=[profiler.ProfilerActivity.CPU]) as seen:
    ...     _ = torch.ones(3, 3).exp()
    >>> any("exp" in event.key for event in seen.key_averages())
    True
    """

    def __init__(self, *, activities: Iterable[ProfilerActivity] | None = None,
                 schedule: Callable[[int], ProfilerAction] | None = None,
                 on_trace_ready: Callable[[Any], Any] | None = None, record_shapes: bool = False,
                 profile_memory: bool = False, with_stack: bool = False, **options: Any) -> None:
        super().__init__(record_shapes=record_shapes, **options)
        self._schedule, self._ready = schedule, on_trace_ready
        self.step_num = 0

    def _action(self) -> ProfilerAction:
        return ProfilerAction.RECORD if self._schedule is None else self._schedule(self.step_num)

    def _records(self) -> bool:
        return self._action() in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)

    def _add(self, event: _base.Event) -> None:
        if self._records():
            super()._add(event)

    def sends(self, name: str, shapes: Sequence[Sequence[int]]) -> Callable[[], None] | None:
        return super().sends(name, shapes) if self._records() else Watcher.sends(self, name, shapes)

    def start(self) -> None:
        """Begins to measure."""
        self.__enter__()

    def stop(self) -> None:
        """Stops, and hands over what was measured."""
        self.__exit__(None, None, None)

    def __exit__(self, *exception: object) -> None:
        self.leave()
        if self._ready is not None and self._events and self._schedule is None:
            self._ready(self)

    def step(self) -> None:
        """Tells that a step of the program is over."""
        ended = self._action()
        self.step_num += 1
        if ended is ProfilerAction.RECORD_AND_SAVE and self._ready is not None:
            self._ready(self)
        if self._schedule is not None and ended is ProfilerAction.WARMUP:
            self._events.clear()


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """A function for ``on_trace_ready`` that writes a Chrome trace into a folder, which TensorBoard's profile page and
    chrome://tracing show: times of operations on the CPU, and no kernels or memory. ``use_gzip`` compresses it.

    >>> from wengert import profiler
    >>> with profiler.profile(on_trace_ready=profiler.tensorboard_trace_handler("traces")):
    ...     _ = torch.ones(3, 3).exp()
    >>> from pathlib import Path
    >>> len(list(Path("traces").iterdir()))
    1
    """
    os.makedirs(dir_name, exist_ok=True)

    def handle(prof: profile) -> None:
        name = f"{worker_name or f'{socket.gethostname()}_{os.getpid()}'}.{time.time_ns()}.pt.trace.json"
        path = os.path.join(dir_name, name)
        prof.export_chrome_trace(path)
        if use_gzip:
            with open(path, "rb") as plain, gzip.open(f"{path}.gz", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            os.remove(path)

    return handle


_publish(__name__)
