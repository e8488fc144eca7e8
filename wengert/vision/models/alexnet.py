"""AlexNet (Krizhevsky, *One weird trick for parallelizing convolutional neural networks*, 2014)."""

from __future__ import annotations

from typing import Any

import wengert as torch
from wengert import Tensor, nn

from .weights import WeightsEnum, builder


class AlexNet_Weights(WeightsEnum):
    """Trained weights of `alexnet`.

    >>> from wengert.vision import models
    >>> [weights.name for weights in models.AlexNet_Weights]
    ['IMAGENET1K_V1']
    """

    IMAGENET1K_V1 = "alexnet-owt-7be5be79.pth"
    DEFAULT = IMAGENET1K_V1


class AlexNet(nn.Module):
    """Five convolutions and three linear layers, for images ``(N, 3, H, W)`` of 63 × 63 pixels or more. Calling it
    raises an error where the images are too small or have not three channels.

    >>> from wengert.vision import models
    >>> models.AlexNet(num_classes=10).classifier[-1]
    Linear(in_features=4096, out_features=10, bias=True)
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


@builder(AlexNet_Weights)
def alexnet(**kwargs: Any) -> AlexNet:
    """AlexNet; the arguments are those of the class.

    >>> from wengert.vision import models
    >>> with torch.device("meta"):
    ...     model = models.alexnet()
    >>> sum(parameter.numel() for parameter in model.parameters())
    61100840
    """
    return AlexNet(**kwargs)
