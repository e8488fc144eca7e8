"""Boxes of modules: what they say of themselves, what stands in them, with a recording and without."""

from __future__ import annotations

import re

import pytest

import wengert as torch
from wengert import nn
from wengert.nn import functional as F
from wengert.view import Graph
from wengert.view.drawing import node_item
from wengert.view.levels import chains


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(8 * 16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.features(x).flatten(1)))


def boxes(graph: Graph, depth: int = 1) -> dict[str, list[str]]:
    """The rows of the boxes of modules, by their titles."""
    picture = graph.svg(depth=depth, legend=False)
    found = re.findall(r'<g class="module[^"]*" id="m[^"]*"><title>(.*?)</title>', picture)
    return {title.split(" · ")[0]: title.split(" · ")[1:] for title in found}


def both() -> list[Graph]:
    torch.manual_seed(0)
    model, x = Net(), torch.randn(2, 1, 8, 8)
    loss = model(x).sum()
    return [torch.graph(loss), torch.graph(model, x)]


def test_a_box_says_class_settings_shapes_and_parameters() -> None:
    for graph in both():
        found = boxes(graph)
        assert found["head: Linear"] == ["in_features=128, out_features=10,", "bias=True", "2×128 → 2×10",
                                         "1,290 parameters"]
        features = found["features: Sequential"]
        assert features[-2:] == ["2×1×8×8 → 2×8×4×4", "360 parameters"]
        assert graph.modules["features.0"].startswith("Conv2d(1, 4, kernel_size=(3, 3)")
        assert Graph.from_json(graph.to_json()).modules == graph.modules


def test_a_normalisation_stands_in_its_module_without_a_recording() -> None:
    plain, recorded = both()
    for graph in (plain, recorded):
        assert [node.module for node in graph.find("normalize") if node.kind == "operation"] == [
            "features.1", "features.5"]


def test_a_dropout_is_called_so() -> None:
    _, graph = both()
    (drop,) = [node for node in graph if node.operation == "dropout"]
    assert drop.module == "drop" and "dropout(" in graph.text(limit=200)
    with torch.graph.record() as g:
        x = torch.ones(4, requires_grad=True)
        mask = torch.tensor([0.0, 2.0, 2.0, 0.0])
        y = x * mask
        y.sum().backward()
    assert [node.operation for node in g if node.kind == "operation"] == ["mul", "sum"], "a product of one's own is one"


def test_a_dropout_that_is_called_as_a_function_is_called_so_too() -> None:
    x = torch.ones(2, 8, 3, requires_grad=True)
    for function in (nn.functional.dropout, nn.functional.dropout1d, lambda x: nn.functional.dropout(x, inplace=True)):
        y = x * 2
        graph = torch.graph(function(y).sum())
        assert [node.operation for node in graph if node.kind == "operation"][:2] == ["mul", "dropout"]
    product = x * torch.tensor([0.0, 2.0, 0.0])
    assert next(node.operation for node in torch.graph(product.sum()) if node.kind == "operation") == "mul"
    assert nn.functional.dropout(x).grad_fn.name() == "MulBackward0"


def test_nothing_is_added_to_nothing() -> None:
    """Python's `sum` begins with 0."""
    s = torch.tensor(2.0, requires_grad=True)
    with torch.graph.record() as g:
        total = sum([s, s * 2])
    assert "0 +" not in g.text() and "+ 0" not in g.text() and "v2 = s = 2" in g.text()
    assert "total = v2 + v1 = 6" in g.text() and total.item() == 6


def test_a_page_opens_modules_to_a_depth() -> None:
    _, graph = both()
    assert '"depth":2' in graph.html(depth=2) and '"depth":1' in graph.html()


def test_the_only_list_of_layers_stands_open() -> None:
    """A picture, a page or a table of one box says nothing of the model in it."""
    class Tower(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4)) for _ in range(70)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.body:
                x = layer(x)
            return x

    graph = torch.graph(Tower(), torch.ones(2, 4))
    assert '"depth":2' in graph.html() and "body.69" in graph.text()
    assert graph.svg().count('id="m') == 70 and graph.svg(depth=1).count('id="m') == 1
    assert "body.69" not in graph.text(depth=1)


class Pictures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.LeakyReLU(),
            nn.Dropout(0.0), nn.MaxPool2d(2), nn.Dropout(0.2))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.LogSoftmax(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x))


def homes(graph: Graph) -> list[tuple[str, str]]:
    return [(node.operation, node.module) for node in graph if node.kind == "operation"]


def test_modules_of_a_sequence_are_those_of_a_recording() -> None:
    model, x = Pictures(), torch.randn(2, 1, 10, 10)
    loss = model(x).sum()
    plain = torch.graph(loss)
    with torch.graph.record() as recorded:
        model(x).sum()
    assert homes(plain) == homes(recorded)
    assert ("max_pool", "features.7") in homes(plain) and ("log_softmax", "classifier.2") in homes(plain)


