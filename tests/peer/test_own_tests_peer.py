"""``tools.own_tests``: a file of tests in the manner of PyTorch's, run on either side."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FILE = '''
import torch
from torch.testing._internal.common_device_type import dtypes, instantiate_device_type_tests
from torch.testing._internal.common_utils import TestCase, gradcheck, run_tests


class TestPlain(TestCase):
    def test_equal(self):
        self.assertEqual(torch.ones(2) * 2, torch.full((2,), 2.0))

    def test_gradcheck(self):
        self.assertTrue(gradcheck(torch.sin, torch.rand(3, dtype=torch.double, requires_grad=True)))

    def test_fails_everywhere(self):
        self.assertEqual(1, 2)

    def test_knows_its_library(self):
        self.assertFalse("wengert" in torch.nn.Module.__module__)


class TestDevices(TestCase):
    @dtypes(torch.float32, torch.float64)
    def test_sum(self, device, dtype):
        self.assertEqual(torch.ones(3, device=device, dtype=dtype).sum(), 3.0, exact_dtype=False)


instantiate_device_type_tests(TestDevices, globals(), only_for="cpu")

if __name__ == "__main__":
    run_tests()
'''


def test_a_file_on_either_side(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(FILE, "utf-8")
    done = subprocess.run([sys.executable, "-m", "tools.own_tests", str(file), "--failing"], capture_output=True,
                          text=True, check=True, cwd=Path(__file__).parents[2])
    lines = done.stdout.splitlines()
    assert lines[0].startswith("test_it.py: 5 pass on PyTorch, 4 of these on wengert (80.0 %)"), done
    assert lines[1].strip().startswith("TestPlain.test_knows_its_library: fail: AssertionError"), lines
    assert lines[2].startswith("all: 5 pass on PyTorch, 4 of these"), lines


@pytest.mark.parametrize("name", ["serialization", "loading"])
def test_what_has_no_database(name: str) -> None:
    """Each statement of saving, and of loading data, holds on both and records the same."""
    file = Path(__file__).parents[2] / "tools" / "own_tests" / "cases" / f"{name}.py"
    done = subprocess.run([sys.executable, "-m", "tools.own_tests", str(file), "--failing"], capture_output=True,
                          text=True, check=True, cwd=Path(__file__).parents[2])
    assert " (100.0 %)" in done.stdout.splitlines()[0], done.stdout
    stated = file.read_text("utf-8").count("    def test_")
    assert done.stdout.startswith(f"{name}.py: {stated} pass on PyTorch"), done.stdout
