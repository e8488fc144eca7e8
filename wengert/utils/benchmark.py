"""Timing small pieces of a program, in the shape of ``torch.utils.benchmark``, on the standard library's `timeit`."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..compiler.threads import get_num_threads, set_num_threads

__all__ = ["Measurement", "Timer"]

_UNITS = ((1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s"))


@dataclass(frozen=True)
class Measurement:
    """What a `Timer` found. ``raw_times`` are the seconds of each repetition, of ``number_per_run`` runs each.

    >>> found = torch.utils.benchmark.Measurement(number_per_run=2, raw_times=[0.2, 0.6, 0.4])
    >>> found.median
    0.2
    """

    number_per_run: int
    raw_times: list[float]
    stmt: str = "pass"
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    num_threads: int = 1

    @property
    def times(self) -> list[float]:
        """Seconds a run, one number a repetition."""
        return [time / self.number_per_run for time in self.raw_times]

    @property
    def median(self) -> float:
        """The median of `times`."""
        return statistics.median(self.times)

    @property
    def mean(self) -> float:
        """The mean of `times`."""
        return statistics.fmean(self.times)

    @property
    def iqr(self) -> float:
        """The distance between the quartiles of `times`; 0 for a single one."""
        if len(self.raw_times) < 2:
            return 0.0
        first, _, third = statistics.quantiles(self.times, n=4, method="inclusive")
        return third - first

    @property
    def title(self) -> str:
        """The label, or the statement, and the sub-label."""
        return ": ".join([self.label or self.stmt, *([self.sub_label] if self.sub_label else [])])

    def __repr__(self) -> str:
        count, runs = len(self.raw_times), self.number_per_run
        lines = [f"<Measurement of {self.title}>", *([self.description] if self.description else [])]
        if count == 1:
            lines.append(f"  {_readable(self.median)}")
        else:
            lines += [f"  Median: {_readable(self.median)}", f"  IQR:    {_readable(self.iqr)}"]
        each = " per measurement" if count > 1 else ""
        lines.append(f"  {count} measurement{'s' * (count != 1)}, {runs} run{'s' * (runs != 1)}{each}, "
                     f"{self.num_threads} thread{'s' * (self.num_threads != 1)}")
        return "\n".join(lines)


def _readable(seconds: float) -> str:
    """A time in the unit that leaves one to three digits before the point."""
    size, unit = next(((s, u) for s, u in reversed(_UNITS) if seconds >= s), _UNITS[0])
    return f"{seconds / size:.2f} {unit}"


class Timer:
    """Times the Python statement ``stmt``, after ``setup``, with the names in ``globals`` and ``num_threads`` threads.

    ``label``, ``sub_label`` and ``description`` are only printed. Statements of C++ raise NotImplementedError.

    >>> import wengert as torch
    >>> from wengert.utils.benchmark import Timer
    >>> timer = Timer("x + 1", globals={"x": torch.ones(3)})
    >>> timer.timeit(10).number_per_run
    10
    """

    def __init__(self, stmt: str = "pass", setup: str = "pass", global_setup: str = "",
                 timer: Callable[[], float] = timeit.default_timer, globals: dict[str, Any] | None = None,
                 label: str | None = None, sub_label: str | None = None, description: str | None = None,
                 env: str | None = None, num_threads: int = 1, language: Any = "python") -> None:
        if str(language).lower() not in ("py", "python", "language.python", "0"):
            raise NotImplementedError(f"[Timer] statements of Python are timed only; got language={language!r}")
        if global_setup:
            raise ValueError("[Timer] global_setup is for C++; put Python into setup")
        self.stmt, self.label, self.sub_label, self.description = stmt, label, sub_label, description
        self.env, self.num_threads = env, num_threads
        self._timer = timeit.Timer(stmt, setup, timer, dict(globals or {}))

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """One repetition of ``number`` runs, after a few to warm up."""
        with self._threads():
            self._timer.timeit(max(number // 100, 2))
            return self._measured(number, [self._timer.timeit(number)])

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """As many repetitions as fit into ``min_run_time`` seconds, each long enough to be measured well.

        ``callback(number, seconds)`` is called after each.
        """
        with self._threads():
            number, spent = 1, self._timer.timeit(2) / 2
            while spent < min_run_time / 1000:
                number *= 10
                spent = self._timer.timeit(number)
            times: list[float] = []
            while not times or sum(times) < min_run_time:
                times.append(self._timer.timeit(number))
                if callback is not None:
                    callback(number, times[-1])
            return self._measured(number, times)

    def _measured(self, number: int, times: list[float]) -> Measurement:
        return Measurement(number, times, self.stmt, self.label, self.sub_label, self.description, self.num_threads)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        """The number of threads asked for, as long as something runs."""
        before = get_num_threads()
        set_num_threads(self.num_threads)
        try:
            yield
        finally:
            set_num_threads(before)
