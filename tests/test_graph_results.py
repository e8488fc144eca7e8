"""Operations with several results, module calls, names and numbers that the tape did not keep."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.view.layout import Box, Line, layout
from wengert.view.ranks import assign_ranks


def leaf(*values: float) -> Any:
    return torch.tensor(values, requires_grad=True)


def kinds(g: Any) -> list[str]:
    return [node.operation or node.kind for node in g if node.kind in ("operation", "output")]


# --- several results --------------------------------------------------------------------------------------------------


def test_a_maximum_and_its_place() -> None:
    x = leaf(0.3, 2.7, 1.2)
    values, places = x.max(0)
    loss = values * 2
    g = torch.graph(loss, gradients=True)
    assert kinds(g) == ["max_dim", "output", "output", "mul"]
    assert g["values"].value.values == [pytest.approx(2.7)] and g["places"].value.values == [1]
    assert g["values"].gradient.values == [2.0] and g["places"].gradient is None
    assert g.operands("values")[0].output == 0 and g.operands("places")[0].output == 1
    assert "∂values/∂x = [0, 1, 0]" in g.svg()
    assert "max_dim(x) → values, places" in g.text()
    assert g.explain("x").endswith("sum over all paths: dloss/dx = [0, 2, 0]")


def test_one_result_needs_no_node_of_its_own() -> None:
    x = leaf(0.3, 2.7, 1.2)
    top = x.topk(2)[0]
    g = torch.graph(top.sum(), gradients=True)
    assert kinds(g) == ["topk", "sum"]
    assert g["top"].value.values == pytest.approx([2.7, 1.2]) and g["top"].gradient.values == [1.0, 1.0]
    assert g.operands("top")[0].partial == [[0, 1, 0], [0, 0, 1]]


def test_qr() -> None:
    a = torch.tensor([[2.0, 1.0], [0.5, 1.5]], requires_grad=True)
    q, r = torch.linalg.qr(a)
    loss = (q * 2).sum() + r.sum()
    g = torch.graph(loss, gradients=True)
    assert g["q"].value.values == pytest.approx(q.detach().reshape(-1).tolist())
    assert g["r"].gradient.values == [1.0] * 4 and g["q"].gradient.values == [2.0] * 4
    text = g.explain("a")
    assert "∂q/∂a" in text and "∂r/∂a" in text and "qr" not in text
    (grad,) = torch.autograd.grad(loss, a)
    total = [float(number.replace("−", "-")) for number in text.rpartition("= [")[2].strip("]").split(", ")]
    assert total == pytest.approx(grad.reshape(-1).tolist(), abs=1e-3)


def test_lstm_with_its_states() -> None:
    torch.manual_seed(0)
    net = nn.LSTM(3, 4)
    with torch.graph.record() as g:
        out, (h, c) = net(torch.randn(5, 2, 3))
        loss = out.mean() + c.sum() + h.sum()
        loss.backward()
    (bundle,) = [node for node in g if node.operation == "lstm"]
    results = [edge.target for edge in g.users(bundle)]
    assert bundle.outputs == len(results) == 3 and bundle.shape is None
    assert [g[id].shape for id in results] == [(10, 4), (2, 4), (2, 4)]
    assert all(g[id].value.norm > 0 and g[id].gradient.norm > 0 for id in results)
    assert g.html().count("dloss/do1, dloss/do2, dloss/do3") == 1, "one step of the backward pass, with three gradients"


def test_the_same_ids_before_and_after_backward() -> None:
    w = leaf(1.0, 2.0)
    values, places = (w * w).max(0)
    loss = values * 2 + 3
    before = torch.graph(loss)
    loss.backward(retain_graph=True)
    after = torch.graph(loss)
    assert list(before.nodes) == list(after.nodes)
    assert before["values"].gradient is None and after["values"].gradient.values == [2.0]
    assert places.item() == 1


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x * x * grad


class Both(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x + 1, x * 2

    @staticmethod
    def backward(ctx: Any, first: Any, second: Any) -> Any:
        return first + 2 * second


class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        raise RuntimeError("not written yet")


def test_functions_of_ones_own() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    y = Cube.apply(x)
    p, q = Both.apply(y)
    z = p * q
    g = torch.graph(z, gradients=True)
    assert kinds(g) == ["Cube", "Both", "output", "output", "mul"]
    assert g["y"].value.values == [8.0] and g["q"].gradient.values == [9.0]
    assert g.explain("x").endswith("= 16 · 1 · 12 + 9 · 2 · 12 = 192 + 216 = 408")


def test_a_backward_that_fails_has_a_picture() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    z = Wrong.apply(x) * 3
    g = torch.graph(z)
    assert "not written yet" in g.find("Wrong")[0].parameters and g.svg()
    with pytest.raises(RuntimeError, match="not written yet"):
        torch.graph(z, gradients=True)


# --- names and numbers ------------------------------------------------------------------------------------------------


def test_several_targets_on_a_line() -> None:
    gates = leaf(1.0, 2.0, 3.0, 4.0)
    with torch.graph.record() as g:
        i, f = gates.chunk(2)
        out = (i * f).sum()  # noqa: F841
    assert [node.name for node in g if node.operation == "slice"] == ["i", "f"]


def test_numbers_that_were_added() -> None:
    x = leaf(1.5, -2.0)
    shifted = x + 3
    turned = 0.1 - shifted
    loss = (turned**2).sum()
    text = torch.graph(loss).text()
    assert "shifted = x + 3" in text and "turned = 0.1 - shifted" in text


def test_a_number_too_small_to_be_told_is_left_open() -> None:
    x = leaf(1e8, 2e8)
    y = x + 1e-3
    assert "y = x + …" in torch.graph((y**2).sum()).text()


# --- module calls -----------------------------------------------------------------------------------------------------


def test_a_cell_in_a_loop_is_a_box_for_each_step() -> None:
    torch.manual_seed(0)
    cell = nn.RNNCell(2, 3)
    state = torch.zeros(1, 3)
    with torch.graph.record() as g:
        for _ in range(4):
            state = cell(torch.ones(1, 2), state)
        loss = state.sum()  # noqa: F841
    picture = g.svg(depth=1, legend=False)
    assert picture.count('<g class="module"') == 4 and "cell#4" in picture
    assert "cell ×4" in g.text(limit=1)
    assert len({node.calls for node in g if node.operation == "rnn"}) == 4


def test_a_shared_network_is_a_box_for_each_use() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.graph.record() as g:
        loss = (net(torch.ones(2, 3)) - net(torch.zeros(2, 3))).sum()  # noqa: F841
    assert g.svg(depth=1, legend=False).count('<g class="module"') == 2
    assert {node.module for node in g if node.kind == "operation"} == {"net.0", "net.1", "net.2", ""}


def test_a_part_that_two_modules_share_is_under_each() -> None:
    shared = nn.Linear(2, 2)

    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = shared

        def forward(self, x: Any) -> Any:
            return self.inner(x).tanh()

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = Half(), Half()

        def forward(self, x: Any) -> Any:
            return self.left(x) + self.right(x)

    g = torch.graph(Whole(), torch.ones(1, 2))
    assert [node.module for node in g if node.kind == "operation"] == ["left.inner", "left", "right.inner", "right", ""]


def test_a_model_that_is_recorded_has_exact_modules() -> None:
    """Functional code in a forward belongs to that module, layers without parameters to themselves."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
            self.head = nn.Linear(2, 1)

        def forward(self, x: Any) -> Any:
            return self.head(torch.relu(self.body(x)))

    g = torch.graph(Net(), torch.ones(1, 1, 4, 4))
    found = [(node.operation, node.module) for node in g if node.kind == "operation"]
    assert found[0] == ("convolution", "body.0") and ("relu", "body.1") in found and ("relu", "") in found
    assert ("max_pool", "body.2") in found and found[-1] == ("linear", "head")


