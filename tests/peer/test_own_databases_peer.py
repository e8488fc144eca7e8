"""PyTorch's databases of layers, optimisers and functions with a backward of their own: samples of the walk that
`python -m tools.own_tests` makes of all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("expecttest", reason="PyTorch's testing modules need it: pip install expecttest")

SAMPLES = {
    "modules": r"_nn_(Linear|LazyConv1d|Conv2d|BatchNorm1d|CircularPad2d|MultiMarginLoss)_.*float32",
    "optimizers": r"_(SGD|Adam|Adafactor|NAdam|Muon|SparseAdam)_cpu_(float32|complex64)",
    "tape": r"Test(Modes|Checkpoint|Functions|TensorHooks)\.",
    "functions": r"(Cube|Sort|DefaultArgs)AutogradFunction_|CrossMapLRN2d|test_loss_(PoissonNLLLoss|NLLLoss)",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_of_a_database(name: str) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tools.own_tests", f"tools/own_tests/cases/{name}.py", "--only", SAMPLES[name],
               "--failing"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    head, *failing = done.stdout.splitlines()
    assert int(head.split()[1]) > 20, done
    assert len(failing) == 1, done.stdout  # the line of the sum
