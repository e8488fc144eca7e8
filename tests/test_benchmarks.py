"""The benchmarks run, and their report says what was measured. How long anything takes is not tested."""

from __future__ import annotations

from pathlib import Path
from time import sleep
from types import SimpleNamespace

import pytest

import wengert
from benchmarks import operations, report
from benchmarks.comparison import Failure, Result, Worker
from benchmarks.eager import WORKLOADS
from benchmarks.first_call import First, goes_to, measured
from benchmarks.sides import JAX, TORCH, TORCH_COMPILE, WENGERT, WENGERT_COMPILE, NotThere, within
from benchmarks.worker import calls_in, measure
from benchmarks.workloads import Workload, workloads_of

RESULTS = [
    Result(Workload("import", 0.3), {WENGERT: [0.2, 0.4, 0.2], TORCH: [1.0, 2.0, 2.0]}, {}),
    Result(Workload("add", 0.9, lambda torch: torch.zeros), {WENGERT: [3e-6, 2e-6, 1e-6], TORCH: [2e-6, 2e-6, 4e-6]},
           {}),
]
COMPILED = [
    Result(Workload("mlp", 0.5, lambda torch: torch.zeros),
           {WENGERT_COMPILE: [1e-3] * 3, WENGERT: [2e-3] * 3, TORCH: [8e-3] * 3, TORCH_COMPILE: [4e-3] * 3},
           {JAX: "not written for jax"}),
    Result(Workload("ode", 0.5, lambda torch: torch.zeros), {WENGERT_COMPILE: [4e-3] * 3, TORCH: [4e-3] * 3},
           {JAX: "not written for jax"}),
]
TABLE = """\
| workload | wengert | PyTorch | ratio | lowest–highest |  target |         |
| -------- | ------: | ------: | ----: | -------------: | ------: | ------: |
| import   |  200 ms |  2.00 s |  0.20 |      0.10–0.20 | ≤ 0.3 s | reached |
| add      | 2.00 µs | 2.00 µs |  1.00 |      0.25–1.50 |   ≤ 0.9 |  missed |"""


EVERY = {workload.name: workload for workload in (*WORKLOADS, *workloads_of("compiled"), *workloads_of("func"))}


@pytest.mark.parametrize("workload", [w for w in EVERY.values() if w.build is not None], ids=lambda w: w.name)
def test_workloads_run(workload: Workload) -> None:
    assert workload.build is not None
    call = workload.build(wengert)
    assert measure(call, 2) > 0


@pytest.mark.parametrize("size", operations.SIZES)
def test_operations_run(size: str) -> None:
    """With few elements all of them, with many one of each sort of operand."""
    names = {"add", "gather", "grid_sample", "embedding"}
    chosen = [each for each in operations.OPERATIONS if size == "few" or each.name in names]
    assert len(chosen) in (len(operations.OPERATIONS), len(names)) and len(operations.OPERATIONS) >= 150
    for operation in chosen:
        for call in operations.calls(wengert, operation, size):
            call()
    call = operations.calls(wengert, chosen[0], "few")[0]
    assert all(found > 0 for found in operations.compared((call, call), 2))


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
    for _ in range(2):  # sections take turns as the first: the text does not grow
        report.put("more", "a\n\n")
        report.put("graphs", "kept\n\n")
    assert "\n\n\n" not in path.read_text()


def test_a_step_is_held_against_the_best_of_its_peers() -> None:
    table = report.table(COMPILED).splitlines()
    assert table[0].split()[1::2][:6] == ["workload", "compiled", "wengert", "PyTorch", "torch.compile", "ratio"]
    assert [cell.strip() for cell in table[2].split("|")[1:-1]] == [
        "mlp", "1.00 ms", "2.00 ms", "8.00 ms", "4.00 ms", "0.25", "0.25–0.25", "≤ 0.5", "reached"]
    assert [cell.strip() for cell in table[3].split("|")[1:-1]] == [
        "ode", "4.00 ms", "–", "4.00 ms", "–", "1.00", "1.00–1.00", "≤ 0.5", "missed"]
    assert report.geometric_mean(COMPILED) == pytest.approx(0.5)


def test_beside_busy_processes_each_side_is_held_against_itself() -> None:
    busy = [Result(result.workload, {side: [3 * x for x in found] for side, found in result.seconds.items()
                                     if side is not WENGERT}, {}) for result in COMPILED]
    lines = report.busy_table(COMPILED, busy).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["mlp", "3.0×", "–", "3.0×", "3.0×"]
    assert [cell.strip() for cell in lines[3].split("|")[1:-1]] == ["ode", "3.0×", "–", "3.0×", "–"]


def test_the_others_are_there_and_go() -> None:
    from benchmarks import __main__ as command

    started = []
    with pytest.MonkeyPatch.context() as patch:
        popen = command.subprocess.Popen
        patch.setattr(command.subprocess, "Popen", lambda *args: started.append(popen(*args)) or started[-1])
        with command.others(2):
            assert [process.poll() for process in started] == [None, None]
    assert all(process.poll() is not None for process in started)


def test_what_takes_too_long_to_compile_is_not_there() -> None:
    with pytest.raises(NotThere, match="not compiled in 0 s"), within(0.05):
        try:
            sleep(5)
        except NotThere as error:  # as compilers do
            raise RuntimeError("the back end failed") from error
    with within(5):
        sleep(0.1)


def test_a_first_call_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"came exit status 1; it said:[^$]*IndexError"):
        measured("compiled", WENGERT_COMPILE, 99, str(tmp_path))


def test_what_is_too_quick_for_the_clock_goes_to_nothing() -> None:
    kernels = [SimpleNamespace(words="pass over 8", seconds=0.0), SimpleNamespace(words="check", seconds=0.0)]
    assert goes_to(SimpleNamespace(profile=lambda: None, kernels=kernels)) == "–"
    kernels[0].seconds = 1e-6
    assert goes_to(SimpleNamespace(profile=lambda: None, kernels=kernels)) == "passes 100%, check 0%"


def test_the_chart_and_the_first_calls() -> None:
    lines = report.chart(COMPILED).splitlines()
    assert lines[1] == f"mlp  {'█' * 10} 0.25 of torch.compile" and lines[2] == f"ode  {'█' * 40} 1.00 of PyTorch"
    firsts = [First(0.5, 0.25, 100 * 2**20, 300 * 2**20, 1e-4, "passes 90%"), First(1.0, 0.5, 0, 0, 1e-3, "")]
    rows = report.first_table(COMPILED, firsts).splitlines()
    assert [cell.strip() for cell in rows[2].split("|")[1:-1]] == [
        "mlp", "500 ms", "250 ms", "100 MB", "300 MB", "100 µs", "10%", "passes 90%"]
    assert report.failures(COMPILED) == ["jax.jit: mlp, ode: not written for jax"]


def test_every_workload_of_the_compiled_suite_is_recorded_whole() -> None:
    """A small one as a sample of the machinery: the worker's side makes an error of what cannot be compiled."""
    call = WENGERT_COMPILE.call(EVERY["adaline"])
    assert measure(call, 3) > 0 and "write" in str(call.graph)  # type: ignore[attr-defined]


def test_a_worker_that_dies_of_a_workload_is_a_finding() -> None:
    worker = Worker("eager", WENGERT)
    try:
        number = next(number for number, workload in enumerate(WORKLOADS) if workload.build is not None)
        worker.process.kill()
        worker.process.wait()
        with pytest.raises(Failure, match="died of it"):
            worker.time(number)
        assert worker.time(number) > 0  # another process goes on
    finally:
        worker.close()
