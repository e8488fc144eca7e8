"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

import wengert

MODULES = ["wengert", *(module.name for module in walk_packages(wengert.__path__, "wengert."))]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    wengert.manual_seed(0)
    assert doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
