"""How long the stages of making a program take, and a line on the terminal where they take long."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import perf_counter

SOON = 1.0
"""Seconds after which somebody at a terminal is told what is going on."""


class Stages:
    """Seconds by stage: ``recording``, ``reading`` from the disk, ``planning``, ``writing``, ``machine code``. A stage
    within another counts for itself alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.current = ""
        self._since = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What runs here is the stage ``name``."""
        outer = self.current
        self._note(name)
        try:
            yield
        finally:
            self._note(outer)

    def _note(self, following: str) -> None:
        now = perf_counter()
        if self.current:
            self.seconds[self.current] = self.seconds.get(self.current, 0.0) + now - self._since
        self.current, self._since = following, now

    @property
    def total(self) -> float:
        """The seconds of all stages."""
        return sum(self.seconds.values())

    def __str__(self) -> str:
        return ", ".join([f"{name} {seconds:.3f} s" for name, seconds in self.seconds.items()])


@contextmanager
def uncollected() -> Iterator[None]:
    """Python's collector waits: what is made here is many small objects that stay, and to look through them again and
    again took a quarter of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@contextmanager
def told(stages: Stages, name: str) -> Iterator[None]:
    """While this lasts longer than `SOON`, a line on the terminal, if there is one, says which stage ``name`` is in; it
    is taken away at the end."""
    if not sys.stderr.isatty():
        yield
        return
    done = Event()

    def tell() -> None:
        begin = perf_counter()
        wait = SOON
        while not done.wait(wait):
            print(f"\r\x1b[K[compile] {name}: {stages.current} ({perf_counter() - begin:.0f} s)", end="",
                  file=sys.stderr, flush=True)
            wait = 0.2
        if wait != SOON:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    teller = Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
