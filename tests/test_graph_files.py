"""Graphs as files: JSON in and out, whatever is wrong with it, and graphs of unusual sizes in every form."""

from __future__ import annotations

import copy
import json
import random
import re
import shutil
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path
from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.view import Graph, exports

FORMS = ("text", "svg", "html", "dot", "mermaid", "to_json")


def several() -> Graph:
    """A graph with every kind of node, several results, a NaN, and a module."""
    torch.manual_seed(0)
    x = torch.tensor([0.0, 4.0, 1.0], requires_grad=True)
    layer = nn.Linear(3, 2)
    with torch.graph.record() as g:
        top, places = torch.topk(x.sqrt() * 0, 2)
        loss = (layer(x) * top).sum() + 3
        loss.backward()
    del places
    return g


def test_there_and_back() -> None:
    g = several()
    again = Graph.from_json(g.to_json())
    for form in FORMS:
        assert getattr(again, form)() == getattr(g, form)()
    assert json.loads(g.to_json(indent=1)) == json.loads(g.to_json())


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    for key in list(data) if isinstance(data, dict) else range(min(len(data), 4)) if isinstance(data, list) else ():
        found += places(data[key], (*path, key))
    return found


def test_whatever_is_wrong_is_said_or_drawn() -> None:
    """A field that is damaged is refused by name, or makes no difference to drawing."""
    base = json.loads(several().to_json())
    junk = [None, -1, 1e308, "x", [], {}, [1], "NaN", True, 2**70, [[1]], {"shape": 3}]
    choices, generator = places(base)[1:], random.Random(0)
    refused = 0
    for _ in range(300):
        data = copy.deepcopy(base)
        *way, last = generator.choice(choices)
        inner = data
        for key in way:
            inner = inner[key]
        if generator.random() < 0.3:
            del inner[last]
        else:
            inner[last] = generator.choice(junk)
        try:
            g = Graph.from_json(json.dumps(data))
        except ValueError as error:
            assert str(error).startswith("[graph] ")
            refused += 1
            continue
        for form in FORMS:
            getattr(g, form)()
    assert 100 < refused < 300


@pytest.mark.parametrize("length", [0, 1, 30, 500])
def test_a_file_that_was_cut_off(length: int) -> None:
    with pytest.raises(ValueError, match=r"\[graph\] JSON text was expected"):
        Graph.from_json(several().to_json()[:length])


def test_nested_beyond_reading() -> None:
    with pytest.raises(ValueError, match=r"\[graph\]"):
        Graph.from_json("[" * 100_000)


def test_fifty_thousand_nodes() -> None:
    x = torch.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(50_000):
        y = -y
    g = torch.graph(y)
    assert len(g) == 50_001
    assert "50000× neg" in str(g)
    for form in ("svg", "html"):
        with pytest.raises(ValueError, match=r"at most 5,000 boxes .* got 50,001; draw a part"):
            getattr(g, form)()
    assert g.dot().count("->") == g.mermaid().count("-->") == 50_000
    assert len(Graph.from_json(g.to_json())) == 50_001
    assert g.explain("x").endswith("= 1")
    near = g.subgraph(list(g.nodes)[-20:])
    assert near.svg().count("<rect") > 20


def test_no_elements_and_no_nodes() -> None:
    z = torch.zeros(0, 3, requires_grad=True)
    loss = (z * 2).sum()
    for g in (torch.graph(loss, gradients=True), torch.graph(), Graph()):
        for form in FORMS:
            assert getattr(g, form)()
        assert Graph.from_json(g.to_json()).text() == g.text()
    assert "no elements" in torch.graph(loss).explain("z")


