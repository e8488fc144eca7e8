"""MNIST and the data sets made in its image, in the IDX format that it was published in."""

from __future__ import annotations

import lzma
import math
import os
import shutil
import string
import warnings
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

import wengert as torch
from wengert import Tensor

from ...io import CheckpointError
from ...io.layout import fill
from ..pillow import picture_of
from .utils import download_and_extract_archive, download_from, extract_archive, open_compressed, verify_str_arg
from .vision import NOT_FOUND, Transform, VisionDataset

# The third byte of an IDX file says what the numbers are; they are stored with the highest byte first.
_NUMBERS = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: str | Path) -> np.ndarray[Any, Any]:
    """The array in an IDX file, which may be compressed (``.gz``, ``.bz2``, ``.xz``).

    Raises CheckpointError (a RuntimeError) for a file that is none, and for a compressed one that would grow to more
    than `MOST_GROWTH` times its length (and 16 megabytes).

    The format: two zero bytes, one for the kind of numbers, one for the number of dimensions, the sizes as four bytes
    each, and the numbers (http://yann.lecun.com/exdb/mnist/).
    """
    try:
        with open_compressed(path) as file:
            return _read_idx(file, path, os.path.getsize(path))
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CheckpointError(
            f"[read_idx] a compressed IDX file was expected; {path} is damaged: {error}; get it once more"
        ) from error


MOST_GROWTH = 200
"""How many times as long as its file an array may be, when it is unpacked; those of MNIST are five times as long."""


def _read_idx(file: IO[bytes], path: str | Path, length: int) -> np.ndarray[Any, Any]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _NUMBERS or not 1 <= head[3] <= 3:
        raise CheckpointError(f"[read_idx] an IDX file was expected; {path} begins with {head!r}")
    sizes = file.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise EOFError("it ends in its sizes")
    kind = np.dtype(_NUMBERS[head[2]])
    shape = tuple(int.from_bytes(sizes[place : place + 4]) for place in range(0, len(sizes), 4))
    needed = math.prod(shape) * kind.itemsize
    if needed > MOST_GROWTH * length + 16_000_000:
        raise CheckpointError(
            f"[read_idx] an array of at most {MOST_GROWTH} times its file's length was expected; {path} has {length} "
            f"bytes and says {needed}; if you trust it, unpack it yourself"
        )
    array = np.empty(shape, kind)
    fill(file, array)
    if file.read(1):
        raise CheckpointError(f"[read_idx] {needed} bytes for the shape {shape} were expected; {path} holds more")
    return array.astype(kind.newbyteorder("="), copy=False)


