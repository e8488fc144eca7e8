"""Packages that stand on PyTorch, run on wengert: small real programs whose numbers are those that PyTorch gives.

The programs in ``programs/`` are plain PyTorch; each prints lines of a word and numbers. ``numbers/`` keeps what they
printed under PyTorch; where PyTorch is installed, that is held true as well. A program whose packages are not installed
(``pip install --no-deps -r tests/packages/requirements.txt``) is skipped.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packages.table import rows, table

HERE = Path(__file__).parent
PROGRAMS = sorted((HERE / "programs").glob("*.py"))
# torchvision's wheels need PyTorch's libraries for CUDA; beside a PyTorch for the CPU it stumbles over the absence of
# two operators, which are declared here: nothing that is compared uses them. Without it, programs that import it are
# skipped.
UNDER_PYTORCH = """
import runpy, sys, torch
library = torch.library.Library('torchvision', 'FRAGMENT')
try:
    import torchvision
except RuntimeError:
    for name in ('nms', 'qnms'):
        library.define(name + '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    for name in [name for name in sys.modules if name.partition('.')[0] == 'torchvision']:
        del sys.modules[name]
except ImportError:
    pass
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""
TORCHVISION = {"timm"}
"""What imports torchvision, which wengert has and PyTorch has not."""

RELATIVE, ABSOLUTE = 1e-3, 1e-5
"""Iterations on float32 drift: NUTS, adaptive solvers and attributions agree to some 1e-4, most else to 1e-6."""


def missing(program: Path) -> list[str]:
    """The packages that a program imports and that are not here; torch is always."""
    roots = set()
    for node in ast.walk(ast.parse(program.read_text())):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add(str(node.module).partition(".")[0])
    return sorted(root for root in roots - {"torch"} if importlib.util.find_spec(root) is None)


def printed(command: list[str]) -> list[list[str]]:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}  # programs share `printing`
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return [line.split() for line in done.stdout.splitlines()]


def hold_alike(found: list[list[str]], program: Path) -> None:
    kept = [line.split() for line in (HERE / "numbers" / f"{program.stem}.txt").read_text().splitlines()]
    assert [(line[0], len(line)) for line in found] == [(line[0], len(line)) for line in kept]
    for line, expected in zip(found, kept, strict=True):
        assert [float(x) for x in line[1:]] == pytest.approx([float(x) for x in expected[1:]], rel=RELATIVE,
                                                             abs=ABSOLUTE, nan_ok=True), line[0]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_a_package_gives_pytorchs_numbers(program: Path) -> None:
    absent = missing(program)
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}")
    hold_alike(printed([sys.executable, "-m", "wengert", "run", str(program)]), program)


@pytest.mark.parametrize("program", sorted((HERE / "programs").glob("*_dispatch.py")), ids=lambda program: program.stem)
def test_tensors_are_dispatched_on_by_their_namespace(program: Path) -> None:
    """Without a module that is called torch: `Tensor.__array_namespace__` is all that the package knows of wengert."""
    absent = missing(program)
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}")
    source = program.read_text("utf-8")
    assert "\nimport torch\n" in source
    source = source.replace("\nimport torch\n", "\nimport wengert as torch\n")
    hold_alike(printed([sys.executable, "-c", source]), program)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_the_numbers_are_those_of_pytorch(program: Path) -> None:
    absent = missing(program)
    if program.stem.partition("_")[0] in TORCHVISION and importlib.util.find_spec("torchvision") is None:
        absent.append("torchvision")
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}")
    hold_alike(printed([sys.executable, "-c", UNDER_PYTORCH, str(program)]), program)


def test_the_pages_list_what_runs() -> None:
    """If not: `python -m tests.packages.table`, into docs/run.md; and the names into README.md."""
    root = HERE.parent.parent
    assert table() in (root / "docs" / "run.md").read_text("utf-8")
    readme = (root / "README.md").read_text("utf-8")
    assert [name for name, _, _ in rows() if name not in readme] == []
