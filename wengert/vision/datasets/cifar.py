"""CIFAR-10 and CIFAR-100 in the format "python version" that they were published in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..pillow import pillow
from .pickles import read_pickle
from .utils import check_integrity, download_and_extract_archive
from .vision import Transform, VisionDataset


class CIFAR10(VisionDataset):
    """60 000 photographs of 32 × 32 pixels in 10 classes (Krizhevsky, 2009).

    ``root`` is the folder above ``cifar-10-batches-py``; ``train`` chooses the 50 000 images for training or the 10 000
    for testing; ``download=True`` gets what is not there. ``data`` is an array of bytes ``(N, 32, 32, 3)``, ``targets``
    a list of 0…9. The files' checksums are verified, and they are read without running what is in them. Raises
    RuntimeError if files are missing, differ from the published ones or cannot be downloaded.

    >>> from wengert.vision import datasets
    >>> datasets.CIFAR10("nowhere")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted. You can use download=True ...
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}

    def __init__(self, root: str | Path, train: bool = True, transform: Transform | None = None,
                 target_transform: Transform | None = None, download: bool = False) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it, or put its files into "
                f"{self._path('')}"
            )
        parts = [self._batch(name) for name, _ in (self.train_list if train else self.test_list)]
        self.data = np.concatenate([pixels for pixels, _ in parts])
        self.targets = [target for _, targets in parts for target in targets]
        self.classes: list[str] = list(self._entry(read_pickle(self._path(self.meta["filename"])), self.meta["key"]))
        self.class_to_idx = {name: place for place, name in enumerate(self.classes)}

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)

    def _entry(self, content: Any, *keys: str) -> Any:
        """What a file's dictionary has under the first of the keys that is there. Raises RuntimeError."""
        for key in keys if isinstance(content, dict) else ():
            if key in content:
                return content[key]
        raise RuntimeError(
            f"[{type(self).__name__}] a dictionary with {' or '.join(map(repr, keys))} was expected in a file of "
            f"{self._path('')}"
        )

    def _batch(self, name: str) -> tuple[np.ndarray[Any, Any], list[int]]:
        """The images ``(N, 32, 32, 3)`` and the labels of one file."""
        content = read_pickle(self._path(name))
        pixels, labels = self._entry(content, "data"), self._entry(content, "labels", "fine_labels")
        fits = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.shape == (len(labels), 3072)
        if not fits:
            raise RuntimeError(
                f"[{type(self).__name__}] bytes of the shape {(len(labels), 3072)} were expected in {self._path(name)}"
            )
        # Published channel by channel.
        return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), list(labels)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._changed(pillow().fromarray(self.data[index]), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def _check_integrity(self) -> bool:
        files = [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]
        return all(check_integrity(self._path(name), md5) for name, md5 in files)

    def download(self) -> None:
        """Downloads and unpacks the data set, unless it is there. Raises RuntimeError."""
        if not self._check_integrity():
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """60 000 photographs of 32 × 32 pixels in 100 classes; see `CIFAR10`. The targets are the fine labels.

    >>> from wengert.vision import datasets
    >>> datasets.CIFAR100("nowhere")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted. You can use download=True ...
    """

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {"filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48"}
