"""The launcher with torchrun's options: ``wengert launch train.py``, or ``python -m wengert.distributed.run train.py``.

It starts the ranks of this machine, on the first machine also the server (`server.py`), passes their output on with the
rank before each line, and ends all when one fails. It needs no ssh: on several machines it is started on each.

The one idea to know: a traceback is held back a moment. When a rank fails, the others fail by it and have tracebacks
too; the one that began first is printed.
"""

from __future__ import annotations

import argparse
import math
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import IO, Any

from ..core import tether
from .channel import Channel, connect
from .rendezvous import SERVED
from .start import TOKEN, Started, start_server
from .store import OWN, TCPStore
from .watch import FAILED, GRACE, DistNetworkError
from .world import NEEDED

HELD = 1.0
"""Seconds that a traceback is held back, unless its rank ends before."""
KILLED_AFTER = GRACE + 0.4
"""Seconds after which ranks that have not ended by themselves are killed."""
TOLD_BEFORE = 30.0
"""Seconds that a rank may take to end after its traceback."""
LAST_WORDS = 3.0
"""Seconds in which what ranks that have ended still said is read."""
FOLLOWING = ("ended, as another rank failed: ", "DistBackendError: ")
"""What stands in a line of a rank that ends by another's fault."""
INTERRUPTED = 130


def add_options(parser: argparse.ArgumentParser) -> None:
    """torchrun's options."""

    def option(name: str, *more: str, **settings: Any) -> None:
        parser.add_argument(name, *more, *([name.replace("-", "_").replace("__", "--", 1)] if "-" in name[2:] else []),
                            **settings)

    option("--nproc-per-node", default="1", metavar="N", help="ranks on this machine; auto: one a processor")
    option("--nnodes", default="1", metavar="N", help="machines")
    option("--node-rank", type=int, default=None, metavar="K",
           help="which of the machines this is, from 0; without it they find out at the endpoint")
    option("--rdzv-endpoint", default="", metavar="HOST:PORT", help="where the first machine listens")
    option("--rdzv-backend", default="static", metavar="NAME", help="static or c10d, which mean the same here")
    option("--rdzv-id", default="none", metavar="ID", help="a name for the job")
    option("--rdzv-conf", default="", metavar="KEY=VALUE", help="taken, and not needed")
    option("--master-addr", default="127.0.0.1", metavar="HOST", help="as in --rdzv-endpoint")
    option("--master-port", type=int, default=None, metavar="PORT", help="as in --rdzv-endpoint")
    option("--standalone", action="store_true", help="one machine, any free port (so it is without an endpoint too)")
    option("--max-restarts", type=int, default=0, metavar="N", help="how often to start all again")
    option("--monitor-interval", type=float, default=0.1, metavar="S", help="taken: the launcher notices at once")
    option("--start-method", default="spawn", help="taken: ranks are programs of their own")
    option("--role", default="default", help="a name for the ranks")
    option("--local-ranks-filter", default="", metavar="R,R", help="of the machine's ranks, show these alone")
    option("--log-dir", default=None, metavar="FOLDER", help="write each rank's output to rank_N.log in it too")
    option("--no-python", action="store_true", help="PROGRAM is any command")
    parser.add_argument("-m", "--module", action="store_true", help="PROGRAM is a module's name, as after python -m")
    parser.add_argument("program", metavar="PROGRAM", help="a script, in which torch is wengert")
    rest = parser.add_argument("arguments", metavar="...", nargs=argparse.REMAINDER, help="its own arguments")
    rest.required = False


