"""`wengert demo`: the published figures, the text of the function graph, the pictures."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import wengert
from wengert.demo import adaline, iris, lesson
from wengert.demo.function_graph import Edge, FunctionGraph
from wengert.demo.plots import draw_decision, draw_loss

PUBLISHED = (
    "0.38849 0.31679 0.26379 0.22463 0.19527 0.17307 0.15629 0.14352 0.13360 0.12600 "
    "0.12007 0.11547 0.11178 0.10884 0.10656 0.10470 0.10320 0.10200 0.10105 0.10025"
).split()
TREE = """\
a = relu(v) = 7
└─ ∂a/∂v = 1 ── v = u + b = 7
   ├─ ∂v/∂u = 1 ── u = x * w = 6
   │  ├─ ∂u/∂x = 2 ── x = 3
   │  └─ ∂u/∂w = 3 ── w = 2
   └─ ∂v/∂b = 1 ── b = 1"""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the whole lesson prints, and the folder it writes to."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr(lesson, "say", lambda *said: lines.extend(said))
        lesson.teach(epochs=20, learning_rate=0.01, seed=123, out=folder)
    return "\n".join(lines), folder


def leaves(**values: float) -> dict[str, wengert.Tensor]:
    return {name: wengert.tensor([value], requires_grad=True) for name, value in values.items()}


def test_all_three_trainings_give_the_published_figures(output: tuple[str, Path]) -> None:
    rows = [line.split() for line in output[0].splitlines()]
    table = [row for row in rows if len(row) == 4 and row[0].isdigit()]
    assert table == [[str(epoch), loss, loss, loss] for epoch, loss in enumerate(PUBLISHED, start=1)]
    assert ["training", "accuracy", *["92.86", "%"] * 3] in rows
    assert ["test", "accuracy", *["93.33", "%"] * 3] in rows
    assert "One curve, found in three ways" in output[0]


def test_the_graph_is_explained(output: tuple[str, Path]) -> None:
    assert lesson.indent(TREE) in output[0]
    assert "da/dw = ∂a/∂v · ∂v/∂u · ∂u/∂w = 1 · 1 · 3 = 3" in output[0]
    assert "da/db = ∂a/∂v · ∂v/∂b = 1 · 1 = 1" in output[0]
    assert "ds/dw = ∂s/∂u · ∂u/∂w + ∂s/∂w = 1 · 3 + 1 = 4" in output[0]


def test_the_text_fits_a_terminal(output: tuple[str, Path]) -> None:
    said = [line for line in output[0].splitlines() if not line.startswith("Wrote ")]
    assert max(map(len, said)) <= 80


def test_the_pictures_are_written(output: tuple[str, Path]) -> None:
    text, folder = output
    for name in ("loss.png", "decision.png"):
        assert (folder / name).read_bytes().startswith(PNG)
        assert str(folder / name) in text


def test_the_graphs_are_written(output: tuple[str, Path]) -> None:
    text, folder = output
    assert "∂u/∂w = 3" in (folder / "graph.svg").read_text("utf-8")
    assert "loss = mean(v3)" in (folder / "adaline.svg").read_text("utf-8")
    for name in ("graph", "adaline"):
        assert '"steps":[{' in (folder / f"{name}.html").read_text("utf-8")
        assert f"{name}.svg" in text and f"{name}.html" in text


def test_the_flowers() -> None:
    features, labels = iris.load()
    assert features.shape == (100, 2) and features.dtype == wengert.float32
    assert labels.tolist() == [0] * 50 + [1] * 50
    assert features[0].tolist() == pytest.approx([3.2, 4.7])


def test_the_split_is_normalised_by_the_training_part() -> None:
    split = iris.shuffle_and_split(*iris.load(), seed=7)
    assert split.train_features.shape == (70, 2) and split.test_features.shape == (30, 2)
    assert split.train_features.mean(dim=0).tolist() == pytest.approx([0, 0], abs=1e-5)
    assert split.train_features.std(dim=0).tolist() == pytest.approx([1, 1], abs=1e-5)


def test_the_seed_decides_the_shuffle() -> None:
    first, again, other = (iris.shuffle_and_split(*iris.load(), seed).train_labels.tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("way", [adaline.ByHand, adaline.ByGrad, adaline.ByModule])
def test_the_boundary_is_where_the_prediction_is_the_threshold(way: type[adaline.ByHand]) -> None:
    split = iris.shuffle_and_split(*iris.load(), seed=123)
    model = way(2, 0.05)
    for batch in adaline.minibatches(70):
        model.step(split.train_features[batch], split.train_labels[batch].float())
    p, q, r = adaline.boundary(model)
    on_the_line = wengert.tensor([[r / p, 0.0], [0.0, r / q], [(r - 2 * q) / p, 2.0]])
    assert model.predict(on_the_line).tolist() == pytest.approx([0.5] * 3, abs=1e-5)


def test_an_input_used_twice_by_one_node_is_one_step_of_a_path() -> None:
    tensors = leaves(w=5.0)
    tensors["y"] = tensors["w"] * tensors["w"]
    graph = FunctionGraph("y", tensors)
    assert graph.edges["y"] == [Edge("w", 5.0), Edge("w", 5.0)]
    assert graph.paths("w") == [["y", "w"]]
    assert graph.derivative("w") == 10.0


def test_a_node_that_is_used_twice_is_drawn_once() -> None:
    tensors = leaves(x=2.0, w=3.0)
    tensors["u"] = tensors["x"] * tensors["w"]
    tensors["p"], tensors["q"] = tensors["u"].exp(), tensors["u"].sin()
    tensors["y"] = tensors["p"] + tensors["q"]
    graph = FunctionGraph("y", tensors)
    assert graph.tree().count("u = x * w") == 1
    assert "∂q/∂u = 0.96017 ── u, as above" in graph.tree()
    assert graph.paths("x") == [["y", "p", "u", "x"], ["y", "q", "u", "x"]]
    assert graph.derivative("x") == pytest.approx(3 * (math.exp(6) + math.cos(6)), rel=1e-6)


def test_constants_are_no_part_of_the_tape() -> None:
    tensors = {**leaves(w=2.0), "c": wengert.tensor([4.0])}
    tensors["y"] = tensors["w"] * tensors["c"]
    graph = FunctionGraph("y", tensors)
    assert graph.edges["y"] == [Edge("w", 4.0)]
    assert graph.paths("c") == []


def test_a_node_without_a_name_is_reported() -> None:
    tensors = leaves(w=2.0)
    tensors["y"] = (tensors["w"] * 3).exp()
    with pytest.raises(ValueError, match="a name for every input of 'y'; none for MulBackward0"):
        FunctionGraph("y", tensors)


@pytest.mark.parametrize(
    ("curves", "sentence"),
    [
        ([[0.3, 0.2]] * 3, "One curve"),
        ([[0.3, 0.2], [0.3, math.nan], [0.3, 0.2]], "diverged"),
        ([[0.3, math.inf]] * 3, "diverged"),
        ([[0.3, 0.2], [0.3, 0.2], [0.3, 0.21]], "differ by 0.01"),
    ],
)
def test_the_verdict_says_what_the_curves_say(curves: list[list[float]], sentence: str) -> None:
    assert sentence in lesson.verdict(curves)


@pytest.mark.parametrize("losses", [[0.3], [math.nan, math.nan], [1.0, math.inf]])
def test_the_loss_is_drawn_whatever_it_is(losses: list[float], tmp_path: Path) -> None:
    draw_loss(dict.fromkeys("abc", losses), tmp_path / "loss.png")
    assert (tmp_path / "loss.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("line", [(0.0, 0.0, 0.5), (math.nan,) * 3, (0.0, 1.0, 99.0)])
def test_flowers_are_drawn_without_a_boundary_too(line: tuple[float, float, float], tmp_path: Path) -> None:
    draw_decision(iris.shuffle_and_split(*iris.load(), seed=123), line, tmp_path / "decision.png")
    assert (tmp_path / "decision.png").read_bytes().startswith(PNG)
