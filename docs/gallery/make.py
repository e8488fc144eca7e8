"""Makes the pictures of the gallery: `python docs/gallery/make.py` writes ten SVG files beside itself and index.html.

Each function below is a small program whose graph is worth looking at. An argument names
another folder to write to.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import wengert as torch
from wengert import nn
from wengert.nn import functional as F
from wengert.view import Graph


def lecture() -> Graph:
    """The lecture's graph: a = relu(x·w + b), with a value on every node and a local derivative on every edge."""
    x, w, b = (torch.tensor(value, requires_grad=True) for value in (3.0, 2.0, 1.0))
    u = x * w
    v = u + b
    a = torch.relu(v)
    return torch.graph(a)


def used_twice() -> Graph:
    """A leaf used twice: two paths lead to w, and its gradient is the sum over both."""
    x, w = (torch.tensor(value, requires_grad=True) for value in (3.0, 2.0))
    u = x * w
    s = u + w
    return torch.graph(s, gradients=True)


def adaline() -> Graph:
    """One step of ADALINE: a linear neuron and the mean squared error, on a minibatch of ten."""
    torch.manual_seed(123)
    x, y = torch.randn(10, 2), torch.ones(10)
    w = torch.zeros(2, 1, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    with torch.graph.record() as g:
        net = x @ w + b
        error = net.view(-1) - y
        loss = (error * error).mean()
        loss.backward()
    return g


def mlp() -> Graph:
    """A network of two layers with its loss, after backward."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    x, y = torch.randn(32, 4), torch.randint(0, 3, (32,))
    with torch.graph.record() as g:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
    return g


def lstm_cell() -> Graph:
    """One step of an LSTM cell: four gates, a cell state, a hidden state."""
    torch.manual_seed(0)
    x, h, c = torch.randn(8, 4), torch.zeros(8, 6), torch.zeros(8, 6)
    w, r = torch.randn(24, 4, requires_grad=True), torch.randn(24, 6, requires_grad=True)
    with torch.graph.record() as g:
        gates = x @ w.T + h @ r.T
        i, f, o, n = gates.chunk(4, dim=1)
        c_next = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(n)
        h_next = torch.sigmoid(o) * torch.tanh(c_next)  # noqa: F841  (the picture has its name)
    return g


def residual_block() -> Graph:
    """A residual block: the input goes round two layers and is added again."""
    torch.manual_seed(0)
    x = torch.randn(16, 32)
    stem, first, second = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 32)
    with torch.graph.record() as g:
        start = torch.relu(stem(x))
        inner = torch.relu(first(start))
        out = torch.relu(second(inner) + start)  # noqa: F841
    return g


def attention() -> Graph:
    """Scaled dot-product attention: queries meet keys, the softmax weighs the values."""
    torch.manual_seed(0)
    x = torch.randn(2, 5, 8)
    w_q, w_k, w_v = (torch.randn(8, 8, requires_grad=True) for _ in range(3))
    with torch.graph.record() as g:
        query = x @ w_q
        key = x @ w_k
        value = x @ w_v
        score = query @ key.transpose(1, 2)
        weight = torch.softmax(score / 8**0.5, dim=-1)
        out = weight @ value  # noqa: F841
    return g


class Block(nn.Module):
    """A residual block of ResNet-20 (He et al., 2015, section 4.2), its convolutions in the place of `layer`."""

    def __init__(self, layer: Callable[[int, int, int], nn.Module], inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = layer(inputs, outputs, stride), layer(outputs, outputs, 1)
        self.shortcut = layer(inputs, outputs, stride) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))


def convolution(inputs: int, outputs: int, stride: int) -> nn.Module:
    """A 3×3 convolution and its batch normalisation."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))


class ResNet20(nn.Module):
    """ResNet-20: a first layer, three stages of three blocks, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        layer, pool = convolution, nn.AvgPool2d(8)
        self.stem = layer(3, 16, 1)
        widths = [16] * 4 + [32] * 3 + [64] * 3
        for stage in range(3):
            blocks = [
                Block(layer, widths[3 * stage + i], widths[3 * stage + i + 1], 2 if stage and not i else 1)
                for i in range(3)
            ]
            setattr(self, f"stage{stage + 1}", nn.Sequential(*blocks))
        self.pool, self.classifier = pool, nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = self.stage3(self.stage2(self.stage1(x)))
        return self.classifier(self.pool(x).flatten(1))


def resnet20() -> Graph:
    """ResNet-20 on two images, its modules collapsed."""
    torch.manual_seed(0)
    model = ResNet20()
    x, y = torch.randn(2, 3, 32, 32), torch.tensor([3, 5])
    with torch.graph.record() as g:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
    return g


def nan() -> Graph:
    """Where a NaN came from: the square root at zero has an infinite slope, and 0 · ∞ is not a number."""
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    with torch.graph.record() as g:
        root = torch.sqrt(x)
        scaled = root * 0
        loss = scaled.sum()
        loss.backward()
    return g


def second_order() -> Graph:
    """Second order: the graph of the derivative of x³ is a graph like every other, and goes on to x."""
    x = torch.tensor(2.0, requires_grad=True)
    y = x * x * x
    (dy,) = torch.autograd.grad(y, x, create_graph=True)
    return torch.graph(dy)


PICTURES = (lecture, used_twice, adaline, mlp, lstm_cell, residual_block, attention, resnet20, nan, second_order)


def main(folder: Path) -> None:
    """Writes every picture, and a page that shows them all."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>wengert: gallery of graphs</title>",
        '<meta name=viewport content="width=device-width,initial-scale=1">',
        "<style>:root{color-scheme:light dark}"
        "body{font:16px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem}"
        "div{overflow-x:auto}img{max-width:100%}@media(max-width:700px){img{max-width:none}}</style>"
        "<main><h1>Gallery of graphs</h1>",
    ]
    for program in PICTURES:
        graph = program()
        name = program.__name__
        (folder / f"{name}.svg").write_text(
            graph.svg(depth=1 if name == "resnet20" else None) + "\n", encoding="utf-8"
        )
        words = (program.__doc__ or "").strip()
        parts.append(f'<h2>{name.replace("_", " ")}</h2><p>{words}</p>'
                     f'<div tabindex=0 role=region aria-label="{name}"><img src="{name}.svg" alt="{words}"></div>')
    (folder / "index.html").write_text("\n".join([*parts, "</main>"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
