"""The lessons of the course: their form, and that the code in them runs (as the site is built, too)."""

import ast
import re
from pathlib import Path

import pytest

import wengert as torch

LESSONS = sorted((Path(__file__).parents[1] / "docs" / "lessons").glob("*.md"))
CELL = re.compile(r"```\{code-cell\}\n(.*?)```", re.DOTALL)


def cells(lesson):
    """The code of each cell, and whether it is a solution that opens on a click."""
    for cell in CELL.findall(lesson.read_text(encoding="utf-8")):
        yield re.sub(r"^:tags:.*\n", "", cell), ":tags: [hide-cell]" in cell


@pytest.mark.parametrize("number, lesson", list(enumerate(LESSONS, 1)), ids=[lesson.stem for lesson in LESSONS])
def test_a_lesson_has_its_number_and_a_solution_to_every_exercise(number, lesson):
    text = lesson.read_text(encoding="utf-8")
    title = re.search(r"^# (\d+)\. ", text, re.MULTILINE)
    assert title is not None and int(title[1]) == number == int(lesson.stem[:2])
    exercises = re.findall(r"^\*\*\d\.\*\*", text.split("## Exercises")[1], re.MULTILINE)
    assert len(exercises) >= 3
    assert sum(hidden for _, hidden in cells(lesson)) == len(exercises)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_the_code_of_a_lesson_is_python_and_reaches_its_end(lesson, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    if "sklearn" in lesson.read_text(encoding="utf-8"):
        pytest.importorskip("sklearn")
    space = {}
    with torch.random.fork_rng():
        for code, _ in cells(lesson):
            exec(compile(ast.parse(code), lesson.name, "exec"), space)
    if lesson.stem == "04_adaline":  # the figures that the lecture publishes
        assert [f"{loss:.5f}" for loss in space["hand"]][::19] == ["0.38849", "0.10025"]
        assert space["hand"] == space["halfway"] == space["automatic"]
