"""The walk's results as the table of `docs/conformance.md`."""

from __future__ import annotations

from pathlib import Path

from .columns import COLUMNS, TITLES
from .database import FAULTS, LEFT_OUT, ROUGH
from .pool import Row
from .samples import MOST_SAMPLES

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def figures(rows: dict[str, Row]) -> list[tuple[str, int, int]]:
    """Of each column how many entries hold, and to how many it applies."""
    found = []
    for column in COLUMNS:
        marks = [row[column] for row in rows.values() if column in row]
        if marks:
            found.append((column, marks.count(None), len(marks)))
    return found


def whole(rows: dict[str, Row]) -> int:
    return sum(all(message is None for message in row.values()) for row in rows.values())


def table(rows: dict[str, Row]) -> str:
    lines = ["| column | holds | applies | % |", "| --- | ---: | ---: | ---: |"]
    for column, held, count in figures(rows):
        lines.append(f"| {TITLES[column]} | {held} | {count} | {100 * held / count:.1f} |")
    good = whole(rows)
    lines.append(f"| **entries that hold in every column** | {good} | {len(rows)} | {100 * good / len(rows):.1f} |")
    return "\n".join(lines)


def failures(rows: dict[str, Row], width: int = 160) -> str:
    lines = []
    for name, row in sorted(rows.items()):
        broken = {column: message for column, message in row.items() if message is not None}
        if broken:
            lines.append(f"- `{name}`: " + ", ".join(broken))
            first = " ".join(next(iter(broken.values())).split(" -- ")[0].split())
            lines.append(f"  `{first[:width].replace('`', chr(39))}`")
    return "\n".join(lines) or "Nothing."


def page(rows: dict[str, Row], before: str) -> str:
    reasons = "\n".join(f"- `{name}{'*' if name[-1] == '.' else ''}`: {why}" for name, why in LEFT_OUT.items())
    rough = ", ".join(f"`{name}`" for name in ROUGH)
    faults = "\n".join(f"- `{name}`, {TITLES[column]}: {why}" for (name, column), why in FAULTS.items())
    return f"""\
# wengert beside PyTorch's operator database

PyTorch tests itself with a database of its operators, each with inputs, wrong inputs, and what it supports. This page
is what `python -m tools.conformance --write` found when it walked the database with wengert: of every column, to how
many entries it applies, and of how many it holds on all samples (at most {MOST_SAMPLES} an entry, evenly chosen).
PyTorch runs on the same input at the same moment; no answers are stored. `pip install torch==2.13.0 expecttest`
brings what the walk needs.

{table(rows)}

{before}## What does not hold

By entry: the columns, and the first message.

{failures(rows)}

## Left out on purpose

{reasons}

Of single entries, where PyTorch's own answer is wrong or an accident:

{faults}

Of these PyTorch has five to nine digits right, and they are compared to so many: {rough}.
"""
