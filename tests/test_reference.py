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
PROCESSES = ("wengert.distributed", "wengert.nn.parallel")
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_page_has_every_public_name_of_its_module(page):
    known = reference.places()
    text = reference.page_of(page, known)
    names = [f"{page}.{name}" for name, _ in reference.members(page)]
    assert names
    assert {*names} - {*re.findall(r"(?:\} +|^ +)([\w.]+)\(", text, flags=re.MULTILINE)} == set()
    assert text.count("```pycon") * 2 <= text.count("```")


def test_a_long_page_is_parted_and_every_name_stands_in_one_part(monkeypatch):
    page, known = "wengert.nn.init", reference.places()
    assert list(reference.files(page, known)) == [page]
    monkeypatch.setattr(reference, "LONGEST", 3000)
    table, *parts = reference.files(page, known).values()
    assert len(parts) > 3 and all(len(part) < 7000 for part in parts)
    for name, _ in reference.members(page):
        assert sum(part.count(f"}} {page}.{name}(") for part in parts) == 1
        assert f"<{page}.{name}>` | " in table
    assert all(f"\n{name}\n" in table for name in list(reference.files(page, known))[1:])


def test_a_name_with_a_dot_is_what_it_is_called_and_no_attribute_of_a_value():
    known = reference.places()
    assert reference.markdown("`nn.functional.max_pool1d`, `lr_scheduler.StepLR`, `Tensor.exp`, "
                              "`Module.parameters`", known) == [
        "{py:obj}`nn.functional.max_pool1d <wengert.nn.functional.max_pool1d>`, "
        "{py:obj}`lr_scheduler.StepLR <wengert.optim.lr_scheduler.StepLR>`, {py:obj}`Tensor.exp <wengert.Tensor.exp>`, "
        "{py:obj}`Module.parameters <wengert.nn.Module.parameters>`"]
    assert reference.markdown("`x.grad`, `optimizer.step`", known) == ["`x.grad`, `optimizer.step`"]


def test_what_a_class_inherits_of_bases_without_a_page_is_told_with_it():
    told = reference.parts(wengert.nn.Module)
    assert {"parameters", "named_modules", "state_dict", "load_state_dict", "register_buffer"} - {*told} == set()
    assert "parameters" not in reference.parts(wengert.nn.Linear)  # which is a Module, and says so by a link
    assert {"manual_seed", "initial_seed"} - {*reference.parts(wengert.Generator)} == set()
    assert isinstance(reference.parts(wengert.distributions.Distribution)["mean"], property)
    assert "{py:property} wengert.Tensor.grad" in reference.page_of(reference.TENSOR, reference.places())


def test_every_public_name_has_a_summary_and_an_example():
    assert reference.lacking() == []


def examples():
    """Each thing of the reference that has an example: its page, its name, and the docstring."""
    shown = reference.homes()
    for page in reference.PAGES:
        for name, value in reference.members(page):
            if shown[id(value)] == f"{page}.{name}" and reference.example(value):
                yield page, f"{page}.{name}", inspect.getdoc(value)
        for name, value in reference.properties(page).items():
            yield page, f"{page}.{name}", inspect.getdoc(value)


@pytest.mark.parametrize("page", reference.PAGES)
def test_the_examples_of_a_page_show_what_comes(page, tmp_path, monkeypatch):
    """Each with what every reader takes to be imported, and as it finds the process: it leaves that as it was. Those of
    several processes run with the tests of several processes."""
    if page.startswith(PROCESSES):
        pytest.skip("tests/distributed/test_examples_of_the_reference.py runs these")
    assert failures(page, tmp_path, monkeypatch) == 0


