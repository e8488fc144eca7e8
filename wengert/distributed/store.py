"""Stores of keys and values that several processes share: `TCPStore` on the server (`server.py`), and those beside
it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from .channel import Channel, connect
from .start import Started, start_server, token
from .watch import DistNetworkError, DistStoreError

PATIENCE = timedelta(seconds=300)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


class Store:
    """Keys and values. Made by `TCPStore`, `HashStore` or `PrefixStore`.

    Values are bytes; a string is stored as UTF-8. `get` and `wait` wait for a key at most ``timeout``.
    """

    def __init__(self) -> None:
        self._timeout = PATIENCE

    @property
    def timeout(self) -> timedelta:
        """How long `get` and `wait` wait."""
        return self._timeout

    def set_timeout(self, timeout: timedelta) -> None:
        """Sets how long `get` and `wait` wait."""
        self._timeout = timeout

    def _ask(self, op: str, key: str = "", value: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        raise NotImplementedError(f"[{type(self).__name__}.{op}] a store was expected; the class Store alone keeps "
                                  "nothing")

    def set(self, key: str, value: str | bytes) -> None:
        """Puts a value under a key."""
        self._ask("set", key, _bytes(value))

    def get(self, key: str) -> bytes:
        """The value under a key; waits for it. Raises DistStoreError where it does not come in time."""
        answer, value = self._ask("get", key, timeout=self._timeout.total_seconds())
        self._missing(answer, "get")
        return value

    def _missing(self, answer: dict[str, Any], op: str) -> None:
        if "missing" in answer:
            raise DistStoreError(f"[{type(self).__name__}.{op}] keys were expected within "
                                 f"{self._timeout.total_seconds():g} s; {', '.join(answer['missing'])} did not come")

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Waits until all keys are there. Raises DistStoreError that names those that do not come."""
        limit = timeout or self._timeout
        answer, _ = self._ask("wait", keys=list(keys), timeout=limit.total_seconds())
        self._missing(answer, "wait")

    def add(self, key: str, amount: int) -> int:
        """Adds to the number under a key, 0 at first; returns the sum."""
        return int(self._ask("add", key, amount=int(amount))[0]["value"])

    def append(self, key: str, value: str | bytes) -> None:
        """Puts a value behind that under a key."""
        self._ask("append", key, _bytes(value))

    def compare_set(self, key: str, expected_value: str | bytes, desired_value: str | bytes) -> bytes:
        """Puts a value under a key where the expected one is there ("" stands for none); returns what is there then."""
        return self._ask("compare_set", key, _bytes(desired_value), expected=_bytes(expected_value).hex())[1]

    def check(self, keys: Sequence[str]) -> bool:
        """Whether all keys are there."""
        return bool(self._ask("check", keys=list(keys))[0]["value"])

    def delete_key(self, key: str) -> bool:
        """Takes a key out; returns whether it was there."""
        return bool(self._ask("delete", key)[0]["value"])

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
        """The values under keys."""
        return [self.get(key) for key in keys]


class TCPStore(Store):
    """A store that one process, the one with ``is_master``, has a server for, and others reach at ``host_name:port``.

    With ``world_size`` the master waits until so many have come, at most ``timeout``. Port 0 lets the system choose;
    see ``port`` then. Raises DistNetworkError where there is no server in time.
    """

    def __init__(self, host_name: str, port: int, world_size: int | None = None, is_master: bool = False,
                 timeout: timedelta = PATIENCE, wait_for_workers: bool = True, multi_tenant: bool = False,
                 **others: Any) -> None:
        super().__init__()
        self.host, self._timeout = host_name, timeout
        self._server: Started | None = None
        if is_master:
            self._server = start_server(host_name, port)
            port = self._server.port
        self.port = port
        self._lock = threading.Lock()
        self._channel = self._connect()
        if wait_for_workers and world_size:
            self.add("wengert/came", 1)
            deadline = time.monotonic() + timeout.total_seconds()
            while is_master and self.add("wengert/came", 0) < world_size:
                if time.monotonic() > deadline:
                    raise DistStoreError(f"[TCPStore] {world_size} processes were expected within "
                                         f"{timeout.total_seconds():g} s; {self.add('wengert/came', 0)} came")
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
                self._channel.send(value, op=op, key=key, **more)
                answer = self._channel.receive()
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


class HashStore(Store):
    """A store of this process's threads alone."""

    def __init__(self) -> None:
        super().__init__()
        from .server import Server

        self._server = Server("", False)

    def _ask(self, op: str, key: str = "", value: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        return self._server._stored({"op": op, "key": key, **more}, value)


class PrefixStore(Store):
    """A store with ``prefix/`` before all keys of another."""

    def __init__(self, prefix: str, store: Store) -> None:
        super().__init__()
        self.prefix, self.underlying_store = prefix, store
        self._timeout = store.timeout

    def _ask(self, op: str, key: str = "", value: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        if "keys" in more:
            more["keys"] = [f"{self.prefix}/{each}" for each in more["keys"]]
        return self.underlying_store._ask(op, f"{self.prefix}/{key}", value, **more)
