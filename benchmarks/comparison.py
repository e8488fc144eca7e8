"""Runs the workloads on each side in turn, so that all see the same drift of the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from statistics import median
from time import sleep
from typing import NamedTuple

from benchmarks.sides import ALL, EAGER, THREADS, Side
from benchmarks.workloads import Workload, workloads_of

# Both libraries' idle threads spin for a while before they sleep (OpenBLAS's for 2**26 cycles, some 25 ms); the other's
# turn begins after that.
PAUSE = 0.1
IMPORT = "from time import perf_counter as now; start = now(); import {}; print(now() - start)"


class Result(NamedTuple):
    """What came out for one workload: for each side that ran it the seconds of each round, for the others why not."""

    workload: Workload
    seconds: dict[Side, list[float]]
    failures: dict[Side, str]

    @property
    def ours(self) -> Side:
        """The side that the others are the peers of."""
        return next(side for side in ALL if side in self.seconds or side in self.failures)

    @property
    def best(self) -> Side:
        """The quickest side of another library."""
        peers = [side for side in self.seconds if side.library != self.ours.library]
        return min(peers, key=self.median)

    def median(self, side: Side) -> float:
        """The median seconds of a side."""
        return median(self.seconds[side])

    @property
    def ratios(self) -> list[float]:
        """wengert's seconds over those of the best peer, round by round: the drift of a shared machine cancels."""
        pairs = zip(self.seconds[self.ours], self.seconds[self.best], strict=True)
        return sorted(ours / theirs for ours, theirs in pairs)

    @property
    def reached(self) -> bool:
        """Whether the median reached the target."""
        return (self.median(self.ours) if self.workload.build is None else median(self.ratios)) <= self.workload.target


class Worker:
    """A process that times the workloads of a suite on one side, two threads."""

    def __init__(self, suite: str, side: Side) -> None:
        self.side = side
        self.command = [sys.executable, "-m", "benchmarks.worker", suite, side.name]
        self.start()

    def start(self) -> None:
        """Start the process that does the work."""
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )

    def time(self, number: int) -> float:
        """The seconds of one call of workload `number`. Raises `Failure` where this side cannot run it.

        A process that dies of a workload is such a side too, and another process goes on with the next workload.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(BrokenPipeError):  # a process that is dead gives no answer either
            print(number, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            self.close()
            code = self.process.returncode
            self.start()
            raise Failure(f"its process died of it (exit status {code})")
        found = json.loads(answer)
        if isinstance(found, str):
            raise Failure(found)
        return float(found)

    def close(self) -> None:
        """End the process by ending its input."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(BrokenPipeError):  # the process may be dead already
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Failure(Exception):
    """Why a side cannot run a workload."""


def compare(suite: str, workloads: Sequence[Workload], sides: Sequence[Side] = EAGER, rounds: int = 31
            ) -> Iterator[Result]:
    """Measure the suite's workloads `rounds` times on each side, the first being wengert's; the one that goes first
    changes from round to round."""
    all_workloads = workloads_of(suite)
    workers = [Worker(suite, side) for side in sides]
    try:
        for workload in workloads:
            number = all_workloads.index(workload)
            seconds: dict[Side, list[float]] = {}
            failures: dict[Side, str] = {}
            for worker in workers:
                try:
                    seconds_of(number, workload, worker)
                    seconds[worker.side] = []
                except Failure as failure:
                    failures[worker.side] = str(failure)
            for turn in range(rounds):
                able = [worker for worker in workers if worker.side in seconds]
                for worker in able if turn % 2 else reversed(able):
                    sleep(PAUSE)
                    try:
                        seconds[worker.side].append(seconds_of(number, workload, worker))
                    except Failure as failure:
                        failures[worker.side] = str(failure)
                        del seconds[worker.side]
            yield Result(workload, seconds, failures)
    finally:
        for worker in workers:
            worker.close()


def seconds_of(number: int, workload: Workload, worker: Worker) -> float:
    """One measurement of workload `number`: by the worker, or of an import in a process of its own."""
    return import_seconds(worker.side.library) if workload.build is None else worker.time(number)


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
