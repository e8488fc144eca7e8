"""Starting the server, and the token that its users share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from ..core.tether import tethered
from .watch import DistNetworkError

TOKEN = "WENGERT_DISTRIBUTED_TOKEN"


class Started(NamedTuple):
    """A server that runs, and the port at which it listens."""

    process: subprocess.Popen[str]
    port: int


def token() -> str:
    """What all processes of a job must know: ``WENGERT_DISTRIBUTED_TOKEN``, which the launcher draws."""
    return os.environ.get(TOKEN, "")


def start_server(host: str, port: int, secret: str | None = None, tied: bool = False) -> Started:
    """Starts the server as a process of its own, which listens at ``host:port`` and nowhere else (port 0: a free one).

    It is no part of this process, so that it lives while this one holds its lock, hangs or is stopped. One that is not
    ``tied`` outlives this process, to tell the others of its end. Raises DistNetworkError where it cannot listen there.
    """
    path = Path(__file__).with_name("server.py")
    command = [sys.executable, "-I", "-S", str(path), "--host", host, "--port", str(port), "--quit-alone"]
    environment = {**os.environ, TOKEN: token() if secret is None else secret}
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
    if word != "ready":
        process.wait()
        raise DistNetworkError(f"[distributed] a free port was expected at {host}:{port}; got {rest or 'nothing'}; "
                               "choose another MASTER_PORT (0 lets the system choose where it can)")
    # It ends by itself when nobody is connected any more, and is then no zombie.
    threading.Thread(target=process.wait, name="wengert-server", daemon=True).start()
    return Started(process, int(rest))
