"""What watching and recording cost: a training step alone, under `autograd.watch`, and recorded by `graph.record`.

python -m benchmarks.watching
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from time import process_time
from typing import Any

import wengert
from benchmarks import eager, networks
from wengert import nn

Step = Callable[[], Any]
Run = Callable[[Step, int], None]

ROUNDS = 25
ROUND = 0.02
"""So many rounds of so many seconds of the processor's time, in which the modes take turns; the best round of each
counts, as only the programs beside it can make one slower."""


def perceptron(sizes: list[int], batch: int) -> Step:
    """A training step (forward, backward, SGD with momentum) of a perceptron on one batch."""
    layers: list[Any] = []
    for rows, columns in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(rows, columns), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = wengert.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x, y = wengert.randn(batch, sizes[0]), wengert.randint(0, sizes[-1], (batch,))
    return networks.training_step(wengert, model, x, y, optimizer)


WORKLOADS: tuple[tuple[str, Step], ...] = (
    ("ADALINE, 10 examples", eager.adaline_step(wengert)),
    ("4-16-3, 16 examples", perceptron([4, 16, 3], 16)),
    ("64-128-64-10, 32 examples", perceptron([64, 128, 64, 10], 32)),
    ("784-128-64-10, 64 examples, Adam", networks.mlp(wengert)),
)


def throughout(context: Callable[[], Any]) -> Run:
    """Steps within one block."""

    def run(step: Step, count: int) -> None:
        with context():
            for _ in range(count):
                step()

    return run


def each(context: Callable[[], Any]) -> Run:
    """A block for each step."""

    def run(step: Step, count: int) -> None:
        for _ in range(count):
            with context():
                step()

    return run


MODES: tuple[tuple[str, float | None, Run], ...] = (
    ("plain", None, throughout(nullcontext)),
    ("watch", 1.5, throughout(wengert.autograd.watch)),
    ("record", 2.0, throughout(wengert.graph.record)),
    ("record each step", None, each(wengert.graph.record)),
)
"""A mode, the ratio to a plain step that it may cost, and how it runs."""


def seconds(step: Step) -> list[float]:
    """The time of one step in each mode."""
    start = process_time()
    for _ in range(10):
        step()
    count = max(2, round(ROUND * 10 / (process_time() - start)))
    best = [float("inf")] * len(MODES)
    for _ in range(ROUNDS):
        for place, (_, _, run) in enumerate(MODES):
            start = process_time()
            run(step, count)
            best[place] = min(best[place], (process_time() - start) / count)
    return best


def main() -> None:
    """Prints a table of ratios to the plain step; what is above its limit is marked."""
    heads = [name + (f" ≤ {limit}" if limit else "") for name, limit, _ in MODES[1:]]
    print(f"{'step':<34} {'plain':>9}  " + "  ".join(f"{head:>16}" for head in heads))
    for name, step in WORKLOADS:
        plain, *others = seconds(step)
        cells = []
        for (_, limit, _), other in zip(MODES[1:], others, strict=True):
            ratio = other / plain
            cells.append(f"{ratio:.2f}{' *' if limit is not None and ratio > limit else ''}")
        print(f"{name:<34} {plain * 1e6:6.0f} µs  " + "  ".join(f"{cell:>16}" for cell in cells))
    print("Each figure is the time of a step over that of a plain one; * is above its limit.")


if __name__ == "__main__":
    main()
