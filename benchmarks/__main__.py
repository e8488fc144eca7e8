"""`python -m benchmarks SUITE [WORKLOAD...]`: run a suite, or some of it, on all sides and print the table."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from benchmarks import distributed, report
from benchmarks.comparison import Result, compare
from benchmarks.first_call import first_calls
from benchmarks.sides import ALL, EAGER, Side
from benchmarks.workloads import Workload, workloads_of

# The load average from which on two threads no longer have two cores to themselves.
BUSY = 0.5
OTHERS = 4
"""Busy processes beside the workloads, where that is wanted: twice the two threads of a step."""
SUITES = {"eager": EAGER, "compiled": ALL, "func": ALL}
ROUNDS = {"eager": 31, "compiled": 9, "func": 9}


def main() -> int:
    options = parsed()
    if options.suite == "distributed":
        distributed.run(options.rounds, options.write)
        return 0
    if (load := os.getloadavg()[0]) > BUSY:
        print(f"a load of {load:.1f}: other programs are running, and the figures will be noisy", file=sys.stderr)
    sides = options.sides
    every = workloads_of(options.suite)
    chosen = [workload for workload in every if not options.workloads or workload.name in options.workloads]
    results, began = [], monotonic()
    for result in compare(options.suite, chosen, sides, options.rounds):
        results.append(result)
        print(f"{len(results)} of {len(chosen)}: {result.workload.name} ({monotonic() - began:.0f} s)", file=sys.stderr)
    if options.busy:
        return beside_others(options, chosen, results)
    more = about_compiled(results) if options.suite == "compiled" else ""
    if options.suite == "func":
        more = f"\nAs it is, without `wengert.compile`:\n\n{report.eager_table(results)}\n"
    print(report.table(results))
    print(more)
    if options.write:
        report.write(options.suite, results, options.rounds, more)
    return 0


def beside_others(options: argparse.Namespace, chosen: Sequence[Workload], quiet: Sequence[Result]) -> int:
    """Measures the workloads again beside busy processes, and says how many times longer they took."""
    with others(OTHERS):
        busy = [*compare(options.suite, chosen, options.sides, options.rounds)]
    table = report.busy_table(quiet, busy)
    print(table)
    if options.write:
        report.put(f"{options.suite}, beside busy processes", report.busy_section(options.suite, table, options.rounds,
                                                                                  OTHERS))
    return 0


@contextmanager
def others(count: int) -> Iterator[None]:
    """So many processes that do nothing but be busy."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def parsed() -> argparse.Namespace:
    """The options; those that make no sense end the program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="wengert beside its peers, as a table")
    parser.add_argument("suite", choices=sorted([*SUITES, "distributed"]))
    parser.add_argument("workloads", nargs="*", help="names of workloads; all of them where there are none")
    parser.add_argument("--rounds", type=int, metavar="N", help="measurements of each workload and side")
    parser.add_argument("--without", action="append", default=[], choices=[side.name for side in ALL], metavar="SIDE",
                        help="leave a side out, such as torch.compile, which takes long to compile")
    parser.add_argument("--busy", action="store_true", help=f"measure alone, and then beside {OTHERS} busy processes")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    options = parser.parse_args()
    if options.suite == "distributed":
        return options
    options.rounds = ROUNDS[options.suite] if options.rounds is None else options.rounds
    if options.rounds < 1:
        parser.error(f"argument --rounds: expected 1 or more; got {options.rounds}")
    names = [workload.name for workload in workloads_of(options.suite)]
    if unknown := [name for name in options.workloads if name not in names]:
        parser.error(f"expected workloads among {', '.join(names)}; got {', '.join(unknown)}")
    if options.write and options.workloads:
        parser.error("--write wants the whole suite; leave the names out")
    options.sides = there(SUITES[options.suite], options.without)
    if not any(side.library != "wengert" for side in options.sides):
        parser.error("the other side of the comparison is missing: pip install torch==2.13.0")
    return options


def there(sides: Sequence[Side], without: Sequence[str]) -> list[Side]:
    """The sides that this machine has, and that are wanted; of the others the reason is told."""
    for side in sides:
        if (reason := side.missing()) is not None:
            print(f"{side.title} is not available: {reason}", file=sys.stderr)
    return [side for side in sides if side.missing() is None and side.name not in without]


def about_compiled(results: Sequence[Result]) -> str:
    """What else there is to say about compiled steps: chart, first calls, and what could not be run."""
    every = workloads_of("compiled")
    ran = [result for result in results if result.ours in result.seconds]
    firsts = [first_calls("compiled", every.index(result.workload)) for result in ran]
    absent = [f"{side.title} is not available: {reason}" for side in ALL if (reason := side.missing()) is not None]
    notes = [*absent, *report.failures(results)]
    return "\n".join([
        f"\nThe geometric mean of the ratios is {report.geometric_mean(ran):.2f}.\n",
        "```text", report.chart(ran), "```\n",
        "First calls in fresh processes, with an empty cache of kernels and with what that has left; `floor` is the",
        "least time for the arithmetic (at the rate of independent multiply-adds) and for what is read, kept and given",
        "(at the rate of a copy).\n", report.first_table(ran, firsts), "",
        *[f"- {note}" for note in notes], ""])


if __name__ == "__main__":
    sys.exit(main())
