"""The graph object: structure, values, partials, gradients, names, paths, recording, text, files."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.view import Graph, GraphNode

EXPLAINED = "da/dw = ∂a/∂v · ∂v/∂u · ∂u/∂w = 1 · 1 · 3 = 3"


def leaf(value: Any) -> torch.Tensor:
    return torch.tensor(value, requires_grad=True)


def lecture() -> tuple[Graph, dict[str, torch.Tensor]]:
    x, w, b = leaf(3.0), leaf(2.0), leaf(1.0)
    u = x * w
    v = u + b
    a = torch.relu(v)
    return torch.graph(a), {"x": x, "w": w, "b": b, "a": a}


def test_the_lecture_graph() -> None:
    g, _ = lecture()
    assert [node.name for node in g.walk()] == ["x", "w", "b", "u", "v", "a"]
    assert [node.operation for node in g.walk(backward=True)] == ["relu", "add", "mul", "", "", ""]
    assert {name: node.value.values for name, node in g.leaves.items() if node.value} == {
        "x": [3.0],
        "w": [2.0],
        "b": [1.0],
    }
    assert [(e.place, e.partial) for e in g.operands("u")] == [(0, [[2.0]]), (1, [[3.0]])]
    assert g["u"].value.values == [6.0] and g["a"].shape == () and g["a"].dtype == "float32"
    assert [g.nodes[edge.target].name for edge in g.users("u")] == ["v"]
    assert g.explain("w") == EXPLAINED
    assert g.explain("b") == "da/db = ∂a/∂v · ∂v/∂b = 1 · 1 = 1"


def test_a_sum_over_paths() -> None:
    x, w = leaf(3.0), leaf(2.0)
    u = x * w
    s = u + w
    g = torch.graph(s)
    assert g.explain("w") == "ds/dw = ∂s/∂u · ∂u/∂w + ∂s/∂w = 1 · 3 + 1 = 3 + 1 = 4"
    assert [[g.nodes[e.target].name for e in path] for path in g.paths("s", "w")] == [["s", "u"], ["s"]]
    assert list(g.paths("w", "x")) == []


def test_the_same_operand_twice_is_one_path() -> None:
    w = leaf(5.0)
    y = w * w
    g = torch.graph(y)
    assert [edge.partial for edge in g.operands("y")] == [[[5.0]], [[5.0]]]
    assert g.explain("w") == "dy/dw = ∂y/∂w = 10"


def test_vectors_explain_by_matrices() -> None:
    v = leaf([1.0, 2.0, 3.0])
    m = (v * v).sum()
    g = torch.graph(m)
    assert g.explain("v").endswith("sum over all paths: dm/dv = [2, 4, 6]")


def test_many_paths_are_counted_and_not_walked() -> None:
    start = leaf(1.0)
    y = start
    for _ in range(40):
        y = y + y * 1.0
    text = torch.graph(y).explain("start")
    assert f"({2**40 - 6:,} more paths)" in text
    assert text.endswith("= 1.1e12")


def test_unconnected_and_unknown_names() -> None:
    g, _ = lecture()
    assert g.explain("w", "b") == "db/dw = 0, as no path leads from w to b"
    with pytest.raises(KeyError, match=r"\[graph\] a node's id, name, symbol or tensor was expected; got 'v9'"):
        g["v9"]


def test_partials_come_from_the_rules() -> None:
    """Every elementwise function's partial on the edge is the derivative that autograd finds."""
    for name in ("exp", "log", "sin", "tanh", "sigmoid", "sqrt", "relu", "abs", "square", "reciprocal"):
        x = leaf(0.7)
        y = getattr(torch, name)(x)
        (want,) = torch.autograd.grad(y, x, retain_graph=True)
        assert torch.graph(y).operands("y")[0].partial == [[pytest.approx(want.item())]], name


