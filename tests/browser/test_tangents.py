"""The page of a forward-mode run in a real browser, clicked through: tangents come with the values and along the edges,
gradients after them and against the edges; skipped where `test_page` is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import wengert as torch
from tests.browser import test_page
from tests.browser.test_page import click, counted, load
from wengert.autograd import forward_ad

browser = test_page.browser
pytestmark = test_page.pytestmark


def leaf(value: float) -> torch.Tensor:
    return torch.tensor(value, requires_grad=True)


def seen(browser: Any) -> set[str]:
    """What is to be seen of the boxes' rows and of the labels' parts."""
    parts = browser.execute_script(
        "return [...document.querySelectorAll('#picture text, #picture tspan')]"
        ".filter(t => !t.children.length && getComputedStyle(t).visibility === 'visible').map(t => t.textContent)")
    return {part.strip() for part in parts}


def through(browser: Any) -> list[tuple[str, str, set[str]]]:
    """Where the page says that it is, what it tells, and what is to be seen, step by step to the end."""
    found = []
    while not browser.find_element("css selector", "#forth").get_attribute("disabled"):
        click(browser, "#forth")
        found.append((counted(browser), browser.find_element("css selector", "#step").text, seen(browser)))
    return found


def test_tangents_beside_gradients_step_by_step(browser: Any, tmp_path: Path) -> None:
    x, w, b = leaf(3.0), leaf(2.0), leaf(1.0)
    u = x * w
    v = u + b
    a = torch.relu(v)
    load(browser, torch.graph(a, tangents={x: 1.0}, gradients=True).save(tmp_path / "both.html"))
    assert counted(browser) == "everything · 3 steps forward, 3 back"
    everything = seen(browser)
    assert {"tangent 1", "tangent 2", "grad 2", "grad 3", "∂u/∂x = 2", "→ 2", "← 2", "← 3"} <= everything
    steps = through(browser)
    assert [where for where, _, _ in steps] == [f"forward {i} of 3" for i in (1, 2, 3)] + [
        f"back {i} of 3" for i in (1, 2, 3)]
    for _, told, parts in steps[:3]:  # forward: tangents with the arrows, and nothing that comes back
        assert "It moves by d" in told and " comes ∂" in told and "tangent 1" in parts and "→ 2" in parts
        assert not any(part.startswith(("←", "grad")) for part in parts)
    assert "From x comes ∂u/∂x · dx = 2 · 1 = 2" in steps[0][1] and "It moves by du = 2." in steps[0][1]
    assert "∂v/∂u = 1" not in steps[0][2] and "∂v/∂u = 1" in steps[1][2]
    for _, told, parts in steps[3:]:  # back: gradients beside them, against the arrows
        assert "it sends da/d" in told and {"tangent 1", "→ 2"} <= parts
        assert any(part.startswith("grad") for part in parts)
    assert "← 2" not in steps[4][2] and {"← 2", "← 3", "grad 3"} <= steps[5][2]
    assert steps[5][2] == everything


def test_a_recorded_forward_run_alone(browser: Any, tmp_path: Path) -> None:
    with forward_ad.dual_level(), torch.graph.record() as g:
        x = forward_ad.make_dual(torch.tensor(2.0), torch.tensor(0.5))
        x * x + x
    load(browser, g.save(tmp_path / "forward.html"))
    assert counted(browser) == "everything · 2 steps forward"
    steps = through(browser)
    assert "tangent 2" in steps[0][2] and "tangent 2.5" not in steps[0][2] and "tangent 2.5" in steps[1][2]
    assert not any(part.startswith(("←", "grad")) for part in steps[1][2])
    legend = browser.find_element("css selector", "body").text
    assert "tangent" in legend and "gradient, back" not in legend


@pytest.mark.parametrize("width", [1200, 380])
def test_what_is_beside_each_other_does_not_lie_on_each_other(browser: Any, tmp_path: Path, width: int) -> None:
    x = leaf(0.5)
    loss = (torch.sin(x) * x + torch.exp(x)) ** 2
    browser.set_window_size(width, 900)
    try:
        load(browser, torch.graph(loss, tangents={x: 1.0}, gradients=True).save(tmp_path / "sums.html"))
        through(browser)
        assert test_page.overlaps(browser) == []
    finally:
        browser.set_window_size(1200, 900)
