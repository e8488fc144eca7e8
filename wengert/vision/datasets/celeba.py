"""CelebA: photographs of faces with attributes, from its published files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import wengert as torch
from wengert import Tensor

from ..pillow import pillow
from .utils import check_integrity, extract_archive, verify_str_arg
from .vision import Transform, VisionDataset

_SPLITS = {"train": 0, "valid": 1, "test": 2, "all": None}


class _Table(NamedTuple):
    """A text file of a name and integers in each row."""

    header: list[str]
    names: list[str]
    numbers: Tensor


class CelebA(VisionDataset):
    """202 599 photographs of faces of 178 × 218 pixels (Liu et al., 2015).

    ``root`` is the folder above ``celeba``, which holds the five text files and the folder ``img_align_celeba`` (or the
    archive of that name, which is then unpacked). ``split`` is ``"train"``, ``"valid"``, ``"test"`` or ``"all"``.
    ``target_type`` is one of the following, or a list of them: ``"attr"`` (40 times 0 or 1), ``"identity"`` (who it
    is), ``"bbox"`` (x, y, width, height), ``"landmarks"`` (ten coordinates). It cannot be downloaded by a program: its
    home asks for consent. Raises RuntimeError if files are missing or differ from the published ones.

    >>> from wengert.vision import datasets
    >>> datasets.CelebA("nowhere")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted; get img_align_celeba.zip ...
    """

    base_folder = "celeba"
    file_list = [
        ("75e246fa4810816ffd6ee81facbd244c", "list_attr_celeba.txt"),
        ("32bd1bd63d3c78cd57e08160ec5ed1e2", "identity_CelebA.txt"),
        ("00566efa6fedff7a56946cd1c10f1c16", "list_bbox_celeba.txt"),
        ("cc24ecafdb5b50baae59b03474781f8c", "list_landmarks_align_celeba.txt"),
        ("d32c9cbf5e040fd4025c592c306e6668", "list_eval_partition.txt"),
    ]
    archive_md5 = "00d2c5bc6d35e252742224ab0c1e8fcb"

    def __init__(self, root: str | Path, split: str = "train", target_type: list[str] | str = "attr",
                 transform: Transform | None = None, target_transform: Transform | None = None,
                 download: bool = False) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = split
        self.target_type = target_type if isinstance(target_type, list) else [target_type]
        for kind in self.target_type:
            verify_str_arg(kind, "target_type", ("attr", "identity", "bbox", "landmarks"))
        if not self.target_type and target_transform is not None:
            raise RuntimeError("target_transform is specified but target_type is empty")
        part = _SPLITS[verify_str_arg(split.lower(), "split", _SPLITS)]
        if not self._check_integrity():
            self._unpack(download)
        self._read(part)

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)

    def _check_integrity(self) -> bool:
        texts = all(check_integrity(self._path(name), md5) for md5, name in self.file_list)
        return texts and os.path.isdir(self._path("img_align_celeba"))

    def _unpack(self, download: bool) -> None:
        """Unpacks the images. Raises RuntimeError if there is nothing to unpack."""
        archive = self._path("img_align_celeba.zip")
        if check_integrity(archive, self.archive_md5):
            extract_archive(archive)
        if not self._check_integrity():
            what = "CelebA cannot be downloaded by wengert" if download else "Dataset not found or corrupted"
            raise RuntimeError(f"{what}; get img_align_celeba.zip and the text files from "
                               f"https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and put them into {self._path('')}")

    def _table(self, name: str, header: bool) -> _Table:
        rows = [line.split() for line in Path(self._path(name)).read_text(encoding="utf-8").splitlines() if line]
        names, rows = (rows[1], rows[2:]) if header else ([], rows)
        return _Table(names, [row[0] for row in rows], torch.tensor([[int(part) for part in row[1:]] for row in rows]))

    def _read(self, part: int | None) -> None:
        parts = self._table("list_eval_partition.txt", False)
        chosen = torch.ones(len(parts.names), dtype=torch.bool) if part is None else parts.numbers[:, 0] == part
        self.filename = [name for name, kept in zip(parts.names, chosen.tolist(), strict=True) if kept]
        attributes = self._table("list_attr_celeba.txt", True)
        # Published as -1 and 1.
        self.attr, self.attr_names = (attributes.numbers[chosen] + 1) // 2, attributes.header
        self.identity = self._table("identity_CelebA.txt", False).numbers[chosen]
        self.bbox = self._table("list_bbox_celeba.txt", True).numbers[chosen]
        self.landmarks_align = self._table("list_landmarks_align_celeba.txt", True).numbers[chosen]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        picture = pillow().open(self._path(os.path.join("img_align_celeba", self.filename[index])))
        picture.load()  # which closes the file
        numbers = {"attr": self.attr, "bbox": self.bbox, "landmarks": self.landmarks_align}
        targets = [
            self.identity[index, 0] if kind == "identity" else numbers[kind][index] for kind in self.target_type
        ]
        if self.transform is not None:
            picture = self.transform(picture)
        if not targets:
            return picture, None
        target: Any = targets[0] if len(targets) == 1 else tuple(targets)
        return picture, target if self.target_transform is None else self.target_transform(target)

    def __len__(self) -> int:
        return len(self.attr)

    def extra_repr(self) -> str:
        return f"Target type: {self.target_type}\nSplit: {self.split}"
