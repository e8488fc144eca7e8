"""What a rank knows of the others beside what MPI carries: who failed, who left, and how to say so oneself.

One thread listens to the server (`server.py`). When another rank has failed, whoever waits for a collective raises
`DistError`; a process that is still there `GRACE` seconds later is ended, as MPI cannot go on without a rank.

The one idea to know: nothing here asks MPI anything, so that it works while MPI hangs.
"""

from __future__ import annotations

import atexit
import os
import selectors
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing import util
from types import TracebackType
from typing import Any

from ..core import frames
from ..core.forks import in_child
from ..core.tether import notice_the_end
from .channel import Channel, connect

GRACE = 1.0
"""Seconds that a program has for its own last words after another rank has failed."""
FAILED = 1
LEAST_SILENCE = 3.0
"""Seconds for which nothing may be heard of the server, however short the timeout is: it asks once a second."""


class DistError(RuntimeError):
    """Something that concerns several ranks: one has failed or left, or they called different things.

    >>> from wengert import distributed as dist
    >>> issubclass(dist.DistError, RuntimeError)
    True
    """


class DistBackendError(DistError):
    """What carries the messages failed: a rank is gone, or did not come in time.

    >>> from wengert import distributed as dist
    >>> issubclass(dist.DistBackendError, dist.DistError)
    True
    """


class DistNetworkError(DistError):
    """A connection could not be made.

    >>> from wengert import distributed as dist
    >>> issubclass(dist.DistNetworkError, dist.DistError)
    True
    """


class DistStoreError(DistError):
    """A key was not there in time.

    >>> from wengert import distributed as dist
    >>> issubclass(dist.DistStoreError, dist.DistError)
    True
    """


for _error in (DistError, DistBackendError, DistNetworkError, DistStoreError):
    _error.__module__ = __name__.rpartition(".")[0]  # as programs, and tracebacks, name them


class Watch:
    """The connection of rank ``rank`` to the server, and what it has told."""

    def __init__(self, host: str, port: int, token: str, rank: int, size: int, timeout: float, **more: Any) -> None:
        self.rank, self.size, self.timeout = rank, size, timeout
        self.failure: str | None = None
        self._failed = threading.Event()
        self.left: dict[int, float] = {}
        self.ended = self.stays = False
        self.name = ""
        """The world's, the same on all ranks."""
        self.server: Any = None
        """The process that serves, where this one started it."""
        self.doing: Callable[[], str] = lambda: "has called no collective yet"
        self.heard = time.monotonic()
        self.channel: Channel = connect(host, port, token, timeout, kind="rank", rank=rank, size=size,
                                        machine=socket.gethostname(), pid=os.getpid(), patience=timeout, **more)

    def begin(self) -> tuple[list[str], list[Any]]:
        """Waits until all ranks are there; returns their machines, and what MPI they are in already. Raises DistError
        that names who did not come."""
        deadline = time.monotonic() + self.timeout
        hosts: list[str] | None = None
        of_mpi: list[Any] = []
        missing: list[int] | None = None
        arrivals = selectors.DefaultSelector()  # a timeout of the socket could cut a message in two
        arrivals.register(self.channel.socket, selectors.EVENT_READ)
        while hosts is None:
            message: dict[str, Any] = {"op": "nothing"}
            if arrivals.select(1.0):
                frame = self.channel.receive()
                if frame is None:
                    raise DistNetworkError("[init_process_group] the server of rank 0 ended before all ranks were "
                                           "there")
                message = frame[0]
            if message["op"] == "begin":
                hosts, of_mpi, self.name = message["hosts"], message["of_mpi"], message["name"]
            elif message["op"] == "failed":
                raise DistBackendError(f"[init_process_group] {message['text']}")
            elif message["op"] == "missing":
                missing = message["ranks"] or None
            elif message["op"] == "beat":
                self.channel.send(op="beat")  # the server sends no second one before the first is answered
            if missing is not None and hosts is None:
                raise DistStoreError(f"[init_process_group] {self.size} ranks were expected within {self.timeout:g} s; "
                                     f"of rank {self.rank}'s world, {_named(missing)} did not come; start them, or "
                                     "give a longer timeout")
            if time.monotonic() > deadline:
                deadline += 5.0
                self.channel.send(op="missing")
        arrivals.close()
        self.heard = time.monotonic()
        threading.Thread(target=self._listen, name="wengert-watch", daemon=True).start()
        threading.Thread(target=self._mind, name="wengert-mind", daemon=True).start()
        _watches.append(self)
        return hosts, of_mpi

    @property
    def _is_here(self) -> bool:
        """Whether this process has not come to its end, or waits there for the others."""
        return self.stays or not self.ended

    # --- what is heard ----------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            while (frame := self.channel.receive()) is not None:
                self._hear(frame[0])
        except OSError:
            pass  # as when it closes
        if self._is_here:
            self.fails("the connection to the server of rank 0 was lost: its machine is gone, or the network is cut")

    def _hear(self, message: dict[str, Any]) -> None:
        self.heard = time.monotonic()
        match message["op"]:
            case "beat":
                self._tell(op="beat")
            case "left":
                self.left[message["rank"]] = time.monotonic()
            case "where":
                self._tell(op="here", text=f"{self.doing()}, and is at {where()}")
            case "failed":
                self.fails(message["text"])

    def _mind(self) -> None:
        """Notices that nothing has been heard for too long: a network that is cut closes no connection. Only time in
        which this thread ran counts: where the machine had no time for it, it had none for the server either.

        Once another rank has failed, ends this process `GRACE` seconds later, unless it has ended by then. (No thread
        is started for that: Python starts none any more once a program has come to its end.)"""
        step, silent, heard, most = min(1.0, self.timeout / 4), 0.0, self.heard, max(self.timeout, LEAST_SILENCE)
        while self._is_here:
            if self._failed.wait(step):
                time.sleep(GRACE)
                if self._is_here:
                    end(self.rank, self.failure or "")
                return
            silent, heard = (silent + step, heard) if heard == self.heard else (0.0, self.heard)
            if silent > most and (self._is_here):
                text = (f"nothing was heard of the server of rank 0 for {silent:.0f} s: it is stopped, or the network "
                        "is cut")
                self.fails(text)
                self._tell(op="failed", text=f"rank {self.rank} ends: {text}")  # which may still arrive
                if self.server is not None:
                    self.server.kill()  # one that is stopped would stay

    def fails(self, text: str) -> None:
        """Another rank has failed: whoever waits raises, and after `GRACE` seconds the process ends."""
        if self.failure is None:
            self.failure = text
            self._failed.set()

    # --- what is said -----------------------------------------------------------------------------------------------

    def _tell(self, **message: Any) -> None:
        try:
            self.channel.send(**message)
        except OSError:
            pass  # `_listen` notices

    def late(self, text: str, ranks: list[int]) -> None:
        """Says that the others did not come in time; the server asks them where they are, and tells all."""
        self._tell(op="late", text=f"Timed out waiting: rank {self.rank} {text}", ranks=ranks)

    def gone(self, text: str) -> None:
        """Says that this rank fails because another has left."""
        self._tell(op="failed", text=text)

    def claim(self, call: str, text: str, ranks: list[int]) -> None:
        """Says what this rank called where the ranks of a group called different things."""
        self._tell(op="claim", call=call, text=text, ranks=ranks)

    def wait_for_failure(self, otherwise: str, seconds: float = 8.0) -> str:
        """What the server says went wrong; ``otherwise`` where it says nothing. (It may ask ranks that do not answer
        at once, as their machine has no time for them.)"""
        deadline = time.monotonic() + seconds
        while self.failure is None and time.monotonic() < deadline:
            time.sleep(0.005)
        self.fails(otherwise)
        return self.failure or otherwise

    def report(self, text: str) -> None:
        """Says that this rank fails, by its own fault."""
        if not self.ended and self.failure is None:
            self.ended = True
            self._tell(op="failed", text=text)

    def bye(self, goes_on: bool = False) -> None:
        """Says that this rank ends in good order; ``goes_on``: it joins another world."""
        if not self.ended:
            self.ended = True
            self._tell(op="bye", goes_on=goes_on)
            self.channel.close()

    def bye_but_stays(self) -> bool:
        """`bye` of one that waits in MPI's end until all others come there, and is ended if one fails before. Returns
        whether there is nothing against it."""
        if self.ended or self.failure is not None:
            return False
        self.ended = self.stays = True
        self._tell(op="bye", stays=True)
        return True


