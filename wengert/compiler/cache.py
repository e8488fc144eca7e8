"""Compiled code on disk, keyed by content: the same module on the same processor is compiled once a machine.

Files live in ``$WENGERT_CACHE_DIR``, or else ``wengert`` in ``$XDG_CACHE_HOME`` (``~/.cache``). A file is a checksum of
its key and its object, and the object; it is written under another name and then renamed, so that a reader sees a whole
file or none. What is not as it should be, or may be written by others than this user and root, counts as nothing, and
the next `write` takes its place. Where nothing can be written, one warning says so and everything works without the
cache. The least recently used files go when the total passes `SIZE_LIMIT`.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from pathlib import Path

from ..core.frames import warn

SIZE_LIMIT = 256 * 2**20
"""Bytes that the cache may hold."""

ABANDONED_AFTER = 3600
"""Seconds after which a file that is still being written is what a killed process has left."""

SUFFIX, _UNFINISHED = ".object", ".new-"
_FORMAT = "wengert2"
_HEAD = hashlib.sha256().digest_size
_AT_ONCE = getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_SWEEP_EVERY = 64

_state = {"written": 0, "warned": False}


def directory() -> Path:
    """Where the files are (the folder may not exist yet)."""
    named = os.environ.get("WENGERT_CACHE_DIR")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "wengert"


def key_of(*parts: str) -> str:
    """The name of what these texts determine."""
    digest = hashlib.sha256()
    for part in (_FORMAT, *parts):
        content = part.encode()
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def _seal(key: str, payload: bytes) -> bytes:
    """The head of a file: proves that it is whole, and that it belongs to its key."""
    return hashlib.sha256(key.encode() + b"\n" + payload).digest()


def read(key: str) -> bytes | None:
    """What was written under this key; None where there is nothing, or nothing sound."""
    try:
        path = directory() / (key + SUFFIX)
        content = _content(path)
    except (OSError, RuntimeError):
        return None
    payload = content[_HEAD:]
    if content[:_HEAD] != _seal(key, payload):
        return None
    try:
        os.utime(path)  # the time of last use, by which `sweep` chooses
    except OSError:
        pass  # a cache that others own may be read only
    return payload


def _content(path: Path) -> bytes:
    """What is in a file; nothing where that is no ordinary file, or where others may have written it: it will run."""
    descriptor = os.open(path, os.O_RDONLY | _AT_ONCE)  # a pipe would wait for somebody to write
    try:
        status = os.fstat(descriptor)
        ours = not hasattr(os, "geteuid") or status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022
        if not stat.S_ISREG(status.st_mode) or not ours or status.st_size > SIZE_LIMIT:
            return b""
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def write(key: str, payload: bytes) -> None:
    """Keeps ``payload`` under ``key``. Where that fails, warns once and does nothing."""
    try:
        folder = directory()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=folder, prefix=_UNFINISHED)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_seal(key, payload) + payload)
            os.replace(unfinished, folder / (key + SUFFIX))
        except BaseException:
            _remove(Path(unfinished))
            raise
    except (OSError, RuntimeError) as error:
        _warn(error)
        return
    _state["written"] += 1
    if _state["written"] % _SWEEP_EVERY == 1:
        sweep()


def sweep(limit: int | None = None) -> None:
    """Deletes the least recently used files until the rest holds at most ``limit`` bytes (`SIZE_LIMIT`), and what
    killed processes have left."""
    limit = SIZE_LIMIT if limit is None else limit
    files = []
    for path in _files():
        try:
            status = path.lstat()
        except OSError:
            continue  # another process has just deleted it
        if path.suffix == SUFFIX:
            files.append((status.st_mtime, status.st_size, path))
        elif time.time() - status.st_mtime > ABANDONED_AFTER:
            _remove(path)
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= limit:
            return
        _remove(path)
        total -= size


def clear_cache() -> int:
    """Deletes every compiled kernel on disk (those in memory stay). Returns how many files there were.

    >>> torch.compiler.clear_cache() >= 0
    True
    """
    paths = _files()
    for path in paths:
        _remove(path)
    return len(paths)


def _files() -> list[Path]:
    return [path for pattern in ("*" + SUFFIX, _UNFINISHED + "*") for path in directory().glob(pattern)]


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _warn(error)


def _warn(error: Exception) -> None:
    if not _state["warned"]:
        _state["warned"] = True
        warn(f"[compiler.cache] compiled kernels cannot be kept in {_shown()}: {error}; they are compiled "
             "anew in every process. Point WENGERT_CACHE_DIR at a folder that can be written")


def _shown() -> str:
    try:
        return str(directory())
    except RuntimeError:  # there is no home
        return "the home directory"
