"""The command `wengert`.

Bad arguments get one line on standard error and the exit code 2; what else can go wrong, the code 1; an interrupt 130.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import NoReturn

import wengert

from .compat import looking
from .compat.check import PackageError, check
from .compat.command import add_options, run
from .distributed import run as launcher

DEMO_MODULES = ("matplotlib", "tqdm")
LARGEST_SEED = 2**64 - 1
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line given, or the process's own, and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        code = _ACTIONS[options.command](options)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        _drop_output()
        return 1
    except OSError as error:
        _drop_output()
        return _fail(f"cannot write {error.filename or 'standard output'}: {error.strerror}", code=2)


def _parser() -> Parser:
    parser = Parser(prog="wengert", description="Automatic differentiation you can see, in Python, at machine speed.",
                    allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"wengert {wengert.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    demo = commands.add_parser(
        "demo",
        help="learn what automatic differentiation is, on one small graph and one hundred flowers",
        description="Explains a function graph, trains ADALINE on Iris in three ways, and draws two pictures.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    demo.add_argument("--epochs", type=_epochs, default=20, metavar="N", help="how often to go through the flowers")
    demo.add_argument("--lr", type=_learning_rate, default=0.01, metavar="RATE", help="the learning rate")
    demo.add_argument("--seed", type=_seed, default=123, metavar="N", help="what the shuffling starts from")
    demo.add_argument("--out", type=Path, default=Path("wengert-demo"), metavar="FOLDER", help="where the pictures go")
    runs = commands.add_parser(
        "run",
        help="run a PyTorch program unmodified",
        description="Runs a script or a notebook with torch (and torchvision) resolved to wengert.",
        allow_abbrev=False,
    )
    add_options(runs)
    graphs = commands.add_parser(
        "graph",
        help="run a program and draw the graph behind its last backward()",
        description="Runs a script with torch resolved to wengert, unchanged, and draws the computation that its last "
                    "backward() ran back through: values, gradients, derivatives on the edges.",
        allow_abbrev=False,
    )
    looking.add_graph_options(graphs)
    doctors = commands.add_parser(
        "doctor",
        help="run a program and say what is wrong in its training that raises no error",
        description="Runs a script with torch resolved to wengert, unchanged, examines its first training steps and "
                    "its evaluations, and prints the findings with their lines. The exit code is 1 if there are any.",
        allow_abbrev=False,
    )
    looking.add_doctor_options(doctors)
    launcher.add_options(commands.add_parser(
        "launch",
        help="run a distributed PyTorch program unmodified, in several processes",
        description="Starts the ranks of a distributed program on this machine, with torch resolved to wengert, with "
                    "torchrun's options. The exit code is that of the first rank that failed.",
        allow_abbrev=False,
    ))
    checks = commands.add_parser(
        "check",
        help="say which names of torch a package asks for that are missing",
        description="Reads the source of an installed package, or of a folder or file, and lists the names of torch in "
                    "it that wengert does not have, by file and line. Nothing is run. The exit code is 1 if there are "
                    "any.",
        allow_abbrev=False,
    )
    checks.add_argument("package", metavar="PACKAGE", help="an installed package's name, or a path")
    lesson = commands.add_parser(
        "lesson",
        help="open a lesson of the course, or list them",
        description="Lists the lessons, or makes a page of one, whose cells run, and opens it in the browser.",
        allow_abbrev=False,
    )
    lesson.add_argument("number", type=_whole_number, nargs="?", metavar="N", help="which one; else all are listed")
    lesson.add_argument("--notebook", action="store_true", help="write it as a Jupyter notebook instead")
    lesson.add_argument("--out", type=Path, default=Path("wengert-lessons"), metavar="FOLDER",
                        help="where it goes (default: %(default)s)")
    lesson.add_argument("--no-browser", action="store_true", help="say where the page is, and do not open it")
    return parser


def _epochs(text: str) -> int:
    epochs = _whole_number(text)
    if epochs < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more; got {text!r}")
    return epochs


def _learning_rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise argparse.ArgumentTypeError(f"expected a number above 0, such as 0.01; got {text!r}")
    return rate


def _seed(text: str) -> int:
    seed = _whole_number(text)
    if not 0 <= seed <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {LARGEST_SEED}; got {text!r}")
    return seed


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number; got {text!r}") from None


def _demo(options: argparse.Namespace) -> int:
    missing = [module for module in DEMO_MODULES if util.find_spec(module) is None]
    if missing:
        return _fail(f"the demo needs {' and '.join(missing)}: pip install 'wengert[demo]'", code=1)
    try:
        _make_writable_folder(options.out)
    except OSError as error:
        return _fail(f"argument --out: cannot write to {str(options.out)!r}: {error.strerror}", code=2)

    from .demo.lesson import teach

    teach(options.epochs, options.lr, options.seed, options.out)
    return 0


def _check(options: argparse.Namespace) -> int:
    try:
        said, missing = check(options.package)
    except PackageError as error:
        return _fail(str(error), 2, "check")
    print(said, end="")
    return 1 if missing else 0


def _lesson(options: argparse.Namespace) -> int:
    from . import course
    from .course import page

    try:
        lessons = course.lessons()
    except FileNotFoundError as error:
        return _fail(str(error), 1, "lesson")
    if options.number is None:
        print("\n".join(map(course.title, lessons)))
        return 0
    if not 1 <= options.number <= len(lessons):
        return _fail(f"expected a number from 1 to {len(lessons)}; got {options.number}", 2, "lesson")
    lesson = lessons[options.number - 1]
    missing = [] if options.notebook else [module for module in page.REQUIRED if util.find_spec(module) is None]
    if missing:
        return _fail(f"a page needs {', '.join(missing)}: pip install 'wengert[docs]'; or take --notebook", 1, "lesson")
    try:
        _make_writable_folder(options.out)
    except OSError as error:
        return _fail(f"argument --out: cannot write to {str(options.out)!r}: {error.strerror}", 2, "lesson")
    if options.notebook:
        made = options.out / f"{lesson.stem}.ipynb"
        made.write_text(course.notebook(lesson), encoding="utf-8")
    else:
        print(f"makes {course.title(lesson)!r}; its cells run, which takes some seconds")
        made = page.make(lesson, options.out)
        if not options.no_browser:
            webbrowser.open(made.resolve().as_uri())
    print(made)
    return 0


def _make_writable_folder(folder: Path) -> None:
    """Make `folder` if need be and try a file in it, so that a bad --out is known before the work and not after."""
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


def _drop_output() -> None:
    """Send what standard output still holds nowhere, so that flushing it at exit does not fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int, command: str = "demo") -> int:
    print(f"wengert {command}: {message}", file=sys.stderr)
    return code


_ACTIONS = {"run": run, "launch": launcher.run, "demo": _demo, "lesson": _lesson, "check": _check,
            "graph": looking.draw, "doctor": looking.examine}


if __name__ == "__main__":
    sys.exit(main())