def failures(page, tmp_path, monkeypatch):
    """How many examples of a page show something else."""
    monkeypatch.chdir(tmp_path)
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    for home, name, text in examples():
        if home != page:
            continue
        names = {"wengert": wengert, "torch": wengert, "nn": wengert.nn, "F": wengert.nn.functional, "np": np,
                 "__name__": "__main__"}
        before = (wengert.get_default_dtype(), wengert.is_grad_enabled(), wengert.get_num_threads())
        with warnings.catch_warnings(), wengert.random.fork_rng():
            expected = "deprecated|Anomaly Detection has been enabled|returns its argument"
            warnings.filterwarnings("ignore", message=f".*({expected})")
            wengert.manual_seed(0)
            runner.run(parser.get_doctest(text, names, name, None, None))
        assert (wengert.get_default_dtype(), wengert.is_grad_enabled(), wengert.get_num_threads()) == before, name
    return runner.summarize(verbose=False).failed


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
    assert reference.taken(wengert.abs) == (
        "Takes integers, real numbers and complex numbers (giving float32). It has a derivative.")
    both = reference.taken(wengert.bitwise_and)
    assert both == ("Takes truth values and integers. It has no derivative: its result does not vary smoothly with its "
                    "operands.")
    assert reference.taken(wengert.stack) == ""


@pytest.mark.parametrize(("value", "told"), [
    (wengert.exp, "`input`: any shape; the result has the same."),
    (wengert.mul, "`input` and `other`: any shapes that broadcast against each other; the result has the shape to "
                  "which they do."),
    (wengert.nn.functional.mse_loss, "`input` and `target`: any shape, the same for all. The result is a single "
                                     "number, `()`."),
    (wengert.equal, "`input` and `other`: any shape. No tensor comes of it."),
    (wengert.linalg.inv, "`A` `(*, n, n)` → `(*, n, n)`."),
    (wengert.linalg.svdvals, "`A` `(*, n, m)` → `(*, min(n, m))`."),
    (wengert.linalg.solve, "`A` `(*, n, n)`, `B` `(*, n)` → `(*, n)`."),
    (wengert.nn.Linear, "`input` `(*, n, in_features)` → `(*, n, out_features)`."),
    (wengert.nn.AvgPool2d, "`input` `(n, m, k)` → `(n, ⌊m / 2⌋, ⌊k / 2⌋)`."),
    (wengert.nn.Upsample, "`input` `(n, m, k)` → `(n, m, k·scale_factor)`."),
    (wengert.kron, "`input` `(n, m)`, `other` `(k, p)` → `(n·k, m·p)`."),
    (wengert.nn.TripletMarginWithDistanceLoss, "`anchor` `(n, m)`, `positive` `(n, m)`, `negative` `(n, m)` → `()`."),
    (wengert.nonzero, "`input` `(n, m)` → `(…,)`, `(…,)`, where the values decide how many `…` are."),
    (wengert.distributions.Dirichlet, "`concentration` `(*, n)` → samples `(*, n)`."),
    (wengert.get_default_dtype, ""),
])
def test_shapes_are_found_by_calls_with_other_sizes(value, told):
    assert reference.shapes(value) == told


def test_errors_are_found_by_wrong_arguments():
    assert dict(reference.refusals(wengert.linalg.inv)) == {
        "DTypeError": "`A` holds truth values or whole numbers",
        "KindError": "`A` is no tensor",
        "ShapeError": "`A` has no dimensions or has another length along an axis than what it goes with"}
    assert "`dim` names a dimension that is not there" in dict(reference.refusals(wengert.cumsum))["OutOfRangeError"]
    assert reference.refusals(wengert.get_default_dtype) is None  # it takes nothing


def test_dtypes_follow_those_of_operands():
    assert reference.dtypes(wengert.linalg.inv) == "The result has the dtype of the operands."
    assert reference.dtypes(wengert.isfinite) == "The result has the dtype bool."
    assert reference.dtypes(wengert.nn.Linear) == "The result has the dtype of the parameters."


@pytest.mark.parametrize("page", reference.PAGES)
def test_every_name_of_a_page_says_shapes_and_errors(page):
    """Of those that deal with tensors, and that take arguments: in its docstring, or by what is measured."""
    assert reference.unsaid(page) == []


def test_measuring_leaves_the_process_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = (wengert.get_default_dtype(), wengert.is_grad_enabled(), wengert.get_num_threads(),
              wengert.initial_seed(), Path.cwd())
    reference.unsaid("wengert.random", "wengert.amp", "wengert.func")
    assert (wengert.get_default_dtype(), wengert.is_grad_enabled(), wengert.get_num_threads(), wengert.initial_seed(),
            Path.cwd()) == before
    assert list(tmp_path.iterdir()) == []


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
