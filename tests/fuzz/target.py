"""What a target is, and how one case of it is run and judged."""

from __future__ import annotations

import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


class Fault(AssertionError):
    """A promise that a case broke."""


@dataclass(frozen=True)
class Target:
    """Something that hostile cases are thrown at.

    ``make`` makes a case of a source of chance; ``run`` tries it and says in a word what came of it, or raises one of
    ``refusals``: any other error is a fault. ``samples`` are cases that must not be refused. The rest bounds what a
    case may take: memory beyond ``memory`` bytes and ``per_byte`` for each of the case's own (None: any amount), CPU
    time (and 20 microseconds for each byte), and whether any code may run that the case brings along, or any file be
    opened, but those in ``may``; with ``starves`` a case may be refused for want of memory, which is else asked for by
    its own bytes alone. ``environment`` is that of the process, ``quick`` how many cases run in the plain suite;
    ``missing`` says why the target cannot run here at all.
    """

    make: Callable[[random.Random], Any]
    run: Callable[[Any], str]
    refusals: tuple[type[BaseException], ...]
    samples: Sequence[Any] = ()
    length: Callable[[Any], int] = len
    memory: int | None = 4_000_000
    per_byte: int = 64
    seconds: float = 5.0
    watched: bool = True
    may: tuple[str, ...] = ()
    starves: bool = False
    environment: Callable[[], dict[str, str]] = dict
    quick: int = 400
    missing: str = ""


# What running code, or reaching for files, would have to do. (Importing is an event as well, but wengert itself
# imports late.)
EVENTS = (
    "exec", "compile", "os.", "subprocess.", "shutil.", "socket.", "ctypes.", "pickle.", "open", "marshal.", "code.",
    "object.__setattr__", "tempfile.", "glob.", "urllib.",
)
_seen: list[str] = []
_watching: tuple[str, ...] | None = None  # the events that are allowed, while anything is watched


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching is not None and event.startswith(EVENTS) and not event.startswith(_watching or "\0"):
        _seen.append(f"{event} {arguments!r:.100}")


_hooked = False


def hook() -> None:
    """Starts hearing of events, for as long as the process lives: there is no way to stop."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_watch)
        _hooked = True


class watching:
    """A context in which no event may happen but those in ``may``; raises `Fault` at its end where one did."""

    def __init__(self, may: tuple[str, ...] = ()) -> None:
        self._may = may

    def __enter__(self) -> None:
        global _watching
        hook()
        _seen.clear()
        _watching = self._may

    def __exit__(self, *_: Any) -> None:
        global _watching
        _watching = None
        if _seen:
            raise Fault(f"it made the program do {_seen[:5]}")


def make_case(name: str, target: Target, seed: int) -> Any:
    """The case of a seed."""
    return target.make(random.Random(f"{name} {seed}"))


def judge(target: Target, case: Any, measured: bool = True) -> str:
    """What came of a case: a word, or "refused". Raises `Fault` where it breaks a promise."""
    weighed = measured and target.memory is not None
    if weighed:
        tracemalloc.start()
    start = time.process_time()
    try:
        result = _tried(target, case, measured and target.watched)
    finally:
        seconds = time.process_time() - start
        if weighed:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    if measured and seconds > target.seconds + 20e-6 * (target.length(case) if weighed else 0):
        raise Fault(f"it took {seconds:.1f} s")
    if weighed and target.memory is not None:
        room = target.memory + target.per_byte * target.length(case)
        if peak > room:
            raise Fault(f"it took {peak:,} bytes of memory; {room:,} are enough for it")
    return result


def _tried(target: Target, case: Any, watched: bool) -> str:
    try:
        if not watched:
            return target.run(case)
        with watching(target.may):
            return target.run(case)
    except target.refusals as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MemoryError) and not target.starves:
                raise Fault("it asked for more memory than there is") from error
            cause = cause.__cause__
        return "refused"
    except Fault:
        raise
    except Exception as error:
        raise Fault(f"it raised {type(error).__name__}: {error!s:.300}") from error
