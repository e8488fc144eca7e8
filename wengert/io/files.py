"""Files as checkpoints need them: written as a whole or not at all.

Note [atomic]: what is written goes into a temporary file in the target's own folder, is forced to the disk, and is then
renamed over the target, which the operating system does in one step. A kill at any moment leaves the old file or the
new one, and perhaps a hidden ``.tmp`` file beside it. Who writes one holds a lock on it, so that the next to write the
same target knows which of them nobody writes any more, and removes them.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any

from .errors import FolderError, system_failures

if sys.platform != "win32":  # there, nobody can remove or rename a file that is open
    import fcntl


def is_path(f: Any) -> bool:
    """Whether ``f`` names a file, rather than being one."""
    return isinstance(f, (str, os.PathLike))


def write_out(f: Any, write: Callable[[IO[bytes]], None]) -> None:
    """Has ``write`` write to ``f``, a path or a binary file object.

    Raises `CheckpointError` where the disk is full or fails, or memory is short.
    """
    with system_failures("save", "the old file, if there was one, is as it was"):
        if not is_path(f):
            if not hasattr(f, "write"):
                raise AttributeError(
                    "expected 'f' to be string, path, or a file-like object with a 'write' attribute; got "
                    f"{type(f).__name__}"
                )
            f.write(_written(write))
            return
        target = os.path.realpath(os.fsdecode(f))
        if os.path.isdir(target):
            raise FolderError(f"[save] the name of a file was expected; {target!r} is a folder")
        if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
            # A pipe or a device cannot be replaced, only written to.
            with open(target, "wb") as file:
                file.write(_written(write))
            return
        if not os.path.isdir(os.path.dirname(target)):
            raise RuntimeError(f"Parent directory {os.path.dirname(target)} does not exist.")
        with replacing(target) as file:
            write(file)


def _written(write: Callable[[IO[bytes]], None]) -> bytes:
    content = io.BytesIO()
    write(content)
    return content.getvalue()


@contextlib.contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary file to write into, which takes the place of ``target`` at the end, and vanishes after an error.

    A link stays a link: what it points to is replaced. See Note [atomic].
    """
    target = os.path.realpath(os.fsdecode(target))
    folder, name = os.path.split(target)
    _remove_abandoned(folder, name)
    file = _temporary(folder, name)
    try:
        with file:
            yield file
            file.flush()
            if os.path.exists(target):
                os.chmod(file.name, stat.S_IMODE(os.stat(target).st_mode))
            os.fsync(file.fileno())
            if os.name == "posix":
                os.replace(file.name, target)  # while the lock is held
        if os.name != "posix":
            os.replace(file.name, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file.name)
        raise
    _sync_folder(folder)


def _temporary(folder: str, name: str) -> IO[bytes]:
    """A new file in the folder, locked."""
    while True:
        path = os.path.join(folder, f"{_start(name)}{secrets.token_hex(6)}.tmp")
        file = open(path, "x+b")
        if _locked(file) and os.path.exists(path):
            return file
        file.close()  # someone took it for abandoned before it was locked


def _locked(file: IO[bytes]) -> bool:
    """Locks a file. False where another has locked it."""
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks; what is abandoned there stays
    return True


def _start(name: str) -> str:
    return f".{name[:40]}."


def _remove_abandoned(folder: str, name: str) -> None:
    """Removes what those who were killed while they wrote ``name`` have left."""
    left = re.compile(re.escape(_start(name)) + r"[0-9a-f]{12}\.tmp")
    for entry in os.scandir(folder):
        if left.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            with contextlib.suppress(OSError), open(entry.path, "r+b") as file:
                if _locked(file):
                    os.unlink(entry.path)


def _sync_folder(folder: str) -> None:
    """Forces the new name to the disk, where folders can be opened (not on Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