def test_before_and_after_backward_are_the_same_nodes() -> None:
    x, w = leaf(3.0), leaf(2.0)
    u = x * w
    loss = (u - 1) ** 2
    before = torch.graph(loss)
    assert before["u"].gradient is None and before["w"].gradient is None
    loss.backward(retain_graph=True)
    after = loss.graph()
    assert list(before.nodes) == list(after.nodes)
    assert after["u"].gradient.values == [10.0] and after["w"].gradient.values == [30.0]
    assert after["u"].value.values == before["u"].value.values == [6.0]
    assert w.grad.item() == 30.0


def test_after_backward_has_freed_the_tape() -> None:
    x, w = leaf(3.0), leaf(2.0)
    u = x * w
    loss = u * u
    ids = list(torch.graph(loss).nodes)
    loss.backward()
    g = torch.graph(loss)
    assert list(g.nodes) == ids
    assert g["w"].gradient.values == [36.0]
    assert "its numbers are not known" in g.explain("w")


def test_gradients_touch_nobody() -> None:
    w = leaf(2.0)
    seen: list[Any] = []
    w.register_hook(seen.append)
    y = w**3
    g = torch.graph(y, gradients=True)
    assert g["w"].gradient.values == [12.0] and w.grad is None and seen == []
    with pytest.raises(RuntimeError, match="gradients=True expects"):
        torch.graph(leaf([1.0, 2.0]) * 2, gradients=True)


def test_overwritten_values_are_not_shown() -> None:
    x = leaf(3.0)
    y = x * 2
    z = y * y
    with torch.no_grad():
        y.add_(1)
    g = torch.graph(z)
    assert g.operands("z")[0].partial is None, "its rule would read what is there no more"
    assert g["y"].value.values == [6.0], "computed again from x, and not the 7 that was written"


def test_wrong_roots() -> None:
    with pytest.raises(RuntimeError, match="has no history"):
        torch.graph(torch.ones(1))
    with pytest.raises(TypeError, match="tensors, or a model and its inputs"):
        torch.graph(3)
    with pytest.raises(TypeError, match=r"call graph\(model, inputs\)"):
        torch.graph(nn.Linear(1, 1))
    assert len(torch.graph()) == 0 and str(torch.graph()) == "an empty graph"


def test_several_roots() -> None:
    w = leaf(2.0)
    y, z = w * 2, w * 3
    g = torch.graph(y, z)
    assert [g.nodes[root].name for root in g.roots] == ["y", "z"]
    assert len(g) == 5


def test_a_model_and_its_inputs() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    g = torch.graph(model, torch.ones(2, 4))
    assert sorted(g.leaves) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    assert [(node.operation, node.module, node.shape) for node in g if node.kind == "operation"] == [
        ("linear", "0", (2, 3)),
        ("relu", "1", (2, 3)),
        ("linear", "2", (2, 1)),
    ]
    assert g["0.weight"].module == "0"


def test_names_by_path_or_by_variable() -> None:
    model = nn.Linear(2, 1)
    weights = [leaf(1.0), leaf(2.0)]
    loss = model(torch.ones(1, 2)).sum() + weights[0] * weights[1]
    assert sorted(torch.graph(loss).leaves) == ["bias", "weight", "weights[0]", "weights[1]"]


# --- recording --------------------------------------------------------------------------------------------------------


def test_recording_a_step() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = [p.detach().clone() for p in model.parameters()]
    with torch.graph.record() as g:
        loss = nn.functional.mse_loss(model(torch.ones(3, 4)), torch.zeros(3, 2))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert g["loss"].value.values == [pytest.approx(loss.item())]
    for node, parameter in zip(g.leaves.values(), before, strict=True):
        assert node.gradient is not None and node.shape == tuple(parameter.shape)
        assert node.value.norm == pytest.approx(parameter.norm().item(), rel=1e-5), "as it was when it was used"
    operations = [node for node in g if node.kind == "operation"]
    assert all(Path(node.line.rpartition(":")[0]).name == "test_graph.py" for node in operations)
    assert all(node.gradient is not None and node.seconds > 0 and node.kept > 0 for node in operations)
    assert [node.module for node in operations] == ["0", "1", "2", ""]
    assert all(edge.sent is not None for edge in g.edges if g.nodes[edge.source].kind != "constant")


