"""`wengert graph` and `wengert doctor`: programs run as they are, and what is said of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = "import torch\nfrom torch import nn\nF = nn.functional\ntorch.manual_seed(0)\n"
GOOD = HEAD + """
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
x, y = torch.randn(12, 4), torch.randint(3, (12,))
for step in range(5):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
model.eval()
with torch.no_grad():
    print(f"{F.cross_entropy(model(x), y).item():.4f}")
"""


def command(folder: Path, name: str, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "train.py").write_text(source, encoding="utf-8")
    return subprocess.run([sys.executable, "-m", "wengert.cli", name, *options, "train.py"], cwd=folder,
                          capture_output=True, text=True, timeout=60)


def test_a_good_program_prints_what_it_prints_and_nothing_is_found(tmp_path: Path) -> None:
    plain = command(tmp_path, "run", GOOD)
    done = command(tmp_path, "doctor", GOOD)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == plain.stdout + "doctor: nothing found\n"


@pytest.mark.parametrize("old, new, kinds", [
    ("    optimizer.zero_grad()\n", "", ["not_zeroed"]),
    ("model.eval()\n", "", ["train_mode"]),
    ("lr=0.01", "lr=300", ["learning_rate"]),
    ("F.cross_entropy(model(x), y)\n", "F.cross_entropy(F.softmax(model(x), 1), y)\n", ["twice"]),
    ("F.cross_entropy(model(x), y)\n", "F.nll_loss(model(x), y)\n", ["not_log"]),
    ("F.cross_entropy(model(x), y)\n", "((model(x)[:, :1] - y) ** 2).mean()\n", ["broadcast"]),
    ("model(x), y)\n", "model(x.detach()).detach().requires_grad_(), y)\n", ["cut"]),
    ("torch.optim.Adam(model.parameters()", "torch.optim.Adam(model[0].parameters()", ["not_optimized"]),
    ("torch.optim.Adam(model.parameters()", "torch.optim.Adam(nn.Linear(4, 8).parameters()", ["not_optimized"]),
    ("model.eval()\n", "model.eval()\nfor _ in range(0): pass\n", []),
    ("loss.backward()\n    optimizer.step()\n", "optimizer.step()\n    loss.backward()\n", ["no_gradient"]),
    ("loss.backward()\n", "loss.backward()\n    optimizer.zero_grad()\n", ["no_gradient"]),
    ("F.cross_entropy(model(x), y)\n", "F.cross_entropy(model[3](model[:2](x).detach()), y)\n", ["cut"]),
    ("F.cross_entropy(model(x), y)\n", "(model(x).argmax(1) != y).float().mean()\n", ["no_history"]),
    ("F.cross_entropy(model(x), y)\n", "-(model(x).log_softmax(1) * F.one_hot(y, 3)).sum()\n", []),
    ("nn.ReLU()", "nn.BatchNorm1d(8), nn.ReLU()", []),
], ids=lambda value: value if isinstance(value, str) and len(value) < 20 else None)
def test_what_is_wrong_is_found(tmp_path: Path, old: str, new: str, kinds: list[str]) -> None:
    assert old in GOOD
    done = command(tmp_path, "doctor", GOOD.replace(old, new))
    heads = [line for line in done.stdout.splitlines() if line[:1].isdigit() and "[" in line]
    found = [line.split("[")[1].split("]")[0] for line in heads]
    assert set(kinds) <= set(found) and (found == [] if not kinds else done.returncode == 1), done.stdout + done.stderr
    assert all("train.py:" in line for line in heads)


def test_two_networks_that_play_against_each_other_are_no_finding(tmp_path: Path) -> None:
    source = HEAD + """
made, told = nn.Linear(2, 2), nn.Linear(2, 1)
of_made, of_told = torch.optim.SGD(made.parameters(), 0.01), torch.optim.SGD(told.parameters(), 0.01)
for step in range(4):
    false = made(torch.randn(8, 2))
    of_told.zero_grad()
    (F.softplus(told(false.detach())).mean() + F.softplus(-told(torch.randn(8, 2))).mean()).backward()
    of_told.step()
    of_made.zero_grad()
    F.softplus(-told(false)).mean().backward()
    of_made.step()
"""
    done = command(tmp_path, "doctor", source)
    assert (done.returncode, done.stdout, done.stderr) == (0, "doctor: nothing found\n", "")


def test_a_target_network_that_no_optimizer_holds_is_no_finding(tmp_path: Path) -> None:
    source = HEAD + """
policy, target = nn.Linear(4, 3), nn.Linear(4, 3)
target.load_state_dict(policy.state_dict())
optimizer = torch.optim.SGD(policy.parameters(), 0.01)
for step in range(4):
    x, wanted = torch.randn(8, 4), torch.zeros(8)
    with torch.no_grad():
        wanted[:] = 1 + target(x).max(1).values
    optimizer.zero_grad()
    F.mse_loss(policy(x).max(1).values, wanted).backward()
    optimizer.step()
