"""Runs a program as ``python program.py ...`` would, with torch resolved to wengert."""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any

import wengert
from wengert._missing import MissingError

from .finder import MissingModuleError, torch_is_wengert
from .report import Use, names_asked

OWN_FILES = str(Path(wengert.__file__).parent) + os.sep
FAILED = 1


def run_script(path: str, arguments: list[str]) -> int:
    """Runs the script at ``path`` and returns its exit code.

    An error is printed as Python prints it, without frames of wengert; a name that wengert does not have, as one line.
    SystemExit and KeyboardInterrupt pass. Raises OSError if the file cannot be read.
    """
    source = Path(path).read_bytes()
    with main_module(path, arguments) as main, torch_is_wengert():
        try:
            run_code(compile(source, path, "exec", dont_inherit=True), main.__dict__)
        except BrokenPipeError:
            raise
        except Exception as error:
            sys.stdout.flush()
            sys.stderr.write(describe_error(error))
            return FAILED
    return 0


def run_code(code: CodeType, names: dict[str, Any]) -> Any:
    """Runs code in a namespace; of an expression, returns the value. (Tracebacks are cut at this frame.)"""
    return eval(code, names)


@contextlib.contextmanager
def main_module(path: str, arguments: list[str]) -> Iterator[ModuleType]:
    """A new module ``__main__`` with `sys.argv` and `sys.path` as a program at ``path`` expects them."""
    main = ModuleType("__main__")
    main.__dict__.update({"__file__": path, "__builtins__": __builtins__, "__cached__": None, "__annotations__": {}})
    before, argv, search = sys.modules.get("__main__"), sys.argv, list(sys.path)
    sys.modules["__main__"] = main
    sys.argv = [path, *arguments]
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        yield main
    finally:
        if before is not None:
            sys.modules["__main__"] = before
        sys.argv, sys.path[:] = argv, search


def describe_error(error: BaseException) -> str:
    """What to print for an error that the program did not handle."""
    missing = missing_name(error)
    if missing is not None:
        place = user_line(error.__traceback__)
        return f"{place}: {missing}\n" if place else f"{missing}\n"
    text = traceback.TracebackException.from_exception(error)
    _drop_own_frames(text)
    return "".join(text.format())


def missing_name(error: BaseException) -> str | None:
    """If ``error`` says that wengert lacks a name: which, in PyTorch's terms. Otherwise None."""
    if isinstance(error, MissingModuleError):
        return str(error)
    if isinstance(error, MissingError):
        return str(error).rpartition(": ")[2].replace("wengert.", "torch.")
    module = getattr(error, "name", None)
    if isinstance(error, ImportError) and isinstance(module, str) and module.partition(".")[0] == "wengert":
        # `from torch import name` words the failure itself, and quotes the name first.
        name = str(error).partition("'")[2].partition("'")[0]
        try:
            getattr(sys.modules[module], name)
        except MissingError as cause:
            return missing_name(cause)
        except AttributeError:
            return f"{module.replace('wengert', 'torch')}.{name} is not in wengert yet"
    return None


def user_line(trace: TracebackType | None) -> str:
    """File and line of the last frame that is the program's, or of a library's if there is none."""
    frames = [frame for frame in traceback.extract_tb(trace) if not _is_own(frame.filename)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _is_own(file: str) -> bool:
    return file.startswith((OWN_FILES, "<frozen importlib"))


def _drop_own_frames(text: traceback.TracebackException) -> None:
    """Leaves the frames of the program and of libraries, in the error and in those that led to it.

    An error that led to it and arose within wengert is dropped altogether.
    """
    text.stack = traceback.StackSummary.from_list([frame for frame in text.stack if not _is_own(frame.filename)])
    for other in (text.__cause__, text.__context__, *(text.exceptions or ())):
        if other is not None:
            _drop_own_frames(other)
    if text.__cause__ is not None and not text.__cause__.stack:
        text.__cause__ = None
        text.__suppress_context__ = True
    if text.__context__ is not None and not text.__context__.stack:
        text.__context__ = None


def names_of_imported_modules(known: set[str]) -> list[Use]:
    """The uses of torch in the modules imported since ``known``: the program's own, not those of libraries."""
    libraries = {str(Path(sysconfig.get_paths()[key]).resolve()) + os.sep for key in ("stdlib", "purelib", "platlib")}
    uses = []
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name in known or not isinstance(file, str) or not file.endswith(".py") or _is_own(file):
            continue
        if not str(Path(file).resolve()).startswith(tuple(libraries)):
            uses += names_asked(Path(file).read_bytes(), os.path.relpath(file))
    return uses
