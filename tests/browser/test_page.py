"""The page in a real browser: a headless Chromium driven by Selenium; skipped, with the reason, where one is
missing."""

from __future__ import annotations

import base64
import json
import os
import re
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.view import Film, Graph
from wengert.view.svg import colours

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install selenium")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="needs chromium and chromedriver (Debian: chromium-driver)"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = BROWSER
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1200,900",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    x, w, b = (torch.tensor(value, requires_grad=True) for value in (3.0, 2.0, 1.0))
    u = x * w
    v = u + b
    a = torch.relu(v)
    small = torch.graph(a, gradients=True).save(folder / "small.html")
    right = torch.graph(a, gradients=True).save(folder / "right.html", direction="right")
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8)) for _ in range(8)), nn.Linear(8, 2)
    )
    with torch.graph.record() as g:
        loss = nn.functional.mse_loss(model(torch.randn(4, 8)), torch.zeros(4, 2))
        loss.backward()
    weight = torch.randn(20, 8, requires_grad=True)

    @torch.compile
    def step(x: Any) -> Any:
        loss = (torch.tanh(x @ weight) - 1).pow(2).mean()
        loss.backward()
        return loss

    x = torch.randn(64, 20)
    step(x)
    step.profile(x, rounds=2)
    film = adaline_film()
    compared = torch.graph.compare(adaline(False), adaline(True)).save(folder / "compared.html")
    twice = torch.tensor(2.0, requires_grad=True)
    torch.graph((twice * twice + 1) * twice).save(folder / "twice.html")
    return {"twice": folder / "twice.html", "film": film.save(folder / "film.html"), "compared": compared,
            "small": small, "right": right,
            "large": g.save(folder / "large.html"),
            "compiled": torch.graph(step).save(folder / "compiled.html")}


