"""The simulation of many ranks: its formulas, and what follows from them."""

from __future__ import annotations

from functools import partial

import pytest

from benchmarks.scaling import MEGABYTE, Network, best_bucket, doubling, main, ring, step

NETWORK = Network(1e-5, 1e9)


def test_seconds_of_an_all_reduce() -> None:
    assert ring(2, 1e6, NETWORK) == pytest.approx(2 * (1e-5 + 0.5e-3))
    assert ring(8, 1e6, NETWORK) == pytest.approx(14 * (1e-5 + 0.125e-3))
    assert doubling(8, 1e6, NETWORK) == pytest.approx(3 * (1e-5 + 1e-3))
    assert doubling(1024, 4, NETWORK) < ring(1024, 4, NETWORK)  # few bytes: latency counts
    assert doubling(1024, 1e9, NETWORK) > ring(1024, 1e9, NETWORK)  # many: bandwidth does


def test_a_step_hides_what_it_can() -> None:
    def reduce(size: float) -> float:
        return 0.01

    # One bucket is sent when backward is over; of four the last is, and the others before.
    assert step(0.3, 4.0, 4.0, 0.0, reduce) == pytest.approx(0.31)
    assert step(0.3, 4.0, 1.0, 0.0, reduce) == pytest.approx(0.31)
    assert step(0.3, 4.0, 1.0, 0.09, reduce) == pytest.approx(0.1 + 0.05 + 4 * 0.1)  # each waits for the one before
    assert step(0.3, 0.0, 1.0, 0.0, reduce) == 0.3


def test_buckets_are_as_large_as_they_may_be() -> None:
    few, _ = best_bucket(1.0, 100 * MEGABYTE, 0.0, partial(ring, 8, network=Network(1e-6, 1e12)))
    assert few == 100 * MEGABYTE  # nothing to hide
    many, seconds = best_bucket(1.0, 100 * MEGABYTE, 0.0, partial(ring, 8, network=Network(1e-6, 1e9)))
    assert many < 8 * MEGABYTE and 1.0 < seconds < 1.01


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--step", "0.1", "--gradients", "5"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 8 * 2 and lines[2].split("|")[1].strip() == "8" and "100 Gbit/s" in lines[-1]
