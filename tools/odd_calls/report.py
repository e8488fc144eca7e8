"""What was found as the table of `docs/odd_calls.md`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from .different import DIFFERENT
from .walk import Found

PAGE = Path(__file__).parents[2] / "docs" / "odd_calls.md"
# The columns of the table, by the beginnings of the kinds that they count.
COLUMNS = {"error of another class": ("class", "backward: class"), "taken, where PyTorch raises": ("taken",
           "backward: taken"), "refused, where PyTorch does not": ("refused", "backward: refused"),
           "value, dtype or shape": ("values", "dtype", "shape", "another thing", "not comparable"),
           "gradient": ("gradient", "requires_grad"), "strides": ("strides",)}
HEAD = f"| group | calls | alike, % | different on purpose | {' | '.join(COLUMNS)} |"


def row(group: str, found: Found) -> str:
    counts = [sum(line[4].startswith(kinds) for line in found.differing) for kinds in COLUMNS.values()]
    alike = 100 * (1 - len(found.differing) / max(found.calls, 1))
    return f"| {group} | {found.calls} | {alike:.1f} | {found.on_purpose} | {' | '.join(map(str, counts))} |"


def kinds(found: Found) -> str:
    """The kinds of a group, most frequent first."""
    counted = Counter(line[4] for line in found.differing).most_common()
    return "\n".join([*(f"{count:5d} {kind}" for kind, count in counted), *(f" died {text}" for text in found.died)])


def page(rows: dict[str, str]) -> str:
    """The page with these rows in the place of those of the same groups, and what it has of others."""
    before = PAGE.read_text().splitlines() if PAGE.exists() else []
    kept = {line.split("|")[1].strip(): line for line in before if line.startswith("| ") and line != HEAD}
    table = "\n".join([HEAD, "| --- " + "| ---: " * (HEAD.count("|") - 2) + "|",
                       *(line for group, line in sorted({**kept, **rows}.items()) if group != "---")])
    names: dict[str, list[str]] = {}
    for each in DIFFERENT:
        if each.name not in names.setdefault(each.why, []):
            names[each.why].append(each.name)
    meant = "\n".join(f"- {', '.join(f'`{name}`' for name in named)}: {why}" for why, named in names.items())
    return f"""\
# Odd arguments

`python -m tools.odd_calls` takes right calls of each group, makes one argument after another odd (of another dtype,
size or type, NaN, an infinity, strided memory, ...), runs PyTorch on the same arguments, and compares: the class of an
error, values, dtypes, shapes, strides, gradients. `--write` puts what it finds into this table.

{table}

## Different on purpose

{meant}
"""
