"""iNaturalist: photographs of living things, in folders named after their place among them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..pillow import pillow
from .utils import download_and_extract_archive, verify_str_arg
from .vision import Transform, VisionDataset

CATEGORIES_2021 = ["kingdom", "phylum", "class", "order", "family", "genus"]
_HOME = "https://ml-inat-competition-datasets.s3.amazonaws.com/"
DATASET_URLS = {
    "2017": f"{_HOME}2017/train_val_images.tar.gz",
    "2018": f"{_HOME}2018/train_val2018.tar.gz",
    "2019": f"{_HOME}2019/train_val2019.tar.gz",
    "2021_train": f"{_HOME}2021/train.tar.gz",
    "2021_train_mini": f"{_HOME}2021/train_mini.tar.gz",
    "2021_valid": f"{_HOME}2021/val.tar.gz",
}
DATASET_MD5 = {
    "2017": "7c784ea5e424efaec655bd392f87301f",
    "2018": "b1c6952ce38f31868cc50ea72d066cc3",
    "2019": "c60a6e2962c9b8ccbd458d12c8582644",
    "2021_train": "e0526d53c7f7b2e3167b2b43bb2690ed",
    "2021_train_mini": "db6ed8330e634445efc8fec83ae81442",
    "2021_valid": "f6f6e0e242e3d4c9569ba56400938afc",
}


class INaturalist(VisionDataset):
    """Photographs of living things (Van Horn et al., 2018), of the competition of a year.

    ``root`` is the folder above the one of the ``version``: ``"2017"``, ``"2018"``, ``"2019"``, ``"2021_train"``,
    ``"2021_train_mini"`` or ``"2021_valid"``, in which there is a folder for each category (before 2021, for each super
    category one with theirs). ``target_type`` is ``"full"``, the number of the category, or ``"super"``, from 2021 on
    ``"kingdom"``, ``"phylum"``, ``"class"``, ``"order"``, ``"family"``, ``"genus"``; or a list of these, for a tuple.
    ``loader`` opens a file of that path. ``download=True`` gets what is not there. Raises RuntimeError if the files are
    missing or their folders are not named so.

    >>> from wengert.vision import datasets, io
    >>> from pathlib import Path
    >>> folder = Path("2021_valid", "00000_Animalia_Chordata_Aves_Piciformes_Picidae_Picus_viridis")
    >>> folder.mkdir(parents=True)
    >>> io.write_png(torch.zeros(3, 4, 4, dtype=torch.uint8), str(folder / "a.png"))
    >>> data = datasets.INaturalist(".", "2021_valid", ["full", "order"])
    >>> data[0][1], data.category_name("order", 0)
    ((0, 0), 'Piciformes')
    """

    def __init__(self, root: str | Path, version: str = "2021_train", target_type: list[str] | str = "full",
                 transform: Transform | None = None, target_transform: Transform | None = None, download: bool = False,
                 loader: Callable[[str | Path], Any] | None = None) -> None:
        self.version = verify_str_arg(version, "version", DATASET_URLS)
        super().__init__(os.path.join(root, version), transform=transform, target_transform=target_transform)
        os.makedirs(root, exist_ok=True)
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it, or put its "
                               f"folders into {self.root}")
        self.loader = loader
        self.all_categories: list[str] = []
        self.categories_index: dict[str, dict[str, int]] = {}
        """Of each kind of category, the numbers by name."""
        self.categories_map: list[dict[str, int]] = []
        """Of each category, the numbers of those it belongs to."""
        recent = version.startswith("2021")
        known = ("full", *CATEGORIES_2021) if recent else ("full", "super")
        kinds = target_type if isinstance(target_type, list) else [target_type]
        self.target_type = [verify_str_arg(kind, "target_type", known) for kind in kinds]
        if recent:
            self._init_2021()
        else:
            self._init_pre2021()
        self.index = [(place, name) for place, folder in enumerate(self.all_categories)
                      for name in os.listdir(os.path.join(self.root, folder))]

    def _init_2021(self) -> None:
        """Folders of a number and seven names."""
        self.all_categories = sorted(os.listdir(self.root))
        self.categories_index = {kind: {} for kind in CATEGORIES_2021}
        for place, folder in enumerate(self.all_categories):
            number, *names = folder.split("_")
            if len(names) != 7:
                raise RuntimeError(f"Unexpected category name {folder}, wrong number of pieces")
            if number != f"{place:05d}":
                raise RuntimeError(f"Unexpected category id {number}, expecting {place:05d}")
            numbers = {}
            for kind, name in zip(CATEGORIES_2021, names[:6], strict=True):
                known = self.categories_index[kind]
                numbers[kind] = known.setdefault(name, len(known))
            self.categories_map.append(numbers)

    def _init_pre2021(self) -> None:
        """Folders of super categories with folders of categories, which from 2018 on are numbers."""
        self.categories_index = {"super": {name: place for place, name in enumerate(sorted(os.listdir(self.root)))}}
        found: dict[int, tuple[str, int]] = {}
        for name, number in self.categories_index["super"].items():
            for folder in sorted(os.listdir(os.path.join(self.root, name))):
                if self.version != "2017" and not folder.isdecimal():
                    raise RuntimeError(f"Unexpected non-numeric dir name: {folder}")
                place = len(found) if self.version == "2017" else int(folder)
                if place in found:
                    raise RuntimeError(f"Duplicate category {folder}")
                found[place] = os.path.join(name, folder), number
        for place in range(max(found, default=-1) + 1):
            if place not in found:
                raise RuntimeError(f"Missing category {place}")
            self.all_categories.append(found[place][0])
            self.categories_map.append({"super": found[place][1]})

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        category, name = self.index[index]
        path = os.path.join(self.root, self.all_categories[category], name)
        if self.loader is None:
            image = pillow().open(path)
            image.load()  # which closes the file
        else:
            image = self.loader(path)
        numbers = {"full": category, **self.categories_map[category]}
        targets = tuple(numbers[kind] for kind in self.target_type)
        return self._changed(image, targets if len(targets) > 1 else targets[0])

    def __len__(self) -> int:
        return len(self.index)

    def category_name(self, category_type: str, category_id: int) -> str:
        """The name of a category of a kind, ``"full"`` among them, by its number. Raises ValueError if there is none,
        IndexError for a number of ``"full"`` that there is not."""
        if category_type == "full":
            return self.all_categories[category_id]
        if category_type not in self.categories_index:
            raise ValueError(f"Invalid category type '{category_type}'")
        for name, number in self.categories_index[category_type].items():
            if number == category_id:
                return name
        raise ValueError(f"Invalid category id {category_id} for {category_type}")

    def _check_exists(self) -> bool:
        return os.path.isdir(self.root) and bool(os.listdir(self.root))

    def download(self) -> None:
        """Downloads and unpacks the data set, unless it is there. Raises RuntimeError."""
        if self._check_exists():
            return
        above, url = os.path.dirname(self.root), DATASET_URLS[self.version]
        download_and_extract_archive(url, above, filename=f"{self.version}.tgz", md5=DATASET_MD5[self.version])
        folder = os.path.join(above, os.path.basename(url).removesuffix(".tar.gz"))
        if not os.path.isdir(folder):
            raise RuntimeError(f"Unable to find downloaded files at {folder}")
        os.rename(folder, self.root)
