"""A run that is killed and started again from rank 0's checkpoint comes to the weights of one that was not."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.distributed.ranks import PROGRAMS, Mark, ends, eventually, launch, started, unused_shared_memory

SEEDS = range(int(os.environ.get("WENGERT_TEST_KILLS", "3")))
"""More of them: ``WENGERT_TEST_KILLS=50 pytest tests/distributed/test_restarting.py``."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    done = launch("restarting.py", str(tmp_path_factory.mktemp("whole")), "-1")
    assert done.code == 0, done.err
    begun, weights = done.lines(0)[-1].split(" ", 1)
    assert begun == "0"
    return weights


def test_a_rank_that_kills_itself(undisturbed: str, tmp_path: Path) -> None:
    again = launch("restarting.py", str(tmp_path), "7", options=("--max-restarts", "1"))
    assert again.code == 0 and "starts all ranks again (1 of 1)" in again.err, again
    resumed, weights = again.lines(0)[-1].split(" ", 1)
    assert weights == undisturbed and resumed in ("7", "8")  # rank 0 may have saved once more


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rank_that_is_killed_at_any_moment(undisturbed: str, tmp_path: Path, seed: int) -> None:
    chance, mark, before = random.Random(seed), Mark(), unused_shared_memory()
    launcher = started([sys.executable, "-m", "wengert", "launch", "--nproc-per-node", "2", "--max-restarts", "2",
                        str(PROGRAMS / "restarting.py"), str(tmp_path), "-1", "0.05"],
                       **{Mark.NAME: mark.environment()[Mark.NAME]})
    if chance.random() < 0.8:  # while it trains, and else while it starts
        assert eventually(lambda: (tmp_path / "last.pt").exists() or launcher.poll() is not None, 120)
    time.sleep(chance.uniform(0.0, 0.7))
    ranks = [number for number, line in mark.by_id().items() if " run " in line]
    if ranks:
        os.kill(chance.choice(ranks), signal.SIGKILL)
    [(code, out, err)] = ends([launcher])
    assert code == 0 and (not ranks or "starts all ranks again (1 of 2)" in err), (out, err)
    assert out.splitlines()[-1].split(" ", 2)[2] == undisturbed, (out, err)
    assert eventually(lambda: mark.processes() == []), mark.processes()
    assert eventually(lambda: unused_shared_memory() <= before)
