"""Programs in plain PyTorch style, of many sorts, print the same words and numbers under wengert and under PyTorch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from wengert.compat.compare import compare_numbers

pytest.importorskip("torch")

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(__file__).parent / "programs"
PROGRAMS = sorted(set(FOLDER.glob("*.py")) - set(FOLDER.glob("odd_*.py")))  # which ranks run: test_odd_calls_peer.py
# Programs whose printed words may differ: an inverse times its matrix leaves rounding errors of other signs, which
# changes the spaces in a printed tensor.
OTHER_WORDS = {"linear_algebra"}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    for library in ("torch", "wengert"):
        subprocess.run(
            [sys.executable, str(Path(__file__).parent / "run_programs.py"), library, str(folder), *map(str, PROGRAMS)],
            check=True, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, timeout=600,
        )
    return folder


def words(text: str) -> list[str]:
    """The text without its numbers and line breaks."""
    return re.sub(r"[-+]?\d+\.?\d*(e[-+]?\d+)?j?", "#", text).split()


@pytest.mark.parametrize("name", [path.stem for path in PROGRAMS])
def test_the_same_words_and_numbers(name: str, outputs: Path) -> None:
    ours, theirs = ((outputs / f"{name}.{library}").read_text(encoding="utf-8") for library in ("wengert", "torch"))
    assert "ended with the status" not in theirs, theirs
    result = compare_numbers(ours, theirs, rtol=2e-3, atol=2e-5)
    assert result.differing is None, f"{result.differing}\n{ours}"
    assert result.agreed >= 8
    if name not in OTHER_WORDS:
        assert words(ours) == words(theirs)