def _named(ranks: list[int]) -> str:
    return f"rank{'s' if len(ranks) > 1 else ''} {', '.join(map(str, ranks))}"


def where() -> str:
    """File and line at which the main thread of the program is."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and frames.is_inside(frame.f_code):
        frame = frame.f_back
    return "its end" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def end(rank: int, text: str) -> None:
    """Ends this process, whatever its threads do, for what another rank did."""
    said = f"[rank {rank}] ended, as another rank failed: {text}\n"
    try:
        for act in last_acts:
            act()
        sys.stdout.flush()
        sys.stderr.write(said)
        sys.stderr.flush()
    finally:
        os._exit(FAILED)


last_acts: list[Callable[[], None]] = []
"""What `end` does before."""


# --- the end of this process ------------------------------------------------------------------------------------------

_watches: list[Watch] = []


def report(error: BaseException) -> None:
    """Tells the other ranks of an error by which this process will end, unless it follows from one that they know."""
    if isinstance(error, SystemExit):
        return
    lines = traceback.extract_tb(error.__traceback__)
    theirs = [line for line in lines if not line.filename.startswith((frames._PACKAGE, "<frozen"))]
    place = f" at {theirs[-1].filename}:{theirs[-1].lineno}" if theirs else ""
    for watch in _watches:
        watch.report(f"rank {watch.rank} raised {type(error).__name__}: {error}{place}")


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _before(kind, error, trace)  # first, so that the launcher reads this traceback before those of the others
    report(error)


def _leave() -> None:
    for finish in _finishes:
        finish()
    for watch in _watches:
        watch.bye()


_finishes: list[Callable[[], None]] = []
"""What else is to be done when this process ends in good order."""


def _forget() -> None:
    """A forked child is no rank: the connection is its parent's alone."""
    for watch in _watches:
        watch.ended = True
        watch.channel.socket.close()
    _watches.clear()


_before = sys.excepthook
_installed = False


def install() -> None:
    """Makes this process say how it ends, from now on."""
    global _before, _installed
    if sys.excepthook is not _excepthook:
        _before, sys.excepthook = sys.excepthook, _excepthook
    if _installed:
        return
    _installed = True
    atexit.register(_leave)
    util.Finalize(None, _leave, exitpriority=100)  # a process of multiprocessing ends without `atexit`
    in_child(_forget)
    notice_the_end()
