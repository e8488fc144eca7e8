"""Runs the workloads on wengert and on PyTorch in turn, so that both see the same drift of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from statistics import median
from time import sleep
from typing import NamedTuple

from benchmarks.eager import Workload
from benchmarks.worker import THREADS

LIBRARIES = ("wengert", "torch")
# Both libraries' idle threads spin for a while before they sleep (OpenBLAS's for 2**26 cycles, some 25 ms); the other's
# turn begins after that.
PAUSE = 0.1
IMPORT = "from time import perf_counter as now; start = now(); import {}; print(now() - start)"


class Result(NamedTuple):
    """What came out for one workload: for both libraries the seconds of each round."""

    workload: Workload
    ours: list[float]
    theirs: list[float]

    @property
    def medians(self) -> tuple[float, float]:
        """The median seconds of wengert and of PyTorch."""
        return median(self.ours), median(self.theirs)

    @property
    def ratios(self) -> list[float]:
        """wengert's seconds over PyTorch's, round by round: the drift of a shared machine cancels."""
        return sorted(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))

    @property
    def reached(self) -> bool:
        """Whether the median reached the target."""
        return (self.medians[0] if self.workload.build is None else median(self.ratios)) <= self.workload.target


class Worker:
    """A process that times workloads with one library, two threads."""

    def __init__(self, library: str) -> None:
        self.library = library
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def time(self, number: int) -> float:
        """The seconds of one call of workload `number`."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(number, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the worker of {self.library} ended; its own message stands above")
        return float(answer)

    def close(self) -> None:
        """End the process by ending its input."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def compare(workloads: Sequence[Workload], rounds: int) -> Iterator[Result]:
    """Measure every workload `rounds` times on each library; the one that goes first changes from round to round."""
    workers = [Worker(library) for library in LIBRARIES]
    try:
        for number, workload in enumerate(workloads):
            seconds: dict[str, list[float]] = {library: [] for library in LIBRARIES}
            for worker in workers:
                seconds_of(number, workload, worker)
            for turn in range(rounds):
                for worker in workers if turn % 2 else reversed(workers):
                    sleep(PAUSE)
                    seconds[worker.library].append(seconds_of(number, workload, worker))
            yield Result(workload, seconds["wengert"], seconds["torch"])
    finally:
        for worker in workers:
            worker.close()


def seconds_of(number: int, workload: Workload, worker: Worker) -> float:
    """One measurement of workload `number`: by the worker, or of an import in a process of its own."""
    return import_seconds(worker.library) if workload.build is None else worker.time(number)


def import_seconds(library: str) -> float:
    """The seconds that importing the library takes in a fresh process."""
    command = [sys.executable, "-c", IMPORT.format(library)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment()).stdout)


def environment() -> dict[str, str]:
    """This process's environment, with two threads for the libraries that read their number from it.

    A checkout may write its bytecode, which an installed library has from the start.
    """
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **dict.fromkeys(names, str(THREADS))}
