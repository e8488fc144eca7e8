"""One library's side of the comparison: `python -m benchmarks.worker LIBRARY`.

Reads the number of a workload from each line of standard input, times it, and answers with the seconds of one call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from types import ModuleType
from typing import Any

from benchmarks.eager import WORKLOADS

THREADS = 2
# A measurement repeats the call until about this many seconds have passed, so that the clock's grain does not matter;
# before it the call runs untimed for a while, as in the middle of a training loop: caches warm, threads awake.
MEASUREMENT = 0.02
WARM = 0.01


def serve(library: ModuleType) -> None:
    """Answer requests until standard input ends. The first request for a workload builds it and warms it up."""
    ready: dict[int, tuple[Callable[[], Any], int]] = {}
    for line in sys.stdin:
        number = int(line)
        if number not in ready:
            build = WORKLOADS[number].build
            assert build is not None
            call = build(library)
            measure(call, 3)
            ready[number] = call, calls_in(call, MEASUREMENT)
        call, count = ready[number]
        measure(call, max(1, round(count * WARM / MEASUREMENT)))
        print(measure(call, count), flush=True)


def measure(call: Callable[[], Any], count: int) -> float:
    """The seconds that one of `count` calls takes on average."""
    numbers = range(count)
    start = perf_counter()
    for _ in numbers:
        call()
    return (perf_counter() - start) / count


def calls_in(call: Callable[[], Any], seconds: float) -> int:
    """How many calls fill `seconds`."""
    count = 1
    while (mean := measure(call, count)) * count < seconds / 2:
        count *= 2
    return max(1, round(seconds / mean))


if __name__ == "__main__":
    module = import_module(sys.argv[1])
    module.set_num_threads(THREADS)
    serve(module)
