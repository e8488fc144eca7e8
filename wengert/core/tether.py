"""A process that ends with the one that started it: ``python tether.py PID COMMAND ...`` becomes that command.

Whoever starts processes and is killed can end nobody any more. On Linux the kernel does: SIGKILL, which ends stopped
processes too. Elsewhere a process has to notice by itself (`notice_the_end`), and one that is stopped does when it goes
on. The file is run by its path too, and needs the standard library alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import sys
import threading
from pathlib import Path

SET_SIGNAL_OF_PARENTS_DEATH = 1
LIFELINE = "WENGERT_LIFELINE"
"""The reading end of a pipe that the starter holds open, as its number and its inode: those that this process starts
inherit the variable, and not the pipe."""


def tethered(command: list[str]) -> list[str]:
    """The command of a process that is killed when this thread's process ends, on Linux; itself elsewhere."""
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(os.getpid()), *command]


def tether(parent: int) -> None:
    """Has this process killed when ``parent``, or the thread of it that started this one, ends; at once if it has.
    Does nothing where the system has no such thing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(SET_SIGNAL_OF_PARENTS_DEATH, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def lifeline() -> tuple[int, int, dict[str, str]]:
    """A pipe for one process to be started: the end to pass on, the end to keep open, and the variable that says so."""
    passed, kept = os.pipe()
    return passed, kept, {LIFELINE: f"{passed}:{os.fstat(passed).st_ino}"}


def notice_the_end() -> bool:
    """Where this process was started with a `lifeline`, ends it with exit code 1 when the starter has ended. Returns
    whether there is one."""
    number, _, inode = os.environ.get(LIFELINE, "").partition(":")
    try:
        found = os.fstat(int(number))
    except (ValueError, OSError):
        return False
    if not stat.S_ISFIFO(found.st_mode) or str(found.st_ino) != inode:
        return False

    def wait() -> None:
        while os.read(int(number), 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, name="wengert-lifeline", daemon=True).start()
    return True


if __name__ == "__main__":
    tether(int(sys.argv[1]))
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        sys.stderr.write(f"wengert launch: {sys.argv[2]} cannot be run: {error.strerror}\n")
        sys.exit(127)
