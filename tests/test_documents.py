"""What the documents show is true: the examples in docstrings and in the README run, and so does the worked example."""

from __future__ import annotations

import ast
import doctest
import os
import re
import shutil
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType

import numpy as np
import pytest

import wengert
from wengert.core import errors

ROOT = Path(__file__).parent.parent
# Importing this one is what makes a spawned process see wengert as torch: not for the process of the tests.
PRELOAD = "wengert.compat.preload"
FOUND = (module.name for module in walk_packages(wengert.__path__, "wengert."))
MODULES = ["wengert", *(name for name in FOUND if name != PRELOAD)]

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# What every reader of an example takes to be imported.
NAMES = {"wengert": wengert, "torch": wengert, "nn": wengert.nn, "F": wengert.nn.functional, "np": np}


PROCESSES = "wengert.distributed"


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.startswith(PROCESSES):
        pytest.skip("tests/distributed/test_examples_of_the_reference.py runs these")
    monkeypatch.chdir(tmp_path)  # some write files
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if "pip install 'wengert[" not in str(error):
            raise
        pytest.skip(str(error))
    assert failures(module) == 0


def failures(module: ModuleType) -> int:
    """How many examples in the docstrings of a module show something else."""
    wengert.manual_seed(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(deprecated|Anomaly Detection has been enabled|jit.* returns its)")
        return doctest.testmod(module, extraglobs=NAMES, optionflags=FLAGS).failed


def test_examples_in_the_readme() -> None:
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False, encoding="utf-8")
    assert results.attempted > 10
    assert results.failed == 0


def test_examples_of_the_page_on_functions() -> None:
    results = doctest.testfile(str(ROOT / "docs" / "func.md"), module_relative=False, encoding="utf-8",
                               optionflags=FLAGS)
    assert results.attempted > 40
    assert results.failed == 0


def test_programs_of_the_page_on_sparse_tensors(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "sparse.md").read_text(encoding="utf-8")
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(programs) == 4
    exec("\n".join(programs), {})  # each says by assert what it is to find
    assert f"\n    {capsys.readouterr().out}" in text


ERRORS = sorted((ROOT / "docs" / "errors").glob("*.md"))


def test_every_error_has_a_page() -> None:
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    with_their_base = {"IndexDTypeError", "MissingKeyError", "DivisionError", "TooFarError"}
    assert kinds - with_their_base <= {page.stem for page in ERRORS}
    pages = "".join([page.read_text() for page in ERRORS])
    assert all(name in pages for name in with_their_base)


@pytest.mark.parametrize("page", ERRORS, ids=lambda page: page.stem)
def test_the_program_of_an_errors_page_says_what_stands_there(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    program, said = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL).groups()
    (tmp_path / "train.py").write_text(program, encoding="utf-8")
    done = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True)
    kind = page.stem
    assert done.returncode == 1
    assert "".join(done.stderr.split()).endswith("".join(said.split())), done.stderr
    assert re.match(rf"wengert\.[\w.]+\.{kind}: ", said)
    assert "**Usual causes**\n\n- " in text and "**Cures**\n\n- " in text


def test_examples_of_the_page_for_people_who_know_jax() -> None:
    results = doctest.testfile(str(ROOT / "docs" / "coming_from_jax.md"), module_relative=False, encoding="utf-8",
                               optionflags=FLAGS)
    assert results.attempted > 15
    assert results.failed == 0


def test_the_primitive_of_the_worked_example(tmp_path: Path) -> None:
    """Adds the code of CONTRIBUTING.md to a copy of wengert and runs the tests that it names there."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shutil.copytree(ROOT / "wengert", tmp_path / "wengert", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__", "peer"))
    blocks = re.findall(r"```python\n# (wengert/\S+)\n(.*?)```", text, re.DOTALL)
    assert [path for path, _ in blocks] == ["wengert/prims/mathematics.py", "wengert/ops/pointwise.py"]
    for path, code in blocks:
        with (tmp_path / path).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{code}")
    tests = ["tests/test_primitives.py", "tests/test_compiler_kernels.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "log_cosh or with_a_lower_rule", *tests],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 9


def defined_in(path: Path) -> set[str]:
    """The functions, classes, their methods, and variables that a file defines; `Class.method` for methods."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names.update(f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef))
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
SOURCES = [path for folder in ("wengert", "tools", "tests", "benchmarks", "examples")
           for path in (ROOT / folder).rglob("*.py")]


def missing_names(page: Path, loose: bool = True) -> list[str]:
    """What a file names and is not there: files and folders, what a file defines, modules to be run; and, unless
    ``loose``, files without their folder."""
    missing, text = [], page.read_text(encoding="utf-8")
    for span in re.findall(r"`(\w+/[\w./]*(?:\.py(?::[\w.]+)?|/))`", text):
        place, _, name = span.partition(":")
        bases = ROOT / "wengert", ROOT, page.parent
        found = next((base / place for base in bases if (base / place).exists()), None)
        if found is None or (name and name not in defined_in(found)):
            missing.append(span)
    for span in [] if loose else re.findall(r"`(\w+\.py(?::[\w.]+)?)`", text):
        file, _, name = span.partition(":")
        if not any(path.name == file and (not name or name in defined_in(path)) for path in SOURCES):
            missing.append(span)
    for module in re.findall(r"python -m ((?:tools|tests|benchmarks|wengert)[\w.]*\w)", text):
        place = ROOT.joinpath(*module.split("."))
        if not (place / "__main__.py").exists() and not place.with_suffix(".py").exists():
            missing.append(module)
    return missing


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_names_exists(page: Path) -> None:
    assert missing_names(page, loose=page.parent.name != "design") == []


def test_what_comments_and_docstrings_name_exists() -> None:
    found = {str(path.relative_to(ROOT)): missing_names(path) for path in SOURCES}
    assert {path: missing for path, missing in found.items() if missing} == {}


def test_each_note_is_written_where_it_is_looked_for() -> None:
    """`Note [name]: ...` at the beginning of a line is the note; what else names it refers to it."""
    written: dict[str, set[str]] = {}
    asked: list[tuple[str, str, Path]] = []
    for path in {*SOURCES, *PAGES} - {Path(__file__)}:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r'^\s*(?:# |""")?Note \[([\w -]+)\]: ', text, re.MULTILINE):
            written.setdefault(name, set()).add(path.stem)
        for name, place in re.findall(r"Note \[([\w\s-]+)\](?: (?:in|of) `?([\w/.]+\w))?", text):
            asked.append((re.sub(r"\s+", " ", name), re.split("[/.]", place.removesuffix(".py"))[-1], path))
    wrong = [(name, place, str(path)) for name, place, path in asked
             if name not in written or (place and place not in written[name])]
    assert len(written) > 20 and wrong == []


def test_the_architecture_page_names_enough_to_find_the_way() -> None:
    text = (ROOT / "docs" / "design" / "architecture.md").read_text(encoding="utf-8")
    assert len(set(re.findall(r"`[\w./]+\.py:[\w.]+`", text))) >= 50
