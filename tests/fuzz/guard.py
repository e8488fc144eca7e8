"""The allocator that puts blocks of memory against unreadable pages: built where there is a C compiler, preloaded into
children, switched on there."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("guard.c")


@functools.cache
def library() -> Path | str:
    """The built library; or why there is none."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not sys.platform.startswith("linux"):
        return f"the guarding allocator is written for Linux and glibc; this is {sys.platform}"
    if compiler is None:
        return "there is no C compiler to build the guarding allocator with"
    target = Path(tempfile.mkdtemp(prefix="wengert-guard-")) / "guard.so"
    built = subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", target, SOURCE], capture_output=True, text=True)
    return target if built.returncode == 0 else f"the guarding allocator does not build here: {built.stderr[-300:]}"


def missing() -> str:
    """Why there is no such allocator here; "" where there is."""
    found = library()
    return found if isinstance(found, str) else ""


def environment(start: bool, least: int = 64) -> dict[str, str]:
    """What a child needs to run guarded: the ends of its blocks, or with ``start`` their starts."""
    found = library()
    assert isinstance(found, Path), found
    chosen = {"LD_PRELOAD": str(found), "GUARD_MIN": str(least), "PYTHONMALLOC": "pymalloc"}
    return chosen | ({"GUARD_START": "1"} if start else {})


def _switch() -> ctypes.CDLL | None:
    path = os.environ.get("LD_PRELOAD", "")
    return ctypes.CDLL(path) if path.endswith("guard.so") else None


def start() -> None:
    """Guards all blocks that this process allocates from now on, where the allocator is preloaded."""
    found = _switch()
    if found is not None:
        found.guard_switch(1)


def blocks() -> int:
    """How many blocks have been guarded."""
    found = _switch()
    if found is None:
        return 0
    found.guard_blocks.restype = ctypes.c_long
    return int(found.guard_blocks())
