"""The grid over which `test_nn_layers_peer` and `test_nn_functions_peer` compare ``torch.nn`` with PyTorch's.

A case is a call in words: the arguments of the layer, or of the function, and its inputs. An input is a shape (normal
numbers that get gradients), a `Leaf`, an array (as it is: classes, targets), or any other value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """The inputs of a call, and the arguments: of the layer's constructor, or of the function."""

    inputs: tuple[Any, ...]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}


class Leaf(NamedTuple):
    """An array that gets gradients: one that must not hold just any numbers."""

    value: Any


def case(*inputs: Any, args: tuple[Any, ...] = (), **kwargs: Any) -> Case:
    return Case(inputs, args, kwargs)


def between(low: float, high: float, *shape: int) -> Any:
    return np.random.RandomState(sum(shape)).uniform(low, high, shape)


def whole(high: int, *shape: int) -> Any:
    return np.random.RandomState(sum(shape) + high).randint(0, high, shape)


def signs(*shape: int) -> Any:
    return whole(2, *shape) * 2.0 - 1


MASK = np.array([[0.0, -np.inf, 0.0], [0.0, 0.0, -np.inf]])
SAMPLES = between(0, 1, 2, 3, 2), between(0, 1, 2, 3, 3)
REDUCED: tuple[dict[str, Any], ...] = ({"reduction": "mean"}, {"reduction": "sum"}, {"reduction": "none"})


def settings(*inputs: Any, grid: Any, args: tuple[Any, ...] = ()) -> list[Case]:
    """A case for each dictionary of keyword arguments."""
    return [Case(inputs, args, options) for options in grid]


def reduced(*inputs: Any, **options: Any) -> list[Case]:
    return [Case(inputs, (), {**options, **how}) for how in REDUCED]


_PLAIN = "ReLU6 Hardsigmoid Hardswish LogSigmoid Mish SELU SiLU Sigmoid Softsign Tanh Tanhshrink ReLU"
_SPACE = {1: (7,), 2: (7, 6), 3: (5, 6, 4)}
_WIDE = {1: (8,), 2: (8, 7), 3: (8, 7, 6)}
_SMALL = {1: (4,), 2: (4, 3), 3: (4, 3, 5)}

