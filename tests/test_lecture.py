"""The lecture's examples with the numbers it publishes: S. Raschka, *STAT 453*, lecture 6, and its notebooks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import wengert as torch
from wengert import Tensor
from wengert.autograd import grad
from wengert.demo import adaline, iris


def my_relu(z: Tensor) -> Tensor:
    """ReLU with a branch on the value and a write in place, as a student might define it."""
    if z > 0.0:
        return z
    z[:] = 0.0
    return z


def neuron(activation: Callable[[Tensor], Tensor], x: float, w: float, b: float) -> tuple[Tensor, Tensor, Tensor]:
    """`a = activation(x*w + b)` with its two leaves."""
    weight = torch.tensor([w], requires_grad=True)
    bias = torch.tensor([b], requires_grad=True)
    return activation(torch.tensor([x]) * weight + bias), weight, bias


def test_the_graph_prints_as_in_the_lecture() -> None:
    a, _, _ = neuron(torch.relu, 3.0, 2.0, 1.0)
    assert repr(a) == "tensor([7.], grad_fn=<ReluBackward0>)"


@pytest.mark.parametrize("activation", [torch.relu, torch.nn.functional.relu, my_relu])
def test_two_derivatives_from_one_graph(activation: Callable[[Tensor], Tensor]) -> None:
    a, w, b = neuron(activation, 3.0, 2.0, 1.0)
    assert repr(grad(a, w, retain_graph=True)) == "(tensor([3.]),)"
    assert repr(grad(a, b)) == "(tensor([1.]),)"


def test_a_graph_that_is_not_retained_serves_once() -> None:
    a, w, b = neuron(torch.relu, 3.0, 2.0, 1.0)
    grad(a, w)
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        grad(a, b)


@pytest.mark.parametrize("activation", [torch.relu, torch.nn.functional.relu, my_relu])
def test_below_zero_the_gradient_keeps_its_sign(activation: Callable[[Tensor], Tensor]) -> None:
    """No gradient passes, and 0 times x = -1 is -0, which is what PyTorch prints."""
    a, w, b = neuron(activation, -1.0, 1.0, 0.5)
    assert a.item() == 0.0
    assert repr(grad(a, w, retain_graph=True)) == "(tensor([-0.]),)"
    assert repr(grad(a, b)) == "(tensor([0.]),)"


def test_linear_regression_meets_its_closed_form() -> None:
    """Gradient descent ends at w = (XᵀX)⁻¹ Xᵀ y, the solution of the normal equations."""
    torch.manual_seed(123)
    features = torch.randn(100, 3, dtype=torch.float64)
    targets = features @ torch.tensor([[2.0], [-1.0], [0.5]], dtype=torch.float64) + 0.3
    targets = targets + 0.1 * torch.randn(100, 1, dtype=torch.float64)
    design = torch.cat([torch.ones(100, 1, dtype=torch.float64), features], dim=1)
    closed_form = torch.inverse(design.T @ design) @ design.T @ targets
    weights = torch.zeros(4, 1, dtype=torch.float64, requires_grad=True)
    for _ in range(300):
        loss = (design @ weights - targets).pow(2).mean()
        (by_weights,) = grad(loss, weights)
        with torch.no_grad():
            weights -= 0.2 * by_weights
    assert torch.allclose(weights, closed_form, rtol=1e-9)
    assert weights.flatten().tolist() == pytest.approx([0.3, 2.0, -1.0, 0.5], abs=0.05)


def test_adaline_by_hand_with_the_larger_learning_rate() -> None:
    split = iris.shuffle_and_split(*iris.load(), seed=123)
    model = adaline.ByHand(features=2, learning_rate=0.1)
    torch.manual_seed(123)
    for batch in adaline.minibatches(70):
        model.step(split.train_features[batch], split.train_labels[batch].float())
    loss = adaline.mean_squared_error(model, split.train_features, split.train_labels)
    assert f"{loss:.5f}" == "0.12142"
