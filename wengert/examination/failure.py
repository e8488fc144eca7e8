"""What is printed of an error that nobody caught: the program's own lines, the shapes drawn, the nearest keyword.

An error that wengert raises on purpose says all there is to say in its text; the lines inside wengert, and numpy's
error before it, help nobody who did not write them. An error that wengert did not foresee keeps them all: they are what
a report of a fault needs.
"""

from __future__ import annotations

import contextlib
import dis
import io
import os
import re
import sys
import traceback
from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import Any, TypeGuard

import numpy as np

from .._missing import explain
from ..core.errors import ShapeError
from ..core.frames import is_inside, is_own
from .keywords import suggestion
from .shapes import drawing, picture

_NUMPY = (os.path.dirname(np.__file__) + os.sep, "numpy" + os.sep)  # its compiled parts name their files so
_RAISE = dis.opmap["RAISE_VARARGS"]
_SIZES = re.compile(r"(?is)^(?!.*out of (?:bounds|range)).*(?:size|shape|dimension|columns|subscript|expected index)")
_ARGUMENTS = re.compile(r"argument|positional")


def describe(error: BaseException) -> str:
    """The text that a program ends with: the traceback with the program's lines, and what helps."""
    text = traceback.TracebackException.from_exception(error)
    if is_foreseen(error):
        drop_own_frames(text)
    said = formatted(text, error)
    return "".join([*said, *hints(error, said[-1])])


def formatted(text: traceback.TracebackException, error: BaseException) -> list[str]:
    """The parts of a traceback, with what Python itself would suggest for a name that is not there: before 3.12 only
    its own printing knows that."""
    parts, first = list(text.format()), next(text.format_exception_only(), "")
    if isinstance(error, (AttributeError, NameError, ImportError)) and first in parts and "Did you mean" not in first:
        printed = io.StringIO()
        with contextlib.redirect_stderr(printed):
            sys.__excepthook__(type(error), error, error.__traceback__)
        meant = re.search(r"\. Did you mean: '[^'\n]*'\?$", printed.getvalue(), re.MULTILINE)
        at = len(parts) - 1 - parts[::-1].index(first)
        parts[at] = first.rstrip("\n") + (meant[0] if meant else "") + "\n"
    return parts


def hints(error: BaseException, said: str = "") -> Iterator[str]:
    """Lines to print behind an error: what it does not say itself, nor Python, which ``said`` this of it."""
    if isinstance(error, TypeError) and (near := suggestion(error)):
        yield f"{near}\n"
    elif isinstance(error, ImportError) and is_own(error.path or "") and error.name in sys.modules:
        name = str(error).partition("'")[2].partition("'")[0]
        yield f"{explain(str(error.name), name, dir(sys.modules[error.name]))}\n"
    elif isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        if type(error) is AttributeError and is_own(error.obj.__file__ or "") and "Did you mean" not in said:
            yield f"{explain(error.obj.__name__, str(error.name), dir(error.obj))}\n"
    elif is_of_shapes(error) and (lines := drawing(error)):
        yield "\n".join(["", *lines, ""])


def is_of_shapes(error: BaseException) -> TypeGuard[Exception]:
    """Whether it says that sizes do not fit, as what PyTorch raises for the same is no `ShapeError` everywhere."""
    if isinstance(error, ShapeError):
        return True
    kinds = RuntimeError, ValueError, AssertionError, IndexError
    return type(error) in kinds and is_foreseen(error) and _SIZES.search(str(error)) is not None


def show_in_shell(shell: Any, error: BaseException) -> None:
    """Prints the hints in IPython; shapes in a notebook as a picture."""
    made = picture(error) if is_of_shapes(error) and hasattr(shell, "kernel") else ""
    if made:
        shell.display_pub.publish({"text/html": made, "text/plain": "\n".join(drawing(error))})  # type: ignore[arg-type]
    else:
        print("".join(hints(error)), end="", file=sys.stderr)


def is_foreseen(error: BaseException) -> bool:
    """Whether the lines inside wengert say nothing: it raised the error on purpose, or the program's own code did."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not is_inside(trace.tb_frame.f_code):
        return True
    raised = trace.tb_frame.f_code.co_code[trace.tb_lasti] == _RAISE
    return raised or isinstance(error, TypeError) and _ARGUMENTS.search(str(error)) is not None


def raised_by_us(error: BaseException) -> bool:
    """Whether wengert raised it on purpose, as an answer to what the program did."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and is_inside(trace.tb_frame.f_code) and is_foreseen(error)


def drop_own_frames(text: traceback.TracebackException) -> None:
    """Leaves the frames of the program and of libraries, in the error and in those that led to it.

    An error among those that arose within wengert is dropped altogether.
    """
    text.stack = traceback.StackSummary.from_list([frame for frame in text.stack if not is_own(frame.filename)])
    for other in (text.__cause__, text.__context__, *(text.exceptions or ())):
        if other is not None:
            drop_own_frames(other)
            if all(frame.filename.startswith(_NUMPY) for frame in other.stack):  # which wengert called
                other.stack.clear()
    if text.__cause__ is not None and not text.__cause__.stack:
        text.__cause__ = None
        text.__suppress_context__ = True
    if text.__context__ is not None and not text.__context__.stack:
        text.__context__ = None


def shorten(error: BaseException) -> TracebackType | None:
    """The traceback of an error with the program's frames alone; the errors before it, which arose within wengert, are
    left out of what is shown. For shells, which print tracebacks themselves."""
    if not is_foreseen(error):
        return error.__traceback__
    before = error.__cause__ or error.__context__
    if before is not None and (before is error or _is_numpys(_without_own(before.__traceback__))):
        error.__cause__, error.__suppress_context__ = None, True
    return _without_own(error.__traceback__)


def _is_numpys(trace: TracebackType | None) -> bool:
    """Whether a traceback has no lines but numpy's, which wengert called."""
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_NUMPY):
            return False
        trace = trace.tb_next
    return True


def _without_own(trace: TracebackType | None) -> TracebackType | None:
    if trace is None:
        return None
    rest = _without_own(trace.tb_next)
    return rest if is_inside(trace.tb_frame.f_code) else TracebackType(rest, trace.tb_frame, trace.tb_lasti,
                                                                       trace.tb_lineno)
