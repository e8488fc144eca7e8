"""Runs a notebook: its code cells one after another in one namespace, what they print and show written beside them.

It needs nothing but the standard library. Lines that only the notebook's own shell understands (``%`` and ``!``) are
left out, which is said. If matplotlib is used, the figures that are open after a cell become pictures in it.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import linecache
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, TextIO

from .finder import torch_is_wengert
from .program import FAILED, describe_error, main_module, run_code

Cell = dict[str, Any]
TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(ValueError):
    """A file that is no notebook of format 4."""


def read_notebook(path: str) -> dict[str, Any]:
    """The notebook at ``path``. Raises NotebookError, or OSError if it cannot be read."""
    try:
        notebook = json.loads(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise NotebookError(f"{path} is no notebook: {error}") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) and "cell_type" in cell for cell in cells):
        raise NotebookError(f"{path} is no notebook of format 4: it has no list of cells")
    return notebook


def source_of(cell: Cell) -> str:
    """The text of a cell, which may be stored as a list of lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def code_of(notebook: dict[str, Any]) -> str:
    """All code cells as one program, for the report."""
    return "\n".join(python_of(source_of(cell))[0] for cell in notebook["cells"] if cell["cell_type"] == "code")


def python_of(source: str) -> tuple[str, list[str]]:
    """The Python in a cell, and the lines left out of it. Line numbers stay."""
    lines = source.splitlines()
    left_out = []
    if lines and lines[0].startswith("%%") and not lines[0].startswith(("%%time", "%%capture")):
        return "", [lines[0]]
    for number, line in enumerate(lines):
        bare = line.lstrip()
        if bare.startswith(("%", "!")):
            left_out.append(bare)
            lines[number] = line[: len(line) - len(bare)] + "pass"
    return "\n".join(lines), left_out


def run_notebook(path: str, arguments: list[str], out: str | None) -> int:
    """Runs the notebook at ``path``, writes the executed copy, and returns the exit code.

    The copy goes to ``out`` or beside the original (``name.executed.ipynb``). After an error the rest is not run.
    Raises NotebookError, or OSError for files that cannot be read or written.
    """
    notebook = read_notebook(path)
    target = Path(out) if out is not None else Path(path).with_suffix(".executed.ipynb")
    os.environ.setdefault("MPLBACKEND", "Agg")
    code = 0
    with main_module(path, arguments) as main, torch_is_wengert():
        main.__dict__["__name__"] = "__main__"
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        for cell in cells:
            cell["outputs"], cell["execution_count"] = [], None
        try:
            for number, cell in enumerate(cells, 1):
                cell["execution_count"] = number
                if not _run_cell(cell, number, path, main.__dict__):
                    code = FAILED
                    break
        finally:
            _write(notebook, target)
    return code


def _run_cell(cell: Cell, number: int, path: str, names: dict[str, Any]) -> bool:
    """Runs one cell and fills its outputs. False if it raised."""
    source, left_out = python_of(source_of(cell))
    for line in left_out:
        print(f"{path}, cell {number}: left out, for a notebook's shell only: {line}", file=sys.stderr)
    file = f"{path}, cell {number}"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    outputs = cell["outputs"]
    with contextlib.redirect_stdout(_Copy(sys.stdout, "stdout", outputs)):
        with contextlib.redirect_stderr(_Copy(sys.stderr, "stderr", outputs)):
            try:
                value = _value_of(source, file, names)
                if value is not None:
                    names["_"] = value
                    _show(value, number, outputs)
                _keep_figures(outputs)
            except Exception as error:
                text = describe_error(error)
                outputs.append({
                    "output_type": "error", "ename": type(error).__name__, "evalue": str(error),
                    "traceback": text.splitlines(),
                })
                failure = text
            else:
                return True
    sys.stderr.write(failure)
    return False


def _value_of(source: str, file: str, names: dict[str, Any]) -> Any:
    """Runs a cell; the value of its last line, if that is an expression without a semicolon."""
    tree = ast.parse(source, file)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr) or source.rstrip().endswith(";"):
        return run_code(compile(tree, file, "exec", dont_inherit=True), names)
    rest = ast.Module(body=tree.body[:-1], type_ignores=[])
    run_code(compile(rest, file, "exec", dont_inherit=True), names)
    return run_code(compile(ast.Expression(last.value), file, "eval", dont_inherit=True), names)


def _show(value: Any, number: int, outputs: list[Cell]) -> None:
    text = repr(value)
    data = {"text/plain": text}
    as_html = getattr(value, "_repr_html_", None)
    if callable(as_html) and not isinstance(value, type) and isinstance(html := as_html(), str):
        data["text/html"] = html
    outputs.append({"output_type": "execute_result", "execution_count": number, "data": data, "metadata": {}})
    stdout: Any = sys.stdout
    stdout.show(text + "\n")


def _keep_figures(outputs: list[Cell]) -> None:
    """Puts the open figures of matplotlib, if the program has imported it, into the outputs and closes them."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    for number in pyplot.get_fignums():
        picture = io.BytesIO()
        pyplot.figure(number).savefig(picture, format="png", bbox_inches="tight")
        data = {"image/png": base64.b64encode(picture.getvalue()).decode("ascii")}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    pyplot.close("all")


class _Copy(io.TextIOBase):
    """A stream that passes on what is written and keeps it as an output of the cell."""

    def __init__(self, stream: TextIO, name: str, outputs: list[Cell]) -> None:
        self._stream, self._name, self._outputs = stream, name, outputs

    def write(self, text: str) -> int:
        if text:
            self.show(text)
            last = self._outputs[-1] if self._outputs else {}
            if last.get("output_type") == "stream" and last["name"] == self._name:
                last["text"] += TERMINAL_COLOURS.sub("", text)
            else:
                kept = TERMINAL_COLOURS.sub("", text)
                self._outputs.append({"output_type": "stream", "name": self._name, "text": kept})
        return len(text)

    def show(self, text: str) -> None:
        """Writes through, and keeps nothing."""
        self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return False


def _write(notebook: dict[str, Any], target: Path) -> None:
    """Writes all or nothing: into a file beside the target that then takes its place."""
    handle, name = tempfile.mkstemp(dir=target.resolve().parent, suffix=".ipynb")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(notebook, file, indent=1, ensure_ascii=False)
            file.write("\n")
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
