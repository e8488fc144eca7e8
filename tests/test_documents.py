"""What the documents show is true: the examples in docstrings and in the README run, and so does the worked example."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import numpy as np
import pytest

import wengert

ROOT = Path(__file__).parent.parent
# Importing this one is what makes a spawned process see wengert as torch: not for the process of the tests.
PRELOAD = "wengert.compat.preload"
FOUND = (module.name for module in walk_packages(wengert.__path__, "wengert."))
MODULES = ["wengert", *(name for name in FOUND if name != PRELOAD)]

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# What every reader of an example takes to be imported.
NAMES = {"wengert": wengert, "torch": wengert, "nn": wengert.nn, "np": np}


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    wengert.manual_seed(0)
    results = doctest.testmod(import_module(name), extraglobs=NAMES, optionflags=FLAGS)
    assert results.failed == 0


def test_examples_in_the_readme() -> None:
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False, encoding="utf-8")
    assert results.attempted > 10
    assert results.failed == 0


def test_the_primitive_of_the_worked_example(tmp_path: Path) -> None:
    """Adds the code of CONTRIBUTING.md to a copy of wengert and runs the tests that it names there."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shutil.copytree(ROOT / "wengert", tmp_path / "wengert", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__", "peer"))
    blocks = re.findall(r"```python\n# (wengert/\S+)\n(.*?)```", text, re.DOTALL)
    assert [path for path, _ in blocks] == ["wengert/prims/mathematics.py", "wengert/ops/pointwise.py"]
    for path, code in blocks:
        with (tmp_path / path).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{code}")
    tests = ["tests/test_primitives.py", "tests/test_compiler_kernels.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "log_cosh or with_a_lower_rule", *tests],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 9