class Plan:
    """What the options ask for. Raises ValueError for what makes no sense."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.local = _processes(options.nproc_per_node)
        self.nodes = _whole(options.nnodes.partition(":")[2] or options.nnodes, "--nnodes")
        host, _, port = options.rdzv_endpoint.rpartition(":") if ":" in options.rdzv_endpoint else (
            options.rdzv_endpoint, "", "")
        self.host = host or options.master_addr
        self.port = _whole(port, "--rdzv-endpoint", 0) if port else options.master_port or 0
        if options.standalone:
            if self.nodes > 1:
                raise ValueError(f"argument --standalone: one machine was expected; got --nnodes {self.nodes}")
            self.host, self.port = "127.0.0.1", 0
        self.node: int | None = 0 if self.nodes == 1 and options.node_rank is None else options.node_rank
        """Which of the machines this is; None until they have found out (`_number_of_this_machine`)."""
        self.server: TCPStore | Channel | None = None
        """The connection to the first machine's, which keeps that from ending while no rank has one."""
        if self.node is not None and not 0 <= self.node < self.nodes:
            raise ValueError(f"argument --node-rank: a number from 0 to {self.nodes - 1} was expected; got {self.node}")
        if self.nodes > 1 and not self.port:
            raise ValueError("argument --rdzv-endpoint: HOST:PORT of the first machine is needed with several machines")
        if options.max_restarts < 0 or (options.max_restarts and self.nodes > 1):
            raise ValueError("argument --max-restarts: a number of 0 or more, and with several machines 0, was "
                             f"expected; got {options.max_restarts}")
        self.size = self.nodes * self.local

    def rank(self, local_rank: int) -> int:
        """The number in the world of a rank of this machine."""
        assert self.node is not None
        return self.node * self.local + local_rank

    def command(self) -> list[str]:
        """What each rank runs."""
        options = self.options
        if options.no_python:
            return [options.program, *options.arguments]
        return [sys.executable, "-m", "wengert", "run", *(["-m"] if options.module else []), options.program,
                *options.arguments]

    def environment(self, local_rank: int, port: int, token: str, attempt: int) -> dict[str, str]:
        """The environment of one rank, with torchrun's names."""
        options = self.options
        set_here = {
            "RANK": self.rank(local_rank), "LOCAL_RANK": local_rank, "WORLD_SIZE": self.size,
            "LOCAL_WORLD_SIZE": self.local, "GROUP_RANK": self.node, "GROUP_WORLD_SIZE": self.nodes,
            "ROLE_NAME": options.role, "ROLE_RANK": self.rank(local_rank), "ROLE_WORLD_SIZE": self.size,
            "MASTER_ADDR": self.host, "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": options.rdzv_id,
            "TORCHELASTIC_RESTART_COUNT": attempt, "TORCHELASTIC_MAX_RESTARTS": options.max_restarts,
            "PYTHONUNBUFFERED": 1, SERVED: 1, TOKEN: token,
        }
        threads = {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": max(1, _processors() // self.local)}
        return {**os.environ, **{name: str(value) for name, value in (set_here | threads).items()}}


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processes(text: str) -> int:
    if text in ("auto", "cpu"):
        return _processors()
    if text == "gpu":
        raise ValueError("argument --nproc-per-node: a number, auto or cpu was expected; got gpu, of which there is "
                         "none")
    return _whole(text, "--nproc-per-node")


def _whole(text: str, name: str, least: int = 1) -> int:
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"argument {name}: a whole number, {least} or more, was expected; got {text!r}")
    return int(text)


class Rank:
    """A process that runs, and its output on the way to the screen."""

    def __init__(self, number: int, process: subprocess.Popen[bytes], screen: Screen, shown: bool, log: IO[str] | None
                 ) -> None:
        self.number, self.process, self._screen, self._shown, self._log = number, process, screen, shown, log
        self.held: list[str] = []
        self.began_to_hold = 0.0
        self.told = -math.inf
        """When a traceback of it was shown."""
        self.follows = False
        """Whether it says that it ended because another rank had failed."""
        assert process.stdout is not None and process.stderr is not None
        self._pumps = [threading.Thread(target=self._pump, args=(stream, target), daemon=True)
                       for stream, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))]
        for pump in self._pumps:
            pump.start()

    def _pump(self, stream: IO[bytes], target: Any) -> None:
        for line in stream:
            text = line.decode(errors="replace")
            if self._log is not None:
                self._log.write(text)
                self._log.flush()
            self.follows = self.follows or any(mark in text for mark in FOLLOWING)
            if not self._shown:
                continue
            with self._screen.lock:
                if target is sys.stderr and (self.held or text.startswith("Traceback (most recent call last)")):
                    self.began_to_hold = self.began_to_hold or time.monotonic()
                    self.held.append(text)
                else:
                    self._screen.show(self.number, text, target)

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
    return rank.follows, rank.began_to_hold


