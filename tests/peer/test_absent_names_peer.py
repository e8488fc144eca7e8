"""That the names said to be absent are those that PyTorch has and wengert lacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

PROGRAM = "from tools import absent_names as names; w = names.walk(); import sys; sys.stdout.write({})"


@pytest.mark.parametrize("what", ["source", "page"])
def test_the_names_are_those_of_the_day(what: str) -> None:
    from tools import absent_names as names

    file = names.SOURCE if what == "source" else names.PAGE
    text = "names.source(w)" if what == "source" else "names.with_table(names.PAGE.read_text('utf-8'), w)"
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(text)], cwd=Path(__file__).parents[2],
                          capture_output=True, text=True, check=True)
    assert done.stdout == file.read_text("utf-8"), f"{file.name} is old: run python -m tools.absent_names"
