"""The ranks of this job as MPI sees them, and the groups among them.

MPI begins once in a process and cannot begin again: the first `join` begins it, and a later one, of another rank or
size, makes its world of ranks that MPI has already. MPI is not finalized, as that waits for ranks that may be gone; the
memory that its processes share has no name any more once all have it. Where MPI's own launcher started the processes
(`join_by_mpi`), a rank that ends in good order does finalize: the launcher takes another end for a failure.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import importlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .channel import Channel, connect
from .environment import wanted_size
from .watch import DistBackendError, DistNetworkError, Watch, _finishes, _watches, install, last_acts

NEEDED = ("[init_process_group] several processes talk by MPI, which needs the packages mpi4py and mpich; install them "
          "with: pip install 'wengert[distributed]'")
SPINS = 1000
"""So often is a request tested at once before the thread sleeps in between: some 300 microseconds. (Giving way by
`sched_yield` instead costs milliseconds beside other busy processes; who sleeps is woken before them.)"""
SHORTEST, LONGEST = 2e-5, 5e-4
LEFT = 0.5
"""Seconds after which what a rank sent that has left is there."""
TAG_OF_WORLDS = 30_000
"""Groups have their numbers as tags while they are made; a world that is made of ranks of another has this one."""


class World:
    """All ranks: MPI's communicator, and the connection by which failures are told."""

    def __init__(self, watch: Watch, mpi: Any, communicator: Any, hosts: list[str]) -> None:
        self.watch, self.mpi, self.communicator, self.hosts = watch, mpi, communicator, hosts
        self.rank, self.size = watch.rank, watch.size
        self.groups = 0
        """How many groups were made in it."""
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
            gone = [r for r in call.needs() if now - watch.left.get(r, now) > LEFT] if watch.left else []
            if (gone or now > call.deadline) and _comes(test):
                return  # it was this rank that had no time
            if now > call.deadline:
                watch.late(f"waited {call.timeout:g} s for the others in {call.described()}", call.group.ranks)
                self.give_up(call, watch.wait_for_failure(
                    f"waited {call.timeout:g} s for the others in {call.described()}"))
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


def _comes(test: Callable[[], bool]) -> bool:
    """Whether a request is done once MPI has looked at all that has arrived."""
    return any(test() for _ in range(100))


def load_mpi() -> Any:
    """The module ``mpi4py.MPI``, which has not begun yet. Raises ImportError that names the extra."""
    try:
        mpi4py = importlib.import_module("mpi4py")
        mpi4py.rc.initialize = mpi4py.rc.finalize = False
        return importlib.import_module("mpi4py.MPI")
    except (ImportError, RuntimeError) as error:
        raise ImportError(NEEDED) from error


class _Begun:
    """MPI in this process, once it has begun."""

    of: str | None = None
    """The name of the world in which it did."""
    keys: Channel | None = None
    """MPI's own connection, open as long as MPI is."""


def join(host: str, port: int, token: str, rank: int, size: int, timeout: float) -> World:
    """Joins the world whose server listens at ``host:port``. Raises DistNetworkError where there is none in time,
    DistStoreError where ranks are missing, and RuntimeError for ranks that MPI cannot bring together any more."""
    mpi = load_mpi()
    mine = [_Begun.of, mpi.COMM_WORLD.Get_rank()] if _Begun.of is not None else None
    watch = _watching(host, port, token, rank, size, timeout, of_mpi=mine)
    hosts, of_mpi = watch.begin()
    if mine is None and not any(of_mpi):
        keys = connect(host, port, token, timeout, kind="pmi", rank=rank)
        with _keys_by(keys.socket.fileno(), rank, size):
            communicator = _begin(mpi, watch, timeout)
        _Begun.of, _Begun.keys = watch.name, keys
    else:
        communicator = _of_those_there(mpi, watch, of_mpi)
    install()
    return World(watch, mpi, communicator, hosts)


