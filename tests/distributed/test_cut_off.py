"""The control channel is cut, its server stopped or killed, or who started the ranks is killed: all end and say why."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.distributed.proxy import Proxy
from tests.distributed.ranks import BOUND, PROGRAMS, Mark, ends, eventually, free_port, started, unused_shared_memory
from wengert.core import tether

STEADY = str(PROGRAMS / "steady.py")


class Job:
    """Two ranks that reduce again and again, started by hand or by the launcher, and what is left of them."""

    def __init__(self, commands: list[list[str]], variables: list[dict[str, str]]) -> None:
        self.mark, self._before = Mark(), unused_shared_memory()
        word = {Mark.NAME: self.mark.environment()[Mark.NAME]}
        self.processes = [started(command, **each, **word) for command, each in zip(commands, variables, strict=True)]

    def wait(self, lines: int) -> None:
        """Waits until each process has printed so many lines: until all ranks are there."""
        for process in self.processes:
            assert process.stdout is not None
            for _ in range(lines):
                assert "there" in process.stdout.readline(), process.communicate()

    def end(self, bound: float = BOUND) -> tuple[list[tuple[int, str, str]], float]:
        """How the processes end, and within how many seconds; nothing of them is left."""
        began = time.monotonic()
        found = ends(self.processes, bound)
        took = time.monotonic() - began
        self.check_that_nothing_is_left()
        return found, took

    def check_that_nothing_is_left(self) -> None:
        assert eventually(lambda: self.mark.processes() == []), self.mark.processes()
        assert eventually(lambda: unused_shared_memory() <= self._before)


def by_hand(ports: list[str], **more: str) -> Job:
    return Job([[sys.executable, STEADY]] * 2, [
        {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, **more}
        for rank, port in enumerate(ports)])


def by_launcher() -> Job:
    return Job([[sys.executable, "-m", "wengert", "launch", "--nproc-per-node", "2", STEADY]], [{}])


LOST = "nothing was heard of the server of rank 0 for"
SILENT = r"rank 1 \(\S+, process \d+\) has been silent for \d s: it is stopped, or cut off"


@pytest.mark.parametrize(("cut", "words"), [
    (lambda proxy: proxy.cut("in", "out"), (SILENT, LOST)),
    (lambda proxy: proxy.cut("in"), (SILENT, f"{SILENT}|{LOST}")),
    (lambda proxy: proxy.cut("out"), (f"{SILENT}|{LOST}", LOST)),
    (lambda proxy: proxy.close(), ("ended without a word", "connection to the server of rank 0 was lost")),
], ids=["all", "in", "out", "closed"])
def test_a_rank_is_cut_off_from_the_server(cut: Callable[[Proxy], None], words: tuple[str, str]) -> None:
    port = free_port()
    proxy = Proxy(int(port))
    try:
        job = by_hand([port, proxy.port])
        job.wait(1)
        cut(proxy)
        found, _ = job.end()
    finally:
        proxy.close()
    for (code, _, err), word in zip(found, words, strict=True):
        assert code == 1 and re.search(word, err), found


def test_the_server_is_stopped_under_the_launcher() -> None:
    job = by_launcher()
    job.wait(2)
    os.kill(job.mark.server(), signal.SIGSTOP)
    [(code, _, err)], _ = job.end()
    assert code == 1 and LOST in err, err


def test_the_server_is_stopped_that_rank_0_has_started() -> None:
    job = by_hand([free_port()] * 2)
    job.wait(1)
    os.kill(job.mark.server(), signal.SIGSTOP)
    found, _ = job.end()
    assert [code for code, _, _ in found] == [1, 1] and LOST in found[0][2], found
    assert re.search(f"{LOST}|connection to the server of rank 0 was lost", found[1][2]), found  # as rank 0 ends it


def test_the_server_is_killed() -> None:
    job = by_launcher()
    job.wait(2)
    os.kill(job.mark.server(), signal.SIGKILL)
    [(code, _, err)], _ = job.end()
    assert code == 1 and "the connection to the server of rank 0 was lost" in err, err


def test_a_rank_is_killed_before_all_are_there() -> None:
    port = free_port()
    job = by_hand([port] * 2)
    os.kill(job.processes[1].pid, signal.SIGKILL)
    found, _ = job.end(120.0)  # rank 0 has yet to start
    assert found[0][0] == 1 and re.search("2 ranks were expected within 3 s.* rank 1 did not come", found[0][2]), found


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a stopped process cannot notice")
def test_the_launcher_is_killed_while_a_rank_is_stopped() -> None:
    job = by_launcher()
    job.wait(2)
    ranks = [number for number, line in job.mark.by_id().items() if " run " in line]
    assert len(ranks) == 2
    os.kill(ranks[1], signal.SIGSTOP)
    job.processes[0].kill()
    job.processes[0].communicate()
    job.check_that_nothing_is_left()


SPAWNS = """import time, torch.multiprocessing as mp
def wait(number):
    print("there", flush=True)
    time.sleep(60)
if __name__ == "__main__":
    mp.spawn(wait, nprocs=2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a stopped process cannot notice")
def test_who_spawned_is_killed_while_a_process_is_stopped(tmp_path: Path) -> None:
    program = tmp_path / "spawns.py"
    program.write_text(SPAWNS)
    job = Job([[sys.executable, "-m", "wengert", "run", str(program)]], [{}])
    job.wait(2)
    children = [number for number, line in job.mark.by_id().items() if "spawn_main" in line]
    os.kill(children[0], signal.SIGSTOP)
    job.processes[0].kill()
    job.processes[0].communicate()
    job.check_that_nothing_is_left()


LIFELINE = """import os, sys, time
sys.path.append(sys.argv[1])
import tether
passed, kept, variable = tether.lifeline()
if os.fork() == 0:
    os.close(kept)
    os.environ.update(variable)
    print(tether.notice_the_end(), os.getpid(), flush=True)
    time.sleep(60)
time.sleep(0.5)
print("gone", flush=True)
os.kill(os.getpid(), 9)
"""


def test_where_the_kernel_does_not_a_pipe_tells_that_the_launcher_is_gone() -> None:
    core = Path(tether.__file__).parent
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", LIFELINE, str(core)], capture_output=True, text=True, timeout=20,
                          check=False)  # which reads until the child has ended too
    said, child = done.stdout.splitlines()[0].split()
    assert said == "True" and done.stdout.endswith("gone\n") and time.monotonic() - began < 15, done
    assert eventually(lambda: not Path(f"/proc/{child}").exists())


def test_a_number_that_is_no_lifeline_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for text in ("", "x", "99999:1", f"{reading}:1", f"{nothing}:{os.fstat(nothing).st_ino}"):
        monkeypatch.setenv(tether.LIFELINE, text)
        assert not tether.notice_the_end()
    for number in (reading, writing, nothing):
        os.close(number)
