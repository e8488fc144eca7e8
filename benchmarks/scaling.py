"""``python -m benchmarks.scaling``: what many ranks would give, computed from measured times of one, and where buckets
should be cut.

A simulation, and no measurement: the time of a step alone and the overhead of a collective are measured here, latency
and bandwidth of the network are arguments. A ring of p ranks reduces n bytes in 2(p-1) messages of n/p bytes each;
recursive doubling in log2(p) exchanges of n bytes (Thakur, Rabenseifner & Gropp, 2005, section 4). Gradients come
evenly in the two thirds of a step that backward takes; buckets go one after another, each when it is full and the one
before is through.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from benchmarks.report import duration, lined_up

MEGABYTE = 1 << 20
RANKS = (8, 16, 32, 64, 128, 256, 512, 1024)
BUCKETS = tuple(MEGABYTE * size for size in (0.25, 0.5, 1, 2, 4, 8, 16, 25, 50, 100))
BACKWARD = 2 / 3
ALIKE = 0.002
"""Steps that differ by no more than this are as good."""


class Network(NamedTuple):
    """Seconds that a message takes beside its bytes, and bytes a second."""

    latency: float
    bandwidth: float


def ring(ranks: int, size: float, network: Network) -> float:
    """Seconds of an all-reduce in a ring."""
    return 2 * (ranks - 1) * (network.latency + size / ranks / network.bandwidth)


def doubling(ranks: int, size: float, network: Network) -> float:
    """Seconds of an all-reduce by recursive doubling."""
    return math.ceil(math.log2(ranks)) * (network.latency + size / network.bandwidth)


WAYS: dict[str, Callable[[int, float, Network], float]] = {"ring": ring, "doubling": doubling}


def step(seconds: float, gradients: float, bucket: float, overhead: float, reduce: Callable[[float], float]) -> float:
    """Seconds of a step: what a rank computes, with communication behind it as far as it goes. ``reduce(size)`` are the
    seconds of an all-reduce of so many bytes."""
    backward = seconds * BACKWARD
    free = 0.0
    sent = 0.0
    while sent < gradients:
        part = min(bucket, gradients - sent)
        sent += part
        full = seconds - backward + backward * sent / gradients
        free = max(free, full) + overhead + reduce(part)
    return max(seconds, free)


def best_bucket(seconds: float, gradients: float, overhead: float, reduce: Callable[[float], float]
                ) -> tuple[float, float]:
    """The size of buckets with the shortest step, and that step: of sizes that are as good, within ``ALIKE``, the
    largest, as it needs the fewest messages."""
    steps = {bucket: step(seconds, gradients, bucket, overhead, reduce) for bucket in BUCKETS}
    shortest = min(steps.values())
    bucket = max(bucket for bucket, each in steps.items() if each <= shortest * (1 + ALIKE))
    return bucket, steps[bucket]


def rows_of(seconds: float, gradients: float, networks: dict[str, Network], overhead: float) -> list[tuple[str, ...]]:
    """The table's lines: of each way the seconds of all gradients at once, the size of buckets, and what share of a
    step with them is no waiting; and that share with 25 MB, the faster way."""
    rows: list[tuple[str, ...]] = [("ranks", "network", "ring", "cut at", "efficiency", "doubling", "cut at",
                                    "efficiency", "at 25 MB")]
    for ranks in RANKS:
        for name, network in networks.items():
            cells, usual = [], []
            for way in WAYS.values():
                reduce = partial(_reduced, way, ranks, network)
                bucket, best = best_bucket(seconds, gradients, overhead, reduce)
                cells += [duration(reduce(gradients)), f"{min(bucket, gradients) / MEGABYTE:.3g} MB",
                          f"{seconds / best:.1%}"]
                usual.append(step(seconds, gradients, 25 * MEGABYTE, overhead, reduce))
            rows.append((str(ranks), name, *cells, f"{seconds / min(usual):.1%}"))
    return rows


def _reduced(way: Callable[[int, float, Network], float], ranks: int, network: Network, size: float) -> float:
    return way(ranks, size, network)


class Model(NamedTuple):
    """A model: seconds of a step of one rank alone, and megabytes of gradients."""

    name: str
    step: float
    gradients: float


MODELS = (Model("resnet20, 32 images", 0.137, 1.04), Model("25 million parameters", 1.0, 100.0))


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a table for each model, or for one that the options describe."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--step", type=float, help="seconds of one rank's step alone")
    parser.add_argument("--gradients", type=float, help="megabytes of gradients")
    parser.add_argument("--overhead", type=float, default=20e-6, help="seconds that a collective costs beside MPI")
    parser.add_argument("--latency", type=float, nargs=2, default=(20e-6, 5e-6), metavar="SECONDS",
                        help="of a message at 10 and at 100 Gbit/s")
    options = parser.parse_args(arguments)
    if (options.step is None) != (options.gradients is None):
        parser.error("--step and --gradients belong together")
    slow, fast = options.latency
    networks = {"10 Gbit/s": Network(slow, 10e9 / 8), "100 Gbit/s": Network(fast, 100e9 / 8)}
    models = MODELS if options.step is None else (Model("as given", options.step, options.gradients),)
    for model in models:
        print(f"{model.name}: {model.gradients:g} MB of gradients, {duration(model.step)} a step\n")
        print(lined_up(rows_of(model.step, model.gradients * MEGABYTE, networks, options.overhead)), "\n")


if __name__ == "__main__":
    main()