LAYERS: dict[str, list[Case]] = {
    **{name: [case((3, 4)), case((2, 3, 4))] for name in _PLAIN.split()},
    **{name: [case((3, 4)), case((2, 3, 4), alpha=0.7)] for name in ("ELU", "CELU")},
    "GELU": [case((3, 4)), case((3, 4), approximate="tanh")],
    "GLU": [case((3, 4)), case((4, 3), dim=0)],
    "Hardshrink": [case((3, 4)), case((3, 4), lambd=1.0)],
    "Softshrink": [case((3, 4)), case((3, 4), lambd=1.0)],
    "Hardtanh": [case((3, 4)), case((3, 4), args=(-0.5, 1.5))],
    "LeakyReLU": [case((3, 4)), case((3, 4), args=(0.3,))],
    "PReLU": [case((3, 4)), case((2, 3, 4), num_parameters=3, init=0.1)],
    "RReLU": [case((30, 4)), case((3, 4), lower=0.2, upper=0.2)],
    "Softplus": [case((3, 4)), case((3, 4), beta=3.0, threshold=1.0)],
    "Threshold": [case((3, 4), args=(0.2, -1.0))],
    "Softmax": [case((3, 4), dim=0), case((2, 3, 4), dim=-1)],
    "Softmin": [case((3, 4), dim=1)],
    "LogSoftmax": [case((3, 4), dim=1), case((2, 3, 4), dim=0)],
    "Softmax2d": [case((2, 3, 4, 2)), case((3, 4, 2))],
    "Identity": [case((3, 4)), case((3,), args=(1, 2), anything=3)],
    "Linear": [case((2, 4), args=(4, 3)), case((4,), args=(4, 3), bias=False), case((2, 3, 4), args=(4, 1))],
    "Bilinear": [case((2, 4), (2, 3), args=(4, 3, 5)), case((4,), (3,), args=(4, 3, 2), bias=False)],
    "Flatten": [case((2, 3, 4)), case((2, 3, 4, 2), args=(1, 2)), case((2, 3), args=(0,))],
    "Unflatten": [case((2, 6), args=(1, (2, 3)))],
    "Embedding": [
        case(whole(5, 2, 3), args=(5, 4)), case(whole(5, 3), args=(5, 4), padding_idx=2),
        case(whole(5, 3), args=(5, 4), max_norm=0.5), case(whole(5, 6), args=(5, 2), scale_grad_by_freq=True),
    ],
    "EmbeddingBag": [
        case(whole(5, 2, 3), args=(5, 4)), case(whole(5, 2, 3), args=(5, 4), mode="sum", padding_idx=1),
        case(whole(5, 7), np.array([0, 2, 2]), args=(5, 4), mode="max"),
        case(whole(5, 4), np.array([0, 1, 4]), args=(5, 3), mode="sum", include_last_offset=True),
    ],
    **{f"Dropout{d}d": [case((6, 4, 3, 3, 2)[: 2 + d]), case((4, 3, 3, 3, 2)[: 2 + d], p=0.2)] for d in (1, 2, 3)},
    "Dropout": [case((30, 4)), case((30, 4), p=0.2), case((3, 4), p=0.0), case((3, 4), p=1.0)],
    "AlphaDropout": [case((30, 4)), case((30, 4), p=0.1)],
    "FeatureAlphaDropout": [case((4, 5, 3)), case((4, 5, 3), p=0.1)],
    "ChannelShuffle": [case((2, 6, 3, 2), args=(3,))],
    "PixelShuffle": [case((2, 8, 3, 2), args=(2,))],
    "PixelUnshuffle": [case((2, 2, 6, 4), args=(2,))],
    "Unfold": [case((2, 3, 5, 6), args=((2, 3),)), case((2, 3, 5, 6), args=(3, 2, 1, 2))],
    "Fold": [case((2, 12, 20), args=((5, 6), 2)), case((2, 12, 9), args=((5, 6), 2), stride=2, padding=(1, 0))],
    "CosineSimilarity": [case((3, 4), (3, 4)), case((3, 4), (3, 4), dim=0, eps=0.1)],
    "PairwiseDistance": [case((3, 4), (3, 4)), case((3, 4), (3, 4), p=3),
                         case((3, 4), (4,), p=1.0, eps=0.1, keepdim=True)],
    "UpsamplingNearest2d": [case((2, 3, 4, 3), scale_factor=2), case((2, 3, 4, 3), size=(5, 7))],
    "UpsamplingBilinear2d": [case((2, 3, 4, 3), scale_factor=2), case((2, 3, 4, 3), size=(5, 7)),
                             case((2, 3, 4, 3), size=9)],
    "Upsample": [
        *settings((2, 3, 4, 3), grid=[
            {"scale_factor": 2}, {"size": (3, 5), "mode": "nearest"}, {"scale_factor": (1.5, 2), "mode": "bilinear"},
            {"scale_factor": 1.7, "mode": "bicubic", "align_corners": True},
            {"scale_factor": 0.6, "mode": "bicubic", "recompute_scale_factor": True},
            {"size": 7, "mode": "bilinear", "align_corners": False},
        ]),
        case((2, 3, 5), scale_factor=1.6, mode="linear"), case((1, 2, 3, 4, 2), size=(2, 5, 3), mode="trilinear"),
    ],
    # --- normalisation
    **{f"BatchNorm{d}d": [
        one for shape in ((4, 3, *_SPACE[d]), *([(4, 3)] if d == 1 else []))
        for one in settings(shape, args=(3,), grid=[
            {}, {"affine": False}, {"momentum": None}, {"momentum": 0.4, "eps": 1e-2}, {"track_running_stats": False},
            {"bias": False, "eps": 0.1}])] for d in (1, 2, 3)},
    "SyncBatchNorm": settings((4, 3, 2, 2), args=(3,), grid=[{}, {"affine": False, "momentum": 0.3}]),
    **{f"InstanceNorm{d}d": [
        one for shape in ((4, 3, *_SPACE[d]), (3, *_SPACE[d])) for one in settings(shape, args=(3,), grid=[
            {}, {"affine": True}, {"track_running_stats": True, "affine": True, "momentum": 0.3}, {"eps": 0.1}])]
       for d in (1, 2, 3)},
    "LayerNorm": [case((2, 3, 4), args=(4,)), case((2, 3, 4), args=((3, 4),), eps=0.1, bias=False),
                  case((3, 4), args=([4],), elementwise_affine=False), case((3, 4), args=(4,), bias=False)],
    "RMSNorm": [case((2, 3, 4), args=(4,)), case((2, 3, 4), args=((3, 4),), eps=0.1),
                case((3, 4), args=(4,), elementwise_affine=False)],
    "GroupNorm": [case((3, 4, 5), args=(2, 4)), case((3, 4), args=(1, 4), affine=False, eps=0.1),
                  case((3, 4, 2, 2), args=(4, 4), bias=False)],
    "LocalResponseNorm": [case((2, 5, 4), args=(3,)), case((2, 5, 4, 3), args=(2, 0.1, 0.5, 2.0))],
    # --- convolution
    **{f"Conv{d}d": [
        one for shape in ((2, 4, *_WIDE[d]), (4, *_WIDE[d])) for one in (
            *settings(shape, args=(4, 8, (3, 2, 4)[:d]), grid=[
                {}, {"padding": 1}, {"groups": 2}, {"bias": False}, {"padding": "same"}, {"padding": "valid"},
                {"padding": "same", "dilation": 2}, {"padding": 1, "padding_mode": "reflect"},
                {"padding": 2, "padding_mode": "circular"}, {"padding": 1, "padding_mode": "replicate", "stride": 3},
                {"groups": 4, "padding": 2}]),
            *settings(shape, args=(4, 6, 3), grid=[
                {"stride": 2}, {"stride": 2, "padding": 1, "bias": False},
                {"stride": 2, "padding": 1, "dilation": 2}]))] for d in (1, 2, 3)},
    **{f"ConvTranspose{d}d": settings((2, 4, *_SMALL[d]), args=(4, 6, 3), grid=[
        {}, {"stride": 2}, {"stride": 2, "padding": 1, "output_padding": 1, "bias": False},
        {"groups": 2, "dilation": 2}, {"bias": False, "padding": 1},
        {"stride": 3, "dilation": 2, "padding": 2, "output_padding": 2}]) for d in (1, 2, 3)},
    # --- pooling
    **{f"MaxPool{d}d": [
        one for shape, kernel in (((2, 3, *_WIDE[d]), 2), ((2, 3, *_WIDE[d]), 3), ((3, *_WIDE[d]), 2))
        for one in settings(shape, args=(kernel,), grid=[
            {}, {"stride": 1}, {"stride": 1, "padding": 1}, {"stride": 2, "padding": 1}, {"dilation": 2, "stride": 1},
            {"ceil_mode": True, "return_indices": True}, {"stride": 3, "ceil_mode": True, "padding": 1},
            {"return_indices": True, "padding": 1, "stride": 2, "dilation": 2}])] for d in (1, 2, 3)},
    **{f"AvgPool{d}d": settings((2, 3, *_WIDE[d]), args=(3,), grid=[
        {}, {"stride": 1}, {"stride": 2, "padding": 1}, {"ceil_mode": True, "stride": 2},
        {"ceil_mode": True, "stride": 3}, {"padding": 1, "count_include_pad": False},
        {"stride": 2, "padding": 1, "count_include_pad": False}, {"padding": 1, "ceil_mode": True, "stride": 2},
        {"padding": 1, "ceil_mode": True, "stride": 2, "count_include_pad": False},
        *([{"divisor_override": 3}] if d > 1 else [])]) for d in (1, 2, 3)},
    **{f"LPPool{d}d": settings(Leaf(between(0.1, 2, 2, 3, *_SPACE[d])), args=(3, 2), grid=[
        {}, {"stride": 1}, {"ceil_mode": True}]) for d in (1, 2, 3)},
    **{f"Adaptive{kind}Pool{d}d": [
        *(case((2, 3, *_WIDE[d]), args=(size,)) for size in (1, 2, 3, 5, (None, 3, 2)[:d] if d > 1 else 4)),
        case((3, *_SPACE[d]), args=(1,)),
        *(case((3, *_WIDE[d]), args=(size, True)) for size in (1, 2, 3, 5) if kind == "Max")]
       for kind in ("Avg", "Max") for d in (1, 2, 3)},
    **{f"MaxUnpool{d}d": [case((1, 2, *(2,) * d), np.stack([np.arange(2**d) * 2, np.arange(2**d) + 1]).reshape(
        1, 2, *(2,) * d), args=(2,))] for d in (1, 2, 3)},
    **{f"FractionalMaxPool{d}d": [
        case((2, 3, *_SPACE[d]), args=(2,), output_size=2),
        case((3, *_SPACE[d]), args=(2,), output_ratio=(0.5,) * d, return_indices=True)] for d in (2, 3)},
    # --- padding
    **{f"{kind}Pad{d}d": [case((2, 3, *_SPACE[d]), args=(1,)),
                          case((2, 3, *_SPACE[d]), args=((1, 2, 0, 1, 2, 0)[: 2 * d],))]
       for kind in ("Zero", "Reflection", "Replication", "Circular") for d in (1, 2, 3)},
    **{f"ConstantPad{d}d": [case((2, 3, *_SPACE[d]), args=(1, 2.5)),
                            case((2, *_SPACE[d]), args=((1, -1, 0, 1, 2, 0)[: 2 * d], -1.0))] for d in (1, 2, 3)},
    # --- lazy
    "LazyLinear": [case((2, 4), args=(3,)), case((2, 4), args=(3,), bias=False)],
    **{f"LazyConv{d}d": [case((2, 4, *_SPACE[d]), args=(6, 3)), case((2, 4, *_SPACE[d]), args=(6, 3), groups=2)]
       for d in (1, 2, 3)},
    **{f"LazyConvTranspose{d}d": [case((2, 4, *_SPACE[d]), args=(6, 3), stride=2)] for d in (1, 2, 3)},
    **{f"LazyBatchNorm{d}d": [case((4, 3, *_SPACE[d])), case((4, 3, *_SPACE[d]), affine=False)] for d in (1, 2, 3)},
    **{f"LazyInstanceNorm{d}d": [case((4, 3, *_SPACE[d])), case((4, 3, *_SPACE[d]), affine=True)] for d in (1, 2, 3)},
    # --- sequences and attention
    **{kind: [
        *(one for shape in ((4, 2, 3), (4, 3)) for one in settings(shape, args=(3, 5), grid=[
            {}, {"bias": False}, {"num_layers": 2, "dropout": 0.3}, {"bidirectional": True, "num_layers": 2},
            {"bidirectional": True, "batch_first": True}])),
        *variants] for kind, variants in (
            ("RNN", [case((5, 2, 3), args=(3, 4), nonlinearity="relu")]), ("GRU", []),
            ("LSTM", [case((5, 2, 3), args=(3, 4, 2), proj_size=2, bidirectional=True)]))},
    **{f"{kind}Cell": [
        *(case(shape, args=(3, 5), bias=bias) for shape in ((2, 3), (3,)) for bias in (True, False)),
        *([case((2, 3), (2, 5), args=(3, 5), nonlinearity="relu")] if kind == "RNN" else [])]
       for kind in ("RNN", "LSTM", "GRU")},
    "MultiheadAttention": [
        case((3, 2, 4), (5, 2, 4), (5, 2, 4), args=(4, 2)),
        case((2, 3, 4), (2, 5, 4), (2, 5, 4), args=(4, 1), batch_first=True, bias=False),
        case((3, 2, 4), (5, 2, 6), (5, 2, 3), args=(4, 2), kdim=6, vdim=3, add_bias_kv=True, add_zero_attn=True),
        case((3, 4), (5, 4), (5, 4), args=(4, 4), dropout=0.2),
    ],
    "TransformerEncoderLayer": settings((5, 2, 4), args=(4, 2, 8), grid=[
        {"dropout": 0.0}, {"norm_first": True}, {"batch_first": True, "activation": "gelu", "dropout": 0.0},
        {"bias": False, "layer_norm_eps": 0.1}]),
    "TransformerDecoderLayer": [
        *settings((5, 2, 4), (3, 2, 4), args=(4, 2, 8), grid=[
            {"dropout": 0.0}, {"norm_first": True, "activation": "gelu"},
            {"activation": "gelu", "bias": False, "layer_norm_eps": 1e-3}]),
        case((2, 5, 4), (2, 3, 4), args=(4, 2, 8), batch_first=True, norm_first=True)],
    "Transformer": [case((5, 2, 4), (3, 2, 4), args=(4, 2, 1, 2, 8)),
                    case((2, 5, 4), (2, 3, 4), args=(4, 2, 1, 1, 8), batch_first=True, norm_first=True)],
    # --- losses
    **{name: [*reduced((3, 4), (3, 4)), case((3, 4), (3, 4))] for name in ("L1Loss", "MSELoss")},
    "SmoothL1Loss": [*reduced((3, 4), (3, 4)), case((3, 4), (3, 4), beta=0.3)],
    "HuberLoss": [*reduced((3, 4), (3, 4)), case((3, 4), (3, 4), delta=0.3)],
    "KLDivLoss": [*reduced((3, 4), between(0.1, 1, 3, 4)),
                  case((3, 4), (3, 4), log_target=True, reduction="batchmean")],
    "BCELoss": reduced(Leaf(between(0.1, 0.9, 3, 4)), between(0.1, 0.9, 4, 3).T.copy()),
    "BCEWithLogitsLoss": reduced((3, 4), between(0, 1, 3, 4)),
    "NLLLoss": [*reduced((3, 4), whole(4, 3)), *reduced((3, 4, 2), whole(4, 3, 2), ignore_index=1)],
    "NLLLoss2d": reduced((3, 4, 2, 2), whole(4, 3, 2, 2)),
    "CrossEntropyLoss": [*reduced((3, 4), whole(4, 3)), *reduced((3, 4, 2), whole(4, 3, 2), label_smoothing=0.1),
                         *reduced((3, 4), between(0, 1, 3, 4), label_smoothing=0.2), case((4,), np.array(2))],
    "LinearCrossEntropyLoss": [
        Case((shape, target), (5, 4), options)
        for shape, target, options in (
            ((3, 5), whole(4, 3), {}), ((3, 5), whole(4, 3), {"bias": True, "reduction": "sum"}),
            ((3, 5), whole(4, 3, 2), {"out_features": (2,), "bias": True, "label_smoothing": 0.1}),
            ((5,), np.array(1), {"ignore_index": 1, "reduction": "none"}),
        )
    ],
    "PoissonNLLLoss": [*reduced((3, 4), between(0, 5, 3, 4)),
                       case(Leaf(between(0.1, 3, 3, 4)), between(0, 5, 3, 4), log_input=False),
                       case((3, 4), between(0, 5, 3, 4), full=True)],
    "GaussianNLLLoss": [*reduced((3, 4), (3, 4), Leaf(between(0.1, 2, 3, 4))),
                        case((3, 4), (3, 4), Leaf(between(0.1, 2, 3, 1)), full=True)],
    "HingeEmbeddingLoss": [*reduced((3, 4), signs(3, 4)), case((3, 4), signs(3, 4), margin=0.3)],
    "MarginRankingLoss": [*reduced((5,), (5,), signs(5)), case((5,), (5,), signs(5), margin=0.5)],
    "CosineEmbeddingLoss": [*reduced((5, 3), (5, 3), signs(5)), case((5, 3), (5, 3), signs(5), margin=0.2)],
    "SoftMarginLoss": reduced((3, 4), signs(3, 4)),
    "MultiLabelMarginLoss": [*reduced((2, 4), np.array([[3, 0, -1, 1], [0, 1, 2, 3]])),
                             case((4,), np.array([1, -1, 0, 0]))],
    "MultiLabelSoftMarginLoss": reduced((3, 4), whole(2, 3, 4) * 1.0),
    "MultiMarginLoss": [*reduced((3, 4), whole(4, 3)), case((3, 4), whole(4, 3), p=2, margin=0.5)],
    "TripletMarginLoss": [*reduced((3, 4), (3, 4), (3, 4)),
                          *(case((3, 4), (3, 4), (3, 4), margin=0.3, p=p, swap=True) for p in (1.0, 3.0))],
    "TripletMarginWithDistanceLoss": [*reduced((3, 4), (3, 4), (3, 4)),
                                      case((3, 4), (3, 4), (3, 4), margin=0.3, swap=True)],
    "AdaptiveLogSoftmaxWithLoss": [case((6, 8), whole(12, 6), args=(8, 12, [3, 6])),
                                   case((8,), np.array(7), args=(8, 12, [3]), div_value=2.0, head_bias=True)],
}
"""Every layer of ``torch.nn`` that computes something."""

