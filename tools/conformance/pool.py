"""Entries in worker processes that a crash or a hang cannot spoil: what died is started anew behind where it died."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

import wengert

from .columns import COLUMNS
from .comparison import Inapplicable, Mismatch, short
from .database import FAULTS

SILENCE = 60.0  # seconds that one column of one entry may take on a busy machine
MOST_MEMORY = 16 << 30  # more than any entry needs; it protects the machine

# What an entry came to: its message in each column that applies, None where it holds.
Row = dict[str, str | None]


def walk(entries: dict[str, Any], columns: list[str], processes: int) -> Iterator[tuple[str, Row]]:
    """Yields each entry's name and row as they are done."""
    waiting = list(entries)[::-1]
    workers = [Worker(entries, columns) for _ in range(min(processes, len(waiting)))]
    for worker in workers:
        worker.give(waiting.pop())
    while busy := [worker for worker in workers if worker.name is not None]:
        multiprocessing.connection.wait([worker.pipe for worker in busy], timeout=1.0)
        for worker in busy:
            if (row := worker.news()) is not None:
                name = worker.name
                worker.name = None
                if waiting:
                    worker.give(waiting.pop())
                assert name is not None
                yield name, row
    for worker in workers:
        worker.stop()


class Worker:
    """A process, the entry it has, and how far it is with it."""

    def __init__(self, entries: dict[str, Any], columns: list[str]) -> None:
        self.entries, self.columns = entries, columns
        self.name: str | None = None
        self.row: Row = {}
        self.column: str | None = None
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, far = context.Pipe()
        self.process = context.Process(target=serve, args=(far, self.entries, self.columns), daemon=True)
        self.process.start()
        far.close()

    def give(self, name: str) -> None:
        self.name, self.row, self.column = name, {}, None
        self.moved = time.monotonic()
        self.pipe.send((name, self.columns))

    def news(self) -> Row | None:
        """What has arrived meanwhile: the row, once it is whole."""
        try:
            while self.pipe.poll():
                word, column, message = self.pipe.recv()
                self.moved = time.monotonic()
                if word == "begin":
                    self.column = column
                elif word == "result":
                    self.row[column] = message
                else:
                    return self.row
        except (EOFError, ConnectionResetError):
            self.process.join()
            return self.failed(f"the process died ({self.process.exitcode})")
        if time.monotonic() - self.moved > SILENCE:
            self.process.kill()
            self.process.join()
            return self.failed(f"hung for {SILENCE:.0f} s")
        return None

    def failed(self, message: str) -> Row | None:
        """Notes what a column did to its process, and goes on behind it in a new one."""
        self.start()
        if self.column is None:
            raise RuntimeError(f"[conformance] a worker before its first column; came {message}")
        self.row[self.column] = message
        rest = self.columns[self.columns.index(self.column) + 1 :]
        if not rest:
            return self.row
        self.moved = time.monotonic()
        self.pipe.send((self.name, rest))
        return None

    def stop(self) -> None:
        # Told, as workers forked later hold this end of the pipe open as well.
        self.pipe.send(None)
        self.process.join()


def serve(pipe: Any, entries: dict[str, Any], columns: list[str]) -> None:
    """The worker's loop: rows of columns, each told before it begins."""
    torch.set_num_threads(1)
    wengert.set_num_threads(1)
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (task := pipe.recv()) is not None:
        name, asked = task
        for column in asked:
            if (name, column) in FAULTS:
                continue
            pipe.send(("begin", column, None))
            try:
                pipe.send(("result", column, judged(COLUMNS[column], entries[name])))
            except Inapplicable:
                pass
        pipe.send(("end", None, None))


def judged(column: Callable[[Any], None], entry: Any) -> str | None:
    try:
        column(entry)
    except Inapplicable:
        raise
    except Mismatch as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a missing name, and what the database's own functions stumble over
        return short(error)
    return None
