"""The lessons of the course: their form, and that the code in them runs (as the site is built, too)."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wengert as torch
from wengert import cli
from wengert.course.page import SETTINGS

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
        for other in ("halfway", "automatic"):  # products may be added up in another order
            assert space[other] == pytest.approx(space["hand"], rel=1e-6)


def test_the_command_lists_the_lessons_and_writes_a_notebook(capsys, tmp_path):
    assert cli.main(["lesson"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "1. Help and resources"
    assert cli.main(["lesson", "2", "--notebook", "--out", str(tmp_path)]) == 0
    book = json.loads((tmp_path / "02_graphs.ipynb").read_text(encoding="utf-8"))
    assert [cell["cell_type"] for cell in book["cells"][:2]] == ["markdown", "code"]
    codes = [code.strip() for code, _ in cells(LESSONS[1])]
    assert ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"] == codes
    folded = [cell for cell in book["cells"] if cell["metadata"].get("jupyter", {}).get("source_hidden")]
    assert len(folded) == 3


@pytest.mark.parametrize("arguments, says", [(["0"], "from 1 to 12"), (["13"], "from 1 to 12")])
def test_a_number_that_is_no_lesson(capsys, arguments, says):
    assert cli.main(["lesson", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_lesson_as_a_page(tmp_path):
    for module in ("sphinx", "myst_nb", "furo"):
        pytest.importorskip(module)
    done = subprocess.run([sys.executable, "-m", "wengert", "lesson", "2", "--no-browser", "--out", str(tmp_path)],
                          capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(tmp_path / "02_graphs.html")
    page = (tmp_path / "02_graphs.html").read_text(encoding="utf-8")
    assert "<svg" in page and "grad_fn=&lt;ReluBackward0&gt;" in page
    assert "https://" not in "".join(re.findall(r"<script[^>]*>", page)), "a page is whole without a network"


def test_formulas_are_drawn_by_the_browser_itself(tmp_path):
    for module in ("sphinx", "myst_nb"):
        pytest.importorskip(module)
    settings = {name: value for name, value in SETTINGS.items() if name != "html_theme"}
    (tmp_path / "conf.py").write_text("\n".join(f"{name} = {value!r}" for name, value in settings.items()))
    command = [sys.executable, "-m", "sphinx", "-q", str(tmp_path), str(tmp_path / "made")]
    (tmp_path / "index.md").write_text("# A page\n\nThe slope $\\frac{\\partial u}{w}$ and\n\n$$u = x^2$$\n")
    subprocess.run(command, check=True)
    page = (tmp_path / "made" / "index.html").read_text(encoding="utf-8")
    assert "<mfrac>" in page and "<msup>" in page and 'display="block"' in page
    assert "https://cdn" not in page and r"\frac" not in page
    (tmp_path / "index.md").write_text("# A page\n\n$\\nosuchcommand{x}$\n")
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode != 0 and "a formula that docutils can read was expected" in failed.stderr


def test_a_page_without_sphinx_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr(cli.util, "find_spec", lambda name: None)
    assert cli.main(["lesson", "2"]) == 1
    assert "pip install 'wengert[docs]'; or take --notebook" in capsys.readouterr().err


def test_every_page_is_on_the_site():
    docs = LESSONS[0].parents[1]
    listed = (docs / "index.md").read_text(encoding="utf-8").split()
    assert [page.stem for page in docs.glob("*.md") if page.stem not in {*listed, "index"}] == []
