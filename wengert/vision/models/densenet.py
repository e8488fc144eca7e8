"""Densely connected networks (Huang et al., *Densely connected convolutional networks*, 2016): each layer of a block
reads what all before it made."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import wengert as torch
from wengert import Tensor, nn

from .weights import WeightsEnum, builder


class _DenseLayer(nn.Module):
    """``growth_rate`` further channels of all channels so far, by a 1 × 1 and a 3 × 3 convolution."""

    def __init__(self, num_input_features: int, growth_rate: int, bn_size: int, drop_rate: float,
                 memory_efficient: bool = False) -> None:
        super().__init__()
        inner = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, inner, kernel_size=1, stride=1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(inner, growth_rate, kernel_size=3, stride=1, padding=1, bias=False)
        self.drop_rate, self.memory_efficient = float(drop_rate), memory_efficient

    def bn_function(self, inputs: Sequence[Tensor]) -> Tensor:
        """The first convolution, of the joined channels."""
        return self.conv1(self.relu1(self.norm1(torch.cat(list(inputs), 1))))

    def forward(self, input: Tensor | list[Tensor]) -> Tensor:
        inputs = [input] if isinstance(input, Tensor) else input
        if self.memory_efficient and any(each.requires_grad for each in inputs):
            inner = torch.utils.checkpoint.checkpoint(lambda *each: self.bn_function(each), *inputs,
                                                      use_reentrant=False)
        else:
            inner = self.bn_function(inputs)
        out = self.conv2(self.relu2(self.norm2(inner)))
        return nn.functional.dropout(out, p=self.drop_rate, training=self.training) if self.drop_rate > 0 else out


class _DenseBlock(nn.ModuleDict):
    """Layers, each of which reads what all before it made."""

    def __init__(self, num_layers: int, num_input_features: int, bn_size: int, growth_rate: int, drop_rate: float,
                 memory_efficient: bool = False) -> None:
        super().__init__()
        for place in range(num_layers):
            layer = _DenseLayer(num_input_features + place * growth_rate, growth_rate, bn_size, drop_rate,
                                memory_efficient)
            self.add_module(f"denselayer{place + 1}", layer)

    def forward(self, init_features: Tensor) -> Tensor:
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class _Transition(nn.Sequential):
    """Between two blocks: another number of channels, and half the size."""

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, kernel_size=1, stride=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """A densely connected network for images ``(N, 3, H, W)`` of 29 × 29 pixels or more: DenseNet-BC of the paper.

    Each layer adds ``growth_rate`` channels by way of ``bn_size`` times as many; ``block_config`` are the numbers of
    layers of the blocks, ``drop_rate`` is that of dropout behind each. ``memory_efficient`` computes the first half of
    each layer once more in the backward pass. Calling it raises an error where the images are too small or have not
    three channels.

    >>> from wengert.vision import models
    >>> models.DenseNet(4, (1, 2), 8, num_classes=10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(OrderedDict[str, nn.Module](
            conv0=nn.Conv2d(3, num_init_features, kernel_size=7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(num_init_features),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        ))
        channels = num_init_features
        for place, layers in enumerate(block_config, 1):
            block = _DenseBlock(layers, channels, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{place}", block)
            channels += layers * growth_rate
            if place < len(block_config):
                self.features.add_module(f"transition{place}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        self._draw_weights()

    def _draw_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.BatchNorm2d):
                assert module.weight is not None and module.bias is not None  # these are affine
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        assert self.classifier.bias is not None
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.features(x), inplace=True)
        return self.classifier(torch.flatten(nn.functional.adaptive_avg_pool2d(x, (1, 1)), 1))


class DenseNet121_Weights(WeightsEnum):
    """Trained weights of `densenet121`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.DenseNet121_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "densenet121-a639ec97.pth"
    DEFAULT = IMAGENET1K_V1


@builder(DenseNet121_Weights)
def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet of 121 layers, with the other arguments of `DenseNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.densenet121()
    >>> sum(parameter.numel() for parameter in model.parameters())
    7978856
    """
    return DenseNet(32, (6, 12, 24, 16), 64, **kwargs)


class DenseNet161_Weights(WeightsEnum):
    """Trained weights of `densenet161`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.DenseNet161_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "densenet161-8d451a50.pth"
    DEFAULT = IMAGENET1K_V1


@builder(DenseNet161_Weights)
def densenet161(**kwargs: Any) -> DenseNet:
    """DenseNet of 161 layers, with the other arguments of `DenseNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.densenet161()
    >>> sum(parameter.numel() for parameter in model.parameters())
    28681000
    """
    return DenseNet(48, (6, 12, 36, 24), 96, **kwargs)


class DenseNet169_Weights(WeightsEnum):
    """Trained weights of `densenet169`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.DenseNet169_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "densenet169-b2777c0a.pth"
    DEFAULT = IMAGENET1K_V1


@builder(DenseNet169_Weights)
def densenet169(**kwargs: Any) -> DenseNet:
    """DenseNet of 169 layers, with the other arguments of `DenseNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.densenet169()
    >>> sum(parameter.numel() for parameter in model.parameters())
    14149480
    """
    return DenseNet(32, (6, 12, 32, 32), 64, **kwargs)


class DenseNet201_Weights(WeightsEnum):
    """Trained weights of `densenet201`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.DenseNet201_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "densenet201-c1103571.pth"
    DEFAULT = IMAGENET1K_V1


@builder(DenseNet201_Weights)
def densenet201(**kwargs: Any) -> DenseNet:
    """DenseNet of 201 layers, with the other arguments of `DenseNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.densenet201()
    >>> sum(parameter.numel() for parameter in model.parameters())
    20013928
    """
    return DenseNet(32, (6, 12, 48, 32), 64, **kwargs)