class Screen:
    """Where the lines of all ranks come together."""

    def __init__(self, several: bool) -> None:
        self.lock = threading.RLock()
        self._several = several
        self.ranks: list[Rank] = []
        self.told = False

    def show(self, rank: int, text: str, target: Any) -> None:
        """Writes one line, with its rank."""
        target.write(f"[{rank}] {text}" if self._several else text)
        target.flush()

    def release(self, rank: Rank) -> None:
        """Shows the traceback that is held back of a rank."""
        with self.lock:
            held, rank.held, rank.began_to_hold = rank.held, [], 0.0
            rank.told = time.monotonic() if held else rank.told
            for text in held:
                self.show(rank.number, text, sys.stderr)

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
        silent = [rank for rank in causes if not rank.held and rank not in told]  # ended by a signal, or by sys.exit
        holding = sorted([rank for rank in self.ranks if rank.held], key=_follows_and_began)
        if holding and not told:
            self.release(holding[0])
        speaking = [rank for rank in (*holding, *told) if rank in causes and not rank.follows]
        # Who follows ends with 1 too, and what it says may not have been read.
        return next(iter([*[rank for rank in silent if rank.process.returncode != FAILED], *speaking, *causes]))


def run_once(plan: Plan, port: int, token: str, attempt: int) -> int:
    """Starts the ranks and waits for them; returns the exit code of the first that failed, or 0."""
    screen = Screen(plan.size > 1)
    chosen = {int(each) for each in plan.options.local_ranks_filter.split(",") if each}
    logs: list[IO[str]] = []
    held: list[int] = []
    try:
        for local_rank in range(plan.local):
            number = plan.rank(local_rank)
            log: IO[str] | None = None
            if plan.options.log_dir:
                os.makedirs(plan.options.log_dir, exist_ok=True)
                log = open(os.path.join(plan.options.log_dir, f"rank_{number}.log"), "a", encoding="utf-8")
                logs.append(log)
            process = _started(plan, plan.environment(local_rank, port, token, attempt), held)
            screen.ranks.append(Rank(number, process, screen, not chosen or local_rank in chosen, log))
        return _watch(screen)
    except BaseException:
        _end(screen.ranks, signal.SIGTERM)
        raise
    finally:
        for log in logs:
            log.close()
        for end in held:
            os.close(end)


def _started(plan: Plan, environment: dict[str, str], held: list[int]) -> subprocess.Popen[bytes]:
    """Starts a rank, which ends with the launcher, however that ends; what the launcher must hold open for it to know
    is added to ``held``."""
    passed, kept, variable = tether.lifeline()
    held.append(kept)
    try:
        return subprocess.Popen(tether.tethered(plan.command()), env=environment | variable, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                                pass_fds=(passed,))
    finally:
        os.close(passed)


def _watch(screen: Screen) -> int:
    running = list(screen.ranks)
    while running:
        ended = [rank for rank in running if rank.process.poll() is not None]
        for rank in ended:
            running.remove(rank)
        failed = [rank for rank in ended if rank.process.returncode != 0]
        for rank in set(ended) - set(failed):
            rank.finish_output()
            screen.release(rank)
        if failed:
            killed = _end(screen.ranks)
            # One that began it all may take longer to end than one that followed.
            failed = [rank for rank in screen.ranks if rank.process.returncode != 0 and rank not in killed]
            deadline = time.monotonic() + LAST_WORDS
            for rank in screen.ranks:
                rank.finish_output(deadline)
            first = screen.release_first(failed)
            print(_verdict(first, len(screen.ranks) > 1), file=sys.stderr, flush=True)
            return _code(first.process.returncode) or 1
        screen.release_old()
        time.sleep(0.02)
    return 0


def _code(returncode: int) -> int:
    """A process's exit code, as a shell says it: of one that a signal ended 128 and its number."""
    return 128 - returncode if returncode < 0 else returncode


