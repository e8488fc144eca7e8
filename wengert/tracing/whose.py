"""Whose code a function is: the user's, wengert's own, or of the library that Python brings along.

The one idea to know: that is said by the file of the code. What runs while a function is recorded is only wengert's
business where it is the user's; see `reads` and `sizes`.
"""

from __future__ import annotations

import functools
import os
import sysconfig
import types

import numpy as np


def _folder(path: str) -> str:
    return os.path.realpath(path) + os.sep


WRITTEN = "<guards>"
"""What stands for a file in code that wengert has written as it ran (`questions`)."""

_OURS = _folder(os.path.dirname(os.path.dirname(__file__)))
_INSTALLED = tuple({_folder(sysconfig.get_path(name)) for name in ("purelib", "platlib")})
_LIBRARY = tuple({_folder(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")})
_SITE = os.path.dirname(os.path.dirname(np.__file__))
_OWN = (_OURS, _folder(os.path.join(_SITE, "numpy")), _folder(os.path.join(_SITE, "llvmlite")))


@functools.cache
def is_users(filename: str) -> bool:
    """Whether a file is neither wengert's, nor of what it stands on, nor of the standard library."""
    if filename.startswith("<frozen") or filename == WRITTEN:
        return False
    path = os.path.realpath(filename)
    return not path.startswith(_OWN) and (path.startswith(_INSTALLED) or not path.startswith(_LIBRARY))


def is_written(frame: types.FrameType) -> bool:
    """Whether somebody has written a function of no file, and not the standard library: for a named tuple, or for a
    dataclass of wengert's."""
    if frame.f_code.co_filename != "<string>":
        return True
    variables = frame.f_globals
    return is_users(variables.get("__file__") or "") and not str(variables.get("__name__")).startswith("namedtuple_")


@functools.cache
def is_ours(filename: str) -> bool:
    """Whether a file is wengert's, or of what it stands on."""
    return filename == WRITTEN or os.path.realpath(filename).startswith(_OWN)


@functools.cache
def is_of_library(filename: str) -> bool:
    """Whether a file is of the standard library."""
    return filename.startswith("<frozen") or os.path.realpath(filename).startswith(_LIBRARY) and not is_users(filename)


@functools.cache
def is_of_nn(filename: str) -> bool:
    """Whether a file is of wengert's layers."""
    return os.path.realpath(filename).startswith(_OURS + "nn" + os.sep)


@functools.cache
def is_of_optim(filename: str) -> bool:
    """Whether a file is of wengert's optimisers and schedulers."""
    return os.path.realpath(filename).startswith(_OURS + "optim" + os.sep)