def test_recording_knows_constants_and_shared_leaves() -> None:
    w, x = leaf(2.0), torch.tensor(5.0)
    with torch.graph.record() as g:
        y = w * x + w * 4.0 + x
        y.backward()
    assert g["w"].gradient.values == [9.0]
    assert g["x"].kind == "constant" and len(g.users("x")) == 2
    assert g.explain("w").endswith("= 5 + 4 = 9")


def test_recording_calls_of_one_module_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.act = nn.Linear(2, 2), nn.Tanh()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(self.act(self.layer(x)))

    with torch.graph.record() as g:
        Twice()(torch.ones(1, 2))
    calls = [(node.module, node.calls) for node in g if node.kind == "operation"]
    assert [module for module, _ in calls] == ["layer", "act", "layer"]
    assert len({numbers for _, numbers in calls}) == 3
    assert g.svg(depth=1).count('class="module"') >= 2


def test_nothing_is_left_behind() -> None:
    from wengert.core.state import state

    w = leaf(1.0)
    with torch.graph.record() as g, pytest.raises(ZeroDivisionError):
        w * 2
        raise ZeroDivisionError
    assert state.watcher is None
    assert len(g) == 3


def test_a_recording_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wengert.view.record.MOST", 5)
    w = leaf(1.0)
    with pytest.warns(UserWarning, match="stopped after 5 nodes"), torch.graph.record() as g:
        for _ in range(20):
            w = w * 1.5
    assert sum(node.kind == "operation" for node in g) == 5


# --- looking around ---------------------------------------------------------------------------------------------------


def test_find_subgraph_upstream() -> None:
    g, _ = lecture()
    assert [node.name for node in g.find("relu")] == ["a"]
    assert [node.name for node in g.find(lambda node: node.kind == "leaf")] == ["x", "w", "b"]
    part = g.subgraph(["u", "v", "b"])
    assert len(part) == 3 and len(part.edges) == 2 and part.roots == [g["v"].id]
    assert [node.name for node in g.upstream("u")] == ["x", "w", "u"]
    assert "u" in g and "nothing" not in g


def test_text_of_large_graphs_is_short() -> None:
    y = leaf(1.0)
    for _ in range(5000):
        y = y * 1.0
    text = str(torch.graph(y))
    assert len(text.splitlines()) < 60 and "5,000 operations" in text
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(200)))
    with torch.graph.record() as g:
        model(torch.ones(1, 2))
    lines = str(g).splitlines()
    assert len(lines) < 60 and max(map(len, lines)) <= 100 and "more" in str(g)


# --- JSON and files ---------------------------------------------------------------------------------------------------


def test_json_goes_and_comes_back() -> None:
    g, _ = lecture()
    again = Graph.from_json(g.to_json())
    assert again == g and str(again) == str(g) and again.explain("w") == EXPLAINED


def test_json_with_nan() -> None:
    x = leaf([0.0, 4.0])
    with torch.graph.record() as g:
        loss = (torch.sqrt(x) * 0).sum()
        loss.backward()
    text = g.to_json()
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    again = Graph.from_json(text)
    assert math.isnan(again["x"].gradient.values[0]) and again["x"].gradient.nan == 1
    assert "NaN" in again.svg()


LEAF = '{"id": 1, "kind": "leaf"}'


def written(nodes: str, edges: str = "", roots: str = "") -> str:
    return f'{{"wengert graph": 1, "nodes": [{nodes}], "edges": [{edges}], "roots": [{roots}]}}'


BAD = [
    ("{", "JSON text was expected"),
    ("[]", "an object with"),
    ('{"wengert graph": 1, "nodes": 3}', "nodes: a list was expected"),
    (written("7"), r"nodes\[0\]: an object was expected"),
    (written('{"id": 1, "kind": "tree"}'), r"nodes\[0\].kind: a kind among"),
    (written('{"id": "1", "kind": "leaf"}'), r"nodes\[0\].id"),
    (written('{"id": 1, "kind": "leaf", "colour": 3}'), "colour"),
    (written('{"id": 1, "kind": "leaf", "shape": "x"}'), "shape"),
    (written(f"{LEAF}, {LEAF}"), "twice"),
    (written(LEAF, '{"source": 1, "target": 2}'), r"edges\[0\]"),
    (written(LEAF, '{"source": 1, "target": 1}'), "no cycles"),
    (written("", "", "7"), "roots"),
]


