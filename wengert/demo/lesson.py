"""The lesson itself: what is said, in what order, and the training in between."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from tqdm import tqdm

import wengert
from wengert.autograd import grad
from wengert.demo import adaline, iris
from wengert.demo.function_graph import FunctionGraph
from wengert.demo.graphs import draw_graphs
from wengert.demo.plots import draw_decision, draw_loss

PLAIN = str.maketrans({"∂": "d", "·": "*", "├": "+", "└": "+", "─": "-", "│": "|", "ŷ": "y", "²": "^2"})


def teach(epochs: int, learning_rate: float, seed: int, out: Path) -> None:
    """Give the whole lesson on standard output and draw its two pictures into the existing folder `out`."""
    say("Automatic differentiation, on one small graph and one hundred flowers")
    teach_the_graph()
    teach_shared_use()
    teach_adaline(epochs, learning_rate, seed, out)


def teach_the_graph() -> None:
    """The lecture's function graph: every value, every edge, and two derivatives as sums of products."""
    x, w, b = (wengert.tensor([value], requires_grad=True) for value in (3.0, 2.0, 1.0))
    u = x * w
    v = u + b
    a = wengert.relu(v)
    graph = FunctionGraph("a", {"a": a, "v": v, "u": u, "x": x, "w": w, "b": b})
    say("\n1. The graph of a = relu(x*w + b) at x = 3, w = 2, b = 1", "")
    say("Running the formula wrote it on a tape. Every node has its value, and every")
    say("edge the derivative of the node by that one input:", "")
    say(indent(graph.tree()), "")
    say("The chain rule: multiply along each path, and add over the paths.", "")
    say(indent(graph.explain("w")), indent(graph.explain("b")), "")
    by_w, by_b = (derivative.item() for derivative in grad(a, (w, b)))
    say(f"autograd.grad(a, (w, b)) walks the tape once, from a backward: {by_w:g} and {by_b:g}.")


def teach_shared_use() -> None:
    """A graph in which one leaf is reached on two paths."""
    x, w = (wengert.tensor([value], requires_grad=True) for value in (3.0, 2.0))
    u = x * w
    s = u + w
    graph = FunctionGraph("s", {"s": s, "u": u, "x": x, "w": w})
    say("", "Where w is used twice, as in s = x*w + w, two paths lead to it:", "")
    say(indent(graph.tree()), "", indent(graph.explain("w")))


def teach_adaline(epochs: int, learning_rate: float, seed: int, out: Path) -> None:
    """Train the three side by side, compare them, and draw the loss and the decision boundary."""
    split = iris.shuffle_and_split(*iris.load(), seed)
    models: dict[str, adaline.Adaline] = {
        "by hand": adaline.ByHand(2, learning_rate),
        "autograd.grad": adaline.ByGrad(2, learning_rate),
        "nn and optim": adaline.ByModule(2, learning_rate),
    }
    train, test = split.train_labels.size(0), split.test_labels.size(0)
    say("\n2. ADALINE: y = x*w + b learns to tell versicolor (0) from virginica (1)", "")
    say(f"{train} flowers to learn from and {test} to test on, minibatches of {adaline.BATCH_SIZE}, learning rate")
    say(f"{learning_rate:g}, seed {seed}. The mean squared error of three trainings, which differ only")
    say("in who finds the gradient:", "")
    curves = train_side_by_side(models, split, epochs, seed)
    say("")
    say(row("training accuracy", [f"{adaline.accuracy(model, *split[:2]):.2f} %" for model in models.values()]))
    say(row("test accuracy", [f"{adaline.accuracy(model, *split[2:4]):.2f} %" for model in models.values()]), "")
    say(verdict(list(curves.values())))
    draw_loss(curves, out / "loss.png")
    draw_decision(split, adaline.boundary(models["by hand"]), out / "decision.png")
    draw_graphs(split, out)
    say(f"Wrote {out / 'loss.png'} and {out / 'decision.png'}, and the graphs of the formula",
        "and of one step of ADALINE: graph.svg, graph.html, adaline.svg, adaline.html.")


def train_side_by_side(
    models: dict[str, adaline.Adaline], split: iris.Split, epochs: int, seed: int
) -> dict[str, list[float]]:
    """Train all models on the same minibatches, a line an epoch; return for each its loss after every epoch."""
    features, labels = split.train_features, split.train_labels
    targets = labels.float()
    curves: dict[str, list[float]] = {name: [] for name in models}
    say(row("epoch", list(models)))
    wengert.manual_seed(seed)
    # `disable=None` shows the bar on a terminal and nowhere else.
    with tqdm(total=epochs, unit="epoch", leave=False, disable=None) as progress:
        for epoch in range(1, epochs + 1):
            for batch in adaline.minibatches(labels.size(0)):
                for model in models.values():
                    model.step(features[batch], targets[batch])
            for name, model in models.items():
                curves[name].append(adaline.mean_squared_error(model, features, labels))
            say(row(f"{epoch:>5}", [number(curve[-1]) for curve in curves.values()]))
            progress.update()
    return curves


def verdict(curves: Sequence[Sequence[float]]) -> str:
    """One sentence on how far apart the three curves are."""
    if not all(isfinite(loss) for curve in curves for loss in curve):
        return "The training diverged: a loss is no longer finite. A smaller --lr will cure that."
    difference = max((max(losses) - min(losses)) / max(1.0, *losses) for losses in zip(*curves, strict=True))
    if difference < 5e-6:
        return "One curve, found in three ways: in no epoch do they differ in the fifth decimal."
    return f"The three curves differ by {difference:.1g}, which they should not."


def say(*lines: str) -> None:
    """Print lines above the progress bar, in ASCII where the output cannot take more."""
    for line in lines:
        tqdm.write(line if printable(line) else line.translate(PLAIN), file=sys.stdout)


def printable(line: str) -> bool:
    """Whether standard output's encoding has every character of `line`."""
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def indent(text: str) -> str:
    """`text` with every line moved to the right."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def row(label: str, cells: Sequence[str]) -> str:
    """A line of the table: a label and three cells."""
    return f"    {label:<18}" + "".join(f"{cell:>17}" for cell in cells)


def number(loss: float) -> str:
    """Five decimals, as the lecture prints them, until a diverging loss outgrows its column."""
    return f"{loss:.5f}" if loss < 1e6 else f"{loss:.5e}"
