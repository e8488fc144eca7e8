"""How the ranks and the server that holds them together talk: frames of a JSON header and bytes, over TCP.

Both sides load this file, the server as a program of its own by its path: it needs the standard library alone.
Whoever connects proves first that it knows the token, by an HMAC of what the server drew; the token never travels.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

_HEAD = struct.Struct(">II")


def packed(header: dict[str, Any], payload: bytes) -> bytes:
    """A frame."""
    text = json.dumps(header).encode()
    return _HEAD.pack(len(text), len(payload)) + text + payload


def unpacked(exactly: Callable[[int], bytes | None]) -> tuple[dict[str, Any], bytes] | None:
    """The next frame of what ``exactly(count)`` reads; None where that ends before it does."""
    head = exactly(_HEAD.size)
    if head is None:
        return None
    header, payload = _HEAD.unpack(head)
    text = exactly(header)
    rest = exactly(payload) if payload else b""
    if text is None or rest is None:
        return None
    return json.loads(text), rest


class Channel:
    """One connection. Sending is for any thread, receiving for one."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._sending = threading.Lock()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a machine that is gone closes nothing

    def send(self, payload: bytes = b"", **header: Any) -> None:
        """Sends a frame. Raises OSError where the other side is gone."""
        frame = packed(header, payload)
        with self._sending:
            self.socket.sendall(frame)

    def receive(self) -> tuple[dict[str, Any], bytes] | None:
        """The next frame, None where the other side has closed. Raises OSError, or TimeoutError by the socket's."""
        return unpacked(self._exactly)

    def _exactly(self, count: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < count:
            part = self.socket.recv(min(count - len(parts), 1 << 20))
            if not part:
                return None
            parts += part
        return bytes(parts)

    def close(self) -> None:
        """Ends the connection, for a thread that receives too."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side was first
        self.socket.close()


def proof(token: str, nonce: str) -> str:
    """What shows that one knows the token."""
    return hmac.new(token.encode(), nonce.encode(), hashlib.sha256).hexdigest()


def connect(host: str, port: int, token: str, timeout: float, **hello: Any) -> Channel:
    """A connection to the server, which was told ``hello``. Raises PermissionError where it is refused, as with a wrong
    token, and another OSError where there is none, or not yet."""
    channel = Channel(socket.create_connection((host, port), timeout=timeout))
    first = channel.receive()
    if first is None or "nonce" not in first[0]:
        channel.close()
        raise ConnectionError(f"what listens at {host}:{port} is no server of wengert's")
    channel.send(proof=proof(token, first[0]["nonce"]), **hello)
    answer = channel.receive()
    if answer is None or not answer[0].get("ok"):
        channel.close()
        said = {} if answer is None else answer[0]
        if "error" in said:
            raise PermissionError(said["error"])
        raise ConnectionError(said.get("later", f"the server at {host}:{port} closed the connection"))
    channel.socket.settimeout(None)
    return channel
