"""`DistributedDataParallel`, `SyncBatchNorm`, `ZeroRedundancyOptimizer`: several ranks give what one process gives."""

from __future__ import annotations

import re

import pytest

from tests.distributed.ranks import PROGRAMS, launch

CASES = re.findall(r"^def case_(\w+)", (PROGRAMS / "data_parallel.py").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_weights_are_those_of_one_process(ranks: int) -> None:
    done = launch("data_parallel.py", ranks=ranks)
    assert done.code == 0, done.err
    assert done.lines(0) == CASES
