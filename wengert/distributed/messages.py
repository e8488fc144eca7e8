"""From one rank to another: `send` and `recv`, their forms that do not wait, and batches of them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np

from ..futures import Future
from ..tensors.tensor import Tensor
from . import transport
from .collectives import array_of, contiguous, group_of, put, root_of, spelt, writable
from .groups import Call, ProcessGroup, begins
from .watch import DistBackendError
from .work import Work, seconds

TAGS = 2
"""Tags of programs begin here: those below are the collectives' own."""


class Message(Work):
    """A message under way. It goes on by itself; `wait` says when the tensor may be used again."""

    def __init__(self, call: Call, requests: list[Any], tensor: Tensor, arrived: Callable[[], None],
                 watched: Callable[[], None] | None) -> None:
        super().__init__(call.name)
        self._watched = watched
        self._call, self._requests, self._tensor, self._arrived = call, requests, tensor, arrived
        self._turn = threading.RLock()  # what comes after its end may ask for its result
        self.source: int | None = None
        if len(_under_way) > 64:  # programs that never wait
            for other in list(_under_way.values()):
                other.is_completed()
        _under_way[id(self)] = self

    def wait(self, timeout: timedelta | float | None = None) -> bool:
        """Waits until it is done; returns True. Raises DistBackendError where the other rank is gone, or does not come
        in time."""
        with self._turn:
            if not self._done.is_set():
                call = self._call
                call.timeout = seconds(timeout) or call.timeout
                call.deadline = time.monotonic() + call.timeout
                try:
                    for request in self._requests:
                        call.wait(request, patient=True)
                    self._end()
                except BaseException as error:
                    self._ends(error)
                    raise
        return super().wait()

    def _end(self) -> None:
        self._arrived()
        self._ends(None)

    def _ends(self, error: BaseException | None) -> None:
        self._requests = []
        _under_way.pop(id(self), None)
        if self._watched is not None:
            self._watched()
        self.finish(self._tensor, error)

    def is_completed(self) -> bool:
        """Whether it has ended."""
        if self._turn.acquire(blocking=False):  # else another thread waits for it
            try:
                if not self._done.is_set() and all(request.Test() for request in self._requests):
                    self._end()
            finally:
                self._turn.release()
        return self._done.is_set()

    def source_rank(self) -> int:
        """The rank that sent it. Raises RuntimeError for a message of this rank's own."""
        return super().source_rank() if self.source is None else self.source

    def result_of(self) -> Any:
        """Waits, and returns the tensor."""
        self.wait()
        return self._result

    def get_future(self) -> Future:
        """A future of `result`: a thread waits for it."""
        future = super().get_future()
        threading.Thread(target=suppressed, args=(self.wait,), daemon=True).start()
        return future


_under_way: dict[int, Message] = {}
"""Messages that MPI still reads or writes the memory of, though the program may have dropped them."""


def suppressed(wait: Callable[[], Any]) -> None:
    """Waits; the error is the future's."""
    with contextlib.suppress(Exception):
        wait()


def _call(group: ProcessGroup, name: str, text: str, peers: list[int]) -> Call:
    if group.world.watch.failure is not None:
        raise DistBackendError(f"[{name}] {group.world.watch.failure}")
    call = Call(group, name, text, lambda call: None, None)
    call.peers = peers
    call.deadline = time.monotonic() + call.timeout
    group.world.doing = call
    return call


def isend(tensor: Tensor, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None
          ) -> Work | None:
    """Begins to send ``tensor`` to rank ``dst``; the `Work` says when it may be written again.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.isend(torch.zeros(2), dst=3)
    Traceback (most recent call last):
        ...
    wengert.distributed.groups.RankError: Global rank 3 is not part of group <ProcessGroup world of ranks 0>
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return None
    peer = root_of(found, dst, group_dst, "isend")
    if peer == found.rank():
        raise ValueError("Invalid destination rank: destination rank should not be the same as the rank of the current "
                         "process.")
    array = contiguous(array_of("isend", tensor))
    call = _call(found, "send", f"of {spelt(array)} to rank {found.ranks[peer]}", [found.ranks[peer]])
    call.buffers = array
    watched = begins(found, "send", [array])
    requests = transport.messages(found, found.communicator.Isend, array, peer, tag + TAGS)
    return Message(call, requests, tensor, lambda: None, watched)


def irecv(tensor: Tensor, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None
          ) -> Work | None:
    """Begins to receive what rank ``src``, or any, sends, into ``tensor``.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.irecv(torch.zeros(2), src=3)
    Traceback (most recent call last):
        ...
    wengert.distributed.groups.RankError: Global rank 3 is not part of group <ProcessGroup world of ranks 0>
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return None
    array = writable("irecv", tensor)
    work = array if array.flags.c_contiguous else np.empty(array.shape, array.dtype)
    peer = None
    if src is not None or group_src is not None:
        peer = root_of(found, src, group_src, "irecv")
        if peer == found.rank():
            raise ValueError("Invalid source rank: source rank should not be the same as the rank of the current "
                             "process.")
    others = [rank for rank in found.ranks if rank != found.world.rank]
    peers = others if peer is None else [found.ranks[peer]]
    call = _call(found, "recv", f"of {spelt(array)} from rank {', '.join(map(str, peers))}", peers)
    watched = begins(found, "recvAnySource" if peer is None else "recv", [array])
    if peer is None:  # the rest of a message in pieces must come from where its first one does
        call.peers = []
        status = found.world.mpi.Status()
        _await_any(call, found, tag + TAGS, status)
        peer = status.Get_source()
    call.buffers = work
    parts = transport.messages(found, found.communicator.Irecv, work, peer, tag + TAGS)
    requests = [_Arrival(part, size, call) for part, size in zip(parts, transport.lengths(work), strict=True)]
    message = Message(call, requests, tensor, lambda: put(tensor, work), watched)
    message.source = found.ranks[peer]
    return message


