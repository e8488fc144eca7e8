"""What watching costs: a training step of multilayer perceptrons, plain and under `autograd.watch`.

python -m benchmarks.watching
"""

from __future__ import annotations

import statistics
from contextlib import nullcontext
from time import perf_counter
from typing import Any

import wengert
from wengert import nn


def step_of(sizes: list[int], batch: int) -> Any:
    """A training step (forward, backward, SGD with momentum) of a perceptron on one batch."""
    layers: list[Any] = []
    for rows, columns in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(rows, columns), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = wengert.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x, y = wengert.randn(batch, sizes[0]), wengert.randint(0, sizes[-1], (batch,))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def milliseconds(step: Any, context: Any, rounds: int) -> float:
    """The time of one step in a context."""
    with context():
        start = perf_counter()
        for _ in range(rounds):
            step()
        return (perf_counter() - start) / rounds * 1000


def main() -> None:
    """Prints a table: the median of alternating runs."""
    print(f"{'layers':<20} {'batch':>5} {'plain ms':>9} {'watch ms':>9} {'ratio':>6}")
    for sizes, batch in (([4, 16, 3], 16), ([64, 128, 64, 10], 32), ([784, 256, 10], 64), ([784, 512, 512, 10], 128)):
        step = step_of(sizes, batch)
        rounds = 300 if sizes[0] < 500 else 30
        milliseconds(step, nullcontext, rounds)
        pairs = [
            (milliseconds(step, nullcontext, rounds), milliseconds(step, wengert.autograd.watch, rounds))
            for _ in range(7)
        ]
        plain, watched = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{'-'.join(map(str, sizes)):<20} {batch:>5} {plain:9.3f} {watched:9.3f} {watched / plain:6.2f}")


if __name__ == "__main__":
    main()
