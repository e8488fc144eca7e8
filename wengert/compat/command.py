"""The command ``wengert run``: its options, and which of the runners does the work."""

from __future__ import annotations

import argparse
import math
import sys
from importlib import util
from pathlib import Path

from .compare import compare
from .notebook import NotebookError, code_of, read_notebook, run_notebook
from .program import ProgramError, find_program, is_document, names_of_imported_modules, refuse, run_script
from .report import Use, describe, names_asked

PROGRAMS = (".py", ".pyw", ".ipynb")
COMPARED = (".html", ".txt")
OWN_OPTIONS = ("--report", "--compare")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``wengert run``."""
    parser.add_argument("--report", action="store_true",
                        help="list the names of torch asked for, before and after the run")
    parser.add_argument("--compare", action="store_true",
                        help="run under PyTorch too, and report the first number that differs")
    parser.add_argument("--rtol", type=_tolerance, default=1e-3, metavar="X", help="relative tolerance of --compare")
    parser.add_argument("--atol", type=_tolerance, default=1e-5, metavar="X", help="absolute tolerance of --compare")
    parser.add_argument("--out", metavar="FILE",
                        help="where the executed notebook goes (default: beside it); with --compare, where the two "
                        "graphs behind the first backward() are drawn (.html, .txt)")
    parser.add_argument("-m", "--module", action="store_true", help="PROGRAM is a module's name, as after python -m")
    parser.add_argument("program", metavar="PROGRAM", help="a script (.py) or a notebook (.ipynb)")
    rest = parser.add_argument("arguments", metavar="...", nargs=argparse.REMAINDER,
                               help="what the program gets as its own arguments")
    rest.required = False  # or a call without a program would be told that it lacks these too


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"expected a number of 0 or more, such as 1e-3; got {text!r}")
    return value


def run(options: argparse.Namespace) -> int:
    """Does what ``wengert run`` was asked for and returns the exit code."""
    path, arguments, spec = options.program, options.arguments, None
    try:
        if options.module:
            spec = find_program(path)
            path = str(spec.origin)
        _check_options(options, path)
        uses = _read(path, options.report)
    except (ProgramError, NotebookError) as error:
        return refuse("run", str(error))
    except _UnfitError as error:
        return refuse("run", *error.args)
    is_notebook = _is_notebook(path)
    for option in OWN_OPTIONS:
        if option in arguments and not is_notebook and option.encode() not in Path(path).read_bytes():
            print(f"wengert run: {option} stands behind the program and goes to it; to ask wengert for it: wengert run "
                  f"{option} {options.program}", file=sys.stderr)
    if options.compare:
        program = ["-m", options.program] if options.module else [path]
        return compare(program, arguments, options.rtol, options.atol,
                       None if options.out is None else Path(options.out))
    known = set(sys.modules)
    try:
        return run_notebook(path, arguments, options.out) if is_notebook else run_script(path, arguments, spec)
    except NotebookError as error:
        return refuse("run", str(error))
    finally:
        if options.report:
            imported = names_of_imported_modules(known)
            sys.stdout.flush()
            sys.stderr.write("after the run: ")
            if imported:
                sys.stderr.write(describe([*uses, *imported], f"{path} with the modules it imported"))
            else:
                sys.stderr.write("it imported no other files that ask for names of torch\n")


class _UnfitError(Exception):
    """Why a program is not run: the words, and the exit code if it is not that of bad arguments."""


def _is_notebook(path: str) -> bool:
    return path.endswith(".ipynb")


def _check_options(options: argparse.Namespace, path: str) -> None:
    """Raises `_UnfitError` where options do not go together, or not with that program."""
    out = None if options.out is None else Path(options.out)
    if out is not None and not _is_notebook(path) and not options.compare:
        raise _UnfitError("argument --out: only a notebook has a copy to write, and --compare graphs to draw")
    if options.compare and _is_notebook(path):
        raise _UnfitError("argument --compare: compares scripts only; export the notebook as a script")
    if options.compare and out is not None and out.suffix not in COMPARED:
        raise _UnfitError(f"argument --out: a file that ends in {' or '.join(COMPARED)} was expected for the graphs of "
                          f"--compare; got {options.out!r}")
    if options.compare and util.find_spec("torch") is None:
        raise _UnfitError("argument --compare: PyTorch is not installed here")
    if out is not None and not out.resolve().parent.is_dir():
        raise _UnfitError(f"argument --out: no folder {str(out.parent)!r}")


def _read(path: str, report: bool) -> list[Use]:
    """The names of torch that a program asks for, told at once, where a ``report`` is wanted. Raises `_UnfitError` for
    what is no program."""
    try:
        if report:
            uses = names_asked(code_of(read_notebook(path)) if _is_notebook(path) else Path(path).read_bytes(), path)
            sys.stderr.write(describe(uses, path))
            return uses
        if not _is_notebook(path):
            source = Path(path).read_bytes()
            if is_document(path):
                raise ValueError(path)
            if Path(path).suffix not in PROGRAMS:
                compile(source, path, "exec", dont_inherit=True)
    except NotebookError:
        raise
    except OSError as error:
        raise _UnfitError(f"cannot read {path!r}: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        if Path(path).suffix not in PROGRAMS:
            raise _UnfitError(f"{path!r} is no program: a script in Python or a notebook was expected") from error
        if not isinstance(error, SyntaxError):
            raise
        raise _UnfitError(f"{path}:{error.lineno}: {error.msg}", 1) from error
    return []