def test_a_function_behind_a_sequence_is_none_of_its_modules() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
    loss = model(torch.ones(1, 2)).relu().sum()
    assert homes(torch.graph(loss)) == [("linear", "0"), ("tanh", "1"), ("linear", "2"), ("relu", ""), ("sum", "")]


class Plain(nn.Module):
    """A basic block whose activations are one module, called twice, or functions."""

    def __init__(self, function: bool = False) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.act = F.relu if function else nn.ReLU()
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))
        out += x
        out = self.act(out)
        return out


class Before(nn.Module):
    """A block with its activations before its convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.relu, self.conv = nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(self.relu(self.norm(x)))


class Images(nn.Module):
    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.stem, self.relu, self.pool = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2)
        self.blocks = nn.ModuleList(blocks)
        self.average, self.flat, self.head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.relu(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.head(self.flat(self.average(x)))


class Half(nn.Module):
    """A part that ends with a part, around which the caller adds."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(F.gelu(self.first(x)))


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 6)
        self.halves = nn.ModuleList([Half() for _ in range(3)])
        self.norms = nn.ModuleList([nn.LayerNorm(6) for _ in range(3)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.words(x)
        for norm, half in zip(self.norms, self.halves, strict=True):
            x = x + half(norm(x))
        return x


UNRECORDED = {
    "modules in no sequence": (lambda: Images(Plain(), Plain()), (2, 3, 12, 12)),
    "functions in blocks": (lambda: Images(Plain(True), Plain(True)), (2, 3, 12, 12)),
    "activations before": (lambda: Images(Before(), Before(), Before()), (2, 3, 12, 12)),
    "additions of the caller": (Words, None),
}


@pytest.mark.parametrize("name", UNRECORDED)
def test_modules_are_those_of_a_recording_wherever_they_stand(name: str) -> None:
    make, shape = UNRECORDED[name]
    model = make()
    x = torch.randint(0, 9, (2, 5)) if shape is None else torch.randn(shape)
    with torch.graph.record() as recorded:
        loss = model(x).sum()
    drawn = torch.graph(loss)
    homes = {node.id: node.module for node in recorded}
    wrong = [(node.operation, homes[node.id], node.module) for node in drawn
             if node.kind == "operation" and homes[node.id] != node.module]
    assert wrong == [] and len(drawn) > 10


class Heads(nn.Module):
    """Attention whose projection is cut into three parts, results of one operation."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(6, 18), nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        return x + self.out(torch.softmax(q @ k.transpose(-2, -1), -1) @ v)


def test_results_of_an_operation_stand_in_its_module() -> None:
    """Outside it they cut the calls of modules into pieces: a block that ran once was called ``0`` and ``0#2``."""
    model, x = nn.Sequential(*(Heads() for _ in range(6))), torch.randn(2, 5, 6)
    drawn = torch.graph(model(x).sum())
    assert len(drawn) > 60
    results = [node for node in drawn if node.kind == "output"]
    assert len(results) == 18 and {node.module for node in results} == {str(i) for i in range(6)}
    assert {key for keys in chains(drawn).values() for key in keys if "#" in key} == set()
    titles = {node_item(node, drawn.operands(node), drawn, drawn.symbols(), False).title for node in results}
    assert titles == {"result 0", "result 1", "result 2"}


def test_what_a_loop_over_modules_makes_is_called_so_each_time() -> None:
    cell = nn.LSTMCell(3, 4)
    with torch.graph.record() as g:
        h, c = torch.zeros(2, 4), torch.zeros(2, 4)
        for x in torch.randn(3, 2, 3):
            h, c = cell(x, (h, c))
        loss = (h * c).sum()
        loss.backward()
    names = [node.name for node in g if node.name in ("x", "h", "c")]
    assert names == ["x", "h", "c", "h", "c", "x", "h", "c", "x", "h", "c"]
    assert sum("2×3" in row for rows in boxes(g).values() for row in rows) == 3, "each cell reads its x from outside"
    with torch.graph.record() as g:
        cell(torch.ones(2, 3), (torch.ones(2, 4), torch.zeros(2, 4)))[0].sum().backward()
    assert [node.name for node in g if node.kind == "constant"] == ["input", "hx[0]", "hx[1]"]


def test_what_a_loop_makes_is_called_so_each_time() -> None:
    w = torch.tensor(2.0, requires_grad=True)
    with torch.graph.record() as g:
        u = w
        for _ in range(3):
            v = u * w
            u = v + 1.0
        u.backward()
    assert [node.name for node in g if node.kind == "operation"] == ["v", "u"] * 3
