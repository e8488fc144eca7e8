"""What a lecture looks at, in a real browser: ten graphs in two windows, whole, step by step, on slides and opened;
held by structure, and skipped where `test_page` is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import wengert as torch
from tests.browser import test_page
from tests.browser.graphs import TEN
from tests.browser.test_page import click, lines_through_boxes, load, outside, overlaps, press

browser = test_page.browser
pytestmark = test_page.pytestmark

WIDE, NARROW = (1400, 900), (390, 844)


@contextmanager
def window(browser: Any, size: tuple[int, int]) -> Iterator[None]:
    """The browser's window of a size."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def unseen(browser: Any) -> list[str]:
    """Boxes and labels that the window cuts off although the map says that all is in it, and boxes under the map
    although a corner is free."""
    return browser.execute_script("""
        const rect = e => e.getBoundingClientRect(), view = rect(document.getElementById('picture'));
        const map = document.getElementById('map'), whole = map.classList.contains('off'), found = [];
        const parts = [...document.querySelectorAll('#picture .node, #picture .l')];
        for (const r of whole ? parts.map(e => [e, rect(e)]) : []) if (r[1].left < view.left - 1 ||
            r[1].right > view.right + 1 || r[1].top < view.top - 1 || r[1].bottom > view.bottom + 1)
            found.push('cut off: ' + r[0].textContent);
        const under = m => parts.filter(e => e.matches('.node:not(.open)')).map(rect).filter(
            r => r.left < m.right && m.left < r.right && r.top < m.bottom && m.top < r.bottom).length;
        const m = rect(map);
        if (!whole && map.parentNode.tagName === 'MAIN' && under(m)) {
            for (const x of [view.left + 10, view.right - 10 - m.width])
                for (const y of [view.top + 10, view.bottom - 10 - m.height])
                    if (!under({left: x, right: x + m.width, top: y, bottom: y + m.height})) found.push('map on a box');
        }
        return found;""")


def loose(browser: Any) -> list[str]:
    """Lines that begin neither at a box nor on another line of the same value."""
    return browser.execute_script("""
        const found = [], lines = [...document.querySelectorAll('#picture path.e')];
        const own = g => g.matches('.frame') ? g.querySelector(':scope > .node') : g;
        for (const line of lines) {
            const level = line.parentNode.parentNode.querySelector(':scope > g.nodes');
            const g = [...level.children].map(own).find(g => g.dataset.key === line.dataset.s);
            const b = [...g.children].filter(c => c.matches('rect.b')).at(-1).getBBox(), p = line.getPointAtLength(0);
            if (p.x >= b.x - 1 && p.x <= b.x + b.width + 1 && p.y >= b.y - 1 && p.y <= b.y + b.height + 1) continue;
            const on = lines.some(other => {
                if (other === line || other.dataset.s !== line.dataset.s || other.parentNode !== line.parentNode)
                    return false;
                other.style.strokeWidth = '5px';
                const met = other.isPointInStroke(p);
                other.style.strokeWidth = '';
                return met;
            });
            if (!on) found.push(`${line.dataset.s} > ${line.dataset.t}`);
        }
        return found;""")


def through_steps(browser: Any, most: int) -> list[str]:
    """Texts of a step, and up to two matrices, that do not fit the strip they stand in, and holes in lines, at each of
    the first steps forward and each of the first back."""
    return browser.execute_script("""
        const found = [], strip = document.getElementById('step'), slider = document.getElementById('slider');
        const all = Number(slider.max), half = all >> 1, steps = [];
        for (let i = 1; i <= Math.min(half, arguments[0]); i++) steps.push(i, half + i);
        for (const step of steps) {
            slider.value = step;
            slider.dispatchEvent(new Event('input'));
            if (!strip.textContent) found.push(`step ${step} says nothing`);
            const [tall, wide] = [strip.scrollHeight - strip.clientHeight, strip.scrollWidth - strip.clientWidth];
            const much = strip.querySelectorAll('figure').length > 2;  // (several products of matrices may be scrolled)
            if (tall > 1 && !much || wide > 1) found.push(`step ${step}: ${tall} too tall, ${wide} too wide`);
            for (const text of document.querySelectorAll('#picture text[data-row="g"]:not(.veiled)')) {
                const room = text.parentNode.querySelector('rect').width.baseVal.value;
                if (text.getComputedTextLength() > room - 6) found.push(`${text.textContent}is too wide for its box`);
            }
            for (const bg of document.querySelectorAll('#picture rect.bg')) {
                const label = bg.nextElementSibling;
                if (label.classList.contains('veiled') !== bg.classList.contains('veiled')) found.push('a hole');
            }
        }
        return found;""", most)


def test_what_has_come_of_a_gradient_stays_in_a_small_box(browser: Any, tmp_path: Path) -> None:
    x, w = (torch.tensor(value, requires_grad=True) for value in (3.0, 2.0))
    with window(browser, WIDE):
        load(browser, torch.graph(x * w + w, gradients=True).save(tmp_path / "graph.html"))
        assert through_steps(browser, 10) == []


@pytest.mark.parametrize("make", TEN, ids=lambda make: make.__name__)
def test_ten_graphs_are_seen(browser: Any, tmp_path: Path, make: Any) -> None:
    page = make().save(tmp_path / "graph.html")
    for size in (WIDE, NARROW):
        with window(browser, size):
            load(browser, page)
            assert unseen(browser) == [] and outside(browser) == [] and overlaps(browser) == []
            assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
            assert loose(browser) == [] and (size == NARROW or through_steps(browser, 10) == [])
            click(browser, "#expand")
            assert unseen(browser) == [] and outside(browser) == [] and overlaps(browser) == []
            assert loose(browser) == [] and lines_through_boxes(browser) == []
            click(browser, "#collapse")
            press(browser, "s")
            assert unseen(browser) == [] and outside(browser) == [] and overlaps(browser) == []
            assert size == NARROW or through_steps(browser, 10) == []
