"""Residual networks (He et al., *Deep residual learning for image recognition*, 2015), and wider ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import wengert as torch
from wengert import Tensor, nn

from .weights import WeightsEnum, builder

Norm = Callable[[int], nn.Module]


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A 3 × 3 convolution without bias that keeps the size at a stride of 1."""
    return nn.Conv2d(in_planes, out_planes, 3, stride, dilation, dilation, groups, bias=False)


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1 × 1 convolution without bias."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions beside which the input, after ``downsample`` if it is given, passes and is added."""

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None,
                 groups: int = 1, base_width: int = 64, dilation: int = 1, norm_layer: Norm | None = None) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """Convolutions of 1 × 1, 3 × 3 (which has the stride) and 1 × 1, with a shortcut as in `BasicBlock`.

    ``planes`` times 4 come out; in between there are ``planes`` · ``base_width`` / 64 · ``groups``.
    """

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None,
                 groups: int = 1, base_width: int = 64, dilation: int = 1, norm_layer: Norm | None = None) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


Block = type[BasicBlock] | type[Bottleneck]


class ResNet(nn.Module):
    """A residual network for images ``(N, 3, H, W)``.

    ``block`` is the kind of its blocks and ``layers`` their number in each of the four stages. ``zero_init_residual``
    begins with blocks that only pass on their input; ``replace_stride_with_dilation`` says for the last three stages
    whether they keep the size. ``norm_layer`` makes a normalisation of a number of channels. Raises ValueError for a
    ``replace_stride_with_dilation`` of other than three; calling it, where the images have not three channels.

    >>> from wengert.vision import models
    >>> from wengert.vision.models.resnet import BasicBlock
    >>> models.ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000, zero_init_residual: bool = False,
                 groups: int = 1, width_per_group: int = 64, replace_stride_with_dilation: Sequence[bool] | None = None,
                 norm_layer: Norm | None = None) -> None:
        super().__init__()
        dilate = replace_stride_with_dilation or (False, False, False)
        if len(dilate) != 3:
            raise ValueError(
                f"replace_stride_with_dilation should be None or a 3-element tuple, got {replace_stride_with_dilation}"
            )
        self._norm_layer: Norm = norm_layer or nn.BatchNorm2d
        self.inplanes, self.dilation = 64, 1
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._draw_weights(zero_init_residual)

    def _draw_weights(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
                for parameter, fill in ((module.weight, nn.init.ones_), (module.bias, nn.init.zeros_)):
                    if parameter is not None:
                        fill(parameter)
        for module in self.modules() if zero_init_residual else ():
            if isinstance(module, (BasicBlock, Bottleneck)):
                last: Any = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                nn.init.zeros_(last.weight)

    def _make_layer(
        self, block: Block, planes: int, blocks: int, stride: int = 1, dilate: bool = False
    ) -> nn.Sequential:
        """A stage: the first block changes the size, unless the convolutions are widened instead."""
        dilation = self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        out = planes * block.expansion
        shortcut = None
        if stride != 1 or self.inplanes != out:
            shortcut = nn.Sequential(conv1x1(self.inplanes, out, stride), self._norm_layer(out))
        rest = (self.groups, self.base_width)
        modules: list[nn.Module] = [
            block(self.inplanes, planes, stride, shortcut, *rest, dilation, self._norm_layer)
        ]
        self.inplanes = out
        for _ in range(1, blocks):
            modules.append(block(out, planes, 1, None, *rest, self.dilation, self._norm_layer))
        return nn.Sequential(*modules)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class ResNet18_Weights(WeightsEnum):
    """Trained weights of `resnet18`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.ResNet18_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "resnet18-f37072fd.pth"
    DEFAULT = IMAGENET1K_V1


@builder(ResNet18_Weights)
def resnet18(**kwargs: Any) -> ResNet:
    """ResNet of 18 layers, with the other arguments of `ResNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnet18()
    >>> sum(parameter.numel() for parameter in model.parameters())
    11689512
    """
    return ResNet(BasicBlock, [2, 2, 2, 2], **kwargs)


