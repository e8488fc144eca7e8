"""Errors that nobody catches are printed without the lines inside wengert: `install` sees to it, once, on import.

What is printed, and how, is in `examination.failure`, which is loaded when there is such an error. Only the printing
changes: exceptions keep their tracebacks, and an `excepthook` that a program has set stays in its place.
``WENGERT_TRACEBACK=full`` in the environment shows everything.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any


def failure() -> Any:
    """The module that knows what to print. The public face puts it here."""
    raise RuntimeError("wengert has not been imported")


_PLAIN = str.maketrans({
    "∂": "d", "·": "*", "×": "x", "−": "-", "–": "-", "…": "...", "→": "->", "←": "<-", "─": "-", "│": "|", "└": "`",
    "├": "+", "┬": "+", "┐": "+", "┘": "+", "≤": "<=", "≥": ">=", "µ": "u", "²": "^2", "³": "^3", "ᵀ": "^T", "δ": "d",
})


def printable(text: str) -> str:
    """A text as standard output can take it: where that is no UTF-8, signs have their nearest likeness."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
        return text
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)


def install() -> None:
    """Puts ``wengert``'s way of printing in the place of Python's, and of IPython's where it runs."""
    if os.environ.get("WENGERT_TRACEBACK") == "full":
        return
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _print
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and not shell.custom_exceptions:
        shell.set_custom_exc((Exception,), _print_in_shell)


def _print(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """As `sys.excepthook`."""
    if isinstance(error, Exception) and sys.stderr is not None:
        sys.stderr.write(failure().describe(error))
    else:
        sys.__excepthook__(kind, error, trace)


def _print_in_shell(shell: Any, kind: type[BaseException], error: BaseException, trace: TracebackType,
                    tb_offset: int | None = None) -> None:
    """As a handler of IPython's, which prints the lines of the program in its own way."""
    shell.showtraceback((kind, error, failure().shorten(error)), tb_offset)
    failure().show_in_shell(shell, error)
