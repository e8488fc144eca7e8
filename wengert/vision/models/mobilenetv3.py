"""MobileNet v3 (Howard et al., *Searching for MobileNetV3*, 2019): wide within its blocks, narrow between them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import wengert as torch
from wengert import Tensor, nn

from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from .initialization import draw_weights
from .weights import WeightsEnum, builder

Maker = Callable[..., nn.Module]
EXCITED: Maker = functools.partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


def _make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """The multiple of ``divisor`` next to ``v``, not smaller than nine tenths of it."""
    nearest = max(divisor if min_value is None else min_value, int(v + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * v else nearest


class InvertedResidualConfig:
    """One row of the paper's tables 1 and 2; channels are multiplied by ``width_mult`` and rounded to eights.
    ``activation`` is ``"RE"`` (relu) or ``"HS"`` (hard swish)."""

    def __init__(self, input_channels: int, kernel: int, expanded_channels: int, out_channels: int, use_se: bool,
                 activation: str, stride: int, dilation: int, width_mult: float) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride, self.dilation = stride, dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """The number of channels of a network that is so many times as wide."""
        return _make_divisible(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """More channels, a convolution of each, weights by squeeze and excitation, fewer channels; beside it the input is
    passed and added, where the shapes are the same. Raises ValueError for a stride other than 1 and 2."""

    def __init__(self, cnf: InvertedResidualConfig, norm_layer: Maker,
                 se_layer: Maker = EXCITED) -> None:
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        conv = functools.partial(Conv2dNormActivation, norm_layer=norm_layer,
                                 activation_layer=nn.Hardswish if cnf.use_hs else nn.ReLU)
        inner = cnf.expanded_channels
        layers: list[nn.Module] = []
        if inner != cnf.input_channels:
            layers.append(conv(cnf.input_channels, inner, kernel_size=1))
        layers.append(conv(inner, inner, kernel_size=cnf.kernel, stride=1 if cnf.dilation > 1 else cnf.stride,
                           dilation=cnf.dilation, groups=inner))
        if cnf.use_se:
            layers.append(se_layer(inner, _make_divisible(inner // 4, 8)))
        layers.append(conv(inner, cnf.out_channels, kernel_size=1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input: Tensor) -> Tensor:
        out = self.block(input)
        if self.use_res_connect:
            out += input
        return out


class MobileNetV3(nn.Module):
    """MobileNet v3 for images ``(N, 3, H, W)``.

    ``inverted_residual_setting`` are the rows of its table, ``last_channel`` is the width before the scores, ``block``
    makes a block of a row and ``norm_layer`` a normalisation of a number of channels. Raises ValueError for no rows
    and TypeError for others; calling it, where the images have not three channels.

    >>> from wengert.vision import models
    >>> from wengert.vision.models.mobilenetv3 import InvertedResidualConfig
    >>> row = InvertedResidualConfig(16, 3, 32, 16, True, "HS", 2, 1, width_mult=1.0)
    >>> models.MobileNetV3([row], 24, num_classes=10).eval()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Maker | None = None,
        norm_layer: Maker | None = None,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        rows = inverted_residual_setting
        if not rows:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not isinstance(rows, Sequence) or not all(isinstance(row, InvertedResidualConfig) for row in rows):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        block = block or InvertedResidual
        norm = norm_layer or functools.partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        conv = functools.partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.Hardswish)
        inner = 6 * rows[-1].out_channels
        layers: list[nn.Module] = [conv(3, rows[0].input_channels, kernel_size=3, stride=2)]
        layers += [block(row, norm) for row in rows]
        layers.append(conv(rows[-1].out_channels, inner, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(inner, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        draw_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


# Kernel, channels within, channels behind, squeeze and excitation, activation, stride: tables 1 and 2 of the paper.
_LARGE = """
3  16  16 - RE 1 | 3  64  24 - RE 2 | 3  72  24 - RE 1 | 5  72  40 + RE 2 | 5 120  40 + RE 1 | 5 120  40 + RE 1
3 240  80 - HS 2 | 3 200  80 - HS 1 | 3 184  80 - HS 1 | 3 184  80 - HS 1 | 3 480 112 + HS 1 | 3 672 112 + HS 1
5 672 160 + HS 2 | 5 960 160 + HS 1 | 5 960 160 + HS 1
"""
_SMALL = """
3  16  16 + RE 2 | 3  72  24 - RE 2 | 3  88  24 - RE 1 | 5  96  40 + HS 2 | 5 240  40 + HS 1 | 5 240  40 + HS 1
5 120  48 + HS 1 | 5 144  48 + HS 1 | 5 288  96 + HS 2 | 5 576  96 + HS 1 | 5 576  96 + HS 1
"""
_TAIL = 3
"""How many rows at the end have half the channels if the tail is reduced, and are dilated instead of strided."""


def _mobilenet_v3(table: str, last_channel: int, width_mult: float = 1.0, reduced_tail: bool = False,
                  dilated: bool = False, **kwargs: Any) -> MobileNetV3:
    rows = [row.split() for row in table.strip().replace("\n", "|").split("|")]
    divider = 2 if reduced_tail else 1
    channels, setting = 16, []
    for place, (kernel, within, behind, squeezed, activation, stride) in enumerate(rows):
        left = len(rows) - place
        inner = int(within) // (divider if left < _TAIL else 1)
        out = int(behind) // (divider if left <= _TAIL else 1)
        setting.append(InvertedResidualConfig(channels, int(kernel), inner, out, squeezed == "+", activation,
                                              int(stride), 2 if dilated and left <= _TAIL else 1, width_mult))
        channels = out
    last = InvertedResidualConfig.adjust_channels(last_channel // divider, width_mult)
    return MobileNetV3(setting, last, **kwargs)


class MobileNet_V3_Large_Weights(WeightsEnum):
    """Trained weights of `mobilenet_v3_large`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.MobileNet_V3_Large_Weights]
    ['IMAGENET1K_V1', 'IMAGENET1K_V2']
    """

    IMAGENET1K_V1 = "mobilenet_v3_large-8738ca79.pth"
    IMAGENET1K_V2 = "mobilenet_v3_large-5c1a4163.pth"
    DEFAULT = IMAGENET1K_V2


@builder(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**kwargs: Any) -> MobileNetV3:
    """The larger MobileNet v3. ``width_mult`` multiplies its channels, ``reduced_tail`` halves those of the last
    blocks, ``dilated`` keeps their size; the other arguments are those of `MobileNetV3`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.mobilenet_v3_large()
    >>> sum(parameter.numel() for parameter in model.parameters())
    5483032
    """
    return _mobilenet_v3(_LARGE, 1280, **kwargs)


class MobileNet_V3_Small_Weights(WeightsEnum):
    """Trained weights of `mobilenet_v3_small`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.MobileNet_V3_Small_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "mobilenet_v3_small-047dcff4.pth"
    DEFAULT = IMAGENET1K_V1


@builder(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(**kwargs: Any) -> MobileNetV3:
    """The smaller MobileNet v3; see `mobilenet_v3_large` for the arguments.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.mobilenet_v3_small()
    >>> sum(parameter.numel() for parameter in model.parameters())
    2542856
    """
    return _mobilenet_v3(_SMALL, 1024, **kwargs)
