"""Cases run in a process of their own, which they may crash or hang: its parent says which one did, and goes on."""

from __future__ import annotations

import faulthandler
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from .registry import targets
from .target import Fault, judge, make_case

ROOT = Path(__file__).parents[2]
MOST_FAULTS = 20
COMPUTING = 60.0  # seconds of processor time that one case may take, or the start of a child
WAITING = 600.0  # seconds in all, on a machine however busy: a child that computes nothing waits for something
TELLING = 10.0  # seconds between two words on how far it is
MOST_MEMORY = 8 << 30  # more than any case may take; it protects the machine


@dataclass
class Report:
    """How many cases came to what, the seeds of those that broke a promise, and whether it ended as its time was up."""

    results: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    stopped: bool = False
    told: int = 0  # faults that have been told of

    @property
    def done(self) -> int:
        return sum(self.results.values()) + len(self.faults)


def run_apart(name: str, seed: int, count: int, seconds: float = math.inf,
              tell: Callable[[Report], None] = lambda report: None) -> Report:
    """Runs cases ``seed`` to ``seed + count - 1`` of a target in child processes, for so many seconds at most; every
    `TELLING` seconds ``tell`` hears what has come of them so far."""
    report, end, until = Report(), seed + count, time.monotonic() + seconds
    environment = {**os.environ, **targets()[name]().environment()}
    with tempfile.TemporaryDirectory() as folder:
        progress = Path(folder, "progress")
        while seed < end and len(report.faults) < MOST_FAULTS and not report.stopped:
            progress.write_text("")
            command = [sys.executable, "-m", f"{__package__}.processes", name, str(seed), str(end), str(progress)]
            with open(Path(folder, "errors"), "w+") as errors, open(progress) as lines:
                child = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=errors)
                seed, ended = _follow(child, lines, report, seed, until, tell)
                errors.seek(0)
                said = errors.read()[-2000:]
            if child.returncode == 0 or report.stopped:
                break
            report.faults.append((seed, f"{ended or f'the process ended with {child.returncode}'}; {said}"))
            seed += 1
    return report


def _follow(child: subprocess.Popen[Any], lines: TextIO, report: Report, seed: int, until: float,
            tell: Callable[[Report], None]) -> tuple[int, str]:
    """Reports what the child writes, from a seed on, as long as it gets on. Returns the seed at which it ended, and why
    where it was ended."""
    told = moved = time.monotonic()
    computed, ended, rest, running = 0.0, "", "", True
    while running:
        running = child.poll() is None
        *whole, rest = (rest + lines.read()).split("\n")
        for number, word, fault in map(json.loads, whole):
            seed = number + 1
            if fault is None:
                report.results[word] += 1
            else:
                report.faults.append((number, fault))
        now, spent = time.monotonic(), _spent(child.pid) - computed
        if whole:
            moved, computed = now, computed + spent
        elif running and (spent > COMPUTING or now - moved > WAITING):
            child.send_signal(signal.SIGABRT)  # which makes it say where it is
            ended = f"it hung: it computed for {spent:.0f} s of {now - moved:.0f}"
            child.wait()
        if running and now > until:
            report.stopped = True
            child.kill()
            child.wait()
        if now - told > TELLING:
            told = now
            tell(report)
        time.sleep(0.05 if running else 0)
    return seed, ended


def _spent(pid: int) -> float:
    """Seconds of processor time that a process has taken; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _child(name: str, seed: int, end: int, progress: str) -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    target = targets()[name]()
    for sample in target.samples:
        # Whatever is imported late, is now.
        if judge(target, sample, measured=False) == "refused":
            raise Fault(f"a sample of {name} was refused")
    faults = 0
    with open(progress, "a") as out, np.errstate(all="ignore"):
        for number in range(seed, end):
            case = make_case(name, target, number)
            try:
                line = [number, judge(target, case), None]
            except Fault as fault:
                line = [number, "fault", str(fault)]
                faults += 1
            out.write(json.dumps(line) + "\n")
            out.flush()
            if faults >= MOST_FAULTS:
                break


if __name__ == "__main__":
    _child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
