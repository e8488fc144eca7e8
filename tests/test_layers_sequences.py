"""Recurrent layers, packed sequences, attention and the tools of `nn.utils` against formulas and invariants."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.nn import functional as F
from wengert.nn.utils import clip_grad_norm_, clip_grad_value_, parameters_to_vector, rnn, vector_to_parameters


def random(*shape: int) -> Any:
    return torch.tensor(np.random.RandomState(sum(shape)).standard_normal(shape))


def test_lstm_is_its_formula() -> None:
    layer = nn.LSTM(3, 4).double()
    x = random(5, 2, 3)
    h, c = torch.zeros(2, 4, dtype=torch.float64), torch.zeros(2, 4, dtype=torch.float64)
    outs = []
    for step in x:
        i, f, g, o = (
            F.linear(step, layer.weight_ih_l0, layer.bias_ih_l0) + F.linear(h, layer.weight_hh_l0, layer.bias_hh_l0)
        ).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outs.append(h)
    wanted = torch.stack(outs)
    out, (last, cell) = layer(x)
    assert torch.allclose(out, wanted) and torch.allclose(last[0], h) and torch.allclose(cell[0], c)
    parameters = list(layer.parameters())
    for ours, by_formula in zip(
        torch.autograd.grad((out**2).sum(), parameters), torch.autograd.grad((wanted**2).sum(), parameters), strict=True
    ):
        assert torch.allclose(ours, by_formula)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_backward_direction_reads_the_sequence_from_its_end(kind: Any) -> None:
    layer = kind(3, 4, bidirectional=True).double()
    x = random(5, 2, 3)
    names = [name for name, _ in layer.named_parameters()]
    swapped = kind(3, 4, bidirectional=True).double()
    swapped.load_state_dict(
        {
            name: layer.state_dict()[name.removesuffix("_reverse") if name.endswith("_reverse") else name + "_reverse"]
            for name in names
        }
    )
    forward, _ = layer(x)
    backward, _ = swapped(x.flip(0))
    assert torch.allclose(forward[..., :4], backward.flip(0)[..., 4:])


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_packed_sequences_are_as_if_each_came_alone(kind: Any) -> None:
    layer = kind(3, 4, num_layers=2, bidirectional=True).double()
    parts = [random(length, 3) for length in (2, 5, 3)]
    out, last = layer(rnn.pack_sequence(parts, enforce_sorted=False))
    last = last if isinstance(last, tuple) else (last,)
    for k, (part, result) in enumerate(zip(parts, rnn.unpack_sequence(out), strict=True)):
        alone, ended = layer(part)
        assert torch.allclose(result, alone)
        for both, single in zip(last, ended if isinstance(ended, tuple) else (ended,), strict=True):
            assert torch.allclose(both[:, k], single)


@pytest.mark.parametrize("layer, cell", [(nn.RNN, nn.RNNCell), (nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell)])
def test_a_cell_is_one_step_of_its_layer(layer: Any, cell: Any) -> None:
    whole, single = layer(3, 4).double(), cell(3, 4).double()
    single.load_state_dict({name.removesuffix("_l0"): value for name, value in whole.state_dict().items()})
    x, state = random(3, 2, 3), None
    for step in x:
        state = single(step, state)
    _, last = whole(x)
    for stepped, at_once in zip(
        state if isinstance(state, tuple) else (state,), last if isinstance(last, tuple) else (last,), strict=True
    ):
        assert torch.allclose(stepped, at_once[0])


def test_packing_and_its_layout() -> None:
    parts = [torch.tensor([1, 2, 3]), torch.tensor([4, 5]), torch.tensor([6])]
    padded = rnn.pad_sequence(parts, batch_first=True)
    assert padded.tolist() == [[1, 2, 3], [4, 5, 0], [6, 0, 0]]
    packed = rnn.pack_padded_sequence(padded, [3, 2, 1], batch_first=True)
    assert packed.data.tolist() == [1, 4, 6, 2, 5, 3] and packed.batch_sizes.tolist() == [3, 2, 1]
    again, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1)
    assert again.tolist() == [[1, 2, 3], [4, 5, -1], [6, -1, -1]] and lengths.tolist() == [3, 2, 1]
    assert packed.double().data.dtype is torch.float64
    with pytest.raises(RuntimeError, match="enforce_sorted=False"):
        rnn.pack_padded_sequence(padded, [1, 2, 3], batch_first=True)


def test_recurrent_layers_name_what_does_not_fit() -> None:
    with pytest.raises(RuntimeError, match=r"input.size\(-1\) must be equal to input_size. Expected 3, got 2"):
        nn.LSTM(3, 4)(torch.zeros(5, 1, 2))
    with pytest.raises(RuntimeError, match=r"Expected hidden size \(1, 2, 4\), got \[1, 3, 4\]"):
        nn.GRU(3, 4)(torch.zeros(5, 2, 3), torch.zeros(1, 3, 4))
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last recurrent layer"):
        nn.LSTM(3, 4, dropout=0.5)


def test_attention_weighs_values_by_softmax() -> None:
    q, k, v = random(2, 3, 4), random(2, 5, 4), random(2, 5, 6)
    wanted = (q @ k.transpose(1, 2) / math.sqrt(4)).softmax(-1) @ v
    assert torch.allclose(F.scaled_dot_product_attention(q, k, v), wanted)
    square = random(2, 3, 4)
    causal = F.scaled_dot_product_attention(square, square, square, is_causal=True)
    assert torch.allclose(causal[:, 0], square[:, 0])
    nothing = F.scaled_dot_product_attention(q, k, v, attn_mask=torch.zeros(3, 5, dtype=torch.bool))
    assert nothing.abs().max().item() == 0


def test_attention_does_not_look_at_what_is_masked() -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True).double()
    x = random(2, 5, 8)
    hidden = torch.tensor([[False, False, False, True, True]] * 2)
    out, weights = layer(x, x, x, key_padding_mask=hidden)
    changed = x.clone()
    changed[:, 3:] += 10
    again, _ = layer(x, changed, changed, key_padding_mask=hidden)
    assert torch.allclose(out, again) and weights[..., 3:].abs().max().item() == 0
    assert torch.allclose(weights.sum(-1), torch.ones(2, 5, dtype=torch.float64))


def test_a_decoder_does_not_see_the_future() -> None:
    model = nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True).double()
    source, target = random(1, 4, 8), random(1, 5, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(5).double()
    out = model(source, target, tgt_mask=mask)
    target[:, 3:] += 1
    assert torch.allclose(model(source, target, tgt_mask=mask)[:, :3], out[:, :3])


def test_clipping_and_vectors() -> None:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.grad = torch.tensor([[3.0, 4.0]])
    assert clip_grad_norm_(layer.parameters(), 1.0).item() == 5
    assert np.allclose(layer.weight.grad.numpy(), [[0.6, 0.8]], atol=1e-5)
    clip_grad_value_(layer.parameters(), 0.7)
    assert np.allclose(layer.weight.grad.numpy(), [[0.6, 0.7]], atol=1e-5)
    layer.weight.grad = torch.tensor([[math.inf, 0.0]])
    with pytest.raises(RuntimeError, match="non-finite"):
        clip_grad_norm_(layer.parameters(), 1.0, error_if_nonfinite=True)
    vector_to_parameters(torch.tensor([5.0, 6.0]), layer.parameters())
    assert parameters_to_vector(layer.parameters()).tolist() == [5, 6]


def test_losses_of_known_numbers() -> None:
    a, p, n = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 1.0]])
    assert nn.TripletMarginLoss(eps=0)(a, p, n).item() == pytest.approx(5)
    assert nn.CosineEmbeddingLoss()(
        torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.ones(1)
    ).item() == pytest.approx(1)
    assert nn.MarginRankingLoss(0.5)(torch.tensor([1.0]), torch.tensor([2.0]), torch.ones(1)).item() == 1.5
    assert nn.HingeEmbeddingLoss()(torch.tensor([0.25]), -torch.ones(1)).item() == 0.75
    assert nn.SoftMarginLoss()(torch.zeros(3), torch.ones(3)).item() == pytest.approx(math.log(2))
    assert nn.MultiMarginLoss()(torch.tensor([[0.0, 0.5, 2.0]]), torch.tensor([2])).item() == 0
    assert nn.PoissonNLLLoss()(torch.zeros(1), torch.tensor([2.0])).item() == 1
    assert nn.GaussianNLLLoss()(torch.zeros(1), torch.tensor([2.0]), torch.tensor([4.0])).item() == pytest.approx(
        0.5 * (math.log(4) + 1)
    )


RECURRENT = {"lstm": nn.LSTM, "gru": nn.GRU, "tanh": nn.RNN, "relu": partial(nn.RNN, nonlinearity="relu"),
             "lstm_projected": partial(nn.LSTM, proj_size=3)}


@pytest.mark.parametrize("sort", RECURRENT)
@pytest.mark.parametrize("width", [16, 5, 40])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_generated_recurrence_is_the_one_step_by_step(sort: str, width: int, bidirectional: bool, dtype: torch.dtype,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed sequences of unequal lengths, through generated code and through numpy."""
    from wengert.compiler import recurrent as generated
    from wengert.prims import recurrent as prims

    calls: list[str] = []
    for name in ("forward", "backward"):
        function = getattr(generated, name)
        monkeypatch.setattr(generated, name, lambda *a, _f=function, _n=name: (calls.append(_n), _f(*a))[1])

    def run(least: float) -> list[torch.Tensor]:
        monkeypatch.setattr(prims, "LARGE_PRODUCT", least)
        torch.manual_seed(0)
        layer = RECURRENT[sort](3, width, num_layers=2, bidirectional=bidirectional, dtype=dtype)
        x = torch.randn(6, 4, 3, dtype=dtype, requires_grad=True)
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, [6, 4, 4, 1])
        sizes = {"lstm": (width, width), "lstm_projected": (3, width)}.get(sort, (width,))
        states = [torch.randn(4 if bidirectional else 2, 4, size, dtype=dtype, requires_grad=True) for size in sizes]
        out, last = layer(packed, tuple(states) if len(sizes) > 1 else states[0])
        h, *c = last if len(sizes) > 1 else (last,)
        ((out.data * out.data).sum() + (h * 1.5).sum() + sum((each**3).sum() for each in c)).backward()
        return [out.data, h, *c, x.grad, *(s.grad for s in states), *(p.grad for p in layer.parameters())]

    numpys, before = run(float("inf")), len(calls)
    ours = run(0)
    assert before == 0 and calls.count("forward") == calls.count("backward") == (4 if bidirectional else 2)
    tolerance = 2e-5 if dtype is torch.float32 else 1e-12
    for got, expected in zip(ours, numpys, strict=True):
        torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance)