ELSEWHERE = {
    "Buffer": "test_nn_names_peer",
    "CTCLoss": "test_layers_peer",
    "Container": "test_nn_names_peer",
    "CrossMapLRN2d": "test_nn_names_peer",
    "DataParallel": "test_nn_names_peer",
    "LinearCrossEntropyOptions": "test_nn_names_peer",
    "Module": "test_nn_peer",
    "ModuleDict": "test_nn_peer",
    "ModuleList": "test_nn_peer",
    "Parameter": "test_nn_peer",
    "ParameterDict": "test_nn_peer",
    "ParameterList": "test_nn_peer",
    "RNNBase": "test_nn_names_peer",
    "RNNCellBase": "test_nn_names_peer",
    "Sequential": "test_nn_peer",
    "TransformerDecoder": "test_layers_peer",
    "TransformerEncoder": "test_layers_peer",
    "UninitializedBuffer": "test_nn_names_peer",
    "UninitializedParameter": "test_nn_names_peer",
}
"""Classes that are no single computation, and the file in which they are compared."""

ABSENT_CLASSES: dict[str, str] = {}
"""Classes of ``torch.nn`` that wengert does not have, each with the reason."""

_INPLACE = "celu_ elu_ hardtanh_ leaky_relu_ relu_ rrelu_ selu_".split()

