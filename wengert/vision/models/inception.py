"""Inception v3 (Szegedy et al., *Rethinking the Inception architecture for computer vision*, 2015): in each block
several convolutions of different reach beside each other, whose channels are joined."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import wengert as torch
from wengert import Tensor, nn

from .weights import ImageClassification, WeightsEnum, builder

Maker = Callable[..., nn.Module]


class InceptionOutputs(NamedTuple):
    """What `Inception3` returns in training: the scores, and those of the auxiliary classifier.

    >>> from wengert.vision import models
    >>> models.InceptionOutputs(torch.zeros(1), None).logits
    tensor([0.])
    """

    logits: Tensor
    aux_logits: Tensor | None


_InceptionOutputs = InceptionOutputs


class BasicConv2d(nn.Module):
    """A convolution without bias, batch normalisation, and relu."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)), inplace=True)


def _row(extent: int) -> dict[str, Any]:
    """A kernel of one row that keeps the size."""
    return {"kernel_size": (1, extent), "padding": (0, extent // 2)}


def _column(extent: int) -> dict[str, Any]:
    """A kernel of one column that keeps the size."""
    return {"kernel_size": (extent, 1), "padding": (extent // 2, 0)}


class _Mixed(nn.Module):
    """Branches beside each other, whose channels are joined."""

    def _forward(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(self._forward(x), 1)


def _smoothed(x: Tensor) -> Tensor:
    """The mean around each pixel."""
    return nn.functional.avg_pool2d(x, kernel_size=3, stride=1, padding=1)


class InceptionA(_Mixed):
    """Kernels of 1 × 1, 5 × 5, twice 3 × 3, and a mean: ``224 + pool_features`` channels (figure 5 of the paper)."""

    def __init__(self, in_channels: int, pool_features: int, conv_block: Maker | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1x1 = conv(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = conv(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = conv(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, padding=1)
        self.branch_pool = conv(in_channels, pool_features, kernel_size=1)

    def _forward(self, x: Tensor) -> list[Tensor]:
        return [
            self.branch1x1(x),
            self.branch5x5_2(self.branch5x5_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.branch_pool(_smoothed(x)),
        ]


class InceptionB(_Mixed):
    """Halves the size: 3 × 3, twice 3 × 3, and a maximum: ``480 + in_channels`` channels (figure 10)."""

    def __init__(self, in_channels: int, conv_block: Maker | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3 = conv(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, stride=2)

    def _forward(self, x: Tensor) -> list[Tensor]:
        return [
            self.branch3x3(x),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            nn.functional.max_pool2d(x, kernel_size=3, stride=2),
        ]


class InceptionC(_Mixed):
    """Kernels of 7 × 7 as rows and columns, once and twice: 768 channels (figure 6)."""

    def __init__(self, in_channels: int, channels_7x7: int, conv_block: Maker | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        inner = channels_7x7
        self.branch1x1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = conv(in_channels, inner, kernel_size=1)
        self.branch7x7_2 = conv(inner, inner, **_row(7))
        self.branch7x7_3 = conv(inner, 192, **_column(7))
        self.branch7x7dbl_1 = conv(in_channels, inner, kernel_size=1)
        self.branch7x7dbl_2 = conv(inner, inner, **_column(7))
        self.branch7x7dbl_3 = conv(inner, inner, **_row(7))
        self.branch7x7dbl_4 = conv(inner, inner, **_column(7))
        self.branch7x7dbl_5 = conv(inner, 192, **_row(7))
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def _forward(self, x: Tensor) -> list[Tensor]:
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        return [
            self.branch1x1(x),
            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
            self.branch7x7dbl_5(self.branch7x7dbl_4(twice)),
            self.branch_pool(_smoothed(x)),
        ]


class InceptionD(_Mixed):
    """Halves the size: 3 × 3, 7 × 7 and 3 × 3, and a maximum: ``512 + in_channels`` channels."""

    def __init__(self, in_channels: int, conv_block: Maker | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = conv(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = conv(192, 192, **_row(7))
        self.branch7x7x3_3 = conv(192, 192, **_column(7))
        self.branch7x7x3_4 = conv(192, 192, kernel_size=3, stride=2)

    def _forward(self, x: Tensor) -> list[Tensor]:
        wide = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return [
            self.branch3x3_2(self.branch3x3_1(x)),
            self.branch7x7x3_4(wide),
            nn.functional.max_pool2d(x, kernel_size=3, stride=2),
        ]


class InceptionE(_Mixed):
    """Rows and columns of 3 beside each other: 2048 channels (figure 7)."""

    def __init__(self, in_channels: int, conv_block: Maker | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1x1 = conv(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = conv(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = conv(384, 384, **_row(3))
        self.branch3x3_2b = conv(384, 384, **_column(3))
        self.branch3x3dbl_1 = conv(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = conv(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = conv(384, 384, **_row(3))
        self.branch3x3dbl_3b = conv(384, 384, **_column(3))
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def _forward(self, x: Tensor) -> list[Tensor]:
        once = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return [
            self.branch1x1(x),
            torch.cat([self.branch3x3_2a(once), self.branch3x3_2b(once)], 1),
            torch.cat([self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)], 1),
            self.branch_pool(_smoothed(x)),
        ]


class InceptionAux(nn.Module):
    """The auxiliary classifier, on features ``(N, in_channels, 17, 17)``: scores ``(N, num_classes)``."""

    def __init__(self, in_channels: int, num_classes: int, conv_block: Maker | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.conv0 = conv(in_channels, 128, kernel_size=1)
        self.conv1: Any = conv(128, 768, kernel_size=5)
        self.conv1.stddev = 0.01
        self.fc: Any = nn.Linear(768, num_classes)
        self.fc.stddev = 0.001

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.conv0(nn.functional.avg_pool2d(x, kernel_size=5, stride=3)))
        return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(x, (1, 1)), 1))


BLOCKS: tuple[Maker, ...] = (BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE, InceptionAux)


class Inception3(nn.Module):
    """Inception v3 for images ``(N, 3, H, W)`` of 75 × 75 pixels or more, made for 299 × 299.

    Returns scores ``(N, num_classes)``; in training, with ``aux_logits``, `InceptionOutputs`. ``transform_input`` takes
    images normalised by ImageNet's statistics to those of the first training. ``inception_blocks`` are the seven kinds
    of blocks, if others are wanted. Raises ValueError for other than seven; calling it, where the images are too small
    or have not three channels.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.Inception3(num_classes=10, init_weights=False).eval()
    ...     model(torch.zeros(2, 3, 299, 299)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks: Sequence[Maker] | None = None,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if init_weights is None:
            warnings.warn("The default weight initialization of inception_v3 will be changed in future releases of "
                          "torchvision: say init_weights=True to keep it.", FutureWarning, stacklevel=2)
            init_weights = True
        blocks = BLOCKS if inception_blocks is None else inception_blocks
        if len(blocks) != 7:
            raise ValueError(f"length of inception_blocks should be 7 instead of {len(blocks)}")
        conv, mixed_a, mixed_b, mixed_c, mixed_d, mixed_e, auxiliary = blocks
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = mixed_a(192, pool_features=32)
        self.Mixed_5c = mixed_a(256, pool_features=64)
        self.Mixed_5d = mixed_a(288, pool_features=64)
        self.Mixed_6a = mixed_b(288)
        self.Mixed_6b = mixed_c(768, channels_7x7=128)
        self.Mixed_6c = mixed_c(768, channels_7x7=160)
        self.Mixed_6d = mixed_c(768, channels_7x7=160)
        self.Mixed_6e = mixed_c(768, channels_7x7=192)
        self.AuxLogits = auxiliary(768, num_classes) if aux_logits else None
        self.Mixed_7a = mixed_d(768)
        self.Mixed_7b = mixed_e(1280)
        self.Mixed_7c = mixed_e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights:
            self._draw_weights()

    def _draw_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                deviation = float(getattr(module, "stddev", 0.1))
                nn.init.trunc_normal_(module.weight, mean=0.0, std=deviation, a=-2, b=2)
            elif isinstance(module, nn.BatchNorm2d):
                assert module.weight is not None and module.bias is not None  # these are affine
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)

    def _transform_input(self, x: Tensor) -> Tensor:
        """Images normalised by ImageNet's mean and deviation, normalised by 0.5 and 0.5 instead."""
        if not self.transform_input:
            return x
        statistics = ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))
        channels = [x[:, place : place + 1] * (deviation / 0.5) + (mean - 0.5) / 0.5
                    for place, (mean, deviation) in enumerate(statistics)]
        return torch.cat(channels, 1)

    def _forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        auxiliary = self.AuxLogits(x) if self.AuxLogits is not None and self.training else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return self.fc(torch.flatten(self.dropout(self.avgpool(x)), 1)), auxiliary

    def forward(self, x: Tensor) -> Any:
        logits, auxiliary = self._forward(self._transform_input(x))
        return InceptionOutputs(logits, auxiliary) if self.training and self.aux_logits else logits


class Inception_V3_Weights(WeightsEnum):
    """Trained weights of `inception_v3`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.Inception_V3_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "inception_v3_google-0cc3c7bd.pth"
    DEFAULT = IMAGENET1K_V1

    @property
    def transforms(self) -> Callable[..., ImageClassification]:
        """What makes the transform that images need: ``weights.transforms()``."""
        return functools.partial(ImageClassification, crop_size=299, resize_size=342)


@builder(Inception_V3_Weights)
def inception_v3(**kwargs: Any) -> Inception3:
    """Inception v3; the arguments are those of the class.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.inception_v3(init_weights=True)
    >>> sum(parameter.numel() for parameter in model.parameters())
    27161264
    """
    return Inception3(**kwargs)
