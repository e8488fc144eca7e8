"""The site: `sphinx-build -W -j auto docs site`, with wengert[docs]. Lessons are notebooks that run as it is built."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from sphinx.application import Sphinx

import wengert
from wengert.course.page import SETTINGS

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tools import reference  # noqa: E402 - it stands beside the folder of the pages

globals().update(SETTINGS)
author = "the wengert authors"
release = version = wengert.__version__
exclude_patterns = ["gallery"]
html_title = "wengert"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
myst_heading_anchors = 3
toc_object_entries_show_parents = "hide"

# Pages link to files as one finds them in the repository. On the site these are pages, or the gallery beside them.
PLACES = {r"\]\(\.\./SECURITY\.md\)": "](project/security.md)"}
GALLERY = re.compile(r"\[([^]]*)\]\((?:\.\./)*gallery/index\.html\)")


def as_on_the_site(app: Sphinx, page: str, source: list[str]) -> None:
    """Turns links to files into links to pages of the site, and names of the reference into links to it."""
    text = source[0]
    for pattern, place in PLACES.items():
        text = re.sub(pattern, place, text)
    up = "../" * page.count("/")
    text = GALLERY.sub(rf'<a href="{up}gallery/index.html">\1</a>', text)
    source[0] = text if page.startswith("reference/") else reference.with_links(text, reference.documented())


def with_gallery(app: Sphinx, failure: Exception | None) -> None:
    """Puts the gallery beside the pages."""
    if failure is None and app.builder.format == "html":
        shutil.copytree(HERE / "gallery", Path(app.outdir) / "gallery", dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("*.py", "__pycache__"))


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    reference.write(HERE / "reference")
    app.connect("source-read", as_on_the_site)
    app.connect("build-finished", with_gallery)
