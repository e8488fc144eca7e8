"""Stores of keys and values that several processes share: `TCPStore` on the server (`server.py`), and those beside
it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from operator import index
from typing import Any, SupportsIndex

from ..core.forks import in_child
from .channel import Channel, connect, packed, unpacked
from .keys import CHANGES, Keys
from .start import Started, start_server, token
from .watch import DistNetworkError, DistStoreError

PATIENCE = timedelta(seconds=300)
ANSWERS_WITHIN = 10.0
"""Seconds in which a store answers, beside what it was asked to wait."""
OWN = "wengert/"
"""Keys of the stores themselves begin so."""


class QueueEmptyError(DistStoreError):
    """A queue of a store had nothing.

    >>> from wengert import distributed as dist
    >>> issubclass(dist.QueueEmptyError, dist.DistStoreError)
    True
    """


QueueEmptyError.__module__ = DistStoreError.__module__


def _bytes(value: str | bytes) -> bytes:
    if not isinstance(value, (str, bytes, bytearray)):
        raise TypeError(f"[Store] a value of str or bytes was expected; got {type(value).__name__}")
    return value.encode() if isinstance(value, str) else bytes(value)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"[Store] a key of type str was expected; got {type(key).__name__}")
    return key


def _key_list(keys: Any) -> list[str]:
    if isinstance(keys, (str, bytes)) or not isinstance(keys, Sequence):
        raise TypeError(f"[Store] a list of keys was expected; got {type(keys).__name__}")
    return [_key(each) for each in keys]


def _limit(timeout: Any) -> timedelta:
    if not isinstance(timeout, timedelta):
        raise TypeError(f"[Store] a timeout of type timedelta was expected; got {timeout!r}")
    return timeout


class Store:
    """Keys and values. Made by `TCPStore`, `FileStore`, `HashStore` or `PrefixStore`.

    Values are bytes; a string is stored as UTF-8. `get` and `wait` wait for a key at most ``timeout``.

    >>> from wengert import distributed as dist
    >>> isinstance(dist.HashStore(), dist.Store)
    True
    """

    def __init__(self) -> None:
        self._timeout = PATIENCE

    @property
    def timeout(self) -> timedelta:
        """How long `get` and `wait` wait."""
        return self._timeout

    def set_timeout(self, timeout: timedelta) -> None:
        """Sets how long `get` and `wait` wait."""
        self._timeout = _limit(timeout)

    def _ask(self, op: str, key: str = "", value: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        raise NotImplementedError(f"[{type(self).__name__}.{op}] a store was expected; the class Store alone keeps "
                                  "nothing")

    def set(self, key: str, value: str | bytes) -> None:
        """Puts a value under a key."""
        self._ask("set", _key(key), _bytes(value))

    def get(self, key: str) -> bytes:
        """The value under a key; waits for it. Raises DistStoreError where it does not come in time."""
        answer, value = self._ask("get", _key(key), timeout=self.timeout.total_seconds())
        self._missing(answer, "get")
        return value

    def _missing(self, answer: dict[str, Any], op: str, limit: timedelta | None = None) -> None:
        if "missing" in answer:
            raise DistStoreError(f"[{type(self).__name__}.{op}] keys were expected within "
                                 f"{(limit or self.timeout).total_seconds():g} s; {', '.join(answer['missing'])} did "
                                 "not come")

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Waits until all keys are there. Raises DistStoreError that names those that do not come."""
        limit = self.timeout if timeout is None else _limit(timeout)
        answer, _ = self._ask("wait", keys=_key_list(keys), timeout=limit.total_seconds())
        self._missing(answer, "wait", limit)

    def add(self, key: str, amount: int) -> int:
        """Adds to the number under a key, 0 at first; returns the sum. Raises ValueError where the value is none."""
        if not isinstance(amount, SupportsIndex):
            raise TypeError(f"[{type(self).__name__}.add] a whole number was expected; got {amount!r}")
        answer, _ = self._ask("add", _key(key), amount=index(amount))
        if "wrong" in answer:
            raise ValueError(f"[{type(self).__name__}.add] {answer['wrong']}")
        return int(answer["value"])

    def append(self, key: str, value: str | bytes) -> None:
        """Puts a value behind that under a key."""
        self._ask("append", _key(key), _bytes(value))

    def compare_set(self, key: str, expected_value: str | bytes, desired_value: str | bytes) -> bytes:
        """Puts a value under a key where the expected one is there ("" stands for none); returns what is there then."""
        return self._ask("compare_set", _key(key), _bytes(desired_value), expected=_bytes(expected_value).hex())[1]

    def check(self, keys: Sequence[str]) -> bool:
        """Whether all keys are there."""
        return bool(self._ask("check", keys=_key_list(keys))[0]["value"])

    def delete_key(self, key: str) -> bool:
        """Takes a key out; returns whether it was there."""
        return bool(self._ask("delete", _key(key))[0]["value"])

    def num_keys(self) -> int:
        """How many keys there are."""
        return int(self._ask("count")[0]["value"])

    def list_keys(self) -> list[str]:
        """The keys."""
        return list(self._ask("keys")[0]["value"])

    def multi_set(self, keys: Sequence[str], values: Sequence[str | bytes]) -> None:
        """Puts values under keys."""
        for key, value in zip(keys, values, strict=True):
            self.set(key, value)

    def multi_get(self, keys: Sequence[str]) -> list[bytes]:
        """The values under keys; waits for each as `get` does."""
        return [self.get(key) for key in keys]

    def has_extended_api(self) -> bool:
        """Whether it has `append`, `multi_get` and `multi_set`: all have."""
        return True

    def queue_push(self, key: str, value: str | bytes) -> None:
        """Puts a value at the end of the queue ``key``. Queues are no keys."""
        self._ask("push", key, _bytes(value))

    def queue_pop(self, key: str, block: bool = True) -> bytes:
        """Takes the first value of a queue; waits for it, or with ``block=False`` raises `QueueEmptyError` where there
        is none. Raises DistStoreError where none comes in time."""
        answer, value = self._ask("pop", key, timeout=self.timeout.total_seconds() if block else 0.0)
        if "missing" in answer and not block:
            raise QueueEmptyError(f"[{type(self).__name__}.queue_pop] a value in the queue {key!r} was expected; the "
                                  "queue is empty; push one, or wait with block=True")
        self._missing(answer, "queue_pop")
        return value

    def queue_len(self, key: str) -> int:
        """How many values a queue has."""
        return int(self._ask("length", key)[0]["value"])

    def barrier(self, key: str, world_size: int, timeout: timedelta | None = None) -> None:
        """Waits until ``world_size`` processes have called it with this key, which serves once. Raises DistStoreError
        where they do not in time."""
        if self.add(f"{key}/came", 1) >= world_size:
            self.set(f"{key}/all", b"")
        self.wait([f"{key}/all"], timeout)

    def clone(self) -> Store:
        """Another way to the same keys."""
        raise NotImplementedError(f"[{type(self).__name__}.clone] a store was expected; the class Store alone keeps "
                                  "nothing")


