"""The worker threads that help with large kernels.

A worker is a Python daemon thread inside one foreign call (``runtime.serve``), without the interpreter's lock. It spins
for `PATIENCE` seconds after its last job, so that a run of kernels meets it awake, takes `NAPS`, and then sleeps on a
Python lock, where it costs nothing; the next job that is worth it wakes it. Workers start at the first job. They end
at exit, and a forked child starts its own.

Note [placement]: Linux may put a thread that wakes on the processor of the thread that woke it, although another one is
idle; there it waits for milliseconds, since its waker does not pause. So whoever wakes a worker forbids it its own
processor, and the worker takes back what it was allowed before as soon as it runs.

Results of generated code are the same bits for any number of threads: an element's value depends on nothing but its
operands, and what is summed up in parts is cut by its size alone, products of matrices too.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from ..core.processors import processors
from . import memory, runtime
from .jit import Library, engine

PATIENCE = 1e-3
"""Seconds that a worker without a job spins before it sleeps: longer than what a training step does between two
kernels, since waking it costs more. (It was 0.2 ms while OpenBLAS's threads needed the processor on which it spins.)"""

NAPS = 200
"""Short sleeps (of some 60 microseconds on Linux) between which a worker without a job looks for one: longer than busy
machines keep the caller from its processor."""

WAKE_WORTH = 1_000_000
"""Vector instructions done without them (a tenth of a millisecond) for which sleeping workers are woken: waking them
takes the waker some 25 microseconds."""


def default_threads() -> int:
    """``WENGERT_NUM_THREADS``, or ``OMP_NUM_THREADS``, or else the number of processors this process may use."""
    for name in ("WENGERT_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "")
        if text.isdecimal() and int(text) > 0:
            return int(text)
    return processors()


class _Sleeper(NamedTuple):
    """A worker that waits for its bell, and the processors it may run on (empty where that is not known)."""

    thread: int
    bell: threading.Lock
    processors: set[int]

    def ring(self) -> None:
        """Wakes it. Rung again before it wakes, or just after, it wakes once or once more than it need."""
        try:
            self.bell.release()
        except RuntimeError:
            pass  # it has been rung already


class Pool:
    """``threads - 1`` workers and the control block that they share with the thread that has a job.

    ``run`` may be called from any thread; while one thread's job runs, the others' jobs run on their own threads.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        word, address = ctypes.c_int64, _library().addresses
        self.launch_address = address["launch"]
        self.launch: Any = ctypes.CFUNCTYPE(None, *[word] * (3 + runtime.OPERANDS))(address["launch"])
        self.serve: Any = ctypes.CFUNCTYPE(word, word, word, word, word, word)(address["serve"])
        self._slots = table(runtime.control_slots(threads))
        self.control = memory.address(self._slots)
        self._slots[runtime.SEGMENTS] = threads
        self._slots[runtime.REST] = _rest()
        self._slots[runtime.DATA] = memory.DATA_OFFSET
        self._starting = threading.Lock()
        self._owed = 0.0
        self._asleep: list[_Sleeper] = []
        self._workers: list[threading.Thread] = []
        self._unstarted = threads > 1 and not _state.exiting

    def run(self, descriptor: int, count: int, worth: float, *operands: int) -> None:
        """Runs the kernel with this descriptor over ``count`` elements.

        ``operands`` are `runtime.OPERANDS` words: array objects (their ``id``) and bits of scalars; ``worth`` is the
        size of the job in instructions.
        """
        if self._asleep or self._unstarted:
            self.await_work(worth)
        self.launch(self.control, descriptor, count, *operands)

    def await_work(self, worth: float) -> None:
        """Wakes the workers, where some sleep and the work that they have slept through is worth it."""
        if self._asleep or self._unstarted:
            self._owed += worth
            if self._owed >= WAKE_WORTH:
                self._owed = 0.0
                self._wake()

    def _wake(self) -> None:
        """Starts the workers, or wakes those that sleep, on other processors than this thread's: Note [placement].
        A sleeper leaves the list by itself: an interrupt here loses none."""
        if self._unstarted:
            self._start()
        here = _current_processor()
        for sleeper in tuple(self._asleep):
            if sleeper.bell.locked():
                _allow(sleeper.thread, sleeper.processors - {here})
                sleeper.ring()

    def _start(self) -> None:
        with self._starting:
            if not self._unstarted:
                return
            if not self._workers:
                patience = self._rounds(PATIENCE)
                self._workers = [threading.Thread(target=self._serve, args=(segment, patience), daemon=True,
                                                  name=f"wengert-worker-{segment}")
                                 for segment in range(1, self.threads)]
            for worker in self._workers:
                if worker.ident is None:  # an interrupt may have come when some ran already
                    worker.start()
            self._unstarted = False

    def _rounds(self, seconds: float) -> int:
        """How many rounds of ``serve`` take this long."""
        trial = 500
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            self.serve(self.control, 0, 0, trial, 0)
            times.append(time.perf_counter() - begin)
        return max(trial, int(trial * seconds / min(times)))

    def _serve(self, segment: int, patience: int) -> None:
        ticket = 0
        bell = threading.Lock()
        bell.acquire()
        while True:
            ticket = self.serve(self.control, segment, ticket, patience, NAPS)
            if ticket < 0:
                return
            allowed = os.sched_getaffinity(0) if _current_processor() is not None else set()
            sleeper = _Sleeper(threading.get_native_id(), bell, allowed)
            self._asleep.append(sleeper)
            bell.acquire()
            self._asleep.remove(sleeper)
            _allow(0, allowed)

    def stop(self) -> None:
        """Ends the workers and waits for them. A job under way is finished by the thread that has it."""
        with self._starting:
            self._unstarted = False
            self._slots[runtime.STOP] = 1
            for worker in self._workers:
                while worker.is_alive():
                    for sleeper in tuple(self._asleep):
                        sleeper.ring()
                    worker.join(0.001)


class _State:
    """The process's pool, made when first asked for, and those before it whose workers may not have ended yet. While
    the interpreter is ``exiting`` no thread can start."""

    def __init__(self) -> None:
        self.threads = 0
        self.pool: Pool | None = None
        self.retired: list[Pool] = []
        self.exiting = False
        self.lock = threading.Lock()


_state = _State()


def pool() -> Pool:
    """The process's pool."""
    found = _state.pool
    if found is None:
        with _state.lock:
            found = _state.pool
            if found is None:
                found = _state.pool = Pool(get_num_threads())
    return found


NO_MORE = (0,) * (runtime.OPERANDS - 2)
"""The words of a job of two operands that `Pool.launch` wants besides."""


class Parts:
    """A kernel that is dealt out by parts: ``void kernel(ptr operands, i64 start, i64 stop)`` does the parts from
    ``start`` to ``stop``. Its first operand is a table of words; ``arrays`` more are array objects."""

    def __init__(self, text: str, arrays: int = 0, guard: int = 0) -> None:
        self.library = engine().load(text, "kernel")
        marks = ((1 << arrays) - 1) << 1
        self._descriptor = (ctypes.c_int64 * 6)(self.library.addresses["kernel"], marks, 0, 1, 1, guard)
        self._address = ctypes.addressof(self._descriptor)
        self._padding = (0,) * (runtime.OPERANDS - 1 - arrays)

    def run(self, parts: int, worth: float, table: np.ndarray[Any, Any], *arrays: object) -> None:
        """Runs ``parts`` parts; ``table`` comes from `table`. ``worth`` is the size of the job in instructions. Raises
        NoDataError for what is no array: it has no pointer to read."""
        for x in arrays:
            if type(x) is not np.ndarray:
                raise memory.not_an_array(x)
        pool().run(self._address, parts, worth, memory.address(table), *map(id, arrays), *self._padding)


def table(words: int) -> np.ndarray[Any, Any]:
    """A table of words (int64) for `Parts.run`. It begins on a line of the cache, so that the runtime deals out no
    shorter piece first, as it does to align an output."""
    whole = np.zeros(words + 8, np.int64)
    begin = -memory.address(whole) % 64 // 8
    return whole[begin : begin + words]


class Tables:
    """Tables of words for `Parts.run` with the same ``numbers``, but for those that each call puts in anew. One that is
    taken is nobody else's until it is given back; ``more`` words at its end begin as zeros."""

    def __init__(self, numbers: Sequence[int], more: int = 0) -> None:
        self._numbers, self._size = numbers, len(numbers) + more
        self._free: list[np.ndarray[Any, Any]] = []
        self.give = self._free.append

    def take(self) -> np.ndarray[Any, Any]:
        """One that nobody has."""
        try:
            return self._free.pop()
        except IndexError:
            found = table(self._size)
            found[: len(self._numbers)] = self._numbers
            return found


def get_num_threads() -> int:
    """How many threads share a large kernel, the calling one included.

    >>> torch.compiler.get_num_threads() >= 1
    True
    """
    if _state.threads == 0:
        _state.threads = default_threads()
    return _state.threads


def set_num_threads(threads: int) -> None:
    """Sets how many threads share a large kernel. Raises `ValueError` unless ``threads`` is a positive int.

    >>> before = torch.compiler.get_num_threads()
    >>> torch.compiler.set_num_threads(1)
    >>> torch.compiler.get_num_threads()
    1
    >>> torch.compiler.set_num_threads(before)
    """
    if type(threads) is not int or threads < 1:
        raise ValueError(f"[set_num_threads] a positive int was expected; got {threads!r}")
    _state.threads = threads
    _retire()


def _retire() -> None:
    """Ends the workers of the pool, and of earlier ones where an interrupt came between."""
    with _state.lock:
        if _state.pool is not None:
            _state.retired, _state.pool = [*_state.retired, _state.pool], None
        retired = _state.retired
    for old in retired:
        old.stop()
    with _state.lock:
        _state.retired = [each for each in _state.retired if each not in retired]


def _stop_at_exit() -> None:
    _state.exiting = True
    _retire()


def _after_fork() -> None:
    """The child has none of the parent's threads, and a lock of theirs may be held for ever: all is made anew."""
    _state.pool, _state.retired, _state.lock = None, [], threading.Lock()


def _choose_current_processor() -> Callable[[], int | None]:
    """A function that tells the processor that runs the calling thread; None where placement is not ours to choose."""
    found = getattr(ctypes.PyDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
    return found if found is not None else lambda: None


_current_processor = _choose_current_processor()


def _allow(thread: int, processors: set[int]) -> None:
    """Says on which processors a thread may run (0: this one); leaves it as it is where there would be none."""
    if processors:
        try:
            os.sched_setaffinity(thread, processors)
        except OSError:
            pass  # what the process may use has just changed; then placement is left to the system


@cache
def _library() -> Library:
    """The code that shares a kernel; that of all pools, so that one can be made when it is too late to compile."""
    return engine().load(runtime.runtime_module(engine().triple), "launch", "serve", "hush", "resume")


def forks(guard: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """Functions to call before and after a fork, about a guard: see Note [forks] in `runtime`."""
    word, address = ctypes.c_int64, _library().addresses
    hush, resume = ctypes.CFUNCTYPE(None, word, word)(address["hush"]), ctypes.CFUNCTYPE(None, word)(address["resume"])
    return partial(hush, guard, _rest()), partial(resume, guard)


@cache
def _rest() -> int:
    """The address of a C function of one int that sleeps for a moment when called with 1."""
    if os.name == "nt":
        function = ctypes.WinDLL("kernel32").Sleep  # type: ignore[attr-defined]
    else:
        function = ctypes.CDLL(None).usleep
    return ctypes.cast(function, ctypes.c_void_p).value or 0


atexit.register(_stop_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
