"""Small programs as tutorials have them, run with PyTorch and with wengert: they print the same lines."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wengert

torch = pytest.importorskip("torch")

Lines = Iterator[str]


def polynomial(torch: Any) -> Lines:
    """A cubic fitted to the sine: by hand, with the tape, with an own Function, with nn and an optimizer."""
    torch.manual_seed(0)
    x = torch.linspace(-math.pi, math.pi, 200)
    y = torch.sin(x)
    weights = [torch.randn(()) for _ in range(4)]
    for _ in range(50):
        error = sum(w * x**i for i, w in enumerate(weights)) - y
        for i, w in enumerate(weights):
            w -= 1e-6 * (2.0 * error * x**i).sum()
    yield " ".join(f"{w.item():.4f}" for w in weights)

    a, b = (torch.full((), value, requires_grad=True) for value in (-1.0, 0.3))

    class Legendre(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return 0.5 * (5 * x**3 - 3 * x)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            (x,) = ctx.saved_tensors
            return ct * 1.5 * (5 * x**2 - 1)

    for _ in range(50):
        loss = (a * Legendre.apply(b * x) - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            for w in (a, b):
                w -= 1e-5 * w.grad
                w.grad = None
    yield f"{loss.item():.3f} {a:.4f} {b:.4f} {Legendre.apply(a).grad_fn.name()}"

    model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0, 1))
    powers = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    for _ in range(50):
        loss = torch.nn.MSELoss(reduction="sum")(model(powers), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    yield f"{loss.item():.2f} {model}\n{optimizer}"


def classifier(torch: Any) -> Lines:
    """Softmax regression from scratch, then a network with dropout, weight decay and groups of parameters."""
    nn = torch.nn
    torch.manual_seed(42)
    centres = torch.randn(4, 8) * 2
    labels = torch.randint(0, 4, (200,))
    features = centres[labels] + torch.randn(200, 8)
    batches = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(features, labels), 32, shuffle=True)
    w = torch.normal(0, 0.01, size=(8, 4), requires_grad=True)
    b = torch.zeros(4, requires_grad=True)
    for _ in range(2):
        total = right = 0.0
        for x, y in batches:
            powers = torch.exp(x @ w + b)
            chance = powers / powers.sum(1, keepdim=True)
            loss = -torch.log(chance[range(len(y)), y])
            loss.mean().backward()
            with torch.no_grad():
                for p in (w, b):
                    p -= 0.1 * p.grad
                    p.grad.zero_()
            total += float(loss.sum().detach())
            right += float((chance.argmax(axis=1).type(y.dtype) == y).sum())
        yield f"{total / 200:.4f} {right / 200:.3f}"
    yield str(w.detach())

    net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 4))

    def start(module: Any) -> None:
        if type(module) is nn.Linear:
            nn.init.normal_(module.weight, std=0.1)

    net.apply(start)
    rest = [net[0].bias, *net[3].parameters()]
    trainer = torch.optim.SGD([{"params": net[0].weight, "weight_decay": 3e-3}, {"params": rest}], lr=0.1, momentum=0.5)
    for _ in range(3):
        net.train()
        for x, y in batches:
            trainer.zero_grad()
            nn.CrossEntropyLoss(reduction="none")(net(x), y).mean().backward()
            trainer.step()
        net.eval()
        with torch.inference_mode():
            right = (net(features).argmax(dim=-1) == labels).float().mean()
        yield f"{right.item():.3f} {net[0].weight.norm().item():.3f}"
    yield f"{trainer}\n{[(name, tuple(p.shape)) for name, p in net.named_parameters()]}"


def newton(torch: Any) -> Lines:
    """Logistic regression by Newton's method, its Hessian by backward through backward."""
    g = torch.Generator().manual_seed(7)
    x = torch.randn(200, 3, generator=g, dtype=torch.float64)
    y = (torch.sigmoid(x.sum(1)) > torch.rand(200, generator=g, dtype=torch.float64)).to(torch.float64)
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)

    def loss_of(w: Any) -> Any:
        return torch.nn.functional.binary_cross_entropy_with_logits(x @ w, y) + 0.01 * w.square().sum()

    for _ in range(5):
        loss = loss_of(w)
        (slope,) = torch.autograd.grad(loss, w, create_graph=True)
        curvature = torch.stack([torch.autograd.grad(s, w, retain_graph=True)[0] for s in slope])
        with torch.no_grad():
            w -= torch.linalg.solve(curvature, slope)
        yield f"{loss.item():.10f}"
    yield f"{curvature}\n{torch.linalg.eigvalsh(curvature)}\n{w}"
    again = torch.autograd.functional.hessian(loss_of, w.detach())
    yield str(torch.allclose(again, curvature, atol=1e-3))


def process(torch: Any) -> Lines:
    """The likelihood of a Gaussian process through a Cholesky factor; then a gradient penalty and a shared layer."""
    nn = torch.nn
    torch.manual_seed(3)
    x = torch.linspace(0, 1, 20, dtype=torch.float64)[:, None]
    y = torch.sin(6 * x[:, 0]) + 0.1 * torch.randn(20, dtype=torch.float64)
    logs = nn.Parameter(torch.tensor([-1.0, 0.0, -2.0], dtype=torch.float64))
    optimizer = torch.optim.Adam([logs], lr=0.1)
    for _ in range(10):
        scale, size, noise = logs.exp()
        kernel = size * torch.exp(-0.5 * ((x - x.T) / scale) ** 2) + noise * torch.eye(20, dtype=torch.float64)
        factor = torch.linalg.cholesky(kernel)
        loss = 0.5 * (y[None] @ torch.cholesky_solve(y[:, None], factor)).squeeze() + factor.diagonal().log().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    yield f"{loss.item():.8f} {[round(v, 6) for v in logs.grad.tolist()]}"

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(2, 8)
            self.middle = nn.Linear(8, 8)
            self.tied = self.middle
            self.last = nn.Linear(8, 1)

        def forward(self, x: Any) -> Any:
            x = nn.functional.leaky_relu(self.first(x), 0.2)
            for _ in range(random.randint(0, 3)):
                x = torch.tanh(self.middle(x))
            return self.last(x)

    random.seed(1)
    net = Shared()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, betas=(0.5, 0.9))
    for _ in range(10):
        points = torch.randn(16, 2).requires_grad_(True)
        (slope,) = torch.autograd.grad(net(points).sum(), points, create_graph=True)
        loss = ((slope.norm(2, dim=1) - 1) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    yield f"{loss.item():.3f} {net} {len(list(net.parameters()))} {list(net.state_dict())}"


@pytest.mark.parametrize("program", [polynomial, classifier, newton, process])
def test_both_print_the_same(program: Callable[[Any], Lines]) -> None:
    assert list(program(wengert)) == list(program(torch))
