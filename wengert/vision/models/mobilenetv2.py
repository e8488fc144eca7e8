"""MobileNet v2 (Sandler et al., *MobileNetV2: Inverted Residuals and Linear Bottlenecks*, 2018)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import wengert as torch
from wengert import Tensor, nn

from ..ops.misc import Conv2dNormActivation
from .initialization import draw_weights
from .mobilenetv3 import _make_divisible
from .weights import WeightsEnum, builder

Maker = Callable[..., nn.Module]


class InvertedResidual(nn.Module):
    """``expand_ratio`` times as many channels, a convolution of each, and ``oup`` channels without an activation; the
    input is added where the shapes are the same. Raises ValueError for a stride other than 1 and 2."""

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: Maker | None = None) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm = norm_layer or nn.BatchNorm2d
        inner = round(inp * expand_ratio)
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, inner, 1, norm_layer=norm, activation_layer=nn.ReLU6))
        layers.append(Conv2dNormActivation(inner, inner, stride=stride, groups=inner, norm_layer=norm,
                                           activation_layer=nn.ReLU6))
        layers += [nn.Conv2d(inner, oup, 1, bias=False), norm(oup)]
        self.conv = nn.Sequential(*layers)
        self.stride, self.out_channels, self._is_cn = stride, oup, stride > 1
        self.use_res_connect = stride == 1 and inp == oup

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Table 2 of the paper: expansion, channels, how many blocks, the stride of the first."""


class MobileNetV2(nn.Module):
    """MobileNet v2 for images ``(N, 3, H, W)``.

    ``inverted_residual_setting`` are rows of four: expansion, channels, how many blocks, the stride of the first;
    channels are multiplied by ``width_mult`` and rounded to ``round_nearest``; ``block`` makes a block, ``norm_layer``
    a normalisation of a number of channels. Raises ValueError for no rows and for others; calling it, where the images
    have not three channels.

    >>> from wengert.vision import models
    >>> model = models.MobileNetV2(10, inverted_residual_setting=[[1, 16, 1, 1], [6, 24, 2, 2]])
    >>> model.eval()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Maker | None = None,
        norm_layer: Maker | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        rows = _STAGES if inverted_residual_setting is None else inverted_residual_setting
        if len(rows) == 0 or len(rows[0]) != 4:
            raise ValueError(f"inverted_residual_setting should be non-empty or a 4-element list, got {rows}")
        make, norm = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        channels = _make_divisible(32 * width_mult, round_nearest)
        self.last_channel = _make_divisible(1280 * max(1.0, width_mult), round_nearest)
        layers: list[nn.Module] = [Conv2dNormActivation(3, channels, stride=2, norm_layer=norm,
                                                        activation_layer=nn.ReLU6)]
        for expansion, wanted, count, stride in rows:
            out = _make_divisible(wanted * width_mult, round_nearest)
            for place in range(count):
                layers.append(make(channels, out, 1 if place else stride, expand_ratio=expansion, norm_layer=norm))
                channels = out
        layers.append(Conv2dNormActivation(channels, self.last_channel, 1, norm_layer=norm, activation_layer=nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes))
        draw_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        pooled = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(torch.flatten(pooled, 1))


class MobileNet_V2_Weights(WeightsEnum):
    """Trained weights of `mobilenet_v2`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.MobileNet_V2_Weights]
    ['IMAGENET1K_V1', 'IMAGENET1K_V2']
    """

    IMAGENET1K_V1 = "mobilenet_v2-b0353104.pth"
    IMAGENET1K_V2 = "mobilenet_v2-7ebf99e0.pth"
    DEFAULT = IMAGENET1K_V2


@builder(MobileNet_V2_Weights)
def mobilenet_v2(**kwargs: Any) -> MobileNetV2:
    """MobileNet v2; the arguments are those of `MobileNetV2`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.mobilenet_v2()
    >>> sum(parameter.numel() for parameter in model.parameters())
    3504872
    """
    return MobileNetV2(**kwargs)
