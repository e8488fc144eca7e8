"""One side of the comparison: `python -m benchmarks.worker SUITE SIDE`.

Reads the number of a workload from each line of standard input, times it, and answers with the seconds of one call, or
with a text that says why this side cannot run it (as JSON).
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from time import perf_counter
from typing import Any

from benchmarks.sides import BY_NAME, NotThere, Side
from benchmarks.workloads import workloads_of

# A measurement repeats the call until about this many seconds have passed, so that the clock's grain does not matter;
# before it the call runs untimed for a while, as in the middle of a training loop: caches warm, threads awake.
MEASUREMENT = 0.02
WARM = 0.01


def serve(suite: str, side: Side) -> None:
    """Answer requests until standard input ends. The first request for a workload builds it and warms it up."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    workloads = workloads_of(suite)
    ready: dict[int, tuple[Callable[[], Any], int]] = {}
    for line in sys.stdin:
        number = int(line)
        try:
            if number not in ready:
                call = side.call(workloads[number])
                measure(call, 3)
                ready[number] = call, calls_in(call, MEASUREMENT)
            call, count = ready[number]
            measure(call, max(1, round(count * WARM / MEASUREMENT)))
            answer: float | str = measure(call, count)
        except NotThere as reason:
            answer = str(reason)
        except Exception as error:  # the side fails at this workload, which is a finding and not the end
            traceback.print_exc()
            lines = [line.strip() for line in f"{type(error).__name__}: {error}".splitlines() if line.strip()]
            answer = " ".join(lines[:2])[:200]
        print(json.dumps(answer), file=answers, flush=True)


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
    serve(sys.argv[1], BY_NAME[sys.argv[2]])