def test_modules_without_a_recording_are_those_around_the_neighbours() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            return self.second(self.first(x).relu())

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.head = Block(), nn.Linear(2, 1)

        def forward(self, x: Any) -> Any:
            return self.head(self.block(x).tanh())

    net = Net()
    loss = net(torch.ones(1, 2)).sum()
    found = [(node.operation, node.module) for node in torch.graph(loss) if node.kind == "operation"]
    assert found == [
        ("linear", "block.first"),
        ("relu", "block"),
        ("linear", "block.second"),
        ("tanh", ""),
        ("linear", "head"),
        ("sum", ""),
    ]


# --- layout -----------------------------------------------------------------------------------------------------------


def test_parameters_stand_where_they_are_used() -> None:
    # 0 → 1 → 2 → 3 → 4, and 5 → 6 → 4: the branch that needs nothing early stands late.
    ranks = assign_ranks(7, [(0, 1), (1, 2), (2, 3), (3, 4), (5, 6), (6, 4)])
    assert ranks == [0, 1, 2, 3, 4, 2, 3]


def test_the_inputs_of_a_loop_stand_at_their_step() -> None:
    """Step i reads the shared leaf 0 through its own node; the nodes stand beside their steps, and not in one row."""
    steps, edges, before = 12, [], -1
    for i in range(steps):
        read, step = 1 + 2 * i, 2 + 2 * i
        edges += [(0, read), (read, step)] + ([(before, step)] if i else [])
        before = step
    ranks = assign_ranks(1 + 2 * steps, edges)
    assert [ranks[2 + 2 * i] - ranks[1 + 2 * i] for i in range(steps)] == [1] * steps
    assert all(ranks[a] < ranks[b] for a, b in edges)


