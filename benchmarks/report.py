"""Results as a table, on the terminal and in `RESULTS.md`."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.comparison import Result
from benchmarks.worker import THREADS

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADER = ("workload", "wengert", "PyTorch", "ratio", "lowest–highest", "target", "")
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def table(results: Sequence[Result]) -> str:
    """A Markdown table whose columns also line up as plain text."""
    rows = [HEADER, *(row(result) for result in results)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEADER))]
    rows.insert(1, tuple("-" * (width - 1) + ("-" if column == 0 else ":") for column, width in enumerate(widths)))
    return "\n".join(f"| {' | '.join(map(pad, range(len(HEADER)), cells, widths))} |" for cells in rows)


def pad(column: int, cell: str, width: int) -> str:
    """A cell as wide as its column: names to the left, figures to the right."""
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def row(result: Result) -> tuple[str, ...]:
    """One workload's line: medians, the median ratio and its range, and whether the target is reached."""
    ours, theirs = result.medians
    ratios = result.ratios
    target = f"{result.workload.target:g}" + (" s" if result.workload.build is None else "")
    return (
        result.workload.name,
        duration(ours),
        duration(theirs),
        f"{median(ratios):.2f}",
        f"{ratios[0]:.2f}–{ratios[-1]:.2f}",
        f"≤ {target}",
        "reached" if result.reached else "missed",
    )


def duration(seconds: float) -> str:
    """Three digits and the unit that suits them."""
    scale, unit = next((pair for pair in UNITS if seconds >= pair[0]), UNITS[-1])
    value = seconds / scale
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def machine() -> str:
    """The processor, memory, system and library versions that the figures belong to."""
    cpu = re.search(r"^model name\s*: (.*)$", read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", read("/proc/meminfo"), re.MULTILINE)
    parts = [
        cpu[1] if cpu else platform.processor() or platform.machine(),
        f"{os.cpu_count()} cores",
        *([f"{int(memory[1]) / 2**20:.0f} GiB"] if memory else []),
        f"{platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}",
        *(f"{name} {version(package)}" for name, package in (("NumPy", "numpy"), ("PyTorch", "torch"))),
    ]
    return ", ".join(parts)


def read(path: str) -> str:
    """The text of a file that only some systems have, or nothing."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def section(suite: str, results: Sequence[Result], rounds: int) -> str:
    """The part of `RESULTS.md` that belongs to a suite."""
    return (
        f"## {suite}\n\n`python -m benchmarks {suite} --write`, {date.today():%Y-%m-%d}, {THREADS} threads.\n"
        f"{machine()}.\n\n"
        f"Medians of {rounds} rounds in which the two libraries take turns, each in a process of its own;\n"
        "`ratio` is the median of wengert's time over PyTorch's, round by round.\n\n"
        f"{table(results)}\n"
    )


def write(suite: str, results: Sequence[Result], rounds: int) -> None:
    """Put the suite's section into `RESULTS.md`, in place of an older one."""
    title, *sections = re.split(r"(?m)^(?=## )", RESULTS.read_text(encoding="utf-8"))
    kept = [text for text in sections if not text.startswith(f"## {suite}\n")]
    RESULTS.write_text(title + "\n".join([section(suite, results, rounds), *kept]), encoding="utf-8")
