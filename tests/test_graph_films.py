"""Films of a training and comparisons of two graphs, as data and text. Their pages in a browser: tests/browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import wengert as torch
from wengert.view import Graph


def data_of(page: str) -> dict[str, Any]:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_a_film_is_the_training_itself() -> None:
    """Every frame has the values of its step, and the training goes on as without a film."""
    w = torch.tensor(2.0, requires_grad=True)
    losses = []

    def step() -> torch.Tensor:
        loss = (w - 5.0) ** 2
        loss.backward()
        with torch.no_grad():
            w.sub_(0.1 * w.grad)
        w.grad = None
        losses.append(loss.item())
        return loss

    film = torch.graph.film(step, every=4, count=10)
    assert (film.steps, len(losses), len(film)) == ([0, 4, 8, 9], 10, 4)
    assert film.losses == [losses[number] for number in film.steps]
    for graph, number in zip(film, film.steps, strict=True):
        at = 5 - 3 * 0.8**number
        assert graph["w"].value.values == pytest.approx([at], rel=1e-5)
        assert graph["w"].gradient.values == pytest.approx([2 * (at - 5)], rel=1e-4)
    assert w.item() == pytest.approx(5 - 3 * 0.8**10, rel=1e-5)
    found = data_of(film.html())
    frames = found["film"]["frames"]
    (leaf,) = [id for id, node in found["nodes"].items() if node["s"] == "w"]
    assert [frame["rows"][leaf][0] for frame in frames] == [graph["w"].value.text() for graph in film]
    assert all(set(frame["nodes"]) == set(found["nodes"]) for frame in frames)
    assert {step["n"] for frame in frames for step in frame["steps"]} <= set(map(int, found["nodes"]))


def test_what_a_film_cannot_be_made_of(tmp_path: Path) -> None:
    w = torch.tensor(2.0, requires_grad=True)
    count = [0]

    def changing() -> None:
        count[0] += 1
        (w * 2 if count[0] < 3 else w.exp() * 2).backward()

    with pytest.raises(ValueError, match="step 2 is another from its node"):
        torch.graph.film(changing, every=1, count=4)
    with pytest.raises(ValueError, match="step 0 recorded nothing"):
        torch.graph.film(lambda: None)
    with pytest.raises(ValueError, match="every and count of at least 1"):
        torch.graph.film(changing, every=0)
    with pytest.raises(ValueError, match="at most 400 frames were expected; got 1000"):
        torch.graph.film(changing, every=1, count=1000)
    with pytest.raises(ValueError, match="line and points"):
        torch.graph.film(lambda: (w * 2).backward(), points=(torch.zeros(3, 2), torch.zeros(3)))
    with pytest.raises(ValueError, match=r"shape \(N, 2\)"):
        torch.graph.film(lambda: (w * 2).backward(), points=(torch.zeros(3, 3), torch.zeros(3)), line=(w, w))
    with pytest.raises(ValueError, match="weights of two elements"):
        torch.graph.film(lambda: (w * 2).backward(), points=(torch.zeros(3, 2), torch.zeros(3)), line=(w, w))
    film = torch.graph.film(lambda: (w * 2).backward(), every=1, count=2)
    assert film.losses == [4.0, 4.0], "of a step that returns nothing, the value of its result"
    with pytest.raises(ValueError, match=r"ends in \.html was expected; got 'f\.pdf'"):
        film.save(tmp_path / "f.pdf")


def network(rate: float, deep: bool = False) -> Graph:
    torch.manual_seed(0)
    x, w = torch.randn(4, 3), torch.ones(3, 2, requires_grad=True)
    hidden = torch.tanh(x @ w * rate)
    if deep:
        hidden = torch.sigmoid(hidden)
    return torch.graph(hidden.sum(), gradients=True)


def test_graphs_that_are_the_same_but_for_rounding() -> None:
    same = torch.graph.compare(network(0.5), network(0.5 + 1e-8))
    assert not same and same.text() == "before and after are the same: 7 nodes"


def test_what_differs_is_said_and_lit() -> None:
    found = torch.graph.compare(network(0.5), network(0.5, deep=True), ("flat", "deep"))
    words = {found._name(each): each.words for each in found.differences}
    assert [each.words for each in found.differences if each.before is None] == ["only in the second"]
    assert words["v3 = sum"].startswith("value ") and "reads other operands" in words["v3 = sum"]
    assert words["w"].startswith("gradient norm") and "x @ w" not in words
    head = f"{len(found.differences)} differences between flat and deep, 7 nodes in both"
    assert len(found.pairs) == 7 and found.text().startswith(head)
    page = found.html()
    assert page.count("<svg") == 2 and page.count('class="operation lit') + page.count(" root lit") >= 3
    swapped = torch.graph.compare(network(0.5, deep=True), network(0.5))
    assert [each.words for each in swapped.differences if each.after is None] == ["only in the first"]


def test_eager_and_compiled() -> None:
    w = torch.ones(3, requires_grad=True)

    @torch.compile
    def double(x: torch.Tensor) -> torch.Tensor:
        return (torch.tanh(x) * 2).sum()

    double(w)
    found = torch.graph.compare(torch.graph((torch.tanh(w) * 2).sum()), torch.graph(double), ("eager", "compiled"))
    matched = {found.before[a].operation for a, _ in found.pairs}
    assert {"tanh", "mul", "sum"} <= matched


def test_a_step_and_what_it_compiles_to_differ_in_the_backward_pass_alone() -> None:
    torch.manual_seed(0)
    w, b = torch.randn(5, 4, requires_grad=True), torch.zeros(4, requires_grad=True)
    x, y = torch.randn(8, 5), torch.randn(8, 4)

    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss = (torch.tanh(x @ w + b) - y).pow(2).mean()
        loss.backward()
        return loss

    with torch.graph.record() as eager:
        step(x, y)
    made = torch.compile(step)
    made(x, y)
    compiled = torch.graph(made)
    assert {node.name for node in compiled if node.kind == "leaf"} == {"w", "b"}
    found = torch.graph.compare(eager, compiled, ("eager", "compiled"))
    (back,) = found.differences
    assert back.words.startswith("the backward pass of ") and back.words.endswith(" operations, only in the second")
    lit = found.html().count(" lit") + found.html().count("lit\"")
    alone = [id for id in compiled.nodes if id not in {b for _, b in found.pairs}]
    assert {back.after, *back.also} == set(alone) and lit >= sum(not compiled.nodes[id].inline for id in alone)
    assert "among its operations" in compiled.html()


def test_only_graphs_are_compared(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="two graphs were expected; got Tensor"):
        torch.graph.compare(network(1.0), torch.ones(2))
    found = torch.graph.compare(network(1.0), network(2.0))
    assert found.save(tmp_path / "c.txt").read_text("utf-8") == found.text() + "\n" == f"{found!r}\n"
    with pytest.raises(ValueError, match=r"\.html or \.txt was expected; got 'c\.svg'"):
        found.save(tmp_path / "c.svg")


def test_pages_stand_in_frames_of_their_own_in_notebooks() -> None:
    w = torch.tensor(2.0, requires_grad=True)
    film = torch.graph.film(lambda: (w * 2).backward(), every=1, count=2)
    for shown in (film._repr_html_(), torch.graph.compare(network(1.0), network(2.0))._repr_html_()):
        assert shown.startswith("<iframe srcdoc=") and "<style" not in shown and "&lt;!doctype html&gt;" in shown
