"""Which names of torch the source of each package asks for in vain: ``missing_names.txt`` keeps them, a line a package,
and may only shrink. `wengert check PACKAGE` shows them by file and line."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from wengert.compat.check import missing_names

KEPT = dict(line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in
            (Path(__file__).parent / "missing_names.txt").read_text("utf-8").splitlines())
MOST = 0


@pytest.mark.parametrize("package", KEPT)
def test_no_name_is_missing_but_those_that_are_kept(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"not installed: {package}")
    assert set(missing_names(package)) <= set(KEPT[package].split())


def test_the_list_only_shrinks() -> None:
    assert sum(len(names.split()) for names in KEPT.values()) <= MOST
