"""ADALINE, the adaptive linear neuron of Widrow and Hoff (1960), trained three ways.

The model is one line, ŷ = x·w + b, and the loss the mean squared error. What differs is who finds the gradient: you,
by the chain rule on paper; `wengert.autograd.grad`; or `loss.backward()` with a module and an optimiser. All three
start from zeros and see the same minibatches, so all three must walk down the same curve.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import wengert
from wengert import Tensor, nn, optim
from wengert.autograd import grad
from wengert.nn import functional

BATCH_SIZE = 10
THRESHOLD = 0.5


class Adaline(Protocol):
    """What the three have in common."""

    def predict(self, features: Tensor) -> Tensor:
        """Map features of shape `(N, 2)` to predictions of shape `(N,)`, 0 for versicolor and 1 for virginica."""
        ...

    def step(self, features: Tensor, targets: Tensor) -> None:
        """Learn from one minibatch: features of shape `(N, 2)`, targets of shape `(N,)`, both float32."""
        ...


class ByHand:
    """Gradients derived on paper, by the chain rule."""

    def __init__(self, features: int, learning_rate: float) -> None:
        self.weights = wengert.zeros(features, 1)
        self.bias = wengert.zeros(1)
        self.learning_rate = learning_rate

    def predict(self, features: Tensor) -> Tensor:
        return (features @ self.weights + self.bias).view(-1)

    def step(self, features: Tensor, targets: Tensor) -> None:
        # loss = mean((ŷ - y)²), so ∂loss/∂ŷ = 2 (ŷ - y) / n; then ∂ŷ/∂w = x and ∂ŷ/∂b = 1.
        error = 2 * (self.predict(features) - targets) / targets.size(0)
        self.weights -= self.learning_rate * (features.T @ error.view(-1, 1))
        self.bias -= self.learning_rate * error.sum()


class ByGrad:
    """Gradients from `wengert.autograd.grad`; the update is still ours."""

    def __init__(self, features: int, learning_rate: float) -> None:
        self.weights = wengert.zeros(features, 1, requires_grad=True)
        self.bias = wengert.zeros(1, requires_grad=True)
        self.learning_rate = learning_rate

    def predict(self, features: Tensor) -> Tensor:
        return (features @ self.weights + self.bias).view(-1)

    def step(self, features: Tensor, targets: Tensor) -> None:
        loss = functional.mse_loss(self.predict(features), targets)
        weights_grad, bias_grad = grad(loss, (self.weights, self.bias))
        with wengert.no_grad():
            self.weights -= self.learning_rate * weights_grad
            self.bias -= self.learning_rate * bias_grad


class ByModule(nn.Module):
    """A module, `loss.backward()` and an optimiser: nothing left to derive."""

    def __init__(self, features: int, learning_rate: float) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)
        self.optimizer = optim.SGD(self.parameters(), lr=learning_rate)

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(features).view(-1)

    def predict(self, features: Tensor) -> Tensor:
        return self(features)

    def step(self, features: Tensor, targets: Tensor) -> None:
        loss = functional.mse_loss(self(features), targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def minibatches(count: int) -> Iterator[Tensor]:
    """One epoch's minibatches: the numbers 0 to `count - 1` in a new random order, `BATCH_SIZE` at a time."""
    yield from wengert.randperm(count).split(BATCH_SIZE)


def mean_squared_error(model: Adaline, features: Tensor, labels: Tensor) -> float:
    """The loss over a whole set of flowers."""
    with wengert.no_grad():
        return functional.mse_loss(model.predict(features), labels.float()).item()


def accuracy(model: Adaline, features: Tensor, labels: Tensor) -> float:
    """The percentage of flowers on the right side of `THRESHOLD`."""
    with wengert.no_grad():
        right = (model.predict(features) > THRESHOLD) == (labels == 1)
        return 100 * right.float().mean().item()


def boundary(model: Adaline) -> tuple[float, float, float]:
    """The line on which the model cannot decide, as `(p, q, r)` with p·x₁ + q·x₂ = r in normalised features.

    Found from the predictions alone, so that it holds for any of the three: the model is affine.
    """
    with wengert.no_grad():
        origin, first, second = model.predict(wengert.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).tolist()
    return first - origin, second - origin, THRESHOLD - origin
