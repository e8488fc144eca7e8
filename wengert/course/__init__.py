"""The lessons, as the command ``wengert lesson`` opens them: as a page in a browser, or as a notebook.

The one idea to know: a lesson is one text, docs/lessons/NN_name.md, in which Markdown and cells of code alternate. The
site, the page and the notebook are made of it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_PLACES = (Path(__file__).parent / "lessons", Path(__file__).parents[2] / "docs" / "lessons")
"""In an installed wengert, and in a checkout."""

_CELL = re.compile(r"^```\{code-cell\}\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
_HEAD = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_TAGS = re.compile(r"\A:tags: \[(.*)\]\n\n?")


def lessons() -> list[Path]:
    """The files of the lessons, in order. Raises FileNotFoundError where this copy of wengert has none."""
    for place in _PLACES:
        if found := sorted(place.glob("[0-9][0-9]_*.md")):
            return found
    raise FileNotFoundError(f"[lesson] lessons were expected in {_PLACES[0]}; there are none; install wengert anew")


def title(lesson: Path) -> str:
    """Its number and name, such as ``"2. Computation graphs"``."""
    match = re.search(r"^# (.+)$", lesson.read_text(encoding="utf-8"), re.MULTILINE)
    assert match is not None
    return match[1]


def notebook(lesson: Path) -> str:
    """The lesson as the text of a Jupyter notebook (format 4.5), solutions folded."""
    text = _HEAD.sub("", lesson.read_text(encoding="utf-8"))
    cells: list[dict[str, Any]] = []
    last = 0
    for match in _CELL.finditer(text):
        _add(cells, "markdown", text[last:match.start()])
        code = match[1]
        tags = _TAGS.match(code)
        _add(cells, "code", _TAGS.sub("", code), tags[1].split(", ") if tags else [])
        last = match.end()
    _add(cells, "markdown", text[last:])
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5},
                      indent=1, ensure_ascii=False) + "\n"


def _add(cells: list[dict[str, Any]], kind: str, text: str, tags: list[str] | None = None) -> None:
    if not text.strip():
        return
    cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{len(cells)}", "metadata": {},
                            "source": text.strip().splitlines(keepends=True)}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    if tags:
        cell["metadata"] = {"tags": tags, "jupyter": {"source_hidden": True}}
    cells.append(cell)
