"""`python -m benchmarks SUITE`: run a suite on wengert and PyTorch and print the table."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec

from benchmarks.comparison import compare
from benchmarks.eager import WORKLOADS
from benchmarks.report import table, write

# The load average from which on two threads no longer have two cores to themselves.
BUSY = 0.5
SUITES = {"eager": WORKLOADS}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="wengert beside PyTorch, as a table")
    parser.add_argument("suite", choices=sorted(SUITES))
    parser.add_argument("--rounds", type=int, default=31, metavar="N", help="measurements of each workload and library")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"argument --rounds: expected 1 or more; got {options.rounds}")
    if find_spec("torch") is None:
        parser.error("the other side of the comparison is missing: pip install torch==2.13.0")
    if (load := os.getloadavg()[0]) > BUSY:
        print(f"a load of {load:.1f}: other programs are running, and the figures will be noisy", file=sys.stderr)
    results = []
    for result in compare(SUITES[options.suite], options.rounds):
        results.append(result)
        print(f"{len(results)} of {len(SUITES[options.suite])}: {result.workload.name}", file=sys.stderr)
    print(table(results))
    if options.write:
        write(options.suite, results, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
