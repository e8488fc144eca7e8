"""What recording a step costs beside running it: `python -m benchmarks.recording [WORKLOAD...]`.

Both in a processor's time on one thread, the least of many, taken in turns: what a busy machine adds stays out. The
first recording of a process costs more, as modules are loaded and Python has seen none of the code.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from time import process_time
from types import ModuleType
from typing import Any

from benchmarks.workloads import Build, workloads_of

ROUNDS, EAGER = 15, 4
"""How often a step is recorded, and run after each of these."""
COUNTS, OPTIMIZERS = (3, 10, 30), ("SGD", "Adam", "AdamW")
"""Of the small models: how many parameters they have, and what moves these."""


def small(count: int, optimizer: str) -> Build:
    """Layers of eight by eight, which compute next to nothing: the fixed cost of everything."""

    def build(torch: ModuleType) -> Callable[[], Any]:
        nn = torch.nn
        torch.manual_seed(0)
        layers = [nn.Linear(8, 8) for _ in range(count // 2)] + [nn.Linear(8, 8, bias=False)] * (count % 2)
        model = nn.Sequential(*[each for layer in layers for each in (layer, nn.ReLU())])
        x, y = torch.randn(4, 8), torch.randn(4, 8)
        moves = getattr(torch.optim, optimizer)(model.parameters(), lr=0.01)

        def step() -> Any:
            moves.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            moves.step()
            return loss

        return step

    return build


def seconds(call: Callable[[], Any]) -> float:
    """A processor's time for a call."""
    begin = process_time()
    call()
    return process_time() - begin


def row(name: str, build: Build) -> str:
    """What is measured of a workload, as a row of the table."""
    import wengert as torch

    step = build(torch)
    step()
    recorded, eager, program = [], [], torch.capture(step).record()
    for _ in range(ROUNDS):
        gc.collect()  # what the recording before has left is not this one's to clear up
        recorded.append(seconds(torch.capture(step).record))
        eager += [seconds(step) for _ in range(EAGER)]
    whole, once, count = min(recorded), min(eager), len(program.graph.instrs)
    return (f"| {name} | {whole * 1e3:.1f} | {once * 1e3:.2f} | {whole / once:.1f} | {count} | "
            f"{whole / count * 1e6:.0f} |")


def main() -> None:
    import wengert as torch

    torch.set_num_threads(1)
    builds = {workload.name: workload.build for workload in workloads_of("compiled") if workload.build is not None}
    builds |= {f"{count} of 8×8, {kind}": small(count, kind) for count in COUNTS for kind in OPTIMIZERS}
    print("| workload | recording, ms | eager step, ms | ratio | instructions | µs each |\n|---|---|---|---|---|---|")
    for name in sys.argv[1:] or builds:
        print(row(name, builds[name]), flush=True)


if __name__ == "__main__":
    main()
