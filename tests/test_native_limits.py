"""What the machine can do at most is measured, on as many threads as there are."""

from time import sleep
from typing import Any

import pytest

import wengert as torch
from wengert.compiler.kernels import generated_code_is_possible
from wengert.native import limits


def test_threads_are_counted_by_their_own_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late each of them comes to its work, which is what a busy machine makes of short work."""

    class Late(limits.Thread):
        def run(self) -> None:
            super().run()
            sleep(0.01)  # and however late it is gone

    monkeypatch.setattr(limits, "Thread", Late)
    monkeypatch.setattr(limits, "TRIALS", 3)

    def work() -> None:
        sleep(0.002)

    one, three = limits._rate(work, 1), limits._rate(work, 3)
    assert 200 < one <= 500
    assert 2 * one < three <= 3 * 500


@pytest.mark.skipif(not generated_code_is_possible(), reason="no generated code here")
def test_limits_are_of_as_many_threads_as_there_are_now(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def rate(work: Any, count: int) -> float:
        asked.append(count)
        return 1000.0 * count

    monkeypatch.setattr(limits, "_rate", rate)
    limits._limits.cache_clear()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        found = limits.limits()
    finally:
        torch.set_num_threads(before)
        limits._limits.cache_clear()
    assert asked == [3, 3] and found.threads == 3
    assert found.seconds(found.flops, 0) == found.seconds(0, found.bytes) == 1
