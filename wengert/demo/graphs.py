"""The computation graphs of the lesson as pictures: the lecture's formula, and one step of ADALINE."""

from __future__ import annotations

from pathlib import Path

import wengert
from wengert.demo.adaline import BATCH_SIZE
from wengert.demo.iris import Split
from wengert.view import Graph


def formula_graph() -> Graph:
    """The graph of a = relu(x·w + b) at x = 3, w = 2, b = 1, with the gradient of every node."""
    x, w, b = (wengert.tensor(value, requires_grad=True) for value in (3.0, 2.0, 1.0))
    u = x * w
    v = u + b
    a = wengert.relu(v)
    return wengert.graph(a, gradients=True)


def adaline_graph(split: Split) -> Graph:
    """The graph of one step of ADALINE on the first minibatch, recorded forward and backward."""
    x, y = split.train_features[:BATCH_SIZE], split.train_labels[:BATCH_SIZE].float()
    w = wengert.zeros(2, 1, requires_grad=True)
    b = wengert.zeros(1, requires_grad=True)
    with wengert.graph.record() as graph:
        net = x @ w + b
        error = net.view(-1) - y
        loss = (error * error).mean()
        loss.backward()
    return graph


def draw_graphs(split: Split, out: Path) -> None:
    """Write both graphs into the folder `out`, each as a picture and as a page to walk through."""
    for name, graph in (("graph", formula_graph()), ("adaline", adaline_graph(split))):
        graph.save(out / f"{name}.svg")
        graph.save(out / f"{name}.html")
