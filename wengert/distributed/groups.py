"""Process groups, and how one collective is run in them.

The one idea to know: before its data moves, every collective compares by one small reduction what the ranks of the
group are about to do. So all of them are there, which bounds the wait, and a rank that does something else is found
before MPI could mix the two up.

A call runs in the thread that makes it. With ``async_op`` it runs in the group's own thread, and so does what comes
after it in the group, until that thread has nothing to do.
"""

from __future__ import annotations

import queue
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np

from ..core.errors import TraceError
from ..core.forks import in_child
from ..core.frames import user_frame, user_line
from ..core.state import state
from .watch import DistBackendError, DistError
from .work import Work
from .world import World


@lru_cache(4096)
def _code(name: str, text: str) -> int:
    return crc32(f"{name} {text}".encode())


class RankError(DistError, ValueError):
    """A rank that a group has not. (PyTorch raises a RuntimeError or a ValueError, by call.)

    >>> from wengert.distributed.groups import RankError
    >>> issubclass(RankError, RuntimeError) and issubclass(RankError, ValueError)
    True
    """


class GroupError(TypeError, ValueError):
    """What is no group of this process's. (PyTorch raises a ValueError for it.)

    >>> from wengert.distributed.groups import GroupError
    >>> issubclass(GroupError, ValueError)
    True
    """


CURE = "call collectives outside of the compiled function"


def refuse_recorded(name: str, cure: str = CURE) -> None:
    """Raises TraceError while a function is being recorded: `compile` then runs it as it is."""
    watcher = state.watcher
    if watcher is not None and watcher.tracer is not None:
        line = user_line()
        raise TraceError(f"[{name}] values were expected{f' at {line}' if line else ''}; got a function that is being "
                         f"recorded, which has none yet, and would send nothing when it runs again; {cure}")


_SPELT = {"DistributedDataParallel.reduce": "all_reduce", "DistributedDataParallel.broadcast": "broadcast",
          "all_gather_into_tensor": "all_gather", "all_reduce_coalesced": "all_reduce",
          "all_gather_coalesced": "all_gather", "all_to_all_single": "all_to_all",
          "reduce_scatter_tensor": "reduce_scatter"}
"""What a profile calls these."""


def begins(group: ProcessGroup, name: str, arrays: Sequence[Any]) -> Callable[[], None] | None:
    """Tells the profiles that are running of a collective or a message; what is returned is to be called at its end."""
    watcher = state.watcher
    if watcher is None:
        return None
    shapes = [(*array.shape, 2) if array.dtype.kind == "c" else array.shape for array in arrays]  # as pairs
    ended: Callable[[], None] | None = watcher.sends(f"{group.backend}:{_SPELT.get(name, name)}", shapes)
    return ended


def _watched(group: ProcessGroup, name: str, body: Callable[[Call], Any], arrays: Sequence[Any]
             ) -> Callable[[Call], Any]:
    ended = begins(group, name, arrays)
    if ended is None:
        return body

    def told(call: Call) -> Any:
        try:
            return body(call)
        finally:
            ended()

    return told


class Call:
    """One collective, or one message, of this rank: what it is, where it was called, and how it is done."""

    __slots__ = ("behind", "body", "buffers", "compares", "deadline", "group", "name", "number", "peers", "place",
                 "text", "timeout")

    def __init__(self, group: ProcessGroup, name: str, text: str, body: Callable[[Call], Any],
                 timeout: float | None) -> None:
        self.group, self.name, self.text, self.body = group, name, text, body
        self.timeout = group.timeout if timeout is None else timeout
        frame = user_frame()
        self.place = None if frame is None else (frame.f_code, frame.f_lineno)
        self.number, self.compares = 0, True
        self.peers: Sequence[int] | None = None
        self.deadline = 0.0
        self.behind = False
        """Whether it runs in the group's own thread."""
        self.buffers: Any = None

    def described(self) -> str:
        """``collective 3 of the group of ranks 0, 1, all_reduce of float32 [2, 3], at train.py:30``"""
        what = f"collective {self.number}, {self.name}" if self.number else self.name
        place = "its start" if self.place is None else f"{self.place[0].co_filename}:{self.place[1]}"
        return f"{what} {self.text} at {place}".replace("  ", " ")

    def needs(self) -> Sequence[int]:
        """The ranks without which it cannot be."""
        return self.group.ranks if self.peers is None else self.peers

    def wait(self, request: Any, patient: bool = False) -> None:
        """Waits for a request of MPI's."""
        self.group.world.wait(request, self, patient)

    def __call__(self) -> Any:
        group = self.group
        self.deadline = time.monotonic() + self.timeout
        group.world.doing = self
        if self.compares:
            mine = group.mine
            mine[0] = code = _code(self.name, self.text)
            mine[1] = -code
            self.wait(group.communicator.Iallreduce(mine, group.least, group.world.mpi.MIN), True)
            if group.least[0] != -group.least[1]:
                group.world.watch.claim(f"{group.name}/{self.number}", self.described(), group.ranks)
                text = group.world.watch.wait_for_failure("the ranks of a group called different collectives; this one "
                                                          f"{self.described()}")
                group.world.give_up(self, text)
        return self.body(self)


