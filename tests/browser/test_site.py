"""The site's own pages in a real browser: a lesson, an error and a page of the reference, on a screen, a phone and
paper."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_page import BROWSER, DRIVER, browser  # noqa: F401 - a fixture
from wengert.course.page import SETTINGS

pytest.importorskip("selenium", reason="needs selenium: pip install selenium")
for module in ("sphinx", "myst_nb", "furo"):
    pytest.importorskip(module, reason="needs wengert[docs]")
pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="needs chromium and chromedriver (Debian: chromium-driver)"
)
DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = """# A page of the reference

```{py:function} wengert.example(first, second)
What it does.

>>> wengert.example("an argument that is long", "and another one that is as long", "so that no page is as wide as it")
tensor([1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15., 16., 17., 18., 19., 20., 21., 22., 23., 24.])
```

```{py:method} wengert.AnExampleOfAClassWithALongName.and_a_method_with_a_name_longer_than_most_have()
```

$$y = a_1 x_1 + a_2 x_2 + a_3 x_3 + a_4 x_4 + a_5 x_5 + a_6 x_6 + a_7 x_7 + a_8 x_8 + a_9 x_9 + a_{10} x_{10} + b_{10}$$

| a table | that is | as wide | as a page |
|---|---|---|---|
| `one_name_of_many_letters` | `one_name_of_many_letters` | `one_name_of_many_letters` | `one_name_of_many_letters` |

```{toctree}
:caption: More pages
ShapeError
```
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    source = folder / "source"
    source.mkdir()
    for page in ("lessons/08_recurrence.md", "errors/ShapeError.md", "site.css"):
        shutil.copy(DOCS / page, source)
    (source / "reference.md").write_text(REFERENCE)
    settings = {**SETTINGS, "root_doc": "reference", "html_static_path": ["site.css"],
                "html_css_files": ["site.css"], "suppress_warnings": ["myst.xref_missing", "toc.not_included"]}
    (source / "conf.py").write_text("\n".join(f"{name} = {value!r}" for name, value in settings.items()))
    subprocess.run([sys.executable, "-m", "sphinx", "-q", str(source), str(folder / "made")], check=True)
    yield folder / "made"


def opened(browser: Any, page: Path, width: int, height: int, scheme: str = "light") -> None:  # noqa: F811
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                            {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
    browser.get(page.as_uri())


def widest(browser: Any) -> list[str]:  # noqa: F811
    """Texts in boxes that are wider than they look and cannot be moved sideways."""
    found: list[str] = browser.execute_script("""
        return [...document.querySelectorAll("article pre, article div.math")].filter(part =>
            part.scrollWidth > part.clientWidth + 1 && !["auto", "scroll"].includes(getComputedStyle(part).overflowX))
            .map(part => part.textContent.slice(0, 60))""")
    return found


@pytest.mark.parametrize("width, height", [(1400, 900), (390, 844)])
@pytest.mark.parametrize("page", ["08_recurrence", "ShapeError", "reference", "genindex"])
def test_nothing_is_cut_off(browser: Any, site: Path, page: str, width: int, height: int) -> None:  # noqa: F811
    opened(browser, site / f"{page}.html", width, height)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert widest(browser) == []


def test_formulas_need_no_network(browser: Any, site: Path) -> None:  # noqa: F811
    opened(browser, site / "08_recurrence.html", 1400, 900)
    box = browser.execute_script("return document.querySelector('div.math math').getBoundingClientRect().toJSON()")
    assert box["width"] > 60 and box["height"] > 10
    assert "\\tanh" not in browser.execute_script("return document.querySelector('article').innerText")
    assert browser.execute_script("return document.querySelectorAll('script[src^=http]').length") == 0


def test_lines_of_an_error_are_wrapped_once(browser: Any, site: Path) -> None:  # noqa: F811
    opened(browser, site / "ShapeError.html", 1400, 900)
    lines, height, row = browser.execute_script("""
        const pre = document.querySelector(".highlight-text pre"), style = getComputedStyle(pre);
        return [pre.textContent.trimEnd().split("\\n").length,
                pre.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom),
                parseFloat(style.lineHeight)]""")
    assert round(height / row) == lines, "a line of the text is one line of the page"


def test_on_paper_all_is_there_and_nothing_lies_over_it(browser: Any, site: Path) -> None:  # noqa: F811
    opened(browser, site / "08_recurrence.html", 800, 1000)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    hidden = browser.execute_script("""
        return [".skip-to-content", ".toc-drawer", ".sidebar-drawer"].map(name => document.querySelector(name))
            .filter(part => part && [...part.getClientRects()].some(box => box.width && box.right > 0))
            .map(part => `${part.className} ${getComputedStyle(part).display}`)""")
    assert hidden == []
    too_wide = browser.execute_script("""
        return [...document.querySelectorAll("article pre")].filter(part => part.scrollWidth > part.clientWidth + 1)
            .map(part => part.textContent.slice(0, 60))""")
    assert too_wide == []
    tall = browser.execute_script("""
        return [...document.querySelectorAll("article img")].map(part => part.getBoundingClientRect().height)""")
    assert tall and max(tall) <= 23 * 96 / 2.54 + 1, "a picture fits on one page"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert pdf.startswith(b"%PDF")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("page", ["08_recurrence", "ShapeError", "reference"])
def test_axe_finds_no_violation(browser: Any, site: Path, page: str, width: int, scheme: str) -> None:  # noqa: F811
    source = os.environ.get("AXE_CORE")
    if source is None:
        pytest.skip("needs axe-core: npm install axe-core, and its axe.min.js in AXE_CORE")
    opened(browser, site / f"{page}.html", width, 900, scheme)
    browser.execute_script(Path(source).read_text(encoding="utf-8"))
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then("
        "r => done(r.violations.map(v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).slice(0, 4)}`)))")
    assert found == []
