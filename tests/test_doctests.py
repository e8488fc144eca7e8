"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import wengert

ROOT = Path(__file__).parent.parent
MODULES = ["wengert", *(module.name for module in walk_packages(wengert.__path__, "wengert."))]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    wengert.manual_seed(0)
    assert doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_examples_in_documents(name: str) -> None:
    results = doctest.testfile(str(ROOT / name), module_relative=False, encoding="utf-8")
    assert results.attempted > 0
    assert results.failed == 0
