"""The benchmarks run, and their report says what was measured. How long anything takes is not tested."""

from __future__ import annotations

from pathlib import Path

import pytest

import wengert
from benchmarks import report
from benchmarks.comparison import Result
from benchmarks.eager import WORKLOADS, Workload
from benchmarks.worker import calls_in, measure

RESULTS = [
    Result(Workload("import", 0.3), ours=[0.2, 0.4, 0.2], theirs=[1.0, 2.0, 2.0]),
    Result(Workload("add", 0.9, lambda torch: torch.zeros), ours=[3e-6, 2e-6, 1e-6], theirs=[2e-6, 2e-6, 4e-6]),
]
TABLE = """\
| workload | wengert | PyTorch | ratio | lowest–highest |  target |         |
| -------- | ------: | ------: | ----: | -------------: | ------: | ------: |
| import   |  200 ms |  2.00 s |  0.20 |      0.10–0.20 | ≤ 0.3 s | reached |
| add      | 2.00 µs | 2.00 µs |  1.00 |      0.25–1.50 |   ≤ 0.9 |  missed |"""


@pytest.mark.parametrize("workload", [w for w in WORKLOADS if w.build is not None], ids=lambda workload: workload.name)
def test_workloads_run(workload: Workload) -> None:
    assert workload.build is not None
    call = workload.build(wengert)
    assert measure(call, 2) > 0


def test_measurements_are_long_enough_for_the_clock() -> None:
    assert calls_in(lambda: None, 0.001) > 100


def test_the_table_lines_up() -> None:
    assert report.table(RESULTS) == TABLE


def test_a_section_replaces_its_older_self_and_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text("# Results\n\n## eager\n\nold\n\n## graphs\n\nkept\n")
    monkeypatch.setattr(report, "RESULTS", path)
    monkeypatch.setattr(report, "machine", lambda: "a machine")
    report.write("eager", RESULTS, rounds=3)
    first = path.read_text()
    report.write("eager", RESULTS, rounds=3)
    assert path.read_text() == first
    assert first.startswith("# Results\n\n## eager\n") and TABLE in first
    assert "old" not in first and first.endswith("## graphs\n\nkept\n")
