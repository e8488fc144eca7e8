"""Collectives of every kind and dtype, checked on every rank."""

from __future__ import annotations

import pytest

from tests.distributed.ranks import launch


@pytest.mark.parametrize("ranks", [2, 3])
def test_collectives(ranks: int) -> None:
    done = launch("collectives.py", ranks=ranks)
    assert done.code == 0, done.err
    assert all(done.lines(rank) == ["all is well"] for rank in range(ranks))
