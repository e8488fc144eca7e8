"""The suite `distributed`: collectives beside PyTorch's gloo, and training steps of two ranks beside its
`DistributedDataParallel`.

Each side runs in processes of its own with one thread a rank, several times in turn; the figures are medians. A step
has its model as it is, and compiled inside `DistributedDataParallel` where both sides can. What a rank does is in
`distributed_rank.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from socket import socket
from statistics import median
from typing import Any

from benchmarks import hiding, report
from benchmarks.distributed_rank import COMPILED, STEPS
from benchmarks.report import duration, lined_up

RANKS = 2
ROUNDS = 3
SIDES = ("wengert", "torch")
TARGETS = {"all-reduce of 4 bytes": 0.1} | {step + how: 0.8 for step in STEPS for how in ("", COMPILED)}
"""Others have the target 1."""
HERE = Path(__file__).parent


def free_port() -> int:
    """A port at which nobody listens now."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def measured(side: str) -> dict[str, float]:
    """What the ranks of one side measure, as rank 0 says it: seconds by name."""
    found: dict[str, float] = json.loads(started([sys.executable, "-m", "benchmarks.distributed_rank", side]))
    return found


def started(command: list[str]) -> str:
    """Runs a command in each rank; returns what rank 0 prints."""
    environment = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(RANKS),
                   "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "WENGERT_NUM_THREADS": "1"}
    ranks = [subprocess.Popen(command, env={**environment, "RANK": str(rank)}, cwd=HERE.parent, text=True,
                              stdout=subprocess.PIPE) for rank in range(RANKS)]
    outputs = [rank.communicate(timeout=600)[0] for rank in ranks]
    if any(rank.returncode for rank in ranks):
        raise RuntimeError(f"the ranks of {' '.join(command)} ended with {[rank.returncode for rank in ranks]}")
    return outputs[0]


def rounds(count: int) -> dict[str, list[dict[str, float]]]:
    """The measurements of each side, one after the other in turn."""
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for number in range(count):
        for side in SIDES:
            print(f"round {number + 1} of {count}: {side}", file=sys.stderr)
            found[side].append(measured(side))
    return found


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """A line a measurement: medians of both sides, and the median of the rounds' ratios."""
    rows: list[tuple[str, ...]] = [("measurement", "wengert", "PyTorch", "ratio", "target", "")]
    for name in found["torch"][0]:
        if name not in found["wengert"][0]:  # compiled, where the other side cannot
            continue
        ours, theirs = ([each[name] for each in found[side]] for side in SIDES)
        ratio = median(o / t for o, t in zip(ours, theirs, strict=True))
        target = TARGETS.get(name, 1.0)
        rows.append((name, duration(median(ours)), duration(median(theirs)), f"{ratio:.2f}", f"≤ {target:g}",
                     "reached" if ratio <= target else "missed"))
    return lined_up(rows)


def hidden() -> str:
    """How much of the communication a step hides behind its backward; see `hiding`."""
    ranks = started([sys.executable, "-m", "benchmarks.hiding", "--json"])
    return hiding.table(json.loads(ranks))


def run(count: int | None = None, write: bool = False) -> Sequence[Any]:
    """Measures both sides and prints the tables; with ``write`` they go into `RESULTS.md` too."""
    rounds_of_each = ROUNDS if count is None else count
    found = rounds(rounds_of_each)
    text = (f"Two ranks with one thread each, medians of {rounds_of_each} rounds in which the sides take turns; "
            "`ratio` is\nthe median of the rounds' ratios.\n\n"
            f"{table(found)}\n\nHow much of the communication goes on behind backward (`benchmarks/hiding.py`):\n\n"
            f"{hidden()}\n")
    print(text)
    if write:
        report.put("distributed", f"`python -m benchmarks distributed --write`, {date.today():%Y-%m-%d}.\n"
                   f"{report.machine()}.\n\n{text}")
    return [found]
