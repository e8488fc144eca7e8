"""Compiled code on disk, keyed by content: the same module on the same processor is compiled once a machine.

Files live in ``$WENGERT_CACHE_DIR``, or else ``wengert`` in ``$XDG_CACHE_HOME`` (``~/.cache``). A file is a checksum
and the object; it is written under another name and then renamed, so that a reader sees a whole file or none. A file
that does not match its checksum is deleted and made again. Where nothing can be written, one warning says so and
everything works without the cache. The least recently used files go when the total passes `SIZE_LIMIT`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from pathlib import Path

SIZE_LIMIT = 256 * 2**20
"""Bytes that the cache may hold."""

SUFFIX = ".object"
_MAGIC = b"wengert1"
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
    for part in parts:
        content = part.encode()
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def read(key: str) -> bytes | None:
    """What was written under this key; None where there is nothing, or nothing sound."""
    try:
        path = directory() / (key + SUFFIX)
        content = path.read_bytes()
    except (OSError, RuntimeError):
        return None
    payload = content[len(_MAGIC) + 32 :]
    if content[: len(_MAGIC)] != _MAGIC or content[len(_MAGIC) : len(_MAGIC) + 32] != hashlib.sha256(payload).digest():
        _remove(path)
        return None
    try:
        os.utime(path)  # the time of last use, by which `sweep` chooses
    except OSError:
        pass  # a cache that others own may be read only
    return payload


def write(key: str, payload: bytes) -> None:
    """Keeps ``payload`` under ``key``. Where that fails, warns once and does nothing."""
    temporary = None
    try:
        folder = directory()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MAGIC + hashlib.sha256(payload).digest() + payload)
        os.replace(temporary, folder / (key + SUFFIX))
    except (OSError, RuntimeError) as error:
        if temporary is not None:
            _remove(Path(temporary))
        _warn(error)
        return
    _state["written"] += 1
    if _state["written"] % _SWEEP_EVERY == 1:
        sweep()


def sweep(limit: int | None = None) -> None:
    """Deletes the least recently used files until the rest holds at most ``limit`` bytes (`SIZE_LIMIT`)."""
    limit = SIZE_LIMIT if limit is None else limit
    files = []
    for path in directory().glob("*" + SUFFIX):
        try:
            status = path.stat()
        except OSError:
            continue  # another process has just deleted it
        files.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= limit:
            return
        _remove(path)
        total -= size


def clear_cache() -> int:
    """Deletes every compiled kernel on disk (those in memory stay). Returns how many files there were."""
    paths = [*directory().glob("*" + SUFFIX), *directory().glob(".new-*")]
    for path in paths:
        _remove(path)
    return len(paths)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _warn(error)


def _warn(error: Exception) -> None:
    if not _state["warned"]:
        _state["warned"] = True
        warnings.warn(f"[compiler.cache] compiled kernels cannot be kept in {_shown()}: {error}; they are compiled "
                      "anew in every process. Point WENGERT_CACHE_DIR at a folder that can be written", stacklevel=4)


def _shown() -> str:
    try:
        return str(directory())
    except RuntimeError:  # there is no home
        return "the home directory"
