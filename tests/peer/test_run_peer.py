"""``wengert run --compare`` with a PyTorch beside it."""

from __future__ import annotations

import os
import re
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
if torch.nn.Module.__module__.startswith("wengert"):
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


LAYERS = """\
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.first, self.last = nn.Linear(36, 16), nn.Linear(8, 10)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        a, b = self.first(x.flatten(1)).chunk(2, 1)
        return self.last((a * b.sigmoid()).unsqueeze(1).expand(-1, 3, -1) @ torch.eye(8)).mean(1)

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(4, 1, 8, 8), torch.randint(0, 10, (4,))
for _ in range(2):
    loss = F.cross_entropy(SCALE * model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
"""


def drawn(folder: Path, source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "net.py").write_text(source)
    return subprocess.run([sys.executable, "-m", "wengert.cli", "run", "--compare", *arguments, "net.py"], cwd=folder,
                          capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_the_graphs_of_both_are_drawn(tmp_path: Path) -> None:
    done = drawn(tmp_path, LAYERS.replace("SCALE", "1"), "--out", "c.html")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "all 2 printed numbers agree (rtol 0.001, atol 1e-05)"
    assert lines[1].startswith("the graphs behind the first backward(): wengert and PyTorch are the same: 2")
    page = (tmp_path / "c.html").read_text()
    assert page.count("<svg") == 2 and page.count("conv.weight") >= 2 and page.count("batch_norm") >= 2
    assert not re.search(r'class="[a-z ]+ lit"', page) and "<li>" not in page
    names = [sorted(re.findall(r"<title>([\w.#]+) [=·]", picture)) for picture in page.split("<svg")[1:]]
    assert names[0] == names[1] and "loss" in names[0] and "x" in names[0], "each of both has the same names"


def test_what_differs_between_the_graphs_is_lit(tmp_path: Path) -> None:
    scale = '(1 if torch.nn.Module.__module__.startswith("wengert") else torch.tensor(2.0))'
    done = drawn(tmp_path, LAYERS.replace("SCALE", scale), "--out", "c.html")
    assert done.returncode == 1 and "the next one differs" in done.stdout
    assert "  last.weight: gradient norm" in done.stdout and "c.html shows both" in done.stdout
    page = (tmp_path / "c.html").read_text()
    assert "<b>loss = nll_loss</b>: value" in page and re.search(r'class="[a-z ]+ lit"', page)
    done = drawn(tmp_path, LAYERS.replace("SCALE", scale), "--out", "c.txt")
    assert "differences between wengert and PyTorch" in (tmp_path / "c.txt").read_text()


def test_programs_without_graphs_say_so(tmp_path: Path) -> None:
    done = drawn(tmp_path, "import torch\nprint(torch.ones(2).sum().item())\n", "--out", "c.html")
    assert done.returncode == 0 and not (tmp_path / "c.html").exists()
    assert "no graphs to compare: net.py never came through a backward() under wengert and PyTorch" in done.stdout
    done = drawn(tmp_path, "import torch\nw = torch.ones(2, requires_grad=True)\nw.sum().backward()\n"
                 "print(1)\nraise SystemExit(3)\n", "--out", "c.html")
    assert done.returncode == 1 and "are the same: 2 nodes" in done.stdout and "fails under both" in done.stdout
    done = drawn(tmp_path, "print(1)\n", "--out", "c.png")
    assert done.returncode == 2 and "a file that ends in .html or .txt was expected" in done.stderr