class _Arrival:
    """The request of a message that must have a certain size, in bytes."""

    def __init__(self, request: Any, size: int, call: Call) -> None:
        self._request, self._size, self._call = request, size, call
        self._status = call.group.world.mpi.Status()

    def Test(self) -> bool:
        """Whether it is there. Raises DistBackendError for one of another size."""
        mpi = self._call.group.world.mpi
        try:
            if not self._request.Test(self._status):
                return False
        except mpi.Exception as error:
            raise self._wrong("more" if error.Get_error_class() == mpi.ERR_TRUNCATE else str(error)) from None
        count = self._status.Get_count(mpi.BYTE)
        if count != self._size:
            raise self._wrong(f"{count} bytes")
        return True

    def _wrong(self, came: str) -> DistBackendError:
        call = self._call
        return DistBackendError(f"[recv] {self._size} bytes were expected in {call.described()}; {came} came; sender "
                                "and receiver must give tensors of one size")


class _Probe:
    """Whether a message of any rank is there, in the shape of a request."""

    def __init__(self, communicator: Any, any_source: int, tag: int, status: Any) -> None:
        self._probe = lambda: communicator.Iprobe(any_source, tag, status)

    def Test(self) -> bool:
        return bool(self._probe())


def _await_any(call: Call, group: ProcessGroup, tag: int, status: Any) -> None:
    call.wait(_Probe(group.communicator, group.world.mpi.ANY_SOURCE, tag, status), patient=True)


def send(tensor: Tensor, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None) -> None:
    """Sends ``tensor`` to rank ``dst``, which calls `recv` with one of the same size.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.send(torch.zeros(2), dst=3)
    Traceback (most recent call last):
        ...
    wengert.distributed.groups.RankError: Global rank 3 is not part of group <ProcessGroup world of ranks 0>
    >>> dist.destroy_process_group()
    """
    work = isend(tensor, dst, group, tag, group_dst)
    if work is not None:
        work.wait()


def recv(tensor: Tensor, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None) -> int:
    """Receives into ``tensor`` what rank ``src``, or any, sends. Returns the sender's rank, -1 outside of the group.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.recv(torch.zeros(2), src=3)
    Traceback (most recent call last):
        ...
    wengert.distributed.groups.RankError: Global rank 3 is not part of group <ProcessGroup world of ranks 0>
    >>> dist.destroy_process_group()
    """
    work = irecv(tensor, src, group, tag, group_src)
    if not isinstance(work, Message):
        return -1
    work.wait()
    return int(work.source if work.source is not None else -1)


class P2POp:
    """One message of a batch: ``op`` is `isend` or `irecv`. See `batch_isend_irecv`.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.P2POp(dist.all_reduce, torch.zeros(2), 0)
    Traceback (most recent call last):
        ...
    ValueError: Invalid ``op``. Expected ``op`` to be of type ...
    >>> dist.destroy_process_group()
    """

    def __init__(self, op: Callable[..., Any], tensor: Tensor, peer: int | None = None, group: Any = None, tag: int = 0,
                 group_peer: int | None = None) -> None:
        if op not in (isend, irecv):
            raise ValueError("Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                             "``torch.distributed.irecv``.")
        if not isinstance(tensor, Tensor):
            raise TypeError("Invalid function argument. Expected parameter `tensor` of type torch.Tensor but got "
                            f"{type(tensor)} instead.")
        found = group_of(group)
        self.op, self.tensor, self.group, self.tag = op, tensor, found, tag
        self.peer, self.group_peer = peer, group_peer
        if (peer is None) == (group_peer is None):
            raise ValueError("[P2POp] either peer or group_peer was expected; got "
                             f"{'neither' if peer is None else 'both'}")
        if found is not None and peer is None:
            self.peer = found.ranks[root_of(found, None, group_peer, "P2POp")]
        elif found is not None and peer in found.ranks:
            self.group_peer = found.number_of(peer)

    def __repr__(self) -> str:
        return (f"P2POp({self.op.__name__} with rank {self.peer} of {self.group!r}, {self.tensor.shape}, "
                f"{self.tensor.dtype})")


def batch_isend_irecv(p2p_op_list: list[P2POp]) -> list[Work]:
    """Begins all messages of a list; returns their `Work`.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.batch_isend_irecv([])
    Traceback (most recent call last):
        ...
    ValueError: Invalid ``p2p_op_list``. Each op is expected to to be of type ``torch.distributed.P2POp``.
    >>> dist.destroy_process_group()
    """
    if not p2p_op_list or not all(isinstance(each, P2POp) for each in p2p_op_list):
        raise ValueError("Invalid ``p2p_op_list``. Each op is expected to to be of type ``torch.distributed.P2POp``.")
    if any(each.group is not p2p_op_list[0].group for each in p2p_op_list):
        raise ValueError("[batch_isend_irecv] messages of one group were expected; got several groups")
    receives_first = sorted(p2p_op_list, key=lambda each: each.op is isend)
    works = {id(p): p.op(p.tensor, p.peer, p.group, p.tag) for p in receives_first if p.group is not None}
    return [works[id(p)] for p in p2p_op_list if id(p) in works]
