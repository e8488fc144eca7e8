"""``python -m tests.fuzz [TARGET ...] [--count N] [--seed S] [--seconds T]``: see the package."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from functools import partial

from .processes import Report, run_apart
from .registry import targets


def main(arguments: list[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m tests.fuzz", description="Throws hostile cases at targets.")
    parser.add_argument("target", nargs="*", help="names of targets, or parts of them; 'all' for all")
    parser.add_argument("--count", type=int, default=1000, help="how many cases of each")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first case")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long each may take (600)")
    options = parser.parse_args(arguments)
    names = list(targets())
    if not options.target:
        print("targets:", *names, sep="\n  ")
        return 0
    chosen = [name for name in names if any(part == "all" or part in name for part in options.target)]
    if not chosen:
        parser.error(f"one of {', '.join(names)} was expected; got {', '.join(options.target)}")
    failed = False
    for name in chosen:
        missing = targets()[name]().missing
        if missing:
            print(f"{name}: left out: {missing}", flush=True)
            continue
        print(f"{name}: {options.count:,} cases from {options.seed} on, in {options.seconds:g} s at most", flush=True)
        report = run_apart(name, options.seed, options.count, options.seconds, partial(_tell, name))
        _tell(name, report)
        if report.done < options.count:
            print(f"{name}: ended before the last; go on with --seed {options.seed + report.done}", flush=True)
        failed |= bool(report.faults)
    return int(failed)


def _tell(name: str, report: Report) -> None:
    """Prints what has come of the cases so far, and those faults that have not been printed."""
    for seed, fault in report.faults[report.told:]:
        print(f"  FAULT at --seed {seed}: {fault}", flush=True)
    report.told = len(report.faults)
    results = ", ".join(f"{count:,} {word}" for word, count in report.results.most_common())
    print(f"{name}: {report.done:,} cases: {results}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