def test_packed_sequences_are_converted_and_bags_refuse_scaled_maxima() -> None:
    packed = nn.utils.rnn.pack_sequence([torch.ones(2, 1), torch.ones(1, 1)])
    for name, dtype in (("long", torch.int64), ("int", torch.int32), ("short", torch.int16), ("char", torch.int8),
                        ("byte", torch.uint8)):
        assert getattr(packed, name)().data.dtype is dtype
    assert packed.to(torch.float32) is packed and packed.to(torch.float64).data.dtype is torch.float64
    assert not packed.is_pinned()
    with pytest.raises(ValueError, match="does not support scaling the gradient by the frequency"):
        nn.functional.embedding_bag(torch.tensor([0]), torch.ones(2, 1), torch.tensor([0]), mode="max",
                                    scale_grad_by_freq=True)


@pytest.mark.parametrize("sizes", [[4.0, 3.0, 2.0], [4 + 0j, 3, 2], [[4], [3], [2]], [True, True, True]])
def test_batch_sizes_are_a_row_of_int64(sizes: list[Any]) -> None:
    packed = nn.utils.rnn.PackedSequence(torch.ones(9, 5), torch.tensor(sizes))
    for unpack in (nn.utils.rnn.pad_packed_sequence, nn.utils.rnn.unpack_sequence):
        with pytest.raises(RuntimeError, match="1D CPU int64"):
            unpack(packed)
