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
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.report import duration, lined_up

MEGABYTE = 1 << 20
RANKS = (8, 16, 32, 64, 128, 256, 512, 1024)
BUCKETS = tuple(MEGABYTE * size for size in (0.25, 0.5, 1, 2, 4, 8, 16, 25, 50, 100))
BACKWARD = 2 / 3


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


def all_reduce(ranks: int, size: float, network: Network) -> tuple[float, str]:
    """The faster of the two, and its name."""
    return min((ring(ranks, size, network), "ring"), (doubling(ranks, size, network), "doubling"))


def step(seconds: float, gradients: float, bucket: float, ranks: int, network: Network, overhead: float) -> float:
    """Seconds of a step: what a rank computes, with communication behind it as far as it goes."""
    backward = seconds * BACKWARD
    free = 0.0
    sent = 0.0
    while sent < gradients:
        part = min(bucket, gradients - sent)
        sent += part
        full = seconds - backward + backward * sent / gradients
        free = max(free, full) + overhead + all_reduce(ranks, part, network)[0]
    return max(seconds, free)


def best_bucket(seconds: float, gradients: float, ranks: int, network: Network, overhead: float) -> tuple[float, float]:
    """The bucket with the shortest step, and that step."""
    return min((step(seconds, gradients, bucket, ranks, network, overhead), bucket) for bucket in BUCKETS)[::-1]


def rows_of(seconds: float, gradients: float, networks: dict[str, Network], overhead: float) -> list[tuple[str, ...]]:
    """The table's lines."""
    rows: list[tuple[str, ...]] = [("ranks", "network", "all of it at once", "by", "step at 25 MB", "efficiency",
                                    "best bucket", "its efficiency")]
    for ranks in RANKS:
        for name, network in networks.items():
            whole, how = all_reduce(ranks, gradients, network)
            usual = step(seconds, gradients, 25 * MEGABYTE, ranks, network, overhead)
            bucket, best = best_bucket(seconds, gradients, ranks, network, overhead)
            rows.append((str(ranks), name, duration(whole), how, duration(usual), f"{seconds / usual:.0%}",
                         f"{bucket / MEGABYTE:g} MB", f"{seconds / best:.0%}"))
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--step", type=float, default=0.137, help="seconds of one rank's step alone (resnet20: 0.137)")
    parser.add_argument("--gradients", type=float, default=1.04, help="megabytes of gradients (resnet20: 1.04)")
    parser.add_argument("--overhead", type=float, default=20e-6, help="seconds that a collective costs beside MPI")
    parser.add_argument("--latency", type=float, nargs=2, default=(20e-6, 5e-6), metavar="SECONDS",
                        help="of a message at 10 and at 100 Gbit/s")
    options = parser.parse_args(arguments)
    slow, fast = options.latency
    networks = {"10 Gbit/s": Network(slow, 10e9 / 8), "100 Gbit/s": Network(fast, 100e9 / 8)}
    print(lined_up(rows_of(options.step, options.gradients * MEGABYTE, networks, options.overhead)))


if __name__ == "__main__":
    main()
