"""The programs in `docs/questions.md` run, and print what stands under them."""

from __future__ import annotations

import doctest
import gc
import importlib.util
import re
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).parent.parent / "docs" / "questions.md").read_text("utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", TEXT, re.DOTALL)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_program(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program, expected = PROGRAMS[number]
    gc.collect()  # what earlier programs have left
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "train.py"
    path.write_text(program, "utf-8")
    spec = importlib.util.spec_from_file_location("train", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "train", module)
    spec.loader.exec_module(module)
    printed = capsys.readouterr().out
    assert doctest.OutputChecker().check_output(expected, printed, FLAGS), printed


def test_every_question_has_programs() -> None:
    for name in ("why_none", "why_nan", "strict_zero", "live", "doctor"):
        assert any(name in program for program, _ in PROGRAMS)
