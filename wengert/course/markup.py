"""What pages of lessons, and of the site, have in their HTML beside what Sphinx and MyST-NB write.

Formulas are MathML, which browsers draw themselves: a page shows them without a network and in print. (What Sphinx does
by itself is to load a program from a server of others each time that a page is opened.) Who has no mouse can move code
that is wider than the page, and hears the words that are there to be read.
"""

from __future__ import annotations

import re
from typing import Any

NAMED_TWICE = re.compile(r'(<summary)[^>]* aria-label="[^"]*"([^>]*>)')
"""What opens a solution is called by the words on it; MyST-NB gives it another name for those who hear."""

MENDED = {
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    'class="caption" role="heading">': 'class="caption" role="heading" aria-level="2">',
}
"""What Sphinx and the theme write, and what it should be."""


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx: formulas are drawn so where ``html_math_renderer`` is ``"mathml"``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("html-page-context", _within_reach, priority=900)  # after the theme has made its list of pages
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _within_reach(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Lets the keyboard reach code, output and tables, which may have to be moved sideways, and gives headings of lists
    of pages a level."""
    for part in ("body", "furo_navigation_tree"):
        if isinstance(context.get(part), str):
            text = NAMED_TWICE.sub(r"\1\2", context[part])
            for plain, mended in MENDED.items():
                text = text.replace(plain, mended)
            context[part] = text


def _inline(page: Any, node: Any) -> None:
    _write(page, f'<span class="math notranslate nohighlight">{_markup(node, False)}</span>')


def _block(page: Any, node: Any) -> None:
    _write(page, f'<div tabindex="0" class="math notranslate nohighlight">{_markup(node, True)}</div>\n')


def _write(page: Any, markup: str) -> None:
    from docutils.nodes import SkipNode

    page.body.append(markup)
    raise SkipNode


def _markup(node: Any, block: bool) -> str:
    """Raises SphinxError, which ends the build, for a formula that docutils cannot read."""
    from docutils.utils.math import MathError, latex2mathml
    from sphinx.errors import SphinxError

    try:
        return str(latex2mathml.tex2mathml(node.astext().strip(), as_block=block))
    except MathError as error:
        raise SphinxError(f"{node.source}: a formula that docutils can read was expected; came {node.astext()!r}: "
                          f"{error}") from error
