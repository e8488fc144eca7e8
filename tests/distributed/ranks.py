"""Starting programs in several processes, and looking afterwards whether anything is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

PROGRAMS = Path(__file__).parent / "programs"
BOUND = 20.0


class Outcome(NamedTuple):
    """How a launch ended."""

    code: int
    out: str
    err: str
    seconds: float

    def lines(self, rank: int) -> list[str]:
        """What one rank printed."""
        return [line.partition("] ")[2] for line in self.out.splitlines() if line.startswith(f"[{rank}] ")]


def launch(program: str | Path, *arguments: str, ranks: int = 2, timeout: float = 60.0, options: tuple[str, ...] = ()
           ) -> Outcome:
    """``wengert launch`` of a program in ``programs``, or at a path; leaves nothing behind, or this fails."""
    path = PROGRAMS / program if isinstance(program, str) else program
    command = [sys.executable, "-m", "wengert", "launch", "--nproc-per-node", str(ranks), *options, str(path)]
    before, began = shared_memory(), time.monotonic()
    ours = ("RANK", "WORLD_SIZE", "MASTER_PORT")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=timeout, env=environment,
                          check=False)
    took = time.monotonic() - began
    assert shared_memory() <= before, "a segment of shared memory is left"
    assert processes_of(str(path)) == [], "a process is left"
    return Outcome(done.returncode, done.stdout, done.stderr, took)


def shared_memory() -> set[str]:
    """The segments that MPI's processes have a name for."""
    folder = Path("/dev/shm")
    return {path.name for path in folder.glob("mpich_shm_*")} if folder.is_dir() else set()


def processes_of(program: str) -> list[str]:
    """The processes, zombies included, whose command line names a program."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if program in command and int(folder.name) != os.getpid() and "pytest" not in command:
            found.append(command)
    return found
