"""`python -m tools.conformance`: walks PyTorch's operator database with wengert and prints the table."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.conformance", description=__doc__)
    parser.add_argument(
        "--only", default="*", metavar="PATTERNS", help="entries, as in 'linalg.*,nn.functional.conv?d'"
    )
    parser.add_argument("--columns", default="", metavar="NAMES", help="columns or groups of them; all if not given")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--write", action="store_true", help="put the table into docs/conformance.md")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="keep entry -> column -> message (null where it holds)"
    )
    parser.add_argument("--quiet", action="store_true", help="print the table alone")
    options = parser.parse_args()
    for package in ("torch", "expecttest"):
        if find_spec(package) is None:
            parser.error("the other side of the comparison is missing: pip install torch==2.13.0 expecttest")

    from .columns import COLUMNS, GROUPS
    from .database import entries
    from .pool import walk
    from .report import PAGE, page, table

    names = [name.strip() for name in options.columns.split(",") if name.strip()] or list(COLUMNS)
    columns = [column for name in names for column in GROUPS.get(name, [name])]
    if unknown := [column for column in columns if column not in COLUMNS]:
        parser.error(f"argument --columns: expected among {', '.join((*GROUPS, *COLUMNS))}; got {', '.join(unknown)}")
    patterns = options.only.split(",")
    picked = {
        name: entry for name, entry in entries().items() if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
    }
    if not picked:
        parser.error(f"argument --only: expected patterns of names of entries; got {options.only!r}, which fits none")
    if options.write and (patterns != ["*"] or len(columns) < len(COLUMNS)):
        parser.error("argument --write: expected a whole walk; got --only or --columns")
    rows = {}
    for name, row in walk(picked, columns, options.processes):
        rows[name] = row
        if not options.quiet:
            for column, message in row.items():
                if message is not None:
                    print(f"{name} / {column}: {message}", flush=True)
        if len(rows) % 50 == 0:
            print(f"{len(rows)} of {len(picked)}", file=sys.stderr, flush=True)
    rows = {name: rows[name] for name in picked}
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    if options.write:
        PAGE.write_text(page(rows, ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
