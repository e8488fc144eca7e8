"""Runs a program under wengert and under PyTorch and looks for the first printed number that differs; where it is asked
for, the graphs of both are laid beside each other too."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LISTED = 20
"""So many lines about graphs are printed; the file has all."""

# Numbers that stand alone: not the 2 of conv2d, and not the parts of a version.
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf)(?![\w]|\.\d)")


@dataclass(frozen=True)
class Printed:
    """A number that a program printed, and the line it stands in."""

    text: str
    line: str
    line_number: int

    @property
    def value(self) -> float:
        return float(self.text)


def numbers_in(text: str) -> Iterator[Printed]:
    """The numbers printed, in order."""
    for line_number, line in enumerate(text.splitlines(), 1):
        for match in NUMBER.finditer(line):
            yield Printed(match.group(), line, line_number)


@dataclass(frozen=True)
class Comparison:
    """How many numbers agreed, and the first pair that did not (None where one printed fewer)."""

    agreed: int
    differing: tuple[Printed | None, Printed | None] | None


def compare_numbers(ours: str, theirs: str, rtol: float, atol: float) -> Comparison:
    """Compares two outputs number by number: equal up to ``atol`` + ``rtol`` · |theirs|, not a number included."""
    mine, its = list(numbers_in(ours)), list(numbers_in(theirs))
    for position in range(max(len(mine), len(its))):
        pair = (mine[position] if position < len(mine) else None, its[position] if position < len(its) else None)
        if pair[0] is None or pair[1] is None or not _close(pair[0].value, pair[1].value, rtol, atol):
            return Comparison(position, pair)
    return Comparison(len(mine), None)


def _close(ours: float, theirs: float, rtol: float, atol: float) -> bool:
    if math.isnan(theirs) or math.isinf(theirs):
        return ours == theirs or (math.isnan(ours) and math.isnan(theirs))
    return abs(ours - theirs) <= atol + rtol * abs(theirs)


def compare(program: list[str], arguments: list[str], rtol: float, atol: float, out: Path | None = None) -> int:
    """Runs the program, a path or ``-m`` and a name, under both and prints what came of it; into ``out`` go the two
    graphs behind its first ``backward()``. Returns 0 if there are printed numbers, all agree, and both end well;
    else 1."""
    if out is None:
        ours = _run([sys.executable, "-P", "-m", "wengert.cli", "run", *program, *arguments])
        theirs = _run([sys.executable, *program, *arguments])
        return _say(program[-1], ours, theirs, rtol, atol)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "wengert.json"), Path(folder, "torch.json")
        ours, theirs = (_run([sys.executable, "-P", "-m", "wengert.compat.tapes", file.stem, str(file), *program,
                              *arguments]) for file in files)
        code = _say(program[-1], ours, theirs, rtol, atol)
        _draw(program[-1], files, rtol, atol, out)
    return code


def _draw(path: str, files: tuple[Path, Path], rtol: float, atol: float, out: Path) -> None:
    """Says what differs between the graphs in the two files, and draws them."""
    missing = [name for name, file in zip(("wengert", "PyTorch"), files, strict=True) if not file.exists()]
    if missing:
        print(f"no graphs to compare: {path} never came through a backward() under {' and '.join(missing)}")
        return
    from ..view import Graph
    from .tapes import compared

    ours, theirs = (Graph.from_json(file.read_text(encoding="utf-8")) for file in files)
    found = compared(ours, theirs, rtol, atol)
    found.save(out)
    lines = found.text().splitlines()
    lines[LISTED:] = [f"  … and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    print("the graphs behind the first backward(): " + "\n".join([*lines, f"{out} shows both"]))


def _say(path: str, ours: subprocess.CompletedProcess[str], theirs: subprocess.CompletedProcess[str], rtol: float,
         atol: float) -> int:
    """Prints what came of the two runs, and gives the exit code."""
    for name, done in (("wengert", ours), ("PyTorch", theirs)):
        if done.returncode != 0:
            print(f"under {name} {path} ended with the code {done.returncode}:\n{done.stderr}", end="", file=sys.stderr)
    result = compare_numbers(ours.stdout, theirs.stdout, rtol, atol)
    count = f"{result.agreed} printed numbers agree"
    if result.differing is not None:
        print(f"{count}, the next one differs:")
        for name, printed in zip(("wengert", "PyTorch"), result.differing, strict=True):
            if printed is None:
                print(f"  {name}: no further number")
            else:
                print(f"  {name}: {printed.text}   in line {printed.line_number}: {printed.line}")
    elif ours.returncode != theirs.returncode:
        print(f"{count}, but the exit codes are {ours.returncode} and {theirs.returncode}")
    elif ours.returncode != 0:
        print(f"{count}, but {path} fails under both")
    elif not result.agreed:
        print(f"nothing to compare: {path} prints no number")
    else:
        print(f"all {count} (rtol {rtol:g}, atol {atol:g})")
        return 0
    return 1


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; this wengert is found from any folder."""
    root = str(Path(__file__).resolve().parents[2])
    search = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), root]))
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": search})
