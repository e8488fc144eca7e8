"""What a profile consists of, by PyTorch's names: events, lists of them, and their averages.

The one idea to know: an event is a stretch of a thread's time, and its parts are the events that lie within it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "Interval"]


class Interval:
    """A stretch of time, in microseconds."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        """How long it is."""
        return self.end - self.start


class FunctionEvent:
    """One thing that was measured: what it is called, in which thread and when it ran, and on what shapes."""

    count = 1
    device_time_total = self_device_time_total = device_time = 0.0

    def __init__(self, id: int, name: str, thread: int, start_us: float, end_us: float, fwd_thread: int | None = None,
                 input_shapes: Any = (), node_id: int = -1, sequence_nr: int = -1, **rest: Any) -> None:
        self.id, self.name, self.thread, self.fwd_thread = id, name, thread, fwd_thread
        self.time_range = Interval(start_us, end_us)
        self.input_shapes, self.node_id, self.sequence_nr = input_shapes, node_id, sequence_nr
        self.cpu_children: list[FunctionEvent] = []
        self.cpu_parent: FunctionEvent | None = None

    @property
    def key(self) -> str:
        """Its name."""
        return self.name

    def append_cpu_child(self, child: FunctionEvent) -> None:
        """Notes a part of it."""
        self.cpu_children.append(child)
        child.cpu_parent = self

    @property
    def cpu_time_total(self) -> float:
        """Its time, that of its parts included."""
        return self.time_range.elapsed_us()

    cpu_time = cpu_time_total

    @property
    def self_cpu_time_total(self) -> float:
        """Its time without that of its parts."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    def __repr__(self) -> str:
        return (f"<FunctionEvent id={self.id} name={self.name} cpu_time={_format_time(self.cpu_time_total)} "
                f"thread={self.thread} input_shapes={self.input_shapes}>")


class FunctionEventAvg:
    """Events of one name, summed up."""

    device_time_total = self_device_time_total = device_time = 0.0

    def __init__(self) -> None:
        self.key: str | None = None
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.input_shapes: Any = ()

    def add(self, other: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        """Adds an event, or others summed up, of the same name; returns this."""
        if self.key is None:
            self.key, self.input_shapes = other.key, other.input_shapes
        if other.key != self.key:
            raise AssertionError(f"[FunctionEventAvg.add] events called {self.key!r} were expected; got {other.key!r}")
        self.count += other.count
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        return self

    @property
    def cpu_time(self) -> float:
        """The mean time of one."""
        return self.cpu_time_total / self.count if self.count else 0.0


class EventList(list[FunctionEvent]):
    """Events, of one thread or several."""

    def _populate_cpu_children(self) -> None:
        """Finds for each event the smallest one of its thread within which it lies."""
        order = sorted(self, key=lambda event: (event.thread, event.time_range.start, -event.time_range.end))
        around: list[FunctionEvent] = []
        for event in order:
            while around and (around[-1].thread != event.thread or event.time_range.start >= around[-1].time_range.end
                              or event.time_range.end > around[-1].time_range.end):
                around.pop()
            if around and around[-1] is not event.cpu_parent:
                around[-1].append_cpu_child(event)
            around.append(event)

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events, each moment counted once."""
        return sum(event.self_cpu_time_total for event in self)

    def key_averages(self) -> list[FunctionEventAvg]:
        """The events summed up by name."""
        found: dict[str, FunctionEventAvg] = {}
        for event in self:
            found.setdefault(event.key, FunctionEventAvg()).add(event)
        return list(found.values())


def _format_time(time_us: float) -> str:
    """A time in the unit that suits it: ``"1.500ms"``."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if time_us >= size:
            return f"{time_us / size:.3f}{unit}"
    return f"{time_us:.3f}us"
