"""``python -m tests.fuzz [TARGET ...] [--count N] [--seed S]``: see the package."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

from .processes import run_apart
from .registry import targets


def main(arguments: list[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m tests.fuzz", description="Throws hostile cases at targets.")
    parser.add_argument("target", nargs="*", help="names of targets, or parts of them; 'all' for all")
    parser.add_argument("--count", type=int, default=1000, help="how many cases of each")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first case")
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
        report = run_apart(name, options.seed, options.count)
        failed |= bool(report.faults)
        results = ", ".join(f"{count:,} {word}" for word, count in report.results.most_common())
        print(f"{name}: {sum(report.results.values()) + len(report.faults):,} cases: {results}", flush=True)
        for seed, fault in report.faults:
            print(f"  FAULT at --seed {seed}: {fault}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
