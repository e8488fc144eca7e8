"""The ranks of this job as MPI sees them, and the groups among them.

MPI begins once in a process and cannot begin again: `World.join` makes the world, which stays until the process ends,
and `init_process_group` after `destroy_process_group` takes it up again. MPI is never finalized, as that waits for
ranks that may be gone; the memory that its processes share has no name any more once all have it.
"""

from __future__ import annotations

import glob
import importlib
import os
import threading
import time
from typing import Any

from .channel import Channel, connect
from .watch import DistBackendError, DistNetworkError, Watch, install

NEEDED = ("[init_process_group] several processes talk by MPI, which needs the packages mpi4py and mpich; install them "
          "with: pip install 'wengert[distributed]'")
SPINS = 1000
"""So often is a request tested at once before the thread sleeps in between: some 300 microseconds. (Giving way by
`sched_yield` instead costs milliseconds beside other busy processes; who sleeps is woken before them.)"""
SHORTEST, LONGEST = 2e-5, 5e-4


class World:
    """All ranks: MPI's communicator, and the connection by which failures are told."""

    def __init__(self, watch: Watch, mpi: Any, communicator: Any, hosts: list[str]) -> None:
        self.watch, self.mpi, self.communicator, self.hosts = watch, mpi, communicator, hosts
        self.rank, self.size = watch.rank, watch.size
        self.keys: Channel | None = None
        """MPI's own connection, open as long as MPI is."""
        self.address = ("", 0, "")
        self.doing: Any = None
        """The last call."""
        self.abandoned: list[Any] = []
        """What MPI may still write to, after somebody gave up waiting for it."""

    def what_it_does(self) -> str:
        """For who waits for this rank: its last call."""
        return "has called no collective yet" if self.doing is None else f"last called {self.doing.described()}"

    def wait(self, request: Any, call: Any, patient: bool = True) -> None:
        """Waits until MPI has done what ``request`` is for, sleeping in between, so that no core burns and a failure of
        another rank is noticed. ``patient``: others may still be on their way, so sleep longer and longer."""
        test = request.Test
        pause, watch, spins = SHORTEST, self.watch, 0
        while not test():
            if spins < SPINS and not call.behind:  # else the program goes on, and needs the interpreter
                spins += 1
                continue
            if watch.failure is not None:
                self.give_up(call, watch.failure)
            now = time.monotonic()
            if now > call.deadline:
                watch.late(f"waited {call.timeout:g} s for the others in {call.described()}", call.group.ranks)
                self.give_up(call, watch.wait_for_failure(
                    f"waited {call.timeout:g} s for the others in {call.described()}"))
            if watch.left:
                gone = [r for r in call.needs() if now - watch.left.get(r, now) > 1.0]
                if gone:
                    text = (f"rank {gone[0]} has left, its program ended, and rank {self.rank} waits for it in "
                            f"{call.described()}")
                    watch.gone(text)
                    self.give_up(call, watch.wait_for_failure(text, 0.0))
            time.sleep(pause)
            if patient and pause < LONGEST:
                pause *= 1.1

    def give_up(self, call: Any, text: str) -> None:
        """Raises DistBackendError, and keeps the memory that MPI may still write to."""
        self.abandoned.append(call)
        raise DistBackendError(f"[{call.name}] {text}")


def load_mpi() -> Any:
    """The module ``mpi4py.MPI``, which has not begun yet. Raises ImportError that names the extra."""
    try:
        mpi4py = importlib.import_module("mpi4py")
        mpi4py.rc.initialize = mpi4py.rc.finalize = False
        return importlib.import_module("mpi4py.MPI")
    except (ImportError, RuntimeError) as error:
        raise ImportError(NEEDED) from error


def join(host: str, port: int, token: str, rank: int, size: int, timeout: float) -> World:
    """Joins the world whose server listens at ``host:port``. Raises DistNetworkError where there is none in time, and
    DistStoreError where ranks are missing."""
    mpi = load_mpi()
    deadline = time.monotonic() + timeout
    while True:
        try:
            watch = Watch(host, port, token, rank, size, timeout)
            break
        except PermissionError as error:
            raise DistNetworkError(f"[init_process_group] rank {rank} was refused by {host}:{port}: {error}") from None
        except OSError as error:
            if time.monotonic() > deadline:
                raise DistNetworkError(f"[init_process_group] a server of rank 0 was expected at {host}:{port} within "
                                       f"{timeout:g} s; got {error}; is rank 0 running, and MASTER_ADDR its machine?"
                                       ) from None
            time.sleep(0.05)
    hosts = watch.begin()
    keys = connect(host, port, token, timeout, kind="pmi", rank=rank)
    before = {name: os.environ.get(name) for name in ("PMI_FD", "PMI_RANK", "PMI_SIZE")}
    os.environ.update(PMI_FD=str(keys.socket.fileno()), PMI_RANK=str(rank), PMI_SIZE=str(size))
    begun = threading.Event()
    threading.Thread(target=_mind_the_beginning, args=(begun, watch, timeout), daemon=True).start()
    try:
        level = mpi.Init_thread(mpi.THREAD_MULTIPLE)
        world = World(watch, mpi, mpi.COMM_WORLD, hosts)
        world.communicator.Barrier()
    finally:
        begun.set()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    world.keys = keys
    if level < mpi.THREAD_MULTIPLE:
        raise DistBackendError("[init_process_group] an MPI that several threads may call was expected; this one is "
                               "not")
    _unname_shared_memory()
    install()
    return world


def _mind_the_beginning(begun: threading.Event, watch: Watch, timeout: float) -> None:
    """MPI's beginning cannot be interrupted: if a rank is lost meanwhile, `Watch` ends the process."""
    if not begun.wait(timeout):
        watch.fails(f"MPI did not begin within {timeout:g} s")


def _unname_shared_memory() -> None:
    """Removes the names of the memory that MPI's processes of this machine share: all have it by now, and it goes away
    with the last of them, however they end."""
    if not os.path.isdir("/dev/shm"):
        return
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        mine = {line.rstrip("\n").partition("/dev/shm/")[2] for line in maps if "/dev/shm/mpich_shm_" in line}
    for name in mine:
        for path in glob.glob(f"/dev/shm/{glob.escape(name)}"):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass  # another rank of this machine was first
