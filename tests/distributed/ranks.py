"""Starting programs in several processes, and looking afterwards whether anything is left of them."""

from __future__ import annotations

import contextlib
import os
import random
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import NamedTuple

PROGRAMS = Path(__file__).parent / "programs"
BOUND = 12.0
"""Seconds from a failure to the end of all; 3 of them are the timeout, and those of starting do not count."""


class Outcome(NamedTuple):
    """How a launch ended."""

    code: int
    out: str
    err: str
    seconds: float

    def lines(self, rank: int) -> list[str]:
        """What one rank printed."""
        return [line.partition("] ")[2] for line in self.out.splitlines() if line.startswith(f"[{rank}] ")]


def launch(program: str | Path, *arguments: str, ranks: int = 2, timeout: float = 180.0, options: tuple[str, ...] = ()
           ) -> Outcome:
    """``wengert launch`` of a program in ``programs``, or at a path; leaves nothing behind, or this fails."""
    path = PROGRAMS / program if isinstance(program, str) else program
    command = [sys.executable, "-m", "wengert", "launch", "--nproc-per-node", str(ranks), *options, str(path)]
    ours = ("RANK", "WORLD_SIZE", "MASTER_PORT")
    mark = Mark()
    environment = {name: value for name, value in mark.environment().items() if name not in ours}
    before, began = unused_shared_memory(), time.monotonic()
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=timeout, env=environment,
                          check=False)
    took = time.monotonic() - began
    assert mark.processes() == [], ("a process is left", done)
    assert eventually(lambda: unused_shared_memory() <= before), ("a segment of shared memory is left", done)
    return Outcome(done.returncode, done.stdout, done.stderr, took)


def free_port() -> str:
    """A port at which nobody listens now, below those that the system gives to connections that go out."""
    while True:
        port = random.randrange(15_000, 25_000)
        with socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return str(port)


def started(command: list[str], **environment: str) -> subprocess.Popen[str]:
    """A process whose output is read by `ends`. No variable of a launcher's reaches it but those given."""
    ours = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=inherited | environment)


def ends(ranks: list[subprocess.Popen[str]], seconds: float = 120.0) -> list[tuple[int, str, str]]:
    """Exit codes and what was said, of processes that end within some seconds."""
    try:
        found = [rank.communicate(timeout=seconds) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
            rank.wait()
    return [(rank.returncode, out, err) for rank, (out, err) in zip(ranks, found, strict=True)]


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether something holds now, or begins to within some seconds."""
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return held


class Mark:
    """A word in the environment of processes, by which they and all that they start are found again. (Their command
    lines would not do: another test may run the same program at the same time.)"""

    NAME = "WENGERT_TEST_MARK"

    def __init__(self) -> None:
        self._word = uuid.uuid4().hex

    def environment(self) -> dict[str, str]:
        """This process's environment, with the mark."""
        return {**os.environ, self.NAME: self._word}

    def processes(self) -> list[str]:
        """The command lines of the processes that run and have the mark."""
        return list(self.by_id().values())

    def by_id(self) -> dict[int, str]:
        """The command lines by the processes' numbers. One that has ended and waits for its parent has none."""
        word = f"{self.NAME}={self._word}".encode()
        return {int(folder.name): read(folder, "cmdline").replace(b"\0", b" ").decode(errors="replace")
                for folder in running() if word in read(folder, "environ").split(b"\0")}

    def server(self) -> int:
        """The number of the process that serves."""
        return next(number for number, line in self.by_id().items() if "server.py" in line)


def unused_shared_memory() -> set[str]:
    """The segments of MPI that have a name and that no process uses: those that are left. One that another test's ranks
    begin with is in use, but for the moment between its making and its mapping."""
    named = {path.name for path in Path("/dev/shm").glob("mpich_shm_*")}
    maps = b"".join(read(folder, "maps") for folder in running()) if named else b""
    return named - {name.decode() for name in re.findall(rb"/dev/shm/(mpich_shm_\w+)", maps)}


def running() -> list[Path]:
    """The folders in which Linux describes each process."""
    return list(Path("/proc").glob("[0-9]*"))


def read(folder: Path, what: str) -> bytes:
    """A part of a process's description; nothing of one that has ended meanwhile, or is another user's."""
    try:
        return (folder / what).read_bytes()
    except OSError:
        return b""
