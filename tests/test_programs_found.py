"""Mistakes of wengert that whole programs brought to light: each the smallest program that showed it."""

from __future__ import annotations

import pytest

import wengert as torch
from wengert import nn


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(3), nn.GroupNorm(1, 3), nn.InstanceNorm2d(3), nn.LayerNorm([2, 2])])
def test_an_inplace_activation_after_a_normalisation(layer: nn.Module) -> None:
    x = torch.linspace(-1, 1, 24).sin().view(2, 3, 2, 2)
    grads = []
    for inplace in (False, True):
        leaf = x.clone().requires_grad_()
        out = nn.ReLU(inplace=inplace)(layer(leaf))
        (out * x).sum().backward()
        grads.append(leaf.grad)
    assert torch.equal(*grads) and bool(grads[0].any())


@pytest.mark.parametrize("pick", [
    lambda x: x.sort(1)[0], lambda x: x.topk(2, 1)[0], lambda x: x.max(1)[0], lambda x: x.median(1)[0],
    lambda x: x.cummax(1)[0], lambda x: x.kthvalue(2, 1)[0],
])
def test_values_that_were_picked_can_be_written_to(pick: object) -> None:
    assert callable(pick)
    x = torch.tensor([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]], requires_grad=True)
    values = pick(x)
    values.mul_(2)
    values.sum().backward()
    again = torch.tensor([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]], requires_grad=True)
    (pick(again) * 2).sum().backward()
    assert torch.equal(x.grad, again.grad)


def test_what_is_kept_of_several_outputs_is_guarded() -> None:
    x = torch.tensor([3.0, 1.0], requires_grad=True)
    values, order = x.sort()
    order.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        values.sum().backward()


def test_a_batch_of_cotangents() -> None:
    x, unused = torch.tensor([1.0, 2.0], requires_grad=True), torch.ones(1, requires_grad=True)
    rows, none = torch.autograd.grad(x**2, [x, unused], torch.eye(2), is_grads_batched=True, allow_unused=True)
    assert rows.tolist() == [[2.0, 0.0], [0.0, 4.0]] and none is None
    y = x.exp()
    (first,) = torch.autograd.grad(y, x, torch.ones(3, 2), is_grads_batched=True, create_graph=True)
    first.sum().backward()
    assert torch.allclose(x.grad, 3 * y)
    with pytest.raises(RuntimeError, match="second time"):
        z = x.exp()
        torch.autograd.grad(z, x, torch.ones(2, 2), is_grads_batched=True)
        z.sum().backward()
