"""`wengert.summary`: shapes, parameters, and operations held against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.ir.flops import _FORMULAS, flops


def operations(model: Any, *inputs: Any) -> int:
    return torch.summary(model, *inputs).flops


def test_linear() -> None:
    # 3 rows, each 5 outputs of 4 products and 4 sums (3 and the bias make 4), so 2·4 with the bias, 2·4 − 1 + 1.
    assert operations(nn.Linear(4, 5), torch.ones(3, 4)) == 3 * 5 * (2 * 4 + 1)
    assert operations(nn.Linear(4, 5, bias=False), torch.ones(3, 4)) == 120


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        # 2 images, 8 channels out, 6×6 places, 3 channels in, 3×3 kernel: 2·(2·8·36)·27 = 31,104; bias 576.
        (nn.Conv2d(3, 8, 3), (2, 3, 8, 8), 31_104 + 576),
        (nn.Conv2d(3, 8, 3, bias=False), (2, 3, 8, 8), 31_104),
        # Each output reads 4 / 2 channels: 2·(1·6·16)·(2·9) = 3,456.
        (nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=False), (1, 4, 4, 4), 3_456),
        # 5 places of 2 channels, kernel 2, stride 1 of length 6: 2·10·(3·2) + 10.
        (nn.Conv1d(3, 2, 2), (1, 3, 6), 130),
        # Transposed: every one of 2·4·4 values meets 3 channels · 2·2 places: 2·32·12 = 768; bias on 3·8·8 results.
        (nn.ConvTranspose2d(2, 3, 2, stride=2), (1, 2, 4, 4), 768 + 192),
    ],
)
def test_convolution(layer: Any, shape: tuple[int, ...], expected: int) -> None:
    assert operations(layer, torch.ones(shape)) == expected


def test_lstm() -> None:
    steps, batch, inputs, width = 5, 2, 3, 4
    rows = steps * batch
    biases = 4 * width  # the two are added once
    projected = rows * 4 * width * (2 * inputs + 1)
    recurrent = rows * (2 * 4 * width * width + 4 * width + 4 * width + 3 * width + 2 * width)
    assert operations(nn.LSTM(inputs, width), torch.ones(steps, batch, inputs)) == biases + projected + recurrent


def test_attention() -> None:
    # L = 5 queries and S = 7 keys of E = 4: Q K' is 2·5·7·4, softmax 5·35, the values 2·5·7·4; Q is scaled: 5·4.
    query, key = torch.ones(1, 5, 4), torch.ones(1, 7, 4)

    class Attention(nn.Module):
        def forward(self, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
            return nn.functional.scaled_dot_product_attention(q, k, k)

    assert operations(Attention(), query, key) == 280 + 175 + 280 + 20


def test_batch_norm() -> None:
    layer = nn.BatchNorm2d(3, track_running_stats=False)
    n = 2 * 3 * 4 * 4
    assert operations(layer, torch.ones(2, 3, 4, 4)) == 7 * n + 3 * 3
    assert operations(nn.LayerNorm(6), torch.ones(5, 6)) == 7 * 30 + 3 * 5


def test_softmax_and_losses() -> None:
    class Loss(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return nn.functional.cross_entropy(x, y)

    # log_softmax 5·(4·3) + 4 rows; the loss picks and sums 4: 2·4.
    assert operations(Loss(), torch.ones(4, 3), torch.zeros(4, dtype=torch.int64)) == 64 + 8
    assert operations(nn.Softmax(1), torch.ones(4, 3)) == 60
    assert operations(nn.MaxPool2d(2), torch.ones(1, 1, 4, 4)) == 16


def test_totals_are_the_sum_of_the_layers() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 36, 4))
    found = torch.summary(model, torch.ones(3, 1, 8, 8))
    by_path = {layer.path: layer.flops for layer in found.layers}
    assert by_path[""] == found.flops == sum(count for path, count in by_path.items() if path)
    assert by_path["2"] == 0, "moving data is free"
    assert by_path["1"] == 3 * 2 * 36


def test_what_has_no_formula_is_named() -> None:
    class Spectrum(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.svd(x)[1]

    found = torch.summary(Spectrum(), torch.eye(3))
    assert found.uncounted == ("svd",)
    assert str(found).endswith("not counted: svd")


def test_every_formula_is_of_a_primitive() -> None:
    from wengert.core.primitive import P

    names = {primitive.name for primitive in P}
    assert set(_FORMULAS) <= names
    assert flops(P.matmul, (torch.ones(2, 3), torch.ones(3, 4)), (torch.ones(2, 4),), {}) == 48
