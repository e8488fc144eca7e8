"""The examples of the reference's pages about several processes, each in a world of one."""

import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("page", [page for page in reference.PAGES if page.startswith(PROCESSES)])
def test_the_examples_show_what_comes(page, tmp_path):
    found = subprocess.run([sys.executable, "-c", RUN, page, str(tmp_path)], cwd=ROOT, capture_output=True, text=True,
                           timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr
