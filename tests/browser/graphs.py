"""Ten graphs of all sorts that lectures draw, and what compares and films them: looked at, and held by structure."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wengert as torch
from wengert import nn
from wengert.nn import functional as F
from wengert.view import Graph

GALLERY = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "gallery" / "make.py"))


def adaline() -> Graph:
    """ADALINE on ten points, drawn before backward."""
    torch.manual_seed(123)
    X, y = torch.randn(10, 2), torch.cat([torch.ones(5), torch.zeros(5)])
    w, b = torch.zeros(2, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    net = X @ w + b
    loss = ((net.view(-1) - y) ** 2).mean()
    return torch.graph(loss)


def broadcasting() -> Graph:
    """A column against a row, and the column used again."""
    w, x = torch.tensor([[2.0], [3.0]], requires_grad=True), torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    s = w * x
    return torch.graph((s + w).sum())


def xor() -> Graph:
    """A network of two layers on the four points of XOR."""
    torch.manual_seed(0)
    X, y = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    return torch.graph(F.binary_cross_entropy_with_logits(model(X), y))


class Images(nn.Module):
    """A small convolutional network with batch normalisation and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
        self.drop, self.classifier = nn.Dropout(0.3), nn.Linear(16 * 7 * 7, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.drop(self.features(x).flatten(1)))


def convolutions() -> Graph:
    """The convolutional network with its loss, drawn without a recording."""
    torch.manual_seed(0)
    model = Images()
    loss = F.cross_entropy(model(torch.randn(4, 1, 28, 28)), torch.tensor([1, 2, 3, 4]))
    return torch.graph(loss)


def unrolled() -> Graph:
    """An LSTM cell over five steps."""
    torch.manual_seed(0)
    cell, head = nn.LSTMCell(3, 4), nn.Linear(4, 1)
    target = torch.randn(2, 1)
    with torch.graph.record() as g:
        h, c = torch.zeros(2, 4), torch.zeros(2, 4)
        for x in torch.randn(5, 2, 3):
            h, c = cell(x, (h, c))
        F.mse_loss(head(h), target).backward()
    return g


class Attention(nn.Module):
    """Causal attention of several heads, its projections cut from one."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        scores = q @ k.transpose(-2, -1) / (width // self.heads) ** 0.5
        mask = torch.full((length, length), float("-inf")).triu(1)
        return self.out((torch.softmax(scores + mask, -1) @ v).transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """A block of a GPT."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln1, self.attention, self.ln2 = nn.LayerNorm(width), Attention(width, heads), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class Words(nn.Module):
    """A small GPT."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(20, 16), nn.Embedding(8, 16)
        self.blocks = nn.Sequential(*(Block(16, 2) for _ in range(3)))
        self.ln, self.head = nn.LayerNorm(16), nn.Linear(16, 20, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.ln(self.blocks(self.tokens(x) + self.places(torch.arange(x.shape[1])))))


def gpt() -> Graph:
    """The GPT with its loss, drawn without a recording."""
    torch.manual_seed(0)
    model, x = Words(), torch.randint(0, 20, (2, 8))
    return torch.graph(F.cross_entropy(model(x).view(-1, 20), x.view(-1)))


def picking() -> Graph:
    """``where``, the largest of rows, and indexing."""
    v, s = torch.tensor([1.5, -2.0, 0.5], requires_grad=True), torch.tensor(3.0, requires_grad=True)
    M = torch.tensor([[1.0, 4.0, 2.0], [3.0, 0.0, 5.0]], requires_grad=True)
    picked = torch.where(v > 0, s, v)
    top, at = M.max(1)  # noqa: F841  (the picture has its name)
    some = M[:, [0, 2]]
    return torch.graph((picked * M[0]).sum() + top.sum() + (some**2).mean())


def second_order() -> Graph:
    """The second derivative of x³ sin x."""
    x = torch.tensor(2.0, requires_grad=True)
    (first,) = torch.autograd.grad(torch.sin(x) * x**3, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x, create_graph=True)
    return torch.graph(second)


def nan() -> Graph:
    """A softmax written by hand, whose exponential overflows."""
    logits = torch.tensor([[2.0, -1.0, 800.0], [0.5, 0.1, 0.0]], requires_grad=True)
    target = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    with torch.graph.record() as g:
        e = torch.exp(logits)
        p = e / e.sum(1, keepdim=True)
        loss = -(target * torch.log(p)).sum(1).mean()
        loss.backward()
    return g


def compiled() -> Graph:
    """A compiled training step."""
    torch.manual_seed(0)
    w, b, v = torch.randn(20, 8, requires_grad=True), torch.zeros(8, requires_grad=True), torch.randn(8, 1)
    v.requires_grad_()

    @torch.compile
    def step(x: Any, y: Any) -> Any:
        loss = ((torch.tanh(x @ w + b) @ v).view(-1) - y).pow(2).mean()
        loss.backward()
        return loss

    x, y = torch.randn(64, 20), torch.randn(64)
    step(x, y)
    step.profile(x, y, rounds=2)
    return torch.graph(step)


TEN: tuple[Callable[[], Graph], ...] = (
    adaline, broadcasting, xor, convolutions, GALLERY["resnet20"], unrolled, gpt, picking, second_order, nan, compiled)