class TCPStore(Store):
    """A store that one process, the one with ``is_master``, has a server for, and others reach at ``host_name:port``.

    With ``world_size`` the master waits until so many have come, at most ``timeout``. Port 0 lets the system choose;
    see ``port`` then. Raises DistNetworkError where there is no server in time, and from then on where it does not
    answer.

    >>> from wengert import distributed as dist
    >>> store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    >>> store.set("epoch", "3")
    >>> store.get("epoch")
    b'3'
    """

    def __init__(self, host_name: str, port: int, world_size: int | None = None, is_master: bool = False,
                 timeout: timedelta = PATIENCE, wait_for_workers: bool = True, multi_tenant: bool = False,
                 **others: Any) -> None:
        super().__init__()
        if not 0 <= port < 1 << 16:
            raise TypeError(f"[TCPStore] a port from 0 to 65535 was expected; got {port}")
        self.host, self._timeout = host_name, _limit(timeout)
        self._server: Started | None = None
        if is_master:
            self._server = start_server(host_name, port)
            port = self._server.port
        self.port = port
        self._lock = threading.Lock()
        self._channel = self._connect()
        if wait_for_workers and world_size:
            self.add(f"{OWN}came", 1)
            deadline = time.monotonic() + timeout.total_seconds()
            while is_master and self.add(f"{OWN}came", 0) < world_size:
                if time.monotonic() > deadline:
                    raise DistStoreError(f"[TCPStore] {world_size} processes were expected within "
                                         f"{timeout.total_seconds():g} s; {self.add(f'{OWN}came', 0)} came")
                time.sleep(0.01)

    def _connect(self) -> Channel:
        deadline = time.monotonic() + self._timeout.total_seconds()
        while True:
            try:
                return connect(self.host, self.port, token(), self._timeout.total_seconds(), kind="store")
            except OSError as error:
                if time.monotonic() > deadline or isinstance(error, PermissionError):
                    raise DistNetworkError(f"[TCPStore] a store was expected at {self.host}:{self.port}; got {error}"
                                           ) from None
                time.sleep(0.05)

    def _ask(self, op: str, key: str = "", value: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        try:
            with self._lock:
                self._channel.socket.settimeout(more.get("timeout", 0.0) + ANSWERS_WITHIN)
                self._channel.send(value, op=op, key=key, **more)
                answer = self._channel.receive()
        except TimeoutError:
            self._channel.close()  # what comes later would be taken for the next answer
            raise DistNetworkError(f"[TCPStore.{op}] an answer of the store at {self.host}:{self.port} was expected "
                                   f"within {ANSWERS_WITHIN:g} s; none came: it is stopped, or the network is cut"
                                   ) from None
        except OSError as error:
            raise DistNetworkError(f"[TCPStore.{op}] the store at {self.host}:{self.port} is gone: {error}") from None
        if answer is None:
            raise DistNetworkError(f"[TCPStore.{op}] the store at {self.host}:{self.port} is gone")
        return answer

    def __del__(self) -> None:
        if hasattr(self, "_channel"):
            self._channel.close()

    def clone(self) -> TCPStore:
        """Another connection to the same store."""
        return TCPStore(self.host, self.port, timeout=self._timeout)

    def __reduce__(self) -> tuple[Any, ...]:
        return TCPStore, (self.host, self.port, None, False, self._timeout)

    def __repr__(self) -> str:
        return f"TCPStore({self.host}:{self.port})"


class HashStore(Store):
    """A store of this process's threads alone.

    >>> from wengert import distributed as dist
    >>> store = dist.HashStore()
    >>> store.set("epoch", "3")
    >>> store.get("epoch"), store.add("count", 2)
    (b'3', 2)
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys = Keys()

    def _ask(self, op: str, key: str = "", value: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        return self._keys.answer({"op": op, "key": key, **more}, value)

    def clone(self) -> HashStore:
        """The same store: all clones have the same keys."""
        return self


class FileStore(Store):
    """A store in a file that all processes see, on a disk of this machine or on one that several share.

    ``world_size``: how many processes use it; the file goes away with the last of them that says goodbye, and stays
    where the number is not said (-1). The file must not be there before, or belong to the same job: one that an earlier
    job has left has its keys. Every change is written behind the last, under a lock (`fcntl.lockf`, which network file
    systems have too). Raises DistStoreError where the path cannot be written.

    >>> from wengert import distributed as dist
    >>> store = dist.FileStore("keys", 1)
    >>> store.set("epoch", "3")
    >>> store.get("epoch")
    b'3'
    """

    _LOCK = threading.Lock()
    """What `fcntl.lockf` locks, a process has as a whole."""

    def __init__(self, file_name: str, world_size: int = -1) -> None:
        super().__init__()
        if sys.platform == "win32":
            raise NotImplementedError("[FileStore] a system with fcntl was expected; got Windows; use a TCPStore")
        self.path, self._size = str(file_name), int(world_size)
        self._keys, self._read = Keys(), 0
        self._ask("add", f"{OWN}users", amount=1)
        self._user = os.getpid()

    def _ask(self, op: str, key: str = "", value: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        deadline = time.monotonic() + more.pop("timeout", 0.0)
        message = {"op": op, "key": key, **more}
        while True:
            with FileStore._LOCK:
                answer, found = self._once(message, value)
            if "missing" not in answer or time.monotonic() >= deadline:
                return answer, found
            time.sleep(0.01)

    def _once(self, message: dict[str, Any], value: bytes) -> tuple[dict[str, Any], bytes]:
        """One answer, by all that is in the file; what changes the keys is written to it."""
        import fcntl

        def exactly(count: int) -> bytes | None:
            part = file.read(count)
            return part if len(part) == count else None

        message = {**message, "timeout": 0.0}
        try:
            with open(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                fcntl.lockf(file, fcntl.LOCK_EX)  # until it closes
                file.seek(self._read)
                while (frame := unpacked(exactly)) is not None:
                    self._keys.answer(*frame)
                    self._read = file.tell()
                answer, found = self._keys.answer(message, value)
                if message["op"] in CHANGES and "missing" not in answer:
                    file.seek(self._read)
                    file.truncate()  # what a process that was killed had half written
                    file.write(packed(message, value))
                    self._read = file.tell()
                return answer, found
        except OSError as error:
            raise DistStoreError(f"[FileStore] a file that can be read and written was expected at {self.path}; got "
                                 f"{error.strerror or error}") from None

    def clone(self) -> FileStore:
        """Another view of the same file."""
        return FileStore(self.path, self._size)

    def __reduce__(self) -> tuple[Any, ...]:
        return FileStore, (self.path, self._size)

    def __del__(self) -> None:
        if getattr(self, "_user", None) != os.getpid() or not os.path.exists(self.path):
            return  # it has not begun, or this is a child of a process that uses it
        try:
            gone = self.add(f"{OWN}gone", 1)
            if gone == self.add(f"{OWN}users", 0) and gone >= self._size > 0:
                os.unlink(self.path)
        except (DistStoreError, FileNotFoundError):
            pass  # another process was the last

    def __repr__(self) -> str:
        return f"FileStore({self.path})"


def _renew() -> None:
    FileStore._LOCK = threading.Lock()


in_child(_renew)


class PrefixStore(Store):
    """A store with ``prefix/`` before all keys of another.

    >>> from wengert import distributed as dist
    >>> store = dist.HashStore()
    >>> dist.PrefixStore("run", store).set("epoch", "3")
    >>> store.get("run/epoch")
    b'3'
    """

    def __init__(self, prefix: str, store: Store) -> None:
        super().__init__()
        if not isinstance(store, Store):
            raise TypeError(f"[PrefixStore] a store was expected; got {type(store).__name__}")
        self.prefix, self.underlying_store = _key(prefix), store

    @property
    def timeout(self) -> timedelta:
        """How long `get` and `wait` wait: as long as the other store."""
        return self.underlying_store.timeout

    def set_timeout(self, timeout: timedelta) -> None:
        """Sets how long `get` and `wait` wait, in the other store too."""
        self.underlying_store.set_timeout(timeout)

    def _ask(self, op: str, key: str = "", value: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        if "keys" in more:
            more["keys"] = [f"{self.prefix}/{each}" for each in more["keys"]]
        return self.underlying_store._ask(op, f"{self.prefix}/{key}", value, **more)

    def clone(self) -> PrefixStore:
        """The same prefix, on a clone of the other store."""
        return PrefixStore(self.prefix, self.underlying_store.clone())
