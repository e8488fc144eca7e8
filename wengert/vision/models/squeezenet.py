"""SqueezeNet (Iandola et al., *SqueezeNet: AlexNet-level accuracy with 50x fewer parameters*, 2016)."""

from __future__ import annotations

from typing import Any

import wengert as torch
from wengert import Tensor, nn

from .weights import WeightsEnum, builder


class Fire(nn.Module):
    """Few channels, and from these the channels of windows of one pixel beside those of windows of three by three."""

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        few = self.squeeze_activation(self.squeeze(x))
        return torch.cat([self.expand1x1_activation(self.expand1x1(few)),
                          self.expand3x3_activation(self.expand3x3(few))], 1)


_FIRST = {"1_0": (96, 7), "1_1": (64, 3)}
"""Channels and window of the first convolution."""
_POOLED = {"1_0": (0, 3, 7), "1_1": (0, 2, 4)}
"""Before which of the eight blocks the pixels are pooled."""


class SqueezeNet(nn.Module):
    """SqueezeNet for images ``(N, 3, H, W)``; ``version`` is ``"1_0"`` or ``"1_1"``, ValueError for another.

    >>> from wengert.vision import models
    >>> models.SqueezeNet("1_1", num_classes=10).eval()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        if version not in _FIRST:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        self.num_classes = num_classes
        channels, window = _FIRST[version]
        layers: list[nn.Module] = [nn.Conv2d(3, channels, window, stride=2), nn.ReLU(inplace=True)]
        for place in range(8):
            if place in _POOLED[version]:
                layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
            few, many = 16 * (place // 2 + 1), 64 * (place // 2 + 1)
            layers.append(Fire(channels, few, many, many))
            channels = 2 * many
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(channels, num_classes, 1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), last, nn.ReLU(inplace=True),
                                        nn.AdaptiveAvgPool2d((1, 1)))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if module is last:
                    nn.init.normal_(module.weight, mean=0.0, std=0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        return torch.flatten(self.classifier(self.features(x)), 1)


class SqueezeNet1_0_Weights(WeightsEnum):
    """Trained weights of `squeezenet1_0`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.SqueezeNet1_0_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "squeezenet1_0-b66bff10.pth"
    DEFAULT = IMAGENET1K_V1


@builder(SqueezeNet1_0_Weights)
def squeezenet1_0(**kwargs: Any) -> SqueezeNet:
    """The first SqueezeNet; the arguments are those of `SqueezeNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.squeezenet1_0()
    >>> sum(parameter.numel() for parameter in model.parameters())
    1248424
    """
    return SqueezeNet("1_0", **kwargs)


class SqueezeNet1_1_Weights(WeightsEnum):
    """Trained weights of `squeezenet1_1`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.SqueezeNet1_1_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "squeezenet1_1-b8a52dc0.pth"
    DEFAULT = IMAGENET1K_V1


@builder(SqueezeNet1_1_Weights)
def squeezenet1_1(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet of its second release, with fewer computations; the arguments are those of `SqueezeNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.squeezenet1_1()
    >>> sum(parameter.numel() for parameter in model.parameters())
    1235496
    """
    return SqueezeNet("1_1", **kwargs)
