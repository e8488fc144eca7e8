"""Results as a table, on the terminal and in `RESULTS.md`."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from math import exp, log
from pathlib import Path
from statistics import fmean, median

from benchmarks.comparison import Result
from benchmarks.first_call import First
from benchmarks.sides import ALL, JAX, THREADS, TORCH, WENGERT, Side

RESULTS = Path(__file__).with_name("RESULTS.md")
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
BAR = 40
"""Characters for a ratio of 1 in the chart."""


def table(results: Sequence[Result]) -> str:
    """Each workload's medians, the median ratio to the best peer and its range, and whether the target is reached."""
    sides = sides_of(results)
    header = ("workload", *[side.title for side in sides], "ratio", "lowest–highest", "target", "")
    return lined_up([header, *(row(result, sides) for result in results)])


def lined_up(rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table, the head first, whose columns also line up as plain text."""
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    line = tuple("-" * (width - 1) + ("-" if column == 0 else ":") for column, width in enumerate(widths))
    return "\n".join(f"| {' | '.join(map(pad, range(len(cells)), cells, widths))} |"
                     for cells in (rows[0], line, *rows[1:]))


def pad(column: int, cell: str, width: int) -> str:
    """A cell as wide as its column: names to the left, figures to the right."""
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def sides_of(results: Sequence[Result]) -> list[Side]:
    """The sides that ran a workload, in their order."""
    return [side for side in ALL if any(side in result.seconds for result in results)]


def row(result: Result, sides: Sequence[Side]) -> tuple[str, ...]:
    """One workload's line."""
    medians = [duration(result.median(side)) if side in result.seconds else "–" for side in sides]
    target = f"≤ {result.workload.target:g}" + (" s" if result.workload.build is None else "")
    if result.ours not in result.seconds:
        return result.workload.name, *medians, "–", "–", target, "failed"
    ratios = result.ratios
    return (
        result.workload.name,
        *medians,
        f"{median(ratios):.2f}",
        f"{ratios[0]:.2f}–{ratios[-1]:.2f}",
        target,
        "reached" if result.reached else "missed",
    )


EAGER_TO_TORCH, EAGER_TO_JAX = 0.8, 3.0
"""What eager transformations are to take of PyTorch's eager time, and of jax's compiled one."""


def eager_table(results: Sequence[Result]) -> str:
    """Eager wengert beside eager PyTorch and compiled jax: the medians of the ratios, round by round."""
    rows: list[tuple[str, ...]] = [("workload", "eager to PyTorch", f"≤ {EAGER_TO_TORCH:g}", "eager to jax.jit",
                                    f"≤ {EAGER_TO_JAX:g}")]
    for result in results:
        cells = [result.workload.name]
        for side, target in ((TORCH, EAGER_TO_TORCH), (JAX, EAGER_TO_JAX)):
            if WENGERT not in result.seconds or side not in result.seconds:
                cells += ["–", "–"]
                continue
            pairs = zip(result.seconds[WENGERT], result.seconds[side], strict=True)
            ratio = median(ours / theirs for ours, theirs in pairs)
            cells += [f"{ratio:.2f}", "reached" if ratio <= target else "missed"]
        rows.append(tuple(cells))
    return lined_up(rows)


def first_table(results: Sequence[Result], firsts: Sequence[First]) -> str:
    """First calls, memory and floors of compiled steps."""
    header = ("workload", "first call", "in a second process", "peak memory", "PyTorch's", "floor", "of a step",
              "what it goes to")
    rows = []
    for result, first in zip(results, firsts, strict=True):
        memory = [f"{size / 2**20:.0f} MB" if size else "–" for size in (first.peak, first.peak_of_torch)]
        share = first.floor / result.median(result.ours)
        rows.append((result.workload.name, duration(first.cold), duration(first.warm), *memory, duration(first.floor),
                     f"{share:.0%}", first.goes))
    return lined_up([header, *rows])


def busy_table(quiet: Sequence[Result], busy: Sequence[Result]) -> str:
    """How many times longer a step took beside busy processes: each side's median, over that when nothing else ran."""
    sides = sides_of(quiet)
    rows = [("workload", *[side.title for side in sides])]
    for alone, beside in zip(quiet, busy, strict=True):
        both = [side for side in sides if side in alone.seconds and side in beside.seconds]
        times = {side: f"{beside.median(side) / alone.median(side):.1f}×" for side in both}
        rows.append((alone.workload.name, *[times.get(side, "–") for side in sides]))
    return lined_up(rows)


def busy_section(suite: str, table: str, rounds: int, others: int) -> str:
    """The text round `busy_table`."""
    return (f"`python -m benchmarks {suite} --busy --write`, {date.today():%Y-%m-%d}, {THREADS} threads.\n"
            f"{machine()}.\n\nHow many times longer a step takes beside {others} processes that are always busy, by\n"
            f"the medians of {rounds} rounds each.\n\n{table}\n")


def chart(results: Sequence[Result]) -> str:
    """A bar a workload: its ratio to the best peer, and where that would be 1."""
    width = max(len(result.workload.name) for result in results)
    lines = [f"{'':{width}}  0{'1'.rjust(BAR - 1)}"]
    for result in results:
        ratio = median(result.ratios)
        drawn = "█" * max(1, round(min(ratio, 2) * BAR))
        lines.append(f"{result.workload.name:{width}}  {drawn} {ratio:.2f} of {result.best.title}")
    return "\n".join(lines)


def failures(results: Sequence[Result]) -> list[str]:
    """Which side could not run which workload, and why."""
    found: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for side, reason in result.failures.items():
            found.setdefault((side.title, reason), []).append(result.workload.name)
    return [f"{side}: {', '.join(names)}: {reason}" for (side, reason), names in found.items()]


def geometric_mean(results: Sequence[Result]) -> float:
    """The geometric mean of the workloads' median ratios."""
    return exp(fmean(log(median(result.ratios)) for result in results))


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
        *(f"{name} {found}" for name, package in (("NumPy", "numpy"), ("PyTorch", "torch"), ("jax", "jax"))
          if (found := installed(package))),
    ]
    return ", ".join(parts)


def installed(package: str) -> str:
    """The version of a package; nothing where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def read(path: str) -> str:
    """The text of a file that only some systems have, or nothing."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def section(suite: str, results: Sequence[Result], rounds: int, more: str = "") -> str:
    """The part of `RESULTS.md` that belongs to a suite; ``more`` follows its table."""
    return (
        f"## {suite}\n\n`python -m benchmarks {suite} --write`, {date.today():%Y-%m-%d}, {THREADS} threads.\n"
        f"{machine()}.\n\n"
        f"Medians of {rounds} rounds in which the sides take turns, each in a process of its own;\n"
        "`ratio` is the median of wengert's time over that of the best of the others, round by round.\n\n"
        f"{table(results)}\n{more}"
    )


def write(suite: str, results: Sequence[Result], rounds: int, more: str = "") -> None:
    """Put the suite's section into `RESULTS.md`, in place of an older one."""
    put(suite, section(suite, results, rounds, more).partition("\n\n")[2])


def put(name: str, text: str) -> None:
    """Put a section into `RESULTS.md`, in place of an older one of this name; an empty line is between sections."""
    title, *sections = re.split(r"(?m)^(?=## )", RESULTS.read_text(encoding="utf-8"))
    kept = [section for section in sections if not section.startswith(f"## {name}\n")]
    parts = [part.strip() for part in (title, f"## {name}\n\n{text}", *kept)]
    RESULTS.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
