"""``%load_ext wengert``: ``import torch`` in a running session, and how it ends."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

import wengert


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)


def test_the_extension_makes_torch_wengert_and_gives_back_what_was_there() -> None:
    program = """
import sys, types
other = sys.modules["torch"] = types.ModuleType("torch")
import wengert
wengert.load_ipython_extension(None)
wengert.load_ipython_extension(None)
import torch, torchvision.transforms, torch.nn as nn
assert torch is not other and torch.Tensor is wengert.Tensor and nn is wengert.nn
assert torchvision.transforms is wengert.vision.transforms
wengert.unload_ipython_extension(None)
import torch
assert torch is other and "torchvision" not in sys.modules
wengert.unload_ipython_extension(None)
print("done")
"""
    done = run(program)
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


@pytest.mark.parametrize("program", [
    "import wengert; wengert.load_ipython_extension(None); import torch; print(torch.__version__)",
    "import sys; from wengert.compat import torch_is_wengert; sys.kept = torch_is_wengert(); sys.kept.__enter__()\n"
    "import torch; print(torch.__version__)",
])
def test_the_interpreter_ends_quietly(program: str) -> None:
    done = run(program)
    assert (done.stdout, done.stderr, done.returncode) == ("2.13.0\n", "", 0)


@pytest.mark.skipif(importlib.util.find_spec("IPython") is None, reason="needs IPython")
def test_ipython_loads_and_unloads_it() -> None:
    program = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def cell(source):
    shell.run_cell(source).raise_error()
cell("%load_ext wengert")
cell("import torch; x = torch.ones(2, requires_grad=True); (x * x).sum().backward()")
cell("assert torch.__version__ == '2.13.0' and x.grad.tolist() == [2.0, 2.0]")
cell("%load_ext wengert")
cell("%unload_ext wengert")
cell("import sys; assert 'torch' not in sys.modules or not hasattr(sys.modules['torch'], 'load_ipython_extension')")
print("done")
"""
    done = run(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "done"


def test_the_names_are_part_of_the_face() -> None:
    assert {"load_ipython_extension", "unload_ipython_extension"} <= set(dir(wengert))