FUNCTIONS: dict[str, list[Case]] = {
    **{name: [case((3, 4))] for name in (
        "gelu hardsigmoid hardswish logsigmoid mish relu relu6 selu silu softsign tanh tanhshrink sigmoid").split()},
    **{name: [case((3, 4))] for name in _INPLACE},
    "celu": [case((3, 4)), case((3, 4), alpha=0.5)],
    "elu": [case((3, 4)), case((3, 4), args=(0.5,))],
    "glu": [case((3, 4)), case((4, 3), dim=0)],
    "hardshrink": [case((3, 4)), case((3, 4), args=(1.0,))],
    "softshrink": [case((3, 4)), case((3, 4), args=(1.0,))],
    "hardtanh": [case((3, 4)), case((3, 4), min_val=-0.2, max_val=0.7)],
    "leaky_relu": [case((3, 4)), case((3, 4), negative_slope=0.4)],
    "prelu": [case((3, 4), (1,)), case((2, 3, 4), (3,))],
    "rrelu": [case((3, 4)), case((20, 4), training=True)],
    "softplus": [case((3, 4)), case((3, 4), beta=2.0, threshold=1.0)],
    "threshold": [case((3, 4), args=(0.1, 3.0))],
    "threshold_": [case((3, 4), args=(0.1, 3.0))],
    **{name: [case((3, 4), dim=1), case((2, 3, 4), dim=0)] for name in ("softmax", "log_softmax", "softmin")},
    "gumbel_softmax": [case((3, 4)), case((3, 4), tau=0.5, hard=True)],
    "linear": [case((2, 4), (3, 4), (3,)), case((4,), (3, 4))],
    "bilinear": [case((2, 4), (2, 3), (5, 4, 3), (5,))],
    "embedding": [case(whole(5, 2, 3), (5, 4)), case(whole(5, 4), (5, 4), padding_idx=1)],
    "embedding_bag": [case(whole(5, 2, 3), (5, 4)), case(whole(5, 6), (5, 4), np.array([0, 4]), mode="max")],
    "one_hot": [case(whole(4, 3)), case(whole(4, 2, 3), num_classes=6)],
    "normalize": [case((3, 4)), case((3, 4), p=1.0, dim=0)],
    "cosine_similarity": [case((3, 4), (3, 4)), case((3, 4), (3, 4), dim=0)],
    "pairwise_distance": [case((3, 4), (3, 4)), case((3, 4), (3, 4), p=1.0)],
    "pdist": [case((5, 3)), case((4, 3), p=1.0), case((4, 3), p=3.0), case((4, 3), p=float("inf")), case((1, 3))],
    "dropout": [case((20, 4)), case((20, 4), p=0.2), case((3, 4), training=False)],
    **{f"dropout{d}d": [case((4, 3, 3, 3, 2)[: d + 2]), case((4, 3, 3, 3, 2)[: d + 2], p=0.2, training=False)]
       for d in (1, 2, 3)},
    "alpha_dropout": [case((20, 4), training=True), case((3, 4))],
    "feature_alpha_dropout": [case((4, 5, 3), training=True), case((4, 5, 3))],
    # --- windows
    **{f"conv{d}d": [case((2, 4, *_SPACE[d]), (6, 4, *(3,) * d), (6,)),
                     case((2, 4, *_SPACE[d]), (6, 2, *(3,) * d), stride=2, padding=1, groups=2),
                     case((4, *_SPACE[d]), (6, 4, *(2,) * d), padding="same", dilation=2)] for d in (1, 2, 3)},
    **{f"conv_transpose{d}d": [case((2, 4, *_SPACE[d]), (4, 3, *(3,) * d), (3,)),
                               case((2, 4, *_SPACE[d]), (4, 3, *(3,) * d), stride=2, padding=1, output_padding=1,
                                    groups=2)] for d in (1, 2, 3)},
    "conv_tbc": [case((5, 2, 3), (2, 3, 4), (4,)), case((5, 2, 3), (3, 3, 4), (4,), pad=1)],
    **{f"max_pool{d}d": [case((2, 3, *_SPACE[d]), args=(2,)),
                         case((3, *_SPACE[d]), args=(3, 2, 1), return_indices=True)]
       for d in (1, 2, 3)},
    **{f"max_pool{d}d_with_indices": [case((2, 3, *_SPACE[d]), args=(2,))] for d in (1, 2, 3)},
    **{f"avg_pool{d}d": [case((2, 3, *_SPACE[d]), args=(2,)), case((2, 3, *_SPACE[d]), args=(3, 2, 1))]
       for d in (1, 2, 3)},
    **{f"lp_pool{d}d": [case(Leaf(between(0.1, 2, 2, 3, *_SPACE[d])), args=(3.0, 2)),
                        case(Leaf(between(0.1, 2, 2, 3, *_SPACE[d])), args=(2, 3, 2, True))] for d in (1, 2, 3)},
    **{f"adaptive_avg_pool{d}d": [case((2, 3, *_SPACE[d]), args=(3,))] for d in (1, 2, 3)},
    **{f"adaptive_max_pool{d}d": [case((2, 3, *_SPACE[d]), args=(3,)), case((2, 3, *_SPACE[d]), args=(2, True))]
       for d in (1, 2, 3)},
    **{f"adaptive_max_pool{d}d_with_indices": [case((2, 3, *_SPACE[d]), args=(3,))] for d in (1, 2, 3)},
    **{f"max_unpool{d}d": [case((1, 2, *(2,) * d), np.stack([np.arange(2**d) * 2, np.arange(2**d) + 1]).reshape(
        1, 2, *(2,) * d), args=(2,))] for d in (1, 2, 3)},
    **{f"fractional_max_pool{d}d{more}": [case((2, 3, *_SPACE[d]), kernel_size=2, output_size=2),
                                          case((3, *_SPACE[d]), kernel_size=2, output_ratio=(0.5,) * d)]
       for d in (2, 3) for more in ("", "_with_indices")},
    "unfold": [case((2, 3, 5, 6), kernel_size=2, stride=2)],
    "fold": [case((2, 12, 20), output_size=(5, 6), kernel_size=2)],
    # --- normalisation
    "batch_norm": [case((4, 3, 2), None, None, (3,), (3,), training=True),
                   case((4, 3), between(0, 1, 3), between(0.5, 2, 3), momentum=0.3, eps=0.1)],
    "instance_norm": [case((4, 3, 5)), case((4, 3, 5), None, None, (3,), (3,), eps=0.1)],
    "layer_norm": [case((2, 3, 4), (4,), (4,), (4,))],
    "rms_norm": [case((2, 3, 4), weight=None, eps=0.1, normalized_shape=(4,))],
    "group_norm": [case((3, 4, 5), num_groups=2), case((3, 4), 4, (4,), (4,), eps=0.1)],
    "local_response_norm": [case((2, 5, 4), size=3)],
    # --- sizes
    "pad": [case((2, 3, 4), args=((1, 2),)), case((2, 3, 4), args=((1, 2),), mode="reflect"),
            case((2, 3, 4), args=((1, 2, 0, 1), "replicate")), case((2, 3, 4), args=((1, -1),), value=2.0)],
    "interpolate": [
        *settings((2, 3, 5, 4), grid=[
            {"scale_factor": 2}, {"size": 7}, {"scale_factor": [2.0, 0.5], "mode": "area"},
            {"size": (3, 9), "mode": "nearest-exact"}, {"scale_factor": 1.3, "mode": "nearest-exact"},
            *[{how: size, "mode": mode, "align_corners": align, "antialias": smooth}
              for how, size in (("size", (3, 7)), ("scale_factor", (0.7, 1.6)))
              for mode in ("bilinear", "bicubic") for align in (True, False) for smooth in (True, False)],
            {"size": (3, 7), "mode": "lanczos", "antialias": True},
            {"scale_factor": (0.7, 1.6), "mode": "bicubic", "recompute_scale_factor": True, "antialias": True},
            {"scale_factor": 0.7, "mode": "bilinear", "recompute_scale_factor": True},
        ]),
        case((2, 3, 5), size=8, mode="linear", align_corners=True), case((2, 3, 5), scale_factor=0.5, mode="area"),
        case((1, 2, 3, 4, 2), scale_factor=(2, 1.5, 1), mode="trilinear"), case((1, 2, 3, 4, 2), scale_factor=2),
    ],
    "upsample": [case((2, 3, 4), scale_factor=2)],
    "upsample_nearest": [case((2, 3, 4), scale_factor=2)],
    "upsample_bilinear": [case((2, 3, 4, 2), scale_factor=2)],
    "grid_sample": [case((2, 3, 4, 5), Leaf(between(-2.5, 2.5, 2, 3, 4, 2)), mode=mode, padding_mode=padding,
                         align_corners=align)
                    for mode in ("bilinear", "nearest", "bicubic") for padding in ("zeros", "border", "reflection")
                    for align in (True, False)]
    + [case((2, 3, 4, 5, 3), Leaf(between(-2, 2, 2, 3, 4, 2, 3)), mode=mode, padding_mode=padding, align_corners=True)
       for mode in ("bilinear", "nearest") for padding in ("zeros", "border", "reflection")],
    "affine_grid": [case((2, 2, 3), size=(2, 3, 4, 5), align_corners=align) for align in (True, False)]
    + [case((2, 3, 4), size=(2, 3, 2, 4, 5), align_corners=False),
       case((1, 2, 3), size=(1, 1, 1, 3), align_corners=True)],
    "channel_shuffle": [case((2, 6, 4, 3), args=(3,))],
    "pixel_shuffle": [case((2, 8, 3, 2), args=(2,))],
    "pixel_unshuffle": [case((2, 2, 6, 4), args=(2,))],
    # --- attention
    "scaled_dot_product_attention": [
        case((2, 3, 4), (2, 5, 4), (2, 5, 6)), case((2, 3, 4), (2, 3, 4), (2, 3, 4), is_causal=True, scale=0.3),
        case((1, 2, 4), (1, 3, 4), (1, 3, 4), MASK), case((2, 4, 3, 5), (2, 2, 3, 5), (2, 2, 3, 5), enable_gqa=True),
        case((1, 2, 4), (1, 3, 4), (1, 3, 4), MASK == 0),
    ],
    # --- losses
    **{name: reduced((3, 4), (3, 4)) for name in ("l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss")},
    "kl_div": reduced((3, 4), between(0.1, 1, 3, 4)),
    "binary_cross_entropy": reduced(Leaf(between(0.1, 0.9, 3, 4)), between(0, 1, 3, 4), between(0, 2, 3, 4)),
    "binary_cross_entropy_with_logits": reduced((3, 4), between(0, 1, 3, 4), between(0, 2, 3, 4)),
    "nll_loss": reduced((3, 4), whole(4, 3), between(0.1, 1, 4)),
    "cross_entropy": reduced((3, 4, 2), whole(4, 3, 2), between(0.1, 1, 4), label_smoothing=0.1),
    "linear_cross_entropy": reduced((3, 5), (4, 5), whole(4, 3)),
    "poisson_nll_loss": [*reduced((3, 4), between(0, 5, 3, 4), full=True),
                         *reduced(Leaf(between(0.1, 3, 3, 4)), between(0, 5, 3, 4), log_input=False)],
    "gaussian_nll_loss": [*reduced((3, 4), (3, 4), Leaf(between(0.1, 1, 3, 4)), full=True),
                          *reduced((3, 4), (3, 4), 0.3)],
    "hinge_embedding_loss": reduced((3, 4), signs(3, 4), margin=0.5),
    "margin_ranking_loss": reduced((5,), (5,), signs(5), margin=0.5),
    "cosine_embedding_loss": reduced((5, 3), (5, 3), signs(5), margin=0.2),
    "soft_margin_loss": reduced((3, 4), signs(3, 4)),
    "multilabel_margin_loss": reduced((2, 4), np.array([[3, 0, -1, 1], [0, 1, 2, 3]])),
    "multilabel_soft_margin_loss": reduced((3, 4), whole(2, 3, 4) * 1.0, between(0.1, 2, 4)),
    "multi_margin_loss": reduced((3, 4), whole(4, 3), 2, 0.7, between(0.1, 1, 4)),
    "triplet_margin_loss": reduced((3, 4), (3, 4), (3, 4), swap=True),
    "triplet_margin_with_distance_loss": reduced((3, 4), (3, 4), (3, 4), swap=True),
}
"""Every function of ``torch.nn.functional``."""

FUNCTIONS_ELSEWHERE = {
    "ctc_loss": "test_layers_peer",
    "grouped_mm": "test_package_names_peer",
    "scaled_mm": "test_package_names_peer",
    "multi_head_attention_forward": "test_nn_functions_peer",
    "native_channel_shuffle": "test_nn_functions_peer",
}
"""Functions whose calls do not fit a case, and the file in which they are compared."""

ABSENT_FUNCTIONS = {
    "scaled_grouped_mm": "products in eight bits in groups, for accelerators alone",
    **dict.fromkeys(
        ["handle_torch_function", "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic"],
        "the machinery of __torch_function__, imported there, no function of the module",
    ),
    **dict.fromkeys(["assert_int_or_pair", "boolean_dispatch"], "helpers of the implementation, imported there"),
    "Optional": "a name of typing, imported there",
}
"""Callables of ``torch.nn.functional`` that wengert does not have, each with the reason."""