def test_a_png_where_there_is_a_renderer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    g = several()
    programs = ("rsvg-convert", "inkscape", *exports.BROWSERS)
    if exports.util.find_spec("cairosvg") or any(map(shutil.which, programs)):
        assert g.save(tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(exports.util, "find_spec", lambda name: None)
    monkeypatch.setattr(exports.shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match=r"cairosvg, rsvg-convert, inkscape or chromium; none is installed"):
        g.save(tmp_path / "h.png")
    with pytest.raises(ValueError, match=r"\.svg, \.html, .* or \.png was expected; got 'g\.ps'"):
        g.save(tmp_path / "g.ps")


def streams(file: bytes) -> str:
    """What a PDF draws, after its table of objects was found to point at every one of them."""
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", file)[1])
    assert file.startswith(b"%PDF-1.") and file[start:].startswith(b"xref\n")
    places = [int(row[:10]) for row in file[start:].split(b"\n")[3:8]]
    assert all(file[place:].startswith(b"%d 0 obj\n" % number) for number, place in enumerate(places, 1))
    return b"".join(zlib.decompress(part) for part in re.findall(rb"stream\n(.*?)\nendstream", file, re.DOTALL)).decode(
        "latin-1")


def test_a_pdf_has_every_box_and_text(tmp_path: Path) -> None:
    x, θ = (torch.tensor(value, requires_grad=True) for value in (3.0, 2.0))
    u = x * θ
    ŷ = torch.relu(u)
    g = torch.graph(ŷ, gradients=True)
    drawn = streams(g.save(tmp_path / "g.pdf").read_bytes())
    boxes = drawn.count(" c b")
    assert boxes == 4 + 3, "four boxes, and three of the legend"
    texts = "".join(re.findall(r"\(((?:[^()\\]|\\.)*)\) Tj", drawn))
    assert "grad 1" in texts and "u = x * " in texts and "y = relu\\(u\\)" in texts and "/S 13.5 Tf (q)" in drawn
    assert (drawn.count("\xb6"), drawn.count(" S ")) == (2 * len(g.edges), len(g.edges))
    dark = streams(g.save(tmp_path / "d.pdf", theme="dark").read_bytes())
    assert "0.078 0.094 0.122 rg 0 0" in dark and "1.000 1.000 1.000 rg 0 0" in drawn
    empty = streams(torch.graph().save(tmp_path / "e.pdf").read_bytes())
    assert "(an empty graph)" in empty


def test_depth_and_theme_are_the_pictures(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh()), torch.nn.Linear(2, 2))
    g = torch.graph(model, torch.ones(1, 2))
    boxes = [g.save(tmp_path / "g.svg", depth=depth).read_text("utf-8").count('id="m') for depth in (0, 1, 2)]
    assert boxes == [0, 2, 3]
    assert '"depth":2' in g.save(tmp_path / "g.html", depth=2).read_text("utf-8")
    assert "prefers-color-scheme" in g.svg()
    assert "prefers-color-scheme" not in g.svg(theme="light") + g.svg(theme="dark")
    assert "#14181f" in g.svg(theme="dark") and "#14181f" not in g.svg(theme="light")
    assert '<body class="wg dark"' in g.html(theme="dark")
    for call in (g.svg, g.html, lambda theme: g.save(tmp_path / "g.pdf", theme=theme)):
        with pytest.raises(ValueError, match="theme: 'light', 'dark' or None"):
            call(theme="green")


def test_a_renderer_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "rsvg-convert"
    broken.write_text("#!/bin/sh\necho no fonts >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(exports.util, "find_spec", lambda name: None)
    monkeypatch.setattr(exports.shutil, "which", lambda name: str(broken) if name == "rsvg-convert" else None)
    with pytest.raises(RuntimeError, match="rsvg-convert could not make g.png: no fonts"):
        several().save(tmp_path / "g.png")


def test_a_place_far_behind_all_operands_is_drawn_at_once() -> None:
    """The work is that of the operands that are there, not of those that a number says there might be."""
    a, b, c = (torch.ones(2).requires_grad_() for _ in range(3))
    table = json.loads(torch.graph(torch.lerp(a, b, c)).to_json())
    for edge in table["edges"]:
        if edge.get("place"):
            edge["place"] = 2**62 + edge["place"]
    assert f"lerp(a, … ×{2**62}, b, c)" in Graph.from_json(json.dumps(table)).text()


def test_names_of_any_characters(tmp_path: Path) -> None:
    """Control characters are no XML, and halves of characters have no encoding."""
    table = json.loads(torch.graph(torch.ones(2).requires_grad_().exp().sum()).to_json())
    table["nodes"][0]["name"] = "a\x00\x1b[2J\ud800\ufffe<&>"
    graph = Graph.from_json(json.dumps(table))
    ElementTree.fromstring(graph.svg().encode())
    assert json.loads(graph.to_json().encode())["nodes"][0]["name"] == table["nodes"][0]["name"]
    for ending in ("svg", "html", "dot", "mmd", "json", "txt"):
        assert graph.save(tmp_path / f"a.{ending}").read_bytes()
