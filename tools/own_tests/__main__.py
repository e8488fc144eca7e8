"""Runs files of PyTorch's own tests, from a checkout of PyTorch, on PyTorch and with wengert in its place:
``python -m tools.own_tests ~/pytorch/test/test_autograd.py ...`` prints, of each file, how many tests pass on PyTorch,
how many of these on wengert, and which do not. Without files it runs those of ``cases``.

The one idea to know: a test passes on a library, and what it records (`records`) is compared between the two.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .place import install
from .records import RECORDS, differ, record

KEPT = [str(Path(__file__).with_name("cases") / f"{name}.py") for name in
        ("modules", "optimizers", "functions", "serialization", "loading", "tape")]
"""The files of this repository: the databases walked, and what has none."""


# --- one file ---------------------------------------------------------------------------------------------------------


class Late(BaseException):
    """A test has run past its time."""


class Result(unittest.TestResult):
    """What came of each test: ok, xfail, skip, fail, error; and why not."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds
        self.outcomes: dict[str, str] = {}
        self.reasons: dict[str, str] = {}

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.outcomes[test.id()] = "ok"
        signal.alarm(self.seconds)

    def stopTest(self, test: unittest.TestCase) -> None:
        signal.alarm(0)
        super().stopTest(test)

    def _bad(self, test: Any, error: Any, outcome: str) -> None:
        name = getattr(test, "test_case", test).id()
        self.outcomes[name] = outcome
        self.reasons[name] = f"{type(error[1]).__name__}: {error[1]}"[:600]

    def addError(self, test: Any, err: Any) -> None:
        self._bad(test, err, "error")

    def addFailure(self, test: Any, err: Any) -> None:
        self._bad(test, err, "fail")

    def addSkip(self, test: Any, reason: str) -> None:
        self.outcomes[test.id()] = "skip"

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self.outcomes[test.id()] = "xfail"

    def addUnexpectedSuccess(self, test: Any) -> None:
        self.outcomes[test.id()] = "xpass"

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self._bad(subtest, err, "fail")


def run_file(file: str, side: str, seconds: int, sample: int | None, only: str = "") -> dict[str, Any]:
    """The outcomes of a file's tests in this process; ``sample`` of them, the same on either side, and of these those
    whose names have what ``only`` describes."""
    if side == "wengert":
        install()
    import torch.testing._internal.common_utils as common

    common.run_tests = lambda *given, **options: None
    test_case: Any = common.TestCase
    test_case.record = record
    sys.argv = [file]
    sys.path.insert(0, str(Path(file).resolve().parent))
    spec = importlib.util.spec_from_file_location("__main__", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["__main__"] = module
    spec.loader.exec_module(module)
    tests = list(_each(unittest.defaultTestLoader.loadTestsFromModule(module)))
    if sample is not None:
        tests = sorted(tests, key=lambda test: hashlib.md5(test.id().encode()).hexdigest())[:sample]
    tests = [test for test in tests if re.search(only, test.id())]

    def late(*_: object) -> None:
        raise Late

    signal.signal(signal.SIGALRM, late)
    result = Result(seconds)
    for test in tests:
        try:
            test.run(result)
        except Late:
            result.outcomes[test.id()], result.reasons[test.id()] = "late", f"not done in {seconds} s"
        finally:
            signal.alarm(0)
    return {"outcomes": result.outcomes, "reasons": result.reasons, "records": RECORDS}


def _each(tests: Any) -> Iterator[unittest.TestCase]:
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from _each(test)
        else:
            yield test


# --- both sides -------------------------------------------------------------------------------------------------------


def families(file: str, tests: list[str]) -> dict[str, list[str]]:
    """The tests by the function of the file that each was made from."""
    text = Path(file).read_text("utf-8")
    functions = sorted(re.findall(r"^    def (test_\w+)", text, re.MULTILINE), key=len, reverse=True)
    found: dict[str, list[str]] = {}
    for test in tests:
        name = test.rpartition(".")[2]
        found.setdefault(next((family for family in functions if name.startswith(family)), name), []).append(test)
    return found


def compare(file: str, options: argparse.Namespace) -> tuple[int, int]:
    """Prints what of a file passes on PyTorch and not on wengert; how many pass on PyTorch, and of these on wengert."""
    found = {}
    for side in ("torch", "wengert"):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.json"
            sample = [] if options.sample is None else ["--sample", str(options.sample)]
            command = [sys.executable, "-m", "tools.own_tests", file, "--side", side, "--json", str(out), "--seconds",
                       str(options.seconds), "--only", options.only, *sample]
            done = subprocess.run(command, capture_output=True, text=True)
            if not out.is_file():
                print(f"{Path(file).name}: no result on {side}: {done.stderr.strip().splitlines()[-1:]}")
                return 0, 0
            found[side] = json.loads(out.read_text("utf-8"))
    passing = [name for name, outcome in found["torch"]["outcomes"].items() if outcome in ("ok", "xfail")]
    ours, reasons = found["wengert"]["outcomes"], found["wengert"]["reasons"]
    for name, seen in found["torch"]["records"].items():
        difference = differ(found["wengert"]["records"].get(name), seen)
        if difference and ours.get(name) == "ok":
            ours[name], reasons[name] = "differs", difference
    failing = [name for name in passing if ours.get(name) not in ("ok", "xfail", "xpass")]
    count = len(passing) - len(failing)
    print(f"{Path(file).name}: {len(passing)} pass on PyTorch, {count} of these on wengert "
          f"({100 * count / max(1, len(passing)):.1f} %)")
    for family, names in families(file, passing).items() if options.families else []:
        print(f"    {family}: {sum(name not in failing for name in names)} of {len(names)}")
    for name in failing if options.failing else []:
        reason = reasons.get(name, "").splitlines()
        print(f"    {name.removeprefix('__main__.')}: {ours.get(name)}: {reason[0] if reason else ''}")
    return len(passing), count


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tools.own_tests", description=__doc__)
    parser.add_argument("files", nargs="*", help="files of PyTorch's tests, in a checkout of PyTorch; without any, "
                        "those of tools/own_tests/cases, which walk PyTorch's databases")
    parser.add_argument("--seconds", type=int, default=30, help="the time of one test")
    parser.add_argument("--sample", type=int, help="so many tests of each file, chosen by their names")
    parser.add_argument("--failing", action="store_true", help="name the tests that do not pass on wengert, and why")
    parser.add_argument("--only", default="", metavar="REGEX", help="the tests whose names have such a part")
    parser.add_argument("--families", action="store_true", help="count by the function that tests are made from")
    parser.add_argument("--side", choices=["torch", "wengert"], help="run one file in this process, on one side")
    parser.add_argument("--json", help="where the outcomes of one side go")
    options = parser.parse_args()
    if options.side is None:
        counts = [compare(file, options) for file in options.files or KEPT]
        whole, passed = (sum(column) for column in zip(*counts, strict=True))
        print(f"all: {whole} pass on PyTorch, {passed} of these on wengert ({100 * passed / max(1, whole):.1f} %)")
        return
    found = run_file(options.files[0], options.side, options.seconds, options.sample, options.only)
    Path(options.json).write_text(json.dumps(found), "utf-8")
    sys.stdout.flush()
    os._exit(0)  # what tests have left running does not count


if __name__ == "__main__":
    main()
