"""The networks of the Visual Geometry Group (Simonyan and Zisserman, 2014): 3 × 3 convolutions, one upon the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert as torch
from wengert import Tensor, nn

from .initialization import draw_weights
from .weights import WeightsEnum, builder

# The channels of the convolutions, table 1 of the paper; M is a pooling that halves the image.
_LAYERS = {
    "A": "64 M 128 M 256 256 M 512 512 M 512 512 M",
    "B": "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    "D": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    "E": "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


class VGG(nn.Module):
    """Convolutions, ``features``, and three linear layers, for images ``(N, 3, H, W)`` of 32 × 32 pixels or more.
    Calling it raises an error where the images have not three channels.

    >>> from wengert.vision import models
    >>> features = nn.Sequential(nn.Conv2d(3, 512, 3, padding=1), nn.MaxPool2d(4))
    >>> with torch.device("meta"):
    ...     model = models.VGG(features, num_classes=10)
    >>> model.classifier[-1]
    Linear(in_features=4096, out_features=10, bias=True)
    """

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            draw_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def make_layers(cfg: Sequence[str | int], batch_norm: bool = False) -> nn.Sequential:
    """The convolutions for images of three channels: their numbers of channels in turn, ``"M"`` for a pooling that
    halves the sides.

    >>> from wengert.vision.models.vgg import make_layers
    >>> len(make_layers([8, "M", 16], batch_norm=True))
    7
    """
    modules: list[nn.Module] = []
    channels = 3
    for layer in cfg:
        if layer == "M":
            modules.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        modules.append(nn.Conv2d(channels, int(layer), kernel_size=3, padding=1))
        channels = int(layer)
        if batch_norm:
            modules.append(nn.BatchNorm2d(channels))
        modules.append(nn.ReLU(inplace=True))
    return nn.Sequential(*modules)


def _vgg(layers: str, batch_norm: bool, **kwargs: Any) -> VGG:
    return VGG(make_layers(_LAYERS[layers].split(), batch_norm), **kwargs)


class VGG11_Weights(WeightsEnum):
    """Trained weights of `vgg11`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.VGG11_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "vgg11-8a719046.pth"
    DEFAULT = IMAGENET1K_V1


@builder(VGG11_Weights)
def vgg11(**kwargs: Any) -> VGG:
    """VGG of 11 layers; the arguments are those of the class, less ``features``.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg11()
    >>> sum(parameter.numel() for parameter in model.parameters())
    132863336
    """
    return _vgg("A", False, **kwargs)


class VGG11_BN_Weights(WeightsEnum):
    """Trained weights of `vgg11_bn`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.VGG11_BN_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "vgg11_bn-6002323d.pth"
    DEFAULT = IMAGENET1K_V1


@builder(VGG11_BN_Weights)
def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG of 11 layers, with batch normalisation; the arguments are those of the class, less ``features``.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg11_bn()
    >>> sum(parameter.numel() for parameter in model.parameters())
    132868840
    """
    return _vgg("A", True, **kwargs)


class VGG13_Weights(WeightsEnum):
    """Trained weights of `vgg13`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.VGG13_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "vgg13-19584684.pth"
    DEFAULT = IMAGENET1K_V1


@builder(VGG13_Weights)
def vgg13(**kwargs: Any) -> VGG:
    """VGG of 13 layers; the arguments are those of the class, less ``features``.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg13()
    >>> sum(parameter.numel() for parameter in model.parameters())
    133047848
    """
    return _vgg("B", False, **kwargs)


class VGG13_BN_Weights(WeightsEnum):
    """Trained weights of `vgg13_bn`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.VGG13_BN_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "vgg13_bn-abd245e5.pth"
    DEFAULT = IMAGENET1K_V1


@builder(VGG13_BN_Weights)
def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG of 13 layers, with batch normalisation; the arguments are those of the class, less ``features``.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg13_bn()
    >>> sum(parameter.numel() for parameter in model.parameters())
    133053736
    """
    return _vgg("B", True, **kwargs)


class VGG16_Weights(WeightsEnum):
    """Trained weights of `vgg16`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.VGG16_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "vgg16-397923af.pth"
    DEFAULT = IMAGENET1K_V1


@builder(VGG16_Weights)
def vgg16(**kwargs: Any) -> VGG:
    """VGG of 16 layers; the arguments are those of the class, less ``features``.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg16()
    >>> sum(parameter.numel() for parameter in model.parameters())
    138357544
    """
    return _vgg("D", False, **kwargs)


class VGG16_BN_Weights(WeightsEnum):
    """Trained weights of `vgg16_bn`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.VGG16_BN_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "vgg16_bn-6c64b313.pth"
    DEFAULT = IMAGENET1K_V1


@builder(VGG16_BN_Weights)
def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG of 16 layers, with batch normalisation; the arguments are those of the class, less ``features``.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg16_bn()
    >>> sum(parameter.numel() for parameter in model.parameters())
    138365992
    """
    return _vgg("D", True, **kwargs)


class VGG19_Weights(WeightsEnum):
    """Trained weights of `vgg19`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.VGG19_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "vgg19-dcbb9e9d.pth"
    DEFAULT = IMAGENET1K_V1


@builder(VGG19_Weights)
def vgg19(**kwargs: Any) -> VGG:
    """VGG of 19 layers; the arguments are those of the class, less ``features``.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg19()
    >>> sum(parameter.numel() for parameter in model.parameters())
    143667240
    """
    return _vgg("E", False, **kwargs)


class VGG19_BN_Weights(WeightsEnum):
    """Trained weights of `vgg19_bn`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.VGG19_BN_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "vgg19_bn-c79401a0.pth"
    DEFAULT = IMAGENET1K_V1


@builder(VGG19_BN_Weights)
def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG of 19 layers, with batch normalisation; the arguments are those of the class, less ``features``.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg19_bn()
    >>> sum(parameter.numel() for parameter in model.parameters())
    143678248
    """
    return _vgg("E", True, **kwargs)
