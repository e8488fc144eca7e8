"""What a profile consists of, by PyTorch's names: events, lists of them, and their averages.

The one idea to know: an event is a stretch of a thread's time, and its parts are the events that lie within it.
"""

from __future__ import annotations

from typing import Any, TypeVar

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
                 input_shapes: Any = (), node_id: int = -1, sequence_nr: int = -1, is_async: bool = False,
                 **rest: Any) -> None:
        self.id, self.name, self.thread, self.fwd_thread = id, name, thread, fwd_thread
        self.time_range = Interval(start_us, end_us)
        self.input_shapes, self.node_id, self.sequence_nr = input_shapes, node_id, sequence_nr
        self.is_async = is_async
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
    """Events of one name, summed up; of one shape too, if it ``keeps_shapes``."""

    device_time_total = self_device_time_total = device_time = 0.0

    def __init__(self, keeps_shapes: bool = True) -> None:
        self._keeps_shapes = keeps_shapes
        self.key: str | None = None
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.input_shapes: Any = ()

    def add(self, other: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        """Adds an event, or others summed up, of the same name; returns this."""
        if self.key is None:
            self.key, self.input_shapes = other.key, other.input_shapes if self._keeps_shapes else ()
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


Average = TypeVar("Average")
_COLUMNS = ("Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls")


class EventAverages(list[Average]):
    """Sums of events: a list with a `table`. Each has ``key``, ``count``, ``input_shapes`` and its times in
    microseconds."""

    def table(self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int = 75,
              max_name_column_width: int = 55, max_shapes_column_width: int = 80, header: str | None = None,
              **options: Any) -> str:
        """A table with one row a sum, with the shapes of operands where they were recorded. ``sort_by``:
        ``"cpu_time_total"``, ``"self_cpu_time_total"``, ``"cpu_time"`` or ``"count"``; what names CUDA's times sorts
        nothing, as there are none. Raises ValueError for other columns."""
        rows: list[Any] = list(self)
        if sort_by is not None and not sort_by.removeprefix("self_").startswith(("cuda", "device")):
            if sort_by not in ("cpu_time_total", "self_cpu_time_total", "cpu_time", "count"):
                raise ValueError(f"[profile.table] sort_by expected a column such as cpu_time_total; got {sort_by!r}")
            rows.sort(key=lambda row: -getattr(row, sort_by))
        total = sum(row.self_cpu_time_total for row in rows) or 1.0
        has_shapes = any(row.input_shapes for row in rows)
        rows = rows[:row_limit] if row_limit >= 0 else rows
        heads = (*_COLUMNS, "Input Shapes") if has_shapes else _COLUMNS
        cells = [[_cut(row.key, max_name_column_width), f"{100 * row.self_cpu_time_total / total:.2f}%",
                  _format_time(row.self_cpu_time_total), f"{100 * row.cpu_time_total / total:.2f}%",
                  _format_time(row.cpu_time_total), _format_time(row.cpu_time), str(row.count),
                  *([_cut(str(list(row.input_shapes)), max_shapes_column_width)] if has_shapes else [])]
                 for row in rows]
        widths = [max([4, *(len(row[0]) for row in cells)]) + 2, *[12] * len(_COLUMNS),
                  *([max(12, *(len(row[-1]) for row in cells)) + 2] if has_shapes else [])]
        line = "  ".join(["-" * width for width in widths])
        text = [*([] if header is None else ["=" * len(line), header]), line]
        for row in (["Name", *heads], None, *cells):
            text.append(line if row is None else
                        "  ".join([f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)]))
        return "\n".join([*text, line, f"Self CPU time total: {_format_time(total)}", ""])

    def __str__(self) -> str:
        return self.table()


def _cut(text: str, width: int) -> str:
    return text if width < 4 or len(text) <= width else text[: width - 3] + "..."


class EventList(list[FunctionEvent]):
    """Events, of one thread or several."""

    def _populate_cpu_children(self) -> None:
        """Finds for each event the smallest one of its thread within which it lies. (Those that end elsewhere are parts
        of none.)"""
        order = sorted((event for event in self if not event.is_async),
                       key=lambda event: (event.thread, event.time_range.start, -event.time_range.end))
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

    def key_averages(self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0,
                     group_by_overload_name: bool = False) -> EventAverages[FunctionEventAvg]:
        """The events summed up by name, and by shapes if asked; ours have no stacks and no names of overloads to tell
        them apart by."""
        found: dict[tuple[str, str], FunctionEventAvg] = {}
        for event in self:
            shapes = str(event.input_shapes) if group_by_input_shapes else ""
            found.setdefault((event.key, shapes), FunctionEventAvg(group_by_input_shapes)).add(event)
        return EventAverages(found.values())

    def total_average(self) -> FunctionEventAvg:
        """All events as one, called ``"Total"``."""
        total = FunctionEventAvg(False)
        for event in self:
            total.key = None
            total.add(event)
        total.key = "Total"
        return total

    def table(self, sort_by: str | None = None, row_limit: int = 100, **options: Any) -> str:
        """A table with one row an event; the options are those of `EventAverages.table`."""
        rows: EventAverages[FunctionEventAvg] = EventAverages([FunctionEventAvg().add(event) for event in self])
        return rows.table(sort_by, row_limit, **options)

    def __str__(self) -> str:
        return self.table()


def _format_time(time_us: float) -> str:
    """A time in the unit that suits it: ``"1.500ms"``."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if time_us >= size:
            return f"{time_us / size:.3f}{unit}"
    return f"{time_us:.3f}us"
