"""ImageNet of 2012, from its published archives, or from what torchvision made of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import wengert as torch

from .folder import ImageFolder
from .utils import check_integrity, extract_archive, verify_str_arg

ARCHIVE_META = {
    "train": ("ILSVRC2012_img_train.tar", "1d675b47d978889d74fa0da5fadfb00e"),
    "val": ("ILSVRC2012_img_val.tar", "29b22e2961454d5413ddabcf34fc5622"),
    "devkit": ("ILSVRC2012_devkit_t12.tar.gz", "fa75699e90414af021442c21a62c3abf"),
}
META_FILE = "meta.bin"


class ImageNet(ImageFolder):
    """1.3 million photographs of 1000 classes (Russakovsky et al., 2015), for training, or 50 000 to test with.

    ``root`` holds ``meta.bin`` and the folder ``train`` or ``val`` (the ``split``), or the archives that they are made
    of: ``ILSVRC2012_devkit_t12.tar.gz``, which needs SciPy to be read, and ``ILSVRC2012_img_train.tar`` or
    ``ILSVRC2012_img_val.tar``. A program cannot download them: their home asks for consent. The other arguments are
    those of `ImageFolder`. ``wnids`` are the names of the folders, ``classes`` the words for each, as a tuple. Raises
    RuntimeError if files are missing or damaged.

    >>> from wengert.vision import datasets
    >>> datasets.ImageNet("nowhere", "val")
    Traceback (most recent call last):
        ...
    RuntimeError: The archive ILSVRC2012_devkit_t12.tar.gz is not present in the root directory or is corrupted...
    """

    def __init__(self, root: str | Path, split: str = "train", **kwargs: Any) -> None:
        self.root: Any = os.path.expanduser(root)
        self.split = verify_str_arg(split, "split", ("train", "val"))
        self.parse_archives()
        words = load_meta_file(self.root)[0]
        root = self.root
        super().__init__(self.split_folder, **kwargs)
        self.root = root
        self.wnids, self.wnid_to_idx = self.classes, self.class_to_idx
        self.classes: Any = [words[wnid] for wnid in self.wnids]
        self.class_to_idx = {word: place for place, each in enumerate(self.classes) for word in each}

    def parse_archives(self) -> None:
        """Unpacks what is not there yet. Raises RuntimeError if an archive is missing or damaged."""
        if not check_integrity(os.path.join(self.root, META_FILE)):
            parse_devkit_archive(self.root)
        if not os.path.isdir(self.split_folder):
            (parse_train_archive if self.split == "train" else parse_val_archive)(self.root)

    @property
    def split_folder(self) -> str:
        """The folder of the split's images."""
        return os.path.join(self.root, self.split)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


def load_meta_file(root: str | Path, file: str | None = None) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The words of each folder's name, and the names of those that the images of ``val`` belong to. RuntimeError if
    the file is not there."""
    path = os.path.join(root, file or META_FILE)
    if not check_integrity(path):
        raise RuntimeError(f"The meta file {path} is not present in the root directory or is corrupted. This file is "
                           "automatically created by the ImageNet dataset.")
    words, wnids = torch.load(path, weights_only=True)
    return words, wnids


def _archive(root: str | Path, part: str, file: str | None) -> str:
    """The path of an archive, whose checksum is held against the published one."""
    name, md5 = ARCHIVE_META[part]
    path = os.path.join(root, file or name)
    if not check_integrity(path, md5):
        raise RuntimeError(f"The archive {file or name} is not present in the root directory or is corrupted. You need "
                           f"to download it externally and place it in {os.fspath(root)}.")
    return path


def parse_devkit_archive(root: str | Path, file: str | None = None) -> None:
    """Writes ``meta.bin`` from the development kit: see `load_meta_file`. Raises RuntimeError if the kit is missing or
    damaged, ImportError without SciPy."""
    archive = _archive(root, "devkit", file)
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ImportError("ImageNet's development kit has a file of MATLAB's, which SciPy reads: pip install scipy"
                          ) from error
    with tempfile.TemporaryDirectory() as folder:
        extract_archive(archive, folder)
        data = Path(folder, "ILSVRC2012_devkit_t12", "data")
        rows = [row.tolist() for row in loadmat(data / "meta.mat", squeeze_me=True)["synsets"]]
        leaves = [(number, wnid, words) for number, wnid, words, _, children, *_ in rows if children == 0]
        numbers = (data / "ILSVRC2012_validation_ground_truth.txt").read_text("utf-8").split()
    wnids = {int(number): wnid for number, wnid, _ in leaves}
    words = {wnid: tuple(words.split(", ")) for _, wnid, words in leaves}
    torch.save((words, [wnids[int(number)] for number in numbers]), os.path.join(root, META_FILE))


def parse_train_archive(root: str | Path, file: str | None = None, folder: str = "train") -> None:
    """Unpacks the images for training, an archive of archives, into a folder for each class. Raises RuntimeError if it
    is missing or damaged."""
    target = os.path.join(root, folder)
    extract_archive(_archive(root, "train", file), target)
    for name in os.listdir(target):
        archive = os.path.join(target, name)
        extract_archive(archive, os.path.splitext(archive)[0], remove_finished=True)


def parse_val_archive(root: str | Path, file: str | None = None, wnids: Sequence[str] | None = None,
                      folder: str = "val") -> None:
    """Unpacks the images to test with, and sorts them into folders by their classes, ``wnids``, in the order of their
    names; by default those of ``meta.bin``. Raises RuntimeError if it is missing or damaged."""
    names = load_meta_file(root)[1] if wnids is None else wnids
    target = os.path.join(root, folder)
    extract_archive(_archive(root, "val", file), target)
    images = sorted(os.listdir(target))
    for wnid in set(names):
        os.mkdir(os.path.join(target, wnid))
    for wnid, image in zip(names, images, strict=False):
        shutil.move(os.path.join(target, image), os.path.join(target, wnid, image))
