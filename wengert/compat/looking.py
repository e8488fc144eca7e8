"""``wengert graph`` and ``wengert doctor``: a program runs as it is, and is looked at while it does.

The first keeps a recording of everything since the last ``backward()``, and draws the one that was asked for when the
program has ended; the second goes on the doctor's `Rounds`.
"""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.frames import user_frame
from ..examination.rounds import Rounds
from ..tensors.tape import Leaf, ancestors
from ..tensors.tensor import Tensor
from ..view.graph import Graph
from ..view.record import Recording
from .program import BAD_ARGUMENTS, is_document, refuse, run_script

FORMATS = (".html", ".svg", ".png", ".dot", ".json")
LINES = 5
"""So many lines in which ``backward()`` was called are told to who asked for another."""


def add_graph_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``wengert graph``."""
    parser.add_argument("--at", type=_line, metavar="LINE", help="draw what is behind the last backward() in this line "
                        "(12, or layers.py:12); else behind the last one of all")
    parser.add_argument("--out", type=_picture, metavar="FILE",
                        help=f"where the picture goes ({', '.join(FORMATS)}; default: PROGRAM-graph.html)")
    parser.add_argument("--no-browser", action="store_true", help="say where the page is, and do not open it")
    _add_program(parser)


def add_doctor_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``wengert doctor``."""
    parser.add_argument("--steps", type=_count, default=3, metavar="N",
                        help="how many training steps are examined closely (default: %(default)s)")
    _add_program(parser)


def _add_program(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("program", metavar="PROGRAM", help="a script (.py)")
    parser.add_argument("arguments", metavar="...", nargs=argparse.REMAINDER,
                        help="what the program gets as its own arguments").required = False


def _line(text: str) -> str:
    if not text.rpartition(":")[2].isdigit():
        raise argparse.ArgumentTypeError(f"expected a line, such as 12 or layers.py:12; got {text!r}")
    return text


def _picture(text: str) -> Path:
    if Path(text).suffix not in FORMATS:
        raise argparse.ArgumentTypeError(f"expected a file that ends in {', '.join(FORMATS)}; got {text!r}")
    return Path(text)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more; got {text!r}")
    return int(text)


def draw(options: argparse.Namespace) -> int:
    """Does what ``wengert graph`` was asked for and returns the exit code."""
    out = options.out or Path(f"{Path(options.program).stem}-graph.html")
    if not out.resolve().parent.is_dir():
        return refuse("graph", f"argument --out: no folder {str(out.parent)!r}")
    last = LastGraph(options.at)
    code = _run("graph", options, last)
    if code == BAD_ARGUMENTS and last.graph is None and not last.count:
        return code
    if last.graph is None:
        where = f"in line {options.at} " if options.at and last.count else ""
        there = ", ".join(dict.fromkeys(map(os.path.relpath, last.lines)))
        return refuse("graph", f"{options.program} never called backward() {where}on a loss, so that there is nothing "
                               f"to draw{f'; it did in {there}' if where else ''}", code or 1)
    last.graph.save(out)
    sys.stdout.flush()
    print(f"the graph behind backward() number {last.drawn} of {last.count}, in {last.line}: {out}")
    if out.suffix == ".html" and not options.no_browser:
        webbrowser.open(out.resolve().as_uri())
    return code


def examine(options: argparse.Namespace) -> int:
    """Does what ``wengert doctor`` was asked for and returns the exit code: 1 where something was found."""
    rounds = Rounds(options.steps)
    code = _run("doctor", options, rounds)
    if code == BAD_ARGUMENTS and not rounds.known:
        return code
    report = rounds.report()
    sys.stdout.flush()
    print(report)
    if not rounds.stepped:
        print("no optimizer made a step, so that gradients and steps were not examined" if not rounds.losses else
              "no optimizer made a step")
    return code or int(bool(len(report)))


def _run(command: str, options: argparse.Namespace, around: Any) -> int:
    """Runs the program inside a context; its exit code, whichever way it ends."""
    path = options.program
    try:
        if is_document(path):
            raise ValueError(path)
        compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    except OSError as error:
        return refuse(command, f"cannot read {path!r}: {error.strerror}")
    except (SyntaxError, ValueError) as error:
        said = f"; line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else ""
        return refuse(command, f"{path!r} is no program: a script in Python was expected{said}")
    try:
        return run_script(path, options.arguments, around=around)
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0


class LastGraph:
    """A context that keeps the graph behind the last ``backward()``, or the last one in a line of the program."""

    def __init__(self, at: str | None = None) -> None:
        self.at = at
        self.count = self.drawn = 0
        self.line = ""
        self.lines: list[str] = []
        self.graph: Graph | None = None

    def __enter__(self) -> LastGraph:
        self.recording = Recording(None)
        self.recording.__enter__()
        self.plain = Tensor.backward
        Tensor.backward = self._backward()  # type: ignore[method-assign]
        return self

    def __exit__(self, *exception: object) -> None:
        Tensor.backward = self.plain  # type: ignore[method-assign]
        self.recording.leave()

    def _backward(self) -> Callable[..., Any]:
        plain, keeper = self.plain, self

        def backward(tensor: Tensor, *arguments: Any, **options: Any) -> Any:
            edge = tensor._edge
            result = plain(tensor, *arguments, **options)
            keeper.take(edge)
            return result

        backward.__doc__ = plain.__doc__
        return backward

    def take(self, edge: Any) -> None:
        """Keeps what was recorded, if it is what was asked for, and starts anew."""
        frame = user_frame()
        self.count += 1
        line = "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if line not in self.lines and len(self.lines) < LINES:
            self.lines.append(line)
        made, self.recording.frame = self.recording.graph, frame
        self.recording.__exit__()
        if self._is_asked(line) and edge is not None:
            number = edge.sequence if hasattr(edge, "sequence") else edge.node.sequence
            self.graph = made.upstream(number) if number in made.nodes else made
            self.drawn, self.line = self.count, os.path.relpath(line)
        self.recording = Recording(None)
        self.recording.__enter__()

    def _is_asked(self, line: str) -> bool:
        file, _, number = line.rpartition(":")
        wanted, _, at = (self.at or "").rpartition(":")
        return self.at is None or number == at and file.endswith(wanted)


class FirstGraph(LastGraph):
    """A context that keeps the graph behind the first ``backward()``, and what PyTorch calls its nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[int, str] = {}

    def take(self, edge: Any) -> None:
        if not self.count and edge is not None:
            self.labels = {node.sequence: node.name() for node in ancestors([edge]) if type(node) is not Leaf}
            super().take(edge)
            super().__exit__()  # the program runs on as it is

    def __exit__(self, *exception: object) -> None:
        if not self.count:
            super().__exit__()
