"""``wengert run --compare`` with a PyTorch beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """\
import sys
import torch
from torch import nn

torch.manual_seed(3)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
x = torch.randn(16, 4)
for step in range(5):
    loss = (model(x) - x.prod(1, keepdim=True)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step}: loss {loss.item():.6f}")
if torch.Tensor.__module__.startswith("wengert"):
    print(sys.argv[1])
else:
    print(sys.argv[2])
"""


def compare(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "train.py").write_text(PROGRAM)
    return subprocess.run(
        [sys.executable, "-m", "wengert.cli", "run", "--compare", *arguments],
        cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_equal_numbers(tmp_path: Path) -> None:
    done = compare(tmp_path, "train.py", "1.0", "1.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "all 11 printed numbers agree (rtol 0.001, atol 1e-05)\n"


def test_the_first_difference(tmp_path: Path) -> None:
    done = compare(tmp_path, "train.py", "1.0", "1.1")
    assert done.returncode == 1 and done.stdout.splitlines() == [
        "10 printed numbers agree, the next one differs:",
        "  wengert: 1.0   in line 6: 1.0",
        "  PyTorch: 1.1   in line 6: 1.1",
    ]
    assert compare(tmp_path, "--rtol", "0.2", "train.py", "1.0", "1.1").returncode == 0


def test_one_that_fails(tmp_path: Path) -> None:
    done = compare(tmp_path, "train.py", "1.0")
    assert done.returncode == 1 and "under PyTorch train.py ended with the code 1" in done.stderr
    assert "IndexError" in done.stderr and "no further number" in done.stdout
