"""Where the time goes: `profile` measures every primitive, forward and backward, and spans named by `record_function`.

The one idea to know: `profile` is a watcher of evaluation (`Watcher`), so that programs that do not profile pay
nothing. The time of a node's derivative is that since the last measured thing ended, which is the engine's as well.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import get_ident
from time import perf_counter_ns
from typing import Any

from ..core.operands import Cotangent
from ..core.primitive import Primitive
from ..core.state import state
from ..tensors.evaluation import Watcher
from ..tensors.tape import Node
from .profiler_util import EventAverages, EventList, FunctionEvent, FunctionEventAvg

__all__ = ["Event", "profile", "record_function"]


@dataclass
class Event:
    """One measured thing: its name, when it started and how long it took (ns).

    >>> with torch.autograd.profiler.profile() as seen:
    ...     _ = torch.ones(3, 3).exp()
    >>> [event.name for event in seen.events()][-1]
    'aten::exp'
    """

    name: str
    start: int
    duration: int = 0
    shapes: tuple[Any, ...] = ()
    thread: int = field(default_factory=get_ident)
    is_async: bool = False
    """Whether it ends in another thread, and what the program does meanwhile is no part of it."""


UNUSED = frozenset({
    "use_cuda", "use_device", "with_flops", "profile_memory", "with_stack", "with_modules", "use_kineto", "use_cpu",
    "experimental_config", "acc_events", "custom_trace_id_callback", "post_processing_timeout_s", "activity_filters",
    "execution_trace_observer",
})
"""What PyTorch's profilers take and these have no use for."""


class profile(Watcher):
    """Measures what runs inside, in the thread that enters it.

    >>> import wengert as torch
    >>> with torch.autograd.profiler.profile() as prof:
    ...     _ = torch.ones(3) + 1
    >>> [event.key for event in prof.key_averages()]
    ['aten::add']
    """

    def __init__(self, enabled: bool = True, *, record_shapes: bool = False, **options: Any) -> None:
        unknown = options.keys() - UNUSED
        if unknown:
            raise TypeError(f"profile.__init__() got an unexpected keyword argument {min(unknown)!r}")
        self.enabled, self.record_shapes = enabled, record_shapes
        self._events: list[Event] = []
        self._open: list[Event] = []
        self._last = 0

    def __enter__(self) -> Any:
        self._last = perf_counter_ns()
        if self.enabled:
            return super().__enter__()
        self.ends_with()
        return self

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        event = self._begin(f"aten::{primitive.name}")
        if self.record_shapes:
            event.shapes = tuple(list(getattr(x, "shape", ())) for x in operands)
        try:
            return super().evaluate(primitive, operands, params)
        finally:
            self._end(event)

    def pulled(self, node: Node, ct: Cotangent, grads: Sequence[Any]) -> None:
        now = perf_counter_ns()
        self._add(Event(node.name(), self._last, now - self._last))
        super().pulled(node, ct, grads)

    def sends(self, name: str, shapes: Sequence[Sequence[int]]) -> Callable[[], None] | None:
        event = Event(name, perf_counter_ns(), is_async=True)
        event.shapes = tuple(map(list, shapes)) if self.record_shapes else ()
        outside = super().sends(name, shapes)

        def ended() -> None:
            event.duration = perf_counter_ns() - event.start
            self._events.append(event)
            if outside is not None:
                outside()

        return ended

    def _begin(self, name: str) -> Event:
        event = Event(name, perf_counter_ns())
        self._open.append(event)
        return event

    def _end(self, event: Event) -> None:
        event.duration = perf_counter_ns() - event.start
        self._open.remove(event)
        self._add(event)

    def _add(self, event: Event) -> None:
        self._events.append(event)
        self._last = event.start + event.duration

    def events(self) -> EventList:
        """Every event, in the order in which they began, each with those that lie within it."""
        found = EventList([FunctionEvent(number, event.name, event.thread, event.start / 1e3,
                                         (event.start + event.duration) / 1e3, input_shapes=list(event.shapes),
                                         is_async=event.is_async)
                           for number, event in enumerate(sorted(self._events, key=lambda event: event.start))])
        found._populate_cpu_children()
        return found

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events, in microseconds, each moment counted once."""
        return self.events().self_cpu_time_total

    function_events = property(events)

    def key_averages(self, group_by_input_shape: bool = False, **options: Any) -> EventAverages[FunctionEventAvg]:
        """The events summed up by name, and by shapes if asked."""
        return self.events().key_averages(group_by_input_shape)

    def total_average(self) -> FunctionEventAvg:
        """All events as one, called ``"Total"``."""
        return self.events().total_average()

    def table(self, sort_by: str | None = None, row_limit: int = 100, **options: Any) -> str:
        """The table of `key_averages`."""
        return self.key_averages().table(sort_by, row_limit)

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes the events as JSON that the tracing page of Chrome, and Perfetto, open."""
        entries = [{"name": event.name, "ph": "X", "ts": event.start / 1e3, "dur": event.duration / 1e3,
                    "pid": os.getpid(), "tid": 0, "args": {"shapes": str(event.shapes)}} for event in self._events]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": entries}, file)

    def __str__(self) -> str:
        return self.table()


@dataclass
class record_function:
    """Names a span of the program, as a context or a decorator, for the profiles that are running; else does nothing.

    >>> import wengert as torch
    >>> with torch.autograd.profiler.profile() as prof, torch.autograd.profiler.record_function("step"):
    ...     _ = torch.ones(3) + 1
    >>> sorted(event.key for event in prof.key_averages())
    ['aten::add', 'step']
    """

    name: str
    args: str | None = None
    _running: list[tuple[profile, Event]] = field(default_factory=list, repr=False)

    def __enter__(self) -> record_function:
        self._running = [(each, each._begin(self.name)) for each in _profiles()]
        return self

    def __exit__(self, *exception: object) -> None:
        for each, event in self._running:
            each._end(event)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name):
                return function(*args, **kwargs)

        return within


def _profiles() -> Iterator[profile]:
    watcher = state.watcher
    while watcher is not None:
        if isinstance(watcher, profile):
            yield watcher
        watcher = watcher.outer


@contextmanager
def emit_nvtx(enabled: bool = True, record_shapes: bool = False) -> Iterator[None]:
    """Nothing: there is no CUDA device to send marks to."""
    yield


@contextmanager
def emit_itt(enabled: bool = True, record_shapes: bool = False) -> Iterator[None]:
    """Nothing: there is no tool of Intel's to send marks to."""
    yield
