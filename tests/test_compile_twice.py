"""Every layer of `nn`, compiled, differentiated twice: a gradient penalty outside and inside of what is compiled."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pytest

import wengert as torch
import wengert.nn.functional as F
from wengert import nn

Call = Callable[[Any, Any], Any]
ROW, ROWS, IMAGE, SOLID = (2, 6), (2, 4, 6), (2, 4, 8, 8), (2, 2, 4, 4, 4)
CASES: list[Any] = []


def add(kind: str, shape: tuple[int, ...], *args: Any, call: Call = lambda layer, x: layer(x), **kwargs: Any) -> None:
    CASES.append(pytest.param(kind, shape, args, kwargs, call, id=f"{kind}{len(CASES)}"))


for name in ("ReLU ReLU6 ELU SELU CELU GELU SiLU Mish Hardswish Hardsigmoid Hardtanh Hardshrink Softshrink Softplus "
             "Softsign Sigmoid Tanh Tanhshrink LogSigmoid LeakyReLU PReLU RReLU Identity GLU Dropout AlphaDropout"
             ).split():
    add(name, ROW)
for name in "Softmax LogSoftmax Softmin".split():
    add(name, ROW, 1)
add("Threshold", ROW, 0.1, 0.0)
add("Linear", ROW, 6, 5)
add("Bilinear", ROW, 6, 6, 3, call=lambda layer, x: layer(x, x.flip(1)))
add("Softmax2d", IMAGE)
add("BatchNorm1d", ROW, 6)
add("BatchNorm1d", ROWS, 4)
add("BatchNorm2d", IMAGE, 4)
add("BatchNorm2d", IMAGE, 4, affine=False)
add("BatchNorm2d", IMAGE, 4, track_running_stats=False)
add("BatchNorm2d", IMAGE, 4, momentum=None)
add("BatchNorm2d", IMAGE, 4, call=lambda layer, x: F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight))
add("BatchNorm3d", SOLID, 2)
add("SyncBatchNorm", IMAGE, 4)
add("InstanceNorm1d", ROWS, 4)
add("InstanceNorm2d", IMAGE, 4, affine=True, track_running_stats=True)
add("InstanceNorm3d", SOLID, 2)
add("GroupNorm", IMAGE, 2, 4)
add("LayerNorm", ROWS, 6)
add("LayerNorm", ROWS, (4, 6), elementwise_affine=False)
add("RMSNorm", ROWS, 6)
add("LocalResponseNorm", IMAGE, 2)
add("CrossMapLRN2d", IMAGE, 3)
for rank, shape, channels in ((1, ROWS, 4), (2, IMAGE, 4), (3, SOLID, 2)):
    add(f"Conv{rank}d", shape, channels, 3, 3)
    add(f"ConvTranspose{rank}d", shape, channels, 3, 3, stride=2, padding=1)
    for name in ("MaxPool", "AvgPool", "AdaptiveMaxPool", "AdaptiveAvgPool"):
        add(f"{name}{rank}d", shape, 2)
    add(f"LPPool{rank}d", shape, 2, 2)
    for name in "Reflection Replication Zero Circular".split():
        add(f"{name}Pad{rank}d", shape, 1)
    add(f"ConstantPad{rank}d", shape, 1, 0.5)
    add(f"MaxUnpool{rank}d", shape, 2, call=lambda layer, x, rank=rank: layer(
        *getattr(F, f"max_pool{rank}d")(x, 2, return_indices=True)))
    add(f"Dropout{rank}d", shape)
add("Conv2d", IMAGE, 4, 4, 3, groups=2, stride=2, dilation=2, padding=1, padding_mode="reflect")
add("FractionalMaxPool2d", IMAGE, 2, output_size=3)
add("FractionalMaxPool3d", SOLID, 2, output_size=2)
add("FeatureAlphaDropout", IMAGE)
add("Flatten", IMAGE)
add("Unflatten", ROW, 1, (2, 3))
add("Fold", (2, 8, 9), (4, 4), 2)
add("Unfold", IMAGE, 3)
for name in "PixelShuffle PixelUnshuffle ChannelShuffle".split():
    add(name, IMAGE, 2)
for mode, shape in (("nearest", IMAGE), ("bilinear", IMAGE), ("bicubic", IMAGE), ("linear", ROWS),
                    ("trilinear", SOLID), ("area", IMAGE), ("nearest-exact", IMAGE)):
    add("Upsample", shape, scale_factor=2, mode=mode)
add("UpsamplingBilinear2d", IMAGE, scale_factor=2)
add("UpsamplingNearest2d", IMAGE, scale_factor=2)
for name in "RNN GRU LSTM".split():
    add(name, ROWS, 6, 5, 2, batch_first=True, bidirectional=True, call=lambda layer, x: layer(x)[0])
add("LSTM", ROWS, 6, 5, proj_size=3, call=lambda layer, x: layer(x)[1][1])
add("RNN", ROWS, 6, 5, nonlinearity="relu", call=lambda layer, x: layer(x)[0])
add("RNNCell", ROW, 6, 5)
add("GRUCell", ROW, 6, 5)
add("LSTMCell", ROW, 6, 5, call=lambda layer, x: layer(x)[1])
add("MultiheadAttention", ROWS, 6, 2, batch_first=True, call=lambda layer, x: layer(x, x, x)[0])
add("MultiheadAttention", ROWS, 6, 2, 0.1, call=lambda layer, x: layer(x, x, x, need_weights=False)[0])
add("TransformerEncoderLayer", ROWS, 6, 2, 8, batch_first=True)
add("TransformerDecoderLayer", ROWS, 6, 2, 8, norm_first=True, call=lambda layer, x: layer(x, x))
add("Transformer", ROWS, 6, 2, 1, 1, 8, 0.0, call=lambda layer, x: layer(x, x))
add("CosineSimilarity", ROW, call=lambda layer, x: layer(x, x.flip(0)))
add("PairwiseDistance", ROW, call=lambda layer, x: layer(x, x.flip(1)))
for name in "MSELoss L1Loss SmoothL1Loss HuberLoss".split():
    add(name, ROW, call=lambda layer, x: layer(x, x.flip(1)))
for name in "CrossEntropyLoss MultiMarginLoss".split():
    add(name, ROW, call=lambda layer, x: layer(x, torch.tensor([1, 2])))
add("NLLLoss", ROW, call=lambda layer, x: layer(x.log_softmax(1), torch.tensor([1, 2])))
add("BCELoss", ROW, call=lambda layer, x: layer(x.sigmoid(), x.flip(1).sigmoid()))
for name in "BCEWithLogitsLoss PoissonNLLLoss".split():
    add(name, ROW, call=lambda layer, x: layer(x, x.flip(1).sigmoid()))
add("KLDivLoss", ROW, reduction="sum", call=lambda layer, x: layer(x.log_softmax(1), x.sigmoid()))
add("GaussianNLLLoss", ROW, call=lambda layer, x: layer(x, x.flip(1), x.sigmoid()))
for name in "HingeEmbeddingLoss SoftMarginLoss MultiLabelSoftMarginLoss".split():
    add(name, ROW, call=lambda layer, x: layer(x, torch.ones(2, 6, dtype=torch.float64)))
add("MultiLabelMarginLoss", ROW, call=lambda layer, x: layer(x, torch.tensor([[1, 2, -1, 0, 0, 0]] * 2)))
add("CosineEmbeddingLoss", ROW, call=lambda layer, x: layer(x, x.flip(1), torch.tensor([1, -1])))
add("MarginRankingLoss", ROW, call=lambda layer, x: layer(x, x.flip(1), torch.ones(2, 6, dtype=torch.float64)))
for name in "TripletMarginLoss TripletMarginWithDistanceLoss".split():
    add(name, ROW, call=lambda layer, x: layer(x, x.flip(1), x.flip(0)))
add("CTCLoss", (5, 2, 6), call=lambda layer, x: layer(
    x.log_softmax(2), torch.tensor([[1, 2], [3, 1]]), torch.tensor([5, 5]), torch.tensor([2, 2])))
add("AdaptiveLogSoftmaxWithLoss", ROW, 6, 10, [3, 6], div_value=1.5, call=lambda layer, x: layer(
    x, torch.tensor([1, 7])).loss)
add("LinearCrossEntropyLoss", ROW, 6, 5, call=lambda layer, x: layer(x, torch.tensor([1, 2])))
add("Embedding", ROW, 9, 6, call=lambda layer, x: layer(torch.tensor([1, 3])) * x)
add("EmbeddingBag", ROW, 9, 6, call=lambda layer, x: layer(torch.tensor([[1, 3], [2, 2]])) * x)

HOLDERS = {"Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Container",
           "DataParallel", "Buffer", "TransformerEncoder", "TransformerDecoder", "RNNBase", "RNNCellBase", "NLLLoss2d"}
"""What holds layers, of which others are cases, or is their base; the last is another name."""


def test_every_layer_is_a_case() -> None:
    layers = {name for name in dir(nn) if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name),
                                                                                              nn.Module)}
    lazy = {name for name in layers if name.startswith("Lazy")}  # which become the others in their first call
    assert {case.values[0] for case in CASES} == layers - HOLDERS - lazy


@pytest.mark.parametrize("place", ["outside", "inside"])
@pytest.mark.parametrize("kind, shape, args, kwargs, call", CASES)
def test_second_derivatives_of_a_compiled_layer(kind: str, shape: tuple[int, ...], args: Any, kwargs: Any, call: Call,
                                                place: str) -> None:
    """Behind a linear layer, so that the penalty's gradient goes through the layer's own twice."""
    width = prod(shape[1:])

    def found(wrap: Callable[[Any], Any]) -> list[Any]:
        torch.manual_seed(1)
        layer, first = getattr(nn, kind)(*args, **kwargs).double(), nn.Linear(width, width).double()
        parameters = [*layer.parameters(), *first.parameters()]

        def run(x: Any) -> Any:
            return call(layer, first(x.flatten(1)).tanh().reshape(shape))

        if place == "outside":
            run = wrap(run)

        def step(x: Any) -> Any:
            out = run(x)
            out = out[0] if isinstance(out, tuple) else out
            (slope,) = torch.autograd.grad(out.sin().sum(), x, create_graph=True)
            loss = (slope.square().sum() - 1).square() + out.square().sum()
            return loss, torch.autograd.grad(loss, parameters, allow_unused=True)

        step = wrap(step) if place == "inside" else step
        torch.manual_seed(7)
        x = torch.from_numpy(np.random.default_rng(0).standard_normal(shape)).requires_grad_()
        loss, grads = step(x)
        return [loss, *grads, *layer.buffers(), torch.get_rng_state()]

    for one, other in zip(found(lambda f: f), found(lambda f: torch.compile(f, fullgraph=True)), strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(other, one, rtol=1e-7, atol=1e-9)


def _under_no_grad(function: Any, x: Any) -> Any:
    with torch.no_grad():
        return function(x)


class _Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.round()

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ct * x.detach() + ct * x


CUTS: dict[str, Any] = {
    "detached": lambda x, w: x * x.detach(),
    "detached on the way": lambda x, w: x * x.sin().detach() + x.sin(),
    "under no_grad": lambda x, w: x * _under_no_grad(torch.sin, x) * w,
    "data": lambda x, w: x.sin() * x.sin().data,
    "a target": lambda x, w: (x**2 - (x**3 * w).detach()) ** 2,
    "straight through": lambda x, w: (x + (x.round() - x).detach()).pow(3),
    "a largest one taken off": lambda x, w: (x - x.detach().max()).exp().sum().log(),
    "a parameter": lambda x, w: x * w * w.detach(),
    "a gradient inside": lambda x, w: torch.autograd.grad((x**3 * w).sum(), x, create_graph=True)[0] * x,
    "a gradient inside, without a history": lambda x, w: torch.autograd.grad((x**3).sum(), x)[0] * x * w,
    "a leaf made inside": lambda x, w: torch.autograd.grad(
        ((v := x.detach().requires_grad_()) ** 3 * w).sum(), v, create_graph=True)[0] * x * v,
    "a view of it": lambda x, w: x[:2] * x.detach()[1:] * x.view(3, 1).detach().flatten()[:2],
    "written into": lambda x, w: x.clone().copy_(torch.cat([x[:1] * x[:1], x[1:].detach() ** 2])) * w,
    "a transformation's": lambda x, w: torch.func.grad(lambda t: (t**3 * w).sum())(x) * x.detach(),
    "a transformation's of what is detached": lambda x, w: torch.func.grad(lambda t: (t**2 * t.detach()).sum())(x) * x,
    "examples": lambda x, w: torch.func.vmap(lambda t: t * t.detach() * w)(torch.stack([x, x * 2])),
    "a part of it written": lambda x, w: _with_a_part(x * w, x.detach()) * x,
    "dropped out": lambda x, w: torch.dropout(x * x.detach(), 0.5, True) * x,
    "where": lambda x, w: torch.where(x.detach() > 0, x, x.detach() * x) * x,
    "a loss": lambda x, w: torch.nn.functional.mse_loss(x * x, (x * w).detach()),
    "weights of its own": lambda x, w: x.detach().softmax(0) * x**2 + x.softmax(0) * w,
}


def _with_a_part(y: Any, part: Any) -> Any:
    y = y.clone()
    y[1:] = part[1:] ** 2
    return y


@pytest.mark.parametrize("name", CUTS)
def test_second_derivatives_end_where_histories_do(name: str) -> None:
    """Note [cuts]: what is detached has none, nor what is computed under no_grad, or begins at a leaf made inside."""
    def derivatives(f: Any) -> list[Any]:
        torch.manual_seed(0)
        found = []
        for _ in range(3):
            x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64).requires_grad_()
            first = torch.autograd.grad(f(x, w).sum(), [x, w], create_graph=True, allow_unused=True)
            total = sum([(g * (i + 2)).sum() for i, g in enumerate(first) if g is not None and g.requires_grad])
            second: Any = [None, None] if isinstance(total, int) else torch.autograd.grad(
                total, [x, w], allow_unused=True)
            found.append([None if g is None else g.tolist() for g in (*first, *second)])
        return found

    w = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64).requires_grad_()
    wanted = derivatives(CUTS[name])
    for wrap in (torch.capture, lambda f: torch.compile(f, fullgraph=True)):
        for came, expected in zip(derivatives(wrap(CUTS[name])), wanted, strict=True):
            for one, other in zip(came, expected, strict=True):
                assert (one is None) == (other is None), (came, expected)
                assert one is None or torch.allclose(torch.tensor(one), torch.tensor(other)), (came, expected)


def test_second_derivatives_through_ways_back_of_the_users_are_an_error() -> None:
    """A graph does not know them; the first derivative is what eager mode's is."""
    def hooked(x: Any) -> Any:
        y = x * x
        y.register_hook(lambda ct: ct * 2)
        return y * x

    def written(x: Any) -> Any:
        y = x * x + w
        with torch.no_grad():
            w.mul_(1.0)
        return y * w

    w = torch.tensor(2.0).requires_grad_()
    for function in (lambda x: _Straight.apply(x * x) * x, hooked, written):
        f = torch.compile(function, fullgraph=True)
        for _ in range(3):
            x = torch.tensor([0.5, -1.0, 2.0]).requires_grad_()
            if function is not written:
                (once,) = torch.autograd.grad(f(x).sum(), x)
                assert torch.allclose(once, torch.autograd.grad(function(x).sum(), x)[0])
            with pytest.raises(RuntimeError, match="differentiated once were expected"):
                torch.autograd.grad(f(x).sum(), x, create_graph=True)


def test_second_derivatives_end_there_for_sizes_that_were_not_recorded() -> None:
    f = torch.compile(lambda x: (x**2 * x.detach()).sum(), dynamic=True)
    for n in range(2, 9):
        x = torch.arange(1.0, n + 1).requires_grad_()
        (first,) = torch.autograd.grad(f(x), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x)
        assert torch.allclose(first, 2 * x**2) and torch.allclose(second, 2 * x)
