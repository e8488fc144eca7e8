"""A connection that can be cut without being closed, as a network does that drops what is sent."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Passes bytes on between whoever connects to ``port`` and a server, until `cut` or `close`."""

    def __init__(self, target: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self._listener.getsockname()[1])
        self._target, self._passes = target, {"in": True, "out": True}
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                with contextlib.suppress(OSError):  # the server is not there yet: the client tries again
                    server = socket.create_connection(("127.0.0.1", self._target))
                    self._sockets += [client, server]
                    for way, source, sink in (("in", client, server), ("out", server, client)):
                        threading.Thread(target=self._pass, args=(way, source, sink), daemon=True).start()
                    continue
                client.close()

    def _pass(self, way: str, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if self._passes[way]:
                    sink.sendall(data)
            if all(self._passes.values()):
                sink.shutdown(socket.SHUT_WR)

    def cut(self, *ways: str) -> None:
        """Drops what is sent ``"in"`` to the server, or ``"out"`` of it, from now on."""
        for way in ways:
            self._passes[way] = False

    def close(self) -> None:
        """Closes all connections."""
        for each in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
