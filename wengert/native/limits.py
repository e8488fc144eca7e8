"""What the machine can do at most: multiply-adds a second in its vectors, and bytes moved a second in memory.

Both are measured, once per process and only when somebody asks: a loop of independent fused multiply-adds, and a copy
of arrays larger than the caches, each on all of wengert's threads at once. What a step takes beside them says how much
there is to gain.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from functools import cache
from threading import Barrier, Thread
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ..compiler import threads
from ..compiler.code import Code, Operand, module
from ..compiler.jit import Library, engine

CHAINS = 12
"""Independent sums: enough for two units of which each has four multiply-adds under way, and few enough for sixteen
registers."""

ROUNDS, TRIALS, REPEATS = 200_000, 20, 4
COPIED = 2**24
"""Bytes that each thread copies."""


class Limits(NamedTuple):
    """``flops`` are operations of float32 a second (a multiply-add is two), ``bytes`` are bytes read and written a
    second, on so many ``threads``."""

    flops: float
    bytes: float
    threads: int

    def seconds(self, flops: float, moved: float) -> float:
        """The least time for so many operations of float32 and bytes."""
        return max(flops / self.flops, moved / self.bytes)


def limits() -> Limits:
    """The machine's limits on as many threads as wengert uses now."""
    return _limits(threads.get_num_threads())


@cache
def _limits(count: int) -> Limits:
    flops, moved = ROUNDS * CHAINS * _lanes() * 2, COPIED * 2
    return Limits(flops * _rate(_multiply_adds, count), moved * _rate(_copy(), count), count)


def _lanes() -> int:
    return engine().machine.vector_bytes // 4


@cache
def _library() -> Library:
    """``void peak(i64 rounds, ptr out)``: so many rounds of `CHAINS` independent multiply-adds of vectors."""
    code = Code("peak", {"rounds": "i64", "out": "ptr"})
    rounds, out = code.parameters
    vector = f"<{_lanes()} x float>"
    half = f"0x{struct.unpack('<Q', struct.pack('<d', 0.5))[0]:016X}"
    factor = Operand(f"<{', '.join([f'float {half}'] * _lanes())}>", vector)
    with code.loop(rounds, carried=[factor] * CHAINS) as loop:
        loop.next = [code.call(vector, f"llvm.fma.v{_lanes()}f32", x, factor, factor) for x in loop.carried]
    for number, total in enumerate(loop.carried):
        code.store(total, code.at(vector, out, number), align=4)
    code.done()
    return engine().load(module(code), "peak")


def _multiply_adds() -> None:
    out = np.empty(CHAINS * _lanes(), np.float32)
    function = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(_library().addresses["peak"])
    function(ROUNDS, out.ctypes.data)


def _copy() -> Callable[[], None]:
    """A copy of memory that is there already: its pages have been touched."""
    pairs = [(np.ones(COPIED, np.uint8), np.ones(COPIED, np.uint8)) for _ in range(threads.get_num_threads())]

    def copy() -> None:
        source, target = pairs.pop()
        np.copyto(target, source)
        pairs.append((source, target))

    return copy


def _rate(work: Callable[[], None], count: int) -> float:
    """How often a second ``count`` threads do ``work`` together, at best. Each looks at its own clock while all of them
    are at it: to wake a thread takes as long as the work itself."""
    work()
    best = 0.0
    for _ in range(TRIALS):
        start, seconds = Barrier(count), list[float]()

        def run(start: Barrier = start, seconds: list[float] = seconds) -> None:
            start.wait()
            begin = perf_counter()
            for _ in range(REPEATS):
                work()
            seconds.append(perf_counter() - begin)

        workers = [Thread(target=run) for _ in range(count)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, sum([REPEATS / each for each in seconds]))
    return best
