"""The first call of a workload in a fresh process: `python -m benchmarks.first_call SUITE SIDE NUMBER`, as JSON.

It says how long the first call takes, the library imported and the model made; how high the memory of the process has
risen after some more; and of a step that wengert has compiled the arithmetic and the bytes that no program could save.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from math import prod
from time import perf_counter
from typing import Any, NamedTuple

from benchmarks.comparison import environment
from benchmarks.memory import resident
from benchmarks.sides import BY_NAME, TORCH, WENGERT_COMPILE, Side
from benchmarks.workloads import workloads_of

STEPS = 3


class First(NamedTuple):
    """What fresh processes found out about a workload: seconds of the first call with an empty cache and with what that
    left there, the peaks of memory, compiled and of PyTorch, the least time for the arithmetic and the bytes, and the
    sorts of steps that take most of the time."""

    cold: float
    warm: float
    peak: int
    peak_of_torch: int
    floor: float
    goes: str


def first_calls(suite: str, number: int) -> First:
    """Runs the processes for one workload."""
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = (measured(suite, WENGERT_COMPILE, number, folder) for _ in range(2))
    torch = measured(suite, TORCH, number, "")
    return First(cold["first"], warm["first"], warm["peak"], torch["peak"], cold["floor"], cold["goes"])


def measured(suite: str, side: Side, number: int, cache: str) -> Any:
    """What `main` prints, in a process whose kernels are kept in ``cache``."""
    command = [sys.executable, "-m", "benchmarks.first_call", suite, side.name, str(number)]
    given = {**environment(), "WENGERT_CACHE_DIR": cache}
    done = subprocess.run(command, capture_output=True, text=True, env=given)
    if done.returncode:
        raise RuntimeError(f"[benchmarks] expected figures of `{' '.join(command[1:])}`; came exit status "
                           f"{done.returncode}; it said:\n{done.stderr}")
    return json.loads(done.stdout)


def floor(step: Any) -> float:
    """The least seconds for what a compiled step computes: its operations in float32, those of its graph or of what
    has been made of that, if these are fewer, at the rate of independent multiply-adds; or what it is given, keeps and
    gives at the rate of a copy, whichever is more."""
    from wengert.ir.flops import operations
    from wengert.native.limits import limits

    graph = step.graph
    results = [effect.value for effect in graph.effects if effect.value is not None]
    values = [*graph.inputs, *graph.states, *results, *graph.outputs]
    moved = sum(prod(value.spec.shape) * value.spec.dtype.numpy.itemsize for value in values)
    asked, done = (sum(found) for found in ([operations(instr) or 0 for instr in graph.instrs],
                                            [kernel.flops or 0 for kernel in step.kernels]))
    return limits().seconds(min(asked, done), moved)


def goes_to(step: Any) -> str:
    """The three sorts of steps that take most of a compiled step's time, with their shares of it; "–" where all are too
    quick for the clock."""
    step.profile()
    spent = Counter[str]()
    for kernel in step.kernels:
        spent[sort_of(kernel.words)] += kernel.seconds
    total = sum(spent.values())
    if not total:
        return "–"
    return ", ".join([f"{sort} {seconds / total:.0%}" for sort, seconds in spent.most_common(3)])


def sort_of(words: str) -> str:
    """What sort of step it is that `StepInfo.words` tell of."""
    if words.startswith("numpy: "):
        return " ".join(words.split()[:2]).replace(":", "'s")
    if words.startswith("pass over"):
        return "passes"
    return "products" if "product" in words else words.split(":")[0].strip()


def main() -> None:
    suite, name, number = sys.argv[1:]
    side = BY_NAME[name]
    answers, sys.stdout = sys.stdout, sys.stderr
    step = side.call(workloads_of(suite)[int(number)])
    begin = perf_counter()
    step()
    first = perf_counter() - begin
    for _ in range(STEPS - 1):
        step()
    found: dict[str, Any] = {"first": first, "peak": resident("VmHWM") if os.path.exists("/proc/self/status") else 0}
    if side is WENGERT_COMPILE:
        found["floor"], found["goes"] = floor(step), goes_to(step)
    print(json.dumps(found), file=answers)


if __name__ == "__main__":
    main()