def _watching(host: str, port: int, token: str, rank: int, size: int, timeout: float, **more: Any) -> Watch:
    """The connection to the server, which may still be about to begin."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return Watch(host, port, token, rank, size, timeout, **more)
        except PermissionError as error:
            raise DistNetworkError(f"[init_process_group] rank {rank} was refused by {host}:{port}: {error}") from None
        except OSError as error:
            if time.monotonic() > deadline:
                raise DistNetworkError(f"[init_process_group] a server of rank 0 was expected at {host}:{port} within "
                                       f"{timeout:g} s; got {error}; is rank 0 running, and MASTER_ADDR its machine?"
                                       ) from None
            time.sleep(0.05)


@contextlib.contextmanager
def _keys_by(connection: int, rank: int, size: int) -> Iterator[None]:
    """A context in which MPI finds its keys by a connection to the server."""
    mine = {"PMI_FD": str(connection), "PMI_RANK": str(rank), "PMI_SIZE": str(size)}
    before = {name: os.environ.get(name) for name in mine}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _begin(mpi: Any, watch: Watch, timeout: float) -> Any:
    """Begins MPI; returns the communicator of all ranks."""
    begun = threading.Event()
    last_acts.append(_unname_shared_memory)  # if a rank is lost before all have it
    threading.Thread(target=_mind_the_beginning, args=(begun, watch, timeout), daemon=True).start()
    try:
        level = _init(mpi)
        _all_here(mpi.COMM_WORLD.Ibarrier())
    finally:
        begun.set()
        _unname_shared_memory()
        last_acts.clear()
    _check_level(mpi, level)
    return mpi.COMM_WORLD


def _init(mpi: Any) -> int:
    """Begins MPI; returns which threads may call it. Others run meanwhile: it waits for all ranks, and mpi4py's own
    function holds the interpreter as long."""
    begin = getattr(ctypes.CDLL(mpi.__file__), "MPI_Init_thread", None)  # found in what the module is linked to
    if begin is None:  # Windows looks for it in the module alone
        return int(mpi.Init_thread(mpi.THREAD_MULTIPLE))
    level = ctypes.c_int()
    if error := begin(None, None, int(mpi.THREAD_MULTIPLE), ctypes.byref(level)):
        raise DistBackendError(f"[init_process_group] MPI that begins was expected; it failed with error {error}")
    for communicator in (mpi.COMM_WORLD, mpi.COMM_SELF):
        communicator.Set_errhandler(mpi.ERRORS_RETURN)  # as mpi4py does: errors are exceptions
    return level.value


def _all_here(request: Any) -> None:
    """Waits for all ranks, and lets other threads run."""
    while not request.Test():
        time.sleep(LONGEST)


def _check_level(mpi: Any, level: int) -> None:
    if level < mpi.THREAD_MULTIPLE:
        raise DistBackendError("[init_process_group] an MPI that several threads may call was expected; this one is "
                               "not")


def _of_those_there(mpi: Any, watch: Watch, of_mpi: list[Any]) -> Any:
    """The communicator of ranks that are all in one MPI's world already."""
    worlds = {None if each is None else each[0] for each in of_mpi}
    if len(worlds) > 1 or None in worlds:
        watch.bye()
        raise RuntimeError("[init_process_group] MPI begins once in a process, and processes cannot be added later: "
                           "ranks that were together before, or processes that are all new, were expected; got some "
                           "of each; start new processes")
    numbers = [each[1] for each in of_mpi]
    return mpi.COMM_WORLD.Create_group(mpi.COMM_WORLD.Get_group().Incl(numbers), TAG_OF_WORLDS)


def leave(world: World) -> None:
    """Leaves a world for another: says so to its other ranks."""
    world.watch.bye(goes_on=True)
    _watches.remove(world.watch)


def join_by_mpi(address: Callable[[bool], tuple[str, int, str]], timeout: float) -> World:
    """Joins the world of the processes that MPI's own launcher has started together.

    ``address(alone)`` starts the server on the first rank, and returns host, port and token; ``alone`` says whether all
    ranks are on this machine. Raises RuntimeError where the launcher is not this MPI's.
    """
    mpi = load_mpi()
    _check_level(mpi, _init(mpi))
    communicator = mpi.COMM_WORLD
    rank, size, wanted = communicator.Get_rank(), communicator.Get_size(), wanted_size()
    if wanted not in (None, size):
        raise RuntimeError(f"[init_process_group] a launcher of this MPI's was expected, which would make {wanted} "
                           f"ranks one world; MPI knows {size}: the launcher is another MPI's; use the mpiexec beside "
                           "this Python, `wengert launch`, or set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT")
    hosts = communicator.allgather(socket.gethostname())
    said: Any = None
    if rank == 0:
        try:
            said = address(len(set(hosts)) == 1)
        except DistNetworkError as error:
            said = str(error)
    said = communicator.bcast(said)
    if isinstance(said, str):
        raise DistNetworkError(said)
    host, port, token = said
    watch = _watching(host, port, token, rank, size, timeout)
    hosts, _ = watch.begin()
    _Begun.of = watch.name
    _unname_shared_memory()
    ending = communicator.Dup()  # while others may still wait for a collective
    _finishes.append(lambda: _finalize(mpi, watch, ending))
    install()
    return World(watch, mpi, communicator, hosts)


def _finalize(mpi: Any, watch: Watch, ending: Any) -> None:
    """Ends MPI, once all ranks have come here. (MPI would wait for them too, but holds the interpreter meanwhile: no
    thread of `Watch` could hear of a rank that never comes, and end this one.)"""
    if not watch.bye_but_stays():
        return
    _all_here(ending.Ibarrier())
    watch.stays = False
    mpi.Finalize()


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