@pytest.mark.parametrize(("text", "words"), BAD)
def test_malformed_json(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Graph.from_json(text)


def test_saving(tmp_path: Path) -> None:
    g, _ = lecture()
    for ending, start in (
        (".svg", "<svg"),
        (".html", "<!doctype html>"),
        (".dot", "digraph"),
        (".mmd", "flowchart"),
        (".json", "{"),
        (".txt", "a = relu(v)"),
    ):
        assert g.save(tmp_path / f"g{ending}").read_text("utf-8").startswith(start)
    with pytest.raises(ValueError, match=r"a file that ends in .*\.png was expected; got 'g\.xyz'"):
        g.save(tmp_path / "g.xyz")


def test_png_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wengert.view.exports.util.find_spec", lambda name: None)
    monkeypatch.setattr("wengert.view.exports.shutil.which", lambda name: None)
    with pytest.raises(RuntimeError, match="a renderer for .png was expected"):
        lecture()[0].save(tmp_path / "g.png")


def test_dot_and_mermaid_escape() -> None:
    g = Graph({1: GraphNode(1, "leaf", name='a"b[c]<d>\\')}, [], [1])
    assert '\\"b' in g.dot() and "\\\\" in g.dot()
    assert '"b' not in g.mermaid() and "#34;" in g.mermaid()


def test_tensors_of_zero_elements() -> None:
    x = torch.zeros(0, 3, requires_grad=True)
    with torch.graph.record() as g:
        y = (x * 2).sum()
        y.backward()
    assert "empty" in str(g) and g["x"].gradient.size == 0
    assert "0×3" in g.svg() and "0×3" in g.html()


def test_summaries() -> None:
    from wengert.view.values import summarize

    found = summarize(np.array([[0.0, 3.0], [-4.0, np.nan]], np.float32))
    assert (found.norm, found.minimum, found.maximum, found.zeros, found.nan, found.inf) == (
        5.0,
        -4.0,
        3.0,
        0.25,
        1,
        0,
    )
    assert found.shape == (2, 2) and found.bytes == 16
    assert sum(summarize(np.arange(100.0), histogram=True).histogram) == 100
    assert summarize(np.array(3 + 4j)).norm == 5.0
    assert summarize(np.arange(5)).values == [0, 1, 2, 3, 4]
    assert summarize(np.array([np.finfo(np.float32).max] * 30, np.float32)).inf == 0


def test_summary_of_a_model() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    for parameter in model[0].parameters():
        parameter.requires_grad_(False)
    found = torch.summary(model, torch.ones(16, 4))
    assert (found.parameters, found.trainable, found.parameter_bytes) == (58, 18, 232)
    assert [(layer.path, layer.shape, layer.parameters) for layer in found.layers] == [
        ("", (16, 2), 0),
        ("0", (16, 8), 40),
        ("1", (16, 8), 0),
        ("2", (16, 2), 18),
    ]
    assert found.layers[1].flops == 2 * 16 * 4 * 8 + 16 * 8
    assert "40 of them frozen" in str(found)
    model(torch.ones(16, 4))
    assert found.layers[1].calls == 1, "its hooks are gone"
    with pytest.raises(TypeError, match=r"\[summary\] a model"):
        torch.summary(3)


def test_examples_in_the_documentation() -> None:
    import doctest

    page = Path(__file__).parent.parent / "docs" / "graph.md"
    found = doctest.testfile(
        str(page), module_relative=False, encoding="utf-8", optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert found.attempted > 15 and found.failed == 0


def test_the_gallery(tmp_path: Path) -> None:
    """All ten pictures are made, and those in the repository are what the script makes today."""
    import runpy

    folder = Path(__file__).parent.parent / "docs" / "gallery"
    made = runpy.run_path(str(folder / "make.py"))
    made["main"](tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 11 and "lecture.svg" in names and "resnet20.svg" in names
    for name in ("lecture.svg", "used_twice.svg", "second_order.svg", "nan.svg"):
        assert (folder / name).read_text("utf-8") == (tmp_path / name).read_text("utf-8"), f"run {folder / 'make.py'}"


# --- every tape -------------------------------------------------------------------------------------------------------


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, ct: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * ct


class Two(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x * 1, x * 2

    @staticmethod
    def backward(ctx: Any, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return first + 2 * second


def writes_in_place() -> torch.Tensor:
    y = leaf([[1.0, 2.0], [3.0, 4.0]]) * 1
    y[0] = 0
    y[:, 1].mul_(3)
    return y.add_(1)


def several_outputs() -> torch.Tensor:
    a, b, c = leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).unbind(0)
    return a * b + c


def eigenvalues() -> torch.Tensor:
    a = torch.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
    values, vectors = torch.linalg.eigh(a @ a.T)
    return values + vectors.sum()


def packed() -> torch.Tensor:
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        x = leaf([1.0, 2.0])
        return x * x * x


def two_results() -> torch.Tensor:
    first, second = Two.apply(leaf([1.0, 2.0]))
    return first * second


def second_order() -> torch.Tensor:
    x = leaf(2.0)
    (first,) = torch.autograd.grad(x**4, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x, create_graph=True)
    return second


def complex_numbers() -> torch.Tensor:
    x = torch.tensor([1 + 2j, 3j], requires_grad=True)
    return (x * x).abs()


TAPES = {
    "in place": writes_in_place,
    "several outputs": several_outputs,
    "eigenvalues": eigenvalues,
    "saved tensors hooks": packed,
    "custom": lambda: Square.apply(leaf([1.0, 2.0])),
    "custom with two results": two_results,
    "second order": second_order,
    "complex": complex_numbers,
    "views": lambda: leaf([[1.0, 2.0], [3.0, 4.0]]).permute(1, 0).reshape(4)[1:3].expand(3, 2),
    "many operands": lambda: torch.cat([leaf([1.0, 2.0]) for _ in range(20)]),
    "integers inside": lambda: nn.Embedding(5, 3)(torch.tensor([0, 1, 1])),
    "casts": lambda: torch.tensor([1.0], dtype=torch.float64, requires_grad=True).float() * 2,
}


@pytest.mark.parametrize("name", TAPES)
def test_every_tape_has_a_graph(name: str) -> None:
    """Read off the tape before backward, recorded through backward, and read again after it; drawn in every form."""
    torch.manual_seed(0)
    result = TAPES[name]()
    loss = result.sum()
    graphs = [torch.graph(result), torch.graph(loss, gradients=True)]
    with torch.graph.record() as recorded:
        again = TAPES[name]().sum()
        again.backward()
    loss.backward()
    for g in (*graphs, recorded, torch.graph(loss)):
        assert str(g) and g.svg() and g.html() and g.dot() and g.mermaid()
        assert Graph.from_json(g.to_json()).to_json() == g.to_json()
        assert all(f"/∂{symbol}" in g.explain(symbol) for symbol in g.leaves)
    for node in recorded.leaves.values():
        assert node.gradient is not None


def test_a_model_with_gradients() -> None:
    class Loss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x).square().mean()

    model = Loss()
    g = torch.graph(model, torch.ones(3, 2), gradients=True)
    assert g["layer.weight"].gradient is not None and model.layer.weight.grad is None
    with pytest.raises(RuntimeError, match="gradients=True expects a model whose result is one tensor"):
        torch.graph(model.layer, torch.ones(3, 2), gradients=True)


def test_infinities_that_meet() -> None:
    x = leaf([0.0, 1.0])
    loss = (torch.sqrt(x) - torch.sqrt(x)).sum()
    g = torch.graph(loss, gradients=True)
    assert g["x"].gradient.nan == 1


def test_recording_beside_capturing() -> None:
    """A recording inside which a function is captured has none of the recorder's stand-ins for values."""
    w = leaf([1.0, 2.0])

    def step(x: torch.Tensor) -> torch.Tensor:
        return (w * x).sum()

    with torch.graph.record() as g:
        torch.capture(step)(torch.ones(2))
        loss = (w * 3).sum()
        loss.backward()
    assert g["loss"].value.values == [9.0] and g.svg()



def test_a_node_may_be_named_by_its_tensor() -> None:
    w, x, other = (torch.tensor(v, requires_grad=True) for v in (2.0, 3.0, 1.0))
    u = w * x
    first, second = torch.stack([u, w]).split(1)
    loss = (first * second).sum()
    g = torch.graph(loss)
    assert g[w] is g["w"] and g[u] is g["u"] and g[loss].id == g.roots[0] and w in g
    assert g.explain(w, u) == g.explain("w", "u") and "= 3" in g.explain(w, u)
    assert g[first].id != g[second].id
    assert other not in g and torch.tensor(1.0) not in g
    with pytest.raises(KeyError, match="a tensor of this graph was expected"):
        g[other]


def test_infinities_of_a_mask_are_no_fault() -> None:
    causal = torch.triu(torch.ones(3, 3, dtype=torch.bool), 1)
    bias = torch.zeros(3, 3).masked_fill(causal, -math.inf)
    scores = torch.randn(2, 3, 3, requires_grad=True)
    for masked in (scores.masked_fill(causal, -math.inf) * 2, scores + bias):
        g = torch.graph(masked.softmax(-1).sum(), gradients=True)
        assert max(node.value.inf for node in g if node.value) > 0
        assert all(node.faults == 0 for node in g) and 'class="broken"' not in g.svg()
        assert [node.masked for node in Graph.from_json(g.to_json())] == [node.masked for node in g]
    x = torch.tensor([1.0, 100.0], requires_grad=True)
    big = torch.exp(x)
    g = torch.graph((big * 2).sum())
    assert g["big"].faults == 1 and "NaN or Inf" in g.svg()
    undefined = scores.masked_fill(torch.ones(3, 3, dtype=torch.bool), -math.inf).softmax(-1)
    g = torch.graph(undefined.sum())
    assert g["undefined"].faults == 18


def test_a_variable_goes_before_the_list_that_holds_it() -> None:
    kept = [leaf(2.0)]
    shown = {1: kept[0]}
    a = kept[0]
    assert [node.name for node in torch.graph(a * 3) if node.kind == "leaf"] == ["a"] and shown


def test_a_constant_that_was_not_kept_is_found_among_the_variables() -> None:
    yhat, y = leaf([1.0, 2.0, 3.0]), torch.tensor([0.5, 1.0, -1.0])
    column = torch.tensor([[1.0], [2.0]])
    loss = (yhat - y).square().sum() + (column + yhat).square().sum()
    texts = torch.graph(loss).text()
    assert "yhat - y" in texts and "column + yhat" in texts
    y += 1
    assert "yhat - …" in torch.graph((yhat - (y - 1)).square().sum()).text()


def test_gradients_through_a_function_of_ones_own_are_there_before_backward() -> None:
    class Square(torch.autograd.Function):
        fails = False

        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            if Square.fails:
                raise RuntimeError("not today")
            return 2 * ctx.saved_tensors[0] * grad

    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    page = torch.graph(Square.apply(x).sum()).html()
    assert '"grad [2, 4, 6]"' in page and x.grad is None
    Square.fails = True
    graph = torch.graph(Square.apply(x).sum())
    assert graph.ahead is None and "RuntimeError: not today" in graph.html()


@pytest.mark.parametrize(("make", "words"), [
    (lambda x: torch.graph(x * 2), "no way back from a result of 3 elements"),
    (lambda x: torch.graph((x * 2).sum()), "They start at the result"),
    (lambda x: freed((x * x).sum()), "what backward() has left"),
])
def test_a_page_says_why_there_is_no_way_back(make: Any, words: str) -> None:
    page = make(torch.ones(3, requires_grad=True)).html()
    assert words in page and ('"why":' in page) == (not words.startswith("They"))


def freed(loss: torch.Tensor) -> Graph:
    loss.backward()
    return torch.graph(loss)
