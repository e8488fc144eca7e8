"""Data sets of images, from local files in the formats that they were published in.

`MNIST` and its kin (`FashionMNIST`, `KMNIST`, `EMNIST`, `QMNIST`), `CIFAR10` and `CIFAR100`, `INaturalist` and
`Places365` can also be downloaded; `ImageFolder` and `DatasetFolder` are for a person's own files, `CelebA` and
`ImageNet` for those of their home pages, and `FakeData` is noise. Each sample is a picture of Pillow's and a target;
see `vision.VisionDataset` for what they share.
"""

from __future__ import annotations

from ..._public import publish as _publish
from . import (
    celeba as celeba, cifar as cifar, fakedata as fakedata, folder as folder, imagenet as imagenet,
    inaturalist as inaturalist, mnist as mnist, places365 as places365, utils as utils, vision as vision,
)
from .celeba import CelebA as CelebA
from .cifar import CIFAR10 as CIFAR10, CIFAR100 as CIFAR100
from .fakedata import FakeData as FakeData
from .folder import DatasetFolder as DatasetFolder, ImageFolder as ImageFolder
from .imagenet import ImageNet as ImageNet
from .inaturalist import INaturalist as INaturalist
from .mnist import EMNIST as EMNIST, KMNIST as KMNIST, MNIST as MNIST, QMNIST as QMNIST, FashionMNIST as FashionMNIST
from .places365 import Places365 as Places365
from .vision import VisionDataset as VisionDataset

_publish(__name__, "celeba cifar fakedata folder imagenet inaturalist mnist places365 utils vision")
