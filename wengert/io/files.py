"""Files as checkpoints need them: written as a whole or not at all.

Note [atomic]: what is written goes into a temporary file in the target's own folder, is forced to the disk, and is then
renamed over the target, which the operating system does in one step. A kill at any moment leaves the old file or the
new one, and perhaps a hidden ``.tmp`` file beside it.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from typing import Any


def is_path(f: Any) -> bool:
    """Whether ``f`` names a file, rather than being one."""
    return isinstance(f, (str, os.PathLike))


def write_out(f: Any, to_path: Callable[[str], None], to_bytes: Callable[[], bytes]) -> None:
    """Writes to ``f``, a path or a binary file object, by whichever of the two ways fits it.

    ``to_path`` writes a file of the given name; ``to_bytes`` makes the content.
    """
    if not is_path(f):
        if not hasattr(f, "write"):
            raise AttributeError(
                "expected 'f' to be string, path, or a file-like object with a 'write' attribute; got "
                f"{type(f).__name__}"
            )
        f.write(to_bytes())
        return
    # A link stays a link: what it points to is replaced.
    target = os.path.realpath(os.fsdecode(f))
    if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        if os.path.isdir(target):
            raise IsADirectoryError(f"[save] the name of a file was expected; {target!r} is a folder")
        # A pipe or a device cannot be replaced, only written to.
        with open(target, "wb") as file:
            file.write(to_bytes())
        return
    _replace(target, to_path)


def _replace(target: str, to_path: Callable[[str], None]) -> None:
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    temporary = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(6)}.tmp")
    # Made here, so that it has the permissions that any new file of this user gets.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
    try:
        mode = stat.S_IMODE(os.stat(target if os.path.exists(target) else temporary).st_mode)
        to_path(temporary)
        # Last, since whoever writes may make the file anew.
        os.chmod(temporary, mode)
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Forces the new name to the disk, where folders can be opened (not on Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
