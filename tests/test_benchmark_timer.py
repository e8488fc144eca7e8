"""`utils.benchmark`: what a Timer runs and what a Measurement says. Nothing here depends on how long it takes."""

from __future__ import annotations

import pytest

import wengert as torch
from wengert.utils.benchmark import Measurement, Timer


def test_a_timer_runs_its_statement_with_its_names_and_threads() -> None:
    seen: list[int] = []
    before = torch.get_num_threads()
    names = {"note": seen.append, "threads": torch.get_num_threads}
    timer = Timer("note(threads())", setup="import math", globals=names, num_threads=2, label="a", sub_label="b",
                  description="words")
    found = timer.timeit(7)
    assert len(seen) == 9 and set(seen) == {2} and torch.get_num_threads() == before
    assert found.number_per_run == 7 and len(found.raw_times) == 1 and found.title == "a: b"
    assert "1 measurement, 7 runs, 2 threads" in repr(found) and "words" in repr(found)


def test_an_autorange_repeats_until_the_time_is_spent() -> None:
    ticks = iter(range(10**9))
    blocks: list[tuple[int, float]] = []
    found = Timer("pass", timer=lambda: float(next(ticks))).blocked_autorange(lambda *x: blocks.append(x), 3.0)
    assert found.raw_times == [1.0, 1.0, 1.0] and blocks == [(1, 1.0)] * 3


def test_a_measurement() -> None:
    found = Measurement(2, [2e-6, 4e-6, 6e-6], "x + 1")
    assert found.times == pytest.approx([1e-6, 2e-6, 3e-6])
    assert found.median == pytest.approx(2e-6) and found.mean == pytest.approx(2e-6)
    assert found.iqr == pytest.approx(1e-6)
    assert "Median: 2.00 us" in repr(found) and "3 measurements, 2 runs per measurement, 1 thread" in repr(found)
    assert "0.50 ns" in repr(Measurement(2, [1e-9]))


def test_what_is_not_timed() -> None:
    with pytest.raises(NotImplementedError, match="Python"):
        Timer("x;", language="c++")
    with pytest.raises(ValueError, match="setup"):
        Timer(global_setup="#include <x>")
    with pytest.raises(NameError):
        Timer("no_such_name").timeit(1)
    assert torch.utils.benchmark.Timer is Timer