class ResNet34_Weights(WeightsEnum):
    """Trained weights of `resnet34`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.ResNet34_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "resnet34-b627a593.pth"
    DEFAULT = IMAGENET1K_V1


@builder(ResNet34_Weights)
def resnet34(**kwargs: Any) -> ResNet:
    """ResNet of 34 layers, with the other arguments of `ResNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnet34()
    >>> sum(parameter.numel() for parameter in model.parameters())
    21797672
    """
    return ResNet(BasicBlock, [3, 4, 6, 3], **kwargs)


class ResNet50_Weights(WeightsEnum):
    """Trained weights of `resnet50`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.ResNet50_Weights]
    ['IMAGENET1K_V1', 'IMAGENET1K_V2']
    """

    IMAGENET1K_V1 = "resnet50-0676ba61.pth"
    IMAGENET1K_V2 = "resnet50-11ad3fa6.pth"
    DEFAULT = IMAGENET1K_V2


@builder(ResNet50_Weights)
def resnet50(**kwargs: Any) -> ResNet:
    """ResNet of 50 layers, with the other arguments of `ResNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnet50()
    >>> sum(parameter.numel() for parameter in model.parameters())
    25557032
    """
    return ResNet(Bottleneck, [3, 4, 6, 3], **kwargs)


class ResNet101_Weights(WeightsEnum):
    """Trained weights of `resnet101`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.ResNet101_Weights]
    ['IMAGENET1K_V1', 'IMAGENET1K_V2']
    """

    IMAGENET1K_V1 = "resnet101-63fe2227.pth"
    IMAGENET1K_V2 = "resnet101-cd907fc2.pth"
    DEFAULT = IMAGENET1K_V2


@builder(ResNet101_Weights)
def resnet101(**kwargs: Any) -> ResNet:
    """ResNet of 101 layers, with the other arguments of `ResNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnet101()
    >>> sum(parameter.numel() for parameter in model.parameters())
    44549160
    """
    return ResNet(Bottleneck, [3, 4, 23, 3], **kwargs)


class ResNet152_Weights(WeightsEnum):
    """Trained weights of `resnet152`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.ResNet152_Weights]
    ['IMAGENET1K_V1', 'IMAGENET1K_V2']
    """

    IMAGENET1K_V1 = "resnet152-394f9c45.pth"
    IMAGENET1K_V2 = "resnet152-f82ba261.pth"
    DEFAULT = IMAGENET1K_V2


@builder(ResNet152_Weights)
def resnet152(**kwargs: Any) -> ResNet:
    """ResNet of 152 layers, with the other arguments of `ResNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnet152()
    >>> sum(parameter.numel() for parameter in model.parameters())
    60192808
    """
    return ResNet(Bottleneck, [3, 8, 36, 3], **kwargs)


class ResNeXt50_32X4D_Weights(WeightsEnum):
    """Trained weights of `resnext50_32x4d`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.ResNeXt50_32X4D_Weights]
    ['IMAGENET1K_V1', 'IMAGENET1K_V2']
    """

    IMAGENET1K_V1 = "resnext50_32x4d-7cdf4587.pth"
    IMAGENET1K_V2 = "resnext50_32x4d-1a0047aa.pth"
    DEFAULT = IMAGENET1K_V2


@builder(ResNeXt50_32X4D_Weights)
def resnext50_32x4d(**kwargs: Any) -> ResNet:
    """ResNeXt of 50 layers in 32 groups of 4 (Xie et al., 2016), with the other arguments of `ResNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnext50_32x4d()
    >>> sum(parameter.numel() for parameter in model.parameters())
    25028904
    """
    return ResNet(Bottleneck, [3, 4, 6, 3], **{"groups": 32, "width_per_group": 4, **kwargs})


class ResNeXt101_32X8D_Weights(WeightsEnum):
    """Trained weights of `resnext101_32x8d`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.ResNeXt101_32X8D_Weights]
    ['IMAGENET1K_V1', 'IMAGENET1K_V2']
    """

    IMAGENET1K_V1 = "resnext101_32x8d-8ba56ff5.pth"
    IMAGENET1K_V2 = "resnext101_32x8d-110c445d.pth"
    DEFAULT = IMAGENET1K_V2


@builder(ResNeXt101_32X8D_Weights)
def resnext101_32x8d(**kwargs: Any) -> ResNet:
    """ResNeXt of 101 layers in 32 groups of 8, with the other arguments of `ResNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnext101_32x8d()
    >>> sum(parameter.numel() for parameter in model.parameters())
    88791336
    """
    return ResNet(Bottleneck, [3, 4, 23, 3], **{"groups": 32, "width_per_group": 8, **kwargs})


class Wide_ResNet50_2_Weights(WeightsEnum):
    """Trained weights of `wide_resnet50_2`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.Wide_ResNet50_2_Weights]
    ['IMAGENET1K_V1', 'IMAGENET1K_V2']
    """

    IMAGENET1K_V1 = "wide_resnet50_2-95faca4d.pth"
    IMAGENET1K_V2 = "wide_resnet50_2-9ba9bcbe.pth"
    DEFAULT = IMAGENET1K_V2


@builder(Wide_ResNet50_2_Weights)
def wide_resnet50_2(**kwargs: Any) -> ResNet:
    """ResNet of 50 layers, twice as wide within its blocks (Zagoruyko and Komodakis, 2016), with the other arguments of
    `ResNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.wide_resnet50_2()
    >>> sum(parameter.numel() for parameter in model.parameters())
    68883240
    """
    return ResNet(Bottleneck, [3, 4, 6, 3], **{"width_per_group": 128, **kwargs})


class Wide_ResNet101_2_Weights(WeightsEnum):
    """Trained weights of `wide_resnet101_2`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.Wide_ResNet101_2_Weights]
    ['IMAGENET1K_V1', 'IMAGENET1K_V2']
    """

    IMAGENET1K_V1 = "wide_resnet101_2-32ee1156.pth"
    IMAGENET1K_V2 = "wide_resnet101_2-d733dc28.pth"
    DEFAULT = IMAGENET1K_V2


@builder(Wide_ResNet101_2_Weights)
def wide_resnet101_2(**kwargs: Any) -> ResNet:
    """ResNet of 101 layers, twice as wide within its blocks, with the other arguments of `ResNet`.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.wide_resnet101_2()
    >>> sum(parameter.numel() for parameter in model.parameters())
    126886696
    """
    return ResNet(Bottleneck, [3, 4, 23, 3], **{"width_per_group": 128, **kwargs})
