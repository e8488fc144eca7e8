"""Several processes need MPI, which is an extra: without it every test here is skipped, and says so."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_spec("mpi4py") is None:
        for item in items:
            if "/distributed/" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason="needs pip install 'wengert[distributed]'"))
