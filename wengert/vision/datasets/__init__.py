"""Data sets of images, from local files in the formats that they were published in.

`MNIST` and its kin (`FashionMNIST`, `KMNIST`, `EMNIST`), `CIFAR10` and `CIFAR100` can also be downloaded;
`ImageFolder` and `DatasetFolder` are for a person's own files, `CelebA` for those of its home page, and `FakeData` is
noise. Each sample is a picture of Pillow's and a target; see `vision.VisionDataset` for what they share.
"""

from __future__ import annotations

from typing import Any

from ..._missing import MissingError
from . import celeba, cifar, fakedata, folder, mnist, utils, vision
from .celeba import CelebA
from .cifar import CIFAR10, CIFAR100
from .fakedata import FakeData
from .folder import DatasetFolder, ImageFolder
from .mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from .vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "CelebA",
    "DatasetFolder",
    "EMNIST",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "KMNIST",
    "MNIST",
    "VisionDataset",
    "celeba",
    "cifar",
    "fakedata",
    "folder",
    "mnist",
    "utils",
    "vision",
]


def __getattr__(name: str) -> Any:
    raise MissingError(__name__, name, lambda: __all__, f"module {__name__!r} has no attribute {name!r}")
