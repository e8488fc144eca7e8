"""The command ``wengert run``: its options, and which of the runners does the work."""

from __future__ import annotations

import argparse
import math
import sys
from importlib import util
from pathlib import Path

from .compare import compare
from .notebook import NotebookError, code_of, read_notebook, run_notebook
from .program import ProgramError, find_program, is_document, names_of_imported_modules, run_script
from .report import describe, names_asked

BAD_ARGUMENTS = 2
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
    if options.module:
        try:
            spec = find_program(path)
        except ProgramError as error:
            return _refuse(str(error))
        path = str(spec.origin)
    is_notebook = path.endswith(".ipynb")
    if options.out is not None and not is_notebook and not options.compare:
        return _refuse("argument --out: only a notebook has a copy to write, and --compare graphs to draw")
    if options.compare and is_notebook:
        return _refuse("argument --compare: compares scripts only; export the notebook as a script")
    if options.compare and options.out is not None and Path(options.out).suffix not in COMPARED:
        return _refuse(f"argument --out: a file that ends in {' or '.join(COMPARED)} was expected for the graphs of "
                       f"--compare; got {options.out!r}")
    if options.compare and util.find_spec("torch") is None:
        return _refuse("argument --compare: PyTorch is not installed here")
    if options.out is not None and not Path(options.out).resolve().parent.is_dir():
        return _refuse(f"argument --out: no folder {str(Path(options.out).parent)!r}")
    try:
        if options.report:
            source = code_of(read_notebook(path)) if is_notebook else Path(path).read_bytes()
            uses = names_asked(source, path)
            sys.stderr.write(describe(uses, path))
        elif not is_notebook:
            source = Path(path).read_bytes()
            if is_document(path):
                raise ValueError(path)
            if Path(path).suffix not in PROGRAMS:
                compile(source, path, "exec", dont_inherit=True)
    except NotebookError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"cannot read {path!r}: {error.strerror}")
    except (SyntaxError, ValueError) as error:
        if Path(path).suffix not in PROGRAMS:
            return _refuse(f"{path!r} is no program: a script in Python or a notebook was expected")
        if not isinstance(error, SyntaxError):
            raise
        return _refuse(f"{path}:{error.lineno}: {error.msg}", 1)
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
        return _refuse(str(error))
    finally:
        if options.report:
            imported = names_of_imported_modules(known)
            sys.stdout.flush()
            sys.stderr.write("after the run: ")
            if imported:
                sys.stderr.write(describe([*uses, *imported], f"{path} with the modules it imported"))
            else:
                sys.stderr.write("it imported no other files that ask for names of torch\n")


def _refuse(message: str, code: int = BAD_ARGUMENTS) -> int:
    print(f"wengert run: {message}", file=sys.stderr)
    return code
