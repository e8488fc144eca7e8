"""What a type checker sees of a user's program: every public name, with a type, and misspelt names as errors."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import wengert

pytest.importorskip("mypy", reason="mypy comes with the extra `dev`, and .ci/run runs this with it")

ROOT = Path(wengert.__file__).parents[1]
PACKAGES = """
    amp autograd backends cuda distributed distributions fft func futures hub io jit linalg multiprocessing nn
    nn.attention nn.functional nn.init nn.parameter nn.utils nn.utils.parametrize nn.utils.prune nn.utils.rnn onnx
    optim optim.lr_scheduler optim.swa_utils profiler random serialization special testing utils utils.checkpoint
    utils.data vision vision.datasets vision.io vision.models vision.transforms vision.transforms.functional
    vision.utils
""".split()

PROGRAM = """\
import wengert as torch
import wengert.nn.functional as F
from wengert import nn, optim


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.rest = nn.ModuleList([nn.Linear(3, 3)])

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> tuple[torch.Tensor, float]:
        for layer in self.rest:
            x = torch.add(layer(self.first(x)), x)
        return F.relu(x), scale


@torch.no_grad()
def measure(net: Net, x: torch.Tensor) -> float:
    return float(net(x)[0].sum())


net, x = Net(), torch.tensor([1.0, 2.0])
optimizer = optim.Adam(net.parameters(), lr=1e-3)
"""

TYPES = {
    "x": "Tensor",
    "torch.zeros(2, 3, dtype=torch.float64)": "Tensor",
    "torch.exp(x)": "Tensor",
    "torch.sum(x, dim=0)": "Tensor",
    "torch.sub(x, x, alpha=2, out=x)": "Tensor",
    "torch.exp_(x)": "Tensor",
    "torch.split(x, 1)": "tuple[Tensor, ...]",
    "torch.conv1d(x, x)": "Tensor",
    "torch.is_tensor(x)": "bool",
    "torch.cuda.is_available()": "bool",
    "torch.float": "DType",
    "torch.device('cpu')": "device",
    "nn.Linear(2, 3)": "Linear",
    "nn.Linear(2, 3)(x)": "Tensor",
    "nn.LSTMCell(2, 3)(x)": "tuple[Tensor, Tensor]",
    "nn.CrossEntropyLoss()(x, target=x)": "Tensor",
    "net(x, 2.0)": "tuple[Tensor, float]",
    "net.first(x)": "Tensor",
    "F.relu(x)": "Tensor",
    "F.cross_entropy(x, x)": "Tensor",
    "optimizer": "Adam",
    "torch.optim.lr_scheduler.StepLR(optimizer, 3)": "StepLR",
    "torch.utils.data.DataLoader([1, 2])": "DataLoader[int]",
    "torch.distributions.Normal(0.0, 1.0)": "Normal",
    "torch.vision.models.resnet18()": "ResNet",
    "torch.graph(x)": "Graph",
    "measure": "def (net: Net, x: Tensor) -> float",
}

WRONG = [
    "torch.tensr(1)", "nn.Liner(2, 3)", "F.rlu(x)", "optim.Adm", "torch.optim.lr_scheduler.StpLR", "torch.autocst",
    "torch.utils.data.DataLoder", "torch.linalg.nrm", "torch.nn.utils.clip", "torch.distributions.Norml", "torch.vison",
    "net('x')", "net(x, x)", "nn.Linear(2, 3)(1.0)", "net(x)[0] + net(x)[1].upper()",
]


def public_names() -> list[str]:
    faces = [("torch", wengert), *((f"torch.{name}", import_module(f"wengert.{name}")) for name in PACKAGES)]
    return [f"{name}.{each}" for name, face in faces for each in getattr(face, "__all__", ())]


@functools.cache
def answers() -> dict[str, str]:
    """What mypy says of each statement, after `PROGRAM`; strict, for then only what is said to be public is seen."""
    statements = [*(f"reveal_type({expression})" for expression in [*TYPES, *public_names()]), *WRONG]
    source = PROGRAM + "".join(f"{statement}\n" for statement in statements)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={os.devnull}",
               "--follow-imports=silent", "--no-error-summary", "--command", source]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    found: dict[int, str] = {}
    for line in done.stdout.splitlines():
        where = re.search(r"<string>:(\d+): (.*)", line)
        assert where, line
        found.setdefault(int(where[1]), where[2])
    first = PROGRAM.count("\n") + 1
    assert min(found) >= first, done.stdout[:2000]
    return {statement: found.get(number, "") for number, statement in enumerate(statements, first)}


def type_of(expression: str) -> str:
    """The type of an expression, without the modules of classes."""
    said = answers()[f"reveal_type({expression})"].removeprefix('note: Revealed type is "').removesuffix('"')
    return re.sub(r"\b([a-z_]\w*\.)+", "", said)


def test_types_of_what_users_write() -> None:
    assert {expression: type_of(expression) for expression in TYPES} == TYPES


def test_every_public_name_has_a_type() -> None:
    names = public_names()
    assert len(names) > 1200
    types = {name: type_of(name) for name in names}
    assert {name: found for name, found in types.items() if found in ("", "Any") or found.startswith("error")} == {}


def test_misspelt_names_and_wrong_arguments_are_errors() -> None:
    assert [line for line in WRONG if not answers()[line].startswith("error: ")] == []
