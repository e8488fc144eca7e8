"""What the grid of `nn_cases` does not hold of layers with windows, statistics, states and attention: second order,
errors, states and masks, sequences, and calls of several layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from tests.peer.layer_pairs import (  # noqa: E402
    OURS,
    SIDES,
    THEIRS,
    agree,
    array,
    numbers,
    outcome,
    same_call,
    same_error,
    same_layer,
)

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

both = pytest.mark.parametrize("dtype", ["float32", "float64"])

# --- convolution ------------------------------------------------------------------------------------------------------

def test_transposed_convolution_to_a_size() -> None:
    same_layer(lambda nn: nn.ConvTranspose2d(2, 3, 3, stride=2), (1, 2, 4, 4), [10, 9], evaluate=False)
    same_error(lambda s: s.nn.ConvTranspose2d(2, 3, 3, stride=2)(s.lib.zeros(1, 2, 4, 4), [12, 9]))


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"groups": 2, "dilation": 2}], ids=str)
def test_second_order_of_convolutions(options: dict[str, Any]) -> None:
    for rank in (1, 2):
        same_layer(
            lambda nn, rank=rank: getattr(nn, f"Conv{rank}d")(2, 4, 3, **options), (2, 2, *(6, 7)[:rank]), second=True
        )
        same_layer(
            lambda nn, rank=rank: getattr(nn, f"ConvTranspose{rank}d")(2, 4, 3, **options),
            (2, 2, *(3, 4)[:rank]),
            second=True,
        )


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.nn.Conv2d(3, 4, 3, groups=2),
        lambda s: s.nn.Conv2d(4, 3, 3, groups=2),
        lambda s: s.nn.Conv2d(2, 2, 3, groups=0),
        lambda s: s.nn.Conv2d(2, 2, 3, padding="some"),
        lambda s: s.nn.Conv2d(2, 2, 3, padding="same", stride=2),
        lambda s: s.nn.Conv2d(2, 2, 3, padding_mode="some"),
        lambda s: s.nn.ConvTranspose2d(2, 2, 3, padding_mode="reflect"),
        lambda s: s.nn.Conv2d(2, 2, 3)(s.lib.zeros(1, 3, 5, 5)),
        lambda s: s.nn.Conv2d(2, 2, 3)(s.lib.zeros(1, 2, 2, 2)),
        lambda s: s.nn.Conv2d(2, 2, 3)(s.lib.zeros(2, 5)),
        lambda s: s.nn.Conv2d(2, 2, 3)(s.lib.zeros(1, 2, 5, 5).double()),
        lambda s: s.nn.Conv2d(2, 2, 3, stride=0)(s.lib.zeros(1, 2, 5, 5)),
        lambda s: s.nn.Conv2d(2, 2, 3, padding=-1)(s.lib.zeros(1, 2, 5, 5)),
        lambda s: s.nn.ConvTranspose2d(2, 2, 3, output_padding=1)(s.lib.zeros(1, 2, 5, 5)),
    ],
)
def test_errors_of_convolutions(call: Callable[[Any], Any]) -> None:
    same_error(call)


# --- pooling ----------------------------------------------------------------------------------------------------------


def test_max_pooling_of_equal_elements_and_nan() -> None:
    x = np.array([[[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 5.0], [np.nan, 2.0, 3.0, 3.0], [1.0, np.nan, 3.0, 3.0]]])
    same_call(lambda s, x: s.F.max_pool2d(x, 2), x)
    same_call(lambda s, x: s.F.max_pool2d(x, 2, return_indices=True), x)
    same_call(lambda s, x: s.F.max_pool2d(x, 3, 1, 1, return_indices=True), x)


def test_other_pooling() -> None:
    positive = np.abs(array(2, 3, 6, 7)) + 0.1
    for rank, x in ((1, positive[0]), (2, positive)):
        same_call(lambda s, x, rank=rank: getattr(s.F, f"lp_pool{rank}d")(x, 2.0, 3, 2), x)
        same_call(lambda s, x, rank=rank: getattr(s.F, f"lp_pool{rank}d")(x, 3, 2, ceil_mode=True), x)
    for rank in (1, 2, 3):

        def there_and_back(s: Any, x: Any, rank: int = rank) -> Any:
            out, places = getattr(s.F, f"max_pool{rank}d")(x, 2, return_indices=True)
            return getattr(s.F, f"max_unpool{rank}d")(out, places, 2, output_size=x.shape if x.shape[-1] % 2 else None)

        same_call(there_and_back, array(2, 3, *(6, 4, 8)[:rank]))
        same_call(there_and_back, array(2, 3, *(5, 7, 5)[:rank]))
    for name, options in (("LPPool2d", (2, 3)), ("MaxUnpool2d", (2,))):
        assert repr(getattr(OURS.nn, name)(*options)) == repr(getattr(THEIRS.nn, name)(*options))


def test_second_order_of_pooling() -> None:
    x = array(1, 2, 6, 5)
    same_call(lambda s, x: s.F.max_pool2d(x * x, 2), x, second=True)
    same_call(lambda s, x: s.F.max_pool2d(x * x, 3, 2, 1), x, second=True)
    same_call(lambda s, x: s.F.avg_pool2d(x * x, 3, 2, 1), x, second=True)
    same_call(lambda s, x: s.F.adaptive_avg_pool2d(x * x, (4, 3)), x, second=True)


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.F.max_pool2d(s.lib.zeros(1, 1, 4, 4), 2, padding=2),
        lambda s: s.F.max_pool2d(s.lib.zeros(4, 4), 2),
        lambda s: s.F.avg_pool2d(s.lib.zeros(1, 1, 4, 4), 2, padding=2),
        lambda s: s.F.max_pool2d(s.lib.zeros(1, 1, 2, 2), 3),
        lambda s: s.F.avg_pool2d(s.lib.zeros(1, 1, 4, 4), 2, divisor_override=0),
    ],
)
def test_errors_of_pooling(call: Callable[[Any], Any]) -> None:
    same_error(call)


# --- normalisation ----------------------------------------------------------------------------------------------------


def test_second_order_of_normalisation() -> None:
    same_layer(lambda nn: nn.BatchNorm2d(3), (3, 3, 2, 2), second=True)
    same_layer(lambda nn: nn.LayerNorm(5), (3, 5), second=True)
    same_layer(lambda nn: nn.GroupNorm(2, 4), (2, 4, 3), second=True)
    same_layer(lambda nn: nn.InstanceNorm1d(2, affine=True), (2, 2, 4), second=True)


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.nn.BatchNorm2d(3)(s.lib.zeros(2, 3, 4)),
        lambda s: s.nn.BatchNorm1d(3)(s.lib.zeros(1, 3)),
        lambda s: s.nn.BatchNorm2d(3)(s.lib.zeros(2, 4, 3, 3)),
        lambda s: s.nn.LayerNorm(3)(s.lib.zeros(2, 4)),
        lambda s: s.nn.GroupNorm(2, 3),
        lambda s: s.nn.InstanceNorm2d(3)(s.lib.zeros(1, 3, 1, 1)),
    ],
)
def test_errors_of_normalisation(call: Callable[[Any], Any]) -> None:
    same_error(call)


# --- padding, upsampling ----------------------------------------------------------------------------------------------


def test_padding() -> None:
    same_call(lambda s, x: s.F.pad(x, (-1, 2, 0, -1)), array(3, 4))
    same_call(lambda s, x: s.F.pad(x, (1, 1), value=3.0), array(4))
    same_call(lambda s, x: s.F.pad(x * x, (2, 1), mode="reflect"), array(2, 4), second=True)
    for call in (
        lambda s: s.F.pad(s.lib.zeros(1, 1, 3), (3, 0), mode="reflect"),
        lambda s: s.F.pad(s.lib.zeros(3), (1,)),
        lambda s: s.F.pad(s.lib.zeros(3), (1, 1), mode="some"),
        lambda s: s.F.pad(s.lib.zeros(3), (1, 1, 1, 1)),
        lambda s: s.F.pad(s.lib.zeros(3), (-2, -2)),
    ):
        same_error(call)


@both
@pytest.mark.parametrize(
    "how",
    [
        {"size": 7},
        {"size": 3},
        {"scale_factor": 2},
        {"scale_factor": 1.6},
        {"scale_factor": 0.7},
        {"scale_factor": 1.6, "recompute_scale_factor": True},
    ],
    ids=str,
)
def test_interpolation(how: dict[str, Any], dtype: str) -> None:
    for mode, rank in (
        ("nearest", 1),
        ("nearest", 2),
        ("nearest", 3),
        ("nearest-exact", 2),
        ("area", 2),
        ("linear", 1),
        ("bilinear", 2),
        ("bicubic", 2),
        ("trilinear", 3),
    ):
        for align in (None, True, False) if mode in ("linear", "bilinear", "bicubic", "trilinear") else (None,):
            same_call(
                lambda s, x, m=mode, a=align: s.F.interpolate(x, mode=m, align_corners=a, **how),
                array(2, 2, *(5, 4, 6)[:rank]),
                dtype=dtype,
            )


def test_errors_of_upsampling() -> None:
    for call in (
        lambda s: s.F.interpolate(s.lib.zeros(1, 1, 3, 3)),
        lambda s: s.F.interpolate(s.lib.zeros(1, 1, 3, 3), size=3, scale_factor=2),
        lambda s: s.F.interpolate(s.lib.zeros(1, 1, 3, 3), size=3, align_corners=True),
        lambda s: s.F.interpolate(s.lib.zeros(1, 1, 3, 3), size=3, mode="linear"),
        lambda s: s.F.interpolate(s.lib.zeros(1, 1, 3, 3), size=(3, 3, 3)),
        lambda s: s.F.pixel_shuffle(s.lib.zeros(1, 3, 3, 3), 2),
        lambda s: s.F.pixel_unshuffle(s.lib.zeros(1, 3, 3, 3), 2),
        lambda s: s.F.fold(s.lib.zeros(1, 4, 5), (3, 3), 2),
    ):
        same_error(call)


# --- recurrent --------------------------------------------------------------------------------------------------------

SEQUENCES: list[dict[str, Any]] = [
    {},
    {"bias": False},
    {"num_layers": 2, "dropout": 0.4},
    {"bidirectional": True, "num_layers": 2},
    {"batch_first": True},
]


@both
@pytest.mark.parametrize("options", SEQUENCES, ids=str)
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_from_a_state(kind: str, options: dict[str, Any], dtype: str) -> None:
    count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    first = array(count, 5 if options.get("batch_first") else 2, 4).astype(dtype)

    def started(side: Any, layer: Any, x: Any) -> Any:
        states = (side.lib.tensor(first), side.lib.tensor(first * 2))
        return layer(x, states if kind == "LSTM" else states[0])

    found = []
    for side in SIDES:
        side.lib.manual_seed(5)
        layer = getattr(side.nn, kind)(3, 4, **options).to(getattr(side.lib, dtype))
        found.append(
            outcome(
                side, lambda x, side=side, layer=layer: started(side, layer, x), [array(5, 2, 3).astype(dtype)], layer
            )
        )
    agree(*found, dtype)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("ordered", [True, False])
def test_packed_sequences(kind: str, ordered: bool) -> None:
    lengths = [5, 5, 3, 1] if ordered else [3, 5, 1, 5]
    for options in ({}, {"bidirectional": True, "num_layers": 2, "dropout": 0.3}, {"batch_first": True}):
        found = []
        for side in SIDES:
            side.lib.manual_seed(5)
            layer, rnn = getattr(side.nn, kind)(3, 4, **options).double(), side.nn.utils.rnn
            first = options.get("batch_first", False)

            def call(x: Any, layer: Any = layer, rnn: Any = rnn, first: Any = first) -> Any:
                packed = rnn.pack_padded_sequence(x, lengths, batch_first=first, enforce_sorted=ordered)
                out, last = layer(packed)
                padded, counts = rnn.pad_packed_sequence(out, batch_first=first, padding_value=-1.0, total_length=6)
                return packed.data, packed.batch_sizes, padded, counts, last

            found.append(outcome(side, call, [array(*((4, 5, 3) if first else (5, 4, 3)))], layer))
        agree(*found, "float64")


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_second_order_of_recurrent_layers(kind: str) -> None:
    same_layer(lambda nn: getattr(nn, kind)(2, 3), (3, 2, 2), second=True, evaluate=False)


def test_sequence_tools() -> None:
    parts = [array(3, 2), array(1, 2), array(4, 2)]
    for options in ({}, {"batch_first": True}, {"padding_value": 2.0, "padding_side": "left"}):
        same_call(lambda s, *x, options=options: s.nn.utils.rnn.pad_sequence(list(x), **options), *parts)
    same_call(
        lambda s, *x: s.nn.utils.rnn.unpack_sequence(s.nn.utils.rnn.pack_sequence(list(x), enforce_sorted=False)),
        *parts,
    )
    for call in (
        lambda s: s.nn.utils.rnn.pack_padded_sequence(s.lib.zeros(3, 2, 1), [2, 3]),
        lambda s: s.nn.utils.rnn.pack_padded_sequence(s.lib.zeros(3, 2, 1), [2, 0]),
        lambda s: s.nn.utils.rnn.pack_padded_sequence(s.lib.zeros(3, 2, 1), [2]),
        lambda s: s.nn.LSTM(3, 4)(s.lib.zeros(2, 2, 2)),
        lambda s: s.nn.LSTM(3, 4)(s.lib.zeros(2)),
        lambda s: s.nn.GRU(3, 4)(s.lib.zeros(2, 2, 3), s.lib.zeros(1, 3, 4)),
        lambda s: s.nn.GRU(3, 0),
        lambda s: s.nn.GRU(3, 4, dropout=2.0),
        lambda s: s.nn.GRU(3, 4)(s.lib.zeros(2, 2, 3), s.lib.zeros(1, 4)),
        lambda s: s.nn.LSTM(3, 4, proj_size=4),
        lambda s: s.nn.GRU(3, 4, proj_size=2),
        lambda s: s.nn.RNN(3, 4, nonlinearity="some"),
        lambda s: s.nn.LSTMCell(3, 4)(s.lib.zeros(2, 2)),
    ):
        same_error(call)


# --- attention --------------------------------------------------------------------------------------------------------


@both
def test_scaled_dot_product_attention(dtype: str) -> None:
    q, k, v = array(2, 3, 4, 5), array(2, 3, 6, 5), array(2, 3, 6, 2)
    mask, added = array(4, 6) > 0, array(4, 6)
    mask[0] = False
    same_call(lambda s, q, k, v: s.F.scaled_dot_product_attention(q, k, v), q, k, v, dtype=dtype)
    same_call(
        lambda s, q, k, v: s.F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3), q, k, v, dtype=dtype
    )
    same_call(
        lambda s, q, k, v: s.F.scaled_dot_product_attention(q, k, v, attn_mask=s.lib.tensor(mask)), q, k, v, dtype=dtype
    )
    same_call(lambda s, q, k, v, a: s.F.scaled_dot_product_attention(q, k, v, attn_mask=a), q, k, v, added, dtype=dtype)
    same_call(
        lambda s, q, k, v: s.F.scaled_dot_product_attention(q, k[:, :1], v[:, :1], enable_gqa=True),
        q,
        k,
        v,
        dtype=dtype,
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"kdim": 3, "vdim": 5},
        {"add_bias_kv": True},
        {"add_zero_attn": True},
        {"batch_first": True, "dropout": 0.3},
    ],
    ids=str,
)
@pytest.mark.parametrize("need", [True, False])
def test_multi_head_attention(options: dict[str, Any], need: bool) -> None:
    padding = np.zeros((4, 4), bool)
    padding[1, 2:] = True
    later = np.triu(np.ones((4, 4), bool), 1)
    arrays = [array(4, 4, 8), array(4, 4, options.get("kdim", 8)), array(4, 4, options.get("vdim", 8))]
    for masks in (
        {},
        {"key_padding_mask": padding},
        {"attn_mask": later},
        {"key_padding_mask": padding, "attn_mask": later, "average_attn_weights": False},
    ):
        found = []
        for side in SIDES:
            side.lib.manual_seed(5)
            layer = side.nn.MultiheadAttention(8, 2, **options).double()
            given = {name: side.lib.tensor(m) if isinstance(m, np.ndarray) else m for name, m in masks.items()}
            found.append(
                outcome(side, lambda *x, layer=layer, given=given: layer(*x, need_weights=need, **given), arrays, layer)
            )
        agree(*found, "float64")


def test_transformers() -> None:
    same_layer(lambda nn: nn.MultiheadAttention(8, 2, dropout=0.2), *[(3, 2, 8)] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same_layer(
            lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.1), 2, nn.LayerNorm(8)), (3, 4, 8)
        )
        same_layer(lambda nn: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, 0.1), 2), (3, 4, 8), (5, 4, 8))
        for call in (
            lambda s: s.nn.MultiheadAttention(5, 2),
            lambda s: s.nn.MultiheadAttention(0, 2),
            lambda s: s.nn.TransformerEncoderLayer(4, 2, activation="some"),
            lambda s: s.nn.MultiheadAttention(4, 2)(*[s.lib.zeros(3, 5)] * 3),
            lambda s: s.nn.Transformer(4, 2)(s.lib.zeros(1, 1, 4), s.lib.zeros(1, 2, 4)),
        ):
            same_error(call)
    ours, theirs = (s.nn.Transformer.generate_square_subsequent_mask(3) for s in SIDES)
    assert np.array_equal(ours.numpy(), theirs.numpy())


# --- losses and tools -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("limit", [0.5, 1000.0])
def test_clipping(norm: float, limit: float) -> None:
    found = []
    for side in SIDES:
        side.lib.manual_seed(1)
        model = side.nn.Sequential(side.nn.Linear(3, 4), side.nn.Linear(4, 2)).double()
        (model(side.lib.tensor(array(5, 3))) ** 2).sum().backward()
        total = side.nn.utils.clip_grad_norm_(model.parameters(), limit, norm)
        grads = [p.grad.clone() for p in model.parameters()]
        side.nn.utils.clip_grad_value_(model.parameters(), 0.05)
        vector = side.nn.utils.parameters_to_vector(model.parameters())
        side.nn.utils.vector_to_parameters(vector * 2, model.parameters())
        found.append(numbers([total, *grads, *[p.grad for p in model.parameters()], vector, *model.parameters()]))
    agree(*found, "float64")


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_connectionist_temporal_classification(reduction: str) -> None:
    x, targets = array(8, 3, 5), np.array([[1, 2, 2, 3], [4, 1, 0, 0], [3, 0, 0, 0]])
    lengths, counts = (8, 6, 7), (4, 2, 1)

    def call(s: Any, x: Any, rows: Any = targets, many: Any = counts, **options: Any) -> Any:
        loss = s.nn.CTCLoss(reduction=reduction, **options)
        return loss(x.log_softmax(-1), s.lib.tensor(rows), lengths, many)

    same_call(call, x)
    same_call(lambda s, x: call(s, x, np.array([1, 2, 2, 3, 4, 1, 3])), x)
    same_call(lambda s, x: call(s, x, targets, (4, 0, 1)), x)
    same_call(lambda s, x: call(s, x, targets % 4, blank=4), x)
    same_call(
        lambda s, x: call(
            s, x, np.array([[1, 1, 1, 1, 1], [1, 2, 3, 4, 1], [1, 2, 3, 4, 1]]), (5, 2, 1), zero_infinity=True
        ),
        x,
    )
    same_call(
        lambda s, x: s.F.ctc_loss(
            x.log_softmax(-1), s.lib.tensor([1, 2]), s.lib.tensor(8), s.lib.tensor(2), reduction=reduction
        ),
        x[:, 0],
    )


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_embeddings(mode: str) -> None:
    rows, offsets = np.array([1, 2, 4, 5, 4, 3]), np.array([0, 2, 2, 6])
    for options in ({}, {"padding_idx": 4}, {"include_last_offset": True}):

        def make(nn: Any, options: dict[str, Any] = options) -> Any:
            return nn.EmbeddingBag(6, 3, mode=mode, **options)

        found = []
        for side in SIDES:
            side.lib.manual_seed(2)
            layer = make(side.nn).double()
            found.append(
                [
                    *outcome(
                        side, lambda w, s=side, m=layer: m(s.lib.tensor(rows), s.lib.tensor(offsets)), [array(1)], layer
                    ),
                    *outcome(side, lambda w, s=side, m=layer: m(s.lib.tensor(rows.reshape(2, 3))), [array(1)], layer),
                ]
            )
        assert repr(make(OURS.nn)) == repr(make(THEIRS.nn))
        agree(*found, "float64")
    if mode == "sum":
        same_call(
            lambda s, w, p: s.F.embedding_bag(
                s.lib.tensor(rows), w, s.lib.tensor(offsets), mode="sum", per_sample_weights=p
            ),
            array(6, 3),
            array(6),
        )


def test_lazy_layers() -> None:
    found = []
    for side in SIDES:
        side.lib.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nn = side.nn
            model = nn.Sequential(
                nn.LazyConv2d(4, 3, padding=1, groups=2),
                nn.LazyBatchNorm2d(),
                nn.LazyInstanceNorm2d(),
                nn.Flatten(),
                nn.LazyLinear(5),
                nn.LazyLinear(3, bias=False),
                nn.Unflatten(1, (3, 1, 1)),
                nn.LazyConvTranspose2d(2, 3),
            )
        before = repr(model), repr(model[0].weight), list(model.state_dict())
        results = outcome(side, model, [array(2, 6, 4, 4).astype("float32")])
        found.append((before, results, repr(model), numbers(model.state_dict().values())))
    assert found[0][0] == found[1][0] and found[0][2] == found[1][2]
    agree(found[0][1] + found[0][3], found[1][1] + found[1][3], "float32")
