"""A few seconds of every fuzzer; `tests/fuzz` says how to run one for hours."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from argparse import Namespace

import numpy as np
import pytest

import wengert as torch
from tests.fuzz import guard, processes
from tests.fuzz.processes import run_apart
from tests.fuzz.programs import _judged
from tests.fuzz.registry import targets
from tests.fuzz.steps import Step, outcomes
from tests.fuzz.target import Fault, Target, judge


@pytest.mark.parametrize("name", targets())
def test_hostile_cases_break_no_promise(name: str) -> None:
    target = targets()[name]()
    if target.missing:
        pytest.skip(target.missing)
    count = target.quick
    report = run_apart(name, 0, count)
    assert report.faults == []
    assert sum(report.results.values()) == count


def test_the_watch_sees_code_that_runs() -> None:
    """A pickle that may run is seen to; so is an allocation, and an error of another class."""
    file = io.BytesIO()
    torch.save(Namespace(a=1), file)
    content = file.getvalue()

    def run(case: bytes) -> str:
        torch.load(io.BytesIO(case), weights_only=False)
        return "loaded"

    target = Target(make=lambda chance: content, run=run, refusals=())
    assert judge(target, content, measured=False) == "loaded"
    with pytest.raises(Fault, match=r"pickle\.find_class"):
        judge(target, content)
    with pytest.raises(Fault, match="bytes of memory"):
        judge(Target(make=lambda chance: b"", run=lambda case: str(len(bytes(10_000_000))), refusals=()), b"")
    with pytest.raises(Fault, match="it raised ZeroDivisionError"):
        judge(Target(make=lambda chance: b"", run=lambda case: str(1 / 0), refusals=(ValueError,)), b"")


OUTSIDE = """
import ctypes
import numpy as np
from tests.fuzz import guard, processes
guard.start()
x = np.zeros(1000, np.float32)
place = ctypes.c_float.from_address(x.ctypes.data + {offset})
{what}
del x
"""


@pytest.mark.parametrize(("start", "offset", "what", "end"), [
    (False, 3996, "place.value", 0), (False, 4000, "place.value", -signal.SIGSEGV),
    (False, -4, "place.value = 1", -signal.SIGABRT), (True, 0, "place.value", 0),
    (True, -4, "place.value", -signal.SIGSEGV), (True, 4000, "place.value = 1", -signal.SIGABRT),
])
def test_the_guard_ends_a_process_that_reads_or_writes_outside(start: bool, offset: int, what: str, end: int) -> None:
    if guard.missing():
        pytest.skip(guard.missing())
    program = OUTSIDE.format(offset=offset, what=what)
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **guard.environment(start)},
                          capture_output=True)
    assert done.returncode == end, done.stderr


def test_what_rounding_alone_makes_another_is_no_fault() -> None:
    """The gradient of equal logits is rounding, which this optimiser divides by itself: eager steps differ as much."""
    step = Step(0, ["torch.manual_seed(0)", "w0 = torch.randn(()).requires_grad_()",
                    "optimizer = torch.optim.Adagrad([w0], lr=0.01)"],
                ["optimizer.zero_grad()", "v0 = F.gumbel_softmax(x, hard=True)",
                 "v1 = F.cross_entropy(fit(w0, 4,5), ints(v0, 5, 4), positive(w0, 5).detach(), label_smoothing=0.1)",
                 "v1.backward()", "optimizer.step()", "return [v1.detach(), x]"], ["w0"])
    expected = outcomes(step)
    other = [[None if x is None else x.copy() for x in call] for call in expected]
    other[1][4] = other[1][4] + np.float32(0.01)  # w0 after the second call: a step of its own
    assert _judged(step, other, expected, 1e-8) == "unstable"
    other[1][0] = other[1][0] + np.float32(0.5)  # the loss, which is well posed
    with pytest.raises(Fault, match="was expected"):
        _judged(step, other, expected, 1e-8)


def test_a_run_says_how_far_it_is_and_ends_in_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cases beyond the time are left, and are neither faults nor counted."""
    monkeypatch.setattr(processes, "TELLING", 0.1)
    told: list[int] = []
    report = run_apart("threads", 0, 10**9, 3.0, lambda report: told.append(report.done))
    assert report.stopped and report.faults == []
    assert len(told) > 3 and told == sorted(told) and told[-1] <= report.done < 10**9
