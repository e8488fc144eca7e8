"""The formulas that the reference gives for layers, computed as they stand there."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from wengert import nn


def near(one: Any, other: Any) -> bool:
    return bool(torch.allclose(one, other, atol=1e-6))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_lstm() -> None:
    layer, x, h, c = nn.LSTMCell(3, 5), torch.randn(2, 3), torch.randn(2, 5), torch.randn(2, 5)
    i, f, g, o = (x @ layer.weight_ih.T + layer.bias_ih + h @ layer.weight_hh.T + layer.bias_hh).chunk(4, 1)
    after = f.sigmoid() * c + i.sigmoid() * g.tanh()
    out, cell = layer(x, (h, c))
    assert near(cell, after) and near(out, o.sigmoid() * after.tanh())


def test_gru() -> None:
    layer, x, h = nn.GRUCell(3, 5), torch.randn(2, 3), torch.randn(2, 5)
    ours, state = x @ layer.weight_ih.T + layer.bias_ih, h @ layer.weight_hh.T + layer.bias_hh
    r, z = (ours + state)[:, :10].sigmoid().chunk(2, 1)
    n = (ours[:, 10:] + r * state[:, 10:]).tanh()
    assert near(layer(x, h), (1 - z) * n + z * h)


@pytest.mark.parametrize("layer, dims", [
    (nn.BatchNorm1d(4), (0, 2)), (nn.LayerNorm([4, 6]), (1, 2)), (nn.InstanceNorm1d(4), (2,)),
    (nn.GroupNorm(1, 4), (1, 2)),
])
def test_normalisations(layer: Any, dims: tuple[int, ...]) -> None:
    x = torch.randn(3, 4, 6) * 3 + 1
    mean, variance = x.mean(dims, keepdim=True), x.var(dims, unbiased=False, keepdim=True)
    assert near(layer(x), (x - mean) / (variance + layer.eps).sqrt())
    if isinstance(layer, nn.BatchNorm1d):
        assert near(layer.running_var, 0.9 + 0.1 * x.var(dims, unbiased=True))


def test_root_mean_square() -> None:
    x = torch.randn(3, 4)
    assert near(nn.RMSNorm(4)(x), x / (x.square().mean(1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt())


def test_selu() -> None:
    x = torch.tensor([-2.0, 0.5])
    assert torch.allclose(nn.SELU()(x), 1.0507 * torch.where(x > 0, x, 1.6733 * (x.exp() - 1)), atol=1e-4)


def test_convolution() -> None:
    layer, x = nn.Conv1d(2, 3, 3, stride=2, padding=2, dilation=2), torch.randn(1, 2, 9)
    out = layer(x)
    for o in range(3):
        for t in range(out.shape[2]):
            places = [(j, 2 * t + 2 * j - 2) for j in range(3)]
            total = sum(layer.weight[o, i, j] * x[0, i, at] for i in range(2) for j, at in places if 0 <= at < 9)
            assert near(out[0, o, t], layer.bias[o] + total)


def test_attention() -> None:
    layer, x = nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(1, 5, 8)
    q, k, v = (part.reshape(5, 2, 4).transpose(0, 1) for part in
               (x[0] @ layer.in_proj_weight.T + layer.in_proj_bias).chunk(3, 1))
    heads = ((q @ k.transpose(1, 2) / 2).softmax(2) @ v).transpose(0, 1).reshape(5, 8)
    assert near(layer(x, x, x)[0][0], heads @ layer.out_proj.weight.T + layer.out_proj.bias)
