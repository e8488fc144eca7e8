"""Cases run in a process of their own, which they may crash or hang: its parent says which one did, and goes on."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .registry import targets
from .target import Fault, judge, make_case

ROOT = Path(__file__).parents[2]
MOST_FAULTS = 20
COMPUTING = 60.0  # seconds of processor time that one case may take, or the start of a child
WAITING = 600.0  # seconds in all, on a machine however busy: a child that computes nothing waits for something
MOST_MEMORY = 8 << 30  # more than any case may take; it protects the machine


@dataclass
class Report:
    """How many cases came to what, and the seeds of those that broke a promise."""

    results: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)


def run_apart(name: str, seed: int, count: int) -> Report:
    """Runs cases ``seed`` to ``seed + count - 1`` of a target in child processes."""
    report, end = Report(), seed + count
    environment = {**os.environ, **targets()[name]().environment()}
    with tempfile.TemporaryDirectory() as folder:
        progress = Path(folder, "progress")
        while seed < end and len(report.faults) < MOST_FAULTS:
            progress.write_text("")
            command = [sys.executable, "-m", f"{__package__}.processes", name, str(seed), str(end), str(progress)]
            with open(Path(folder, "errors"), "w+") as errors:
                child = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=errors)
                ended = _wait(child, progress)
                errors.seek(0)
                said = errors.read()[-2000:]
            lines = [json.loads(line) for line in progress.read_text().splitlines() if line.endswith("]")]
            for number, word, fault in lines:
                if fault is None:
                    report.results[word] += 1
                else:
                    report.faults.append((number, fault))
            if child.returncode == 0:
                break
            seed = lines[-1][0] + 1 if lines else seed
            report.faults.append((seed, f"{ended}; {said}"))
            seed += 1
    return report


def _wait(child: subprocess.Popen[Any], progress: Path) -> str:
    """Waits for the child, as long as it gets on. Returns how it ended."""
    size, moved, computed = 0, time.monotonic(), 0.0
    while child.poll() is None:
        time.sleep(0.05)
        now = progress.stat().st_size
        waited, spent = time.monotonic() - moved, _spent(child.pid) - computed
        if now != size:
            size, moved, computed = now, time.monotonic(), computed + spent
        elif spent > COMPUTING or waited > WAITING:
            child.send_signal(signal.SIGABRT)  # which makes it say where it is
            child.wait()
            return f"it hung: it computed for {spent:.0f} s of {waited:.0f}"
    return f"the process ended with {child.returncode}"


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
