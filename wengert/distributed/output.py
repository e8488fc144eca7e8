"""What the ranks of a machine say: on the way to the screen, with the rank before each line, and to files.

The one idea to know: a traceback is held back a moment. When a rank fails, the others fail by it and have tracebacks
too; the one that began first is printed.
"""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import IO, Any

from .plan import ERR, OUT, Plan
from .watch import FAILED

HELD = 1.0
"""Seconds that a traceback is held back, unless its rank ends before."""
TOLD_BEFORE = 30.0
"""Seconds that a rank may take to end after its traceback."""
FOLLOWING = ("ended, as another rank failed: ", "DistBackendError: ")
"""What stands in a line of a rank that ends by another's fault."""
PREFIX = "TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE"
"""The variable that says what is put before each line, with ``${role_name}``, ``${rank}`` and ``${local_rank}``."""
NAMES = {OUT: "stdout", ERR: "stderr"}


class Logs:
    """The files of a launch, ``FOLDER/ID_.../attempt_N/LOCAL_RANK/stdout.log``, as torchrun lays them out."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._attempt: Path | None = None
        self._open: list[IO[str]] = []
        self._folder: Path | None = None
        options = plan.options
        wants = any(plan.redirects.values()) or any(plan.tee.values())
        self._filters = {OUT: options.duplicate_stdout_filters, ERR: options.duplicate_stderr_filters}
        if (wants or any(self._filters.values())) and options.log_dir != os.devnull:
            if options.log_dir:
                os.makedirs(options.log_dir, exist_ok=True)
            above = options.log_dir or tempfile.mkdtemp(prefix="torchelastic_")
            self._folder = Path(tempfile.mkdtemp(prefix=re.sub(r"[^\w.-]", "_", options.rdzv_id) + "_", dir=above))
            if not options.log_dir:
                print(f"wengert launch: output is written to {self._folder}", file=sys.stderr, flush=True)

    def begin(self, attempt: int) -> dict[int, IO[str]]:
        """Makes the folder of an attempt; returns where the lines with certain words go, by stream."""
        if self._folder is None:
            return {}
        self._attempt = self._folder / f"attempt_{attempt}"
        self._attempt.mkdir()
        return {stream: self._opened(self._attempt / f"filtered_{NAMES[stream]}.log")
                for stream, words in self._filters.items() if words}

    def of(self, local_rank: int) -> dict[int, IO[str]]:
        """The files of a rank, by stream."""
        if self._attempt is None:
            return {}
        folder = self._attempt / str(local_rank)
        folder.mkdir()
        streams = self.plan.redirects[local_rank] | self.plan.tee[local_rank]
        return {stream: self._opened(folder / f"{name}.log") for stream, name in NAMES.items() if streams & stream}

    def variables(self, local_rank: int) -> dict[str, str]:
        """Where a program that is decorated with `record` writes its error."""
        folder = self._attempt
        return {} if folder is None else {"TORCHELASTIC_ERROR_FILE": str(folder / str(local_rank) / "error.json")}

    def _opened(self, path: Path) -> IO[str]:
        file = open(path, "w", encoding="utf-8", buffering=1)
        self._open.append(file)
        return file

    def close(self) -> None:
        """Closes the files of the attempt."""
        for file in self._open:
            file.close()
        self._open.clear()


class Rank:
    """A process that runs, and its output on the way to the screen and to its files."""

    def __init__(self, local_rank: int, process: subprocess.Popen[bytes], screen: Screen, logs: dict[int, IO[str]]
                 ) -> None:
        plan = screen.plan
        self.number, self.process, self._screen, self.logs = plan.rank(local_rank), process, screen, logs
        self.held: list[str] = []
        self.began_to_hold = 0.0
        self.told = -math.inf
        """When a traceback of it was shown."""
        self.raised = math.inf
        """When its first traceback began, shown or not."""
        self.follows = False
        """Whether it says that it ended because another rank had failed."""
        hidden = plan.redirects[local_rank] & ~plan.tee[local_rank] if logs else 0
        shown = 0 if local_rank not in plan.shown else (OUT | ERR) & ~hidden
        self.prefix = screen.prefix(self.number, local_rank)
        assert process.stdout is not None and process.stderr is not None
        self._pumps = [threading.Thread(target=self._pump, args=(stream, kind, bool(shown & kind)), daemon=True)
                       for stream, kind in ((process.stdout, OUT), (process.stderr, ERR))]
        for pump in self._pumps:
            pump.start()

    def _pump(self, stream: IO[bytes], kind: int, shown: bool) -> None:
        log, screen = self.logs.get(kind), self._screen
        for line in stream:
            text = line.decode(errors="replace")
            if log is not None and not log.closed:
                log.write(text)
            self.follows = self.follows or any(mark in text for mark in FOLLOWING)
            begins = kind == ERR and text.startswith("Traceback (most recent call last)")
            if begins:
                self.raised = min(self.raised, time.monotonic())
            if not shown:
                continue
            with screen.lock:
                screen.keep(self, text, kind)
                if kind == ERR and (self.held or begins):
                    self.began_to_hold = self.began_to_hold or time.monotonic()
                    self.held.append(text)
                else:
                    screen.show(self, text, kind)

    def finish_output(self, deadline: float = 0.0) -> None:
        """Waits for what a process that has ended still said; a process that it left behind may keep a pipe open."""
        for pump in self._pumps:
            pump.join(max(0.2, deadline - time.monotonic()))

    def signal(self, number: int) -> None:
        """Sends a signal to the rank and to the processes that it started."""
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # all have ended


def _follows_and_began(rank: Rank) -> tuple[bool, float]:
    return rank.follows, rank.began_to_hold or rank.raised


class Screen:
    """Where the lines of all ranks come together."""

    def __init__(self, plan: Plan, filtered: dict[int, IO[str]]) -> None:
        self.lock = threading.RLock()
        self.plan, self._filtered = plan, filtered
        self._words = {OUT: plan.options.duplicate_stdout_filters, ERR: plan.options.duplicate_stderr_filters}
        self.ranks: list[Rank] = []

    def prefix(self, rank: int, local_rank: int) -> str:
        """What stands before each line of a rank."""
        if PREFIX in os.environ:
            return Template(os.environ[PREFIX]).safe_substitute(role_name=self.plan.options.role, rank=rank,
                                                                local_rank=local_rank)
        return f"[{rank}] " if self.plan.size > 1 else ""

    def show(self, rank: Rank, text: str, kind: int) -> None:
        """Writes one line, with its rank."""
        target: Any = sys.stderr if kind == ERR else sys.stdout
        target.write(f"{rank.prefix}{text}")
        target.flush()

    def keep(self, rank: Rank, text: str, kind: int) -> None:
        """Writes a line that has one of the words asked for to the file of those."""
        if kind in self._filtered and any(word in text for word in self._words[kind]):
            self._filtered[kind].write(f"{rank.prefix}{text}")

    def release(self, rank: Rank) -> None:
        """Shows the traceback that is held back of a rank."""
        with self.lock:
            held, rank.held, rank.began_to_hold = rank.held, [], 0.0
            rank.told = time.monotonic() if held else rank.told
            for text in held:
                self.show(rank, text, ERR)

    def release_old(self) -> None:
        """Shows what its rank survived. (One that follows another's failure is about to end.)"""
        for rank in self.ranks:
            if (rank.held and not rank.follows and time.monotonic() - rank.began_to_hold > HELD
                    and rank.process.poll() is None):
                self.release(rank)

    def release_first(self, failed: Sequence[Rank]) -> Rank:
        """Which of the ranks that failed was the first, as far as they say; of the tracebacks that are held back its
        one is shown, or the first of them, and no other."""
        causes = [rank for rank in failed if not rank.follows] or failed
        told = [rank for rank in causes if time.monotonic() - rank.told < TOLD_BEFORE]
        unseen = sorted((rank for rank in causes if not rank.held and rank not in told and rank.raised < math.inf),
                        key=_follows_and_began)  # in files alone
        silent = [rank for rank in causes if not rank.held and rank not in told + unseen]  # a signal, or sys.exit
        holding = sorted([rank for rank in self.ranks if rank.held], key=_follows_and_began)
        if holding and not told:
            self.release(holding[0])
        speaking = [rank for rank in (*holding, *told, *unseen) if rank in causes and not rank.follows]
        # Who follows ends with 1 too, and what it says may not have been read. None is killed because another ended;
        # MPI, while it begins, may end one because another was killed.
        silent = sorted([rank for rank in silent if rank.process.returncode != FAILED],
                        key=lambda rank: rank.process.returncode != -signal.SIGKILL)
        return next(iter([*silent, *speaking, *causes]))