class MNIST(VisionDataset):
    """70 000 handwritten digits of 28 × 28 pixels (LeCun et al., 1998): pictures in grey, targets 0…9.

    ``root`` is the folder above ``MNIST/raw``, where the four files are, compressed or not; ``train`` chooses the
    60 000 images for training or the 10 000 for testing. ``download=True`` gets what is not there. ``data`` are the
    pixels, uint8 of shape ``(N, 28, 28)``, ``targets`` int64 of shape ``(N,)``. Raises RuntimeError if files are
    missing, damaged or cannot be downloaded.

    >>> from wengert.vision import datasets
    >>> from pathlib import Path
    >>> def written(array):
    ...     sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    ...     return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()
    >>> raw = Path("MNIST", "raw")
    >>> raw.mkdir(parents=True)
    >>> for part in ("train", "t10k"):
    ...     _ = (raw / f"{part}-images-idx3-ubyte").write_bytes(written(np.zeros((2, 28, 28))))
    ...     _ = (raw / f"{part}-labels-idx1-ubyte").write_bytes(written(np.array([5, 0])))
    >>> data = datasets.MNIST(".")
    >>> data.data.shape, data.targets, data[0][0].size
    (torch.Size([2, 28, 28]), tensor([5, 0]), (28, 28))
    """

    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError(f"{NOT_FOUND}, or put its files into {self.raw_folder}")
        self.data, self.targets = self._load_data()

    @property
    def train_data(self) -> Tensor:
        """An old name of ``data``."""
        return self._renamed("train_data", "data")

    @property
    def test_data(self) -> Tensor:
        """An old name of ``data``."""
        return self._renamed("test_data", "data")

    @property
    def train_labels(self) -> Tensor:
        """An old name of ``targets``."""
        return self._renamed("train_labels", "targets")

    @property
    def test_labels(self) -> Tensor:
        """An old name of ``targets``."""
        return self._renamed("test_labels", "targets")

    def _renamed(self, old: str, new: str) -> Tensor:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=3)
        return getattr(self, new)

    @property
    def raw_folder(self) -> str:
        """The folder of the published files."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The target of each class."""
        return {name: place for place, name in enumerate(self.classes)}

    def _names(self) -> tuple[str, str]:
        """The names of the files of images and of labels, without ``.gz``."""
        part = "train" if self.train else "t10k"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    def _find(self, name: str) -> str | None:
        """Where a file is, as it is or compressed."""
        paths = (os.path.join(self.raw_folder, name + suffix) for suffix in ("", ".gz", ".xz"))
        return next(filter(os.path.isfile, paths), None)

    def _check_exists(self) -> bool:
        return all(self._find(name) is not None for name in self._names())

    _KINDS: tuple[tuple[type[np.generic], int], ...] = ((np.uint8, 3), (np.uint8, 1))
    """The numbers and dimensions of the files of images and of labels."""

    def _load_data(self) -> tuple[Tensor, Tensor]:
        arrays = []
        for name, (kind, dimensions) in zip(self._names(), self._KINDS, strict=True):
            path = self._find(name)
            assert path is not None  # checked before
            array = read_idx(path)
            if array.dtype != kind or array.ndim != dimensions:
                raise RuntimeError(
                    f"[{type(self).__name__}] {kind.__name__} of {dimensions} dimensions were expected; {path} holds "
                    f"{array.dtype} of {array.ndim}"
                )
            arrays.append(array)
        images, labels = arrays
        if len(images) != len(labels):
            raise RuntimeError(
                f"[{type(self).__name__}] a label for each image was expected; there are {len(images)} images and "
                f"{len(labels)} labels in {self.raw_folder}"
            )
        return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._changed(picture_of(self.data[index].numpy(), "L"), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    def download(self) -> None:
        """Downloads and unpacks what is not there. Raises RuntimeError."""
        for file, md5 in self.resources:
            if self._find(os.path.splitext(file)[0]) is None:
                target = os.path.join(self.raw_folder, file)
                download_from([mirror + file for mirror in self.mirrors], target, md5)
                extract_archive(target)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """70 000 pieces of clothing in the format of `MNIST` (Xiao et al., 2017).

    >>> from wengert.vision import datasets
    >>> datasets.FashionMNIST.classes[:3]
    ['T-shirt/top', 'Trouser', 'Pullover']
    >>> datasets.FashionMNIST("nowhere")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found. You can use download=True to download ...
    """

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


class KMNIST(MNIST):
    """70 000 handwritten Japanese characters in the format of `MNIST` (Clanuwat et al., 2018).

    >>> from wengert.vision import datasets
    >>> datasets.KMNIST.classes[:3]
    ['o', 'ki', 'su']
    >>> datasets.KMNIST("nowhere")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found. You can use download=True to download ...
    """

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


_CHARACTERS = set(string.digits + string.ascii_letters)
# Letters whose small and capital forms are one class, under the capital's name.
_MERGED = set("cijklmopsuvwxyz")


class EMNIST(MNIST):
    """Handwritten letters and digits in the format of `MNIST` (Cohen et al., 2017); the pictures lie on their side.

    ``split`` is ``"byclass"``, ``"bymerge"``, ``"balanced"``, ``"letters"``, ``"digits"`` or ``"mnist"``. The other
    arguments are those of `MNIST`.

    >>> from wengert.vision import datasets
    >>> datasets.EMNIST.classes_split_dict["letters"][:3]
    ['N/A', 'a', 'b']
    >>> datasets.EMNIST("nowhere", split="letters")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found. You can use download=True to download ...
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict = {
        "byclass": sorted(_CHARACTERS),
        "bymerge": sorted(_CHARACTERS - _MERGED),
        "balanced": sorted(_CHARACTERS - _MERGED),
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: str | Path, split: str, **kwargs: Any) -> None:
        self.split = verify_str_arg(split, "split", self.splits)
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]

    def _names(self) -> tuple[str, str]:
        part = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    def download(self) -> None:
        """Downloads and unpacks the data set, unless it is there. Raises RuntimeError."""
        if self._check_exists():
            return
        download_and_extract_archive(self.url, self.raw_folder, md5=self.md5)
        folder = os.path.join(self.raw_folder, "gzip")
        for name in os.listdir(folder):
            if name.endswith(".gz"):
                extract_archive(os.path.join(folder, name), self.raw_folder)
        shutil.rmtree(folder)


class QMNIST(MNIST):
    """`MNIST` made anew from its source, with 60 000 digits to test with (Yadav and Bottou, 2019).

    ``what`` is ``"train"``, ``"test"``, ``"test10k"`` (those of `MNIST`), ``"test50k"`` (those that were lost) or
    ``"nist"`` (all 402 953 digits); without it, ``train`` chooses of the first two. With ``compat`` a target is the
    digit; without, a row of eight integers: the digit, the series, who wrote it, and so on. The other arguments are
    those of `MNIST`; ``targets`` are int64 of shape ``(N, 8)``.

    >>> from wengert.vision import datasets
    >>> datasets.QMNIST("nowhere", "test50k")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found. You can use download=True to download ...
    """

    subsets = {"train": "train", "test": "test", "test10k": "test", "test50k": "test", "nist": "nist"}
    mirrors = ["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"]
    _FILES = {
        "train": (("qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
                  ("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4")),
        "test": (("qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
                 ("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa")),
        "nist": (("xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
                 ("xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d")),
    }
    _KINDS = ((np.uint8, 3), (np.int32, 2))

    def __init__(self, root: str | Path, what: str | None = None, compat: bool = True, train: bool = True,
                 **kwargs: Any) -> None:
        self.what = verify_str_arg(("train" if train else "test") if what is None else what, "what", self.subsets)
        self.compat = compat
        self.resources = list(self._FILES[self.subsets[self.what]])
        super().__init__(root, train, **kwargs)

    def _names(self) -> tuple[str, str]:
        images, labels = (os.path.splitext(name)[0] for name, _ in self.resources)
        return images, labels

    def _load_data(self) -> tuple[Tensor, Tensor]:
        data, targets = super()._load_data()
        part = {"test10k": slice(10_000), "test50k": slice(10_000, None)}.get(self.what)
        return (data, targets) if part is None else (data[part].clone(), targets[part].clone())

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        target = self.targets[index]
        return self._changed(picture_of(self.data[index].numpy(), "L"), int(target[0]) if self.compat else target)

    def extra_repr(self) -> str:
        return f"Split: {self.what}"
