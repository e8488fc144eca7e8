"""The functions of layers that PyTorch has at the top level with arguments of their own."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
from tests.peer.side_by_side import both  # noqa: E402

KINDS = ["LSTM", "GRU", "RNN"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_recurrent_layers_as_functions(kind: str, bidirectional: bool, bias: bool, batch_first: bool) -> None:
    def program(T: Any) -> Any:
        layer = getattr(T.nn, kind)(3, 4, 2, bias=bias, bidirectional=bidirectional)
        function = {"LSTM": T.lstm, "GRU": T.gru, "RNN": T.rnn_tanh}[kind]
        weights = [weight for entry in layer.all_weights for weight in entry]
        count = 4 if bidirectional else 2
        x = T.randn(2, 5, 3)
        batch = 2 if batch_first else 5
        h = T.zeros(count, batch, 4)
        hx = (h, T.ones(count, batch, 4)) if kind == "LSTM" else h
        padded = function(x, hx, weights, bias, 2, 0.2, False, bidirectional, batch_first)
        sizes = T.tensor([3, 3, 1])
        h = T.zeros(count, 3, 4)
        hx = (h, T.ones(count, 3, 4)) if kind == "LSTM" else h
        packed = function(T.randn(7, 3), sizes, hx, weights, bias, 2, 0.2, False, bidirectional)
        return list(padded), list(packed)

    both(program, rtol=1e-4, atol=1e-5)


def test_cells_as_functions() -> None:
    def program(T: Any) -> Any:
        results = []
        for gates, function in ((4, T.lstm_cell), (3, T.gru_cell), (1, T.rnn_tanh_cell), (1, T.rnn_relu_cell)):
            x, h = T.randn(2, 3), T.randn(2, 4)
            weights = [T.randn(gates * 4, 3), T.randn(gates * 4, 4), T.randn(gates * 4), T.randn(gates * 4)]
            out = function(x, (h, T.randn(2, 4)) if gates == 4 else h, *weights)
            results.append(list(out) if gates == 4 else out)
        return results

    both(program, rtol=1e-4, atol=1e-5)


CALLS: list[Any] = [
    lambda T: T.grid_sampler(T.randn(1, 2, 3, 4), T.randn(1, 2, 2, 2), 0, 1, True),
    lambda T: T.grid_sampler_2d(T.randn(1, 2, 3, 4), T.randn(1, 2, 2, 2), 2, 2, False),
    lambda T: T.grid_sampler_3d(T.randn(1, 2, 3, 4, 2), T.randn(1, 2, 2, 2, 3), 1, 0, False),
    lambda T: T.affine_grid_generator(T.randn(1, 2, 3), (1, 1, 2, 3), False),
    lambda T: T.convolution(T.randn(1, 4, 6), T.randn(6, 2, 3), None, (2,), (1,), (1,), False, (0,), 2),
    lambda T: T.convolution(
        T.randn(1, 4, 5, 5), T.randn(4, 3, 3, 3), T.randn(3), (2, 2), (1, 1), (1, 1), True, (1, 1), 1
    ),
    lambda T: T.ctc_loss(T.randn(5, 2, 4).log_softmax(2), T.tensor([[1, 2], [3, 1]]), [5, 4], [2, 1], 0, 2),
    lambda T: T.poisson_nll_loss(T.randn(3), T.rand(3), True, False, 1e-8, 1),
    lambda T: T.triplet_margin_loss(T.randn(3, 4), T.randn(3, 4), T.randn(3, 4), reduction=0),
    lambda T: T.dropout_(T.ones(20), 0.5, True),
    lambda T: T.alpha_dropout_(T.ones(20), 0.5, True),
    lambda T: T.feature_dropout_(T.ones(4, 5, 2), 0.5, True),
    lambda T: T.feature_alpha_dropout_(T.ones(4, 5, 2), 0.5, True),
    lambda T: T.embedding_renorm_(T.randn(4, 3), T.tensor([0, 2]), 0.5, 2.0),
    lambda T: T.max_pool1d_with_indices(T.randn(1, 2, 6), 2),
    lambda T: T.norm_except_dim(T.randn(3, 4, 2), 2, 1),
    lambda T: T.norm_except_dim(T.randn(3, 4, 2), 2, -1),
    lambda T: T.native_channel_shuffle(T.randn(1, 4, 2, 2), 2),
    lambda T: T.conv_tbc(T.randn(4, 2, 3), T.randn(2, 3, 5), T.randn(5)),
    lambda T: [T.kl_div(T.randn(3), T.rand(3), n, log_target=log) for n in (0, 1, 2) for log in (True, False)],
    lambda T: [T.hinge_embedding_loss(T.randn(3), T.tensor([1.0, -1.0, 1.0]), 0.5, number) for number in (0, 1, 2)],
    lambda T: [T.margin_ranking_loss(T.randn(3), T.randn(3), T.ones(3), 0.1, number) for number in (0, 1, 2)],
    lambda T: [T.cosine_embedding_loss(T.randn(3, 4), T.randn(3, 4), -T.ones(3), 0.1, n) for n in (0, 1, 2)],
    lambda T: [T.binary_cross_entropy_with_logits(T.randn(3), T.rand(3), None, T.rand(3), n) for n in (0, 1, 2)],
    lambda T: T.feature_dropout(T.ones(4, 5, 2), 0.5, True),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_calls(number: int) -> None:
    both(CALLS[number], rtol=1e-4, atol=1e-5)
