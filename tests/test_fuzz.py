"""A few seconds of every fuzzer; `tests/fuzz` says how to run one for hours."""

from __future__ import annotations

import pytest

from tests.fuzz.processes import run_apart
from tests.fuzz.registry import targets


@pytest.mark.parametrize("name", targets())
def test_hostile_cases_break_no_promise(name: str) -> None:
    count = targets()[name]().quick
    report = run_apart(name, 0, count)
    assert report.faults == []
    assert sum(report.results.values()) == count
