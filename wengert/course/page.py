"""A lesson as a page of its own, made by Sphinx and MyST-NB (the extra ``wengert[docs]``); its cells run."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

SETTINGS = {
    "project": "wengert",
    "extensions": ["myst_nb", "wengert.course.markup"],
    "html_math_renderer": "mathml",
    "html_theme": "furo",
    "html_show_copyright": False,
    "myst_enable_extensions": ["dollarmath", "amsmath"],
    "nb_execution_mode": "force",
    "nb_execution_timeout": 120,
    "nb_execution_raise_on_error": True,
    "nb_merge_streams": True,
    "nb_code_prompt_show": "Solution",
    "nb_code_prompt_hide": "Hide the solution",
}
"""Of Sphinx, for this page as for the site."""

REQUIRED = ("sphinx", "myst_nb", "furo")


def make(lesson: Path, folder: Path) -> Path:
    """Makes the page of a lesson in ``folder``; returns its file. Raises what Sphinx raises where a cell fails."""
    from sphinx.application import Sphinx

    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "source"
        source.mkdir()
        shutil.copy(lesson, source)
        application = Sphinx(str(source), None, str(folder), str(Path(work) / "trees"), "html", status=None,
                             confoverrides={**SETTINGS, "root_doc": lesson.stem, "html_title": lesson.stem,
                                            "suppress_warnings": ["myst.xref_missing"]})  # links to other pages
        application.build()
    return folder / f"{lesson.stem}.html"
