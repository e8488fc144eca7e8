"""The launcher with torchrun's options: ``wengert launch train.py``, or ``python -m wengert.distributed.run train.py``.

It starts the ranks of this machine, on the first machine also the server (`server.py`), passes their output on
(`output.py`) as the options say (`plan.py`), and ends all when one fails. It needs no ssh: on several machines it is
started on each.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from ..core import tether
from .channel import connect
from .output import Logs, Rank, Screen
from .plan import Plan, add_options
from .start import TOKEN, Started, start_server
from .store import OWN, TCPStore
from .watch import GRACE, DistNetworkError
from .world import NEEDED

KILLED_AFTER = GRACE + 0.4
"""Seconds after which ranks that have not ended by themselves are killed, unless ``--shutdown-timeout`` says another
number."""
LAST_WORDS = 3.0
"""Seconds in which what ranks that have ended still said is read, and in which the server ends."""
INTERRUPTED = 130


def run_once(plan: Plan, port: int, token: str, attempt: int, logs: Logs) -> int:
    """Starts the ranks and waits for them; returns the exit code of the first that failed, or 0."""
    screen = Screen(plan, logs.begin(attempt))
    held: list[int] = []
    try:
        for local_rank in range(plan.local):
            files = logs.of(local_rank)
            environment = plan.environment(local_rank, port, token, attempt) | logs.variables(local_rank)
            process = _started(plan.command(local_rank), environment, held)
            screen.ranks.append(Rank(local_rank, process, screen, files))
        return _watch(screen)
    except BaseException as error:
        _end(screen, error.number if isinstance(error, Told) else signal.SIGTERM)
        for rank in screen.ranks:
            rank.finish_output()
        raise
    finally:
        logs.close()
        for end in held:
            os.close(end)


def _started(command: list[str], environment: dict[str, str], held: list[int]) -> subprocess.Popen[bytes]:
    """Starts a rank, which ends with the launcher, however that ends; what the launcher must hold open for it to know
    is added to ``held``."""
    passed, kept, variable = tether.lifeline()
    held.append(kept)
    try:
        return subprocess.Popen(tether.tethered(command), env=environment | variable, stdin=subprocess.DEVNULL,
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
            killed = _end(screen)
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
    files = " and ".join(log.name for log in rank.logs.values())
    return (f"wengert launch: rank {rank.number} (process {rank.process.pid}) {how}{end}"
            f"{f'; what it said is in {files}' if files else ''}")


def _end(screen: Screen, first: int | None = None) -> list[Rank]:
    """Waits a moment for ranks to end by themselves, or by the signal ``first``, and then kills and returns the others.
    """
    ranks, limit = screen.ranks, screen.plan.options.shutdown_timeout
    if first is not None:
        for rank in ranks:
            rank.signal(first)
    # Not by the clock: while this process did not run, they may not have.
    for _ in range(int((KILLED_AFTER if limit is None else limit) / 0.02)):
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
    try:
        plan = Plan(options)
    except ValueError as error:
        return _refuse(str(error))
    with _ended_in_order(plan.signals):
        return _run(plan)


def _run(plan: Plan) -> int:
    server: Started | None = None
    restarts = plan.options.max_restarts
    try:
        logs = Logs(plan)
        token = os.environ.get(TOKEN) or (secrets.token_hex(16) if plan.nodes == 1 else "")
        for attempt in range(restarts + 1):
            port = plan.port
            if plan.node is None:
                server = _number_of_this_machine(plan, token)
            elif plan.node == 0:
                server = start_server(plan.host, plan.port, token, tied=True)
                port = server.port
                plan.server = connect(plan.host, port, token, plan.patience, kind="store")
            code = run_once(plan, port, token, attempt, logs)
            _stop(server)
            if code == 0 or attempt == restarts:
                return code
            print(f"wengert launch: starts all ranks again ({attempt + 1} of {restarts})", file=sys.stderr)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ValueError, DistNetworkError, OSError) as error:
        return _refuse(str(error))
    finally:
        _stop(server)
    return 0


def _number_of_this_machine(plan: Plan, token: str) -> Started | None:
    """Decides which of the machines this is: the first is the one that can listen at the endpoint, and starts the
    server; the others are numbered by it as they come."""
    try:
        if not plan.may_be_first:
            raise DistNetworkError("this machine is not the first, as --rdzv-conf says")
        server = start_server(plan.host, plan.port, token, tied=True, first=True)
    except DistNetworkError:  # it is another machine's address, or another launcher was here first
        plan.server = store = TCPStore(plan.host, plan.port, timeout=timedelta(seconds=plan.patience))
        number = store.add(f"{OWN}machines", 1)
        if number >= plan.nodes:
            raise ValueError(f"argument --nnodes: as many launchers as machines, {plan.nodes}, were expected; this is "
                             f"number {number + 1} at {plan.host}:{plan.port}") from None
        plan.node = number
        return None
    plan.node = 0
    return server


def _stop(server: Started | None) -> None:
    """Ends the server: in good order, unless it is stopped."""
    if server is not None and server.process.poll() is None:
        server.process.terminate()
        try:
            server.process.wait(LAST_WORDS)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()


class Told(KeyboardInterrupt):
    """A signal has come by which the launch ends."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class _ended_in_order:
    """A block in which the first of some signals (Ctrl-C, SIGTERM, the SIGHUP of a terminal that closes) raises `Told`,
    so that no rank outlives the launcher, and what comes after it does nothing. What is ignored, as SIGHUP is under
    nohup, stays so."""

    def __init__(self, signals: Iterable[signal.Signals]) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        self._before: dict[int, Any] = {}
        self._told = False
        if threading.current_thread() is threading.main_thread():
            for number in self._signals:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._raise)

    def _raise(self, number: int, frame: Any) -> None:
        if not self._told:
            self._told = True
            raise Told(number)

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


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The launcher's options, of a command line."""
    return get_args_parser().parse_args(args)


def main(args: Sequence[str] | None = None) -> int:
    """``python -m wengert.distributed.run``."""
    return run(parse_args(args))


if __name__ == "__main__":
    sys.exit(main())