def test_what_can_be_straight_is_straight() -> None:
    """A long edge beside a chain whose boxes are of several widths: no bend of a few pixels remains in the chain."""
    boxes = [Box(width, 40) for width in (110, 150, 124, 180, 96)]
    lines = [Line(0, 1), Line(1, 2), Line(2, 3), Line(3, 4), Line(0, 4), Line(0, 3)]
    layout(boxes, lines)
    bends = [abs(boxes[line.source].x - boxes[line.target].x) for line in lines[:4]]
    assert all(bend < 0.1 or bend > 16 for bend in bends)


def test_models_of_a_trainer_and_in_lists() -> None:
    class Trainer:
        def __init__(self) -> None:
            self.model, self.other = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)), nn.Linear(2, 1)

        def graph(self) -> Any:
            return torch.graph((self.model(torch.ones(1, 2)) + self.other(torch.ones(1, 2))).sum())

    assert sorted(Trainer().graph().leaves) == [
        "model.0.bias",
        "model.0.weight",
        "model.1.bias",
        "model.1.weight",
        "other.bias",
        "other.weight",
    ]
    models = [nn.Linear(2, 2), nn.Linear(2, 1)]
    loss = models[1](models[0](torch.ones(1, 2))).sum()
    assert set(torch.graph(loss).leaves) == {f"models[{i}].{name}" for i in (0, 1) for name in ("weight", "bias")}


# --- as text ----------------------------------------------------------------------------------------------------------


def test_a_deep_graph_is_a_list() -> None:
    w = torch.tensor(1.0, requires_grad=True)
    y = w
    for _ in range(20):
        y = y * 2
    lines = torch.graph(y, gradients=True).text().splitlines()
    assert lines[0].split() == ["w", "(leaf)", "1", "gradient", "1.049e6"]
    assert lines[-1].split() == ["y", "=", "v19", "*", "2", "1.049e6", "gradient", "1", "∂/∂v19", "=", "2"]
    assert len(lines) == 21 and max(map(len, lines)) < 100


def test_a_long_program_without_modules_is_a_table_of_its_lines() -> None:
    w = leaf(1.0, 2.0)
    with torch.graph.record() as g:
        total: Any = 0.0
        for k in range(100):
            y = w * k
            total = total + y.sin().sum()
    text = str(g)
    assert len(text.splitlines()) < 8 and "100× mul" in text and "100× sin" in text
    assert text.splitlines()[0].startswith("line") and "_results.py:" in text


def test_the_ratio_of_gradient_to_weight() -> None:
    w = leaf(3.0, 4.0)
    g = torch.graph((w * w).sum(), gradients=True)
    assert g["w"].ratio == pytest.approx(2.0)
    assert torch.graph((w * w).sum())["w"].ratio is None
    assert "gradient ÷ value" in g.html()


# --- operands that additions do not keep ------------------------------------------------------------------------------


def test_what_was_added_is_found_by_what_was_computed_from_it() -> None:
    w, x, y = torch.tensor(2.0, requires_grad=True), torch.ones(3), torch.tensor(1.0)
    text = torch.graph((w + x).sum(), gradients=True).text()
    assert "v1 = w + x = [3, 3, 3]" in text and "└─ x = [1, 1, 1]" in text
    assert "v1 = x - w = [−1, −1, −1]" in torch.graph((x - w).mean()).text()
    both = torch.graph((w + x - y).sum()).text()
    assert "v2 = v1 - y = [2, 2, 2]" in both and "v1 = w + x = [3, 3, 3]" in both
    assert "v1 = w + 4 = 6" in torch.graph((w + 4).sum()).text()
    yhat = w * 3
    assert "v1 = yhat - y = 5" in torch.graph((yhat - y) ** 2).text(), "a variable of one element too, which is named"
    v = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    loss = (v + x).sum()
    loss.backward()
    assert "v1 = v + x = [2, 3, 4]" in torch.graph(loss).text(), "also after backward"


def test_nothing_is_said_of_an_operand_that_the_results_do_not_tell() -> None:
    w = torch.tensor(2.0, requires_grad=True)
    other, third = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([3.0, 2.0, 1.0])
    assert "w + …" in torch.graph((w + torch.tensor([2.0, 2.0, 2.0])).sum()).text(), "both variables would give it"
    assert float(other.sum()) == float(third.sum())
    assert "v1 = w + third = [5, 4, 3]" in torch.graph((w + third).sum()).text(), "the program says which of them"


def test_a_prompt_has_no_source_and_names_what_was_added() -> None:
    said: dict[str, Any] = {"torch": torch}
    exec(compile("w = torch.tensor(2.0, requires_grad=True); x = torch.tensor([4.0, 8.0])", "<prompt>", "exec"), said)
    exec(compile("text = torch.graph((w + x).sum()).text()", "<prompt>", "exec"), said)
    assert "v1 = w + x = [6, 10]" in said["text"]