"""
    done = command(tmp_path, "doctor", source)
    assert (done.returncode, done.stdout, done.stderr) == (0, "doctor: nothing found\n", "")


def test_a_label_outside_the_classes_is_a_finding_of_a_program_that_fails(tmp_path: Path) -> None:
    source = GOOD.replace("F.cross_entropy(model(x), y)", "nn.CrossEntropyLoss()(model(x), y + 1)")
    done = command(tmp_path, "doctor", source)
    assert done.returncode == 1 and "IndexError" in done.stderr or "Error" in done.stderr
    assert "[labels] the targets go from 1 to 3" in done.stdout


def test_the_graph_of_the_last_loss_is_drawn(tmp_path: Path) -> None:
    done = command(tmp_path, "graph", GOOD, "--out", "graph.json")
    assert done.stderr == "" and done.returncode == 0
    assert done.stdout.splitlines()[-1] == "the graph behind backward() number 5 of 5, in train.py:12: graph.json"
    graph = json.loads((tmp_path / "graph.json").read_text())
    operations = [node["operation"] for node in graph["nodes"] if node["kind"] == "operation"]
    assert operations.count("linear") == 2 and "relu" in operations
    names = {node.get("name") for node in graph["nodes"]}
    assert {"loss", "0.weight", "3.bias"} <= names
    assert all(node.get("gradient") for node in graph["nodes"] if node["kind"] == "leaf")


def test_the_graph_of_a_line(tmp_path: Path) -> None:
    source = "import torch\nw = torch.tensor(2.0, requires_grad=True)\n(w * 3).backward()\n(w + 1).backward()\n"
    for at, operation in (("3", "mul"), ("train.py:4", "add")):
        done = command(tmp_path, "graph", source, "--at", at, "--out", "graph.json")
        assert done.returncode == 0
        graph = json.loads((tmp_path / "graph.json").read_text())
        assert [node["operation"] for node in graph["nodes"] if node["kind"] == "operation"] == [operation]
    done = command(tmp_path, "graph", source, "--at", "9")
    assert done.returncode == 1 and done.stderr.startswith("wengert graph: train.py never called backward() in line 9")
    assert done.stderr.endswith("it did in train.py:3, train.py:4\n")


@pytest.mark.parametrize("options, source, said", [
    (("--out", "x.txt"), GOOD, "argument --out: expected a file that ends in"),
    (("--out", "nowhere/x.svg"), GOOD, "argument --out: no folder 'nowhere'"),
    (("--at", "first"), GOOD, "argument --at: expected a line"),
    ((), "print(1)\n", "train.py never called backward()"),
    ((), "def f(:\n", "'train.py' is no program: a script in Python was expected; line 1: invalid syntax"),
])
def test_what_cannot_be_drawn_is_said_in_one_line(tmp_path: Path, options: tuple[str, ...], source: str, said: str
                                                  ) -> None:
    done = command(tmp_path, "graph", source, *options)
    assert done.returncode in (1, 2) and done.stderr.count("\n") == 1 and said in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_texts_print_on_any_terminal(encoding: str, tmp_path: Path) -> None:
    source = ("import wengert as torch\nw, x = (torch.ones(2, 2, requires_grad=True) for _ in range(2))\n"
              "g = torch.graph((torch.nn.functional.relu(w @ x) ** 2).sum(), gradients=True)\nprint(g)\n"
              "print(g.explain('w'))\nprint(torch.summary(torch.nn.Linear(2, 3), torch.ones(1, 2)))\n"
              "print(torch.nn.Linear(2, 3), w)\n")
    (tmp_path / "train.py").write_text(source, encoding="utf-8")
    done = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, capture_output=True, timeout=60,
                          env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding)
    assert "parameters" in text and "?" not in text
    assert ("∂" in text) == (encoding == "utf-8")


def test_a_loss_made_anew_is_found_without_a_model(tmp_path: Path) -> None:
    source = ("import torch\nw = torch.tensor(1.0, requires_grad=True)\nloss = (w - 2) ** 2\n"
              "loss = torch.tensor(loss.item(), requires_grad=True)\nloss.backward()\n")
    done = command(tmp_path, "doctor", source)
    assert done.returncode == 1 and "[leaf] backward() runs on a leaf" in done.stdout and "train.py:5" in done.stdout
    assert "cure: call backward() on the loss as it was computed" in done.stdout
    done = command(tmp_path, "doctor", source.replace("torch.tensor(loss.item(), requires_grad=True)", "loss * 1"))
    assert done.returncode == 0 and "nothing found" in done.stdout
