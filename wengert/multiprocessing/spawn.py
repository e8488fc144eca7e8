"""Several processes of one function: `spawn` starts them, waits for them, and raises here what one of them raised."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from ..core.frames import warn
from ..core.tether import tether

_LONGEST_REPORT = 30_000  # characters: the pipe holds it although nobody reads yet


class ProcessException(Exception):
    """One of the processes failed: the one of number ``error_index``, whose process id was ``pid``."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.pid = pid

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """The function raised in one of the processes; the message has its traceback.

    >>> error = torch.multiprocessing.ProcessRaisedException("ValueError: no", 0, 123)
    >>> error.error_index, str(error)
    (0, 'ValueError: no')
    """


class ProcessExitedException(ProcessException):
    """One of the processes ended with ``exit_code``, or by the signal ``signal_name``.

    >>> error = torch.multiprocessing.ProcessExitedException("it ended", error_index=1, error_pid=123, exit_code=3)
    >>> error.error_index, error.exit_code
    (1, 3)
    """

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None
    ) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _run(fn: Callable[..., Any], number: int, args: tuple[Any, ...], report: Any, parent: int | None) -> None:
    """The life of one process: the traceback of what the function raises is sent, and the exit status is 1. It ends
    with the process ``parent``, where there is one that started it itself."""
    if parent is not None:
        tether(parent)
    try:
        fn(number, *args)
    except KeyboardInterrupt:
        pass  # the process that started this one was interrupted too
    except Exception as error:
        report.send(traceback.format_exc()[-_LONGEST_REPORT:])
        if (watch := sys.modules.get("wengert.distributed.watch")) is not None:
            watch.report(error)  # the other ranks are told, as far as they are any
        sys.exit(1)


class ProcessContext:
    """Processes that run; `join` waits for them.

    >>> context = torch.multiprocessing.start_processes(print, ("done",), nprocs=1, join=False, start_method="fork")
    >>> context.join()
    True
    """

    def __init__(self, processes: Sequence[Any], reports: Sequence[Any]) -> None:
        self.processes = list(processes)
        self._reports = list(reports)
        self.sentinels = {process.sentinel: number for number, process in enumerate(self.processes)}

    def pids(self) -> list[int]:
        """The ids of the processes."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Waits until one more process has ended, at most ``timeout`` seconds; returns whether all have.

        When one has failed the others are ended: at once by SIGTERM, or after ``grace_period`` seconds, and by SIGKILL
        where that does not help. Then raises `ProcessRaisedException` with the traceback, or `ProcessExitedException`.
        """
        if not self.sentinels:
            return True
        ready = multiprocessing.connection.wait(list(self.sentinels), timeout)
        failed = None
        for sentinel in ready:
            number = self.sentinels.pop(sentinel)
            self.processes[number].join()
            if self.processes[number].exitcode != 0:
                failed = number
                break
        if failed is None:
            return not self.sentinels
        self._end_others(grace_period)
        raise self._failure(failed)

    def _end_others(self, grace_period: float | None) -> None:
        if grace_period is not None:
            deadline = time.monotonic() + grace_period
            for process in self.processes:
                process.join(max(0.0, deadline - time.monotonic()))
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        deadline = time.monotonic() + 30.0
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _failure(self, number: int) -> ProcessException:
        process, report = self.processes[number], self._reports[number]
        try:
            text = report.recv() if report.poll() else None
        except EOFError:
            text = None
        if text is not None:
            message = f"\n\n-- Process {number} terminated with the following error:\n{text}"
            return ProcessRaisedException(message, number, process.pid)
        code = process.exitcode
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"<Unknown signal {-code}>"
            message = f"process {number} terminated with signal {name}"
            return ProcessExitedException(message, number, process.pid, code, name)
        message = f"process {number} terminated with exit code {code}"
        return ProcessExitedException(message, number, process.pid, code)


class SpawnContext(ProcessContext):
    """What `spawn` returns for ``join=False``.

    >>> issubclass(torch.multiprocessing.SpawnContext, torch.multiprocessing.ProcessContext)
    True
    """


def start_processes(fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True,
                    daemon: bool = False, start_method: str = "spawn", numa_options: Any = None) -> Any:
    """Starts ``nprocs`` processes that call ``fn(number, *args)``; waits for them, or returns a `ProcessContext`.

    Raises what `ProcessContext.join` raises, and ValueError for ``numa_options``, which there are none of.

    >>> torch.multiprocessing.start_processes(divmod, (2,), nprocs=2, start_method="fork")
    """
    if numa_options is not None:
        raise ValueError("[start_processes] numa_options cannot be honoured; leave them out")
    context: Any = multiprocessing.get_context(start_method)
    processes, reports = [], []
    # A thread that ends would take its processes along, and a fork server is not this process.
    tied = start_method != "forkserver" and threading.current_thread() is threading.main_thread()
    try:
        for number in range(nprocs):
            mine, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_run, daemon=daemon,
                                      args=(fn, number, args, theirs, os.getpid() if tied else None))
            process.start()
            theirs.close()
            processes.append(process)
            reports.append(mine)
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    group = (SpawnContext if start_method == "spawn" else ProcessContext)(processes, reports)
    if not join:
        return group
    while not group.join():
        pass
    return None


def spawn(fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
          start_method: str = "spawn") -> Any:
    """`start_processes` by the start method "spawn": each process imports the program anew, so what is given to it must
    be picklable, and the program's own start belongs under ``if __name__ == "__main__"``.

    >>> torch.multiprocessing.spawn(divmod, (2,), nprocs=2)
    """
    if start_method != "spawn":
        warn(
            f"[spawn] only the start method 'spawn' is used here, and not {start_method!r}; for another, call "
            "torch.multiprocessing.start_processes", FutureWarning,
        )
    return start_processes(fn, args, nprocs, join, daemon, start_method="spawn")
