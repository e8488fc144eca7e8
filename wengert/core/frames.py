"""Which of the frames that run are the user's: everything that names a line of the program asks here."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from functools import cache
from types import CodeType, FrameType, TracebackType

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_HIDDEN = (_PACKAGE, os.path.dirname(importlib.__file__) + os.sep, "<frozen importlib")
_DEMO = _PACKAGE + "demo" + os.sep


@cache
def _is_ours(filename: str) -> bool:
    return filename.startswith(_PACKAGE) and not filename.startswith(_DEMO)


def is_inside(code: CodeType) -> bool:
    """Whether code belongs to this package (its demo is a program like a user's)."""
    return _is_ours(code.co_filename)


def is_own(filename: str) -> bool:
    """Whether a file is this package's, its demo included, or the import system's."""
    return filename.startswith(_HIDDEN)


def user_frame() -> FrameType | None:
    """The innermost frame outside this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def user_line() -> str:
    """``"file:line"`` of the innermost frame outside this package; "" where there is none."""
    frame = user_frame()
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def as_cell(line: str) -> str:
    """A line as a person knows it: of a notebook, the cell (``In[3]:2``) for the file that stands for it."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    file, _, number = line.rpartition(":")
    cell = None if shell is None else shell.compile.format_code_name(file)  # ("Cell", "In[3]")
    return line if cell is None else f"{cell[1]}:{number}"


def user_trace(trace: TracebackType | None) -> TracebackType | None:
    """The innermost entry of a traceback outside this package; None where all are inside."""
    found = None
    while trace is not None:
        if not _is_ours(trace.tb_frame.f_code.co_filename):
            found = trace
        trace = trace.tb_next
    return found


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns at the innermost line outside this package, however many calls of its own lie between."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and _is_ours(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
