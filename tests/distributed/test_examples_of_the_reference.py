"""The examples of several processes, each in a world of one: of the reference's pages, and of modules behind them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import test_documents
from tests.test_reference import PROCESSES
from tools import reference

ROOT = Path(__file__).parents[2]
RUN = """
import sys
from pathlib import Path
import pytest
from tests.test_reference import failures
with pytest.MonkeyPatch.context() as monkeypatch:
    sys.exit(failures(sys.argv[1], Path(sys.argv[2]), monkeypatch))
"""
RUN_MODULES = """
import sys
from importlib import import_module
from tests.test_documents import failures
wrong = [name for name in sys.argv[1:] if failures(import_module(name))]
sys.exit(f"examples of {wrong}" if wrong else 0)
"""


@pytest.mark.parametrize("page", [page for page in reference.PAGES if page.startswith(PROCESSES)])
def test_the_examples_show_what_comes(page, tmp_path):
    found = subprocess.run([sys.executable, "-c", RUN, page, str(tmp_path)], cwd=ROOT, capture_output=True, text=True,
                           timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_examples_in_docstrings_of_the_modules():
    names = [name for name in test_documents.MODULES if name.startswith(test_documents.PROCESSES)]
    assert len(names) > 20
    found = subprocess.run([sys.executable, "-c", RUN_MODULES, *names], cwd=ROOT, capture_output=True, text=True,
                           timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr
