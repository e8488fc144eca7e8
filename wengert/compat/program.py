"""Runs a program as ``python program.py ...`` would, with torch resolved to wengert."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
import sysconfig
import threading
import traceback
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any

import wengert

from .._missing import MissingError, explain
from ..core.frames import is_own
from .finder import PACKAGES, MissingModuleError, torch_is_wengert
from .report import Use, names_asked

OWN_FILES = str(Path(wengert.__file__).parent) + os.sep
OWN_ROOTS = ("wengert", *PACKAGES)
FAILED, BAD_ARGUMENTS = 1, 2


def find_program(name: str) -> ModuleSpec:
    """The module that ``python -m name`` would run: ``name``, or ``name.__main__`` for a package.

    Packages above it are imported. Raises ProgramError for a name that is no module with a source.
    """
    with _search(os.getcwd()), torch_is_wengert():
        try:
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.submodule_search_locations is not None:
                name += ".__main__"
                spec = importlib.util.find_spec(name)
        except (ImportError, ValueError) as error:
            raise ProgramError(f"cannot find a module {name!r}: {error}") from error
    if spec is None or not str(spec.origin).endswith(".py"):
        raise ProgramError(f"cannot find a module {name!r} written in Python")
    return spec


DOCUMENTS = frozenset({
    ".md", ".markdown", ".rst", ".txt", ".toml", ".cfg", ".ini", ".json", ".yaml", ".yml", ".csv", ".html", ".xml",
    ".tex",
})
"""Endings of files that are no programs, though Python could read some of them as one."""


def is_document(path: str) -> bool:
    """Whether a file's name says that it holds no program; one that says to whom it is to be given does."""
    return Path(path).suffix.lower() in DOCUMENTS and not Path(path).read_bytes().startswith(b"#!")


_OF_LIBTORCH = re.compile(r"\blib(torch|c10)|_ZN?K?(2at|3c10|5torch)")
"""What the loader of an extension says is missing: a library of PyTorch's, or a symbol of its namespaces."""


def refuse(command: str, message: str, code: int = BAD_ARGUMENTS) -> int:
    """Says why a command does nothing, and returns its exit code."""
    print(f"wengert {command}: {message}", file=sys.stderr)
    return code


class ProgramError(ValueError):
    """A name of a module that cannot be run."""


def run_script(path: str, arguments: list[str], spec: ModuleSpec | None = None,
               around: contextlib.AbstractContextManager[Any] | None = None) -> int:
    """Runs the script at ``path``, with ``spec`` as the module of that name, and returns its exit code. A context
    ``around`` it is entered before its first line.

    An error is printed as Python prints it, without frames of wengert; a name that wengert does not have, as one line.
    SystemExit and KeyboardInterrupt pass. Raises OSError if the file cannot be read.
    """
    source = Path(path).read_bytes()
    with main_module(path, arguments, spec) as main, torch_is_wengert():
        try:
            code = compile(source, path, "exec", dont_inherit=True)
            with around or contextlib.nullcontext():
                run_code(code, main.__dict__)
        except BrokenPipeError:
            raise
        except Exception as error:
            sys.stdout.flush()
            sys.stderr.write(describe_error(error))
            _tell_other_ranks(error)
            return FAILED
    return 0


def _tell_other_ranks(error: BaseException) -> None:
    """In a distributed program the others end too, and say why: of an error that is handled here, Python tells
    nobody."""
    watch = sys.modules.get("wengert.distributed.watch")
    if watch is not None:
        watch.report(error)


def run_code(code: CodeType, names: dict[str, Any]) -> Any:
    """Runs code in a namespace; of an expression, returns the value. (Tracebacks are cut at this frame.)"""
    return eval(code, names)


@contextlib.contextmanager
def _search(folder: str) -> Iterator[None]:
    """A context in which imports look into ``folder`` first."""
    before = list(sys.path)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path[:] = before


@contextlib.contextmanager
def main_module(path: str, arguments: list[str], spec: ModuleSpec | None = None) -> Iterator[ModuleType]:
    """A new module ``__main__`` with `sys.argv` and `sys.path` as a program at ``path`` expects them, started as a
    file, or with ``spec`` as a module."""
    main = ModuleType("__main__")
    main.__dict__.update({"__file__": path, "__builtins__": __builtins__, "__cached__": None, "__annotations__": {}})
    if spec is not None:
        main.__spec__, main.__package__ = spec, spec.parent
    before, argv = sys.modules.get("__main__"), sys.argv
    sys.modules["__main__"] = main
    sys.argv = [path, *arguments]
    hook, threading.excepthook = threading.excepthook, _say_of_thread
    try:
        with _search(str(Path(path).resolve().parent) if spec is None else os.getcwd()):
            yield main
    finally:
        threading.excepthook = hook
        if before is not None:
            sys.modules["__main__"] = before
        sys.argv = argv


