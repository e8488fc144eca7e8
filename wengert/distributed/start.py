"""Starting the server, and the token that its users share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from ..core.tether import tethered
from .channel import connect
from .watch import DistNetworkError

TOKEN = "WENGERT_DISTRIBUTED_TOKEN"
UNTIL_THE_LAST_HAS_ENDED = 10.0
"""Seconds for which a server of a job that is over is waited for: it ends some seconds after its last connection."""


class Started(NamedTuple):
    """A server that runs, and the port at which it listens."""

    process: subprocess.Popen[str]
    port: int


def token() -> str:
    """What all processes of a job must know: ``WENGERT_DISTRIBUTED_TOKEN``, which the launcher draws."""
    return os.environ.get(TOKEN, "")


def start_server(host: str, port: int, secret: str | None = None, tied: bool = False, first: bool = False) -> Started:
    """Starts the server as a process of its own, which listens at ``host:port`` and nowhere else (port 0: a free one).

    It is no part of this process, so that it lives while this one holds its lock, hangs or is stopped. One that is not
    ``tied`` outlives this process, to tell the others of its end. Where a server listens whose job is over, that is
    waited for, unless another may be meant to be there ``first``. Raises DistNetworkError where it cannot listen there.
    """
    deadline = time.monotonic() + UNTIL_THE_LAST_HAS_ENDED
    secret = token() if secret is None else secret
    while True:
        process, word, rest = _started(host, port, secret, tied)
        if word == "ready":
            # It ends by itself when nobody is connected any more, and is then no zombie.
            threading.Thread(target=process.wait, name="wengert-server", daemon=True).start()
            return Started(process, int(rest))
        process.wait()
        if word != "taken" or first or time.monotonic() > deadline or is_used(host, port, secret) is not False:
            raise DistNetworkError(f"[distributed] a free port was expected at {host}:{port}; got {rest or 'nothing'}; "
                                   "choose another MASTER_PORT (0 lets the system choose where it can)")
        time.sleep(0.1)


def is_used(host: str, port: int, secret: str) -> bool | None:
    """Whether anybody uses the server there, whose job may be over; None where what listens knows another token, or is
    no such server."""
    try:
        channel = connect(host, port, secret, 5.0, kind="over")
    except ConnectionRefusedError:
        return False
    except OSError:
        return None
    try:
        frame = channel.receive()
    except OSError:
        frame = None
    finally:
        channel.close()
    return frame is not None and not frame[0]["over"]


def _started(host: str, port: int, secret: str, tied: bool) -> tuple[subprocess.Popen[str], str, str]:
    """A server's process, the first word that it says, and the rest."""
    path = Path(__file__).with_name("server.py")
    command = [sys.executable, "-I", "-S", str(path), "--host", host, "--port", str(port), "--quit-alone"]
    environment = {**os.environ, TOKEN: secret}
    process = subprocess.Popen(tethered(command) if tied else command, stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, env=environment, start_new_session=True)
    assert process.stdout is not None
    try:
        with process.stdout as said:
            word, _, rest = said.readline().strip().partition(" ")
    except BaseException:  # an interrupt
        process.kill()
        process.wait()
        raise
    return process, word, rest
