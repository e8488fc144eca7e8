"""Batches of no examples, and dimensions without elements, through every layer, loss and reduction, held against
PyTorch: results, gradients of input and parameters, and the statistics that are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.peer.side_by_side import both

Layer = Callable[[Any], Any]


def functional(name: str, *rest: Any, **options: Any) -> Layer:
    return lambda T: lambda x: getattr(T.nn.functional, name)(x, *rest, **options)


def layer(name: str, *rest: Any, **options: Any) -> Layer:
    return lambda T: getattr(T.nn, name)(*rest, **options)


def thrice(make: Layer) -> Layer:
    def made(T: Any) -> Any:
        module = make(T)
        return lambda x: module(x, x, x)

    return made


LAYERS: list[tuple[str, Layer, tuple[int, ...]]] = [
    ("BatchNorm1d", layer("BatchNorm1d", 2), (0, 2)), ("BatchNorm1d", layer("BatchNorm1d", 2), (0, 2, 3)),
    ("BatchNorm1d", layer("BatchNorm1d", 2), (2, 2, 0)), ("BatchNorm2d", layer("BatchNorm2d", 2), (0, 2, 3, 3)),
    ("BatchNorm2d", layer("BatchNorm2d", 2), (2, 2, 0, 3)),
    ("BatchNorm2d eval", lambda T: T.nn.BatchNorm2d(2).eval(), (0, 2, 3, 3)),
    ("GroupNorm", layer("GroupNorm", 2, 4), (0, 4, 3, 3)), ("GroupNorm", layer("GroupNorm", 2, 4), (0, 4)),
    ("LayerNorm", layer("LayerNorm", 4), (0, 4)), ("LayerNorm", layer("LayerNorm", 4), (2, 0, 4)),
    ("InstanceNorm2d", layer("InstanceNorm2d", 2), (0, 2, 3, 3)), ("RMSNorm", layer("RMSNorm", 4), (0, 4)),
    ("Linear", layer("Linear", 3, 2), (2, 0, 3)), ("Linear of nothing", layer("Linear", 0, 2), (3, 0)),
    ("Linear to nothing", layer("Linear", 3, 0), (2, 3)), ("Conv1d", layer("Conv1d", 2, 3, 3), (0, 2, 5)),
    ("Conv2d", layer("Conv2d", 2, 3, 3), (0, 2, 5, 5)), ("Conv3d", layer("Conv3d", 1, 2, 2), (0, 1, 3, 3, 3)),
    ("ConvTranspose2d", layer("ConvTranspose2d", 2, 3, 3), (0, 2, 5, 5)),
    *((f"{name} {options}", layer(name, 3, 4, **options), shape)
      for name in ("RNN", "LSTM", "GRU")
      for options, shape in (({}, (5, 0, 3)),
                             ({"batch_first": True, "bidirectional": True, "num_layers": 2}, (0, 5, 3)))),
    *((f"{name}Cell", layer(f"{name}Cell", 3, 4), (0, 3)) for name in ("RNN", "LSTM", "GRU")),
    ("MaxPool2d", layer("MaxPool2d", 2), (0, 2, 4, 4)), ("AvgPool2d", layer("AvgPool2d", 2), (0, 2, 4, 4)),
    ("AdaptiveAvgPool2d", layer("AdaptiveAvgPool2d", 2), (0, 2, 5, 5)),
    ("AdaptiveMaxPool2d", layer("AdaptiveMaxPool2d", 2), (0, 2, 5, 5)),
    ("LPPool2d", layer("LPPool2d", 2, 2), (0, 2, 4, 4)),
    ("FractionalMaxPool2d", layer("FractionalMaxPool2d", 2, output_size=2), (0, 2, 4, 4)),
    ("MaxUnpool2d", lambda T: lambda x: T.nn.MaxUnpool2d(2)(*T.nn.functional.max_pool2d(x, 2, return_indices=True)),
     (0, 2, 4, 4)),
    ("Embedding", lambda T: lambda x: T.nn.Embedding(3, 2)(x.long()), (2, 0)),
    ("EmbeddingBag", lambda T: lambda x: T.nn.EmbeddingBag(3, 2)(x.long()), (0, 3)),
    ("MultiheadAttention", thrice(layer("MultiheadAttention", 4, 2)), (0, 2, 4)),
    ("MultiheadAttention", thrice(layer("MultiheadAttention", 4, 2)), (3, 0, 4)),
    ("TransformerEncoderLayer", layer("TransformerEncoderLayer", 4, 2, 8, dropout=0.0, batch_first=True), (0, 3, 4)),
    ("scaled_dot_product_attention", thrice(functional("scaled_dot_product_attention")), (0, 2, 3, 4)),
    ("ChannelShuffle", layer("ChannelShuffle", 2), (0, 4, 3, 3)),
    ("Upsample", layer("Upsample", scale_factor=2), (0, 2, 3, 3)),
    ("Upsample bilinear", layer("Upsample", scale_factor=2, mode="bilinear"), (0, 2, 3, 3)),
    ("Unfold", layer("Unfold", 2), (0, 2, 3, 3)), ("Fold", layer("Fold", (3, 3), 2), (0, 8, 4)),
    ("grid_sample", lambda T: lambda x: T.nn.functional.grid_sample(x, T.zeros(0, 2, 2, 2), align_corners=False),
     (0, 2, 3, 3)),
    ("CosineSimilarity", lambda T: lambda x: T.nn.CosineSimilarity()(x, x), (3, 0)),
    *((name, layer(name, *rest), (0, 4)) for name, rest in (
        ("ReLU", ()), ("GELU", ()), ("Softmax", (-1,)), ("LogSoftmax", (-1,)), ("PReLU", ()), ("GLU", ()),
        ("RReLU", ()))),
    *((name, layer(name, 1), (0, 2, 3, 3))
      for name in ("ReflectionPad2d", "ReplicationPad2d", "CircularPad2d", "ZeroPad2d")),
    *((name, layer(name, 0.5), (0, 3, 2, 2)) for name in ("Dropout", "Dropout2d", "AlphaDropout")),
]


@pytest.mark.parametrize(("name", "make", "shape"), LAYERS, ids=[f"{name}-{shape}" for name, _, shape in LAYERS])
def test_layers_of_nothing(name: str, make: Layer, shape: tuple[int, ...]) -> None:
    def program(T: Any) -> Any:
        module, x = make(T), T.zeros(*shape, requires_grad=True)
        out = module(x)
        parts = [part for part in _flat(out) if part.requires_grad]
        if parts:
            T.autograd.backward([part.sum() for part in parts])
        known = hasattr(module, "parameters")
        return [out, x.grad, [dict(module.state_dict()), [p.grad for p in module.parameters()]] if known else []]

    both(program)


def _flat(out: Any) -> list[Any]:
    return [each for part in out for each in _flat(part)] if isinstance(out, tuple) else [out]


LOSSES = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "binary_cross_entropy_with_logits",
          "soft_margin_loss", "poisson_nll_loss", "cross_entropy", "cosine_embedding_loss", "triplet_margin_loss"]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_nothing(name: str, reduction: str) -> None:
    def program(T: Any) -> Any:
        x = T.zeros(0, 3, requires_grad=True)
        rest = {"cross_entropy": (T.zeros(0).long(),), "cosine_embedding_loss": (x, T.zeros(0)),
                "triplet_margin_loss": (x, x)}.get(name, (T.zeros(0, 3),))
        loss = getattr(T.nn.functional, name)(x, *rest, reduction=reduction)
        loss.sum().backward()
        return [loss, x.grad]

    both(program, warned=False)


REDUCTIONS = ["sum", "mean", "prod", "var", "std", "logsumexp", "norm", "amax", "amin", "max", "min", "argmax",
              "argmin", "median", "nansum", "nanmean", "nanmedian", "all", "any", "mode", "cumsum", "cumprod", "cummax",
              "softmax", "log_softmax", "sort", "argsort", "logcumsumexp", "count_nonzero", "diff", "std_mean",
              "var_mean", "unbind"]


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_of_nothing(name: str) -> None:
    for shape in ((0, 3), (3, 0), (0,)):
        for dim in range(len(shape)):
            both(lambda T, shape=shape, dim=dim: getattr(T, name)(T.zeros(*shape), dim=dim), warned=False)
            if name in ("sum", "mean", "prod", "var", "logsumexp", "softmax", "cumsum"):
                both(lambda T, shape=shape, dim=dim: _gradient(T, name, shape, dim), warned=False)


def _gradient(T: Any, name: str, shape: tuple[int, ...], dim: int) -> Any:
    x = T.zeros(*shape, requires_grad=True)
    getattr(T, name)(x, dim=dim).sum().backward()
    return x.grad


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_a_target_that_cannot_be_aligned_spoils_its_gradient(zero_infinity: bool) -> None:
    def program(T: Any) -> Any:
        T.manual_seed(0)
        x = T.randn(4, 3, 5, requires_grad=True)
        targets = T.tensor([[1, 1, 1], [1, 2, 0], [3, 3, 0]])
        losses = T.nn.functional.ctc_loss(x.log_softmax(2), targets, (4, 4, 2), (3, 2, 2), reduction="none",
                                          zero_infinity=zero_infinity)
        losses.sum().backward()
        return [losses, x.grad]

    both(program, rtol=1e-4, atol=1e-5)


def test_a_histogram_has_a_hundred_bins_unless_told() -> None:
    both(lambda T: tuple(T.histogram(T.arange(10.0))))
    both(lambda T: tuple(T.histogram(T.zeros(0), 3)))
