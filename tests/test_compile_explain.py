"""What a compiled function tells of itself: `explain`, `profile`, `kernels`, the log, the line on a terminal."""

from __future__ import annotations

import io
import logging
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import wengert as torch
from wengert.core.errors import TraceError
from wengert.native import stages as stages_module
from wengert.native.account import flops_of
from wengert.native.loops import Buffer, Nest, Nodes, Place, Reduce, Store
from wengert.native.stages import Stages, told


def made() -> tuple[Any, Any]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.Dropout(0.25), torch.nn.Linear(30, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    labels = torch.randint(4, (50,))

    @torch.compile(fullgraph=True)
    def step(x: Any, scale: float) -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x) * scale, labels) + torch.sort(x.sum(1)).values[0] * 0
        loss.backward()
        optimizer.step()
        return loss

    return step, model


X = torch.randn(50, 20)


@pytest.fixture
def nothing_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path))


@pytest.mark.usefixtures("nothing_on_disk")
def test_explain_tells_what_a_program_takes_keeps_and_does() -> None:
    step, _ = made()
    step(X, 1.5)
    text = step.explain()
    for part in ("%x: float32[50,20]", "%scale: float64[]", "%lr: float64[]", "%model.0.weight: float32[30,20]",
                 "Dropout.p = 0.25", "Dropout.training = True", "grad mode on", "default dtype float32",
                 "write %model.2.bias", "set model.0.weight.grad", "product [50, 20] @ [20, 30]", "numpy: sort",
                 "bytes in between", "machine code"):
        assert part in text, part
    assert re.search(r"at most [\d,]+ bytes beside inputs and states", text)
    assert re.search(r"made in \d\.\d{3} s: recording", text)


def test_a_profile_measures_every_step_and_changes_nothing() -> None:
    step, model = made()
    step(X, 1.0)
    before = [p.detach().clone() for p in model.parameters()]
    gradients = [p.grad for p in model.parameters()]
    generator = torch.get_rng_state()
    text = step.profile(X, 1.0, rounds=3)
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    assert all(p.grad is old for p, old in zip(model.parameters(), gradients, strict=True))
    assert torch.equal(torch.get_rng_state(), generator)
    assert step.programs[0].calls == 1 and len(step.programs) == 1
    kernels = step.kernels
    assert all(kernel.seconds is not None and kernel.seconds >= 0 for kernel in kernels)
    assert sum(kernel.seconds for kernel in kernels) > 0
    assert "numpy: sort" in text and "of limit" in text and text.splitlines()[-1].endswith("in all")
    assert any(kernel.share for kernel in kernels if kernel.words.startswith("product"))
    assert re.search(r"\d+\.\d .*%.* product", step.explain())


def test_a_step_goes_on_as_if_it_had_not_been_profiled() -> None:
    found = []
    for profiled in (False, True):
        step, model = made()
        torch.manual_seed(3)
        for number in range(3):
            step(X, 1.0)
            if profiled and number == 1:
                step.profile(X, 1.0, rounds=2)
        found.append([p.detach().clone() for p in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_profile_records_what_has_not_been_called() -> None:
    f = torch.compile(lambda x: (x * 2).sum(), fullgraph=True)
    assert "pass over" in f.profile(torch.ones(3, 4).T, rounds=1)
    assert f(torch.ones(3, 4).T).item() == 24 and len(f.programs) == 1


def test_profile_of_what_runs_eagerly_says_why() -> None:
    f = torch.compile(lambda x: x if x.sum() > 0 else -x)
    with pytest.warns(UserWarning, match="runs eagerly"):
        f(torch.ones(3))
    with pytest.raises(TraceError, match="runs eagerly: .*value"):
        f.profile(torch.ones(3))


def test_kernels_show_their_code() -> None:
    step, _ = made()
    step(X, 1.0)
    native = [kernel for kernel in step.kernels if kernel.native]
    nest = next(kernel for kernel in native if kernel.words.startswith("pass over"))
    assert nest.ir.startswith("nest over ") and " <- %" in nest.ir
    tailed = next(kernel for kernel in native if ", then " in kernel.words)
    assert tailed.words.startswith("product [50") and "nest over 50x" in tailed.ir and "store" in tailed.ir
    assert nest.llvm.startswith("define ") and nest.llvm.endswith("}") and nest.llvm.count("define ") == 1
    name = re.search(r"@(\w+)\(", nest.llvm)
    assert name is not None and nest.assembly.startswith(f"{name[1]}:") and "ret" in nest.assembly
    call = next(kernel for kernel in step.kernels if not kernel.native)
    assert call.llvm == "" == call.assembly and call.words.startswith("numpy: ")
    product = next(kernel for kernel in native if kernel.words.startswith("product [50, 20]"))
    bias_and_dropout = 3 * 50 * 30, 4 * (30 + 50 * 30)
    assert product.flops == 2 * 50 * 20 * 30 + bias_and_dropout[0]
    assert product.bytes == 4 * (50 * 20 + 20 * 30 + 50 * 30) + bias_and_dropout[1]


def test_operations_of_a_pass_count_what_it_computes() -> None:
    nodes = Nodes()
    x, row = Buffer(0, "given", "float32", 12), Buffer(1, "given", "float32", 3)
    out, sums = Buffer(2, "arena", "float32", 12), Buffer(3, "arena", "float32", 3)
    each = nodes.load(Place(x, 0, (4, 1)))
    of_row = nodes.node("exp", (nodes.load(Place(row, 0, (1, 0))),), "float32")
    scaled = nodes.node("mul", (each, of_row), "float32")
    nest = Nest((3, 4), [Store(scaled, Place(out, 0, (4, 1))), Reduce("sum", scaled, Place(sums, 0, (1, 0)), (1,))])
    assert flops_of(nest, None) == 3 + 12 + 12


@pytest.mark.usefixtures("nothing_on_disk")
def test_the_log_tells_of_recordings_and_why(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("WENGERT_LOG", "recompile,compile")
    f = torch.compile(lambda x: x * 2, fullgraph=True)
    with caplog.at_level(logging.WARNING, logger="wengert.compile"):
        f(torch.ones(3))
        f(torch.ones(3))
        f(torch.ones(4))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 4
    assert re.match(r"<lambda> recorded in \d\.\d{3} s: <program", lines[0])
    assert re.match(r"<lambda> compiled in \d\.\d{3} s \(recording .* machine code .*\): 1 steps, 0 of numpy", lines[1])
    assert "again, as argument 'x' had shape (3,) then and has (4,) now" in lines[2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_told_of_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages_module, "SOON", 0.01)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    stages = Stages()
    with told(stages, "step"), stages.stage("planning"):
        deadline = time.monotonic() + 10
        while "planning" not in terminal.getvalue() and time.monotonic() < deadline:
            time.sleep(0.005)
    assert "[compile] step: planning" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")  # the line is gone


def test_no_terminal_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages_module, "SOON", 0.0)
    monkeypatch.setattr(sys, "stderr", text := io.StringIO())
    with told(Stages(), "step"):
        time.sleep(0.01)
    assert text.getvalue() == ""


def test_a_stage_within_another_counts_for_itself() -> None:
    stages = Stages()
    with stages.stage("recording"):
        with stages.stage("planning"):
            time.sleep(0.02)
    assert stages.seconds["planning"] >= 0.02 and stages.seconds["recording"] < stages.seconds["planning"]
    assert stages.current == "" and list(stages.seconds) == ["recording", "planning"]
