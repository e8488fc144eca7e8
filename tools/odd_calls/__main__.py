"""`python -m tools.odd_calls [GROUP ...]`: makes odd calls of the groups, and prints what differs from PyTorch."""

from __future__ import annotations

import argparse
import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.odd_calls", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="all if none is given")
    parser.add_argument("--only", default="", metavar="EXPRESSION", help="cases in whose names it is found")
    parser.add_argument("--write", action="store_true", help="put the table's rows into docs/odd_calls.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep group -> what differs")
    parser.add_argument("--quiet", action="store_true", help="print the tables alone")
    options = parser.parse_args()
    if find_spec("torch") is None:
        parser.error("the other side of the comparison is missing: pip install torch==2.13.0")

    from .cases import cases, groups
    from .report import HEAD, PAGE, kinds, page, row
    from .walk import walk

    if unknown := set(options.groups) - set(groups()):
        parser.error(f"argument GROUP: expected among {', '.join(groups())}; got {', '.join(sorted(unknown))}")
    if options.write and options.only:
        parser.error("argument --write: expected whole groups; got --only")
    rows, kept = {}, {}
    for group in options.groups or groups():
        found = walk([case for case in cases(group) if re.search(options.only, case.name)])
        rows[group], kept[group] = row(group, found), found.differing
        if not options.quiet:
            for _, text, _, grad, kind, message in found.differing:
                print(f"{kind}: {text}{' (with gradients)' if grad else ''}: {message}")
        print(f"{group}\n{kinds(found)}", flush=True)
    print(HEAD, *rows.values(), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1))
    if options.write:
        PAGE.write_text(page(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
