"""A rank that fails, in every way: all ranks end soon, with a message that says who and where."""

from __future__ import annotations

import math
import mmap
import os
import re
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.distributed.ranks import BOUND, launch, unused_shared_memory
from wengert.distributed.output import Screen
from wengert.distributed.run import KILLED_AFTER
from wengert.distributed.watch import GRACE
from wengert.distributed.world import LEFT

LINE = r"all_reduce SUM of float32 \[3\] at \S+failing.py:\d+"
ENDINGS = {
    "raises": (1, r"ValueError: bad luck"),
    "exits": (3, r"rank 1 has left, its program ended, and rank \d waits for it in collective 3, " + LINE),
    "returns": (1, r"rank 1 has left, its program ended, and rank \d waits for it in collective 3, " + LINE),
    "leaves": (1, r"rank 1 \(\S+, process \d+\) ended without a word: it was killed, or left by os._exit"),
    "is killed": (137, r"rank 1 \(\S+, process \d+\) ended without a word"),
    "is stopped": (1, r"rank 1 \(\S+, process \d+\) (does not answer|has been silent for \d+ s): it is stopped"),
    "calls another": (1, r"got ranks? 0(, 2, 3)?: collective 3, " + LINE
                      + r"; rank 1: collective 3, broadcast from 0 of float32 \[3\] at \S+failing.py:\d+"),
    "has another shape": (1, r"got ranks? 0(, 2, 3)?: collective 3, " + LINE
                          + r"; rank 1: .* float32 \[4\] at \S+failing.py:\d+"),
    "has another dtype": (1, r"got ranks? 0(, 2, 3)?: collective 3, " + LINE
                          + r"; rank 1: .* int32 \[3\] at \S+failing.py:\d+"),
    "misses a key": (1, r"DistStoreError: \[HashStore.wait\] keys were expected within 0.1 s; never did not come"),
    "is late": (1, r"rank \d waited 3 s for the others in collective 3, " + LINE
                + r"; (rank 0 .*; )?rank 1 last called collective 2, .*, and is at \S+failing.py:\d+"),
    "sends nothing": (1, r"rank \d waited 3 s for the others in "),
    "has no such name": (1, r"failing.py:\d+: torch.no_such_name is not a name of PyTorch"),
    "is cut off": (1, r"rank 1 .* ended without a word|connection to the server of rank 0 was lost"),
}


@pytest.mark.parametrize(("what", "ranks"), [*((what, 2) for what in ENDINGS), ("raises", 4), ("is killed", 4),
                                             ("is stopped", 4), ("calls another", 4)])
def test_all_ranks_end_and_say_why(what: str, ranks: int) -> None:
    code, words = ENDINGS[what]
    done = launch("failing.py", what, ranks=ranks)
    ended = time.time()
    assert done.code == code, done
    assert ended - float(done.lines(1)[0]) < BOUND, done
    assert re.search(words, done.err), done.err
    assert done.err.count("Traceback (most recent call last)") <= 1, done.err
    assert "wengert launch: rank" in done.err


def test_after_a_failure_nobody_is_given_two_seconds() -> None:
    """What the program and the launcher wait for, by design; how busy the machine is comes on top."""
    assert LEFT + KILLED_AFTER < 2.0 and GRACE < KILLED_AFTER


def test_a_rank_that_waited_for_another_to_begin_is_not_thought_silent_later() -> None:
    done = launch("late_beginning.py", "3")
    assert (done.code, done.lines(0), done.lines(1)) == (0, ["12.0"], ["12.0"]), done


def test_threads_run_while_mpi_begins() -> None:
    done = launch("slow_beginning.py", "in the end")
    assert done.code == 0 and int(done.lines(0)[0]) >= 10, done  # of some ninety


def test_a_rank_that_is_killed_while_mpi_begins() -> None:
    done = launch("slow_beginning.py", "is killed")
    ended = time.time()
    assert done.code == 137 and ended - float(done.lines(1)[0]) < BOUND, done
    assert re.search(r"rank 1 \(\S+, process \d+\) ended without a word", done.err), done.err


STARTS = """import subprocess, sys, time, torch.distributed as dist
dist.init_process_group()
if dist.get_rank() == 1:
    subprocess.Popen(["sleep", "{}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session={})
    {}
time.sleep({})
"""


def test_what_a_failed_rank_started_ends_too(tmp_path: Path) -> None:
    program = tmp_path / "starts.py"
    program.write_text(STARTS.format(60, False, "sys.exit(3)", 30))
    assert launch(program).code == 3


@pytest.mark.parametrize("codes", [(15, -signal.SIGKILL), (-signal.SIGKILL, 15), (15, -signal.SIGBUS, -signal.SIGKILL)])
def test_of_ranks_that_ended_without_a_word_one_that_was_killed_was_the_first(codes: tuple[int, ...]) -> None:
    ranks: Any = [SimpleNamespace(follows=False, told=-math.inf, held=[], raised=math.inf,
                                  process=SimpleNamespace(returncode=code)) for code in codes]
    screen: Any = SimpleNamespace(ranks=ranks)
    assert Screen.release_first(screen, ranks) is ranks[codes.index(-signal.SIGKILL)]


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_rank_that_is_killed_while_mpi_begins_leaves_nothing(ranks: int) -> None:
    done = launch("killed_beginning.py", ranks=ranks)  # which fails where a segment of shared memory is left
    assert done.code == 128 + signal.SIGKILL, done


def test_a_process_that_is_left_is_found(tmp_path: Path) -> None:
    program = tmp_path / "leaves.py"
    program.write_text(STARTS.format(10, True, "pass", 0))
    with pytest.raises(AssertionError, match="a process is left"):
        launch(program)


def test_a_segment_that_is_left_is_found() -> None:
    before = unused_shared_memory()
    segment = Path(f"/dev/shm/mpich_shm_test_{os.getpid()}")
    with segment.open("w+b") as file:
        file.truncate(4096)
        with mmap.mmap(file.fileno(), 4096):
            assert segment.name not in unused_shared_memory()
    try:
        assert segment.name in unused_shared_memory() - before
    finally:
        segment.unlink()
