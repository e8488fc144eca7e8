"""The example programs print the same numbers under wengert and under PyTorch, over their first steps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = {path.stem: path for path in sorted((ROOT / "examples").glob("*.py"))}
SHORT = {"digits_mlp": ("--epochs", "1"), "digits_cnn": ("--epochs", "1")}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_numbers(name: str) -> None:
    arguments = SHORT.get(name, ("--steps", "5"))
    done = subprocess.run(
        [sys.executable, "-m", "wengert.cli", "run", "--compare", "--rtol", "2e-3", "--atol", "2e-4",
         str(EXAMPLES[name]), *arguments],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    agreed = int(done.stdout.split()[1])
    assert agreed >= 8


def test_there_is_one_line_for_each_in_the_list() -> None:
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert [name for name in EXAMPLES if f"`{name}.py`" not in text] == []
