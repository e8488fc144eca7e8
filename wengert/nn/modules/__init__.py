"""The paths under which PyTorch keeps its layers: ``nn.modules.conv.Conv2d`` is ``nn.Conv2d``.

Programs import from there, mostly the bases of families (``_ConvNd``, ``_BatchNorm``), which are private there and go
by other names here. Each path is a module without a file of its own, filled from the tables below.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ..._public import publish as _publish
from .. import containers, global_hooks, layers, module, state
from ..layers import attention, convolution, dropouts, lazy, losses, normalization, padding, pooling
from . import sizes

_PUBLIC = {
    "activation": (
        "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish "
        "MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink "
        "Softsign Tanh Tanhshrink Threshold"
    ),
    "adaptive": "AdaptiveLogSoftmaxWithLoss",
    "batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d SyncBatchNorm",
    "channelshuffle": "ChannelShuffle",
    "conv": (
        "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d LazyConv3d "
        "LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d"
    ),
    "distance": "CosineSimilarity PairwiseDistance",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "flatten": "Flatten Unflatten",
    "fold": "Fold Unfold",
    "instancenorm": (
        "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d"
    ),
    "linear_cross_entropy_options": "LinearCrossEntropyOptions",
    "linear": "Bilinear Identity LazyLinear Linear",
    "loss": (
        "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss HingeEmbeddingLoss "
        "HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss MarginRankingLoss MultiLabelMarginLoss "
        "MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss SmoothL1Loss SoftMarginLoss "
        "TripletMarginLoss TripletMarginWithDistanceLoss"
    ),
    "normalization": "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "padding": (
        "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d "
        "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d "
        "ZeroPad3d"
    ),
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "pooling": (
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d "
        "AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d LPPool3d MaxPool1d "
        "MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d"
    ),
    "rnn": "GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase",
    "sparse": "Embedding EmbeddingBag",
    "transformer": "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer",
    "upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
}
"""The layers of each path."""

_OTHERS: dict[str, dict[str, Any]] = {
    "batchnorm": {"_BatchNorm": normalization.BatchNormBase, "_NormBase": normalization.Normalization},
    "container": {
        "Container": containers.Container,
        "ModuleDict": containers.ModuleDict,
        "ModuleList": containers.ModuleList,
        "ParameterDict": containers.ParameterDict,
        "ParameterList": containers.ParameterList,
        "Sequential": containers.Sequential,
    },
    "conv": {
        "_ConvNd": convolution.Convolution,
        "_ConvTransposeNd": convolution._Transposed,
    },
    "dropout": {"_DropoutNd": dropouts.DropoutBase},
    "instancenorm": {"_InstanceNorm": normalization.InstanceNormBase, "_NormBase": normalization.Normalization},
    "lazy": {"LazyModuleMixin": lazy.LazyModuleMixin},
    "transformer": {"_get_activation_fn": attention._activation},
    "linear": {"NonDynamicallyQuantizableLinear": attention.NonDynamicallyQuantizableLinear},
    "loss": {"_Loss": losses.Loss, "_WeightedLoss": losses.WeightedLoss},
    "module": {
        "Module": module.Module,
        "_IncompatibleKeys": state._IncompatibleKeys,
        "_EXTRA_STATE_KEY_SUFFIX": "_extra_state",
        **{name: getattr(global_hooks, name) for name in global_hooks.__all__},
    },
    "padding": {"_ConstantPadNd": padding._ConstantPad},
    "pooling": {
        "_AdaptiveAvgPoolNd": pooling._AdaptivePool,
        "_AdaptiveMaxPoolNd": pooling._AdaptiveMaxPool,
        "_AvgPoolNd": pooling._AvgPool,
        "_LPPoolNd": pooling._LPPool,
        "_MaxPoolNd": pooling._MaxPool,
        "_MaxUnpoolNd": pooling._MaxUnpool,
    },
    "utils": {name: getattr(sizes, name) for name in sizes.__all__},
}
"""What else is asked for under each path, by PyTorch's name."""


def _make_paths() -> dict[str, ModuleType]:
    paths: dict[str, ModuleType] = {}
    for path in sorted({*_PUBLIC, *_OTHERS}):
        full = f"{__name__}.{path}"
        made = paths[path] = ModuleType(full, f"The names of ``torch.nn.modules.{path}``.")
        made.__dict__.update({name: getattr(layers, name) for name in _PUBLIC.get(path, "").split()})
        made.__dict__.update(_OTHERS.get(path, {}))
        sys.modules[full] = made
        _publish(full)
    return paths


globals().update(_make_paths())
globals().update({name: getattr(layers, name) for name in " ".join(_PUBLIC.values()).split()})
globals().update(_OTHERS["container"])
Module = module.Module

_publish(__name__, " ".join(sorted(_PUBLIC | _OTHERS)))