def adaline(mended: bool) -> Graph:
    """ADALINE's loss, with the broadcast of a column against a row that is so easily made, or without."""
    torch.manual_seed(0)
    inputs, y = torch.randn(10, 2), torch.ones(10)
    w, b = torch.zeros(2, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    with torch.graph.record() as g:
        out = inputs @ w + b
        error = (out.view(-1) if mended else out) - y
        loss = (error**2).mean()
        loss.backward()
    return g


def adaline_film() -> Film:
    torch.manual_seed(123)
    X = torch.cat([torch.randn(20, 2) + 1.5, torch.randn(20, 2) - 1.0])
    y = torch.cat([torch.ones(20), torch.zeros(20)])
    w, b = torch.zeros(2, 1, requires_grad=True), torch.zeros(1, requires_grad=True)

    def step() -> torch.Tensor:
        loss = (((X @ w + b).view(-1) - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for parameter in (w, b):
                parameter.sub_(0.05 * parameter.grad)
                parameter.grad = None
        return loss

    return torch.graph.film(step, every=10, count=30, line=(w, b), points=(X, y), threshold=0.5)


def load(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    assert browser.find_element("css selector", "body").get_attribute("data-ready") == "yes"


def boxes(browser: Any) -> list[str]:
    return browser.execute_script(
        "return [...document.querySelectorAll('#picture [data-key]')].map(g => g.dataset.key)"
    )


def texts(browser: Any) -> list[str]:
    return browser.execute_script(
        "return [...document.querySelectorAll('#picture text')].map(t => t.textContent.trim())")


def click(browser: Any, selector: str) -> None:
    browser.find_element("css selector", selector).click()


def press(browser: Any, key: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(key).perform()


def overlaps(browser: Any) -> list[list[str]]:
    """Pairs of boxes of one level that lie on each other, and boxes out of their module's frame."""
    return browser.execute_script("""
        const found = [];
        for (const nodes of document.querySelectorAll('#picture g.nodes')) {
            const last = g => [...g.children].filter(c => c.matches('rect.b')).at(-1);
            const own = g => g.matches('.frame') ? g.querySelector(':scope > .node') : g;
            const rects = [...nodes.children].map(own).map(g => [g.dataset.key, last(g).getBoundingClientRect()]);
            for (let i = 0; i < rects.length; i++) for (let j = 0; j < i; j++) {
                const [k, a] = rects[i], [l, b] = rects[j];
                if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) found.push([k, l]);
            }
            const frame = nodes.closest('g.frame');
            if (frame) {
                const f = last(own(frame)).getBoundingClientRect();
                for (const [k, r] of rects)
                    if (r.left < f.left - 1 || r.right > f.right + 1 || r.top < f.top - 1 || r.bottom > f.bottom + 1)
                        found.push([k, 'out']);
            }
        }
        return found;""")


def test_load_and_look(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["small"])
    assert {"u = x * w", "v = u + b", "a = relu(v)", "∂u/∂w = 3"} <= set(texts(browser))
    assert overlaps(browser) == []
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []


def test_models_open_collapsed_and_expand(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["large"])
    closed = boxes(browser)
    assert sum(key.startswith("m") for key in closed) == 9
    assert len(closed) < 15
    click(browser, '#picture [data-key="m3"]')
    assert browser.find_element("css selector", '[data-key="m3"]').get_attribute("aria-expanded") == "true"
    opened = boxes(browser)
    assert len(opened) > len(closed)
    assert overlaps(browser) == []
    click(browser, "#expand")
    assert overlaps(browser) == []
    everything = json.loads(browser.find_element("css selector", "#data").get_attribute("textContent"))["nodes"]
    assert {key[1:] for key in boxes(browser) if key[0] == "n"} == {
        id for id, node in everything.items() if node["s"] != "0"
    }
    press(browser, "c")
    assert boxes(browser) == closed


def test_steps_of_a_compiled_function_are_groups_that_open(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["compiled"])
    click(browser, "#collapse")
    closed = texts(browser)
    group = next(text for text in closed if "pass over" in text)
    assert group.rpartition(", ")[2].split()[1] in ("µs", "ns") and "tanh" not in closed
    key = browser.execute_script(
        "return [...document.querySelectorAll('#picture [data-key]')].find(g => g.textContent.includes('pass over'))"
        ".dataset.key")
    click(browser, f'#picture [data-key="{key}"]')
    assert any(text.startswith("v") and "tanh" in text or text == "tanh" for text in texts(browser))


def test_search_opens_the_module(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["large"])
    press(browser, "/")
    press(browser, "5.2.weight")
    assert browser.find_element("css selector", "#results li").text.startswith("5.2.weight")
    press(browser, "\ue007")
    panel = browser.find_element("css selector", "#panel")
    assert panel.is_displayed()
    assert "5.2.weight" in panel.text and "norm" in panel.text and "Gradient" in panel.text
    assert panel.find_elements("css selector", "svg rect"), "a histogram"
    assert "5.2.weight" in texts(browser)
    press(browser, "\ue00c")
    assert not panel.is_displayed()


def seen(browser: Any) -> list[str]:
    """The texts of the picture that are not hidden."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#picture text')]"
        ".filter(t => getComputedStyle(t).visibility === 'visible').map(t => t.textContent.trim())")


def counted(browser: Any) -> str:
    return browser.find_element("css selector", "#count").text


def test_step_forward_and_back(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["small"])
    assert counted(browser) == "everything · 3 steps forward, 3 back"
    assert {"7", "grad 1", "∂u/∂w = 3", "grad 3"} <= set(seen(browser))
    said, visible = [], []
    for _ in range(6):
        click(browser, "#forth")
        said.append(browser.find_element("css selector", "#step").text)
        visible.append(seen(browser))
        names = browser.execute_script(
            "return [...document.querySelectorAll('#picture .node')].map(g => g.getAttribute('aria-label')).join(' ')")
        assert ("grad" in names) == any(text.startswith("grad") for text in visible[-1])
        assert len(browser.find_elements("css selector", "#picture .node.lit")) == 1
        assert browser.find_elements("css selector", "#picture path.e.lit")
    assert said[0] == "u = x · w = 3 · 2 = 6" and counted(browser) == "back 3 of 3"
    assert "6" in visible[0] and "7" not in visible[0] and not any(text.startswith("grad") for text in visible[2])
    assert "∂a/∂v = 1" not in visible[1] and "∂a/∂v = 1" in visible[2]
    assert [text for text in visible[3] if text.startswith("grad")] == ["grad 1", "grad 1"], "of a and of v"
    assert "grad 3" not in visible[4] and "grad 3" in visible[5]
    assert "a = relu(v)" in said[3] and "da/da · ∂a/∂v = 1 · 1 = 1" in said[3]
    assert "To w it sends da/du · ∂u/∂w = 1 · 3 = 3, as ∂(x · w)/∂w = x = 3" in said[5]
    assert browser.find_element("css selector", "#forth").get_attribute("disabled")
    press(browser, "p")
    assert counted(browser) == "back 2 of 3"
    assert len(browser.find_elements("css selector", "#picture .node.passed")) == 1
    browser.execute_script(
        "const s = document.getElementById('slider'); s.value = 2; s.dispatchEvent(new Event('input'))")
    assert counted(browser) == "forward 2 of 3"
    click(browser, "#first")
    click(browser, "#play")
    assert "Pause" in browser.find_element("css selector", "#play").text
    click(browser, "#play")
    assert "Play" in browser.find_element("css selector", "#play").text


def test_contributions_that_have_not_all_arrived_are_counted(browser: Any, tmp_path: Path) -> None:
    w = torch.tensor(2.0, requires_grad=True)
    load(browser, torch.graph((w * w + 1) * w).save(tmp_path / "g.html"))
    found = []
    for _ in range(6):
        press(browser, "n")
        found.append([text for text in seen(browser) if text.startswith("grad")])
    assert "grad: 1 of 3" in found[3] and "grad 13" not in found[4] and "grad 13" in found[5]
    assert "dv3/dw = 5 + 4 + 4 = 13" in browser.find_element("css selector", "#step").text


def test_what_is_broken_is_red_when_it_is_seen(browser: Any, tmp_path: Path) -> None:
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    root = torch.sqrt(x)
    load(browser, torch.graph((root * 0).sum()).save(tmp_path / "g.html"))
    found = []
    for _ in range(7):
        found.append(len(browser.find_elements("css selector", "#picture .broken")))
        press(browser, "n")
    assert found == [1, 0, 0, 0, 0, 0, 1], "x, by its gradient: at first all is shown, and at last it arrives"


def test_slides_and_the_printed_pages(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["small"])
    press(browser, "s")
    assert not browser.find_element("css selector", "header .tools").is_displayed()
    for _ in range(2):
        press(browser, "\ue014")
    assert counted(browser) == "forward 2 of 3"
    size = browser.execute_script("return parseFloat(getComputedStyle(document.getElementById('step')).fontSize)")
    assert size >= 20 and "light" in browser.execute_script("return document.body.className")
    assert printed(browser).count(b"/Type /Page\n") == 7, "the whole, and a page for each step"
    assert counted(browser) == "forward 2 of 3" and not browser.find_elements("css selector", "#deck")
    press(browser, "\ue00c")
    assert browser.find_element("css selector", "header .tools").is_displayed()
    assert printed(browser).count(b"/Type /Page\n") == 1


def test_printing_shows_the_whole_graph_wherever_the_window_is(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["large"])
    click(browser, "#expand")
    for _ in range(6):
        press(browser, "+")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        browser.execute_script("dispatchEvent(new Event('beforeprint'))")
        inside = browser.execute_script("""
            const page = document.querySelector('#deck svg'), f = page.getBoundingClientRect();
            return [...page.querySelectorAll('.node')].map(g => g.getBoundingClientRect()).map(r => r.width > 0 &&
                r.left >= f.left && r.right <= f.right && r.top >= f.top && r.bottom <= f.bottom);""")
        browser.execute_script("dispatchEvent(new Event('afterprint'))")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert len(inside) == len(boxes(browser)) > 100 and all(inside)


@pytest.mark.parametrize("theme", ["", "dark"])
def test_printing_and_slides_are_light_where_the_reader_is_dark(browser: Any, tmp_path: Path, theme: str) -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.Tanh()), nn.Linear(3, 1))
    graph = torch.graph(model(torch.ones(4, 2)).sum())
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    try:
        load(browser, graph.save(tmp_path / "dark.html", theme=theme or None))
        click(browser, "#expand")
        fills = """const parts = document.querySelectorAll(arguments[0] + ' .node rect.b');
            return [...new Set([...parts].map(p => getComputedStyle(p).fill))].sort();"""
        browser.execute_script("dispatchEvent(new Event('beforeprint'))")
        paper = browser.execute_script(fills, "#deck")
        browser.execute_script("dispatchEvent(new Event('afterprint'))")
        dark = browser.execute_script(fills, "#picture")
        press(browser, "s")
        assert paper == browser.execute_script(fills, "#picture") and set(paper) & set(dark) == {"none"}
        assert "none" in paper and "rgb(228, 243, 232)" in paper, "frames are empty, and leaves light green"
        press(browser, "s")
        assert browser.execute_script(fills, "#picture") == dark
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def printed(browser: Any) -> bytes:
    found = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
    return base64.b64decode(found["data"])


def test_the_quiz_asks_checks_and_explains(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["small"])
    press(browser, "q")
    asked, verdicts = [], []
    assert "∂a/∂v = 1" not in seen(browser) and not any(text.startswith("grad") for text in seen(browser))
    answers = {"∂a/∂v": "1", "da/dv": "1.001", "∂v/∂u": "2/2", "da/du": "1", "∂v/∂b": "1", "da/db": "1", "∂u/∂x": "2",
               "da/dx": "2", "∂u/∂w": "5"}
    for _ in range(9):
        name = browser.find_element("css selector", "#ask .row b").text.removesuffix(" =")
        asked.append(name)
        press(browser, answers[name] + "\ue007")
        verdicts.append(browser.find_element("css selector", "#verdict").text)
        if verdicts[-1].startswith("Right"):
            press(browser, "\ue007")
    assert asked == list(answers) and all(text.startswith("Right.") for text in verdicts[:8])
    assert "∂(x · w)/∂x = w = 2" in verdicts[6]
    assert verdicts[8] == "Not yet. The rule: ∂(x · w)/∂w = x. Once more?"
    press(browser, "0\ue007")
    assert browser.find_element("css selector", "#verdict").text.startswith("It is: ∂(x · w)/∂w = x = 3")
    press(browser, "\ue007")
    press(browser, "three\ue007")
    assert "A number is expected" in browser.find_element("css selector", "#verdict").text
    click(browser, "#ask button[type=button]")
    click(browser, "#verdict .next")
    assert "9 of 10" not in browser.find_element("css selector", "#ask").text
    assert "8 of 10 right at the first try" in browser.find_element("css selector", "#ask").text
    press(browser, "\ue00c")
    assert counted(browser) == "everything · 3 steps forward, 3 back"


def test_matrices_stand_beside_the_step(browser: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    inputs, weight = torch.randn(10, 2), torch.zeros(2, 1, requires_grad=True)
    loss = ((inputs @ weight) ** 2 + 1).mean()
    load(browser, torch.graph(loss).save(tmp_path / "g.html"))
    press(browser, "n")
    shapes = "return [...document.querySelectorAll('#step table')].map(t => [t.rows.length, t.rows[0].cells.length])"
    assert browser.execute_script(shapes) == [[10, 2], [2, 1], [10, 1]]
    press(browser, "\ue010")
    assert browser.execute_script(shapes) == [[2, 10], [10, 1], [2, 1]], "Xᵀ · δ"
    assert "dloss/dweight = inputsᵀ · dloss/dv1" in browser.find_element("css selector", "#step").text


def test_zoom_pan_and_colour(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["large"])
    place = "return document.getElementById('world').getAttribute('transform')"
    before = browser.execute_script(place)
    press(browser, "+")
    zoomed = browser.execute_script(place)
    press(browser, "\ue014")
    assert len({before, zoomed, browser.execute_script(place)}) == 3
    press(browser, "0")
    assert browser.execute_script(place) == before
    fills = "return [...document.querySelectorAll('#picture rect.b')].map(r => getComputedStyle(r).fill)"
    plain = browser.execute_script(fills)
    for choice in ("gradient", "memory", "time"):
        browser.execute_script(
            "const s = document.getElementById('colour'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))",
            choice,
        )
        assert browser.execute_script(fills) != plain


def test_by_keyboard(browser: Any, pages: dict[str, Path]) -> None:
    """Tab goes to the boxes, Enter opens a module, and the box keeps the focus."""
    load(browser, pages["large"])
    browser.execute_script("document.querySelector('[data-key=\"m0\"]').focus()")
    press(browser, "\ue007")
    assert browser.find_element("css selector", '[data-key="m0"]').get_attribute("aria-expanded") == "true"
    assert browser.execute_script("return document.activeElement.dataset.key") == "m0"


def test_phone_width_and_text_alternative(browser: Any, pages: dict[str, Path]) -> None:
    browser.set_window_size(500, 850)
    try:
        load(browser, pages["small"])
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        inside = browser.execute_script("""
            const f = document.getElementById('picture').getBoundingClientRect();
            return [...document.querySelectorAll('#picture .node')].every(g => { const r = g.getBoundingClientRect();
                return r.left >= f.left && r.right <= f.right; })""")
        assert inside
        click(browser, "details summary")
        assert "a = relu(v) = 7" in browser.find_element("css selector", "#text").text
        assert "Computation graph of a" in browser.find_element("css selector", "#picture").get_attribute(
            "aria-label"
        )
    finally:
        browser.set_window_size(1200, 900)


def test_screenshot_by_structure(browser: Any, pages: dict[str, Path]) -> None:
    """What stands above what: the picture runs down from the leaves to the result, and nothing is outside the
    window."""
    load(browser, pages["small"])
    centres = browser.execute_script("""
        const found = {};
        for (const g of document.querySelectorAll('#picture .node')) {
            const r = g.querySelector('rect').getBoundingClientRect(), round = Math.round;
            const name = g.querySelector('text').textContent.trim();
            found[name] = [round(r.left + r.width / 2), round(r.top + r.height / 2)];
        }
        return found;""")
    assert (
        centres["x"][1]
        == centres["w"][1]
        < centres["u = x * w"][1]
        == centres["b"][1]
        < centres["v = u + b"][1]
        < centres["a = relu(v)"][1]
    )
    assert centres["x"][0] < centres["w"][0] and centres["v = u + b"][0] == centres["a = relu(v)"][0]
    assert len(browser.get_screenshot_as_png()) > 10_000
    assert arrows_off(browser) == []


def outside(browser: Any) -> list[str]:
    """Texts that stick out of their box, and labels that lie on each other or on a box."""
    return browser.execute_script("""
        const found = [], rect = e => e.getBoundingClientRect(), k = document.getElementById('world').getCTM().a;
        const cross = (a, b, by) => a.left < b.right - by && b.left < a.right - by
            && a.top < b.bottom - by && b.top < a.bottom - by;
        const seen = e => getComputedStyle(e).visibility === 'visible';
        const nodes = [...document.querySelectorAll('#picture .node')];
        for (const g of nodes) for (const t of g.children) if (t.matches('text') && seen(t)) {
            const box = rect([...g.children].find(c => c.matches('rect.b'))), r = rect(t);
            const low = box.bottom + 5 * k, right = box.right + 5 * k;
            if (r.left < box.left - 1 || r.right > right || r.top < box.top - 2 || r.bottom > low)
                found.push('out of its box: ' + t.textContent);
        }
        const labels = [...document.querySelectorAll('#picture .l')].filter(seen).map(l => [l.textContent, rect(l)]);
        labels.forEach(([text, r], i) => {
            for (const [other, q] of labels.slice(0, i)) if (cross(r, q, 2 * k)) found.push(`${text} on ${other}`);
            for (const g of nodes) if (!g.matches('.open') && cross(r, rect(g), 2 * k)) found.push(`${text} on a box`);
        });
        return found;""")


@pytest.mark.parametrize("width, height", [(1400, 900), (390, 844)])
def test_nothing_of_the_gallery_overlaps(browser: Any, tmp_path: Path, width: int, height: int) -> None:
    program = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "gallery" / "make.py"))
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
    try:
        for make in program["PICTURES"]:
            load(browser, make().save(tmp_path / f"{make.__name__}.html"))
            assert outside(browser) == [] and overlaps(browser) == [], make.__name__
            assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
            click(browser, "#expand")
            assert outside(browser) == [] and overlaps(browser) == [], make.__name__
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("width, height", [(1400, 900), (390, 844), (768, 1024)])
def test_a_graph_a_little_too_tall_is_shown_whole(browser: Any, tmp_path: Path, width: int, height: int) -> None:
    """The box of the loss, the last one, was cut off by the strip below it."""
    x, y = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), torch.tensor([1.0, 2.0, 3.0])
    w, b = torch.zeros(2, requires_grad=True), torch.tensor(0.0, requires_grad=True)
    error = y - (x @ w + b)
    loss = (error**2).mean()
    page = torch.graph(loss, gradients=True).save(tmp_path / "adaline.html")
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
    try:
        load(browser, page)
        cut = browser.execute_script("""
            const view = document.getElementById("picture").getBoundingClientRect();
            return [...document.querySelectorAll("#picture .node")].filter(node => {
                const box = node.getBoundingClientRect();
                return box.bottom > view.bottom + 1 || box.top < view.top - 1 || box.right > view.right + 1;
            }).map(node => node.textContent)""")
        assert cut == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_page_of_resnet20_is_there_within_a_second(browser: Any, tmp_path: Path) -> None:
    program = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "gallery" / "make.py"))
    page = program["resnet20"]().save(tmp_path / "resnet20.html")
    assert page.stat().st_size < 1_000_000
    load(browser, page)
    ready = browser.execute_script(
        "const n = performance.getEntriesByType('navigation')[0]; return n.domContentLoadedEventEnd - n.startTime")
    assert ready < 5000, "a bound for machines that are busy: a second is asked for, and a tenth is usual"


def contrast(one: str, other: str) -> float:
    """The ratio of two colours by the definition of WCAG 2.1."""
    def luminance(text: str) -> float:
        text = text.lstrip("#")
        parts = [int(part, 16) / 255 for part in (re.findall("..", text) if len(text) == 6 else [2 * c for c in text])]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_have_contrast(theme: str) -> None:
    found = colours(theme)
    grounds = [found[name] for name in ("bg", "op", "leaf", "const", "mod", "root", "bad")]
    for ink in ("ink", "soft"):
        assert min(contrast(found[ink], ground) for ground in grounds) >= 4.5, ink
    assert min(contrast(found[name], found["bg"]) for name in ("fw", "bw", "lit")) >= 4.5
    assert min(contrast(found[f"{name}-b"], found["bg"]) for name in ("leaf", "mod", "root", "bad")) >= 3


def test_everything_that_acts_has_a_name_and_nothing_is_inside_another(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["large"])
    click(browser, "#expand")
    wrong = browser.execute_script("""
        const kinds = 'button,input,select,[role=button],[role=group],[role=img],summary';
        const acts = [...document.querySelectorAll(kinds)];
        const name = e => e.getAttribute('aria-label') || e.textContent.trim()
            || (e.labels && e.labels[0] && e.labels[0].textContent);
        return [...acts.filter(e => !name(e)).map(e => 'no name: ' + e.outerHTML.slice(0, 80)),
            ...document.querySelectorAll('[role=button] [tabindex]')].map(String);""")
    assert wrong == []


AXE = os.environ.get("AXE_CORE", "")


@pytest.mark.skipif(not AXE, reason="needs axe-core: npm install axe-core, and its axe.min.js in AXE_CORE")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["", "expand", "quiz", "slides", "step", "search", "nothing"])
def test_axe_finds_no_violation(browser: Any, pages: dict[str, Path], scheme: str, state: str) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    try:
        for page in ("small", "twice", "large", "film", "compared"):
            load(browser, pages[page]) if page != "compared" else browser.get(pages[page].as_uri())
            if state and page != "compared":
                browser.execute_script("""const searched = {search: 'v', nothing: '?'}[arguments[0]];
                    const button = document.getElementById(searched ? 'search' : arguments[0]);
                    if (arguments[0] === 'step') for (let i = 0; i < 5; i++) document.getElementById('forth').click();
                    else if (searched) {
                        button.value = searched;
                        button.dispatchEvent(new Event('input'));
                    } else button.click();""", state)
            browser.execute_script(Path(AXE).read_text("utf-8"))
            found = browser.execute_async_script(
                "const done = arguments[0]; axe.run().then(r => done(r.violations.map(v => [v.id, v.nodes.length])))")
            assert found == [], page
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_film_moves_values_gradients_and_the_line(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["film"])
    said = []
    for frame in (0, 3):
        browser.execute_script("const s = document.getElementById('frame'); s.value = arguments[0];"
                               "s.dispatchEvent(new Event('input'))", frame)
        said.append([texts(browser), browser.find_element("css selector", "#when").text,
                     browser.find_element("css selector", "#film .between").get_attribute("d"),
                     browser.find_element("css selector", "#film .now").get_attribute("cy")])
    first, last = said
    assert all(a != b for a, b in zip(first, last, strict=True))
    assert first[1] == "step 0, loss 0.5000" and last[1].startswith("step 29, loss 0.0")
    assert first[2] == "" and last[2].startswith("M"), "weights of zero have no line"
    assert outside(browser) == [] and overlaps(browser) == []
    press(browser, "n")
    assert "v1 = X · w" in browser.find_element("css selector", "#step").text
    click(browser, "#run")
    assert "Pause" in browser.find_element("css selector", "#run").text
    click(browser, "#run")


def test_two_graphs_beside_each_other(browser: Any, pages: dict[str, Path]) -> None:
    browser.get(pages["compared"].as_uri())
    assert len(browser.find_elements("css selector", "svg")) == 2
    assert browser.find_elements("css selector", "svg .lit > rect") != []
    assert "shape 10×10, then 10" in browser.find_element("css selector", "ul").text
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False})
    try:
        wide, *scales = browser.execute_script("""
            const scale = s => s.getBoundingClientRect().width / s.viewBox.baseVal.width;
            return [document.documentElement.scrollWidth, ...[...document.querySelectorAll('svg')].map(scale)]""")
        assert wide <= 390 and min(scales) >= 0.99, "in a narrow window pictures can be read, and moved"
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def arrows_off(browser: Any) -> list[str]:
    """Lines whose ends are not at the middle of the sides of their boxes that face each other."""
    return browser.execute_script("""
        const right = !JSON.parse(document.getElementById('data').textContent).down, found = [];
        const side = (key, start) => {
            const b = document.querySelector(`#picture [data-key="${key}"] rect.b:last-of-type`).getBBox();
            return right ? [start ? b.x + b.width : b.x, b.y + b.height / 2]
                : [b.x + b.width / 2, start ? b.y + b.height : b.y];
        };
        for (const path of document.querySelectorAll('#picture path.e')) {
            const numbers = path.getAttribute('d').match(/-?[0-9.]+/g).map(Number), {s, t} = path.dataset;
            const from = side(s, true), to = side(t, false), end = numbers.slice(-2);
            const off = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]);
            if (off(numbers, from) > 1 || off(end, to) > 8) found.push(`${s} ${t}`);
        }
        return found;""")


def test_a_page_from_left_to_right(browser: Any, pages: dict[str, Path]) -> None:
    load(browser, pages["right"])
    assert arrows_off(browser) == [] and overlaps(browser) == []
    centres = browser.execute_script("""
        return [...document.querySelectorAll('#picture .node')].map(g => {
            const r = g.querySelector('rect').getBoundingClientRect();
            return [g.querySelector('text').textContent.trim(), r.left + r.width / 2];})""")
    place = dict(centres)
    assert place["w"] < place["u = x * w"] < place["v = u + b"] < place["a = relu(v)"]
    load(browser, pages["large"])
    click(browser, "#expand")
    assert overlaps(browser) == []


def test_stepping_from_the_panel(browser: Any, pages: dict[str, Path]) -> None:
    """The panel has the buttons too, follows the step, and keeps the focus on the button that was pressed."""
    load(browser, pages["small"])
    browser.execute_script("document.querySelector('#picture .node.root').focus()")
    press(browser, "\ue007")
    panel = browser.find_element("css selector", "#panel")
    assert "Backward pass: step 1 of 3" in panel.text
    click(browser, "#panel .go")
    assert counted(browser) == "back 1 of 3"
    browser.execute_script("document.querySelector('#panel [data-action=forth]').focus()")
    press(browser, "\ue007")
    assert counted(browser) == "back 2 of 3"
    assert "v = u + b" in panel.text and "To u it sends" in panel.text
    assert browser.execute_script("return document.activeElement.dataset.action") == "forth"
    press(browser, "\ue010")
    assert counted(browser) == "back 3 of 3"
    press(browser, "\ue011")
    assert counted(browser) == "everything · 3 steps forward, 3 back"


def test_stepping_at_phone_width(browser: Any, pages: dict[str, Path]) -> None:
    browser.set_window_size(500, 850)
    try:
        load(browser, pages["small"])
        browser.execute_script("document.querySelector('#picture .node.root').focus()")
        press(browser, "\ue007")
        for selector in ("#forth", "#panel .close"):
            seen = browser.execute_script(
                "const r = document.querySelector(arguments[0]).getBoundingClientRect(); return r.left >= 0 && "
                "r.right <= innerWidth && r.top >= 0 && r.bottom <= innerHeight && r.height >= 24",
                selector,
            )
            assert seen, selector
        click(browser, "#forth")
        assert "Forward pass: step 1 of 3" in browser.find_element("css selector", "#panel").text
    finally:
        browser.set_window_size(1200, 900)


class Residual(nn.Module):
    """A block with a line around each of its halves."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.narrow, self.wide = nn.LayerNorm(8), nn.Linear(8, 8), nn.Sequential(
            nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.narrow(self.norm(x))
        return x + self.wide(x)


def lines_through_boxes(browser: Any) -> list[str]:
    """Lines that run through a box of their level which is neither end of theirs."""
    return browser.execute_script("""
        const found = [];
        for (const group of document.querySelectorAll('#world g')) {
            const edges = group.querySelector(':scope > g.edges'), nodes = group.querySelector(':scope > g.nodes');
            if (!edges || !nodes) continue;
            const own = g => g.matches('.frame') ? g.querySelector(':scope > .node') : g;
            const boxes = [...nodes.children].map(own).map(g => {
                const rect = [...g.children].filter(c => c.matches('rect.b')).at(-1);
                const [x, y, w, h] = ['x', 'y', 'width', 'height'].map(key => Number(rect.getAttribute(key)));
                return {key: g.dataset.key, l: x + 1, t: y + 1, r: x + w - 1, b: y + h - 1};
            });
            for (const line of edges.querySelectorAll('path.e')) {
                const long = line.getTotalLength(), ends = [line.dataset.s, line.dataset.t];
                for (let at = 0; at < long; at += 4) {
                    const {x, y} = line.getPointAtLength(at);
                    const hit = boxes.find(b => !ends.includes(b.key) && x > b.l && x < b.r && y > b.t && y < b.b);
                    if (hit) { found.push(`${ends.join(' > ')} through ${hit.key}`); break; }
                }
            }
        }
        return found;""")


def test_a_tall_graph_is_set_in_columns(browser: Any, pages: dict[str, Path], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*(Residual() for _ in range(6)))
    with torch.graph.record() as g:
        model(torch.randn(2, 8)).sum().backward()
    load(browser, g.save(tmp_path / "residual.html"))
    assert lines_through_boxes(browser) == []
    click(browser, "#expand")
    wide, high, frame = browser.execute_script(
        "const w = document.getElementById('world').getBBox(), f = document.getElementById('picture')"
        ".getBoundingClientRect(); return [w.width, w.height, f.width / f.height]")
    assert 0.6 < wide / high / frame < 1.7  # one column would be a twentieth
    assert overlaps(browser) == [] and lines_through_boxes(browser) == []
    load(browser, pages["film"])
    few = browser.execute_script("return document.getElementById('world').getBBox().width")
    assert few < 600  # few boxes stay in one column
    load(browser, tmp_path / "residual.html")
    browser.set_window_size(500, 1600)
    click(browser, "#collapse")
    click(browser, "#expand")
    wide, high = browser.execute_script(
        "const w = document.getElementById('world').getBBox(); return [w.width, w.height]")
    assert high > 6 * wide and lines_through_boxes(browser) == []  # on a narrow window one column is right
    browser.set_window_size(1200, 900)
