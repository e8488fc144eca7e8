"""The pages of the reference: every public name is on one, and docstrings become Markdown."""

import pytest

from tools import reference


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_page_has_every_public_name_of_its_module(page):
    known = reference.places()
    text = reference.page_of(page, known)
    names = [name for name, _ in reference.members(page)]
    assert names
    for name in names:
        assert f"}} {page}.{name}(" in text, name
    assert text.count("```pycon") * 2 <= text.count("```")


def test_a_docstring_becomes_markdown():
    lines = reference.markdown("""Adds ``a*b`` and `add`, not `nothing` or x_1.

        >>> 1 + 1
        2

        After.""", {"add": "wengert.add"})
    assert lines == ["Adds `a*b` and {py:obj}`add <wengert.add>`, not `nothing` or x\\_1.", "",
                     "", "```pycon", ">>> 1 + 1", "2", "```", "", "After."]


def test_a_signature_shows_no_types_and_no_addresses():
    def function(self, x: int, y: object = object(), *, z: float = 0.5) -> None: ...

    assert reference.signature(function) == "(x, y=..., *, z=0.5)"
