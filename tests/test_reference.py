"""The pages of the reference: every public name is on one, has a summary and an example, the examples run, and
docstrings become Markdown."""

import doctest
import inspect
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import wengert
from tools import reference

DOCS = Path(__file__).parents[1] / "docs"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_page_has_every_public_name_of_its_module(page):
    known = reference.places()
    text = reference.page_of(page, known)
    names = [name for name, _ in reference.members(page)]
    assert names
    for name in names:
        assert f"}} {page}.{name}(" in text, name
    assert text.count("```pycon") * 2 <= text.count("```")


def test_every_public_name_has_a_summary_and_an_example():
    assert reference.lacking() == []


def examples():
    """Each thing of the reference that has an example: its name, and the docstring."""
    shown = reference.homes()
    for page in reference.PAGES:
        for name, value in reference.members(page):
            if shown[id(value)] == f"{page}.{name}" and reference.example(value):
                yield f"{page}.{name}", inspect.getdoc(value)


@pytest.mark.parametrize("page", reference.PAGES)
def test_the_examples_of_a_page_show_what_comes(page, tmp_path, monkeypatch):
    """Each with what every reader takes to be imported, and as it finds the process: it leaves that as it was."""
    monkeypatch.chdir(tmp_path)
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    for name, text in examples():
        if name.rpartition(".")[0] != page:
            continue
        names = {"wengert": wengert, "torch": wengert, "nn": wengert.nn, "F": wengert.nn.functional, "np": np,
                 "__name__": "__main__"}
        before = (wengert.get_default_dtype(), wengert.is_grad_enabled(), wengert.get_num_threads())
        with warnings.catch_warnings(), wengert.random.fork_rng():
            warnings.filterwarnings("ignore", message=".*(deprecated|Anomaly Detection has been enabled)")
            wengert.manual_seed(0)
            runner.run(parser.get_doctest(text, names, name, None, None))
        assert (wengert.get_default_dtype(), wengert.is_grad_enabled(), wengert.get_num_threads()) == before, name
    assert runner.summarize(verbose=False).failed == 0


def test_a_docstring_becomes_markdown():
    lines = reference.markdown("""Adds ``a*b`` and `add`, not `nothing` or x_1.

        >>> 1 + 1
        2

        After.""", {"add": "wengert.add"})
    assert lines == ["Adds `a*b` and {py:obj}`add <wengert.add>`, not `nothing` or x\\_1.", "",
                     "", "```pycon", ">>> 1 + 1", "2", "```", "", "After."]


def test_emphasis_stays_and_other_stars_are_text():
    known = reference.places()
    assert reference.markdown("(Zhu, *A Title*, 2017): **do not.** 2*3*4, *args", known) == [
        "(Zhu, *A Title*, 2017): **do not.** 2\\*3\\*4, \\*args"]


def test_a_form_in_place_shows_the_arguments_of_its_function():
    assert reference.entry("wengert.Tensor", "clamp_", wengert.Tensor.clamp_, {})[0].endswith(
        "wengert.Tensor.clamp_(input, min=None, max=None)")


def test_a_signature_shows_no_types_and_no_addresses():
    def function(self, x: int, y: object = object(), *, z: float = 0.5) -> None: ...

    assert reference.signature(function) == "(x, y=..., *, z=0.5)"


def test_one_thing_has_one_example():
    known = reference.places()
    absolute = "\n".join(reference.entry("wengert", "absolute", wengert.absolute, known))
    assert "Another name of {py:obj}`abs <wengert.abs>`" in absolute and ">>>" not in absolute
    method = "\n".join(reference.entry("wengert.Tensor", "exp", wengert.Tensor.exp, known))
    assert "The function {py:obj}`exp <wengert.exp>`" in method and ">>>" not in method
    inplace = "\n".join(reference.entry("wengert.Tensor", "exp_", wengert.Tensor.exp_, known))
    assert "An example is with {py:obj}`exp <wengert.exp>`." in inplace
    assert ">>> y = torch.exp(x)" in "\n".join(reference.entry("wengert", "exp", wengert.exp, known))


def test_what_a_function_takes_is_found_by_calling_it():
    absolute, = reference.facts(wengert.abs)
    assert absolute == ("The shape is that of the operand. Takes integers, real numbers and complex numbers (giving "
                        "float32). Raises `NotImplementedError` for truth values. It has a derivative.")
    both, = reference.facts(wengert.bitwise_and)
    assert both.startswith("The operands are broadcast against each other. Takes truth values and integers. Raises")
    assert both.endswith("It has no derivative: its result does not vary smoothly with its operands.")
    assert reference.facts(wengert.nn.GLU)[0].startswith("Takes real numbers.")  # which halves a dimension
    assert reference.facts(wengert.stack) == ()


# --- links between lessons, errors and the reference ------------------------------------------------------------------


def test_names_in_code_spans_become_links_and_code_blocks_stay():
    text = "# `torch.exp`\n\nSee `torch.exp(x)`, `F.relu`, `torch.nothing`.\n\n```python\n`torch.exp`\n```\n"
    assert reference.with_links(text, reference.documented()) == (
        "# `torch.exp`\n\nSee {py:obj}`torch.exp(x) <wengert.exp>`, {py:obj}`F.relu <wengert.nn.functional.relu>`, "
        "`torch.nothing`.\n\n```python\n`torch.exp`\n```\n")


@pytest.mark.parametrize("page", sorted([*(DOCS / "lessons").glob("*.md"), *(DOCS / "errors").glob("*.md")]),
                         ids=lambda page: page.stem)
def test_the_names_that_a_lesson_or_an_errors_page_speaks_of_exist(page):
    text = page.read_text(encoding="utf-8")
    missing = []
    for name in sorted(set(reference.spoken_of(text))):
        value = wengert
        for part in name.split(".")[1:]:
            value = getattr(value, part, None)
        if value is None:
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize("page", sorted((DOCS / "errors").glob("*.md")), ids=lambda page: page.stem)
def test_an_errors_page_says_where_the_matter_is_taught(page):
    links = re.findall(r"\]\((?:\.\./)lessons/(\w+\.md)\)", page.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (DOCS / "lessons" / link).is_file()] == []


def test_the_reference_links_to_the_lessons():
    assert reference.lessons()["wengert.autograd.grad"][0] == "03_differentiation"
    assert sum(len(told) for told in reference.lessons().values()) > 100