def _say_of_thread(failure: threading.ExceptHookArgs) -> None:
    """What `describe_error` says, for an error that ended a thread of the program."""
    if failure.exc_value is not None and not isinstance(failure.exc_value, SystemExit):
        name = failure.thread.name if failure.thread is not None else "?"
        sys.stderr.write(f"Exception in thread {name}:\n{describe_error(failure.exc_value)}")


def describe_error(error: BaseException) -> str:
    """What to print for an error that the program did not handle."""
    missing = missing_name(error)
    if missing is not None:
        place = user_line(error.__traceback__)
        return f"{place}: {missing}\n" if place else f"{missing}\n"
    from ..examination.failure import drop_own_frames, formatted, hints

    text = traceback.TracebackException.from_exception(error)
    drop_own_frames(text)
    return "".join([*formatted(text, error), *hints(error)])


def missing_name(error: BaseException) -> str | None:
    """If ``error`` says that wengert lacks a name: which, in PyTorch's terms. Otherwise None."""
    if isinstance(error, MissingModuleError):
        return str(error)
    if isinstance(error, MissingError):
        return _in_torchs_terms(str(error).rpartition(": ")[2])
    if isinstance(error, AttributeError) and (absent := _absent_from(error)) is not None:
        return absent
    module = getattr(error, "name", None)
    if isinstance(error, ImportError) and module in sys.modules and str(module).partition(".")[0] in OWN_ROOTS:
        # `from torch import name` words the failure itself, and quotes the name first.
        name = str(error).partition("'")[2].partition("'")[0]
        try:
            getattr(sys.modules[module], name)
        except MissingError as cause:
            return missing_name(cause)
        except AttributeError:
            return f"{_in_torchs_terms(module)}.{name} is not in wengert yet"
    if isinstance(error, ImportError) and error.path and _OF_LIBTORCH.search(str(error)):
        return f"{module} is compiled code that wants PyTorch's own libraries, which are not in wengert"
    if isinstance(error, ModuleNotFoundError) and str(module).partition(".")[0] in PACKAGES:
        # A module below one that is no package.
        return f"{module} is not in wengert yet"
    return None


def _in_torchs_terms(text: str) -> str:
    """``wengert.nn`` as ``torch.nn``, ``wengert.vision`` as ``torchvision``."""
    for theirs, ours in sorted(PACKAGES.items(), reverse=True):
        text = re.sub(rf"\b{re.escape(ours)}(?=\.|$)", theirs, text)
    return text


def _absent_from(error: AttributeError) -> str | None:
    """For a program's ``owner.name`` where the owner, a module, a class or an object of wengert's, has no words of its
    own. What the program's own classes lack, those derived from wengert's included, is not missing from wengert."""
    owner = error.obj
    kind = owner if isinstance(owner, (type, ModuleType)) else type(owner)
    home = kind.__name__ if isinstance(kind, ModuleType) else kind.__module__
    if home.partition(".")[0] not in OWN_ROOTS or error.name is None:
        return None
    frames = traceback.extract_tb(error.__traceback__)
    if frames and frames[-1].filename.startswith(OWN_FILES) and frames[-1].name != "__getattr__":
        return None  # a mistake of wengert's own, which deserves its traceback
    if len(frames) > 1 and frames[-1].name == "__getattr__" and frames[-2].filename.startswith(OWN_FILES):
        return None  # (and so does this one)
    return explain(_in_torchs_terms(kind.__name__), error.name, dir(owner))


def user_line(trace: TracebackType | None) -> str:
    """File and line of the last frame that is the program's, or of a library's if there is none."""
    frames = [frame for frame in traceback.extract_tb(trace) if not is_own(frame.filename)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def names_of_imported_modules(known: set[str]) -> list[Use]:
    """The uses of torch in the modules imported since ``known``: the program's own, not those of libraries."""
    libraries = {str(Path(sysconfig.get_paths()[key]).resolve()) + os.sep for key in ("stdlib", "purelib", "platlib")}
    uses = []
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name in known or not isinstance(file, str) or not file.endswith(".py") or is_own(file):
            continue
        if not str(Path(file).resolve()).startswith(tuple(libraries)):
            uses += names_asked(Path(file).read_bytes(), os.path.relpath(file))
    return uses
