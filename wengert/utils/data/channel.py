"""A two-way line between the process that loads data and one of its workers: messages of bytes, with descriptors.

Nothing here runs in a thread of its own, so that nothing is lost or left when either side ends. The other side's end
shows as EOFError at once. A process forked meanwhile must not hold an end open that is not its own, or nobody would
see that end close: `close_in_children` sees to that.
"""

from __future__ import annotations

import array
import math
import os
import select
import socket
import struct
import time
import weakref
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from ...core import segments

_HEADER = struct.Struct("<QI")  # the bytes that follow, and the descriptors that came with them
_AT_ONCE = 1 << 16
_MOST_DESCRIPTORS = 200  # of one message; the kernel's own bound is 253
_FLAGS = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_GONE = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError)


class Message(NamedTuple):
    """What came over a `Channel`; the descriptors are the receiver's to close."""

    payload: bytes
    descriptors: list[int]


class Channel:
    """One end of the line. Only one thread may use it at a time."""

    most_descriptors = _MOST_DESCRIPTORS if segments.AVAILABLE else 0

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self.socket = end
        self._arrived = bytearray()
        self._descriptors: list[int] = []
        self._messages: deque[Message] = deque()

    def fileno(self) -> int:
        """The socket's descriptor, which `select` can wait for."""
        return self.socket.fileno()

    @property
    def pending(self) -> bool:
        """Whether a message is here already, for which the socket need not be waited for."""
        return bool(self._messages)

    def send(self, payload: bytes, descriptors: Sequence[int] = ()) -> None:
        """Sends a message. Raises EOFError where nobody is left to read it.

        While the other side does not read, what it sends is taken in, so that two sides that send to each other
        never wait for each other.
        """
        view = memoryview(_HEADER.pack(len(payload), len(descriptors)) + payload)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        while view:
            try:
                view = view[self.socket.sendmsg([view], rights) if rights else self.socket.send(view) :]
                rights = []
            except BlockingIOError:
                if _ready(self.socket, to_write=True):
                    self._take_in()
            except _GONE as error:
                raise EOFError from error

    def receive(self, timeout: float | None = None) -> Message | None:
        """The next message, None if there is none after ``timeout`` seconds. Raises EOFError where none will come."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._messages:
            if _ready(self.socket, None if deadline is None else max(deadline - time.monotonic(), 0.0)):
                self._take_in()
            elif deadline is not None and time.monotonic() >= deadline:
                return None
        return self._messages.popleft()

    def _take_in(self) -> None:
        """Reads what is there, and finds the messages in it."""
        try:
            if segments.AVAILABLE:
                part, descriptors, flags, _ = socket.recv_fds(self.socket, _AT_ONCE, _MOST_DESCRIPTORS, _FLAGS)
                self._descriptors += descriptors
                if flags & socket.MSG_CTRUNC:
                    raise OSError("[DataLoader] too many open files: the system could not pass on a worker's "
                                  "shared memory; close files, or raise the limit with ulimit -n")
            else:
                part = self.socket.recv(_AT_ONCE)
        except BlockingIOError:
            return
        except _GONE as error:
            raise EOFError from error
        if not part:
            raise EOFError
        arrived = self._arrived
        arrived += part
        while len(arrived) >= _HEADER.size:
            length, count = _HEADER.unpack_from(arrived)
            end = _HEADER.size + length
            if len(arrived) < end:
                return
            self._messages.append(Message(bytes(arrived[_HEADER.size : end]), self._descriptors[:count]))
            del arrived[:end], self._descriptors[:count]

    def close(self) -> None:
        """Ends the line. What was not read is dropped, its descriptors closed."""
        self.socket.close()
        for descriptor in (*self._descriptors, *(each for message in self._messages for each in message.descriptors)):
            os.close(descriptor)
        self._descriptors.clear()
        self._messages.clear()


def _ready(end: socket.socket, timeout: float | None = None, to_write: bool = False) -> bool:
    """Waits until there is something to read, or the other side has gone, and returns whether there is; waits for room
    to write as well, if asked, and for ``timeout`` seconds at most."""
    if not hasattr(select, "poll"):
        return bool(select.select([end], [end] if to_write else [], [], timeout)[0])
    poll = select.poll()
    poll.register(end, select.POLLIN | (select.POLLOUT if to_write else 0))
    events = poll.poll(None if timeout is None else math.ceil(timeout * 1000))
    return any(event & ~select.POLLOUT for _, event in events)


_ends: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def pair() -> tuple[Channel, socket.socket]:
    """The end of the process that loads, and that of the worker to be started."""
    mine, theirs = socket.socketpair()
    _ends.add(mine)
    return Channel(mine), theirs


def close_in_children() -> None:
    """Closes, in a child that was just forked, the ends that belong to the process it was forked from."""
    for end in list(_ends):
        end.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=close_in_children)