class ProcessGroup:
    """Some of the ranks: those that take part in a collective. Made by `new_group` and `init_process_group`.

    ``ranks`` are their numbers in the world, in the order that their numbers in the group have.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> isinstance(dist.new_group([0]), dist.ProcessGroup)
    True
    >>> dist.destroy_process_group()
    """

    world: World
    communicator: Any
    ranks: list[int]
    name: str
    group_name: str
    group_desc: str
    timeout: float
    backend: str
    number: int
    splits: int
    mine: np.ndarray[Any, Any]
    least: np.ndarray[Any, Any]
    _waiting: queue.SimpleQueue[tuple[Call, Work]]
    _thread: threading.Thread | None
    _pending: int
    _lock: threading.Lock
    _beside: ProcessGroup | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise RuntimeError("[distributed.ProcessGroup] a group is made by new_group, on all ranks; call that")

    @classmethod
    def _of(cls, world: World, communicator: Any, ranks: Sequence[int], name: str, timeout: float, backend: str,
            description: str = "undefined") -> ProcessGroup:
        self = object.__new__(cls)
        self.world, self.communicator, self.ranks, self.group_name = world, communicator, list(ranks), name
        self.name, self.timeout, self.backend, self.group_desc = name, timeout, backend, description
        self.number = self.splits = 0
        self.mine, self.least = np.zeros(2, np.int64), np.zeros(2, np.int64)
        self._waiting, self._thread = queue.SimpleQueue(), None
        self._pending = 0
        self._lock = threading.Lock()
        self._beside = None
        groups.add(self)
        return self

    def beside(self) -> ProcessGroup:
        """A group of the same ranks whose collectives are in no order with this one's: gradients are reduced when they
        come, which may be before or after a layer's own collective in backward. All ranks call it."""
        if self._beside is None:
            # In the order of this group's collectives, as it is one for MPI.
            communicator = self.run("DistributedDataParallel.group", "", lambda call: self.communicator.Dup())
            self._beside = ProcessGroup._of(self.world, communicator, self.ranks, f"{self.name}, gradients",
                                            self.timeout, self.backend, self.group_desc)
            groups.discard(self._beside)  # a part of this one
        return self._beside

    def rank(self) -> int:
        """This process's number in the group."""
        return self.ranks.index(self.world.rank)

    def size(self) -> int:
        """How many ranks it has."""
        return len(self.ranks)

    def __repr__(self) -> str:
        return f"<ProcessGroup {self.name} of ranks {', '.join(map(str, self.ranks))}>"

    def number_of(self, rank: int) -> int:
        """The number in the group of a rank of the world. Raises ValueError for one that is not in it."""
        try:
            return self.ranks.index(rank)
        except ValueError:
            raise RankError(f"Global rank {rank} is not part of group {self!r}") from None

    def run(self, name: str, text: str, body: Callable[[Call], Any], async_op: bool = False,
            timeout: float | None = None, arrays: Sequence[Any] = ()) -> Any:
        """Does a collective; with ``async_op`` returns a `Work`, else what ``body(call)`` does. ``text`` is what all
        ranks must agree on, besides ``name``; a profile is told of the shapes of ``arrays``."""
        refuse_recorded(name)
        if state.watcher is not None:
            body = _watched(self, name, body, arrays)
        world = self.world
        if world.watch.failure is not None:
            raise DistBackendError(f"[{name}] {world.watch.failure}")
        call = Call(self, name, text, body, timeout)
        with self._lock:
            self.number += 1
            call.number = self.number
            direct = not async_op and not self._pending
            if not direct:
                call.behind = async_op
                self._pending += 1
                work = Work(name, call)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name=f"wengert-{self.name}", daemon=True)
                    self._thread.start()
                self._waiting.put((call, work))
        if direct:
            return call()
        return work if async_op else work.result_of()

    def drain(self) -> None:
        """Waits until nothing is under way any more."""
        while self._pending or (self._beside is not None and self._beside._pending):
            time.sleep(1e-3)

    def _serve(self) -> None:
        while True:
            call, work = self._waiting.get()
            try:
                result, error = call(), None
            except BaseException as raised:
                result, error = None, raised
            with self._lock:
                self._pending -= 1
            work.finish(result, error)
            del call, work, result, error


groups: weakref.WeakSet[ProcessGroup] = weakref.WeakSet()
"""The groups that were made and not ended."""


def _forget() -> None:
    groups.clear()
    current.default = None


class Current:
    """The default group, which `init_process_group` makes."""

    default: ProcessGroup | None = None


current = Current()
in_child(_forget)


def default_group() -> ProcessGroup:
    """The group of all ranks. Raises ValueError before `init_process_group`."""
    if current.default is None:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return current.default