def _verdict(rank: Rank, others: bool) -> str:
    code = rank.process.returncode
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
    end = "; the other ranks were ended" if others else ""
    return f"wengert launch: rank {rank.number} (process {rank.process.pid}) {how}{end}"


def _end(ranks: Sequence[Rank], first: int | None = None) -> list[Rank]:
    """Waits a moment for ranks to end by themselves, or by the signal ``first``, and then kills and returns the others.
    """
    if first is not None:
        for rank in ranks:
            rank.signal(first)
    for _ in range(int(KILLED_AFTER / 0.02)):  # not by the clock: while this process did not run, they may not have
        if all(rank.process.poll() is not None for rank in ranks):
            break
        time.sleep(0.02)
    killed = [rank for rank in ranks if rank.process.poll() is None]
    for rank in ranks:
        rank.signal(signal.SIGKILL)  # also to what a rank that has ended left behind
        rank.process.wait()
    return killed


def run(options: argparse.Namespace) -> int:
    """Does what ``wengert launch`` was asked for and returns the exit code."""
    if find_spec("mpi4py") is None:
        return _refuse(NEEDED.partition("] ")[2], 1)
    with _ended_in_order():
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    server: Started | None = None
    try:
        plan = Plan(options)
        token = os.environ.get(TOKEN) or (secrets.token_hex(16) if plan.nodes == 1 else "")
        for attempt in range(options.max_restarts + 1):
            port = plan.port
            if plan.node is None:
                server = _number_of_this_machine(plan, token)
            elif plan.node == 0:
                server = start_server(plan.host, plan.port, token, tied=True)
                port = server.port
                plan.server = connect(plan.host, port, token, 60.0, kind="store")
            code = run_once(plan, port, token, attempt)
            _stop(server)
            if code == 0 or attempt == options.max_restarts:
                return code
            print(f"wengert launch: starts all ranks again ({attempt + 1} of {options.max_restarts})", file=sys.stderr)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ValueError, DistNetworkError) as error:
        return _refuse(str(error))
    finally:
        _stop(server)
    return 0


def _number_of_this_machine(plan: Plan, token: str) -> Started | None:
    """Decides which of the machines this is: the first is the one that can listen at the endpoint, and starts the
    server; the others are numbered by it as they come."""
    try:
        server = start_server(plan.host, plan.port, token, tied=True, first=True)
    except DistNetworkError:  # it is another machine's address, or another launcher was here first
        plan.server = store = TCPStore(plan.host, plan.port)
        number = store.add(f"{OWN}machines", 1)
        if number >= plan.nodes:
            raise ValueError(f"argument --nnodes: as many launchers as machines, {plan.nodes}, were expected; this is "
                             f"number {number + 1} at {plan.host}:{plan.port}") from None
        plan.node = number
        return None
    plan.node = 0
    return server


def _stop(server: Started | None) -> None:
    if server is not None and server.process.poll() is None:
        server.process.kill()
        server.process.wait()


class _ended_in_order:
    """A block in which the first of Ctrl-C, SIGTERM and SIGHUP (of a terminal that closes) raises KeyboardInterrupt, so
    that no rank outlives the launcher, and what comes after it does nothing. What is ignored, as SIGHUP is under nohup,
    stays so."""

    def __enter__(self) -> None:
        self._before: dict[int, Any] = {}
        self._told = False
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._raise)

    def _raise(self, number: int, frame: Any) -> None:
        if not self._told:
            self._told = True
            raise KeyboardInterrupt

    def __exit__(self, *error: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)


def _refuse(message: str, code: int = 2) -> int:
    print(f"wengert launch: {message}", file=sys.stderr)
    return code


def get_args_parser() -> argparse.ArgumentParser:
    """A parser of the launcher's options, to which programs may add their own."""
    parser = argparse.ArgumentParser(prog="python -m wengert.distributed.run", allow_abbrev=False,
                                     description="Starts the ranks of a distributed program.")
    add_options(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m wengert.distributed.run``."""
    return run(get_args_parser().parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
