"""Programs of several processes, printed under PyTorch's own launcher and gloo, and under ours."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from socket import socket

import pytest

PROGRAMS = Path(__file__).parent.parent / "distributed" / "programs"
pytestmark = pytest.mark.skipif(find_spec("mpi4py") is None, reason="needs pip install 'wengert[distributed]'")


def said(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [line.removeprefix("[0] ") for line in done.stdout.splitlines() if not line.startswith("[1]")]


def numbers_agree(ours: list[str], theirs: list[str]) -> None:
    """The same words, and numbers to three digits, as results agree to rounding."""
    number = re.compile(r"-?\d+\.\d+")
    assert [number.sub("#", line) for line in ours] == [number.sub("#", line) for line in theirs]
    for mine, its in zip(number.findall("\n".join(ours)), number.findall("\n".join(theirs)), strict=True):
        assert float(mine) == pytest.approx(float(its), abs=2e-3), (ours, theirs)


def test_a_training_program_under_both_launchers() -> None:
    path = str(PROGRAMS / "sampling.py")
    theirs = said([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", path])
    ours = said([sys.executable, "-m", "wengert", "launch", "--standalone", "--nproc-per-node", "2", path])
    assert len(ours) == 5
    numbers_agree(ours, theirs)


def test_the_tutorials_program_by_spawn() -> None:
    def port() -> str:
        with socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return str(probe.getsockname()[1])

    path = str(PROGRAMS / "spawning.py")
    numbers_agree(said([sys.executable, "-m", "wengert", "run", path, port()]), said([sys.executable, path, port()]))
